//! What sites and routes say arrives, and what they do not say is as the reference says.

use std::time::Duration;

use weir::config::{
    Access, Action, Edits, FixedAnswer, HeaderMatch, PathPattern, Rate, RateBy, Redirect, RedirectTarget, Route,
    RouteTimeouts, Site,
};

use super::Directory;

/// A site with this text in it, on a plain listener, at port 8080, with the host esb.wso2.com.
fn site(name: &str, text: &str) -> Site {
    let directory = Directory::new(&format!("site-{name}"));
    let config = directory.load(&format!("{BEFORE}{text}")).map_err(|errors| errors.to_string()).unwrap();
    config.sites.into_iter().next().unwrap()
}

fn routes(name: &str, text: &str) -> Vec<Route> {
    site(name, text).routes
}

const BEFORE: &str = r#"
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
[[node]]
name = "a"
address = "10.0.0.3"
[[pool]]
name = "web"
nodes = ["a"]
port = 8282
[[pool]]
name = "other"
nodes = ["a"]
port = 8281
[[site]]
name = "esb"
listener = "http"
hosts = ["esb.wso2.com"]
pool = "web"
"#;

#[test]
fn a_site_that_says_nothing_lets_everything_through_as_it_is() {
    let site = site("defaults", "");
    assert_eq!((&site.access, &site.rate, site.explain), (&Access::default(), &None, false));
    assert_eq!((&site.request_headers, &site.response_headers), (&Edits::default(), &Edits::default()));
    assert!(site.routes.is_empty());
}

#[test]
fn a_route_that_says_nothing_is_its_site() {
    let routes = routes("empty-route", "max-body = \"1MiB\"\n[[site.route]]\nprefix = \"/a\"\n[[site.route]]\n");
    let route = &routes[1];
    assert_eq!((&*routes[0].name, &*route.name), ("/a", "route2"));
    assert_eq!((&route.action, route.max_body, route.non_idempotent), (&Action::Pool(0), None, false));
    assert!(route.path.is_none() && route.methods.is_empty() && route.headers.is_empty());
    assert_eq!((&route.access, &route.rate, route.timeouts), (&Access::default(), &None, RouteTimeouts::default()));
}

#[test]
fn who_may_come_and_how_often() {
    let site = site(
        "limits",
        "allow-from = [\"10.0.0.0/8\", \"fd00::/8\"]\ndeny-from = [\"10.66.0.0/16\", \"10.0.0.1\"]\n\
         rate = { requests = 10 }\nexplain = true\n\
         [[site.route]]\nprefix = \"/a\"\nallow-from = [\"10.1.0.0/16\"]\n\
         rate = { requests = 5, per = \"1m\", burst = 3, excess = \"delay\", ipv4-prefix = 24, ipv6-prefix = 48, max-keys = 9 }\n\
         [[site.route]]\nprefix = \"/b\"\nrate = { requests = 5, by = \"header\", header = \"X-Tenant\" }\n",
    );
    let networks = |written: &[&str]| written.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
    assert_eq!(site.access.allow, Some(networks(&["10.0.0.0/8", "fd00::/8"])));
    assert_eq!(site.access.deny, networks(&["10.66.0.0/16", "10.0.0.1/32"]));
    assert!(site.explain);
    let client = |ipv4_prefix, ipv6_prefix| RateBy::Client { ipv4_prefix, ipv6_prefix };
    let second = Duration::from_secs(1);
    let usual = Rate {
        requests: 10,
        per: second,
        burst: 0,
        delay: false,
        by: client(32, 64),
        max_keys: 100_000,
        shared: false,
    };
    assert_eq!(site.rate, Some(usual.clone()));
    let written =
        Rate { requests: 5, per: 60 * second, burst: 3, delay: true, by: client(24, 48), max_keys: 9, shared: false };
    assert_eq!(
        (&site.routes[0].rate, &site.routes[0].access.allow),
        (&Some(written), &Some(networks(&["10.1.0.0/16"])))
    );
    let by_header = Rate { requests: 5, by: RateBy::Header("x-tenant".into()), ..usual };
    assert_eq!(site.routes[1].rate, Some(by_header));
}

#[test]
fn conditions_of_routes() {
    let routes = routes(
        "conditions",
        "[[site.route]]\nname = \"icon\"\npath = \"/favicon.ico\"\n\
         [[site.route]]\nregex = '(?i)^/x[0-9]+$'\nmethods = [\"get\", \"POST\"]\n\
         [[site.route]]\nprefix = \"/a\"\nheaders = [{ name = \"X-Tenant\", value = \"gold\" }, { name = \"SOAPAction\" }]\n\
         [[site.route]]\nprefix = \"/a\"\n",
    );
    let names: Vec<&str> = routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["icon", "(?i)^/x[0-9]+$", "/a", "route4"]);
    assert!(matches!(&routes[0].path, Some(PathPattern::Exact(path)) if **path == *"/favicon.ico"));
    assert!(
        matches!(&routes[1].path, Some(PathPattern::Regex(regex)) if regex.is_match(b"/X1") && !regex.is_match(b"/x"))
    );
    assert!(matches!(&routes[2].path, Some(PathPattern::Prefix(path)) if **path == *"/a"));
    assert!(routes[1].methods.iter().map(|method| &**method).eq(["GET", "POST"]));
    let wanted = |name: &str, value: Option<&str>| HeaderMatch { name: name.into(), value: value.map(Into::into) };
    assert_eq!(routes[2].headers, [wanted("x-tenant", Some("gold")), wanted("soapaction", None)]);
}

#[test]
fn actions_of_routes() {
    let routes = routes(
        "actions",
        "[[site.route]]\npath = \"/1\"\npool = \"other\"\nmax-body = \"0\"\nnon-idempotent = false\n\
         timeouts = { connect = \"1s\", read = \"2s\", send = \"3s\", tunnel = \"4s\" }\n\
         [[site.route]]\npath = \"/2\"\ndeny = true\n\
         [[site.route]]\npath = \"/3\"\nanswer = {}\n\
         [[site.route]]\npath = \"/4\"\nanswer = { status = 404, content-type = \"text/html\", body = \"<p>\" }\n\
         [[site.route]]\npath = \"/5\"\nredirect = { scheme = \"https\" }\n\
         [[site.route]]\npath = \"/6\"\nredirect = { to = \"https://Elsewhere.wso2.com/X?y\", status = 302 }\n\
         [[site.route]]\npath = \"/7\"\nredirect = { host = \"[::1]\", port = 8443, path = \"/x?y\", status = 307 }\n\
         [[site.route]]\npath = \"/8\"\nredirect = { path = \"/z\", keep-query = true }\n",
    );
    let answer = |status, content_type: &str, body: &str| {
        Action::Answer(FixedAnswer { status, content_type: content_type.into(), body: body.into() })
    };
    let changed = |scheme: Option<&str>, host: Option<&str>, port, path: Option<&str>| RedirectTarget::Changed {
        scheme: scheme.map(Into::into),
        host: host.map(Into::into),
        port,
        path: path.map(Into::into),
        keep_query: path == Some("/z"),
    };
    let redirect = |status, target| Action::Redirect(Redirect { status, target });
    let expected = [
        Action::Pool(1),
        Action::Deny,
        answer(200, "text/plain; charset=utf-8", ""),
        answer(404, "text/html", "<p>"),
        redirect(308, changed(Some("https"), None, None, None)),
        redirect(302, RedirectTarget::Fixed("https://elsewhere.wso2.com/X?y".into())),
        redirect(307, changed(None, Some("[::1]"), Some(8443), Some("/x?y"))),
        redirect(308, changed(None, None, None, Some("/z"))),
    ];
    for (route, expected) in routes.iter().zip(&expected) {
        assert_eq!(route.action, *expected, "{}", route.name);
    }
    assert_eq!((routes.len(), routes[0].max_body), (expected.len(), Some(0)));
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let timeouts = RouteTimeouts { connect: seconds(1), read: seconds(2), send: seconds(3), tunnel: seconds(4) };
    assert_eq!(routes[0].timeouts, timeouts);
}

#[test]
fn redirects_that_lead_elsewhere_are_fine() {
    for text in [
        "redirect = { scheme = \"https\" }",
        "redirect = { host = \"www.wso2.com\" }",
        "redirect = { to = \"http://esb.wso2.com/\" }", // port 80, not this listener's
        "prefix = \"/a\"\nredirect = { path = \"/b\" }",
        "path = \"/a\"\nredirect = { path = \"/a/\" }",
        "redirect = { port = 8081 }",
        "methods = [\"POST\"]\nredirect = { path = \"/done\", status = 303 }",
    ] {
        assert_eq!(routes("redirects", &format!("[[site.route]]\n{text}\n")).len(), 1, "{text}");
    }
}

/// `/app` leads to `/app/`, which a route before it takes: nobody is sent round.
#[test]
fn a_redirect_to_what_an_earlier_route_takes_is_fine() {
    let earlier = "[[site.route]]\nprefix = \"/app/\"\n";
    let back = "[[site.route]]\nregex = '^/app'\nredirect = { path = \"/app/\", status = 301 }\n";
    assert_eq!(routes("redirect-to-earlier", &format!("{earlier}{back}")).len(), 2);
}

#[test]
fn a_later_route_that_an_earlier_one_leaves_something_to_is_fine() {
    for text in [
        "path = \"/a\"\n[[site.route]]\nprefix = \"/a\"",
        "prefix = \"/a/b\"\n[[site.route]]\nprefix = \"/a\"",
        "prefix = \"/a\"\n[[site.route]]\nprefix = \"/ab\"",
        "prefix = \"/a/\"\n[[site.route]]\npath = \"/a\"",
        "methods = [\"GET\"]\n[[site.route]]\nmethods = [\"GET\", \"POST\"]",
        "headers = [{ name = \"X-A\", value = \"1\" }]\n[[site.route]]\nheaders = [{ name = \"X-A\" }]",
        "headers = [{ name = \"X-A\" }]\n[[site.route]]\nprefix = \"/a\"",
        "regex = \"^/a\"\n[[site.route]]\nprefix = \"/a\"",
        "prefix = \"/a\"\nallow-from = [\"10.0.0.0/8\"]\n[[site.route]]\nprefix = \"/b\"",
    ] {
        assert_eq!(routes("reached", &format!("[[site.route]]\n{text}\n")).len(), 2, "{text}");
    }
}

#[test]
fn edits_of_a_route_are_those_of_its_site_and_its_own() {
    let site = site(
        "edits",
        "request-headers = { set = { X-A = \"site\", X-B = \"site\" }, remove = [\"X-C\", \"X-D\"] }\n\
         response-headers = { set = { \"Strict-Transport-Security\" = \"max-age=1\" } }\n\
         [[site.route]]\nprefix = \"/a\"\n\
         request-headers = { set = { x-a = \"route\", X-C = \"route\", Host = \"inner:8080\" }, remove = [\"X-B\"] }\n",
    );
    let edits = |set: &[(&str, &str)], remove: &[&str]| Edits {
        set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        remove: remove.iter().map(|name| (*name).into()).collect(),
        add: Vec::new(),
    };
    assert_eq!(site.request_headers, edits(&[("X-A", "site"), ("X-B", "site")], &["x-c", "x-d"]));
    let route = &site.routes[0];
    let expected = edits(&[("Host", "inner:8080"), ("X-C", "route"), ("x-a", "route")], &["x-d", "x-b"]);
    assert_eq!(route.request_headers, expected);
    assert_eq!(route.response_headers, edits(&[("Strict-Transport-Security", "max-age=1")], &[]));
}

#[test]
fn a_pool_of_a_route_is_used_and_one_try_is_warned_of() {
    let directory = Directory::new("route-warnings");
    let warnings = |text: &str| -> Vec<String> {
        let config = directory.load(&format!("{BEFORE}{text}")).unwrap();
        config.warnings.into_iter().map(|warning| warning.what).collect()
    };
    assert_eq!(warnings(""), ["pool \"other\" serves no site"]);
    assert_eq!(warnings("[[site.route]]\npath = \"/\"\npool = \"other\"\n"), [""; 0]);
    let said = warnings("[[site.route]]\npath = \"/\"\npool = \"other\"\nnon-idempotent = true\n");
    assert_eq!(said, ["non-idempotent has no effect: pool \"other\" tries one node only"]);
}

#[test]
fn pages_are_for_their_statuses_and_a_hundred_for_the_rest() {
    let directory = Directory::new("site-pages");
    for (file, text) in [("a.html", "a"), ("b.JSON", "b"), ("c.xml", "c")] {
        directory.write(file, text);
    }
    let pages =
        "error-pages = { 5xx = \"a.html\", \"502-504,403\" = \"b.JSON\", 401 = \"c.xml\" }\nintercept-errors = true\n";
    let config = directory.load(&format!("{BEFORE}{pages}")).map_err(|errors| errors.to_string()).unwrap();
    let pages = &config.sites[0].error_pages;
    let body = |status| pages.of(status).map(|page| (page.content_type, &*page.body));
    assert_eq!(body(500), Some(("text/html; charset=utf-8", "a")));
    assert_eq!(body(503), Some(("application/json", "b")));
    assert_eq!(body(401), Some(("text/xml; charset=utf-8", "c")));
    assert_eq!([body(404), body(308)], [None, None]);
    assert_eq!(pages.instead_of(403), pages.of(403));
    let warned = config.warnings.iter().any(|problem| problem.what.contains("SOAP fault"));
    assert!(warned, "of a page for 500 in place of faults: {:?}", config.warnings);
    directory.write("a.html", &"x".repeat((64 << 10) + 1));
    let said = directory.load(&format!("{BEFORE}error-pages = {{ 5xx = \"a.html\" }}\n")).unwrap_err().to_string();
    assert!(said.contains("a.html: the page is larger than 64 KiB"), "{said}");
}

#[test]
fn a_site_redirects_what_its_routes_leave() {
    let text = BEFORE.replace("pool = \"web\"\n", "");
    let directory = Directory::new("site-redirects");
    let more =
        "redirect = { scheme = \"https\" }\n[[site.route]]\nname = \"redirect\"\nprefix = \"/a\"\npool = \"web\"\n";
    let config = directory.load(&format!("{text}{more}")).map_err(|errors| errors.to_string()).unwrap();
    let site = &config.sites[0];
    let names: Vec<_> = site.routes.iter().map(|route| &*route.name).collect();
    assert_eq!((site.pool, names), (None, vec!["redirect", "redirect2"]));
    assert!(matches!(site.routes[1].action, Action::Redirect(_)));
}

/// A site that passes TLS through to the pool `web`, with this text in the pool's table and this text behind the sites.
fn passing(name: &str, pool: &str, more: &str) -> weir::config::Config {
    let directory = Directory::new(&format!("passing-{name}"));
    let file = BEFORE
        .replace("bind = \"127.0.0.1:8080\"", "bind = \"127.0.0.1:8080\"\ntls = {}")
        .replace("port = 8282", &format!("port = 8282\n{pool}"));
    let more = more.replace("$site", "[[site]]\nlistener = \"plain\"\nhosts = [\"a.test\"]");
    let plain = "[[listener]]\nname = \"plain\"\nbind = \"127.0.0.1:8081\"\n";
    let file = format!("{plain}{file}passthrough = true\n{more}");
    directory.load(&file).map_err(|errors| errors.to_string()).unwrap()
}

#[test]
fn a_site_that_passes_tls_through_has_a_pool_and_no_certificate() {
    let config = passing("plain", "", "");
    let site = &config.sites[0];
    assert!(site.passthrough && site.certificates.is_empty() && site.pool == Some(0));
    assert!(!config.warnings.iter().any(|warning| warning.what.contains("TLS")), "{:?}", config.warnings);
}

#[test]
fn a_pool_whose_tls_says_something_else_than_its_sites_is_warned_of() {
    let tls = "tls = { verify = \"full\" }";
    let with = |probe: &str| format!("{tls}\nhealth = {{ probes = [{{ {probe} }}] }}");
    let (useless, both) = ("tls of pool \"web\" has no effect", "speaks plain HTTP to the same port");
    let other = "$site\nname = \"b\"\npool = \"web\"\n";
    let cases = [
        ("alone", tls.to_owned(), "", Some(useless)),
        ("probed", with("kind = \"tls\""), "", None),
        ("elsewhere", with("kind = \"tls\", port = 9443"), "", Some(useless)),
        ("asked", tls.to_owned(), other, None),
        ("both", String::new(), other, Some(both)),
        ("other", String::new(), "$site\nname = \"b\"\npool = \"other\"\n", None),
        (
            "route",
            String::new(),
            "$site\nname = \"b\"\npool = \"other\"\n[[site.route]]\nprefix = \"/a\"\npool = \"web\"\n",
            Some(both),
        ),
    ];
    for (name, pool, more, expected) in cases {
        let config = passing(name, &pool, more);
        let said: Vec<&str> = config.warnings.iter().map(|warning| &*warning.what).collect();
        let found = [useless, both].into_iter().find(|what| said.iter().any(|said| said.contains(what)));
        assert_eq!(found, expected, "{name}: {said:?}");
    }
}

#[test]
fn of_each_kind_of_key_a_site_shows_one_certificate() {
    let directory = Directory::new("kinds-of-keys");
    directory.certificate("site", &["esb.wso2.com"]);
    let file = |certificate: &str| {
        let secure = BEFORE.replace("bind = \"127.0.0.1:8080\"", "bind = \"127.0.0.1:8080\"\ntls = {}");
        format!("{secure}{certificate}\n")
    };
    let pair = "{ chain = \"site.crt\", key = \"site.key\" }";
    for (certificate, wrong) in [
        (
            format!("certificate = [{pair}, {pair}]"),
            "site.crt: no client gets it: one before it has the same kind of key",
        ),
        ("certificate = []".to_owned(), "is on the TLS listener \"http\" and has no certificate"),
        ("certificate = \"site.crt\"".to_owned(), "certificate must be a table"),
        (format!("certificate = [{pair}, \"site.crt\"]"), "certificate must be a list of tables"),
    ] {
        let errors = directory.load(&file(&certificate)).expect_err(&certificate).to_string();
        assert!(errors.contains(wrong), "{certificate}: {errors}");
    }
    let config =
        directory.load(&file(&format!("certificate = [{pair}]"))).map_err(|errors| errors.to_string()).unwrap();
    assert_eq!(config.sites[0].certificates.len(), 1);
}
