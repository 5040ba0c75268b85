//! Whether a node of a pool is active, and if not, for which one reason. Probes, real traffic, operators and the pool
//! report here; the request path asks with one relaxed load. An ejected node gets one request on trial when its time
//! is over, whether anybody reports then or not.

mod ejection;
mod gate;
mod health;
mod window;
mod words;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

pub use self::ejection::{Ejecting, Fault, may_eject};
use self::gate::{Admits, Gate};
pub use self::gate::{Claim, Trial};
use self::health::Health;
pub use self::health::{Duty, Operator, Probed, Probes, Round, Thresholds};
pub use self::words::{Change, Reason, State};
use crate::traffic::tick::Tick;

/// A node's state, shared by the threads that carry traffic and by whoever reports. Outlives a reload.
#[derive(Debug)]
pub struct NodeState {
    gate: Gate,
    answered: LastAnswer,
    health: Mutex<Health>,
}

impl NodeState {
    /// With probes it begins `checking`, else active.
    pub fn new(probes: Probes) -> Self {
        let health = Health::new(probes);
        Self { gate: Gate::new(health.admits()), answered: LastAnswer::default(), health: Mutex::new(health) }
    }

    /// Whether it may get a request that is bound to no node: it is active, or it was ejected, the time for that is
    /// over, and no request is on trial there.
    pub fn takes_new(&self, now: Tick) -> bool {
        let gate = self.gate.now();
        gate.admits() == Admits::All && gate.is_over(now)
    }

    /// Whether it may get a request of a session that lives there: also while it is draining or on standby, and before its
    /// first probe is over. To move the session would be a loss for certain; that the node is bad is none.
    pub fn takes_bound(&self, now: Tick) -> bool {
        let gate = self.gate.now();
        !matches!(gate.admits(), Admits::Unwell | Admits::Shut) && gate.is_over(now)
    }

    /// Whether it may get a request that is bound to no node where its pool knows of no good one: no probe has judged it
    /// yet, and need not have.
    pub fn takes_unprobed(&self, now: Tick) -> bool {
        let gate = self.gate.now();
        matches!(gate.admits(), Admits::Unprobed | Admits::UnprobedSpare) && gate.is_over(now)
    }

    /// Whether it is such a node, and one that its pool would have serve.
    pub fn serves_unprobed(&self, now: Tick) -> bool {
        let gate = self.gate.now();
        gate.admits() == Admits::Unprobed && gate.is_over(now)
    }

    /// Whether it gets requests that are bound to no node. `unprobed`: the pool knows of no good one that serves.
    pub(super) fn takes_any(&self, now: Tick, unprobed: bool) -> bool {
        self.takes_new(now) || unprobed && self.serves_unprobed(now)
    }

    /// Whether it serves nobody new only because its pool has no need of it, and could at once: on standby, or still
    /// on its way there. One whose ejection is over counts as well, and would begin with a trial.
    pub fn is_spare(&self, now: Tick) -> bool {
        let gate = self.gate.now();
        gate.admits() == Admits::Bound && gate.is_over(now)
    }

    /// Whether its pool holds it back, be it ejected or not.
    pub fn is_held_back(&self) -> bool {
        matches!(self.gate.now().admits(), Admits::Bound | Admits::UnprobedSpare)
    }

    /// To be asked right before a request goes there, no later than the moment that is then reported as its beginning.
    /// Free, unless the node is ejected: then, when the time for that is over, one request per `trial` may go, which
    /// thereby is on trial, and what comes of it decides. A last resort goes without asking.
    pub fn claim(&self, now: Tick, trial: Duration) -> Claim {
        self.gate.claim(now, trial)
    }

    /// Whoever was on trial since then is through: where nothing was reported of it, another request may try at once.
    pub fn give_back(&self, trial: Trial, since: Tick) {
        self.gate.give_back(trial, since);
    }

    /// Whether it may be tried although probes fail: no operator took it out.
    pub fn is_maybe(&self) -> bool {
        !matches!(self.gate.now().admits(), Admits::Drained | Admits::Shut)
    }

    /// What the pool wants of it.
    pub fn duty(&self) -> Duty {
        self.health.lock().duty()
    }

    /// Whether it could serve, were it needed: probes pass, traffic did not fail, no operator took it out.
    pub fn is_usable(&self, now: Tick) -> bool {
        let gate = self.gate.now();
        matches!(gate.admits(), Admits::All | Admits::Bound) && gate.is_over(now)
    }

    /// Whether it serves, or could at once, and nothing speaks against that.
    pub fn can_serve(&self) -> bool {
        let gate = self.gate.now();
        !matches!(gate.admits(), Admits::Drained | Admits::Unwell | Admits::Shut) && !gate.is_ejected()
    }

    /// Whether traffic failed there, and no request has succeeded since.
    pub fn is_ejected(&self) -> bool {
        self.gate.now().is_ejected()
    }

    /// When it may be tried again, where nothing but an ejection, or the trial after it, keeps it passive. A pool in
    /// which no node takes a request may still send it where this comes first.
    pub fn ejected_until(&self, now: Tick) -> Option<Tick> {
        let gate = self.gate.now();
        (matches!(gate.admits(), Admits::All | Admits::Unprobed) && !gate.is_over(now)).then(|| gate.until())
    }

    /// The state as last reported. An ejected node is called ejected until its trial has succeeded.
    pub fn state(&self) -> State {
        self.health.lock().state()
    }

    /// A round of probes is over. A pass ends an ejection that began before the round, if it began because connections
    /// failed: what failed after that, a probe need not notice.
    pub fn on_round(&self, round: Round, thresholds: Thresholds) -> Option<Change> {
        let is_excused = round.outcome == Probed::TimedOut
            && self.answered.at().is_some_and(|answered| round.began.since(answered) < thresholds.patience);
        self.report(|health| health.on_round(round, thresholds, is_excused))
    }

    /// An attempt that began at `began` failed. `may_eject` tells whether the pool's bounds, see the function of that
    /// name, allow that this makes the node passive; whoever asks them for two nodes at once should hold a lock.
    pub fn on_fault(
        &self,
        now: Tick,
        began: Tick,
        fault: Fault,
        ejecting: &Ejecting,
        may_eject: bool,
    ) -> Option<Change> {
        self.report(|health| health.on_fault(now, began, fault, ejecting, may_eject))
    }

    /// An attempt that began at `began` was answered. Two relaxed loads where nothing is wrong, and now and then a
    /// store.
    pub fn on_success(&self, began: Tick, now: Tick) -> Option<Change> {
        self.answered.note(now);
        if !self.gate.now().is_ejected() {
            return None;
        }
        self.report(|health| health.on_success(began, now))
    }

    /// A reload gave the pool probes, or took them away.
    pub fn set_probes(&self, probes: Probes) -> Option<Change> {
        self.report(|health| health.set_probes(probes))
    }

    /// An operator said something about the node. What comes out of maintenance has no past: its ejection is over, and
    /// requests that began before say nothing of it.
    pub fn set_operator(&self, operator: Operator, now: Tick) -> Option<Change> {
        self.report(|health| health.set_operator(operator, now))
    }

    /// The pool has need of the node, or has none.
    pub fn set_duty(&self, duty: Duty) -> Option<Change> {
        self.report(|health| health.set_duty(duty))
    }

    fn report(&self, event: impl FnOnce(&mut Health) -> Option<Change>) -> Option<Change> {
        let mut health = self.health.lock();
        let before = health.ejection();
        let change = event(&mut health);
        match health.ejection() {
            // A request may be on trial, and stays it.
            same if same == before => self.gate.set_admits(health.admits()),
            other => self.gate.set(health.admits(), other.map(|ejection| ejection.until)),
        }
        change
    }
}

/// When the node last answered: milliseconds plus one, or zero for never.
#[derive(Debug, Default)]
struct LastAnswer(AtomicU64);

/// An answer so soon after another is not noted: threads share the word. In milliseconds.
const GRAIN: u64 = 100;

impl LastAnswer {
    fn note(&self, now: Tick) {
        let (seen, now) = (self.0.load(Relaxed), now.as_millis().saturating_add(1));
        if seen == 0 || now.saturating_sub(seen) >= GRAIN {
            self.0.store(now, Relaxed);
        }
    }

    fn at(&self) -> Option<Tick> {
        self.0.load(Relaxed).checked_sub(1).map(Tick::from_millis)
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
