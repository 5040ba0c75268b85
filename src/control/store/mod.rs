//! What is stored on disk over a restart, and the clocks that tell how old it is.

pub(crate) mod audit;
pub(crate) mod moments;
pub(crate) mod names;
pub(crate) mod sessions;
pub(crate) mod state_dir;

use std::time::Duration;

/// How long the control thread waits for a disk that does not answer.
pub(crate) const SLOW_DISK: Duration = Duration::from_secs(2);
