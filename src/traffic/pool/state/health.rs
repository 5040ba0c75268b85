//! What is known of a node: what probes, real traffic, an operator and its pool say. Finds the one reason to be passive
//! that counts. Knows no thread: whoever holds it has it alone.

use std::mem;
use std::time::Duration;

use super::ejection::{Ejecting, Ejection, Ejections, Fault};
use super::gate::Admits;
use super::words::{Change, Reason, State};
use crate::traffic::tick::Tick;

/// The outcome of all probes of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// When the first probe of the round began.
    pub began: Tick,
    /// What they say together.
    pub outcome: Probed,
}

/// What a round of probes says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probed {
    /// All passed.
    Passed,
    /// One failed.
    Failed,
    /// None failed, but one ran out of time: the node may be at a long garbage collection.
    TimedOut,
}

/// How many rounds in a row it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Passed rounds that make an unhealthy node active.
    pub rise: u32,
    /// Failed rounds that make a node unhealthy.
    pub fall: u32,
    /// A round that ran out of time does not count while a request was answered within this long before it.
    pub patience: Duration,
}

/// Whether probes judge a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probes {
    /// They do, and until the first is over nobody knows better: the node may serve where no good one is known.
    Lenient,
    /// They do, and nothing goes there before one has passed.
    Mandatory,
    /// Nobody probes it.
    None,
}

/// An operator's word about a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Nothing.
    #[default]
    None,
    /// It finishes its sessions.
    Draining,
    /// It gets nothing.
    Maintenance,
}

/// What a pool that activates nodes as needed wants of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Duty {
    /// It serves.
    #[default]
    Serving,
    /// It is needed no more, and finishes its sessions.
    Leaving,
    /// It is not needed.
    Spare,
}

/// What is known of a node.
#[derive(Debug)]
pub(super) struct Health {
    probes: Probes,
    verdict: Verdict,
    /// Rounds in a row that contradict the verdict.
    against: u32,
    /// There is one only while the verdict is good, or still open.
    ejections: Ejections,
    operator: Operator,
    duty: Duty,
    told: State,
}

/// What probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Bad,
    Good,
    None,
}

impl Health {
    pub(super) fn new(probes: Probes) -> Self {
        let (verdict, told) = match probes {
            Probes::Lenient | Probes::Mandatory => (Verdict::None, State::Passive(Reason::Checking)),
            Probes::None => (Verdict::Good, State::Active),
        };
        let (operator, duty) = (Operator::None, Duty::Serving);
        Self { probes, verdict, against: 0, ejections: Ejections::default(), operator, duty, told }
    }

    /// What the pool wants of it.
    pub(super) const fn duty(&self) -> Duty {
        self.duty
    }

    pub(super) const fn state(&self) -> State {
        self.told
    }

    pub(super) const fn ejection(&self) -> Option<Ejection> {
        self.ejections.current()
    }

    pub(super) fn admits(&self) -> Admits {
        match (self.operator, self.verdict, self.duty) {
            (Operator::Maintenance, ..) => Admits::Shut,
            (Operator::Draining, Verdict::Good, _) => Admits::Drained,
            (Operator::Draining, Verdict::None, _) if self.is_unprobed() => Admits::Drained,
            (Operator::Draining, ..) => Admits::Shut,
            (Operator::None, Verdict::None, Duty::Serving) if self.is_unprobed() => Admits::Unprobed,
            (Operator::None, Verdict::None, _) if self.is_unprobed() => Admits::UnprobedSpare,
            (Operator::None, Verdict::Bad | Verdict::None, _) => Admits::Unwell,
            (Operator::None, Verdict::Good, Duty::Leaving | Duty::Spare) => Admits::Bound,
            (Operator::None, Verdict::Good, Duty::Serving) => Admits::All,
        }
    }

    /// Whether no probe has said anything yet, and the node need not wait for that. One that failed its first is known to
    /// be bad, though it takes more of them to call it so.
    fn is_unprobed(&self) -> bool {
        self.probes == Probes::Lenient && self.verdict == Verdict::None && self.against == 0
    }

    /// A node that was never judged needs one pass, as HAProxy has it: a start must not take `rise` intervals. Later
    /// it takes `rise` in a row to come back and `fall` in a row to go. A failure that is excused is no failure, but
    /// neither is it a pass.
    pub(super) fn on_round(&mut self, round: Round, thresholds: Thresholds, is_excused: bool) -> Option<Change> {
        let passed = round.outcome == Probed::Passed;
        if is_excused && !passed && self.verdict != Verdict::Bad {
            return None;
        }
        let contradicts = passed == (self.verdict == Verdict::Bad);
        self.against = if contradicts { self.against.saturating_add(1) } else { 0 };
        match (self.verdict, passed) {
            (Verdict::None, true) => self.judge(Verdict::Good, round.began),
            (Verdict::Bad, true) if self.against >= thresholds.rise => self.judge(Verdict::Good, round.began),
            (Verdict::Good | Verdict::None, false) if self.against >= thresholds.fall => {
                self.judge(Verdict::Bad, round.began);
            }
            (Verdict::Good, true) => self.ejections.on_pass(round.began),
            _ => {}
        }
        self.tell()
    }

    /// Of a node that probes keep passive it says nothing new, nor of one that an operator works at.
    pub(super) fn on_fault(
        &mut self,
        now: Tick,
        began: Tick,
        fault: Fault,
        ejecting: &Ejecting,
        may_eject: bool,
    ) -> Option<Change> {
        if (self.verdict == Verdict::Good || self.is_unprobed()) && self.operator != Operator::Maintenance {
            self.ejections.on_fault(now, began, fault, ejecting, may_eject);
        }
        self.tell()
    }

    pub(super) fn on_success(&mut self, began: Tick, now: Tick) -> Option<Change> {
        self.ejections.on_success(began, now);
        self.tell()
    }

    /// Without probes nobody would ever call it well again, so it counts as well at once. Where probes are new, what
    /// serves goes on to serve until they fail.
    pub(super) fn set_probes(&mut self, probes: Probes) -> Option<Change> {
        self.probes = probes;
        if probes == Probes::None && self.verdict != Verdict::Good {
            self.judge(Verdict::Good, Tick::START);
        }
        self.tell()
    }

    /// After maintenance it is another node: of what began before nothing counts.
    pub(super) fn set_operator(&mut self, operator: Operator, now: Tick) -> Option<Change> {
        let before = mem::replace(&mut self.operator, operator);
        if before == Operator::Maintenance && operator != Operator::Maintenance {
            self.ejections.begin_anew(now);
        }
        self.tell()
    }

    pub(super) fn set_duty(&mut self, duty: Duty) -> Option<Change> {
        self.duty = duty;
        self.tell()
    }

    fn judge(&mut self, verdict: Verdict, now: Tick) {
        self.verdict = verdict;
        self.against = 0;
        self.ejections.end(now);
    }

    fn tell(&mut self) -> Option<Change> {
        let to = self.reason().map_or(State::Active, State::Passive);
        let from = mem::replace(&mut self.told, to);
        (from != to).then_some(Change { from, to })
    }

    fn reason(&self) -> Option<Reason> {
        match (self.operator, self.verdict, self.ejection(), self.duty) {
            (Operator::Maintenance, ..) => Some(Reason::Maintenance),
            (Operator::Draining, ..) => Some(Reason::Draining),
            (Operator::None, Verdict::None, ..) => Some(Reason::Checking),
            (Operator::None, Verdict::Bad, ..) => Some(Reason::Unhealthy),
            (Operator::None, Verdict::Good, Some(_), _) => Some(Reason::Ejected),
            (Operator::None, Verdict::Good, None, Duty::Leaving) => Some(Reason::Draining),
            (Operator::None, Verdict::Good, None, Duty::Spare) => Some(Reason::Standby),
            (Operator::None, Verdict::Good, None, Duty::Serving) => None,
        }
    }
}
