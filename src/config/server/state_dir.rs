//! The directory for what outlives a restart. It need not exist yet.

use std::path::PathBuf;

use crate::config::text::errors::Wrong;

/// Accepts a path that is a directory or does not exist.
pub(crate) fn check(path: PathBuf) -> Result<PathBuf, Wrong> {
    match path.metadata() {
        Ok(metadata) if !metadata.is_dir() => {
            Err(Wrong::new(format!("{} is not a directory", path.display()), "name a directory of its own"))
        }
        _ => Ok(path),
    }
}
