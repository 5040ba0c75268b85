//! The API `/api/v1`: what runs, how well, what happened, and what operators change. Every answer is JSON, every error a
//! problem document. The OpenAPI document is made from the handlers.

mod changes;
mod cluster;
mod events;
mod handler;
mod nodes;
mod operations;
mod pools;
pub(crate) mod problem;
mod running;
mod series;
mod shared;
mod sites;
mod specification;
mod status;
mod stream;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::problem::ApiProblem;
use crate::control::state::Control;

#[derive(OpenApi)]
#[openapi(info(
    title = "Weir",
    description = "What a Weir does, how well, and what happened. Times are RFC 3339 in UTC, durations have their unit in \
                   their name, rates and percentiles are of the last minute, totals say since when they count."
))]
struct Description;

/// Where to go on.
#[derive(Serialize, ToSchema)]
struct Discovery {
    version: &'static str,
    paths: Vec<String>,
}

/// The routes, to be merged into the router of the admin address.
pub(crate) fn router(control: Arc<Control>) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(status::status))
        .routes(routes!(nodes::nodes))
        .routes(routes!(nodes::node))
        .routes(routes!(pools::pools))
        .routes(routes!(pools::pool))
        .routes(routes!(cluster::cluster))
        .routes(routes!(sites::sites))
        .routes(routes!(sites::site))
        .routes(routes!(series::series))
        .routes(routes!(events::events))
        .routes(routes!(stream::stream))
        .merge(running::routes())
        .routes(routes!(operations::operations))
        .routes(routes!(operations::operation))
        .merge(changes::routes())
        .split_for_parts();
    let paths = document.paths.paths.keys().cloned().chain(["/api/v1/openapi.json".to_owned()]).collect();
    let discovery = Json(Discovery { version: env!("CARGO_PKG_VERSION"), paths });
    let discovery = serde_json::to_value(&discovery.0).unwrap_or_default();
    let document = serde_json::to_value(specification::with_refusals(document)).unwrap_or_default();
    router
        .route("/api/v1", axum::routing::get(async move || Json(discovery)))
        .route("/api/v1/openapi.json", axum::routing::get(async move || Json(document)))
        .route("/api/v1/", axum::routing::any(nowhere))
        .route("/api/v1/{*path}", axum::routing::any(nowhere))
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(Arc::new(stream::hub::Hub::default())))
        .with_state(control)
}

async fn wrong_method() -> Response {
    ApiProblem::wrong_method().into_response()
}

async fn nowhere() -> Response {
    ApiProblem::not_found("there is nothing at this path", "GET /api/v1 lists the paths").into_response()
}
