//! `upstream-path` of a route: the node gets another path than the client asked for. The way back is part of it: what the
//! node says of its own paths leads the client to the route again.

use std::borrow::Cow;
use std::ops::Range;

use super::normalized_path;
use super::normalized_path::{AmbiguousPath, PathScratch, read_escape};

/// How a route's prefix is replaced. What follows the prefix goes up byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// As clients ask, decoded.
    public: Box<[u8]>,
    /// As the node is asked.
    upstream: Box<[u8]>,
}

impl PathChange {
    /// A change of `public`, which is a route's `prefix` or `path`, to `upstream`.
    pub fn new(public: &str, upstream: &str) -> Self {
        Self { public: public.as_bytes().into(), upstream: upstream.as_bytes().into() }
    }

    /// Whether the change is clear for this path: the prefix is written as the route has it, escapes aside, and what
    /// follows it does not climb out of it. `path` is the client's, without the query.
    pub fn check(&self, path: &[u8], scratch: &mut PathScratch) -> Result<(), AmbiguousPath> {
        let rest = self.rest(path).ok_or(AmbiguousPath)?;
        // With its slash: a rest that leads above its own root has no reading.
        let begin = path.len() - rest.len();
        let rooted =
            if rest.starts_with(b"/") { rest } else { path.get(begin.saturating_sub(1)..).unwrap_or_default() };
        match rest {
            [] => Ok(()),
            _ => normalized_path::read(rooted, scratch).map(drop),
        }
    }

    /// The target for the node, in two parts: path and query. `target` is the client's and passed [`Self::check`].
    pub fn up<'t>(&'t self, target: &'t [u8]) -> [&'t [u8]; 2] {
        let rest = self.rest(target).unwrap_or_default();
        let doubled = self.upstream.ends_with(b"/") && rest.starts_with(b"/");
        [&self.upstream, rest.get(usize::from(doubled)..).unwrap_or_default()]
    }

    /// What follows the prefix. None where the target does not begin with it.
    fn rest<'t>(&self, target: &'t [u8]) -> Option<&'t [u8]> {
        let mut rest = target;
        for &expected in &*self.public {
            let (&byte, after) = rest.split_first()?;
            rest = match (byte, (byte == b'%').then(|| read_escape(after)).flatten()) {
                // An encoded slash is no slash to some nodes.
                (_, Some((decoded, after))) if decoded == expected && expected != b'/' => after,
                _ if byte == expected => after,
                _ => return None,
            };
        }
        let whole = self.public.ends_with(b"/") || matches!(rest.first(), None | Some(b'/' | b'?'));
        whole.then_some(rest)
    }

    /// The path that the client knows, of one that the node wrote; none where it stays as it is. What is not below the
    /// node's path is left, and so is what begins as the client's: some nodes know the prefix themselves.
    pub fn back(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (public, upstream) = (without_slash(&self.public), without_slash(&self.upstream));
        let is_known = is_below(path, public) && !is_below(upstream, public);
        let rest = path.get(upstream.len()..).filter(|_| !is_known && is_below(path, upstream))?;
        Some([public, rest].concat())
    }

    /// A cookie of the node for the client: its Path is one that the client knows.
    pub fn cookie<'v>(&self, value: &'v [u8]) -> Cow<'v, [u8]> {
        let changed = with_paths(value, |path| {
            let mut back = self.back(path)?;
            // The prefix without a slash covers itself and all below it; with one it would not cover itself.
            if without_slash(&back) == without_slash(&self.public) {
                back.truncate(without_slash(&back).len());
            }
            if back.is_empty() {
                back.push(b'/');
            }
            Some((Cow::Owned(back), Default::default()))
        });
        changed.map_or(Cow::Borrowed(value), Cow::Owned)
    }

    /// X-Forwarded-Prefix: what the client's path has before the node's. It may be empty.
    pub fn prefix(&self) -> &[u8] {
        let (public, upstream) = (without_slash(&self.public), without_slash(&self.upstream));
        public.strip_suffix(upstream).unwrap_or(public)
    }
}

/// Whether a path is this one or below it; `parent` has no slash at its end.
fn is_below(path: &[u8], parent: &[u8]) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b'?' | b'#' | b';')))
        && path.starts_with(b"/")
}

fn without_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

/// A cookie with other Paths: `change` says the two parts of what replaces one, or nothing where it stays. None where all of
/// them stay. Of several Paths clients take the last (RFC 6265 5.3).
pub fn with_paths<'v>(
    value: &'v [u8],
    change: impl Fn(&'v [u8]) -> Option<(Cow<'v, [u8]>, &'v [u8])>,
) -> Option<Vec<u8>> {
    let (mut changed, mut copied) = (Vec::new(), 0);
    let mut next = memchr::memchr(b';', value);
    while let Some(path) = next.and_then(|semicolon| path_behind(value, semicolon)) {
        if let Some((begin, rest)) = change(value.get(path.clone())?) {
            changed.reserve(value.len() + begin.len());
            [value.get(copied..path.start)?, &begin, rest].iter().for_each(|part| changed.extend_from_slice(part));
            copied = path.end;
        }
        next = memchr::memchr(b';', value.get(path.end..)?).map(|semicolon| path.end + semicolon);
    }
    changed.extend_from_slice(value.get(copied..).filter(|_| copied > 0)?);
    Some(changed)
}

/// Where the value of the first Path behind this semicolon stands.
fn path_behind(value: &[u8], semicolon: usize) -> Option<Range<usize>> {
    let mut at = semicolon + 1;
    loop {
        let rest = value.get(at..)?;
        let attribute = rest.get(..memchr::memchr(b';', rest).unwrap_or(rest.len()))?;
        let name = attribute.get(..memchr::memchr(b'=', attribute).unwrap_or(attribute.len()))?;
        if name.trim_ascii().eq_ignore_ascii_case(b"path") {
            let written = attribute.get(name.len() + 1..).unwrap_or_default();
            let path = written.trim_ascii();
            let begin = at + attribute.len() - written.trim_ascii_start().len();
            return Some(begin..begin + path.len());
        }
        at += attribute.len() + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes up, or `unclear`.
    fn up(public: &str, upstream: &str, target: &str) -> String {
        let change = PathChange::new(public, upstream);
        let path = target.split('?').next().unwrap_or_default();
        match change.check(path.as_bytes(), &mut PathScratch::default()) {
            Ok(()) => change.up(target.as_bytes()).concat().escape_ascii().to_string(),
            Err(AmbiguousPath) => "unclear".to_owned(),
        }
    }

    #[test]
    fn the_prefix_is_replaced_and_the_rest_goes_up_as_it_came() {
        for (public, upstream, target, expected) in [
            ("/esb/", "/", "/esb/services/Echo?wsdl", "/services/Echo?wsdl"),
            ("/esb/", "/", "/esb/", "/"),
            ("/esb/", "/", "/esb/?a=/esb/", "/?a=/esb/"),
            ("/esb/", "/", "/esb/a%2fb;x=1//c%20d", "/a%2fb;x=1//c%20d"),
            ("/esb", "/", "/esb", "/"),
            ("/esb", "/", "/esb/x", "/x"),
            ("/esb", "/", "/esb?q", "/?q"),
            ("/esb", "/", "/esb//x", "//x"),
            ("/esb", "/services", "/esb/x", "/services/x"),
            ("/esb", "/services/", "/esb/x", "/services/x"),
            ("/esb", "/services", "/esb?q", "/services?q"),
            ("/esb/", "/services/", "/esb/x", "/services/x"),
            ("/a b", "/c", "/a%20b/x", "/c/x"),
            ("/esb", "/", "/%65sb/x", "/x"),
            // Within the rest a node may resolve what it likes.
            ("/esb/", "/", "/esb/a/../b", "/a/../b"),
        ] {
            assert_eq!(up(public, upstream, target), expected, "{public} {upstream} {target}");
        }
    }

    #[test]
    fn nothing_climbs_out_of_the_prefix() {
        for target in [
            "/esb/../x",
            "/esb/a/../../esb/x",
            "/esb/./../esb/x",
            "/esb/%2e%2e/x",
            "/a/../esb/x",
            "//esb/x",
            "/./esb/x",
            "/esb;v=1/x",
            "/esb%2fx",
            "/esb/..",
            "/esb/..;/x",
        ] {
            assert_eq!(up("/esb", "/", target), "unclear", "{target}");
            assert_eq!(up("/esb/", "/", target), "unclear", "{target}");
        }
    }

    #[test]
    fn what_a_node_says_of_its_paths_leads_back() {
        for (public, upstream, path, expected) in [
            ("/esb/", "/", "/carbon/login?a#b", Some("/esb/carbon/login?a#b")),
            ("/esb/", "/", "/", Some("/esb/")),
            ("/esb", "/", "/", Some("/esb/")),
            ("/esb", "/", "?q", None),
            ("/esb", "/", "login", None),
            ("/esb", "/", "/esb/x", None),
            ("/esb", "/", "/esb", None),
            ("/esb", "/", "/esbx", Some("/esb/esbx")),
            ("/esb", "/services", "/services/x", Some("/esb/x")),
            ("/esb", "/services", "/services", Some("/esb")),
            ("/esb", "/services", "/services?a", Some("/esb?a")),
            ("/esb", "/services", "/servicesx", None),
            ("/esb", "/services/", "/carbon", None),
            ("/", "/esb", "/esb/x", Some("/x")),
            ("/", "/esb", "/x", None),
            ("/a", "/a/b", "/a/b/c", Some("/a/c")),
            ("/a", "/a/b", "/a/c", None),
        ] {
            let found = PathChange::new(public, upstream).back(path.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{public} {upstream} {path}");
        }
    }

    #[test]
    fn a_cookies_path_leads_back_and_nothing_else_of_it_changes() {
        let change = PathChange::new("/esb/", "/");
        for (value, expected) in [
            ("JSESSIONID=1; Path=/; Secure; HttpOnly", "JSESSIONID=1; Path=/esb; Secure; HttpOnly"),
            ("JSESSIONID=1;path = /carbon ;Secure", "JSESSIONID=1;path = /esb/carbon ;Secure"),
            ("a=/;PATH=/x", "a=/;PATH=/esb/x"),
            ("a=1; Path=/esb/carbon", "a=1; Path=/esb/carbon"),
            ("a=1; Path=", "a=1; Path="),
            ("a=1; Path", "a=1; Path"),
            ("a=1; Secure", "a=1; Secure"),
            ("Path=/x", "Path=/x"),
            ("a=1; Path=/x; Path=/; Secure", "a=1; Path=/esb/x; Path=/esb; Secure"),
            ("a=1; Path; Path=/esb/y; Path=/x", "a=1; Path; Path=/esb/y; Path=/esb/x"),
            ("a=\"; Path=/x\"", "a=\"; Path=/esb/x\""),
        ] {
            assert_eq!(change.cookie(value.as_bytes()).escape_ascii().to_string().replace("\\\"", "\""), expected);
        }
    }

    #[test]
    fn nodes_are_told_what_they_do_not_see() {
        for (public, upstream, expected) in [
            ("/esb/", "/", "/esb"),
            ("/esb/services", "/services", "/esb"),
            ("/esb", "/services", "/esb"),
            ("/", "/esb", ""),
        ] {
            assert_eq!(PathChange::new(public, upstream).prefix(), expected.as_bytes(), "{public} {upstream}");
        }
    }
}
