//! Decides when to report that a pool has no active node: when it begins, once a minute while it lasts, and when it is
//! over. While a node is still being checked it begins only with the first request that found no node, because at a start
//! all nodes are passive until they are probed.

use std::time::Duration;

use super::state::{Reason, State};
use crate::traffic::tick::Tick;

/// The time between two reminders.
const AGAIN: Duration = Duration::from_secs(60);

/// Whether a pool has an active node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolStatus {
    /// A node is active.
    Active,
    /// None is active, but one has not been judged yet.
    Unknown,
    /// None is active.
    NoneActive,
}

impl PoolStatus {
    /// Decides by the states of the nodes.
    pub fn by(states: impl Iterator<Item = State>) -> Self {
        let mut status = Self::NoneActive;
        for state in states {
            match state {
                State::Active => return Self::Active,
                State::Passive(Reason::Checking) => status = Self::Unknown,
                State::Passive(_) => {}
            }
        }
        status
    }
}

/// What to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageReport {
    /// The last active node was lost.
    Began,
    /// There has been no active node for this long.
    Lasts(Duration),
    /// There is an active node again, after this long.
    Over(Duration),
}

/// A pool's time without an active node.
#[derive(Debug, Default)]
pub struct Outage(Option<Ongoing>);

#[derive(Debug)]
struct Ongoing {
    since: Tick,
    last: Tick,
}

impl Outage {
    /// Whether it goes on.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the pool's present status, and whether requests found no node since the last call; returns what to report.
    pub fn note(&mut self, status: PoolStatus, refused: bool, now: Tick) -> Option<OutageReport> {
        match (&mut self.0, status) {
            (None, PoolStatus::Active) => None,
            (None, PoolStatus::Unknown) if !refused => None,
            (None, PoolStatus::Unknown | PoolStatus::NoneActive) => {
                self.0 = Some(Ongoing { since: now, last: now });
                Some(OutageReport::Began)
            }
            (Some(ongoing), PoolStatus::Active) => {
                let lasted = now.since(ongoing.since);
                self.0 = None;
                Some(OutageReport::Over(lasted))
            }
            (Some(ongoing), _) if now.since(ongoing.last) >= AGAIN => {
                ongoing.last = now;
                Some(OutageReport::Lasts(now.since(ongoing.since)))
            }
            (Some(_), _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    const ALL: [State; 7] = [
        State::Active,
        State::Passive(Reason::Checking),
        State::Passive(Reason::Draining),
        State::Passive(Reason::Ejected),
        State::Passive(Reason::Maintenance),
        State::Passive(Reason::Standby),
        State::Passive(Reason::Unhealthy),
    ];

    #[test]
    fn one_active_node_serves_and_one_that_is_checked_may() {
        assert_eq!(PoolStatus::by([].into_iter()), PoolStatus::NoneActive);
        for (one, other) in ALL.iter().flat_map(|one| ALL.iter().map(move |other| (*one, *other))) {
            let has = |wanted| one == wanted || other == wanted;
            let expected = match () {
                () if has(State::Active) => PoolStatus::Active,
                () if has(State::Passive(Reason::Checking)) => PoolStatus::Unknown,
                () => PoolStatus::NoneActive,
            };
            assert_eq!(PoolStatus::by([one, other].into_iter()), expected, "{one:?} and {other:?}");
        }
    }

    #[test]
    fn its_begin_its_minutes_and_its_end_are_told_once_each() {
        let (mut outage, seconds) = (Outage::default(), Duration::from_secs);
        for (at, status, expected) in [
            (0, PoolStatus::Unknown, None),
            (5, PoolStatus::Active, None),
            (6, PoolStatus::Unknown, None),
            (10, PoolStatus::NoneActive, Some(OutageReport::Began)),
            (11, PoolStatus::NoneActive, None),
            (69, PoolStatus::NoneActive, None),
            (70, PoolStatus::NoneActive, Some(OutageReport::Lasts(seconds(60)))),
            (71, PoolStatus::Unknown, None),
            (129, PoolStatus::NoneActive, None),
            (135, PoolStatus::Unknown, Some(OutageReport::Lasts(seconds(125)))),
            (140, PoolStatus::Active, Some(OutageReport::Over(seconds(130)))),
            (141, PoolStatus::Active, None),
            (142, PoolStatus::NoneActive, Some(OutageReport::Began)),
            (143, PoolStatus::Active, Some(OutageReport::Over(seconds(1)))),
        ] {
            let report = outage.note(status, false, Tick::from_millis(at * 1000));
            assert_eq!(report, expected, "at {at}");
        }
    }

    #[test]
    fn while_nodes_are_checked_the_first_request_without_a_node_begins_it() {
        let mut outage = Outage::default();
        let mut told = |at, status, refused| outage.note(status, refused, Tick::from_millis(at));
        assert_eq!(told(0, PoolStatus::Active, true), None);
        assert_eq!(told(1_000, PoolStatus::Unknown, false), None);
        assert_eq!(told(2_000, PoolStatus::Unknown, true), Some(OutageReport::Began));
        assert_eq!(told(3_000, PoolStatus::Unknown, true), None);
        assert_eq!(told(9_000, PoolStatus::NoneActive, true), None);
        assert_eq!(told(22_000, PoolStatus::Active, false), Some(OutageReport::Over(Duration::from_secs(20))));
    }

    #[test]
    fn whatever_happens_begins_and_ends_take_turns_and_reminders_keep_a_minute() {
        let mut drawn = 0x2545_F491_4F6C_DD1D_u64;
        let mut draw = |below: u64| xorshift(&mut drawn) % below;
        let (mut outage, mut at, mut began, mut last) = (Outage::default(), 0, None, 0);
        for _ in 0..20_000 {
            at += draw(20_000);
            let status = [PoolStatus::Active, PoolStatus::Unknown, PoolStatus::NoneActive, PoolStatus::NoneActive]
                [draw(4) as usize];
            let refused = draw(2) == 0;
            let report = outage.note(status, refused, Tick::from_millis(at));
            let lasted = began.map(|began| Duration::from_millis(at - began));
            let expected = match (lasted, status) {
                (None, PoolStatus::NoneActive) => Some(OutageReport::Began),
                (None, PoolStatus::Unknown) if refused => Some(OutageReport::Began),
                (Some(lasted), PoolStatus::Active) => Some(OutageReport::Over(lasted)),
                (Some(lasted), _) if at - last >= 60_000 => Some(OutageReport::Lasts(lasted)),
                _ => None,
            };
            assert_eq!(report, expected, "{status:?} at {at}, began {began:?}");
            match report {
                Some(OutageReport::Began) => (began, last) = (Some(at), at),
                Some(OutageReport::Lasts(_)) => last = at,
                Some(OutageReport::Over(_)) => began = None,
                None => {}
            }
        }
    }
}
