//! The checked configuration: plain values, defaults filled in, names resolved to indices.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::text::errors::{Place, Problem};

mod limits;
mod pool;
mod route;
mod site;
mod sticky;

pub use limits::{Access, Edits, Rate, RateBy};
pub use pool::{
    ActiveNodes, Balance, Eject, HashOn, Health, Member, NodeTls, Pool, Probe, ProbeKind, Queue, Redirects, Retry,
    Timeouts, Verify, WhenNone,
};
pub use route::{Action, FixedAnswer, HeaderMatch, PathPattern, Redirect, RedirectTarget, Route, RouteTimeouts};
pub use site::{Certificate, LogFormat, LogTarget, Logs, Site};
pub use sticky::{Failback, OnLost, OwnCookie, SameSite, Sticky, StickyMode};

/// One whole configuration. What it says was checked: names resolve, files were read, keys fit.
#[derive(Debug)]
pub struct Config {
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
    /// The place for what outlives a restart.
    pub state_dir: PathBuf,
    /// Threads that carry traffic; one per core unless the file says otherwise. Needs a restart to change.
    pub threads: usize,
    /// How long SIGTERM waits for running requests. Default 30s.
    pub stop_timeout: Duration,
    /// The admin address. Needs a restart to change.
    pub admin: Admin,
    /// Who resolves the nodes' names.
    pub dns: Dns,
    /// The listeners, in file order.
    pub listeners: Vec<Listener>,
    /// The nodes, in file order.
    pub nodes: Vec<Node>,
    /// The pools, in file order.
    pub pools: Vec<Pool>,
    /// The sites, in file order.
    pub sites: Vec<Site>,
    /// Where requests are logged that never reached a site.
    pub logs: Logs,
    /// What is allowed but deserves a word (such as `verify = "none"`); printed by `check`, journalled by `run`.
    pub warnings: Vec<Problem>,
}

/// `[admin]`: metrics, status, reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Default 127.0.0.1:9180.
    pub bind: SocketAddr,
    /// Names under which wishes may come, beside IP addresses and localhost.
    pub hosts: Vec<Arc<str>>,
    /// Where the file says so.
    pub at: Place,
}

/// `[dns]`: who resolves the nodes' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// Asked in order; empty (the default): the system's `/etc/resolv.conf` and `/etc/hosts`.
    pub servers: Vec<SocketAddr>,
}

/// `[[listener]]`: an address and port that Weir accepts on.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Unique among listeners.
    pub name: Arc<str>,
    /// Unique among listeners.
    pub bind: SocketAddr,
    /// `Some` for TLS.
    pub tls: Option<ListenerTls>,
    /// Offer HTTP/2 by ALPN on a TLS listener. Default true; without meaning on a plain one.
    pub http2: bool,
    /// TLS handshake in total. Default 10s.
    pub handshake_timeout: Duration,
    /// A request head in total, from its first byte. Default 15s.
    pub head_timeout: Duration,
    /// An idle keep-alive connection. Default 75s.
    pub idle_timeout: Duration,
    /// Between two reads of a request body. Default 60s.
    pub body_timeout: Duration,
    /// Between two writes of an answer. Default 60s.
    pub write_timeout: Duration,
    /// Largest request head in bytes. Default 64KiB.
    pub max_head: usize,
    /// Most fields in a request head. Default 100.
    pub max_fields: usize,
    /// Requests on one connection. Default 10 000.
    pub max_requests: u64,
    /// An HTTP/2 connection without a stream. Default 120s.
    pub http2_idle_timeout: Duration,
    /// Peers whose X-Forwarded-* are believed. `None` (not written): everyone's X-Forwarded-For is appended to, as the
    /// guide's nginx does; `Some(empty)`: nobody's.
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// The port that clients reach it by, where that is not the bound one: what nodes are told, and where redirects lead,
    /// for clients whose Host names no port.
    pub public_port: Option<u16>,
    /// Most open client connections; more are closed as they come. `None`: no limit.
    pub max_connections: Option<u32>,
    /// Most open connections of one client (an IPv4 address, an IPv6 /64). `None`: no limit.
    pub max_connections_per_client: Option<u32>,
    /// Where the file says so.
    pub at: Place,
}

/// The `tls` table of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// Default 1.2.
    pub min_version: TlsVersion,
}

/// A TLS protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2
    V1_2,
    /// TLS 1.3
    V1_3,
}

/// `[[node]]`: one server process.
#[derive(Clone, Debug)]
pub struct Node {
    /// Unique among nodes.
    pub name: Arc<str>,
    /// Where it is.
    pub address: Address,
    /// Its jvmRoute: what follows the dot in session ids of its making. Default: its name.
    pub route: Arc<str>,
    /// The Offset of its carbon.xml, added to every pool's and probe's port. Default 0.
    pub port_offset: u16,
    /// Where the file says so.
    pub at: Place,
}

impl Node {
    /// Its IP address, unless it has a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.address {
            Address::Ip(address) => Some(address),
            Address::Name(_) => None,
        }
    }
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address.
    Ip(IpAddr),
    /// A DNS name, in lower case and without a final dot; every address of it is a member of the node's pools.
    Name(Arc<str>),
}
