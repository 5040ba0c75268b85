//! Counters that come into being with their first count, found again without a lock. For keys of which few are ever seen:
//! status codes, words.

use std::sync::OnceLock;

use parking_lot::Mutex;
use prometheus::IntCounter;

/// The counters of one label whose values are not known beforehand.
#[derive(Debug)]
pub(super) struct Slots<K> {
    first: [OnceLock<(K, IntCounter)>; 16],
    /// A node that answers with every status there is must not cost the others more than a lock.
    more: Mutex<Vec<(K, IntCounter)>>,
}

impl<K: Copy + Eq> Slots<K> {
    pub(super) fn new() -> Self {
        Self { first: [const { OnceLock::new() }; 16], more: Mutex::new(Vec::new()) }
    }

    /// Adds one to the counter of `key`; `make` finds it in its vector the first time.
    pub(super) fn count(&self, key: K, make: impl Fn() -> IntCounter) {
        for slot in &self.first {
            let (found, counter) = slot.get_or_init(|| (key, make()));
            if *found == key {
                return counter.inc();
            }
        }
        let mut more = self.more.lock();
        match more.iter().find(|(found, _)| *found == key) {
            Some((_, counter)) => counter.inc(),
            None => {
                let counter = make();
                counter.inc();
                more.push((key, counter));
            }
        }
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
        let slots = Slots::new();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 0..1_000_u64 {
                        let key = round % 40;
                        slots.count(key, || vec.with_label_values(&[&key.to_string()]));
                    }
                });
            }
        });
        for key in 0..40 {
            assert_eq!(vec.with_label_values(&[&key.to_string()]).get(), 50, "{key}");
        }
        let mut keys = slots.keys();
        keys.sort_unstable();
        assert_eq!(keys, (0..40).collect::<Vec<_>>());
    }
}
