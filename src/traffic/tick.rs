//! Time for decisions: milliseconds since the process started. The caller passes it in, so a test needs no sleep. It is
//! not the wall clock, so setting the clock has no effect.

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

    /// How long ago `earlier` was; zero when it is later, which can happen because each thread has its own coarse
    /// clock.
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

/// Rounded up, so that a duration never ends early.
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
