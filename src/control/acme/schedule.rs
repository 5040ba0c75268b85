//! When a certificate is ordered. Time comes in, nothing here reads a clock.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

/// From which share of a certificate's life on it is renewed, where the CA does not say; and by how much of its life this differs
/// from one certificate to another, so that many are not renewed at once.
const FROM: f64 = 0.63;
const SPREAD: f64 = 0.07;

/// The pauses after failures: the first, by how much each is longer than the one before, and the longest. Within the first hour five
/// tries fail, which is what public CAs allow.
const FIRST: Duration = Duration::from_secs(60);
const FACTOR: u32 = 3;
const LONGEST: Duration = Duration::from_secs(3600);

/// The longest time for which a CA may say that it does not want to be asked.
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(24 * 3600);

/// How often a CA is asked when to renew, whatever it says itself (RFC 9773 4.3.2).
const SOONEST_QUESTION: Duration = Duration::from_secs(60);
const LATEST_QUESTION: Duration = Duration::from_secs(24 * 3600);

/// How long a certificate is valid, and when its CA wants it renewed, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Life {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// From when to when, by the CA's renewal information (RFC 9773).
    pub(super) window: Option<(i64, i64)>,
    /// Where in such a time this certificate has its moment: from 0 to 1.
    pub(super) chance: f64,
}

impl Life {
    /// When it is to be renewed. It stays the same over a restart.
    pub(super) fn renewal(&self) -> i64 {
        let (from, to) = match self.window {
            Some((from, to)) if from <= to => (from, to),
            _ => {
                let share = |share: f64| self.not_before.saturating_add((self.length() * share) as i64);
                (share(FROM), share(FROM + SPREAD))
            }
        };
        from.saturating_add((to.saturating_sub(from) as f64 * self.chance) as i64)
    }

    fn length(&self) -> f64 {
        self.not_after.saturating_sub(self.not_before).max(0) as f64
    }
}

/// A number from 0 to 1 that belongs to these bytes.
pub(super) fn chance_of(bytes: &[u8]) -> f64 {
    let hash = digest(&SHA256, bytes);
    let number = hash.as_ref().iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(number) / f64::from(u32::MAX)
}

/// How long to wait after so many failures in a row, at least one. `chance` is from 0 to 1.
pub(super) fn pause(failures: u32, asked_for: Option<Duration>, chance: f64) -> Duration {
    let factor = FACTOR.saturating_pow(failures.saturating_sub(1));
    let own = FIRST.saturating_mul(factor).min(LONGEST).mul_f64(0.9 + 0.2 * chance);
    own.max(asked_for.unwrap_or_default().min(LONGEST_ASKED_FOR))
}

/// When a CA is asked again for its renewal information, by what it said.
pub(super) fn next_question(asked_for: Duration) -> Duration {
    asked_for.clamp(SOONEST_QUESTION, LATEST_QUESTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn of_90_days(window: Option<(i64, i64)>, chance: f64) -> i64 {
        Life { not_before: 0, not_after: 90 * DAY, window, chance }.renewal() / DAY
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left_or_when_its_ca_says() {
        assert_eq!([0.0, 0.5, 1.0].map(|chance| of_90_days(None, chance)), [56, 59, 63]);
        let window = Some((10 * DAY, 20 * DAY));
        assert_eq!([0.0, 0.5, 1.0].map(|chance| of_90_days(window, chance)), [10, 15, 20]);
        assert_eq!(of_90_days(Some((20 * DAY, 10 * DAY)), 0.0), 56, "a window that ends before it begins is none");
        let hours = Life { not_before: 0, not_after: 6 * DAY, window: None, chance: 0.0 }.renewal() / 3600;
        assert_eq!(hours, 90, "six days");
        let odd = Life { not_before: i64::MAX, not_after: i64::MIN, window: Some((i64::MIN, i64::MAX)), chance: 1.0 };
        assert_eq!(odd.renewal(), -1, "nothing overflows");
    }

    #[test]
    fn many_certificates_have_many_moments() {
        let all: Vec<i64> = (0..1000_u32).map(|n| (chance_of(&n.to_be_bytes()) * 10.0) as i64).collect();
        for tenth in 0..10 {
            let count = all.iter().filter(|at| **at == tenth).count();
            assert!((60..150).contains(&count), "{count} of 1000 in tenth {tenth}");
        }
    }

    #[test]
    fn the_pauses_grow_and_within_an_hour_five_tries_fail() {
        let minutes = |failures| pause(failures, None, 0.5).as_secs() / 60;
        assert_eq!((1..=6).map(minutes).collect::<Vec<_>>(), [1, 3, 9, 27, 60, 60]);
        assert_eq!(minutes(u32::MAX), 60);
        let in_an_hour = (1..=20).scan(0, |at, failures| {
            let begun = *at;
            *at += pause(failures, None, 0.0).as_secs();
            Some(begun)
        });
        assert_eq!(in_an_hour.filter(|at| *at < 3600).count(), 5);
        let asked = |seconds| pause(1, Some(Duration::from_secs(seconds)), 0.5).as_secs();
        assert_eq!((asked(5), asked(7200), asked(u64::MAX)), (60, 7200, 86_400));
        assert_eq!(next_question(Duration::ZERO).as_secs(), 60);
        assert_eq!(next_question(Duration::MAX).as_secs(), 86_400);
    }
}
