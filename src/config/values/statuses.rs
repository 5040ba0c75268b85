//! Status codes as operators write them: single codes and ranges.

use std::ops::RangeInclusive;

use crate::config::text::errors::Wrong;
use crate::config::text::words::quoted;

/// `200`, `200-399`, `200,204,301-303`.
pub(crate) fn any(text: &str) -> Result<Vec<RangeInclusive<u16>>, Wrong> {
    ranges(text).ok_or_else(|| {
        Wrong::new(
            format!("{} is not a list of status codes", quoted(text)),
            "write \"200\", \"200-399\" or \"200,204,301-303\"",
        )
    })
}

/// Codes that can mean a failure, such as `503` or `502-504`.
pub(crate) fn failures(text: &str) -> Result<Vec<RangeInclusive<u16>>, Wrong> {
    let advice = "write \"503\", \"502-504\" or \"429,500-599\"";
    match ranges(text) {
        Some(ranges) if ranges.iter().all(|range| *range.start() >= 400) => Ok(ranges),
        Some(_) => Err(Wrong::new(format!("{} is not all failures: those begin at 400", quoted(text)), advice)),
        None => Err(Wrong::new(format!("{} is not a list of status codes", quoted(text)), advice)),
    }
}

fn ranges(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| text.len() == 3 && (100..=599).contains(code));
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(code(from.trim())?..=code(to.trim())?).filter(|range| !range.is_empty())
    };
    text.split(',').map(|part| range(part.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes() {
        for (text, expected) in [
            ("200", Some(vec![200..=200])),
            ("200-399", Some(vec![200..=399])),
            ("200,204, 301-303", Some(vec![200..=200, 204..=204, 301..=303])),
            ("", None),
            ("200,", None),
            ("399-200", None),
            ("99", None),
            ("600", None),
            ("2xx", None),
            ("200-", None),
            ("+200", None),
            ("0200", None),
        ] {
            assert_eq!(any(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_good_answer_is_no_failure() {
        for (text, good) in [("503", true), ("429,500-599", true), ("200", false), ("399-503", false), ("5xx", false)] {
            assert_eq!(failures(text).is_ok(), good, "{text}");
        }
    }
}
