//! Durations and sizes as operators write them: one whole number and one unit.

use std::time::Duration;

use super::errors::Wrong;
use super::words::quoted;

/// `500ms`, `5s`, `5m`, `1h`, `2d`. At most a year, so that no clock overflows.
pub(crate) fn duration(text: &str) -> Result<Duration, Wrong> {
    let wrong = |what: &str| {
        Wrong::new(format!("{} {what}", quoted(text)), "write \"500ms\", \"5s\", \"5m\", \"1h\" or \"2d\"")
    };
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| wrong("is not a duration"))?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        "" => {
            return Err(Wrong::new(
                format!("{} has no unit", quoted(text)),
                format!("write \"{number}s\" for seconds; units are ms, s, m, h, d"),
            ));
        }
        _ => return Err(wrong("is not a duration")),
    };
    match number.checked_mul(milliseconds) {
        Some(total) if total <= 365 * 24 * 3600 * 1000 => Ok(Duration::from_millis(total)),
        _ => Err(wrong("is longer than 365d")),
    }
}

/// A percentage such as `20%`, from 0 to 100.
pub(crate) fn percent(text: &str) -> Result<u16, Wrong> {
    let wrong = |what: &str| Wrong::new(format!("{} {what}", quoted(text)), "write \"20%\"; shares go from 0% to 100%");
    let (number, unit) = split(text);
    match number.parse::<u16>() {
        Ok(number) if unit == "%" && number <= 100 => Ok(number),
        Ok(_) if unit.is_empty() => Err(wrong("has no percent sign")),
        _ => Err(wrong("is not a share")),
    }
}

/// A duration as the configuration has it, such as `30m`, or in one line what is wrong with it.
pub fn spoken_duration(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|wrong| format!("{}; {}", wrong.what, wrong.advice))
}

/// `512` (bytes), `64KiB`, `100MiB`, `1GiB`, and in thousands `10kB`, `10MB`, `1GB`.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let (number, unit) = split(text);
    let wrong = |advice: &str| Wrong::new(format!("{} is not a size", quoted(text)), advice);
    let parsed: u64 = number.parse().map_err(|_| wrong("write \"512\" (bytes), \"64KiB\", \"100MiB\" or \"1GiB\""))?;
    let bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(wrong(&size_advice(number, unit))),
    };
    parsed.checked_mul(bytes).filter(|total| *total <= 1 << 50).ok_or_else(|| wrong("that is more than anyone has"))
}

// In nginx k, m and g mean powers of 1024.
fn size_advice(number: &str, unit: &str) -> String {
    match unit.to_ascii_lowercase().as_str() {
        "k" | "kib" => format!("write \"{number}KiB\""),
        "m" | "mib" => format!("write \"{number}MiB\""),
        "g" | "gib" => format!("write \"{number}GiB\""),
        _ => "units are KiB, MiB, GiB (1024) and kB, MB, GB (1000); bytes have none".to_owned(),
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (text, expected) in [
            ("0%", Some(0)),
            ("20%", Some(20)),
            ("100%", Some(100)),
            ("101%", None),
            ("20", None),
            ("%", None),
            ("1.5%", None),
        ] {
            assert_eq!(percent(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("500ms", Some(500)),
            ("0s", Some(0)),
            ("5s", Some(5_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("2d", Some(172_800_000)),
            ("365d", Some(31_536_000_000)),
            ("366d", None),
            ("5", None),
            ("", None),
            ("s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5 s", None),
            ("1h30m", None),
            ("5S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration(text).ok(), milliseconds.map(Duration::from_millis), "{text}");
        }
        assert!(duration("5").unwrap_err().advice.contains("\"5s\""));
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512", Some(512)),
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("100MiB", Some(104_857_600)),
            ("1GiB", Some(1_073_741_824)),
            ("10MB", Some(10_000_000)),
            ("10m", None),
            ("64 KiB", None),
            ("KiB", None),
            ("-1", None),
            ("18446744073709551615GiB", None),
        ] {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
        assert!(size("10m").unwrap_err().advice.contains("\"10MiB\""));
    }
}
