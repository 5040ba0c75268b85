//! Many connections at once that each do little.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::round::{Round, measure, settle};
use crate::clients::idle::IdleConnections;
use crate::clients::slow::Slow;
use crate::clients::tunnels::Tunnels;
use crate::figures::{Figures, MEMORY};
use crate::load::wrk::{Ask, Wrk};
use crate::proxies::Running;
use crate::result::Result;

/// Memory of one idle connection.
pub(super) const EACH: &str = "KiB each";

const IDLE: usize = 8000;
/// Connections that come and go first, so that what is made once for all is there already.
const WARM: usize = 64;
const SLOW: usize = 1000;
const TUNNELS: usize = 1000;

pub(super) fn idle(running: &mut Running<'_>, _: &Round) -> Result<Figures> {
    idle_of(running, running.ports.http, false)
}

pub(super) fn idle_tls(running: &mut Running<'_>, _: &Round) -> Result<Figures> {
    idle_of(running, running.ports.edge, true)
}

/// From a fresh start each time: memory that was used once is rarely given back.
fn idle_of(running: &mut Running<'_>, port: u16, tls: bool) -> Result<Figures> {
    running.restart()?;
    drop(IdleConnections::open(port, WARM, tls)?);
    settle();
    let before = running.memory();
    let mut held = IdleConnections::open(port, IDLE, tls)?;
    settle();
    let after = running.memory();
    held.still_answer()?;
    running.alive()?;
    Ok(Figures::default().with(EACH, (after - before) / IDLE as f64).with("start KiB", before).with(MEMORY, after))
}

pub(super) fn slow(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let fast = Wrk { connections: 32, seconds: round.seconds, ask: Ask::Small };
    let mut slow = Slow::open(running.ports.http, SLOW)?;
    let over = AtomicBool::new(false);
    let figures = thread::scope(|scope| {
        let reading = scope.spawn(|| slow.read_until(&over));
        let figures = measure(running, |running| fast.run(running.testbed(), false, running.ports.http));
        over.store(true, Ordering::Relaxed);
        reading.join().map_err(|_| "the slow clients broke down".to_owned())??;
        figures
    })?;
    drop(slow);
    settle();
    Ok(figures.with("afterwards KiB", running.memory()))
}

pub(super) fn websocket(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let tunnels = Tunnels::open(running.ports.upload, TUNNELS)?;
    let mut held = 0.0;
    let figures = measure(running, |running| {
        held = running.memory();
        tunnels.echo(round.seconds)
    })?;
    settle();
    Ok(figures.with(MEMORY, held))
}
