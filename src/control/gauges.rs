//! The gauges of the metrics. Their values are computed when they are asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::cluster::view::Membership;
use super::shared::board::Counts;
use super::shared::server::State;
use super::state::Control;
use crate::config::{Certificate, Config};
use crate::observe::metrics::{ClusterGauges, SharedNumbers, SharedServerNumbers};
use crate::proxy::io::memory;
use crate::traffic::pool::outage::PoolStatus;
use crate::traffic::pool::state::Reason;

/// Updates the gauges before each scrape, for as long as this Weir runs.
pub(crate) fn before_each_scrape(control: &Arc<Control>) {
    let scraped = Arc::downgrade(control);
    control.observer.metrics.before_scrape(move |_| {
        scraped.upgrade().iter().for_each(|control| refresh(control));
    });
}

fn refresh(control: &Control) {
    let generation = control.current.load_full();
    for (pool, run) in generation.snapshot.pools.iter().zip(&generation.pools) {
        match &pool.sessions {
            Some(sessions) => run.counters.sessions(sessions.len(), sessions.max()),
            None => run.counters.no_sessions(),
        }
        let without_node = pool.status() != PoolStatus::Active;
        run.counters.set_gauges(pool.waiting.len(), pool.budget.left(), without_node);
        for (member, counters) in pool.members.iter().zip(&run.members) {
            counters.warmth(member.load.warmth() / 10);
            counters.limits(member.weight, member.most);
            counters.in_flight(member.load.in_flight() as usize);
            counters.idle(control.idle_on(member.link));
            counters.state(member.state.state().reason().map(Reason::word));
        }
    }
    for (site, run) in generation.snapshot.config.sites.iter().zip(&generation.sites) {
        run.counters.certificate_valid(site.first_to_expire().map(valid));
    }
    let admin = generation.snapshot.config.admin.tls.as_ref().map(|tls| valid(&tls.certificate));
    control.observer.metrics.certificate_valid(Config::OF_ADMIN, admin);
    control.observer.metrics.order_failures(&control.acme.lock().failures());
    of_cluster(control);
    of_shared(control);
    control.observer.metrics.memory(memory::limit(), memory::is_short());
    control.observer.metrics.log_dropped(&control.observer.logs.dropped());
}

/// In Unix seconds.
fn valid(certificate: &Certificate) -> (i64, i64) {
    (certificate.pair.leaf.not_before, certificate.pair.leaf.not_after)
}

fn of_cluster(control: &Control) {
    let state = control.cluster.lock();
    let metrics = &control.observer.metrics;
    let Some(state) = state.as_ref() else { return metrics.cluster(None) };
    let known = state.nodes(Instant::now()).filter_map(|(node, place)| match place.membership {
        Membership::Outside | Membership::Unknown => None,
        membership => Some((node, !membership.is_out())),
    });
    let sources: Vec<(&str, bool)> =
        state.sources().iter().map(|source| (&*source.name, source.members().is_some())).collect();
    let (split, members) = (state.split().is_some(), known.collect::<Vec<_>>());
    metrics.cluster(Some(ClusterGauges { split, members: &members, sources: &sources }));
}

fn of_shared(control: &Control) {
    let servers = control.shared_board.servers.lock().clone();
    if servers.is_empty() {
        return control.observer.metrics.shared(None);
    }
    let numbers = servers.iter().map(|server| {
        let (waiting, told) = server.waiting_and_told();
        let (up, State { lag, .. }) = (server.is_well(), server.state());
        SharedServerNumbers { name: server.name.to_string(), up, lag: lag.filter(|_| up), waiting, told }
    });
    let (skipped, late, unconfirmed) = control.sharing.counts();
    let Counts { found, unknown, followed, foreign, later, rates_told, rates_heard, rates_lost } =
        &*control.shared_board.counts;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let numbers = SharedNumbers {
        servers: numbers.collect(),
        lookups: [("found", read(found)), ("unknown", read(unknown)), ("late", late), ("skipped", skipped)],
        refused: [("foreign", read(foreign)), ("later", read(later))],
        rates: [("told", read(rates_told)), ("heard", read(rates_heard)), ("lost", read(rates_lost))],
        moves: read(followed),
        unconfirmed,
    };
    control.observer.metrics.shared(Some(&numbers));
}
