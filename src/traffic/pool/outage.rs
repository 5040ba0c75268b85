//! Decides when to report that a pool has no active node: when it begins, once a minute while it lasts, and when it is
//! over. It does not begin while a node is still being checked, because at a start all nodes are passive until they are
//! probed.

use std::time::Duration;

use super::state::{Reason, State};
use crate::traffic::tick::Tick;

/// The time between two reminders.
const AGAIN: Duration = Duration::from_secs(60);

/// Whether a pool has an active node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// A node is active.
    Active,
    /// None is active, but one has not been judged yet.
    Unknown,
    /// None is active.
    Nobody,
}

impl Served {
    /// Decides by the states of the nodes.
    pub fn by(states: impl Iterator<Item = State>) -> Self {
        let mut served = Self::Nobody;
        for state in states {
            match state {
                State::Active => return Self::Active,
                State::Passive(Reason::Checking) => served = Self::Unknown,
                State::Passive(_) => {}
            }
        }
        served
    }
}

/// What to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The last active node was lost.
    Began,
    /// There has been no active node for this long.
    Lasts(Duration),
    /// There is an active node again, after this long.
    Over(Duration),
}

/// A pool's time without an active node.
#[derive(Debug, Default)]
pub struct Outage(Option<Told>);

#[derive(Debug)]
struct Told {
    since: Tick,
    last: Tick,
}

impl Outage {
    /// Takes the pool's present status; returns what to report.
    pub fn note(&mut self, served: Served, now: Tick) -> Option<News> {
        match (&mut self.0, served) {
            (None, Served::Active | Served::Unknown) => None,
            (None, Served::Nobody) => {
                self.0 = Some(Told { since: now, last: now });
                Some(News::Began)
            }
            (Some(told), Served::Active) => {
                let lasted = now.since(told.since);
                self.0 = None;
                Some(News::Over(lasted))
            }
            (Some(told), _) if now.since(told.last) >= AGAIN => {
                told.last = now;
                Some(News::Lasts(now.since(told.since)))
            }
            (Some(_), _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(Served::by([].into_iter()), Served::Nobody);
        for (one, other) in ALL.iter().flat_map(|one| ALL.iter().map(move |other| (*one, *other))) {
            let has = |wanted| one == wanted || other == wanted;
            let expected = match () {
                () if has(State::Active) => Served::Active,
                () if has(State::Passive(Reason::Checking)) => Served::Unknown,
                () => Served::Nobody,
            };
            assert_eq!(Served::by([one, other].into_iter()), expected, "{one:?} and {other:?}");
        }
    }

    #[test]
    fn its_begin_its_minutes_and_its_end_are_told_once_each() {
        let (mut outage, seconds) = (Outage::default(), Duration::from_secs);
        for (at, served, expected) in [
            (0, Served::Unknown, None),
            (5, Served::Active, None),
            (6, Served::Unknown, None),
            (10, Served::Nobody, Some(News::Began)),
            (11, Served::Nobody, None),
            (69, Served::Nobody, None),
            (70, Served::Nobody, Some(News::Lasts(seconds(60)))),
            (71, Served::Unknown, None),
            (129, Served::Nobody, None),
            (135, Served::Unknown, Some(News::Lasts(seconds(125)))),
            (140, Served::Active, Some(News::Over(seconds(130)))),
            (141, Served::Active, None),
            (142, Served::Nobody, Some(News::Began)),
            (143, Served::Active, Some(News::Over(seconds(1)))),
        ] {
            let told = outage.note(served, Tick::from_millis(at * 1000));
            assert_eq!(told, expected, "at {at}");
        }
    }

    #[test]
    fn whatever_happens_begins_and_ends_take_turns_and_reminders_keep_a_minute() {
        let mut drawn = 0x2545_F491_4F6C_DD1D_u64;
        let mut draw = |below: u64| {
            drawn ^= drawn << 13;
            drawn ^= drawn >> 7;
            drawn ^= drawn << 17;
            drawn % below
        };
        let (mut outage, mut at, mut began, mut last) = (Outage::default(), 0, None, 0);
        for _ in 0..20_000 {
            at += draw(20_000);
            let served = [Served::Active, Served::Unknown, Served::Nobody, Served::Nobody][draw(4) as usize];
            let news = outage.note(served, Tick::from_millis(at));
            let lasted = began.map(|began| Duration::from_millis(at - began));
            let expected = match (lasted, served) {
                (None, Served::Nobody) => Some(News::Began),
                (Some(lasted), Served::Active) => Some(News::Over(lasted)),
                (Some(lasted), _) if at - last >= 60_000 => Some(News::Lasts(lasted)),
                _ => None,
            };
            assert_eq!(news, expected, "{served:?} at {at}, began {began:?}");
            match news {
                Some(News::Began) => (began, last) = (Some(at), at),
                Some(News::Lasts(_)) => last = at,
                Some(News::Over(_)) => began = None,
                None => {}
            }
        }
    }
}
