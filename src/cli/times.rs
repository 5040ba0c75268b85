//! Formats and reads times for commands.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc};

use crate::config;

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

/// A moment to come, in the local time: `until 14:30`; one that is a day away or more by how far it is.
pub(super) fn until(moment: u64, now: u64) -> String {
    until_in(&Local, moment, now)
}

fn until_in<Z: TimeZone<Offset: std::fmt::Display>>(zone: &Z, moment: u64, now: u64) -> String {
    let at = i64::try_from(moment).ok().and_then(|moment| DateTime::from_timestamp(moment, 0));
    match (moment.saturating_sub(now), at) {
        (0, _) => "its time is over".to_owned(),
        (far, Some(at)) if far < 86_400 => format!("until {}", at.with_timezone(zone).format("%H:%M")),
        (far, _) => format!("for {} more", span(far)),
    }
}

/// A moment of the API in seconds since 1970.
pub(super) fn unix_of(moment: &str) -> Option<u64> {
    DateTime::parse_from_rfc3339(moment).ok().and_then(|moment| u64::try_from(moment.timestamp()).ok())
}

/// A moment of the API in the local time: `03:10:22`, and the date where it is not today's. Another text stays as it is.
pub(super) fn on_the_clock(moment: &str, now: SystemTime) -> String {
    told_in(&Local, moment, now)
}

fn told_in<Z: TimeZone<Offset: std::fmt::Display>>(zone: &Z, moment: &str, now: SystemTime) -> String {
    let Ok(moment) = DateTime::parse_from_rfc3339(moment) else { return moment.to_owned() };
    let (moment, today) = (moment.with_timezone(zone), DateTime::<Utc>::from(now).with_timezone(zone).date_naive());
    let form = if moment.date_naive() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    moment.format(form).to_string()
}

/// A moment as the API takes it, from what a person writes: a time ago (`30m`), a time of day, or a date and a time.
pub(super) fn moment_before(text: &str, now: SystemTime) -> Result<String, String> {
    moment_in(&Local, text, now)
}

/// The end of a time that begins at `since`, a moment of [`moment_before`]. A time of day may be one to come.
pub(super) fn moment_after(text: &str, since: Option<&str>, now: SystemTime) -> Result<String, String> {
    after_in(&Local, text, since, now)
}

fn after_in<Z: TimeZone>(zone: &Z, text: &str, since: Option<&str>, now: SystemTime) -> Result<String, String> {
    let last = moment_in(zone, text, now)?;
    let is_before = |moment: &str| since.is_some_and(|since| moment < since);
    if !is_before(&last) {
        return Ok(last);
    }
    let next = moment_in(zone, text, now + Duration::from_secs(86_400))?;
    if is_before(&next) || config::spoken_duration(text).is_ok() {
        Err(format!("{text} is before --since"))
    } else {
        Ok(next)
    }
}

fn moment_in<Z: TimeZone>(zone: &Z, text: &str, now: SystemTime) -> Result<String, String> {
    let now = DateTime::<Utc>::from(now);
    let local = |moment: NaiveDateTime| zone.from_local_datetime(&moment).earliest().map(|moment| moment.to_utc());
    let ago = || now.checked_sub_signed(TimeDelta::from_std(config::spoken_duration(text).ok()?).ok()?);
    let of_day = || {
        let time = ["%H:%M", "%H:%M:%S"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())?;
        let today = now.with_timezone(zone).date_naive();
        let last = [Some(today), today.pred_opt()].into_iter().flatten().map(|day| local(day.and_time(time)));
        last.flatten().find(|moment| *moment <= now)
    };
    let exact = || DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc());
    let dated = || {
        let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"];
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).and_then(local)
    };
    let moment = ago().or_else(of_day).or_else(exact).or_else(dated);
    let moment =
        moment.ok_or_else(|| "write a time ago (30m), a time of day (03:10) or 2026-11-22T03:10".to_owned())?;
    Ok(moment.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    #[test]
    fn a_moment_is_told_and_understood_in_the_local_time() {
        // 2026-11-22 12:00:00 UTC, 13:00 in this zone.
        let now = UNIX_EPOCH + Duration::from_secs(1_795_348_800);
        let zone = FixedOffset::east_opt(3_600).unwrap();
        assert_eq!(told_in(&zone, "2026-11-22T03:10:22.123Z", now), "04:10:22");
        assert_eq!(told_in(&zone, "2026-11-21T23:10:22Z", now), "00:10:22");
        assert_eq!(told_in(&zone, "2026-11-21T22:10:22Z", now), "2026-11-21 23:10:22");
        assert_eq!(told_in(&zone, "soon", now), "soon");
        for (text, expected) in [
            ("30m", "2026-11-22T11:30:00.000Z"),
            ("03:10", "2026-11-22T02:10:00.000Z"),
            ("12:59:59", "2026-11-22T11:59:59.000Z"),
            // A time of day that is to come was yesterday.
            ("14:30", "2026-11-21T13:30:00.000Z"),
            ("2026-11-20T03:10", "2026-11-20T02:10:00.000Z"),
            ("2026-11-20 03:10:05", "2026-11-20T02:10:05.000Z"),
            ("2026-11-20T03:10:00Z", "2026-11-20T03:10:00.000Z"),
        ] {
            assert_eq!(moment_in(&zone, text, now).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "yesterday", "25:00", "2026-11-31T00:00", "-5m"] {
            assert!(moment_in(&zone, text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_is_told_in_the_two_largest_units() {
        let cases = [(5, "5s"), (65, "1m 5s"), (3_700, "1h 1m"), (90_000, "1d 1h")];
        cases.iter().for_each(|(seconds, told)| assert_eq!(span(*seconds), *told));
    }

    #[test]
    fn an_end_comes_after_its_beginning() {
        // In UTC it is 03:10.
        let now = UNIX_EPOCH + Duration::from_secs(1_763_780_400 + 600);
        let since = |text: &str| moment_in(&Utc, text, now).unwrap();
        for (begins, ends, expected) in [
            ("03:00", "03:05", "2025-11-22T03:05:00.000Z"),
            ("03:00", "03:20", "2025-11-22T03:20:00.000Z"),
            ("23:50", "00:10", "2025-11-22T00:10:00.000Z"),
            ("2h", "1h", "2025-11-22T02:10:00.000Z"),
        ] {
            assert_eq!(after_in(&Utc, ends, Some(&since(begins)), now).as_deref(), Ok(expected), "{begins} {ends}");
        }
        assert!(after_in(&Utc, "2h", Some(&since("1h")), now).is_err());
        assert_eq!(after_in(&Utc, "03:20", None, now).as_deref(), Ok("2025-11-21T03:20:00.000Z"));
    }

    #[test]
    fn a_moment_is_told_by_the_clock_while_it_is_near() {
        // 2026-11-22 12:00:00 UTC, 13:00 in this zone.
        let (now, zone) = (1_795_348_800, FixedOffset::east_opt(3_600).unwrap());
        assert_eq!(unix_of("2026-11-22T12:00:00Z"), Some(now));
        let cases = [
            (now + 9_000, "until 15:30"),
            (now + 39_600, "until 00:00"),
            (now + 86_399, "until 12:59"),
            (now + 86_400, "for 1d 0h more"),
            (now + 180_000, "for 2d 2h more"),
            (now, "its time is over"),
            (0, "its time is over"),
        ];
        cases.iter().for_each(|(moment, told)| assert_eq!(until_in(&zone, *moment, now), *told));
    }
}
