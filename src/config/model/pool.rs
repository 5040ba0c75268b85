//! Part of the checked configuration: pools, their members, and how they are balanced, probed, retried and ejected.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use super::edits::Cookies;
use super::site::Certificate;
use super::sticky::Sticky;
use crate::config::text::choices::{ProbeKind, ProxyProtocol, WhenNone};
use crate::config::text::errors::Place;

/// `[[pool]]`: nodes, the port and protocol to reach them, and the rules for balancing, sessions, probes and retries.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Unique among pools.
    pub name: Arc<str>,
    /// At least one.
    pub members: Vec<Member>,
    /// How a node is chosen. Default round-robin.
    pub balance: Balance,
    /// `Some`: only as many nodes as needed are active.
    pub active: Option<ActiveNodes>,
    /// The index of the pool whose active nodes are also this pool's. Both pools have the same nodes, and the other one
    /// has the `active` table.
    pub active_with: Option<usize>,
    /// `Some`: requests wait when every node has its `max_requests`.
    pub queue: Option<Queue>,
    /// Each node adds its `port_offset`. The sum was checked to be a port.
    pub port: u16,
    /// `Some`: connections to the nodes use TLS.
    pub tls: Option<NodeTls>,
    /// In which version nodes are told of the client in a PROXY header. Their connections are not used again then.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// `None`: the pool has no session affinity.
    pub sticky: Option<Sticky>,
    /// `None`: nodes count as active until requests to them fail.
    pub health: Option<Health>,
    /// Deadlines towards the nodes.
    pub timeouts: Timeouts,
    /// Idle connections are closed after this time. It should be shorter than the node's own limit. Default 50s.
    pub idle_timeout: Duration,
    /// False: every request has its own connection and `Connection: close`. Default true.
    pub reuse: bool,
    /// A body up to this many bytes is read completely before the head is sent, and then sent with a length. Default 0
    /// (off).
    pub buffer_request: u64,
    /// Largest head of an answer in bytes. Default 64KiB.
    pub max_answer_head: usize,
    /// When a request is sent to another node.
    pub retry: Retry,
    /// When failed requests make a node passive.
    pub eject: Eject,
    /// What happens while no node is active. Default fail.
    pub when_none: WhenNone,
    /// How a Location that names a node is changed.
    pub redirects: Redirects,
    /// `Some`: the cookies of its nodes are changed.
    pub cookies: Option<Cookies>,
    /// Its place in the file.
    pub at: Place,
}

/// A node as a member of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Index into [`Config::nodes`](super::Config::nodes).
    pub node: usize,
    /// Its share of the requests, 1 to 1000. Default 1.
    pub weight: u16,
    /// It serves only while no other node can. Default false.
    pub backup: bool,
    /// Most requests that it runs at once for this pool. Default: the pool's `max-requests`. `None`: no limit.
    pub max_requests: Option<u32>,
    /// How long its share rises after it became active. Default: the pool's `slow-start`. Zero: the full share at once.
    pub slow_start: Duration,
}

/// How a node is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// The node with the fewest running requests in relation to its weight.
    LeastRequests,
    /// The node that is expected to answer first: its time to the first byte, times its running requests.
    LeastTime,
    /// Two nodes are drawn by weight, and the less busy one is chosen.
    RandomTwo,
    /// The same node for the same key, as long as that node is there.
    Hash(HashOn),
    /// The same, and each key has the node that nginx's `hash … consistent` gives it.
    Ring(HashOn),
}

/// The key that a request is hashed by. If the request does not have it, the client's address is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address.
    Client,
    /// The value of this field. Its name is compared without case.
    Header(Arc<str>),
    /// The value of this cookie.
    Cookie(Arc<str>),
    /// The path, without query and parameters.
    Path,
}

/// The `active` table of a pool: "activating nodes as needed and leaving the rest in passive mode".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveNodes {
    /// The number of nodes that are always active. Default 1.
    pub start: u32,
    /// Most active nodes: at least `start`, and at most the number of nodes without `backup`. Default: all of those.
    pub max: u32,
    /// With more running requests per active node than this, one more node is activated. Default 100.
    pub in_flight_per_node: u32,
    /// How long the load must be above that. Default 30s.
    pub above_for: Duration,
    /// How long the load must be so low that one node fewer would be enough, before one becomes passive again. Default
    /// 5m.
    pub cool_down: Duration,
}

/// The `queue` table of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Most requests that wait. Default 100.
    pub size: u32,
    /// How long a request waits. Default 10s.
    pub wait: Duration,
}

/// The `retry` table of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Most nodes that a request is sent to. Default 3, and at most the number of nodes.
    pub tries: u32,
    /// After this time since the first try no further one begins. Default 30s.
    pub time: Duration,
    /// Most retries per hundred requests. Default 20.
    pub budget: u16,
    /// Retry when a connection could not be opened. Default true.
    pub on_connect: bool,
    /// Retry when a connection broke before an answer. Default true.
    pub on_reset: bool,
    /// Retry when no answer came in time. Default true.
    pub on_timeout: bool,
    /// Retry after answers with these statuses. Default none.
    pub on_status: Vec<RangeInclusive<u16>>,
}

/// The `eject` table of a pool: when failed requests make a node passive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eject {
    /// So many failures within `within` eject a node. Default 3. 0: no node is ejected.
    pub failures: u32,
    /// The time in which failures are counted. Default 10s.
    pub within: Duration,
    /// The duration of the first ejection. Each further one lasts twice as long. Default 10s.
    pub first: Duration,
    /// The longest ejection. Default 5m.
    pub most: Duration,
    /// Answers with these statuses count as failures. Default none, because a SOAP fault is a 500.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// Most nodes of the pool that may be ejected at once, in percent. Default 50. One node may always be
    /// ejected, but the last one that can serve only if it refuses connections.
    pub max_ejected: u16,
}

/// How Weir changes a Location, Content-Location or Refresh that a node sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// It is not changed.
    Off,
    /// A value that begins with the first part of a pair begins with the second part instead. In other values a node is
    /// replaced by the site that leads to it. Default: no pairs.
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
    /// How the node's certificate is verified.
    pub verify: Verify,
    /// The name that SNI sends and that `full` checks. Default: the node's DNS name, or its address where
    /// it has no name. SNI cannot send an IP address.
    pub server_name: Option<Arc<str>>,
    /// What is shown to nodes that ask for a certificate.
    pub certificate: Option<Arc<Certificate>>,
}

/// How a node's certificate is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verify {
    /// The SHA-256 of the leaf certificate, or of its public key (SubjectPublicKeyInfo), must be one of these. Name and
    /// dates are not checked.
    Pin(Vec<[u8; 32]>),
    /// Chain, dates and name are checked, with these roots (`ca` in the file, otherwise the system's).
    Full(Vec<CertificateDer<'static>>),
    /// Chain and dates are checked, but not the name.
    Chain(Vec<CertificateDer<'static>>),
    /// Nothing is checked. A warning says so.
    None,
}

/// `[pool.health]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The time between two rounds, shorter or longer by up to a tenth. Default 5s.
    pub interval: Duration,
    /// The time for one probe in total. Default 2s.
    pub timeout: Duration,
    /// So many passed rounds in a row make a node active. Default 2.
    pub rise: u32,
    /// So many failed rounds in a row make a node passive. Default 3.
    pub fall: u32,
    /// A probe that times out does not count if a request was answered within this time. The node is then at work, for
    /// instance in a long garbage collection. Default 15s. Zero: such a probe always counts.
    pub patience: Duration,
    /// Whether a node gets no requests before it has passed, even when no node of the pool has passed yet. Default
    /// false.
    pub mandatory: bool,
    /// At least one; all must pass.
    pub probes: Vec<Probe>,
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// tcp, tls, http or https.
    pub kind: ProbeKind,
    /// The port before the node's offset is added. Default: the pool's port.
    pub port: u16,
    /// http and https: the path to ask for. Default "/".
    pub path: Arc<str>,
    /// http and https: the Host field. Default: address:port.
    pub host: Option<Arc<str>>,
    /// http and https: statuses that pass. Default 200-399.
    pub status: Vec<RangeInclusive<u16>>,
    /// http and https: the first 64 KiB of the body must contain this.
    pub contains: Option<Arc<str>>,
}

/// The `timeouts` table of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Opening a TCP connection to a node. Default 5s.
    pub connect: Duration,
    /// The TLS handshake with a node that has accepted. Default 15s, which is longer than most garbage collections.
    pub handshake: Duration,
    /// Between two reads of an answer. Default 5m.
    pub read: Duration,
    /// Between two writes of a request. Default 5m.
    pub send: Duration,
    /// How long both sides of a tunnel (WebSocket) may be silent. Default 1h.
    pub tunnel: Duration,
}
