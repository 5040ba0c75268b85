//! Tests only: a reference model of a node. It has the same rules in the simplest form, and must have the same states
//! as the real node after any random events.

use std::collections::HashMap;

use super::*;
use crate::traffic::xorshift::xorshift;

#[test]
fn a_node_does_what_the_reference_model_does() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut seen = HashMap::<State, u32>::new();
    for _ in 0..400 {
        let mut both = Comparison::draw(&mut dice);
        for _ in 0..400 {
            both.step(&mut dice);
            both.compare();
            *seen.entry(both.real.state()).or_default() += 1;
        }
    }
    let states = Reason::ALL.map(State::Passive).into_iter().chain([State::Active]);
    for state in states {
        assert!(seen.get(&state).is_some_and(|times| *times > 500), "{state:?}: {seen:?}");
    }
}

/// A real node and its reference model, which get the same events.
struct Comparison {
    real: NodeState,
    model: ReferenceModel,
    now: Tick,
    thresholds: Thresholds,
    eject: Eject,
}

impl Comparison {
    fn draw(dice: &mut Dice) -> Self {
        let probes = dice.of(PROBES);
        let seconds = |dice: &mut Dice, most: u64| Duration::from_millis(100 * dice.below(most * 10));
        Self {
            real: NodeState::new(probes),
            model: ReferenceModel::new(probes),
            now: Tick::START,
            thresholds: Thresholds {
                rise: u32::try_from(dice.below(4)).unwrap(),
                fall: u32::try_from(dice.below(4)).unwrap(),
                patience: seconds(dice, 30),
            },
            eject: Eject {
                failures: u32::try_from(1 + dice.below(4)).unwrap(),
                within: seconds(dice, 20),
                first: Duration::from_millis(100 + 100 * dice.below(100)),
                most: Duration::from_secs(60),
                statuses: Vec::new(),
                max_ejected: 50,
            },
        }
    }

    /// A start time in the past, most often a short time ago.
    fn began(&self, dice: &mut Dice) -> Tick {
        let ago = 100 * dice.of([0, 0, 0, 1, 10, 100]);
        Tick::from_millis(self.now.as_millis().saturating_sub(ago))
    }

    /// Time moves in tenths of a second, so that every answer is noted.
    fn step(&mut self, dice: &mut Dice) {
        self.now = self.now + Duration::from_millis(100 * dice.of([0, 0, 1, 2, 5, 10, 20, 50, 150, 1000]));
        let before = self.real.state();
        let change = self.event(dice);
        let after = self.real.state();
        assert_eq!(change, (before != after).then_some(Change { from: before, to: after }));
    }

    fn event(&mut self, dice: &mut Dice) -> Option<Change> {
        use Fault::{Connect, Malformed, Refused, Reset, Status, Timeout};
        let (now, began) = (self.now, self.began(dice));
        match dice.below(24) {
            0..6 => {
                let outcome = dice.of([Probed::Passed, Probed::Passed, Probed::Failed, Probed::TimedOut]);
                let round = Round { began, outcome };
                self.model.on_round(round, self.thresholds);
                self.real.on_round(round, self.thresholds)
            }
            6..14 => {
                let fault = dice.of([Refused, Refused, Connect, Timeout, Reset, Malformed, Status]);
                let may_eject = dice.below(8) > 0;
                self.model.on_fault(now, began, fault, &self.eject, may_eject);
                self.real.on_fault(now, began, fault, &self.eject, may_eject)
            }
            14..17 => {
                self.model.on_success(began, now);
                self.real.on_success(began, now)
            }
            17..21 => {
                let trial = Duration::from_millis(100 * (1 + dice.below(50)));
                let claim = self.real.claim(now, trial);
                assert_eq!(claim != Claim::Refused, self.model.claim(now, trial));
                if let (Claim::OnTrial(trial), 0) = (claim, dice.below(3)) {
                    self.real.give_back(trial, now);
                    self.model.trial_until = None;
                }
                None
            }
            21 => {
                let operator = dice.of([
                    Operator::None,
                    Operator::None,
                    Operator::None,
                    Operator::Draining,
                    Operator::Maintenance,
                ]);
                self.model.set_operator(operator, now);
                self.real.set_operator(operator, now)
            }
            22 => {
                self.model.duty = dice.of([Duty::Serving, Duty::Serving, Duty::Leaving, Duty::Spare]);
                self.real.set_duty(self.model.duty)
            }
            _ => {
                let probes = dice.of(PROBES);
                self.model.set_probes(probes);
                self.real.set_probes(probes)
            }
        }
    }

    fn compare(&self) {
        let now = self.now;
        assert_eq!(self.real.state(), self.model.state());
        assert_eq!(self.real.takes_new(now), self.model.takes_new(now));
        assert_eq!(self.real.takes_sessions(now), self.model.takes_sessions(now));
        assert_eq!(self.real.is_spare(now), self.model.is_spare(now));
        assert_eq!(self.real.takes_unprobed(now), self.model.takes_unprobed(now));
        assert_eq!(self.real.ejected_until(now), self.model.ejected_until(now));
        let no_operator = self.model.operator == Operator::None;
        assert_eq!(self.real.may_be_last_resort(), no_operator);
    }
}

const PROBES: [Probes; 3] = [Probes::Lenient, Probes::Mandatory, Probes::None];

/// Keeps all events and searches them.
struct ReferenceModel {
    /// The verdict of probes; `None` before the first.
    well: Option<bool>,
    probes: Probes,
    /// The rounds since that verdict; true for a pass.
    rounds: Vec<bool>,
    faults: Vec<(Tick, Fault)>,
    ejected: Option<ModelEjection>,
    trial_until: Option<Tick>,
    /// How many ejections count for the length of the next.
    counted: u32,
    quiet_since: Tick,
    fresh_since: Tick,
    answered: Option<Tick>,
    operator: Operator,
    duty: Duty,
}

#[derive(Clone, Copy)]
struct ModelEjection {
    began: Tick,
    until: Tick,
    a_pass_ends_it: bool,
}

impl ReferenceModel {
    fn new(probes: Probes) -> Self {
        Self {
            well: (probes == Probes::None).then_some(true),
            probes,
            rounds: Vec::new(),
            faults: Vec::new(),
            ejected: None,
            trial_until: None,
            counted: 0,
            quiet_since: Tick::START,
            fresh_since: Tick::START,
            answered: None,
            operator: Operator::None,
            duty: Duty::Serving,
        }
    }

    fn state(&self) -> State {
        let reasons = [
            (self.operator == Operator::Maintenance, Reason::Maintenance),
            (self.operator == Operator::Draining, Reason::Draining),
            (self.well.is_none(), Reason::Checking),
            (self.well == Some(false), Reason::Unhealthy),
            (self.ejected.is_some(), Reason::Ejected),
            (self.duty == Duty::Leaving, Reason::Draining),
            (self.duty == Duty::Spare, Reason::Standby),
        ];
        reasons.iter().find(|(holds, _)| *holds).map_or(State::Active, |(_, reason)| State::Passive(*reason))
    }

    fn is_closed(&self, now: Tick) -> bool {
        let on_trial = self.trial_until.is_some_and(|until| now < until);
        self.ejected.is_some_and(|ejected| now < ejected.until || on_trial)
    }

    fn is_unprobed(&self) -> bool {
        self.well.is_none() && self.probes == Probes::Lenient && self.rounds.last() != Some(&false)
    }

    fn takes_sessions(&self, now: Tick) -> bool {
        let well = self.well == Some(true) || self.is_unprobed();
        self.operator != Operator::Maintenance && well && !self.is_closed(now)
    }

    fn takes_unprobed(&self, now: Tick) -> bool {
        self.takes_sessions(now) && self.is_unprobed() && self.operator == Operator::None
    }

    fn takes_new(&self, now: Tick) -> bool {
        self.takes_sessions(now)
            && self.well == Some(true)
            && self.operator == Operator::None
            && self.duty == Duty::Serving
    }

    fn is_spare(&self, now: Tick) -> bool {
        let well = self.well == Some(true);
        self.takes_sessions(now) && well && self.operator == Operator::None && self.duty != Duty::Serving
    }

    fn ejected_until(&self, now: Tick) -> Option<Tick> {
        let well = self.well == Some(true) || self.is_unprobed();
        let would = self.operator == Operator::None && well && self.duty == Duty::Serving;
        let ejected = self.ejected.filter(|_| would && self.is_closed(now))?;
        Some(self.trial_until.unwrap_or(ejected.until))
    }

    fn claim(&mut self, now: Tick, trial: Duration) -> bool {
        let may = !self.is_closed(now);
        if may && self.ejected.is_some() {
            self.trial_until = Some(now + trial);
        }
        may
    }

    fn judge(&mut self, well: bool, now: Tick) {
        self.well = Some(well);
        self.rounds.clear();
        self.let_back(now);
    }

    fn let_back(&mut self, now: Tick) {
        if self.ejected.is_some() {
            self.quiet_since = now;
        }
        self.ejected = None;
        self.trial_until = None;
        self.faults.clear();
        self.fresh_since = self.fresh_since.max(now);
    }

    fn on_round(&mut self, round: Round, thresholds: Thresholds) {
        let passed = round.outcome == Probed::Passed;
        let at_work = self.answered.is_some_and(|answered| round.began.since(answered) < thresholds.patience);
        if round.outcome == Probed::TimedOut && at_work && self.well != Some(false) {
            return;
        }
        self.rounds.push(passed);
        let in_a_row = |outcome: bool, enough: u32| {
            let enough = usize::try_from(enough.max(1)).unwrap();
            self.rounds.len() >= enough && self.rounds.iter().rev().take(enough).all(|passed| *passed == outcome)
        };
        match self.well {
            None if passed => self.judge(true, round.began),
            Some(false) if in_a_row(true, thresholds.rise) => self.judge(true, round.began),
            None | Some(true) if in_a_row(false, thresholds.fall) => self.judge(false, round.began),
            _ => {}
        }
        if passed && self.ejected.is_some_and(|ejected| ejected.a_pass_ends_it && round.began > ejected.began) {
            self.let_back(round.began);
        }
    }

    fn on_fault(&mut self, now: Tick, began: Tick, fault: Fault, eject: &Eject, may_eject: bool) {
        if !(self.well == Some(true) || self.is_unprobed()) || self.operator == Operator::Maintenance {
            return;
        }
        if let Some(ejected) = self.ejected {
            if began >= ejected.until {
                self.faults = vec![(now, fault)];
                self.eject(now, eject);
            }
        } else if began >= self.fresh_since {
            self.faults.push((now, fault));
            self.faults.retain(|(at, _)| now.since(*at) <= eject.within);
            if self.faults.len() >= usize::try_from(eject.failures).unwrap() && may_eject {
                let quiet = u32::try_from(now.since(self.quiet_since).as_millis()).unwrap();
                let forgiven = quiet / (10 * u32::try_from(eject.first.as_millis()).unwrap());
                self.counted = self.counted.saturating_sub(forgiven);
                self.eject(now, eject);
            }
        }
    }

    fn eject(&mut self, now: Tick, eject: &Eject) {
        let mut length = eject.first;
        for _ in 0..self.counted {
            length = (length * 2).min(eject.most);
        }
        self.counted += 1;
        let a_pass_ends_it = self.faults.iter().all(|(_, fault)| matches!(fault, Fault::Refused | Fault::Connect));
        self.ejected = Some(ModelEjection { began: now, until: now + length, a_pass_ends_it });
        self.trial_until = None;
        self.faults.clear();
    }

    fn on_success(&mut self, began: Tick, now: Tick) {
        self.answered = Some(now);
        if self.ejected.is_some_and(|ejected| began > ejected.began) {
            self.let_back(now);
        }
    }

    fn set_probes(&mut self, probes: Probes) {
        self.probes = probes;
        if probes == Probes::None && self.well != Some(true) {
            self.judge(true, Tick::START);
        }
    }

    fn set_operator(&mut self, operator: Operator, now: Tick) {
        if self.operator == Operator::Maintenance && operator != Operator::Maintenance {
            self.ejected = None;
            self.trial_until = None;
            self.faults.clear();
            self.counted = 0;
            self.fresh_since = self.fresh_since.max(now);
        }
        self.operator = operator;
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        xorshift(&mut self.0) % bound
    }

    fn of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[usize::try_from(self.below(N as u64)).unwrap()]
    }
}
