//! What happened: state changes, reloads, what operators did.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::{Answer, Weir};
use super::problem::ApiProblem;
use crate::admin::query;
use crate::config::suggestion;
use crate::control::notice::Notice;
use crate::control::state::Control;
use crate::observe::dates::rfc3339;
use crate::observe::events::{About, Event, KINDS};

/// Events, the oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct EventsView {
    /// The number of the newest event there is. Ask with `since` this number for what comes after.
    newest: u64,
    /// Whether events after `since` are missing here because they are no longer kept (1000 are).
    missed: bool,
    /// When the oldest event was that is kept, asked for or not.
    begins: Option<String>,
    events: Vec<EventView>,
}

/// One event.
#[derive(Serialize, ToSchema)]
pub(super) struct EventView {
    /// Counts from 1 since the start, without gaps; an upgrade counts on.
    number: u64,
    at: String,
    /// `certificate`, `cluster`, `files`, `operator`, `pool`, `reload`, `shared`, `start`, `state`, `stop` or `upgrade`.
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
    ("about" = Option<String>, Query, description = "Only events about this node, pool or pool/node; 400 where there is none of that name"),
    ("kind" = Option<String>, Query, description = "Only events of this kind: `certificate`, `cluster`, `files`, `operator`, `pool`, `reload`, `shared`, `start`, `state`, `stop` or `upgrade`"),
    ("from_time" = Option<String>, Query, description = "Only events from this moment on: RFC 3339 in UTC, or its beginning, as `2026-11-22T03:10`"),
    ("to_time" = Option<String>, Query, description = "Only events up to this moment, or to the end of what is given of it"),
), responses(
    (status = 200, body = EventsView),
    (status = 400, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn events(State(control): Weir, RawQuery(query): RawQuery) -> Answer<EventsView> {
    let (mut since, mut limit, mut about, mut kind, mut from, mut to) = (0, 100, None, None, None, None);
    for (name, value) in query::pairs(query.as_deref().unwrap_or_default()).map_err(ApiProblem::bad_request)? {
        let number = || value.parse::<u64>().map_err(|_| wrong(format!("{name}={value:?} is no number"), ""));
        match &*name {
            "since" => since = number()?,
            "limit" => limit = number()?,
            "about" => about = Some(value),
            "kind" => kind = Some(known_kind(value)?),
            "from_time" => from = Some(moment(value)?),
            "to_time" => to = Some(moment(value)?),
            _ => {
                return Err(wrong(
                    format!("{name:?} is no parameter of this path"),
                    "there are since, limit, about, kind, from_time and to_time",
                ));
            }
        }
    }
    let mut all = control.observer.events.recent(usize::MAX);
    all.reverse();
    if let Some(about) = &about {
        check_name(&control, &all, about)?;
    }
    let newest = all.last().map_or(0, |event| event.number);
    let missed = all.first().is_some_and(|oldest| oldest.number > since.saturating_add(1));
    let meant = |event: &&Event| {
        event.number > since
            && kind.as_ref().is_none_or(|kind| event.kind == kind)
            && from.as_ref().is_none_or(|from| rfc3339(event.time) >= *from)
            && to.as_ref().is_none_or(|to| is_until(event, to))
            && about.as_ref().is_none_or(|about| is_about(event, about))
    };
    let mut events: Vec<EventView> = all.iter().filter(meant).map(EventView::of).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    events.drain(..events.len().saturating_sub(limit));
    let begins = all.first().map(|oldest| rfc3339(oldest.time));
    Ok(Json(EventsView { newest, missed, begins, events }))
}

/// Whether it happened before this moment, or within what is given of it.
fn is_until(event: &Event, to: &str) -> bool {
    let at = rfc3339(event.time);
    *at <= *to || at.starts_with(to)
}

fn known_kind(kind: String) -> Result<String, ApiProblem> {
    if KINDS.contains(&&*kind) {
        return Ok(kind);
    }
    Err(wrong(format!("no event is of the kind {kind:?}"), &suggestion(&kind, "kinds", &KINDS)))
}

/// What an event can be about: what the configuration has, and what events are about that happened before a reload.
fn check_name(control: &Control, all: &[Event], name: &str) -> Result<(), ApiProblem> {
    let generation = control.current.load_full();
    let config = &generation.snapshot.config;
    let nodes: Vec<&str> = config.nodes.iter().map(|node| &*node.name).collect();
    let pools = config.pools.iter().map(|pool| &*pool.name);
    let known: Vec<&str> = nodes.iter().copied().chain(pools).collect();
    let is_known = known.contains(&name)
        || generation.snapshot.pools.iter().any(|pool| {
            let rest = name.strip_prefix(&**pool.name()).and_then(|rest| rest.strip_prefix('/'));
            rest.is_some_and(|rest| pool.members.iter().any(|member| *member.node == *rest || *member.label == *rest))
        });
    if is_known || all.iter().any(|event| is_about(event, name)) {
        return Ok(());
    }
    Err(wrong(format!("there is no node or pool {name:?}"), &suggestion(name, "nodes and pools here", &known)))
}

fn is_about(event: &Event, name: &str) -> bool {
    let named = [&event.about.node, &event.about.pool].into_iter().flatten().any(|named| named == name);
    named || event.subject == name || event.subject.split('/').any(|part| part == name)
}

/// Moments in UTC are compared as texts, so the beginning of one is one too.
fn moment(text: String) -> Result<String, ApiProblem> {
    let date = text.as_bytes().get(..10).unwrap_or_default();
    let digits =
        |range: std::ops::Range<usize>| date.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let is_date =
        digits(0..4) && digits(5..7) && digits(8..10) && date.get(4) == Some(&b'-') && date.get(7) == Some(&b'-');
    let rest = text.get(10..).unwrap_or_default();
    let is_time = rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b':' | b'.' | b'Z'));
    if is_date && is_time {
        return Ok(text);
    }
    Err(wrong(format!("from_time={text:?} is no moment in UTC"), "write 2026-11-22T03:10:00Z, or its beginning"))
}

fn wrong(what: String, advice: &str) -> ApiProblem {
    ApiProblem::bad_request(Notice::new(what, advice))
}

impl EventView {
    pub(super) fn of(event: &Event) -> Self {
        let Event { number, time, kind, subject, text, about } = event.clone();
        let About { actor, from, reason, node, pool } = about;
        Self { number, at: rfc3339(time), kind, subject, text, actor, from, reason, node, pool }
    }
}
