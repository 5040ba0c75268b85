//! Passwords are never printed: not in what is said of a value, and no line of a file that may hold one is shown.

use std::ops::Range;

use crate::config::{Place, Source};

/// What the names of passwords and keys have in them, misspelt ones too.
const NAMES: [&str; 7] = ["passw", "pasw", "passphrase", "pwd", "secret", "accesskey", "licensekey"];

/// The most that is looked at on each side of a value. A longer line is not shown.
const LINE: usize = 1000;

/// A place of a file; without an excerpt where its lines may hold a secret.
pub(crate) fn place(source: &Source, span: Range<usize>) -> Place {
    let at = source.place(span.clone());
    let bytes = source.text.as_bytes();
    let before = bytes.get(span.start.saturating_sub(LINE)..span.start).unwrap_or_default();
    let after = bytes.get(span.end..bytes.len().min(span.end + LINE)).unwrap_or_default();
    let begins = before.iter().rposition(|byte| *byte == b'\n').map(|newline| newline + 1);
    let ends = after.iter().position(|byte| *byte == b'\n');
    let begin = begins.or((before.len() < LINE).then_some(0)).map(|at| span.start - before.len() + at);
    let end = ends.or((after.len() < LINE).then_some(after.len())).map(|at| span.end + at);
    let shown = begin.zip(end).and_then(|(begin, end)| source.text.get(begin..end));
    if shown.is_some_and(|lines| lines.len() < 4 * LINE && !may_be_in(lines)) { at } else { at.without_excerpt() }
}

/// Whether lines of a file may hold a secret.
pub fn may_be_in(lines: &str) -> bool {
    let lower = lines.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.contains(name)) || !logins(lines).is_empty()
}

/// A text with stars for passwords: those of JDBC URLs (`password=…`, `user/…@`) and of others (`user:…@`).
pub(crate) fn hidden(text: &str) -> String {
    let mut ranges = [options(text), logins(text)].concat();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for range in ranges {
        if range.start >= from {
            shown.push_str(text.get(from..range.start).unwrap_or_default());
            shown.push_str("***");
        }
        from = from.max(range.end);
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    shown
}

/// The values behind `password=` and its like.
fn options(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let names = ["password=", "passwd=", "pwd=", "passphrase=", "secret="];
    let starts = names.iter().flat_map(|name| lower.match_indices(name).map(|(at, name)| at + name.len()));
    let value = |start: usize| {
        let rest = text.get(start..).unwrap_or_default();
        let in_braces = rest.starts_with('{').then(|| rest.find('}')).flatten().map(|at| at + 1);
        let end = rest.find(|c: char| matches!(c, '&' | ';' | '"') || c.is_whitespace());
        start..start + in_braces.or(end).unwrap_or(rest.len())
    };
    starts.map(value).filter(|range| !range.is_empty()).collect()
}

/// The passwords before the host of a URL.
fn logins(text: &str) -> Vec<Range<usize>> {
    let word = |start: usize| {
        let rest = text.get(start..).unwrap_or_default();
        rest.get(..rest.find(|c: char| matches!(c, '"' | '<' | '?') || c.is_whitespace()).unwrap_or(rest.len()))
    };
    let login = |start: usize, between: char| {
        let (user, _) = word(start)?.rsplit_once('@')?;
        let password = user.find(between)? + 1;
        Some(start + password..start + user.len())
    };
    let of_urls = text.match_indices("://").filter_map(|(at, found)| login(at + found.len(), ':'));
    let of_oracle = text.match_indices("jdbc:oracle:").filter_map(|(at, found)| {
        let kind = word(at + found.len())?.find(':')? + 1;
        login(at + found.len() + kind, '/')
    });
    of_urls.chain(of_oracle).filter(|range| !range.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_hidden() {
        for (text, expected) in [
            (
                "is \"jdbc:mysql://db:3306/reg?user=a&password=p&x=1\"",
                "is \"jdbc:mysql://db:3306/reg?user=a&password=***&x=1\"",
            ),
            (
                "jdbc:sqlserver://db;databaseName=reg;Password={a;b};x=1",
                "jdbc:sqlserver://db;databaseName=reg;Password=***;x=1",
            ),
            ("jdbc:oracle:thin:reg/p@db:1521/orcl", "jdbc:oracle:thin:reg/***@db:1521/orcl"),
            ("jdbc:oracle:thin:@//db:1521/orcl", "jdbc:oracle:thin:@//db:1521/orcl"),
            ("https://user:p@svn.test/repos", "https://user:***@svn.test/repos"),
            ("regadmin@jdbc:mysql://db:3306/reg", "regadmin@jdbc:mysql://db:3306/reg"),
            ("a@b, and password= is empty", "a@b, and password= is empty"),
        ] {
            assert_eq!(hidden(text), expected);
        }
        for line in ["<Password>x</Password>", "groupPasword", "jdbc:oracle:thin:reg/p@db:1521/orcl"] {
            assert!(may_be_in(line), "{line}");
        }
        assert!(!may_be_in("class=\"org.apache.synapse.transport.passthru.PassThroughHttpListener\""));
    }
}
