//! What a reload costs those who are being served, and how long it takes until it holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::round::{Round, figures_of};
use crate::clients::once;
use crate::figures::{ERRORS, Figures, MEMORY};
use crate::load::Load;
use crate::load::wrk::{Ask, Wrk};
use crate::proxies::Running;
use crate::result::Result;
use crate::testbed::{certify, site_host};

/// From the signal until a new connection sees the new certificate.
pub(super) const RELOAD: &str = "reload ms";

const EVERY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(180);

/// Connections that a reload cuts are counted and shown: they are what is measured.
pub(super) fn often(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let over = AtomicBool::new(false);
    let before = running.cpu();
    let load = thread::scope(|scope| {
        let reloads = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                running.reload()?;
                thread::sleep(EVERY);
            }
            Ok::<_, String>(())
        });
        let load = fast(round).run(running.testbed(), false, running.ports.http);
        over.store(true, Ordering::Relaxed);
        reloads.join().map_err(|_| "the reloads broke down".to_owned())??;
        load
    })?;
    let figures = served(&load)?;
    let spent = running.cpu() - before;
    running.alive()?;
    Ok(figures(spent).with(ERRORS, load.errors as f64).with(MEMORY, running.memory()))
}

/// Starts it, replaces the certificate of one of its sites, and reloads while small requests are answered.
pub(super) fn sites(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let begun = Instant::now();
    running.restart()?;
    let start = begun.elapsed();
    let memory = running.memory();
    let before = running.cpu();
    let (load, reload) = thread::scope(|scope| {
        let reload = scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            replace(running)
        });
        // The load must outlast the reload, which takes about as long as the start.
        let seconds = round.seconds.max(start.as_secs() * 3 / 2 + 2);
        let load = Wrk { seconds, ..fast(round) }.run(running.testbed(), false, running.ports.http);
        let reload = reload.join().map_err(|_| "the reload broke down".to_owned())?;
        Ok::<_, String>((load?, reload?))
    })?;
    let figures = served(&load)?;
    let spent = running.cpu() - before;
    running.alive()?;
    let mut shown = Figures::default()
        .with(RELOAD, millis(reload))
        .with("start ms", millis(start))
        .with(MEMORY, memory)
        .with("after KiB", running.memory())
        .with("worst µs", load.worst)
        .with(ERRORS, load.errors as f64);
    figures(spent).iter().for_each(|(name, value)| shown.set(name, value));
    Ok(shown)
}

/// How long the change took to hold.
fn replace(running: &Running<'_>) -> Result<Duration> {
    let host = site_host(0);
    let seen = || once::https(running.ports.edge, &host, "/").map(|answer| answer.certificate);
    let old = seen()?;
    certify(&running.testbed().dir.join("sites"), 0)?;
    let begun = Instant::now();
    running.reload()?;
    while begun.elapsed() < PATIENCE {
        // A connection that is refused or cut meanwhile is one that does not see the change.
        if seen().is_ok_and(|certificate| certificate != old) {
            return Ok(begun.elapsed());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Err("a reload never took hold".to_owned())
}

fn fast(round: &Round) -> Wrk<'static> {
    Wrk { connections: 32, seconds: round.seconds, ask: Ask::Small }
}

fn served(load: &Load) -> Result<impl Fn(Duration) -> Figures> {
    match load.requests {
        0 => Err(format!("not one request was answered: {}", load.complaint)),
        _ => Ok(move |spent| figures_of(load, spent)),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
