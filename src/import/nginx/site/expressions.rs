//! Regular expressions of nginx, as Weir reads and writes them.

use regex::bytes::{Regex, RegexBuilder};

use crate::import::nginx::values;

/// A regular expression as Weir reads it: over bytes, so that `\d` is a digit of ASCII, as in nginx.
pub(super) fn expression(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).unicode(false).dot_matches_new_line(true).size_limit(LARGEST).build()
}

/// The largest expression, built, that `weir check` takes.
const LARGEST: usize = 1 << 20;

/// Regular expressions stand in single quotes, as in the reference.
pub(super) fn regex_text(plain: &str) -> String {
    if plain.contains('\'') || plain.chars().any(char::is_control) { values::text(plain) } else { format!("'{plain}'") }
}
