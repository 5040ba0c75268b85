//! What happens, as it happens: server-sent events. Each second a snapshot of the whole, and each event at once. A
//! viewer that was cut off says which event it had last, and gets what it missed.

pub(super) mod hub;
mod viewer;
mod wanted;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::Channel;

use self::hub::{Hub, MOST};
use self::viewer::Viewer;
use self::wanted::Wanted;
use super::handler::Weir;
use super::problem::ApiProblem;

/// What happens, as it happens.
///
/// Each second `event: snapshot` with the answers of status, nodes, pools and sites as `status`, `nodes`, `pools` and
/// `sites`; each event as `event: event`, its data as in the answer of events. `event: missed` says how many events could
/// not be sent any more. The stream ends when Weir stops.
#[utoipa::path(get, path = "/api/v1/stream", params(
    ("only" = Option<String>, Query, description = "`events` leaves out the snapshots"),
    ("since" = Option<String>, Query, description = "Begin after the event with this number or id; without it the last 50 come first"),
    ("Last-Event-ID" = Option<String>, Header, description = "As since; an id from before a restart begins anew, one from before an upgrade does not"),
), responses(
    (status = 200, body = String, content_type = "text/event-stream"),
    (status = 400, body = ApiProblem, content_type = "application/problem+json"),
    (status = 503, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn stream(
    State(control): Weir,
    Extension(hub): Extension<Arc<Hub>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiProblem> {
    let wanted = Wanted::of(query.as_deref().unwrap_or_default(), &headers, &control.observer.events)
        .map_err(ApiProblem::bad_request)?;
    let place = Arc::clone(&hub.places).try_acquire_owned().map_err(|_| full())?;
    let (sender, body) = Channel::new(1);
    let viewer = Viewer::new(&control, &hub, sender, &wanted);
    tokio::spawn(async move {
        viewer.show().await;
        drop(place);
    });
    let fields = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((fields, Body::new(body)).into_response())
}

fn full() -> ApiProblem {
    ApiProblem::unavailable(
        format!("{MOST} viewers follow already"),
        "close one, or ask /api/v1/status and /api/v1/events now and then",
    )
}
