//! The last reloads, and how they ended.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::handler::Weir;
use crate::control::state::LastReload;
use crate::observe::dates::rfc3339;

/// A reload.
#[derive(Serialize, ToSchema)]
pub(super) struct ReloadRecord {
    at: String,
    /// Who asked for it, and from where.
    actor: String,
    from: String,
    /// Why, in the operator's words.
    reason: Option<String>,
    accepted: bool,
    /// The generation that ran after it.
    generation: u64,
    /// Why it was refused.
    problems: Vec<String>,
    /// What it changed, each in a sentence, as `weir diff` tells it; at most 100. What may be a secret is told without its value.
    changes: Vec<String>,
}

/// The last 20 reloads, the newest first.
#[utoipa::path(get, path = "/api/v1/reloads", responses((status = 200, body = Vec<ReloadRecord>)))]
pub(super) async fn reloads(State(control): Weir) -> Json<Vec<ReloadRecord>> {
    Json(control.reloads.lock().iter().rev().map(ReloadRecord::of).collect())
}

impl ReloadRecord {
    fn of(reload: &LastReload) -> Self {
        Self {
            at: rfc3339(reload.at),
            actor: reload.by.actor.name.to_string(),
            from: reload.by.actor.from.to_string(),
            reason: reload.by.reason.as_ref().map(ToString::to_string),
            accepted: reload.problems.is_empty(),
            generation: reload.generation,
            problems: reload.problems.iter().map(ToString::to_string).collect(),
            changes: reload.changes.clone(),
        }
    }
}
