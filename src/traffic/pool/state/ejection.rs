//! Ejection: when failures of traffic make a node passive, and for how long. Failures are counted in a time window. A
//! success does not clear it, because otherwise a node that fails every second request would never be ejected. Each
//! ejection lasts twice as long as the one before; after quiet time the length goes down again. When the time is over,
//! one request must succeed before the node is active.

use std::time::Duration;

use super::window::Window;
use crate::config::Eject;
use crate::traffic::tick::Tick;

/// How an attempt failed. A reused connection that broke before an answer does not count as a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The connection was refused, or there is no route.
    Refused,
    /// The node did not accept in time.
    Connect,
    /// No answer in time.
    Timeout,
    /// A fresh connection broke before an answer. Or its TLS handshake failed or took too long, or the certificate was not
    /// a pinned one.
    Reset,
    /// The answer was not HTTP.
    Malformed,
    /// It answered with a status that counts as a failure.
    Status,
}

/// Whether the limits of a pool allow one more ejection. The last active node is ejected only if it refuses
/// connections, because then nothing is lost. Otherwise one ejection is always allowed, and more up to the configured
/// share of all members.
pub fn may_eject(
    fault: Fault,
    active_now: usize,
    ejected_now: usize,
    members: usize,
    max_ejected_percent: u16,
) -> bool {
    if active_now <= 1 {
        return fault == Fault::Refused;
    }
    let ejected = ejected_now.saturating_add(1);
    ejected == 1 || ejected.saturating_mul(100) <= members.saturating_mul(usize::from(max_ejected_percent))
}

/// An ejection as another process goes on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedEjection {
    /// How much of it is left; nothing, where the trial is due.
    pub left: Duration,
    /// Whether all failures were failures to connect.
    pub only_connects: bool,
    /// Ejections that count for the length of the next.
    pub counted: u32,
}

/// A node's failures and ejections.
#[derive(Debug, Default)]
pub(super) struct Ejections {
    current: Option<Ejection>,
    failures: Window,
    /// Attempts that began earlier do not count.
    counts_since: Tick,
    /// Ejections that count for the length of the next.
    counted: u32,
    /// The end of the last ejection.
    quiet_since: Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ejection {
    began: Tick,
    pub(super) until: Tick,
    /// Whether all failures were failures to connect. A passed probe refutes these.
    only_connects: bool,
}

/// The quiet time that takes one ejection back, in lengths of the first.
const FORGIVEN_AFTER: u32 = 10;

impl Ejections {
    pub(super) const fn current(&self) -> Option<Ejection> {
        self.current
    }

    /// At an ejected node, a failure counts only if the attempt began after the ejection time. Then the trial has
    /// failed, and the node is ejected again. The pool's limits need no check, since the node is ejected already.
    pub(super) fn on_fault(&mut self, now: Tick, began: Tick, fault: Fault, eject: &Eject, may_eject: bool) {
        // The settings forbid ejection.
        if eject.failures == 0 || eject.first.is_zero() {
            return self.forget();
        }
        if let Some(current) = self.current {
            if began >= current.until {
                self.begin(now, fault.is_connect(), eject);
            }
            return;
        }
        if began < self.counts_since {
            return;
        }
        self.failures.add(now, eject.within, eject.failures, fault.is_connect());
        let recent = self.failures.recent(now, eject.within);
        if recent.count >= eject.failures && may_eject {
            self.begin(now, recent.only_connects, eject);
        }
    }

    /// A success that began after the ejection was the trial or a last resort, and shows that the node is healthy. A
    /// success that began before the ejection does not.
    pub(super) fn on_success(&mut self, began: Tick, now: Tick) {
        if self.current.is_some_and(|current| began > current.began) {
            self.end(now);
        }
    }

    /// A passed probe ends the ejection only if connecting had failed. It may show no more than that: a node that never
    /// answers passes a TCP probe.
    pub(super) fn on_pass(&mut self, began: Tick) {
        if self.current.is_some_and(|current| current.only_connects && began > current.began) {
            self.end(began);
        }
    }

    /// Ends the ejection, if there is one. Failures are counted from zero, for attempts that begin from now on. The
    /// number of ejections is kept.
    pub(super) fn end(&mut self, now: Tick) {
        if self.current.take().is_some() {
            self.quiet_since = now;
        }
        self.failures.clear();
        self.counts_since = self.counts_since.max(now);
    }

    /// The present ejection, for another process.
    pub(super) fn to_hand_over(&self, now: Tick) -> Option<HandedEjection> {
        let Ejection { until, only_connects, .. } = self.current?;
        Some(HandedEjection { left: until.since(now), only_connects, counted: self.counted })
    }

    /// Goes on with an ejection of another process. What happened here before does not count.
    pub(super) fn go_on(&mut self, ejection: HandedEjection, now: Tick) {
        let HandedEjection { left, only_connects, counted } = ejection;
        self.begin_anew(now);
        self.counted = counted;
        self.current = Some(Ejection { began: now, until: now + left, only_connects });
    }

    /// Clears all ejections and failures.
    pub(super) fn forget(&mut self) {
        *self = Self { counts_since: self.counts_since, ..Self::default() };
    }

    /// Clears all, and only attempts that begin from now on count.
    pub(super) fn begin_anew(&mut self, now: Tick) {
        self.forget();
        self.counts_since = self.counts_since.max(now);
    }

    fn begin(&mut self, now: Tick, only_connects: bool, eject: &Eject) {
        if self.current.is_none() {
            self.counted = self.counted.saturating_sub(forgiven(now.since(self.quiet_since), eject.first));
        }
        let until = now + length(self.counted, eject);
        self.counted = self.counted.saturating_add(1);
        self.current = Some(Ejection { began: now, until, only_connects });
    }
}

impl Fault {
    const fn is_connect(self) -> bool {
        matches!(self, Self::Refused | Self::Connect)
    }
}

/// The length of an ejection after `before` others.
fn length(before: u32, eject: &Eject) -> Duration {
    let doubled = 2_u32.checked_pow(before).and_then(|times| eject.first.checked_mul(times));
    doubled.unwrap_or(Duration::MAX).min(eject.most.max(eject.first))
}

/// How many ejections this quiet time takes back.
fn forgiven(quiet: Duration, first: Duration) -> u32 {
    let each = first.saturating_mul(FORGIVEN_AFTER);
    u32::try_from(quiet.as_nanos().checked_div(each.as_nanos()).unwrap_or(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    const EJECT: Eject = Eject {
        failures: 3,
        within: Duration::from_secs(10),
        first: Duration::from_secs(10),
        most: Duration::from_secs(60),
        statuses: Vec::new(),
        max_ejected: 50,
    };

    fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    /// Ejects, and lets the trial succeed as early as possible; returns the length.
    fn ejected_at(ejections: &mut Ejections, second: u64) -> u64 {
        for _ in 0..3 {
            ejections.on_fault(at(second), at(second), Fault::Timeout, &EJECT, true);
        }
        let until = ejections.current().unwrap().until;
        ejections.on_success(until, until);
        assert_eq!(ejections.current(), None);
        until.since(at(second)).as_secs()
    }

    #[test]
    fn another_process_goes_on_with_an_ejection() {
        let (mut one, mut other) = (Ejections::default(), Ejections::default());
        assert_eq!(one.to_hand_over(at(1)), None);
        (0..3).for_each(|_| one.on_fault(at(100), at(100), Fault::Timeout, &EJECT, true));
        let handed = one.to_hand_over(at(104)).unwrap();
        assert_eq!(handed, HandedEjection { left: Duration::from_secs(6), only_connects: false, counted: 1 });
        // The clock of the other process has just begun.
        other.go_on(handed, at(2));
        assert_eq!(other.current().unwrap().until, at(8));
        other.on_success(at(1), at(3));
        assert!(other.current().is_some(), "what began before does not count");
        other.on_fault(at(9), at(8), Fault::Timeout, &EJECT, true);
        assert_eq!(other.current().unwrap().until, at(29), "the trial has failed, and the next lasts twice as long");
        assert_eq!(one.to_hand_over(at(200)).unwrap().left, Duration::ZERO, "the trial is due");
    }

    #[test]
    fn ejections_double_up_to_the_most_and_are_forgiven_one_by_one() {
        let (mut ejections, mut second) = (Ejections::default(), 0);
        for (quiet, expected) in [
            (1, 10),
            (1, 20),
            (1, 40),
            (1, 60),
            (1, 60),
            (99, 60),
            (100, 60),
            // Six count and four are taken back.
            (400, 40),
            (200, 20),
            (199, 20),
            (250, 10),
            (100_000, 10),
            (1, 20),
        ] {
            second += quiet;
            let length = ejected_at(&mut ejections, second);
            assert_eq!(length, expected, "after {quiet} s of quiet, at {second}, {ejections:?}");
            second += length;
        }
    }

    #[test]
    fn lengths_neither_wrap_nor_end_before_the_first() {
        let secs = Duration::from_secs;
        for (before, first, most, expected) in [
            (0, secs(10), secs(300), secs(10)),
            (4, secs(10), secs(300), secs(160)),
            (5, secs(10), secs(300), secs(300)),
            (31, secs(10), secs(300), secs(300)),
            (32, secs(10), secs(300), secs(300)),
            (u32::MAX, secs(10), Duration::MAX, Duration::MAX),
            (0, Duration::MAX, Duration::MAX, Duration::MAX),
            (1, Duration::MAX, secs(1), Duration::MAX),
            (0, secs(10), secs(1), secs(10)),
            (3, secs(10), Duration::ZERO, secs(10)),
        ] {
            assert_eq!(length(before, &Eject { first, most, ..EJECT }), expected, "{before} {first:?} {most:?}");
        }
        assert_eq!(forgiven(Duration::MAX, Duration::from_nanos(1)), u32::MAX);
        assert_eq!((forgiven(secs(1), Duration::ZERO), forgiven(Duration::MAX, Duration::MAX)), (0, 1));
    }

    #[test]
    fn a_pool_loses_no_more_than_its_share_and_not_its_last_node() {
        use Fault::{Refused, Timeout};
        for (fault, active, ejected, members, percent, expected) in [
            (Timeout, 2, 0, 2, 50, true),
            (Timeout, 1, 1, 2, 50, false),
            (Timeout, 1, 1, 2, 100, false),
            (Refused, 1, 1, 2, 50, true),
            (Refused, 1, 0, 1, 50, true),
            (Timeout, 1, 0, 1, 100, false),
            (Timeout, 0, 0, 1, 100, false),
            (Refused, 0, 0, 1, 0, true),
            // One ejection is always allowed while another node is active.
            (Timeout, 3, 0, 3, 10, true),
            (Timeout, 3, 0, 3, 0, true),
            (Timeout, 2, 1, 3, 50, false),
            (Refused, 2, 1, 3, 50, false),
            (Timeout, 2, 1, 3, 67, true),
            (Timeout, 3, 1, 4, 50, true),
            (Timeout, 2, 2, 4, 50, false),
            (Timeout, 5, 4, 10, 50, true),
            (Timeout, 5, 5, 10, 50, false),
            (Timeout, usize::MAX, usize::MAX, usize::MAX, u16::MAX, true),
        ] {
            let seen = may_eject(fault, active, ejected, members, percent);
            assert_eq!(seen, expected, "{fault:?} {active} {ejected} {members} {percent}");
        }
    }

    #[test]
    fn of_a_pool_at_least_one_serves_and_at_most_its_share_is_out() {
        let mut seed = 88_172_645_463_325_252_u64;
        for _ in 0..2000 {
            let members = 1 + usize::try_from(seed % 20).unwrap();
            let percent = u16::try_from(seed / 32 % 101).unwrap();
            let mut ejected = 0;
            while may_eject(Fault::Status, members - ejected, ejected, members, percent) {
                ejected += 1;
            }
            let share = members * usize::from(percent) / 100;
            assert_eq!(ejected, share.max(1).min(members - 1), "{members} {percent}");
            xorshift(&mut seed);
        }
    }
}
