//! What a `weir cert` command says in the end, and how its words are written. Prints nothing itself.

/// What a command has to say, and whether all is well.
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

/// A string as TOML (and JSON) write it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
