//! The admin address: metrics, health of Weir itself, status and reload. It runs on the control thread, so that it
//! answers when traffic does not.

mod access;
mod answer_why;
mod elsewhere;
mod numbers;
mod operate;
mod page;
mod plus;
mod query;
mod question;
mod ready;
mod running;
mod v1;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use self::numbers::Minute;
use self::running::RunningWeir;
use crate::config::Problem;
use crate::control::actor::{Actor, OrderedBy};
use crate::control::admin_sockets::AdminSockets;
use crate::control::operators;
use crate::control::operators::GONE;
use crate::control::operators::remaining::{RemovedNode, removed_nodes};
use crate::control::state::{Control, ReloadRefusal, ReloadRequest, Unrecorded};
use crate::control::store::{audit, moments};
use crate::observe::history::Subject;
use crate::traffic::pool::member::AcceptedNodes;
use crate::traffic::pool::operators::{Order, OrderKind, Orders};
use crate::traffic::pool::state;
use crate::traffic::tick::Tick;

/// What the handlers share.
#[derive(Clone)]
struct Admin {
    control: Arc<Control>,
    reload_requests: mpsc::Sender<ReloadRequest>,
}

/// A node in a pool, as the API shows it.
#[derive(Serialize)]
struct NodeStatus {
    pool: String,
    node: String,
    address: String,
    state: &'static str,
    reason: Option<&'static str>,
    /// How many seconds the node has had this state. Not known for a node that a reload removed.
    since: Option<u64>,
    weight: u16,
    backup: bool,
    max_requests: Option<u32>,
    in_flight: u32,
    /// The sessions bound to the node. `null` when the pool has no session table.
    sessions: Option<usize>,
    /// The part of its share that the node gets during slow start, in percent.
    warmth: u16,
    /// Requests that wait for this node because of their session.
    queued: usize,
    /// `drain` or `maintain`.
    operator: Option<&'static str>,
    /// When its drain ends at the latest, in Unix seconds.
    deadline: Option<u64>,
    /// Not known for a node that a reload removed.
    last_minute: Option<Minute>,
}

/// An operator's order for a node.
#[derive(Serialize)]
struct OrderStatus {
    node: String,
    operator: &'static str,
    /// Both in Unix seconds.
    since: u64,
    deadline: Option<u64>,
    /// Whether the node is in the file.
    known: bool,
    /// Who ordered it, and why.
    actor: Option<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Status {
    version: &'static str,
    generation: u64,
    uptime_seconds: u64,
    connections: usize,
    listeners: Vec<ListenerStatus>,
    sites: Vec<SiteStatus>,
    nodes: Vec<NodeStatus>,
    operators: Vec<OrderStatus>,
    events: Vec<crate::observe::events::Event>,
}

#[derive(Serialize)]
struct ListenerStatus {
    name: String,
    address: String,
    tls: bool,
}

#[derive(Serialize)]
struct SiteStatus {
    name: String,
    hosts: Vec<String>,
    pool: String,
    certificate_expires: Option<i64>,
}

#[derive(Serialize)]
struct SessionStatus {
    pool: String,
    sessions: usize,
    evicted: u64,
    by_node: Vec<(String, usize)>,
}

#[derive(Serialize)]
struct ReloadAnswer {
    ok: bool,
    generation: u64,
    problems: Vec<ProblemStatus>,
    warnings: Vec<ProblemStatus>,
}

#[derive(Serialize)]
struct ProblemStatus {
    file: String,
    line: usize,
    what: String,
    advice: String,
}

/// Answers on the admin address, the admin socket and the metrics address as long as Weir runs.
pub(crate) fn begin(mut sockets: AdminSockets, control: Arc<Control>, reload_requests: mpsc::Sender<ReloadRequest>) {
    let admin = Admin { control: Arc::clone(&control), reload_requests };
    if let Some(listener) = sockets.metrics.take() {
        let router = observed().with_state(admin.clone());
        tokio::spawn(access::serve(access::Listening::Metrics(listener), router, sockets.open.clone()));
    }
    access::serve_all(sockets, &router(admin), &control.shared);
}

/// What only tells how Weir is: the whole of the metrics address.
fn observed() -> Router<Admin> {
    Router::new().route("/metrics", get(metrics)).route("/livez", get(livez)).route("/readyz", get(readyz))
}

/// The routes of the admin address.
fn router(admin: Admin) -> Router {
    let control = Arc::clone(&admin.control);
    observed()
        .route("/api/status", get(status))
        .route("/api/nodes", get(nodes))
        .route("/api/sessions", get(sessions))
        .route("/api/reload", post(reload))
        .with_state(admin)
        .merge(page::router())
        .merge(v1::router(Arc::clone(&control)))
        .merge(plus::router(Arc::clone(&control)))
        .merge(operate::router(Arc::new(RunningWeir(control))))
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let metrics = &admin.control.observer.metrics;
    let (kind, text) = if accept.into_iter().any(|accept| accept.contains("application/openmetrics-text")) {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.open_metrics())
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", metrics.text())
    };
    ([(header::CONTENT_TYPE, kind)], text)
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(admin): State<Admin>, RawQuery(asked): RawQuery) -> (StatusCode, String) {
    ready::answer(&admin.control, asked.as_deref())
}

async fn nodes(State(admin): State<Admin>) -> Json<Vec<NodeStatus>> {
    Json(node_statuses(&admin.control))
}

fn node_statuses(control: &Control) -> Vec<NodeStatus> {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    let orders = control.orders.lock();
    let statuses = generation.snapshot.pools.iter().flat_map(|pool| {
        let orders = &orders;
        pool.members.iter().map(move |member| {
            let (state, kind) = (member.state.state(), orders.of(&member.node).map(|order| order.kind));
            NodeStatus {
                pool: pool.name().to_string(),
                node: member.label.to_string(),
                address: member.address.to_string(),
                state: state.word(),
                reason: state.reason().map(state::Reason::word),
                since: Some(member.load.unchanged_for(now).as_secs()),
                weight: member.weight,
                backup: member.backup,
                max_requests: member.most,
                in_flight: member.load.in_flight(),
                sessions: pool.sessions.as_ref().map(|sessions| sessions.count_of(member.number)),
                warmth: member.load.warmth() / 10,
                queued: pool.waiting.len_for(&AcceptedNodes::Only(member.number)),
                operator: kind.map(OrderKind::word),
                deadline: kind.and_then(|kind| kind.ends(moments::now())),
                last_minute: Some(Minute::of(
                    control,
                    &Subject::Member(Arc::clone(pool.name()), Arc::clone(&member.label)),
                )),
            }
        })
    });
    let gone = removed_nodes(control, &generation, |_| true).into_iter().map(|gone| removed_status(gone, &orders));
    statuses.chain(gone).collect()
}

/// The status of a node that a reload removed: only its running requests are known.
fn removed_status(gone: RemovedNode, orders: &Orders) -> NodeStatus {
    let kind = orders.of(&gone.node).map(|order| order.kind);
    NodeStatus {
        pool: gone.pool,
        node: gone.label.to_string(),
        address: gone.address,
        state: "passive",
        reason: Some(GONE),
        since: None,
        weight: gone.weight,
        backup: false,
        max_requests: None,
        in_flight: gone.in_flight,
        sessions: Some(0),
        warmth: 0,
        queued: 0,
        operator: kind.map(OrderKind::word),
        deadline: kind.and_then(|kind| kind.ends(moments::now())),
        last_minute: None,
    }
}

async fn status(State(admin): State<Admin>) -> Json<Status> {
    let generation = admin.control.current.load_full();
    let config = &generation.snapshot.config;
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        generation: generation.snapshot.generation,
        uptime_seconds: admin.control.start.elapsed().as_secs(),
        connections: admin.control.open.load(std::sync::atomic::Ordering::Relaxed),
        listeners: config
            .listeners
            .iter()
            .map(|listener| ListenerStatus {
                name: listener.name.to_string(),
                address: listener.bind.to_string(),
                tls: listener.tls.is_some(),
            })
            .collect(),
        sites: config
            .sites
            .iter()
            .map(|site| SiteStatus {
                name: site.name.to_string(),
                hosts: site.hosts.iter().map(ToString::to_string).collect(),
                pool: site
                    .pool
                    .and_then(|pool| config.pools.get(pool))
                    .map_or_else(String::new, |pool| pool.name.to_string()),
                certificate_expires: site.first_to_expire().map(|certificate| certificate.pair.leaf.not_after),
            })
            .collect(),
        nodes: node_statuses(&admin.control),
        operators: order_statuses(&admin.control),
        events: admin.control.observer.events.recent(20),
    })
}

fn order_statuses(control: &Control) -> Vec<OrderStatus> {
    let generation = control.current.load_full();
    let known = |node: &str| generation.snapshot.config.nodes.iter().any(|known| &*known.name == node);
    let (orders, operations) = (control.orders.lock(), control.operations.lock());
    let status = |(node, order): (&str, &Order)| {
        let told = operations.of_order(node).map(|operation| operation.told.clone());
        let (actor, reason) = told.map(|told| (told.by(), told.reason)).unzip();
        OrderStatus {
            node: node.to_owned(),
            operator: order.kind.word(),
            since: order.since,
            deadline: order.kind.ends(moments::now()),
            known: known(node),
            actor,
            reason: reason.flatten(),
        }
    };
    orders.iter().map(status).collect()
}

async fn sessions(State(admin): State<Admin>) -> Json<Vec<SessionStatus>> {
    let generation = admin.control.current.load_full();
    let statuses = generation.snapshot.pools.iter().filter_map(|pool| {
        let sessions = pool.sessions.as_ref()?;
        Some(SessionStatus {
            pool: pool.name().to_string(),
            sessions: sessions.len(),
            evicted: sessions.evicted(),
            by_node: pool.members.iter().map(|m| (m.label.to_string(), sessions.count_of(m.number))).collect(),
        })
    });
    Json(statuses.collect())
}

async fn reload(
    State(admin): State<Admin>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
) -> (StatusCode, Json<ReloadAnswer>) {
    let failed = |status, what: &str| {
        let problem = ProblemStatus { file: String::new(), line: 0, what: what.to_string(), advice: String::new() };
        let generation = admin.control.current.load().snapshot.generation;
        (status, Json(ReloadAnswer { ok: false, generation, problems: vec![problem], warnings: Vec::new() }))
    };
    // A page in an operator's browser can send a plain POST to any address, but not with a header field of its own.
    if !headers.contains_key("x-weir") {
        return failed(StatusCode::FORBIDDEN, "the field X-Weir is missing (it keeps web pages from calling this)");
    }
    let (answer, outcome) = oneshot::channel();
    let by = OrderedBy::without_reason(actor);
    if admin.reload_requests.send(ReloadRequest { by, unrecorded: Unrecorded::Refused, answer }).await.is_err() {
        return failed(StatusCode::SERVICE_UNAVAILABLE, "Weir is stopping");
    }
    match outcome.await {
        Ok(Ok(generation)) => {
            let now = admin.control.current.load_full();
            let of_orders = operators::warnings(&admin.control, &now);
            let warnings = now.snapshot.config.warnings.iter().chain(&of_orders).map(ProblemStatus::from).collect();
            (StatusCode::OK, Json(ReloadAnswer { ok: true, generation, problems: Vec::new(), warnings }))
        }
        Ok(Err(ReloadRefusal::HandedOver(pid))) => {
            failed(StatusCode::SERVICE_UNAVAILABLE, &format!("process {pid} has taken over meanwhile: ask again"))
        }
        Ok(Err(ReloadRefusal::Unrecorded(why))) => {
            failed(StatusCode::INSUFFICIENT_STORAGE, &audit::unrecorded(&why).in_one())
        }
        Ok(Err(ReloadRefusal::Problems(problems))) => {
            let generation = admin.control.current.load().snapshot.generation;
            let problems = problems.iter().map(ProblemStatus::from).collect();
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                Json(ReloadAnswer { ok: false, generation, problems, warnings: Vec::new() }),
            )
        }
        Err(_) => failed(StatusCode::SERVICE_UNAVAILABLE, "Weir is stopping"),
    }
}

impl From<&Problem> for ProblemStatus {
    fn from(problem: &Problem) -> Self {
        Self {
            file: problem.at.file.display().to_string(),
            line: problem.at.line,
            what: problem.what.clone(),
            advice: problem.advice.clone(),
        }
    }
}
