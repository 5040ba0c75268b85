//! The metric vectors of the prometheus crate, registered from the definitions. Handles are resolved from them while a
//! generation is built; a request looks nothing up in them.

use prometheus::{IntCounterVec, IntGaugeVec, Registry};

use super::definitions::register;
use super::histogram::HistogramVec;
use super::process::Process;

#[derive(Clone, Debug)]
pub(super) struct MetricVecs {
    pub(super) answer_bytes: IntCounterVec,
    pub(super) build_info: IntGaugeVec,
    pub(super) certificate_expiry: IntGaugeVec,
    pub(super) connections: IntCounterVec,
    pub(super) connections_open: IntGaugeVec,
    pub(super) connections_refused: IntCounterVec,
    pub(super) delayed: IntCounterVec,
    pub(super) generation: IntGaugeVec,
    pub(super) handshakes: IntCounterVec,
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
    pub(super) reload_last_success: IntGaugeVec,
    pub(super) reload_last_timestamp: IntGaugeVec,
    pub(super) reloads: IntCounterVec,
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
    pub(super) tunnels: IntCounterVec,
    pub(super) tunnels_open: IntGaugeVec,
    pub(super) upstream_seconds: HistogramVec,
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
            certificate_expiry: gauge("weir_certificate_expiry_timestamp_seconds"),
            connections: counter("weir_connections_total"),
            connections_open: gauge("weir_connections_open"),
            connections_refused: counter("weir_connections_refused_total"),
            delayed: counter("weir_delayed_total"),
            generation: gauge("weir_generation"),
            handshakes: counter("weir_handshakes_total"),
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
            reload_last_success: gauge("weir_reload_last_success"),
            reload_last_timestamp: gauge("weir_reload_last_timestamp_seconds"),
            reloads: counter("weir_reloads_total"),
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
            tunnels: counter("weir_tunnels_total"),
            tunnels_open: gauge("weir_tunnels_open"),
            upstream_seconds: histogram("weir_upstream_seconds"),
        }
    }
}
