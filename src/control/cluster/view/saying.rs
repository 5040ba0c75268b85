//! One source's word, with who it is that says so, and of which nodes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::known::{KnownNodes, Probes};
use super::super::member_list::MemberAddress;
use super::super::word::Word;

/// After so many failures in a row a source is told to be silent. One question may stay unanswered while members come and go.
const SILENT_AFTER: u32 = 2;

/// When a source answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hearing {
    /// The last time.
    pub(super) answered: Option<Instant>,
    /// The time before that.
    pub(super) before_last: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// Since when they are too many.
    silent_since: Option<Instant>,
}

/// What one source says now, or said last.
pub(super) struct Saying<'a> {
    pub(super) id: u64,
    pub(super) source: &'a Arc<str>,
    pub(super) hearing: Hearing,
    pub(super) word: &'a Word,
    /// Index of the node that says so.
    pub(super) owner: Option<usize>,
    pub(super) is_log: bool,
    /// The nodes that it names.
    named: HashSet<usize>,
    /// The nodes that it says have left.
    gone: HashSet<usize>,
}

impl Hearing {
    pub(super) fn answers(&mut self, now: Instant) {
        *self = Self { answered: Some(now), before_last: self.answered, ..Self::default() };
    }

    pub(super) fn fails(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.silent_since = self.silent_since.or_else(|| (self.failures >= SILENT_AFTER).then_some(now));
    }

    /// Whether the last question was answered. An old word says nothing: its node may have died.
    pub(super) const fn is_fresh(&self) -> bool {
        self.answered.is_some() && self.failures == 0
    }

    pub(super) const fn is_silent(&self) -> bool {
        self.silent_since.is_some()
    }
}

impl<'a> Saying<'a> {
    /// `log_of` is the node whose log says so; a member says itself which one it is.
    pub(super) fn new(
        (id, source, hearing): (u64, &'a Arc<str>, Hearing),
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
        Self { id, source, hearing, word, owner, is_log: log_of.is_some(), named, gone }
    }

    /// Whether the node is a member; `None` where it does not say.
    pub(super) fn says(&self, node: usize) -> Option<bool> {
        match self.named.contains(&node) {
            true => Some(true),
            false => (self.word.is_whole || self.gone.contains(&node)).then_some(false),
        }
    }

    /// Whether an old word still stands against those of others in a split: who is silent for a while has not changed sides. One
    /// whose node fails its probes is on none.
    pub(super) fn still_stands(&self, known: &KnownNodes, now: Instant, hold: Duration) -> bool {
        let fails = self.owner.is_some_and(|own| matches!(known.nodes[own].probes, Probes::Fail(_)));
        !fails && self.hearing.silent_since.is_none_or(|since| now.saturating_duration_since(since) < hold)
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
