//! The counters of a listener: connections and handshakes.

use std::iter::Sum;
use std::sync::Arc;

use prometheus::{IntCounter, IntGauge};

use super::handles::{GaugeGuard, RemoveSeries};
use super::lazy_counters::LazyCounters;
use super::metric_vecs::MetricVecs;
use crate::observe::log_rate_limit::LogRateLimit;

/// Why a connection is closed as it comes.
const TURNED_AWAY: &[&str] = &["bad-proxy-header", "client-full", "denied", "listener-full", "no-proxy"];

/// The counters of a listener.
#[derive(Debug)]
pub struct ListenerCounters {
    listener: String,
    vecs: Arc<MetricVecs>,
    connections: IntCounter,
    open: IntGauge,
    handshakes: LazyCounters<(&'static str, &'static str)>,
    /// By version.
    resumed: LazyCounters<&'static str>,
    /// By the group of the key exchange.
    groups: LazyCounters<&'static str>,
    /// Handshakes that failed, by the reason.
    failures: LazyCounters<&'static str>,
    turned_away: LazyCounters<&'static str>,
    full_lines: LogRateLimit,
}

/// What a listener has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerCounts {
    /// Connections that were taken.
    pub connections: u64,
    /// Connections that were closed as they came.
    pub turned_away: u64,
    /// Handshakes that succeeded.
    pub handshakes: u64,
    /// Those of them that resumed a session.
    pub resumed: u64,
    /// Handshakes that failed, but for time.
    pub failed: u64,
    /// Handshakes that took too long.
    pub timeouts: u64,
}

impl Sum for ListenerCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, more| Self {
            connections: sum.connections + more.connections,
            turned_away: sum.turned_away + more.turned_away,
            handshakes: sum.handshakes + more.handshakes,
            resumed: sum.resumed + more.resumed,
            failed: sum.failed + more.failed,
            timeouts: sum.timeouts + more.timeouts,
        })
    }
}

impl ListenerCounters {
    /// What was counted.
    pub(crate) fn counts(&self) -> ListenerCounts {
        let mut counts = ListenerCounts { connections: self.connections.get(), ..ListenerCounts::default() };
        self.turned_away.each(|_, count| counts.turned_away += count);
        self.resumed.each(|_, count| counts.resumed += count);
        self.handshakes.each(|(result, _), count| match result {
            "ok" => counts.handshakes += count,
            "timeout" => counts.timeouts += count,
            _ => counts.failed += count,
        });
        counts
    }

    /// A connection was accepted; it is open until the guard is dropped.
    pub fn connection(&self) -> GaugeGuard {
        self.connections.inc();
        GaugeGuard::new(&self.open)
    }

    /// A handshake of this TLS version succeeded, by an earlier session or a new one, and by a key exchange where there was
    /// one.
    pub fn shaken(&self, version: &'static str, resumed: bool, group: Option<&'static str>) {
        self.handshakes.count(("ok", version), || self.handshake("ok", version));
        if resumed {
            self.resumed.count(version, || self.resumption(version));
        }
        if let Some(group) = group {
            self.groups.count(group, || self.exchange(group));
        }
    }

    /// A handshake ended without an agreement, for this reason.
    pub fn handshake_failed(&self, reason: &'static str) {
        let result = if reason == "timeout" { reason } else { "failed" };
        self.handshakes.count((result, "-"), || self.handshake(result, "-"));
        self.failures.count(reason, || self.failure(reason));
    }

    /// It speaks TLS in these versions, with these groups, and may fail for these reasons: their counters are in the scrape from
    /// now on.
    pub fn know_handshakes(
        &self,
        versions: &[&'static str],
        groups: impl Iterator<Item = &'static str>,
        reasons: &[&'static str],
    ) {
        for version in versions {
            self.handshakes.know(("ok", version), || self.handshake("ok", version));
            self.resumed.know(version, || self.resumption(version));
        }
        for result in ["failed", "timeout"] {
            self.handshakes.know((result, "-"), || self.handshake(result, "-"));
        }
        for group in groups {
            self.groups.know(group, || self.exchange(group));
        }
        for reason in reasons {
            self.failures.know(reason, || self.failure(reason));
        }
    }

    fn handshake(&self, result: &str, version: &str) -> IntCounter {
        self.vecs.handshakes.with_label_values(&[self.listener.as_str(), result, version])
    }

    fn failure(&self, reason: &str) -> IntCounter {
        self.vecs.handshake_failures.with_label_values(&[self.listener.as_str(), reason])
    }

    fn resumption(&self, version: &str) -> IntCounter {
        self.vecs.handshakes_resumed.with_label_values(&[self.listener.as_str(), version])
    }

    fn exchange(&self, group: &str) -> IntCounter {
        self.vecs.key_exchanges.with_label_values(&[self.listener.as_str(), group])
    }

    /// How many connections are open.
    pub fn open(&self) -> u64 {
        u64::try_from(self.open.get()).unwrap_or_default()
    }

    /// How many connections were accepted.
    pub fn accepted(&self) -> u64 {
        self.connections.get()
    }

    /// A connection was turned away as it came: there are too many (`listener-full`, `client-full`), its peer may not come
    /// (`denied`), or it is from none of the proxies that must be in front (`no-proxy`), or without their header
    /// (`bad-proxy-header`).
    pub fn turned_away(&self, reason: &'static str) {
        let make = || self.vecs.connections_refused.with_label_values(&[self.listener.as_str(), reason]);
        self.turned_away.count(reason, make);
    }

    /// Asks to write a line that connections are beyond a limit, which is allowed once in this span. If it may be written, returns
    /// how many were left out since the line before; otherwise `None`.
    pub fn may_log_full(&self, span: u64) -> Option<u64> {
        self.full_lines.allow(span)
    }

    pub(super) fn new(vecs: &Arc<MetricVecs>, listener: &str) -> Self {
        let turned_away = |reason| vecs.connections_refused.with_label_values(&[listener, reason]);
        Self {
            listener: listener.to_owned(),
            connections: vecs.connections.with_label_values(&[listener]),
            open: vecs.connections_open.with_label_values(&[listener]),
            handshakes: LazyCounters::new(),
            resumed: LazyCounters::new(),
            groups: LazyCounters::new(),
            failures: LazyCounters::new(),
            turned_away: LazyCounters::known(TURNED_AWAY, turned_away),
            full_lines: LogRateLimit::default(),
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
        let counted = [
            (&vecs.connections_refused, &self.turned_away),
            (&vecs.handshakes_resumed, &self.resumed),
            (&vecs.key_exchanges, &self.groups),
            (&vecs.handshake_failures, &self.failures),
        ];
        for (counter, words) in counted {
            for word in words.keys() {
                let _ = counter.remove_label_values(&[listener, word]);
            }
        }
    }
}
