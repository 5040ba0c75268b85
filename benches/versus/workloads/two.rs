//! Two of a proxy that have their sessions in common: what that costs, and when the other one knows a session.

use std::thread;
use std::time::Duration;

use super::round::{Round, measure};
use crate::clients::once::{self, Connection};
use crate::figures::Figures;
use crate::load::h2load;
use crate::proxies::Running;
use crate::result::Result;
use crate::testbed::HOST;

/// Logins a second.
const PACE: u64 = 2000;

/// Sessions that are asked for at the other one at once, in percent, that were led to another node.
const ASTRAY: &str = "astray %";

/// From a login until the other one leads all its sessions right.
const KNOWN: &str = "known ms";

/// After how many milliseconds it is tried, with how many sessions each.
const AFTER: [u64; 6] = [0, 1, 2, 5, 20, 100];
const EACH: usize = 50;

/// The cost is of both proxies, and of all that they need for it.
pub(super) fn logins(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    let figures = measure(running, |running| {
        h2load::paced_logins(running.testbed(), running.ports.https, (PACE, round.seconds))
    })?;
    let mut astray = Vec::new();
    for after in AFTER {
        astray.push(led_astray(running, Duration::from_millis(after))?);
    }
    let knows = astray.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
    let known = AFTER.get(knows).map_or(f64::NAN, |after| *after as f64);
    Ok(figures.with(ASTRAY, astray[0] as f64 * 100.0 / EACH as f64).with(KNOWN, known))
}

/// How many of some new sessions the other one leads to another node, so long after their login.
fn led_astray(running: &Running<'_>, after: Duration) -> Result<usize> {
    let mut astray = 0;
    for _ in 0..EACH {
        let other = Connection::open(running.second().https, HOST)?;
        let login = once::https(running.ports.https, HOST, "/login")?;
        let session = login.cookie("JSESSIONID").ok_or("a login without a session")?;
        let node = login.field("x-node").ok_or("a login without a node")?;
        thread::sleep(after);
        let answer = other.ask("/node", &format!("Cookie: JSESSIONID={session}\r\n"))?;
        astray += usize::from(answer.field("x-node") != Some(node));
    }
    Ok(astray)
}
