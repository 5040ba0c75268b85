//! `/api/9`: what Weir counts, in the paths and field names of NGINX Plus' API, so that exporters, agents and dashboards made
//! for it go on working. It only reads. What Weir does not count is left out, which those programs read as zero.

mod form;
mod process;
mod upstreams;
mod zones;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use self::form::{Fields, PlusError};
use crate::control::state::Control;

/// The versions that are spoken. Each has what the last one has: those before lack fields, and no program minds more of them.
const VERSIONS: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The routes, to be merged into the router of the admin address.
pub(crate) fn router(control: Arc<Control>) -> Router {
    let versions = get(async || Json(VERSIONS));
    let mut router = Router::new().route("/api", versions.clone()).route("/api/", versions);
    for version in VERSIONS {
        router = router
            .route(&format!("/api/{version}"), get(root))
            .route(&format!("/api/{version}/"), get(root))
            .route(&format!("/api/{version}/{{*path}}"), get(resource));
    }
    router.method_not_allowed_fallback(async || PlusError::read_only()).with_state(control)
}

async fn root() -> Json<Value> {
    Json(json!(["nginx", "processes", "connections", "slabs", "http", "stream", "resolvers", "ssl", "workers"]))
}

async fn resource(
    State(control): State<Arc<Control>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Fields::in_query(query.as_deref().unwrap_or_default());
    let answer = fields.and_then(|fields| {
        // Collections are written with a slash at the end and asked for without, too.
        let path: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        find(&control, &path, &fields)
    });
    answer.map_or_else(IntoResponse::into_response, |value| Json(value).into_response())
}

fn find(control: &Control, path: &[&str], fields: &Fields) -> Result<Value, PlusError> {
    match path {
        ["nginx"] => fields.of_object(process::nginx(control)),
        ["processes"] => fields.of_object(json!({ "respawned": 0 })),
        ["connections"] => fields.of_object(process::connections(control)),
        ["ssl"] => fields.of_object(process::ssl(control)),
        ["workers"] => fields.of_list(vec![process::worker(control)]),
        ["workers", "0"] => fields.of_object(process::worker(control)),
        ["workers", _] => Err(PlusError::not_found("worker not found", "WorkerNotFound")),
        ["http"] => Ok(json!(HTTP)),
        ["http", "requests"] => fields.of_object(process::requests(control)),
        ["http", "server_zones", zone @ ..] => fields.of_zones(zones::servers(control), zone, "server zone"),
        ["http", "location_zones", zone @ ..] => fields.of_zones(zones::locations(control), zone, "location zone"),
        ["http", "limit_reqs", zone @ ..] => fields.of_zones(zones::rates(control), zone, "limit req"),
        ["http", "limit_conns", zone @ ..] => fields.of_zones(zones::connections(control), zone, "limit conn"),
        ["http", "upstreams", name, "servers"] => fields.of_list(upstreams::servers(control, name)?),
        ["http", "upstreams", name, "servers", id] => fields.of_object(upstreams::server(control, name, id)?),
        ["http", "upstreams", name @ ..] => fields.of_zones(upstreams::all(control), name, "upstream"),
        ["http", "caches", zone @ ..] => fields.of_zones(Vec::new(), zone, "cache"),
        ["slabs", zone @ ..] => fields.of_zones(Vec::new(), zone, "slab"),
        ["resolvers", zone @ ..] => fields.of_zones(Vec::new(), zone, "resolver zone"),
        ["stream"] => Ok(json!(STREAM)),
        ["stream", "server_zones", zone @ ..] => fields.of_zones(Vec::new(), zone, "server zone"),
        ["stream", "limit_conns", zone @ ..] => fields.of_zones(Vec::new(), zone, "limit conn"),
        ["stream", "upstreams", name @ ..] => fields.of_zones(Vec::new(), name, "upstream"),
        _ => Err(PlusError::not_found("path not found", "PathNotFound")),
    }
}

const HTTP: [&str; 7] =
    ["requests", "server_zones", "location_zones", "caches", "limit_conns", "limit_reqs", "upstreams"];

/// Weir carries HTTP only, so these are there and empty.
const STREAM: [&str; 3] = ["server_zones", "limit_conns", "upstreams"];
