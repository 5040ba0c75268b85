//! The directory for what outlives a restart. It need not exist: nothing is kept there yet.

use std::path::PathBuf;

use crate::config::text::errors::Wrong;

/// A path that is, or can become, a directory.
pub(crate) fn check(path: PathBuf) -> Result<PathBuf, Wrong> {
    match path.metadata() {
        Ok(metadata) if !metadata.is_dir() => {
            Err(Wrong::new(format!("{} is not a directory", path.display()), "name a directory of its own"))
        }
        _ => Ok(path),
    }
}
