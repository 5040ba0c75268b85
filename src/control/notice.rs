//! What an operator is told when a question or an order is wrong.

use serde::Serialize;

/// What is wrong with a question or an order, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    pub(crate) what: String,
    pub(crate) advice: String,
}

impl Trouble {
    /// The advice is empty when none is needed.
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }
}
