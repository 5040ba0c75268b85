//! Reading the configuration again.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::super::handler::{Answer, Weir};
use super::super::problem::{ApiProblem, FileProblem};
use super::super::specification::OfChange;
use super::change::{Body, ordered_by};
use super::orders::PlainOrder;
use crate::control::actor::Actor;
use crate::control::operators;
use crate::control::state::{ReloadRefusal, ReloadRequest, Unrecorded};
use crate::control::store::audit;

/// A reload that was accepted.
#[derive(Serialize, ToSchema)]
pub(super) struct ReloadedView {
    accepted: bool,
    /// The generation that runs now.
    generation: u64,
    /// What is legal in the configuration, and unwise.
    warnings: Vec<FileProblem>,
}

/// Reads the configuration again. Where something is wrong with it, all stays as it is.
#[utoipa::path(post, path = "/api/v1/reload", request_body = PlainOrder, responses(
    (status = 200, body = ReloadedView),
    (status = 503, body = ApiProblem, content_type = "application/problem+json"),
    OfChange,
))]
pub(super) async fn reload(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Body(PlainOrder { reason }): Body<PlainOrder>,
) -> Answer<ReloadedView> {
    let by = ordered_by(actor, reason)?;
    let (answer, outcome) = oneshot::channel();
    let stopping = || ApiProblem::unavailable("Weir is stopping", "");
    control
        .reload_requests
        .send(ReloadRequest { by, unrecorded: Unrecorded::Refused, answer })
        .await
        .map_err(|_| stopping())?;
    let generation = outcome.await.map_err(|_| stopping())?.map_err(|refusal| match refusal {
        ReloadRefusal::HandedOver(pid) => {
            ApiProblem::unavailable(format!("process {pid} has taken over meanwhile"), "ask again: it answers")
        }
        ReloadRefusal::Unrecorded(why) => ApiProblem::unrecorded(audit::unrecorded(&why)),
        ReloadRefusal::Problems(problems) => {
            let kept = control.current.load().snapshot.generation;
            ApiProblem::refused_reload(kept, problems.iter().map(FileProblem::from).collect())
        }
    })?;
    let now = control.current.load_full();
    let of_orders = operators::warnings(&control, &now);
    let warnings = now.snapshot.config.warnings.iter().chain(&of_orders).map(FileProblem::from).collect();
    Ok(Json(ReloadedView { accepted: true, generation, warnings }))
}
