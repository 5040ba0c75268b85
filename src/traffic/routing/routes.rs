//! Finds the route of a request: the first whose conditions all hold. If several readings of the path lead to different
//! routes, a route that denies wins, and a route with limits is not bypassed.

use std::sync::Arc;

use super::normalized_path;
use super::normalized_path::{AmbiguousPath, PathScratch, Readings};
use super::normalized_target;
use super::prefilter::{LastGroup, Prefilter};
use crate::config::{Access, Action, HeaderMatch, PathPattern, Route};
use crate::wire::RequestHead;

/// Says which routes to leave out for this request.
pub type Skip<'s> = &'s dyn Fn(usize) -> bool;

/// Buffers for the search of a route. They are reused and keep their capacity.
#[derive(Debug, Default)]
pub struct RouteScratch {
    pub(super) path: PathScratch,
    /// For the whole target, if a route compares it.
    target: Vec<u8>,
}

/// The routes of one site, ready to be searched.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    rules: Box<[Rule]>,
    /// Whether any route has a condition on the path.
    by_path: bool,
    /// Whether any route has a condition on the whole target.
    by_target: bool,
    /// Prefilters for the regular expressions on paths and on whole targets.
    paths: Prefilter,
    targets: Prefilter,
}

impl Routes {
    /// Prepares the routes, in the file's order. Compiled prefilters of `before` are reused for the same expressions.
    pub fn new(routes: &[Route], before: Option<&Self>) -> Self {
        let mut rules: Box<[Rule]> = routes.iter().map(Rule::of).collect();
        let (mut paths, mut targets) = (Vec::new(), Vec::new());
        for (rule, route) in rules.iter_mut().zip(routes) {
            let (all, regex) = match &route.path {
                Some(PathPattern::Regex(regex)) => (&mut paths, regex),
                Some(PathPattern::Target(regex)) => (&mut targets, regex),
                _ => continue,
            };
            rule.expression = Some(all.len());
            all.push(regex.as_str());
        }
        Self {
            by_path: rules.iter().any(|rule| rule.path.is_some()),
            by_target: rules.iter().any(|rule| matches!(rule.path, Some(PathPattern::Target(_)))),
            paths: Prefilter::new(&paths, before.map(|before| &before.paths)),
            targets: Prefilter::new(&targets, before.map(|before| &before.targets)),
            rules,
        }
    }

    /// Whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The number of the route for this request; `None` if the site's own rules apply. An ambiguous path is an error.
    /// Routes for which `skip` is true are left out.
    pub fn find(
        &self,
        head: &RequestHead,
        scratch: &mut RouteScratch,
        skip: Skip<'_>,
    ) -> Result<Option<usize>, AmbiguousPath> {
        if !self.by_path {
            return Ok(self.first(head, Reading { path: head.path(), target: b"" }, skip));
        }
        if !self.by_target {
            return self.find_by_path(head, &mut scratch.path, skip);
        }
        self.find_by_target(head, scratch, skip)
    }

    fn find_by_path(
        &self,
        head: &RequestHead,
        scratch: &mut PathScratch,
        skip: Skip<'_>,
    ) -> Result<Option<usize>, AmbiguousPath> {
        let readings = normalized_path::read(head.path(), scratch)?;
        let first = |path| self.first(head, Reading { path, target: b"" }, skip);
        let mut found = first(readings.plain);
        for path in readings.unresolved.into_iter().chain(readings.twice) {
            found = self.agreed(found, first(path))?;
        }
        Ok(found)
    }

    /// Tries each reading of the path with the decoded query. Then tries the target as it was sent, and decoded, for a
    /// node that does not split it into segments and parameters.
    fn find_by_target(
        &self,
        head: &RequestHead,
        scratch: &mut RouteScratch,
        skip: Skip<'_>,
    ) -> Result<Option<usize>, AmbiguousPath> {
        let RouteScratch { path, target } = scratch;
        let (sent, query) = (head.target_up(), head.query());
        let Readings { plain, unresolved, twice } = normalized_path::read(head.path(), path)?;
        if plain == head.path() && unresolved.is_none() && twice.is_none() && normalized_target::is_plain(query) {
            return Ok(self.first(head, Reading { path: plain, target: sent }, skip));
        }
        let mut found = None;
        for (nth, (path, decoded)) in
            [(Some(plain), 1), (unresolved, 1), (twice, 2), (Some(plain), 2)].into_iter().enumerate()
        {
            let Some(path) = path else { continue };
            normalized_target::join(path, query, decoded, target);
            let other = self.first(head, Reading { path, target }, skip);
            found = if nth == 0 { other } else { self.agreed(found, other)? };
        }
        // Decodes at most twice, because escapes of escapes can be nested as deeply as the target is long.
        normalized_target::join(sent, None, 0, target);
        for _ in 0..3 {
            found = self.agreed(found, self.first(head, Reading { path: plain, target }, skip))?;
            if !normalized_target::decode(target, 0) {
                break;
            }
        }
        Ok(found)
    }

    fn first(&self, head: &RequestHead, reading: Reading<'_>, skip: Skip<'_>) -> Option<usize> {
        let (mut by_path, mut by_target) = (LastGroup::default(), LastGroup::default());
        let mut may_take = |rule: &Rule| match (&rule.path, rule.expression) {
            (Some(PathPattern::Regex(_)), Some(number)) => self.paths.may_find(number, reading.path, &mut by_path),
            (Some(PathPattern::Target(_)), Some(number)) => {
                self.targets.may_find(number, reading.target, &mut by_target)
            }
            _ => true,
        };
        let takes = |(number, rule): (usize, &Rule)| may_take(rule) && rule.takes(head, reading) && !skip(number);
        self.rules.iter().enumerate().position(takes)
    }

    /// Decides between the routes of two readings.
    fn agreed(&self, found: Option<usize>, other: Option<usize>) -> Result<Option<usize>, AmbiguousPath> {
        match (self.guard(found), self.guard(other)) {
            _ if other == found => Ok(found),
            (Guard::Denied, _) => Ok(found),
            (_, Guard::Denied) => Ok(other),
            (Guard::Open, Guard::Open) => Ok(found),
            _ => Err(AmbiguousPath),
        }
    }

    fn guard(&self, route: Option<usize>) -> Guard {
        route.and_then(|route| self.rules.get(route)).map_or(Guard::Open, |rule| rule.guard)
    }
}

/// How a route is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    Open,
    /// By access networks or a rate.
    Limited,
    Denied,
}

#[derive(Clone, Debug)]
struct Rule {
    path: Option<PathPattern>,
    /// The number of its regular expression, if it has one.
    expression: Option<usize>,
    methods: Box<[Arc<str>]>,
    headers: Box<[HeaderMatch]>,
    guard: Guard,
}

impl Rule {
    fn of(route: &Route) -> Self {
        let guard = match route.action {
            Action::Deny => Guard::Denied,
            _ if route.access != Access::default() || route.rate.is_some() => Guard::Limited,
            _ => Guard::Open,
        };
        let (methods, headers) = (route.methods.as_slice().into(), route.headers.as_slice().into());
        Self { path: route.path.clone(), expression: None, methods, headers, guard }
    }

    fn takes(&self, head: &RequestHead, reading: Reading<'_>) -> bool {
        self.takes_method(head.method_name())
            && self.path.as_ref().is_none_or(|pattern| fits(pattern, reading))
            && self.headers.iter().all(|header| has(head, header))
    }

    /// Methods are case-sensitive (RFC 9110 9.1). But a node may ignore case, so protected routes match without it.
    fn takes_method(&self, method: &[u8]) -> bool {
        let same = |name: &Arc<str>| match self.guard {
            Guard::Denied | Guard::Limited => name.as_bytes().eq_ignore_ascii_case(method),
            Guard::Open => name.as_bytes() == method,
        };
        self.methods.is_empty() || self.methods.iter().any(same)
    }
}

/// One reading of the request's target.
#[derive(Clone, Copy)]
struct Reading<'a> {
    path: &'a [u8],
    /// Path and query; empty if no route compares it.
    target: &'a [u8],
}

fn fits(pattern: &PathPattern, reading: Reading<'_>) -> bool {
    match pattern {
        PathPattern::Exact(exact) => exact.as_bytes() == reading.path,
        PathPattern::Prefix(prefix) => match reading.path.strip_prefix(prefix.as_bytes()) {
            Some(rest) => prefix.ends_with('/') || matches!(rest, [] | [b'/', ..]),
            None => false,
        },
        PathPattern::Regex(regex) => regex.is_match(reading.path),
        PathPattern::Target(regex) => regex.is_match(reading.target),
    }
}

fn has(head: &RequestHead, wanted: &HeaderMatch) -> bool {
    let same = |value: &[u8]| wanted.value.as_ref().is_none_or(|wanted| wanted.as_bytes() == value);
    head.fields().any(|field| field.name.eq_ignore_ascii_case(wanted.name.as_bytes()) && same(field.value))
}

#[cfg(test)]
mod tests {
    use regex::bytes::RegexBuilder;

    use super::*;
    use crate::config::{Edits, Place, Rate, RateBy, RouteTimeouts};
    use crate::traffic::xorshift::xorshift;
    use crate::wire::HeadLimits;

    fn route(path: Option<PathPattern>, action: Action) -> Route {
        Route {
            name: "a".into(),
            path,
            methods: Vec::new(),
            headers: Vec::new(),
            upstream_path: None,
            action,
            access: Access::default(),
            rate: None,
            timeouts: RouteTimeouts::default(),
            max_body: None,
            client_auth: None,
            non_idempotent: false,
            request_headers: Edits::default(),
            response_headers: Edits::default(),
            at: Place::default(),
        }
    }

    /// `=/exact`, `/prefix`, or a regex that begins with `~`.
    fn pattern(written: &str) -> Option<PathPattern> {
        Some(match written.split_at_checked(1)? {
            ("=", path) => PathPattern::Exact(path.into()),
            ("~", regex) => PathPattern::Regex(RegexBuilder::new(regex).unicode(false).build().expect("a regex")),
            _ => PathPattern::Prefix(written.into()),
        })
    }

    fn to_pools(patterns: &[&str]) -> Vec<Route> {
        patterns.iter().enumerate().map(|(pool, written)| route(pattern(written), Action::Pool(pool))).collect()
    }

    fn head(method: &str, path: &str, fields: &str) -> RequestHead {
        let mut head = RequestHead::new();
        let text = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
        head
    }

    fn found(routes: &Routes, path: &str) -> Result<Option<usize>, AmbiguousPath> {
        routes.find(&head("GET", path, ""), &mut RouteScratch::default(), &|_| false)
    }

    #[test]
    fn the_first_whose_path_fits_takes_it() {
        let patterns = ["=/favicon.ico", "/carbon", "/t/", "~^/services/[^/]*Admin", "~(?i)wsdl", "=/", "/a b"];
        let routes = Routes::new(&to_pools(&patterns), None);
        for (path, expected) in [
            ("/favicon.ico", Some(0)),
            ("/favicon.ico/", None),
            ("/favicon.ico?x", Some(0)),
            ("/Favicon.ico", None),
            ("/carbon", Some(1)),
            ("/carbon/", Some(1)),
            ("/carbon/admin/wsdl", Some(1)),
            ("/carbonara", None),
            ("/carbon.x", None),
            ("/Carbon", None),
            ("/x/carbon", None),
            ("/t", None),
            ("/t/", Some(2)),
            ("/t/a.com/carbon", Some(2)),
            ("/services/UserAdmin", Some(3)),
            ("/services/UserAdmin.Https/x", Some(3)),
            ("/services/x/UserAdmin", None),
            ("/x/services/UserAdmin", None),
            ("/services/echo.WSDL", Some(4)),
            ("/services/echo?wsdl", None),
            ("/", Some(5)),
            ("/?x", Some(5)),
            ("/a%20b/c", Some(6)),
            ("/%61%20b", Some(6)),
            ("http://a/carbon", Some(1)),
            ("http://a", Some(5)),
        ] {
            assert_eq!(found(&routes, path), Ok(expected), "{path}");
        }
        assert_eq!(routes.find(&head("OPTIONS", "*", ""), &mut RouteScratch::default(), &|_| false), Ok(None));
        let all = Routes::new(&to_pools(&["/"]), None);
        assert_eq!(found(&all, "/x"), Ok(Some(0)));
    }

    #[test]
    fn all_conditions_must_hold() {
        let of = |name: &str, value: Option<&str>| HeaderMatch { name: name.into(), value: value.map(Into::into) };
        let mut routes = to_pools(&["/a", "/a", "", "", "/b"]);
        routes[0].methods = vec!["POST".into(), "PUT".into()];
        routes[1].headers = vec![of("x-one", Some("1")), of("x-two", None)];
        routes[2].headers = vec![of("x-three", Some("a, b"))];
        routes[3].methods = vec!["DELETE".into()];
        routes[4].action = Action::Deny;
        routes[4].methods = vec!["PATCH".into()];
        let routes = Routes::new(&routes, None);
        for (method, path, fields, expected) in [
            ("POST", "/a", "", Some(0)),
            ("PUT", "/a/b", "", Some(0)),
            ("GET", "/a", "", None),
            ("post", "/a", "", None),
            ("POSTX", "/a", "", None),
            ("GET", "/a", "X-One: 1\r\n", None),
            ("GET", "/a", "X-One: 1\r\nX-Two:\r\n", Some(1)),
            ("GET", "/a", "X-One: 2\r\nx-ONE: 1\r\nx-two: 9\r\n", Some(1)),
            ("GET", "/a", "X-One: 1, 2\r\nX-Two: 2\r\n", None),
            ("GET", "/b", "X-One: 1\r\nX-Two: 2\r\n", None),
            ("GET", "/b", "x-Three:  a, b \r\n", Some(2)),
            ("GET", "/b", "x-Three: A, b\r\n", None),
            ("DELETE", "/b", "", Some(3)),
            // `patch` does not get past the condition either, since a node may take it for PATCH.
            ("PATCH", "/b", "", Some(4)),
            ("patch", "/b", "", Some(4)),
        ] {
            let found = routes.find(&head(method, path, fields), &mut RouteScratch::default(), &|_| false);
            assert_eq!(found, Ok(expected), "{method} {path} {fields:?}");
        }
    }

    #[test]
    fn a_method_in_small_letters_gets_past_no_guard() {
        let mut routes = to_pools(&["/a", "/b", "/c"]);
        routes.iter_mut().for_each(|route| route.methods = vec!["POST".into()]);
        routes[0].access.allow = Some(vec!["10.0.0.0/8".parse().unwrap()]);
        routes[1].access.deny = vec!["10.0.0.0/8".parse().unwrap()];
        let routes = Routes::new(&routes, None);
        for (method, path, expected) in
            [("POST", "/a", Some(0)), ("post", "/a", Some(0)), ("Post", "/b", Some(1)), ("post", "/c", None)]
        {
            let found = routes.find(&head(method, path, ""), &mut RouteScratch::default(), &|_| false);
            assert_eq!(found, Ok(expected), "{method} {path}");
        }
    }

    #[test]
    fn without_a_condition_on_the_path_no_path_is_unclear() {
        let mut routes = to_pools(&["", ""]);
        routes[0].methods = vec!["POST".into()];
        let routes = Routes::new(&routes, None);
        assert_eq!(found(&routes, "/a/..;/%00/../.."), Ok(Some(1)));
        let none = Routes::new(&[], None);
        assert!(none.is_empty() && !routes.is_empty());
        assert_eq!(found(&none, "/a/..;/%00/../.."), Ok(None));
    }

    #[test]
    fn no_spelling_reaches_what_is_denied() {
        let patterns = ["/services/public", "/carbon", "~(?i)services/(.*/)?[^/]*admin"];
        let mut routes = to_pools(&patterns);
        routes[1].action = Action::Deny;
        routes[2].action = Action::Deny;
        let routes = Routes::new(&routes, None);
        for (path, expected) in [
            ("/carbon", Ok(Some(1))),
            ("/%63arbon", Ok(Some(1))),
            ("/%2563arbon", Ok(Some(1))),
            ("//carbon", Ok(Some(1))),
            ("/./carbon", Ok(Some(1))),
            ("/x/../carbon", Ok(Some(1))),
            ("/carbon/../x", Ok(Some(1))),
            ("/services/public/../../carbon", Ok(Some(1))),
            ("/carbon;x=1/", Ok(Some(1))),
            ("/carbon%3bx=1/", Ok(Some(1))),
            ("/;x/carbon", Ok(Some(1))),
            ("/carbon%2f", Ok(Some(1))),
            ("/carbon%5Cadmin", Ok(Some(1))),
            ("/services/..;/carbon", Err(AmbiguousPath)),
            ("/services/%2e%2e/carbon", Err(AmbiguousPath)),
            ("/services/public/x%2f..%2f..%2f..%2fcarbon", Err(AmbiguousPath)),
            ("/services/public/%252e%252e/%252e%252e/carbon", Err(AmbiguousPath)),
            ("/services/public;%2f..%2f..%2fcarbon", Err(AmbiguousPath)),
            ("/services/UserAdmin", Ok(Some(2))),
            ("/services/User%41dmin", Ok(Some(2))),
            ("/services/t/a.com/UserAdmin.Https", Ok(Some(2))),
            ("/services/public/../UserAdmin", Ok(Some(2))),
            ("/services/UserAdmin/../public", Ok(Some(2))),
            ("/services/UserAdmin/../../x", Ok(Some(2))),
            // Open routes stay open.
            ("/services/public", Ok(Some(0))),
            ("/services/public;jsessionid=1", Ok(Some(0))),
            ("/services/x/../public", Ok(Some(0))),
            ("/services/public/../x", Ok(None)),
            ("/CARBON", Ok(None)),
            ("/carbonara", Ok(None)),
            ("/x%2fcarbon", Ok(None)),
        ] {
            assert_eq!(found(&routes, path), expected, "{path}");
        }
    }

    #[test]
    fn a_whole_target_is_read_in_every_way_and_what_one_way_denies_is_denied() {
        let target = |text: &str| match pattern(&format!("~{text}")) {
            Some(PathPattern::Regex(regex)) => Some(PathPattern::Target(regex)),
            other => other,
        };
        let mut routes = to_pools(&["=/x?y", "/open", "", ""]);
        routes[2].path = target("/services.[^?]*Admin");
        routes[2].action = Action::Deny;
        routes[3].path = target("^/office");
        routes[3].access.allow = Some(Vec::new());
        let routes = Routes::new(&routes, None);
        for (path, expected) in [
            ("/services/UserAdmin", Ok(Some(2))),
            ("/open", Ok(Some(1))),
            ("/open?a=b", Ok(Some(1))),
            // A route by path does not look at the query, but the node does.
            ("/x?a=/services/UserAdmin", Ok(Some(2))),
            ("/x?a=%2fservices%2FUserAdmin", Ok(Some(2))),
            ("/x?a=%252fservices%252FUser%41dmin", Ok(Some(2))),
            ("/services;UserAdmin", Ok(Some(2))),
            ("/services%3bUserAdmin", Ok(Some(2))),
            ("/a/../services/UserAdmin", Ok(Some(2))),
            ("/services/UserAdmin/../../x", Ok(Some(2))),
            ("/%2573ervices/UserAdmin", Ok(Some(2))),
            ("http://a/x?/services/UserAdmin", Ok(Some(2))),
            // No node decodes three times, and decoding without end would cost too much for a long target.
            ("/x?a=%25252fservices%25252fUserAdmin", Ok(None)),
            ("/x?a=%00&b=../..", Ok(None)),
            ("/x?services", Ok(None)),
            ("/x?%2", Ok(None)),
            ("/office?a", Ok(Some(3))),
            ("/open/../office", Err(AmbiguousPath)),
            ("/office;a=1", Ok(Some(3))),
            ("/a/..;/office", Err(AmbiguousPath)),
        ] {
            assert_eq!(found(&routes, path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_limited_is_not_reached_by_a_doubtful_path() {
        let mut routes = to_pools(&["/login", "/office", "/open"]);
        let by = RateBy::Header("x".into());
        routes[0].rate = Some(Rate {
            requests: 1,
            per: std::time::Duration::ZERO,
            burst: 0,
            delay: false,
            by,
            max_keys: 1,
            shared: false,
        });
        routes[1].access.allow = Some(Vec::new());
        let routes = Routes::new(&routes, None);
        for (path, expected) in [
            ("/login", Ok(Some(0))),
            ("/login/a/../b", Ok(Some(0))),
            ("/login/../open", Err(AmbiguousPath)),
            ("/open/../login", Err(AmbiguousPath)),
            ("/x/../office", Err(AmbiguousPath)),
            ("/%256fffice", Err(AmbiguousPath)),
            ("/x/../open", Ok(Some(2))),
            ("/open/../x", Ok(None)),
            ("/%256fpen", Ok(None)),
        ] {
            assert_eq!(found(&routes, path), expected, "{path}");
        }
    }

    #[test]
    fn among_many_expressions_it_is_still_the_first_that_fits() {
        let patterns: Vec<String> = (0..120)
            .map(|n| match n % 3 {
                0 => format!("~(?i)/s{}/[^/]*Admin", n / 7),
                1 => format!("/s{n}"),
                _ => format!("~x{n}$"),
            })
            .collect();
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let mut routes = to_pools(&patterns);
        for (number, route) in routes.iter_mut().enumerate() {
            route.methods.extend((number % 5 == 0).then(|| Arc::from("POST")));
        }
        let all = Routes::new(&routes, None);
        let mut taken = 0;
        for n in 0..200 {
            for path in [format!("/s{n}/userADMIN"), format!("/s{n}"), format!("/q/x{n}"), "/q".to_owned()] {
                let expected = routes.iter().position(|route| {
                    route.methods.is_empty()
                        && fits(
                            route.path.as_ref().expect("all have one"),
                            Reading { path: path.as_bytes(), target: b"" },
                        )
                });
                assert_eq!(found(&all, &path), Ok(expected), "{path}");
                taken += usize::from(expected.is_some());
            }
        }
        assert!((100..700).contains(&taken), "{taken}");
    }

    /// A slow naive search to compare with.
    fn fits_naively(written: &str, path: &str) -> bool {
        match written.strip_prefix('=') {
            Some(exact) => exact == path,
            None if written.ends_with('/') => path.starts_with(written),
            None => path == written || path.starts_with(&format!("{written}/")),
        }
    }

    #[test]
    fn the_first_match_is_that_of_a_naive_search() {
        let mut chance = Chance(0x853c_49e6_748f_ea9b);
        let mut taken = 0;
        for _ in 0..3_000 {
            let mut path =
                || (0..=chance.below(3)).map(|_| ["/a", "/b", "/ab", "/"][chance.below(4)]).collect::<String>();
            let paths: Vec<String> =
                (0..8).map(|_| path().replace("//", "/")).map(|path| path.replace("//", "/")).collect();
            let patterns: Vec<String> =
                paths.iter().skip(4).map(|path| format!("{}{path}", ["", "="][chance.below(2)])).collect();
            let methods: Vec<&str> = patterns.iter().map(|_| ["", "GET", "POST"][chance.below(3)]).collect();
            let mut routes = to_pools(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
            for (route, method) in routes.iter_mut().zip(&methods) {
                route.methods.extend((!method.is_empty()).then(|| Arc::from(*method)));
            }
            let routes = Routes::new(&routes, None);
            for path in paths.iter().take(4) {
                let expected = patterns
                    .iter()
                    .zip(&methods)
                    .position(|(written, method)| matches!(*method, "" | "GET") && fits_naively(written, path));
                assert_eq!(found(&routes, path), Ok(expected), "{path} {patterns:?} {methods:?}");
                taken += usize::from(expected.is_some());
            }
        }
        assert!((1_000..11_000).contains(&taken), "{taken}");
    }

    #[test]
    fn no_disguise_of_a_denied_path_is_let_through() {
        let mut routes = to_pools(&["/carbon", "/x"]);
        routes[0].action = Action::Deny;
        let routes = Routes::new(&routes, None);
        let (mut chance, mut scratch, mut denied) = (Chance(0xda3e_39cb_94b9_5bdb), RouteScratch::default(), 0);
        for _ in 0..50_000 {
            let path = disguised("/carbon/admin/login.jsp", &mut chance);
            let found = routes.find(&head("GET", &path, ""), &mut scratch, &|_| false);
            assert!(matches!(found, Ok(Some(0)) | Err(AmbiguousPath)), "{path}: {found:?}");
            denied += usize::from(found.is_ok());
        }
        assert!((5_000..49_000).contains(&denied), "{denied}");
    }

    /// Another spelling that some node reads as this path.
    fn disguised(path: &str, chance: &mut Chance) -> String {
        let mut out = String::new();
        for letter in path.chars() {
            match (letter, chance.below(12)) {
                ('/', 0) => out.push_str("//"),
                ('/', 1) => out.push_str("/./"),
                ('/', 2) => out.push_str("/x/../"),
                ('/', 3) => out.push_str("/y/..;z/"),
                ('/', 4) => out.push_str("/%2e/"),
                ('/', 5) => out.push_str("/;a=b/"),
                ('/', 6) if !out.is_empty() => out.push_str(";p=%20/"),
                ('/', 7) if !out.is_empty() => out.push_str("%2f"),
                ('/', _) => out.push('/'),
                (letter, 0) => out.push_str(&format!("%{:02x}", u32::from(letter))),
                (letter, 1) if chance.below(4) == 0 => out.push_str(&format!("%25{:02X}", u32::from(letter))),
                (letter, _) => out.push(letter),
            }
        }
        out
    }

    struct Chance(u64);

    impl Chance {
        fn below(&mut self, most: usize) -> usize {
            (xorshift(&mut self.0) >> 11) as usize % most
        }
    }
}
