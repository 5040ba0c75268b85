//! What would happen to a request, and why. Nothing is sent and nothing changes.

use axum::Json;
use axum::extract::{RawQuery, State};

use super::super::handler::{Answer, Weir};
use super::super::problem::ApiProblem;
use crate::admin::answer_why;
use crate::admin::question::{Explanation, Question};

/// What would happen to a request, and why.
#[utoipa::path(get, path = "/api/v1/why", params(
    ("url" = Option<String>, Query, description = "Its URL; scheme, host and port choose the listener and the site"),
    ("host" = Option<String>, Query, description = "Without a URL: its Host"),
    ("path" = Option<String>, Query, description = "Without a URL: its path and query"),
    ("scheme" = Option<String>, Query, description = "Without a URL: `http` or `https`"),
    ("port" = Option<u16>, Query, description = "Without a URL: the port it would come to"),
    ("method" = Option<String>, Query, description = "Its method (default GET)"),
    ("cookie" = Option<String>, Query, description = "A cookie, as `JSESSIONID=4F`; may be repeated"),
    ("header" = Option<String>, Query, description = "A field, as `X-Tenant: one`; may be repeated"),
    ("client" = Option<String>, Query, description = "The client's address (default 127.0.0.1)"),
    ("listener" = Option<String>, Query, description = "The listener it would come to"),
), responses(
    (status = 200, body = Explanation),
    (status = 400, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn why(State(control): Weir, RawQuery(query): RawQuery) -> Answer<Explanation> {
    let question = Question::of_query(query.as_deref().unwrap_or_default());
    let answer = question.and_then(|question| answer_why::answer(&control, &question));
    answer.map(Json).map_err(ApiProblem::bad_request)
}
