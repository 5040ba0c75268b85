//! Accepts few connections, closes those that send their head slowly, and tells for each who is at its other end.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};

use super::admit;
use super::caller::Caller;
use super::in_use::{self, InUse};
use super::secure::Secure;
use super::takes_data::TakesData;
use crate::control::admin_sockets::AdminSockets;
use crate::proxy::io::descriptors;
use crate::proxy::worker::Shared;

/// The most connections of one listener at one time. For a further one, the oldest connection without a running request
/// is closed.
const MOST: usize = 128;
/// How long a head or a TLS handshake may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may last with its answers, and how long its last answer may take after that. An answer that is a
/// stream of events may last as long as its client takes it.
const LONGEST: Duration = Duration::from_secs(300);
const LAST: Duration = Duration::from_secs(90);
/// How much of an answer the system holds for a client that takes it slowly.
const SEND_BUFFER: usize = 256 * 1024;

/// What connections are accepted from.
pub(crate) enum Listening {
    /// The admin address. The running generation says whether it speaks TLS.
    Admin(TcpListener, Arc<Shared>),
    /// The metrics address.
    Metrics(TcpListener),
    /// The admin socket.
    Unix(UnixListener),
}

enum Accepted {
    Tcp(TcpStream, Caller),
    Tls(TcpStream, Caller, Secure),
    Unix(UnixStream),
}

/// An open connection.
struct AdminConnection {
    in_use: Arc<InUse>,
    /// Closes the connection when it is dropped.
    keep_open: oneshot::Sender<()>,
}

/// Answers on the admin address and the admin socket as long as they are open. Each request passes [`admit`] first.
pub(crate) fn serve_all(sockets: AdminSockets, router: &Router, shared: &Arc<Shared>) {
    let router = router.clone().layer(middleware::from_fn_with_state(Arc::clone(shared), admit::admit));
    let unix = sockets.unix.map(Listening::Unix);
    for listening in [Listening::Admin(sockets.tcp, Arc::clone(shared))].into_iter().chain(unix) {
        tokio::spawn(serve(listening, router.clone(), sockets.open.clone()));
    }
}

/// Accepts connections until the other end of `open` is dropped. Those that came are answered, and end.
pub(crate) async fn serve(listening: Listening, router: Router, mut open: watch::Receiver<()>) {
    let permits = Arc::new(Semaphore::new(MOST));
    let mut connections = VecDeque::<AdminConnection>::new();
    loop {
        let accepted = tokio::select! {
            accepted = listening.accept() => accepted,
            _ = open.changed() => break,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                descriptors::warn(|| format!("cannot accept on the admin address: {error}"));
                tokio::time::sleep(descriptors::PAUSE).await;
                continue;
            }
        };
        connections.retain(|connection| !connection.keep_open.is_closed());
        if permits.available_permits() == 0 {
            let silent = connections.iter().position(|connection| !connection.in_use.is_busy());
            drop(silent.and_then(|silent| connections.remove(silent)));
        }
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let ((keep_open, closed), in_use) = (oneshot::channel(), Arc::<InUse>::default());
        let (router, open) = (router.clone(), open.clone());
        connections.push_back(AdminConnection { in_use: Arc::clone(&in_use), keep_open });
        tokio::spawn(async move {
            tokio::select! {
                () = accepted.answer(router, in_use, open) => {}
                _ = closed => {}
            }
            drop(permit);
        });
    }
    drop(listening);
    for mut connection in connections {
        connection.keep_open.closed().await;
    }
}

impl Listening {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Admin(listener, shared) => {
                let (stream, caller) = accept_tcp(listener).await?;
                Ok(match Secure::of(shared) {
                    Some(secure) => Accepted::Tls(stream, caller, secure),
                    None => Accepted::Tcp(stream, caller),
                })
            }
            Self::Metrics(listener) => accept_tcp(listener).await.map(|(stream, caller)| Accepted::Tcp(stream, caller)),
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<(TcpStream, Caller)> {
    let (stream, peer) = listener.accept().await?;
    // Where it cannot be set, the system's own bound holds.
    let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
    Ok((stream, Caller::on_address(peer, listener.local_addr().ok())))
}

impl Accepted {
    async fn answer(self, router: Router, in_use: Arc<InUse>, open: watch::Receiver<()>) {
        match self {
            Self::Tcp(stream, caller) => answer(stream, caller, router, in_use, open).await,
            Self::Tls(stream, caller, secure) => {
                let shaken = tokio::time::timeout(HEAD, secure.accept(stream, &caller)).await;
                if let Ok(Some((stream, certificate))) = shaken {
                    answer(stream, caller.showing(certificate), router, in_use, open).await;
                }
            }
            Self::Unix(stream) => {
                let caller = Caller::on_socket(&stream).await;
                answer(stream, caller, router, in_use, open).await;
            }
        }
    }
}

async fn answer<S>(stream: S, caller: Caller, router: Router, in_use: Arc<InUse>, mut open: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let marks = middleware::from_fn_with_state(Arc::clone(&in_use), in_use::mark);
    let router = router.layer(marks).layer(Extension(caller));
    let mut server = http1::Builder::new();
    let server = server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 * 1024);
    let mut connection =
        std::pin::pin!(server.serve_connection(TokioIo::new(TakesData::new(stream)), TowerToHyperService::new(router)));
    // Errors of the connection concern only its client.
    tokio::select! {
        _ = connection.as_mut() => return,
        // Another process answers now: a client that keeps its connection would see this one's numbers as long as it lives.
        _ = open.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
            return;
        }
        () = tokio::time::sleep(LONGEST) => {}
    }
    connection.as_mut().graceful_shutdown();
    while tokio::time::timeout(LAST, connection.as_mut()).await.is_err() {
        if !in_use.streams() {
            return;
        }
    }
}
