//! What holds at a place: nginx hands a directive down to the levels below, unless they have one of the same name. Then
//! all of the upper ones are lost there.

use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

use super::class::Class::Same;
use super::known;
use super::parse::Directive;
use super::report::Verdicts;

/// The levels around a place, the outermost first. Places share the levels above them.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    levels: Vec<Rc<Level<'a>>>,
    prefix: &'a Path,
}

/// The directives of one block, and the same by their names: a level may have as many locations as it likes, and each of
/// them asks it for a few names.
struct Level<'a> {
    all: Vec<&'a Directive>,
    named: HashMap<&'a str, Vec<&'a Directive>>,
    /// Nobody knows one of the names.
    unknown: bool,
    /// How many lines in it, and in what stands in it, give a variable a value.
    sets: OnceCell<HashMap<String, usize>>,
    /// Of a server: whether the listeners of its site speak TLS. Nothing where that depends on the listener.
    tls: Cell<Option<bool>>,
    /// Of a server: the `if` blocks that refuse requests, and that no route can be.
    unread: OnceCell<HashSet<usize>>,
    /// What stands in its `if` blocks, by their conditions: the first of each.
    answers: OnceCell<HashMap<String, Answer>>,
}

/// Names and words of the lines of a block.
pub(super) type Answer = Vec<(String, String)>;

impl<'a> Level<'a> {
    fn new(all: Vec<&'a Directive>) -> Rc<Self> {
        let mut named = HashMap::<&str, Vec<&Directive>>::new();
        all.iter().for_each(|one| named.entry(&one.name).or_default().push(one));
        let unknown = named.keys().any(|name| !known::knows(name) && !known::protects(name));
        let (sets, unread, answers) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Rc::new(Self { all, named, unknown, sets, tls: Cell::new(None), unread, answers })
    }

    fn named(&self, name: &str) -> &[&'a Directive] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }

    /// Its lines of `set` that are carried out with every request: nothing before them ends the list.
    fn certain_sets(&self) -> impl Iterator<Item = &'a Directive> {
        self.all.iter().copied().take_while(|one| !may_end(one)).filter(|one| one.name == "set")
    }
}

/// Whether nginx may carry out no more lines of the block behind this one, and goes on with the request.
fn may_end(one: &Directive) -> bool {
    match one.name.as_str() {
        "break" => true,
        "rewrite" => one.words.get(2).is_some_and(|flag| matches!(flag.as_str(), "last" | "break")),
        "if" => one.inside().iter().any(may_end),
        _ => false,
    }
}

/// The variables that a line gives a value, if there are any: those of `set` and its like, and named groups of expressions.
fn given(one: &Directive) -> impl Iterator<Item = String> {
    let sets = one.name.starts_with("set") || one.name.ends_with("_set");
    let word = sets.then(|| one.word().to_owned());
    let group = |rest: &str| {
        let rest = rest.strip_prefix('P').unwrap_or(rest);
        let end = if rest.starts_with('<') { '>' } else { '\'' };
        let (name, _) = rest.strip_prefix(['<', '\''])?.split_once(end)?;
        Some(format!("${name}"))
    };
    word.into_iter().chain(one.words.iter().flat_map(move |word| word.split("(?").skip(1).filter_map(group)))
}

impl<'a> Scope<'a> {
    /// The outermost level; relative paths begin in `prefix`.
    pub(super) fn new(http: &[&'a Directive], prefix: &'a Path) -> Self {
        Self { levels: vec![Level::new(http.to_vec())], prefix }
    }

    /// The whole path of a file, as Weir would write it.
    pub(super) fn file(&self, path: &str) -> String {
        self.prefix.join(path).display().to_string()
    }

    /// The place in this block of it.
    pub(super) fn inside(&self, block: &'a Directive) -> Self {
        let mut inner = self.clone();
        inner.levels.push(Level::new(block.inside().iter().collect()));
        inner
    }

    /// The directives of this name in the locations of this place, and in those inside of them.
    pub(super) fn below(&self, name: &str) -> Vec<&'a Directive> {
        fn collect<'a>(block: &'a Directive, name: &str, found: &mut Vec<&'a Directive>) {
            for one in block.inside() {
                if one.name == name {
                    found.push(one);
                }
                if one.name == "location" {
                    collect(one, name, found);
                }
            }
        }
        let mut found = Vec::new();
        self.own("location").into_iter().for_each(|block| collect(block, name, &mut found));
        found
    }

    /// The place of the server around this one.
    pub(super) fn server(&self) -> Option<Self> {
        let levels = self.levels.get(..2)?.to_vec();
        Some(Self { levels, prefix: self.prefix })
    }

    /// The whole names of the server around this place, without wildcards.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let plain = |name: &&str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
            name.contains('.') && !name.starts_with('.') && !name.ends_with('.') && name.bytes().all(fits)
        };
        let lines = self.levels.get(1).into_iter().flat_map(|server| server.named("server_name"));
        lines.flat_map(|one| &one.words).map(String::as_str).filter(plain).collect()
    }

    /// Whether the server around this place speaks TLS. Nothing where that depends on the listener, or is not known yet.
    pub(super) fn speaks_tls(&self) -> Option<bool> {
        self.levels.get(1)?.tls.get()
    }

    /// Learns whether the listeners of the server around this place speak TLS: another server may have said so of the port.
    pub(super) fn listens(&self, tls: Option<bool>) {
        self.levels.get(1).into_iter().for_each(|server| server.tls.set(tls));
    }

    /// The `if` blocks of the server around this place that `is_unread` names. It is asked once for each.
    pub(super) fn unread_of_server(&self, is_unread: impl Fn(&'a Directive, &Self) -> bool) -> Vec<&'a Directive> {
        let (Some(level), Some(server)) = (self.levels.get(1), self.server()) else { return Vec::new() };
        let all = || level.named("if").iter().copied();
        let found =
            level.unread.get_or_init(|| all().filter(|one| is_unread(one, &server)).map(|one| one.id).collect());
        if found.is_empty() { Vec::new() } else { all().filter(|one| found.contains(&one.id)).collect() }
    }

    /// What the first `if` of this place with this condition has inside.
    pub(super) fn answer(&self, condition: &str) -> Option<&Answer> {
        let level = self.levels.last()?;
        let inside = |one: &Directive| one.inside().iter().map(|inner| (inner.name.clone(), inner.said())).collect();
        let read = || {
            let mut answers = HashMap::new();
            for one in level.named("if") {
                answers.entry(one.said()).or_insert_with(|| inside(one));
            }
            answers
        };
        level.answers.get_or_init(read).get(condition)
    }

    /// How many levels there are.
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// All directives of this name on the innermost level that has one.
    pub(super) fn all(&self, name: &str) -> Vec<&'a Directive> {
        let found = self.levels.iter().rev().map(|level| level.named(name)).find(|found| !found.is_empty());
        found.unwrap_or_default().to_vec()
    }

    /// The text with the values of `set` in it, where they are the same for every request; and whether there were any.
    pub(super) fn with_constants(&self, text: &str, verdicts: &Verdicts) -> (String, bool) {
        let (mut whole, mut found) = (text.to_owned(), false);
        // nginx carries out the lines of the server and of the place itself, not those of a location around it.
        let place = self.levels.get(2..).and_then(<[_]>::last);
        for level in self.levels.get(1).into_iter().chain(place) {
            for one in level.certain_sets() {
                let [name, value] = one.words.as_slice() else { continue };
                let Some(bare) = name.strip_prefix('$').filter(|bare| !bare.is_empty()) else { continue };
                let put = replaced(&whole.replace(&format!("${{{bare}}}"), value), name, value);
                if put != whole && !value.contains('$') && self.is_set_once(name) {
                    verdicts.say(one, Same, "", "the same for every request, so it stands where it is used");
                    (whole, found) = (put, true);
                }
            }
        }
        (whole, found)
    }

    /// Whether one line of the server alone gives this variable a value. A named group of an expression gives one too.
    fn is_set_once(&self, name: &str) -> bool {
        let Some(server) = self.levels.get(1) else { return false };
        let counted = || {
            let (mut counts, mut blocks) = (HashMap::<String, usize>::new(), server.all.clone());
            while let Some(one) = blocks.pop() {
                given(one).for_each(|name| *counts.entry(name).or_default() += 1);
                blocks.extend(one.inside());
            }
            counts
        };
        server.sets.get_or_init(counted).get(name) == Some(&1)
    }

    /// The directive of this name that holds.
    pub(super) fn one(&self, name: &str) -> Option<&'a Directive> {
        self.levels.iter().rev().find_map(|level| level.named(name).first()).copied()
    }

    /// The lines of `allow` and `deny` that hold, in their order.
    pub(super) fn rules(&self) -> Vec<&'a Directive> {
        let on = |level: &Rc<Level<'a>>| [level.named("allow"), level.named("deny")].concat();
        let mut rules = self.levels.iter().rev().map(on).find(|found| !found.is_empty()).unwrap_or_default();
        rules.sort_by_key(|one| one.id);
        rules
    }

    /// Those of the innermost level alone.
    pub(super) fn own(&self, name: &str) -> Vec<&'a Directive> {
        self.levels.last().map(|level| level.named(name).to_vec()).unwrap_or_default()
    }

    /// Whether a name that nobody knows stands here, or on a level above.
    pub(super) fn has_unknown(&self) -> bool {
        self.levels.iter().any(|level| level.unknown)
    }

    /// Whether a directive of this name holds and says `on`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.one(name).is_some_and(|one| one.word() == "on")
    }

    /// Every directive of the innermost level.
    pub(super) fn innermost(&self) -> impl Iterator<Item = &'a Directive> {
        self.levels.last().into_iter().flat_map(|level| level.all.iter().copied())
    }
}

/// The text with a value in place of a variable, wherever its name ends there.
fn replaced(text: &str, name: &str, value: &str) -> String {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(name) {
        let (before, after) = rest.split_at(at);
        let after = after.get(name.len()..).unwrap_or_default();
        whole.push_str(before);
        let goes_on = after.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
        whole.push_str(if goes_on { name } else { value });
        rest = after;
    }
    whole + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_goes_on_is_another_one() {
        assert_eq!(replaced("http://$up:80/$upper$up", "$up", "a"), "http://a:80/$uppera");
    }
}
