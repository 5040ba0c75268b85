//! Operators' orders about nodes in the admin API (drain, maintain, activate), and the question why. This file reads
//! requests and writes answers. [`NodeControl`] is the running Weir behind it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Serialize;

use super::elsewhere::ElsewhereView;
use super::query;
use super::question::{Explanation, Question};
use crate::config;
use crate::control::actor::{Actor, OrderedBy};
use crate::control::notice::Notice;
use crate::control::operators::OrderError;
use crate::control::operators::remaining::Elsewhere;
use crate::control::store::audit;
use crate::traffic::moment::Moment;
use crate::traffic::pool::operators::{Command, Order};

/// A running Weir, as far as operators can act on it. Called on a thread that may wait for the disk.
pub(crate) trait NodeControl: Send + Sync + 'static {
    /// Carries out an order for a node, in every pool, and keeps it over a restart. The node need not be in the file
    /// while it has an order or running requests. With `force` a pool may be left without a node.
    fn order(&self, node: &str, command: Command, force: bool, by: &OrderedBy) -> Result<NodeReport, OrderError>;
    /// How a node is in each of its pools. `None` when neither the file nor an order names it and no request runs
    /// there.
    fn report(&self, node: &str) -> Option<NodeReport>;
    /// The names of the nodes in the file.
    fn nodes(&self) -> Vec<Arc<str>>;
    /// What would happen to a request, and why. Sends nothing and changes nothing.
    fn why(&self, question: &Question) -> Result<Explanation, Notice>;
}

/// The state of a node after an order or a question.
pub(crate) struct NodeReport {
    /// The current order for the node.
    pub(crate) order: Option<Order>,
    /// The time of this state.
    pub(crate) now: Moment,
    /// The node in each of its pools.
    pub(crate) pools: Vec<PoolRow>,
    /// What other machines still have of it.
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// What the operator should know, for example that the order could not be written to disk.
    pub(crate) warnings: Vec<Notice>,
}

/// A node in one pool.
#[derive(Clone, Serialize)]
pub(crate) struct PoolRow {
    pub(crate) pool: String,
    /// `active` or `passive`.
    pub(crate) state: &'static str,
    /// `gone`: a reload removed the node from the pool, or moved it, and older requests still run there.
    pub(crate) reason: Option<&'static str>,
    /// Why its last probe failed; absent where it passed or there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probe_failure: Option<String>,
    /// `None` when the pool does not keep its sessions in a table.
    pub(crate) sessions: Option<usize>,
    pub(crate) in_flight: u32,
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    node: String,
    /// `active` when the node is active in any pool.
    state: &'static str,
    operator: Option<&'static str>,
    /// Both in Unix seconds.
    since: Option<u64>,
    deadline: Option<u64>,
    pools: Vec<PoolRow>,
    /// Absent where no orders are in common with other machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<ElsewhereView>,
    warnings: Vec<Notice>,
}

#[derive(Serialize)]
struct ErrorAnswer {
    ok: bool,
    problems: Vec<Notice>,
}

type Weir = State<Arc<dyn NodeControl>>;
type By = Extension<Actor>;

/// The routes for operators, to be merged into the router of the admin address.
pub(crate) fn router(weir: Arc<dyn NodeControl>) -> Router {
    Router::new()
        .route("/api/nodes/{node}", get(report))
        .route("/api/nodes/{node}/drain", post(drain))
        .route("/api/nodes/{node}/maintain", post(maintain))
        .route("/api/nodes/{node}/activate", post(activate))
        .route("/api/why", get(why))
        .with_state(weir)
}

async fn drain(weir: Weir, by: By, node: Path<String>, query: RawQuery, headers: HeaderMap) -> Response {
    carry_out(weir, by, node, query, &headers, |within| Command::Drain { within }).await
}

async fn maintain(weir: Weir, by: By, node: Path<String>, query: RawQuery, headers: HeaderMap) -> Response {
    carry_out(weir, by, node, query, &headers, |_| Command::Maintain).await
}

async fn activate(weir: Weir, by: By, node: Path<String>, query: RawQuery, headers: HeaderMap) -> Response {
    carry_out(weir, by, node, query, &headers, |_| Command::Activate).await
}

async fn report(State(weir): Weir, Path(node): Path<String>) -> Response {
    let report = weir.report(&node);
    report_response(&weir, node, report)
}

async fn why(State(weir): Weir, RawQuery(query): RawQuery) -> Response {
    match Question::of_query(query.as_deref().unwrap_or_default()).and_then(|question| weir.why(&question)) {
        Ok(explained) => Json(explained).into_response(),
        Err(notice) => error_response(StatusCode::BAD_REQUEST, notice),
    }
}

async fn carry_out(
    State(weir): Weir,
    Extension(actor): By,
    Path(node): Path<String>,
    RawQuery(query): RawQuery,
    headers: &HeaderMap,
    command: impl FnOnce(Option<Duration>) -> Command,
) -> Response {
    // A page in an operator's browser can send a plain POST to any address, but not with a header field of its own.
    if !headers.contains_key("x-weir") {
        let what = "the field X-Weir is missing (it keeps web pages from calling this)";
        return error_response(StatusCode::FORBIDDEN, Notice::new(what, ""));
    }
    let OrderOptions { within, force } = match OrderOptions::of_query(query.as_deref().unwrap_or_default()) {
        Ok(options) => options,
        Err(notice) => return error_response(StatusCode::BAD_REQUEST, notice),
    };
    let command = command(within);
    if within.is_some() && !matches!(command, Command::Drain { .. }) {
        return error_response(StatusCode::BAD_REQUEST, Notice::new("only a drain has a deadline", ""));
    }
    let by = OrderedBy::without_reason(actor);
    // In a blocking task, so that a slow disk does not delay probes and metrics.
    let done = tokio::task::spawn_blocking(move || match weir.order(&node, command, force, &by) {
        Err(OrderError::Last(pools)) => error_response(StatusCode::CONFLICT, last_serving(&node, &pools)),
        Err(OrderError::Unrecorded(why)) => error_response(StatusCode::INSUFFICIENT_STORAGE, audit::unrecorded(&why)),
        report => report_response(&weir, node, report.ok()),
    });
    done.await.unwrap_or_else(|_| error_response(StatusCode::SERVICE_UNAVAILABLE, Notice::new("Weir is stopping", "")))
}

fn report_response(weir: &Arc<dyn NodeControl>, node: String, report: Option<NodeReport>) -> Response {
    match report {
        Some(report) => Json(Answer::new(node, report)).into_response(),
        None => error_response(StatusCode::NOT_FOUND, unknown_node(&node, &weir.nodes())),
    }
}

pub(crate) fn error_response(status: StatusCode, notice: Notice) -> Response {
    (status, Json(ErrorAnswer { ok: false, problems: vec![notice] })).into_response()
}

fn unknown_node(node: &str, known: &[Arc<str>]) -> Notice {
    let mut known: Vec<&str> = known.iter().map(|name| &**name).collect();
    known.sort_unstable();
    let shown: String = node.chars().take(80).collect();
    Notice::new(format!("no node is called {shown:?}"), config::suggestion(node, "nodes here", &known))
}

/// What an operator is told who would leave pools without a node for new requests.
pub(crate) fn last_serving(node: &str, pools: &[String]) -> Notice {
    let pools = pools.join(", ");
    let what = format!("{node} is the last node that serves in {pools}: without it new requests there get 503");
    Notice::new(what, "activate another node first, or say it with --force (\"force\": true over HTTP)")
}

/// Options of an order.
#[derive(Default)]
struct OrderOptions {
    within: Option<Duration>,
    force: bool,
}

impl OrderOptions {
    /// Reads `deadline=1800` (in seconds) and `force=yes`. Both may be left out.
    fn of_query(query: &str) -> Result<Self, Notice> {
        let advice = "write deadline=SECONDS, as in deadline=1800, or force=yes";
        let mut options = Self::default();
        for (name, value) in query::pairs(query)? {
            match (&*name, value.parse().ok()) {
                ("deadline", Some(seconds)) => options.within = Some(Duration::from_secs(seconds)),
                ("force", _) if value == "yes" => options.force = true,
                _ => return Err(Notice::new(format!("{name}={value:?} is not understood"), advice)),
            }
        }
        Ok(options)
    }
}

impl Answer {
    fn new(node: String, report: NodeReport) -> Self {
        let active = report.pools.iter().any(|row| row.state == "active");
        Self {
            ok: true,
            node,
            state: if active { "active" } else { "passive" },
            operator: report.order.map(|order| order.kind.word()),
            since: report.order.map(|order| order.since),
            deadline: report.order.and_then(|order| order.kind.ends(report.now)),
            pools: report.pools,
            elsewhere: report.elsewhere.into_iter().map(ElsewhereView::of).collect(),
            warnings: report.warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::pool::operators::Orders;
    use parking_lot::Mutex;
    use serde_json::{Value, json};

    const NOW: u64 = 1_795_348_800;
    const MOMENT: Moment = Moment { unix: NOW * 1000, up: 5_000 };

    /// Two nodes in one pool, and an order about a third node.
    #[derive(Default)]
    struct Stub(Mutex<Orders>);

    impl NodeControl for Stub {
        fn order(&self, node: &str, command: Command, force: bool, _: &OrderedBy) -> Result<NodeReport, OrderError> {
            let mut orders = self.0.lock();
            if !self.nodes().iter().any(|name| **name == *node) && orders.of(node).is_none() {
                return Err(OrderError::Unknown);
            }
            if node == "worker2" && command != Command::Activate && !force {
                return Err(OrderError::Last(vec!["esb-http".into(), "esb-https".into()]));
            }
            orders.apply(node, command, MOMENT);
            drop(orders);
            let nowhere = || NodeReport {
                order: None,
                now: MOMENT,
                pools: Vec::new(),
                elsewhere: Vec::new(),
                warnings: Vec::new(),
            };
            Ok(self.report(node).unwrap_or_else(nowhere))
        }

        fn report(&self, node: &str) -> Option<NodeReport> {
            let known = self.nodes().iter().any(|name| **name == *node);
            let order = self.0.lock().of(node).copied();
            if !known && order.is_none() {
                return None;
            }
            let state = if order.is_none() { "active" } else { "passive" };
            let reason = order.map(|order| order.kind.word());
            let (sessions, probe_failure) = (Some(12), None);
            let row = PoolRow { pool: "esb".into(), state, reason, probe_failure, sessions, in_flight: 3 };
            let pools = if known { vec![row] } else { Vec::new() };
            Some(NodeReport { order, now: MOMENT, pools, elsewhere: Vec::new(), warnings: Vec::new() })
        }

        fn nodes(&self) -> Vec<Arc<str>> {
            vec!["worker2".into(), "worker1".into()]
        }

        fn why(&self, question: &Question) -> Result<Explanation, Notice> {
            if question.listener.as_deref() == Some("none") {
                return Err(Notice::new("no listener is called \"none\"", ""));
            }
            let head = String::from_utf8(question.head.clone()).unwrap();
            Ok(Explanation { listener: "http".into(), steps: vec![head], ..Explanation::default() })
        }
    }

    /// Runs the router on loopback, and sends these requests as a client would.
    async fn asked(requests: &[(&str, bool)]) -> Vec<(u16, Value)> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stub = Stub::default();
        stub.0.lock().apply("gone", Command::Maintain, MOMENT);
        let router = router(Arc::new(stub)).layer(Extension(Actor::local(address)));
        tokio::spawn(async move { axum::serve(listener, router).await });
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
        let report: Vec<_> = answers
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
        assert_eq!(report, expected);
        let row = json!([{"pool": "esb", "state": "passive", "reason": "drain", "sessions": 12, "in_flight": 3}]);
        assert_eq!(answers[0].1["pools"], row);
    }

    #[tokio::test]
    async fn the_last_node_of_a_pool_is_taken_out_only_by_force() {
        let answers = asked(&[
            ("POST /api/nodes/worker2/maintain", true),
            ("POST /api/nodes/worker2/drain?deadline=60", true),
            ("GET /api/nodes/worker2", false),
            ("POST /api/nodes/worker2/drain?force=yes&deadline=60", true),
            ("POST /api/nodes/worker2/maintain?force=yes", true),
            ("POST /api/nodes/worker2/maintain?force=no", true),
            ("POST /api/nodes/worker2/maintain?deadline=60", true),
        ])
        .await;
        let statuses: Vec<_> = answers.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [409, 409, 200, 200, 200, 400, 400]);
        let what = answers[0].1["problems"][0]["what"].as_str().unwrap();
        assert!(what.starts_with("worker2 is the last node that serves in esb-http, esb-https: "), "{what}");
        assert!(answers[0].1["problems"][0]["advice"].as_str().unwrap().contains("--force"));
        assert_eq!((&answers[2].1["operator"], &answers[3].1["operator"]), (&Value::Null, &json!("drain")));
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused_in_words() {
        let answers = asked(&[
            ("POST /api/nodes/worker3/drain", true),
            ("POST /api/nodes/nobody/maintain", true),
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
        let report = |answer: usize| &answers[answer].1["problems"][0];
        assert_eq!(report(0)["what"], "no node is called \"worker3\"");
        assert_eq!(report(0)["advice"], "did you mean \"worker1\"? nodes here: worker1, worker2");
        assert!(report(2)["what"].as_str().unwrap().contains("30m"));
        assert!(report(9)["what"].as_str().unwrap().contains("host"));
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
