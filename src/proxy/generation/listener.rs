//! A listener of a generation: its limits, and what Weir knows of where a request came from.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use pingora_core::listeners::tls::Acceptor;
use rustls::ServerConfig;

use crate::config::{self, Access, Config, HostPattern, TlsVersion};
use crate::observe::metrics::ListenerCounters;
use crate::proxy::client::hello::group_names;
use crate::proxy::client::no_handshake;
use crate::traffic::message::headers::{Forwarded, Trust};
use crate::traffic::message::ids::IdRules;

/// The deadlines and size limits of a listener. Each connection has a copy.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) handshake_timeout: Duration,
    pub(crate) head_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) http2_idle_timeout: Duration,
    pub(crate) max_head: usize,
    pub(crate) max_fields: usize,
    pub(crate) max_requests: u64,
}

impl Limits {
    /// How long a client may take until its only request begins.
    const ONE_REQUEST: Duration = Duration::from_secs(2);

    /// Those of a connection that is there for one answer.
    pub(crate) fn for_one_answer(self) -> Self {
        let [idle_timeout, http2_idle_timeout, head_timeout] =
            [self.idle_timeout, self.http2_idle_timeout, self.head_timeout].map(|limit| limit.min(Self::ONE_REQUEST));
        Self { idle_timeout, http2_idle_timeout, head_timeout, max_requests: 1, ..self }
    }
}

/// A listener in a running generation.
pub(crate) struct RunningListener {
    pub(crate) name: Arc<str>,
    pub(crate) port: u16,
    pub(crate) public_port: Option<u16>,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Acceptor>,
    /// Whether a site of this TLS listener is named by an IP address. Then each connection needs the address that its
    /// client connected to.
    pub(crate) by_address: bool,
    /// Whether a site of this listener passes TLS through. Then the ClientHello is read before it is known where TLS ends.
    pub(crate) passes_tls: bool,
    pub(crate) trusted_proxies: Option<Vec<IpNet>>,
    /// Those whose connections begin with a PROXY header. Empty: no connection does.
    pub(crate) introducing: Vec<IpNet>,
    /// Where ids of requests and traces come from.
    pub(crate) id_rules: IdRules,
    /// The largest number of open connections, in total and for one client.
    pub(crate) most: Option<u32>,
    pub(crate) most_per_client: Option<u32>,
    /// Which peers may connect.
    pub(crate) access: Access,
    /// The host for an HTTP/1.0 client that sends no Host, without and with the port.
    pub(crate) default_host: String,
    pub(crate) default_authority: String,
    pub(crate) counters: Arc<ListenerCounters>,
}

impl RunningListener {
    pub(super) fn new(
        config: &Config,
        listener: &config::Listener,
        tls: Option<Arc<ServerConfig>>,
        by_address: bool,
        counters: Arc<ListenerCounters>,
    ) -> Self {
        if let Some(tls) = &listener.tls {
            let versions: &[_] = match tls.min_version {
                TlsVersion::V1_2 => &["TLSv1.3", "TLSv1.2"],
                TlsVersion::V1_3 => &["TLSv1.3"],
            };
            counters.know_handshakes(versions, group_names(), &no_handshake::WORDS);
        }
        Self {
            name: Arc::clone(&listener.name),
            port: listener.bind.port(),
            public_port: listener.public_port,
            limits: limits(listener),
            by_address,
            passes_tls: sites_of(config, listener).any(|site| site.passthrough),
            tls: tls.map(Acceptor::from_server_config),
            trusted_proxies: listener.trusted_proxies.clone(),
            introducing: listener.proxy_protocol_from.clone(),
            id_rules: id_rules(config, listener),
            most: listener.max_connections,
            most_per_client: listener.max_connections_per_client,
            access: listener.access.clone(),
            default_authority: default_authority(config, listener),
            default_host: default_host(config, listener),
            counters,
        }
    }

    /// What Weir knows of where a request from this peer came from.
    pub(crate) fn forwarded<'a>(&self, peer: IpAddr, client: &'a [u8], secure: bool) -> Forwarded<'a> {
        let trust = Trust::of(peer, self.trusted_proxies.as_deref());
        Forwarded {
            client,
            real: None,
            secure,
            port: self.port,
            public_port: self.public_port,
            trust,
            certificate: None,
        }
    }
}

fn id_rules(config: &Config, listener: &config::Listener) -> IdRules {
    let spans = config.tracing.as_ref().map(|tracing| tracing.sample);
    IdRules { request_id: listener.request_id, traceparent: listener.traceparent, spans }
}

fn limits(listener: &config::Listener) -> Limits {
    Limits {
        handshake_timeout: listener.handshake_timeout,
        head_timeout: listener.head_timeout,
        idle_timeout: listener.idle_timeout,
        body_timeout: listener.body_timeout,
        write_timeout: listener.write_timeout,
        http2_idle_timeout: listener.http2_idle_timeout,
        max_head: listener.max_head,
        max_fields: listener.max_fields,
        max_requests: listener.max_requests,
    }
}

fn sites_of<'c>(config: &'c Config, listener: &config::Listener) -> impl Iterator<Item = &'c config::Site> {
    let is_it = move |index: &usize| config.listeners.get(*index).is_some_and(|known| known.name == listener.name);
    config.sites.iter().filter(move |site| site.listeners.iter().any(is_it))
}

// The host for an HTTP/1.0 client without Host: the first exact name of the site that takes such clients, else the
// address.
fn default_host(config: &Config, listener: &config::Listener) -> String {
    let exact = |site: &config::Site| {
        site.hosts.iter().find_map(|host| match host {
            HostPattern::Exact(name) => Some(name.to_string()),
            HostPattern::Wildcard(_) => None,
        })
    };
    let find = |is_it: fn(&config::Site) -> bool| sites_of(config, listener).find(|site| is_it(site));
    let takes = find(|site| site.nameless).or_else(|| find(|site| site.default));
    let host = takes.and_then(exact).unwrap_or_else(|| listener.bind.ip().to_string());
    let bare_ipv6 = host.contains(':') && !host.starts_with('[');
    if bare_ipv6 { format!("[{host}]") } else { host }
}

fn default_authority(config: &Config, listener: &config::Listener) -> String {
    let host = default_host(config, listener);
    let usual = if listener.tls.is_some() { 443 } else { 80 };
    let port = listener.public_port.unwrap_or(listener.bind.port());
    if port == usual { host } else { format!("{host}:{port}") }
}
