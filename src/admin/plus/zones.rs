//! Sites as server zones, routes as location zones, rates and limits of connections.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::form::{Codes, Responses, Zones, requests};
use crate::config::Site;
use crate::control::state::Control;
use crate::observe::metrics::{Counts, Tally};
use crate::proxy::generation::{Generation, RunningSite};
use crate::traffic::message::refusal::Refusal;

/// A server zone or a location zone.
#[derive(Serialize)]
struct Zone {
    requests: u64,
    responses: Responses,
    /// Requests that ended without an answer. Each has a status in Weir's counts, 499 if its client left.
    discarded: u64,
    /// Bytes of bodies.
    received: u64,
    sent: u64,
}

/// The sites.
pub(super) fn servers(control: &Control) -> Zones {
    let mut codes: HashMap<String, Codes> = HashMap::new();
    control.observer.metrics.each_status(|[site, _, _], code, count| {
        *codes.entry(site.to_owned()).or_default().entry(code).or_default() += count;
    });
    let generation = control.current.load_full();
    let zone = |(site, run): (&Site, &RunningSite)| {
        let codes = codes.remove(&*site.name).unwrap_or_default();
        (site.name.to_string(), Zone::of(&sum(run), Some(codes)))
    };
    sites(&generation).map(zone).collect()
}

/// The routes, as `site/route`; what no route matches is `site/-`.
pub(super) fn locations(control: &Control) -> Zones {
    let generation = control.current.load_full();
    let routes = |(site, run): (&Site, &RunningSite)| {
        let named = site.routes.iter().map(|route| &*route.name).zip(&run.by_route);
        let all = named.chain([("-", &run.without_route)]);
        all.map(|(route, tally)| (format!("{}/{route}", site.name), Zone::of(&tally.read(), None))).collect::<Zones>()
    };
    sites(&generation).flat_map(routes).collect()
}

/// The sites that have a rate, for themselves or for a route.
pub(super) fn rates(control: &Control) -> Zones {
    let generation = control.current.load_full();
    let limited = sites(&generation)
        .filter(|(site, _)| site.rate.is_some() || site.routes.iter().any(|route| route.rate.is_some()));
    let zone = |(site, run): (&Site, &RunningSite)| {
        let (delayed, rejected) = (run.counters.count_delayed(), run.counters.count_refused(RATE_LIMITED));
        let passed = requests(&sum(run)).saturating_sub(delayed + rejected);
        let zone = json!({
            "passed": passed,
            "delayed": delayed,
            "rejected": rejected,
            "delayed_dry_run": 0,
            "rejected_dry_run": 0,
        });
        (site.name.to_string(), zone)
    };
    limited.map(zone).collect()
}

const RATE_LIMITED: &str = Refusal::RateLimited.word();

/// The listeners that limit connections.
pub(super) fn connections(control: &Control) -> Zones {
    let generation = control.current.load_full();
    let limited =
        generation.listeners.iter().filter(|listener| listener.most.is_some() || listener.most_per_client.is_some());
    let zone = limited.map(|listener| {
        let counts = listener.counters.counts();
        let zone = json!({ "passed": counts.connections, "rejected": counts.turned_away, "rejected_dry_run": 0 });
        (listener.name.to_string(), zone)
    });
    zone.collect()
}

impl Zone {
    fn of(counts: &Counts, codes: Option<Codes>) -> Value {
        let zone = Self {
            requests: requests(counts),
            responses: Responses::of(counts, codes),
            discarded: 0,
            received: counts.received,
            sent: counts.sent,
        };
        json!(zone)
    }
}

fn sites(generation: &Generation) -> impl Iterator<Item = (&Site, &RunningSite)> {
    generation.snapshot.config.sites.iter().zip(&generation.sites)
}

fn sum(site: &RunningSite) -> Counts {
    let mut sum = Counts::default();
    let tallies = site.by_route.iter().chain([&site.without_route]);
    tallies.for_each(|tally: &std::sync::Arc<Tally>| sum.add(&tally.read()));
    sum
}
