//! What all commands that ask a running Weir have in common: the options, the connection, and how long they wait.

mod find;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::runtime::Builder;

use self::find::{Connected, Place};
use self::tls::TlsArgs;
use crate::config::regular;

/// How long an answer may take: a reload of thousands of certificates is slow.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// The options of all commands that ask a running Weir.
#[derive(clap::Args)]
pub(crate) struct AdminArgs {
    /// The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]
    #[arg(long, value_name = "PATH|ADDRESS:PORT|https://HOST:PORT", env = "WEIR_ADMIN", value_parser = find::place)]
    admin: Option<Place>,
    /// A file with the token to show
    #[arg(long, value_name = "FILE", env = "WEIR_TOKEN_FILE", value_parser = tls::path)]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
    /// The configuration that says where Weir is asked
    #[arg(long, short, value_name = "FILE", default_value = "/etc/weir/weir.toml")]
    pub(crate) config: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl AdminArgs {
    /// `Bearer TOKEN`, where there is a token.
    fn authorization(&self) -> Result<Option<String>, String> {
        let Some(file) = tls::named(self.token_file.as_ref()) else { return Ok(None) };
        let read = regular::read(file, 4096);
        let bytes = read.map_err(|error| format!("the token {} cannot be read: {error}", file.display()))?;
        let text = bytes.trim_ascii();
        match std::str::from_utf8(text) {
            Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(format!("Bearer {text}")))
            }
            _ => Err(format!("{} holds no token: one word of visible characters", file.display())),
        }
    }

    fn places(&self) -> Vec<Place> {
        find::places(self.admin.as_ref(), &self.config)
    }
}

/// Runs an exchange to its end.
pub(super) fn run<T>(exchange: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime =
        Builder::new_current_thread().enable_all().build().map_err(|error| format!("cannot start: {error}"))?;
    let result = runtime.block_on(exchange);
    // A name that is still looked up is not waited for.
    runtime.shutdown_background();
    result
}

/// The exchange, unless it takes too long.
pub(super) async fn within<T>(
    timeout: Duration,
    args: &AdminArgs,
    exchange: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let late = |_| format!("no answer from {} within {} s", find::list(&args.places()), timeout.as_secs());
    tokio::time::timeout(timeout, exchange).await.map_err(late)?
}

/// Sends a request to the first place where somebody answers. Returns the head of the answer, and the place.
pub(super) async fn open(
    args: &AdminArgs,
    method: &Method,
    path: &str,
    body: Bytes,
) -> Result<(Response<Incoming>, Place), String> {
    let token = args.authorization()?;
    let places = args.places();
    // A change without any proof of who sends it is for the socket: an address would only refuse it.
    let needs_socket = *method != Method::GET && token.is_none() && !args.tls.shows_certificate();
    let Connected { stream, place, missed } = find::connect(&places, &args.tls, needs_socket).await?;
    let mut request = Request::builder().method(method).uri(path).header("Host", place.host()).header("X-Weir", "cli");
    if let Some(token) = token {
        request = request.header("Authorization", token);
    }
    let request = request.body(Full::new(body)).map_err(|error| broken(&place, &error))?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| broken(&place, &error))?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| broken(&place, &error))?;
    match missed.filter(|_| needs_socket && answer.status() == StatusCode::FORBIDDEN) {
        None => Ok((answer, place)),
        Some(socket) => Err(format!(
            "no socket {socket}, and {place} only reads; name one in [admin] socket that Weir can make, and start it again; or show a token (--token-file)"
        )),
    }
}

/// What is said of an answer that is not in Weir's form.
pub(super) fn broken(place: &Place, error: &(dyn std::error::Error + 'static)) -> String {
    match tls::trouble(error) {
        Some(trouble) => format!("cannot ask Weir at {place}: {trouble}"),
        None => format!("what answers at {place} is not Weir, or it speaks TLS and wants https: {error}"),
    }
}
