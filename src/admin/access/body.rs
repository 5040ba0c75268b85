//! Reads the body of a request before anything else sees it: whole, small, and within a time.

use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::Method;

use crate::admin::v1::problem::ApiProblem;

/// The largest body.
const MOST: usize = 8 << 10;
/// The path that takes a whole configuration, and the largest of those.
const CONFIGURATION: (&str, usize) = ("/api/v1/config/check", 1 << 20);
/// How long a body may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The request with its whole body, or why it is refused.
pub(super) async fn whole(request: Request) -> Result<Request, ApiProblem> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    // Nothing is read that nobody needs: who sends a body slowly would keep a place of the address meanwhile.
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let detail = "a GET or HEAD has no body here";
        return Err(ApiProblem::refused(400, "Bad request", detail, "leave the body out"));
    }
    let most = if request.uri().path() == CONFIGURATION.0 { CONFIGURATION.1 } else { MOST };
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(WITHIN, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => Err(ApiProblem::refused(
            413,
            "Content too large",
            "the body is larger than it may be, or broken",
            format!("at most {most} bytes are read here"),
        )),
        Err(_) => Err(ApiProblem::refused(
            408,
            "Request timeout",
            format!("the body did not come within {} s", WITHIN.as_secs()),
            "send as many bytes as Content-Length says",
        )),
    }
}
