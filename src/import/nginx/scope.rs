//! What holds at a place: nginx hands a directive down to the levels below, unless they have one of the same name. Then
//! all of the upper ones are lost there.

use std::path::Path;

use super::parse::Directive;

/// The levels around a place, the outermost first.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    levels: Vec<Vec<&'a Directive>>,
    prefix: &'a Path,
}

impl<'a> Scope<'a> {
    /// The outermost level; relative paths begin in `prefix`.
    pub(super) fn new(http: &[&'a Directive], prefix: &'a Path) -> Self {
        Self { levels: vec![http.to_vec()], prefix }
    }

    /// The whole path of a file, as Weir would write it.
    pub(super) fn file(&self, path: &str) -> String {
        self.prefix.join(path).display().to_string()
    }

    /// The place in this block of it.
    pub(super) fn inside(&self, block: &'a Directive) -> Self {
        let mut inner = self.clone();
        inner.levels.push(block.inside().iter().collect());
        inner
    }

    /// All directives of this name on the innermost level that has one.
    pub(super) fn all(&self, name: &str) -> Vec<&'a Directive> {
        let on = |level: &Vec<&'a Directive>| level.iter().copied().filter(|one| one.name == name).collect::<Vec<_>>();
        self.levels.iter().rev().map(on).find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// The directive of this name that holds.
    pub(super) fn one(&self, name: &str) -> Option<&'a Directive> {
        self.all(name).into_iter().next()
    }

    /// The lines of `allow` and `deny` that hold, in their order.
    pub(super) fn rules(&self) -> Vec<&'a Directive> {
        let rule = |one: &&'a Directive| one.name == "allow" || one.name == "deny";
        let on = |level: &Vec<&'a Directive>| level.iter().copied().filter(rule).collect::<Vec<_>>();
        self.levels.iter().rev().map(on).find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// The `if` blocks that are asked here: those of the server and of the innermost level. No other level hands them down.
    pub(super) fn conditions(&self) -> Vec<&'a Directive> {
        let server = self.levels.get(1).filter(|_| self.levels.len() > 2);
        server.into_iter().chain(self.levels.last()).flatten().copied().filter(|one| one.name == "if").collect()
    }

    /// Those of the innermost level alone.
    pub(super) fn own(&self, name: &str) -> Vec<&'a Directive> {
        self.innermost().filter(|one| one.name == name).collect()
    }

    /// Whether a directive of this name holds and says `on`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.one(name).is_some_and(|one| one.word() == "on")
    }

    /// Every directive of the innermost level.
    pub(super) fn innermost(&self) -> impl Iterator<Item = &'a Directive> {
        self.levels.last().into_iter().flat_map(|level| level.iter().copied())
    }

    /// Every directive on these levels.
    pub(super) fn everything(&self) -> impl Iterator<Item = &'a Directive> {
        self.levels.iter().flat_map(|level| level.iter().copied())
    }
}
