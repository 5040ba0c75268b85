//! A path that a regular expression of a location takes: a simple one, proved by the expression itself.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// A path that this expression matches, where one is found.
pub(super) fn path(expression: &str, insensitive: bool) -> Option<String> {
    let regex = compiled(expression, insensitive)?;
    let found = alternative(&mut expression.chars().peekable());
    let slash = format!("/{}", found.trim_start_matches('/'));
    fitting([slash, format!("/page{found}"), format!("/page/{found}")], &regex)
}

/// The same below the path of another location, where the expression takes it there too.
pub(super) fn below(prefix: &str, expression: &str, insensitive: bool) -> Option<String> {
    let own = path(expression, insensitive)?;
    fitting([format!("{}{own}", prefix.trim_end_matches('/'))], &compiled(expression, insensitive)?)
}

/// A name of a host that this expression of a `server_name` takes.
pub(super) fn name(expression: &str) -> Option<String> {
    let regex = compiled(expression, true)?;
    let found = alternative(&mut expression.chars().peekable());
    let fits = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    fitting([found.clone(), format!("{found}.invalid")], &regex).filter(fits)
}

/// Nothing where it is none, or has too many groups in one another to be read further.
fn compiled(expression: &str, insensitive: bool) -> Option<Regex> {
    let whole = if insensitive { format!("(?i){expression}") } else { expression.to_owned() };
    Regex::new(&whole).ok()
}

/// The first of the texts that the expression takes and that can stand in a request.
fn fitting<const N: usize>(texts: [String; N], regex: &Regex) -> Option<String> {
    texts.into_iter().find(|text| regex.is_match(text) && text.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// The first alternative, up to the end of its group, which is read too.
fn alternative(letters: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '^' | '$' | '*' | '+' | '?' => {}
            '\\' => text.push(escaped(letters.next())),
            '(' => {
                if letters.next_if_eq(&'?').is_some() {
                    // `(?:`, `(?i:` or a group with a name.
                    letters.find(|letter| matches!(letter, ':' | '>'));
                }
                text.push_str(&alternative(letters));
            }
            '[' => text.push(of_class(letters)),
            '{' => drop(letters.find(|letter| *letter == '}')),
            '.' => text.push('x'),
            '|' => {
                rest_of_group(letters);
                break;
            }
            ')' => break,
            other => text.push(other),
        }
    }
    text
}

fn escaped(letter: Option<char>) -> char {
    match letter {
        Some('d') => '1',
        Some('w' | 'S' | 'D') => 'a',
        Some(other) => other,
        None => 'x',
    }
}

fn of_class(letters: &mut Peekable<Chars<'_>>) -> char {
    let not = letters.next_if_eq(&'^').is_some();
    let first = match letters.next() {
        Some('\\') => escaped(letters.next()),
        Some(letter) => letter,
        None => 'x',
    };
    while letters.next().is_some_and(|letter| letter != ']') {}
    if not { 'x' } else { first }
}

fn rest_of_group(letters: &mut Peekable<Chars<'_>>) {
    let mut depth = 0_usize;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_for_what_locations_say() {
        let rows = [
            (r"\.php$", "/x.php"),
            ("^/API/v[0-9]{1,2}/", "/API/v0/"),
            ("^/(carbon|admin(/x)?)/.*$", "/carbon/x"),
            (r"\.(jsp|html)$", "/x.jsp"),
            ("^/t/[^/]+/carbon", "/t/x/carbon"),
            ("/services(?:/.*)?$", "/services/x"),
        ];
        for (expression, expected) in rows {
            let found = path(expression, false).unwrap_or_default();
            assert!(Regex::new(expression).unwrap().is_match(&found), "{expression}: {found}");
            assert_eq!(found.matches('/').count(), expected.matches('/').count(), "{expression}: {found}");
        }
        assert_eq!(path("^x", false), None, "no path begins so");
        assert_eq!(below("/carbon/", r"\.jsp$", false).as_deref(), Some("/carbon/.jsp"));
        assert_eq!(below("/carbon/", "^/services/", false), None, "it begins otherwise");
        assert_eq!(name(r"^(?<tenant>[a-z]+)\.gw\.test$").as_deref(), Some("a.gw.test"));
        assert_eq!(path("(unclosed", false), None);
        let deep = |group: &str| format!("^/{}{}", group.repeat(200_000), ")".repeat(200_000));
        assert_eq!((path(&deep("("), false), name(&deep("("))), (None, None), "it is too deep to be read");
    }
}
