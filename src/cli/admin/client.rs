//! The client of a running Weir: one request, one JSON answer.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::connection::{AdminArgs, TIMEOUT, broken, open, run, within};

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
    send_change_within(TIMEOUT, args, method, path, body)
}

/// As [`send_change`], with a timeout of its own.
pub(super) fn send_change_within(
    timeout: Duration,
    args: &AdminArgs,
    method: &Method,
    path: &str,
    body: &Value,
) -> Result<(StatusCode, Value), String> {
    send_body_within(timeout, args, method, path, body.to_string().into())
}

/// As [`send`], with a timeout of its own.
pub(super) fn send_within(
    timeout: Duration,
    args: &AdminArgs,
    method: &Method,
    path: &str,
) -> Result<(StatusCode, Value), String> {
    send_body_within(timeout, args, method, path, Bytes::new())
}

fn send_body_within(
    timeout: Duration,
    args: &AdminArgs,
    method: &Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Value), String> {
    let exchange = async {
        let (answer, place) = open(args, method, path, body).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| broken(&place, &error))?.to_bytes();
        let answer = serde_json::from_slice(&body).map_err(|error| broken(&place, &error))?;
        admitted(status, answer)
    };
    run(within(timeout, args, exchange))
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
