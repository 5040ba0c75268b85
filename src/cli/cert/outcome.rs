//! The outcome of a `weir cert` command: what to print and whether it succeeded. Prints nothing itself.

/// What to print, and whether the exit code is 0.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) text: String,
    pub(super) good: bool,
}

impl Outcome {
    pub(super) fn good(text: String) -> Self {
        Self { text, good: true }
    }
}

/// A string in quotes, as TOML and JSON write it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
