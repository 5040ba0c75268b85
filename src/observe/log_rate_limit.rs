//! A rate limit for lines that would come with every request while something is wrong: one a second, with how many were
//! left out.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The limit of one kind of line.
#[derive(Debug, Default)]
pub(crate) struct LogRateLimit {
    /// The second after the one in which a line was last written.
    next: AtomicU64,
    left_out: AtomicU64,
}

impl LogRateLimit {
    /// A limit that has let no line pass yet.
    pub(crate) const fn new() -> Self {
        Self { next: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Asks to write a line in this second. If it may be written, returns how many were left out since the line before;
    /// otherwise counts it as left out and returns `None`.
    pub(crate) fn allow(&self, second: u64) -> Option<u64> {
        let next = self.next.load(Relaxed);
        let allowed = second >= next && self.next.compare_exchange(next, second + 1, Relaxed, Relaxed).is_ok();
        if !allowed {
            self.left_out.fetch_add(1, Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_is_allowed_and_the_others_are_counted() {
        let limit = LogRateLimit::default();
        let allowed: Vec<_> = [0, 0, 0, 1, 1, 7, 9].map(|second| limit.allow(second)).into();
        assert_eq!(allowed, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
