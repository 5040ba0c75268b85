//! The checked configuration: plain values, defaults filled in, names resolved to indices.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls_pki_types::CertificateDer;

use super::certificate::Pair;
use super::errors::{Place, Problem};
use super::hosts::HostPattern;

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
    /// Where the file says so.
    pub at: Place,
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
    /// Peers whose X-Forwarded-* are believed. `None` (not written): everyone's are appended to, as the guide's
    /// nginx does; `Some(empty)`: nobody's.
    pub trusted_proxies: Option<Vec<IpNet>>,
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
    pub address: IpAddr,
    /// The Offset of its carbon.xml, added to every pool's and probe's port. Default 0.
    pub port_offset: u16,
    /// Where the file says so.
    pub at: Place,
}

/// `[[pool]]`: nodes, the port to reach them on, the protocol, and how to balance, stick, probe and retry.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Unique among pools.
    pub name: Arc<str>,
    /// At least one.
    pub members: Vec<Member>,
    /// Plus the node's `port_offset`: checked to fit.
    pub port: u16,
    /// `Some`: nodes are spoken to over TLS.
    pub tls: Option<NodeTls>,
    /// `None`: no stickiness.
    pub sticky: Option<Sticky>,
    /// `None`: nodes count as active until real traffic says otherwise.
    pub health: Option<Health>,
    /// Deadlines towards the nodes.
    pub timeouts: Timeouts,
    /// Idle connections are closed after this, before the node does. Default 50s.
    pub idle_timeout: Duration,
    /// False: every request has a connection of its own, with `Connection: close`. Default true.
    pub reuse: bool,
    /// Bodies up to this many bytes are read whole before the head goes up, then sent with a length. Default 0 (off).
    pub buffer_request: u64,
    /// Nodes tried per request. Default 3, never more than there are nodes.
    pub tries: u32,
    /// How long a failed connect keeps a node `ejected`. Default 10s.
    pub eject_for: Duration,
    /// Where the file says so.
    pub at: Place,
}

/// A node's place in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Index into [`Config::nodes`].
    pub node: usize,
    /// Its share, 1 to 1000. Default 1.
    pub weight: u16,
}

/// The `tls` table of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTls {
    /// How the node proves who it is.
    pub verify: Verify,
    /// The name asked for by SNI and, with `full`, checked; default: the node's address (then no SNI is sent).
    pub server_name: Option<Arc<str>>,
}

/// How a node's certificate is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verify {
    /// SHA-256 of the leaf certificate, or of its public key (SubjectPublicKeyInfo), is one of these. Name and dates do not matter.
    Pin(Vec<[u8; 32]>),
    /// Chain, dates and name, by these roots (`ca` in the file, else the system's).
    Full(Vec<CertificateDer<'static>>),
    /// Chain and dates, not the name.
    Chain(Vec<CertificateDer<'static>>),
    /// Not at all. A warning says so.
    None,
}

/// The `sticky` table of a pool: sessions are learned from the nodes' cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Compared without case. Default JSESSIONID.
    pub cookie: Arc<str>,
    /// A session that nobody used for this long is forgotten. Default 35m.
    pub idle: Duration,
    /// Most sessions kept; the longest idle goes first. Default 1 000 000.
    pub max_sessions: usize,
}

/// `[pool.health]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Between two rounds, give or take a tenth. Default 5s.
    pub interval: Duration,
    /// One probe in total. Default 2s.
    pub timeout: Duration,
    /// Rounds passed in a row that make a node active. Default 2.
    pub rise: u32,
    /// Rounds failed in a row that make it passive. Default 3.
    pub fall: u32,
    /// At least one; all must pass.
    pub probes: Vec<Probe>,
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// tcp, tls, http or https.
    pub kind: ProbeKind,
    /// Before the node's offset; default the pool's port.
    pub port: u16,
    /// http and https: what is asked. Default "/".
    pub path: Arc<str>,
    /// http and https: the Host field. Default: address:port.
    pub host: Option<Arc<str>>,
    /// http and https: what passes. Default 200-399.
    pub status: Vec<RangeInclusive<u16>>,
    /// http and https: the first 64 KiB of the body must contain this.
    pub contains: Option<Arc<str>>,
}

/// What a probe does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Connects.
    Tcp,
    /// Connects and shakes hands; the pool's `verify` applies only where the port is the pool's own.
    Tls,
    /// GET over a plain connection.
    Http,
    /// GET over TLS.
    Https,
}

/// The `timeouts` table of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP (and TLS) to a node. Default 5s.
    pub connect: Duration,
    /// Between two reads of an answer. Default 5m.
    pub read: Duration,
    /// Between two writes of a request. Default 5m.
    pub send: Duration,
    /// A tunnel (WebSocket) in which nobody speaks. Default 1h.
    pub tunnel: Duration,
}

/// `[[site]]`: host names on a listener, and where their requests go.
#[derive(Clone, Debug)]
pub struct Site {
    /// Unique among sites.
    pub name: Arc<str>,
    /// Indices into [`Config::listeners`]; `listener` may name one or several.
    pub listeners: Vec<usize>,
    /// Lower-case, without port; at least one unless `default`.
    pub hosts: Vec<HostPattern>,
    /// Takes what no other site of its listener takes. At most one per listener.
    pub default: bool,
    /// Present exactly when the site is on a TLS listener.
    pub certificate: Option<Arc<Certificate>>,
    /// Index into [`Config::pools`].
    pub pool: usize,
    /// Largest request body in bytes; `None`: no limit.
    pub max_body: Option<u64>,
    /// Whether `Via` is added both ways. Default false.
    pub via: bool,
    /// The fields of `Upgrade` that become tunnels. Default `["websocket"]`, lower-case.
    pub upgrades: Vec<Arc<str>>,
    /// Where its requests are logged.
    pub logs: Logs,
    /// Where the file says so.
    pub at: Place,
}

/// A site's certificate and key, read and checked.
#[derive(Debug)]
pub struct Certificate {
    /// The chain's file.
    pub chain: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// What they hold.
    pub pair: Pair,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// One line a request. Default: the journal.
    pub access: LogTarget,
    /// What went wrong on the way of a request. Default: the journal.
    pub error: LogTarget,
    /// The form of access lines.
    pub format: LogFormat,
}

/// A log's destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// Standard error, which systemd gives to the journal.
    Journal,
    /// A file, appended to, reopened on SIGUSR1.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// The form of access lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// nginx's combined form, then `key=value` pairs.
    Combined,
    /// One JSON object a line.
    Json,
}
