//! Paths: as they are in a request, and as a route compares them.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::config::model::PathPattern;
use crate::config::text::errors::Wrong;
use crate::config::text::words::quoted;

/// A path as it is in a request line, with its query if there is one.
pub(crate) fn in_a_request(text: &str) -> Result<Arc<str>, Wrong> {
    let fits = |b: u8| b.is_ascii_graphic() && b != b'#';
    if text.starts_with('/') && text.bytes().all(fits) {
        return Ok(text.into());
    }
    let advice = if text.starts_with('/') {
        "spaces and what is not ASCII are written as %20 and the like, and # does not belong"
    } else {
        "it begins with /, as in \"/carbon/admin/login.jsp\""
    };
    Err(Wrong::new(format!("{} is not a path", quoted(text)), advice))
}

/// A path that nodes are asked for, without a query: the client's follows it.
pub(crate) fn for_nodes(text: &str) -> Result<Arc<str>, Wrong> {
    let path = in_a_request(text)?;
    let wrong = |advice: &str| Err(Wrong::new(format!("{} is no path for nodes", quoted(text)), advice));
    if text.contains('?') {
        return wrong("the client's query goes up: leave it out");
    }
    match compared(&text.replace(['%', ';'], "")) {
        Ok(_) => Ok(path),
        Err(_) => wrong("write it without //, /./, /../, stars and backslashes"),
    }
}

/// A path that requests are compared with. Their paths are decoded and have no parameters or dot segments. Text that no
/// such path can have would never match, so it is refused.
pub(crate) fn compared(text: &str) -> Result<Arc<str>, Wrong> {
    let wrong = |advice: &str| Err(Wrong::new(format!("{} matches no path", quoted(text)), advice));
    let dots = |text: &str| text.split('/').any(|segment| matches!(segment, "." | ".."));
    if let Some(ours) = of_nginx(text) {
        return wrong(&format!("write {ours}"));
    }
    match text {
        "*" | "/*" => wrong("write prefix = \"/\", or no path at all: that is every one"),
        _ if text.contains('*') => wrong(STAR),
        _ if !text.starts_with('/') => wrong("it begins with /, as in \"/carbon\""),
        _ if text.contains('?') => wrong("the query is no part of it: leave it out"),
        _ if text.contains('#') => wrong("clients do not send what follows a #: leave it out"),
        _ if text.contains('%') => wrong("paths are compared decoded: write the character itself"),
        _ if text.contains(';') => wrong("paths are compared without parameters: leave them out"),
        _ if text.contains('\\') => wrong("a backslash is compared as a slash: write /"),
        _ if text.contains("//") || dots(text) => wrong("paths are compared without //, /./ and /../: leave them out"),
        _ if text.chars().any(char::is_control) => wrong("no path holds control characters"),
        _ => Ok(text.into()),
    }
}

const STAR: &str =
    "a star stands for itself: prefix = \"/carbon\" takes all below it as well, and regex = '^/a/.*/b$' says more";

/// The equivalent of an nginx location with a modifier. The modifier would become part of the path, and no path would
/// match.
fn of_nginx(text: &str) -> Option<String> {
    let (key, rest, flags) = if let Some(rest) = text.strip_prefix("~*") {
        ("regex", rest, "(?i)")
    } else if let Some(rest) = text.strip_prefix('~').filter(|rest| rest.starts_with([' ', '^'])) {
        ("regex", rest, "")
    } else if let Some(rest) = text.strip_prefix("^~") {
        ("prefix", rest, "")
    } else if let Some(rest) = text.strip_prefix("= ") {
        ("path", rest, "")
    } else {
        return None;
    };
    let quote = if key == "regex" { '\'' } else { '"' };
    Some(format!("{key} = {quote}{flags}{}{quote}", rest.trim()))
}

/// Why an expression has a part that matches no path. Only a path that was encoded twice could match it.
pub(crate) fn missed_by_paths(text: &str) -> Option<&'static str> {
    let hex = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
    let escape = |at: usize| hex(text.as_bytes().get(at + 1)) && hex(text.as_bytes().get(at + 2));
    if text.contains(r"\?") || text.contains("[?") {
        Some("the query is no part of the path: target compares both")
    } else if text.match_indices('%').any(|(at, _)| escape(at)) {
        Some("paths are compared decoded: write the character itself")
    } else {
        None
    }
}

/// Whether this path certainly matches the pattern. Both are in the form in which they are compared.
pub(crate) fn takes(pattern: &PathPattern, path: &str) -> bool {
    match pattern {
        PathPattern::Exact(own) => **own == *path,
        PathPattern::Prefix(prefix) => path
            .strip_prefix(&**prefix)
            .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/')),
        PathPattern::Regex(regex) => regex.is_match(path.as_bytes()),
        // This depends on the query.
        PathPattern::Target(_) => false,
    }
}

/// Compiles an expression with a limited size. It works on bytes, because a decoded path need not be UTF-8. A dot
/// matches any byte, even a line end.
pub(crate) fn regex(text: &str) -> Result<Regex, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new("the expression is empty, every path matches it", "leave it out"));
    }
    if let Some(ours) = of_nginx(text) {
        return Err(Wrong::new(format!("{} is written as nginx has it", quoted(text)), format!("write {ours}")));
    }
    if begins_without_slash(text) {
        let what = format!("{} matches no path", quoted(text));
        return Err(Wrong::new(what, format!("paths begin with a slash: write '{}'", text.replacen('^', "^/", 1))));
    }
    RegexBuilder::new(text).unicode(false).dot_matches_new_line(true).size_limit(LARGEST).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(_) => Wrong::new(
                format!("{} becomes too large", quoted(text)),
                "write smaller counts in braces, or several routes",
            ),
            error => Wrong::new(
                format!("{} is no regular expression: {}", quoted(text), in_one_line(&error)),
                r"in single quotes backslashes stay as they are: '^/services/[^/]+\.Admin$'",
            ),
        }
    })
}

/// Whether an expression begins like `^services`, as in frameworks whose paths have no leading slash. With alternatives
/// it may be correct, so those are not reported.
pub(crate) fn begins_without_slash(text: &str) -> bool {
    let bare = text.strip_prefix("(?i)").unwrap_or(text);
    !text.contains('|')
        && bare.strip_prefix('^').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        && !bare.get(2..).is_some_and(|rest| rest.starts_with(['?', '*', '{']))
}

/// Combines expressions into a set that tells whether any matches. `None` when the set would be too large.
pub fn any_of(expressions: &[&str]) -> Option<RegexSet> {
    RegexSetBuilder::new(expressions).unicode(false).dot_matches_new_line(true).build().ok()
}

/// The last sentence of a message that also draws and marks the expression.
fn in_one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

const LARGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_stand_in_a_request_line() {
        for (text, good) in [
            ("/", true),
            ("/a?b=c%20d", true),
            ("a", false),
            ("/a b", false),
            ("/a\r\nX: y", false),
            ("/ü", false),
            ("/a#b", false),
            ("", false),
        ] {
            assert_eq!(in_a_request(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn what_is_compared_can_match() {
        for good in ["/", "/carbon", "/carbon/", "/a b", "/ü", "/a.b", "/...", "/a:b@c"] {
            assert!(compared(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "carbon",
            "/a?b",
            "/a#b",
            "/%63arbon",
            "/a;x",
            "//a",
            "/a//",
            "/./a",
            "/a/..",
            "/a\\b",
            "/a\n",
            "*",
            "/*",
            "/a/*",
        ] {
            assert!(compared(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_comes_from_nginx_is_told_as_it_is_written_here() {
        for (text, ours) in [
            ("~ ^/x", "regex = '^/x'"),
            ("~^/x", "regex = '^/x'"),
            ("~* \\.wsdl$", "regex = '(?i)\\.wsdl$'"),
            ("~*^/x", "regex = '(?i)^/x'"),
            ("^~ /x", "prefix = \"/x\""),
            ("= /x", "path = \"/x\""),
        ] {
            assert_eq!(compared(text).unwrap_err().advice, format!("write {ours}"), "{text}");
            assert_eq!(regex(text).unwrap_err().advice, format!("write {ours}"), "{text}");
        }
        for (text, right) in [("^services/", "'^/services/'"), ("(?i)^x", "'(?i)^/x'")] {
            assert!(regex(text).unwrap_err().advice.contains(right), "{text}");
        }
        for good in ["~[a-z]+/", "^.x", "^x?/y", "^/x|^y", "^[/]x", "=/x", "^/x"] {
            assert!(regex(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn expressions_are_bounded_and_say_what_is_wrong() {
        assert!(regex("(?i)^/services/[^/]*admin").unwrap().is_match(b"/services/ServerAdmin"));
        assert!(regex("^/.$").unwrap().is_match(b"/\xff"));
        assert!(regex("^/.*Admin$").unwrap().is_match(b"/\nUserAdmin"), "%0A hides nothing");
        for (bad, said) in [
            ("", "empty"),
            ("(", "unclosed group"),
            ("(?=a)", "look-around"),
            ("a{1000}{1000}", "too large"),
            ("[z-a]", "invalid character class range"),
        ] {
            let wrong = regex(bad).unwrap_err();
            assert!(wrong.what.contains(said), "{bad}: {wrong:?}");
            assert!(!wrong.what.contains('\n'), "{bad}: {wrong:?}");
        }
    }
}
