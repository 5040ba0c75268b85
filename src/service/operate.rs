//! What operators say of nodes, as the admin API takes it: drain, maintain, activate; and what they ask: why. Reads
//! the words and shapes the answers. What they do to a running Weir is behind [`Operated`].

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

use super::query::{self, Trouble};
use super::question::{Explained, Question};
use crate::config;
use crate::traffic::operators::{Wish, Word};

/// A running Weir, as far as operators touch it. Called on a thread that may wait for the disk.
pub(crate) trait Operated: Send + Sync + 'static {
    /// Does to a node what an operator wants, in every pool, and keeps the word over a restart. `None`: no such node.
    /// To activate, a node need not be in the file any more: it is how a word about it is forgotten.
    fn say(&self, node: &str, wish: Wish) -> Option<Told>;
    /// How a node is, in every pool. `None`: neither the file nor an operator's word knows it.
    fn look(&self, node: &str) -> Option<Told>;
    /// The nodes in the file.
    fn nodes(&self) -> Vec<Arc<str>>;
    /// What would become of a request, and why. Sends nothing and changes nothing.
    fn why(&self, question: &Question) -> Result<Explained, Trouble>;
}

/// What came of a wish.
pub(crate) struct Told {
    /// The word the node is under now.
    pub(crate) word: Option<Word>,
    /// The node in each of its pools.
    pub(crate) pools: Vec<PoolRow>,
    /// What the operator should know, such as that the word could not be kept on disk.
    pub(crate) warnings: Vec<Trouble>,
}

/// A node in one pool.
#[derive(Clone, Serialize)]
pub(crate) struct PoolRow {
    pub(crate) pool: String,
    /// `active` or `passive`.
    pub(crate) state: &'static str,
    pub(crate) reason: Option<&'static str>,
    /// `None` where the pool keeps no table of its sessions.
    pub(crate) sessions: Option<usize>,
    pub(crate) in_flight: u32,
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    node: String,
    /// `active` where any pool has it so.
    state: &'static str,
    operator: Option<&'static str>,
    /// Both in Unix seconds.
    since: Option<u64>,
    deadline: Option<u64>,
    pools: Vec<PoolRow>,
    warnings: Vec<Trouble>,
}

#[derive(Serialize)]
struct Refused {
    ok: bool,
    problems: Vec<Trouble>,
}

type Weir = State<Arc<dyn Operated>>;

/// The paths of operators, to be merged into those of the admin address.
pub(crate) fn router(weir: Arc<dyn Operated>) -> Router {
    Router::new()
        .route("/api/nodes/{node}", get(look))
        .route("/api/nodes/{node}/drain", post(drain))
        .route("/api/nodes/{node}/maintain", post(maintain))
        .route("/api/nodes/{node}/activate", post(activate))
        .route("/api/why", get(why))
        .with_state(weir)
}

async fn drain(weir: Weir, node: Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match deadline(query.as_deref().unwrap_or_default()) {
        Ok(within) => said(weir, node, &headers, Wish::Drain { within }).await,
        Err(trouble) => refused(StatusCode::BAD_REQUEST, trouble),
    }
}

async fn maintain(weir: Weir, node: Path<String>, headers: HeaderMap) -> Response {
    said(weir, node, &headers, Wish::Maintain).await
}

async fn activate(weir: Weir, node: Path<String>, headers: HeaderMap) -> Response {
    said(weir, node, &headers, Wish::Activate).await
}

async fn look(State(weir): Weir, Path(node): Path<String>) -> Response {
    let told = weir.look(&node);
    answered(&weir, node, told)
}

async fn why(State(weir): Weir, RawQuery(query): RawQuery) -> Response {
    match Question::of_query(query.as_deref().unwrap_or_default()).and_then(|question| weir.why(&question)) {
        Ok(explained) => Json(explained).into_response(),
        Err(trouble) => refused(StatusCode::BAD_REQUEST, trouble),
    }
}

async fn said(State(weir): Weir, Path(node): Path<String>, headers: &HeaderMap, wish: Wish) -> Response {
    // A page in an operator's browser can send a plain POST anywhere, but not with a field of its own making.
    if !headers.contains_key("x-weir") {
        let what = "the field X-Weir is missing (it keeps web pages from calling this)";
        return refused(StatusCode::FORBIDDEN, Trouble::new(what, ""));
    }
    // A slow disk must not keep probes and metrics waiting.
    let done = tokio::task::spawn_blocking(move || {
        let told = weir.say(&node, wish);
        answered(&weir, node, told)
    });
    done.await.unwrap_or_else(|_| refused(StatusCode::SERVICE_UNAVAILABLE, Trouble::new("Weir is stopping", "")))
}

fn answered(weir: &Arc<dyn Operated>, node: String, told: Option<Told>) -> Response {
    match told {
        Some(told) => Json(Answer::new(node, told)).into_response(),
        None => refused(StatusCode::NOT_FOUND, unknown(&node, &weir.nodes())),
    }
}

pub(crate) fn refused(status: StatusCode, trouble: Trouble) -> Response {
    (status, Json(Refused { ok: false, problems: vec![trouble] })).into_response()
}

fn unknown(node: &str, known: &[Arc<str>]) -> Trouble {
    let mut known: Vec<&str> = known.iter().map(|name| &**name).collect();
    known.sort_unstable();
    let shown: String = node.chars().take(80).collect();
    Trouble::new(format!("no node is called {shown:?}"), config::suggestion(node, "nodes here", &known))
}

/// `deadline=1800`, in seconds; or nothing.
fn deadline(query: &str) -> Result<Option<Duration>, Trouble> {
    let wrong = |what: String| Trouble::new(what, "write deadline=SECONDS, as in deadline=1800");
    let mut within = None;
    for (name, value) in query::pairs(query)? {
        let seconds = (name == "deadline").then(|| value.parse().ok()).flatten();
        within =
            Some(Duration::from_secs(seconds.ok_or_else(|| wrong(format!("{name}={value:?} is not understood")))?));
    }
    Ok(within)
}

impl Answer {
    fn new(node: String, told: Told) -> Self {
        let active = told.pools.iter().any(|row| row.state == "active");
        Self {
            ok: true,
            node,
            state: if active { "active" } else { "passive" },
            operator: told.word.map(|word| word.order.word()),
            since: told.word.map(|word| word.since),
            deadline: told.word.and_then(|word| word.order.deadline()),
            pools: told.pools,
            warnings: told.warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::operators::Words;
    use parking_lot::Mutex;
    use serde_json::{Value, json};

    const NOW: u64 = 1_795_348_800;

    /// Two nodes in one pool, and a word about a third one.
    #[derive(Default)]
    struct Stub(Mutex<Words>);

    impl Operated for Stub {
        fn say(&self, node: &str, wish: Wish) -> Option<Told> {
            let mut words = self.0.lock();
            let known = self.nodes().iter().any(|name| **name == *node);
            if !known && (wish != Wish::Activate || words.of(node).is_none()) {
                return None;
            }
            words.wish(node, wish, NOW);
            drop(words);
            self.look(node).or(Some(Told { word: None, pools: Vec::new(), warnings: Vec::new() }))
        }

        fn look(&self, node: &str) -> Option<Told> {
            let known = self.nodes().iter().any(|name| **name == *node);
            let word = self.0.lock().of(node).copied();
            if !known && word.is_none() {
                return None;
            }
            let state = if word.is_none() { "active" } else { "passive" };
            let reason = word.map(|word| word.order.word());
            let row = PoolRow { pool: "esb".into(), state, reason, sessions: Some(12), in_flight: 3 };
            Some(Told { word, pools: if known { vec![row] } else { Vec::new() }, warnings: Vec::new() })
        }

        fn nodes(&self) -> Vec<Arc<str>> {
            vec!["worker2".into(), "worker1".into()]
        }

        fn why(&self, question: &Question) -> Result<Explained, Trouble> {
            if question.listener.as_deref() == Some("none") {
                return Err(Trouble::new("no listener is called \"none\"", ""));
            }
            let head = String::from_utf8(question.head.clone()).unwrap();
            Ok(Explained { listener: "http".into(), steps: vec![head], ..Explained::default() })
        }
    }

    /// Serves the router on loopback, and asks it as a client would.
    async fn asked(requests: &[(&str, bool)]) -> Vec<(u16, Value)> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stub = Stub::default();
        stub.0.lock().wish("gone", Wish::Maintain, NOW);
        tokio::spawn(async move { axum::serve(listener, router(Arc::new(stub))).await });
        let mut answers = Vec::new();
        for (line, field) in requests {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let field = if *field { "X-Weir: test\r\n" } else { "" };
            let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{field}Connection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            answers.push((head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null)));
        }
        answers
    }

    #[tokio::test]
    async fn a_word_is_taken_told_and_forgotten() {
        let answers = asked(&[
            ("POST /api/nodes/worker1/drain?deadline=1800", true),
            ("POST /api/nodes/worker1/drain", true),
            ("POST /api/nodes/worker1/maintain", true),
            ("POST /api/nodes/worker1/activate", true),
            ("GET /api/nodes/gone", false),
            ("POST /api/nodes/gone/activate", true),
            ("GET /api/nodes/worker2", false),
        ])
        .await;
        assert!(answers.iter().all(|(status, answer)| *status == 200 && answer["ok"] == true), "{answers:?}");
        let told: Vec<_> = answers
            .iter()
            .map(|(_, answer)| (&answer["node"], &answer["state"], &answer["operator"], &answer["deadline"]))
            .map(|(node, state, operator, deadline)| json!([node, state, operator, deadline]))
            .collect();
        let expected = [
            json!(["worker1", "passive", "drain", NOW + 1800]),
            json!(["worker1", "passive", "drain", NOW + 1800]),
            json!(["worker1", "passive", "maintain", null]),
            json!(["worker1", "active", null, null]),
            json!(["gone", "passive", "maintain", null]),
            json!(["gone", "passive", null, null]),
            json!(["worker2", "active", null, null]),
        ];
        assert_eq!(told, expected);
        let row = json!([{"pool": "esb", "state": "passive", "reason": "drain", "sessions": 12, "in_flight": 3}]);
        assert_eq!(answers[0].1["pools"], row);
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused_in_words() {
        let answers = asked(&[
            ("POST /api/nodes/worker3/drain", true),
            ("POST /api/nodes/gone/maintain", true),
            ("POST /api/nodes/worker1/drain?deadline=30m", true),
            ("POST /api/nodes/worker1/drain?until=5", true),
            ("POST /api/nodes/worker1/drain?deadline=-1", true),
            ("POST /api/nodes/worker1/drain", false),
            ("POST /api/nodes/worker1/activate", false),
            ("GET /api/nodes/worker1/drain", true),
            ("GET /api/nodes/worker3", false),
            ("GET /api/why", false),
            ("GET /api/why?host=a&listener=none", false),
        ])
        .await;
        let statuses: Vec<_> = answers.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [404, 404, 400, 400, 400, 403, 403, 405, 404, 400, 400]);
        let told = |answer: usize| &answers[answer].1["problems"][0];
        assert_eq!(told(0)["what"], "no node is called \"worker3\"");
        assert_eq!(told(0)["advice"], "did you mean \"worker1\"? nodes here: worker1, worker2");
        assert!(told(2)["what"].as_str().unwrap().contains("30m"));
        assert!(told(9)["what"].as_str().unwrap().contains("host"));
        assert!(answers.iter().all(|(status, answer)| *status == 405 || answer["ok"] == false), "{answers:?}");
    }

    #[tokio::test]
    async fn why_is_asked_with_the_head_that_a_client_would_send() {
        let answers = asked(&[("GET /api/why?host=esb.wso2.com&path=/a%3Fb=c&cookie=JSESSIONID%3D1", false)]).await;
        let (status, answer) = &answers[0];
        assert_eq!((*status, &answer["listener"]), (200, &json!("http")));
        assert_eq!(answer["steps"][0], "GET /a?b=c HTTP/1.1\r\nHost: esb.wso2.com\r\nCookie: JSESSIONID=1\r\n\r\n");
    }
}
