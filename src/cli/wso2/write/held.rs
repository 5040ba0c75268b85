//! Signals that would end Weir while some files of a cluster are new and others are old, or while a copy has no place yet, wait until
//! that is over.

use nix::sys::signal::{SigSet, Signal};

/// They wait as long as this is there, and end Weir then. Commands have one thread.
pub(super) struct Held(SigSet);

impl Held {
    pub(super) fn new() -> Self {
        let before = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
        let ends = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT]);
        // The call fails for no set of signals.
        let _ = ends.thread_block();
        Self(before)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::raise;

    use super::*;

    #[test]
    fn a_signal_waits() {
        let held = Held::new();
        raise(Signal::SIGTERM).unwrap();
        // Not held, it has ended the test. Taken, it does not do so later.
        let taken = SigSet::from(Signal::SIGTERM).wait().unwrap();
        assert_eq!(taken, Signal::SIGTERM);
        let is_blocked = || SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM);
        assert!(is_blocked());
        drop(held);
        assert!(!is_blocked());
    }
}
