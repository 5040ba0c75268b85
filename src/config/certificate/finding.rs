//! One message about a certificate or key file: which file, what is wrong, and what would be right.

use std::path::{Path, PathBuf};

/// What is wrong with a certificate or key file, or is worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// True: the certificate and key cannot be used. False: they can be used, but this is a warning.
    pub fatal: bool,
    /// The file that is meant.
    pub file: PathBuf,
    /// The problem: in lower case, one line, no full stop.
    pub what: String,
    /// What would be right. Empty when there is no advice.
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
