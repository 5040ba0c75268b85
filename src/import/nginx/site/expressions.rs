//! Regular expressions of nginx, as Weir reads and writes them.

use regex::bytes::{Regex, RegexBuilder};

use crate::import::nginx::values;

/// A regular expression as Weir reads it: over bytes, so that `\d` is a digit of ASCII, as in nginx.
///
/// # Errors
/// Where it is none, or means something else in nginx.
pub(super) fn expression(text: &str) -> Result<Regex, regex::Error> {
    if let Some(why) = means_another_thing(text) {
        return Err(regex::Error::Syntax(why.to_owned()));
    }
    RegexBuilder::new(text).unicode(false).dot_matches_new_line(true).size_limit(LARGEST).build()
}

/// What nginx's expressions (PCRE) and Weir's read differently, or what the paths that Weir compares never have.
fn means_another_thing(text: &str) -> Option<&'static str> {
    let (mut class, mut before) = (false, None);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('<' | '>') => return Some("\\< and \\> are letters in nginx, and borders of words here"),
                _ => before = None,
            },
            '&' | '~' | '-' if class && before == Some(letter) => {
                return Some("&&, ~~ and -- in brackets are letters in nginx, and join sets of letters here");
            }
            ';' if !class => return Some("paths are compared without ;parameters, so it would never fit"),
            '[' if !class => (class, before) = (true, None),
            ']' if class && before.is_some() => class = false,
            letter => before = Some(letter),
        }
    }
    None
}

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
        for text in [r"^/x\.jsp$", "^/[a-z&]+~", r"\d+-\w", "[^;]+", "[]a]", "a--b"] {
            assert_eq!(means_another_thing(text), None, "{text}");
        }
        for text in ["[?&&]", "[a~~b]", "[a--c]", r"\<x", ";", "a;b"] {
            assert!(expression(text).is_err(), "{text}");
        }
    }
}
