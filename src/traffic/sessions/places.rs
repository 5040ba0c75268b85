//! A hash table from keys to places in a slab, with linear probing. It keeps 32 bits of each hash beside the place: a
//! look-up waits for two cache lines, here and in the slab, and growing reads nothing of the slab at all.

/// Each slot is 0, or 32 bits of the hash and the place plus one.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// A power of two of them, or none.
    slots: Box<[u64]>,
    len: usize,
}

const FEWEST: usize = 16;

impl Places {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The place with this hash for which `matches` holds.
    pub(super) fn find(&self, hash: u64, matches: impl Fn(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.home(hash);
        // There is always an empty slot.
        while self.slots[at] != 0 {
            let slot = self.slots[at];
            if tag(slot) == tag(hash) && matches(place(slot)) {
                return Some(place(slot));
            }
            at = self.after(at);
        }
        None
    }

    /// Adds a place that is not here.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        // Four fifths full at most: beyond that, probes grow long.
        if (self.len + 1) * 5 > self.slots.len() * 4 {
            self.grow();
        }
        self.put(tag(hash) | (u64::from(place) + 1));
        self.len += 1;
    }

    /// Removes a place, and moves up what its slot had pushed aside, so that no mark has to stay.
    pub(super) fn remove(&mut self, hash: u64, place: u32) {
        if self.slots.is_empty() {
            return;
        }
        let gone = tag(hash) | (u64::from(place) + 1);
        let mut hole = self.home(hash);
        while self.slots[hole] != gone {
            if self.slots[hole] == 0 {
                return;
            }
            hole = self.after(hole);
        }
        let mut at = self.after(hole);
        while self.slots[at] != 0 {
            let home = self.home(self.slots[at]);
            if self.distance(home, at) >= self.distance(hole, at) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.slots[hole] = 0;
        self.len -= 1;
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(FEWEST);
        let old = std::mem::replace(&mut self.slots, vec![0; size].into());
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            self.put(slot);
        }
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.home(slot);
        while self.slots[at] != 0 {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    /// Where a hash, or a slot with its upper half, belongs.
    fn home(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// Slots from `from` on to `to`, around the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.slots.len() - 1)
    }
}

const fn tag(hash: u64) -> u64 {
    hash & !(u32::MAX as u64)
}

const fn place(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}

#[cfg(test)]
impl Places {
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_empty_table_holds_and_finds_nothing() {
        let mut places = Places::default();
        places.remove(7, 7);
        assert_eq!((places.find(7, |_| true), places.len(), places.bytes()), (None, 0, 0));
    }

    #[test]
    fn equal_hashes_are_told_apart_by_what_stands_there() {
        let mut places = Places::default();
        for place in 0..5 {
            places.insert(9 << 32, place);
        }
        assert_eq!(places.find(9 << 32, |place| place == 3), Some(3));
        places.remove(9 << 32, 1);
        places.remove(9 << 32, 1);
        let found: Vec<_> = (0..5).map(|wanted| places.find(9 << 32, |place| place == wanted)).collect();
        assert_eq!((found, places.len()), (vec![Some(0), None, Some(2), Some(3), Some(4)], 4));
    }

    #[test]
    fn crowded_slots_keep_everything_through_removals() {
        let (mut places, mut naive) = (Places::default(), BTreeMap::new());
        let mut chance = 0x9E37_79B9_97F4_A7C1_u64;
        for _ in 0..50_000 {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            // Hashes crowd in a few homes, near the end of the table too.
            let (place, hash) = ((chance % 300) as u32, |place: u32| u64::from(place / 9 * 31) << 32);
            match naive.remove(&place) {
                Some(()) => places.remove(hash(place), place),
                None => {
                    naive.insert(place, ());
                    places.insert(hash(place), place);
                }
            }
            let wanted = (chance >> 20) as u32 % 300;
            let found = places.find(hash(wanted), |place| place == wanted);
            assert_eq!(found.is_some(), naive.contains_key(&wanted));
            assert_eq!(places.len(), naive.len());
        }
    }
}
