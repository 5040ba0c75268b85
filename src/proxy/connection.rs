//! What Weir knows about one client connection, apart from its bytes.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use super::client::shown::Shown;
use super::generation::{Limits, ListenerRef};
use super::worker::{OpenConnection, Worker};
use crate::config::RequestIds;
use crate::observe::{access_log, digits, metrics};
use crate::traffic::limits::connections::{ConnectionPermit, Full};
use crate::traffic::message::ids;
use crate::traffic::message::refusal::Refusal;
use crate::wire::{Ends, HeadLimits};

/// A listener on one thread. It may outlive its socket, because connections that were accepted on it still use it.
pub(crate) struct ThreadListener {
    listener_ref: RefCell<Rc<ListenerRef>>,
    closing: Cell<bool>,
    closed: Notify,
}

/// How long is waited, after a listener was closed, for what its clients may have sent already: a handshake, or a request
/// on a connection that is new or had an answer just now.
pub(crate) const LAST_CHANCE: Duration = Duration::from_millis(500);

impl ThreadListener {
    /// A new listener of this generation.
    pub(crate) fn new(listener_ref: ListenerRef) -> Rc<Self> {
        Rc::new(Self {
            listener_ref: RefCell::new(Rc::new(listener_ref)),
            closing: Cell::new(false),
            closed: Notify::new(),
        })
    }

    /// From now on new requests use this generation.
    pub(crate) fn move_to(&self, listener_ref: ListenerRef) {
        *self.listener_ref.borrow_mut() = Rc::new(listener_ref);
    }

    /// The generation for new requests, and this listener in it.
    pub(crate) fn current(&self) -> Rc<ListenerRef> {
        Rc::clone(&self.listener_ref.borrow())
    }

    /// Takes no further requests. Running requests may finish.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        self.closed.notify_waiters();
    }

    /// Waits until no further requests are taken, and for [`LAST_CHANCE`] after that.
    pub(crate) async fn last_chance(&self) {
        let closed = self.closed.notified();
        if !self.is_closing() {
            closed.await;
        }
        tokio::time::sleep(LAST_CHANCE).await;
    }

    /// Whether no further requests are taken.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }
}

/// The result of a TLS handshake.
pub(crate) struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`, as nginx writes it.
    pub(crate) version: &'static str,
    /// The group of the key exchange; empty where TLS 1.2 resumed a session.
    pub(crate) group: &'static str,
    /// `Some`: it was for a site that asks for certificates.
    pub(crate) shown: Option<Box<Shown>>,
}

/// An address as text. The array is long enough for every address, so no connection needs an allocation for it.
struct PeerText {
    bytes: [u8; 39],
    length: usize,
}

impl PeerText {
    fn of(peer: IpAddr, line: &mut Vec<u8>) -> Self {
        line.clear();
        digits::write_peer(line, peer);
        let mut bytes = [0; 39];
        bytes.iter_mut().zip(line.iter()).for_each(|(byte, written)| *byte = *written);
        Self { bytes, length: line.len() }
    }
}

/// One client connection.
pub(crate) struct Connection {
    worker: Rc<Worker>,
    listening: Rc<ThreadListener>,
    listener_ref: RefCell<Rc<ListenerRef>>,
    peer: SocketAddr,
    destination: Option<Box<SocketAddr>>,
    peer_text: PeerText,
    tls: Option<TlsFacts>,
    http2: bool,
    requests: Cell<u64>,
    number: u64,
    beyond: Option<Full>,
    _counted: Counted,
}

/// Counts an open connection until it is dropped: on its thread, in its listener's limits if there are any, and in the
/// metrics.
pub(crate) struct Counted {
    _open: OpenConnection,
    permit: Option<Box<ConnectionPermit>>,
    _shown: metrics::GaugeGuard,
}

impl Counted {
    /// One more connection on this thread, with the permit of its listener's limits and its metric.
    pub(crate) fn new(open: OpenConnection, permit: Option<Box<ConnectionPermit>>, shown: metrics::GaugeGuard) -> Self {
        Self { _open: open, permit, _shown: shown }
    }

    /// The limit that it is beyond.
    pub(crate) fn beyond(&self) -> Option<Full> {
        self.permit.as_ref().and_then(|permit| permit.beyond())
    }

    /// Counts it as one of this client, where there are limits.
    pub(crate) fn belongs_to(&mut self, client: IpAddr, most: Option<u32>) -> Result<(), Full> {
        self.permit.as_mut().map_or(Ok(()), |permit| permit.belongs_to(client, most))
    }
}

impl Connection {
    /// A connection that was just accepted. Its ends are the client, and where that connected to, if nodes are told of it.
    pub(crate) fn new(
        worker: Rc<Worker>,
        listening: Rc<ThreadListener>,
        (peer, destination): (SocketAddr, Option<Box<SocketAddr>>),
        tls: Option<TlsFacts>,
        http2: bool,
        counted: Counted,
    ) -> Rc<Self> {
        let listener_ref = RefCell::new(listening.current());
        let peer_text = PeerText::of(peer.ip(), &mut worker.line.borrow_mut());
        let (requests, number) = (Cell::new(0), worker.shared.number_connection());
        Rc::new(Self {
            worker,
            listener_ref,
            listening,
            peer,
            destination,
            peer_text,
            tls,
            http2,
            requests,
            number,
            beyond: counted.beyond(),
            _counted: counted,
        })
    }

    /// Takes the newest generation, so that the one of the last request can be freed.
    pub(crate) fn refresh(&self) {
        let newest = self.listening.current();
        if !Rc::ptr_eq(&self.listener_ref.borrow(), &newest) {
            *self.listener_ref.borrow_mut() = newest;
        }
    }

    /// The thread that serves the connection.
    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// The generation for the next request.
    pub(crate) fn current_listener(&self) -> Rc<ListenerRef> {
        self.listening.current()
    }

    /// The listener's deadlines and size limits. A connection beyond the limits is there for one answer.
    pub(crate) fn limits(&self) -> Limits {
        let limits = self.listener_ref.borrow().listener().limits;
        if self.beyond.is_some() { limits.for_one_answer() } else { limits }
    }

    /// The limit that the connection is beyond, which its client is to know.
    pub(crate) fn beyond(&self) -> Option<Full> {
        self.beyond
    }

    /// The limits for a request's head.
    pub(crate) fn head_limits(&self) -> HeadLimits {
        let limits = self.limits();
        HeadLimits::new(limits.max_head, limits.max_fields, self.secure())
    }

    /// The client, and where it connected to, for nodes that are told of it. Where that is not known any more, it is the port
    /// of the listener on no address.
    pub(crate) fn ends(&self) -> Ends {
        let source = self.peer;
        let unknown = || {
            let none: IpAddr =
                if source.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            SocketAddr::new(none, self.listener_ref.borrow().listener().port)
        };
        Ends { source, destination: self.destination.as_deref().copied().unwrap_or_else(unknown) }
    }

    /// Whether this connection takes no further requests.
    pub(crate) fn closing(&self) -> bool {
        self.listening.is_closing()
    }

    /// Whether the listener uses TLS.
    pub(crate) fn secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The result of the TLS handshake.
    pub(crate) fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// What the client has shown to a site that asks for certificates.
    pub(crate) fn shown(&self) -> Option<&Shown> {
        self.tls.as_ref()?.shown.as_deref()
    }

    /// Whether the connection uses HTTP/2.
    pub(crate) fn http2(&self) -> bool {
        self.http2
    }

    /// The client's address.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The client's address without port, as X-Forwarded-For has it.
    pub(crate) fn peer_text(&self) -> &[u8] {
        self.peer_text.bytes.get(..self.peer_text.length).unwrap_or_default()
    }

    /// The connection's number in the log, counted since the start of the process.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the connection has carried as many requests as its listener allows.
    pub(crate) fn used_up(&self) -> bool {
        self.requests.get() >= self.limits().max_requests
    }

    /// Counts one more request. Returns its number on this connection, starting with 1.
    pub(crate) fn count_request(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    /// X-Request-Id for the answer to a head that never became a request, and its line in the log. What such a head says is
    /// not believed, so the id is made.
    pub(crate) fn refusal_id(&self) -> Option<RefusalId> {
        let rules = self.listener_ref.borrow().listener().id_rules;
        (rules.request_id != RequestIds::Off).then(|| ids::hex(self.worker.random_ids.next()))
    }

    /// Logs a head that never became a request. `reason` says what was wrong with it, when the refusal's word alone
    /// does not.
    pub(crate) fn log_bad_head(&self, refusal: Refusal, reason: &str, id: Option<&RefusalId>, first_bytes: &[u8]) {
        let listener_ref = self.listener_ref.borrow();
        let (status, word) = refusal.answer();
        listener_ref.generation.count_stray(status, word);
        let stray = access_log::UnroutedEntry {
            time: SystemTime::now(),
            peer: self.peer.ip(),
            listener: &listener_ref.listener().name,
            status,
            word,
            reason,
            request_id: id.map(|id| &id[..]).unwrap_or_default(),
            first: first_line(first_bytes),
            session_names: &listener_ref.generation.session_names,
        };
        listener_ref.generation.log_stray(&stray, &mut self.worker.formatter.borrow_mut());
    }
}

/// The id of a refusal.
pub(crate) type RefusalId = [u8; ids::REQUEST_ID];

// The bytes after the request line may contain a cookie or a password, so they are not logged.
fn first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}
