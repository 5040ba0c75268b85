//! Nodes that are ejected, as one process tells the next: otherwise each would get requests again until it fails once more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::state::Control;
use crate::traffic::pool::state::HandedEjection;
use crate::traffic::tick::Tick;

/// A node of a pool that is ejected.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ejected {
    pool: String,
    node: String,
    left_ms: u64,
    only_connects: bool,
    counted: u32,
}

/// Those that are ejected now.
pub(super) fn of(control: &Control) -> Vec<Ejected> {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    let mut all = Vec::new();
    for pool in &generation.snapshot.pools {
        for member in &pool.members {
            if let Some(HandedEjection { left, only_connects, counted }) = member.state.to_hand_over(now) {
                let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                let (pool, node) = (pool.name().to_string(), member.label.to_string());
                all.push(Ejected { pool, node, left_ms, only_connects, counted });
            }
        }
    }
    all
}

/// Goes on with them, where they still are.
pub(super) fn go_on(control: &Control, all: &[Ejected]) {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    for Ejected { pool: name, node, left_ms, only_connects, counted } in all {
        let mut pools = generation.snapshot.pools.iter().enumerate();
        let Some((index, pool)) = pools.find(|(_, pool)| **pool.name() == **name) else { continue };
        let Some(member) = pool.members.iter().position(|member| *member.label == **node) else { continue };
        let left = Duration::from_millis(*left_ms);
        let ejection = HandedEjection { left, only_connects: *only_connects, counted: *counted };
        let change = pool.members[member].state.go_on(ejection, now);
        generation.announce(index, member, change, "the process before had ejected it", now);
    }
}
