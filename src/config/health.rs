//! `[pool.health]`: what a node must pass to be active.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::errors::Wrong;
use super::hosts;
use super::model::{Health, Probe, ProbeKind};
use super::section::Section;
use super::words::quoted;

/// What the pool itself speaks, and where.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// The table; `check_port` complains where a node's offset takes a probe's port too far.
pub(super) fn read(section: &Section<'_>, own: Own, check_port: &dyn Fn(&Section<'_>, u16)) -> Health {
    section.required("probes");
    let written = section.sections("probes", "pool.health.probes");
    if written.is_empty() && section.is_empty_list("probes") {
        section.refuse(
            "probes",
            "probes: the list is empty",
            "write probes = [{ kind = \"tcp\" }], or leave the whole table out",
        );
    }
    Health {
        interval: section.duration("interval"),
        timeout: section.duration("timeout"),
        rise: section.integer("rise"),
        patience: std::time::Duration::from_secs(15),
        fall: section.integer("fall"),
        probes: written.iter().map(|probe| read_probe(probe, own, check_port)).collect(),
    }
}

fn read_probe(section: &Section<'_>, own: Own, check_port: &dyn Fn(&Section<'_>, u16)) -> Probe {
    section.required("kind");
    let kind = section.choice("kind");
    let written = section.optional_integer("port");
    if let Some(port) = written {
        check_port(section, port);
    }
    let port = written.unwrap_or(own.port);
    if let Some(kind) = kind {
        check_keys(section, kind);
        warn_of_protocol(section, kind, own.tls && port == own.port, port == own.port);
    }
    Probe {
        kind: match kind {
            Some("tls") => ProbeKind::Tls,
            Some("http") => ProbeKind::Http,
            Some("https") => ProbeKind::Https,
            _ => ProbeKind::Tcp,
        },
        port,
        path: section.parsed("path", path).unwrap_or_else(|| "/".into()),
        host: section.parsed("host", hosts::field),
        status: section.parsed("status", status).unwrap_or_else(|| vec![200..=399]),
        contains: section.parsed("contains", contains),
    }
}

fn check_keys(section: &Section<'_>, kind: &str) {
    for key in ["path", "host", "status", "contains"] {
        if section.has(key) && matches!(kind, "tcp" | "tls") {
            section.refuse(
                key,
                format!("{key} has no effect on a {kind} probe"),
                "leave it out, or write kind = \"http\" or \"https\"",
            );
        }
    }
}

fn warn_of_protocol(section: &Section<'_>, kind: &str, tls: bool, own: bool) {
    let (what, advice) = match kind {
        "http" if tls => {
            ("an http probe on a port that speaks TLS will fail", "write kind = \"https\", or name another port")
        }
        "tls" | "https" if own && !tls => (
            "a TLS probe on the port of a pool without tls will fail",
            "write kind = \"http\" or \"tcp\", or name another port",
        ),
        _ => return,
    };
    section.problems.warning(section.place_of("kind"), what, advice);
}

/// `200`, `200-399`, `200,204,301-303`.
fn status(text: &str) -> Result<Vec<RangeInclusive<u16>>, Wrong> {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| text.len() == 3 && (100..=599).contains(code));
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(code(from.trim())?..=code(to.trim())?).filter(|range| !range.is_empty())
    };
    let ranges: Option<Vec<_>> = text.split(',').map(|part| range(part.trim())).collect();
    ranges.ok_or_else(|| {
        Wrong::new(
            format!("{} is not a list of status codes", quoted(text)),
            "write \"200\", \"200-399\" or \"200,204,301-303\"",
        )
    })
}

fn path(text: &str) -> Result<Arc<str>, Wrong> {
    let fits = |b: u8| b.is_ascii_graphic() && b != b'#';
    if text.starts_with('/') && text.bytes().all(fits) {
        return Ok(text.into());
    }
    let advice = if text.starts_with('/') {
        "spaces and what is not ASCII are written as %20 and the like, and # does not belong"
    } else {
        "it begins with /, as in \"/carbon/admin/login.jsp\""
    };
    Err(Wrong::new(format!("{} is not a path", quoted(text)), advice))
}

fn contains(text: &str) -> Result<Arc<str>, Wrong> {
    match text.len() {
        1..=65536 => Ok(text.into()),
        0 => Err(Wrong::new("the text is empty, every answer contains it", "leave it out")),
        _ => Err(Wrong::new("the text is longer than what is searched", "only the first 64 KiB of a body are")),
    }
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
            assert_eq!(status(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn paths_can_stand_in_a_request_line() {
        for (text, good) in [
            ("/", true),
            ("/a?b=c%20d", true),
            ("a", false),
            ("/a b", false),
            ("/a\r\nX: y", false),
            ("/ü", false),
            ("/a#b", false),
            ("", false),
        ] {
            assert_eq!(path(text).is_ok(), good, "{text}");
        }
    }
}
