//! Listeners: where clients come in, and how many there are.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::handler::Weir;
use crate::config::{Config, Listener, TlsVersion};
use crate::proxy::generation::Generation;

/// A listener.
#[derive(Serialize, ToSchema)]
pub(super) struct ListenerView {
    name: String,
    address: String,
    /// The port that clients see, where it is another one.
    public_port: Option<u16>,
    tls: bool,
    /// The oldest TLS version that it speaks; absent without TLS.
    tls_from: Option<&'static str>,
    http2: bool,
    /// Its sites.
    sites: Vec<String>,
    /// Connections open now.
    connections: u64,
    /// Connections accepted since the listener began. A reload that keeps its name does not set it back.
    connections_accepted: u64,
    /// How many may be open at once, in total and for one client; absent where there is no limit.
    max_connections: Option<u32>,
    max_connections_per_client: Option<u32>,
}

/// All listeners.
#[utoipa::path(get, path = "/api/v1/listeners", responses((status = 200, body = Vec<ListenerView>)))]
pub(super) async fn listeners(State(control): Weir) -> Json<Vec<ListenerView>> {
    let generation = control.current.load_full();
    let listeners = &generation.snapshot.config.listeners;
    Json(listeners.iter().enumerate().map(|(index, listener)| view(&generation, index, listener)).collect())
}

fn view(generation: &Generation, index: usize, listener: &Listener) -> ListenerView {
    let counters = generation.listeners.get(index).map(|running| &running.counters);
    ListenerView {
        name: listener.name.to_string(),
        address: listener.bind.to_string(),
        public_port: listener.public_port,
        tls: listener.tls.is_some(),
        tls_from: listener.tls.as_ref().map(|tls| match tls.min_version {
            TlsVersion::V1_2 => "1.2",
            TlsVersion::V1_3 => "1.3",
        }),
        http2: listener.http2,
        sites: sites_of(&generation.snapshot.config, index),
        connections: counters.map_or(0, |counters| counters.open()),
        connections_accepted: counters.map_or(0, |counters| counters.accepted()),
        max_connections: listener.max_connections,
        max_connections_per_client: listener.max_connections_per_client,
    }
}

fn sites_of(config: &Config, listener: usize) -> Vec<String> {
    let its = config.sites.iter().filter(|site| site.listeners.contains(&listener));
    its.map(|site| site.name.to_string()).collect()
}
