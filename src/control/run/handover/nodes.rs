//! What one process tells the next of nodes: which are ejected, or each would get requests again until it fails once more; how far
//! those are that start slowly, or all would be as cold as the one that just came back; and how many requests it still runs at those that
//! may have only so many, or each could have twice as many.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::state::Control;
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::{HandedEjection, State};
use crate::traffic::tick::Tick;

/// A node of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    pool: String,
    node: String,
}

impl Named {
    fn of(pool: &Pool, member: &Member) -> Self {
        Self { pool: pool.name().to_string(), node: member.label.to_string() }
    }

    fn names(&self) -> (&str, &str) {
        (&self.pool, &self.node)
    }

    /// The places of pool and node, where they still are, and the node.
    fn find<'g>(&self, generation: &'g Generation) -> Option<(usize, usize, &'g Member)> {
        let mut pools = generation.snapshot.pools.iter().enumerate();
        let (index, pool) = pools.find(|(_, pool)| **pool.name() == *self.pool)?;
        let mut members = pool.members.iter().enumerate();
        members.find(|(_, member)| *member.label == *self.node).map(|(at, member)| (index, at, member))
    }
}

/// A node that is ejected.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ejected {
    #[serde(flatten)]
    at: Named,
    left_ms: u64,
    only_connects: bool,
    counted: u32,
}

/// A node with a slow start that is active, and how far it is; no time: it has its whole share.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Warming {
    #[serde(flatten)]
    at: Named,
    climbed_ms: Option<u64>,
}

/// A node with `max-requests`, and the requests that run there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    #[serde(flatten)]
    at: Named,
    requests: u32,
}

/// Those where some run now.
pub(super) fn running(control: &Control) -> Vec<Running> {
    of_each(control, |pool, member| {
        let requests = member.most.map(|_| member.load.in_flight()).filter(|requests| *requests > 0)?;
        Some(Running { at: Named::of(pool, member), requests })
    })
}

/// Of all requests that the process before still runs: they count here too, and those that waited for an end of some go on. Only where
/// requests can wait: what is told is some milliseconds old, and a pool without a queue would refuse requests for those that have ended.
pub(super) fn count_before(control: &Control, running: &[Running]) {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    let counts: HashMap<(&str, &str), u32> = running.iter().map(|told| (told.at.names(), told.requests)).collect();
    for pool in &generation.snapshot.pools {
        for member in &pool.members {
            let requests = pool.settings.queue.and_then(|_| counts.get(&(pool.name(), &member.label)));
            member.load.set_before(requests.copied().unwrap_or(0));
        }
        pool.give_permits(now);
    }
}

/// Those that are ejected now.
pub(super) fn ejected(control: &Control) -> Vec<Ejected> {
    let now = Tick::from_millis(control.now());
    of_each(control, |pool, member| {
        let HandedEjection { left, only_connects, counted } = member.state.to_hand_over(now)?;
        Some(Ejected { at: Named::of(pool, member), left_ms: in_ms(left), only_connects, counted })
    })
}

/// Those that may start slowly, and are active now.
pub(super) fn warming(control: &Control) -> Vec<Warming> {
    of_each(control, |pool, member| {
        let may = !member.slow_start.is_zero() && member.state.state() == State::Active;
        may.then(|| Warming { at: Named::of(pool, member), climbed_ms: member.load.climbed().map(in_ms) })
    })
}

fn of_each<T>(control: &Control, of: impl Fn(&Pool, &Member) -> Option<T>) -> Vec<T> {
    let generation = control.current.load_full();
    let each = generation.snapshot.pools.iter().flat_map(|pool| pool.members.iter().map(move |member| (pool, member)));
    each.filter_map(|(pool, member)| of(pool, member)).collect()
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Goes on with them, where they still are.
pub(super) fn go_on(control: &Control, ejected: &[Ejected], warming: &[Warming]) {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    for Warming { at, climbed_ms } in warming {
        if let Some((.., member)) = at.find(&generation) {
            member.load.go_on_from(member.slow_start, climbed_ms.map(Duration::from_millis));
        }
    }
    for Ejected { at, left_ms, only_connects, counted } in ejected {
        let Some((pool, node, member)) = at.find(&generation) else { continue };
        let left = Duration::from_millis(*left_ms);
        let ejection = HandedEjection { left, only_connects: *only_connects, counted: *counted };
        let change = member.state.go_on(ejection, now);
        generation.announce(pool, node, change, "the process before had ejected it", now);
    }
}
