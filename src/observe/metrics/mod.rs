//! The metrics for Prometheus. Handles are resolved when a generation is built, and a request counts with a few relaxed
//! atomic additions. What a reload keeps goes on counting. What it removes loses its gauges at once, and its counters after
//! the first scrape at which no request holds them any more.

mod buckets;
mod definitions;
mod handles;
mod histogram;
mod lazy_counters;
mod listeners;
mod metric_vecs;
mod nodes;
mod process;
mod scrape;
mod sites;
mod spans;
mod tally;
mod word_counts;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use prometheus::{IntGauge, IntGaugeVec, Registry, TextEncoder};

pub use self::definitions::{DEFINITIONS, Definition};
pub use self::handles::GaugeGuard;
pub use self::listeners::{ListenerCounters, ListenerCounts};
pub use self::nodes::{NodeCounters, PoolCounters, REASONS};
pub use self::scrape::shared::{SharedNumbers, SharedServerNumbers};
pub use self::sites::{RouteCounters, SiteCounters};
pub use self::spans::SpanCounters;
pub use self::tally::{Finished, Tally};

pub(crate) use self::buckets::percentile;
pub(crate) use self::tally::Counts;

use self::handles::Handles;
use self::metric_vecs::MetricVecs;
use self::scrape::earlier::Earlier;
use self::scrape::open_metrics;

/// All metrics of one Weir.
pub struct Metrics {
    registry: Registry,
    vecs: Arc<MetricVecs>,
    routes: Handles<RouteCounters>,
    sites: Handles<SiteCounters>,
    pools: Handles<PoolCounters>,
    nodes: Handles<NodeCounters>,
    listeners: Handles<ListenerCounters>,
    /// The nodes' names that are looked up.
    names: Mutex<Vec<Arc<str>>>,
    scrape: Mutex<Scrape>,
}

/// What is called before a scrape. Its lock keeps two scrapes from running at once.
#[derive(Default)]
struct Scrape {
    before: Vec<Refresh>,
    /// What the process before counted.
    earlier: Option<Earlier>,
}

type Refresh = Box<dyn Fn(&Metrics) + Send + Sync>;

/// What is known of the nodes' own cluster.
#[derive(Clone, Copy, Debug)]
pub struct ClusterGauges<'a> {
    /// Whether its members disagree about who is in it.
    pub split: bool,
    /// Nodes, and whether each is in it.
    pub members: &'a [(&'a str, bool)],
    /// Who is asked, and whether each says something.
    pub sources: &'a [(&'a str, bool)],
}

impl Metrics {
    /// All at zero; `now` is when the process started.
    pub fn new(version: &str, now: SystemTime) -> Self {
        let registry = Registry::new();
        let vecs = Arc::new(MetricVecs::registered_in(&registry));
        vecs.build_info.with_label_values(&[version]).set(1);
        vecs.process.started(unix(now));
        vecs.reloads.started(unix(now));
        let (routes, sites, pools, nodes, listeners, names, scrape) = Default::default();
        Self { registry, vecs, routes, sites, pools, nodes, listeners, names, scrape }
    }

    /// The counters of what `site` sends to `node` of `pool`; with an empty pool and node, of what it answers itself, and
    /// with an empty site too, of what never reached one.
    pub fn route(&self, site: &str, pool: &str, node: &str) -> Arc<RouteCounters> {
        let labels = [or_dash(site), or_dash(pool), or_dash(node)];
        let unserved = (node.is_empty() && !pool.is_empty()).then(|| self.counters_of_pool(pool));
        let node = (!node.is_empty()).then(|| self.counters_of(pool, node));
        let site = self.counters_at(or_dash(site));
        self.routes.handle(&labels, || RouteCounters::new(&self.vecs, labels, site, node, unserved))
    }

    /// The counters and gauges of a site, which the next configuration has.
    pub fn site(&self, site: &str) -> Arc<SiteCounters> {
        let counters = self.counters_at(or_dash(site));
        counters.add_gauges();
        counters
    }

    /// The counters and gauges of a pool, which the next configuration has.
    pub fn pool(&self, pool: &str) -> Arc<PoolCounters> {
        let counters = self.counters_of_pool(pool);
        counters.add_gauges();
        counters
    }

    /// The counters and gauges of a node in a pool, which the next configuration has.
    pub fn node(&self, pool: &str, node: &str) -> Arc<NodeCounters> {
        let counters = self.counters_of(pool, node);
        counters.add_gauges();
        counters
    }

    fn counters_at(&self, site: &str) -> Arc<SiteCounters> {
        self.sites.handle(&[site], || SiteCounters::new(&self.vecs, site))
    }

    fn counters_of_pool(&self, pool: &str) -> Arc<PoolCounters> {
        self.pools.handle(&[pool], || PoolCounters::new(&self.vecs, pool))
    }

    fn counters_of(&self, pool: &str, node: &str) -> Arc<NodeCounters> {
        self.nodes.handle(&[pool, node], || NodeCounters::new(&self.vecs, [pool, node]))
    }

    /// The counters of a listener.
    pub fn listener(&self, listener: &str) -> Arc<ListenerCounters> {
        self.listeners.handle(&[listener], || ListenerCounters::new(&self.vecs, listener))
    }

    /// The counters of spans, which are in the scrape from here on.
    pub fn spans(&self) -> SpanCounters {
        SpanCounters::of(&self.vecs.spans)
    }

    /// Sets the number of the generation that runs.
    pub fn generation(&self, generation: u64) {
        only(&self.vecs.generation).set(i64::try_from(generation).unwrap_or(i64::MAX));
    }

    /// A reload was accepted or refused.
    pub fn reloaded(&self, now: SystemTime, accepted: bool) {
        let reloads = &self.vecs.reloads;
        reloads.last_success.set(accepted.into());
        reloads.last_timestamp.set(unix(now));
        reloads.ended.with_label_values(&[result(accepted)]).inc();
    }

    /// Changed files that the configuration names were accepted or refused.
    pub fn files_changed(&self, accepted: bool) {
        self.vecs.reloads.file_changes.with_label_values(&[result(accepted)]).inc();
    }

    /// Whether what the files hold is used.
    pub fn files_are_used(&self, used: bool) {
        self.vecs.reloads.files_last_success.set(used.into());
    }

    /// From when to when a certificate is valid that is no site's, in Unix seconds; none where there is none (any more).
    pub fn certificate_valid(&self, whose: &str, unix: Option<(i64, i64)>) {
        self.vecs.certificates.set(whose, unix);
    }

    /// The certificate of a site was ordered, or could not be.
    pub fn ordered(&self, site: &str, given: bool) {
        let result = if given { "ok" } else { "failed" };
        self.vecs.certificates.orders.with_label_values(&[site, result]).inc();
    }

    /// Sets for each site whose certificate is ordered how many orders failed since one succeeded.
    pub fn order_failures(&self, sites: &BTreeMap<Arc<str>, u32>) {
        let gauge = &self.vecs.certificates.order_failures;
        gauge.reset();
        sites.iter().for_each(|(site, failures)| gauge.with_label_values(&[&**site]).set(i64::from(*failures)));
    }

    /// From how many bytes of memory on requests are refused, and whether they are now.
    pub fn memory(&self, limit: Option<u64>, short: bool) {
        self.vecs.process.memory(limit, short);
    }

    /// Sets the lines lost so far of each log. `logs` must name every open log: one that is missing loses its series.
    pub fn log_dropped(&self, logs: &[(String, u64)]) {
        let dropped = &self.vecs.log_dropped;
        dropped.reset();
        for (log, lost) in logs {
            dropped.with_label_values(&[log]).inc_by(*lost);
        }
    }

    /// Sets what is known of the nodes' own cluster. `None`: nobody is asked, and there is no series.
    pub fn cluster(&self, told: Option<ClusterGauges<'_>>) {
        let MetricVecs { cluster_member, cluster_source, cluster_split, .. } = &*self.vecs;
        [cluster_member, cluster_source, cluster_split].into_iter().for_each(IntGaugeVec::reset);
        let Some(ClusterGauges { split, members, sources }) = told else { return };
        only(cluster_split).set(split.into());
        for (vec, told) in [(cluster_member, members), (cluster_source, sources)] {
            told.iter().for_each(|(name, is)| vec.with_label_values(&[name]).set((*is).into()));
        }
    }

    /// Sets how it goes with the servers that machines share. `None`: there are none.
    pub fn shared(&self, numbers: Option<&SharedNumbers>) {
        self.vecs.shared.set(numbers);
    }

    /// A look-up of a node's name failed, completely or for one family of addresses.
    pub fn name_failed(&self, name: &str) {
        self.vecs.name_failures.with_label_values(&[name]).inc();
    }

    /// These are the names of the running configuration: others lose their series, new ones begin at zero.
    pub fn names(&self, names: &[Arc<str>]) {
        let failures = &self.vecs.name_failures;
        let before = std::mem::replace(&mut *self.names.lock(), names.to_vec());
        for gone in before.iter().filter(|name| !names.contains(name)) {
            let _ = failures.remove_label_values(&[&**gone]);
        }
        for name in names {
            let _ = failures.with_label_values(&[&**name]);
        }
    }

    /// Calls `refresh` before each scrape, for gauges that are cheaper to read then than to keep up to date: sessions,
    /// requests in flight, lost lines. It must not call [`Self::text`].
    pub fn before_scrape(&self, refresh: impl Fn(&Self) + Send + Sync + 'static) {
        self.scrape.lock().before.push(Box::new(refresh));
    }

    /// Tells how often each status was answered: of a site, by a node of a pool; both `-` where Weir answered.
    pub(crate) fn each_status(&self, mut tell: impl FnMut([&str; 3], u16, u64)) {
        self.routes.for_each(|route| route.each_status(&mut tell));
    }

    /// A scrape: all metrics in Prometheus' text format (0.0.4). Handles that nobody holds any more are in it for the last
    /// time.
    pub fn text(&self) -> String {
        let scrape = self.scrape.lock();
        scrape.before.iter().for_each(|refresh| refresh(self));
        self.vecs.process.read();
        self.nodes.for_each(NodeCounters::publish);
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            log::warn!("metrics: {error}");
        }
        self.sweep();
        match &scrape.earlier {
            Some(earlier) => earlier.add_to(&text),
            None => text,
        }
    }

    /// What is counted goes on from this scrape of the process before. Each call replaces the one before.
    pub fn go_on_from(&self, scrape: &str) {
        let earlier = Earlier::read(scrape);
        self.scrape.lock().earlier = Some(earlier);
    }

    /// A scrape as OpenMetrics 1.0.
    pub fn open_metrics(&self) -> String {
        open_metrics::from_prometheus(&self.text())
    }

    /// Removes the series of handles that nobody holds.
    fn sweep(&self) {
        // Routes hold sites, pools and nodes, so they go first.
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

fn result(accepted: bool) -> &'static str {
    if accepted { "accepted" } else { "refused" }
}

fn or_dash(name: &str) -> &str {
    if name.is_empty() { "-" } else { name }
}

fn unix(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
