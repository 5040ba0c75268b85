//! A gate that one side waits at until the other opens it; it opens by itself when a test takes too long.

use std::sync::{Arc, Condvar, Mutex};

use super::eventually::PATIENCE;

/// Shut when made; once open it stays open.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A gate that nobody passes yet.
    pub(crate) fn shut() -> Self {
        Self::default()
    }

    /// Lets everybody pass, now and later.
    pub(crate) fn open(&self) {
        *self.0.0.lock().expect("no test panics while it holds the gate") = true;
        self.0.1.notify_all();
    }

    /// Waits until the gate is open; says whether it was in time.
    pub(crate) fn pass(&self) -> bool {
        let shut = self.0.0.lock().expect("no test panics while it holds the gate");
        let (open, _) = self.0.1.wait_timeout_while(shut, 2 * PATIENCE, |open| !*open).expect("as above");
        *open
    }
}
