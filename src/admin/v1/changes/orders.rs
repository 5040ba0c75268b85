//! Orders for a node: drain, maintain, activate.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::handler::{Answer, Name, Weir};
use super::super::operations::OperationView;
use super::super::problem::ApiProblem;
use super::super::specification::{OfChange, OfNamed};
use super::change::{Body, blocking, ordered_by, refused};
use crate::control::actor::Actor;
use crate::control::operators::{OrderError, carry_out};
use crate::control::state::Control;
use crate::traffic::pool::operators::Command;

/// The longest deadline of a drain, in seconds: ten years.
const LONGEST_DRAIN: u64 = 10 * 366 * 24 * 3600;

/// How a node is to drain.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DrainOrder {
    /// Why, for events and the audit file: one line of at most 200 characters.
    reason: Option<String>,
    /// When the drain ends at the latest. Without it, it waits for the last session.
    deadline_seconds: Option<u64>,
    /// Also where a pool would have no node left for new requests.
    #[serde(default)]
    force: bool,
}

/// How a node is to rest.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MaintainOrder {
    /// Why, for events and the audit file: one line of at most 200 characters.
    reason: Option<String>,
    /// Also where a pool would have no node left for new requests.
    #[serde(default)]
    force: bool,
}

/// A change that needs no more than a reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlainOrder {
    /// Why, for events and the audit file: one line of at most 200 characters.
    pub(super) reason: Option<String>,
}

/// The node serves its sessions and nothing new; when they are gone, or at the deadline, it rests. Said again while it
/// drains, it is the same operation, and a new deadline takes the place of the old one.
#[utoipa::path(post, path = "/api/v1/nodes/{node}/drain", params(("node" = String, Path, description = "Its name")),
    request_body = DrainOrder,
    responses(
        (status = 202, body = OperationView),
        (status = 409, body = ApiProblem, content_type = "application/problem+json"),
        OfChange,
        OfNamed,
))]
pub(super) async fn drain(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Name(node): Name,
    Body(order): Body<DrainOrder>,
) -> Result<(StatusCode, Json<OperationView>), ApiProblem> {
    if order.deadline_seconds.is_some_and(|seconds| seconds > LONGEST_DRAIN) {
        let advice = "leave it out, and the drain waits for the last session";
        return Err(ApiProblem::unprocessable("deadline_seconds is more than ten years", advice));
    }
    let command = Command::Drain { within: order.deadline_seconds.map(Duration::from_secs) };
    let answer = carried_out(control, actor, node, command, order.force, order.reason).await?;
    Ok((StatusCode::ACCEPTED, answer))
}

/// The node serves nothing from now on; running requests are answered.
#[utoipa::path(post, path = "/api/v1/nodes/{node}/maintain", params(("node" = String, Path, description = "Its name")),
    request_body = MaintainOrder,
    responses(
        (status = 200, body = OperationView),
        (status = 409, body = ApiProblem, content_type = "application/problem+json"),
        OfChange,
        OfNamed,
))]
pub(super) async fn maintain(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Name(node): Name,
    Body(order): Body<MaintainOrder>,
) -> Answer<OperationView> {
    carried_out(control, actor, node, Command::Maintain, order.force, order.reason).await
}

/// The node serves again, if probes and traffic allow it. It is probed before the answer, for 3 s at most; where a probe fails or is not
/// over, the answer warns of it.
#[utoipa::path(post, path = "/api/v1/nodes/{node}/activate", params(("node" = String, Path, description = "Its name")),
    request_body = PlainOrder,
    responses(
        (status = 200, body = OperationView),
        OfChange,
        OfNamed,
))]
pub(super) async fn activate(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Name(node): Name,
    Body(order): Body<PlainOrder>,
) -> Answer<OperationView> {
    carried_out(control, actor, node, Command::Activate, false, order.reason).await
}

async fn carried_out(
    control: Arc<Control>,
    actor: Actor,
    node: String,
    command: Command,
    force: bool,
    reason: Option<String>,
) -> Answer<OperationView> {
    let by = ordered_by(actor, reason)?;
    let refusal = |error: OrderError, control: &Control, node: &str| {
        let generation = control.current.load_full();
        let known: Vec<&str> = generation.snapshot.config.nodes.iter().map(|node| &*node.name).collect();
        refused(error, node, &known)
    };
    blocking(move || {
        let done = carry_out(&control, &node, command, force, &by).map_err(|error| refusal(error, &control, &node))?;
        let operation = control.operations.lock().get(done.operation).cloned();
        let gone = || ApiProblem::unavailable("the operation is not kept any more: too many came after it", "");
        operation.map(|operation| Json(OperationView::of(&control, operation))).ok_or_else(gone)
    })
    .await?
}
