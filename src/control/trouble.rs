//! What an operator is told where something is wrong with a question or a wish.

use serde::Serialize;

/// What is wrong with a question or a wish, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    pub(crate) what: String,
    pub(crate) advice: String,
}

impl Trouble {
    /// In words; no advice where none is needed.
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }
}
