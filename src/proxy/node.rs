//! Connections to nodes: opened with one deadline for TCP and TLS together, kept idle per thread, taken last used
//! first.
//!
//! The stock is Weir's own: pingora-core's spawns a watcher task for every idle connection. Each connection is kept
//! under its member's `link`, which changes with the node's address and TLS settings, so a connection that was opened
//! under an old pin or CA is never found again.

pub(crate) mod verify;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::RandomState as FastHash;
use rustls_pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::io::clock::Clock;
use super::io::descriptors;
use super::io::stream::{TimedStream, Transport};
use super::io::tcp::{Reset, Tcp};
use crate::traffic::pool::retry::{ConnectFailure, Failure};
use crate::traffic::pool::state::Fault;

/// How a pool's nodes are spoken to over TLS.
#[derive(Clone)]
pub(crate) struct NodeTls {
    /// One for all handshakes of the pool, so that they can resume each other's.
    pub(crate) connector: TlsConnector,
    /// The name asked for by SNI and checked; `None`: the node's own name, or else its address, which SNI cannot ask for.
    pub(crate) server_name: Option<ServerName<'static>>,
}

/// Where a connection leads.
#[derive(Clone, Copy)]
pub(crate) struct Goal<'a> {
    /// The address.
    pub(crate) address: SocketAddr,
    /// The DNS name that the address was found under.
    pub(crate) name: Option<&'a str>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectFault {
    /// Nobody listens.
    Refused,
    /// Not within the deadline.
    Timeout,
    /// No way there.
    Unreachable(io::Error),
    /// No descriptor or port left here.
    Exhausted(io::Error),
    /// The handshake failed.
    Tls(String),
    /// The handshake showed another certificate than the pinned one.
    Pin(String),
}

impl ConnectFault {
    /// What it means for the request.
    pub(crate) const fn failure(&self) -> Failure {
        match self {
            Self::Exhausted(_) => Failure::Connect(ConnectFailure::Exhausted),
            Self::Refused => Failure::Connect(ConnectFailure::Refused),
            Self::Timeout => Failure::Connect(ConnectFailure::Timeout),
            Self::Unreachable(_) => Failure::Connect(ConnectFailure::Unreachable),
            Self::Tls(_) => Failure::Tls,
            Self::Pin(_) => Failure::Pin,
        }
    }

    /// What is held against the node.
    pub(crate) const fn held_against(&self) -> Option<Fault> {
        match self {
            // No fault of the node.
            Self::Exhausted(_) => None,
            Self::Refused | Self::Unreachable(_) => Some(Fault::Refused),
            Self::Timeout => Some(Fault::Connect),
            // A probe of the port alone would pass, and must not end what this began.
            Self::Tls(_) | Self::Pin(_) => Some(Fault::Reset),
        }
    }
}

impl std::fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Timeout => f.write_str("connect timed out"),
            Self::Unreachable(error) | Self::Exhausted(error) => write!(f, "{error}"),
            Self::Tls(what) | Self::Pin(what) => write!(f, "TLS handshake failed: {what}"),
        }
    }
}

/// Opens a connection: TCP within the first limit, and then the handshake within the second. A node that accepted but
/// is silent may be collecting garbage, which takes longer than any way there.
pub(crate) async fn connect(
    goal: Goal<'_>,
    tls: Option<&NodeTls>,
    (limit, handshake): (Duration, Duration),
    clock: &Rc<Clock>,
) -> Result<TimedStream, ConnectFault> {
    let late = |_| ConnectFault::Timeout;
    let stream = tokio::time::timeout(limit, reach(goal.address, descriptors::nodes_wait)).await.map_err(late)??;
    let (stream, reset) = match tls {
        None => plain(stream),
        Some(tls) => tokio::time::timeout(handshake, secure(stream, goal, tls)).await.map_err(late)??,
    };
    Ok(TimedStream::new(stream, reset, clock.deadlines()))
}

/// Opens a stream; the caller holds the deadline.
pub(crate) async fn open(goal: Goal<'_>, tls: Option<&NodeTls>) -> Result<(Transport, Reset), ConnectFault> {
    let stream = reach(goal.address, |_| false).await?;
    match tls {
        None => Ok(plain(stream)),
        Some(tls) => secure(stream, goal, tls).await,
    }
}

/// `too_many` tells by the new descriptor whether it is one of those that are kept for others.
async fn reach(address: SocketAddr, too_many: fn(&TcpSocket) -> bool) -> Result<TcpStream, ConnectFault> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(ConnectFault::from)?;
    if too_many(&socket) {
        return Err(ConnectFault::Exhausted(io::Error::other("too few descriptors are left")));
    }
    let stream = socket.connect(address).await.map_err(ConnectFault::from)?;
    // Nagle's delay is the only thing lost where this fails.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn plain(stream: TcpStream) -> (Transport, Reset) {
    let (tcp, reset) = Tcp::new(stream);
    (Transport::Plain(tcp), reset)
}

async fn secure(stream: TcpStream, goal: Goal<'_>, tls: &NodeTls) -> Result<(Transport, Reset), ConnectFault> {
    let (tcp, reset) = Tcp::new(stream);
    let name = tls.server_name.clone().unwrap_or_else(|| goal.server_name());
    match tls.connector.connect(name, tcp).await {
        Ok(stream) => Ok((Transport::Over(Box::new(stream)), reset)),
        Err(error) => Err(handshake_fault(&error)),
    }
}

impl Goal<'_> {
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
            // EADDRNOTAVAIL: no port is left; EMFILE, ENFILE, ENOBUFS, ENOMEM have no kind of their own.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory => Self::Exhausted(error),
            _ if matches!(error.raw_os_error(), Some(23 | 24 | 105)) => Self::Exhausted(error),
            _ => Self::Unreachable(error),
        }
    }
}

/// A thread's idle connections.
#[derive(Default)]
pub(crate) struct Idle {
    by_link: RefCell<HashMap<u64, Vec<Kept>, FastHash>>,
}

struct Kept {
    conn: TimedStream,
    since: u64,
    until: u64,
}

/// How long a connection may have been idle to carry a request that cannot be repeated, in milliseconds.
const FRESH: u64 = 5_000;

impl Idle {
    /// A connection to reuse. For a request that cannot be repeated only one that was idle for less than 5 s.
    pub(crate) fn take(&self, link: u64, repeatable: bool, now: u64) -> Option<TimedStream> {
        let mut by_link = self.by_link.borrow_mut();
        let stock = by_link.get_mut(&link)?;
        while let Some(kept) = stock.pop() {
            if kept.until <= now || !kept.conn.is_quiet() {
                continue;
            }
            if !repeatable && kept.since + FRESH <= now {
                stock.push(kept);
                return None;
            }
            return Some(kept.conn);
        }
        None
    }

    /// Keeps a connection for `limit`.
    pub(crate) fn put(&self, link: u64, conn: TimedStream, limit: Duration, now: u64) {
        let until = now.saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        self.by_link.borrow_mut().entry(link).or_default().push(Kept { conn, since: now, until });
    }

    /// Closes what has been idle for too long, what a node closed, and what belongs to no link in `live` any more.
    pub(crate) fn sweep(&self, now: u64, live: impl Fn(u64) -> bool) {
        self.by_link.borrow_mut().retain(|link, stock| {
            stock.retain(|kept| kept.until > now && kept.conn.is_quiet());
            live(*link) && !stock.is_empty()
        });
    }

    /// How many are idle, by link.
    pub(crate) fn counts(&self) -> HashMap<u64, usize> {
        self.by_link.borrow().iter().map(|(link, stock)| (*link, stock.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::DuplexStream;

    use super::*;

    /// Keeps a connection from the beginning of time on; its node's end is given back.
    fn keep(idle: &Idle) -> DuplexStream {
        let (near, far) = tokio::io::duplex(64);
        let deadlines = Clock::new(Instant::now()).deadlines();
        let conn = TimedStream::new(Transport::Over(Box::new(near)), Reset::default(), deadlines);
        idle.put(1, conn, Duration::from_secs(60), 0);
        far
    }

    #[test]
    fn a_request_that_cannot_be_repeated_gets_no_connection_that_has_been_idle_for_long() {
        let idle = Idle::default();
        let _node = keep(&idle);
        assert!(idle.take(1, false, FRESH).is_none());
        assert!(idle.take(1, true, FRESH).is_some(), "it stays for those that can");
        let _node = keep(&idle);
        assert!(idle.take(1, false, FRESH - 1).is_some());
        assert!(idle.take(1, true, 0).is_none(), "nobody gets one twice");
    }

    #[test]
    fn what_its_node_has_closed_or_what_is_over_time_is_given_to_nobody() {
        let idle = Idle::default();
        drop(keep(&idle));
        assert!(idle.take(1, true, 0).is_none());
        let node = keep(&idle);
        assert!(idle.take(1, true, 60_000).is_none());
        assert!(idle.take(2, true, 0).is_none());
        drop(node);
    }
}
