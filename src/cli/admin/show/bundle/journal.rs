//! The journal's last lines of Weir, without what may be a secret.

use std::process::{Command, Stdio};

use regex::bytes::Regex;

const COMMAND: &str = "journalctl";
const ARGUMENTS: [&str; 8] =
    ["--unit", "weir", "--lines", "2000", "--no-pager", "--output", "short-iso-precise", "--quiet"];

/// The lines, or why there are none.
pub(super) fn last_lines() -> Result<String, String> {
    let ran = Command::new(COMMAND).args(ARGUMENTS).stdin(Stdio::null()).output();
    let output = ran.map_err(|error| format!("{COMMAND} cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{COMMAND}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    match without_secrets(&String::from_utf8_lossy(&output.stdout)) {
        Some(text) if text.trim().is_empty() => {
            Err("the journal has no lines of the unit weir that you may read".to_owned())
        }
        Some(text) => Ok(text),
        None => Err("what may be a secret cannot be taken out".to_owned()),
    }
}

/// Lines of the access log have paths and what browsers send: their queries and session ids go. So does what stands
/// behind a word for a secret.
pub(super) fn without_secrets(text: &str) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    for (pattern, left) in PATTERNS {
        bytes = Regex::new(pattern).ok()?.replace_all(&bytes, *left).into_owned();
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What goes, and what is left of it.
const PATTERNS: &[(&str, &[u8])] = &[
    // Queries.
    (r#"(?-u)\?[^\s"]+"#, b"?(left out)"),
    // Parameters of paths, as `;jsessionid=4F`.
    (r#"(?-u);([^\s"=/;]+)=[^\s"/;?]+"#, b";$1=(left out)"),
    (r"(?i-u)\b(bearer|basic) [\w+/=.~-]{4,}", b"$1 (left out)"),
    // Names and values, as `X-Api-Key: 4F` and `"password": "4F"`.
    (
        r#"(?i-u)\b((?:set-)?cookie|authorization|[\w-]*(?:session-?id|passw(?:or)?d|secret|token|api-?key)[\w-]*)(["']?\s*[:=]\s*)("[^"]*"|(?:bearer |basic )?(?:\(left out\)|\S+))"#,
        b"$1$2(left out)",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_taken_out_and_the_rest_stays() {
        for (line, expected) in [
            ("GET /login?user=a&password=hunter2 HTTP/1.1\" 200", "GET /login?(left out) HTTP/1.1\" 200"),
            ("GET /a;jsessionid=hunter2/b 200", "GET /a;jsessionid=(left out)/b 200"),
            ("Cookie: JSESSIONID=hunter2", "Cookie: (left out)"),
            ("set-cookie=\"a=hunter2; Secure\" 3", "set-cookie=(left out) 3"),
            ("Authorization: Bearer hunter2", "Authorization: (left out)"),
            ("sent Bearer hunter2", "sent Bearer (left out)"),
            ("x-api-key=hunter2", "x-api-key=(left out)"),
            ("12 sessions: kept", "12 sessions: kept"),
            ("node esb/worker1 is passive (unhealthy)", "node esb/worker1 is passive (unhealthy)"),
            ("reloaded /etc/weir/weir.toml: generation 2", "reloaded /etc/weir/weir.toml: generation 2"),
        ] {
            assert_eq!(without_secrets(line).as_deref(), Some(expected), "{line}");
        }
    }
}
