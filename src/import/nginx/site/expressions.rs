//! Regular expressions of nginx, as Weir reads and writes them.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::config::rules;
use crate::import::nginx::values;

/// A regular expression as Weir reads it: over bytes, so that `\d` is a digit of ASCII, as in nginx.
///
/// # Errors
/// Where it is none, or means something else in nginx.
pub(super) fn expression(text: &str) -> Result<Regex, regex::Error> {
    let wrong = |why: &str| regex::Error::Syntax(why.to_owned());
    if let Some(why) = is_read_otherwise(text) {
        return Err(wrong(why));
    }
    let built = RegexBuilder::new(text).unicode(false).dot_matches_new_line(true).size_limit(LARGEST).build()?;
    let parts = ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build().parse(text);
    match parts.ok().and_then(|parts| never_there(&parts)) {
        Some(why) => Err(wrong(why)),
        None if !rules::is_expression(text) => Err(wrong("it is no expression of a route")),
        None => Ok(built),
    }
}

/// What nginx's expressions (PCRE) and Weir's read differently.
fn is_read_otherwise(text: &str) -> Option<&'static str> {
    // In brackets: whether they hold something already, and the letter before.
    let (mut class, mut filled, mut before) = (false, false, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                if let Some('<' | '>') = letters.next() {
                    return Some("\\< and \\> are letters in nginx, and borders of words here");
                }
                (filled, before) = (true, None);
            }
            '[' if !class => (class, filled, before) = (true, false, None),
            '[' => {
                let Some(rest) = behind_named_set(letters.as_str()) else {
                    return Some("[ in brackets is a letter in nginx, and begins a set inside the set here: write \\[");
                };
                letters = rest.chars();
                (filled, before) = (true, None);
            }
            ']' if class && filled => class = false,
            '^' if class && !filled && before.is_none() => before = Some('^'),
            '&' | '~' | '-' if class && before == Some(letter) => {
                return Some("&&, ~~ and -- in brackets are letters in nginx, and join sets of letters here");
            }
            letter => (filled, before) = (true, Some(letter)),
        }
    }
    None
}

/// What follows `[:alpha:]`, of which the first bracket is read.
fn behind_named_set(text: &str) -> Option<&str> {
    let inside = text.strip_prefix(':')?;
    let inside = inside.strip_prefix('^').unwrap_or(inside);
    let rest = inside.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
    rest.strip_prefix(":]").filter(|_| rest.len() < inside.len())
}

/// What an expression asks for that the paths which Weir compares never have, however it is written.
fn never_there(part: &Hir) -> Option<&'static str> {
    match part.kind() {
        HirKind::Literal(text) => text.0.iter().find_map(|byte| lost_byte(*byte)),
        HirKind::Class(Class::Bytes(class)) => {
            let all = || class.ranges().iter().flat_map(|range| range.start()..=range.end());
            // One that takes nearly everything fits without these bytes too.
            (all().count() < NEARLY_ALL).then(|| all().find_map(lost_byte)).flatten()
        }
        HirKind::Repetition(one) => never_there(&one.sub),
        HirKind::Capture(one) => never_there(&one.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().find_map(never_there),
        HirKind::Class(Class::Unicode(_)) | HirKind::Empty | HirKind::Look(_) => None,
    }
}

fn lost_byte(byte: u8) -> Option<&'static str> {
    match byte {
        b';' => Some("paths are compared without ;parameters, so it would never fit"),
        b'\\' => Some("a backslash is a slash where paths are compared, so it would never fit"),
        _ => None,
    }
}

/// How many bytes a set takes where it says which it does not take.
const NEARLY_ALL: usize = 128;

/// The largest expression, built, that `weir check` takes.
const LARGEST: usize = 1 << 20;

/// Regular expressions stand in single quotes, as in the reference.
pub(super) fn regex_text(plain: &str) -> String {
    if plain.contains('\'') || plain.chars().any(char::is_control) { values::text(plain) } else { format!("'{plain}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_in_two_ways_is_no_expression() {
        for text in [
            r"^/x\.jsp$",
            "^/[a-z&]+~",
            r"\d+-\w",
            "[^;]+",
            "[]a]",
            "[^]a]",
            "a--b",
            r"[\d][a]",
            "[[:alpha:]_]",
            r"[\[a]",
            "^/[^/]+/$",
            r"[^\\]",
            r"\S",
            "//",
            ".*",
        ] {
            assert!(expression(text).is_ok(), "{text}: {:?}", expression(text));
        }
        for text in [
            "[?&&]",
            "[a~~b]",
            "[a--c]",
            r"\<x",
            ";",
            "a;b",
            "[;]x",
            "[;,]",
            r"\;x",
            r"\x3bfoo",
            r"\x{3B}",
            "(a|b;)",
            "x(;v)?",
            "[[:punct:]]",
            "[!-~]",
            r"\\",
            r"[/\\]",
            r"\x5c",
            "^/adm[[i]]n",
            "[a[b]",
            "[[:i]]",
            "[a[:b]",
        ] {
            assert!(expression(text).is_err(), "{text}");
        }
    }
}
