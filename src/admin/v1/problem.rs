//! Errors as problem documents (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::operate::last_serving;
use crate::config::{self, Problem};
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
    /// The pools that would be left without a node for new requests. Only where that is the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pools: Option<Vec<String>>,
    /// What is wrong with the configuration. Only where that is the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    problems: Option<Vec<FileProblem>>,
}

/// What is wrong or unwise in the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileProblem {
    file: String,
    /// From 1; 0 is the whole file.
    line: usize,
    what: String,
    /// What would be right; empty where nothing can be said.
    advice: String,
}

impl From<&Problem> for FileProblem {
    fn from(problem: &Problem) -> Self {
        let (file, line) = (problem.at.file.display().to_string(), problem.at.line);
        Self { file, line, what: problem.what.clone(), advice: problem.advice.clone() }
    }
}

impl ApiProblem {
    fn new(status: u16, title: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), advice: advice.into(), pools: None, problems: None }
    }

    /// The process that runs goes on, and why.
    pub(super) fn not_upgraded(why: String) -> Self {
        Self::new(409, "Conflict", why, "this process goes on as it was")
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

    /// Whether who asks must say who it is.
    pub(crate) const fn is_unauthorized(&self) -> bool {
        self.status == 401
    }

    /// Refused before it came to its path.
    pub(crate) fn refused(
        status: u16,
        title: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(status, title, detail, advice)
    }

    pub(super) fn not_found(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(404, "Not found", detail, advice)
    }

    pub(super) fn wrong_method() -> Self {
        let advice = "the field Allow says which methods it has; docs/api.md has the paths of changes";
        Self::new(405, "Method not allowed", "this path does not have this method", advice)
    }

    /// A body that is not what it says it is.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        let advice = "send one JSON object, complete, with its Content-Length";
        Self::new(400, "The request cannot be understood", detail, advice)
    }

    /// What a web page's form could have sent.
    pub(super) fn unsupported() -> Self {
        let detail = "a change is sent as Content-Type: application/json, or with the field X-Weir";
        Self::new(415, "Unsupported media type", detail, "either keeps web pages of others from sending one")
    }

    pub(super) fn unprocessable(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(422, "This cannot be ordered", detail, advice)
    }

    /// The audit file cannot be written.
    pub(super) fn unrecorded(Notice { what, advice }: Notice) -> Self {
        Self::new(507, "Nothing was changed", what, advice)
    }

    /// An order that would leave pools without a node for new requests.
    pub(super) fn would_leave_without(node: &str, pools: Vec<String>) -> Self {
        let Notice { what, advice } = last_serving(node, &pools);
        Self { pools: Some(pools), ..Self::new(409, "A pool would be left without a node", what, advice) }
    }

    /// A configuration that cannot run.
    pub(super) fn refused_reload(kept: u64, problems: Vec<FileProblem>) -> Self {
        let detail = format!("reload refused, generation {kept} keeps running");
        Self { problems: Some(problems), ..Self::new(422, "The reload was refused", detail, "mend them and try again") }
    }

    /// No node, pool or site has this name.
    pub(super) fn unknown(kind: &str, name: &str, known: &[&str]) -> Self {
        let shown: String = name.chars().take(80).collect();
        let advice = config::suggestion(name, &format!("{kind}s here"), known);
        Self::not_found(format!("no {kind} is called {shown:?}"), advice)
    }

    pub(super) fn unavailable(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(503, "Not now", detail, advice)
    }

    pub(super) fn bad_request(notice: Notice) -> Self {
        Self::new(400, "The request cannot be understood", notice.what, notice.advice)
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
