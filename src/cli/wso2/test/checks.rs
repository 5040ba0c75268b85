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
use super::places::{self, Door};
use super::report::{Report, Subject};
use super::ways::Kind;
use crate::config::Pool;

/// Most requests that all checks send, besides those of a failover.
pub(super) fn most_requests(ground: &Ground<'_>) -> u32 {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let (services, envelopes) = (count(ground.services.len()), count(ground.envelopes.len()));
    let entries = ground.entries(&[Kind::Services, Kind::Console]);
    let workers = ground.entries(&[Kind::Services]);
    // A node's name may have several addresses.
    let addresses = |pool: &Pool| {
        let own = ground.ports.iter().filter(|port| port.pool.name == pool.name);
        count(own.map(|port| port.addresses.as_ref().map_or(0, Vec::len)).sum())
    };
    let at_door = |door: &Door<'_>| {
        let consoles = door.ways.iter().filter(|way| way.kind == Kind::Console);
        let walks: u32 = consoles.map(|way| 1 + addresses(way.pool)).sum();
        let at_site = if door.has(Kind::Services) { services * services::MOST_TRIES + envelopes } else { 0 };
        closed::requests(door) + walks * console::MOST_HOPS + at_site + 1
    };
    let at_doors: u32 = ground.doors.iter().filter(|door| !door.places.is_empty()).map(at_door).sum();
    let on_ports: u32 = ground.config.pools.iter().map(addresses).sum();
    let on_workers: u32 = workers.iter().map(|(pool, _)| addresses(pool) * (services + envelopes)).sum();
    let spread: u32 = workers.iter().map(|(pool, _)| spread::most(ground, pool)).sum();
    at_doors + on_ports + on_workers + spread + session::MOST * count(entries.len())
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
