//! Protects the admin address: it accepts few connections, closes those that send their head slowly, and refuses orders
//! from web pages. A page in an operator's browser can reach this address under a name of its own (DNS rebinding), but
//! it cannot forge Host and Origin.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use super::operate::error_response;
use crate::control::actor::Actor;
use crate::control::notice::Notice;
use crate::proxy::io::descriptors;
use crate::proxy::worker::Shared;

/// The most connections at one time. For a further one, the oldest connection without a running request is closed.
const MOST: usize = 64;
/// How long a head may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may last with its answers, and how long its last answer may take after that.
const LONGEST: Duration = Duration::from_secs(300);
const LAST: Duration = Duration::from_secs(90);

/// An open connection to the admin address.
struct AdminConnection {
    /// Whether a request on it is being answered.
    busy: Arc<AtomicBool>,
    /// Closes the connection when it is dropped.
    keep_open: oneshot::Sender<()>,
}

/// Accepts connections for ever.
pub(crate) async fn serve(listener: TcpListener, router: Router, shared: Arc<Shared>) {
    let router = router.layer(middleware::from_fn_with_state(shared, only_known_hosts));
    let permits = Arc::new(Semaphore::new(MOST));
    let mut connections = VecDeque::<AdminConnection>::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                descriptors::warn(|| format!("cannot accept on the admin address: {error}"));
                tokio::time::sleep(descriptors::PAUSE).await;
                continue;
            }
        };
        connections.retain(|connection| !connection.keep_open.is_closed());
        if permits.available_permits() == 0 {
            let silent = connections.iter().position(|connection| !connection.busy.load(Ordering::Relaxed));
            drop(silent.and_then(|silent| connections.remove(silent)));
        }
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let ((keep_open, closed), busy) = (oneshot::channel(), Arc::<AtomicBool>::default());
        let busy_layer = middleware::from_fn_with_state(Arc::clone(&busy), answering);
        let router = router.clone().layer(busy_layer).layer(Extension(Actor::local(peer)));
        connections.push_back(AdminConnection { busy, keep_open });
        tokio::spawn(async move {
            tokio::select! {
                () = answer(stream, router) => {}
                _ = closed => {}
            }
            drop(permit);
        });
    }
}

/// Marks the connection as busy while a request is answered.
async fn answering(State(busy): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    busy.store(true, Ordering::Relaxed);
    let response = next.run(request).await;
    busy.store(false, Ordering::Relaxed);
    response
}

async fn answer(stream: TcpStream, router: Router) {
    let mut server = http1::Builder::new();
    let server = server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 * 1024);
    let mut connection =
        std::pin::pin!(server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    // Errors of the connection concern only its client.
    if tokio::time::timeout(LONGEST, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(LAST, connection).await;
    }
}

/// Lets through requests that only read, and orders that were sent under a name of this address.
async fn only_known_hosts(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let names = &shared.current.load_full().snapshot.config.admin.hosts;
    match foreign(request.headers(), names) {
        None => next.run(request).await,
        Some(notice) => error_response(StatusCode::FORBIDDEN, notice),
    }
}

/// Why an order looks as if it came from a web page. An IP address as Host is accepted, because unlike a name it cannot
/// be rebound.
fn foreign(headers: &HeaderMap, names: &[Arc<str>]) -> Option<Notice> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let hosts: Vec<String> = headers.get_all(header::HOST).iter().map(text).collect();
    let [host] = hosts.as_slice() else { return Some(Notice::new("there is not one Host", "")) };
    let name = name_of(host);
    let ours = name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if !ours {
        let advice = "if it is a name of this machine, write it into hosts of [admin]";
        return Some(Notice::new(format!("the Host {host:?} is not known here (a web page may be behind it)"), advice));
    }
    let same = |origin: &String| ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host));
    let foreign = headers.get_all(header::ORIGIN).iter().map(text).find(|origin| !same(origin))?;
    Some(Notice::new(format!("a page of {foreign:?} may not ask for this"), "use weir's commands, or no Origin"))
}

/// The host without the port and without the brackets of an IPv6 address.
fn name_of(host: &str) -> &str {
    if host.parse::<Ipv6Addr>().is_ok() {
        return host;
    }
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_under_a_foreign_name_is_error_response() {
        let known: [Arc<str>; 1] = ["weir1.internal".into()];
        for (fields, good) in [
            (&[("host", "127.0.0.1:9180")][..], true),
            (&[("host", "localhost")], true),
            (&[("host", "[::1]:9180")], true),
            (&[("host", "10.0.0.9:9180")], true),
            (&[("host", "Weir1.internal:9180")], true),
            (&[("host", "localhost:9180"), ("origin", "http://localhost:9180")], true),
            (&[("host", "evil.example:9180")], false),
            (&[("host", "127.0.0.1.evil.example")], false),
            (&[("host", "localhost.evil.example")], false),
            (&[("host", "")], false),
            (&[], false),
            (&[("host", "localhost"), ("host", "localhost")], false),
            (&[("host", "evil.example:9180"), ("origin", "http://evil.example:9180")], false),
            (&[("host", "127.0.0.1:9180"), ("origin", "http://evil.example")], false),
            (&[("host", "127.0.0.1:9180"), ("origin", "http://127.0.0.1:8080")], false),
            (&[("host", "127.0.0.1:9180"), ("origin", "null")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(foreign(&headers, &known).is_none(), good, "{fields:?}");
        }
    }
}
