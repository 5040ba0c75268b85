//! Recording stubs in the place of the nodes: each listens on a node's own address and port, and keeps what it got to see.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;

use crate::cli::rig::stock_certificate::StockCertificate;
use crate::cli::rig::stub::{Request, Service, Stub, StubAnswer};
use crate::config::{Address, Config, Node};

/// A request as a node got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Which node.
    pub(super) node: Option<SocketAddr>,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// The running stubs. If they are dropped, they stop.
pub(super) struct Stubs {
    seen: Arc<Mutex<Vec<Seen>>>,
    _stub: Stub,
}

impl Stubs {
    /// Listens for every node of every pool.
    pub(super) async fn start(config: &Config) -> Result<Self, String> {
        let certificate = StockCertificate::create().map_err(|error| error.to_string())?;
        let mut listeners = Vec::new();
        for (address, secure) in places(config) {
            let listener = TcpListener::bind(address).await.map_err(|error| {
                format!(
                    "a stub cannot listen on the node's address {address}: {error}; --stubs needs the nodes' addresses on this \
                     machine, such as in a network namespace: ip address add {}/32 dev lo",
                    address.ip()
                )
            })?;
            listeners.push((listener, secure.then(|| certificate.tls.clone())));
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let service: Service = Arc::new(move |request| {
            if request.head.field("User-Agent") != Some("weir-probe") {
                keep(&kept, request);
            }
            answer(request)
        });
        Ok(Self { seen, _stub: Stub::start(listeners, &service) })
    }

    /// What was seen since this was asked last.
    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where the nodes listen, and whether they speak TLS.
fn places(config: &Config) -> BTreeMap<SocketAddr, bool> {
    let mut places = BTreeMap::new();
    for pool in &config.pools {
        for node in pool.members.iter().filter_map(|member| config.nodes.get(member.node)) {
            for address in addresses(node, pool.port) {
                *places.entry(address).or_default() |= pool.tls.is_some();
            }
            for probe in pool.health.iter().flat_map(|health| &health.probes) {
                for address in addresses(node, probe.port) {
                    places.entry(address).or_default();
                }
            }
        }
    }
    places
}

/// A node's addresses with this port of a pool.
pub(super) fn addresses(node: &Node, port: u16) -> Vec<SocketAddr> {
    let port = port.saturating_add(node.port_offset);
    match &node.address {
        Address::Ip(ip) => vec![SocketAddr::new(*ip, port)],
        Address::Name(name) => (&**name, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default(),
    }
}

fn keep(seen: &Mutex<Vec<Seen>>, request: &Request) {
    let mut words = request.head.first.split(' ').skip(1);
    let seen_now = Seen {
        node: Some(request.local),
        method: request.method.clone(),
        target: words.next().unwrap_or_default().to_owned(),
        fields: request.head.fields().to_vec(),
        body: request.body.clone(),
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.len() < MOST_SEEN {
        seen.push(seen_now);
    }
}

/// Always the same for the same request, whichever node is asked. The last part of the path can ask for a redirect or a status.
fn answer(request: &Request) -> StubAnswer {
    let scheme = if request.secure { "https" } else { "http" };
    let (base, last) = request.path.rsplit_once('/').unwrap_or(("", &request.path));
    let host = request.head.field("Host").unwrap_or_default();
    let (status, location) = match last {
        "to-node" => ("302 Found", Some(format!("{scheme}://{}{base}/there", request.local))),
        "to-host" => ("302 Found", Some(format!("{scheme}://{host}{base}/there"))),
        "to-path" => ("302 Found", Some(format!("{base}/there"))),
        "answer-404" => ("404 Not Found", None),
        "answer-500" => ("500 Internal Server Error", None),
        _ => ("200 OK", None),
    };
    let text = format!("a stub got {} with {} bytes\n", request.method, request.body.len());
    let mut answer = StubAnswer { sized: true, ..StubAnswer::text(status, "text/plain", text) };
    if request.cookie("JSESSIONID").is_none() {
        let context = request.path.split('/').nth(1).unwrap_or_default();
        answer = answer.with("Set-Cookie", format!("JSESSIONID=0123456789ABCDEF; Path=/{context}; HttpOnly"));
    }
    match location {
        Some(location) => answer.with("Location", location),
        None => answer,
    }
}

/// More than a request can meet by being tried again.
const MOST_SEEN: usize = 64;
