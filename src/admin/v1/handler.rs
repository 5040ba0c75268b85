//! What every handler gets and gives.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::problem::ApiProblem;
use crate::control::state::Control;

/// The Weir that runs.
pub(super) type Weir = State<Arc<Control>>;

/// What was asked for, or why there is no answer.
pub(super) type Answer<T> = Result<Json<T>, ApiProblem>;
