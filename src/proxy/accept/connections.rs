//! What becomes of a connection that was accepted: whether it may come, TLS, and which protocol it speaks.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use pingora_core::protocols::tls::{TlsRef, TlsStream};
use pingora_core::protocols::{ALPN, Ssl};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::introduction::{Introduction, NoIntroduction};
use super::{http1, http2, introduction};
use crate::proxy::client::hello::Hello;
use crate::proxy::client::no_handshake::NoHandshake;
use crate::proxy::client::shown::Shown;
use crate::proxy::connection::{Connection, Counted, ThreadListener, TlsFacts};
use crate::proxy::generation::{ListenerRef, RunningListener};
use crate::proxy::io::clock::Deadlines;
use crate::proxy::io::stream::{TimedStream, Transport};
use crate::proxy::io::tcp::Tcp;
use crate::proxy::passthrough;
use crate::proxy::passthrough::greeting;
use crate::proxy::passthrough::greeting::PassedSite;
use crate::proxy::passthrough::passage::Passage;
use crate::proxy::worker::Worker;
use crate::proxy::worker::task_pool::Inbox;
use crate::traffic::limits::connections::{ConnectionPermit, Full};
use crate::traffic::routing::access::{holds, may_come};
use crate::wire::Greeting;

/// How often the journal says that a listener or a client is at its limit.
const FULL_AGAIN: Duration = Duration::from_secs(10);

/// Serves a connection that was accepted, unless it may not come.
pub(super) fn serve_accepted(worker: &Rc<Worker>, listening: &Rc<ThreadListener>, stream: TcpStream, peer: SocketAddr) {
    let listener_ref = listening.current();
    let Some(permit) = admit(worker, &listener_ref, peer) else { return };
    let counted = Counted::new(worker.open_one(), permit, listener_ref.listener().counters.connection());
    let listening = Rc::clone(listening);
    let admitted = Admitted { stream, peer, counted, listening, listener_ref, introduction: None };
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
    /// What a proxy has said of it.
    introduction: Option<Box<Introduction>>,
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
        let admitted = match admitted.is_behind_proxy() {
            true => Box::pin(introduced(&worker, admitted)).await,
            false => Some(admitted),
        };
        let begun = match admitted {
            Some(admitted) if admitted.listener_ref.listener().tls.is_some() => {
                Box::pin(secure(&worker, admitted, &deadlines)).await
            }
            admitted => admitted.map(|admitted| admitted.plain(&worker, &deadlines)),
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
    fn is_behind_proxy(&self) -> bool {
        !self.listener_ref.listener().introducing.is_empty()
    }

    fn plain(mut self, worker: &Rc<Worker>, deadlines: &Rc<Deadlines>) -> Begun {
        let (early, destination) = (self.take_early(), self.destination_for_nodes());
        let (tcp, handle) = Tcp::after(self.stream, early);
        let conn = TimedStream::new(Transport::Plain(tcp), handle, Rc::clone(deadlines));
        let ends = (self.peer, destination);
        let connection = Connection::new(Rc::clone(worker), self.listening, ends, None, false, self.counted);
        Begun::H1(Rc::new(conn), connection)
    }

    /// The connection as one to a site that passes TLS through. `came` is what its client has sent, and what that is.
    fn pass(self, worker: &Rc<Worker>, deadlines: &Rc<Deadlines>, to: PassedSite, came: (Vec<u8>, Greeting)) -> Begun {
        let ends = (self.peer, self.destination_for_nodes());
        let (tcp, handle) = Tcp::new(self.stream);
        let client = TimedStream::new(Transport::Plain(tcp), handle, Rc::clone(deadlines));
        let connection = Connection::new(Rc::clone(worker), self.listening, ends, None, false, self.counted);
        let (hello, greeting) = came;
        let name = match greeting {
            Greeting::Name(name) => Some(name),
            Greeting::NoName | Greeting::Partial | Greeting::Other => None,
        };
        let listener_ref = self.listener_ref;
        Begun::Passed(Box::new(Passage { connection, listener_ref, client, hello, name, to }))
    }

    /// What came behind the PROXY header.
    fn take_early(&mut self) -> Vec<u8> {
        self.introduction.as_mut().map_or_else(Vec::new, |told| std::mem::take(&mut told.early))
    }

    /// The address that the client connected to.
    fn destination(&self) -> Option<SocketAddr> {
        let told = self.introduction.as_ref().and_then(|told| told.ends);
        told.map(|ends| ends.destination).or_else(|| self.stream.local_addr().ok())
    }

    /// The same, where a site is named by one.
    fn came_to(&self) -> Option<IpAddr> {
        self.listener_ref.listener().by_address.then(|| self.destination()).flatten().map(|address| address.ip())
    }

    /// The same, where nodes are told of it.
    fn destination_for_nodes(&self) -> Option<Box<SocketAddr>> {
        self.listener_ref.generation.tells_ends.then(|| self.destination()).flatten().map(Box::new)
    }
}

/// Admits a connection, unless its peer may not come, or too many are beyond the limit of its listener or its client. In that case
/// the connection is closed before anything is read. Of a client behind a proxy the proxy must tell first who it is.
fn admit(worker: &Worker, listener_ref: &ListenerRef, peer: SocketAddr) -> Option<Option<Box<ConnectionPermit>>> {
    let listener = listener_ref.listener();
    let is_client = listener.introducing.is_empty();
    if !is_client && !holds(&listener.introducing, peer.ip()) {
        listener.counters.turned_away("no-proxy");
        return None;
    }
    if is_client && !may_come(&listener.access, peer.ip()) {
        listener.counters.turned_away("denied");
        return None;
    }
    if listener.most.is_none() && listener.most_per_client.is_none() {
        return Some(None);
    }
    let limits = listener_ref.generation.snapshot.connection_limits.get(listener_ref.listener)?;
    let most_per_client = listener.most_per_client.filter(|_| is_client);
    let entered = limits.enter(peer.ip(), listener.most, most_per_client);
    if let Some(full) = entered.as_ref().map_or_else(|full| Some(*full), ConnectionPermit::beyond) {
        turn_away(worker, listener, full, peer);
    }
    entered.map(|permit| Some(Box::new(permit))).ok()
}

/// Counts a connection beyond a limit. The journal has one line for many.
fn turn_away(worker: &Worker, listener: &RunningListener, full: Full, peer: SocketAddr) {
    let word = match full {
        Full::Listener => "listener-full",
        Full::Client => "client-full",
    };
    listener.counters.turned_away(word);
    let Some(left_out) = listener.counters.may_log_full(worker.clock.now() / FULL_AGAIN.as_millis() as u64) else {
        return;
    };
    let name = &listener.name;
    let what = match full {
        Full::Listener => format!("max-connections ({}) are open", listener.most.unwrap_or_default()),
        Full::Client => {
            let most = listener.most_per_client.unwrap_or_default();
            format!("client {} has max-connections-per-client ({most}) open", peer.ip())
        }
    };
    let others =
        if left_out == 0 { String::new() } else { format!(" ({left_out} more beyond a limit since the last line)") };
    log::warn!("listener {name}: {what}: more get 503 {word}, or are closed{others}");
}

/// Reads the PROXY header of a connection, and judges the client that it names as [`admit`] judges others. `None`: the
/// connection is closed.
async fn introduced(worker: &Rc<Worker>, mut admitted: Admitted) -> Option<Admitted> {
    let listener_ref = Rc::clone(&admitted.listener_ref);
    let listener = listener_ref.listener();
    let read = within(introduction::WITHIN, &admitted.listening, introduction::read(&admitted.stream)).await;
    let told = match read.unwrap_or(Err(NoIntroduction::Wrong("it did not come in time"))) {
        Ok(told) => told,
        Err(NoIntroduction::Left) => return None,
        Err(NoIntroduction::Wrong(why)) => {
            listener.counters.turned_away("bad-proxy-header");
            let (why, formatter) = (("bad-proxy-header", why), &mut worker.formatter.borrow_mut());
            listener_ref.generation.log_unbegun(listener, admitted.peer, why, formatter);
            return None;
        }
    };
    if let Some(ends) = told.ends {
        admitted.peer = ends.source;
        if !may_come(&listener.access, ends.source.ip()) {
            listener.counters.turned_away("denied");
            return None;
        }
        let before = admitted.counted.beyond();
        let entered = admitted.counted.belongs_to(ends.source.ip(), listener.most_per_client);
        if let Some(full) = entered.err().or_else(|| admitted.counted.beyond().filter(|_| before.is_none())) {
            turn_away(worker, listener, full, ends.source);
        }
        entered.ok()?;
    }
    admitted.introduction = Some(Box::new(told));
    Some(admitted)
}

/// Begins a connection of a TLS listener: TLS ends here, unless the hello is for a site that passes it through. The hello is
/// read first only where the listener has such a site.
async fn secure(worker: &Rc<Worker>, mut admitted: Admitted, deadlines: &Rc<Deadlines>) -> Option<Begun> {
    let listener_ref = Rc::clone(&admitted.listener_ref);
    let listener = listener_ref.listener();
    let (limit, early) = (listener.limits.handshake_timeout, admitted.take_early());
    if !listener.passes_tls {
        return shake_hands(worker, admitted, deadlines, (early, limit)).await;
    }
    let began = Instant::now();
    let read = within(limit, &admitted.listening, greeting::read(&admitted.stream, early)).await;
    let Some((hello, greeting)) = read else {
        fail_handshake(worker, &listener_ref, admitted.peer, &NoHandshake::timed_out());
        return None;
    };
    match greeting::site_of(&listener_ref, &greeting, admitted.came_to()) {
        // Only its node could tell the client why.
        Some(_) if admitted.counted.beyond().is_some() => None,
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

/// Counts a handshake that failed, and logs it unless that tells nothing.
fn fail_handshake(worker: &Worker, listener_ref: &ListenerRef, peer: SocketAddr, why: &NoHandshake) {
    let listener = listener_ref.listener();
    listener.counters.handshake_failed(why.word);
    if !why.what.is_empty() {
        let told = ("handshake-failed", &*why.what);
        listener_ref.generation.log_unbegun(listener, peer, told, &mut worker.formatter.borrow_mut());
    }
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
    let destination = admitted.destination_for_nodes();
    let Admitted { stream, peer, counted, listening, listener_ref, introduction: _ } = admitted;
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
    if hello.is_look() {
        return None;
    }
    let http2 = matches!(stream.selected_alpn_proto(), Some(ALPN::H2));
    let site = hello.site().and_then(|site| listener_ref.generation.snapshot.config.sites.get(site));
    let chain = stream.get_ssl().and_then(TlsRef::peer_cert_chain_der).unwrap_or_default();
    let facts = Some(TlsFacts {
        version,
        group: hello.group().unwrap_or(""),
        shown: site.and_then(|site| Shown::to(site, chain)),
    });
    let connection = Connection::new(Rc::clone(worker), listening, (peer, destination), facts, http2, counted);
    Some(if http2 {
        Begun::H2(stream, connection)
    } else {
        Begun::H1(Rc::new(TimedStream::new(Transport::Over(stream), handle, Rc::clone(deadlines))), connection)
    })
}
