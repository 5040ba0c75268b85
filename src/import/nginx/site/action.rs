//! What a place does with its requests: `proxy_pass`, `return`, `rewrite … permanent`.

use crate::import::nginx::class::Class::{Changed, Ignored, Refused, Same};
use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::pool::{Chosen, Pools, Target};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::values;

/// What is done.
pub(super) enum Action {
    Pool(Chosen),
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
    let rewrites = scope.own("rewrite");
    if let Some(action) = rewrites.first().and_then(|one| rewritten(one, verdicts)) {
        unused(scope, verdicts);
        return action;
    }
    if !rewrites.is_empty() {
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

/// Whether something keeps people out that Weir does not have. Then nobody comes in.
fn guarded(scope: &Scope<'_>, verdicts: &Verdicts) -> bool {
    let mut found = false;
    for name in scope.everything().map(|one| one.name.as_str()).collect::<std::collections::BTreeSet<_>>() {
        let Some(one) = scope.one(name) else { continue };
        let client_certificate = name == "ssl_verify_client";
        let condition = name == "if" && scope.own("if").iter().any(|one| one.inside().iter().any(closes));
        if (known::protects(name) || client_certificate || condition) && one.word() != "off" {
            verdicts.missing(one, format!("{}; so nobody is let in here", known::lacks(name)));
            found = true;
        }
    }
    found
}

fn closes(one: &Directive) -> bool {
    one.name == "deny" || one.name == "return" && one.word().starts_with('4')
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
    if !is_identity(path, matched) {
        verdicts.missing(pass, path_lacks(path));
        return Action::Gap;
    }
    verdicts.same(pass, "pool");
    for one in scope.own("rewrite") {
        verdicts.missing(one, known::lacks("rewrite"));
    }
    for one in ["root", "index", "try_files"].iter().flat_map(|name| scope.own(name)) {
        verdicts.say(one, Ignored, "", "never used: this place proxies");
    }
    match pools.choose(&Target { host, tls }, scope, pass, verdicts) {
        Some(chosen) => Action::Pool(chosen),
        None => Action::Gap,
    }
}

/// Whether the node gets the path that the client sent.
fn is_identity(path: &str, matched: Matched<'_>) -> bool {
    match (path, matched) {
        ("" | "$request_uri", _) => true,
        (path, Matched::Prefix(own) | Matched::Exact(own)) => path == own,
        (_, Matched::Regex) => false,
    }
}

fn path_lacks(path: &str) -> String {
    if path.contains('$') {
        return format!("{path}: the path that is sent has no variables");
    }
    format!("the path is changed to {path}: Weir sends the path that it got")
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
    match redirect(to, status) {
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

/// The table `redirect` that leads to this URL of nginx.
fn redirect(to: &str, status: u16) -> Option<String> {
    let mut pairs = Vec::new();
    let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
    let whole = |to: &str| vec![("to".to_owned(), values::text(to))];
    let (scheme, rest) = match to.split_once("://") {
        Some(("$scheme", rest)) => (None, rest),
        Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
        Some(_) => return None,
        None => {
            add("path", values::text(to));
            return (to.starts_with('/') && !to.contains('$')).then(|| finished(pairs, status));
        }
    };
    let (authority, path) = split_authority(rest);
    let keeps_path = path == "$request_uri" || path == "$uri$is_args$args";
    if !to.contains('$') {
        return Some(finished(whole(to), status));
    }
    scheme.into_iter().for_each(|scheme| add("scheme", values::text(scheme)));
    let (host, port) = authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    match host {
        "$host" | "$http_host" | "$server_name" => {}
        host if !host.contains('$') => add("host", values::text(host)),
        _ => return None,
    }
    if let Some(port) = port {
        add("port", port.parse::<u16>().ok()?.to_string());
    }
    if !keeps_path {
        let path = if path.is_empty() { "/" } else { path };
        if path.contains('$') {
            return None;
        }
        add("path", values::text(path));
    }
    Some(finished(pairs, status))
}

/// `$host$request_uri` → `$host` and `$request_uri`; `a.b/x` → `a.b` and `/x`.
fn split_authority(rest: &str) -> (&str, &str) {
    let at = rest.find("$request_uri").or_else(|| rest.find("$uri")).or_else(|| rest.find('/')).unwrap_or(rest.len());
    let at = rest.find('/').map_or(at, |slash| slash.min(at));
    rest.split_at(at)
}

fn finished(mut pairs: Vec<(String, String)>, status: u16) -> String {
    pairs.push(("status".to_owned(), status.to_string()));
    values::inline(&pairs)
}

/// `rewrite ^/(.*) https://HOST/$1 permanent`, the form in which real files redirect.
fn rewritten(one: &Directive, verdicts: &Verdicts) -> Option<Action> {
    let [from, to, rest @ ..] = one.words.as_slice() else { return None };
    let status = match rest.first().map(String::as_str) {
        Some("permanent") => 301,
        Some("redirect") => 302,
        None if to.contains("://") => 302,
        _ => {
            verdicts.missing(one, known::lacks("rewrite"));
            return None;
        }
    };
    let all = matches!(from.as_str(), "^/(.*)" | "^/(.*)$" | "^(.*)$" | "^(.*)" | "^/(.*)?" | "^" | ".*" | "^.*$");
    let plain = to.strip_suffix("/$1").or_else(|| to.strip_suffix("$1"));
    let plain = plain
        .map(|base| format!("{base}$request_uri"))
        .or_else(|| to.contains("$request_uri").then(|| to.trim_end_matches('?').to_owned()));
    match plain.filter(|_| all) {
        Some(to) => Some(redirected(one, &to, status, verdicts)),
        None if all && !to.contains('$') => Some(redirected(one, to, status, verdicts)),
        None => {
            verdicts.missing(one, known::lacks("rewrite"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_keep_their_meaning() {
        let cases = [
            ("https://$host$request_uri", Some("{ scheme = \"https\", status = 301 }")),
            ("https://$server_name/x", Some("{ scheme = \"https\", path = \"/x\", status = 301 }")),
            ("$scheme://b.c$request_uri", Some("{ host = \"b.c\", status = 301 }")),
            ("https://b.c:8443$request_uri", Some("{ scheme = \"https\", host = \"b.c\", port = 8443, status = 301 }")),
            ("https://b.c/x", Some("{ to = \"https://b.c/x\", status = 301 }")),
            ("/carbon", Some("{ path = \"/carbon\", status = 301 }")),
            ("https://$tenant.b.c/", None),
            ("https://$host/a$uri", None),
        ];
        for (to, table) in cases {
            assert_eq!(redirect(to, 301).as_deref(), table, "{to}");
        }
    }

    #[test]
    fn a_path_that_stays_is_told_from_one_that_changes() {
        let cases = [
            ("", Matched::Regex, true),
            ("/", Matched::Prefix("/"), true),
            ("/carbon", Matched::Prefix("/carbon"), true),
            ("/", Matched::Prefix("/esb/"), false),
            ("$request_uri", Matched::Prefix("/esb/"), true),
            ("/t/abc.com/", Matched::Prefix("/"), false),
            ("/x", Matched::Exact("/x"), true),
        ];
        for (path, matched, same) in cases {
            assert_eq!(is_identity(path, matched), same, "{path}");
        }
    }
}
