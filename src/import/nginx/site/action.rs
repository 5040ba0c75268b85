//! What a place does with its requests: `proxy_pass`, `return`, `rewrite … permanent`.

use super::guards::guarded;
use super::headers::is_content_type;
use super::inner_rewrites;
use super::path_change::{Matched, PathChange, changed_path, cookie_paths};
use super::redirects::redirect;
use super::rewrites;
use super::rewrites::Requests;
use crate::config::rules;
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
        return returned(one, scope, verdicts);
    }
    if let Some(pass) = scope.own("proxy_pass").first()
        && asks_for_rewritten(pass, scope)
        && let Some(change) = inner_rewrites::read(scope, matched, verdicts)
    {
        return passed(pass, scope, Path::Changed(change), pools, verdicts);
    }
    if let Some(one) = rewrites::that_fit(scope, verdicts).first() {
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
    if let Some(one) = scope.own("try_files").first()
        && let Some(name) = one.words.last().filter(|last| last.starts_with('@'))
    {
        let note = format!(
            "nginx serves a file where there is one, and goes to {name} otherwise; with the proxy_pass of {name} in place \
             of try_files the import does the latter"
        );
        verdicts.missing(one, note);
    }
    match scope.own("proxy_pass").first() {
        Some(pass) => passed(pass, scope, Path::Of(matched), pools, verdicts),
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

/// Whether nodes are asked for what a `rewrite` makes of the path. Where the word has variables, nginx asks for the path
/// behind the host in place of it.
fn asks_for_rewritten(pass: &Directive, scope: &Scope<'_>) -> bool {
    let (word, _) = scope.with_constants(pass.word(), &Verdicts::default());
    let rest = word.split_once("://").map_or("", |(_, rest)| rest);
    !pass.word().contains('$') || matches!(split_host(rest).1, "" | "$uri" | "$uri$is_args$args")
}

/// The host of a `proxy_pass` and what stands behind it.
fn split_host(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '$', '?']).unwrap_or(rest.len()))
}

/// What stands beside a `return` is never used.
fn unused(scope: &Scope<'_>, verdicts: &Verdicts) {
    let dead = ["proxy_pass", "root", "try_files", "alias", "index"];
    let fits = |name: &str| name.starts_with("proxy_") && known::knows(name) || dead.contains(&name);
    let inner = scope.innermost().filter(|one| fits(&one.name));
    inner.for_each(|one| verdicts.say(one, Ignored, "", "never used: all requests are answered before"));
}

/// What nodes are asked for.
enum Path<'a> {
    /// The path of `proxy_pass` in place of what matched.
    Of(Matched<'a>),
    /// A rewrite says it, and the path of `proxy_pass` counts no more.
    Changed(PathChange),
}

/// What a line of an `if` or a `limit_except` answers.
pub(super) fn answered(one: &Directive, scope: &Scope<'_>, verdicts: &Verdicts) -> Action {
    match one.name.as_str() {
        "return" => returned(one, scope, verdicts),
        "rewrite" => {
            rewrites::read(one, verdicts).redirect.map_or(Action::Gap, |redirect| Action::Own("redirect", redirect))
        }
        _ => {
            verdicts.same(one, "deny = true");
            Action::Own("deny", "true".to_owned())
        }
    }
}

fn passed<'a>(
    pass: &'a Directive,
    scope: &Scope<'a>,
    sent: Path<'_>,
    pools: &mut Pools<'a>,
    verdicts: &Verdicts,
) -> Action {
    let (word, variable) = scope.with_constants(pass.word(), verdicts);
    let Some((tls, rest)) =
        word.strip_prefix("http://").map(|rest| (false, rest)).or_else(|| Some((true, word.strip_prefix("https://")?)))
    else {
        verdicts.missing(pass, "write http:// or https:// and an upstream or an address");
        return Action::Gap;
    };
    let (host, path) = split_host(rest);
    if host.is_empty() || host.starts_with("unix:") {
        verdicts.missing(pass, "the pool is written, not found by a variable, and reached over TCP");
        return Action::Gap;
    }
    let change = match sent {
        Path::Changed(change) => Ok(Some(change)),
        Path::Of(_) if variable && !matches!(path, "" | "$request_uri") => Err(format!(
            "{path}: with a variable before it nginx asks for this path alone, whatever the client asks for"
        )),
        Path::Of(matched) => changed_path(path, matched),
    };
    let upstream = match change {
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

fn returned(one: &Directive, scope: &Scope<'_>, verdicts: &Verdicts) -> Action {
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
            // Answers of these statuses have no body, in nginx too.
            if !text.is_empty() && !matches!(status, 204 | 205 | 304) {
                pairs.extend(content_type(scope, verdicts).map(|kind| ("content-type".to_owned(), values::text(kind))));
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

/// The Content-Type of a text that is written here, where it is not the usual one.
fn content_type<'a>(scope: &Scope<'a>, verdicts: &Verdicts) -> Option<&'a str> {
    let (field, kind) =
        (scope.all("add_header").into_iter().find(|one| is_content_type(one)), scope.one("default_type"));
    if let Some(field) = field {
        verdicts.say(field, Better, "answer.content-type", "nginx would send two of these fields");
    }
    kind.into_iter().for_each(|kind| verdicts.same(kind, "answer.content-type"));
    let kind = field.and_then(|field| field.words.get(1)).or_else(|| kind.and_then(|kind| kind.words.first()))?;
    (rules::is_content_type(kind) && kind != "text/plain" && !kind.contains('$')).then_some(kind.as_str())
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
