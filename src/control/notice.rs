//! What an operator is told about a question or an order.

use serde::Serialize;

/// What is wrong or worth knowing, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Notice {
    pub(crate) what: String,
    pub(crate) advice: String,
}

impl Notice {
    /// The advice is empty when none is needed.
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }

    /// Both in one sentence.
    pub(crate) fn in_one(self) -> String {
        if self.advice.is_empty() { self.what } else { format!("{}; {}", self.what, self.advice) }
    }
}
