//! What all changes have in common: who may send one, its body, and who ordered it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::super::problem::ApiProblem;
use crate::control::actor::{Actor, OrderedBy};
use crate::control::operators::OrderError;
use crate::control::store::audit;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// The JSON body of a change. No body is an empty object.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiProblem;

    // Its size and its time are judged before it comes here.
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        if !cannot_be_a_form(request.headers()) {
            return Err(ApiProblem::unsupported());
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| ApiProblem::malformed(error.body_text()))?;
        let json: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        // A list could fill the fields in their order, too.
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err(ApiProblem::malformed("the body is no JSON object"));
        }
        serde_json::from_slice(json).map(Self).map_err(|error| {
            let what = format!("the body is not understood: {error}");
            if error.is_data() { ApiProblem::unprocessable(what, "") } else { ApiProblem::malformed(what) }
        })
    }
}

/// A page in an operator's browser can send a form to any address, but no JSON and no field of its own: for those the
/// browser first asks the other side, which does not allow it.
fn cannot_be_a_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    headers.contains_key("x-weir") || kind.eq_ignore_ascii_case("application/json")
}

/// Who ordered it, and why.
pub(super) fn ordered_by(actor: Actor, reason: Option<String>) -> Result<OrderedBy, ApiProblem> {
    let reason = reason.unwrap_or_default();
    let length = reason.chars().count();
    if length > LONGEST_REASON {
        let what = format!("the reason has {length} characters");
        return Err(ApiProblem::unprocessable(what, format!("write {LONGEST_REASON} at most")));
    }
    if reason.chars().any(changes_the_line) {
        return Err(ApiProblem::unprocessable("the reason has a control character", "write it in one line"));
    }
    Ok(OrderedBy { actor, reason: (!reason.trim().is_empty()).then(|| reason.into()) })
}

/// Whether a character ends a line or turns its direction, so that a terminal would show something else than was written.
fn changes_the_line(letter: char) -> bool {
    let turns =
        matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Runs what waits for the disk on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiProblem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiProblem::unavailable("Weir is stopping", ""))
}

/// Why an order for a node was not carried out; `known` are the nodes there are.
pub(super) fn refused(error: OrderError, node: &str, known: &[&str]) -> ApiProblem {
    match error {
        OrderError::Unknown => ApiProblem::unknown("node", node, known),
        OrderError::Last(pools) => ApiProblem::would_leave_without(node, pools),
        OrderError::Unrecorded(why) => ApiProblem::unrecorded(audit::unrecorded(&why)),
    }
}
