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
    /// Peers whose X-Forwarded-* are believed. `None` (not written): everyone's are appended to, as the guide's
    /// nginx does; `Some(empty)`: nobody's.
    pub trusted_proxies: Option<Vec<IpNet>>,
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

/// `[[pool]]`: nodes, the port to reach them on, the protocol, and how to balance, stick, probe and retry.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Unique among pools.
    pub name: Arc<str>,
    /// At least one.
    pub members: Vec<Member>,
    /// Whose turn it is. Default round-robin.
    pub balance: Balance,
    /// `Some`: only as many nodes as needed are active.
    pub active: Option<ActiveNodes>,
    /// `Some`: requests wait where every node has its `max_requests`.
    pub queue: Option<Queue>,
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
    /// When another node is tried.
    pub retry: Retry,
    /// When real traffic makes a node passive.
    pub eject: Eject,
    /// What happens while probes fail at every node. Default fail.
    pub when_none: WhenNone,
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
    /// Serves only while no other can. Default false.
    pub backup: bool,
    /// Most requests it runs at once for this pool. Default: the pool's `max-requests`; `None`: no limit.
    pub max_requests: Option<u32>,
    /// How long its share climbs after it became active. Default: the pool's `slow-start`; zero: not at all.
    pub slow_start: Duration,
}

/// Whose turn it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// Who runs the fewest requests for its weight.
    LeastRequests,
    /// Who is expected to answer first: time to the first byte, times what it runs.
    LeastTime,
    /// The less busy of two drawn by weight.
    RandomTwo,
    /// The same node for the same key, for as long as it is there.
    Hash(HashOn),
}

/// What a request is hashed by. Where a request lacks it, the client's address stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address.
    Client,
    /// The value of this field; compared without case.
    Header(Arc<str>),
    /// The value of this cookie.
    Cookie(Arc<str>),
    /// The path, without query and parameters.
    Path,
}

/// The `active` table of a pool: "activating nodes as needed and leaving the rest in passive mode".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveNodes {
    /// Nodes active without need. Default 1.
    pub start: u32,
    /// Most active nodes; at least `start`, never more than there are without `backup`. Default: all of them.
    pub max: u32,
    /// Running requests per active node above which one more is activated. Default 100.
    pub in_flight_per_node: u32,
    /// How long it must be above. Default 30s.
    pub above_for: Duration,
    /// How long it must be so low that one fewer would do before one goes back. Default 5m.
    pub cool_down: Duration,
}

/// The `queue` table of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Most requests that wait. Default 100.
    pub size: u32,
    /// How long one waits. Default 10s.
    pub wait: Duration,
}

/// The `retry` table of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Nodes tried per request. Default 3, never more than there are nodes.
    pub tries: u32,
    /// No further try begins this long after the first one. Default 30s.
    pub time: Duration,
    /// Repeated requests per hundred requests. Default 20.
    pub budget: u16,
    /// A connection could not be made. Default true.
    pub on_connect: bool,
    /// A connection broke before an answer. Default true.
    pub on_reset: bool,
    /// No answer in time. Default true.
    pub on_timeout: bool,
    /// Answers with these statuses. Default none.
    pub on_status: Vec<RangeInclusive<u16>>,
}

/// The `eject` table of a pool: when real traffic makes a node passive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eject {
    /// Failures within `within` that eject. Default 3; 0: nothing ejects.
    pub failures: u32,
    /// The window. Default 10s.
    pub within: Duration,
    /// The first ejection lasts this long; each one after it twice as long. Default 10s.
    pub first: Duration,
    /// The longest ejection. Default 5m.
    pub most: Duration,
    /// Answers that count as failures. Default none: a SOAP fault is a 500.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// Of the pool's nodes, in percent, this many may be ejected at once; one always may. Default 50.
    pub max_ejected: u16,
}

/// What happens while probes fail at every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenNone {
    /// 503.
    #[default]
    Fail,
    /// All are tried, as if nobody had probed.
    All,
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

/// The `sticky` table of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// How a request finds its node.
    pub mode: StickyMode,
    /// learn, route: the nodes' cookie, compared without case, default JSESSIONID. cookie: Weir's own, default
    /// WEIRNODE. source: without meaning.
    pub cookie: Arc<str>,
    /// A session that nobody used for this long is forgotten, or, where there is no table, counts as gone. Default 35m.
    pub idle: Duration,
    /// Most sessions kept; the longest idle goes first. Default 1 000 000. Of learn and source.
    pub max_sessions: usize,
    /// Whether a session that had to move returns to its first node. Default stay.
    pub failback: Failback,
    /// What happens to a request whose session's node cannot serve. Default rebind.
    pub on_lost: OnLost,
}

/// How a request finds its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickyMode {
    /// Learned from the cookie that the nodes set.
    Learn,
    /// Told by a signed cookie that Weir sets.
    Cookie(OwnCookie),
    /// Told by the jvmRoute that ends the session's id.
    Route,
    /// By the client's address, remembered.
    Source,
}

/// The attributes of Weir's own cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCookie {
    /// Default "/".
    pub path: Arc<str>,
    /// `None` (the default): where the client came over TLS.
    pub secure: Option<bool>,
    /// Default true.
    pub http_only: bool,
    /// Default lax.
    pub same_site: SameSite,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `Strict`
    Strict,
    /// `Lax`
    Lax,
    /// `None`; needs `Secure`
    None,
}

/// Whether a session that had to move returns to its first node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failback {
    /// Never: what it did meanwhile is where it is now.
    #[default]
    Stay,
    /// When it comes back after it was unused for this long. Written `"when-idle"`, with `failback-idle`, default 1m.
    WhenIdle(Duration),
    /// As soon as that node is active again.
    Return,
}

/// What happens to a request whose session's node cannot serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLost {
    /// Another node has the session from now on.
    #[default]
    Rebind,
    /// 503, until the node is back.
    Refuse,
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
    /// A probe that runs out of time does not count while a request that was answered within this long tells that the
    /// node is at work (a long garbage collection). Default 15s; zero: it always counts.
    pub patience: Duration,
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
    /// TCP to a node. Default 5s.
    pub connect: Duration,
    /// The TLS handshake with a node that accepted. Default 15s: longer than most garbage collections.
    pub handshake: Duration,
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
    /// Index into [`Config::pools`]: where what no route takes goes.
    pub pool: usize,
    /// The first that matches takes the request.
    pub routes: Vec<Route>,
    /// Who may come.
    pub access: Access,
    /// How often.
    pub rate: Option<Rate>,
    /// Fields of requests set or removed on the way up.
    pub request_headers: Edits,
    /// Fields of answers set or removed on the way down, Weir's own answers included.
    pub response_headers: Edits,
    /// Whether `X-Weir` tells the client why the request went where it went. Default false.
    pub explain: bool,
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

/// `[[site.route]]`: what some requests of a site do instead. What it does not say is as in its site.
#[derive(Clone, Debug)]
pub struct Route {
    /// As the log and `weir why` call it. Default: its path pattern as written, or its number, `route3`.
    pub name: Arc<str>,
    /// All of these must hold.
    pub path: Option<PathPattern>,
    /// Upper-case; empty: any.
    pub methods: Vec<Arc<str>>,
    /// All of these must hold.
    pub headers: Vec<HeaderMatch>,
    /// What becomes of the request.
    pub action: Action,
    /// Who may come, beside what the site says.
    pub access: Access,
    /// How often, beside what the site says.
    pub rate: Option<Rate>,
    /// Instead of the pool's.
    pub timeouts: RouteTimeouts,
    /// Instead of the site's: `Some(0)` written as "0" means no limit here.
    pub max_body: Option<u64>,
    /// Whether requests that may have changed something may be repeated all the same. Default false.
    pub non_idempotent: bool,
    /// The site's edits, then the route's own: already merged, a name is in it once.
    pub request_headers: Edits,
    /// The same for answers.
    pub response_headers: Edits,
    /// Where the file says so.
    pub at: Place,
}

/// Deadlines that a route sets for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// As [`Timeouts::connect`].
    pub connect: Option<Duration>,
    /// As [`Timeouts::read`].
    pub read: Option<Duration>,
    /// As [`Timeouts::send`].
    pub send: Option<Duration>,
    /// As [`Timeouts::tunnel`].
    pub tunnel: Option<Duration>,
}

/// What a path must be like. Paths are compared after percent-decoding and without `;parameters` and dot segments, as
/// a node would read them, so that no other spelling of a denied path slips through.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// `path = "/favicon.ico"`
    Exact(Arc<str>),
    /// `prefix = "/carbon"`: this path and all below it; a prefix that ends in no slash matches whole segments only.
    Prefix(Arc<str>),
    /// `regex = "^/services/[^/]*Admin"`: anywhere in the path unless it says `^`; compiled and bounded in size.
    Regex(regex::bytes::Regex),
}

/// One of a route's `headers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// Lower-case.
    pub name: Arc<str>,
    /// `None`: there must be such a field. Else one of its lines is this.
    pub value: Option<Arc<str>>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Index into [`Config::pools`].
    Pool(usize),
    /// It is told to go elsewhere.
    Redirect(Redirect),
    /// It is answered.
    Answer(FixedAnswer),
    /// 403.
    Deny,
}

/// `redirect = { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308. Default 308.
    pub status: u16,
    /// Where to.
    pub target: RedirectTarget,
}

/// Where a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTarget {
    /// `to = "https://…"`: there, whatever was asked for.
    Fixed(Arc<str>),
    /// The request's own URL with these parts changed: `scheme = "https"`, `host = …`, `port = …`, `path = …`.
    Changed {
        /// "http" or "https".
        scheme: Option<Arc<str>>,
        /// Without a port.
        host: Option<Arc<str>>,
        /// Left out of the URL where it is the scheme's own. Without it a changed scheme means that scheme's own port.
        port: Option<u16>,
        /// Instead of path and query.
        path: Option<Arc<str>>,
    },
}

/// `answer = { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAnswer {
    /// 200 to 599. Default 200.
    pub status: u16,
    /// Default "text/plain; charset=utf-8".
    pub content_type: Arc<str>,
    /// Default empty.
    pub body: Arc<str>,
}

/// Which clients may come: who is in `deny` may not; where there is an `allow`, who is not in it may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `allow-from`
    pub allow: Option<Vec<IpNet>>,
    /// `deny-from`
    pub deny: Vec<IpNet>,
}

/// `rate = { … }`: how often somebody may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests.
    pub requests: u32,
    /// In this time. Default 1s.
    pub per: Duration,
    /// More of them at once. Default 0.
    pub burst: u32,
    /// Whether those of the burst are delayed to the rate rather than let through at once. Default false.
    pub delay: bool,
    /// Who is counted as one.
    pub by: RateBy,
    /// Most counted at once; the longest quiet is forgotten first. Default 100 000.
    pub max_keys: u32,
}

/// Who is counted as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateBy {
    /// Clients of one network of this many bits; default 32 of IPv4, 64 of IPv6.
    Client {
        /// 8 to 32.
        ipv4_prefix: u8,
        /// 16 to 128.
        ipv6_prefix: u8,
    },
    /// Requests with the same value of this field (lower-case); those without it are counted by client.
    Header(Arc<str>),
}

/// Fields set or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Name as written, and value; instead of every line of that name.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Lower-case names.
    pub remove: Vec<Arc<str>>,
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
