//! Of the checked configuration: pools, their members, and how they are balanced, probed, retried and ejected.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use super::sticky::Sticky;
use crate::config::text::errors::Place;

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
    /// Index of the pool of the same nodes that has the `active` table, where this one is active with it.
    pub active_with: Option<usize>,
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
    /// Largest head of an answer in bytes. Default 64KiB.
    pub max_answer_head: usize,
    /// When another node is tried.
    pub retry: Retry,
    /// When real traffic makes a node passive.
    pub eject: Eject,
    /// What happens while probes fail at every node. Default fail.
    pub when_none: WhenNone,
    /// What becomes of a Location that names a node.
    pub redirects: Redirects,
    /// Where the file says so.
    pub at: Place,
}

/// A node's place in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Index into [`Config::nodes`](super::Config::nodes).
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

/// What becomes of a Location, Content-Location or Refresh that a node writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// It passes as it is.
    Off,
    /// What begins with the first part of a pair begins with the second instead; for the rest, a node is mapped to the
    /// site that leads to it. Default: no pairs.
    Pairs(Vec<(Arc<str>, Arc<str>)>),
}

impl Default for Redirects {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

/// The `tls` table of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTls {
    /// How the node proves who it is.
    pub verify: Verify,
    /// The name asked for by SNI and, with `full`, checked. Default: the node's address; an IP address is not asked for.
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
    /// Whether a node gets nothing before it has passed, even where no node of the pool is known to be good. Default false.
    pub mandatory: bool,
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

impl ProbeKind {
    /// Whether it shakes hands.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Https)
    }
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
