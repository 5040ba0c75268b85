//! The retry budget of a pool: how many retries its requests allow.

use crate::traffic::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The retry budget of a pool, shared by all threads. Each request adds a part of a retry. The budget starts full, so
/// that a pool with little traffic can retry.
#[derive(Debug)]
pub struct Budget {
    /// In hundredths of a retry.
    left: AtomicU32,
}

impl Budget {
    /// The most retries in the budget.
    pub const MOST: u32 = 100;

    /// A full budget.
    pub const fn new() -> Self {
        Self { left: AtomicU32::new(Self::MOST * HUNDREDTHS) }
    }

    /// Adds `percent` of a retry for a request. Writes nothing while the budget is full.
    pub fn deposit(&self, percent: u16) {
        let more = |left| (left < Self::MOST * HUNDREDTHS).then(|| Self::grown(left, percent));
        let _full = self.left.fetch_update(Relaxed, Relaxed, more);
    }

    /// Takes a retry if there is one. Always false if `percent` is 0.
    pub fn withdraw(&self, percent: u16) -> bool {
        let less = |left: u32| left.checked_sub(HUNDREDTHS);
        percent > 0 && self.left.fetch_update(Relaxed, Relaxed, less).is_ok()
    }

    /// Whole retries left.
    pub fn left(&self) -> u32 {
        self.left.load(Relaxed) / HUNDREDTHS
    }

    fn grown(left: u32, percent: u16) -> u32 {
        left.saturating_add(u32::from(percent)).min(Self::MOST * HUNDREDTHS)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

const HUNDREDTHS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn withdrawn(budget: &Budget, percent: u16) -> u32 {
        (0..1000).filter(|_| budget.withdraw(percent)).count() as u32
    }

    #[test]
    fn a_budget_begins_full_and_grows_with_requests() {
        for (percent, requests, expected) in [
            (20, 0, 0),
            (20, 4, 0),
            (20, 5, 1),
            (20, 499, 99),
            (20, 9999, 100),
            (100, 7, 7),
            (u16::MAX, 1, 100),
            (1, 99, 0),
        ] {
            let budget = Budget::new();
            assert_eq!((budget.left(), withdrawn(&budget, percent), budget.left()), (100, 100, 0));
            (0..requests).for_each(|_| budget.deposit(percent));
            assert_eq!(budget.left(), expected);
            assert_eq!(withdrawn(&budget, percent), expected, "{requests} requests at {percent} %");
        }
        let budget = Budget::default();
        (0..1000).for_each(|_| budget.deposit(20));
        assert_eq!(withdrawn(&budget, 20), 100, "never more than full");
        assert_eq!(withdrawn(&Budget::new(), 0), 0, "none where the pool allows none");
    }

    #[test]
    fn threads_at_once_share_one_budget() {
        let budget = Budget::new();
        let storm = || {
            let try_one = |_| {
                budget.deposit(20);
                (0..3).filter(|_| budget.withdraw(20)).count()
            };
            (0..5000).map(try_one).sum::<usize>()
        };
        let repeated: usize = std::thread::scope(|scope| {
            let threads = [0; 4].map(|_| scope.spawn(storm));
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        let most = 100 + 4 * 5000 / 5;
        assert!(repeated <= most && repeated + 100 >= most, "{repeated} of {most}");
    }
}
