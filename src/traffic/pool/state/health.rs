//! All that is known of a node: from probes, traffic, operators and the pool. Determines the one reason for being
//! passive. The caller holds a lock around it.

use std::mem;
use std::time::Duration;

use super::ejection::{Ejection, Ejections, Fault, HandedEjection};
use super::gate::Admits;
use super::reason::{Change, Reason, State};
use crate::config::Eject;
use crate::traffic::tick::Tick;

/// The outcome of all probes of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The start of its first probe.
    pub began: Tick,
    /// The combined outcome.
    pub outcome: Probed,
}

/// The outcome of a round of probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probed {
    /// All passed.
    Passed,
    /// One failed.
    Failed,
    /// None failed, but one timed out: the node may be in a long garbage collection.
    TimedOut,
}

/// How many rounds in a row change the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Passed rounds that make an unhealthy node active.
    pub rise: u32,
    /// Failed rounds that make a node unhealthy.
    pub fall: u32,
    /// A round that timed out does not count if a request was answered within this time before it.
    pub patience: Duration,
}

/// Whether a node is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probes {
    /// It is probed. Before the first result it may serve if no node is known to be good.
    Lenient,
    /// It is probed, and gets no request before a probe has passed.
    Mandatory,
    /// It is not probed.
    None,
}

/// An operator's order for a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Operator {
    /// No order.
    #[default]
    None,
    /// It serves only its sessions.
    Draining,
    /// It serves nothing.
    Maintenance,
}

/// The duty of a node in a pool that activates nodes as needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Duty {
    /// It serves.
    #[default]
    Serving,
    /// It is no longer needed, and serves only its sessions.
    Leaving,
    /// It is a standby.
    Spare,
}

/// What is known of a node.
#[derive(Debug)]
pub(super) struct Health {
    probes: Probes,
    verdict: ProbeVerdict,
    /// Successive rounds that contradict the verdict.
    contradictions: u32,
    /// An ejection exists only while the verdict is `Good` or `None`.
    ejections: Ejections,
    operator: Operator,
    duty: Duty,
    reported: State,
}

/// The verdict of probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProbeVerdict {
    Bad,
    Good,
    None,
}

impl Health {
    pub(super) fn new(probes: Probes) -> Self {
        let (verdict, reported) = match probes {
            Probes::Lenient | Probes::Mandatory => (ProbeVerdict::None, State::Passive(Reason::Checking)),
            Probes::None => (ProbeVerdict::Good, State::Active),
        };
        let (operator, duty) = (Operator::None, Duty::Serving);
        Self { probes, verdict, contradictions: 0, ejections: Ejections::default(), operator, duty, reported }
    }

    /// What the pool wants of it.
    pub(super) const fn duty(&self) -> Duty {
        self.duty
    }

    pub(super) const fn state(&self) -> State {
        self.reported
    }

    pub(super) const fn ejection(&self) -> Option<Ejection> {
        self.ejections.current()
    }

    pub(super) fn admits(&self) -> Admits {
        match (self.operator, self.verdict, self.duty) {
            (Operator::Maintenance, ..) => Admits::Nothing,
            (Operator::Draining, ProbeVerdict::Good, _) => Admits::Drained,
            (Operator::Draining, ProbeVerdict::None, _) if self.is_unprobed() => Admits::Drained,
            (Operator::Draining, ..) => Admits::Nothing,
            (Operator::None, ProbeVerdict::None, Duty::Serving) if self.is_unprobed() => Admits::Unprobed,
            (Operator::None, ProbeVerdict::None, _) if self.is_unprobed() => Admits::UnprobedSpare,
            (Operator::None, ProbeVerdict::Bad | ProbeVerdict::None, _) => Admits::Unhealthy,
            (Operator::None, ProbeVerdict::Good, Duty::Leaving | Duty::Spare) => Admits::Sessions,
            (Operator::None, ProbeVerdict::Good, Duty::Serving) => Admits::All,
        }
    }

    /// Whether it may serve because it was never probed. After one failed probe it may not, even if it takes more to
    /// make it unhealthy.
    fn is_unprobed(&self) -> bool {
        self.probes == Probes::Lenient && self.verdict == ProbeVerdict::None && self.contradictions == 0
    }

    /// A node without a verdict becomes active with one pass, as in HAProxy, so that a start does not take `rise`
    /// intervals. After that it takes `rise` passes in a row to become active and `fall` failures in a row to become
    /// unhealthy. An excused round counts as neither.
    pub(super) fn on_round(&mut self, round: Round, thresholds: Thresholds, is_excused: bool) -> Option<Change> {
        let passed = round.outcome == Probed::Passed;
        if is_excused && !passed && self.verdict != ProbeVerdict::Bad {
            return None;
        }
        let contradicts = passed == (self.verdict == ProbeVerdict::Bad);
        self.contradictions = if contradicts { self.contradictions.saturating_add(1) } else { 0 };
        match (self.verdict, passed) {
            (ProbeVerdict::None, true) => self.judge(ProbeVerdict::Good, round.began),
            (ProbeVerdict::Bad, true) if self.contradictions >= thresholds.rise => {
                self.judge(ProbeVerdict::Good, round.began);
            }
            (ProbeVerdict::Good | ProbeVerdict::None, false) if self.contradictions >= thresholds.fall => {
                self.judge(ProbeVerdict::Bad, round.began);
            }
            (ProbeVerdict::Good, true) => self.ejections.on_pass(round.began),
            _ => {}
        }
        self.report_change()
    }

    /// Failures do not count while probes fail or the node is in maintenance.
    pub(super) fn on_fault(
        &mut self,
        now: Tick,
        began: Tick,
        fault: Fault,
        eject: &Eject,
        may_eject: bool,
    ) -> Option<Change> {
        if (self.verdict == ProbeVerdict::Good || self.is_unprobed()) && self.operator != Operator::Maintenance {
            self.ejections.on_fault(now, began, fault, eject, may_eject);
        }
        self.report_change()
    }

    pub(super) fn on_success(&mut self, began: Tick, now: Tick) -> Option<Change> {
        self.ejections.on_success(began, now);
        self.report_change()
    }

    pub(super) fn to_hand_over(&self, now: Tick) -> Option<HandedEjection> {
        self.ejections.to_hand_over(now)
    }

    /// Only where failures would count here too.
    pub(super) fn go_on(&mut self, ejection: HandedEjection, now: Tick) -> Option<Change> {
        if (self.verdict == ProbeVerdict::Good || self.is_unprobed()) && self.operator != Operator::Maintenance {
            self.ejections.go_on(ejection, now);
        }
        self.report_change()
    }

    /// Without probes nothing could make an unhealthy node active again, so it becomes active at once. With new probes,
    /// a serving node goes on serving until they fail.
    pub(super) fn set_probes(&mut self, probes: Probes) -> Option<Change> {
        self.probes = probes;
        if probes == Probes::None && self.verdict != ProbeVerdict::Good {
            self.judge(ProbeVerdict::Good, Tick::START);
        }
        self.report_change()
    }

    /// After maintenance the node may have been replaced, so nothing that began before counts.
    pub(super) fn set_operator(&mut self, operator: Operator, now: Tick) -> Option<Change> {
        let before = mem::replace(&mut self.operator, operator);
        if before == Operator::Maintenance && operator != Operator::Maintenance {
            self.ejections.begin_anew(now);
        }
        self.report_change()
    }

    pub(super) fn set_duty(&mut self, duty: Duty) -> Option<Change> {
        self.duty = duty;
        self.report_change()
    }

    fn judge(&mut self, verdict: ProbeVerdict, now: Tick) {
        self.verdict = verdict;
        self.contradictions = 0;
        self.ejections.end(now);
    }

    fn report_change(&mut self) -> Option<Change> {
        let to = self.reason().map_or(State::Active, State::Passive);
        let from = mem::replace(&mut self.reported, to);
        (from != to).then_some(Change { from, to })
    }

    fn reason(&self) -> Option<Reason> {
        match (self.operator, self.verdict, self.ejection(), self.duty) {
            (Operator::Maintenance, ..) => Some(Reason::Maintenance),
            (Operator::Draining, ..) => Some(Reason::Draining),
            (Operator::None, ProbeVerdict::None, ..) => Some(Reason::Checking),
            (Operator::None, ProbeVerdict::Bad, ..) => Some(Reason::Unhealthy),
            (Operator::None, ProbeVerdict::Good, Some(_), _) => Some(Reason::Ejected),
            (Operator::None, ProbeVerdict::Good, None, Duty::Leaving) => Some(Reason::Draining),
            (Operator::None, ProbeVerdict::Good, None, Duty::Spare) => Some(Reason::Standby),
            (Operator::None, ProbeVerdict::Good, None, Duty::Serving) => None,
        }
    }
}
