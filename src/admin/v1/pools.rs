//! Pools: whether they can serve, how busy they are, their nodes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::{Answer, Name, Weir};
use super::problem::ApiProblem;
use crate::admin::numbers::{Minute, Total};
use crate::control::state::Control;
use crate::observe::history::Subject;
use crate::proxy::generation::Generation;
use crate::traffic::pool::outage::PoolStatus;
use crate::traffic::pool::state::State as NodeState;

/// A pool.
#[derive(Serialize, ToSchema)]
pub(super) struct PoolView {
    pool: String,
    /// `active`; `unknown` while no node was probed yet; `none-active`.
    status: &'static str,
    active: usize,
    /// Its nodes, active or not.
    nodes: Vec<String>,
    /// Requests that wait for a node now.
    queued: usize,
    /// How many may wait; absent where it has no queue.
    queue_size: Option<u32>,
    /// The sessions in its table; absent where it keeps none.
    sessions: Option<usize>,
    max_sessions: Option<usize>,
    /// Retries that its budget still allows.
    retry_budget: u32,
    last_minute: Minute,
    total: Total,
}

/// All pools.
#[utoipa::path(get, path = "/api/v1/pools", responses((status = 200, body = Vec<PoolView>)))]
pub(super) async fn pools(State(control): Weir) -> Json<Vec<PoolView>> {
    Json(views(&control))
}

pub(super) fn views(control: &Control) -> Vec<PoolView> {
    let generation = control.current.load_full();
    (0..generation.snapshot.pools.len()).filter_map(|index| view(control, &generation, index)).collect()
}

/// One pool.
#[utoipa::path(get, path = "/api/v1/pools/{pool}", params(("pool" = String, Path, description = "Its name")), responses(
    (status = 200, body = PoolView),
    (status = 404, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn pool(State(control): Weir, Name(pool): Name) -> Answer<PoolView> {
    let generation = control.current.load_full();
    let index = generation.snapshot.pools.iter().position(|known| **known.name() == *pool);
    index.and_then(|index| view(&control, &generation, index)).map(Json).ok_or_else(|| {
        let known: Vec<&str> = generation.snapshot.pools.iter().map(|pool| &**pool.name()).collect();
        ApiProblem::unknown("pool", &pool, &known)
    })
}

fn view(control: &Control, generation: &Generation, index: usize) -> Option<PoolView> {
    let (pool, running) = (generation.snapshot.pools.get(index)?, generation.pools.get(index)?);
    Some(PoolView {
        pool: pool.name().to_string(),
        status: match pool.status() {
            PoolStatus::Active => "active",
            PoolStatus::Unknown => "unknown",
            PoolStatus::NoneActive => "none-active",
        },
        active: pool.members.iter().filter(|member| member.state.state() == NodeState::Active).count(),
        nodes: pool.members.iter().map(|member| member.label.to_string()).collect(),
        queued: pool.waiting.len(),
        queue_size: pool.settings.queue.map(|queue| queue.size),
        sessions: pool.sessions.as_ref().map(|sessions| sessions.len()),
        max_sessions: pool.sessions.as_ref().map(|sessions| sessions.max()),
        retry_budget: pool.budget.left(),
        last_minute: Minute::of(control, &Subject::Pool(Arc::clone(pool.name()))),
        total: Total::of(running.members.iter().map(|counters| counters.tally()).chain([running.counters.unserved()])),
    })
}
