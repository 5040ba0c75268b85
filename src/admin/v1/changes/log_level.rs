//! How much the journal says.

use std::time::SystemTime;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::handler::{Answer, Weir};
use super::super::problem::ApiProblem;
use super::super::specification::OfChange;
use super::change::{Body, blocking, ordered_by};
use crate::control::actor::{Actor, OrderedBy};
use crate::control::state::Control;
use crate::control::store::audit::{self, Change};
use crate::observe::journal;

/// How much the journal says.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLevelView {
    /// `error`, `warn`, `info` or `debug`.
    level: &'static str,
}

/// Another level.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogLevelOrder {
    /// `error`, `warn`, `info` or `debug`.
    level: String,
    /// Why, for events and the audit file: one line of at most 200 characters.
    reason: Option<String>,
}

/// The level.
#[utoipa::path(get, path = "/api/v1/log-level", responses((status = 200, body = LogLevelView)))]
pub(super) async fn log_level() -> Json<LogLevelView> {
    Json(LogLevelView { level: journal::current_level() })
}

/// Changes the level until the next start, which takes it from WEIR_LOG again.
#[utoipa::path(put, path = "/api/v1/log-level", request_body = LogLevelOrder, responses(
    (status = 200, body = LogLevelView),
    OfChange,
))]
pub(super) async fn set_log_level(
    State(control): Weir,
    Extension(actor): Extension<Actor>,
    Body(LogLevelOrder { level, reason }): Body<LogLevelOrder>,
) -> Answer<LogLevelView> {
    let by = ordered_by(actor, reason)?;
    let Some(level) = journal::levels().into_iter().find(|known| *known == level) else {
        let shown: String = level.chars().take(40).collect();
        let advice = format!("there are {}", journal::levels().join(", "));
        return Err(ApiProblem::unprocessable(format!("{shown:?} is no level"), advice));
    };
    blocking(move || change(&control, level, &by)).await??;
    Ok(log_level().await)
}

fn change(control: &Control, level: &'static str, by: &OrderedBy) -> Result<(), ApiProblem> {
    let what = format!("log-level {level}");
    let change = Change { what: &what, ..Change::default() };
    let recorded = audit::record(control.state_dir.as_ref(), change, by, "ordered");
    recorded.map_err(|why| ApiProblem::unrecorded(audit::unrecorded(&why)))?;
    // At the more talkative of both levels, so that a change to `error` is in the journal too.
    log::info!("{what}, ordered by {by}");
    let said = journal::current_level() != "error" && journal::current_level() != "warn";
    journal::set_level(level);
    if !said {
        log::info!("{what}, ordered by {by}");
    }
    control.observer.events.push_about(SystemTime::now(), "operator", "log-level", &what, by.about());
    Ok(())
}
