//! Locations in the order in which Weir asks its routes. nginx takes the exact one, then the longest prefix if it says `^~`,
//! then the first regular expression, then the longest prefix; Weir takes the first route that matches.

use std::collections::{HashMap, HashSet};

use super::action::Matched;
use super::expressions::{expression, regex_text};
use super::guards::restricts;
use crate::import::nginx::class::Class::{Changed, Narrower, Refused, Same};
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
            Kind::Firm | Kind::Prefix if self.runs_on() => {
                ("regex", regex_text(&format!("^{}", regex::escape(self.path))))
            }
            Kind::Firm | Kind::Prefix => ("prefix", values::text(self.path)),
        }
    }

    /// Whether it takes `/carbonx` too, since it keeps people out of `/carbon`.
    pub(super) fn runs_on(&self) -> bool {
        matches!(self.kind, Kind::Firm | Kind::Prefix) && runs_on(self.block, self.path)
    }

    pub(super) fn is_insensitive(&self) -> bool {
        self.block.word() == "~*"
    }
}

/// A location to which nginx leads from the same path without its last slash.
pub(super) struct Slash<'a> {
    pub(super) bare: &'a str,
    pub(super) at: &'a Origin,
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
        (proxies && free && seen.insert(bare)).then_some(Slash { bare, at: &one.block.at })
    });
    leads.collect()
}

/// What makes nginx lead to a location with its slash.
const PASSES: [&str; 6] = ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "grpc_pass"];

/// A prefix of Weir ends with a segment, one of nginx does not. What a restriction closes may not become less.
fn runs_on(block: &Directive, path: &str) -> bool {
    !path.ends_with('/') && restricts(block)
}

/// All locations of the server, nested ones too, in Weir's order; the one for `/` is the last.
pub(super) fn read<'a>(scope: &Scope<'a>, verdicts: &Verdicts) -> Vec<Location<'a>> {
    let mut found = Found { all: Vec::new(), seen: HashSet::new(), verdicts };
    found.collect(scope, false);
    order(&mut found.all, verdicts);
    found.all
}

struct Found<'a, 'b> {
    all: Vec<Location<'a>>,
    seen: HashSet<(Kind, &'a str)>,
    verdicts: &'b Verdicts,
}

impl<'a> Found<'a, '_> {
    /// Takes the locations of this place. What one of them would have guarded is closed where it cannot be imported: true
    /// says that the place itself is.
    fn collect(&mut self, scope: &Scope<'a>, nested: bool) -> bool {
        let (first, mut closed) = (self.all.len(), false);
        for block in scope.own("location") {
            match self.kind(block, nested) {
                Some((kind, path)) => self.add(block, scope, kind, path),
                None if restricts(block) => {
                    let place = if nested { "the location around it" } else { "this site" };
                    self.verdicts.add(block, &format!("it keeps people out, so nobody is let in to {place}"));
                    closed = true;
                }
                None => {}
            }
        }
        if closed {
            self.all.iter_mut().skip(first).for_each(|one| one.closed = true);
        }
        closed
    }

    fn add(&mut self, block: &'a Directive, scope: &Scope<'a>, kind: Kind, path: &'a str) {
        if !self.seen.insert((kind, path)) {
            return self.verdicts.say(block, Refused, "", "this location is written twice");
        }
        let inner = scope.inside(block);
        let closed = self.collect(&inner, true);
        self.all.push(Location { block, scope: inner, kind, path, closed });
    }

    fn kind(&self, block: &'a Directive, nested: bool) -> Option<(Kind, &'a str)> {
        let (kind, path) = kind(block, self.verdicts)?;
        if nested && kind == Kind::Regex {
            let note = "a regular expression inside another location: write it at the site, with the path before it";
            self.verdicts.missing(block, note);
            return None;
        }
        Some((kind, path))
    }
}

fn kind<'a>(block: &'a Directive, verdicts: &Verdicts) -> Option<(Kind, &'a str)> {
    let second = block.words.get(1).map_or("", String::as_str);
    verdicts.same(block, "[[site.route]]");
    let (kind, path) = match block.word() {
        "=" => (Kind::Exact, second),
        "^~" => (Kind::Firm, second),
        "~" | "~*" => (Kind::Regex, second),
        word if word.starts_with('@') => {
            verdicts.missing(block, "a location with a name: requests are not passed on to it");
            return None;
        }
        word => (Kind::Prefix, word),
    };
    if kind == Kind::Regex {
        if let Err(error) = expression(path) {
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
    if kind != Kind::Exact && path != "/" {
        let (class, key, note) = match path.strip_suffix('/') {
            Some(_) => (Same, "prefix", String::new()),
            None if runs_on(block, path) => (Same, "regex", String::new()),
            None => (Narrower, "prefix", format!("{path} and what is below it, not {path}x")),
        };
        verdicts.say(block, class, format!("[[site.route]] {key}"), note);
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

fn order(all: &mut [Location<'_>], verdicts: &Verdicts) {
    let has_regex = all.iter().any(|one| one.kind == Kind::Regex);
    let guards = all.iter().any(|one| one.kind == Kind::Regex && restricts(one.block));
    let firm = Beginnings::of(all.iter().filter(|one| one.kind == Kind::Firm).map(|one| one.path));
    for one in all.iter_mut() {
        match one.kind {
            // Without regular expressions the longest prefix wins, whatever it says.
            Kind::Prefix | Kind::Firm if !has_regex => one.kind = Kind::Prefix,
            // Below a firm prefix it must come before that one, so before the regular expressions too.
            Kind::Prefix if firm.has_one_of(one.path) => {
                one.kind = Kind::Firm;
                if guards {
                    one.closed = true;
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
    // The sort is stable, so regular expressions stay in the order of the file.
    all.sort_by_key(|one| {
        let length = if one.kind == Kind::Regex { 0 } else { one.path.len() };
        (one.kind, std::cmp::Reverse(length))
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
