//! What is mended in files that are no XML: properties, and options of start scripts.

use std::path::PathBuf;
use std::sync::Arc;

use super::edits::Edit;
use super::fixing::Fixing;
use super::layout::{newline, own_line};
use crate::config::{Pool, Source, is_carbon};
use crate::wso2::checks::{OFFSET, OPTIONS, SHUTDOWN, SOCKET_TIMEOUT, WORKER_NODE};
use crate::wso2::files::filled_in;
use crate::wso2::files::properties::Properties;

/// The edits of passthru-http.properties for a finding. `None`: it is left to the operator.
pub(crate) fn passthru(fixing: &Fixing<'_>, text: &str) -> Option<Vec<Edit>> {
    match fixing.finding.check {
        SHUTDOWN => set(text, "transport.listener.shutdown.wait.sec", "30"),
        SOCKET_TIMEOUT => set(text, "http.socket.timeout", &socket_timeout(fixing).to_string()),
        _ => None,
    }
}

/// In milliseconds, as long as each pool waits, and longer than it keeps idle connections.
fn socket_timeout(fixing: &Fixing<'_>) -> u128 {
    let pools = fixing.view.pools(fixing.node.node).filter(|pool| !is_carbon(pool.port));
    let least = |pool: &Pool| {
        let idle = if pool.reuse { pool.idle_timeout.as_millis() + 1000 } else { 0 };
        pool.timeouts.read.as_millis().max(idle)
    };
    pools.map(least).max().unwrap_or(180_000)
}

/// Gives a key this value: in its line, else behind a comment that mentions it, else at the end.
pub(crate) fn set(text: &str, key: &str, value: &str) -> Option<Vec<Edit>> {
    let source = Source::new(Arc::new(PathBuf::new()), text.to_owned());
    if let Some(said) = Properties::read(&source).get(key) {
        let (old, at) = (&said.text, said.at.start());
        let line = text.get(at..)?.lines().next()?.trim_end();
        let is_plain = old != value && filled_in(old).is_none() && line.ends_with(old.as_str()) && !old.ends_with('\\');
        if old.is_empty() && is_plain {
            let separator = if line.ends_with(['=', ':']) { "" } else { "=" };
            return Some(vec![Edit::insert(at + line.len(), format!("{separator}{value}"))]);
        }
        let end = at + line.len();
        return is_plain.then(|| vec![Edit::replace(end - old.len()..end, value)]);
    }
    let newline = newline(text);
    let line = format!("{key}={value}");
    let comment = text.lines().find(|line| line.trim_start().starts_with(['#', '!']) && line.contains(key));
    if let Some(comment) = comment {
        let end = comment.as_ptr() as usize - text.as_ptr() as usize + comment.len();
        return Some(vec![Edit::insert(end, format!("{newline}{line}"))]);
    }
    let before = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    let last = text.lines().next_back().unwrap_or_default();
    let goes_on = (last.len() - last.trim_end_matches('\\').len()) % 2 == 1;
    // A value that goes on in the next line gets an empty one.
    let end = if goes_on { newline } else { "" };
    Some(vec![Edit::insert(text.len(), format!("{before}{end}{line}{newline}"))])
}

/// The edits of a start script for a finding: an option that is wrong there.
pub(crate) fn script(fixing: &Fixing<'_>, text: &str) -> Option<Vec<Edit>> {
    let at = fixing.at();
    let word = text.get(at..)?;
    let word =
        word.get(..word.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\')).unwrap_or(word.len()))?;
    let range = at..at + word.len();
    match fixing.finding.check {
        WORKER_NODE if word == "-DworkerNode=true" => Some(vec![Edit::replace(range, "-DworkerNode=false")]),
        OFFSET if word.strip_prefix("-DportOffset=")?.parse::<u16>().is_ok() => {
            let offset = fixing.view.offset(fixing.node.node);
            Some(vec![Edit::replace(range, format!("-DportOffset={offset}"))])
        }
        OPTIONS if word.split('=').next() == Some("-Dsetup") && !is_compared(text, at) => {
            Some(vec![without(text, at, word)])
        }
        _ => None,
    }
}

/// Whether a line of a script looks at words, or shows them, and does not pass them on.
fn is_compared(text: &str, at: usize) -> bool {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    line.contains('[') || line.split_whitespace().any(|word| matches!(word, "case" | "echo" | "test" | "printf"))
}

/// Takes a word out: with its line where that only goes on to the next, else with the blanks before it.
fn without(text: &str, at: usize, word: &str) -> Edit {
    let end = at + word.len();
    let rest = text.get(end..).unwrap_or_default();
    if rest.lines().next().is_some_and(|rest| rest.trim() == "\\") {
        let slash = end + rest.find('\\').unwrap_or(0) + 1;
        if let Some(line) = own_line(text, &(at..slash)) {
            return Edit::remove(line);
        }
    }
    let before = text.get(..at).unwrap_or_default();
    let blanks = before.len() - before.trim_end_matches([' ', '\t']).len();
    let is_first = before.trim_end_matches([' ', '\t']).ends_with('\n');
    Edit::remove(at - if is_first { 0 } else { blanks }..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wso2::write::edits::Edits;

    fn applied(text: &str, group: Option<Vec<Edit>>) -> Option<String> {
        let mut edits = Edits::default();
        assert!(edits.take(group?));
        edits.applied(text)
    }

    #[test]
    fn a_property_is_written_where_it_belongs() {
        for (before, after) in [
            ("a=1\r\nkey = 2  \r\nb=3\r\n", "a=1\r\nkey = 30  \r\nb=3\r\n"),
            ("key=1\nkey=2\n", "key=1\nkey=30\n"),
            ("key=\n", "key=30\n"),
            ("key\n", "key=30\n"),
            ("# key=2\nb=3", "# key=2\nkey=30\nb=3"),
            ("b=3", "b=3\nkey=30\n"),
            ("b=3\r\n", "b=3\r\nkey=30\r\n"),
            ("", "key=30\n"),
            ("b=3\\", "b=3\\\n\nkey=30\n"),
            ("b=3\\\r\n", "b=3\\\r\n\r\nkey=30\r\n"),
            ("b=3\\\\", "b=3\\\\\nkey=30\n"),
        ] {
            assert_eq!(applied(before, set(before, "key", "30")).as_deref(), Some(after), "{before:?}");
        }
        for same in ["key=30\n", "key: 30", "key=${filled}\n", "key=2\\\n 3\n"] {
            assert_eq!(set(same, "key", "30"), None, "{same:?}");
        }
    }

    #[test]
    fn a_script_that_asks_for_an_option_keeps_it() {
        for (line, expected) in [
            ("if [ \"$1\" = \"-Dsetup\" ]; then", true),
            ("  case $1 in -Dsetup) x=1 ;; esac", true),
            ("echo pass -Dsetup for this", true),
            ("java -Dsetup Main", false),
        ] {
            let text = format!("[ x ]\n{line}\necho\n");
            assert_eq!(is_compared(&text, text.find("-Dsetup").unwrap()), expected, "{line}");
        }
    }

    #[test]
    fn an_option_goes_without_a_hole() {
        for (before, after) in [
            ("java \\\n  -Dsetup \\\n  -Dx=1\n", "java \\\n  -Dx=1\n"),
            ("java -Dsetup -Dx=1\n", "java -Dx=1\n"),
            ("OPTS=\"-Dsetup\"\n", "OPTS=\"\"\n"),
            ("java \\\n  -Dsetup Main\n", "java \\\n   Main\n"),
        ] {
            let at = before.find("-Dsetup").unwrap();
            assert_eq!(
                applied(before, Some(vec![without(before, at, "-Dsetup")])).as_deref(),
                Some(after),
                "{before:?}"
            );
        }
    }
}
