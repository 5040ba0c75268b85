//! The listeners of one thread: what it accepts on their sockets, and how it stops to.

use pingora_core::protocols::tls::{TlsRef, TlsStream};
use pingora_core::protocols::{ALPN, Ssl};
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::sockets::{Addresses, ThreadSockets, let_nobody_in};
use super::{http1, http2};
use crate::proxy::client::hello::Hello;
use crate::proxy::client::no_handshake::NoHandshake;
use crate::proxy::client::shown::Shown;
use crate::proxy::connection::{Connection, Counted, ThreadListener, TlsFacts};
use crate::proxy::generation::{Generation, ListenerRef};
use crate::proxy::io::clock::Deadlines;
use crate::proxy::io::descriptors;
use crate::proxy::io::descriptors::PAUSE;
use crate::proxy::io::stream::{TimedStream, Transport};
use crate::proxy::io::tcp::Tcp;
use crate::proxy::passthrough;
use crate::proxy::passthrough::greeting;
use crate::proxy::passthrough::greeting::PassedSite;
use crate::proxy::passthrough::passage::Passage;
use crate::proxy::worker::Worker;
use crate::proxy::worker::task_pool::Inbox;
use crate::traffic::limits::connections::{ConnectionPermit, Full};
use crate::traffic::routing::access::may_come;
use crate::wire::Greeting;

/// How long handshakes of TCP that have begun may take when a socket is about to close: the way to the client and back.
const HANDSHAKES: Duration = Duration::from_millis(100);

/// The listeners of one thread.
///
/// A listener ends in two steps. First its sockets are closed on all threads, and only then its idle connections. Their
/// clients connect anew at once: a socket that closes a moment later would reset those connections.
#[derive(Default)]
pub(crate) struct Listeners {
    by_address: RefCell<HashMap<SocketAddr, Socketed>>,
    /// Listeners whose socket is closed, but not their connections.
    closed: RefCell<Vec<Rc<ThreadListener>>>,
}

struct Socketed {
    listening: Rc<ThreadListener>,
    accepting: Vec<Accepting>,
}

/// A task that accepts on one socket.
struct Accepting {
    socket: Rc<TcpListener>,
    stop: oneshot::Sender<Queued>,
    task: JoinHandle<()>,
}

/// What becomes of clients that are in the queue of a socket when its thread stops to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queued {
    /// They are served: the socket closes.
    Served,
    /// They wait on, because somebody else has the socket too.
    Waiting,
}

impl Listeners {
    /// Follows a new generation: listeners on known addresses use it from now on, new listeners start on their sockets,
    /// and the sockets of all others are closed. Returns when those are closed. Others hold the sockets of `held` too.
    pub(crate) async fn follow(
        &self,
        worker: &Rc<Worker>,
        generation: &Arc<Generation>,
        mut sockets: ThreadSockets,
        held: &Addresses,
    ) {
        let ended = self.change(worker, generation, &mut sockets);
        // Connections that only wait must not keep the old generation in memory.
        worker.clock.wake_all();
        self.close(ended, held).await;
    }

    fn change(
        &self,
        worker: &Rc<Worker>,
        generation: &Arc<Generation>,
        sockets: &mut ThreadSockets,
    ) -> Vec<(SocketAddr, Socketed)> {
        let mut by_address = self.by_address.borrow_mut();
        for (index, listener) in generation.snapshot.config.listeners.iter().enumerate() {
            let listener_ref = ListenerRef { generation: Arc::clone(generation), listener: index };
            if let Some(known) = by_address.get(&listener.bind) {
                known.listening.move_to(listener_ref);
            } else if let Some(sockets) = sockets.remove(&listener.bind) {
                by_address.insert(listener.bind, begin(worker, sockets, listener_ref));
            }
        }
        let wanted = |address: &SocketAddr| generation.snapshot.config.listeners.iter().any(|l| l.bind == *address);
        by_address.extract_if(|address, _| !wanted(address)).collect()
    }

    /// Sends a second descriptor of each listening socket.
    pub(crate) fn sockets(&self, to: &Sender<(SocketAddr, StdListener)>) {
        for (address, socketed) in self.by_address.borrow().iter() {
            for Accepting { socket, .. } in &socketed.accepting {
                match socket.as_fd().try_clone_to_owned() {
                    // Who asked may have gone.
                    Ok(second) => _ = to.send((*address, second.into())),
                    Err(error) => log::error!("a listening socket cannot be handed over: {error}"),
                }
            }
        }
    }

    /// Closes the sockets of all listeners. Returns when they are closed. Others hold the sockets of `held` too.
    pub(crate) async fn close_all(&self, held: &Addresses) {
        let all = self.by_address.borrow_mut().drain().collect();
        self.close(all, held).await;
    }

    async fn close(&self, ended: Vec<(SocketAddr, Socketed)>, held: &Addresses) {
        let mut closing = Vec::new();
        for (address, Socketed { listening, accepting }) in ended {
            let queued = if held.contains(&address) { Queued::Waiting } else { Queued::Served };
            for Accepting { stop, task, .. } in accepting {
                // A task that has ended by itself has also closed its socket.
                let _ = stop.send(queued);
                closing.push(task);
            }
            self.closed.borrow_mut().push(listening);
        }
        for task in closing {
            let _ = task.await;
        }
    }

    /// Lets the connections of closed listeners end: those that are idle at once, the others after their request.
    pub(crate) fn end_connections(&self, worker: &Worker) {
        let closed = self.closed.take();
        closed.iter().for_each(|listening| listening.close());
        if !closed.is_empty() {
            worker.clock.wake_all();
        }
    }
}

fn begin(worker: &Rc<Worker>, sockets: Vec<StdListener>, listener_ref: ListenerRef) -> Socketed {
    let listening = ThreadListener::new(listener_ref);
    let begin_one = |socket: StdListener| {
        let socket =
            TcpListener::from_std(socket).inspect_err(|error| log::error!("cannot accept on a socket: {error}"));
        let (worker, ours, socket) = (Rc::clone(worker), Rc::clone(&listening), Rc::new(socket.ok()?));
        let (stop, until) = oneshot::channel();
        let accepts = Rc::clone(&socket);
        let task = tokio::task::spawn_local(async move { accept(&worker, &ours, &accepts, until).await });
        Some(Accepting { socket, stop, task })
    };
    let accepting = sockets.into_iter().filter_map(begin_one).collect();
    Socketed { listening, accepting }
}

async fn accept(
    worker: &Rc<Worker>,
    listening: &Rc<ThreadListener>,
    socket: &TcpListener,
    mut stopped: oneshot::Receiver<Queued>,
) {
    let queued = loop {
        let accepted = poll_fn(|cx| match socket.poll_accept(cx) {
            Poll::Pending => Pin::new(&mut stopped).poll(cx).map(Err),
            accepted => accepted.map(Ok),
        });
        match accepted.await {
            Ok(Ok((stream, peer))) => {
                let last = descriptors::clients_wait(&stream);
                serve_accepted(worker, listening, stream, peer);
                if last {
                    tokio::select! {
                        () = descriptors::wait_for_room(socket) => {}
                        queued = &mut stopped => break queued,
                    }
                }
            }
            // Without free descriptors every accept fails at once and the loop would not wait for `stopped`, so it is
            // checked here.
            Ok(Err(error)) => tokio::select! {
                () = pause(&error) => {}
                queued = &mut stopped => break queued,
            },
            Err(queued) => break queued,
        }
    };
    if queued != Ok(Queued::Waiting) {
        accept_last(worker, listening, socket).await;
    }
}

/// Accepts who is on the way to a socket that is about to close. Closing resets those in its queue, who may have sent a request,
/// and those whose handshake is not over.
///
/// First the kernel is told to drop the first packet of new connections. Their clients send it again one second later, and
/// are refused then, or let in by the next Weir. Handshakes that have begun get [`HANDSHAKES`]. At last the kernel itself is
/// asked for the rest, since tokio remembers that the queue was empty a moment ago.
async fn accept_last(worker: &Rc<Worker>, listening: &Rc<ThreadListener>, socket: &TcpListener) {
    if let Err(error) = let_nobody_in(socket) {
        log::warn!("who connects while a listening socket closes may be reset: {error}");
    }
    let begun = async {
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => serve_accepted(worker, listening, stream, peer),
                Err(error) if concerns_one(&error) => {}
                Err(_) => return,
            }
        }
    };
    // It ends earlier only where no descriptor is left.
    let _ = tokio::time::timeout(HANDSHAKES, begun).await;
    match socket.as_fd().try_clone_to_owned() {
        Ok(socket) => accept_rest(worker, listening, &socket.into()),
        Err(error) => log::error!("a listening socket cannot be emptied before it closes: {error}"),
    }
}

fn accept_rest(worker: &Rc<Worker>, listening: &Rc<ThreadListener>, socket: &StdListener) {
    loop {
        let accepted = socket.accept().and_then(|(stream, peer)| {
            stream.set_nonblocking(true)?;
            Ok((TcpStream::from_std(stream)?, peer))
        });
        match accepted {
            Ok((stream, peer)) => serve_accepted(worker, listening, stream, peer),
            Err(error) if concerns_one(&error) => {}
            // The queue is empty, or no descriptor is left.
            Err(_) => return,
        }
    }
}

/// Whether the next connection may be accepted at once.
fn concerns_one(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

async fn pause(error: &io::Error) {
    let aborted = error.kind() == io::ErrorKind::ConnectionAborted;
    if !aborted {
        descriptors::warn(|| format!("cannot accept: {error}; trying again every {} ms", PAUSE.as_millis()));
        tokio::time::sleep(PAUSE).await;
    }
}

fn serve_accepted(worker: &Rc<Worker>, listening: &Rc<ThreadListener>, stream: TcpStream, peer: SocketAddr) {
    let listener_ref = listening.current();
    let Some(permit) = admit(&listener_ref, peer) else { return };
    let counted = Counted::new(worker.open_one(), permit, listener_ref.listener().counters.connection());
    let admitted = Admitted { stream, peer, counted, listening: Rc::clone(listening), listener_ref };
    if let Some(inbox) = worker.connection_tasks.give(admitted) {
        // Boxed, because a task's future is moved about five times during its life.
        tokio::task::spawn_local(Box::pin(receive(Rc::clone(worker), inbox)));
    }
}

/// A connection that was accepted within the limits.
struct Admitted {
    stream: TcpStream,
    peer: SocketAddr,
    counted: Counted,
    listening: Rc<ThreadListener>,
    listener_ref: Rc<ListenerRef>,
}

/// A connection whose protocol is known.
enum Begun {
    H1(Rc<TimedStream>, Rc<Connection>),
    H2(Box<TlsStream<Tcp>>, Rc<Connection>),
    /// Its TLS is passed through.
    Passed(Box<Passage>),
}

/// Serves one connection after the other, so that a task and a pair of deadlines need not be made for each.
///
/// This future exists as long as its connection, also while that waits for its next request. Large values that are
/// needed only for a short time or in few cases are therefore boxed.
async fn receive(worker: Rc<Worker>, inbox: Rc<Inbox<Admitted>>) {
    let deadlines = worker.clock.deadlines();
    loop {
        let admitted = inbox.next().await;
        let begun = if admitted.listener_ref.listener().tls.is_none() {
            Some(admitted.plain(&worker, &deadlines))
        } else {
            Box::pin(secure(&worker, admitted, &deadlines)).await
        };
        match begun {
            Some(Begun::H1(conn, connection)) => pin!(http1::serve(conn, connection)).await,
            Some(Begun::H2(stream, connection)) => Box::pin(http2::serve(stream, connection)).await,
            Some(Begun::Passed(passage)) => Box::pin(passthrough::carry(*passage)).await,
            None => {}
        }
        deadlines.read_done();
        deadlines.write_done();
        if !worker.connection_tasks.take_back(&inbox) {
            return;
        }
    }
}

impl Admitted {
    fn plain(self, worker: &Rc<Worker>, deadlines: &Rc<Deadlines>) -> Begun {
        let (tcp, handle) = Tcp::new(self.stream);
        let conn = TimedStream::new(Transport::Plain(tcp), handle, Rc::clone(deadlines));
        let connection = Connection::new(Rc::clone(worker), self.listening, self.peer, None, false, self.counted);
        Begun::H1(Rc::new(conn), connection)
    }

    /// The connection as one to a site that passes TLS through. `came` is what its client has sent, and what that is.
    fn pass(self, worker: &Rc<Worker>, deadlines: &Rc<Deadlines>, to: PassedSite, came: (Vec<u8>, Greeting)) -> Begun {
        let (tcp, handle) = Tcp::new(self.stream);
        let client = TimedStream::new(Transport::Plain(tcp), handle, Rc::clone(deadlines));
        let connection = Connection::new(Rc::clone(worker), self.listening, self.peer, None, false, self.counted);
        let (hello, greeting) = came;
        let name = match greeting {
            Greeting::Name(name) => Some(name),
            Greeting::NoName | Greeting::Partial | Greeting::Other => None,
        };
        let listener_ref = self.listener_ref;
        Begun::Passed(Box::new(Passage { connection, listener_ref, client, hello, name, to }))
    }

    /// The address that its client connected to, where a site is named by one.
    fn came_to(&self) -> Option<IpAddr> {
        let address = self.listener_ref.listener().by_address.then(|| self.stream.local_addr().ok()).flatten()?;
        Some(address.ip())
    }
}

/// Admits a connection, unless its peer may not come, or its listener or its client has reached its limit. In that case the
/// connection is closed before anything is read.
fn admit(listener_ref: &ListenerRef, peer: SocketAddr) -> Option<Option<Box<ConnectionPermit>>> {
    let listener = listener_ref.listener();
    if !may_come(&listener.access, peer.ip()) {
        listener.counters.turned_away("denied");
        return None;
    }
    if listener.most.is_none() && listener.most_per_client.is_none() {
        return Some(None);
    }
    let limits = listener_ref.generation.snapshot.connection_limits.get(listener_ref.listener)?;
    match limits.enter(peer.ip(), listener.most, listener.most_per_client) {
        Ok(permit) => Some(Some(Box::new(permit))),
        Err(full) => {
            listener.counters.turned_away(match full {
                Full::Listener => "listener-full",
                Full::Client => "client-full",
            });
            None
        }
    }
}

/// Begins a connection of a TLS listener: TLS ends here, unless the hello is for a site that passes it through. The hello is
/// read first only where the listener has such a site.
async fn secure(worker: &Rc<Worker>, admitted: Admitted, deadlines: &Rc<Deadlines>) -> Option<Begun> {
    let listener_ref = Rc::clone(&admitted.listener_ref);
    let listener = listener_ref.listener();
    let limit = listener.limits.handshake_timeout;
    if !listener.passes_tls {
        return shake_hands(worker, admitted, deadlines, (Vec::new(), limit)).await;
    }
    let began = Instant::now();
    let read = within(limit, &admitted.listening, greeting::read(&admitted.stream)).await;
    let Some((hello, greeting)) = read else {
        fail_handshake(worker, &listener_ref, admitted.peer, &NoHandshake::timed_out());
        return None;
    };
    match greeting::site_of(&listener_ref, &greeting, admitted.came_to()) {
        Some(to) => Some(admitted.pass(worker, deadlines, to, (hello, greeting))),
        None => shake_hands(worker, admitted, deadlines, (hello, limit.saturating_sub(began.elapsed()))).await,
    }
}

/// Waits for what a handshake needs: at most this long, and not much longer than the listener listens.
async fn within<T>(limit: Duration, listening: &ThreadListener, handshake: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = tokio::time::timeout(limit, handshake) => done.ok(),
        () = listening.last_chance() => None,
    }
}

/// Counts and logs a handshake that failed.
fn fail_handshake(worker: &Worker, listener_ref: &ListenerRef, peer: SocketAddr, why: &NoHandshake) {
    let listener = listener_ref.listener();
    listener.counters.handshake_failed(why.word);
    listener_ref.generation.log_handshake(listener, peer, &why.what, &mut worker.formatter.borrow_mut());
}

/// Does the TLS handshake, within this time. `None` when it failed; the failure is counted and logged. `early` is what the
/// client has sent of it already.
async fn shake_hands(
    worker: &Rc<Worker>,
    admitted: Admitted,
    deadlines: &Rc<Deadlines>,
    (early, limit): (Vec<u8>, Duration),
) -> Option<Begun> {
    let mut hello = Hello::to(admitted.came_to());
    let Admitted { stream, peer, counted, listening, listener_ref } = admitted;
    let listener = listener_ref.listener();
    let acceptor = listener.tls.as_ref()?;
    let (tcp, handle) = Tcp::after(stream, early);
    let shaken = within(limit, &listening, hello.during(acceptor.tls_handshake(tcp))).await;
    let shaken = match shaken {
        Some(shaken) => shaken.map_err(|error| NoHandshake::of(&error.to_string())),
        None => Err(NoHandshake::timed_out()),
    };
    let shaken = shaken.inspect_err(|why| fail_handshake(worker, &listener_ref, peer, &hello.explain(why.clone())));
    let stream = Box::new(shaken.ok()?);
    let version = match stream.get_ssl().and_then(TlsRef::version) {
        Some("TLSv1_3") => "TLSv1.3",
        _ => "TLSv1.2",
    };
    listener.counters.shaken(version, hello.resumed(), hello.group());
    let http2 = matches!(stream.selected_alpn_proto(), Some(ALPN::H2));
    let site = hello.site().and_then(|site| listener_ref.generation.snapshot.config.sites.get(site));
    let chain = stream.get_ssl().and_then(TlsRef::peer_cert_chain_der).unwrap_or_default();
    let facts = Some(TlsFacts {
        version,
        group: hello.group().unwrap_or(""),
        shown: site.and_then(|site| Shown::to(site, chain)),
    });
    let connection = Connection::new(Rc::clone(worker), listening, peer, facts, http2, counted);
    Some(if http2 {
        Begun::H2(stream, connection)
    } else {
        Begun::H1(Rc::new(TimedStream::new(Transport::Over(stream), handle, Rc::clone(deadlines))), connection)
    })
}
