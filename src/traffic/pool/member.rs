//! A node in a pool, and the permits to run requests there. A request holds one permit while it runs. A permit that is
//! given back goes to the request that has waited longest for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::queue::Queue;
use super::state::{Claim, NodeState, Reason, Trial};
use crate::traffic::balance::latency::Latency;
use crate::traffic::balance::slow_start::SlowStart;
use crate::traffic::sync::Mutex;
use crate::traffic::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use crate::traffic::tick::Tick;

/// A node in a pool.
#[derive(Clone)]
pub struct Member {
    /// The node's name.
    pub node: Arc<str>,
    /// The name in logs and metrics: the node's name, or `name@address` for a node with a DNS name.
    pub label: Arc<str>,
    /// Index of the node in the configuration.
    pub index: usize,
    /// The label's number in the session table. It stays the same as long as the process runs.
    pub number: u32,
    /// Its address in this pool.
    pub address: SocketAddr,
    /// Its DNS name, if it is configured by name. Its certificate must have this name.
    pub name: Option<Arc<str>>,
    /// Its jvmRoute.
    pub route: Arc<str>,
    /// Its weight: an operator's, or else that of the file.
    pub weight: u16,
    /// Its weight in the file.
    pub file_weight: u16,
    /// Whether it serves only when no other node can.
    pub backup: bool,
    /// How long slow start takes.
    pub slow_start: Duration,
    /// The most requests at a time.
    pub most: Option<u32>,
    /// Its state.
    pub state: Arc<NodeState>,
    /// Its counters.
    pub load: Arc<Load>,
    /// Gives out permits for requests.
    pub permits: Arc<NodePermits>,
    /// Changes when connections opened before must not be used any more: with another address or other TLS settings.
    pub link: u64,
}

impl Member {
    /// Whether there is room for another request.
    pub fn has_room(&self) -> bool {
        self.load.has_room()
    }

    /// What was seen of a node that is passive because it fails: by its last probe, or by the requests that failed. Of one
    /// that is checked, what its first probes failed with.
    pub fn seen(&self, reason: Reason) -> Option<Arc<str>> {
        let why_it_changed = || Some(self.load.seen.lock().clone()).filter(|seen| !seen.is_empty());
        match reason {
            Reason::Checking => self.state.probe_failure(),
            Reason::Unhealthy => self.state.probe_failure().or_else(why_it_changed),
            Reason::Ejected => why_it_changed(),
            _ => None,
        }
    }
}

/// The counters of a node in a pool. They outlive a reload.
#[derive(Debug)]
pub struct Load {
    in_flight: AtomicU32,
    /// Requests that the process before still runs here. They need room as those of this one do.
    before: AtomicU32,
    /// The most requests at a time. It is stored here, so that permits from before a reload follow the new limit.
    most: AtomicU32,
    /// The pool no longer has the node: permits that are given back go to no waiting request.
    retired: AtomicBool,
    /// The part of its weight that it gets in slow start, in permille.
    warmth: AtomicU16,
    /// When a request last started or ended at this node. Only pools without a session table write it: a drain there
    /// has no sessions to count, and asks how long the node was not used.
    used_at: Arc<AtomicU64>,
    /// When its state last changed.
    changed_at: AtomicU64,
    /// Why its state last changed, in words.
    seen: Mutex<Arc<str>>,
    /// Its time to the first byte.
    pub latency: Latency,
    /// The progress of its slow start.
    pub(crate) slow_start: Mutex<SlowStart>,
}

/// The whole weight.
const WARM: u16 = 1000;

/// How many characters of what was seen are kept.
const MOST_SEEN: usize = 200;

/// Uses within this time count as one.
const GRAIN: Duration = Duration::from_secs(1);

impl Default for Load {
    fn default() -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            before: AtomicU32::new(0),
            most: AtomicU32::new(u32::MAX),
            retired: AtomicBool::new(false),
            warmth: AtomicU16::new(WARM),
            used_at: Arc::default(),
            changed_at: AtomicU64::new(0),
            seen: Mutex::default(),
            latency: Latency::default(),
            slow_start: Mutex::default(),
        }
    }
}

impl Load {
    /// Counters for a node that got another address by a reload. They start from zero, but the time of last use is
    /// shared: requests that still run at the old address count as uses of the node.
    pub(crate) fn moved_from(before: &Self) -> Self {
        Self { used_at: Arc::clone(&before.used_at), ..Self::default() }
    }

    /// Running requests.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Whether another request would fit.
    fn has_room(&self) -> bool {
        self.with_before(self.in_flight()) < self.most.load(Relaxed)
    }

    /// So many requests of this process, with those that the process before still runs.
    fn with_before(&self, requests: u32) -> u32 {
        requests.saturating_add(self.before.load(SeqCst))
    }

    /// Sets how many requests the process before still runs here.
    pub(crate) fn set_before(&self, requests: u32) {
        self.before.store(requests, SeqCst);
    }

    /// Permille of its share that it gets while it warms up.
    pub fn warmth(&self) -> u16 {
        self.warmth.load(Relaxed)
    }

    pub(crate) fn set_warmth(&self, warmth: u16) {
        self.warmth.store(warmth, Relaxed);
    }

    /// Sets the most requests at a time.
    pub fn set_most(&self, most: Option<u32>) {
        self.most.store(most.unwrap_or(u32::MAX), Relaxed);
    }

    /// The same, but only raises it.
    pub(crate) fn raise_most(&self, most: Option<u32>) {
        self.most.fetch_max(most.unwrap_or(u32::MAX), Relaxed);
    }

    /// The pool no longer has the node.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Relaxed);
    }

    /// Begins slow start. Without slow start the node gets its whole weight at once.
    pub(crate) fn start_slowly(&self, slow_start: Duration) {
        let mut warmup = self.slow_start.lock();
        *warmup = SlowStart::default();
        if slow_start.is_zero() {
            return self.set_warmth(WARM);
        }
        warmup.begin();
        self.set_warmth(crate::traffic::balance::slow_start::FLOOR);
    }

    /// How far slow start is; `None`: the node has its whole weight.
    pub(crate) fn climbed(&self) -> Option<Duration> {
        self.slow_start.lock().climbed()
    }

    /// Goes on with a slow start that is so far.
    pub(crate) fn go_on_from(&self, slow_start: Duration, climbed: Option<Duration>) {
        let mut warmup = self.slow_start.lock();
        *warmup = SlowStart::from(climbed);
        self.set_warmth(warmup.step(slow_start, Duration::ZERO, 0, 0));
    }

    /// Notes that a request of a pool without a session table started or ended here. It is written at most once a
    /// second, because threads share the word.
    pub fn note_use(&self, now: Tick) {
        if now.as_millis().saturating_sub(self.used_at.load(Relaxed)) >= GRAIN.as_millis() as u64 {
            self.used_at.store(now.as_millis(), Relaxed);
        }
    }

    /// Notes that the state has changed.
    pub fn note_change(&self, now: Tick) {
        self.changed_at.store(now.as_millis(), Relaxed);
    }

    /// Notes why the state changed. A node may have said a part of it, so it is cut.
    pub fn note_seen(&self, seen: &str) {
        *self.seen.lock() = seen.chars().take(MOST_SEEN).collect::<String>().into();
    }

    /// The time since the last change of state, or since the process start if there was none.
    pub fn unchanged_for(&self, now: Tick) -> Duration {
        now.since(Tick::from_millis(self.changed_at.load(Relaxed)))
    }

    /// The time since [`Self::note_use`] was last called. It may be up to a second too short, but is never too long: so
    /// a drain may wait a second more, but does not end too early.
    pub fn unused_for(&self, now: Tick) -> Duration {
        now.since(Tick::from_millis(self.used_at.load(Relaxed))).saturating_sub(GRAIN)
    }
}

/// The queue of requests that wait for a permit at a node of the pool.
pub type WaitQueue = Queue<AcceptedNodes, Waiter>;

/// The nodes that a waiting request accepts, by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcceptedNodes {
    /// Any node except those where it has failed.
    AnyBut(Vec<u32>),
    /// Only its session's node.
    Only(u32),
}

impl AcceptedNodes {
    /// Any node.
    pub const ANY: Self = Self::AnyBut(Vec::new());
}

/// Wakes a waiting request: with a permit for a node, or without one if it should choose again.
pub type Waiter = Box<dyn FnOnce(Option<NodePermit>) + Send>;

/// The permit to run one request at a node. When it is dropped, it goes to the request that has waited longest for it.
/// If its request was on trial without a result (for example, the client left), the next request may be on trial.
pub struct NodePermit {
    permits: Arc<NodePermits>,
    since: Tick,
    /// Whether a waiting request gets it when it is dropped.
    passes_on: bool,
    trial: Option<(Trial, Tick)>,
    /// Whether it was taken because no node was known to be good. The next request may then take it, too.
    unprobed: bool,
}

/// Gives out the permits of a node: one for each member and generation.
pub struct NodePermits {
    number: u32,
    load: Arc<Load>,
    state: Arc<NodeState>,
    waiting: Arc<WaitQueue>,
}

impl NodePermits {
    /// Those of the node with this number.
    pub fn new(number: u32, load: &Arc<Load>, state: &Arc<NodeState>, waiting: &Arc<WaitQueue>) -> Self {
        Self { number, load: Arc::clone(load), state: Arc::clone(state), waiting: Arc::clone(waiting) }
    }

    fn has_room(&self) -> bool {
        self.load.has_room()
    }

    /// A permit, unless the node is full.
    pub fn take(self: &Arc<Self>, now: Tick) -> Option<NodePermit> {
        let most = self.load.most.load(Relaxed);
        if most == u32::MAX {
            self.load.in_flight.fetch_add(1, SeqCst);
        } else {
            let more = |running: u32| (self.load.with_before(running) < most).then(|| running + 1);
            self.load.in_flight.fetch_update(SeqCst, SeqCst, more).ok()?;
        }
        Some(self.new_permit(now))
    }

    /// Gives free permits to waiting requests until there are no more of either. `unprobed`: no node of the pool is
    /// known to be good.
    pub fn serve(self: &Arc<Self>, now: Tick, unprobed: bool) {
        while !self.waiting.is_empty() && self.has_room() {
            let take = || self.take(now).map(|permit| permit.with_unprobed(unprobed));
            let fits =
                |accepted: &AcceptedNodes| if self.accepts_waiter(accepted, now, unprobed) { take() } else { None };
            let Some((waiter, permit)) = self.waiting.next(fits) else { return };
            waiter(Some(permit));
        }
    }

    fn new_permit(self: &Arc<Self>, since: Tick) -> NodePermit {
        NodePermit { permits: Arc::clone(self), since, passes_on: true, trial: None, unprobed: false }
    }

    /// Whether more requests run here than allowed, as after a reload that lowered the limit.
    fn is_over_limit(&self) -> bool {
        self.load.with_before(self.load.in_flight()) > self.load.most.load(Relaxed)
    }

    fn accepts_waiter(&self, accepted: &AcceptedNodes, now: Tick, unprobed: bool) -> bool {
        match accepted {
            _ if self.load.retired.load(Relaxed) => false,
            AcceptedNodes::Only(number) => *number == self.number && self.state.takes_sessions(now),
            AcceptedNodes::AnyBut(tried) if tried.contains(&self.number) => false,
            AcceptedNodes::AnyBut(_) => self.state.takes_any(now, unprobed),
        }
    }
}

impl NodePermit {
    /// The number of the node.
    pub fn number(&self) -> u32 {
        self.permits.number
    }

    /// Whether it counts at this member. After a reload with another port the node has new counters.
    pub fn is_at(&self, member: &Member) -> bool {
        Arc::ptr_eq(&self.permits.load, &member.load)
    }

    /// Sets whether it was taken because no node was known to be good.
    pub(crate) fn with_unprobed(mut self, unprobed: bool) -> Self {
        self.unprobed = unprobed;
        self
    }

    /// Gives the permit back without passing it to a waiting request. For a permit that could not be used: the next
    /// request perhaps could not use it either, and it would be passed on without end.
    pub fn discard(mut self) {
        self.passes_on = false;
    }

    /// Whether the request may go. At an ejected node whose ejection time is over, only one request at a time may, on
    /// trial.
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
        // There is no clock here, so `now` is when the permit was taken. An ejection that has ended since then still
        // counts here, so a waiting request may not get this permit. The pool's next upkeep gives it one.
        let now = self.since;
        if let Some((trial, since)) = self.trial {
            permits.state.give_back(trial, since);
        }
        // The permit is passed on without freeing it in between, so that a new request cannot take it first.
        if self.passes_on && !permits.waiting.is_empty() && !permits.is_over_limit() {
            let permit = || permits.new_permit(now).with_unprobed(self.unprobed);
            let next =
                permits.waiting.next(|accepted| permits.accepts_waiter(accepted, now, self.unprobed).then(permit));
            if let Some((waiter, permit)) = next {
                return waiter(Some(permit));
            }
        }
        permits.load.in_flight.fetch_sub(1, SeqCst);
        if !self.passes_on {
            return;
        }
        // A request may have looked before the permit was free, and joined the queue since.
        permits.serve(now, self.unprobed);
    }
}
