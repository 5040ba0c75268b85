//! The state of a node in a pool: active, or passive for one reason. Probes, traffic, operators and the pool report
//! here. The request path reads it with one relaxed load. When an ejection time is over, the node gets one request on
//! trial, like a half-open circuit breaker.

mod ejection;
mod gate;
mod health;
mod reason;
mod window;

use std::sync::Arc;
use std::time::Duration;

pub use self::ejection::{Fault, HandedEjection, may_eject};
use self::gate::{Admits, Gate};
pub use self::gate::{Claim, Trial};
use self::health::Health;
pub use self::health::{Duty, Operator, Probed, Probes, Round, Thresholds};
pub use self::reason::{Change, Reason, State};
use crate::config::Eject;
use crate::traffic::sync::Mutex;
use crate::traffic::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::traffic::tick::Tick;

/// A node's state, shared by all threads. It outlives a reload.
#[derive(Debug)]
pub struct NodeState {
    gate: Gate,
    answered: LastAnswer,
    health: Mutex<Health>,
    /// What its last probe failed with. Only probes and those who tell of them take this lock.
    probe_failure: Mutex<Option<Arc<str>>>,
}

impl NodeState {
    /// With probes the first state is `checking`, otherwise active.
    pub fn new(probes: Probes) -> Self {
        let health = Health::new(probes);
        Self {
            gate: Gate::new(health.admits()),
            answered: LastAnswer::default(),
            health: Mutex::new(health),
            probe_failure: Mutex::default(),
        }
    }

    /// Notes what a probe said: why it failed, or nothing.
    pub fn note_probe(&self, failure: Option<&str>) {
        // The node may have said a part of it.
        let cut = failure.map(|failure| failure.chars().take(MOST_SAID).collect::<String>().into());
        *self.probe_failure.lock() = cut;
    }

    /// Why its last probe failed. `None`: it passed, or there was none.
    pub fn probe_failure(&self) -> Option<Arc<str>> {
        self.probe_failure.lock().clone()
    }

    /// Whether it may get a request without a session: it is active, or its ejection time is over and no request is on
    /// trial there.
    pub fn takes_new(&self, now: Tick) -> bool {
        let gate = self.gate.load();
        gate.admits() == Admits::All && gate.is_over(now)
    }

    /// Whether it may get a request of its own sessions: also while it is draining or a standby, and before its first
    /// probe. Moving a session is a certain loss, and an unprobed node is probably healthy.
    pub fn takes_sessions(&self, now: Tick) -> bool {
        let gate = self.gate.load();
        !matches!(gate.admits(), Admits::Unhealthy | Admits::Nothing) && gate.is_over(now)
    }

    /// Whether it may get a request without a session when no node is known to be good: it was never probed, and probes
    /// are not mandatory.
    pub fn takes_unprobed(&self, now: Tick) -> bool {
        let gate = self.gate.load();
        matches!(gate.admits(), Admits::Unprobed | Admits::UnprobedSpare) && gate.is_over(now)
    }

    /// Like [`Self::takes_unprobed`], but only if its duty in the pool is to serve: it is not leaving and no standby.
    pub fn serves_unprobed(&self, now: Tick) -> bool {
        let gate = self.gate.load();
        gate.admits() == Admits::Unprobed && gate.is_over(now)
    }

    /// Whether it gets requests without a session. `unprobed`: no serving node is known to be good.
    pub fn takes_any(&self, now: Tick, unprobed: bool) -> bool {
        self.takes_new(now) || unprobed && self.serves_unprobed(now)
    }

    /// Whether it is a usable standby, or leaving to become one. A node whose ejection time is over counts too, and
    /// would start with a trial.
    pub fn is_spare(&self, now: Tick) -> bool {
        let gate = self.gate.load();
        gate.admits() == Admits::Sessions && gate.is_over(now)
    }

    /// Whether it is passive only because the pool does not need it now: it is leaving or a standby. It
    /// may be ejected or never probed, too.
    pub fn is_held_back(&self) -> bool {
        matches!(self.gate.load().admits(), Admits::Sessions | Admits::UnprobedSpare)
    }

    /// Must be called right before a request goes to the node, and not after the moment that is reported as its
    /// beginning. At a node that is not ejected, every request may go. After an ejection time, one request per `trial`
    /// may go: it is on trial, and its result decides. A last resort goes without this call.
    pub fn claim(&self, now: Tick, trial: Duration) -> Claim {
        self.gate.claim(now, trial)
    }

    /// Ends a trial. If it had no result, another request may try at once.
    pub fn give_back(&self, trial: Trial, since: Tick) {
        self.gate.give_back(trial, since);
    }

    /// Whether it may be tried although probes fail: it has no operator's order.
    pub fn may_be_last_resort(&self) -> bool {
        !matches!(self.gate.load().admits(), Admits::Drained | Admits::Nothing)
    }

    /// Its duty in the pool.
    pub fn duty(&self) -> Duty {
        self.health.lock().duty()
    }

    /// Whether it could serve if needed: probes pass, it has no operator's order, and it is not ejected or its ejection
    /// time is over.
    pub fn is_usable(&self, now: Tick) -> bool {
        let gate = self.gate.load();
        matches!(gate.admits(), Admits::All | Admits::Sessions) && gate.is_over(now)
    }

    /// Whether it serves, or could serve at once.
    pub fn can_serve(&self) -> bool {
        let gate = self.gate.load();
        !matches!(gate.admits(), Admits::Drained | Admits::Unhealthy | Admits::Nothing) && !gate.is_ejected()
    }

    /// Whether it is ejected: its traffic failed, and no request has succeeded since.
    pub fn is_ejected(&self) -> bool {
        self.gate.load().is_ejected()
    }

    /// When it may be tried again, if only an ejection or its trial keeps it passive. The last resort of a pool is the
    /// node with the earliest time.
    pub fn ejected_until(&self, now: Tick) -> Option<Tick> {
        let gate = self.gate.load();
        (matches!(gate.admits(), Admits::All | Admits::Unprobed) && !gate.is_over(now)).then(|| gate.until())
    }

    /// The state as last reported. A node stays ejected until its trial has succeeded.
    pub fn state(&self) -> State {
        self.health.lock().state()
    }

    /// Notes a round of probes. A pass ends an ejection that began before the round, if its only cause were failed
    /// connects. After other failures it does not: a probe may pass while requests still fail.
    pub fn on_round(&self, round: Round, thresholds: Thresholds) -> Option<Change> {
        let is_excused = round.outcome == Probed::TimedOut
            && self.answered.at().is_some_and(|answered| round.began.since(answered) < thresholds.patience);
        self.report(|health| health.on_round(round, thresholds, is_excused))
    }

    /// Notes a failed attempt that began at `began`. `may_eject`: the pool's limits (see [`may_eject`]) allow an
    /// ejection. The caller must hold a lock, so that two nodes are not judged at once.
    pub fn on_fault(&self, now: Tick, began: Tick, fault: Fault, eject: &Eject, may_eject: bool) -> Option<Change> {
        self.report(|health| health.on_fault(now, began, fault, eject, may_eject))
    }

    /// Notes an answer to an attempt that began at `began`. For a healthy node this is two relaxed loads and sometimes
    /// a store.
    pub fn on_success(&self, began: Tick, now: Tick) -> Option<Change> {
        self.answered.note(now);
        if !self.gate.load().is_ejected() {
            return None;
        }
        self.report(|health| health.on_success(began, now))
    }

    /// The present ejection, for another process that takes over.
    pub fn to_hand_over(&self, now: Tick) -> Option<HandedEjection> {
        self.health.lock().to_hand_over(now)
    }

    /// Goes on with the ejection of the process from which this one takes over.
    pub fn go_on(&self, ejection: HandedEjection, now: Tick) -> Option<Change> {
        self.report(|health| health.go_on(ejection, now))
    }

    /// Notes that a reload added or removed probes.
    pub fn set_probes(&self, probes: Probes) -> Option<Change> {
        if probes == Probes::None {
            self.note_probe(None);
        }
        self.report(|health| health.set_probes(probes))
    }

    /// Notes an operator's order. After maintenance the node starts afresh: its ejection is over, and requests that
    /// began before do not count.
    pub fn set_operator(&self, operator: Operator, now: Tick) -> Option<Change> {
        self.report(|health| health.set_operator(operator, now))
    }

    /// Sets the node's duty in the pool.
    pub fn set_duty(&self, duty: Duty) -> Option<Change> {
        self.report(|health| health.set_duty(duty))
    }

    fn report(&self, event: impl FnOnce(&mut Health) -> Option<Change>) -> Option<Change> {
        let mut health = self.health.lock();
        let before = health.ejection();
        let change = event(&mut health);
        match health.ejection() {
            // The ejection is the same, so a request on trial stays on trial.
            same if same == before => self.gate.set_admits(health.admits()),
            other => self.gate.set(health.admits(), other.map(|ejection| ejection.until)),
        }
        change
    }
}

/// How many characters of what a probe failed with are kept.
const MOST_SAID: usize = 200;

/// The time of the last answer: milliseconds plus one, or zero for never.
#[derive(Debug, Default)]
struct LastAnswer(AtomicU64);

/// Answers within this time after another are not noted, because threads share the word. In milliseconds.
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
mod reference_model;
#[cfg(test)]
mod tests;
