//! Formats times for commands. Moments are in UTC, as in the logs.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(super) fn unix(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A span in its two largest units: `29m 10s`.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// A moment to come: `until 14:30 UTC`; one that is a day away or more by how far it is.
pub(super) fn until(moment: u64, now: u64) -> String {
    match moment.saturating_sub(now) {
        0 => "its time is over".to_owned(),
        far if far >= 86_400 => format!("for {} more", span(far)),
        _ => format!("until {:02}:{:02} UTC", moment / 3600 % 24, moment / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_the_two_largest_units() {
        let cases = [(5, "5s"), (65, "1m 5s"), (3_700, "1h 1m"), (90_000, "1d 1h")];
        cases.iter().for_each(|(seconds, told)| assert_eq!(span(*seconds), *told));
    }

    #[test]
    fn a_moment_is_told_by_the_clock_while_it_is_near() {
        // 2026-11-22 12:00:00 UTC
        let now = 1_795_348_800;
        let cases = [
            (now + 9_000, "until 14:30 UTC"),
            (now + 43_200, "until 00:00 UTC"),
            (now + 86_399, "until 11:59 UTC"),
            (now + 86_400, "for 1d 0h more"),
            (now + 180_000, "for 2d 2h more"),
            (now, "its time is over"),
            (0, "its time is over"),
        ];
        cases.iter().for_each(|(moment, told)| assert_eq!(until(*moment, now), *told));
    }
}
