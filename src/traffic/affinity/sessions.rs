//! The session table: the node of each learned session. All threads share it. It is bounded: the session that was idle
//! for longest is evicted first, exactly in a table below 4096 sessions, and within each of 256 parts in a larger one.
//! It holds keyed hashes, never session ids. Each part grows by itself, so no request waits for a rehash of the whole
//! table.

pub mod file;
mod home;
mod key;
mod shard;
mod source;

use std::time::Duration;

pub use self::home::{BindKind, FoundSession, failback};
pub use self::key::SessionKey;
pub use self::shard::BindResult;
use self::shard::{Entry, Shard, ShardCopy, TimeLimits};
pub use self::source::source_key;
use crate::traffic::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use crate::traffic::sync::{Mutex, MutexGuard};
use crate::traffic::tick::Tick;

/// Parts of a large table. A million sessions are 4000 a part: growing one takes tens of microseconds.
const PARTS: usize = 256;

/// Tables smaller than this are one part, so that their order of eviction is exact.
const EXACT_BELOW: usize = 4096;

/// The most sessions dropped under one lock of a part. This takes two microseconds, so a waiting thread spins and does
/// not sleep.
const BATCH: usize = 32;

/// Time is kept in units of 128 ms, so 32 bits last for 17 years; four of them are before the start. A session never
/// ends before its idle time is over. It ends at most a quarter of a second later, in a large table one second more,
/// and after a restart another second more.
const UNIT_BITS: u32 = 7;

/// In units. In a large table uses within a second count as one, so that most look-ups write nothing.
const GRAIN: u32 = 8;

/// The process start on the table's clock. Time before it, about four years, is for the last use of sessions from
/// earlier runs.
const EPOCH: u32 = 1 << 30;

/// The learned sessions of a pool.
#[derive(Debug)]
pub struct Sessions {
    parts: Box<[Part]>,
    /// Parts in use, 1 or [`PARTS`]. It changes only while all parts are locked.
    parts_in_use: AtomicUsize,
    total: AtomicUsize,
    max: AtomicUsize,
    idle: AtomicU32,
    evicted: AtomicU64,
    /// Whether a session was bound since [`Sessions::take_changes`].
    changed: AtomicBool,
    /// The part where the next sweep starts.
    sweep: AtomicUsize,
    secret: [u8; 16],
}

/// On its own cache lines, so that threads in different parts do not slow each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(Mutex<Shard>);

/// A session as it is kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedSession {
    /// The hash of its id.
    pub key: SessionKey,
    /// The node it lives on.
    pub node: u32,
    /// The node it lived on first.
    pub home: u32,
    /// Seconds since its last use.
    pub unused_seconds: u32,
}

/// The result of restoring sessions of an earlier run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Sessions now in the table.
    pub taken: usize,
    /// Sessions that were idle for too long.
    pub expired: usize,
}

/// What [`Sessions::bind`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The result for the session.
    pub bound: BindResult,
    /// Whether another session was evicted for it.
    pub evicted: bool,
}

impl Sessions {
    /// An empty table of at most `max` sessions (at least one), each dropped when it was unused for `idle`. `secret`
    /// must be random, and must stay the same for as long as the sessions are to be recognised.
    pub fn new(max: usize, idle: Duration, secret: [u8; 16]) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Part::default()).collect(),
            parts_in_use: AtomicUsize::new(parts_for(max)),
            total: AtomicUsize::new(0),
            max: AtomicUsize::new(bounded(max)),
            idle: AtomicU32::new(idle_units(idle)),
            evicted: AtomicU64::new(0),
            changed: AtomicBool::new(false),
            sweep: AtomicUsize::new(0),
            secret,
        }
    }

    /// The most sessions that it keeps.
    pub fn max(&self) -> usize {
        self.max.load(Relaxed)
    }

    /// The key of a session id in this table.
    pub fn key(&self, id: &[u8]) -> SessionKey {
        SessionKey::of(id, &self.secret)
    }

    /// The session's node. This counts as a use: its idle time starts again.
    pub fn find(&self, key: SessionKey, now: Tick) -> Option<FoundSession> {
        let (now, limits) = (units(now), self.limits());
        let entry = self.part_of(key).find(key, now, limits)?;
        Some(Self::found(entry, now, limits))
    }

    /// The session's node. This does not count as a use.
    pub fn peek(&self, key: SessionKey, now: Tick) -> Option<FoundSession> {
        let (now, limits) = (units(now), self.limits());
        let entry = self.part_of(key).peek(key, now, limits)?;
        Some(Self::found(entry, now, limits))
    }

    fn found(entry: Entry, now: u32, limits: TimeLimits) -> FoundSession {
        // Grain and unit make the time of use inexact. The uncertain part is subtracted.
        let unused = now.saturating_sub(entry.used).saturating_sub(limits.grain.max(1));
        FoundSession { node: entry.node.into(), home: entry.home.into(), unused: span(unused) }
    }

    /// Binds a session to `node`, wherever it was before. Its idle time starts again.
    pub fn bind(&self, key: SessionKey, node: u32, now: Tick, kind: BindKind) -> Binding {
        self.bind_in(self.part_of(key), key, node, now, kind)
    }

    /// The same, but only if the session is still on `from` or is not known. Otherwise another request has moved it
    /// since this one looked it up, and that newer binding stays.
    pub fn bind_from(
        &self,
        from: Option<u32>,
        key: SessionKey,
        node: u32,
        now: Tick,
        kind: BindKind,
    ) -> Option<Binding> {
        let part = self.part_of(key);
        let lives = part.peek(key, units(now), self.limits()).map(|entry| u32::from(entry.node));
        (lives.is_none() || lives == from).then(|| self.bind_in(part, key, node, now, kind))
    }

    fn bind_in(
        &self,
        mut part: MutexGuard<'_, Shard>,
        key: SessionKey,
        node: u32,
        now: Tick,
        kind: BindKind,
    ) -> Binding {
        let (node, now, limits) = (number(node), units(now), self.limits());
        if let Some(bound) = part.rebind(key, node, kind, now, limits) {
            if bound != BindResult::Same {
                self.note_change();
            }
            return Binding { bound, evicted: false };
        }
        let full = self.total.fetch_add(1, Relaxed) >= self.max.load(Relaxed);
        let made_room = full && part.drop_oldest();
        part.insert(&Entry::new(key, node, node, now));
        self.note_change();
        drop(part);
        let evicted = made_room || (full && self.evict_after(key));
        if evicted {
            self.total.fetch_sub(1, Relaxed);
            self.evicted.fetch_add(1, Relaxed);
        }
        Binding { bound: BindResult::New, evicted }
    }

    /// Writes only the first time, because all threads share the word.
    fn note_change(&self) {
        if !self.has_changes() {
            self.changed.store(true, Relaxed);
        }
    }

    /// Whether a session was bound to a node since [`Sessions::take_changes`].
    pub fn has_changes(&self) -> bool {
        self.changed.load(Relaxed)
    }

    /// Resets the flag and returns it. An export after this call includes all those bindings.
    pub fn take_changes(&self) -> bool {
        self.changed.swap(false, Relaxed)
    }

    /// Drops sessions that were idle for too long, at most about `budget` of them; returns how many. It drops a few per
    /// lock, so that no request waits. Call it every second: the next call goes on where this one stopped.
    pub fn expire(&self, now: Tick, budget: usize) -> usize {
        let (now, limits) = (units(now), self.limits());
        let begin = self.sweep.load(Relaxed);
        let mut dropped = 0;
        for step in 0..PARTS {
            let number = begin.wrapping_add(step) % PARTS;
            self.sweep.store(number, Relaxed);
            while dropped < budget {
                let batch = BATCH.min(budget - dropped);
                let gone = self.parts[number].0.lock().expire(now, limits, batch);
                self.total.fetch_sub(gone, Relaxed);
                dropped += gone;
                if gone < batch {
                    break;
                }
            }
            if dropped >= budget {
                break;
            }
        }
        dropped
    }

    /// Passes every live session to `each`, part by part, the longest idle of a part first. No lock is held while
    /// `each` runs, so it may be slow. A session that changes during the export is passed in its old or its new state.
    /// If the table is resized during it, some are passed twice.
    pub fn export(&self, now: Tick, each: &mut impl FnMut(SavedSession)) {
        let (now, limits, mut copied) = (units(now), self.limits(), ShardCopy::default());
        loop {
            let parts_in_use = self.parts_in_use.load(Relaxed);
            for part in &self.parts {
                part.0.lock().copy_to(&mut copied);
                copied
                    .listed()
                    .filter(|entry| !limits.is_over(entry.used, now))
                    .for_each(|entry| each(saved(entry, now)));
            }
            // If the number of parts has changed, sessions may have moved to parts that were already exported: start
            // again.
            if self.parts_in_use.load(Relaxed) == parts_in_use {
                return;
            }
        }
    }

    /// Adds sessions of an earlier run. Sessions that are over, or in the table already, are skipped. If there are too
    /// many, those idle for longest are dropped. Use it only at the start: each part is locked while its sessions are
    /// sorted.
    pub fn restore(&self, saved: impl Iterator<Item = SavedSession>, now: Tick) -> Restored {
        let (now, limits, mut restored) = (units(now), self.limits(), Restored::default());
        for saved in saved {
            let used = now.saturating_sub(units_of_seconds(saved.unused_seconds));
            let entry = Entry::new(saved.key, number(saved.node), number(saved.home), used);
            if limits.is_over(used, now) {
                restored.expired += 1;
            } else if self.part_of(saved.key).insert_if_new(&entry) {
                self.total.fetch_add(1, Relaxed);
                restored.taken += 1;
            }
        }
        for part in &self.parts {
            part.0.lock().sort();
        }
        Restored { taken: restored.taken.saturating_sub(self.shrink()), ..restored }
    }

    /// Identifies the secret without revealing it: tables with the same secret have the same mark.
    fn secret_id(&self) -> [u8; 16] {
        self.key(b"the mark of a table").to_bytes()
    }

    /// Sessions in the table, including expired ones that no sweep has dropped yet.
    pub fn len(&self) -> usize {
        self.total.load(Relaxed)
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sessions evicted because the table was full, since it was made.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// The number of sessions on a node.
    pub fn count_of(&self, node: u32) -> usize {
        self.parts.iter().map(|part| part.0.lock().count_of(number(node))).sum()
    }

    /// Sets new limits, as after a reload. If the table becomes smaller, the sessions idle for longest are dropped;
    /// returns how many.
    pub fn resize(&self, max: usize, idle: Duration) -> usize {
        self.max.store(bounded(max), Relaxed);
        self.idle.store(idle_units(idle), Relaxed);
        let dropped = self.shrink();
        self.redistribute(parts_for(max));
        dropped
    }

    fn limits(&self) -> TimeLimits {
        let grain = if self.parts_in_use.load(Relaxed) == 1 { 0 } else { GRAIN };
        TimeLimits { idle: self.idle.load(Relaxed).saturating_add(grain), grain }
    }

    fn part_of(&self, key: SessionKey) -> MutexGuard<'_, Shard> {
        loop {
            let parts_in_use = self.parts_in_use.load(Relaxed);
            let part = self.parts[key.part(parts_in_use)].0.lock();
            // The number of parts cannot change while this lock is held.
            if self.parts_in_use.load(Relaxed) == parts_in_use {
                return part;
            }
        }
    }

    /// For a full table whose part of this key had no other session: evicts from the next part that has one.
    fn evict_after(&self, key: SessionKey) -> bool {
        let own = key.part(self.parts_in_use.load(Relaxed));
        (1..PARTS).any(|step| self.parts[(own + step) % PARTS].0.lock().drop_oldest())
    }

    /// Drops from every part in proportion to its size, a few per lock. So about the longest idle of the whole table
    /// go.
    fn shrink(&self) -> usize {
        let (max, total) = (self.max.load(Relaxed), self.len());
        let mut dropped = 0;
        for part in &self.parts {
            let has = part.0.lock().len();
            let keeps = (has as u128 * max as u128 / total.max(1) as u128) as usize;
            let mut left = has.saturating_sub(keeps);
            while left > 0 {
                let step = left.min(BATCH);
                dropped += self.drop_oldest(part, step.min(self.len().saturating_sub(max)));
                left -= step;
            }
        }
        dropped
    }

    fn drop_oldest(&self, part: &Part, budget: usize) -> usize {
        let mut part = part.0.lock();
        let gone = (0..budget).take_while(|_| part.drop_oldest()).count();
        self.total.fetch_sub(gone, Relaxed);
        self.evicted.fetch_add(gone as u64, Relaxed);
        gone
    }

    /// Distributes the sessions again when the maximum crosses [`EXACT_BELOW`]. The table then has fewer sessions than
    /// that, so it takes about a millisecond.
    fn redistribute(&self, parts_in_use: usize) {
        let mut parts: Vec<_> = self.parts.iter().map(|part| part.0.lock()).collect();
        if self.parts_in_use.load(Relaxed) == parts_in_use {
            return;
        }
        let mut entries: Vec<_> = parts.iter_mut().flat_map(|part| part.take_all()).collect();
        entries.sort_by_key(|entry| entry.used);
        for entry in entries {
            parts[entry.key.part(parts_in_use)].insert(&entry);
        }
        self.parts_in_use.store(parts_in_use, Relaxed);
    }
}

const fn parts_for(max: usize) -> usize {
    if max < EXACT_BELOW { 1 } else { PARTS }
}

/// At least one session, and no more than 32 bits can index.
fn bounded(max: usize) -> usize {
    max.clamp(1, 1 << 31)
}

/// All numbers beyond 16 bits become the one number that no node has.
fn number(node: u32) -> u16 {
    u16::try_from(node).unwrap_or(u16::MAX)
}

fn saved(entry: &Entry, now: u32) -> SavedSession {
    let unused = span(now.saturating_sub(entry.used)).as_secs();
    SavedSession {
        key: entry.key,
        node: entry.node.into(),
        home: entry.home.into(),
        unused_seconds: u32::try_from(unused).unwrap_or(u32::MAX),
    }
}

fn units(now: Tick) -> u32 {
    u32::try_from(now.as_millis() >> UNIT_BITS).unwrap_or(u32::MAX).saturating_add(EPOCH)
}

fn units_of_seconds(seconds: u32) -> u32 {
    u32::try_from((u64::from(seconds) * 1000) >> UNIT_BITS).unwrap_or(u32::MAX)
}

fn span(units: u32) -> Duration {
    Duration::from_millis(u64::from(units) << UNIT_BITS)
}

fn idle_units(idle: Duration) -> u32 {
    u32::try_from(idle.as_millis().div_ceil(1 << UNIT_BITS)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::traffic::xorshift::xorshift;

    const IDLE: Duration = Duration::from_secs(60);
    const SECRET: [u8; 16] = *b"a secret of test";

    fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    fn table(max: usize) -> Sessions {
        Sessions::new(max, IDLE, SECRET)
    }

    fn id(sessions: &Sessions, number: usize) -> SessionKey {
        sessions.key(format!("{number:032X}").as_bytes())
    }

    fn learn(sessions: &Sessions, key: SessionKey, node: u32, now: Tick) -> Binding {
        sessions.bind(key, node, now, BindKind::Learned)
    }

    fn node_of(sessions: &Sessions, key: SessionKey, now: Tick) -> Option<u32> {
        sessions.find(key, now).map(|found| found.node)
    }

    /// A xorshift generator.
    fn draws(mut chance: u64) -> impl FnMut(u64) -> u64 {
        move |below| xorshift(&mut chance) % below
    }

    /// Every key, after checking that all parts of the table agree.
    fn audit(sessions: &Sessions) -> Vec<SessionKey> {
        let keys = audit_parts(sessions);
        assert_eq!(keys.len(), sessions.len());
        keys
    }

    fn audit_parts(sessions: &Sessions) -> Vec<SessionKey> {
        let parts: Vec<_> = sessions.parts.iter().map(|part| part.0.lock()).collect();
        let parts_in_use = sessions.parts_in_use.load(Relaxed);
        let listed = |(number, part): (usize, &MutexGuard<'_, Shard>)| {
            let keys = part.audit();
            assert!(keys.iter().all(|key| key.part(parts_in_use) == number), "every session is where it is looked for");
            keys
        };
        parts.iter().enumerate().flat_map(listed).collect()
    }

    #[test]
    fn a_session_stays_where_it_was_bound() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        let expected = |bound| Binding { bound, evicted: false };
        assert_eq!(node_of(&sessions, key, at(0)), None);
        assert_eq!(learn(&sessions, key, 1, at(0)), expected(BindResult::New));
        assert_eq!(learn(&sessions, key, 1, at(1)), expected(BindResult::Same));
        assert_eq!(node_of(&sessions, key, at(1)), Some(1));
        assert_eq!(learn(&sessions, key, 2, at(2)), expected(BindResult::Moved(1)));
        assert_eq!(node_of(&sessions, key, at(2)), Some(2));
        assert_eq!(node_of(&sessions, sessions.key(b"f00d"), at(2)), None, "ids differ by case");
        assert_eq!((sessions.len(), sessions.count_of(1), sessions.count_of(2)), (1, 0, 1));
    }

    #[test]
    fn a_session_that_others_have_moved_meanwhile_stays_where_it_is() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        let from =
            |from, node| sessions.bind_from(from, key, node, at(1), BindKind::Moved).map(|binding| binding.bound);
        assert_eq!(from(Some(7), 1), Some(BindResult::New), "nobody knows it any more");
        assert_eq!(from(None, 2), None, "who found nothing was not the first");
        assert_eq!(from(Some(1), 2), Some(BindResult::Moved(1)));
        assert_eq!(from(Some(1), 3), None);
        assert_eq!(from(Some(1), 1), None, "nor is it moved back");
        assert_eq!(from(Some(2), 2), Some(BindResult::Same));
        assert_eq!(node_of(&sessions, key, at(61)), Some(2));
        assert_eq!(
            sessions.bind_from(Some(9), key, 3, at(200), BindKind::Moved).map(|b| b.bound),
            Some(BindResult::New),
            "over"
        );
    }

    #[test]
    fn news_is_what_binds_a_session_anew() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        assert!(!sessions.take_changes());
        for (node, changed) in [(1, true), (1, false), (2, true), (2, false)] {
            learn(&sessions, key, node, at(0));
            node_of(&sessions, key, at(1));
            assert_eq!(
                (sessions.has_changes(), sessions.take_changes(), sessions.has_changes()),
                (changed, changed, false),
                "{node}"
            );
        }
    }

    #[test]
    fn a_session_lives_for_its_idle_time_after_each_use() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        learn(&sessions, key, 1, at(0));
        assert_eq!(node_of(&sessions, key, at(60)), Some(1), "never shorter than said");
        assert_eq!(node_of(&sessions, key, at(120)), Some(1), "a look-up is a use");
        learn(&sessions, key, 1, at(180));
        assert_eq!(node_of(&sessions, key, at(240)), Some(1), "a binding is a use");
        assert_eq!(node_of(&sessions, key, at(301)), None, "unused for too long, swept or not");
        assert_eq!(learn(&sessions, key, 2, at(301)).bound, BindResult::New, "the old binding is no more");
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn a_busy_session_in_a_large_table_is_neither_idle_nor_old() {
        let sessions = table(EXACT_BELOW);
        for step in 0..2000 {
            let now = Tick::from_millis(step * 300);
            learn(&sessions, sessions.key(format!("{step}").as_bytes()), 2, now);
            let key = sessions.key(b"F00D");
            match step {
                0 => drop(learn(&sessions, key, 1, now)),
                _ => assert_eq!(node_of(&sessions, key, now), Some(1), "at step {step}"),
            }
        }
        let last = Tick::from_millis(1999 * 300);
        assert_eq!(node_of(&sessions, sessions.key(b"F00D"), last + IDLE), Some(1), "never shorter than said");
        assert_eq!(node_of(&sessions, sessions.key(b"F00D"), last + IDLE * 2 + Duration::from_secs(2)), None);
    }

    #[test]
    fn a_clock_that_lags_makes_no_session_older() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        learn(&sessions, key, 1, at(100));
        assert_eq!(node_of(&sessions, key, at(99)), Some(1));
        assert_eq!(node_of(&sessions, key, at(160)), Some(1));
    }

    #[test]
    fn the_longest_idle_goes_first() {
        let sessions = table(3);
        let keys: Vec<_> = (0..5).map(|number| id(&sessions, number)).collect();
        for key in &keys[..3] {
            assert!(!learn(&sessions, *key, 1, at(0)).evicted);
        }
        node_of(&sessions, keys[0], at(0));
        assert!(learn(&sessions, keys[3], 1, at(0)).evicted);
        learn(&sessions, keys[2], 2, at(0));
        assert!(learn(&sessions, keys[4], 1, at(0)).evicted);
        let known: Vec<_> = keys.iter().map(|key| node_of(&sessions, *key, at(0))).collect();
        assert_eq!(known, [None, None, Some(2), Some(1), Some(1)]);
        assert_eq!((sessions.len(), sessions.evicted()), (3, 2));
    }

    #[test]
    fn a_large_table_is_full_before_it_evicts_and_never_fuller() {
        let max = 20_000;
        let sessions = table(max);
        for number in 0..max {
            assert!(!learn(&sessions, id(&sessions, number), 1, at(number as u64 / 1000)).evicted);
        }
        for number in max..max + 5000 {
            assert!(learn(&sessions, id(&sessions, number), 1, at(number as u64 / 1000)).evicted);
        }
        assert_eq!((audit(&sessions).len(), sessions.evicted()), (max, 5000));
        // Parts differ by chance: the evicted sessions are among the oldest three fifths, and the newest are all there.
        let lost = |numbers: std::ops::Range<usize>| {
            numbers.filter(|number| node_of(&sessions, id(&sessions, *number), at(25)).is_none()).count()
        };
        assert_eq!((lost(12_000..25_000), lost(0..12_000)), (0, 5000));
    }

    #[test]
    fn a_full_table_whose_own_part_is_empty_takes_from_another() {
        let sessions = table(EXACT_BELOW);
        let crowded = |number: u64| SessionKey::from_parts(0, number << 40 | number);
        for number in 0..EXACT_BELOW as u64 {
            learn(&sessions, crowded(number), 1, at(0));
        }
        assert!(learn(&sessions, SessionKey::from_parts(9, 9), 1, at(1)).evicted);
        assert_eq!(audit(&sessions).len(), EXACT_BELOW);
        assert_eq!(node_of(&sessions, crowded(0), at(1)), None);
    }

    #[test]
    fn a_sweep_does_what_its_budget_allows_and_goes_on_later() {
        let sessions = table(100_000);
        for number in 0..10_000 {
            learn(&sessions, id(&sessions, number), 1, at(0));
        }
        for number in 10_000..10_100 {
            learn(&sessions, id(&sessions, number), 1, at(50));
        }
        assert_eq!(sessions.expire(at(60), usize::MAX), 0);
        let sweeps: Vec<_> = (0..4).map(|_| sessions.expire(at(62), 4000)).collect();
        assert_eq!(sweeps, [4000, 4000, 2000, 0]);
        assert_eq!((audit(&sessions).len(), sessions.count_of(1)), (100, 100));
        assert_eq!(sessions.evicted(), 0, "the idle are not the evicted");
        assert_eq!(sessions.expire(at(112), 0), 0);
        assert_eq!(sessions.expire(at(112), usize::MAX), 100);
        assert!(sessions.is_empty());
    }

    #[test]
    fn the_sessions_of_a_node_are_counted() {
        let sessions = table(100_000);
        for number in 0..9000 {
            learn(&sessions, id(&sessions, number), number as u32 % 3, at(0));
        }
        assert_eq!([0, 1, 2, 3].map(|node| sessions.count_of(node)), [3000, 3000, 3000, 0]);
        assert_eq!(audit(&sessions).len(), 9000);
    }

    #[test]
    fn a_new_size_keeps_the_sessions_used_last() {
        let sessions = table(1000);
        for number in 0..1000 {
            learn(&sessions, id(&sessions, number), 1, at(number as u64));
        }
        let now = at(1000);
        let hour = Duration::from_secs(3600);
        let known = |numbers: std::ops::Range<usize>| {
            numbers.filter(|number| node_of(&sessions, id(&sessions, *number), now).is_some()).count()
        };
        assert_eq!(sessions.resize(1_000_000, hour), 0);
        assert_eq!(audit(&sessions).len(), 1000);
        assert_eq!(known(0..1000), 1000, "a longer idle time holds for old sessions too");
        assert_eq!(sessions.resize(1_000_000, IDLE), 0);
        for number in 1000..50_000 {
            learn(&sessions, id(&sessions, number), 1, at(1000 + number as u64 / 100));
        }
        assert_eq!(sessions.resize(5000, hour), 45_000);
        assert_eq!(audit(&sessions).len(), 5000);
        assert!(known(40_000..50_000) > 4500, "what is left is what was used last");
        let left = sessions.len();
        assert_eq!(sessions.resize(0, hour), left - 1, "one session at least");
        assert_eq!(audit(&sessions).len(), 1);
    }

    #[test]
    fn a_small_table_is_exact_after_it_was_large() {
        let sessions = table(10_000);
        for number in 0..100 {
            learn(&sessions, id(&sessions, number), 1, at(number as u64));
        }
        sessions.resize(100, IDLE * 10);
        for number in 100..150 {
            learn(&sessions, id(&sessions, number), 1, at(200));
        }
        let lost: Vec<_> =
            (0..150).filter(|number| node_of(&sessions, id(&sessions, *number), at(200)).is_none()).collect();
        assert_eq!(lost, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_million_sessions_fit_into_80_mebibytes() {
        let sessions = table(1_000_000);
        let largest = 1_000_000 / PARTS + 500;
        for number in 0..largest as u64 {
            learn(&sessions, SessionKey::from_parts(0, number.wrapping_mul(0x9E37_79B9_7F4A_7C15)), 1, at(0));
        }
        let part = sessions.parts[0].0.lock().bytes();
        let whole = PARTS * (part + size_of::<Part>());
        assert!(whole <= 80 << 20, "{whole} bytes");
        assert!(table(1_000_000).parts[0].0.lock().bytes() == 0, "an empty table holds nothing yet");
    }

    #[test]
    fn it_does_what_a_naive_table_does() {
        let mut draw = draws(0x2545_F491_4F6C_DD1D);
        for max in [1, 2, 7, 64] {
            let (mut sessions, mut naive) = (table(max), Naive { max, listed: Vec::new() });
            let mut now = 0;
            for step in 0..20_000 {
                // 16 s are units and seconds without rest: a restart rounds nothing.
                now += draw(7) / 6 * 16;
                let (number, node) = (draw(100) as usize, draw(3) as u32);
                let kind = if draw(2) == 0 { BindKind::Learned } else { BindKind::Moved };
                let key = id(&sessions, number);
                match draw(20) {
                    0 => assert_eq!(sessions.expire(at(now), 3), naive.expire(now, 3), "expiry at step {step}"),
                    1 if draw(20) == 0 => {
                        naive.expire(now, usize::MAX);
                        sessions = over_a_restart(&sessions, max, at(now));
                    }
                    2..8 => {
                        let expected = naive.bind(number, node, now, kind);
                        assert_eq!(sessions.bind(key, node, at(now), kind), expected, "step {step}");
                    }
                    _ => {
                        let found = sessions.find(key, at(now)).map(|found| (found.node, found.home));
                        assert_eq!(found, naive.find(number, now), "look-up at step {step}");
                    }
                }
                assert_eq!(sessions.len(), naive.listed.len());
            }
            let listed: Vec<_> = naive.listed.iter().map(|(number, ..)| id(&sessions, *number)).collect();
            assert_eq!(audit(&sessions), listed, "the same order of eviction at the end");
        }
    }

    fn over_a_restart(sessions: &Sessions, max: usize, now: Tick) -> Sessions {
        let mut told = Vec::new();
        sessions.export(now, &mut |saved| told.push(saved));
        let next = table(max);
        assert_eq!(next.restore(told.iter().copied(), now).taken, told.len());
        next
    }

    /// Sessions as (number, node, home, last use), the longest idle first.
    struct Naive {
        max: usize,
        listed: Vec<(usize, u32, u32, u64)>,
    }

    impl Naive {
        /// In the table's own coarse units, so that the two agree on the moment.
        fn idle(used: u64, now: u64) -> bool {
            units(at(now)) - units(at(used)) > idle_units(IDLE)
        }

        fn take(&mut self, number: usize) -> Option<(usize, u32, u32, u64)> {
            let place = self.listed.iter().position(|session| session.0 == number)?;
            Some(self.listed.remove(place))
        }

        fn find(&mut self, number: usize, now: u64) -> Option<(u32, u32)> {
            let &(_, node, home, used) = self.listed.iter().find(|session| session.0 == number)?;
            if Self::idle(used, now) {
                return None;
            }
            self.take(number);
            self.listed.push((number, node, home, now));
            Some((node, home))
        }

        fn bind(&mut self, number: usize, node: u32, now: u64, kind: BindKind) -> Binding {
            let before = self.take(number);
            let evicted = before.is_none() && self.listed.len() == self.max;
            if evicted {
                self.listed.remove(0);
            }
            let before = before.filter(|session| !Self::idle(session.3, now));
            let home = before.filter(|_| kind == BindKind::Moved).map_or(node, |session| session.2);
            self.listed.push((number, node, home, now));
            let bound = match before {
                Some((_, old, ..)) if old == node => BindResult::Same,
                Some((_, old, ..)) => BindResult::Moved(old),
                None => BindResult::New,
            };
            Binding { bound, evicted }
        }

        fn expire(&mut self, now: u64, budget: usize) -> usize {
            let gone = self.listed.iter().take(budget).take_while(|session| Self::idle(session.3, now)).count();
            self.listed.drain(..gone);
            gone
        }
    }

    #[test]
    fn a_session_remembers_where_it_began() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        let nodes = |now| sessions.find(key, at(now)).map(|found| (found.node, found.home));
        let steps = [
            (3, BindKind::Moved, 0, BindResult::New, (3, 3)),
            (1, BindKind::Learned, 0, BindResult::Moved(3), (1, 1)),
            (2, BindKind::Moved, 1, BindResult::Moved(1), (2, 1)),
            (3, BindKind::Moved, 2, BindResult::Moved(2), (3, 1)),
            (3, BindKind::Moved, 2, BindResult::Same, (3, 1)),
            (1, BindKind::Moved, 3, BindResult::Moved(3), (1, 1)),
            (2, BindKind::Moved, 4, BindResult::Moved(1), (2, 1)),
            (2, BindKind::Learned, 5, BindResult::Same, (2, 2)),
            (1, BindKind::Moved, 6, BindResult::Moved(2), (1, 2)),
            (1, BindKind::Moved, 68, BindResult::New, (1, 1)),
        ];
        for (node, kind, now, bound, expected) in steps {
            assert_eq!(sessions.bind(key, node, at(now), kind).bound, bound, "{node} {kind:?} at {now}");
            assert_eq!(nodes(now), Some(expected), "{node} {kind:?} at {now}");
        }
        assert_eq!([1, 2, 3].map(|node| sessions.count_of(node)), [1, 0, 0], "a home is no place to live");
    }

    #[test]
    fn unused_is_told_as_it_was_before_this_use() {
        for (max, late) in [(10, 300), (EXACT_BELOW, 1100)] {
            let sessions = table(max);
            let key = sessions.key(b"F00D");
            learn(&sessions, key, 1, at(0));
            for (now, since) in [(10, 10_000), (10, 0), (50, 40_000), (51, 1000)] {
                let unused = sessions.find(key, at(now)).expect("known").unused.as_millis();
                assert!(unused <= since && unused + late >= since, "{unused} of {since} ms");
            }
        }
    }

    #[test]
    fn a_number_beyond_16_bits_is_of_no_node() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        learn(&sessions, key, 65_536 + 7, at(0));
        assert_eq!(sessions.find(key, at(0)).map(|found| (found.node, found.home)), Some((65_535, 65_535)));
        assert_eq!((sessions.count_of(7), sessions.count_of(u32::MAX)), (0, 1));
    }

    #[test]
    fn a_restart_makes_no_session_younger() {
        let sessions = table(10);
        let (old, new, over) = (sessions.key(b"old"), sessions.key(b"new"), sessions.key(b"over"));
        let saved = |key, unused_seconds| SavedSession { key, node: 2, home: 1, unused_seconds };
        let all = [saved(new, 0), saved(old, 50), saved(over, 61), saved(sessions.key(b"older"), u32::MAX)];
        assert_eq!(sessions.restore(all.into_iter(), Tick::START).taken, 2);
        assert_eq!(audit(&sessions), [old, new], "the longest idle first, in whatever order they came");
        let found = sessions.find(old, Tick::START).expect("known");
        assert_eq!((found.node, found.home, found.unused.as_secs()), (2, 1, 49));
        assert_eq!(sessions.find(over, Tick::START), None);
        sessions.restore([saved(over, 50)].into_iter(), Tick::START);
        assert_eq!(sessions.expire(at(11), usize::MAX), 1, "its idle time did not begin anew");
    }

    #[test]
    fn who_came_back_before_the_file_was_read_keeps_its_new_node() {
        let sessions = table(10);
        let key = sessions.key(b"F00D");
        learn(&sessions, key, 5, at(1));
        let saved = SavedSession { key, node: 2, home: 2, unused_seconds: 3 };
        assert_eq!(sessions.restore([saved, saved].into_iter(), at(2)).taken, 0);
        assert_eq!((node_of(&sessions, key, at(2)), sessions.len()), (Some(5), 1));
    }

    #[test]
    fn a_table_of_any_size_takes_up_what_a_table_of_another_size_kept() {
        for (before, after) in [(10_000, 10_000), (10_000, 1000), (1000, 10_000), (20_000, 5000)] {
            let sessions = Sessions::new(before, Duration::from_secs(3600), SECRET);
            for number in 0..before {
                learn(&sessions, id(&sessions, number), number as u32 % 7, at(number as u64 / 10));
            }
            let now = at(before as u64 / 10);
            let mut told = Vec::new();
            sessions.export(now, &mut |saved| told.push(saved));
            assert_eq!(told.len(), before);
            let next = Sessions::new(after, Duration::from_secs(3600), SECRET);
            assert_eq!(next.restore(told.into_iter(), Tick::START).taken, before.min(after));
            assert_eq!(audit(&next).len(), before.min(after));
            let newest = before - before.min(after) / 2..before;
            let kept = |number: &usize| node_of(&next, id(&next, *number), Tick::START) == Some(*number as u32 % 7);
            assert!(newest.clone().filter(kept).count() * 100 >= newest.len() * 99, "{before} to {after}");
        }
    }

    #[test]
    fn threads_at_once_leave_a_table_in_order() {
        let sessions = table(5000);
        let traffic = |thread: usize| {
            for step in 0..40_000_usize {
                let (key, now) = (id(&sessions, step * (7 + thread * 4) % 9000), at(step as u64 / 100));
                match node_of(&sessions, key, now) {
                    Some(node) => assert!(node < 3),
                    None => drop(learn(&sessions, key, (step % 3) as u32, now)),
                }
                if step % 1000 == 0 {
                    sessions.expire(now, 100);
                }
            }
        };
        std::thread::scope(|scope| {
            let threads = [scope.spawn(|| traffic(0)), scope.spawn(|| traffic(1))];
            // Between one part and many, below and above what there is.
            while threads.iter().any(|thread| !thread.is_finished()) {
                for max in [4095, 4096, 500, 6000] {
                    sessions.resize(max, IDLE);
                    audit_parts(&sessions);
                    let mut told = Vec::new();
                    sessions.export(Tick::START, &mut |saved| told.push(saved.key));
                    assert_eq!(told.iter().collect::<HashSet<_>>().len(), told.len(), "no session is told twice");
                }
            }
        });
        sessions.resize(5000, IDLE);
        let keys = audit(&sessions);
        assert!(keys.len() <= 5000, "{} sessions where 5000 are allowed", keys.len());
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "no session is there twice");
        let by_node: usize = (0..3).map(|node| sessions.count_of(node)).sum();
        assert_eq!(by_node, keys.len());
    }
}
