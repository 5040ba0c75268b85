//! The path that nodes are asked for: as the client wrote it, or with another beginning.

use crate::import::nginx::class::Class;
use crate::import::nginx::class::Class::{Better, Changed};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;

/// What matches before the path of `proxy_pass` replaces it.
#[derive(Clone, Copy)]
pub(super) enum Matched<'a> {
    Prefix(&'a str),
    Exact(&'a str),
    Regex,
}

/// What nodes are asked for in place of what matched.
pub(super) struct PathChange {
    pub(super) public: String,
    pub(super) upstream: String,
    pub(super) class: Class,
    pub(super) note: String,
}

impl PathChange {
    /// What there is to know. A pool that leaves Location alone does so here too.
    pub(super) fn told(&self, scope: &Scope<'_>) -> String {
        let off = scope.all("proxy_redirect").iter().any(|one| one.word() == "off");
        let back = match (self.class, off) {
            (_, true) => format!(
                "Location stays as the node wrote it, by proxy_redirect off; the Path of cookies leads back to {}",
                self.public
            ),
            (Better, _) => format!("Location and the Path of cookies lead back to {}", self.public),
            _ => String::new(),
        };
        [self.note.as_str(), &back].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// How the path of `proxy_pass` changes what the client sent; not at all where it is the same. An error says what Weir lacks.
pub(super) fn changed_path(path: &str, matched: Matched<'_>) -> Result<Option<PathChange>, String> {
    let (public, whole) = match matched {
        _ if matches!(path, "" | "$request_uri") => return Ok(None),
        Matched::Prefix(own) => (own, false),
        Matched::Exact(own) => (own, true),
        Matched::Regex => return Err(format!("{path}: behind a regular expression the path is not changed")),
    };
    if path == public {
        return Ok(None);
    }
    if path.contains('$') {
        return Err(format!("{path}: the path that is sent has no variables"));
    }
    if !is_plain(path) {
        return Err(format!("{path}: write it without a query, escapes, stars, // and dots as segments"));
    }
    let (class, note) = match (public.ends_with('/'), path.ends_with('/')) {
        (true, false) if !whole => {
            return Err(format!("{public}a becomes {path}a, without a slash between: write {path}/"));
        }
        (false, true) if !whole => {
            (Changed, format!("{public}/a becomes {path}a; nginx sends {path}/a, with two slashes"))
        }
        _ => (Better, String::new()),
    };
    Ok(Some(PathChange { public: public.to_owned(), upstream: path.to_owned(), class, note }))
}

fn is_plain(path: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#%*;\\".contains(&byte);
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    path.bytes().all(fits) && !path.contains("//") && !dots
}

/// A `proxy_cookie_path` that undoes the change is what Weir does anyway, whatever else is said.
pub(super) fn cookie_paths(scope: &Scope<'_>, change: &PathChange, verdicts: &Verdicts) {
    let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
    for one in scope.all("proxy_cookie_path").into_iter().filter(|one| one.words == ["off"]) {
        let note = format!("the Path of cookies leads back to {} all the same", change.public);
        verdicts.say(one, Changed, "upstream-path", note);
    }
    for one in scope.own("proxy_cookie_path") {
        if let [from, to] = one.words.as_slice()
            && same(from, &change.upstream)
            && same(to, &change.public)
        {
            verdicts.same(one, "upstream-path");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_stays_is_told_from_one_that_changes() {
        let cases = [
            ("", Matched::Regex, Some(None)),
            ("/", Matched::Prefix("/"), Some(None)),
            ("/carbon", Matched::Prefix("/carbon"), Some(None)),
            ("$request_uri", Matched::Prefix("/esb/"), Some(None)),
            ("/x", Matched::Exact("/x"), Some(None)),
            ("/", Matched::Prefix("/esb/"), Some(Some(Better))),
            ("/t/abc.com/", Matched::Prefix("/"), Some(Some(Better))),
            ("/y", Matched::Exact("/x"), Some(Some(Better))),
            ("/new", Matched::Prefix("/esb"), Some(Some(Better))),
            ("/", Matched::Prefix("/esb"), Some(Some(Changed))),
            ("/new", Matched::Prefix("/esb/"), None),
            ("/$1", Matched::Prefix("/esb/"), None),
            ("/x", Matched::Regex, None),
            ("/a/../b/", Matched::Prefix("/esb/"), None),
            ("/?q", Matched::Prefix("/esb/"), None),
        ];
        for (path, matched, class) in cases {
            let found = changed_path(path, matched).ok().map(|change| change.map(|change| change.class));
            assert_eq!(found, class, "{path}");
        }
    }
}
