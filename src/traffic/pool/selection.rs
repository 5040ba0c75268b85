//! What a request looks for in a pool, and what it gets.

use super::member::NodePermit;
use super::retry::Failure;
use super::state::Change;
use super::why::Why;
use crate::traffic::balance::Ask;
use crate::traffic::tick::Tick;

/// What a request looks for.
#[derive(Clone, Copy)]
pub struct Criteria<'a> {
    /// The number of the node that its session lives on.
    pub bound: Option<u32>,
    /// Whether the session had moved, and is on its way back.
    pub returns: bool,
    /// The number of the node that its session id names, where no table knows the session.
    pub prefers: Option<u32>,
    /// Nodes that it has tried already.
    pub tried: &'a Tried,
    /// What went wrong with the last of them.
    pub failure: Option<Failure>,
    /// What the pool's method goes by.
    pub ask: Ask,
    /// Now.
    pub now: Tick,
}

/// What it gets.
pub enum Choice {
    /// This member.
    Node(Chosen),
    /// Every node that could take it is full.
    Full(Wanted),
    /// Its session's node cannot serve, and the pool moves no sessions.
    SessionLost,
    /// There is no node.
    Nobody,
}

/// The place that a request without one could wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The number of the only node that will do, its session's own; none: any.
    pub node: Option<u32>,
    /// Why it would go there.
    pub why: Why,
}

/// A chosen member.
pub struct Chosen {
    /// Index into the pool's members.
    pub member: usize,
    /// Why this one.
    pub why: Why,
    /// Its place there; none where the question was only asked.
    pub held: Option<NodePermit>,
    /// A standby that became active for it.
    pub change: Option<Change>,
}

/// Nodes that this request has tried already.
#[derive(Clone, Debug, Default)]
pub struct Tried(Vec<usize>);

impl Tried {
    /// Remembers one.
    pub fn add(&mut self, member: usize) {
        self.0.push(member);
    }

    /// The same nodes in a pool that has them in other places; those it has no longer are forgotten.
    pub fn moved(&self, place: impl Fn(usize) -> Option<usize>) -> Self {
        Self(self.0.iter().copied().filter_map(place).collect())
    }

    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    /// Whether it was tried.
    pub fn has(&self, member: usize) -> bool {
        self.0.contains(&member)
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a choice is purpose, or only asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A place is taken, a turn is used up.
    Take,
    /// Nothing changes.
    Peek,
}
