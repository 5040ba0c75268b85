//! The client of the admin address of a running Weir: one request, one JSON answer.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long an answer may take: a reload of thousands of certificates is slow.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The admin address unless told otherwise.
const ADMIN: &str = "127.0.0.1:9180";

/// The options of all commands that ask a running Weir.
#[derive(clap::Args)]
pub(crate) struct AdminArgs {
    /// The admin address of the running Weir
    #[arg(long, value_name = "ADDRESS", env = "WEIR_ADMIN", default_value = ADMIN, value_parser = address)]
    pub(super) admin: SocketAddr,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// An empty text, as of `WEIR_ADMIN=` in the service's environment, is the default.
fn address(text: &str) -> Result<SocketAddr, String> {
    let text = if text.is_empty() { ADMIN } else { text };
    text.parse().map_err(|_| {
        format!("write the [admin] bind, an IP address and a port such as {ADMIN} (--admin or WEIR_ADMIN)")
    })
}

/// Sends a request. Returns the status and the JSON of the answer, or why there is none.
pub(super) fn send(admin: SocketAddr, method: &Method, path: &str) -> Result<(StatusCode, Value), String> {
    send_within(TIMEOUT, admin, method, path)
}

/// As [`send`], with a timeout of its own.
pub(super) fn send_within(
    timeout: Duration,
    admin: SocketAddr,
    method: &Method,
    path: &str,
) -> Result<(StatusCode, Value), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let request = async { tokio::time::timeout(timeout, exchange(admin, method, path)).await };
    runtime.block_on(request).map_err(|_| format!("no answer from {admin} within {} s", timeout.as_secs()))?
}

async fn exchange(admin: SocketAddr, method: &Method, path: &str) -> Result<(StatusCode, Value), String> {
    let not_there = |error: std::io::Error| {
        format!("cannot reach Weir at {admin}: {error}; is it running, and is this its [admin] bind? (--admin ADDRESS)")
    };
    let stream = TcpStream::connect(admin).await.map_err(not_there)?;
    let broken =
        |error: &dyn std::fmt::Display| format!("what answers at {admin} is not Weir's admin address: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Host", admin.to_string())
        .header("X-Weir", "cli")
        .body(Empty::<Bytes>::new())
        .map_err(|error| broken(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
    serde_json::from_slice(&body).map(|json| (status, json)).map_err(|error| broken(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_address_is_an_ip_address_and_a_port() {
        for (text, expected) in [("127.0.0.1:1", "127.0.0.1:1"), ("[::1]:9180", "[::1]:9180"), ("", ADMIN)] {
            assert_eq!(address(text).map(|address| address.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in ["localhost:9180", "127.0.0.1", "9180", "http://127.0.0.1:9180"] {
            assert!(address(text).is_err_and(|why| why.contains(ADMIN)), "{text}");
        }
    }
}
