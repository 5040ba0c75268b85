//! The process: version, client connections, TLS, requests.

use std::os::unix::process::parent_id;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::form;
use crate::control::operators::remaining::{all_members, removed_nodes};
use crate::control::state::Control;
use crate::observe::dates::rfc3339;
use crate::observe::metrics::ListenerCounts;

/// `/nginx`.
pub(super) fn nginx(control: &Control) -> Value {
    let generation = control.current.load_full();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "build": "weir",
        "address": generation.snapshot.config.admin.bind.ip().to_string(),
        "generation": generation.snapshot.generation,
        "load_timestamp": rfc3339(generation.since),
        "timestamp": rfc3339(SystemTime::now()),
        "pid": std::process::id(),
        "ppid": parent_id(),
    })
}

/// `/connections`. Which of those that are open wait for a request is not known, so none is told as idle.
pub(super) fn connections(control: &Control) -> Value {
    let counts = counts(control);
    json!({
        "accepted": counts.connections + counts.turned_away,
        "dropped": counts.turned_away,
        "active": control.open.load(Ordering::Relaxed),
        "idle": 0,
    })
}

/// `/ssl`.
pub(super) fn ssl(control: &Control) -> Value {
    let counts = counts(control);
    json!({
        "handshakes": counts.handshakes,
        "handshakes_failed": counts.failed + counts.timeouts,
        "session_reuses": counts.resumed,
        "handshake_timeout": counts.timeouts,
    })
}

/// `/http/requests`.
pub(super) fn requests(control: &Control) -> Value {
    let generation = control.current.load_full();
    let here: u32 = all_members(&generation).map(|(_, member)| member.load.in_flight()).sum();
    let gone: u32 = removed_nodes(control, &generation, |_| true).iter().map(|removed| removed.in_flight).sum();
    let waiting: usize = generation.snapshot.pools.iter().map(|pool| pool.waiting.len()).sum();
    json!({
        "total": form::requests(&control.observer.history.total()),
        "current": u64::from(here + gone) + waiting as u64,
    })
}

/// The one process, as a worker.
pub(super) fn worker(control: &Control) -> Value {
    json!({
        "id": 0,
        "pid": std::process::id(),
        "connections": connections(control),
        "http": { "requests": requests(control) },
    })
}

fn counts(control: &Control) -> ListenerCounts {
    let generation = control.current.load_full();
    generation.listeners.iter().map(|listener| listener.counters.counts()).sum()
}
