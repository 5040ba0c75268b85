//! The metrics for Prometheus. Handles are resolved when a snapshot is built; a request counts on them with a few relaxed
//! atomics. What stays over a reload keeps its counts; what goes takes its gauges along at once, and its counters after one
//! last scrape, when the last request there is over.

mod latency;
mod listeners;
mod names;
mod nodes;
mod process;
mod shelf;
mod sites;
mod slots;
mod tables;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use prometheus::{IntGauge, IntGaugeVec, Registry, TextEncoder};

pub use self::listeners::ListenerCounters;
pub use self::names::{NAMES, Name};
pub use self::nodes::{NodeCounters, PoolCounters, REASONS};
pub use self::shelf::GaugeGuard;
pub use self::sites::{Finished, RouteCounters, SiteCounters};

use self::shelf::Shelf;
use self::tables::Tables;

/// All metrics of one Weir.
pub struct Metrics {
    registry: Registry,
    tables: Arc<Tables>,
    routes: Shelf<RouteCounters>,
    sites: Shelf<SiteCounters>,
    pools: Shelf<PoolCounters>,
    nodes: Shelf<NodeCounters>,
    listeners: Shelf<ListenerCounters>,
    scrape: Mutex<Scrape>,
}

/// What a scrape needs, and no two scrapes at once.
#[derive(Default)]
struct Scrape {
    before: Vec<Refresh>,
}

type Refresh = Box<dyn Fn(&Metrics) + Send + Sync>;

impl Metrics {
    /// None counted yet; `now` is when the process started.
    pub fn new(version: &str, now: SystemTime) -> Self {
        let registry = Registry::new();
        let tables = Arc::new(Tables::registered_in(&registry));
        tables.build_info.with_label_values(&[version]).set(1);
        only(&tables.start_time).set(unix(now));
        only(&tables.reload_last_success).set(1);
        only(&tables.reload_last_timestamp).set(unix(now));
        for result in ["accepted", "refused"] {
            tables.reloads.with_label_values(&[result]);
        }
        let (routes, sites, pools, nodes, listeners, scrape) = Default::default();
        Self { registry, tables, routes, sites, pools, nodes, listeners, scrape }
    }

    /// The counters of what `site` sends to `node` of `pool`; with an empty pool and node, of what it answers itself, and
    /// with an empty site too, of what never reached one.
    pub fn route(&self, site: &str, pool: &str, node: &str) -> Arc<RouteCounters> {
        let labels = [or_dash(site), or_dash(pool), or_dash(node)];
        let node = (!node.is_empty()).then(|| self.counters_of(pool, node));
        let site = self.counters_at(or_dash(site));
        self.routes.handle(&labels, || RouteCounters::new(&self.tables, labels, site, node))
    }

    /// The counters and gauges of a site, which the next configuration has.
    pub fn site(&self, site: &str) -> Arc<SiteCounters> {
        let counters = self.counters_at(or_dash(site));
        counters.arrive();
        counters
    }

    /// The counters and gauges of a pool, which the next configuration has.
    pub fn pool(&self, pool: &str) -> Arc<PoolCounters> {
        let counters = self.pools.handle(&[pool], || PoolCounters::new(&self.tables, pool));
        counters.arrive();
        counters
    }

    /// The counters and gauges of a node in a pool, which the next configuration has.
    pub fn node(&self, pool: &str, node: &str) -> Arc<NodeCounters> {
        let counters = self.counters_of(pool, node);
        counters.arrive();
        counters
    }

    fn counters_at(&self, site: &str) -> Arc<SiteCounters> {
        self.sites.handle(&[site], || SiteCounters::new(&self.tables, site))
    }

    fn counters_of(&self, pool: &str, node: &str) -> Arc<NodeCounters> {
        self.nodes.handle(&[pool, node], || NodeCounters::new(&self.tables, [pool, node]))
    }

    /// The counters of a listener.
    pub fn listener(&self, listener: &str) -> Arc<ListenerCounters> {
        self.listeners.handle(&[listener], || ListenerCounters::new(&self.tables, listener))
    }

    /// The configuration in use.
    pub fn generation(&self, generation: u64) {
        only(&self.tables.generation).set(i64::try_from(generation).unwrap_or(i64::MAX));
    }

    /// A reload was accepted or refused.
    pub fn reloaded(&self, now: SystemTime, accepted: bool) {
        only(&self.tables.reload_last_success).set(accepted.into());
        only(&self.tables.reload_last_timestamp).set(unix(now));
        self.tables.reloads.with_label_values(&[if accepted { "accepted" } else { "refused" }]).inc();
    }

    /// The lines lost so far, by log: all logs there are, so that a log which is closed loses its series.
    pub fn log_dropped(&self, logs: &[(String, u64)]) {
        let dropped = &self.tables.log_dropped;
        dropped.reset();
        for (log, lost) in logs {
            dropped.with_label_values(&[log]).inc_by(*lost);
        }
    }

    /// Calls `refresh` before each scrape, for what is cheaper asked than kept: sessions, requests in flight, lost lines.
    /// It must not scrape itself.
    pub fn before_scrape(&self, refresh: impl Fn(&Self) + Send + Sync + 'static) {
        self.scrape.lock().before.push(Box::new(refresh));
    }

    /// Everything in Prometheus' text format (0.0.4). What nobody holds any more is shown for the last time.
    pub fn text(&self) -> String {
        let scrape = self.scrape.lock();
        scrape.before.iter().for_each(|refresh| refresh(self));
        process::read_into(&self.tables);
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            log::warn!("metrics: {error}");
        }
        self.sweep();
        text
    }

    /// Forgets the series of handles that nobody holds. [`Self::text`] does so too; this is for a Weir that nobody scrapes
    /// and that is reloaded often.
    pub fn sweep(&self) {
        // Routes hold sites and nodes, so they go first.
        self.routes.sweep();
        self.sites.sweep();
        self.pools.sweep();
        self.nodes.sweep();
        self.listeners.sweep();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The only series of a metric without labels.
fn only(gauge: &IntGaugeVec) -> IntGauge {
    gauge.with_label_values::<&str>(&[])
}

fn or_dash(name: &str) -> &str {
    if name.is_empty() { "-" } else { name }
}

fn unix(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
