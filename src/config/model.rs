//! The checked configuration: plain values with defaults filled in and names resolved to indices.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::text::errors::{Place, Problem};
use super::text::regular::Stamp;
use super::text::source::Texts;

mod acme;
mod admin;
mod client_auth;
mod cluster;
mod edits;
mod error_page;
mod limits;
mod pool;
mod route;
mod shared;
mod site;
mod sticky;
mod tracing;

pub use super::text::choices::{
    AcmeChallenge, ClientAuthMode, CookieSameSite, Deployment, KeyType, LogFormat, Membership, OnLost, ProbeKind,
    ProxyProtocol, RequestIds, RequestValue, Right, SameSite, TlsVersion, Traces, WhenNone,
};
pub use acme::{Acme, ExternalAccount};
pub use admin::{
    ADMIN_SOCKET, Admin, AdminCertificate, AdminSocket, AdminTls, AdminToken, LONGEST_SOCKET, MetricsAddress,
};
pub use client_auth::ClientAuth;
pub use cluster::{Cluster, ClusterDatabase, ClusterMember};
pub use edits::{CookieFlags, Cookies, Edits, FieldValue, NewDomain, ValuePart};
pub use error_page::{ErrorPage, ErrorPages};
pub use limits::{Access, Rate, RateBy};
pub use pool::{
    ActiveNodes, Balance, Eject, HashOn, Health, Member, NodeTls, Pool, Probe, Queue, Redirects, Retry, Timeouts,
    Verify,
};
pub use route::{Action, FixedAnswer, HeaderMatch, PathPattern, Redirect, RedirectTarget, Route, RouteTimeouts};
pub use shared::{Password, Shared, SharedSecret, Stores};
pub use site::{Certificate, Known, LogTarget, Logs, Ordered, Site};
pub use sticky::{Failback, OwnCookie, Sticky, StickyMode};
pub use tracing::{Endpoint, Tracing};

/// One whole configuration. Everything in it was checked: names are known, files were read, keys belong to their
/// certificates.
#[derive(Debug)]
pub struct Config {
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
    /// What they held.
    pub texts: Texts,
    /// The files that it names and that were read for it (certificates, keys, lists of CAs, error pages, tokens), each as it was
    /// just before.
    pub named_files: Vec<(PathBuf, Stamp)>,
    /// The directory for what outlives a restart.
    pub state_dir: PathBuf,
    /// The number of threads that carry traffic. Default one per core. Needs a restart to change.
    pub threads: usize,
    /// How many bytes of memory may be used before requests are refused. `None` (not written): as much as the system says.
    pub max_memory: Option<u64>,
    /// How long a start waits for the first round of all probes before clients are let in. Default 5s; zero: not at all.
    pub start_timeout: Duration,
    /// How long SIGTERM waits for running requests. Default 30s.
    pub stop_timeout: Duration,
    /// The admin address and socket. Where they are needs a restart to change.
    pub admin: Admin,
    /// The address for metrics alone. Where it is needs a restart to change.
    pub metrics: Option<MetricsAddress>,
    /// The DNS servers for the nodes' names.
    pub dns: Dns,
    /// Where the spans of requests go. Default: nowhere.
    pub tracing: Option<Tracing>,
    /// What this machine has in common with others that serve the same hosts. What follows from it needs a restart to change.
    pub shared: Option<Shared>,
    /// What the nodes' own files should say of their cluster.
    pub cluster: Option<Cluster>,
    /// The CAs that certificates are ordered from, in file order.
    pub acme: Vec<Acme>,
    /// The listeners, in file order.
    pub listeners: Vec<Listener>,
    /// The nodes, in file order.
    pub nodes: Vec<Node>,
    /// The pools, in file order.
    pub pools: Vec<Pool>,
    /// The sites, in file order.
    pub sites: Vec<Site>,
    /// Where requests that never reached a site are logged.
    pub logs: Logs,
    /// What is allowed but worth a warning, such as `verify = "none"`. `check` prints the warnings, `run` logs them.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Every certificate that Weir shows, by the site that shows it; that of the admin address by `[admin]`.
    pub fn certificates(&self) -> impl Iterator<Item = (&str, &Certificate)> {
        let of_sites = self.sites.iter().flat_map(|site| site.certificates.iter().map(|one| (&*site.name, &**one)));
        of_sites.chain(self.admin.tls.iter().map(|tls| (Self::OF_ADMIN, &*tls.certificate)))
    }

    /// Every rate: of listeners, sites and routes.
    pub fn rates(&self) -> impl Iterator<Item = &Rate> {
        let of_routes = self.sites.iter().flat_map(|site| &site.routes).filter_map(|route| route.rate.as_ref());
        let of_listeners = self.listeners.iter().filter_map(|listener| listener.rate.as_ref());
        of_listeners.chain(self.sites.iter().filter_map(|site| site.rate.as_ref())).chain(of_routes)
    }

    /// What stands where a site does, for the certificate of the admin address.
    pub const OF_ADMIN: &str = "[admin]";
}

/// `[dns]`: the DNS servers for the nodes' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// Asked in order. Empty (the default): the system's `/etc/resolv.conf` and `/etc/hosts` are used.
    pub servers: Vec<SocketAddr>,
}

/// `[[listener]]`: an address and port that Weir listens on.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Unique among listeners.
    pub name: Arc<str>,
    /// Unique among listeners.
    pub bind: SocketAddr,
    /// Whether it listens on its address also while this machine does not have it. Default false.
    pub free_bind: bool,
    /// `Some` for TLS.
    pub tls: Option<ListenerTls>,
    /// Whether HTTP/2 is offered by ALPN on a TLS listener. Default true. Not used on a plain listener.
    pub http2: bool,
    /// The time for a whole TLS handshake. Default 10s.
    pub handshake_timeout: Duration,
    /// The time for a whole request head, from its first byte. Default 15s.
    pub head_timeout: Duration,
    /// How long an idle keep-alive connection is kept. Default 75s.
    pub idle_timeout: Duration,
    /// Between two reads of a request body. Default 60s.
    pub body_timeout: Duration,
    /// Between two writes of an answer. Default 60s.
    pub write_timeout: Duration,
    /// Largest request head in bytes. Default 64KiB.
    pub max_head: usize,
    /// Most fields in a request head. Default 100.
    pub max_fields: usize,
    /// Most requests on one connection. Default 10 000.
    pub max_requests: u64,
    /// How long an HTTP/2 connection without a stream is kept. Default 120s.
    pub http2_idle_timeout: Duration,
    /// Peers whose X-Forwarded-* fields are trusted. `None` (not written): X-Forwarded-For from any peer is kept and
    /// extended, as in the guide's nginx. An empty list: from nobody.
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// Proxies that tell in a PROXY header who their client is. Empty: nobody does. Otherwise nobody else may connect.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Where X-Request-Id comes from. Default: a trusted proxy's is taken, all others are made.
    pub request_id: RequestIds,
    /// What becomes of traceparent. Default: it passes.
    pub traceparent: Traces,
    /// The port that clients use, if it is not the bound one, for clients whose Host has no port. Nodes are told this
    /// port, and redirects lead to it.
    pub public_port: Option<u16>,
    /// Most open client connections. Further ones are closed at once. `None`: no limit.
    pub max_connections: Option<u32>,
    /// Most open connections of one client (an IPv4 address, an IPv6 /64). `None`: no limit.
    pub max_connections_per_client: Option<u32>,
    /// Which peers may connect. Of the others each connection is closed before anything is read.
    pub access: Access,
    /// How often a client may come, over all sites of the listener.
    pub rate: Option<Rate>,
    /// Its place in the file.
    pub at: Place,
}

/// The `tls` table of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// The oldest TLS version. Default 1.2.
    pub min_version: TlsVersion,
}

/// `[[node]]`: one server process.
#[derive(Clone, Debug)]
pub struct Node {
    /// Unique among nodes.
    pub name: Arc<str>,
    /// Where it is.
    pub address: Address,
    /// Its jvmRoute: the part after the dot in session ids that it makes. Default: its name.
    pub route: Arc<str>,
    /// The Offset in its carbon.xml. It is added to the port of every pool and probe. Default 0.
    pub port_offset: u16,
    /// Its place in the file.
    pub at: Place,
}

impl Node {
    /// Its IP address. `None` when it has a DNS name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.address {
            Address::Ip(address) => Some(address),
            Address::Name(_) => None,
        }
    }
}

/// The address of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address.
    Ip(IpAddr),
    /// A DNS name, in lower case and without a dot at its end. Each of its addresses is a member of the node's pools.
    Name(Arc<str>),
}
