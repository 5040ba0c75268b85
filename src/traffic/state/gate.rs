//! What the request path asks: one word, read with one relaxed load, which holds who may come and until when the node
//! is ejected. After that time it is half-open: whoever moves the time ahead first is on trial, and nobody else comes
//! until that trial's time is over.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::super::tick::Tick;

/// Written under the lock of the node's health, except for [`Gate::claim`].
#[derive(Debug)]
pub(super) struct Gate(AtomicU64);

/// Who may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admits {
    /// Everybody.
    All = 0,
    /// Whom the node has a session with; everybody, as soon as the pool needs it.
    Bound = 1,
    /// Whom the node has a session with; an operator said so.
    Drained = 2,
    /// Nobody, for probes do not pass.
    Unwell = 3,
    /// Nobody, for an operator said so.
    Shut = 4,
}

/// The gate at one moment: milliseconds shifted by [`TIME`], zero where there is no ejection, and [`Admits`] below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

const TIME: u32 = 3;
const LAST: u64 = u64::MAX >> TIME;

impl Gate {
    pub(super) const fn new(admits: Admits) -> Self {
        Self(AtomicU64::new(Word::new(admits, 0).0))
    }

    pub(super) fn now(&self) -> Word {
        Word(self.0.load(Relaxed))
    }

    /// One load where there is no ejection, else true for exactly one request, which is on trial for this long.
    pub(super) fn claim(&self, now: Tick, trial: Duration) -> bool {
        let word = self.now();
        if !word.is_ejected() {
            return true;
        }
        let end = (now + trial.max(Duration::from_millis(1))).as_millis().min(LAST);
        let on_trial = Word::new(word.admits(), end);
        word.is_over(now) && self.0.compare_exchange(word.0, on_trial.0, Relaxed, Relaxed).is_ok()
    }

    /// An ejection has begun or ended: no trial counts any more.
    pub(super) fn set(&self, admits: Admits, ejected_until: Option<Tick>) {
        let millis = ejected_until.map_or(0, |until| until.as_millis().clamp(1, LAST));
        self.0.store(Word::new(admits, millis).0, Relaxed);
    }

    /// Keeps an ejection's time, and that of its trial, which may begin at this very moment.
    pub(super) fn set_admits(&self, admits: Admits) {
        let mut word = self.now();
        while word.admits() != admits {
            let next = Word::new(admits, word.millis());
            match self.0.compare_exchange_weak(word.0, next.0, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = Word(seen),
            }
        }
    }
}

impl Word {
    const fn new(admits: Admits, millis: u64) -> Self {
        Self(millis << TIME | admits as u64)
    }

    pub(super) const fn admits(self) -> Admits {
        match self.0 & 7 {
            0 => Admits::All,
            1 => Admits::Bound,
            2 => Admits::Drained,
            3 => Admits::Unwell,
            _ => Admits::Shut,
        }
    }

    /// Whether there is an ejection, be its time over or not.
    pub(super) const fn is_ejected(self) -> bool {
        self.millis() != 0
    }

    /// No ejection, or its time is over and nobody is on trial.
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
        for admits in [Admits::All, Admits::Bound, Admits::Drained, Admits::Unwell, Admits::Shut] {
            for millis in [0, 1, 12_345, LAST] {
                let word = Word::new(admits, millis);
                assert_eq!((word.admits(), word.millis()), (admits, millis));
            }
        }
        assert_eq!(Word::new(Admits::All, 0).0, 0);
    }

    #[test]
    fn one_is_on_trial_and_a_trial_that_never_reports_frees_its_place() {
        let gate = Gate::new(Admits::All);
        assert!(gate.claim(at(1), TRIAL) && gate.claim(at(1), TRIAL));
        gate.set(Admits::All, Some(at(10)));
        let claims = [9, 10, 10, 14, 15, 15, 19, 99].map(|second| gate.claim(at(second), TRIAL));
        assert_eq!(claims, [false, true, false, false, true, false, false, true]);
        gate.set(Admits::All, None);
        assert!(gate.claim(at(99), TRIAL) && gate.claim(at(99), TRIAL));
    }

    #[test]
    fn a_trial_goes_on_when_others_are_admitted_and_ends_with_its_ejection() {
        let gate = Gate::new(Admits::All);
        gate.set(Admits::All, Some(at(10)));
        assert!(gate.claim(at(10), TRIAL));
        gate.set_admits(Admits::Drained);
        assert_eq!((gate.now().admits(), gate.claim(at(14), TRIAL)), (Admits::Drained, false));
        gate.set(Admits::All, Some(at(12)));
        assert!(gate.claim(at(12), TRIAL), "another ejection has a trial of its own");
    }

    #[test]
    fn times_without_end_stay_ejections() {
        let gate = Gate::new(Admits::All);
        gate.set(Admits::All, Some(Tick::from_millis(u64::MAX)));
        assert!(gate.now().is_ejected() && !gate.now().is_over(at(1 << 40)));
        gate.set(Admits::All, Some(Tick::START));
        assert!(gate.now().is_ejected());
        let claims = [1, 1].map(|second| gate.claim(at(second), Duration::MAX));
        assert_eq!((claims, gate.claim(at(1 << 40), TRIAL)), ([true, false], false));
        gate.set(Admits::Shut, Some(at(1)));
        let in_no_time = [1000, 1000, 1001].map(|millis| gate.claim(Tick::from_millis(millis), Duration::ZERO));
        assert_eq!((in_no_time, gate.now().admits()), ([true, false, true], Admits::Shut));
    }
}
