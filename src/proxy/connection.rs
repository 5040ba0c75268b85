//! What is known of one client connection, beside its bytes.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::SystemTime;

use super::generation::{Limits, ListenerRef};
use super::worker::{OpenConnection, Worker};
use crate::observe::{access_log, digits, metrics};
use crate::traffic::limits::connections::ConnectionPermit;
use crate::traffic::message::refusal::Refusal;
use crate::wire::HeadLimits;

/// A listener on one thread. It outlives its socket: connections that were accepted on it still use it.
pub(crate) struct ThreadListener {
    place: RefCell<Rc<ListenerRef>>,
    closing: Cell<bool>,
}

impl ThreadListener {
    /// A listener that begins in that place.
    pub(crate) fn new(place: ListenerRef) -> Rc<Self> {
        Rc::new(Self { place: RefCell::new(Rc::new(place)), closing: Cell::new(false) })
    }

    /// New requests see this generation from now on.
    pub(crate) fn move_to(&self, place: ListenerRef) {
        *self.place.borrow_mut() = Rc::new(place);
    }

    /// The generation that new requests see, and where this listener stands in it.
    pub(crate) fn place(&self) -> Rc<ListenerRef> {
        Rc::clone(&self.place.borrow())
    }

    /// No further requests: what runs may finish.
    pub(crate) fn close(&self) {
        self.closing.set(true);
    }

    /// Whether no further requests are wanted.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }
}

/// What a TLS handshake settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`, as nginx writes it.
    pub(crate) version: &'static str,
}

/// An address as text, in the room that the longest one takes: no memory of its own for each connection.
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
    place: RefCell<Rc<ListenerRef>>,
    peer: SocketAddr,
    peer_text: PeerText,
    tls: Option<TlsFacts>,
    http2: bool,
    requests: Cell<u64>,
    number: u64,
    _counted: Counted,
}

/// What counts a connection while it is open: its thread, its listener's limits where there are any, and the metrics.
pub(crate) struct Counted {
    _open: OpenConnection,
    _pass: Option<Box<ConnectionPermit>>,
    _shown: metrics::GaugeGuard,
}

impl Counted {
    /// One more on this thread, let in by this pass, and shown in the metrics.
    pub(crate) fn new(open: OpenConnection, pass: Option<Box<ConnectionPermit>>, shown: metrics::GaugeGuard) -> Self {
        Self { _open: open, _pass: pass, _shown: shown }
    }
}

impl Connection {
    /// A connection just accepted.
    pub(crate) fn new(
        worker: Rc<Worker>,
        listening: Rc<ThreadListener>,
        peer: SocketAddr,
        tls: Option<TlsFacts>,
        http2: bool,
        counted: Counted,
    ) -> Rc<Self> {
        let place = RefCell::new(listening.place());
        let peer_text = PeerText::of(peer.ip(), &mut worker.line.borrow_mut());
        let (requests, number) = (Cell::new(0), worker.shared.number_connection());
        Rc::new(Self { worker, place, listening, peer, peer_text, tls, http2, requests, number, _counted: counted })
    }

    /// Lets go of the generation that the last request saw.
    pub(crate) fn refresh(&self) {
        let newest = self.listening.place();
        if !Rc::ptr_eq(&self.place.borrow(), &newest) {
            *self.place.borrow_mut() = newest;
        }
    }

    /// The thread's own things.
    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// The generation for the next request.
    pub(crate) fn place(&self) -> Rc<ListenerRef> {
        self.listening.place()
    }

    /// The listener's deadlines and sizes.
    pub(crate) fn limits(&self) -> Limits {
        self.place.borrow().listener().limits
    }

    /// What a head may be.
    pub(crate) fn head_limits(&self) -> HeadLimits {
        let limits = self.limits();
        HeadLimits::new(limits.max_head, limits.max_fields, self.secure())
    }

    /// Whether no further request is wanted on this connection.
    pub(crate) fn closing(&self) -> bool {
        self.listening.is_closing()
    }

    /// Whether the listener speaks TLS.
    pub(crate) fn secure(&self) -> bool {
        self.tls.is_some()
    }

    /// What the handshake settled.
    pub(crate) fn tls(&self) -> Option<TlsFacts> {
        self.tls
    }

    /// Whether it speaks HTTP/2.
    pub(crate) fn http2(&self) -> bool {
        self.http2
    }

    /// The client's address.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The client's address without port, as it goes into X-Forwarded-For.
    pub(crate) fn peer_text(&self) -> &[u8] {
        self.peer_text.bytes.get(..self.peer_text.length).unwrap_or_default()
    }

    /// Its number in the log, since the process's start.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether it has carried a request.
    pub(crate) fn has_served(&self) -> bool {
        self.requests.get() > 0
    }

    /// Whether it has carried as many requests as its listener allows.
    pub(crate) fn used_up(&self) -> bool {
        self.requests.get() >= self.limits().max_requests
    }

    /// Counts one more request; the number is the request's on this connection, from 1.
    pub(crate) fn count_request(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    /// Logs a head that never became a request, and what was wrong with it where the word does not say it all.
    pub(crate) fn log_bad_head(&self, refusal: Refusal, reason: &str, first_bytes: &[u8]) {
        let place = self.place.borrow();
        let (status, word) = refusal.answer();
        place.generation.count_stray(status, word);
        let stray = access_log::UnroutedEntry {
            time: SystemTime::now(),
            peer: self.peer.ip(),
            listener: &place.listener().name,
            status,
            word,
            reason,
            first: first_line(first_bytes),
            session_names: &place.generation.session_names,
        };
        place.generation.log_stray(&stray, &mut self.worker.formatter.borrow_mut());
    }
}

// What follows the request line may be a cookie or a password.
fn first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}
