//! What every handler gets and gives.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;

use super::problem::ApiProblem;
use crate::control::notice::Notice;
use crate::control::state::Control;

/// The Weir that runs.
pub(super) type Weir = State<Arc<Control>>;

/// What was asked for, or why there is no answer.
pub(super) type Answer<T> = Result<Json<T>, ApiProblem>;

/// The name at the end of a path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        name.map(|Path(name)| Self(name)).map_err(|error| ApiProblem::bad_request(Notice::new(error.body_text(), "")))
    }
}
