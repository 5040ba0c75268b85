//! What routes and sites count with: once a request, when it is over.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, IntGauge};

use super::latency::Latency;
use super::nodes::NodeCounters;
use super::shelf::{Forget, GaugeGuard, Present};
use super::slots::Slots;
use super::tables::Tables;

/// Counts what one site sends to one node of a pool, or answers itself.
#[derive(Debug)]
pub struct RouteCounters {
    labels: [String; 3],
    tables: Arc<Tables>,
    site: Arc<SiteCounters>,
    node: Option<Arc<NodeCounters>>,
    codes: Slots<u16>,
}

/// A request that is over, as its counters see it.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// The answer's status; 0 if there was none.
    pub code: u16,
    /// From the first byte of the head to the last of the answer.
    pub time_taken: Duration,
    /// From the first byte to the node to the last from it; none where no node was asked.
    pub upstream_time: Option<Duration>,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the answer's body.
    pub sent: u64,
}

impl RouteCounters {
    /// A request is over: counts it for the route, its site and its node.
    pub fn record(&self, finished: &Finished) {
        let [site, pool, node] = &self.labels;
        self.codes.count(finished.code, || {
            let code = format!("{:03}", finished.code);
            self.tables.requests.with_label_values(&[site.as_str(), pool, node, &code])
        });
        self.site.record(finished);
        if let (Some(node), Some(time)) = (&self.node, finished.upstream_time) {
            node.answered(time);
        }
    }

    /// The counters of its site.
    pub fn site(&self) -> &Arc<SiteCounters> {
        &self.site
    }

    /// The counters of its node; none where the site answers itself.
    pub fn node(&self) -> Option<&Arc<NodeCounters>> {
        self.node.as_ref()
    }

    pub(super) fn new(
        tables: &Arc<Tables>,
        labels: [&str; 3],
        site: Arc<SiteCounters>,
        node: Option<Arc<NodeCounters>>,
    ) -> Self {
        Self { labels: labels.map(str::to_owned), tables: tables.clone(), site, node, codes: Slots::new() }
    }
}

/// Counts for a site.
#[derive(Debug)]
pub struct SiteCounters {
    site: String,
    tables: Arc<Tables>,
    present: Present<()>,
    time_taken: Arc<Latency>,
    received: IntCounter,
    sent: IntCounter,
    tunnels: IntCounter,
    tunnels_open: IntGauge,
    refusals: Slots<&'static str>,
}

impl SiteCounters {
    /// Weir answered itself, for the reason that `word` names.
    pub fn refused(&self, word: &'static str) {
        self.refusals.count(word, || self.tables.refusals.with_label_values(&[self.site.as_str(), word]));
    }

    /// A tunnel begins; it ends when the guard is dropped.
    pub fn tunnel(&self) -> GaugeGuard {
        self.tunnels.inc();
        GaugeGuard::one_more(&self.tunnels_open)
    }

    /// When its certificate expires, in Unix seconds; none where it has no certificate (any more).
    pub fn certificate_expiry(&self, unix: Option<i64>) {
        let expiry = &self.tables.certificate_expiry;
        self.present.tell(|()| match unix {
            Some(unix) => expiry.with_label_values(&[&self.site]).set(unix),
            None => drop(expiry.remove_label_values(&[&self.site])),
        });
    }

    /// The running configuration has the site no longer: its certificate need not be renewed.
    pub fn leave(&self) {
        self.present.leave(|()| drop(self.tables.certificate_expiry.remove_label_values(&[&self.site])));
    }

    pub(super) fn arrive(&self) {
        self.present.arrive(|| ());
    }

    fn record(&self, finished: &Finished) {
        self.time_taken.record(finished.time_taken);
        add(&self.received, finished.received);
        add(&self.sent, finished.sent);
    }

    pub(super) fn new(tables: &Arc<Tables>, site: &str) -> Self {
        Self {
            site: site.to_owned(),
            present: Present::nothing(),
            time_taken: tables.request_seconds.series(&[site]),
            received: tables.request_bytes.with_label_values(&[site]),
            sent: tables.answer_bytes.with_label_values(&[site]),
            tunnels: tables.tunnels.with_label_values(&[site]),
            tunnels_open: tables.tunnels_open.with_label_values(&[site]),
            refusals: Slots::new(),
            tables: tables.clone(),
        }
    }
}

impl Forget for RouteCounters {
    fn forget(&self) {
        let [site, pool, node] = &self.labels;
        for code in self.codes.keys() {
            let _ = self.tables.requests.remove_label_values(&[site.as_str(), pool, node, &format!("{code:03}")]);
        }
    }
}

impl Forget for SiteCounters {
    fn forget(&self) {
        self.leave();
        let (tables, site) = (&self.tables, self.site.as_str());
        tables.request_seconds.remove(&[site]);
        for counter in [&tables.request_bytes, &tables.answer_bytes, &tables.tunnels] {
            let _ = counter.remove_label_values(&[site]);
        }
        let _ = tables.tunnels_open.remove_label_values(&[site]);
        for word in self.refusals.keys() {
            let _ = tables.refusals.remove_label_values(&[site, word]);
        }
    }
}

fn add(counter: &IntCounter, count: u64) {
    if count > 0 {
        counter.inc_by(count);
    }
}
