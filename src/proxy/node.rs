//! Connections to nodes. TCP and TLS have one deadline each. Idle connections are kept by each thread, and the one that
//! was used last is taken first.
//!
//! Weir keeps its own idle connections, because pingora-core's pool spawns a watcher task for each. A connection is
//! stored under its member's `link`. The link changes with the node's address and TLS settings, so a connection that
//! was opened under an old pin or CA is never reused.

pub(crate) mod verify;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::RandomState as FastHash;
use rustls_pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::io::clock::Clock;
use super::io::descriptors;
use super::io::stream::{TimedStream, Transport};
use super::io::tcp::{SocketHandle, Tcp};
use crate::config::{Pool, ProxyProtocol};
use crate::traffic::pool::retry::{ConnectFailure, Failure};
use crate::traffic::pool::state::Fault;
use crate::wire::{Ends, ProxyVersion, write_proxy_header};

/// The TLS settings for the nodes of a pool.
#[derive(Clone)]
pub(crate) struct NodeTls {
    /// Shared by all handshakes of the pool, so that they can resume each other's sessions.
    pub(crate) connector: TlsConnector,
    /// The name that SNI sends and that is checked. `None`: the node's DNS name, or else its address, which SNI cannot
    /// send.
    pub(crate) server_name: Option<ServerName<'static>>,
}

/// The address and name that a connection is opened to.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// The address.
    pub(crate) address: SocketAddr,
    /// The DNS name that resolved to the address.
    pub(crate) name: Option<&'a str>,
    /// The PROXY header that the connection begins with, before TLS; empty: none.
    pub(crate) introduction: &'a [u8],
}

/// The PROXY header that a connection to a node of the pool begins with: for this client, or for Weir itself. Empty where the
/// pool has none.
pub(crate) fn introduction(pool: &Pool, ends: impl FnOnce() -> Option<Ends>) -> Vec<u8> {
    let mut header = Vec::new();
    if let Some(version) = pool.proxy_protocol {
        let version = match version {
            ProxyProtocol::V1 => ProxyVersion::V1,
            ProxyProtocol::V2 => ProxyVersion::V2,
        };
        write_proxy_header(version, ends(), &mut header);
    }
    header
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(crate) enum ConnectFault {
    /// Nobody listens on the port.
    Refused,
    /// The node did not accept before the deadline.
    Timeout,
    /// The node accepted, and the TLS handshake was not over before its deadline.
    HandshakeTimeout,
    /// There is no route to the node.
    Unreachable(io::Error),
    /// Weir has no descriptor or local port left.
    Exhausted(io::Error),
    /// The TLS handshake failed.
    Tls(String),
    /// The node's certificate does not match the pins.
    Pin(String),
}

impl ConnectFault {
    /// What this error means for the request.
    pub(crate) const fn failure(&self) -> Failure {
        match self {
            Self::Exhausted(_) => Failure::Connect(ConnectFailure::Exhausted),
            Self::Refused => Failure::Connect(ConnectFailure::Refused),
            Self::Timeout | Self::HandshakeTimeout => Failure::Connect(ConnectFailure::Timeout),
            Self::Unreachable(_) => Failure::Connect(ConnectFailure::Unreachable),
            Self::Tls(_) => Failure::Tls,
            Self::Pin(_) => Failure::Pin,
        }
    }

    /// The fault that is counted against the node.
    pub(crate) const fn node_fault(&self) -> Option<Fault> {
        match self {
            // This is not the node's fault.
            Self::Exhausted(_) => None,
            Self::Refused | Self::Unreachable(_) => Some(Fault::Refused),
            Self::Timeout => Some(Fault::Connect),
            // Counted as a reset and not as a failed connection: a probe that only connects would pass, and must not
            // end the ejection.
            Self::HandshakeTimeout | Self::Tls(_) | Self::Pin(_) => Some(Fault::Reset),
        }
    }
}

impl std::fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Timeout => f.write_str("connect timed out"),
            Self::HandshakeTimeout => f.write_str("TLS handshake timed out"),
            Self::Unreachable(error) | Self::Exhausted(error) => write!(f, "{error}"),
            Self::Tls(what) | Self::Pin(what) => write!(f, "TLS handshake failed: {what}"),
        }
    }
}

/// Opens a connection: TCP within the first limit, then the handshake within the second. The handshake has more time,
/// because a node that accepted and then is silent may be in a garbage collection.
pub(crate) async fn connect(
    endpoint: Endpoint<'_>,
    tls: Option<&NodeTls>,
    (limit, handshake): (Duration, Duration),
    clock: &Rc<Clock>,
) -> Result<TimedStream, ConnectFault> {
    let stream = tokio::time::timeout(limit, connect_tcp(endpoint, descriptors::nodes_wait));
    let stream = stream.await.map_err(|_| ConnectFault::Timeout)??;
    let (stream, handle) = match tls {
        None => plain(stream),
        Some(tls) => {
            let secured = tokio::time::timeout(handshake, secure(stream, endpoint, tls));
            secured.await.map_err(|_| ConnectFault::HandshakeTimeout)??
        }
    };
    Ok(TimedStream::new(stream, handle, clock.deadlines()))
}

/// Opens a stream. The caller sets the deadline.
pub(crate) async fn open(
    endpoint: Endpoint<'_>,
    tls: Option<&NodeTls>,
) -> Result<(Transport, SocketHandle), ConnectFault> {
    let stream = connect_tcp(endpoint, |_| false).await?;
    match tls {
        None => Ok(plain(stream)),
        Some(tls) => secure(stream, endpoint, tls).await,
    }
}

/// Opens a TCP connection, with what it begins with. `too_many` decides by the number of the new descriptor whether too few descriptors are left.
async fn connect_tcp(endpoint: Endpoint<'_>, too_many: fn(&TcpSocket) -> bool) -> Result<TcpStream, ConnectFault> {
    let address = endpoint.address;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(ConnectFault::from)?;
    if too_many(&socket) {
        return Err(ConnectFault::Exhausted(io::Error::other("too few descriptors are left")));
    }
    let mut stream = socket.connect(address).await.map_err(ConnectFault::from)?;
    // If this fails, only Nagle's delay remains.
    let _ = stream.set_nodelay(true);
    if !endpoint.introduction.is_empty() {
        stream.write_all(endpoint.introduction).await.map_err(ConnectFault::from)?;
    }
    Ok(stream)
}

fn plain(stream: TcpStream) -> (Transport, SocketHandle) {
    let (tcp, handle) = Tcp::new(stream);
    (Transport::Plain(tcp), handle)
}

async fn secure(
    stream: TcpStream,
    endpoint: Endpoint<'_>,
    tls: &NodeTls,
) -> Result<(Transport, SocketHandle), ConnectFault> {
    let (tcp, handle) = Tcp::new(stream);
    let name = tls.server_name.clone().unwrap_or_else(|| endpoint.server_name());
    match tls.connector.connect(name, tcp).await {
        Ok(stream) => Ok((Transport::ToNode(Box::new(stream)), handle)),
        Err(error) => Err(handshake_fault(&error)),
    }
}

impl Endpoint<'_> {
    fn server_name(self) -> ServerName<'static> {
        let name = self.name.and_then(|name| ServerName::try_from(name).ok());
        name.map_or_else(|| ServerName::from(self.address.ip()), |name| name.to_owned())
    }
}

fn handshake_fault(error: &io::Error) -> ConnectFault {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(cause) if verify::pin_mismatch(cause).is_some() => ConnectFault::Pin(verify::explain(cause)),
        Some(cause) => ConnectFault::Tls(verify::explain(cause)),
        None => ConnectFault::Tls(format!("the node broke the handshake off ({error})")),
    }
}

impl From<io::Error> for ConnectFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::Timeout,
            // EADDRNOTAVAIL means that no local port is left. EMFILE, ENFILE, ENOBUFS and ENOMEM have no `ErrorKind` of
            // their own.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory => Self::Exhausted(error),
            _ if matches!(error.raw_os_error(), Some(23 | 24 | 105)) => Self::Exhausted(error),
            _ => Self::Unreachable(error),
        }
    }
}

/// A thread's idle connections.
#[derive(Default)]
pub(crate) struct IdleConnections {
    by_link: RefCell<HashMap<u64, Vec<IdleConnection>, FastHash>>,
}

struct IdleConnection {
    conn: TimedStream,
    since: u64,
    until: u64,
}

/// The longest idle time in milliseconds after which a connection may still be used for a request that cannot be
/// repeated.
const FRESH: u64 = 5_000;

impl IdleConnections {
    /// Takes an idle connection. A request that cannot be repeated gets only one that was idle for less than 5 s.
    pub(crate) fn take(&self, link: u64, repeatable: bool, now: u64) -> Option<TimedStream> {
        let mut by_link = self.by_link.borrow_mut();
        let stock = by_link.get_mut(&link)?;
        while let Some(idle) = stock.pop() {
            if idle.until <= now || !idle.conn.is_quiet() {
                continue;
            }
            if !repeatable && idle.since + FRESH <= now {
                stock.push(idle);
                return None;
            }
            return Some(idle.conn);
        }
        None
    }

    /// Keeps a connection for at most `limit`.
    pub(crate) fn put(&self, link: u64, conn: TimedStream, limit: Duration, now: u64) {
        let until = now.saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        self.by_link.borrow_mut().entry(link).or_default().push(IdleConnection { conn, since: now, until });
    }

    /// Closes connections that were idle for too long, that the node has closed, or whose link is not in `live`.
    pub(crate) fn sweep(&self, now: u64, live: impl Fn(u64) -> bool) {
        self.by_link.borrow_mut().retain(|link, stock| {
            stock.retain(|idle| idle.until > now && idle.conn.is_quiet());
            live(*link) && !stock.is_empty()
        });
    }

    /// The number of idle connections for each link.
    pub(crate) fn counts(&self) -> HashMap<u64, usize> {
        self.by_link.borrow().iter().map(|(link, stock)| (*link, stock.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use tokio::io::DuplexStream;

    use super::*;

    /// Keeps a connection that has been idle since time 0, and returns the node's end of it.
    fn keep(idle: &IdleConnections) -> DuplexStream {
        let (near, far) = tokio::io::duplex(64);
        let deadlines = Clock::new(Instant::now()).deadlines();
        let conn = TimedStream::new(Transport::Over(Box::new(near)), SocketHandle::default(), deadlines);
        idle.put(1, conn, Duration::from_secs(60), 0);
        far
    }

    #[test]
    fn a_request_that_cannot_be_repeated_gets_no_connection_that_has_been_idle_for_long() {
        let idle = IdleConnections::default();
        let _node = keep(&idle);
        assert!(idle.take(1, false, FRESH).is_none());
        assert!(idle.take(1, true, FRESH).is_some(), "it stays for those that can");
        let _node = keep(&idle);
        assert!(idle.take(1, false, FRESH - 1).is_some());
        assert!(idle.take(1, true, 0).is_none(), "nobody gets one twice");
    }

    #[test]
    fn what_its_node_has_closed_or_what_is_over_time_is_given_to_nobody() {
        let idle = IdleConnections::default();
        drop(keep(&idle));
        assert!(idle.take(1, true, 0).is_none());
        let node = keep(&idle);
        assert!(idle.take(1, true, 60_000).is_none());
        assert!(idle.take(2, true, 0).is_none());
        drop(node);
    }
}
