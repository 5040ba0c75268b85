//! One kind of request, again and again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::round::{Round, measure};
use crate::clients::{once, upload};
use crate::figures::{Figures, RATE};
use crate::load::h2load;
use crate::load::wrk::{Ask, Wrk};
use crate::proxies::Running;
use crate::result::Result;
use crate::testbed::{HOST, write_file};

/// Sessions that small-tls uses in turn.
const SESSIONS: usize = 32;

/// Requests that tell about how fast a proxy is.
const FIRST: usize = 4000;

/// The most memory at any moment.
const PEAK: &str = "peak KiB";

pub(super) fn small_http(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    wrk(running, round, 32, Ask::Small, false)
}

pub(super) fn small_tls(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let cookies = cookies(running)?;
    wrk(running, round, 32, Ask::Cookies(&cookies), true)
}

pub(super) fn conn_http(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    wrk(running, round, 32, Ask::Close, false)
}

pub(super) fn h2_small(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    // How many fit into the time is found out once for each start, so that all rounds are alike.
    let rate = match running.facts.of(RATE) {
        Some(rate) => rate,
        None => {
            let load = h2load::small(running.testbed(), running.ports.edge, FIRST)?.faultless()?;
            load.requests as f64 / load.seconds
        }
    };
    running.facts.set(RATE, rate);
    let count = (rate * round.seconds as f64).max(FIRST as f64) as usize;
    measure(running, |running| h2load::small(running.testbed(), running.ports.edge, count))
}

pub(super) fn post(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let post = Wrk { connections: 16, seconds: round.seconds, ask: Ask::Post };
    measure(running, |running| post.run(running.testbed(), false, running.ports.upload))
}

pub(super) fn big_http(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    wrk(running, round, 8, Ask::Big, false)
}

pub(super) fn big_tls(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    wrk(running, round, 8, Ask::Big, true)
}

pub(super) fn upload(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let mut peak = 0.0;
    let figures = measure(running, |running| {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let watch = scope.spawn(|| highest(running, &over));
            let load = upload::run(running.ports.upload, 100 << 20, round.seconds);
            over.store(true, Ordering::Relaxed);
            peak = watch.join().unwrap_or(f64::NAN);
            load
        })
    })?;
    Ok(figures.with(PEAK, peak))
}

fn highest(running: &Running<'_>, over: &AtomicBool) -> f64 {
    let mut highest = 0.0_f64;
    while !over.load(Ordering::Relaxed) {
        highest = highest.max(running.memory());
        thread::sleep(Duration::from_millis(50));
    }
    highest
}

fn wrk(running: &mut Running<'_>, round: &Round, connections: usize, ask: Ask<'_>, tls: bool) -> Result<Figures> {
    let wrk = Wrk { connections, seconds: round.seconds, ask };
    measure(running, |running| {
        wrk.run(running.testbed(), tls, if tls { running.ports.https } else { running.ports.http })
    })
}

/// A file of session ids that this very start of the proxy has seen given out.
pub(super) fn cookies(running: &Running<'_>) -> Result<PathBuf> {
    let file = running.testbed().dir.join(format!("scripts/sessions-{}-{}", running.column.name, running.id()));
    if !file.is_file() {
        let mut ids = String::new();
        for _ in 0..SESSIONS {
            let answer = once::https(running.ports.https, HOST, "/login")?;
            let id = answer.cookie("JSESSIONID").ok_or_else(|| format!("/login sets no session: {}", answer.head))?;
            ids.push_str(id);
            ids.push('\n');
        }
        write_file(&file, &ids)?;
    }
    Ok(file)
}
