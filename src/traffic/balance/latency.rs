//! A node's time to the first byte: a moving average. It expires when there are no new values, so that a node that was
//! slow once is tried again. It is one atomic word, shared by all threads without a lock.

use std::time::Duration;

use crate::traffic::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::traffic::tick::Tick;

/// A node's time to the first byte.
#[derive(Debug, Default)]
pub struct Latency(AtomicU64);

impl Latency {
    /// Adds a value. It moves the average by an eighth of the difference, and by more if there was no value for some
    /// time.
    pub fn record(&self, now: Tick, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(MOST).clamp(1, MOST);
        let beat = beat(now);
        let next = |word| {
            let known = Known::unpack(word);
            let silence = if word == 0 { SILENCE } else { known.age(beat).min(SILENCE) };
            let old = 7 * (SILENCE - silence);
            let average = (known.micros * old + micros * (8 * SILENCE - old)) / (8 * SILENCE);
            // Another thread's clock may be a little ahead.
            Some(Known { micros: average.max(1), beat: beat.max(known.beat) }.pack())
        };
        let _ = self.0.fetch_update(Relaxed, Relaxed, next);
    }

    /// The expected latency in microseconds, at most 18 minutes; 0 if unknown, as after ten seconds without an answer.
    /// Before that it does not decrease, because otherwise a node that stopped answering would seem to become faster.
    pub fn expected(&self, now: Tick) -> u32 {
        let known = Known::unpack(self.0.load(Relaxed));
        if known.age(beat(now)) < SILENCE { known.micros as u32 } else { 0 }
    }
}

/// The content of the word: the average in microseconds, 0 for none, and the time of the last value in beats.
struct Known {
    micros: u64,
    beat: u64,
}

/// The largest average: microseconds have 30 bits.
const MOST: u64 = (1 << 30) - 1;

/// Ten seconds in beats, after which the average expires.
const SILENCE: u64 = 625;

impl Known {
    const fn unpack(word: u64) -> Self {
        Self { micros: word & MOST, beat: word >> MOST.count_ones() }
    }

    const fn pack(self) -> u64 {
        self.beat << MOST.count_ones() | self.micros
    }

    const fn age(&self, beat: u64) -> u64 {
        beat.saturating_sub(self.beat)
    }
}

/// A beat is 16 ms, so that 34 bits last for eight years.
const fn beat(now: Tick) -> u64 {
    now.as_millis() >> 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    const BEGIN: Tick = Tick::from_millis(5000);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_value_is_forgotten_after_a_silence() {
        let latency = Latency::default();
        assert_eq!(latency.expected(BEGIN), 0);
        latency.record(BEGIN, millis(80));
        for (later, expected) in [(0, 80_000), (5_000, 80_000), (9_900, 80_000), (10_100, 0), (u64::MAX, 0)] {
            assert_eq!(latency.expected(BEGIN + millis(later)), expected, "after {later} ms");
        }
        assert_eq!(latency.expected(Tick::START), 80_000, "another thread's clock may be behind");
    }

    #[test]
    fn it_follows_what_it_is_told() {
        let latency = Latency::default();
        let told = [(0, 100), (10, 100), (10, 20), (10, 20), (40_000, 300)];
        let expected = [100_000, 100_000, 90_000, 81_250, 300_000];
        let mut now = BEGIN;
        for ((later, took), expected) in told.into_iter().zip(expected) {
            now = now + millis(later);
            latency.record(now, millis(took));
            let found = latency.expected(now);
            assert!(found.abs_diff(expected) <= expected / 100, "{found} for {expected}");
        }
        for _ in 0..50 {
            now = now + millis(16);
            latency.record(now, millis(10));
        }
        assert!((10_000..11_000).contains(&latency.expected(now)), "{}", latency.expected(now));
    }

    #[test]
    fn whatever_it_is_told_it_is_between_the_least_and_the_most_and_waiting_changes_nothing_but_its_end() {
        let mut random = 88_172_645_463_325_252_u64;
        let mut draw = || xorshift(&mut random);
        for _ in 0..300 {
            let (latency, mut now) = (Latency::default(), BEGIN);
            let (mut least, mut most) = (u64::MAX, 0);
            for _ in 0..30 {
                now = now + millis(draw() % [1, 100, 60_000][draw() as usize % 3]);
                let took = draw() >> (20 + draw() % 44);
                latency.record(now, Duration::from_micros(took));
                (least, most) = (least.min(took.clamp(1, MOST)), most.max(took.clamp(1, MOST)));
                let expected = latency.expected(now);
                assert!((least..=most).contains(&u64::from(expected)), "{least} {expected} {most}");
                assert_eq!(latency.expected(now + millis(9_900)), expected);
                assert_eq!(latency.expected(now + millis(10_100)), 0);
            }
        }
    }

    #[test]
    fn the_ends_of_the_scale() {
        let latency = Latency::default();
        latency.record(Tick::START, Duration::ZERO);
        assert_eq!(latency.expected(Tick::START), 1, "known, not unknown");
        let end = Tick::from_millis(8 * 365 * 24 * 3_600_000);
        latency.record(end, Duration::MAX);
        assert_eq!(u64::from(latency.expected(end)), MOST);
        latency.record(Tick::START, millis(1));
        assert!(u64::from(latency.expected(end)) < MOST, "late news count");
    }

    #[test]
    fn threads_at_once_lose_nothing_but_order() {
        let latency = Latency::default();
        std::thread::scope(|scope| {
            for took in [10, 20] {
                let latency = &latency;
                scope.spawn(move || (0..5000).for_each(|_| latency.record(BEGIN, millis(took))));
            }
        });
        assert!((10_000..=20_000).contains(&latency.expected(BEGIN)));
    }
}
