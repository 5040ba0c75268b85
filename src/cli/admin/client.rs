//! The client of a running Weir: one request, one JSON answer.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::find;
use super::find::{Place, Stream};
use crate::config::regular;

/// How long an answer may take: a reload of thousands of certificates is slow.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The options of all commands that ask a running Weir.
#[derive(clap::Args)]
pub(crate) struct AdminArgs {
    /// The admin socket (its path) or the admin address of the running Weir [default: the socket, or else the address]
    #[arg(long, value_name = "PATH|ADDRESS:PORT", env = "WEIR_ADMIN", value_parser = find::place)]
    pub(super) admin: Option<Place>,
    /// A file with the token to show
    #[arg(long, value_name = "FILE", env = "WEIR_TOKEN_FILE", value_parser = path)]
    pub(super) token_file: Option<PathBuf>,
    /// The configuration that says where Weir is asked
    #[arg(long, short, value_name = "FILE", default_value = "/etc/weir/weir.toml")]
    pub(super) config: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A path; an empty one, as of `WEIR_TOKEN_FILE=` in the service's environment, is none.
fn path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

impl AdminArgs {
    /// `Bearer TOKEN`, where there is a token.
    pub(super) fn authorization(&self) -> Result<Option<String>, String> {
        let Some(file) = self.token_file.as_ref().filter(|file| !file.as_os_str().is_empty()) else { return Ok(None) };
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
}

/// Sends a request. Returns the status and the JSON of the answer, or why there is none.
pub(super) fn send(args: &AdminArgs, method: &Method, path: &str) -> Result<(StatusCode, Value), String> {
    send_within(TIMEOUT, args, method, path)
}

/// Sends a change with its JSON body.
pub(super) fn send_change(
    args: &AdminArgs,
    method: &Method,
    path: &str,
    body: &Value,
) -> Result<(StatusCode, Value), String> {
    send_body_within(TIMEOUT, args, method, path, body.to_string())
}

/// As [`send`], with a timeout of its own.
pub(super) fn send_within(
    timeout: Duration,
    args: &AdminArgs,
    method: &Method,
    path: &str,
) -> Result<(StatusCode, Value), String> {
    send_body_within(timeout, args, method, path, String::new())
}

fn send_body_within(
    timeout: Duration,
    args: &AdminArgs,
    method: &Method,
    path: &str,
    body: String,
) -> Result<(StatusCode, Value), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let token = args.authorization()?;
    let places = find::places(args.admin.as_ref(), &args.config);
    let request = async {
        let (stream, place) = find::connect(&places, *method != Method::GET && token.is_none()).await?;
        let question = Question { method, path, body, token: token.as_deref() };
        let answer = match stream {
            Stream::Tcp(stream) => question.ask(stream, &place).await,
            Stream::Unix(stream) => question.ask(stream, &place).await,
        };
        answer.and_then(|(status, answer)| admitted(status, answer))
    };
    let within = async { tokio::time::timeout(timeout, request).await };
    runtime
        .block_on(within)
        .map_err(|_| format!("no answer from {} within {} s", find::list(&places), timeout.as_secs()))?
}

/// The answer, unless it says that who asks may not.
fn admitted(status: StatusCode, answer: Value) -> Result<(StatusCode, Value), String> {
    let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    match (answer["detail"].as_str(), answer["advice"].as_str()) {
        (Some(detail), Some("")) if refused => Err(detail.to_owned()),
        (Some(detail), Some(advice)) if refused => Err(format!("{detail}; {advice}")),
        _ => Ok((status, answer)),
    }
}

struct Question<'a> {
    method: &'a Method,
    path: &'a str,
    body: String,
    token: Option<&'a str>,
}

impl Question<'_> {
    async fn ask<S>(self, stream: S, place: &Place) -> Result<(StatusCode, Value), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error: &dyn std::fmt::Display| format!("what answers at {place} is not Weir: {error}");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header("Host", place.host())
            .header("X-Weir", "cli")
            .header("Content-Type", "application/json");
        if let Some(token) = self.token {
            request = request.header("Authorization", token);
        }
        let request = request.body(Full::<Bytes>::from(self.body)).map_err(|error| broken(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
        serde_json::from_slice(&body).map(|json| (status, json)).map_err(|error| broken(&error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_may_not_is_told_what_to_do() {
        let refusal = json!({"status": 403, "detail": "this address only reads", "advice": "use the socket"});
        let told = admitted(StatusCode::FORBIDDEN, refusal.clone());
        assert_eq!(told, Err("this address only reads; use the socket".to_owned()));
        assert_eq!(admitted(StatusCode::NOT_FOUND, refusal.clone()), Ok((StatusCode::NOT_FOUND, refusal)));
    }
}
