//! The selection of a node: what a request needs, and what it gets.

use super::member::NodePermit;
use super::retry::Failure;
use super::state::Change;
use super::why::Why;
use crate::traffic::balance::PickInput;
use crate::traffic::tick::Tick;

/// What a request needs.
#[derive(Clone, Copy)]
pub struct Criteria<'a> {
    /// The number of its session's node.
    pub bound: Option<u32>,
    /// Whether the session returns to its home.
    pub returns: bool,
    /// The number of the node that its session id names, if the session is not in the table.
    pub prefers: Option<u32>,
    /// Nodes that it has tried.
    pub tried: &'a Tried,
    /// Why the last of them failed.
    pub failure: Option<Failure>,
    /// The input of the balancing method.
    pub pick_input: PickInput,
    /// Now.
    pub now: Tick,
}

/// The result of a selection.
pub enum Choice {
    /// This member.
    Node(Chosen),
    /// Every node that could take it is full.
    Full(WaitTarget),
    /// Its session's node cannot serve, and the pool does not move sessions.
    SessionLost,
    /// No node can take it.
    Nobody,
}

/// What a request can wait for when all nodes are full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTarget {
    /// The number of its session's node; `None` if any node will do.
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
    /// The permit for the node; `None` for [`Purpose::Peek`].
    pub permit: Option<NodePermit>,
    /// The change of state if a standby became active for it.
    pub change: Option<Change>,
}

/// Nodes that a request has tried, as member indexes.
#[derive(Clone, Debug, Default)]
pub struct Tried(Vec<usize>);

impl Tried {
    /// Adds a node.
    pub fn add(&mut self, member: usize) {
        self.0.push(member);
    }

    /// The same nodes in another generation of the pool. `index_there` gives their indexes there; nodes that are gone
    /// are left out.
    pub fn moved(&self, index_there: impl Fn(usize) -> Option<usize>) -> Self {
        Self(self.0.iter().copied().filter_map(index_there).collect())
    }

    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    /// Whether a node was tried.
    pub fn has(&self, member: usize) -> bool {
        self.0.contains(&member)
    }

    /// Whether no node was tried.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a choice is for a request, or only a question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For a request: a permit and a turn are taken.
    Take,
    /// Only a question, as by `weir why`: nothing changes.
    Peek,
}
