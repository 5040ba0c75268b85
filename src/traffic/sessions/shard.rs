//! One part of the session table: an exact least-recently-used list in a slab, found through a hash table of places.
//! It never looks at a clock and never evicts by itself: the table above says when.

use std::collections::BTreeMap;

use super::key::SessionKey;
use super::places::Places;

/// What a binding did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The session lived on this node, and now lives on another one.
    Moved(u32),
    /// The session was not known.
    New,
    /// The session already lived there.
    Same,
}

/// How time counts, in the table's units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// A session unused for longer than this is over.
    pub(super) idle: u32,
    /// Uses this close together count as one.
    pub(super) grain: u32,
}

impl Pace {
    const fn is_over(self, used: u32, now: u32) -> bool {
        now.saturating_sub(used) > self.idle
    }
}

/// Marks the end of a list.
const NONE: u32 = u32::MAX;

/// A session: 32 bytes, so that two share a cache line. The raw id is nowhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: SessionKey,
    pub(super) node: u32,
    pub(super) used: u32,
    newer: u32,
    older: u32,
}

/// Every place in `places` and in the lists is the index of an entry: the slab never shrinks but by starting anew.
#[derive(Debug)]
pub(super) struct Shard {
    entries: Vec<Entry>,
    places: Places,
    newest: u32,
    oldest: u32,
    free: u32,
    nodes: BTreeMap<u32, u32>,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            places: Places::default(),
            newest: NONE,
            oldest: NONE,
            free: NONE,
            nodes: BTreeMap::new(),
        }
    }
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The session's node, and the session is used at `now`. One that was idle for too long is not found, swept or not.
    pub(super) fn find(&mut self, key: SessionKey, now: u32, pace: Pace) -> Option<u32> {
        let place = self.place(key)?;
        let Entry { node, used, .. } = self.entries[place as usize];
        if pace.is_over(used, now) {
            return None;
        }
        if now.saturating_sub(used) >= pace.grain {
            self.touch(place, now);
        }
        Some(node)
    }

    /// Binds a session that is here, `None` where it is not. One that was idle for too long counts as new.
    pub(super) fn rebind(&mut self, key: SessionKey, node: u32, now: u32, pace: Pace) -> Option<Bound> {
        let place = self.place(key)?;
        let Entry { node: old, used, .. } = self.entries[place as usize];
        self.touch(place, now);
        if old != node {
            self.forget_node(old);
            *self.nodes.entry(node).or_default() += 1;
            self.entries[place as usize].node = node;
        }
        Some(match (pace.is_over(used, now), old == node) {
            (true, _) => Bound::New,
            (_, true) => Bound::Same,
            _ => Bound::Moved(old),
        })
    }

    /// Adds a session that is not here, as the one used last.
    pub(super) fn insert(&mut self, key: SessionKey, node: u32, now: u32) {
        let place = self.vacant();
        self.entries[place as usize] = Entry { key, node, used: now, newer: NONE, older: NONE };
        self.link_newest(place);
        *self.nodes.entry(node).or_default() += 1;
        self.places.insert(key.hash(), place);
    }

    /// Drops the session that was idle for longest; false where there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        if self.oldest == NONE {
            return false;
        }
        self.remove(self.oldest);
        true
    }

    /// Drops sessions that were idle for too long, at most `budget` of them; returns how many.
    pub(super) fn expire(&mut self, now: u32, pace: Pace, budget: usize) -> usize {
        let mut dropped = 0;
        while dropped < budget && self.oldest != NONE {
            if !pace.is_over(self.entries[self.oldest as usize].used, now) {
                break;
            }
            self.remove(self.oldest);
            dropped += 1;
        }
        if self.len() == 0 && dropped > 0 {
            *self = Self::default();
        }
        dropped
    }

    /// Drops every session of a node; returns how many.
    pub(super) fn clear_node(&mut self, node: u32) -> usize {
        let mut dropped = 0;
        let mut place = if self.nodes.contains_key(&node) { self.oldest } else { NONE };
        while place != NONE {
            let entry = self.entries[place as usize];
            if entry.node == node {
                self.remove(place);
                dropped += 1;
            }
            place = entry.newer;
        }
        dropped
    }

    /// Sessions bound to a node.
    pub(super) fn count_of(&self, node: u32) -> usize {
        self.nodes.get(&node).map_or(0, |count| *count as usize)
    }

    /// Every session, the longest idle first; the shard is empty after it.
    pub(super) fn take_all(&mut self) -> Vec<Entry> {
        let shard = std::mem::take(self);
        let mut taken = Vec::with_capacity(shard.len());
        let mut place = shard.oldest;
        while place != NONE {
            let entry = shard.entries[place as usize];
            taken.push(entry);
            place = entry.newer;
        }
        taken
    }

    fn place(&self, key: SessionKey) -> Option<u32> {
        self.places.find(key.hash(), |place| self.entries[place as usize].key == key)
    }

    fn touch(&mut self, place: u32, now: u32) {
        // Threads keep coarse clocks of their own: a use must not make a session older than it was.
        let entry = &mut self.entries[place as usize];
        entry.used = entry.used.max(now);
        if place != self.newest {
            self.unlink(place);
            self.link_newest(place);
        }
    }

    fn remove(&mut self, place: u32) {
        let Entry { key, node, .. } = self.entries[place as usize];
        self.places.remove(key.hash(), place);
        self.unlink(place);
        self.forget_node(node);
        self.entries[place as usize].older = self.free;
        self.free = place;
    }

    fn forget_node(&mut self, node: u32) {
        if let Some(count) = self.nodes.get_mut(&node) {
            *count -= 1;
            if *count == 0 {
                self.nodes.remove(&node);
            }
        }
    }

    /// A free place in the slab, which grows by a quarter: doubling would waste half of a large table.
    fn vacant(&mut self) -> u32 {
        if self.free != NONE {
            let place = self.free;
            self.free = self.entries[place as usize].older;
            return place;
        }
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / 4).max(16));
        }
        self.entries.push(Entry { key: SessionKey::default(), node: 0, used: 0, newer: NONE, older: NONE });
        (self.entries.len() - 1) as u32
    }

    fn link_newest(&mut self, place: u32) {
        let before = self.newest;
        self.entries[place as usize].older = before;
        self.entries[place as usize].newer = NONE;
        match before {
            NONE => self.oldest = place,
            _ => self.entries[before as usize].newer = place,
        }
        self.newest = place;
    }

    fn unlink(&mut self, place: u32) {
        let Entry { newer, older, .. } = self.entries[place as usize];
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

#[cfg(test)]
impl Shard {
    /// The keys from the longest idle on, after checking that lists, table and counts tell the same.
    pub(super) fn audit(&self) -> Vec<SessionKey> {
        let mut keys = Vec::new();
        let mut nodes = BTreeMap::new();
        let (mut before, mut place) = (NONE, self.oldest);
        while place != NONE {
            let entry = &self.entries[place as usize];
            assert_eq!(entry.older, before, "the list reads the same both ways");
            assert_eq!(self.place(entry.key), Some(place), "every listed session can be found");
            keys.push(entry.key);
            *nodes.entry(entry.node).or_insert(0) += 1;
            (before, place) = (place, entry.newer);
        }
        assert_eq!(self.newest, before);
        assert_eq!(keys.len(), self.len());
        assert_eq!(nodes, self.nodes);
        keys
    }

    /// Bytes that the shard's parts hold, spare room included.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.places.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_takes_32_bytes() {
        assert_eq!(size_of::<Entry>(), 32);
    }

    #[test]
    fn a_dropped_place_is_used_again() {
        let mut shard = Shard::default();
        for id in 0..1000_u64 {
            shard.insert(SessionKey::from_parts(id, id), 1, 0);
            if id >= 10 {
                assert!(shard.drop_oldest());
            }
        }
        assert_eq!(shard.audit().len(), 10);
        assert!(shard.entries.len() <= 11, "{} places for 10 sessions", shard.entries.len());
    }

    #[test]
    fn an_emptied_shard_gives_its_memory_back() {
        let mut shard = Shard::default();
        for id in 0..1000_u64 {
            shard.insert(SessionKey::from_parts(id, id), 1, 0);
        }
        assert_eq!(shard.expire(100, Pace { idle: 10, grain: 0 }, usize::MAX), 1000);
        assert_eq!(shard.bytes(), 0);
        assert!(!shard.drop_oldest());
    }
}
