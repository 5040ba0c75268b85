//! Waiting for what must come, bounded: the only place in these tests where time passes between two looks.

use std::time::{Duration, Instant};

/// How long anything may take before a test calls it lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `ready` until it says yes; fails the test with `what` when it never does.
#[track_caller]
pub(crate) fn eventually(what: &str, ready: impl FnMut() -> bool) {
    assert!(within(PATIENCE, ready), "it never came about that {what}");
}

/// Whether `ready` says yes before the time is over.
pub(crate) fn within(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
