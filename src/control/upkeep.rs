//! What a generation needs beside requests: looking after its pools, reporting changes of nodes, and taking over from
//! the generation before.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::observe::events::About;
use crate::proxy::generation::Generation;
use crate::traffic::pool::state::{Change, Reason, State};
use crate::traffic::tick::Tick;

impl Generation {
    /// Takes over from the generation before: metrics of pools, nodes and sites that no longer exist are removed.
    pub(crate) fn take_over(&self, before: &Self) {
        let pools: HashSet<_> = self.pools.iter().map(|run| Arc::as_ptr(&run.counters)).collect();
        let nodes: HashSet<_> = self.pools.iter().flat_map(|run| &run.members).map(Arc::as_ptr).collect();
        let sites: HashSet<_> = self.sites.iter().map(|run| Arc::as_ptr(&run.counters)).collect();
        for run in &before.pools {
            if !pools.contains(&Arc::as_ptr(&run.counters)) {
                run.counters.remove_gauges();
            }
            let gone = run.members.iter().filter(|counters| !nodes.contains(&Arc::as_ptr(counters)));
            gone.for_each(|counters| counters.remove_gauges());
        }
        let gone = before.sites.iter().filter(|run| !sites.contains(&Arc::as_ptr(&run.counters)));
        gone.for_each(|run| run.counters.remove_gauges());
    }

    /// Reports that a node's state changed, and lets its pool react at once.
    pub(crate) fn announce(&self, pool: usize, member: usize, change: Option<Change>, why: &str, now: Tick) {
        if let Some(change) = change {
            self.report(pool, member, change, why, now);
            self.upkeep(pool, now, Duration::ZERO);
        }
    }

    /// Reports the changes of nodes that building this generation caused. Nodes that are new have their state since
    /// now.
    pub(crate) fn report_changes(&self, now: Tick) {
        for changed in &self.snapshot.changed {
            self.report(changed.pool, changed.member, changed.change, changed.why, now);
        }
        for (pool, member) in &self.snapshot.added {
            self.snapshot.pools[*pool].members[*member].load.note_change(now);
        }
    }

    /// Does for a pool what time and states require, and reports the changes. Nothing happens when a newer generation
    /// has the pool.
    pub(crate) fn upkeep(&self, pool: usize, now: Tick, elapsed: Duration) {
        for (pool, (member, change, why)) in self.snapshot.upkeep(pool, now, elapsed) {
            self.report(pool, member, change, why, now);
        }
    }

    /// Does the same for the pools of this generation in which requests still wait.
    pub(crate) fn upkeep_of_waiting(&self, now: Tick, elapsed: Duration) {
        for (index, pool) in self.snapshot.pools.iter().enumerate() {
            if !pool.waiting.is_empty() {
                self.upkeep(index, now, elapsed);
            }
        }
    }

    /// Reports a change to journal, events and metrics.
    fn report(&self, pool: usize, member: usize, change: Change, why: &str, now: Tick) {
        let Some(pool_now) = self.snapshot.pools.get(pool) else { return };
        let Some(node) = pool_now.members.get(member) else { return };
        node.load.note_change(now);
        node.load.note_seen(why);
        let subject = format!("{}/{}", pool_now.name(), node.label);
        let (from, to) = (in_words(change.from), in_words(change.to));
        let level = if change.to == State::Active { log::Level::Info } else { log::Level::Warn };
        log::log!(level, "node {} of pool {} is {to}, was {from}: {why}", node.label, pool_now.name());
        let text = format!("{from} -> {to}: {why}");
        let (node_name, pool_name) = (Some(node.node.to_string()), Some(pool_now.name().to_string()));
        let about = About { node: node_name, pool: pool_name, ..About::default() };
        self.observer.events.push_about(SystemTime::now(), "state", &subject, &text, about);
        if let Some(counters) = self.pools.get(pool).and_then(|pool| pool.members.get(member)) {
            counters.changed(change.to.reason().map(Reason::word));
        }
    }

    /// Sets the gauges of all nodes' states.
    pub(crate) fn set_state_gauges(&self) {
        for (pool, run) in self.snapshot.pools.iter().zip(&self.pools) {
            for (member, counters) in pool.members.iter().zip(&run.members) {
                counters.state(member.state.state().reason().map(Reason::word));
            }
        }
    }
}

/// A state as the journal has it, with the reason for a passive node.
fn in_words(state: State) -> String {
    state.reason().map_or_else(|| state.word().to_string(), |reason| format!("passive ({})", reason.word()))
}
