//! What may be a secret: values of header fields, and tokens. Problems are read in the journal, in events, in the status and
//! in bundles, so they say what is wrong with such a value without it, and show no line of the file that holds it.

use super::errors::Place;
use super::reference;

/// Keys whose values may be secrets, whatever their type: an operator may write `headers = "X-Key: …"`.
const KEYS: [&str; 7] = ["add", "headers", "request-headers", "response-headers", "set", "token", "value"];

/// Whether the value of this key may be one.
pub(super) fn may_be_in(key: &str) -> bool {
    KEYS.contains(&key)
}

/// The same for the left side of a line that cannot be read. A key that no table has may be the name of a header field.
pub(super) fn may_stand_behind(key: &str) -> bool {
    let key = key.trim_matches(['"', '\'']);
    may_be_in(key) || reference::tables_of(key).is_empty()
}

/// The place of a value, for a problem with it: without an excerpt where that could show a secret.
pub(super) fn place(key: &str, at: &Place) -> Place {
    if may_be_in(key) { at.without_excerpt() } else { at.clone() }
}

/// Whether a value on this line may be one. A line that begins with `<` is of the XML of a node.
pub(super) fn are_on(line: &str) -> bool {
    if line.trim_start().starts_with('<') {
        return line.to_ascii_lowercase().contains("password");
    }
    let is_of_key = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let key_before = |at: usize| {
        let text = line.get(..at).unwrap_or_default().trim_end();
        text.rsplit(|c| !is_of_key(c)).next().unwrap_or_default()
    };
    line.match_indices('=').any(|(at, _)| may_be_in(key_before(at)))
}

/// Whether a text that should be the path of a token is probably the token itself.
pub(crate) fn seems_a_token(text: &str) -> bool {
    const SHORTEST: usize = 32;
    text.len() >= SHORTEST && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'=' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_value_that_may_be_secret_is_known() {
        for (line, secret) in [
            ("headers = [{ name = \"two words\", value = \"hunter2\" }]", true),
            ("set = { Authorization = \"Basic b25l\" }", true),
            ("interval = \"5s\"", false),
            ("nodes = [{ node = \"a\", weight = 2 }]", false),
            ("[site.request-headers.set]", false),
            ("interval = \"5s\" # the value", false),
            ("  <property name=\"subDomain\" value=\"worker\"/>", false),
            ("<username>a</username><password>b</password>", true),
        ] {
            assert_eq!(are_on(line), secret, "{line}");
        }
        assert!(may_stand_behind("X-Api-Key") && may_stand_behind("value") && !may_stand_behind("interval"));
    }

    #[test]
    fn a_token_is_told_from_a_path() {
        for (text, token) in [
            ("8f14e45fceea167a5a36dedd4bea25438f14e45fceea167a5a36dedd4bea2543", true),
            ("/etc/weir/ops.token", false),
            ("ops.token", false),
            ("a-file-of-the-operators.with-a-very-long-name", false),
        ] {
            assert_eq!(seems_a_token(text), token, "{text}");
        }
    }
}
