//! The part of a node's state that the request path reads: one number, read with one relaxed load. It says which
//! requests the node takes, and the end of its ejection. After that time the gate is half-open: the request that first
//! moves the time ahead is on trial. No other request may go until the time of the trial is over or the trial is given
//! back.

use std::time::Duration;

use crate::traffic::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::traffic::tick::Tick;

/// Written under the lock of the node's health, except by [`Gate::claim`] and [`Gate::give_back`].
#[derive(Debug)]
pub(super) struct Gate(AtomicU64);

/// Which requests the node takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admits {
    /// All requests.
    All = 0,
    /// Only those of its sessions; all when the pool needs the node.
    Sessions = 1,
    /// Only those of its sessions, by an operator's order.
    Drained = 2,
    /// None, because probes do not pass.
    Unhealthy = 3,
    /// None, by an operator's order.
    Nothing = 4,
    /// Only those of its sessions; all while no node of the pool is known to be good.
    Unprobed = 5,
    /// The same, for a node that the pool does not need now.
    UnprobedSpare = 6,
}

/// The packed value of the gate. The low bits are [`Admits`]; above is a time in milliseconds, shifted by [`TIME`],
/// zero without an ejection. A bit between them marks the time as that of a trial, so that a trial is not confused with
/// an ejection that ends at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedState(u64);

/// Held by the request on trial. Given back if the trial had no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial(u64);

/// Whether a request may go to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The request may go.
    Free,
    /// The request may go, on trial.
    OnTrial(Trial),
    /// The node is ejected, or another request is on trial.
    Refused,
}

const TIME: u32 = 4;
const ON_TRIAL: u64 = 1 << 3;
const LAST: u64 = u64::MAX >> TIME;

impl Gate {
    pub(super) const fn new(admits: Admits) -> Self {
        Self(AtomicU64::new(PackedState::new(admits, 0).0))
    }

    pub(super) fn load(&self) -> PackedState {
        PackedState(self.0.load(Relaxed))
    }

    /// Asks to send a request. Without an ejection this is one load. After an ejection time exactly one request gets
    /// the trial, which lasts this long.
    pub(super) fn claim(&self, now: Tick, trial: Duration) -> Claim {
        let mut packed = self.load();
        if !packed.is_ejected() {
            return Claim::Free;
        }
        let end = (now + trial.max(Duration::from_millis(1))).as_millis().min(LAST);
        while packed.is_ejected() && packed.is_over(now) {
            let on_trial = PackedState::new(packed.admits(), end).0 | ON_TRIAL;
            match self.0.compare_exchange_weak(packed.0, on_trial, Relaxed, Relaxed) {
                Ok(_) => return Claim::OnTrial(Trial(end)),
                // Another request may be on trial now. Or something else has changed, and this one still may.
                Err(seen) => packed = PackedState(seen),
            }
        }
        if packed.is_ejected() { Claim::Refused } else { Claim::Free }
    }

    /// Ends a trial without a result: the next request may try from `since` on. If the trial had a result, or another
    /// request is on trial, nothing changes.
    pub(super) fn give_back(&self, trial: Trial, since: Tick) {
        let mut packed = self.load();
        while packed.is_on_trial() && packed.millis() == trial.0 {
            let half_open = PackedState::new(packed.admits(), since.as_millis().clamp(1, LAST));
            match self.0.compare_exchange_weak(packed.0, half_open.0, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(seen) => packed = PackedState(seen),
            }
        }
    }

    /// Sets the gate when an ejection begins or ends. A present trial no longer counts.
    pub(super) fn set(&self, admits: Admits, ejected_until: Option<Tick>) {
        let millis = ejected_until.map_or(0, |until| until.as_millis().clamp(1, LAST));
        self.0.store(PackedState::new(admits, millis).0, Relaxed);
    }

    /// Changes which requests are taken, and keeps the time of an ejection or trial. A trial may begin at the same
    /// moment, so it needs compare-and-exchange.
    pub(super) fn set_admits(&self, admits: Admits) {
        let mut packed = self.load();
        while packed.admits() != admits {
            let next = PackedState::new(admits, packed.millis()).0 | packed.0 & ON_TRIAL;
            match self.0.compare_exchange_weak(packed.0, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(seen) => packed = PackedState(seen),
            }
        }
    }
}

impl PackedState {
    const fn new(admits: Admits, millis: u64) -> Self {
        Self(millis << TIME | admits as u64)
    }

    pub(super) const fn admits(self) -> Admits {
        match self.0 & 7 {
            0 => Admits::All,
            1 => Admits::Sessions,
            2 => Admits::Drained,
            3 => Admits::Unhealthy,
            5 => Admits::Unprobed,
            6 => Admits::UnprobedSpare,
            _ => Admits::Nothing,
        }
    }

    /// Whether there is an ejection, even if its time is over.
    pub(super) const fn is_ejected(self) -> bool {
        self.millis() != 0
    }

    const fn is_on_trial(self) -> bool {
        self.0 & ON_TRIAL != 0
    }

    /// Whether there is no ejection, or its time is over and no request is on trial.
    pub(super) const fn is_over(self, now: Tick) -> bool {
        self.millis() <= now.as_millis()
    }

    /// The end of the ejection, or of its trial.
    pub(super) const fn until(self) -> Tick {
        Tick::from_millis(self.millis())
    }

    const fn millis(self) -> u64 {
        self.0 >> TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIAL: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    #[test]
    fn a_word_holds_what_was_put_in() {
        let all = [Admits::All, Admits::Sessions, Admits::Drained, Admits::Unhealthy, Admits::Nothing];
        for admits in all.into_iter().chain([Admits::Unprobed, Admits::UnprobedSpare]) {
            for millis in [0, 1, 12_345, LAST] {
                let packed = PackedState::new(admits, millis);
                assert_eq!((packed.admits(), packed.millis()), (admits, millis));
            }
        }
        assert_eq!(PackedState::new(Admits::All, 0).0, 0);
    }

    #[test]
    fn one_is_on_trial_and_a_trial_that_never_reports_frees_its_place() {
        let gate = Gate::new(Admits::All);
        assert!(may_go(&gate, at(1)) && may_go(&gate, at(1)));
        gate.set(Admits::All, Some(at(10)));
        let claims = [9, 10, 10, 14, 15, 15, 19, 99].map(|second| may_go(&gate, at(second)));
        assert_eq!(claims, [false, true, false, false, true, false, false, true]);
        gate.set(Admits::All, None);
        assert!(may_go(&gate, at(99)) && may_go(&gate, at(99)));
    }

    fn may_go(gate: &Gate, now: Tick) -> bool {
        gate.claim(now, TRIAL) != Claim::Refused
    }

    fn on_trial(gate: &Gate, now: Tick) -> Trial {
        match gate.claim(now, TRIAL) {
            Claim::OnTrial(trial) => trial,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_trial_that_is_given_back_lets_the_next_one_try() {
        let gate = Gate::new(Admits::All);
        gate.set(Admits::All, Some(at(10)));
        let first = on_trial(&gate, at(11));
        gate.set_admits(Admits::Sessions);
        assert!(!may_go(&gate, at(12)));
        gate.give_back(first, at(11));
        assert!(gate.load().is_ejected() && gate.load().is_over(at(11)));
        assert_eq!(gate.load().admits(), Admits::Sessions);
        let second = on_trial(&gate, at(12));
        gate.give_back(first, at(11));
        assert!(!may_go(&gate, at(12)), "it has nothing to give back any more");
        // Its time is over, and another one is on trial.
        let third = on_trial(&gate, at(17));
        gate.give_back(second, at(12));
        assert!(!may_go(&gate, at(21)));
        // The trial failed, and the new ejection ends at the same moment as the trial would have.
        gate.set(Admits::All, Some(at(22)));
        gate.give_back(third, at(17));
        assert!(!may_go(&gate, at(21)));
        let last = on_trial(&gate, at(22));
        gate.set(Admits::All, None);
        gate.give_back(last, at(22));
        assert!(!gate.load().is_ejected(), "it succeeded");
    }

    #[test]
    fn a_trial_goes_on_when_others_are_admitted_and_ends_with_its_ejection() {
        let gate = Gate::new(Admits::All);
        gate.set(Admits::All, Some(at(10)));
        assert!(may_go(&gate, at(10)));
        gate.set_admits(Admits::Drained);
        assert_eq!((gate.load().admits(), may_go(&gate, at(14))), (Admits::Drained, false));
        gate.set(Admits::All, Some(at(12)));
        assert!(may_go(&gate, at(12)), "another ejection has a trial of its own");
    }

    #[test]
    fn times_without_end_stay_ejections() {
        let gate = Gate::new(Admits::All);
        gate.set(Admits::All, Some(Tick::from_millis(u64::MAX)));
        assert!(gate.load().is_ejected() && !gate.load().is_over(at(1 << 40)));
        gate.set(Admits::All, Some(Tick::START));
        assert!(gate.load().is_ejected());
        let claims = [1, 1].map(|second| gate.claim(at(second), Duration::MAX) != Claim::Refused);
        assert_eq!((claims, may_go(&gate, at(1 << 40))), ([true, false], false));
        gate.set(Admits::Nothing, Some(at(1)));
        let in_no_time =
            [1000, 1000, 1001].map(|millis| gate.claim(Tick::from_millis(millis), Duration::ZERO) != Claim::Refused);
        assert_eq!((in_no_time, gate.load().admits()), ([true, false, true], Admits::Nothing));
    }
}
