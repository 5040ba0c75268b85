//! Counters of one label whose values are not known beforehand, such as status codes. A counter is made at its first count
//! and found again without a lock; usually there are few.

use std::sync::OnceLock;

use parking_lot::Mutex;
use prometheus::IntCounter;

/// One counter for each value that was counted.
#[derive(Debug)]
pub(super) struct LazyCounters<K> {
    first: [OnceLock<(K, IntCounter)>; 16],
    /// Those beyond the first sixteen, under a lock: a node may answer with any status.
    more: Mutex<Vec<(K, IntCounter)>>,
}

impl<K: Copy + Eq> LazyCounters<K> {
    pub(super) fn new() -> Self {
        Self { first: [const { OnceLock::new() }; 16], more: Mutex::new(Vec::new()) }
    }

    /// These keys are in the scrape from the start, at zero. Those that are counted most come first.
    pub(super) fn known<'k>(keys: impl IntoIterator<Item = &'k K>, make: impl Fn(K) -> IntCounter) -> Self
    where
        K: 'k,
    {
        let counters = Self::new();
        keys.into_iter().for_each(|key| counters.know(*key, || make(*key)));
        counters
    }

    /// Adds one to the counter of `key`; `make` resolves it the first time.
    pub(super) fn count(&self, key: K, make: impl Fn() -> IntCounter) {
        self.with(key, make, IntCounter::inc);
    }

    /// Makes the counter of `key` where there is none yet, so that it is in the scrape at zero.
    pub(super) fn know(&self, key: K, make: impl Fn() -> IntCounter) {
        self.with(key, make, |_| ());
    }

    fn with(&self, key: K, make: impl Fn() -> IntCounter, act: impl Fn(&IntCounter)) {
        for slot in &self.first {
            let (found, counter) = slot.get_or_init(|| (key, make()));
            if *found == key {
                return act(counter);
            }
        }
        let mut more = self.more.lock();
        match more.iter().find(|(found, _)| *found == key) {
            Some((_, counter)) => act(counter),
            None => {
                let counter = make();
                act(&counter);
                more.push((key, counter));
            }
        }
    }

    /// How much was counted of a key.
    pub(super) fn get(&self, key: K) -> u64 {
        let mut count = 0;
        self.each(|found, counted| {
            if found == key {
                count = counted;
            }
        });
        count
    }

    /// Tells each key and its count.
    pub(super) fn each(&self, mut tell: impl FnMut(K, u64)) {
        let more = self.more.lock();
        let all = self.first.iter().filter_map(OnceLock::get).chain(more.iter());
        all.for_each(|(key, counter)| tell(*key, counter.get()));
    }

    /// Every key that was counted.
    pub(super) fn keys(&self) -> Vec<K> {
        let more = self.more.lock();
        self.first.iter().filter_map(OnceLock::get).chain(more.iter()).map(|(key, _)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{IntCounterVec, Opts};

    use super::*;

    #[test]
    fn every_key_has_its_counter_whoever_comes_first() {
        let vec = IntCounterVec::new(Opts::new("name", "help"), &["key"]).unwrap();
        let counters = LazyCounters::new();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 0..1_000_u64 {
                        let key = round % 40;
                        counters.count(key, || vec.with_label_values(&[&key.to_string()]));
                    }
                });
            }
        });
        for key in 0..40 {
            assert_eq!(vec.with_label_values(&[&key.to_string()]).get(), 50, "{key}");
        }
        let mut keys = counters.keys();
        keys.sort_unstable();
        assert_eq!(keys, (0..40).collect::<Vec<_>>());
    }
}
