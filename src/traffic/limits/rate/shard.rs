//! One part of a rate table: at most `capacity` buckets, ordered by last use. The least recently used is evicted first.
//! The time is an argument.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::SipHasher24;

use super::bucket::{Bucket, RateDecision, RateTerms};
use crate::traffic::tick::Tick;

/// The keyed hash of a key. The secret keeps clients from choosing their position in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HashedKey {
    high: u64,
    low: u64,
}

/// A slab of buckets, a linked list through them by last use, and an index by key. The slab never shrinks; a free slot
/// is used by the next new key.
#[derive(Debug)]
pub(super) struct Shard {
    entries: Vec<Entry>,
    slots: HashMap<HashedKey, u32, BuildHasherDefault<NoHash>>,
    newest: u32,
    oldest: u32,
    free: u32,
    capacity: u32,
    /// What passed since it was taken last, where other machines are told of it.
    passed: Option<Passed>,
}

/// How many requests passed, by key.
type Passed = HashMap<HashedKey, u32, BuildHasherDefault<NoHash>>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    who: HashedKey,
    bucket: Bucket,
    newer: u32,
    older: u32,
}

/// Marks the end of a list.
const NONE: u32 = u32::MAX;

/// The most keys of which it is noted what passed. It is taken every tenth of a second.
const MOST_PASSED: usize = 4096;

/// Empty buckets that each new key removes. More than one, so that the table shrinks to the keys in use.
const CLEARED: usize = 2;

impl Shard {
    /// Room for at least one. `notes_passed`: what passes is noted, for others to be told.
    pub(super) fn new(capacity: u32, notes_passed: bool) -> Self {
        let capacity = capacity.clamp(1, NONE - 1);
        let passed = notes_passed.then(Passed::default);
        Self {
            entries: Vec::new(),
            slots: HashMap::default(),
            newest: NONE,
            oldest: NONE,
            free: NONE,
            capacity,
            passed,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Counts one request.
    pub(super) fn ask(&mut self, who: HashedKey, terms: &RateTerms, now: Tick) -> RateDecision {
        let decision = self.used(who, terms, now).ask(terms, now);
        if let Some(passed) = &mut self.passed
            && !matches!(decision, RateDecision::Refuse { .. })
            && (passed.len() < MOST_PASSED || passed.contains_key(&who))
        {
            *passed.entry(who).or_default() += 1;
        }
        decision
    }

    /// Counts requests that passed elsewhere.
    pub(super) fn charge(&mut self, who: HashedKey, requests: u32, terms: &RateTerms, now: Tick) {
        self.used(who, terms, now).charge(requests, terms, now);
    }

    /// What passed since the last call.
    pub(super) fn take_passed(&mut self) -> impl Iterator<Item = (HashedKey, u32)> + use<> {
        self.passed.as_mut().map(std::mem::take).into_iter().flatten()
    }

    /// The bucket of a key, which is the one used last now.
    fn used(&mut self, who: HashedKey, terms: &RateTerms, now: Tick) -> &mut Bucket {
        let slot = match self.slots.get(&who) {
            Some(slot) => *slot,
            None => self.add(who, terms, now),
        };
        if slot != self.newest {
            self.unlink(slot);
            self.link_newest(slot);
        }
        &mut self.entries[slot as usize].bucket
    }

    /// Adds a key that is not in the table; returns its slot.
    fn add(&mut self, who: HashedKey, terms: &RateTerms, now: Tick) -> u32 {
        for _ in 0..CLEARED {
            if self.oldest != NONE && terms.is_empty(&self.entries[self.oldest as usize].bucket, now) {
                self.forget_oldest();
            }
        }
        if self.slots.len() >= self.capacity as usize {
            self.forget_oldest();
        }
        let slot = self.free_slot();
        self.entries[slot as usize] = Entry { who, bucket: Bucket::default(), newer: NONE, older: NONE };
        self.link_newest(slot);
        self.slots.insert(who, slot);
        slot
    }

    fn forget_oldest(&mut self) {
        let slot = self.oldest;
        self.slots.remove(&self.entries[slot as usize].who);
        self.unlink(slot);
        self.entries[slot as usize].older = self.free;
        self.free = slot;
    }

    /// A free slot in the slab.
    fn free_slot(&mut self) -> u32 {
        if self.free != NONE {
            let slot = self.free;
            self.free = self.entries[slot as usize].older;
            return slot;
        }
        self.entries.push(Entry {
            who: HashedKey { high: 0, low: 0 },
            bucket: Bucket::default(),
            newer: NONE,
            older: NONE,
        });
        (self.entries.len() - 1) as u32
    }

    fn link_newest(&mut self, slot: u32) {
        let before = self.newest;
        self.entries[slot as usize].older = before;
        self.entries[slot as usize].newer = NONE;
        match before {
            NONE => self.oldest = slot,
            _ => self.entries[before as usize].newer = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let Entry { newer, older, .. } = self.entries[slot as usize];
        match newer {
            NONE => self.newest = older,
            _ => self.entries[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            _ => self.entries[older as usize].newer = newer,
        }
    }
}

impl HashedKey {
    pub(super) fn of(key: &[u8], secret: &[u8; 16]) -> Self {
        let hash = SipHasher24::new_with_key(secret).hash(key);
        Self { high: hash.h1, low: hash.h2 }
    }

    /// One that another machine told.
    pub(super) const fn from_number(number: u128) -> Self {
        Self { high: (number >> 64) as u64, low: number as u64 }
    }

    /// As other machines are told.
    pub(super) fn number(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// Its part out of `parts`, a power of two.
    pub(super) const fn part(self, parts: usize) -> usize {
        self.high as usize & (parts - 1)
    }
}

impl Hash for HashedKey {
    /// The half of the hash that did not choose the part.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
    }
}

/// A hasher for keys that are hashes already.
#[derive(Default)]
struct NoHash(u64);

impl Hasher for NoHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Rate, RateBy};
    use crate::traffic::xorshift::xorshift;

    fn terms(per: Duration) -> RateTerms {
        let by = RateBy::Client { ipv4_prefix: 32, ipv6_prefix: 64 };
        RateTerms::of(&Rate { requests: 1, per, burst: 0, delay: false, by, max_keys: 1, shared: false })
    }

    fn who(number: u64) -> HashedKey {
        HashedKey::of(&number.to_le_bytes(), &[7; 16])
    }

    impl Shard {
        /// The keys, least recently used first, after checking that list and index agree.
        fn audit(&self) -> Vec<HashedKey> {
            let (mut listed, mut before, mut slot) = (Vec::new(), NONE, self.oldest);
            while slot != NONE {
                let entry = &self.entries[slot as usize];
                assert_eq!(entry.older, before, "the list reads the same both ways");
                assert_eq!(self.slots.get(&entry.who), Some(&slot));
                listed.push(entry.who);
                (before, slot) = (slot, entry.newer);
            }
            assert_eq!((self.newest, listed.len()), (before, self.len()));
            assert!(self.entries.len() <= self.capacity as usize, "{} slots", self.entries.len());
            listed
        }
    }

    #[test]
    fn the_longest_quiet_is_forgotten_first() {
        let (mut shard, terms) = (Shard::new(100, false), terms(Duration::from_secs(3600)));
        let mut naive: Vec<u64> = Vec::new();
        let mut chance = 0x9E37_79B9_97F4_A7C1_u64;
        for step in 0..20_000 {
            let number = xorshift(&mut chance) % 150;
            let known = naive.iter().position(|other| *other == number);
            known.map(|at| naive.remove(at));
            naive.push(number);
            if naive.len() > 100 {
                naive.remove(0);
            }
            // An hour has not passed, so known keys are refused.
            let verdict = shard.ask(who(number), &terms, Tick::from_millis(step / 10));
            assert_eq!(verdict == RateDecision::Pass, known.is_none());
            if step % 100 == 0 {
                assert_eq!(shard.audit(), naive.iter().map(|number| who(*number)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn who_counts_for_nothing_any_more_makes_room() {
        let (mut shard, terms) = (Shard::new(1000, false), terms(Duration::from_secs(1)));
        for number in 0..1000 {
            shard.ask(who(number), &terms, Tick::START);
        }
        assert_eq!(shard.len(), 1000);
        for number in 1000..1999 {
            shard.ask(who(number), &terms, Tick::from_millis(1000));
        }
        assert_eq!(shard.audit().len(), 1000 - 999 + 998, "two went for each that came, while there were any");
        for number in 2000..5000 {
            shard.ask(who(number), &terms, Tick::from_millis(number * 1000));
        }
        assert!(shard.audit().len() <= 2);
    }
}
