//! What listeners count with: connections and handshakes.

use std::sync::Arc;

use prometheus::{IntCounter, IntGauge};

use super::shelf::{Forget, GaugeGuard};
use super::slots::Slots;
use super::tables::Tables;

/// Counts for a listener.
#[derive(Debug)]
pub struct ListenerCounters {
    listener: String,
    tables: Arc<Tables>,
    connections: IntCounter,
    open: IntGauge,
    handshakes: Slots<(&'static str, &'static str)>,
    turned_away: Slots<&'static str>,
}

impl ListenerCounters {
    /// A connection was accepted; it is open until the guard is dropped.
    pub fn connection(&self) -> GaugeGuard {
        self.connections.inc();
        GaugeGuard::one_more(&self.open)
    }

    /// A handshake ended, `ok` or why not, at a TLS version (`-` where it did not come that far).
    pub fn handshake(&self, result: &'static str, version: &'static str) {
        let make = || self.tables.handshakes.with_label_values(&[self.listener.as_str(), result, version]);
        self.handshakes.count((result, version), make);
    }

    /// A connection was closed as it came, because there are too many: `listener-full` or `client-full`.
    pub fn turned_away(&self, reason: &'static str) {
        let make = || self.tables.connections_refused.with_label_values(&[self.listener.as_str(), reason]);
        self.turned_away.count(reason, make);
    }

    pub(super) fn new(tables: &Arc<Tables>, listener: &str) -> Self {
        Self {
            listener: listener.to_owned(),
            connections: tables.connections.with_label_values(&[listener]),
            open: tables.connections_open.with_label_values(&[listener]),
            handshakes: Slots::new(),
            turned_away: Slots::new(),
            tables: tables.clone(),
        }
    }
}

impl Forget for ListenerCounters {
    fn forget(&self) {
        let (tables, listener) = (&self.tables, self.listener.as_str());
        let _ = tables.connections.remove_label_values(&[listener]);
        let _ = tables.connections_open.remove_label_values(&[listener]);
        for (result, version) in self.handshakes.keys() {
            let _ = tables.handshakes.remove_label_values(&[listener, result, version]);
        }
        for reason in self.turned_away.keys() {
            let _ = tables.connections_refused.remove_label_values(&[listener, reason]);
        }
    }
}
