//! What every handler gets and gives.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;

use super::problem::ApiProblem;
use crate::control::notice::Notice;
use crate::control::state::Control;

/// The Weir that runs.
pub(super) type Weir = State<Arc<Control>>;

/// What was asked for, or why there is no answer.
pub(super) type Answer<T> = Result<Json<T>, ApiProblem>;

/// Two names in a path.
pub(super) struct Names(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let names = Path::<(String, String)>::from_request_parts(parts, state).await;
        let wrong = |error: PathRejection| ApiProblem::bad_request(Notice::new(error.body_text(), ""));
        names.map(|Path((first, second))| Self(first, second)).map_err(wrong)
    }
}

/// The name at the end of a path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        name.map(|Path(name)| Self(name)).map_err(|error| ApiProblem::bad_request(Notice::new(error.body_text(), "")))
    }
}
