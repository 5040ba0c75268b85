//! One part of the session table: a hash table with linear probing. Its entries also form an exact least-recently-used
//! list. A look-up usually reads one cache line. The time is an argument, and the caller decides when to evict.

use std::collections::BTreeMap;

use super::home::BindKind;
use super::key::SessionKey;

/// What a binding did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindResult {
    /// The session has moved to another node; this is the old one.
    Moved(u32),
    /// The session was not known.
    New,
    /// The session was on this node already.
    Same,
}

/// Time limits, in the table's units.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// A session unused for longer than this is over.
    pub(super) idle: u32,
    /// Uses within this time count as one.
    pub(super) grain: u32,
}

impl TimeLimits {
    pub(super) const fn is_over(self, used: u32, now: u32) -> bool {
        now.saturating_sub(used) > self.idle
    }
}

/// Marks the end of the list.
const NONE: u32 = u32::MAX;

/// As an entry's `newer`: the slot is vacant.
const VACANT: u32 = u32::MAX - 1;

const FEWEST: usize = 16;

/// A session: 32 bytes, never across two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Entry {
    pub(super) key: SessionKey,
    pub(super) node: u16,
    pub(super) home: u16,
    pub(super) used: u32,
    newer: u32,
    older: u32,
}

impl Entry {
    pub(super) const fn new(key: SessionKey, node: u16, home: u16, used: u32) -> Self {
        Self { key, node, home, used, newer: NONE, older: NONE }
    }

    fn vacant() -> Self {
        Self { newer: VACANT, ..Self::new(SessionKey::default(), 0, 0, 0) }
    }

    const fn is_vacant(&self) -> bool {
        self.newer == VACANT
    }
}

/// A copy of a shard's sessions at one moment. It is one memory copy, so the lock is held for microseconds.
#[derive(Debug, Default)]
pub(super) struct ShardCopy {
    slots: Vec<Entry>,
    oldest: u32,
}

impl ShardCopy {
    /// The sessions, longest idle first.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Entry> {
        listed(&self.slots, self.oldest)
    }
}

/// Links are indexes into `slots`. At least a fourth of the slots are vacant, unless there are no slots.
#[derive(Debug)]
pub(super) struct Shard {
    slots: Box<[Entry]>,
    len: usize,
    newest: u32,
    oldest: u32,
    nodes: BTreeMap<u16, u32>,
}

impl Default for Shard {
    fn default() -> Self {
        Self { slots: Box::default(), len: 0, newest: NONE, oldest: NONE, nodes: BTreeMap::new() }
    }
}

impl Shard {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The session as it was; then it counts as used at `now`. A session that was idle for too long is not found, even
    /// before a sweep drops it.
    pub(super) fn find(&mut self, key: SessionKey, now: u32, limits: TimeLimits) -> Option<Entry> {
        let slot = self.find_slot(key)?;
        let entry = Some(self.slots[slot]).filter(|entry| !limits.is_over(entry.used, now))?;
        if now.saturating_sub(entry.used) >= limits.grain {
            self.touch(slot, now);
        }
        Some(entry)
    }

    /// The same, but it does not count as a use.
    pub(super) fn peek(&self, key: SessionKey, now: u32, limits: TimeLimits) -> Option<Entry> {
        Some(self.slots[self.find_slot(key)?]).filter(|entry| !limits.is_over(entry.used, now))
    }

    /// Binds a session that is in the table; `None` if it is not. A session that was idle for too long counts as new.
    pub(super) fn rebind(
        &mut self,
        key: SessionKey,
        node: u16,
        kind: BindKind,
        now: u32,
        limits: TimeLimits,
    ) -> Option<BindResult> {
        let slot = self.find_slot(key)?;
        let Entry { node: old, used, .. } = self.slots[slot];
        let over = limits.is_over(used, now);
        self.touch(slot, now);
        if old != node {
            self.forget_node(old);
            *self.nodes.entry(node).or_default() += 1;
            self.slots[slot].node = node;
        }
        if over || kind == BindKind::Learned {
            self.slots[slot].home = node;
        }
        Some(match (over, old == node) {
            (true, _) => BindResult::New,
            (_, true) => BindResult::Same,
            _ => BindResult::Moved(old.into()),
        })
    }

    /// Adds a session that is not in the table, as the one used last.
    pub(super) fn insert(&mut self, entry: &Entry) {
        // Above three fourths, probing takes too many steps.
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.vacant_slot(entry.key);
        self.slots[slot] = *entry;
        self.link_newest(slot);
        *self.nodes.entry(entry.node).or_default() += 1;
        self.len += 1;
    }

    /// Adds a session as the one used last, unless it is in the table already; true if it was added.
    pub(super) fn insert_if_new(&mut self, entry: &Entry) -> bool {
        let new = self.find_slot(entry.key).is_none();
        if new {
            self.insert(entry);
        }
        new
    }

    /// Sorts the sessions by last use, after [`Shard::insert_if_new`] added them in another order.
    pub(super) fn sort(&mut self) {
        if listed(&self.slots, self.oldest).is_sorted_by_key(|entry| entry.used) {
            return;
        }
        let mut entries = self.take_all();
        entries.sort_by_key(|entry| entry.used);
        for entry in &entries {
            self.insert(entry);
        }
    }

    /// Drops the session that was idle for longest; false if there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        if self.oldest == NONE {
            return false;
        }
        self.remove(self.oldest as usize);
        true
    }

    /// Drops sessions that were idle for too long, at most `budget` of them; returns how many.
    pub(super) fn expire(&mut self, now: u32, limits: TimeLimits, budget: usize) -> usize {
        let mut dropped = 0;
        while dropped < budget && self.oldest != NONE {
            if !limits.is_over(self.slots[self.oldest as usize].used, now) {
                break;
            }
            self.remove(self.oldest as usize);
            dropped += 1;
        }
        if self.len == 0 && dropped > 0 {
            *self = Self::default();
        }
        dropped
    }

    /// Sessions bound to a node.
    pub(super) fn count_of(&self, node: u16) -> usize {
        self.nodes.get(&node).map_or(0, |count| *count as usize)
    }

    /// Takes all sessions, longest idle first. The shard is empty afterwards.
    pub(super) fn take_all(&mut self) -> Vec<Entry> {
        let shard = std::mem::take(self);
        let mut taken = Vec::with_capacity(shard.len);
        taken.extend(listed(&shard.slots, shard.oldest));
        taken
    }

    /// Copies the sessions, using the memory of an earlier copy.
    pub(super) fn copy_to(&self, copied: &mut ShardCopy) {
        copied.slots.clear();
        copied.slots.extend_from_slice(&self.slots);
        copied.oldest = self.oldest;
    }

    fn find_slot(&self, key: SessionKey) -> Option<usize> {
        let mut slot = self.first_slot(key);
        loop {
            let entry = self.slots.get(slot)?;
            if entry.key == key && !entry.is_vacant() {
                return Some(slot);
            }
            if entry.is_vacant() {
                return None;
            }
            slot = self.next_slot(slot);
        }
    }

    fn vacant_slot(&self, key: SessionKey) -> usize {
        let mut slot = self.first_slot(key);
        while !self.slots[slot].is_vacant() {
            slot = self.next_slot(slot);
        }
        slot
    }

    fn touch(&mut self, slot: usize, now: u32) {
        // Each thread has its own coarse clock. A use must not make a session older.
        let entry = &mut self.slots[slot];
        entry.used = entry.used.max(now);
        if slot != self.newest as usize {
            self.unlink(slot);
            self.link_newest(slot);
        }
    }

    /// Moves later entries of the same probe run into the hole, so that no tombstone is needed.
    fn remove(&mut self, slot: usize) {
        self.unlink(slot);
        self.forget_node(self.slots[slot].node);
        self.len -= 1;
        let mut hole = slot;
        let mut slot = self.next_slot(hole);
        while !self.slots[slot].is_vacant() {
            let first = self.first_slot(self.slots[slot].key);
            if self.distance(first, slot) >= self.distance(hole, slot) {
                self.shift(slot, hole);
                hole = slot;
            }
            slot = self.next_slot(slot);
        }
        self.slots[hole] = Entry::vacant();
    }

    fn shift(&mut self, from: usize, to: usize) {
        let entry = self.slots[from];
        self.slots[to] = entry;
        self.link(entry.older, entry.newer, to as u32, to as u32);
    }

    fn forget_node(&mut self, node: u16) {
        if let Some(count) = self.nodes.get_mut(&node) {
            *count -= 1;
            if *count == 0 {
                self.nodes.remove(&node);
            }
        }
    }

    /// Grows by a fourth, since doubling would waste half of a large table. It goes through old and new slots in order,
    /// which is fast, because the lock is held.
    fn grow(&mut self) {
        let size = (self.slots.len() / 4 * 5).max(FEWEST);
        let old = std::mem::replace(&mut self.slots, vec![Entry::vacant(); size].into());
        let mut moved = vec![NONE; old.len()];
        for (entry, moved) in old.iter().zip(&mut moved).filter(|(entry, _)| !entry.is_vacant()) {
            let slot = self.vacant_slot(entry.key);
            self.slots[slot] = *entry;
            *moved = slot as u32;
        }
        let moved = |slot: u32| moved.get(slot as usize).copied().unwrap_or(NONE);
        for entry in self.slots.iter_mut().filter(|entry| !entry.is_vacant()) {
            (entry.newer, entry.older) = (moved(entry.newer), moved(entry.older));
        }
        (self.newest, self.oldest) = (moved(self.newest), moved(self.oldest));
    }

    fn link_newest(&mut self, slot: usize) {
        let before = self.newest;
        self.slots[slot].older = before;
        self.slots[slot].newer = NONE;
        self.link(before, NONE, slot as u32, slot as u32);
    }

    fn unlink(&mut self, slot: usize) {
        let Entry { newer, older, .. } = self.slots[slot];
        self.link(older, newer, newer, older);
    }

    /// Makes `next` follow `older` and `last` precede `newer`. `NONE` stands for the ends of the list.
    fn link(&mut self, older: u32, newer: u32, next: u32, last: u32) {
        match older {
            NONE => self.oldest = next,
            _ => self.slots[older as usize].newer = next,
        }
        match newer {
            NONE => self.newest = last,
            _ => self.slots[newer as usize].older = last,
        }
    }

    /// The first slot of a key. Slots are in the order of hashes, so their number need not be a power of two.
    fn first_slot(&self, key: SessionKey) -> usize {
        (((key.hash() >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    fn next_slot(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() { 0 } else { slot + 1 }
    }

    /// Slots from `from` on to `to`, around the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }
}

/// The entries, longest idle first.
fn listed(slots: &[Entry], oldest: u32) -> impl Iterator<Item = &Entry> {
    // `NONE` is beyond all slots, so the list ends there.
    std::iter::successors(slots.get(oldest as usize), |entry| slots.get(entry.newer as usize))
}

#[cfg(test)]
impl Shard {
    /// The keys, longest idle first, after checking that list, table and counts agree.
    pub(super) fn audit(&self) -> Vec<SessionKey> {
        let mut keys = Vec::new();
        let mut nodes = BTreeMap::new();
        let (mut before, mut slot) = (NONE, self.oldest);
        while slot != NONE {
            let entry = &self.slots[slot as usize];
            assert_eq!(entry.older, before, "the list reads the same both ways");
            assert_eq!(self.find_slot(entry.key), Some(slot as usize), "every listed session can be found");
            keys.push(entry.key);
            *nodes.entry(entry.node).or_insert(0) += 1;
            (before, slot) = (slot, entry.newer);
        }
        assert_eq!(self.newest, before);
        assert_eq!(keys.len(), self.len);
        assert_eq!(self.slots.iter().filter(|entry| !entry.is_vacant()).count(), self.len);
        assert!(self.len * 4 <= self.slots.len() * 3);
        assert_eq!(nodes, self.nodes);
        keys
    }

    /// Bytes of all slots, vacant ones included.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    fn entry(id: u64, node: u16) -> Entry {
        Entry::new(SessionKey::from_parts(id, id), node, node, 0)
    }

    #[test]
    fn a_session_takes_32_bytes_of_one_cache_line() {
        assert_eq!((size_of::<Entry>(), align_of::<Entry>()), (32, 32));
    }

    #[test]
    fn a_dropped_place_is_used_again() {
        let mut shard = Shard::default();
        for id in 0..1000_u64 {
            shard.insert(&entry(id, 1));
            if id >= 10 {
                assert!(shard.drop_oldest());
            }
        }
        assert_eq!(shard.audit().len(), 10);
        assert!(shard.slots.len() <= 16, "{} slots for 10 sessions", shard.slots.len());
    }

    #[test]
    fn an_emptied_shard_gives_its_memory_back() {
        let mut shard = Shard::default();
        for id in 0..1000_u64 {
            shard.insert(&entry(id, 1));
        }
        assert!((1001 * 32..2000 * 32).contains(&shard.bytes()));
        assert_eq!(shard.expire(100, TimeLimits { idle: 10, grain: 0 }, usize::MAX), 1000);
        assert_eq!(shard.bytes(), 0);
        assert!(!shard.drop_oldest());
    }

    #[test]
    fn crowded_slots_keep_everything_through_removals() {
        let mut shard = Shard::default();
        let mut naive: Vec<Entry> = Vec::new();
        let mut chance = 0x9E37_79B9_97F4_A7C1_u64;
        let limits = TimeLimits { idle: 10, grain: 0 };
        // Many hashes fall on a few slots, among them the first and the last.
        let crowded = |id: u64| (id / 9).wrapping_mul(0x0924_9249_0000_0000).wrapping_sub(1 << 40);
        for step in 0..30_000 {
            let id = xorshift(&mut chance) % 300;
            let drawn = Entry::new(SessionKey::from_parts(id, crowded(id)), (chance >> 20) as u16 % 5, 0, 0);
            let known = naive.iter().position(|entry| entry.key == drawn.key);
            match (known, chance >> 60) {
                (_, 1..5) => {
                    assert_eq!(shard.drop_oldest(), !naive.is_empty());
                    naive.drain(..naive.len().min(1));
                }
                (Some(index), _) => {
                    assert_eq!(shard.find(drawn.key, 0, limits).map(|entry| entry.node), Some(naive[index].node));
                    let used = naive.remove(index);
                    naive.push(used);
                }
                (None, _) => {
                    assert!(shard.find(drawn.key, 0, limits).is_none());
                    shard.insert(&drawn);
                    naive.push(drawn);
                }
            }
            if step % 10 == 0 {
                assert_eq!(shard.audit(), naive.iter().map(|entry| entry.key).collect::<Vec<_>>(), "step {step}");
            }
        }
        assert!(naive.len() > 20, "{}", naive.len());
    }
}
