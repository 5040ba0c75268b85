//! The definition of every metric: the one table from which they are registered, and which `make generated` writes into
//! docs/metrics.md. Dashboards depend on the names, so a change of one needs a line in the CHANGELOG.

use prometheus::core::Collector;
use prometheus::{Opts, Registry};

/// Name, kind (`counter`, `gauge` or `histogram`), labels parted by commas, and help text.
pub type Definition = (&'static str, &'static str, &'static str, &'static str);

/// All metrics, in the order of their names.
pub const DEFINITIONS: &[Definition] = &[
    ("process_cpu_seconds_total", "counter", "", "CPU time used by the process, user and system"),
    ("process_max_fds", "gauge", "", "How many file descriptors the process may open"),
    ("process_open_fds", "gauge", "", "File descriptors open now"),
    ("process_resident_memory_bytes", "gauge", "", "Resident memory of the process"),
    ("process_start_time_seconds", "gauge", "", "When the process started, in Unix seconds"),
    ("process_threads", "gauge", "", "Threads of the process"),
    ("process_virtual_memory_bytes", "gauge", "", "Virtual memory of the process"),
    ("weir_answer_bytes_total", "counter", "site", "Bytes of answer bodies sent to clients"),
    ("weir_build_info", "gauge", "version", "Always 1; the version is in the label"),
    (
        "weir_certificate_expiry_timestamp_seconds",
        "gauge",
        "site",
        "When the site's certificate expires, in Unix seconds; site is [admin] for that of the admin address",
    ),
    (
        "weir_certificate_not_before_timestamp_seconds",
        "gauge",
        "site",
        "When that certificate began to be valid, in Unix seconds: with its end it tells the length of its life",
    ),
    (
        "weir_certificate_order_failures",
        "gauge",
        "site",
        "How many orders of the site's certificate have failed since one succeeded. Only where a CA is named (acme)",
    ),
    (
        "weir_certificate_orders_total",
        "counter",
        "site,result",
        "Orders of the site's certificate; result is ok or failed. Only where a CA is named (acme)",
    ),
    (
        "weir_cluster_member",
        "gauge",
        "node",
        "1 while members of the nodes' own cluster name the node, 0 while none does; absent while nobody says. Only with [cluster] members-from or members-log",
    ),
    (
        "weir_cluster_source_answers",
        "gauge",
        "source",
        "1 while the member or log tells who is in the cluster, else 0. Only with [cluster] members-from or members-log",
    ),
    (
        "weir_cluster_split",
        "gauge",
        "",
        "1 while the members disagree about who is in the cluster for more than a moment, else 0. Only with [cluster] members-from or members-log",
    ),
    ("weir_connections_open", "gauge", "listener", "Client connections open now"),
    (
        "weir_connections_refused_total",
        "counter",
        "listener,reason",
        "Client connections that were turned away: those beyond a limit read 503, or are closed when they are many, all others are closed when they arrive; reason is listener-full (max-connections), client-full (max-connections-per-client), denied (allow-from, deny-from), no-proxy (from nobody in proxy-protocol-from) or bad-proxy-header",
    ),
    ("weir_connections_total", "counter", "listener", "Client connections accepted"),
    ("weir_delayed_total", "counter", "site", "Requests held back for their turn by a rate"),
    (
        "weir_file_change_last_success",
        "gauge",
        "",
        "1 if what the files hold that the configuration names is used, 0 while it cannot be",
    ),
    (
        "weir_file_changes_total",
        "counter",
        "result",
        "Times that files which the configuration names (certificates and others) held something else; result is accepted or refused",
    ),
    ("weir_generation", "gauge", "", "The generation of the configuration in use"),
    (
        "weir_handshake_failures_total",
        "counter",
        "listener,reason",
        "TLS handshakes with clients that failed, by what the client offered or did; weir_handshakes_total has them too",
    ),
    (
        "weir_handshakes_resumed_total",
        "counter",
        "listener,version",
        "TLS handshakes with clients that went on with an earlier session; weir_handshakes_total has them too",
    ),
    (
        "weir_handshakes_total",
        "counter",
        "listener,result,version",
        "TLS handshakes with clients; result is ok or why it failed",
    ),
    (
        "weir_key_exchanges_total",
        "counter",
        "listener,group",
        "TLS handshakes with clients that made a new key, by the group of the key exchange; TLS 1.2 makes none when it resumes a session",
    ),
    ("weir_log_dropped_total", "counter", "log", "Log lines lost, because the queue was full or writing failed"),
    (
        "weir_memory_limit_bytes",
        "gauge",
        "",
        "From how much memory of its own on the process refuses requests (max-memory); 0: from none",
    ),
    ("weir_memory_short", "gauge", "", "1 while requests get 503 because memory is used up, else 0"),
    (
        "weir_name_failures_total",
        "counter",
        "name",
        "DNS look-ups of a node's name that failed, completely or for one family of addresses",
    ),
    ("weir_node_active", "gauge", "pool,node", "1 while the node gets new requests, else 0"),
    (
        "weir_node_answer_bytes_total",
        "counter",
        "pool,node",
        "Bytes of answer bodies sent to clients, by the last node of the request",
    ),
    (
        "weir_node_connect_seconds",
        "histogram",
        "pool,node",
        "Time to open a connection to the node, TLS included; attempts that failed are not in it",
    ),
    ("weir_node_connections_idle", "gauge", "pool,node", "Connections to the node that are kept for the next request"),
    (
        "weir_node_connections_total",
        "counter",
        "pool,node,result",
        "Connections to the node; result is opened, reused, or why it failed",
    ),
    (
        "weir_node_first_byte_seconds",
        "histogram",
        "pool,node",
        "Time from the moment when the node could be asked, with a connection at hand, to the end of the head of its answer",
    ),
    (
        "weir_node_max_requests",
        "gauge",
        "pool,node",
        "The most requests that the node may work on at once (max-requests); absent where there is no limit",
    ),
    (
        "weir_node_request_bytes_total",
        "counter",
        "pool,node",
        "Bytes of request bodies received from clients, by the last node of the request",
    ),
    (
        "weir_node_state",
        "gauge",
        "pool,node,reason",
        "1 for the reason why the node is passive, 0 for the other reasons",
    ),
    (
        "weir_node_state_changes_total",
        "counter",
        "pool,node,to",
        "State changes, by what the node became: active or a reason",
    ),
    (
        "weir_node_warmth_percent",
        "gauge",
        "pool,node",
        "Percentage of its share that the node gets while it warms up (slow-start); 100 when it is warm",
    ),
    ("weir_node_weight", "gauge", "pool,node", "The node's weight in the pool"),
    (
        "weir_pool_max_sessions",
        "gauge",
        "pool",
        "The most sessions that are kept (max-sessions); absent where sessions are not kept in a table",
    ),
    (
        "weir_pool_without_active_node",
        "gauge",
        "pool",
        "1 while no node of the pool is active, else 0; the pool's when-none says what Weir does then",
    ),
    (
        "weir_probe_seconds",
        "histogram",
        "pool,node",
        "How long rounds of probes took; in a round a node is asked its probes one after the other, until one fails",
    ),
    (
        "weir_probes_total",
        "counter",
        "pool,node,result",
        "Rounds of probes; result is pass (each probe passed) or fail",
    ),
    (
        "weir_process_cpu_seconds_total",
        "counter",
        "",
        "CPU time used by the process, user and system; the older name of process_cpu_seconds_total, which goes with the next release",
    ),
    (
        "weir_process_max_fds",
        "gauge",
        "",
        "How many file descriptors the process may open; the older name of process_max_fds, which goes with the next release",
    ),
    (
        "weir_process_open_fds",
        "gauge",
        "",
        "File descriptors open now; the older name of process_open_fds, which goes with the next release",
    ),
    (
        "weir_process_resident_memory_bytes",
        "gauge",
        "",
        "Resident memory of the process; the older name of process_resident_memory_bytes, which goes with the next release",
    ),
    (
        "weir_queue_seconds",
        "histogram",
        "pool",
        "How long requests waited for a place at a node, however that ended; those that did not wait are not in it",
    ),
    ("weir_queue_waiting", "gauge", "pool", "Requests that wait for a place at a node now"),
    (
        "weir_queued_total",
        "counter",
        "pool,result",
        "Requests that had to wait for a place at a node; result is served, timeout, full (the queue had no room) or gone (the client left)",
    ),
    (
        "weir_refusals_total",
        "counter",
        "site,word",
        "Requests that Weir refused or could not finish, by the refusal's word; clients that left and answers that were cut count too",
    ),
    ("weir_reload_last_success", "gauge", "", "1 if the last reload was accepted, 0 if it was refused"),
    ("weir_reload_last_timestamp_seconds", "gauge", "", "When the last reload (or the start) was, in Unix seconds"),
    ("weir_reloads_total", "counter", "result", "Reloads; result is accepted or refused"),
    ("weir_request_bytes_total", "counter", "site", "Bytes of request bodies received from clients"),
    (
        "weir_request_seconds",
        "histogram",
        "site",
        "Time from the end of a request's head to the last byte of its answer; tunnels are not in it",
    ),
    ("weir_requests_in_flight", "gauge", "pool,node", "Requests that the node is working on now"),
    ("weir_requests_total", "counter", "site,pool,node,code", "Requests by the status of their answer"),
    (
        "weir_retries_total",
        "counter",
        "pool,node,reason",
        "Requests sent again, by the node that failed and the reason; stale: the node had closed the kept connection",
    ),
    ("weir_retry_budget", "gauge", "pool", "Retries that the pool's budget still allows, at most 100"),
    (
        "weir_session_lookups_total",
        "counter",
        "pool,result",
        "Session lookups; result is hit, rebound (its node could not be used, so another one was chosen), unknown (an id that Weir does not know) or none (no id)",
    ),
    ("weir_sessions", "gauge", "pool", "Sessions known now"),
    (
        "weir_sessions_evicted_total",
        "counter",
        "pool",
        "Sessions forgotten before their time because the table was full",
    ),
    ("weir_sessions_learned_total", "counter", "pool", "Sessions learned from Set-Cookie"),
    (
        "weir_shared_lookups_total",
        "counter",
        "result",
        "Sessions that this machine did not know, asked for at the servers of [shared]; result is found, unknown, late (no answer in time) or skipped (no server could be asked)",
    ),
    (
        "weir_shared_moves_total",
        "counter",
        "",
        "Sessions that another machine moved to another node, and this one after it. Only with [shared] servers",
    ),
    (
        "weir_shared_rate_requests_total",
        "counter",
        "result",
        "Requests under rates with shared = true; result is told (passed here, and the servers were told), heard (passed at another machine, and counted here) or lost (passed here, and nobody was told: too many clients at once, or no server could be used)",
    ),
    (
        "weir_shared_records_refused_total",
        "counter",
        "reason",
        "Records in the servers of [shared] that were not believed; reason is foreign (written with another secret, or damaged) or later (written by a later Weir)",
    ),
    (
        "weir_shared_server_lag_seconds",
        "gauge",
        "server",
        "How long the server took for the last question; absent while it cannot be used",
    ),
    (
        "weir_shared_server_up",
        "gauge",
        "server",
        "1 while the server of [shared] can be used and takes what it is told, else 0",
    ),
    ("weir_shared_sessions_told_total", "counter", "server", "Sessions that the server was told of"),
    ("weir_shared_sessions_waiting", "gauge", "server", "Sessions that the server has yet to be told of"),
    (
        "weir_shared_unconfirmed_total",
        "counter",
        "",
        "Answers that began or moved a session and went on before two servers had it. Only with [shared] confirm",
    ),
    (
        "weir_spans_total",
        "counter",
        "result",
        "Spans of requests; result is exported, queue-full (they found no room) or failed (the collector did not take them). Only with [tracing]",
    ),
    (
        "weir_start_time_seconds",
        "gauge",
        "",
        "When the process started, in Unix seconds; the older name of process_start_time_seconds, which goes with the next release",
    ),
    (
        "weir_threads",
        "gauge",
        "",
        "Threads of the process; the older name of process_threads, which goes with the next release",
    ),
    ("weir_tunnels_open", "gauge", "site", "Tunnels (WebSocket, other upgrades, TLS that is passed through) open now"),
    ("weir_tunnels_total", "counter", "site", "Tunnels opened"),
    (
        "weir_upstream_seconds",
        "histogram",
        "pool,node",
        "Time from the choice of a request's first node to the end of what its last node sent, counted for the last one; connecting, earlier tries and waits between tries are part of it; tunnels are not",
    ),
];

/// The labels of a definition.
fn labels(definition: &Definition) -> Vec<&'static str> {
    definition.2.split(',').filter(|label| !label.is_empty()).collect()
}

/// Makes the metric of this name from its definition, and registers it.
pub(super) fn register<V: Collector + Clone + 'static>(
    registry: &Registry,
    name: &str,
    make: impl Fn(Opts, &[&str]) -> prometheus::Result<V>,
) -> V {
    let definition = DEFINITIONS.iter().find(|definition| definition.0 == name).expect("every metric has a definition");
    let vec = make(Opts::new(definition.0, definition.3), &labels(definition))
        .expect("names and labels of definitions are well formed");
    registry.register(Box::new(vec.clone())).expect("each name is registered once");
    vec
}
