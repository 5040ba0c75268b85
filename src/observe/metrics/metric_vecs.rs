//! The metric vectors of the prometheus crate, registered from the definitions. Handles are resolved from them while a
//! generation is built; a request looks nothing up in them.

use prometheus::{GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::definitions::register;
use super::histogram::HistogramVec;
use super::process::Process;
use super::scrape::shared::Shared;

#[derive(Clone, Debug)]
pub(super) struct MetricVecs {
    pub(super) answer_bytes: IntCounterVec,
    pub(super) build_info: IntGaugeVec,
    pub(super) certificates: Certificates,
    pub(super) cluster_member: IntGaugeVec,
    pub(super) cluster_source: IntGaugeVec,
    pub(super) cluster_split: IntGaugeVec,
    pub(super) connections: IntCounterVec,
    pub(super) connections_open: IntGaugeVec,
    pub(super) connections_refused: IntCounterVec,
    pub(super) delayed: IntCounterVec,
    pub(super) generation: IntGaugeVec,
    pub(super) handshake_failures: IntCounterVec,
    pub(super) handshakes: IntCounterVec,
    pub(super) handshakes_resumed: IntCounterVec,
    pub(super) key_exchanges: IntCounterVec,
    pub(super) log_dropped: IntCounterVec,
    pub(super) name_failures: IntCounterVec,
    pub(super) node_active: IntGaugeVec,
    pub(super) node_answer_bytes: IntCounterVec,
    pub(super) node_connect_seconds: HistogramVec,
    pub(super) node_connections: IntCounterVec,
    pub(super) node_connections_idle: IntGaugeVec,
    pub(super) node_first_byte_seconds: HistogramVec,
    pub(super) node_max_requests: IntGaugeVec,
    pub(super) node_request_bytes: IntCounterVec,
    pub(super) node_state: IntGaugeVec,
    pub(super) node_state_changes: IntCounterVec,
    pub(super) node_warmth: IntGaugeVec,
    pub(super) node_weight: IntGaugeVec,
    pub(super) pool_max_sessions: IntGaugeVec,
    pub(super) pool_without_node: IntGaugeVec,
    pub(super) probe_seconds: HistogramVec,
    pub(super) probes: IntCounterVec,
    pub(super) process: Process,
    pub(super) queue_seconds: HistogramVec,
    pub(super) queue_waiting: IntGaugeVec,
    pub(super) queued: IntCounterVec,
    pub(super) refusals: IntCounterVec,
    pub(super) reloads: Reloads,
    pub(super) request_bytes: IntCounterVec,
    pub(super) request_seconds: HistogramVec,
    pub(super) requests: IntCounterVec,
    pub(super) requests_in_flight: IntGaugeVec,
    pub(super) retries: IntCounterVec,
    pub(super) retry_budget: IntGaugeVec,
    pub(super) session_lookups: IntCounterVec,
    pub(super) sessions: IntGaugeVec,
    pub(super) sessions_evicted: IntCounterVec,
    pub(super) sessions_learned: IntCounterVec,
    pub(super) shared: Shared,
    pub(super) spans: IntCounterVec,
    pub(super) tunnels: IntCounterVec,
    pub(super) tunnels_open: IntGaugeVec,
    pub(super) upstream_seconds: HistogramVec,
}

/// From when to when each certificate is valid, and how orders of new ones go.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    not_before: IntGaugeVec,
    expiry: IntGaugeVec,
    /// By site: how many orders failed since one succeeded.
    pub(super) order_failures: IntGaugeVec,
    /// By site and result.
    pub(super) orders: IntCounterVec,
}

impl Certificates {
    fn registered_in(registry: &Registry) -> Self {
        let gauge = |name| register(registry, name, IntGaugeVec::new);
        Self {
            not_before: gauge("weir_certificate_not_before_timestamp_seconds"),
            expiry: gauge("weir_certificate_expiry_timestamp_seconds"),
            order_failures: gauge("weir_certificate_order_failures"),
            orders: register(registry, "weir_certificate_orders_total", IntCounterVec::new),
        }
    }

    /// In Unix seconds; none where there is no certificate (any more).
    pub(super) fn set(&self, whose: &str, unix: Option<(i64, i64)>) {
        let times = unix.map_or([None, None], |(from, to)| [Some(from), Some(to)]);
        for (gauge, time) in [&self.not_before, &self.expiry].into_iter().zip(times) {
            match time {
                Some(time) => gauge.with_label_values(&[whose]).set(time),
                // It may not be there.
                None => drop(gauge.remove_label_values(&[whose])),
            }
        }
    }
}

/// What the configuration is read from, and whether that is used.
#[derive(Clone, Debug)]
pub(super) struct Reloads {
    pub(super) ended: IntCounterVec,
    pub(super) last_success: IntGauge,
    pub(super) last_timestamp: IntGauge,
    pub(super) file_changes: IntCounterVec,
    pub(super) files_last_success: IntGauge,
}

impl Reloads {
    fn registered_in(registry: &Registry) -> Self {
        let counter = |name| register(registry, name, IntCounterVec::new);
        let gauge = |name| register(registry, name, IntGaugeVec::new).with_label_values::<&str>(&[]);
        Self {
            ended: counter("weir_reloads_total"),
            last_success: gauge("weir_reload_last_success"),
            last_timestamp: gauge("weir_reload_last_timestamp_seconds"),
            file_changes: counter("weir_file_changes_total"),
            files_last_success: gauge("weir_file_change_last_success"),
        }
    }

    /// As they are at the start, which is `unix`.
    pub(super) fn started(&self, unix: i64) {
        self.last_success.set(1);
        self.last_timestamp.set(unix);
        self.files_last_success.set(1);
        for result in ["accepted", "refused"] {
            self.ended.with_label_values(&[result]);
            self.file_changes.with_label_values(&[result]);
        }
    }
}

impl MetricVecs {
    pub(super) fn registered_in(registry: &Registry) -> Self {
        let counter = |name| register(registry, name, IntCounterVec::new);
        let gauge = |name| register(registry, name, IntGaugeVec::new);
        let histogram =
            |name| register(registry, name, |opts, labels| HistogramVec::new(&opts.name, &opts.help, labels));
        Self {
            answer_bytes: counter("weir_answer_bytes_total"),
            build_info: gauge("weir_build_info"),
            certificates: Certificates::registered_in(registry),
            cluster_member: gauge("weir_cluster_member"),
            cluster_source: gauge("weir_cluster_source_answers"),
            cluster_split: gauge("weir_cluster_split"),
            connections: counter("weir_connections_total"),
            connections_open: gauge("weir_connections_open"),
            connections_refused: counter("weir_connections_refused_total"),
            delayed: counter("weir_delayed_total"),
            generation: gauge("weir_generation"),
            handshake_failures: counter("weir_handshake_failures_total"),
            handshakes: counter("weir_handshakes_total"),
            handshakes_resumed: counter("weir_handshakes_resumed_total"),
            key_exchanges: counter("weir_key_exchanges_total"),
            log_dropped: counter("weir_log_dropped_total"),
            name_failures: counter("weir_name_failures_total"),
            node_active: gauge("weir_node_active"),
            node_answer_bytes: counter("weir_node_answer_bytes_total"),
            node_connect_seconds: histogram("weir_node_connect_seconds"),
            node_connections: counter("weir_node_connections_total"),
            node_connections_idle: gauge("weir_node_connections_idle"),
            node_first_byte_seconds: histogram("weir_node_first_byte_seconds"),
            node_max_requests: gauge("weir_node_max_requests"),
            node_request_bytes: counter("weir_node_request_bytes_total"),
            node_state: gauge("weir_node_state"),
            node_state_changes: counter("weir_node_state_changes_total"),
            node_warmth: gauge("weir_node_warmth_percent"),
            node_weight: gauge("weir_node_weight"),
            pool_max_sessions: gauge("weir_pool_max_sessions"),
            pool_without_node: gauge("weir_pool_without_active_node"),
            probe_seconds: histogram("weir_probe_seconds"),
            probes: counter("weir_probes_total"),
            process: Process::registered_in(registry),
            queue_seconds: histogram("weir_queue_seconds"),
            queue_waiting: gauge("weir_queue_waiting"),
            queued: counter("weir_queued_total"),
            refusals: counter("weir_refusals_total"),
            reloads: Reloads::registered_in(registry),
            request_bytes: counter("weir_request_bytes_total"),
            request_seconds: histogram("weir_request_seconds"),
            requests: counter("weir_requests_total"),
            requests_in_flight: gauge("weir_requests_in_flight"),
            retries: counter("weir_retries_total"),
            retry_budget: gauge("weir_retry_budget"),
            session_lookups: counter("weir_session_lookups_total"),
            sessions: gauge("weir_sessions"),
            sessions_evicted: counter("weir_sessions_evicted_total"),
            sessions_learned: counter("weir_sessions_learned_total"),
            shared: Shared::made_by(counter, gauge, |name| register(registry, name, GaugeVec::new)),
            spans: counter("weir_spans_total"),
            tunnels: counter("weir_tunnels_total"),
            tunnels_open: gauge("weir_tunnels_open"),
            upstream_seconds: histogram("weir_upstream_seconds"),
        }
    }
}
