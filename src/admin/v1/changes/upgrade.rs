//! Handing over to the program that is installed now.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::super::handler::{Answer, Weir};
use super::super::problem::ApiProblem;
use super::super::specification::OfChange;
use super::change::{Body, ordered_by};
use super::orders::PlainOrder;
use crate::control::actor::Actor;
use crate::control::state::UpgradeRequest;

/// An upgrade that was done.
#[derive(Serialize, ToSchema)]
pub(super) struct UpgradedView {
    /// The process that serves now.
    pid: u32,
    /// Its version.
    version: String,
}

/// Starts the program that is installed now beside this process, and has it take over every listening socket, the sessions and
/// the counters. This process ends when its last request is answered. Where the new one cannot serve, all stays as it is.
#[utoipa::path(post, path = "/api/v1/upgrade", request_body = PlainOrder, responses(
    (status = 200, body = UpgradedView),
    (status = 409, body = ApiProblem, content_type = "application/problem+json"),
    (status = 503, body = ApiProblem, content_type = "application/problem+json"),
    OfChange,
))]
pub(super) async fn upgrade(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Body(PlainOrder { reason }): Body<PlainOrder>,
) -> Answer<UpgradedView> {
    let by = ordered_by(actor, reason)?;
    let (answer, outcome) = oneshot::channel();
    let stopping = || ApiProblem::unavailable("Weir is stopping", "");
    control.upgrade_requests.send(UpgradeRequest { by, answer }).await.map_err(|_| stopping())?;
    let (pid, version) = outcome.await.map_err(|_| stopping())?.map_err(ApiProblem::not_upgraded)?;
    Ok(Json(UpgradedView { pid, version }))
}
