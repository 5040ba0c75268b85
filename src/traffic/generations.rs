//! Which of the generations that have the same pool decides what its nodes do and calls those who wait there: the newest
//! of those that are left. So a pool that the running one has no longer is looked after for as long as requests use it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::snapshot::Snapshot;

/// To be called whenever a generation comes or goes, with all there are, the newest first.
pub fn mark_superseded<'g>(newest_first: impl Iterator<Item = &'g Snapshot>) {
    let mut decided = HashSet::new();
    for pool in newest_first.flat_map(|generation| &generation.pools) {
        pool.superseded.store(!decided.insert(Arc::as_ptr(&pool.waiting)), Relaxed);
    }
}

/// Whether somebody waits in the generation whom no newer one calls.
pub fn has_waiters(generation: &Snapshot) -> bool {
    generation.pools.iter().any(|pool| !pool.waiting.is_empty() && !pool.is_superseded())
}
