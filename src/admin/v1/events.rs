//! What happened: state changes, reloads, what operators did.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::{Answer, Weir};
use super::problem::ApiProblem;
use crate::admin::query;
use crate::control::notice::Notice;
use crate::observe::dates::rfc3339;
use crate::observe::events::{About, Event};

/// Events, the oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct EventsView {
    /// The number of the newest event there is. Ask with `since` this number for what comes after.
    newest: u64,
    /// Whether events after `since` are missing here because they are no longer kept (1000 are).
    missed: bool,
    events: Vec<EventView>,
}

/// One event.
#[derive(Serialize, ToSchema)]
pub(super) struct EventView {
    /// Counts from 1 since the start, without gaps.
    number: u64,
    at: String,
    /// `state`, `pool`, `reload`, `operator` and the like.
    kind: &'static str,
    /// What it happened to, as `esb-https/worker1`.
    subject: String,
    text: String,
    /// Who ordered it; absent, like all that follow, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
}

/// What happened.
#[utoipa::path(get, path = "/api/v1/events", params(
    ("since" = Option<u64>, Query, description = "Only events with a higher number"),
    ("limit" = Option<u64>, Query, description = "So many at most, the newest (default 100)"),
    ("about" = Option<String>, Query, description = "Only events about this node, pool or pool/node"),
), responses(
    (status = 200, body = EventsView),
    (status = 400, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn events(State(control): Weir, RawQuery(query): RawQuery) -> Answer<EventsView> {
    let (mut since, mut limit, mut about) = (0, 100, None);
    for (name, value) in query::pairs(query.as_deref().unwrap_or_default()).map_err(ApiProblem::bad_request)? {
        let number = || value.parse::<u64>().map_err(|_| wrong(format!("{name}={value:?} is no number"), ""));
        match &*name {
            "since" => since = number()?,
            "limit" => limit = number()?,
            "about" => about = Some(value),
            _ => {
                return Err(wrong(
                    format!("{name:?} is no parameter of this path"),
                    "there are since, limit and about",
                ));
            }
        }
    }
    let mut all = control.observer.events.recent(usize::MAX);
    all.reverse();
    let newest = all.last().map_or(0, |event| event.number);
    let missed = all.first().is_some_and(|oldest| oldest.number > since.saturating_add(1));
    let meant = |event: &&Event| {
        event.number > since
            && about
                .as_ref()
                .is_none_or(|about| event.subject.split('/').any(|part| part == about) || event.subject == *about)
    };
    let mut events: Vec<EventView> = all.iter().filter(meant).map(EventView::of).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    events.drain(..events.len().saturating_sub(limit));
    Ok(Json(EventsView { newest, missed, events }))
}

fn wrong(what: String, advice: &str) -> ApiProblem {
    ApiProblem::bad_request(Notice::new(what, advice))
}

impl EventView {
    fn of(event: &Event) -> Self {
        let Event { number, time, kind, subject, text, about } = event.clone();
        let About { actor, from, reason, node, pool } = about;
        Self { number, at: rfc3339(time), kind, subject, text, actor, from, reason, node, pool }
    }
}
