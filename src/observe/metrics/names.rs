//! Every metric by name: the one table that registration and docs/metrics.md follow. A name is a promise to operators'
//! dashboards; it is never changed in passing.

/// Name, kind (`counter`, `gauge` or `histogram`), labels parted by commas, and what it says.
pub type Name = (&'static str, &'static str, &'static str, &'static str);

/// All of them, in the order of their names.
pub const NAMES: &[Name] = &[
    ("weir_answer_bytes_total", "counter", "site", "Bytes of answer bodies sent to clients"),
    ("weir_build_info", "gauge", "version", "Always 1; the version is in the label"),
    (
        "weir_certificate_expiry_timestamp_seconds",
        "gauge",
        "site",
        "When the site's certificate expires, in Unix seconds",
    ),
    ("weir_connections_open", "gauge", "listener", "Client connections open now"),
    ("weir_connections_total", "counter", "listener", "Client connections accepted"),
    ("weir_generation", "gauge", "", "The generation of the configuration in use"),
    (
        "weir_handshakes_total",
        "counter",
        "listener,result,version",
        "TLS handshakes with clients; result is ok or why it failed",
    ),
    ("weir_log_dropped_total", "counter", "log", "Log lines lost: no room in the queue, or an error in writing"),
    ("weir_node_active", "gauge", "pool,node", "1 while the node gets new requests, else 0"),
    ("weir_node_connections_idle", "gauge", "pool,node", "Connections to the node that are kept for the next request"),
    (
        "weir_node_connections_total",
        "counter",
        "pool,node,result",
        "Connections to the node; result is opened, reused, or why it failed",
    ),
    ("weir_node_state", "gauge", "pool,node,reason", "1 for the reason that the node is passive, 0 for the others"),
    (
        "weir_node_state_changes_total",
        "counter",
        "pool,node,to",
        "State changes, by what the node became: active or a reason",
    ),
    ("weir_probe_seconds", "histogram", "pool,node", "How long probes took"),
    ("weir_probes_total", "counter", "pool,node,result", "Probes; result is pass or fail"),
    ("weir_process_cpu_seconds_total", "counter", "", "CPU time used by the process, user and system"),
    ("weir_process_max_fds", "gauge", "", "How many file descriptors the process may open"),
    ("weir_process_open_fds", "gauge", "", "File descriptors open now"),
    ("weir_process_resident_memory_bytes", "gauge", "", "Resident memory of the process"),
    ("weir_refusals_total", "counter", "site,word", "Answers that Weir gave itself, by the refusal's word"),
    ("weir_reload_last_success", "gauge", "", "1 if the last reload was accepted, 0 if it was refused"),
    ("weir_reload_last_timestamp_seconds", "gauge", "", "When the last reload (or the start) was, in Unix seconds"),
    ("weir_reloads_total", "counter", "result", "Reloads; result is accepted or refused"),
    ("weir_request_bytes_total", "counter", "site", "Bytes of request bodies received from clients"),
    ("weir_request_seconds", "histogram", "site", "From the first byte of a request to the last of its answer"),
    ("weir_requests_in_flight", "gauge", "pool,node", "Requests that the node is working on now"),
    ("weir_requests_total", "counter", "site,pool,node,code", "Requests by the status of their answer"),
    (
        "weir_retries_total",
        "counter",
        "pool,reason",
        "Requests sent to another node, by what went wrong with the first",
    ),
    (
        "weir_session_lookups_total",
        "counter",
        "pool,result",
        "Session lookups; result is hit, rebound, unknown or none",
    ),
    ("weir_sessions", "gauge", "pool", "Sessions known now"),
    (
        "weir_sessions_evicted_total",
        "counter",
        "pool",
        "Sessions forgotten before their time because the table was full",
    ),
    ("weir_sessions_learned_total", "counter", "pool", "Sessions learned from Set-Cookie"),
    ("weir_start_time_seconds", "gauge", "", "When the process started, in Unix seconds"),
    ("weir_threads", "gauge", "", "Threads of the process"),
    ("weir_tunnels_open", "gauge", "site", "Tunnels (WebSocket and other upgrades) open now"),
    ("weir_tunnels_total", "counter", "site", "Tunnels opened"),
    ("weir_upstream_seconds", "histogram", "pool,node", "From the first byte to the node to the last byte from it"),
];
