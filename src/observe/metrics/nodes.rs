//! The counters and gauges of pools and their nodes: sessions, retries, states, probes, connections.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::super::log_rate_limit::LogRateLimit;
use super::handles::{ConfiguredGauges, RemoveSeries};
use super::histogram::Histogram;
use super::lazy_counters::LazyCounters;
use super::metric_vecs::MetricVecs;
use super::tally::{Counts, Finished, Tally};
use super::word_counts::WordCounts;

/// The counters and gauges of a pool.
#[derive(Debug)]
pub struct PoolCounters {
    pool: String,
    vecs: Arc<MetricVecs>,
    gauges: ConfiguredGauges<PoolGauges>,
    queue_time: Arc<Histogram>,
    learned: IntCounter,
    evicted: IntCounter,
    lookups: LazyCounters<&'static str>,
    queued: LazyCounters<&'static str>,
    /// Requests that ended without a node.
    unserved: Tally,
    failures: WordCounts,
}

#[derive(Debug)]
struct PoolGauges {
    sessions: IntGauge,
    waiting: IntGauge,
    budget: IntGauge,
    without_node: IntGauge,
}

impl PoolCounters {
    /// A session was looked up: `hit`, `rebound`, `unknown` or `none`.
    pub fn session(&self, result: &'static str) {
        self.lookups.count(result, || self.vecs.session_lookups.with_label_values(&[self.pool.as_str(), result]));
    }

    /// A session was learned.
    pub fn learned(&self) {
        self.learned.inc();
    }

    /// Sessions were forgotten to make room.
    pub fn evicted(&self, count: u64) {
        self.evicted.inc_by(count);
    }

    /// How many sessions are known now, and how many are kept at most.
    pub fn sessions(&self, count: usize, most: usize) {
        self.gauges.update(|gauges| {
            gauges.sessions.set(gauge(count));
            self.vecs.pool_max_sessions.with_label_values(&[&self.pool]).set(gauge(most));
        });
    }

    /// The pool keeps no sessions in a table (any more).
    pub fn no_sessions(&self) {
        let _ = self.vecs.pool_max_sessions.remove_label_values(&[&self.pool]);
    }

    /// A request waited for a place for so long.
    pub fn waited(&self, time: Duration) {
        self.queue_time.record(time);
    }

    /// A request had to wait for a place: `served`, `timeout`, `full` or `gone`.
    pub fn queued(&self, result: &'static str) {
        self.queued.count(result, || self.vecs.queued.with_label_values(&[self.pool.as_str(), result]));
    }

    /// How many requests had to wait with this result.
    pub(crate) fn count_queued(&self, result: &'static str) -> u64 {
        self.queued.get(result)
    }

    /// What is counted of the requests that ended without a node.
    pub(crate) fn unserved(&self) -> &Tally {
        &self.unserved
    }

    /// Weir answered a request itself with this word and a status of 5xx.
    pub fn failed(&self, word: &'static str) {
        self.failures.count(word);
    }

    /// Tells how many requests Weir answered with 5xx, by word.
    pub(crate) fn each_failure(&self, tell: impl FnMut(&'static str, u64)) {
        self.failures.each(tell);
    }

    /// How many wait now, how many retries the budget allows, and whether no node is active.
    pub fn set_gauges(&self, waiting: usize, budget: u32, without_node: bool) {
        self.gauges.update(|gauges| {
            gauges.waiting.set(gauge(waiting));
            gauges.budget.set(i64::from(budget));
            gauges.without_node.set(without_node.into());
        });
    }

    /// The running configuration has the pool no longer: removes its gauges.
    pub fn remove_gauges(&self) {
        let vecs = &self.vecs;
        self.gauges.remove(|_| {
            let fixed = [&vecs.sessions, &vecs.queue_waiting, &vecs.retry_budget, &vecs.pool_without_node];
            for gauge in fixed.into_iter().chain([&vecs.pool_max_sessions]) {
                let _ = gauge.remove_label_values(&[&self.pool]);
            }
        });
    }

    pub(super) fn add_gauges(&self) {
        let (vecs, pool) = (&self.vecs, [self.pool.as_str()]);
        self.gauges.add(|| PoolGauges {
            sessions: vecs.sessions.with_label_values(&pool),
            waiting: vecs.queue_waiting.with_label_values(&pool),
            budget: vecs.retry_budget.with_label_values(&pool),
            without_node: vecs.pool_without_node.with_label_values(&pool),
        });
    }

    pub(super) fn new(vecs: &Arc<MetricVecs>, pool: &str) -> Self {
        let lookups = |result| vecs.session_lookups.with_label_values(&[pool, result]);
        let queued = |result| vecs.queued.with_label_values(&[pool, result]);
        Self {
            queued: LazyCounters::known(&["served", "timeout", "full", "gone"], queued),
            queue_time: vecs.queue_seconds.series(&[pool]),
            pool: pool.to_owned(),
            gauges: ConfiguredGauges::absent(),
            learned: vecs.sessions_learned.with_label_values(&[pool]),
            evicted: vecs.sessions_evicted.with_label_values(&[pool]),
            lookups: LazyCounters::known(&["hit", "none", "unknown", "rebound"], lookups),
            unserved: Tally::default(),
            failures: WordCounts::default(),
            vecs: vecs.clone(),
        }
    }
}

/// The counters and gauges of a node in a pool.
#[derive(Debug)]
pub struct NodeCounters {
    labels: [String; 2],
    vecs: Arc<MetricVecs>,
    tally: Tally,
    connect_time: Arc<Histogram>,
    first_byte_time: Arc<Histogram>,
    probe_time: Arc<Histogram>,
    received: IntCounter,
    sent: IntCounter,
    gauges: ConfiguredGauges<NodeGauges>,
    changes: LazyCounters<&'static str>,
    probes: LazyCounters<&'static str>,
    connections: LazyCounters<&'static str>,
    retries: LazyCounters<&'static str>,
    retry_lines: LogRateLimit,
}

#[derive(Debug)]
struct NodeGauges {
    in_flight: IntGauge,
    idle: IntGauge,
    warmth: IntGauge,
    weight: IntGauge,
    active: IntGauge,
    reasons: [IntGauge; REASONS.len()],
}

impl NodeCounters {
    /// It was the last node of a request, which ended `time` after its first node was chosen. Requests that failed
    /// count too. Called by `RouteCounters::record`.
    pub(super) fn answered(&self, finished: &Finished, time: Duration) {
        self.tally.record(finished, finished.placed(time).as_ref());
    }

    /// What is counted of its requests.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many requests it is working on now.
    pub fn in_flight(&self, count: usize) {
        self.gauges.update(|gauges| gauges.in_flight.set(gauge(count)));
    }

    /// How many connections to it wait for the next request.
    pub fn idle(&self, count: usize) {
        self.gauges.update(|gauges| gauges.idle.set(gauge(count)));
    }

    /// How much of its share it gets, in percent.
    pub fn warmth(&self, percent: u16) {
        self.gauges.update(|gauges| gauges.warmth.set(i64::from(percent)));
    }

    /// Its weight, and how many requests it may work on at once.
    pub fn limits(&self, weight: u16, max_requests: Option<u32>) {
        let [pool, node] = &self.labels;
        let most = &self.vecs.node_max_requests;
        self.gauges.update(|gauges| {
            gauges.weight.set(i64::from(weight));
            match max_requests {
                Some(max) => most.with_label_values(&[pool, node]).set(i64::from(max)),
                None => drop(most.remove_label_values(&[pool, node])),
            }
        });
    }

    /// Sets its state: active, or passive for a reason. Counts no change.
    pub fn state(&self, passive: Option<&str>) {
        self.gauges.update(|gauges| {
            gauges.active.set(passive.is_none().into());
            for (reason, gauge) in REASONS.iter().zip(&gauges.reasons) {
                gauge.set((passive == Some(reason)).into());
            }
        });
    }

    /// The running configuration has the node no longer: removes its gauges.
    pub fn remove_gauges(&self) {
        let (vecs, [pool, node]) = (&self.vecs, &self.labels);
        self.gauges.remove(|_| {
            let fixed = [&vecs.requests_in_flight, &vecs.node_connections_idle, &vecs.node_active, &vecs.node_warmth];
            for gauge in fixed.into_iter().chain([&vecs.node_weight, &vecs.node_max_requests]) {
                let _ = gauge.remove_label_values(&[pool, node]);
            }
            for reason in REASONS {
                let _ = vecs.node_state.remove_label_values(&[pool.as_str(), node, reason]);
            }
        });
    }

    pub(super) fn add_gauges(&self) {
        let (vecs, [pool, node]) = (&self.vecs, &self.labels);
        let labels = [pool, node];
        self.gauges.add(|| NodeGauges {
            in_flight: vecs.requests_in_flight.with_label_values(&labels),
            idle: vecs.node_connections_idle.with_label_values(&labels),
            warmth: vecs.node_warmth.with_label_values(&labels),
            weight: vecs.node_weight.with_label_values(&labels),
            active: vecs.node_active.with_label_values(&labels),
            reasons: REASONS.map(|reason| vecs.node_state.with_label_values(&[pool.as_str(), node, reason])),
        });
    }

    /// Its state has changed: counts the change and sets the state.
    pub fn changed(&self, passive: Option<&'static str>) {
        self.state(passive);
        let to = passive.unwrap_or("active");
        let [pool, node] = &self.labels;
        self.changes.count(to, || self.vecs.node_state_changes.with_label_values(&[pool.as_str(), node, to]));
    }

    /// A connection to it was opened in this time.
    pub fn connected(&self, time: Duration) {
        self.connect_time.record(time);
    }

    /// The head of its answer came so long after it could be asked.
    pub fn first_byte(&self, time: Duration) {
        self.first_byte_time.record(time);
    }

    /// Brings the counters that are read from the tally up to date.
    pub(super) fn publish(&self) {
        let Counts { received, sent, .. } = self.tally.read();
        self.received.inc_by(received.saturating_sub(self.received.get()));
        self.sent.inc_by(sent.saturating_sub(self.sent.get()));
    }

    /// A round of probes ended: `pass` or `fail`.
    pub fn probed(&self, result: &'static str, time: Duration) {
        let [pool, node] = &self.labels;
        self.probes.count(result, || self.vecs.probes.with_label_values(&[pool.as_str(), node, result]));
        self.probe_time.record(time);
    }

    /// How often it became this: `active` or a reason.
    pub(crate) fn count_changes(&self, to: &'static str) -> u64 {
        self.changes.get(to)
    }

    /// How many rounds of probes had this result.
    pub(crate) fn count_probes(&self, result: &'static str) -> u64 {
        self.probes.get(result)
    }

    /// A request was sent again because of `reason` at this node: after `stale` to the same node, otherwise to another.
    pub fn retried(&self, reason: &'static str) {
        let [pool, node] = &self.labels;
        self.retries.count(reason, || self.vecs.retries.with_label_values(&[pool.as_str(), node, reason]));
    }

    /// These reasons may come: their counters are in the scrape from now on.
    pub fn know_retries(&self, reasons: impl Iterator<Item = &'static str>) {
        let [pool, node] = &self.labels;
        for reason in reasons {
            self.retries.know(reason, || self.vecs.retries.with_label_values(&[pool.as_str(), node, reason]));
        }
    }

    /// Asks to write a line that a request was retried at another node, which is allowed once a second. If it may be
    /// written, returns how many were left out since the line before; otherwise `None`.
    pub fn may_log_retry(&self, second: u64) -> Option<u64> {
        self.retry_lines.allow(second)
    }

    /// A request got a connection to it, `opened` or `reused`, or did not, and why.
    pub fn connection(&self, result: &'static str) {
        let [pool, node] = &self.labels;
        let make = || self.vecs.node_connections.with_label_values(&[pool.as_str(), node, result]);
        self.connections.count(result, make);
    }

    pub(super) fn new(vecs: &Arc<MetricVecs>, labels: [&str; 2]) -> Self {
        let [pool, node] = labels;
        let known = |vec: &IntCounterVec, words: &[&'static str]| {
            LazyCounters::known(words, |word| vec.with_label_values(&[pool, node, word]))
        };
        Self {
            labels: labels.map(str::to_owned),
            tally: Tally::with_times(vecs.upstream_seconds.series(&labels)),
            connect_time: vecs.node_connect_seconds.series(&labels),
            first_byte_time: vecs.node_first_byte_seconds.series(&labels),
            probe_time: vecs.probe_seconds.series(&labels),
            received: vecs.node_request_bytes.with_label_values(&labels),
            sent: vecs.node_answer_bytes.with_label_values(&labels),
            gauges: ConfiguredGauges::absent(),
            changes: known(&vecs.node_state_changes, &STATES),
            probes: known(&vecs.probes, &["pass", "fail"]),
            connections: known(&vecs.node_connections, &["reused", "opened"]),
            retries: LazyCounters::new(),
            retry_lines: LogRateLimit::default(),
            vecs: vecs.clone(),
        }
    }
}

impl RemoveSeries for PoolCounters {
    fn remove_series(&self) {
        self.remove_gauges();
        let (vecs, pool) = (&self.vecs, self.pool.as_str());
        let _ = vecs.sessions_learned.remove_label_values(&[pool]);
        let _ = vecs.sessions_evicted.remove_label_values(&[pool]);
        vecs.queue_seconds.remove(&[pool]);
        let counted = [(&vecs.session_lookups, &self.lookups), (&vecs.queued, &self.queued)];
        for (counter, words) in counted {
            for word in words.keys() {
                let _ = counter.remove_label_values(&[pool, word]);
            }
        }
    }
}

impl RemoveSeries for NodeCounters {
    fn remove_series(&self) {
        self.remove_gauges();
        let (vecs, [pool, node]) = (&self.vecs, &self.labels);
        let labels = [pool.as_str(), node];
        let times =
            [&vecs.upstream_seconds, &vecs.node_connect_seconds, &vecs.node_first_byte_seconds, &vecs.probe_seconds];
        times.iter().for_each(|times| times.remove(&labels));
        for bytes in [&vecs.node_request_bytes, &vecs.node_answer_bytes] {
            let _ = bytes.remove_label_values(&labels);
        }
        let counted = [
            (&vecs.node_state_changes, &self.changes),
            (&vecs.probes, &self.probes),
            (&vecs.node_connections, &self.connections),
            (&vecs.retries, &self.retries),
        ];
        for (counter, words) in counted {
            for word in words.keys() {
                let _ = counter.remove_label_values(&[pool.as_str(), node, word]);
            }
        }
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a node can become: active, or passive for one of [`REASONS`].
const STATES: [&str; REASONS.len() + 1] =
    ["active", "checking", "draining", "ejected", "maintenance", "standby", "unhealthy"];

/// Why a node is passive.
pub const REASONS: [&str; 6] = ["checking", "draining", "ejected", "maintenance", "standby", "unhealthy"];
