//! Operations: what operators began, and how far it is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::{Answer, Name, Weir};
use super::problem::ApiProblem;
use crate::config::orders_file::{OperationKind, OperationState};
use crate::control::changes::operations::Operation;
use crate::control::notice::Notice;
use crate::control::operators::remaining::{Remains, remains};
use crate::control::state::Control;
use crate::control::store::moments;
use crate::observe::dates::rfc3339_of_unix;

/// What an operator began.
#[derive(Serialize, ToSchema)]
pub(super) struct OperationView {
    /// Counts from 1; after a restart on from the last that was on disk.
    id: u64,
    /// `drain`, `maintain` or `activate`.
    kind: &'static str,
    node: String,
    /// `running`, `done`, `cancelled` (another order took its place) or `overdue` (its deadline ended it).
    state: &'static str,
    started: Option<String>,
    /// When a drain ends at the latest.
    deadline: Option<String>,
    ended: Option<String>,
    /// Who ordered it, and where, if not here: `uid:0 (root) at lb1`.
    actor: String,
    /// Why, in the operator's words.
    reason: Option<String>,
    /// The node's sessions now, while the node is under this order. `null` where they cannot be counted.
    sessions: Option<usize>,
    /// The node's running requests now, while the node is under this order.
    in_flight: u32,
    /// As the node's own: it rests under this order, and no request runs there any more.
    safe_to_stop: bool,
    /// What the operator should know, for example that a restart would forget the order.
    warnings: Vec<String>,
}

/// The last 100, the newest first, and all that a node is still under.
#[utoipa::path(get, path = "/api/v1/operations", responses((status = 200, body = Vec<OperationView>)))]
pub(super) async fn operations(State(control): Weir) -> Json<Vec<OperationView>> {
    let all: Vec<Operation> = control.operations.lock().newest_first().cloned().collect();
    Json(all.into_iter().map(|operation| OperationView::of(&control, operation)).collect())
}

/// Those that run, and those that ended in the last ten minutes; the newest first.
pub(super) fn recent(control: &Control) -> Vec<OperationView> {
    let since = moments::now().seconds().saturating_sub(600);
    let all: Vec<Operation> = control.operations.lock().newest_first().cloned().collect();
    let recent = all.into_iter().filter(|operation| operation.told.ended.is_none_or(|ended| ended >= since));
    recent.map(|operation| OperationView::of(control, operation)).collect()
}

/// One operation.
#[utoipa::path(get, path = "/api/v1/operations/{id}", params(("id" = u64, Path, description = "Its number")), responses(
    (status = 200, body = OperationView),
    (status = 404, body = ApiProblem, content_type = "application/problem+json"),
    (status = "4XX", body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn operation(State(control): Weir, Name(id): Name) -> Answer<OperationView> {
    let found = id.parse().ok().and_then(|id| control.operations.lock().get(id).cloned());
    let shown: String = id.chars().take(20).collect();
    let unknown = || ApiProblem::not_found(format!("no operation has the number {shown:?}"), "100 are kept");
    found.map(|operation| Json(OperationView::of(&control, operation))).ok_or_else(unknown)
}

impl OperationView {
    /// Without a lock on operations: the node's progress needs another one.
    pub(super) fn of(control: &Control, operation: Operation) -> Self {
        let Operation { node, told, deadline, warnings, holds } = operation;
        let nothing = Remains { sessions: None, in_flight: 0, elsewhere: Vec::new(), safe_to_stop: false };
        let Remains { sessions, in_flight, safe_to_stop, .. } = if holds { remains(control, &node) } else { nothing };
        Self {
            id: told.id,
            kind: match told.kind {
                OperationKind::Drain => "drain",
                OperationKind::Maintain => "maintain",
                OperationKind::Activate => "activate",
            },
            node,
            state: match told.state {
                OperationState::Running => "running",
                OperationState::Done => "done",
                OperationState::Cancelled => "cancelled",
                OperationState::Overdue => "overdue",
            },
            started: rfc3339_of_unix(told.started),
            deadline: deadline.and_then(rfc3339_of_unix),
            ended: told.ended.and_then(rfc3339_of_unix),
            actor: told.by(),
            reason: told.reason,
            sessions,
            in_flight,
            safe_to_stop,
            warnings: warnings.into_iter().map(Notice::in_one).collect(),
        }
    }
}
