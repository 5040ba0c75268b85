//! `rewrite ^/esb/(.*)$ /$1 break` beside a `proxy_pass`: the old way to change a prefix, which `upstream-path` does too.

use super::path_change::{Matched, PathChange};
use super::rewrites;
use crate::import::nginx::class::Class::{Better, Changed};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;

/// The change that the only rewrite of this place makes. Nothing where it is something else, of which others tell.
pub(super) fn read(scope: &Scope<'_>, matched: Matched<'_>, verdicts: &Verdicts) -> Option<PathChange> {
    let all = rewrites::that_fit(scope, verdicts);
    let (Matched::Prefix(public), [one]) = (matched, all.as_slice()) else { return None };
    let [from, to, flag] = one.words.as_slice() else { return None };
    if flag != "break" || scope.own("proxy_pass").is_empty() {
        return None;
    }
    let (upstream, bare) = change(public, from, to)?;
    verdicts.say(one, Better, "upstream-path", "the way back is part of it");
    let (class, note) = if bare {
        (Changed, format!("{public} alone becomes {upstream}, unlike in nginx"))
    } else {
        (Better, String::new())
    };
    Some(PathChange { public: public.to_owned(), upstream, class, note })
}

/// What replaces the prefix, and whether nginx asks for something else where the client asks for the prefix alone.
fn change(public: &str, from: &str, to: &str) -> Option<(String, bool)> {
    let stem = public.trim_end_matches('/');
    let from = from.strip_prefix('^').unwrap_or(from);
    let from = from.strip_suffix('$').unwrap_or(from);
    let rest = from.strip_prefix(stem).filter(|_| !stem.is_empty())?;
    let before = to.strip_suffix("$1").filter(|before| is_plain(before))?;
    // With a slash before the group there must be one before what replaces it, and the other way round.
    let (slash, bare) = match rest {
        "/(.*)" => (true, !public.ends_with('/')),
        "/?(.*)" => (true, !public.ends_with('/') && before != "/"),
        "(.*)" | "(/.*)" | "(/.*)?" => (false, false),
        _ => return None,
    };
    if slash != before.ends_with('/') {
        return None;
    }
    let upstream = match (before, public.ends_with('/')) {
        ("", _) => "/".to_owned(),
        (before, true) if !before.ends_with('/') => format!("{before}/"),
        (before, false) if before.len() > 1 => before.trim_end_matches('/').to_owned(),
        (before, _) => before.to_owned(),
    };
    (upstream != public).then_some((upstream, bare))
}

fn is_plain(path: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
    (path.is_empty() || path.starts_with('/'))
        && path.bytes().all(fits)
        && !path.contains("//")
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_away_or_replaced() {
        let rows = [
            ("/esb/", "^/esb/(.*)$", "/$1", Some(("/", false))),
            ("/esb/", "/esb/(.*)", "/$1", Some(("/", false))),
            ("/esb/", "^/esb/(.*)", "/services/$1", Some(("/services/", false))),
            ("/mi", "/mi/(.*)", "/$1", Some(("/", true))),
            ("/mi", "^/mi/?(.*)$", "/$1", Some(("/", false))),
            ("/mi", "^/mi/?(.*)", "/x/$1", Some(("/x", true))),
            ("/mi", "^/mi(.*)$", "$1", Some(("/", false))),
            ("/mi/", "^/mi(/.*)$", "/x$1", Some(("/x/", false))),
            ("/mi", "^/mi(/.*)$", "/x$1", Some(("/x", false))),
            ("/mi", "^/mi/(.*)$", "/x/$1", Some(("/x", true))),
            ("/mi", "^/mi(.*)$", "/$1", None),
            ("/mi/", "^/mi/(.*)$", "/x$1", None),
            ("/mi/", "^/other/(.*)$", "/$1", None),
            ("/mi/", "^/mi/(.*)/y$", "/$1", None),
            ("/mi/", "^/mi/(.*)$", "/$1?a=b", None),
            ("/", "^/(.*)$", "/x/$1", None),
        ];
        for (public, from, to, expected) in rows {
            let found = change(public, from, to);
            assert_eq!(found.as_ref().map(|(path, bare)| (path.as_str(), *bare)), expected, "{public} {from} {to}");
        }
    }
}
