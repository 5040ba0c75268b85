//! How long a node takes to the first byte of an answer: a moving average that fades while nobody feeds it, so that a
//! node that was slow once is tried again. One word, shared by all threads; never waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::tick::Tick;

/// A node's time to the first byte.
#[derive(Debug, Default)]
pub struct Latency(AtomicU64);

impl Latency {
    /// An answer began `took` after the request went up. It moves the average an eighth of the way; after a silence
    /// further, and after half a minute all the way.
    pub fn record(&self, now: Tick, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(MOST).clamp(1, MOST);
        let beat = beat(now);
        let next = |word: u64| {
            let known = Known::unpack(word);
            let weight = GIVEN + known.age(beat) / 2;
            let weight = if word == 0 { WHOLE } else { weight.min(WHOLE) };
            let average = (known.micros * (WHOLE - weight) + micros * weight) / WHOLE;
            // Another thread's clock may be ahead by a moment.
            Some(Known { micros: average.max(1), beat: beat.max(known.beat) }.pack())
        };
        let _ = self.0.fetch_update(Relaxed, Relaxed, next);
    }

    /// What to expect of the next one, in microseconds, at most 18 minutes; 0 when unknown. Halves with every eight
    /// seconds that nobody feeds it, after the first one, and is unknown after a minute.
    pub fn expected(&self, now: Tick) -> u32 {
        let known = Known::unpack(self.0.load(Relaxed));
        let Some(age) = known.age(beat(now)).checked_sub(FRESH) else { return known.micros as u32 };
        let halvings = age / HALF;
        if halvings >= FORGOTTEN {
            return 0;
        }
        let halved = known.micros >> halvings;
        let faded = halved - halved * (age % HALF) / (2 * HALF);
        faded.max(known.micros.min(1)) as u32
    }
}

/// What the word holds: microseconds, 0 for never, and the beat in which they were told.
struct Known {
    micros: u64,
    beat: u64,
}

/// Microseconds have 30 bits.
const MOST: u64 = (1 << 30) - 1;

/// Beats in which a value halves: eight seconds.
const HALF: u64 = 512;

/// Beats in which it does not fade: a second.
const FRESH: u64 = 64;

/// After so many halvings.
const FORGOTTEN: u64 = 8;

/// The weights of an average's parts are of this.
const WHOLE: u64 = 1024;

/// What the latest has at least.
const GIVEN: u64 = WHOLE / 8;

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

/// Sixteen milliseconds: 34 bits last for eight years.
const fn beat(now: Tick) -> u64 {
    now.as_millis() >> 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Tick = Tick::from_millis(5000);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_value_fades_until_it_is_unknown() {
        let latency = Latency::default();
        assert_eq!(latency.expected(BEGIN), 0);
        latency.record(BEGIN, millis(80));
        for (later, low, high) in [
            (0, 80_000, 80_000),
            (4_096, 60_000, 60_000),
            (8_192, 40_000, 40_000),
            (30_000, 6_000, 7_000),
            (64_000, 300, 400),
        ] {
            let expected = latency.expected(BEGIN + millis(later));
            assert!((low..=high).contains(&expected), "{expected} after {later} ms");
        }
        assert_eq!(latency.expected(BEGIN + millis(66_000)), 0);
        assert_eq!(latency.expected(Tick::from_millis(u64::MAX)), 0);
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
        for _ in 0..60 {
            now = now + millis(16);
            latency.record(now, millis(10));
        }
        assert!((10_000..11_000).contains(&latency.expected(now)), "{}", latency.expected(now));
    }

    #[test]
    fn whatever_it_is_told_it_is_between_the_least_and_the_most_and_never_grows_by_waiting() {
        let mut chance = 88_172_645_463_325_252_u64;
        let mut draw = || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance
        };
        for _ in 0..300 {
            let (latency, mut now) = (Latency::default(), BEGIN);
            let (mut least, mut most) = (u64::MAX, 0);
            for _ in 0..30 {
                now = now + millis(draw() % [1, 100, 60_000][draw() as usize % 3]);
                let took = draw() >> (20 + draw() % 44);
                latency.record(now, Duration::from_micros(took));
                (least, most) = (least.min(took.clamp(1, MOST)), most.max(took.clamp(1, MOST)));
                let mut before = latency.expected(now);
                assert!((least..=most).contains(&u64::from(before)), "{least} {before} {most}");
                for waited in [1, 20, 500, 9_000, 30_000, 60_000, 70_000] {
                    let later = latency.expected(now + millis(waited));
                    assert!(later <= before, "{before}, {waited} ms later {later}");
                    assert_eq!(later == 0, waited == 70_000);
                    before = later;
                }
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
