//! A leaky bucket in whole numbers, so the rate is exact. Each request raises the level, time lowers it, and the level
//! decides.

use std::time::Duration;

use crate::config::Rate;
use crate::traffic::tick::Tick;

/// The decision about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateDecision {
    /// It may go on at once.
    Pass,
    /// It may go on after this delay. It is counted even if its client does not wait.
    Delay(Duration),
    /// It is refused and not counted.
    Refuse {
        /// Seconds after which a request would pass if no other comes; at least 1.
        retry_after: u32,
    },
}

/// A rate. A request adds `cost` units to the level, and each millisecond takes `drain` units away.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateTerms {
    cost: u64,
    drain: u64,
    /// The highest level at which another request passes.
    spare: u64,
    delay: bool,
}

/// The level of one key at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    level: u64,
    at: Tick,
}

impl RateTerms {
    pub(super) fn of(rate: &Rate) -> Self {
        // At most 49 days, so that the largest burst fits into 64 bits.
        let cost = rate.per.as_millis().clamp(1, u128::from(u32::MAX)) as u64;
        Self { cost, drain: u64::from(rate.requests.max(1)), spare: cost * u64::from(rate.burst), delay: rate.delay }
    }

    /// Whether the bucket is empty, so that it can be dropped without effect.
    pub(super) fn is_empty(&self, bucket: &Bucket, now: Tick) -> bool {
        self.left(bucket, now) == 0
    }

    fn left(&self, bucket: &Bucket, now: Tick) -> u64 {
        let passed = now.as_millis().saturating_sub(bucket.at.as_millis());
        bucket.level.saturating_sub(passed.saturating_mul(self.drain))
    }

    /// Milliseconds until this many units have drained, rounded up.
    fn wait(&self, units: u64) -> u64 {
        units.div_ceil(self.drain)
    }
}

impl Bucket {
    /// Counts one request. A refused request does not raise the level, as in nginx's limit_req, so a client that keeps
    /// trying is still served at the rate.
    pub(super) fn ask(&mut self, terms: &RateTerms, now: Tick) -> RateDecision {
        let left = terms.left(self, now);
        if left > terms.spare {
            let seconds = terms.wait(left - terms.spare).div_ceil(1000).max(1);
            return RateDecision::Refuse { retry_after: u32::try_from(seconds).unwrap_or(u32::MAX) };
        }
        // Each thread has its own coarse clock. An earlier clock must not drain the same time twice.
        *self = Self { level: left + terms.cost, at: self.at.max(now) };
        if terms.delay && left > 0 {
            RateDecision::Delay(Duration::from_millis(terms.wait(left)))
        } else {
            RateDecision::Pass
        }
    }

    /// Counts requests that passed elsewhere. The level may be higher than one machine would let it come: until it has drained, nobody
    /// passes anywhere, so all machines together let through what the rate says.
    pub(super) fn charge(&mut self, requests: u32, terms: &RateTerms, now: Tick) {
        let level = terms.left(self, now).saturating_add(terms.cost.saturating_mul(requests.into()));
        *self = Self { level, at: self.at.max(now) };
    }
}

#[cfg(test)]
mod tests {
    use super::RateDecision::{Delay, Pass, Refuse};
    use super::*;
    use crate::config::RateBy;
    use crate::traffic::xorshift::xorshift;

    fn rate(requests: u32, per: Duration, burst: u32, delay: bool) -> Rate {
        let by = RateBy::Client { ipv4_prefix: 32, ipv6_prefix: 64 };
        Rate { requests, per, burst, delay, by, max_keys: 10, shared: false }
    }

    fn after(retry_after: u32) -> RateDecision {
        Refuse { retry_after }
    }

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    /// Requests at these milliseconds, and the decision about each. The comments give the rate in nginx's notation.
    #[test]
    fn rates_are_as_nginx_has_them() {
        let late = |millis| Delay(Duration::from_millis(millis));
        let table: &[(Rate, &[(u64, RateDecision)])] = &[
            // rate=1r/s
            (rate(1, SECOND, 0, false), &[(0, Pass), (0, after(1)), (999, after(1)), (1000, Pass), (1001, after(1))]),
            // rate=1r/s: a request a little too early is refused and does not make the next one late
            (rate(1, SECOND, 0, false), &[(0, Pass), (500, after(1)), (1000, Pass), (1999, after(1)), (2000, Pass)]),
            // rate=1r/s burst=5 nodelay
            (
                rate(1, SECOND, 5, false),
                &[
                    (0, Pass),
                    (0, Pass),
                    (0, Pass),
                    (0, Pass),
                    (0, Pass),
                    (0, Pass),
                    (0, after(1)),
                    (999, after(1)),
                    (1000, Pass),
                    (1000, after(1)),
                    (3000, Pass),
                    (3000, Pass),
                    (3000, after(1)),
                    (60_000, Pass),
                ],
            ),
            // rate=10r/s burst=3
            (
                rate(10, SECOND, 3, true),
                &[
                    (0, Pass),
                    (0, late(100)),
                    (0, late(200)),
                    (0, late(300)),
                    (0, after(1)),
                    (50, after(1)),
                    (100, late(300)),
                ],
            ),
            // rate=2r/s burst=1: what has drained in part is waited for in part
            (rate(2, SECOND, 1, true), &[(0, Pass), (200, late(300)), (200, after(1)), (1000, Pass)]),
            // rate=2r/m: half a minute between two
            (
                rate(2, MINUTE, 0, false),
                &[(0, Pass), (1, after(30)), (29_000, after(1)), (30_000, Pass), (30_000, after(30))],
            ),
            // rate=30r/m burst=1 nodelay
            (
                rate(30, MINUTE, 1, false),
                &[(0, Pass), (0, Pass), (0, after(2)), (500, after(2)), (1000, after(1)), (2000, Pass)],
            ),
            // 3 a second: thirds of a second do not add up to less
            (rate(3, SECOND, 0, false), &[(0, Pass), (333, after(1)), (334, Pass), (667, after(1)), (668, Pass)]),
            // faster than the clock ticks: the burst is what one tick holds
            (
                rate(5000, SECOND, 4, false),
                &[(0, Pass), (0, Pass), (0, Pass), (0, Pass), (0, Pass), (0, after(1)), (1, Pass)],
            ),
        ];
        for (number, (rate, steps)) in table.iter().enumerate() {
            let (terms, mut bucket) = (RateTerms::of(rate), Bucket::default());
            for (step, (at, expected)) in steps.iter().enumerate() {
                let verdict = bucket.ask(&terms, Tick::from_millis(*at));
                assert_eq!(verdict, *expected, "rate {number}, request {step} at {at} ms");
            }
        }
    }

    #[test]
    fn the_largest_numbers_neither_wrap_nor_panic() {
        for requests in [0, 1, u32::MAX] {
            for per in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
                for burst in [0, u32::MAX] {
                    let (terms, mut bucket) = (RateTerms::of(&rate(requests, per, burst, true)), Bucket::default());
                    for at in [0, 0, 1, u64::MAX, u64::MAX, 5] {
                        if let Refuse { retry_after } = bucket.ask(&terms, Tick::from_millis(at)) {
                            assert!(retry_after >= 1);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_earlier_clock_drains_nothing_twice() {
        let (terms, mut bucket) = (RateTerms::of(&rate(1, SECOND, 1, false)), Bucket::default());
        let mut ask = |at| bucket.ask(&terms, Tick::from_millis(at));
        assert_eq!((ask(10_000), ask(9_000), ask(10_000), ask(10_999)), (Pass, Pass, after(1), after(1)));
        assert_eq!(ask(11_000), Pass);
    }

    /// Retry-After is exact: a second earlier the request would be refused, then it passes.
    #[test]
    fn who_waits_as_told_is_let_through_and_not_much_too_late() {
        let mut chance = 0x9E37_79B9_97F4_A7C1_u64;
        let mut draw = |below: u64| xorshift(&mut chance) % below;
        let mut refused = 0;
        for _ in 0..2_000 {
            let per = Duration::from_millis(1 + draw(100_000));
            let terms = RateTerms::of(&rate(1 + draw(50) as u32, per, draw(8) as u32, draw(2) == 0));
            let (mut bucket, mut now) = (Bucket::default(), Tick::START);
            for _ in 0..20 {
                now = now + Duration::from_millis(draw(1000));
                let Refuse { retry_after } = bucket.ask(&terms, now) else { continue };
                refused += 1;
                let told = now + Duration::from_secs(u64::from(retry_after));
                assert!(!matches!(bucket.clone().ask(&terms, told), Refuse { .. }));
                if retry_after > 1 {
                    let early = now + Duration::from_secs(u64::from(retry_after) - 1);
                    assert!(matches!(bucket.clone().ask(&terms, early), Refuse { .. }));
                }
            }
        }
        assert!(refused > 1_000, "{refused} refusals were seen");
    }
}
