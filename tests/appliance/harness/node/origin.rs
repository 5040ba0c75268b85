//! A scripted origin on loopback. It records every request as a strict reader sees it, says when one is doubtful,
//! and answers what the test tells it to, however wrong that is. It never judges what it is told to answer.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::seen::{Notes, Seen, lock};
use super::talk::Talk;
use crate::harness::bytes::Stream;
use crate::harness::certificates::Pair;
use crate::harness::gate::Gate;
use crate::harness::ports::free_port;

/// What an origin does with a request whose head has arrived.
type Script = dyn Fn(&mut Talk) + Send + Sync;

/// What the threads of an origin share.
struct Shared {
    script: Box<Script>,
    notes: Arc<Notes>,
    sockets: Mutex<HashMap<u64, TcpStream>>,
    connections: AtomicU64,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// A server of a test. Dropping it closes everything it holds.
pub(crate) struct Origin {
    shared: Arc<Shared>,
    address: SocketAddr,
    stopped: Mutex<Arc<AtomicBool>>,
}

impl Origin {
    /// Answers each whole request with what `answer` makes of it; the bytes are sent as they are.
    pub(crate) fn answering(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::speaking(move |talk| {
            talk.body();
            let seen = talk.seen();
            talk.send(&answer(&seen));
        })
    }

    /// Answers 200 with `NAME TARGET` as the body.
    pub(crate) fn named(name: &str) -> Self {
        Self::named_at(Ipv4Addr::LOCALHOST.into(), name)
    }

    /// The same at this address.
    pub(crate) fn named_at(address: IpAddr, name: &str) -> Self {
        let name = name.to_owned();
        let script = move |talk: &mut Talk| {
            talk.body_length();
            let target = talk.target();
            talk.send(&ok(&format!("{name} {target}")));
        };
        Self::start(address, None, Box::new(script))
    }

    /// Answers 200 with the target as the body; at this target only when the gate opens.
    pub(crate) fn waiting_at(gate: &Gate, held: &'static str) -> Self {
        let opened = gate.clone();
        Self::speaking(move |talk| {
            let target = talk.target();
            if target == held {
                opened.pass();
            }
            talk.send(&ok(&target));
        })
    }

    /// Answers `halfrest`, and in the middle of it waits until the gate opens.
    pub(crate) fn pausing(gate: &Gate) -> Self {
        let opened = gate.clone();
        Self::speaking(move |talk| {
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            opened.pass();
            talk.send(b"rest");
        })
    }

    /// Runs `script` at each head; it reads the body, answers, closes or resets as it likes.
    pub(crate) fn speaking(script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), None, Box::new(script))
    }

    /// The same over TLS with this certificate.
    pub(crate) fn speaking_tls(pair: &Pair, script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), Some(pair.server()), Box::new(script))
    }

    /// The same over TLS with these settings.
    pub(crate) fn speaking_tls_as(
        tls: Arc<rustls::ServerConfig>,
        script: impl Fn(&mut Talk) + Send + Sync + 'static,
    ) -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), Some(tls), Box::new(script))
    }

    /// The same on this socket; over TLS if there is a certificate.
    pub(crate) fn at(
        socket: TcpListener,
        pair: Option<&Pair>,
        script: impl Fn(&mut Talk) + Send + Sync + 'static,
    ) -> Self {
        Self::on(socket, pair.map(Pair::server), Box::new(script))
    }

    /// The same on the port of this origin at another address of the machine, plain or over TLS.
    pub(crate) fn beside(&self, address: Ipv4Addr, script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let address = SocketAddr::new(address.into(), self.port());
        let listener = TcpListener::bind(address).expect("nobody else uses that address");
        Self::on(listener, self.shared.tls.clone(), Box::new(script))
    }

    fn start(address: IpAddr, tls: Option<Arc<rustls::ServerConfig>>, script: Box<Script>) -> Self {
        // Another run of these tests may take a port between finding and using it.
        let bind = |_| TcpListener::bind((address, free_port())).ok();
        Self::on((0..5).find_map(bind).expect("a free port can be bound"), tls, script)
    }

    fn on(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, script: Box<Script>) -> Self {
        let shared =
            Shared { script, notes: Arc::default(), sockets: Mutex::default(), connections: AtomicU64::new(0), tls };
        let address = listener.local_addr().expect("a bound socket has an address");
        let origin = Self { shared: Arc::new(shared), address, stopped: Mutex::default() };
        origin.listen(listener);
        origin
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Listens again on its port after `stop`.
    pub(crate) fn resume(&self) {
        self.listen(TcpListener::bind(self.address).expect("the port is the origin's own"));
    }

    fn listen(&self, listener: TcpListener) {
        let stopped = Arc::new(AtomicBool::new(false));
        *lock(&self.stopped) = stopped.clone();
        let shared = self.shared.clone();
        std::thread::spawn(move || accept(&listener, &stopped, &shared));
    }

    /// Closes the listener and all connections, as a killed process does: connects are refused from here on.
    pub(crate) fn stop(&self) {
        if lock(&self.stopped).swap(true, Ordering::SeqCst) {
            return;
        }
        // One last connection wakes the accepting thread, which then drops its listener.
        drop(TcpStream::connect(self.address));
        crate::harness::eventually::eventually("the origin's port is closed", || {
            TcpStream::connect(self.address).is_err()
        });
        for socket in lock(&self.shared.sockets).values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Everything it got so far, in the order of the heads.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.notes.all()
    }

    /// How many requests it got, whole or not.
    pub(crate) fn count(&self) -> usize {
        self.shared.notes.count()
    }

    /// The latest request.
    pub(crate) fn last(&self) -> Seen {
        self.shared.notes.last().expect("a request has reached the origin")
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub(crate) fn open_connections(&self) -> usize {
        lock(&self.shared.sockets).len()
    }

    /// Waits until so many requests have arrived.
    #[track_caller]
    pub(crate) fn reached(&self, requests: usize) {
        crate::harness::eventually::eventually("the request reaches the origin", || self.count() >= requests);
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A plain 200 with a length.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A 200 with more fields; each ends with CRLF.
pub(crate) fn ok_with(fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn accept(listener: &TcpListener, stopped: &AtomicBool, shared: &Arc<Shared>) {
    for socket in listener.incoming() {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(socket) = socket else { continue };
        let shared = shared.clone();
        std::thread::spawn(move || serve(socket, &shared));
    }
}

fn serve(socket: TcpStream, shared: &Arc<Shared>) {
    let connection = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
    let _ = socket.set_nodelay(true);
    if let Ok(held) = socket.try_clone() {
        lock(&shared.sockets).insert(connection, held);
    }
    if let Ok((control, stream)) = wrap(socket, shared) {
        let mut talk = Talk::new(connection, control, stream, shared.notes.clone());
        while talk.next_head() {
            (shared.script)(&mut talk);
            if !talk.end_of_request() {
                break;
            }
        }
        // The origin's own list goes first: a reset is sent when the last descriptor closes.
        shared.forget(connection);
        talk.hang_up();
    }
    shared.forget(connection);
}

fn wrap(socket: TcpStream, shared: &Shared) -> io::Result<(TcpStream, Box<dyn Stream>)> {
    let control = socket.try_clone()?;
    let Some(tls) = &shared.tls else { return Ok((control, Box::new(socket))) };
    let session = rustls::ServerConnection::new(tls.clone()).map_err(io::Error::other)?;
    Ok((control, Box::new(rustls::StreamOwned::new(session, socket))))
}

impl Shared {
    fn forget(&self, connection: u64) {
        lock(&self.sockets).remove(&connection);
    }
}
