//! The pool that a request goes to, as a member of one generation: its own, or a newer one into which it followed the
//! pool.

use std::sync::Arc;

use crate::observe::metrics::{Finished, NodeCounters, Tally};
use crate::proxy::generation::{Generation, RunningPool, RunningSite};
use crate::proxy::worker::Shared;
use crate::traffic::pool::Pool;
use crate::traffic::pool::state::Change;
use crate::traffic::routing::reverse_map::ReverseMap;
use crate::traffic::tick::Tick;

/// A request's pool. All else that holds for the request is of the generation it began with.
#[derive(Clone)]
pub(crate) struct Target<'r> {
    generation: PoolGeneration<'r>,
    index: usize,
}

#[derive(Clone)]
enum PoolGeneration<'r> {
    /// The generation that the request began with.
    Own(&'r Generation),
    /// A newer one: while it waited came a reload, or a node's name moved.
    Newer(Arc<Generation>),
}

impl<'r> Target<'r> {
    /// The pool with this index in the generation that the request began with.
    pub(crate) fn new(generation: &'r Generation, index: usize) -> Self {
        Self { generation: PoolGeneration::Own(generation), index }
    }

    fn generation(&self) -> &Generation {
        match &self.generation {
            PoolGeneration::Own(generation) => generation,
            PoolGeneration::Newer(generation) => generation,
        }
    }

    /// Its index among the pools of its generation.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Counts what a node of it has had, for the site and the route that led here. The site is of the generation that the
    /// request began with.
    pub(crate) fn count(&self, (site, name): (&RunningSite, &str), member: usize, finished: &Finished, route: &Tally) {
        match &self.generation {
            PoolGeneration::Own(_) => site.route(Some(self.index), Some(member)).record(finished, route),
            PoolGeneration::Newer(newer) => newer.route(name, self.index, Some(member)).record(finished, route),
        }
    }

    /// What it decides by.
    pub(crate) fn pool(&self) -> &Pool {
        &self.generation().snapshot.pools[self.index]
    }

    /// Its TLS and its counters.
    pub(crate) fn running(&self) -> &RunningPool {
        &self.generation().pools[self.index]
    }

    /// What a node of it is counted with.
    pub(crate) fn node_counters(&self, member: usize) -> Option<&NodeCounters> {
        self.running().members.get(member).map(|counters| &**counters)
    }

    /// What a Location may name.
    pub(crate) fn reverse_map(&self) -> &ReverseMap {
        &self.generation().snapshot.reverse_map
    }

    /// Tells what changed about a node, if anything did.
    pub(crate) fn announce(&self, member: usize, change: Option<Change>, why: &str, now: Tick) {
        self.generation().announce(self.index, member, change, why, now);
    }

    /// The same pool in the newest generation that has it; none where that is this one.
    pub(crate) fn newest(&self, shared: &Shared) -> Option<Self> {
        if std::ptr::eq(&**shared.current.load(), self.generation()) {
            return None;
        }
        let (generation, index) = shared.newest_with(&self.pool().waiting)?;
        let is_this = std::ptr::eq(&*generation, self.generation());
        (!is_this).then_some(Self { generation: PoolGeneration::Newer(generation), index })
    }

    /// Where a node of this one stands in `other`, which is the same pool in another generation.
    pub(crate) fn index_in(&self, other: &Target<'_>, member: usize) -> Option<usize> {
        other.pool().member_of(self.pool().members.get(member)?.number)
    }
}
