//! A snapshot that is ready to run. TLS configurations, log files and counters are resolved once, so that a request
//! looks nothing up by name.

mod listener;
mod preparing;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;

pub(crate) use self::listener::{Limits, RunningListener};
pub(crate) use self::preparing::Prepared;
use super::client::tls::asking::Believed;
use super::node::NodeTls;
use crate::observe::Observer;
use crate::observe::access_log::{AccessLog, LineFormatter, RequestEntry, UnroutedEntry};
use crate::observe::logs::LogQueue;
use crate::observe::metrics::{Finished, NodeCounters, PoolCounters, RouteCounters, SiteCounters, Tally};
use crate::observe::spans::SpanQueue;
use crate::traffic::snapshot::Snapshot;

/// One generation in use.
pub(crate) struct Generation {
    /// The rules that requests are decided by.
    pub(crate) snapshot: Snapshot,
    /// When it was made.
    pub(crate) since: SystemTime,
    /// Same order as in the configuration.
    pub(crate) listeners: Vec<RunningListener>,
    /// Same order as in the configuration.
    pub(crate) sites: Vec<RunningSite>,
    /// Same order as in the configuration.
    pub(crate) pools: Vec<RunningPool>,
    /// Links of node connections that may still be reused.
    pub(crate) links: HashSet<u64>,
    /// Names of session cookies and parameters besides JSESSIONID. Their values are never logged.
    pub(crate) session_names: Vec<Arc<str>>,
    stray: AccessLog,
    /// Where the spans of sampled requests go; `None`: nowhere.
    pub(crate) spans: Option<Arc<SpanQueue>>,
    pub(crate) stray_counters: Arc<RouteCounters>,
    pub(crate) stray_tally: Arc<Tally>,
    pub(crate) observer: Arc<Observer>,
    /// Whether a pool tells its nodes in a PROXY header who the client is.
    pub(crate) tells_ends: bool,
    any_certificate: NodeTls,
    /// `Some`: the admin address speaks TLS.
    pub(crate) admin_tls: Option<Arc<ServerConfig>>,
}

/// A generation and one of its listeners.
pub(crate) struct ListenerRef {
    /// The generation.
    pub(crate) generation: Arc<Generation>,
    /// Index into its listeners.
    pub(crate) listener: usize,
}

impl ListenerRef {
    /// The listener.
    pub(crate) fn listener(&self) -> &RunningListener {
        &self.generation.listeners[self.listener]
    }
}

/// A site in a running generation.
pub(crate) struct RunningSite {
    pub(crate) access: AccessLog,
    pub(crate) errors: Option<Arc<LogQueue>>,
    /// `Some`: its clients are asked for a certificate.
    pub(crate) believed: Option<Arc<Believed>>,
    pub(crate) counters: Arc<SiteCounters>,
    /// The counters for each pool that the site sends to, by member. The last one is for requests without a node.
    routes: Vec<(usize, Vec<Arc<RouteCounters>>)>,
    /// The counters for requests that reached neither a pool nor a node.
    alone: Arc<RouteCounters>,
    /// What is counted of the requests of each route, in the configuration's order.
    pub(crate) by_route: Vec<Arc<Tally>>,
    /// What is counted of the requests that no route matches.
    pub(crate) without_route: Arc<Tally>,
}

impl RunningSite {
    /// The counters of a request that came to this pool and this member.
    pub(crate) fn route(&self, pool: Option<usize>, member: Option<usize>) -> &RouteCounters {
        let routes = self.routes.iter().find(|(index, _)| Some(*index) == pool).map(|(_, routes)| routes);
        let known = |routes: &'_ Vec<Arc<RouteCounters>>| {
            member.filter(|member| *member < routes.len()).or(routes.len().checked_sub(1))
        };
        let found = routes.and_then(|routes| routes.get(known(routes)?));
        found.unwrap_or(&self.alone)
    }

    /// What is counted of the requests of a route; with `None`, of those that no route matches.
    pub(crate) fn tally(&self, route: Option<usize>) -> &Tally {
        route.and_then(|route| self.by_route.get(route)).unwrap_or(&self.without_route)
    }
}

/// A pool in a running generation.
pub(crate) struct RunningPool {
    pub(crate) tls: Option<NodeTls>,
    pub(crate) counters: Arc<PoolCounters>,
    pub(crate) members: Vec<Arc<NodeCounters>>,
}

impl Generation {
    /// The counters of a request that came to this pool and this member, when its site belongs to an older generation.
    pub(crate) fn route(&self, site: &str, pool: usize, member: Option<usize>) -> Arc<RouteCounters> {
        let pool = self.snapshot.pools.get(pool);
        let node = pool.and_then(|pool| pool.members.get(member?)).map_or("", |member| &member.label);
        self.observer.metrics.route(site, pool.map_or("", |pool| pool.name()), node)
    }

    /// TLS for a probe. On the pool's own port the pool's rules apply; on other ports any certificate is accepted.
    pub(crate) fn probe_tls(&self, pool: usize, port: u16) -> &NodeTls {
        let own = self.snapshot.config.pools.get(pool).filter(|settings| settings.port == port);
        own.and_then(|_| self.pools.get(pool)?.tls.as_ref()).unwrap_or(&self.any_certificate)
    }

    /// Counts one probe round.
    pub(crate) fn count_probe(&self, pool: usize, member: usize, passed: bool, took: Duration) {
        if let Some(counters) = self.pools.get(pool).and_then(|pool| pool.members.get(member)) {
            counters.probed(if passed { "pass" } else { "fail" }, took);
        }
    }

    /// Logs a request that found no site.
    pub(crate) fn log_request(&self, entry: &RequestEntry<'_>, formatter: &mut LineFormatter) {
        self.stray.request(entry, formatter);
    }

    /// Counts a request that never reached a site.
    pub(crate) fn count_stray(&self, status: u16, word: &'static str) {
        self.stray_counters.site().refused(word);
        let finished = Finished { code: status, time_taken: Duration::ZERO, upstream_time: None, received: 0, sent: 0 };
        self.stray_counters.record(&finished, &self.stray_tally);
        self.stray_tally.failed();
    }

    /// Logs a request that never reached a site.
    pub(crate) fn log_stray(&self, stray: &UnroutedEntry<'_>, formatter: &mut LineFormatter) {
        self.stray.unrouted(stray, formatter);
    }

    /// Logs a connection that ended before its first request: a failed TLS handshake (`handshake-failed`), or no PROXY header
    /// where one must be (`bad-proxy-header`).
    pub(crate) fn log_unbegun(
        &self,
        listener: &RunningListener,
        peer: SocketAddr,
        (word, reason): (&'static str, &str),
        formatter: &mut LineFormatter,
    ) {
        let stray = UnroutedEntry {
            time: SystemTime::now(),
            peer: peer.ip(),
            listener: &listener.name,
            status: 0,
            word,
            reason,
            request_id: b"",
            first: b"",
            session_names: &self.session_names,
        };
        self.log_stray(&stray, formatter);
    }
}
