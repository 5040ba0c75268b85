//! A node in a pool, and the place that a request holds there while it runs. A place that is given back goes to whoever
//! waits for it longest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;

use super::queue::Queue;
use super::state::{Claim, NodeState, Trial};
use crate::traffic::balance::latency::Latency;
use crate::traffic::balance::slow_start::SlowStart;
use crate::traffic::tick::Tick;

/// A node in a pool.
#[derive(Clone)]
pub struct Member {
    /// The node's name.
    pub node: Arc<str>,
    /// What logs and metrics call it: the node's name; of a node with a DNS name, `name@address`.
    pub label: Arc<str>,
    /// Index of the node in the configuration.
    pub index: usize,
    /// Stands for the label in the session table, for as long as the process lives.
    pub number: u32,
    /// Where the pool reaches it.
    pub address: SocketAddr,
    /// The DNS name that it has instead of an address, which its certificate is for.
    pub name: Option<Arc<str>>,
    /// Its jvmRoute.
    pub route: Arc<str>,
    /// Its share.
    pub weight: u16,
    /// Serves only while no other can.
    pub backup: bool,
    /// How long its share climbs.
    pub slow_start: Duration,
    /// Most requests at once.
    pub most: Option<u32>,
    /// Active or passive, and why.
    pub state: Arc<NodeState>,
    /// What it is doing.
    pub load: Arc<Load>,
    /// Where its places are held.
    pub permits: Arc<NodePermits>,
    /// Changes whenever a connection opened before must not be used any more: another address, other TLS settings.
    pub link: u64,
}

impl Member {
    /// Whether another request would fit.
    pub fn has_room(&self) -> bool {
        self.load.has_room()
    }
}

/// What a node of a pool is doing; outlives a reload.
#[derive(Debug)]
pub struct Load {
    in_flight: AtomicU32,
    /// Most of them at once. Known here, so that a place taken before a reload goes on by what that says.
    most: AtomicU32,
    /// The pool has it no longer: places that are given back go to nobody.
    retired: AtomicBool,
    /// Permille of its share that it gets while it warms up.
    warmth: AtomicU16,
    /// When a request last came, or ended, whose client will come back to it.
    used_at: Arc<AtomicU64>,
    /// When its state last changed.
    changed_at: AtomicU64,
    /// How soon it answers.
    pub latency: Latency,
    /// How far it is in its slow start.
    pub(crate) slow_start: Mutex<SlowStart>,
}

/// All of a node's share.
const WARM: u16 = 1000;

/// Uses so close together count as one.
const GRAIN: Duration = Duration::from_secs(1);

impl Default for Load {
    fn default() -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            most: AtomicU32::new(u32::MAX),
            retired: AtomicBool::new(false),
            warmth: AtomicU16::new(WARM),
            used_at: Arc::default(),
            changed_at: AtomicU64::new(0),
            latency: Latency::default(),
            slow_start: Mutex::default(),
        }
    }
}

impl Load {
    /// Of a node that counts anew because it is reached elsewhere since a reload. Its clients come back to it there, and
    /// the requests that still run where it was end as uses of it.
    pub(crate) fn moved_from(before: &Self) -> Self {
        Self { used_at: Arc::clone(&before.used_at), ..Self::default() }
    }

    /// Requests that it is answering now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Whether another request would fit.
    fn has_room(&self) -> bool {
        self.in_flight.load(Relaxed) < self.most.load(Relaxed)
    }

    /// Permille of its share that it gets while it warms up.
    pub fn warmth(&self) -> u16 {
        self.warmth.load(Relaxed)
    }

    pub(crate) fn set_warmth(&self, warmth: u16) {
        self.warmth.store(warmth, Relaxed);
    }

    /// It may run so many at once from now on.
    pub(crate) fn set_most(&self, most: Option<u32>) {
        self.most.store(most.unwrap_or(u32::MAX), Relaxed);
    }

    /// The same, where that is more than it may now.
    pub(crate) fn raise_most(&self, most: Option<u32>) {
        self.most.fetch_max(most.unwrap_or(u32::MAX), Relaxed);
    }

    /// Its pool has it no longer.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Relaxed);
    }

    /// It begins its slow start, or, where it has none, has all of its share.
    pub(crate) fn start_slowly(&self, slow_start: Duration) {
        let mut warmup = self.slow_start.lock();
        *warmup = SlowStart::default();
        if slow_start.is_zero() {
            return self.set_warmth(WARM);
        }
        warmup.begin();
        self.set_warmth(crate::traffic::balance::slow_start::FLOOR);
    }

    /// A request came, or ended, whose client will come back to it. Written at most once a second: threads share the
    /// word.
    pub fn note_use(&self, now: Tick) {
        if now.as_millis().saturating_sub(self.used_at.load(Relaxed)) >= GRAIN.as_millis() as u64 {
            self.used_at.store(now.as_millis(), Relaxed);
        }
    }

    /// Its state has changed.
    pub fn note_change(&self, now: Tick) {
        self.changed_at.store(now.as_millis(), Relaxed);
    }

    /// How long its state has been what it is; since the process began where it never changed.
    pub fn unchanged_for(&self, now: Tick) -> Duration {
        now.since(Tick::from_millis(self.changed_at.load(Relaxed)))
    }

    /// How long no such request has come or ended: never more than it was, at most a second less.
    pub fn unused_for(&self, now: Tick) -> Duration {
        now.since(Tick::from_millis(self.used_at.load(Relaxed))).saturating_sub(GRAIN)
    }
}

/// Those who wait for a place at a node of the pool.
pub type Waiting = Queue<Wants, Waiter>;

/// Where a request waits for a place, by the numbers of nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wants {
    /// At any but those where it has failed.
    AnyBut(Vec<u32>),
    /// At its session's own.
    Only(u32),
}

impl Wants {
    /// At any.
    pub const ANY: Self = Self::AnyBut(Vec::new());
}

/// Wakes somebody who waits: with a place for him, or with none where it is worth to look again.
pub type Waiter = Box<dyn FnOnce(Option<NodePermit>) + Send>;

/// A place at a node, held while a request runs there. Dropped, it goes to whoever waits for it longest; and where its
/// request was on trial and nothing came of that (the client left, say), the next one is.
pub struct NodePermit {
    permits: Arc<NodePermits>,
    since: Tick,
    /// Whether who waits gets it when it is dropped.
    passes_on: bool,
    trial: Option<(Trial, Tick)>,
    /// Whether it was taken because its pool knew of no good node: so may the next one.
    unprobed: bool,
}

/// What a place is held at: one for each node of a pool and generation.
pub struct NodePermits {
    pub(crate) number: u32,
    pub(crate) load: Arc<Load>,
    pub(crate) state: Arc<NodeState>,
    pub(crate) waiting: Arc<Waiting>,
}

impl NodePermits {
    fn has_room(&self) -> bool {
        self.load.has_room()
    }

    /// A place, unless as many requests run here as may.
    pub fn take(self: &Arc<Self>, now: Tick) -> Option<NodePermit> {
        let most = self.load.most.load(Relaxed);
        if most == u32::MAX {
            self.load.in_flight.fetch_add(1, SeqCst);
        } else {
            let more = |running: u32| (running < most).then(|| running + 1);
            self.load.in_flight.fetch_update(SeqCst, SeqCst, more).ok()?;
        }
        Some(self.held(now))
    }

    /// Gives free places to those who wait, for as long as both last. `unprobed`: the pool knows of no good node.
    pub fn serve(self: &Arc<Self>, now: Tick, unprobed: bool) {
        while !self.waiting.is_empty() && self.has_room() {
            let take = || self.take(now).map(|held| held.taken(unprobed));
            let fits = |wants: &Wants| if self.would_take(wants, now, unprobed) { take() } else { None };
            let Some((waiter, held)) = self.waiting.next(fits) else { return };
            waiter(Some(held));
        }
    }

    fn held(self: &Arc<Self>, since: Tick) -> NodePermit {
        NodePermit { permits: Arc::clone(self), since, passes_on: true, trial: None, unprobed: false }
    }

    /// Whether more run here than may, as after a reload that lowered the bound.
    fn is_crowded(&self) -> bool {
        self.load.in_flight.load(Relaxed) > self.load.most.load(Relaxed)
    }

    fn would_take(&self, wants: &Wants, now: Tick, unprobed: bool) -> bool {
        match wants {
            _ if self.load.retired.load(Relaxed) => false,
            Wants::Only(number) => *number == self.number && self.state.takes_bound(now),
            Wants::AnyBut(tried) if tried.contains(&self.number) => false,
            Wants::AnyBut(_) => self.state.takes_any(now, unprobed),
        }
    }
}

impl NodePermit {
    /// The number of the node it is at.
    pub fn number(&self) -> u32 {
        self.permits.number
    }

    /// Whether it counts there: the node may have another port since a reload, and count anew.
    pub fn is_at(&self, member: &Member) -> bool {
        Arc::ptr_eq(&self.permits.load, &member.load)
    }

    /// Whether it was taken because the pool knows of no good node.
    pub(crate) fn taken(mut self, unprobed: bool) -> Self {
        self.unprobed = unprobed;
        self
    }

    /// Gives the place up, but to nobody at once: to be called where it could not be used, as the next one perhaps could
    /// not either, and the place would go round without end.
    pub fn forfeit(mut self) {
        self.passes_on = false;
    }

    /// Leave to use the place: of an ejected node whose time is over only one request has that.
    pub fn claim(&mut self, now: Tick, trial: Duration) -> bool {
        match self.permits.state.claim(now, trial) {
            Claim::Free => true,
            Claim::OnTrial(trial) => {
                self.trial = Some((trial, now));
                true
            }
            Claim::Refused => false,
        }
    }
}

impl Drop for NodePermit {
    fn drop(&mut self) {
        let permits = &self.permits;
        // There is no clock here. The moment when this place was taken will do: by it a node whose ejection ended
        // meanwhile takes nobody yet, and those who wait for it are served by the pool's next tick.
        let now = self.since;
        if let Some((trial, since)) = self.trial {
            permits.state.give_back(trial, since);
        }
        // Who waits gets the very place: between giving it back and asking, somebody who just came could take it.
        if self.passes_on && !permits.waiting.is_empty() && !permits.is_crowded() {
            let held = || permits.held(now).taken(self.unprobed);
            let next = permits.waiting.next(|wants| permits.would_take(wants, now, self.unprobed).then(held));
            if let Some((waiter, held)) = next {
                return waiter(Some(held));
            }
        }
        permits.load.in_flight.fetch_sub(1, SeqCst);
        if !self.passes_on {
            return;
        }
        // Somebody may have begun to wait meanwhile, who looked before the place was free.
        permits.serve(now, self.unprobed);
    }
}
