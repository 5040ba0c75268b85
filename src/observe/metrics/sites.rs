//! The counters of routes and sites; a request counts once, when it is over.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge};

use super::handles::{ConfiguredGauges, GaugeGuard, RemoveSeries};
use super::histogram::{Histogram, Placed};
use super::lazy_counters::LazyCounters;
use super::metric_vecs::MetricVecs;
use super::nodes::{NodeCounters, PoolCounters};
use super::tally::{Finished, Tally};

/// The counters of what one site sends to one node of a pool, or answers itself.
#[derive(Debug)]
pub struct RouteCounters {
    labels: [String; 3],
    vecs: Arc<MetricVecs>,
    site: Arc<SiteCounters>,
    node: Option<Arc<NodeCounters>>,
    /// Where they count requests that led to a pool and got no node there.
    pool: Option<Arc<PoolCounters>>,
    codes: LazyCounters<u16>,
}

impl RouteCounters {
    /// A request is over: counts it for the site and its route, and for the pool and its node.
    pub fn record(&self, finished: &Finished, route: &Tally) {
        let [site, pool, node] = &self.labels;
        self.codes.count(finished.code, || {
            let code = format!("{:03}", finished.code);
            self.vecs.requests.with_label_values(&[site.as_str(), pool, node, &code])
        });
        let took = finished.placed(finished.time_taken);
        self.site.record(finished, took.as_ref());
        route.record(finished, took.as_ref());
        if let (Some(node), Some(time)) = (&self.node, finished.upstream_time) {
            node.answered(finished, time);
        }
        if let Some(pool) = &self.pool {
            // A pool's times are those of requests that a node had.
            pool.unserved().record(finished, None);
        }
    }

    /// Tells how often it answered each status.
    pub(super) fn each_status(&self, tell: &mut impl FnMut([&str; 3], u16, u64)) {
        let labels = [0, 1, 2].map(|label| self.labels[label].as_str());
        self.codes.each(|code, count| tell(labels, code, count));
    }

    /// The counters of its site.
    pub fn site(&self) -> &Arc<SiteCounters> {
        &self.site
    }

    /// The counters of its node; none where the site answers itself.
    pub fn node(&self) -> Option<&Arc<NodeCounters>> {
        self.node.as_ref()
    }

    /// The counters of the pool in which requests got no node.
    pub fn pool(&self) -> Option<&Arc<PoolCounters>> {
        self.pool.as_ref()
    }

    pub(super) fn new(
        vecs: &Arc<MetricVecs>,
        labels: [&str; 3],
        site: Arc<SiteCounters>,
        node: Option<Arc<NodeCounters>>,
        pool: Option<Arc<PoolCounters>>,
    ) -> Self {
        Self { labels: labels.map(str::to_owned), vecs: vecs.clone(), site, node, pool, codes: LazyCounters::new() }
    }
}

/// The counters and gauges of a site.
#[derive(Debug)]
pub struct SiteCounters {
    site: String,
    vecs: Arc<MetricVecs>,
    gauges: ConfiguredGauges<()>,
    time_taken: Arc<Histogram>,
    received: IntCounter,
    sent: IntCounter,
    delayed: IntCounter,
    tunnels: IntCounter,
    tunnels_open: IntGauge,
    refusals: LazyCounters<&'static str>,
    /// By the names of its routes.
    tallies: Mutex<HashMap<String, Weak<Tally>>>,
}

impl SiteCounters {
    /// A request was refused or could not be finished, for the reason that `word` names.
    pub fn refused(&self, word: &'static str) {
        self.refusals.count(word, || self.vecs.refusals.with_label_values(&[self.site.as_str(), word]));
    }

    /// These words may come: their counters are in the scrape from now on.
    pub fn know_refusals(&self, words: impl Iterator<Item = &'static str>) {
        for word in words {
            self.refusals.know(word, || self.vecs.refusals.with_label_values(&[self.site.as_str(), word]));
        }
    }

    /// A request was held back for its turn by a rate.
    pub fn delayed(&self) {
        self.delayed.inc();
    }

    /// How many requests were held back.
    pub(crate) fn count_delayed(&self) -> u64 {
        self.delayed.get()
    }

    /// How many requests were refused for this reason.
    pub(crate) fn count_refused(&self, word: &'static str) -> u64 {
        self.refusals.get(word)
    }

    /// A tunnel begins; it ends when the guard is dropped.
    pub fn tunnel(&self) -> GaugeGuard {
        self.tunnels.inc();
        GaugeGuard::new(&self.tunnels_open)
    }

    /// What is counted of the requests of one of its routes, the same one each time; with an empty name, of those that
    /// no route matches. It lasts as long as a generation holds it.
    pub fn tally(&self, route: &str) -> Arc<Tally> {
        let mut tallies = self.tallies.lock();
        if let Some(tally) = tallies.get(route).and_then(Weak::upgrade) {
            return tally;
        }
        tallies.retain(|_, tally| tally.strong_count() > 0);
        let tally = Arc::new(Tally::default());
        tallies.insert(route.to_owned(), Arc::downgrade(&tally));
        tally
    }

    /// From when to when its certificate is valid, in Unix seconds; none where it has no certificate (any more).
    pub fn certificate_valid(&self, unix: Option<(i64, i64)>) {
        self.gauges.update(|()| self.vecs.certificates.set(&self.site, unix));
    }

    /// The running configuration has the site no longer: removes the gauges of its certificate.
    pub fn remove_gauges(&self) {
        self.gauges.remove(|()| self.vecs.certificates.set(&self.site, None));
    }

    pub(super) fn add_gauges(&self) {
        self.gauges.add(|| ());
    }

    fn record(&self, finished: &Finished, took: Option<&Placed>) {
        took.iter().for_each(|took| self.time_taken.record_placed(took));
        add(&self.received, finished.received);
        add(&self.sent, finished.sent);
    }

    pub(super) fn new(vecs: &Arc<MetricVecs>, site: &str) -> Self {
        Self {
            site: site.to_owned(),
            gauges: ConfiguredGauges::absent(),
            time_taken: vecs.request_seconds.series(&[site]),
            received: vecs.request_bytes.with_label_values(&[site]),
            sent: vecs.answer_bytes.with_label_values(&[site]),
            delayed: vecs.delayed.with_label_values(&[site]),
            tunnels: vecs.tunnels.with_label_values(&[site]),
            tunnels_open: vecs.tunnels_open.with_label_values(&[site]),
            refusals: LazyCounters::new(),
            tallies: Mutex::default(),
            vecs: vecs.clone(),
        }
    }
}

impl RemoveSeries for RouteCounters {
    fn remove_series(&self) {
        let [site, pool, node] = &self.labels;
        for code in self.codes.keys() {
            let _ = self.vecs.requests.remove_label_values(&[site.as_str(), pool, node, &format!("{code:03}")]);
        }
    }
}

impl RemoveSeries for SiteCounters {
    fn remove_series(&self) {
        self.remove_gauges();
        let (vecs, site) = (&self.vecs, self.site.as_str());
        vecs.request_seconds.remove(&[site]);
        for counter in [&vecs.request_bytes, &vecs.answer_bytes, &vecs.delayed, &vecs.tunnels] {
            let _ = counter.remove_label_values(&[site]);
        }
        let _ = vecs.tunnels_open.remove_label_values(&[site]);
        for word in self.refusals.keys() {
            let _ = vecs.refusals.remove_label_values(&[site, word]);
        }
        for result in ["ok", "failed"] {
            let _ = vecs.certificates.orders.remove_label_values(&[site, result]);
        }
    }
}

fn add(counter: &IntCounter, count: u64) {
    if count > 0 {
        counter.inc_by(count);
    }
}
