//! Passwords are never printed: not in what is said of a value, and no line of a file that may hold one is shown.

use std::ops::Range;

use roxmltree::{Attribute, Document, Node};

use crate::config::{Place, Source};

/// What the names of passwords and keys have in them, misspelt ones too.
const NAMES: [&str; 6] = ["pass", "pasw", "pwd", "secret", "accesskey", "licensekey"];

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
fn may_be_in(lines: &str) -> bool {
    has_name(lines) || !logins(lines).is_empty()
}

/// Whether a secret may go by a name in this text. The PassThrough transport is none.
fn has_name(text: &str) -> bool {
    let lower = text.to_ascii_lowercase().replace("passthr", " ");
    NAMES.iter().any(|name| lower.contains(name))
}

/// The lines of a file that may hold a secret.
pub(crate) struct SecretLines(
    /// Their bytes, in order; none touches the next.
    Vec<Range<usize>>,
);

impl SecretLines {
    /// Whether one of them has some of these bytes.
    pub(crate) fn touch(&self, span: &Range<usize>) -> bool {
        let first = self.0.partition_point(|lines| lines.end <= span.start);
        self.0.get(first).is_some_and(|lines| lines.start < span.end.max(span.start + 1))
    }

    /// Those of values that go by such a name, and of comments that have one. Such a value may stand on lines of its own.
    pub(super) fn of_values(document: &Document<'_>) -> Self {
        Self::around(document.input_text(), document.descendants().flat_map(of_node).collect())
    }

    /// Those, and each line that may hold one by itself.
    pub(super) fn of_document(document: &Document<'_>) -> Self {
        let text = document.input_text();
        let (Self(mut all), Self(lines)) = (Self::of_values(document), Self::of_text(text));
        all.extend(lines);
        Self::around(text, all)
    }

    /// Those of a file that is no XML. A value goes on in the next line behind a backslash.
    pub(super) fn of_text(text: &str) -> Self {
        let is_script = text.starts_with("#!");
        let (mut end, mut goes_on) = (0, false);
        let mut found = Vec::new();
        for line in text.split_inclusive('\n') {
            let start = end;
            end += line.len();
            if goes_on || may_be_in(line) {
                found.push(start..end);
                goes_on = self::goes_on(line, is_script);
            }
        }
        Self::around(text, found)
    }

    /// The whole lines around these bytes.
    fn around(text: &str, mut spans: Vec<Range<usize>>) -> Self {
        spans.sort_unstable_by_key(|span| span.start);
        let bytes = text.as_bytes();
        let mut all: Vec<Range<usize>> = Vec::new();
        for span in spans {
            let known = all.last().map_or(0, |last| last.end);
            if span.end <= known {
                continue;
            }
            let from = span.start.max(known);
            let before = bytes.get(known..from).unwrap_or_default();
            let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(known, |at| known + at + 1);
            // A range of whole lines ends behind its last newline already.
            let last = span.end.saturating_sub(1).max(from);
            let rest = bytes.get(last..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| last + at + 1);
            match all.last_mut().filter(|last| begin <= last.end) {
                Some(last) => last.end = end,
                None => all.push(begin..end),
            }
        }
        Self(all)
    }
}

/// What of an element or a comment is a secret, or may have one in it.
fn of_node(node: Node<'_, '_>) -> Vec<Range<usize>> {
    let is_key =
        |attribute: &Attribute<'_, '_>| ["name", "key"].iter().any(|key| attribute.name().eq_ignore_ascii_case(key));
    let is_named = || node.attributes().any(|attribute| is_key(&attribute) && has_name(attribute.value()));
    let is_secret = if node.is_comment() {
        node.text().is_some_and(may_be_in)
    } else {
        node.is_element() && (has_name(node.tag_name().name()) || is_named())
    };
    if is_secret {
        return vec![node.range()];
    }
    node.attributes().filter(|attribute| has_name(attribute.name())).map(|attribute| attribute.range()).collect()
}

/// Whether the value of a line goes on in the next one. In a script a backslash behind a blank stands between two words.
fn goes_on(line: &str, is_script: bool) -> bool {
    let before = line.trim_end_matches(['\r', '\n']).strip_suffix('\\');
    before.is_some_and(|before| !is_script || !before.ends_with([' ', '\t']))
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
        for line in ["keystorePass=\"x\"", "truststorePass='x' class=\"PassThrough\"", "groupPasswort"] {
            assert!(may_be_in(line), "{line}");
        }
        assert!(!may_be_in("class=\"org.apache.synapse.transport.passthru.PassThroughHttpListener\""));
    }

    /// The lines that are found, without their blanks.
    fn found(text: &str) -> Vec<&str> {
        let all = match Document::parse(text) {
            Ok(document) => SecretLines::of_document(&document),
            Err(_) => SecretLines::of_text(text),
        };
        let mut end = 0;
        let lines = text.split_inclusive('\n').filter(|line| {
            let start = end;
            end += line.len();
            all.touch(&(start..end))
        });
        lines.map(str::trim).collect()
    }

    #[test]
    fn a_value_on_lines_of_its_own_is_a_secret_too() {
        for (text, expected) in [
            ("<a>\n<password>\n x\n</password>\n<b/>\n</a>", &["<password>", "x", "</password>"][..]),
            ("<a>\n<p name=\"groupPassword\"\n>\nx</p>\n<b/></a>", &["<p name=\"groupPassword\"", ">", "x</p>"]),
            ("<a>\n<c keystorePass=\n'x'\nport='1'/>\n</a>", &["<c keystorePass=", "'x'"]),
            ("<a>\n<!-- <Password>\nx\n -->\n<b/>\n</a>", &["<!-- <Password>", "x", "-->"]),
            ("<a>\n<p name='passthru'>\n x\n</p>\n<b>svn://me:x@h</b>\n</a>", &["<b>svn://me:x@h</b>"]),
            ("<a><password>x</password>\n<b/></a>", &["<a><password>x</password>"]),
            ("a=1\npassword=x\\\n  y\\\n  z\nb=2\n", &["password=x\\", "y\\", "z"]),
            ("password = \\\r\n  x\r\nb=2", &["password = \\", "x"]),
            ("#!/bin/sh\njava \\\n -Dpass=x \\\n -Dy=1 \\\n z", &["-Dpass=x \\"]),
            ("#!/bin/sh\nPASS=\\\nx\ny", &["PASS=\\", "x"]),
            ("", &[]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
