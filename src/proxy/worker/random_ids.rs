//! Random numbers for the ids of requests. Each thread hashes a counter with a secret key of its own, so a number costs
//! no call of the system, and who has seen many of them cannot tell the next one.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use siphasher::sip128::SipHasher13;

/// The numbers of one thread.
pub(crate) struct RandomIds {
    keyed: SipHasher13,
    counter: Cell<u64>,
}

impl RandomIds {
    /// Numbers by a new key, which comes from the system's random numbers, as the keys of `std`'s hash tables do.
    pub(crate) fn new() -> Self {
        let random = RandomState::new();
        let keyed = SipHasher13::new_with_keys(random.hash_one(0), random.hash_one(1));
        Self { keyed, counter: Cell::new(0) }
    }

    /// The next number.
    pub(crate) fn next(&self) -> u128 {
        let counter = self.counter.get().wrapping_add(1);
        self.counter.set(counter);
        self.keyed.hash(&counter.to_le_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_comes_twice_not_even_on_two_threads() {
        let both = [RandomIds::new(), RandomIds::new()];
        let drawn: HashSet<u128> = both.iter().flat_map(|ids| (0..1000).map(|_| ids.next())).collect();
        assert_eq!(drawn.len(), 2000);
        // Every bit is set in about half of them.
        for bit in 0..128 {
            let set = drawn.iter().filter(|number| *number >> bit & 1 == 1).count();
            assert!((800..1200).contains(&set), "bit {bit} is set in {set} of 2000");
        }
    }
}
