//! Requests with a body, answers that are no JSON, and the stream of what happens.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::connection::{AdminArgs, TIMEOUT, open, run, within};

/// How long the stream may be silent. Weir sends something every ten seconds.
const SILENCE: Duration = Duration::from_secs(30);

/// One event of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// What it is: `event`, `snapshot`. Empty where only the id is told.
    pub(super) event: String,
    /// The id to go on from.
    pub(super) id: String,
    pub(super) data: String,
}

/// Asks. Returns the body of the answer; of a refusal what is wrong, and what would be right.
pub(super) fn ask(args: &AdminArgs, method: &Method, path: &str, body: Vec<u8>) -> Result<Bytes, String> {
    ask_within(TIMEOUT, args, method, path, body)
}

/// As [`ask`], with a timeout of its own.
pub(super) fn ask_within(
    timeout: Duration,
    args: &AdminArgs,
    method: &Method,
    path: &str,
    body: Vec<u8>,
) -> Result<Bytes, String> {
    run(asked_within(timeout, args, method, path, body))
}

/// The same for a command that does more than ask.
pub(crate) async fn asked_within(
    timeout: Duration,
    args: &AdminArgs,
    method: &Method,
    path: &str,
    body: Vec<u8>,
) -> Result<Bytes, String> {
    let exchange = async {
        let (answer, _) = open(args, method, path, body.into()).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| format!("the answer broke off: {error}"))?;
        if status.is_success() { Ok(body.to_bytes()) } else { Err(refusal(status, &body.to_bytes())) }
    };
    within(timeout, args, exchange).await
}

/// Asks for JSON.
pub(super) fn ask_json(args: &AdminArgs, method: &Method, path: &str, body: Vec<u8>) -> Result<Value, String> {
    let bytes = ask(args, method, path, body)?;
    serde_json::from_slice(&bytes).map_err(|error| format!("the answer is not understood: {error}"))
}

/// Follows a stream until it ends or `each` says that it is enough: true then.
pub(super) fn follow(args: &AdminArgs, path: &str, mut each: impl FnMut(Told) -> bool) -> Result<bool, String> {
    let stream = async {
        let (answer, _) = within(TIMEOUT, args, open(args, &Method::GET, path, Bytes::new())).await?;
        let (status, mut body) = (answer.status(), answer.into_body());
        if !status.is_success() {
            let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            return Err(refusal(status, &whole));
        }
        let mut events = Events::default();
        loop {
            let frame = tokio::time::timeout(SILENCE, body.frame()).await.map_err(|_| "Weir is silent".to_owned())?;
            let Some(frame) = frame else { return Ok(false) };
            let frame = frame.map_err(|error| format!("the stream broke off: {error}"))?;
            let data = frame.into_data().unwrap_or_default();
            if events.read(&data).into_iter().any(&mut each) {
                return Ok(true);
            }
        }
    };
    run(stream)
}

/// What a problem document says.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    match (problem["detail"].as_str(), problem["advice"].as_str()) {
        (Some(detail), None | Some("")) => detail.to_owned(),
        (Some(detail), Some(advice)) => format!("{detail}; {advice}"),
        (None, _) => format!("Weir answers {status}; is it of the same version?"),
    }
}

/// Reads server-sent events as their bytes come.
#[derive(Default)]
struct Events {
    rest: Vec<u8>,
    told: Told,
}

impl Events {
    fn read(&mut self, bytes: &[u8]) -> Vec<Told> {
        self.rest.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            whole.extend(self.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])));
        }
        whole
    }

    fn line(&mut self, line: &str) -> Option<Told> {
        match line.split_once(": ") {
            Some(("event", event)) => self.told.event = event.to_owned(),
            Some(("id", id)) => self.told.id = id.to_owned(),
            Some(("data", data)) => self.told.data.push_str(data),
            _ if line.is_empty() => {
                let told = std::mem::take(&mut self.told);
                return Some(told).filter(|told| !told.event.is_empty() || !told.id.is_empty());
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let bytes = b"retry: 1000\n\n:\n\nevent: event\nid: 5-1\ndata: {\"a\": 1}\n\nevent: snapshot\ndata: {}\n\n";
        let expected = [
            Told { event: "event".into(), id: "5-1".into(), data: "{\"a\": 1}".into() },
            Told { event: "snapshot".into(), id: String::new(), data: "{}".into() },
        ];
        for size in [1, 7, bytes.len()] {
            let mut events = Events::default();
            let told: Vec<Told> = bytes.chunks(size).flat_map(|part| events.read(part)).collect();
            assert_eq!(told, expected, "{size}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_its_document() {
        let told = |body: &str| refusal(StatusCode::NOT_FOUND, body.as_bytes());
        assert_eq!(told(r#"{"detail": "no node", "advice": "nodes here: a"}"#), "no node; nodes here: a");
        assert_eq!(told(r#"{"detail": "no node", "advice": ""}"#), "no node");
        assert!(told("<html>").contains("404"));
    }
}
