//! Which site, route and rules a request meets.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use regex::bytes::RegexBuilder;
use weir::config::{Access, Action, Edits, HostPattern, PathPattern, Place, Route, RouteTimeouts};
use weir::traffic::routing::normalized_path::{PathScratch, read};
use weir::traffic::routing::routes::{RouteScratch, Routes};
use weir::traffic::routing::sites::Sites;

use crate::configured;
use crate::heads::request_for;
use crate::measure::{Criterion, measure};

/// The site of a host: an exact name, one that only a wildcard takes, one that nobody has.
pub(crate) fn host(criterion: &mut Criterion) {
    for count in [10, 5000] {
        let mut patterns: Vec<_> =
            (0..count).map(|site| HostPattern::Exact(format!("s{site}.wso2.com").into())).collect();
        patterns.push(HostPattern::Wildcard("apps.wso2.com".into()));
        let sites = Sites::new(patterns.iter().zip(0..), None);
        let exact = format!("s{}.wso2.com", count - 1);
        let cases = [("exact", exact.as_str(), true), ("wildcard", "a.apps.wso2.com", true), ("none", "x.org", false)];
        for (kind, host, is_found) in cases {
            assert_eq!(sites.find(host.as_bytes()).is_some(), is_found, "{host}");
            measure(criterion, &format!("host/{kind}/{count}"), 0, || sites.find(black_box(host.as_bytes())));
        }
    }
}

/// Which of twenty routes takes a request: each kind of pattern stands last, behind prefixes that do not match.
pub(crate) fn routes(criterion: &mut Criterion) {
    let builder = || RegexBuilder::new("^/services/[^/]*Admin(/|$)").unicode(false).build();
    let regex = || PathPattern::Regex(builder().expect("a good pattern"));
    let cases = [
        ("exact", PathPattern::Exact("/favicon.ico".into()), "/favicon.ico"),
        ("prefix", PathPattern::Prefix("/carbon".into()), "/carbon/admin/login.jsp"),
        ("regex", regex(), "/services/UserAdmin"),
        ("none", regex(), "/services/Echo"),
        ("escaped", PathPattern::Prefix("/carbon".into()), "/%63arbon/admin;x=y/../login.jsp"),
    ];
    for (kind, pattern, path) in cases {
        let before = (0..19).map(|number| PathPattern::Prefix(format!("/other{number}").into()));
        let routes: Vec<_> = before.chain([pattern]).map(route).collect();
        let (routes, mut scratch, head) = (Routes::new(&routes, None), RouteScratch::default(), request_for(path));
        let found = routes.find(&head, &mut scratch, &|_| false).expect("a clear path");
        assert_eq!(found, (kind != "none").then_some(19), "{path}");
        measure(criterion, &format!("routes/{kind}"), 0, || routes.find(black_box(&head), &mut scratch, &|_| false));
    }
}

/// Which of 500 routes by regular expression takes a request: a usual path, and the longest that is usual to allow.
pub(crate) fn expressions(criterion: &mut Criterion) {
    let pattern = |number: usize| {
        let text = format!("(?i)/services/([^/.]*Admin{number}|Upload{number})([/.]|$)");
        PathPattern::Regex(RegexBuilder::new(&text).unicode(false).build().expect("a good pattern"))
    };
    let routes: Vec<_> = (0..500).map(|number| route(pattern(number))).collect();
    let routes = Routes::new(&routes, None);
    let long = "/services/Admi".repeat(16_000 / 14);
    for (kind, path, expected) in [
        ("usual", "/services/Echo/endpoint1", None),
        ("last", "/services/UserAdmin499", Some(499)),
        ("16k", long.as_str(), None),
    ] {
        let (mut scratch, head) = (RouteScratch::default(), request_for(path));
        assert_eq!(routes.find(&head, &mut scratch, &|_| false).expect("a clear path"), expected, "{kind}");
        measure(criterion, &format!("expressions/{kind}"), 0, || {
            routes.find(black_box(&head), &mut scratch, &|_| false)
        });
    }
}

/// What a path is in the eyes of a node.
pub(crate) fn normalized_path(criterion: &mut Criterion) {
    for (kind, path, plain) in [
        ("usual", "/services/Echo/endpoint1", "/services/Echo/endpoint1"),
        ("escaped", "/services/%45cho;jsessionid=0123456789ABCDEF/endpoint1", "/services/Echo/endpoint1"),
        ("climbing", "/services/Echo/../Other/endpoint1", "/services/Other/endpoint1"),
    ] {
        let mut scratch = PathScratch::default();
        let readings = read(path.as_bytes(), &mut scratch).expect("a clear path");
        assert_eq!(readings.plain, plain.as_bytes());
        measure(criterion, &format!("normalized-path/{kind}"), 0, || {
            read(black_box(path.as_bytes()), &mut scratch).is_ok()
        });
    }
}

/// Whether a client may come at all: to a site that asks nobody, and to one that has routes and names networks.
pub(crate) fn rules(criterion: &mut Criterion) {
    let guarded = "allow-from = [\"10.0.0.0/8\", \"192.0.2.0/24\"]\n[[site.route]]\nname = \"carbon\"\nprefix = \"/carbon\"\ndeny-from = [\"192.0.2.9\"]";
    for (kind, settings) in [("open", ""), ("guarded", guarded)] {
        let (rules, mut scratch, head) =
            (configured::rules(kind, settings), RouteScratch::default(), request_for("/carbon/admin"));
        let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let mut asked = || {
            let route = rules.find(black_box(&head), &mut scratch, &|_| false).expect("a clear path");
            rules.ask_who(route).then(|| rules.may_come(route, client))
        };
        assert_eq!(asked(), (kind == "guarded").then_some(true), "{kind}");
        measure(criterion, &format!("rules/{kind}"), 0, asked);
    }
}

fn route(path: PathPattern) -> Route {
    Route {
        name: "route".into(),
        path: Some(path),
        methods: Vec::new(),
        headers: Vec::new(),
        upstream_path: None,
        action: Action::Pool(0),
        access: Access::default(),
        rate: None,
        client_auth: None,
        timeouts: RouteTimeouts::default(),
        max_body: None,
        non_idempotent: false,
        request_headers: Edits::default(),
        response_headers: Edits::default(),
        at: Place::default(),
    }
}
