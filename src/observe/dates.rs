//! Dates as logs and HTTP write them, always in UTC. The time is an argument; nothing here reads a clock.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The dates of the last second, so that a busy thread formats them once a second.
#[derive(Debug, Default)]
pub struct DateCache {
    second: Option<u64>,
    combined: [u8; COMBINED_DATE],
    rfc3339: [u8; RFC3339_DATE],
    http: [u8; HTTP_DATE],
}

impl DateCache {
    /// A cache for one thread.
    pub fn new() -> Self {
        Self::default()
    }

    /// `22/Nov/2026:12:00:00 +0000`, the date of nginx's combined form.
    pub fn combined(&mut self, now: SystemTime) -> &[u8; COMBINED_DATE] {
        self.turn_to(since_epoch(now).0);
        &self.combined
    }

    /// `Sun, 22 Nov 2026 12:00:00 GMT`, the date of the Date field (RFC 9110 5.6.7).
    pub fn http(&mut self, now: SystemTime) -> [u8; HTTP_DATE] {
        self.turn_to(since_epoch(now).0);
        self.http
    }

    /// Appends `2026-11-22T12:00:00.123Z` (RFC 3339).
    pub fn write_rfc3339(&mut self, out: &mut Vec<u8>, now: SystemTime) {
        let (second, millisecond) = since_epoch(now);
        self.turn_to(second);
        out.extend_from_slice(&self.rfc3339);
        let digit = |of: u32| b'0' + (millisecond / of % 10) as u8;
        out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1), b'Z']);
    }

    fn turn_to(&mut self, second: u64) {
        if self.second == Some(second) {
            return;
        }
        self.second = Some(second);
        // 1970 began on a Thursday.
        let weekday = DAYS[((second / 86_400 + 4) % 7) as usize];
        let Date { year, month, day, hour, minute, second } = Date::of(second);
        let name = MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or("Jan");
        // Room for dates up to the year 9999; a later one is cut.
        let _ =
            write!(self.combined.as_mut_slice(), "{day:02}/{name}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000");
        let _ = write!(self.rfc3339.as_mut_slice(), "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        let _ = write!(
            self.http.as_mut_slice(),
            "{weekday}, {day:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
        );
    }
}

/// As [`DateCache::write_rfc3339`], without a cache.
pub fn write_rfc3339(out: &mut Vec<u8>, now: SystemTime) {
    DateCache::new().write_rfc3339(out, now);
}

/// As [`write_rfc3339`], as a new text.
pub fn rfc3339(now: SystemTime) -> String {
    let mut out = Vec::with_capacity(24);
    write_rfc3339(&mut out, now);
    String::from_utf8(out).unwrap_or_default()
}

/// Seconds since 1970 as RFC 3339; `None` after the year 9999, the last that it can write. A damaged file may have such a time.
pub fn rfc3339_of_unix(seconds: u64) -> Option<String> {
    const LAST: u64 = 253_402_300_799;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).filter(|_| seconds <= LAST).map(rfc3339)
}

/// A clock set before 1970 reads as 1970, so that a line is written all the same.
fn since_epoch(now: SystemTime) -> (u64, u32) {
    let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    (elapsed.as_secs(), elapsed.subsec_millis())
}

struct Date {
    year: u64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl Date {
    /// Counts in years that begin in March, so that a leap day is the last day of its year.
    fn of(unix: u64) -> Self {
        let (days, second) = (unix / 86_400 + DAYS_FROM_YEAR_0, unix % 86_400);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month: month as u8,
            day: (day_of_year - (153 * march_month + 2) / 5 + 1) as u8,
            hour: (second / 3_600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
        }
    }
}

const DAYS_FROM_YEAR_0: u64 = 719_468;
/// Bytes of a date in nginx's combined form.
pub const COMBINED_DATE: usize = 26;
const RFC3339_DATE: usize = 19;
//= rfc9110#5.6.7 dates
/// Bytes of a date in the Date field.
pub const HTTP_DATE: usize = 29;
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_time_beyond_the_calendar_is_none() {
        assert_eq!(rfc3339_of_unix(0).as_deref(), Some("1970-01-01T00:00:00.000Z"));
        assert_eq!(rfc3339_of_unix(u64::MAX), None);
    }

    #[test]
    fn dates_agree_with_known_values() {
        let cases = [
            (0, "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "28/Feb/2000:23:59:59 +0000", "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "29/Feb/2000:00:00:00 +0000", "2000-02-29T00:00:00.000Z"),
            (951_868_800_001, "01/Mar/2000:00:00:00 +0000", "2000-03-01T00:00:00.001Z"),
            (1_795_348_800_123, "22/Nov/2026:12:00:00 +0000", "2026-11-22T12:00:00.123Z"),
            (1_798_761_599_000, "31/Dec/2026:23:59:59 +0000", "2026-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "01/Mar/2100:00:00:00 +0000", "2100-03-01T00:00:00.000Z"),
        ];
        for (milliseconds, combined, iso) in cases {
            let mut clock = DateCache::new();
            assert_eq!(String::from_utf8_lossy(clock.combined(at(milliseconds))), combined);
            assert_eq!(rfc3339(at(milliseconds)), iso);
        }
    }

    #[test]
    fn the_date_field_names_the_day_of_the_week() {
        // RFC 9110's own example first.
        let cases = [
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_795_348_800_123, "Sun, 22 Nov 2026 12:00:00 GMT"),
        ];
        let mut clock = DateCache::new();
        for (milliseconds, expected) in cases {
            assert_eq!(String::from_utf8_lossy(&clock.http(at(milliseconds))), expected);
        }
    }

    #[test]
    fn a_cached_date_follows_the_clock_forth_and_back() {
        let mut clock = DateCache::new();
        for second in [10, 10, 11, 9] {
            let want = format!("01/Jan/1970:00:00:{second:02} +0000");
            assert_eq!(String::from_utf8_lossy(clock.combined(at(second * 1_000 + 999))), want);
        }
    }

    #[test]
    fn a_clock_before_1970_is_no_panic() {
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00.000Z");
    }
}
