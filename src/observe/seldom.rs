//! Lines that would come with every request while something is wrong: one a second is told, and how many were left out.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One kind of line.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    /// The second after the one in which it was told last.
    next: AtomicU64,
    left_out: AtomicU64,
}

impl Seldom {
    /// Something is to be told in this second: how much of the kind was left out before it, or none where it is left out
    /// as well.
    pub(super) fn tell(&self, second: u64) -> Option<u64> {
        let next = self.next.load(Relaxed);
        let told = second >= next && self.next.compare_exchange(next, second + 1, Relaxed, Relaxed).is_ok();
        if !told {
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
    fn one_a_second_is_told_and_the_others_are_counted() {
        let line = Seldom::default();
        let told: Vec<_> = [0, 0, 0, 1, 1, 7, 9].map(|second| line.tell(second)).into();
        assert_eq!(told, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
