//! All checks, in the order in which their lines help most: names and ports first, what follows from them later.

mod certificates;
mod closed;
mod console;
mod ports;
mod redirects;
mod reload;
mod services;
mod session;
mod spread;
mod states;

use super::ground::Ground;
use super::places;
use super::report::{Report, Subject};
use super::ways::Kind;

/// Most requests that all checks send, besides those of a failover.
pub(super) fn most_requests(ground: &Ground<'_>) -> u32 {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let pools = count(ground.entries(&[Kind::Services]).len());
    let consoles = count(ground.open(Kind::Console).count());
    let ports = count(ground.config.pools.iter().map(|pool| pool.members.len()).sum());
    let services = count(ground.services.len());
    let envelopes = count(ground.envelopes.len());
    let doors: u32 = ground.doors.iter().filter(|door| !door.places.is_empty()).map(closed::requests).sum();
    doors
        + ports * (1 + (services + envelopes).max(1))
        + consoles * console::MOST_HOPS * 2
        + (services * services::MOST_TRIES + envelopes) * count(ground.open(Kind::Services).count())
        + pools * (spread::MOST + session::MOST)
        + consoles * session::MOST
        + count(ground.doors.len())
}

/// Runs them. `api` is why Weir itself could not be asked.
pub(super) async fn run(ground: &Ground<'_>, given: bool, api: Result<(), String>, report: &mut Report) {
    let is_told = api.is_ok();
    let weir = Subject::new("weir", "the running Weir");
    match api {
        Ok(()) => report.passed(weir, "tells how its nodes are"),
        Err(why) => report.failed(weir, why, "run this where Weir runs, as root, or say --admin and --token-file"),
    }
    if is_told {
        reload::check(ground, report).await;
    }
    places::check(ground.config, &ground.doors, given, report).await;
    certificates::check(ground, report).await;
    let reached = ports::check(ground, report).await;
    if is_told {
        states::check(ground, report);
    }
    console::check(ground, &reached, report).await;
    closed::check(ground, report).await;
    services::check(ground, &reached, report).await;
    redirects::check(ground, report).await;
    if is_told {
        spread::check(ground, report).await;
        session::check(ground, report).await;
    }
}
