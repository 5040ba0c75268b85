//! Waiting for what a program is to come to, bounded, and with its journal where it does not.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// The time until which it may take.
pub(crate) struct Patience(Instant);

impl Patience {
    /// A minute from now on.
    pub(crate) fn new() -> Self {
        Self(Instant::now() + Duration::from_secs(60))
    }

    /// One more turn; fails with `what` and the journal when the program has ended, or the time is over.
    pub(crate) fn wait(&self, what: &str, program: &mut Child, journal: &Path) {
        let ended = program.try_wait().unwrap();
        let journal = || fs::read_to_string(journal).unwrap_or_default();
        assert!(ended.is_none() && Instant::now() < self.0, "not so: {what}; {ended:?}:\n{}", journal());
        std::thread::sleep(Duration::from_millis(50));
    }
}
