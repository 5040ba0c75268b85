//! Where a site's requests go, as the file says: to which pools it leads, and which of them gets what is asked for.

use crate::config::{Action, Config, PathPattern, Pool, Route, Site, is_carbon};

/// What a pool is for, as its clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Console,
    Services,
}

/// A pool to which a site leads, by one of its routes or as its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub(super) pool: &'a Pool,
    pub(super) kind: Kind,
    number: usize,
}

/// What a site does with a request that has no fields of its own.
#[derive(Debug)]
pub(super) enum Leads<'a> {
    /// A node gets it, and is asked for this target.
    To(Way<'a>, String),
    /// A route that names it refuses, redirects or answers.
    Answered,
    /// No route names it, and what takes all the rest is no pool.
    Rest,
}

/// All pools to which a site leads, each once.
pub(super) fn ways<'a>(config: &'a Config, index: usize, site: &Site) -> Vec<Way<'a>> {
    let said = config.cluster.as_ref().and_then(|cluster| cluster.console);
    // A console's site may lead to workers too: its console is where its pages are.
    let console = taking(site, GET, CONSOLE).map_or(site.pool, pool_of);
    let kind = |number: usize, pool: &Pool| match said {
        Some(said) if said == index && console.is_none_or(|console| console == number) => Kind::Console,
        Some(said) if said != index => Kind::Services,
        _ if is_carbon(pool.port) => Kind::Console,
        _ => Kind::Services,
    };
    let mut ways: Vec<Way<'_>> = Vec::new();
    for number in site.pool.into_iter().chain(site.routes.iter().filter_map(pool_of)) {
        let Some(pool) = config.pools.get(number) else { continue };
        if !ways.iter().any(|way| way.number == number) {
            ways.push(Way { pool, kind: kind(number, pool), number });
        }
    }
    ways
}

/// Where such a request goes.
pub(super) fn leads<'a>(site: &Site, ways: &[Way<'a>], method: &str, target: &str) -> Leads<'a> {
    let route = taking(site, method, target);
    let number = route.map_or(site.pool, pool_of);
    let way = ways.iter().find(|way| Some(way.number) == number);
    match (way, route) {
        (Some(way), Some(route)) => Leads::To(*way, sent(route, target)),
        (Some(way), None) => Leads::To(*way, target.to_owned()),
        (None, Some(route)) if !takes_all(route) => Leads::Answered,
        (None, _) => Leads::Rest,
    }
}

/// The paths and prefixes whose requests a site sends to this pool.
pub(super) fn paths(site: &Site, way: Way<'_>) -> impl Iterator<Item = String> {
    let own = site.routes.iter().filter(move |route| pool_of(route) == Some(way.number));
    own.filter_map(|route| match &route.path {
        Some(PathPattern::Exact(path) | PathPattern::Prefix(path)) => Some(path.to_string()),
        _ => None,
    })
}

/// Whether a route wants nothing of a request.
pub(super) fn takes_all(route: &Route) -> bool {
    route.path.is_none() && route.methods.is_empty() && route.headers.is_empty()
}

/// The route that takes such a request.
pub(super) fn taking<'a>(site: &'a Site, method: &str, target: &str) -> Option<&'a Route> {
    // Weir compares routes with the decoded path, some with what the client sent too.
    let decoded = decoded(target);
    site.routes.iter().find(|route| {
        let allows = route.methods.is_empty() || route.methods.iter().any(|allowed| **allowed == *method);
        let fits = |pattern: &PathPattern| is_in(pattern, target.as_bytes()) || is_in(pattern, &decoded);
        allows && route.headers.is_empty() && route.path.as_ref().is_none_or(fits)
    })
}

fn is_in(pattern: &PathPattern, target: &[u8]) -> bool {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    match pattern {
        PathPattern::Exact(exact) => exact.as_bytes() == path,
        PathPattern::Prefix(prefix) => path
            .strip_prefix(prefix.as_bytes())
            .is_some_and(|rest| prefix.ends_with('/') || matches!(rest, [] | [b'/', ..])),
        PathPattern::Regex(regex) => regex.is_match(path),
        PathPattern::Target(regex) => regex.is_match(target),
    }
}

fn decoded(target: &str) -> Vec<u8> {
    let mut parts = target.split('%');
    let mut read = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|escape| u8::from_str_radix(escape, 16).ok());
        read.push(byte.unwrap_or(b'%'));
        read.extend(part.bytes().skip(if byte.is_some() { 2 } else { 0 }));
    }
    read
}

fn pool_of(route: &Route) -> Option<usize> {
    match route.action {
        Action::Pool(pool) => Some(pool),
        _ => None,
    }
}

/// The target that a node gets: a route may replace its path.
fn sent(route: &Route, target: &str) -> String {
    let (Some(PathPattern::Exact(public) | PathPattern::Prefix(public)), Some(upstream)) =
        (&route.path, &route.upstream_path)
    else {
        return target.to_owned();
    };
    let Some(rest) = target.strip_prefix(&**public) else { return target.to_owned() };
    let rest = if upstream.ends_with('/') { rest.strip_prefix('/').unwrap_or(rest) } else { rest };
    format!("{upstream}{rest}")
}

/// Where the pages of the console begin.
pub(super) const CONSOLE: &str = "/carbon";
/// One of its pages, which begins a session.
pub(super) const LOGIN: &str = "/carbon/admin/login.jsp";
pub(super) const GET: &str = "GET";
pub(super) const POST: &str = "POST";

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::config;

    const FILE: &str = r#"[cluster]
console = "one"
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
[[node]]
name = "a"
address = "10.0.0.3"
[[pool]]
name = "esb"
nodes = ["a"]
port = 8280
[[pool]]
name = "orders"
nodes = ["a"]
port = 8281
[[pool]]
name = "carbon"
nodes = ["a"]
port = 9000
[[site]]
name = "one"
listener = "http"
hosts = ["one.test"]
redirect = { scheme = "https" }
[[site.route]]
path = "/services/Closed"
deny = true
[[site.route]]
regex = "^/services/"
pool = "esb"
[[site.route]]
prefix = "/orders"
upstream-path = "/services/orders"
methods = ["GET"]
pool = "orders"
[[site.route]]
prefix = "/carbon"
pool = "carbon"
[[site]]
name = "other"
listener = "http"
hosts = ["other.test"]
pool = "carbon"
"#;

    #[test]
    fn what_is_asked_for_goes_where_the_routes_say() {
        let config = config::load_draft(Path::new("weir.toml"), FILE.to_owned(), SystemTime::UNIX_EPOCH);
        let config = config.map_err(|errors| errors.render(false)).unwrap();
        let ways = [0, 1].map(|index| ways(&config, index, &config.sites[index]));
        let told = |ways: &[Way<'_>]| ways.iter().map(|way| (way.pool.name.to_string(), way.kind)).collect::<Vec<_>>();
        let expected = [("esb", Kind::Services), ("orders", Kind::Services), ("carbon", Kind::Console)]
            .map(|(pool, kind)| (pool.to_owned(), kind));
        assert_eq!(told(&ways[0]), expected);
        assert_eq!(told(&ways[1]), [("carbon".to_owned(), Kind::Services)], "the console is elsewhere");
        for (method, target, expected) in [
            (GET, "/services/echo?wsdl", "esb /services/echo?wsdl"),
            (POST, "/services/echo", "esb /services/echo"),
            (GET, "/services/Closed", "answered"),
            (GET, "/orders/health", "orders /services/orders/health"),
            (GET, "/orders?all", "orders /services/orders?all"),
            (GET, "/ordersheet", "rest"),
            (POST, "/orders", "rest"),
            (GET, "/carbon/admin", "carbon /carbon/admin"),
            (GET, "/%63arbon/", "carbon /%63arbon/"),
        ] {
            let goes = match leads(&config.sites[0], &ways[0], method, target) {
                Leads::To(way, target) => format!("{} {target}", way.pool.name),
                Leads::Answered => "answered".to_owned(),
                Leads::Rest => "rest".to_owned(),
            };
            assert_eq!(goes, expected, "{method} {target}");
        }
    }
}
