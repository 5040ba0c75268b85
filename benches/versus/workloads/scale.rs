//! Much of what a configuration or a day may bring: sessions, nodes.

use super::round::{Round, learns, settle};
use super::steady;
use crate::figures::{Figures, MEMORY};
use crate::load::{Load, h2load};
use crate::proxies::Running;
use crate::result::Result;

/// What the sessions take, together.
const SESSIONS: &str = "sessions KiB";

/// Memory before any node was asked.
const BEFORE: &str = "before KiB";

/// Once for each start the sessions are learned, then it is small-tls while they are there.
pub(super) fn sessions(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let taken = match running.facts.of(SESSIONS) {
        Some(taken) => taken,
        None => learn(running, round.sessions)?,
    };
    Ok(steady::small_tls(running, round)?.with(SESSIONS, taken))
}

fn learn(running: &mut Running<'_>, count: usize) -> Result<f64> {
    let login = |count| h2load::logins(running.ports.https, count).and_then(Load::faultless);
    // Connections and their buffers are made before the memory is read.
    login(2000)?;
    settle();
    let before = running.memory();
    if learns(running) {
        login(count)?;
        settle();
    }
    let taken = running.memory() - before;
    running.alive()?;
    running.facts.set(SESSIONS, taken);
    Ok(taken)
}

/// Once for each start every node is met first: a thousand connections that are opened within a short load would be most
/// of what its p99 tells.
pub(super) fn nodes(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let start = match running.facts.of(BEFORE) {
        Some(start) => start,
        None => {
            let start = running.memory();
            steady::small_http(running, round)?;
            start
        }
    };
    running.facts.set(BEFORE, start);
    Ok(steady::small_http(running, round)?.with(BEFORE, start).with(MEMORY, running.memory()))
}
