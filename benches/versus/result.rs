//! How every part of a run ends.

/// What went well, or one line that says what did not and what to do.
pub(crate) type Result<T, E = String> = std::result::Result<T, E>;
