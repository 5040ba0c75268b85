//! What a place does with its requests: `proxy_pass`, `return`, `rewrite … permanent`.

use super::guards::guarded;
use super::redirects::redirect;
use super::rewrites;
use super::rewrites::Requests;
use crate::import::nginx::class::Class;
use crate::import::nginx::class::Class::{Better, Changed, Ignored, Refused, Same};
use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::pool::{Chosen, Pools, Target};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::values;

/// What is done.
pub(super) enum Action {
    /// Nodes are asked for the path that the client sent, or for this one in place of what matched.
    Pool(Chosen, Option<String>),
    /// A key of a route and its value, such as `redirect`.
    Own(&'static str, String),
    /// It cannot be imported: these requests are refused, and reach no node.
    Gap,
}

/// What matches before the path of `proxy_pass` replaces it.
#[derive(Clone, Copy)]
pub(super) enum Matched<'a> {
    Prefix(&'a str),
    Exact(&'a str),
    Regex,
}

/// What the place of this scope does. `whole` is for a server without locations.
pub(super) fn read<'a>(
    scope: &Scope<'a>,
    matched: Matched<'_>,
    block: &Directive,
    pools: &mut Pools<'a>,
    verdicts: &Verdicts,
) -> Action {
    if guarded(scope, verdicts) {
        return Action::Gap;
    }
    if let Some(one) = scope.own("return").first() {
        unused(scope, verdicts);
        return returned(one, verdicts);
    }
    if let Some(one) = scope.own("rewrite").first() {
        let rewrite = rewrites::read(one, verdicts);
        return match (rewrite.requests, rewrite.redirect) {
            (Requests::All, Some(redirect)) => {
                unused(scope, verdicts);
                Action::Own("redirect", redirect)
            }
            // For the others the rest of the place would hold.
            (_, Some(_)) => {
                verdicts.missing(one, "a redirect of some paths beside something else: write a location for them");
                Action::Gap
            }
            (_, None) => Action::Gap,
        };
    }
    if let (Some(one), false) = (scope.own("try_files").first(), scope.own("proxy_pass").is_empty()) {
        let last = one.words.last().map_or("", String::as_str);
        verdicts.missing(
            one,
            format!("nginx asks for these files first, and goes to {last} without one, not to the nodes"),
        );
        return Action::Gap;
    }
    match scope.own("proxy_pass").first() {
        Some(pass) => passed(pass, scope, matched, pools, verdicts),
        None if scope.own("deny").iter().any(|one| one.word() == "all") && scope.own("allow").is_empty() => {
            scope.own("deny").iter().for_each(|one| verdicts.same(one, "deny = true"));
            Action::Own("deny", "true".to_owned())
        }
        None => {
            verdicts.missing(block, "it neither proxies nor returns, and Weir serves no files");
            Action::Gap
        }
    }
}

/// What stands beside a `return` is never used.
fn unused(scope: &Scope<'_>, verdicts: &Verdicts) {
    let dead = ["proxy_pass", "root", "try_files", "alias", "index"];
    let fits = |name: &str| name.starts_with("proxy_") && known::knows(name) || dead.contains(&name);
    let inner = scope.innermost().filter(|one| fits(&one.name));
    inner.for_each(|one| verdicts.say(one, Ignored, "", "never used: all requests are answered before"));
}

fn passed<'a>(
    pass: &'a Directive,
    scope: &Scope<'a>,
    matched: Matched<'_>,
    pools: &mut Pools<'a>,
    verdicts: &Verdicts,
) -> Action {
    let word = pass.word();
    let Some((tls, rest)) =
        word.strip_prefix("http://").map(|rest| (false, rest)).or_else(|| Some((true, word.strip_prefix("https://")?)))
    else {
        verdicts.missing(pass, "write http:// or https:// and an upstream or an address");
        return Action::Gap;
    };
    let (host, path) = rest.split_at(rest.find(['/', '$', '?']).unwrap_or(rest.len()));
    if host.is_empty() || host.starts_with("unix:") {
        verdicts.missing(pass, "the pool is written, not found by a variable, and reached over TCP");
        return Action::Gap;
    }
    let upstream = match changed_path(path, matched) {
        Ok(None) => {
            verdicts.same(pass, "pool");
            None
        }
        Ok(Some(change)) => {
            cookie_paths(scope, &change, verdicts);
            verdicts.say(pass, change.class, "upstream-path", change.told(scope));
            Some(change.upstream)
        }
        Err(lacks) => {
            verdicts.missing(pass, lacks);
            return Action::Gap;
        }
    };
    for one in ["root", "index"].iter().flat_map(|name| scope.own(name)) {
        verdicts.say(one, Ignored, "", "never used: this place proxies");
    }
    match pools.choose(&Target { host, tls }, scope, pass, verdicts) {
        Some(chosen) => Action::Pool(chosen, upstream),
        None => Action::Gap,
    }
}

/// What nodes are asked for in place of what matched.
struct PathChange {
    public: String,
    upstream: String,
    class: Class,
    note: String,
}

impl PathChange {
    /// What there is to know. A pool that leaves Location alone does so here too.
    fn told(&self, scope: &Scope<'_>) -> String {
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
fn changed_path(path: &str, matched: Matched<'_>) -> Result<Option<PathChange>, String> {
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

/// A `proxy_cookie_path` that undoes the change is what Weir does anyway.
fn cookie_paths(scope: &Scope<'_>, change: &PathChange, verdicts: &Verdicts) {
    let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
    for one in scope.own("proxy_cookie_path") {
        if let [from, to] = one.words.as_slice()
            && same(from, &change.upstream)
            && same(to, &change.public)
        {
            verdicts.same(one, "upstream-path");
        }
    }
}

fn returned(one: &Directive, verdicts: &Verdicts) -> Action {
    let (code, text) = match one.words.as_slice() {
        [only] if only.contains("://") => ("302", only.as_str()),
        [code] => (code.as_str(), ""),
        [code, text] => (code.as_str(), text.as_str()),
        _ => ("", ""),
    };
    let Ok(status) = code.parse::<u16>() else {
        verdicts.say(one, Refused, "", "write a status");
        return Action::Gap;
    };
    match status {
        301 | 302 | 303 | 307 | 308 => redirected(one, text, status, verdicts),
        444 => {
            verdicts.say(one, Changed, "deny = true", "403, not a connection that is closed without an answer");
            Action::Own("deny", "true".to_owned())
        }
        403 if text.is_empty() => {
            verdicts.same(one, "deny = true");
            Action::Own("deny", "true".to_owned())
        }
        200..=599 if !text.contains('$') => {
            let mut pairs = vec![("status".to_owned(), status.to_string())];
            if !text.is_empty() {
                pairs.push(("body".to_owned(), values::text(text)));
            }
            verdicts.same(one, "answer");
            Action::Own("answer", values::inline(&pairs))
        }
        _ => {
            let note = if text.contains('$') {
                "bodies are fixed texts: there are no variables"
            } else {
                "Weir answers with a status from 200 to 599"
            };
            verdicts.missing(one, note);
            Action::Gap
        }
    }
}

fn redirected(one: &Directive, to: &str, status: u16, verdicts: &Verdicts) -> Action {
    match redirect(to, status, false) {
        Some(table) => {
            let (class, note) = if to.contains("$server_name") {
                (Changed, "to the host that the client asked for")
            } else {
                (Same, "")
            };
            verdicts.say(one, class, "redirect", note);
            Action::Own("redirect", table)
        }
        None => {
            verdicts.missing(one, "redirects change scheme, host, port or path, or lead to one URL");
            Action::Gap
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
