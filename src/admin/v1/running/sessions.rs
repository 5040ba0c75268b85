//! Sessions: how many each pool has, and where one of them lives. Ids come in the body of a request, so that they get
//! into no log, and are kept nowhere.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::handler::{Answer, Weir};
use super::super::problem::ApiProblem;
use crate::config::StickyMode;
use crate::control::notice::Notice;
use crate::control::state::Control;
use crate::traffic::affinity::sessions::source_key;
use crate::traffic::pool::Pool;
use crate::traffic::tick::Tick;

/// The sessions of a pool that keeps a table of them.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionsView {
    pool: String,
    sessions: usize,
    /// How many it keeps at most.
    most: usize,
    /// Sessions that were forgotten before their time, because there were too many.
    evicted: u64,
    by_node: BTreeMap<String, usize>,
}

/// Which session is looked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedSession {
    /// Look in this pool only.
    pool: Option<String>,
    /// The value of its cookie; where sessions go by the client, its address.
    id: String,
}

/// Where a session lives.
#[derive(Serialize, ToSchema)]
pub(super) struct FoundSessionView {
    pool: String,
    node: String,
    /// How the pool knows: `table`, `cookie` (Weir's own) or `route` (the end of the id names the node).
    by: &'static str,
    /// The node where it began, which it may return to; only of a table.
    home: Option<String>,
    /// For how long it was not used, at least; only of a table.
    unused_seconds: Option<u64>,
}

/// The sessions of all pools that keep a table of them.
#[utoipa::path(get, path = "/api/v1/sessions", responses((status = 200, body = Vec<SessionsView>)))]
pub(super) async fn sessions(State(control): Weir) -> Json<Vec<SessionsView>> {
    let generation = control.current.load_full();
    let views = generation.snapshot.pools.iter().filter_map(|pool| {
        let sessions = pool.sessions.as_ref()?;
        let count = |member: &crate::traffic::pool::member::Member| {
            (member.label.to_string(), sessions.count_of(member.number))
        };
        Some(SessionsView {
            pool: pool.name().to_string(),
            sessions: sessions.len(),
            most: sessions.max(),
            evicted: sessions.evicted(),
            by_node: pool.members.iter().map(count).collect(),
        })
    });
    Json(views.collect())
}

/// Where a session lives, in each pool that knows it. Looking does not count as a use.
#[utoipa::path(post, path = "/api/v1/sessions/find", request_body = WantedSession, responses(
    (status = 200, body = Vec<FoundSessionView>),
    (status = 400, body = ApiProblem, content_type = "application/problem+json"),
    (status = 404, body = ApiProblem, content_type = "application/problem+json"),
    (status = 408, body = ApiProblem, content_type = "application/problem+json"),
    (status = 413, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn find(State(control): Weir, body: Bytes) -> Answer<Vec<FoundSessionView>> {
    let wanted: WantedSession = serde_json::from_slice(&body)
        .map_err(|error| ApiProblem::bad_request(Notice::new(format!("the body is not understood: {error}"), "")))?;
    if wanted.id.is_empty() {
        return Err(ApiProblem::bad_request(Notice::new("the id is empty", "write {\"id\": \"4F…\"}")));
    }
    let generation = control.current.load_full();
    let pools = &generation.snapshot.pools;
    if let Some(name) = wanted.pool.as_ref().filter(|name| !pools.iter().any(|pool| **pool.name() == ***name)) {
        let known: Vec<&str> = pools.iter().map(|pool| &**pool.name()).collect();
        return Err(ApiProblem::unknown("pool", name, &known));
    }
    let meant = pools.iter().filter(|pool| wanted.pool.as_ref().is_none_or(|name| **pool.name() == **name));
    Ok(Json(meant.filter_map(|pool| in_pool(&control, pool, &wanted.id)).collect()))
}

fn in_pool(control: &Arc<Control>, pool: &Pool, id: &str) -> Option<FoundSessionView> {
    let sticky = pool.settings.sticky.as_ref()?;
    let bytes = id.as_bytes();
    let without_table = |number: u32, by| {
        Some(FoundSessionView {
            pool: pool.name().to_string(),
            node: label(pool, number)?,
            by,
            home: None,
            unused_seconds: None,
        })
    };
    match &sticky.mode {
        StickyMode::Learn => in_table(control, pool, bytes),
        StickyMode::Source => in_table(control, pool, &source_key(id.parse::<IpAddr>().ok()?)),
        StickyMode::Cookie(_) => {
            let member = pool.members.get(pool.tokens.as_ref()?.find(bytes)?)?;
            without_table(member.number, "cookie")
        }
        StickyMode::Route => without_table(pool.routed(bytes)?, "route"),
    }
}

fn in_table(control: &Arc<Control>, pool: &Pool, key: &[u8]) -> Option<FoundSessionView> {
    let sessions = pool.sessions.as_ref()?;
    let found = sessions.peek(sessions.key(key), Tick::from_millis(control.now()))?;
    Some(FoundSessionView {
        pool: pool.name().to_string(),
        node: label(pool, found.node)?,
        by: "table",
        home: label(pool, found.home),
        unused_seconds: Some(found.unused.as_secs()),
    })
}

fn label(pool: &Pool, number: u32) -> Option<String> {
    Some(pool.members.get(pool.member_of(number)?)?.label.to_string())
}
