//! Counts failures in a time window, in a fixed small memory. It is exact up to sixteen failures. Above that, a failure
//! may be dropped early, by up to a fifteenth of the window, but never late.

use std::time::Duration;

use crate::traffic::tick::Tick;

/// The failures in the window.
#[derive(Debug, Default)]
pub(super) struct Window {
    groups: [Group; GROUPS],
    newest: usize,
}

/// Failures that are dropped together.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    first: Tick,
    count: u32,
    only_connects: bool,
}

/// The count of failures in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failures {
    pub(super) count: u32,
    /// Whether all of them were failures to connect.
    pub(super) only_connects: bool,
}

const GROUPS: usize = 16;

impl Window {
    /// Adds a failure. `within` is the window, `enough` the highest count that matters.
    pub(super) fn add(&mut self, now: Tick, within: Duration, enough: u32, is_connect: bool) {
        let newest = &mut self.groups[self.newest];
        if newest.count > 0 && now.since(newest.first) < breadth(within, enough) {
            newest.count = newest.count.saturating_add(1);
            newest.only_connects &= is_connect;
            return;
        }
        self.newest = (self.newest + 1) % GROUPS;
        self.groups[self.newest] = Group { first: now, count: 1, only_connects: is_connect };
    }

    /// The failures within the window.
    pub(super) fn recent(&self, now: Tick, within: Duration) -> Failures {
        let recent = self.groups.iter().filter(|group| group.count > 0 && now.since(group.first) <= within);
        recent.fold(Failures { count: 0, only_connects: true }, |all, group| Failures {
            count: all.count.saturating_add(group.count),
            only_connects: all.only_connects && group.only_connects,
        })
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The time that one group covers. Zero if there are enough groups for each failure to have its own; otherwise so long
/// that all groups together cover the window.
fn breadth(within: Duration, enough: u32) -> Duration {
    if usize::try_from(enough).is_ok_and(|enough| enough <= GROUPS) {
        return Duration::ZERO;
    }
    Duration::from_millis(Tick::after(within).as_millis().div_ceil(GROUPS as u64 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    /// Every failure in a list.
    struct Naive(Vec<(Tick, bool)>);

    impl Naive {
        fn recent(&self, now: Tick, within: Duration) -> Failures {
            let recent: Vec<_> = self.0.iter().filter(|(at, _)| now.since(*at) <= within).collect();
            Failures {
                count: recent.len().try_into().unwrap(),
                only_connects: recent.iter().all(|(_, is_connect)| *is_connect),
            }
        }
    }

    /// Failures at random times against the naive list; counts are compared up to what is enough to eject.
    fn drive(enough: u32, within: Duration, longest_gap: u64, check: impl Fn(&Naive, Failures, Tick)) {
        let (mut seed, mut now) = (0x9e37_79b9_7f4a_7c15 ^ u64::from(enough), Tick::START);
        let (mut window, mut naive) = (Window::default(), Naive(Vec::new()));
        for _ in 0..3000 {
            now = now + Duration::from_millis(xorshift(&mut seed) % longest_gap);
            let is_connect = !xorshift(&mut seed).is_multiple_of(8);
            window.add(now, within, enough, is_connect);
            naive.0.push((now, is_connect));
            let later = now + Duration::from_millis(xorshift(&mut seed) % longest_gap);
            check(&naive, window.recent(later, within), later);
            if xorshift(&mut seed).is_multiple_of(100) {
                window.clear();
                naive.0.clear();
            }
        }
    }

    #[test]
    fn few_failures_are_counted_exactly() {
        let within = Duration::from_secs(10);
        for enough in 1..=16 {
            drive(enough, within, 20_000 / u64::from(enough), |naive, seen, now| {
                let expected = naive.recent(now, within);
                assert_eq!(seen.count.min(enough), expected.count.min(enough), "{enough} at {now:?}");
                if expected.count <= enough {
                    assert_eq!(seen, expected, "{enough} at {now:?}");
                }
            });
        }
    }

    #[test]
    fn many_failures_are_forgotten_a_little_early_and_never_late() {
        for (enough, within) in [(17, 10_000), (100, 10_000), (1000, 10_000), (1000, 7), (40, 29)] {
            let (within, early) = (Duration::from_millis(within), Duration::from_millis(within - within / 15 - 1));
            drive(enough, within, 60, |naive, seen, now| {
                let (most, least) = (naive.recent(now, within), naive.recent(now, early));
                assert!((least.count..=most.count).contains(&seen.count), "{least:?} {seen:?} {most:?}, {enough}");
                assert!(seen.only_connects >= most.only_connects, "{seen:?} {most:?}");
                assert!(seen.only_connects <= least.only_connects, "{seen:?} {least:?}");
            });
        }
    }

    #[test]
    fn a_failure_counts_to_the_last_moment_and_not_after() {
        let (within, mut window) = (Duration::from_secs(10), Window::default());
        for (at, count) in [(0, 1), (5000, 2), (10_000, 3), (10_001, 3), (15_001, 3), (60_000, 1)] {
            window.add(Tick::from_millis(at), within, 16, true);
            assert_eq!(window.recent(Tick::from_millis(at), within).count, count, "at {at}");
        }
        window.clear();
        assert_eq!(window.recent(Tick::from_millis(60_000), within).count, 0);
    }
}
