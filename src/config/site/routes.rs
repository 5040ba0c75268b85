//! `[[site.route]]`: other rules for some requests of a site.

use std::collections::HashMap;
use std::sync::Arc;

use super::covered;
use super::covered::Earlier;
use super::rest;
use crate::config::model::{Action, FixedAnswer, HeaderMatch, Listener, PathPattern, Pool, Route, RouteTimeouts, Site};
use crate::config::text::errors::{Place, Wrong};
use crate::config::text::section::Section;
use crate::config::text::words;
use crate::config::text::words::{is_token, quoted};
use crate::config::values::edits;
use crate::config::values::edits::{Direction, Lacks};
use crate::config::values::limits;
use crate::config::values::names::Names;
use crate::config::values::paths;
use crate::config::values::redirect;
use crate::config::values::redirect::Origin;
use crate::config::values::wso2;

/// What a route may refer to.
pub(crate) struct RouteContext<'a> {
    pub(crate) listeners: &'a [Listener],
    pub(crate) pools: &'a [Pool],
    pub(crate) pool_names: &'a Names,
    /// Whether there are servers that other machines have, too.
    pub(crate) shares: bool,
}

/// Reads the routes of a site. All other parts of the site were read before.
pub(crate) fn read(section: &Section<'_>, site: &Site, context: &RouteContext<'_>) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let (mut names, mut earlier) = (RouteNames::new(), Earlier::default());
    for (index, section) in section.sections("route", "site.route").iter().enumerate() {
        let problems = section.problems.count();
        let route = one(section, index, &names, &routes, site, context);
        // When a condition could not be read, it is missing here, and the route would seem to take too much.
        if section.problems.count() == problems {
            check_reach(section, &route, earlier.covering(&routes, &route));
            earlier.add(index, &route);
        }
        names.entry(Arc::clone(&route.name)).or_insert_with(|| route.at.clone());
        routes.push(route);
    }
    if let Some(route) = rest::read(section, site, &routes, context.listeners, |name| names.contains_key(name)) {
        check_reach(section, &route, earlier.covering(&routes, &route));
        routes.push(route);
    }
    routes
}

/// The names of a site's routes so far, and where each stands in the file.
type RouteNames = HashMap<Arc<str>, Place>;

fn one(
    section: &Section<'_>,
    index: usize,
    taken: &RouteNames,
    earlier: &[Route],
    site: &Site,
    context: &RouteContext<'_>,
) -> Route {
    let path = path(section);
    let methods = methods(section);
    let headers = headers(section);
    let on = site.listeners.iter().filter_map(|index| context.listeners.get(*index));
    let lacks = Lacks { ids: edits::without_ids(on), certificates: site.client_auth.is_none() };
    let understood = path.is_some() || !PATHS.iter().any(|key| section.has(key));
    let listeners = site.listeners.iter().filter(|_| understood);
    let origin = Origin {
        listeners: listeners.filter_map(|index| context.listeners.get(*index)).collect(),
        hosts: &site.hosts,
        path: path.as_ref(),
        methods: &methods,
        earlier,
    };
    let action = action(section, &origin, site.pool, context);
    refuse_strangers(section, &action);
    let upstream_path = upstream_path(section, path.as_ref());
    let client_auth = section.choice("client-auth");
    if client_auth.is_some() && site.client_auth.is_none() && action != Action::Deny {
        let what = "client-auth: the site asks for no certificate, so nobody shows one";
        section.refuse("client-auth", what, "write client-auth = { ca = \"…\", mode = \"optional\" } into the site");
    }
    let route = Route {
        name: name(section, index, taken),
        access: limits::access(section),
        rate: limits::rate(section, context.shares),
        client_auth,
        timeouts: timeouts(section, &action, context.pools),
        max_body: section.optional_size("max-body"),
        non_idempotent: section.flag("non-idempotent"),
        request_headers: edits::merged(&site.request_headers, edits::read(section, Direction::ToNode, lacks)),
        response_headers: edits::merged(&site.response_headers, edits::read(section, Direction::ToClient, lacks)),
        at: section.at(),
        action,
        upstream_path,
        path,
        methods,
        headers,
    };
    warn_of_one_try(section, &route, context.pools);
    route
}

const PATHS: [&str; 4] = ["path", "prefix", "regex", "target"];

fn path(section: &Section<'_>) -> Option<PathPattern> {
    let exact = section.parsed("path", paths::compared).map(PathPattern::Exact);
    let prefix = section.parsed("prefix", paths::compared).map(PathPattern::Prefix);
    let regex = section.parsed("regex", paths::regex).map(PathPattern::Regex);
    let target = section.parsed("target", paths::regex).map(PathPattern::Target);
    only_one(section, &PATHS, "a route compares the path in one way");
    if let Some(PathPattern::Regex(regex)) = &regex
        && let Some(advice) = paths::missed_by_paths(regex.as_str())
    {
        let what = format!("regex: {} is found in next to no path", quoted(regex.as_str()));
        section.problems.warning(section.place_of("regex"), what, advice);
    }
    exact.or(prefix).or(regex).or(target)
}

fn only_one(section: &Section<'_>, keys: &[&str], why: &str) {
    let written: Vec<&str> = keys.iter().copied().filter(|key| section.has(key)).collect();
    if let [first, rest @ ..] = written.as_slice() {
        for key in rest {
            section.refuse(key, format!("{key} stands beside {first}"), format!("{why}: leave one of them out"));
        }
    }
}

/// The name as written. Otherwise its path, or its number if another route has that path as its name.
fn name(section: &Section<'_>, index: usize, taken: &RouteNames) -> Arc<str> {
    let free = |text: &str| {
        words::name(text)?;
        match taken.get(text) {
            Some(other) => Err(Wrong::new(format!("another route is called {text:?}: {other}"), "choose another name")),
            None => Ok(Arc::from(text)),
        }
    };
    let path = || PATHS.into_iter().find_map(|key| section.text(key)).filter(|path| !taken.contains_key(path.text));
    section
        .parsed("name", free)
        .or_else(|| path().map(|path| path.text.into()))
        .unwrap_or_else(|| format!("route{}", index + 1).into())
}

fn methods(section: &Section<'_>) -> Vec<Arc<str>> {
    let method = |text: &str| match is_token(text) {
        true => Ok(Arc::from(text.to_ascii_uppercase())),
        false => Err(Wrong::new(format!("{} is no method", quoted(text)), "write \"GET\" or \"POST\"")),
    };
    if section.is_empty_list("methods") {
        section.refuse("methods", "methods: the list is empty, no request matches", "leave it out for any method");
    }
    let mut methods: Vec<Arc<str>> = Vec::new();
    for text in section.texts("methods").unwrap_or_default() {
        match text.parsed(method) {
            Some(method) if methods.contains(&method) => {
                text.refuse(format!("{} is written twice", quoted(&method)), "once is enough");
            }
            Some(method) => methods.push(method),
            None => {}
        }
    }
    methods
}

fn headers(section: &Section<'_>) -> Vec<HeaderMatch> {
    if section.is_empty_list("headers") {
        section.refuse("headers", "headers: the list is empty", "leave it out, or write [{ name = \"X-Tenant\" }]");
    }
    let one = |section: &Section<'_>| HeaderMatch {
        name: section
            .required_parsed("name", edits::field_name)
            .map(|name| name.to_ascii_lowercase().into())
            .unwrap_or_default(),
        value: section.parsed("value", edits::field_value),
    };
    section.sections("headers", "site.route.headers").iter().map(one).collect()
}

/// What replaces the prefix or the path.
fn upstream_path(section: &Section<'_>, path: Option<&PathPattern>) -> Option<Arc<str>> {
    let upstream = section.parsed("upstream-path", paths::for_nodes)?;
    let refuse = |what: &str, advice: String| section.refuse("upstream-path", format!("upstream-path {what}"), advice);
    match path {
        Some(PathPattern::Prefix(prefix)) if prefix.ends_with('/') && !upstream.ends_with('/') => {
            refuse("has no slash at its end, and the prefix has one", format!("write \"{upstream}/\""));
        }
        Some(PathPattern::Prefix(public) | PathPattern::Exact(public)) if *public == upstream => {
            refuse("is what the client asks for anyway", "leave it out".to_owned());
        }
        Some(PathPattern::Prefix(_) | PathPattern::Exact(_)) => return Some(upstream),
        // What is wrong with the path was told.
        None if PATHS.iter().any(|key| section.has(key)) => {}
        _ => refuse("replaces a prefix or a path, and the route has none", "write prefix = \"/esb/\"".to_owned()),
    }
    None
}

const ACTIONS: [&str; 4] = ["pool", "redirect", "answer", "deny"];

fn action(section: &Section<'_>, origin: &Origin<'_>, pool: Option<usize>, context: &RouteContext<'_>) -> Action {
    only_one(section, &ACTIONS, "a route does one thing");
    let other = section.text("pool").and_then(|name| context.pool_names.find(&name));
    let redirect = section.section("redirect", "site.redirect").map(|table| redirect::read(&table, origin));
    let answer = section.section("answer", "site.route.answer").map(|table| answer(&table));
    if section.flag("deny") {
        Action::Deny
    } else if let Some(redirect) = redirect {
        Action::Redirect(redirect)
    } else if let Some(answer) = answer {
        Action::Answer(answer)
    } else {
        lead(section, other.or(pool), context)
    }
}

fn lead(section: &Section<'_>, pool: Option<usize>, context: &RouteContext<'_>) -> Action {
    if pool.is_none() && !section.has("pool") {
        let what = "the route leads nowhere: neither it nor its site has a pool";
        let pool = context.pools.first().map(|pool| format!("pool = {:?}, ", pool.name)).unwrap_or_default();
        section.problems.error(section.at(), what, format!("write {pool}redirect, answer or deny = true"));
    }
    Action::Pool(pool.unwrap_or(0))
}

fn answer(section: &Section<'_>) -> FixedAnswer {
    let status = section.integer("status");
    let body: Arc<str> = section.text("body").map(|body| Arc::from(body.text)).unwrap_or_default();
    // A page may contain dollar signs of its own, so this is only a warning.
    if let Some(name) = words::variable(&body) {
        let what = format!("body: {name} is sent as it stands: there are no variables here");
        section.problems.warning(section.place_of("body"), what, "write the text itself");
    }
    // RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5: these answers have no body.
    if matches!(status, 204 | 205 | 304) {
        section.no_effect(
            &["body", "content-type"],
            &format!("with status {status}, which has no body"),
            "leave it out",
        );
    }
    FixedAnswer {
        status,
        content_type: section
            .parsed("content-type", edits::written)
            .unwrap_or_else(|| "text/plain; charset=utf-8".into()),
        body,
    }
}

fn timeouts(section: &Section<'_>, action: &Action, pools: &[Pool]) -> RouteTimeouts {
    let Some(section) = section.section("timeouts", "site.route.timeouts") else { return RouteTimeouts::default() };
    if let Action::Pool(index) = action
        && let Some(pool) = pools.get(*index)
    {
        wso2::warn_of_read(&section, pool.port);
    }
    RouteTimeouts {
        connect: section.optional_duration("connect"),
        read: section.optional_duration("read"),
        send: section.optional_duration("send"),
        tunnel: section.optional_duration("tunnel"),
    }
}

/// Refuses settings for nodes in a route that sends no request to a node, because they would have no effect.
fn refuse_strangers(section: &Section<'_>, action: &Action) {
    let why = match action {
        Action::Pool(_) => return,
        Action::Redirect(_) => "on a route that redirects: no node is asked",
        Action::Answer(_) => "on a route that answers: no node is asked",
        Action::Deny => "on a route that denies: no node is asked",
    };
    let of_nodes = ["timeouts", "max-body", "non-idempotent", "request-headers", "upstream-path"];
    section.no_effect(&of_nodes, why, "leave it out");
    if *action == Action::Deny {
        section.no_effect(
            &["allow-from", "deny-from", "client-auth", "rate"],
            "on a route that denies everyone",
            "leave it out",
        );
    }
}

fn check_reach(section: &Section<'_>, route: &Route, earlier: Option<&Route>) {
    let Some(earlier) = earlier else { return };
    let place = format!("route {:?}: {}", earlier.name, earlier.at);
    let why = if covered::takes_all(earlier) {
        format!("takes every request, {place}")
    } else if covered::covers(route, earlier) {
        format!("has the same conditions, {place}")
    } else {
        format!("takes all of its requests, {place}")
    };
    let what = format!("route {:?} is never reached: an earlier one {why}", route.name);
    section.problems.error(section.at(), what, "the first that matches takes the request: move it up, or leave it out");
}

fn warn_of_one_try(section: &Section<'_>, route: &Route, pools: &[Pool]) {
    let Action::Pool(index) = route.action else { return };
    if let Some(pool) = pools.get(index).filter(|pool| pool.retry.tries == 1 && route.non_idempotent) {
        let what = format!("non-idempotent has no effect: pool {:?} tries one node only", pool.name);
        section.problems.warning(section.place_of("non-idempotent"), what, "leave it out");
    }
}
