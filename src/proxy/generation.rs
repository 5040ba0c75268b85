//! A snapshot made ready to run: TLS configurations, log files and counters resolved once, so that a request looks
//! nothing up by name.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use pingora_core::listeners::tls::Acceptor;
use rustls::ServerConfig;
use rustls::server::ProducesTickets;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::client::tls;
use super::node::NodeTls;
use super::node::verify;
use crate::config;
use crate::config::{Action, Config, HostPattern, LogFormat, LogTarget, Problem, Verify};
use crate::observe::Observer;
use crate::observe::access_log::LineFormatter;
use crate::observe::access_log::{AccessLog, Format, RequestEntry, UnroutedEntry};
use crate::observe::logs::Destination;
use crate::observe::logs::LogQueue;
use crate::observe::metrics::{
    Finished, GaugeGuard, ListenerCounters, NodeCounters, PoolCounters, RouteCounters, SiteCounters,
};
use crate::traffic::message::headers::{Forwarded, Trust};
use crate::traffic::snapshot;
use crate::traffic::snapshot::{Ground, Snapshot};

/// One generation at work.
pub(crate) struct Generation {
    /// What requests decide by.
    pub(crate) snapshot: Snapshot,
    /// Same order as in the configuration.
    pub(crate) listeners: Vec<ListenerRun>,
    /// Same order as in the configuration.
    pub(crate) sites: Vec<SiteRun>,
    /// Same order as in the configuration.
    pub(crate) pools: Vec<PoolRun>,
    /// Links of node connections that may still be used.
    pub(crate) links: HashSet<u64>,
    /// Names of sessions besides JSESSIONID: no log shows their values.
    pub(crate) session_names: Vec<Arc<str>>,
    stray: AccessLog,
    pub(crate) stray_counters: Arc<RouteCounters>,
    pub(crate) observer: Arc<Observer>,
    any_certificate: NodeTls,
}

/// Where a listener stands in a generation.
pub(crate) struct ListenerRef {
    /// The generation.
    pub(crate) generation: Arc<Generation>,
    /// Index into its listeners.
    pub(crate) listener: usize,
}

impl ListenerRef {
    /// The listener.
    pub(crate) fn listener(&self) -> &ListenerRun {
        &self.generation.listeners[self.listener]
    }
}

/// A listener's deadlines and sizes, as a connection copies them.
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

/// A listener at work.
pub(crate) struct ListenerRun {
    pub(crate) name: Arc<str>,
    pub(crate) port: u16,
    pub(crate) public_port: Option<u16>,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Acceptor>,
    /// Whether it counts to which address a TLS client came.
    pub(crate) by_address: bool,
    pub(crate) trusted_proxies: Option<Vec<IpNet>>,
    /// Most open connections, and most of one client.
    pub(crate) most: Option<u32>,
    pub(crate) most_per_client: Option<u32>,
    /// The host for an HTTP/1.0 client that names none, alone and with the port.
    pub(crate) default_host: String,
    pub(crate) default_authority: String,
    pub(crate) counters: Arc<ListenerCounters>,
}

impl ListenerRun {
    /// What is known of where a request of this peer came from.
    pub(crate) fn forwarded<'a>(&self, peer: IpAddr, client: &'a [u8], secure: bool) -> Forwarded<'a> {
        let trust = Trust::of(peer, self.trusted_proxies.as_deref());
        Forwarded { client, real: None, secure, port: self.port, public_port: self.public_port, trust }
    }
}

/// A site at work.
pub(crate) struct SiteRun {
    pub(crate) access: AccessLog,
    pub(crate) errors: Option<Arc<LogQueue>>,
    pub(crate) counters: Arc<SiteCounters>,
    /// For each pool that the site sends to, by member; the last one stands for "no node".
    routes: Vec<(usize, Vec<Arc<RouteCounters>>)>,
    /// Where neither pool nor node were thought of.
    alone: Arc<RouteCounters>,
}

impl SiteRun {
    /// What a request counts with that came to this pool, and this member.
    pub(crate) fn route(&self, pool: Option<usize>, member: Option<usize>) -> &RouteCounters {
        let routes = self.routes.iter().find(|(index, _)| Some(*index) == pool).map(|(_, routes)| routes);
        let known = |routes: &'_ Vec<Arc<RouteCounters>>| {
            member.filter(|member| *member < routes.len()).or(routes.len().checked_sub(1))
        };
        let found = routes.and_then(|routes| routes.get(known(routes)?));
        found.unwrap_or(&self.alone)
    }
}

/// A pool at work.
pub(crate) struct PoolRun {
    pub(crate) tls: Option<NodeTls>,
    pub(crate) counters: Arc<PoolCounters>,
    pub(crate) members: Vec<Arc<NodeCounters>>,
}

/// Everything that can fail, done before anything is changed.
pub(crate) struct Prepared {
    config: Arc<Config>,
    listeners: Vec<Option<Arc<ServerConfig>>>,
    pools: Vec<Option<NodeTls>>,
    logs: Vec<(AccessLog, Option<Arc<LogQueue>>)>,
    stray: AccessLog,
    any_certificate: NodeTls,
}

impl Prepared {
    /// What is about to run.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Opens logs and builds TLS configurations. Pools whose TLS settings did not change keep their own, and with it
    /// the sessions to resume.
    pub(crate) fn new(
        config: Arc<Config>,
        before: Option<&Generation>,
        tickets: &Arc<dyn ProducesTickets>,
        observer: &Observer,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let listeners = (0..config.listeners.len())
            .map(|index| {
                let hosts = snapshot::hosts_of(&config, index);
                note(tls::server_config(&config, index, &hosts, tickets), &config.listeners[index].at, &mut problems)
                    .flatten()
            })
            .collect();
        let pools =
            config.pools.iter().map(|pool| note(node_tls(pool, before), &pool.at, &mut problems).flatten()).collect();
        let logs = config
            .sites
            .iter()
            .map(|site| {
                let opened = open_logs(&site.logs, observer);
                note(opened, &site.at, &mut problems)
                    .unwrap_or_else(|| (AccessLog { queue: None, format: Format::Combined }, None))
            })
            .collect();
        let stray = note(open_logs(&config.logs, observer), &config.admin.at, &mut problems);
        let any_certificate = note(
            connector(&config::NodeTls { verify: Verify::None, server_name: None }),
            &config.admin.at,
            &mut problems,
        );
        match (stray, any_certificate) {
            (Some((stray, _)), Some(any_certificate)) if problems.is_empty() => {
                Ok(Self { config, listeners, pools, logs, stray, any_certificate })
            }
            _ => Err(problems),
        }
    }
}

fn note<T>(result: Result<T, String>, at: &config::Place, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|what| problems.push(Problem { at: at.clone(), what, advice: String::new() })).ok()
}

fn node_tls(pool: &config::Pool, before: Option<&Generation>) -> Result<Option<NodeTls>, String> {
    let Some(settings) = &pool.tls else { return Ok(None) };
    let same = before.and_then(|generation| {
        let index = generation.snapshot.config.pools.iter().position(|p| p.name == pool.name && p.tls == pool.tls)?;
        generation.pools.get(index)?.tls.clone()
    });
    same.map_or_else(|| connector(settings), Ok).map(Some)
}

fn connector(settings: &config::NodeTls) -> Result<NodeTls, String> {
    let client = verify::client_config(settings, &tls::provider())?;
    let server_name = match settings.server_name.as_deref() {
        Some(name) => Some(
            ServerName::try_from(name.to_string())
                .map_err(|_| format!("\"{name}\" is no name that TLS can ask for"))?,
        ),
        None => None,
    };
    Ok(NodeTls { connector: TlsConnector::from(client), server_name })
}

fn open_logs(logs: &config::Logs, observer: &Observer) -> Result<(AccessLog, Option<Arc<LogQueue>>), String> {
    let open = |target: &LogTarget| {
        let destination = match target {
            LogTarget::Journal => Destination::Journal,
            LogTarget::File(path) => Destination::File(path.clone()),
            LogTarget::Off => Destination::Off,
        };
        observer.logs.open(&destination).map_err(|error| format!("cannot open a log: {error}"))
    };
    let format = match logs.format {
        LogFormat::Combined => Format::Combined,
        LogFormat::Json => Format::Json,
    };
    let errors = if logs.error == LogTarget::Journal { None } else { open(&logs.error)? };
    Ok((AccessLog { queue: open(&logs.access)?, format }, errors))
}

impl Generation {
    /// The generation after `before`. Cannot fail: everything that could was done by [`Prepared::new`].
    pub(crate) fn build(prepared: Prepared, ground: &Ground<'_>, observer: &Arc<Observer>) -> Arc<Self> {
        let Prepared { config, listeners, pools, logs, stray, any_certificate } = prepared;
        let snapshot = Snapshot::build(config, ground);
        let config = &snapshot.config;
        let metrics = &observer.metrics;
        let pools: Vec<_> = pools
            .into_iter()
            .zip(&snapshot.pools)
            .map(|(tls, pool)| PoolRun {
                tls,
                counters: metrics.pool(pool.name()),
                members: pool.members.iter().map(|member| metrics.node(pool.name(), &member.label)).collect(),
            })
            .collect();
        let sites = config.sites.iter().zip(logs).map(|(site, (access, errors))| {
            let routes = pools_of(site).into_iter().map(|index| {
                let pool = &snapshot.pools[index];
                let nodes = pool.members.iter().map(|member| &*member.label).chain([""]);
                (index, nodes.map(|node| metrics.route(&site.name, pool.name(), node)).collect())
            });
            SiteRun {
                access,
                errors,
                counters: metrics.site(&site.name),
                routes: routes.collect(),
                alone: metrics.route(&site.name, "", ""),
            }
        });
        let listeners =
            config.listeners.iter().zip(listeners).zip(&snapshot.hosts).map(|((listener, tls), hosts)| ListenerRun {
                name: Arc::clone(&listener.name),
                port: listener.bind.port(),
                public_port: listener.public_port,
                limits: limits(listener),
                by_address: tls.is_some() && hosts.by_address(),
                tls: tls.map(Acceptor::from_server_config),
                trusted_proxies: listener.trusted_proxies.clone(),
                most: listener.max_connections,
                most_per_client: listener.max_connections_per_client,
                default_authority: default_authority(config, listener),
                default_host: default_host(config, listener),
                counters: metrics.listener(&listener.name),
            });
        Arc::new(Self {
            listeners: listeners.collect(),
            sites: sites.collect(),
            links: snapshot.pools.iter().flat_map(|pool| pool.members.iter().map(|member| member.link)).collect(),
            pools,
            session_names: session_names(config),
            stray,
            stray_counters: metrics.route("", "", ""),
            observer: Arc::clone(observer),
            any_certificate,
            snapshot,
        })
    }

    /// What a request counts with that came to this pool, and this member, though its site is of an older generation.
    pub(crate) fn route(&self, site: &str, pool: usize, member: Option<usize>) -> Arc<RouteCounters> {
        let pool = self.snapshot.pools.get(pool);
        let node = pool.and_then(|pool| pool.members.get(member?)).map_or("", |member| &member.label);
        self.observer.metrics.route(site, pool.map_or("", |pool| pool.name()), node)
    }

    /// TLS for a probe: the pool's own rules on the pool's own port, else whatever certificate is shown.
    pub(crate) fn probe_tls(&self, pool: usize, port: u16) -> &NodeTls {
        let own = self.snapshot.config.pools.get(pool).filter(|settings| settings.port == port);
        own.and_then(|_| self.pools.get(pool)?.tls.as_ref()).unwrap_or(&self.any_certificate)
    }

    /// Counts a round of probes.
    pub(crate) fn count_probe(&self, pool: usize, member: usize, passed: bool, took: Duration) {
        if let Some(counters) = self.pools.get(pool).and_then(|pool| pool.members.get(member)) {
            counters.probed(if passed { "pass" } else { "fail" }, took);
        }
    }

    /// Counts an open tunnel until the guard is dropped.
    pub(crate) fn tunnel_opened(&self, site: Option<usize>) -> Option<GaugeGuard> {
        Some(self.sites.get(site?)?.counters.tunnel())
    }

    /// Logs a request that found no site.
    pub(crate) fn log_request(&self, entry: &RequestEntry<'_>, formatter: &mut LineFormatter) {
        self.stray.request(entry, formatter);
    }

    /// What never reached a site is counted here.
    pub(crate) fn count_stray(&self, status: u16, word: &'static str) {
        self.stray_counters.site().refused(word);
        self.stray_counters.record(&Finished {
            code: status,
            time_taken: Duration::ZERO,
            upstream_time: None,
            received: 0,
            sent: 0,
        });
    }

    /// Logs what never reached a site.
    pub(crate) fn log_stray(&self, stray: &UnroutedEntry<'_>, formatter: &mut LineFormatter) {
        self.stray.unrouted(stray, formatter);
    }

    /// Logs a handshake that failed.
    pub(crate) fn log_handshake(
        &self,
        listener: &ListenerRun,
        peer: SocketAddr,
        reason: &str,
        formatter: &mut LineFormatter,
    ) {
        let stray = UnroutedEntry {
            time: SystemTime::now(),
            peer: peer.ip(),
            listener: &listener.name,
            status: 0,
            word: "handshake-failed",
            reason,
            first: b"",
            session_names: &self.session_names,
        };
        self.log_stray(&stray, formatter);
    }
}

fn session_names(config: &Config) -> Vec<Arc<str>> {
    let cookies = config.pools.iter().filter_map(|pool| Some(&pool.sticky.as_ref()?.cookie));
    let mut names: Vec<_> = cookies.filter(|name| !name.eq_ignore_ascii_case("JSESSIONID")).map(Arc::clone).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The pools that a site sends to: its own, and those of its routes.
fn pools_of(site: &config::Site) -> Vec<usize> {
    let by_route = site.routes.iter().filter_map(|route| match route.action {
        Action::Pool(pool) => Some(pool),
        _ => None,
    });
    let mut pools: Vec<usize> = site.pool.into_iter().chain(by_route).collect();
    pools.sort_unstable();
    pools.dedup();
    pools
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

// What an HTTP/1.0 client without Host is taken to mean: the first exact name of the site that takes it, else the address.
fn default_host(config: &Config, listener: &config::Listener) -> String {
    let here = |site: &&config::Site| {
        site.listeners.iter().any(|index| config.listeners.get(*index).is_some_and(|l| l.name == listener.name))
    };
    let exact = |site: &config::Site| {
        site.hosts.iter().find_map(|host| match host {
            HostPattern::Exact(name) => Some(name.to_string()),
            HostPattern::Wildcard(_) => None,
        })
    };
    let find = |is_it: fn(&config::Site) -> bool| config.sites.iter().filter(here).find(|site| is_it(site));
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
