//! Whether a node of a pool is active, and if not, for which one reason. Probes and real traffic report here; the
//! request path asks with one relaxed load. An ejection ends by the clock alone, with nobody there to end it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::tick::Tick;

/// A node's state in a pool: an active node gets new requests, a passive one gets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It gets new requests.
    Active,
    /// It gets none, for one reason.
    Passive(Reason),
}

/// Why a node is passive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not probed yet.
    Checking,
    /// Finishing its sessions.
    Draining,
    /// Real traffic failed.
    Ejected,
    /// An operator said so.
    Maintenance,
    /// Not needed now.
    Standby,
    /// Probes fail.
    Unhealthy,
}

/// What a report changed, to be journalled and counted. Each change begins where the one before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state until now.
    pub from: State,
    /// The state from now on.
    pub to: State,
}

/// The outcome of all probes of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// When the first probe of the round began.
    pub began: Tick,
    /// Whether all passed.
    pub passed: bool,
}

/// How many rounds in a row it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Passed rounds that make an unhealthy node active.
    pub rise: u32,
    /// Failed rounds that make a node unhealthy.
    pub fall: u32,
}

/// A node's state, shared by the threads that carry traffic and by whoever reports. Outlives a reload.
#[derive(Debug)]
pub struct NodeState {
    /// Until when it takes no traffic, in milliseconds: [`OPEN`], [`CLOSED`], or the end of an ejection.
    closed_until: AtomicU64,
    health: Mutex<Health>,
}

const OPEN: u64 = 0;
const CLOSED: u64 = u64::MAX;

impl NodeState {
    /// With probes it begins `checking`, else active.
    pub fn new(probed: bool) -> Self {
        let health = Health::new(probed);
        Self { closed_until: AtomicU64::new(health.closed_until()), health: Mutex::new(health) }
    }

    /// Whether new requests may go there.
    pub fn takes_traffic(&self, now: Tick) -> bool {
        self.closed_until.load(Relaxed) <= now.as_millis()
    }

    /// The end of its ejection, where nothing but that keeps it passive. A pool in which no node takes traffic may
    /// still try the one whose ejection ends first.
    pub fn ejected_until(&self, now: Tick) -> Option<Tick> {
        let until = self.closed_until.load(Relaxed);
        (until != CLOSED && until > now.as_millis()).then(|| Tick::from_millis(until))
    }

    /// The state as last reported.
    pub fn state(&self) -> State {
        self.health.lock().state()
    }

    /// A round of probes is over.
    pub fn on_round(&self, round: Round, thresholds: Thresholds) -> Option<Change> {
        self.report(|health| health.on_round(round, thresholds))
    }

    /// A connection for a request could not be made.
    pub fn on_connect_failure(&self, now: Tick, eject_for: Duration) -> Option<Change> {
        self.report(|health| health.on_connect_failure(now, eject_for))
    }

    /// An attempt that began at `began` reached the node. Costs one relaxed load where there is no ejection to end.
    pub fn on_success(&self, began: Tick) -> Option<Change> {
        if self.closed_until.load(Relaxed) == OPEN {
            return None;
        }
        self.report(|health| health.on_success(began))
    }

    /// To be called every second, so that the journal tells when an ejection is over; traffic does not wait for it.
    pub fn expire_ejection(&self, now: Tick) -> Option<Change> {
        if self.closed_until.load(Relaxed) == OPEN {
            return None;
        }
        self.report(|health| health.expire_ejection(now))
    }

    /// A reload gave the pool probes, or took them away.
    pub fn set_probed(&self, probed: bool) -> Option<Change> {
        self.report(|health| health.set_probed(probed))
    }

    fn report(&self, event: impl FnOnce(&mut Health) -> Option<Change>) -> Option<Change> {
        let mut health = self.health.lock();
        let change = event(&mut health);
        self.closed_until.store(health.closed_until(), Relaxed);
        change
    }
}

/// What is known of a node's health.
#[derive(Debug)]
pub struct Health {
    verdict: Verdict,
    /// Rounds in a row that contradict the verdict.
    against: u32,
    /// Only ever there while the verdict is good.
    ejection: Option<Ejection>,
    told: State,
}

/// What probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Bad,
    Good,
    None,
}

#[derive(Clone, Copy, Debug)]
struct Ejection {
    began: Tick,
    until: Tick,
}

impl Health {
    /// With probes it begins `checking`, else active.
    pub const fn new(probed: bool) -> Self {
        let (verdict, told) = match probed {
            true => (Verdict::None, State::Passive(Reason::Checking)),
            false => (Verdict::Good, State::Active),
        };
        Self { verdict, against: 0, ejection: None, told }
    }

    /// The state as last reported.
    pub const fn state(&self) -> State {
        self.told
    }

    /// A node that was never judged needs one pass, as HAProxy has it: a start must not take `rise` intervals. Later
    /// it takes `rise` in a row to come back and `fall` in a row to go. A pass ends an ejection older than the round.
    pub fn on_round(&mut self, round: Round, thresholds: Thresholds) -> Option<Change> {
        let contradicts = match self.verdict {
            Verdict::Bad => round.passed,
            Verdict::Good | Verdict::None => !round.passed,
        };
        self.against = if contradicts { self.against.saturating_add(1) } else { 0 };
        match (self.verdict, round.passed) {
            (Verdict::None, true) => self.judge(Verdict::Good),
            (Verdict::Bad, true) if self.against >= thresholds.rise => self.judge(Verdict::Good),
            (Verdict::Good | Verdict::None, false) if self.against >= thresholds.fall => self.judge(Verdict::Bad),
            _ => {}
        }
        if round.passed { self.on_success(round.began) } else { self.tell() }
    }

    /// Ejects an active node, or keeps an ejected one out for longer. Of a node that probes keep passive it says
    /// nothing new.
    pub fn on_connect_failure(&mut self, now: Tick, eject_for: Duration) -> Option<Change> {
        if self.verdict == Verdict::Good {
            let until = now + eject_for;
            let before = self.ejection.filter(|ejection| ejection.until > now);
            self.ejection =
                Some(Ejection { began: now, until: before.map_or(until, |before| before.until.max(until)) });
        }
        self.tell()
    }

    /// An attempt that began at `began` reached the node: an ejection older than that is over. One that began before
    /// tells only of a time when the node was well.
    pub fn on_success(&mut self, began: Tick) -> Option<Change> {
        self.ejection = self.ejection.filter(|ejection| ejection.began > began);
        self.tell()
    }

    /// Ends an ejection whose time is over.
    pub fn expire_ejection(&mut self, now: Tick) -> Option<Change> {
        self.ejection = self.ejection.filter(|ejection| ejection.until > now);
        self.tell()
    }

    /// Without probes nobody would ever call it well again, so it counts as well at once. Where probes are new, what
    /// serves goes on to serve until they fail.
    pub fn set_probed(&mut self, probed: bool) -> Option<Change> {
        if !probed && self.verdict != Verdict::Good {
            self.judge(Verdict::Good);
        }
        self.tell()
    }

    fn judge(&mut self, verdict: Verdict) {
        self.verdict = verdict;
        self.against = 0;
        self.ejection = None;
    }

    fn tell(&mut self) -> Option<Change> {
        let to = match (self.verdict, self.ejection) {
            (Verdict::None, _) => State::Passive(Reason::Checking),
            (Verdict::Bad, _) => State::Passive(Reason::Unhealthy),
            (Verdict::Good, Some(_)) => State::Passive(Reason::Ejected),
            (Verdict::Good, None) => State::Active,
        };
        let from = std::mem::replace(&mut self.told, to);
        (from != to).then_some(Change { from, to })
    }

    const fn closed_until(&self) -> u64 {
        match (self.verdict, self.ejection) {
            (Verdict::Bad | Verdict::None, _) => CLOSED,
            (Verdict::Good, None) => OPEN,
            // An ejection without an end would read as closed for good.
            (Verdict::Good, Some(ejection)) if ejection.until.as_millis() == CLOSED => CLOSED - 1,
            (Verdict::Good, Some(ejection)) => ejection.until.as_millis(),
        }
    }
}

impl State {
    /// `active` or `passive`, as in logs, metrics and commands.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive(_) => "passive",
        }
    }

    /// Why it is passive.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Active => None,
            Self::Passive(reason) => Some(reason),
        }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Checking, Self::Draining, Self::Ejected, Self::Maintenance, Self::Standby, Self::Unhealthy];

    /// As in logs, metrics and commands.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Draining => "draining",
            Self::Ejected => "ejected",
            Self::Maintenance => "maintenance",
            Self::Standby => "standby",
            Self::Unhealthy => "unhealthy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EJECT: Duration = Duration::from_secs(10);
    const THRESHOLDS: Thresholds = Thresholds { rise: 2, fall: 3 };

    fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    fn word(state: State) -> &'static str {
        state.reason().map_or(state.word(), Reason::word)
    }

    /// `p` and `f` are rounds that pass and fail, `c` a failed connect, `s` a success, `e` the sweep of ejections; one
    /// event a second. What comes out are the changes, each with its second.
    fn story(probed: bool, events: &str) -> String {
        let (mut health, mut told) = (Health::new(probed), Vec::new());
        told.push(word(health.state()).to_owned());
        for (second, event) in (1..).zip(events.chars()) {
            let now = at(second);
            let before = health.state();
            let change = match event {
                'p' | 'f' => health.on_round(Round { began: now, passed: event == 'p' }, THRESHOLDS),
                'c' => health.on_connect_failure(now, EJECT),
                's' => health.on_success(now),
                'e' => health.expire_ejection(now),
                _ => None,
            };
            if let Some(change) = change {
                assert_eq!(change, Change { from: before, to: health.state() });
                told.push(format!("{second} {}", word(change.to)));
            }
        }
        told.join(", ")
    }

    #[test]
    fn a_node_goes_through_its_states() {
        for (probed, events, expected) in [
            (false, "", "active"),
            (true, "", "checking"),
            (true, "p", "checking, 1 active"),
            (true, "ffp", "checking, 3 active"),
            (true, "fff", "checking, 3 unhealthy"),
            (true, "fffpp", "checking, 3 unhealthy, 5 active"),
            (true, "fffpfpp", "checking, 3 unhealthy, 7 active"),
            (true, "pffp", "checking, 1 active"),
            (true, "pffpfff", "checking, 1 active, 7 unhealthy"),
            (true, "ce", "checking"),
            (true, "fffcpp", "checking, 3 unhealthy, 6 active"),
            (false, "c", "active, 1 ejected"),
            (false, "c........e", "active, 1 ejected"),
            (false, "c.........e", "active, 1 ejected, 11 active"),
            (false, "cc.........e", "active, 1 ejected, 12 active"),
            (false, "cc........e", "active, 1 ejected"),
            (false, "c..............c.......e", "active, 1 ejected"),
            (false, "cs", "active, 1 ejected, 2 active"),
            (true, "pcp", "checking, 1 active, 2 ejected, 3 active"),
            (true, "pcfff", "checking, 1 active, 2 ejected, 5 unhealthy"),
            (true, "pcfffpp", "checking, 1 active, 2 ejected, 5 unhealthy, 7 active"),
            (true, "pcfffsepp", "checking, 1 active, 2 ejected, 5 unhealthy, 9 active"),
            (true, "pffcf", "checking, 1 active, 4 ejected, 5 unhealthy"),
        ] {
            assert_eq!(story(probed, events), expected, "{events:?}, probed: {probed}");
        }
    }

    #[test]
    fn what_began_before_an_ejection_does_not_end_it() {
        let round = |second| Round { began: at(second), passed: true };
        let mut health = Health::new(false);
        health.on_connect_failure(at(5), EJECT);
        assert_eq!(health.on_success(at(4)), None);
        assert_eq!(health.on_round(round(4), THRESHOLDS), None);
        assert_eq!(health.state(), State::Passive(Reason::Ejected));
        assert!(health.on_round(round(6), THRESHOLDS).is_some());
        assert_eq!(health.state(), State::Active);
    }

    #[test]
    fn thresholds_of_nothing_mean_one() {
        let nothing = Thresholds { rise: 0, fall: 0 };
        let mut health = Health::new(true);
        for (passed, expected) in [(true, "active"), (false, "unhealthy"), (true, "active")] {
            health.on_round(Round { began: at(1), passed }, nothing);
            assert_eq!(word(health.state()), expected);
        }
    }

    #[test]
    fn traffic_follows_the_clock_with_nobody_reporting() {
        let node = NodeState::new(false);
        assert!(node.takes_traffic(at(0)));
        assert_eq!(node.ejected_until(at(0)), None);
        assert!(node.on_connect_failure(at(1), EJECT).is_some());
        let expected = [(1, false), (10, false), (11, true), (12, true)];
        assert_eq!(expected.map(|(second, _)| (second, node.takes_traffic(at(second)))), expected);
        assert_eq!((node.ejected_until(at(10)), node.ejected_until(at(11))), (Some(at(11)), None));
        assert_eq!(node.state(), State::Passive(Reason::Ejected), "until somebody tells");
        assert!(node.expire_ejection(at(11)).is_some());
        assert_eq!((node.state(), node.expire_ejection(at(12)), node.on_success(at(12))), (State::Active, None, None));
    }

    #[test]
    fn a_node_that_probes_keep_passive_is_not_offered_for_a_second_try() {
        let node = NodeState::new(true);
        node.on_connect_failure(at(1), EJECT);
        assert_eq!((node.takes_traffic(at(99)), node.ejected_until(at(1))), (false, None));
        node.on_round(Round { began: at(2), passed: true }, THRESHOLDS);
        assert!(node.takes_traffic(at(2)));
        for second in 3..6 {
            assert!(node.takes_traffic(at(second)), "before round {second}");
            node.on_round(Round { began: at(second), passed: false }, THRESHOLDS);
        }
        assert_eq!((node.takes_traffic(at(99)), node.ejected_until(at(6))), (false, None));
    }

    #[test]
    fn an_endless_ejection_is_still_an_ejection() {
        let node = NodeState::new(false);
        node.on_connect_failure(at(1), Duration::MAX);
        assert!(!node.takes_traffic(at(1 << 40)));
        assert!(node.ejected_until(at(1)).is_some());
    }

    #[test]
    fn a_pool_that_loses_its_probes_keeps_no_node_passive_for_good() {
        let node = NodeState::new(true);
        assert_eq!(node.set_probed(true), None);
        let to_active = Change { from: State::Passive(Reason::Checking), to: State::Active };
        assert_eq!(node.set_probed(false), Some(to_active));
        assert!(node.takes_traffic(at(0)));
        node.on_connect_failure(at(1), EJECT);
        assert_eq!(node.set_probed(false), None, "real traffic said so, not probes");
        node.on_success(at(2));
        assert_eq!((node.set_probed(true), node.state()), (None, State::Active));
    }

    #[test]
    fn words_are_those_of_the_documents() {
        let words = Reason::ALL.map(Reason::word);
        assert_eq!(words, ["checking", "draining", "ejected", "maintenance", "standby", "unhealthy"]);
    }
}
