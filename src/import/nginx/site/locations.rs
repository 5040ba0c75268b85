//! Locations in the order in which Weir asks its routes. nginx takes the exact one, then the longest prefix if it says `^~`,
//! then the first regular expression, then the longest prefix; Weir takes the first route that matches.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::expressions::{expression, regex_text};
use super::guards;
use super::path_change::Matched;
use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Ignored, Narrower, Refused, Same};
use crate::import::nginx::parse::{Directive, Origin};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::values;

/// A location and what holds in it.
pub(super) struct Location<'a> {
    pub(super) block: &'a Directive,
    pub(super) scope: Scope<'a>,
    pub(super) kind: Kind,
    pub(super) path: &'a str,
    /// Nobody is let in, since what would keep some out is not imported. The report says why.
    pub(super) closed: bool,
    /// It takes `/carbonx` too, as in nginx: what it says of `/carbon` is not what another location says.
    pub(super) wide: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Exact,
    /// A prefix before regular expressions.
    Firm,
    Regex,
    Prefix,
}

impl<'a> Location<'a> {
    /// What its path is compared with.
    pub(super) fn matched(&self) -> Matched<'a> {
        match self.kind {
            Kind::Exact => Matched::Exact(self.path),
            Kind::Regex => Matched::Regex,
            Kind::Firm | Kind::Prefix => Matched::Prefix(self.path),
        }
    }

    /// The key of a route that takes its requests, and the value.
    pub(super) fn condition(&self, insensitive: bool) -> (&'static str, String) {
        match self.kind {
            Kind::Exact => ("path", values::text(self.path)),
            Kind::Regex if insensitive => ("regex", regex_text(&format!("(?i){}", self.path))),
            Kind::Regex => ("regex", regex_text(self.path)),
            Kind::Firm | Kind::Prefix if self.wide => ("regex", regex_text(&format!("^{}", regex::escape(self.path)))),
            Kind::Firm | Kind::Prefix => ("prefix", values::text(self.path)),
        }
    }

    pub(super) fn is_insensitive(&self) -> bool {
        self.block.word() == "~*"
    }
}

/// A location to which nginx leads from the same path without its last slash.
pub(super) struct Slash<'a> {
    pub(super) bare: &'a str,
    pub(super) at: &'a Origin,
    /// What holds in the location.
    pub(super) scope: Scope<'a>,
}

/// Those of the locations that proxy and end with a slash, where no other one takes the path without it. nginx asks for them
/// beside the exact ones, before regular expressions.
pub(super) fn slashes<'a>(all: &[Location<'a>]) -> Vec<Slash<'a>> {
    let plain = all.iter().filter(|one| one.kind != Kind::Regex);
    let written: HashMap<_, _> = plain.clone().map(|one| (one.path, one.block)).collect();
    let mut seen = HashSet::new();
    let leads = plain.filter_map(|one| {
        let bare = one.path.strip_suffix('/').filter(|bare| !bare.is_empty())?;
        let proxies = one.block.inside().iter().any(|inner| PASSES.contains(&inner.name.as_str()));
        // A location inside another is found in it.
        let free = written.get(bare).is_none_or(|block| block.at.holds(&one.block.at));
        (proxies && free && seen.insert(bare)).then(|| Slash { bare, at: &one.block.at, scope: one.scope.clone() })
    });
    leads.collect()
}

/// What makes nginx lead to a location with its slash.
const PASSES: [&str; 6] = ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "grpc_pass"];

/// All locations of the server, nested ones too, in Weir's order; the one for `/` is the last.
pub(super) fn read<'a>(scope: &Scope<'a>, verdicts: &Verdicts) -> Vec<Location<'a>> {
    let mut found = Found { all: Vec::new(), levels: Vec::new(), vary: guards::vary(scope), verdicts };
    found.collect(scope, None);
    let guards = found.all.iter().any(|one| one.kind == Kind::Regex && found.keeps_from_nodes(&one.scope));
    order(&mut found.all, guards, verdicts);
    found.all
}

struct Found<'a, 'b> {
    all: Vec<Location<'a>>,
    /// Those around the location that is read, the outermost first.
    levels: Vec<Level<'a>>,
    /// Locations differ in who may come.
    vary: bool,
    verdicts: &'b Verdicts,
}

/// The locations of one block.
struct Level<'a> {
    prefixes: BTreeSet<&'a str>,
    /// The word before a path and the path, and the directive.
    written: HashMap<(&'static str, &'a str), usize>,
    /// The one that is read.
    path: &'a str,
}

impl<'a> Level<'a> {
    fn of(scope: &Scope<'a>) -> Self {
        let plain = scope.own("location").into_iter().filter_map(|block| match block.word() {
            "=" | "~" | "~*" => None,
            "^~" => block.words.get(1).map(String::as_str),
            word => Some(word),
        });
        Self { prefixes: plain.collect(), written: HashMap::new(), path: "" }
    }

    /// Whether this text belongs to a longer location than the one that is read.
    fn takes_away(&self, text: &str) -> bool {
        let mut rest = text;
        while let Some(last) = self.prefixes.range(..=rest).next_back() {
            if rest.starts_with(last) {
                return last.len() > self.path.len();
            }
            let same = rest.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
            let end = (0..=same).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(0);
            rest = rest.get(..end).unwrap_or_default();
        }
        false
    }
}

impl<'a> Found<'a, '_> {
    /// Whether some requests of this place do not reach the nodes in nginx.
    fn keeps_from_nodes(&self, scope: &Scope<'_>) -> bool {
        guards::restricts(scope, self.vary) || !guards::proxies(scope)
    }

    /// Takes the locations of this place, which is inside of an outermost one of this kind. What one of them would have
    /// guarded is closed where it cannot be imported: true says that the place itself is.
    fn collect(&mut self, scope: &Scope<'a>, outermost: Option<Kind>) -> bool {
        let (first, mut closed) = (self.all.len(), false);
        self.levels.push(Level::of(scope));
        for block in scope.own("location") {
            if self.is_never_asked(block, scope) {
                continue;
            }
            match self.kind(block, scope, outermost) {
                Some((kind, path)) => self.add(block, scope, kind, path, outermost),
                // Nothing leads to a name from outside.
                None if !block.word().starts_with('@') && self.keeps_from_nodes(&scope.inside(block)) => {
                    let place = if outermost.is_some() { "the location around it" } else { "this site" };
                    self.verdicts.add(block, &format!("it keeps people out, so nobody is let in to {place}"));
                    closed = true;
                }
                None => {}
            }
        }
        self.levels.pop();
        if closed {
            self.all.iter_mut().skip(first).for_each(|one| (one.closed, one.wide) = (true, is_open(one)));
        }
        closed
    }

    /// Whether no request of nginx belongs to this location: its path has two slashes, of which nginx makes one, or a longer
    /// location beside one of those around it takes its requests.
    fn is_never_asked(&self, block: &'a Directive, scope: &Scope<'a>) -> bool {
        let second = block.words.get(1).map_or("", String::as_str);
        let (is_regex, path) = match block.word() {
            "~" | "~*" => (true, second),
            "=" | "^~" => (false, second),
            word => (false, word),
        };
        let around = self.levels.split_last().map(|(_, around)| around).unwrap_or_default();
        let note = if !is_regex && merges(scope) && path.contains("//") {
            "never reached: nginx makes one slash of two before it looks for a location"
        } else if !is_regex && around.iter().any(|level| level.takes_away(path)) {
            "never reached: a longer location, not the one around it, takes these requests"
        } else if is_regex && rules::fits_no_path(path) {
            "never reached: paths begin with a slash, and this expression does not let them"
        } else {
            return false;
        };
        self.verdicts.say(block, Ignored, "", note);
        self.verdicts.silence(block, note);
        true
    }

    fn add(&mut self, block: &'a Directive, scope: &Scope<'a>, kind: Kind, path: &'a str, outermost: Option<Kind>) {
        let inner = scope.inside(block);
        let key = if kind == Kind::Exact || kind == Kind::Regex { word(block) } else { "" };
        let Some(level) = self.levels.last_mut() else { return };
        if let Some(before) = level.written.get(&(key, path)).copied() {
            return self.again(block, &inner, kind, before);
        }
        level.written.insert((key, path), block.id);
        level.path = path;
        let closed = self.collect(&inner, Some(outermost.unwrap_or(kind)));
        let differs = guards::keeps_out(&inner, self.vary) || !inner.own("limit_req").is_empty();
        let mut one = Location { block, scope: inner, kind, path, closed, wide: false };
        one.wide = is_open(&one) && (closed || differs || !guards::proxies(&one.scope));
        self.told(&one);
        self.all.push(one);
    }

    /// A location that stands a second time in its block.
    fn again(&mut self, block: &'a Directive, inner: &Scope<'a>, kind: Kind, before: usize) {
        if kind == Kind::Regex {
            let note = "never reached: the same expression stands before it";
            self.verdicts.say(block, Ignored, "", note);
            return self.verdicts.silence(block, note);
        }
        self.verdicts.say(block, Refused, "", "this location is written twice");
        if self.keeps_from_nodes(inner) {
            self.verdicts.add(block, "it keeps people out, so nobody is let in to the first one");
            let first = self.all.iter_mut().filter(|one| one.block.id == before);
            first.for_each(|one| (one.closed, one.wide) = (true, is_open(one)));
        }
    }

    /// Says what becomes of a prefix.
    fn told(&self, one: &Location<'a>) {
        if !matches!(one.kind, Kind::Firm | Kind::Prefix) || one.path == "/" {
            return;
        }
        let (class, key, note) = if !is_open(one) {
            (Same, "prefix", String::new())
        } else if one.wide {
            (Same, "regex", String::new())
        } else {
            (Narrower, "prefix", format!("{path} and what is below it, not {path}x", path = one.path))
        };
        self.verdicts.say(one.block, class, format!("[[site.route]] {key}"), note);
    }

    fn kind(&self, block: &'a Directive, scope: &Scope<'a>, outermost: Option<Kind>) -> Option<(Kind, &'a str)> {
        let (kind, path) = kind(block, self.verdicts)?;
        if kind == Kind::Regex && !merges(scope) && path.replace('\\', "").contains("//") {
            self.verdicts.missing(block, "paths are compared with one slash for two, so it would never fit");
            return None;
        }
        let note = match (outermost, kind) {
            (None, _) => return Some((kind, path)),
            (Some(Kind::Regex), _) => "a location inside a regular expression: write it at the site",
            (_, Kind::Regex) => {
                "a regular expression inside another location: write it at the site, with the path before it"
            }
            // The server's expressions are asked, unless the outermost location says that they are not.
            (Some(Kind::Firm), Kind::Prefix) => return Some((Kind::Firm, path)),
            (Some(Kind::Prefix), Kind::Firm) => return Some((Kind::Prefix, path)),
            _ => return Some((kind, path)),
        };
        self.verdicts.missing(block, note);
        None
    }
}

/// Whether nginx makes one slash of two before it looks for a location.
fn merges(scope: &Scope<'_>) -> bool {
    scope.one("merge_slashes").is_none_or(|one| one.word() != "off")
}

/// Whether nginx takes longer names too, as `/carbonx` where it has `/carbon`. A prefix of Weir ends with a segment.
fn is_open(one: &Location<'_>) -> bool {
    matches!(one.kind, Kind::Firm | Kind::Prefix) && !one.path.ends_with('/')
}

/// The word before the path.
fn word(block: &Directive) -> &'static str {
    ["=", "~", "~*", "^~"].into_iter().find(|word| *word == block.word()).unwrap_or_default()
}

fn kind<'a>(block: &'a Directive, verdicts: &Verdicts) -> Option<(Kind, &'a str)> {
    verdicts.same(block, "[[site.route]]");
    if block.word().starts_with('@') {
        verdicts.missing(block, "a location with a name: requests are not passed on to it");
        return None;
    }
    let second = block.words.get(1).map_or("", String::as_str);
    let (kind, path) = match word(block) {
        "=" => (Kind::Exact, second),
        "^~" => (Kind::Firm, second),
        "" => (Kind::Prefix, block.word()),
        // Every path fits an empty one, and one that is a slash.
        _ => (Kind::Regex, if second.is_empty() { "/" } else { second }),
    };
    if kind == Kind::Regex {
        let written = if block.word() == "~*" { format!("(?i){path}") } else { path.to_owned() };
        if let Err(error) = expression(&written) {
            let what = error.to_string();
            let what = what.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
            verdicts.missing(block, format!("this regular expression has no counterpart: {what}"));
            return None;
        }
        return Some((kind, path));
    }
    if !path.starts_with('/') {
        verdicts.say(block, Refused, "", "the path begins with a slash");
        return None;
    }
    if !rules::is_compared(path) {
        verdicts
            .missing(block, "paths are compared decoded, without parameters and with one slash for two: write it so");
        return None;
    }
    Some((kind, path))
}

/// Texts of which none begins with another, in their order.
struct Beginnings<'a>(Vec<&'a str>);

impl<'a> Beginnings<'a> {
    fn of(all: impl Iterator<Item = &'a str>) -> Self {
        let mut sorted: Vec<_> = all.collect();
        sorted.sort_unstable();
        // What begins with another one stands right behind it.
        sorted.dedup_by(|later, kept| later.starts_with(*kept));
        Self(sorted)
    }

    /// Whether the text begins with one of them. Only the last one before it can be that.
    fn has_one_of(&self, text: &str) -> bool {
        let before = self.0.partition_point(|one| *one <= text);
        before.checked_sub(1).and_then(|last| self.0.get(last)).is_some_and(|one| text.starts_with(one))
    }
}

/// Brings them into Weir's order; `guards` says whether an expression keeps requests from the nodes.
fn order(all: &mut [Location<'_>], guards: bool, verdicts: &Verdicts) {
    let has_regex = all.iter().any(|one| one.kind == Kind::Regex);
    let firm = Beginnings::of(all.iter().filter(|one| one.kind == Kind::Firm).map(|one| one.path));
    for one in all.iter_mut() {
        match one.kind {
            // Without regular expressions the longest prefix wins, whatever it says.
            Kind::Prefix | Kind::Firm if !has_regex => one.kind = Kind::Prefix,
            // Below a firm prefix it must come before that one, so before the regular expressions too.
            Kind::Prefix if firm.has_one_of(one.path) => {
                one.kind = Kind::Firm;
                if guards {
                    (one.closed, one.wide) = (true, is_open(one));
                    let note = "below a ^~ location, and still behind the regular expressions: one of them keeps people \
                                out, so nobody is let in here";
                    verdicts.missing(one.block, note);
                }
                let note = "asked before the regular expressions, since it is below a ^~ location";
                verdicts.say(one.block, Changed, "[[site.route]]", note);
            }
            _ => {}
        }
    }
    // The sort is stable, so regular expressions stay in the order of the file, and of two equal prefixes the inner one, which
    // stands first, is taken. Of two equal exact ones it is the outer one.
    all.sort_by_key(|one| {
        let length = if one.kind == Kind::Regex { 0 } else { one.path.len() };
        let depth = if one.kind == Kind::Exact { one.scope.depth() } else { 0 };
        (one.kind, std::cmp::Reverse(length), depth)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_found_as_by_asking_all_of_them() {
        let all = ["/b/c/", "/b/", "/a", "/a/x", "/c/d", "/b-"];
        let beginnings = Beginnings::of(all.into_iter());
        for text in ["/", "/a", "/ab", "/a/x/y", "/b", "/b/", "/b/c/d", "/b-", "/b.", "/c/", "/c/d", "/c/dd", "/d", ""]
        {
            assert_eq!(beginnings.has_one_of(text), all.iter().any(|one| text.starts_with(one)), "{text:?}");
        }
    }
}
