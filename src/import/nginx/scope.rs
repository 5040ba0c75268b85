//! What holds at a place: nginx hands a directive down to the levels below, unless they have one of the same name. Then
//! all of the upper ones are lost there.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use super::known;
use super::parse::Directive;

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
}

impl<'a> Level<'a> {
    fn new(all: Vec<&'a Directive>) -> Rc<Self> {
        let mut named = HashMap::<&str, Vec<&Directive>>::new();
        all.iter().for_each(|one| named.entry(&one.name).or_default().push(one));
        let unknown = named.keys().any(|name| !known::knows(name) && !known::protects(name));
        Rc::new(Self { all, named, unknown })
    }

    fn named(&self, name: &str) -> &[&'a Directive] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }
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

    /// How many levels there are.
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// All directives of this name on the innermost level that has one.
    pub(super) fn all(&self, name: &str) -> Vec<&'a Directive> {
        let found = self.levels.iter().rev().map(|level| level.named(name)).find(|found| !found.is_empty());
        found.unwrap_or_default().to_vec()
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

    /// The `if` blocks that are asked here: those of the server and of the innermost level. No other level hands them down.
    pub(super) fn conditions(&self) -> Vec<&'a Directive> {
        let server = self.levels.get(1).filter(|_| self.levels.len() > 2);
        server.into_iter().chain(self.levels.last()).flat_map(|level| level.named("if")).copied().collect()
    }

    /// Those of the innermost level alone.
    pub(super) fn own(&self, name: &str) -> Vec<&'a Directive> {
        self.levels.last().map(|level| level.named(name).to_vec()).unwrap_or_default()
    }

    /// Whether a level above has one of this name.
    pub(super) fn has_above(&self, name: &str) -> bool {
        self.levels.iter().rev().skip(1).any(|level| !level.named(name).is_empty())
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
