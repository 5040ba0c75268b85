//! Slow start: after a node became active, its share climbs with time from a tenth to the whole. The climb pauses while
//! the node is slower than its peers and still getting slower. The caller has the clock and stores the share.

use std::time::Duration;

/// The whole share, in permille.
pub const WHOLE: u16 = 1000;

/// The first share of a node. With less, a JVM would not warm up.
pub const FLOOR: u16 = 100;

/// The slow start of one node. A new value is warm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlowStart {
    climb: Option<Climb>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Climb {
    climbed: Duration,
    held: Duration,
    /// Its latency at the last step; 0: unknown.
    latency: u32,
}

impl SlowStart {
    /// Begins a slow start: the node is cold.
    pub fn begin(&mut self) {
        self.climb = Some(Climb::default());
    }

    /// How much of the time it is through; `None`: it has the whole share.
    pub fn climbed(&self) -> Option<Duration> {
        self.climb.map(|climb| climb.climbed)
    }

    /// One that is so far. How the node compared with its peers is not known.
    pub fn from(climbed: Option<Duration>) -> Self {
        Self { climb: climbed.map(|climbed| Climb { climbed, ..Climb::default() }) }
    }

    /// Whether it has the whole share.
    pub const fn is_warm(&self) -> bool {
        self.climb.is_none()
    }

    /// The next share in permille, `elapsed` after the last step. The latencies are averages in the same unit; 0:
    /// unknown. Whatever the latencies, slow start ends within four times `slow_start`.
    pub fn step(&mut self, slow_start: Duration, elapsed: Duration, own_latency: u32, peers_latency: u32) -> u16 {
        let Some(climb) = &mut self.climb else { return WHOLE };
        climb.step(slow_start, elapsed, own_latency, peers_latency);
        if climb.climbed >= slow_start {
            self.climb = None;
            return WHOLE;
        }
        climb.share(slow_start)
    }
}

impl Climb {
    fn step(&mut self, slow_start: Duration, elapsed: Duration, own: u32, peers: u32) {
        let holds = self.latency > 0 && own > self.latency && peers > 0 && is_slower(own, peers);
        // Pauses are limited, because a node may stay slower than its peers.
        let may_hold = slow_start.saturating_mul(3).saturating_sub(self.held);
        let held = if holds { elapsed.min(may_hold) } else { Duration::ZERO };
        self.held = self.held.saturating_add(held);
        self.climbed = self.climbed.saturating_add(elapsed.saturating_sub(held));
        self.latency = own;
    }

    /// The share; only while `climbed` is less than `slow_start`.
    fn share(&self, slow_start: Duration) -> u16 {
        let climbed = self.climbed.as_nanos().saturating_mul(u128::from(WHOLE - FLOOR)) / slow_start.as_nanos().max(1);
        FLOOR + u16::try_from(climbed).unwrap_or(WHOLE).min(WHOLE - FLOOR)
    }
}

/// Whether it is slower by more than half.
fn is_slower(own: u32, peers: u32) -> bool {
    u64::from(own) * 2 > u64::from(peers) * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn cold() -> SlowStart {
        let mut warmup = SlowStart::default();
        warmup.begin();
        warmup
    }

    #[test]
    fn the_share_climbs_with_time() {
        for (slow_start, elapsed, share) in [
            (Duration::ZERO, Duration::ZERO, 1000),
            (Duration::ZERO, SECOND, 1000),
            (MINUTE, Duration::ZERO, 100),
            (MINUTE, SECOND, 115),
            (MINUTE, MINUTE / 2, 550),
            (MINUTE, MINUTE - Duration::from_nanos(1), 999),
            (MINUTE, MINUTE, 1000),
            (MINUTE, Duration::MAX, 1000),
            (Duration::MAX, MINUTE, 100),
            (Duration::MAX, Duration::MAX - SECOND, 999),
            (Duration::from_nanos(1), Duration::ZERO, 100),
        ] {
            let mut warmup = cold();
            assert_eq!(warmup.step(slow_start, elapsed, 0, 0), share, "{elapsed:?} of {slow_start:?}");
            assert_eq!(warmup.is_warm(), share == 1000);
        }
    }

    #[test]
    fn it_waits_while_it_is_slower_than_its_peers_and_grows_slower_still() {
        for (latencies, peers, climbs) in [
            // Its latency at each step, its peers' latency, and whether the last step climbed.
            (&[0][..], 10, true),
            (&[90], 10, true),
            (&[80, 90], 10, false),
            (&[90, 90], 10, true),
            (&[90, 80], 10, true),
            (&[14, 15], 10, true),
            (&[15, 16], 10, false),
            (&[1, 90], 0, true),
            (&[0, 90], 10, true),
            (&[90, 80, 81], 10, false),
            (&[u32::MAX - 1, u32::MAX], u32::MAX, true),
            (&[u32::MAX - 1, u32::MAX], u32::MAX / 2, false),
        ] {
            let mut warmup = cold();
            let shares: Vec<_> = latencies.iter().map(|own| warmup.step(MINUTE, SECOND, *own, peers)).collect();
            let before = shares.len().checked_sub(2).map_or(100, |position| shares[position]);
            assert_eq!(shares.last() > Some(&before), climbs, "{latencies:?} beside {peers}");
        }
    }

    #[test]
    fn it_begins_anew_and_ends_for_good() {
        let mut warmup = SlowStart::default();
        assert_eq!((warmup.is_warm(), warmup.step(MINUTE, Duration::ZERO, 9, 1)), (true, 1000));
        warmup.begin();
        assert_eq!((warmup.step(MINUTE, MINUTE, 9, 1), warmup.step(MINUTE, SECOND, 99, 1)), (1000, 1000));
        warmup.begin();
        assert_eq!((warmup.is_warm(), warmup.step(MINUTE, SECOND, 100, 1)), (false, 115));
        assert_eq!(warmup.step(2 * MINUTE, SECOND, 100, 1), 115, "a reload may change its length");
        assert_eq!(warmup.step(SECOND, Duration::ZERO, 100, 1), 1000);
    }

    #[test]
    fn whatever_is_measured_it_is_over_in_four_times_its_length_and_never_falls() {
        let mut random = 88_172_645_463_325_252_u64;
        let mut draw = move || (xorshift(&mut random) >> 20) as u32;
        for run in 0..2000 {
            let slow_start = Duration::from_millis(u64::from(1 + draw() % 100_000));
            let (mut warmup, mut passed, mut share) = (cold(), Duration::ZERO, 100);
            for step in 1.. {
                let elapsed = Duration::from_millis(u64::from(draw() % 5000));
                passed += elapsed;
                let own = if run % 2 == 0 { step * 10 } else { draw() % 100 };
                let next = warmup.step(slow_start, elapsed, own, draw() % 10);
                assert!(next >= share && (100..=1000).contains(&next), "{share}, then {next}");
                share = next;
                assert_eq!(warmup.is_warm(), share == 1000);
                if warmup.is_warm() {
                    break;
                }
                assert!(passed < 4 * slow_start, "still at {share} after {passed:?} of {slow_start:?}");
            }
            assert!(passed >= slow_start, "warm after {passed:?} of {slow_start:?}");
        }
    }

    /// A cold JVM beside a warm one. A request takes ten times as long until it has run thousands. Requests beyond its
    /// capacity wait for the next second. Returns the worst latency, the seconds until it was warm, and its latency
    /// then.
    fn jvm(rate: f64, slow_start: Duration, watches: bool) -> (f64, u32, f64) {
        const WARM: f64 = 5.0;
        const PER_SECOND: f64 = 4000.0;
        let (mut warmup, mut ran, mut waiting, mut average, mut worst) = (cold(), 0.0, 0.0, 0.0, 0.0_f64);
        let mut share = 100;
        for second in 1..2000 {
            let work = WARM * (1.0 + 9.0 * f64::exp(-ran / 20_000.0));
            let weight = f64::from(share) / 1000.0;
            let capacity = PER_SECOND * WARM / work;
            waiting += rate * weight / (1.0 + weight);
            let done = f64::min(waiting, capacity);
            (waiting, ran) = (waiting - done, ran + done);
            let took = work + 1000.0 * waiting / capacity;
            average = if average == 0.0 { took } else { average + (took - average) / 5.0 };
            worst = worst.max(took);
            let peers = if watches { WARM as u32 * 100 } else { 0 };
            share = warmup.step(slow_start, SECOND, (average * 100.0) as u32, peers);
            if warmup.is_warm() {
                return (worst, second, took);
            }
        }
        panic!("never warm");
    }

    #[test]
    fn a_cold_jvm_that_keeps_up_is_warm_when_its_time_is_over() {
        for rate in [100.0, 300.0, 1000.0] {
            let (worst, until, _) = jvm(rate, MINUTE, true);
            assert_eq!((worst, until), (50.0, 60), "{rate} requests a second");
        }
    }

    #[test]
    fn a_cold_jvm_under_load_is_spared_while_it_needs_it_and_no_longer() {
        for (rate, seconds) in [(2000.0, 20), (4000.0, 20), (6000.0, 30), (6000.0, 15)] {
            let slow_start = Duration::from_secs(u64::from(seconds));
            let (watched, until, then) = jvm(rate, slow_start, true);
            let (by_time, at, _) = jvm(rate, slow_start, false);
            assert_eq!(at, seconds);
            assert!(watched * 3.0 < by_time, "{watched} ms, by time alone {by_time} ms");
            assert!(then <= watched, "the last step is not the worst: {then} of {watched} ms");
            assert!((seconds + 1..=4 * seconds).contains(&until), "warm after {until} of {seconds} s");
        }
    }
}
