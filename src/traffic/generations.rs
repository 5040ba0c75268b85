//! Several generations can have the same pool. The newest of them that still exists changes the states of its nodes and
//! wakes the requests that wait there. So a pool that a reload removed is still managed while requests use it.

use std::collections::HashSet;
use std::sync::Arc;

use super::snapshot::Snapshot;
use crate::traffic::sync::atomic::Ordering::Relaxed;

/// Must be called when a generation is added or dropped, with all generations, newest first.
pub fn mark_superseded<'g>(newest_first: impl Iterator<Item = &'g Snapshot>) {
    let mut decided = HashSet::new();
    for pool in newest_first.flat_map(|generation| &generation.pools) {
        pool.superseded.store(!decided.insert(Arc::as_ptr(&pool.waiting)), Relaxed);
    }
}

/// Whether requests wait in this generation that no newer generation wakes.
pub fn has_waiters(generation: &Snapshot) -> bool {
    generation.pools.iter().any(|pool| !pool.waiting.is_empty() && !pool.is_superseded())
}
