//! The counters of a listener: connections and handshakes.

use std::sync::Arc;

use prometheus::{IntCounter, IntGauge};

use super::handles::{GaugeGuard, RemoveSeries};
use super::lazy_counters::LazyCounters;
use super::metric_vecs::MetricVecs;

/// Why a connection is closed as it comes.
const TURNED_AWAY: &[&str] = &["client-full", "listener-full"];

/// The counters of a listener.
#[derive(Debug)]
pub struct ListenerCounters {
    listener: String,
    vecs: Arc<MetricVecs>,
    connections: IntCounter,
    open: IntGauge,
    handshakes: LazyCounters<(&'static str, &'static str)>,
    turned_away: LazyCounters<&'static str>,
}

impl ListenerCounters {
    /// A connection was accepted; it is open until the guard is dropped.
    pub fn connection(&self) -> GaugeGuard {
        self.connections.inc();
        GaugeGuard::new(&self.open)
    }

    /// A handshake ended, `ok` or why not, at a TLS version (`-` where it did not come that far).
    pub fn handshake(&self, result: &'static str, version: &'static str) {
        let make = || self.vecs.handshakes.with_label_values(&[self.listener.as_str(), result, version]);
        self.handshakes.count((result, version), make);
    }

    /// A connection was closed as it came, because there are too many: `listener-full` or `client-full`.
    pub fn turned_away(&self, reason: &'static str) {
        let make = || self.vecs.connections_refused.with_label_values(&[self.listener.as_str(), reason]);
        self.turned_away.count(reason, make);
    }

    pub(super) fn new(vecs: &Arc<MetricVecs>, listener: &str) -> Self {
        let turned_away = |reason| vecs.connections_refused.with_label_values(&[listener, reason]);
        Self {
            listener: listener.to_owned(),
            connections: vecs.connections.with_label_values(&[listener]),
            open: vecs.connections_open.with_label_values(&[listener]),
            handshakes: LazyCounters::new(),
            turned_away: LazyCounters::known(TURNED_AWAY, turned_away),
            vecs: vecs.clone(),
        }
    }
}

impl RemoveSeries for ListenerCounters {
    fn remove_series(&self) {
        let (vecs, listener) = (&self.vecs, self.listener.as_str());
        let _ = vecs.connections.remove_label_values(&[listener]);
        let _ = vecs.connections_open.remove_label_values(&[listener]);
        for (result, version) in self.handshakes.keys() {
            let _ = vecs.handshakes.remove_label_values(&[listener, result, version]);
        }
        for reason in self.turned_away.keys() {
            let _ = vecs.connections_refused.remove_label_values(&[listener, reason]);
        }
    }
}
