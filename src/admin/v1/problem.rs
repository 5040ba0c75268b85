//! Errors as problem documents (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config;
use crate::control::notice::Notice;

/// What is wrong, and what would be right.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiProblem {
    /// The HTTP status.
    status: u16,
    /// What is wrong in general.
    title: &'static str,
    /// What is wrong with this request.
    detail: String,
    /// What would be right; empty where nothing can be said.
    advice: String,
}

impl ApiProblem {
    pub(super) fn not_found(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: 404, title: "Not found", detail: detail.into(), advice: advice.into() }
    }

    /// Who asks may not.
    pub(crate) fn forbidden(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::refused(403, "Forbidden", detail, advice)
    }

    /// Who asks must say who it is.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        let advice = "send Authorization: Bearer TOKEN; weir's commands do with --token-file";
        Self::refused(401, "Unauthorized", detail, advice)
    }

    /// Refused before it came to its path.
    pub(crate) fn refused(
        status: u16,
        title: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { status, title, detail: detail.into(), advice: advice.into() }
    }

    pub(super) fn only_read() -> Self {
        let detail = "this path only reads: ask with GET".to_owned();
        let advice = "docs/operations.md has the paths for orders".to_owned();
        Self { status: 405, title: "Method not allowed", detail, advice }
    }

    /// No node, pool or site has this name.
    pub(super) fn unknown(kind: &str, name: &str, known: &[&str]) -> Self {
        let shown: String = name.chars().take(80).collect();
        let advice = config::suggestion(name, &format!("{kind}s here"), known);
        Self::not_found(format!("no {kind} is called {shown:?}"), advice)
    }

    pub(super) fn unavailable(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: 503, title: "Not now", detail: detail.into(), advice: advice.into() }
    }

    pub(super) fn bad_request(notice: Notice) -> Self {
        Self { status: 400, title: "The request cannot be understood", detail: notice.what, advice: notice.advice }
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"weir\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
