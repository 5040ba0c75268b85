//! One thing to say about a certificate or key file: where, what, and what would be right.

use std::path::{Path, PathBuf};

/// What is wrong with a certificate or key file, or deserves a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// True: the pair cannot be used. False: it works, but somebody should know.
    pub fatal: bool,
    /// The file that is meant.
    pub file: PathBuf,
    /// What: lower-case, one line, no full stop.
    pub what: String,
    /// What would be right; empty when there is nothing to say.
    pub advice: String,
}

impl Finding {
    pub(crate) fn fatal(file: &Path, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { fatal: true, file: file.into(), what: what.into(), advice: advice.into() }
    }

    pub(crate) fn warning(file: &Path, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { fatal: false, ..Self::fatal(file, what, advice) }
    }
}
