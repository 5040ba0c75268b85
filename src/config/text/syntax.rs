//! Parses text to tables. Text that is not valid TOML becomes a problem with its place, in words for people who do not
//! know TOML's grammar.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::errors::{Place, Problems, Wrong};
use super::reference::former;
use super::secrets;
use super::source::Source;
use super::words::quoted;

/// The tables of the file, as far as they can be parsed.
pub(crate) fn parse<'a>(source: &'a Source, problems: &Problems) -> Spanned<DeTable<'a>> {
    let (mut table, errors) = DeTable::parse_recoverable(&source.text);
    let (mut lines, mut blamed) = (HashSet::new(), HashSet::new());
    let headings = OnceCell::new();
    // A list that is not closed takes in all that follows: only its first error says something.
    let open = errors.iter().position(|error| leaves_open(error.message())).unwrap_or(errors.len());
    for error in errors.into_iter().take(open.saturating_add(1)) {
        let mut at = source.place(error.span().unwrap_or(0..0));
        // A second error on the same line is usually caused by the first one.
        if lines.insert(at.line) {
            at.span = source.whole_line(at.line);
            let line = source.text.get(at.span.clone()).unwrap_or_default();
            if let Some(name) = list_head(line).filter(|_| error.message().starts_with("duplicate key")) {
                // The parser reports each later heading of the list, but the one to correct is always the same.
                if !blamed.contains(name)
                    && let Some(&head) = headings.get_or_init(|| with_one_bracket(source)).get(name)
                    && head <= at.line
                {
                    let head = Place { line: head, ..source.place(source.whole_line(head)) };
                    let what = "one table stands where a list of tables belongs";
                    problems.error(head, what, format!("write [[{name}]], with two brackets"));
                    blamed.insert(name);
                }
                if blamed.contains(name) {
                    continue;
                }
            }
            let Wrong { what, advice } = words(&error, line);
            let shown = if shows_a_secret(line) { at.without_excerpt() } else { at };
            problems.error(shown, what, advice);
        }
    }
    former::bring_up_to_date(table.get_mut(), source, problems);
    table
}

/// Whether what follows is read as a part of a list or an inline table.
fn leaves_open(message: &str) -> bool {
    message.starts_with("missing comma") || message.starts_with("unclosed inline table") || message == "unclosed array"
}

/// Whether an excerpt of the line could show one. A line without a key may be a part of a value.
fn shows_a_secret(line: &str) -> bool {
    match line.split_once('=') {
        Some((key, _)) => secrets::may_stand_behind(key.trim()),
        None => false,
    }
}

/// The `pool` in `[[pool]]`.
fn list_head(line: &str) -> Option<&str> {
    Some(without_comment(line).strip_prefix("[[")?.strip_suffix("]]")?.trim())
}

/// The headings with only one bracket, `[pool]`, each with the line where it first stands. The parser reports the later
/// `[[pool]]`, but the earlier one is wrong.
fn with_one_bracket(source: &Source) -> HashMap<&str, usize> {
    let mut headings = HashMap::new();
    for (index, line) in source.text.lines().enumerate() {
        let inner = without_comment(line).strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(inner) = inner {
            headings.entry(inner.trim()).or_insert(index + 1);
        }
    }
    headings
}

fn words(error: &Error, line: &str) -> Wrong {
    let (key, value) =
        line.split_once('=').map_or((line.trim(), ""), |(key, value)| (key.trim(), without_comment(value)));
    let message = error.message();
    let is = |start: &str| message.starts_with(start);
    match message {
        _ if value.strip_suffix(';').is_some_and(is_value) => {
            Wrong::new("a semicolon follows the value", "leave it out: the line's end is enough")
        }
        _ if is("string values must be quoted") && value.is_empty() => {
            Wrong::new(format!("{} has no value", quoted(key)), "write key = \"value\"")
        }
        _ if is("string values must be quoted")
            || is("invalid boolean")
            || is("invalid float")
            || is("invalid integer") =>
        {
            unquoted(key, value)
        }
        _ if is("invalid basic string") && !message.ends_with('"') && !message.ends_with("`\"`") => {
            Wrong::new("a string holds a character that it may not", "write it as \\n, \\t or \\u0000")
        }
        _ if message.contains("basic string") || message.contains("literal string") => {
            Wrong::new("a string does not end", "close it with the quote it began with")
        }
        _ if is("duplicate key") => duplicate(line, key),
        _ if is("key with no value") || is("invalid key-value pair") || is("invalid unquoted key") => {
            no_assignment(line)
        }
        _ => known(message),
    }
}

fn known(message: &str) -> Wrong {
    let found = KNOWN.iter().find(|(start, _, _)| message.starts_with(start));
    match found {
        Some((_, what, advice)) => Wrong::new(*what, *advice),
        None => Wrong::new(message.replace('`', ""), ""),
    }
}

const KNOWN: [(&str, &str, &str); 11] = [
    (
        "missing escaped value",
        "a backslash in a string is followed by no letter that means something",
        "write \\\\ for a backslash, or the string in 'single quotes'",
    ),
    ("unclosed array table", "a table's head does not end", "write it as [[pool]]"),
    ("unclosed table", "a table's head does not end", "write it as [admin]"),
    ("unclosed array", "a list does not end", "close it with ]"),
    ("unclosed inline table", "a table does not end", "close it with }"),
    ("missing comma", "a comma is missing here, or the ] or } that ends the list or table before", ""),
    ("extra assignment", "a comma is missing", "write { one = 1, two = 2 }"),
    ("unexpected key or value", "something follows the value", "one key = value a line"),
    ("unquoted keys cannot be empty", "a name is missing", "write key = \"value\", [admin] or [[pool]]"),
    ("carriage return", "a carriage return stands within a line", "end lines with a line feed, or with both"),
    ("unexpected leading zero", "a number begins with 0", "leave the zero out"),
];

fn unquoted(key: &str, value: &str) -> Wrong {
    match value.to_lowercase().as_str() {
        "true" | "yes" | "on" => {
            Wrong::new(format!("{} is not a value", quoted(value)), "write true, in small letters and without quotes")
        }
        "false" | "no" | "off" => Wrong::new(
            format!("{} is not a value", quoted(value)),
            "write false (or, where a text is meant, put it in quotes)",
        ),
        _ if value.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) => {
            Wrong::new("the quotes are typographic ones", "write the straight ones, \"…\"")
        }
        _ => {
            let bare = value.trim_end_matches(';').trim_matches(['"', '\'', '`']);
            let advice = if secrets::may_stand_behind(key) || bare.contains(['[', '{', ',', '"', '\\']) {
                "put it in quotes".to_owned()
            } else {
                format!("write {}", quoted(bare))
            };
            Wrong::new("a text is not in quotes", advice)
        }
    }
}

fn is_value(text: &str) -> bool {
    DeValue::parse(text.trim_end_matches(';').trim()).is_ok()
}

fn duplicate(line: &str, key: &str) -> Wrong {
    let line = line.trim();
    if line.starts_with('[') {
        let name = line.trim_matches(['[', ']']);
        let advice = match name {
            "listener" | "node" | "pool" | "site" => format!("write [[{name}]], with two brackets, for each"),
            _ => "keep one of them".to_owned(),
        };
        return Wrong::new(format!("the table {} is written twice", quoted(name)), advice);
    }
    Wrong::new(format!("{} is written twice", quoted(key)), "keep one of them")
}

fn no_assignment(line: &str) -> Wrong {
    let line = without_comment(line);
    let what = "this is not key = value";
    match line {
        "" | "}" | "{" | "};" => Wrong::new(
            what,
            "this file is TOML: [[site]] begins a table, the next head ends it, there are no braces around it",
        ),
        _ if line.starts_with("//") || line.starts_with("/*") => Wrong::new(what, "comments begin with #"),
        _ if line.ends_with([';', '{']) => Wrong::new(
            what,
            "this file is TOML, not nginx's language: [[listener]] begins a table, then key = \"value\"",
        ),
        _ if line.contains(':') => Wrong::new(what, "keys and values are joined by =, not by a colon"),
        _ => Wrong::new(what, "write key = \"value\""),
    }
}

fn without_comment(text: &str) -> &str {
    text.split(" #").next().unwrap_or(text).trim()
}
