//! What pools and their nodes count with: sessions, retries, states, probes, connections.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, IntGauge};

use super::super::seldom::Seldom;
use super::latency::Latency;
use super::shelf::{Forget, Present};
use super::slots::Slots;
use super::tables::Tables;

/// Counts for a pool.
#[derive(Debug)]
pub struct PoolCounters {
    pool: String,
    tables: Arc<Tables>,
    present: Present<PoolGauges>,
    learned: IntCounter,
    evicted: IntCounter,
    lookups: Slots<&'static str>,
    queued: Slots<&'static str>,
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
        self.lookups.count(result, || self.tables.session_lookups.with_label_values(&[self.pool.as_str(), result]));
    }

    /// A session was learned.
    pub fn learned(&self) {
        self.learned.inc();
    }

    /// Sessions were forgotten to make room.
    pub fn evicted(&self, count: u64) {
        self.evicted.inc_by(count);
    }

    /// How many sessions are known now.
    pub fn sessions(&self, count: usize) {
        self.present.tell(|gauges| gauges.sessions.set(gauge(count)));
    }

    /// A request had to wait for a place: `served`, `timeout`, `full` or `gone`.
    pub fn queued(&self, result: &'static str) {
        self.queued.count(result, || self.tables.queued.with_label_values(&[self.pool.as_str(), result]));
    }

    /// How many wait now, how many retries the budget allows, and whether no node is active.
    pub fn standing(&self, waiting: usize, budget: u32, without_node: bool) {
        self.present.tell(|gauges| {
            gauges.waiting.set(gauge(waiting));
            gauges.budget.set(i64::from(budget));
            gauges.without_node.set(without_node.into());
        });
    }

    /// The running configuration has the pool no longer: nothing more is told of how it is.
    pub fn leave(&self) {
        let tables = &self.tables;
        self.present.leave(|_| {
            for gauge in [&tables.sessions, &tables.queue_waiting, &tables.retry_budget, &tables.pool_without_node] {
                let _ = gauge.remove_label_values(&[&self.pool]);
            }
        });
    }

    pub(super) fn arrive(&self) {
        let (tables, pool) = (&self.tables, [self.pool.as_str()]);
        self.present.arrive(|| PoolGauges {
            sessions: tables.sessions.with_label_values(&pool),
            waiting: tables.queue_waiting.with_label_values(&pool),
            budget: tables.retry_budget.with_label_values(&pool),
            without_node: tables.pool_without_node.with_label_values(&pool),
        });
    }

    pub(super) fn new(tables: &Arc<Tables>, pool: &str) -> Self {
        Self {
            queued: Slots::new(),
            pool: pool.to_owned(),
            present: Present::nothing(),
            learned: tables.sessions_learned.with_label_values(&[pool]),
            evicted: tables.sessions_evicted.with_label_values(&[pool]),
            lookups: Slots::new(),
            tables: tables.clone(),
        }
    }
}

/// Counts for a node of a pool.
#[derive(Debug)]
pub struct NodeCounters {
    labels: [String; 2],
    tables: Arc<Tables>,
    upstream_time: Arc<Latency>,
    probe_time: Arc<Latency>,
    present: Present<NodeGauges>,
    changes: Slots<&'static str>,
    probes: Slots<&'static str>,
    connections: Slots<&'static str>,
    retries: Slots<&'static str>,
    told: Seldom,
}

#[derive(Debug)]
struct NodeGauges {
    in_flight: IntGauge,
    idle: IntGauge,
    warmth: IntGauge,
    active: IntGauge,
    reasons: [IntGauge; REASONS.len()],
}

impl NodeCounters {
    /// It took `time` over a request; `RouteCounters::record` says so for the node that answered.
    pub fn answered(&self, time: Duration) {
        self.upstream_time.record(time);
    }

    /// How many requests it is working on now.
    pub fn in_flight(&self, count: usize) {
        self.present.tell(|gauges| gauges.in_flight.set(gauge(count)));
    }

    /// How many connections to it wait for the next request.
    pub fn idle(&self, count: usize) {
        self.present.tell(|gauges| gauges.idle.set(gauge(count)));
    }

    /// How much of its share it gets, in percent.
    pub fn warmth(&self, percent: u16) {
        self.present.tell(|gauges| gauges.warmth.set(i64::from(percent)));
    }

    /// What it is now: active, or passive for a reason. Counts no change.
    pub fn state(&self, passive: Option<&str>) {
        self.present.tell(|gauges| {
            gauges.active.set(passive.is_none().into());
            for (reason, gauge) in REASONS.iter().zip(&gauges.reasons) {
                gauge.set((passive == Some(reason)).into());
            }
        });
    }

    /// The running configuration has the node no longer: nothing more is told of how it is.
    pub fn leave(&self) {
        let (tables, [pool, node]) = (&self.tables, &self.labels);
        self.present.leave(|_| {
            for gauge in
                [&tables.requests_in_flight, &tables.node_connections_idle, &tables.node_active, &tables.node_warmth]
            {
                let _ = gauge.remove_label_values(&[pool, node]);
            }
            for reason in REASONS {
                let _ = tables.node_state.remove_label_values(&[pool.as_str(), node, reason]);
            }
        });
    }

    pub(super) fn arrive(&self) {
        let (tables, [pool, node]) = (&self.tables, &self.labels);
        let labels = [pool, node];
        self.present.arrive(|| NodeGauges {
            in_flight: tables.requests_in_flight.with_label_values(&labels),
            idle: tables.node_connections_idle.with_label_values(&labels),
            warmth: tables.node_warmth.with_label_values(&labels),
            active: tables.node_active.with_label_values(&labels),
            reasons: REASONS.map(|reason| tables.node_state.with_label_values(&[pool.as_str(), node, reason])),
        });
    }

    /// What it has just become.
    pub fn changed(&self, passive: Option<&'static str>) {
        self.state(passive);
        let to = passive.unwrap_or("active");
        let [pool, node] = &self.labels;
        self.changes.count(to, || self.tables.node_state_changes.with_label_values(&[pool.as_str(), node, to]));
    }

    /// A probe ended: `pass` or `fail`.
    pub fn probed(&self, result: &'static str, time: Duration) {
        let [pool, node] = &self.labels;
        self.probes.count(result, || self.tables.probes.with_label_values(&[pool.as_str(), node, result]));
        self.probe_time.record(time);
    }

    /// A request was sent again, because of `reason` here.
    pub fn retried(&self, reason: &'static str) {
        let [pool, node] = &self.labels;
        self.retries.count(reason, || self.tables.retries.with_label_values(&[pool.as_str(), node, reason]));
    }

    /// Whether a line may tell in this second that another node saved a request from it: then how many were left out.
    pub fn may_log_retry(&self, second: u64) -> Option<u64> {
        self.told.tell(second)
    }

    /// A request got a connection to it, `opened` or `reused`, or did not, and why.
    pub fn connection(&self, result: &'static str) {
        let [pool, node] = &self.labels;
        let make = || self.tables.node_connections.with_label_values(&[pool.as_str(), node, result]);
        self.connections.count(result, make);
    }

    pub(super) fn new(tables: &Arc<Tables>, labels: [&str; 2]) -> Self {
        Self {
            labels: labels.map(str::to_owned),
            upstream_time: tables.upstream_seconds.series(&labels),
            probe_time: tables.probe_seconds.series(&labels),
            present: Present::nothing(),
            changes: Slots::new(),
            probes: Slots::new(),
            connections: Slots::new(),
            retries: Slots::new(),
            told: Seldom::default(),
            tables: tables.clone(),
        }
    }
}

impl Forget for PoolCounters {
    fn forget(&self) {
        self.leave();
        let (tables, pool) = (&self.tables, self.pool.as_str());
        let _ = tables.sessions_learned.remove_label_values(&[pool]);
        let _ = tables.sessions_evicted.remove_label_values(&[pool]);
        let counted = [(&tables.session_lookups, &self.lookups), (&tables.queued, &self.queued)];
        for (counter, words) in counted {
            for word in words.keys() {
                let _ = counter.remove_label_values(&[pool, word]);
            }
        }
    }
}

impl Forget for NodeCounters {
    fn forget(&self) {
        self.leave();
        let (tables, [pool, node]) = (&self.tables, &self.labels);
        let labels = [pool.as_str(), node];
        tables.upstream_seconds.remove(&labels);
        tables.probe_seconds.remove(&labels);
        let counted = [
            (&tables.node_state_changes, &self.changes),
            (&tables.probes, &self.probes),
            (&tables.node_connections, &self.connections),
            (&tables.retries, &self.retries),
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

/// Why a node is passive.
pub const REASONS: [&str; 6] = ["checking", "draining", "ejected", "maintenance", "standby", "unhealthy"];
