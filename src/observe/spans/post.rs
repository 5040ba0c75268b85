//! Sends one batch to a collector by OTLP over HTTP.

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::settings::Settings;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken, but for so many spans, for this reason.
    Taken { refused: u64, why: String },
    /// It may be tried again, so much later; this is why.
    Later(Duration, String),
    /// It is lost: another try would fail too, or the collector could have it twice.
    Lost(String),
}

/// Sends a batch, within the time that the settings allow.
pub(super) async fn post(settings: &Settings, body: Bytes) -> Outcome {
    match tokio::time::timeout(settings.timeout, exchange(settings, body)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Later(PAUSE, error.to_string()),
        Err(_) => Outcome::Lost(format!("no answer within {:?}", settings.timeout)),
    }
}

async fn exchange(settings: &Settings, body: Bytes) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(settings.authority.as_str()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post(&settings.path)
        .header(HOST, &settings.authority)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("weir/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(body))?;
    let outcome = read(sender.send_request(request).await?).await;
    connection.abort();
    let _ = connection.await;
    outcome
}

async fn read(answer: Response<Incoming>) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let status = answer.status();
    if status.is_success() {
        // It has them. Sent again because of an answer that cannot be read, they would be there twice.
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
        return Ok(taken(&body.map(Collected::to_bytes).unwrap_or_default()));
    }
    let said = format!("it answers {status}");
    // Those that OTLP names (OTLP/HTTP, "Retryable Response Codes").
    let later = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    if !later {
        return Ok(Outcome::Lost(said));
    }
    let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Outcome::Later(asked.map_or(PAUSE, |seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE)), said))
}

/// A collector that takes only a part says so in its answer. One in another form than JSON took all.
fn taken(body: &[u8]) -> Outcome {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let partial = &answer["partialSuccess"];
    let refused = &partial["rejectedSpans"];
    let refused = refused.as_u64().or_else(|| refused.as_str()?.parse().ok()).unwrap_or_default();
    let why: String = partial["errorMessage"].as_str().unwrap_or_default().chars().take(LONGEST_REASON).collect();
    Outcome::Taken { refused, why }
}

/// How long a second try waits where the collector does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a collector may let it wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_ANSWER: usize = 64 * 1024;
const LONGEST_REASON: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_may_take_a_part() {
        let taken_but = |refused, why: &str| Outcome::Taken { refused, why: why.to_owned() };
        for (body, expected) in [
            ("", taken_but(0, "")),
            ("{}", taken_but(0, "")),
            (r#"{"partialSuccess":{}}"#, taken_but(0, "")),
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#, taken_but(3, "too old")),
            (r#"{"partialSuccess":{"rejectedSpans":2}}"#, taken_but(2, "")),
        ] {
            assert_eq!(taken(body.as_bytes()), expected, "{body}");
        }
    }
}
