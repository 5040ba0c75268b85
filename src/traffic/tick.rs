//! Time as decisions see it: milliseconds since the process started, handed in by the caller. Never read here, so a
//! test needs no sleep, and never the wall clock, so a clock that is set moves nothing.

use std::ops::Add;
use std::time::Duration;

/// A moment, in milliseconds since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The moment the process started.
    pub const START: Self = Self(0);

    /// The moment this long after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The moment this long after the start.
    pub fn after(since_start: Duration) -> Self {
        Self(millis(since_start))
    }

    /// Milliseconds since the start.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero where it was not earlier, as coarse clocks of two threads may say.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

/// Rounded up: what lasts "at least this long" must not end early.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_wraps_nor_ends_early() {
        let end = Tick::from_millis(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Tick::START + Duration::MAX, end);
        assert_eq!(Tick::START + Duration::from_micros(1), Tick::from_millis(1));
        assert_eq!(Tick::from_millis(5).since(Tick::from_millis(9)), Duration::ZERO);
        assert_eq!(Tick::after(Duration::from_secs(2)).since(Tick::START), Duration::from_secs(2));
    }
}
