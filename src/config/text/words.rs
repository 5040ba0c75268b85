//! Parts of messages: the nearest known word, quoted text, lists.

use std::borrow::Cow;

use super::errors::Wrong;

/// The known word that was probably meant. `None` when no known word is similar.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer text is no typing mistake, and the time to compare grows with the product of both lengths.
    let wrong: Vec<char> = wrong.chars().take(64).flat_map(char::to_lowercase).collect();
    known
        .into_iter()
        .map(|word| (distance(&wrong, word), word))
        .filter(|(distance, word)| *distance <= (word.chars().count().max(3) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// A message about an unknown word, such as `did you mean "web"? pools here: api, web`.
pub fn suggestion(wrong: &str, what: &str, known: &[&str]) -> String {
    let here = if known.is_empty() { format!("there are no {what}") } else { format!("{what}: {}", list(known)) };
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}? {here}"),
        None => here,
    }
}

/// `a, b, c`, shortened when there are too many to read.
pub(crate) fn list(words: &[&str]) -> String {
    const ENOUGH: usize = 40;
    const LONG: usize = 80;
    // A name that is none may be of any length.
    let short = |word: &&str| word.char_indices().nth(LONG).map_or(*word, |(end, _)| &word[..end]).to_owned();
    let shown = words.iter().take(ENOUGH).map(short).collect::<Vec<_>>().join(", ");
    if words.len() > ENOUGH { format!("{shown}, and {} more", words.len() - ENOUGH) } else { shown }
}

/// The operator's text in quotes, on one line and shortened to a readable length. Who may do with a URL what, its user and its
/// query, is left out: what is wrong goes into the journal, into events and to whoever may read them.
pub(crate) fn quoted(text: &str) -> String {
    const ENOUGH: usize = 80;
    let text = &*without_credentials(text);
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// `http://user:password@host/path?token=x` as `http://…@host/path?…`.
fn without_credentials(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let (user, rest) = rest.rsplit_once('@').map_or((false, rest), |(_, rest)| (true, rest));
    let (rest, query) = rest.split_once('?').map_or((rest, false), |(rest, query)| (rest, !query.is_empty()));
    if !user && !query {
        return text.into();
    }
    let (user, query) = (if user { "…@" } else { "" }, if query { "?…" } else { "" });
    format!("{scheme}://{user}{rest}{query}").into()
}

/// A variable of nginx in the text, `$host` or `${host}`. Somebody who writes one expects it to be replaced.
pub(crate) fn variable(text: &str) -> Option<&str> {
    text.match_indices('$').find_map(|(at, _)| {
        let (_, rest) = text.split_at_checked(at + 1)?;
        let braced = rest.strip_prefix('{');
        let name = braced.unwrap_or(rest);
        let length = name.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let end = at + 1 + length + if braced.is_some() { 2 } else { 0 };
        text.get(at..end.min(text.len())).filter(|_| is_name)
    })
}

/// Checks the characters of a name that appears in commands, metrics and log lines.
pub(crate) fn name(text: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) && !text.starts_with('-') {
        return Ok(());
    }
    Err(Wrong::new(
        format!("{} is no name", quoted(text)),
        "names are up to 64 letters, digits, dots, dashes and underscores, as in \"esb.https\"",
    ))
}

/// Whether the text is an HTTP token (RFC 9110 section 5.6.2), as cookie names and upgrade protocols are.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The number of insertions, deletions, changes and swaps of neighbours that turn one word into the other.
fn distance(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().flat_map(char::to_lowercase).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, &a) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &b) in to.iter().enumerate() {
            let change = last[column] + usize::from(a != b);
            let mut best = change.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && a == to[column - 1] && from[row - 1] == b {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_word_that_was_meant() {
        let known = ["interval", "timeout", "rise", "fall", "head-timeout", "body-timeout"];
        for (wrong, expected) in [
            ("intervall", Some("interval")),
            ("itnerval", Some("interval")),
            ("head_timeout", Some("head-timeout")),
            ("Timeout", Some("timeout")),
            ("rsie", Some("rise")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known), expected, "{wrong}");
        }
    }

    #[test]
    fn names_are_words_that_fit_into_commands_and_labels() {
        for good in ["esb.https", "worker1", "A_b-c"] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in ["", "two words", "wörker", "-x", "a/b", "a\"b", &"x".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoted_urls_tell_no_password_and_no_query() {
        for (url, told) in [
            ("http://u:pass@10.0.0.1:4318/v1", r#""http://…@10.0.0.1:4318/v1""#),
            ("https://u:pa/s?s@w@host/?token=x", r#""https://…@host/?…""#),
            ("https://host/a?k=x&y", r#""https://host/a?…""#),
            ("https://host/a?", r#""https://host/a?""#),
            ("https://host/a", r#""https://host/a""#),
            ("a?b@c", r#""a?b@c""#),
        ] {
            assert_eq!(quoted(url), told);
        }
    }

    #[test]
    fn quoted_text_stays_on_one_line() {
        assert_eq!(quoted("a\n\u{1b}[31m"), r#""a\n\u{1b}[31m""#);
        assert_eq!(quoted(&"é".repeat(100)).chars().count(), 83);
    }
}
