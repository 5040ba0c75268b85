//! One source's word, with who it is that says so, and of which nodes.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::known::{KnownNodes, Probes};
use super::super::member_list::MemberAddress;
use super::super::word::Word;

/// What one source says now.
pub(super) struct Saying<'a> {
    pub(super) id: u64,
    pub(super) source: &'a Arc<str>,
    /// How often it has answered.
    pub(super) answers: u64,
    pub(super) word: &'a Word,
    /// Index of the node that says so.
    pub(super) owner: Option<usize>,
    pub(super) is_log: bool,
    /// The nodes that it names.
    named: HashSet<usize>,
    /// The nodes that it says have left.
    gone: HashSet<usize>,
}

impl<'a> Saying<'a> {
    /// `log_of` is the node whose log says so; a member says itself which one it is.
    pub(super) fn new(
        (id, source, answers): (u64, &'a Arc<str>, u64),
        word: &'a Word,
        log_of: Option<&str>,
        known: &KnownNodes,
    ) -> Self {
        let nodes = |members: &[MemberAddress]| members.iter().filter_map(|member| known.who(member)).collect();
        let owner = match log_of {
            Some(node) => known.nodes.iter().position(|known| *known.name == *node),
            None => word.own.as_ref().and_then(|own| known.who(own)),
        };
        let (named, gone) = (nodes(&word.members), nodes(&word.gone));
        Self { id, source, answers, word, owner, is_log: log_of.is_some(), named, gone }
    }

    /// Whether the node is a member; `None` where it does not say.
    pub(super) fn says(&self, node: usize) -> Option<bool> {
        match self.named.contains(&node) {
            true => Some(true),
            false => (self.word.is_whole || self.gone.contains(&node)).then_some(false),
        }
    }

    /// Whether this is the last word of a node that died: its log names members that do not name it, or its probes fail.
    pub(super) fn is_outlived(&self, all: &[Self], known: &KnownNodes) -> bool {
        let Some(own) = self.owner.filter(|_| self.is_log) else { return false };
        let forgotten = |other: &Self| {
            other.says(own) == Some(false)
                && other.owner.is_some_and(|other| other != own && self.says(other) == Some(true))
        };
        matches!(known.nodes[own].probes, Probes::Fail(_)) || all.iter().any(forgotten)
    }
}
