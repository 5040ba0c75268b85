//! The versions of what machines share: a hybrid logical clock. Versions of one machine always grow, and one that has seen another's
//! version makes later ones only. So no clock of the machines has to be right: one that runs ahead takes the others along. Two machines
//! that count on from the same version may make the same one, so whoever compares versions has another measure for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// A moment on the clock that all machines have together: 48 bits of milliseconds since 1970, 16 bits that count within one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u64);

/// The bits that count within a millisecond.
const COUNT: u32 = 16;

impl Version {
    /// That of what is known to have been there, and not since when: any binding beats it.
    pub(crate) const RESTORED: Self = Self(1);

    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// How long ago it was made, at this time since 1970.
    pub(crate) fn age(self, unix: Duration) -> Duration {
        unix.saturating_sub(Duration::from_millis(self.0 >> COUNT))
    }

    /// How far it is ahead of this time since 1970.
    pub(super) fn ahead_of(self, unix: Duration) -> Duration {
        Duration::from_millis(self.0 >> COUNT).saturating_sub(unix)
    }
}

/// Makes versions.
#[derive(Debug, Default)]
pub(crate) struct HybridClock {
    last: Mutex<Version>,
    is_told: AtomicBool,
}

impl HybridClock {
    /// A version later than all that this machine has made or seen.
    pub(crate) fn next(&self, unix: Duration) -> Version {
        let mut last = self.last.lock();
        let now = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX >> COUNT).min(u64::MAX >> COUNT) << COUNT;
        *last = Version(now.max(last.0.saturating_add(1)));
        *last
    }

    /// Another machine's version was seen.
    pub(crate) fn see(&self, version: Version) {
        let mut last = self.last.lock();
        *last = version.max(*last);
    }

    /// True the first time.
    pub(super) fn tell_once(&self) -> bool {
        !self.is_told.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn versions_grow_though_the_clock_stands_or_goes_back() {
        let clock = HybridClock::default();
        let times = [100, 100, 90, 101, 0, 200];
        let versions: Vec<Version> = times.iter().map(|ms| clock.next(at(*ms))).collect();
        assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
        assert_eq!(versions[0].number() >> COUNT, 100);
        assert!(versions[0] > Version::RESTORED);
    }

    #[test]
    fn who_has_seen_a_version_makes_later_ones_though_its_clock_is_behind() {
        let (ahead, behind) = (HybridClock::default(), HybridClock::default());
        let seen = ahead.next(at(60_000));
        assert_eq!(seen.ahead_of(at(1_000)), at(59_000));
        behind.see(seen);
        assert!(behind.next(at(1_001)) > seen);
        behind.see(Version::RESTORED);
        assert!(behind.next(at(1_002)) > seen);
    }
}
