//! One round of one column: what it may know, and how it is measured.

use std::thread;
use std::time::Duration;

use crate::columns::Kind;
use crate::figures::{CPU, Figures, MEMORY, P50, P99, P999, RATE};
use crate::load::Load;
use crate::proxies::Running;
use crate::result::Result;

/// What the options say of it.
pub(crate) struct Round {
    /// How long a load lasts.
    pub(crate) seconds: u64,
    /// How many sessions are learned, where that is what the workload does.
    pub(crate) sessions: usize,
}

/// Puts a faultless load on a proxy, and tells what it cost.
pub(super) fn measure(running: &mut Running<'_>, load: impl FnOnce(&Running<'_>) -> Result<Load>) -> Result<Figures> {
    let before = running.cpu();
    let load = load(running).and_then(Load::faultless);
    let spent = running.cpu() - before;
    running.alive()?;
    Ok(figures_of(&load?, spent).with(MEMORY, running.memory()))
}

/// The figures of a load that took so much CPU time.
pub(super) fn figures_of(load: &Load, spent: Duration) -> Figures {
    let each = spent.as_secs_f64() * 1e6 / load.requests as f64;
    Figures::default()
        .with(CPU, each)
        .with(RATE, load.requests as f64 / load.seconds)
        .with(P50, load.p50)
        .with(P99, load.p99)
        .with(P999, load.p999)
}

/// Lets what was let go of be cleared away before memory is read.
pub(super) fn settle() {
    thread::sleep(Duration::from_millis(300));
}

/// Whether a column remembers which session belongs to which node.
pub(super) fn learns(running: &Running<'_>) -> bool {
    matches!(running.column.kind, Kind::Weir | Kind::Haproxy)
}
