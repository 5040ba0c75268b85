//! Routes of a site: which one takes a request, and what becomes of the request then.

use std::time::Duration;

use bytes::Bytes;

use crate::harness::{
    Answer, Appliance, Client, Gate, H2Client, Offer, Origin, Pair, Plan, eventually, fresh_dir, ok, ok_with,
};

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n{fields}\r\n")
}

/// Another pool `other` of this origin.
fn other(origin: &Origin) -> String {
    let port = origin.port();
    format!(
        "[[node]]\nname = \"o\"\naddress = \"127.0.0.1\"\n[[pool]]\nname = \"other\"\nnodes = [\"o\"]\nport = {port}\n"
    )
}

/// Another site `NAME.test` of the plain listener.
fn site(name: &str, lines: &str) -> String {
    format!("[[site]]\nname = \"{name}\"\nlistener = \"http\"\nhosts = [\"{name}.test\"]\npool = \"app\"\n{lines}\n")
}

fn route(condition: &str, answer: &str) -> String {
    format!("[[site.route]]\n{condition}\nanswer = {{ body = \"{answer}\" }}\n")
}

#[test]
fn the_first_route_that_matches_takes_the_request() {
    let routes = [
        route("path = \"/exact\"", "exact"),
        route("prefix = \"/pre\"", "prefix"),
        route("prefix = \"/tree/\"", "tree"),
        route("regex = '^/r[0-9]+$'", "regex"),
        route("prefix = \"/m\"\nmethods = [\"PUT\", \"delete\"]", "methods"),
        route("headers = [{ name = \"X-Tenant\", value = \"gold\" }, { name = \"X-Region\" }]", "both"),
        route("headers = [{ name = \"X-Tenant\", value = \"gold\" }]", "gold"),
    ];
    let rows = [
        ("GET", "/exact", &[][..], "exact"),
        ("GET", "/exact?a=b", &[], "exact"),
        ("GET", "/ex%61ct", &[], "exact"),
        ("GET", "/exact/", &[], "n /exact/"),
        ("GET", "/Exact", &[], "n /Exact"),
        ("GET", "/pre", &[], "prefix"),
        ("GET", "/pre/x/y", &[], "prefix"),
        ("GET", "/prefix", &[], "n /prefix"),
        ("GET", "/tree", &[], "n /tree"),
        ("GET", "/tree/", &[], "tree"),
        ("GET", "/tree/x", &[], "tree"),
        ("GET", "/r12", &[], "regex"),
        ("GET", "/r12/", &[], "n /r12/"),
        ("PUT", "/m/x", &[], "methods"),
        ("DELETE", "/m", &[], "methods"),
        ("GET", "/m", &[], "n /m"),
        ("GET", "/", &[("x-tenant", "gold"), ("x-region", "eu")], "both"),
        ("GET", "/", &[("x-tenant", "gold")], "gold"),
        ("GET", "/", &[("x-tenant", "silver"), ("x-tenant", "gold")], "gold"),
        ("GET", "/", &[("x-tenant", "golden")], "n /"),
        ("GET", "/exact", &[("x-tenant", "gold")], "exact"),
        ("GET", "/x", &[], "n /x"),
    ];
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().site(&routes.concat()).start();
    let (mut one, mut two) = (weir.client(), H2Client::connect(weir.https()));
    for (method, target, fields, expected) in rows {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let answer = one.ask(format!("{method} {target} HTTP/1.1\r\nHost: esb.test\r\n{lines}\r\n"));
        assert_eq!(answer.text(), expected, "{method} {target} {fields:?}");
        let answer = two.ask(method, target, fields, &[], None).expect("an answer");
        assert_eq!(answer.text(), expected, "{method} {target} {fields:?} by HTTP/2");
    }
}

#[test]
fn a_route_leads_to_another_pool_and_leaves_the_target_as_it_is() {
    let (own, elsewhere) = (Origin::named("own"), Origin::named("elsewhere"));
    let routes = "[[site.route]]\nprefix = \"/other\"\npool = \"other\"\n";
    let weir = Plan::before(&[&own]).site(routes).more(&other(&elsewhere)).start();
    for target in ["/other", "/%6fther/x;y=1?z=%2f", "/other/a/../b", "//other//x"] {
        assert_eq!(weir.get(target).text(), format!("elsewhere {target}"));
    }
    for target in ["/", "/others", "/other/../x"] {
        assert_eq!(weir.get(target).text(), format!("own {target}"));
    }
    let reached = |pool| weir.metric("weir_requests_total", &[("site", "main"), ("pool", pool)]) as u32;
    eventually("each pool's are counted", || (reached("other"), reached("app")) == (4, 3));
}

#[test]
fn a_path_that_hides_its_climbing_is_refused_where_routes_look_at_paths() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin])
        .site(&route("path = \"/exact\"", "exact"))
        .more(&site("free", &route("methods = [\"PUT\"]", "put")))
        .start();
    for target in ["/a/%2e%2e/b", "/a/..;/b", "/..", "/a%2f../b", "/a%00"] {
        let answer = weir.get(target);
        assert_eq!(answer.refusal(), "400 path-unclear", "{target}");
        let free = weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: free.test\r\n\r\n"));
        assert_eq!(free.text(), format!("n {target}"), "where no route asks for the path it is the node's business");
    }
    assert_eq!(origin.count(), 5);
}

#[test]
fn http_moves_to_https_with_host_port_and_query_kept() {
    let origin = Origin::named("n");
    let moved = |name: &str, redirect: &str| site(name, &format!("[[site.route]]\nredirect = {{ {redirect} }}\n"));
    let more = moved("plain", "scheme = \"https\"")
        + &moved("port", "scheme = \"https\", port = $https")
        + &moved("host", "scheme = \"https\", host = \"www.esb.test\", status = 301")
        + &moved("path", "scheme = \"https\", path = \"/carbon/\", status = 302")
        + &moved("fixed", "to = \"https://www.example/x?y\", status = 307");
    let weir = Plan::before(&[&origin]).more(&more).start();
    let https = weir.https().port();
    let ported = format!("https://port.test:{https}/a/%2e;b?c=d%26&e");
    let rows = [
        ("plain.test", 308, "https://plain.test/a/%2e;b?c=d%26&e"),
        ("PLAIN.test:8080", 308, "https://plain.test/a/%2e;b?c=d%26&e"),
        ("port.test", 308, ported.as_str()),
        ("host.test", 301, "https://www.esb.test/a/%2e;b?c=d%26&e"),
        ("path.test", 302, "https://path.test/carbon/"),
        ("fixed.test", 307, "https://www.example/x?y"),
    ];
    let mut client = weir.client();
    for (host, status, location) in rows {
        let request = |method| format!("{method} /a/%2e;b?c=d%26&e HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = client.ask(request("GET"));
        assert_eq!((answer.status, answer.field("location").as_deref()), (status, Some(location)), "{host}");
        let length = answer.field("content-length");
        // An answer to HEAD that had a body would be taken for the next one.
        let answer = client.ask(request("HEAD"));
        assert_eq!((answer.status, answer.field("location").as_deref()), (status, Some(location)), "HEAD {host}");
        assert_eq!(answer.field("content-length"), length, "HEAD {host}");
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_redirect_that_would_lead_back_hides_no_route_behind_it() {
    let origin = Origin::named("n");
    let routes = "[[site.route]]\nprefix = \"/services\"\nredirect = { scheme = \"https\" }\n\
        [[site.route]]\nregex = \"UserAdmin\"\ndeny = true\n";
    let weir = Plan::before(&[&origin]).listener("trusted-proxies = [\"127.0.0.1\"]").site(routes).start();
    let ask = |target: &str| weir.client().ask(get(target, "X-Forwarded-Proto: https\r\n"));
    assert_eq!(ask("/services/Echo").text(), "n /services/Echo", "its TLS ended at the proxy");
    assert_eq!(ask("/services/UserAdmin").status, 403);
    assert_eq!(weir.client().ask(get("/services/UserAdmin", "")).status, 308, "without TLS it is sent there");
}

#[test]
fn a_redirect_that_would_lead_back_still_keeps_out_whom_it_lets_not_in() {
    let origin = Origin::named("n");
    let routes =
        "[[site.route]]\nprefix = \"/carbon\"\nredirect = { scheme = \"https\" }\nallow-from = [\"10.0.0.0/8\"]\n";
    let weir = Plan::before(&[&origin]).listener("trusted-proxies = [\"127.0.0.1\"]").site(routes).start();
    for (client, proto, expected) in
        [("192.0.2.1", "http", 403), ("192.0.2.1", "https", 403), ("10.1.2.3", "http", 308), ("10.1.2.3", "https", 200)]
    {
        let fields = format!("X-Forwarded-For: {client}\r\nX-Forwarded-Proto: {proto}\r\n");
        assert_eq!(weir.client().ask(get("/carbon", &fields)).status, expected, "{client} by {proto}");
    }
}

#[test]
fn a_redirect_leads_to_no_host_that_only_a_forwarded_field_names() {
    // Many a proxy passes X-Forwarded-Host on as the client wrote it.
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin])
        .listener("trusted-proxies = [\"127.0.0.1\"]")
        .site("[[site.route]]\nredirect = { scheme = \"https\" }\n")
        .more(&site("public", "default = true"))
        .start();
    for (told, expected) in [
        ("evil.test", "https://esb.test/x"),
        ("evil.test:99", "https://esb.test/x"),
        ("esb.test.evil.test", "https://esb.test/x"),
        ("public.test", "https://public.test/x"),
        ("Public.test, inner", "https://Public.test/x"),
    ] {
        let answer = weir.client().ask(get("/x", &format!("X-Forwarded-Host: {told}\r\n")));
        assert_eq!(answer.field("location").as_deref(), Some(expected), "{told}");
    }
}

#[test]
fn https_is_found_on_the_port_that_clients_see_by_whichever_name_they_came() {
    let files = fresh_dir();
    Pair::of(&["*.apps.test", "www.test"]).write(&files, "apps");
    let file = |end: &str| files.join("apps").with_extension(end).display().to_string();
    let certificate = format!("certificate = {{ chain = \"{}\", key = \"{}\" }}", file("crt"), file("key"));
    let site = format!(
        "[[site]]\nname = \"up\"\nlistener = \"http\"\nhosts = [\"*.apps.test\", \"www.test\"]\n\
         [[site.route]]\nredirect = {{ scheme = \"https\" }}\n\
         [[listener]]\nname = \"tls\"\nbind = \"127.0.0.1:$https\"\npublic-port = 9443\ntls = {{}}\n\
         [[site]]\nname = \"apps\"\nlistener = \"tls\"\nhosts = [\"*.apps.test\", \"www.test\"]\npool = \"app\"\n{certificate}\n"
    );
    let weir = Plan::before(&[&Origin::named("n")]).more(&site).start();
    for host in ["www.test", "one.apps.test"] {
        let answer = weir.client().ask(format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.field("location"), Some(format!("https://{host}:9443/x")));
    }
}

#[test]
fn a_client_that_names_no_host_is_redirected_to_where_it_asked() {
    let more = "[[site]]\nname = \"rest\"\nlistener = \"http\"\nnameless = true\npool = \"app\"\n\
        [[site.route]]\nprefix = \"/s\"\nredirect = { scheme = \"https\" }\n\
        [[site.route]]\nprefix = \"/a\"\nredirect = { path = \"/there\" }\n";
    let weir = Plan::before(&[&Origin::named("n")]).more(more).start();
    let port = weir.http().port();
    for (target, expected) in
        [("/s", "https://127.0.0.1/s".to_owned()), ("/a", format!("http://127.0.0.1:{port}/there"))]
    {
        let answer = weir.client().ask(format!("GET {target} HTTP/1.0\r\n\r\n"));
        assert_eq!(answer.field("location"), Some(expected));
    }
}

#[test]
fn a_site_that_only_redirects_needs_no_pool() {
    let weir = Plan::text(
        "state-dir = \"$dir\"\nthreads = 1\n[admin]\nbind = \"127.0.0.1:$admin\"\n\
         [[listener]]\nname = \"http\"\nbind = \"127.0.0.1:$http\"\ntrusted-proxies = [\"127.0.0.1\"]\n\
         [[site]]\nname = \"up\"\nlistener = \"http\"\nhosts = [\"esb.test\"]\naccess-log = \"$dir/access.log\"\n\
         [[site.route]]\npath = \"/robots.txt\"\nanswer = { body = \"none\" }\n\
         [[site.route]]\nredirect = { scheme = \"https\" }\n",
    )
    .start();
    assert_eq!(weir.get("/a?b").field("location").as_deref(), Some("https://esb.test/a?b"));
    assert_eq!(weir.get("/robots.txt").text(), "none");
    // By way of a proxy that ended TLS there is nothing that could answer.
    let led_back = weir.client().ask(get("/", "X-Forwarded-Proto: https\r\n"));
    assert_eq!(led_back.refusal(), "421 redirect-loop");
    assert_eq!(weir.client().ask("GET / HTTP/1.1\r\nHost: no.test\r\n\r\n").status, 421);
}

#[test]
fn a_cookie_that_a_site_adds_stands_beside_the_sessions() {
    let origin = Origin::answering(|_| ok_with("Set-Cookie: JSESSIONID=1\r\n", "fine"));
    let weir =
        Plan::before(&[&origin]).secure().site("response-headers = { add = { Set-Cookie = \"seen=1\" } }").start();
    assert_eq!(weir.get("/").values("set-cookie"), ["JSESSIONID=1", "seen=1"]);
    let two = H2Client::connect(weir.https()).get("/", &[]).expect("an answer");
    let cookies: Vec<_> =
        two.fields.get_all("set-cookie").iter().map(|value| value.to_str().unwrap_or_default()).collect();
    assert_eq!(cookies, ["JSESSIONID=1", "seen=1"]);
}

#[test]
fn a_redirect_leads_to_where_the_request_is_served() {
    let origin = Origin::named("n");
    let http = "[[site]]\nname = \"up\"\nlistener = \"http\"\nhosts = [\"mgt.esb.test\"]\npool = \"app\"\n\
        [[site.route]]\nredirect = { scheme = \"https\", port = $https }\n\
        [[site]]\nname = \"there\"\nlistener = \"https\"\nhosts = [\"mgt.esb.test\"]\npool = \"app\"\n\
        certificate = { chain = \"$dir/esb.crt\", key = \"$dir/esb.key\" }\n";
    let weir = Plan::before(&[&origin]).secure().more(http).start();
    let answer = weir.client().ask("GET /a?b HTTP/1.1\r\nHost: mgt.esb.test\r\n\r\n");
    let location = answer.field("location").expect("it says where");
    let (host, target) = location.strip_prefix("https://").and_then(|url| url.split_once('/')).expect("a URL");
    let mut client = Client::tls(weir.https(), &Offer::http1("mgt.esb.test")).expect("a handshake");
    assert_eq!(client.ask(format!("GET /{target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).text(), "n /a?b");
}

#[test]
fn a_fixed_answer_is_what_is_written() {
    let origin = Origin::named("n");
    let routes = "[[site.route]]\npath = \"/robots.txt\"\nanswer = { body = \"Disallow: /\\n\" }\n\
        [[site.route]]\npath = \"/sorry\"\n\
        answer = { status = 503, content-type = \"text/html\", body = \"<p>Back at six</p>\" }\n\
        [[site.route]]\npath = \"/nothing\"\nanswer = { status = 204 }\n";
    let weir = Plan::before(&[&origin]).secure().site(routes).start();
    let mut client = weir.client();
    for (target, status, kind, body) in [
        ("/robots.txt", 200, Some("text/plain; charset=utf-8"), "Disallow: /\n"),
        ("/sorry", 503, Some("text/html"), "<p>Back at six</p>"),
        ("/nothing", 204, None, ""),
        ("/robots.txt", 200, Some("text/plain; charset=utf-8"), "Disallow: /\n"),
    ] {
        let answer = client.ask(get(target, ""));
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{target}");
        assert_eq!(answer.field("content-type").as_deref(), kind, "{target}");
        let head = client.ask(get(target, "").replace("GET", "HEAD"));
        assert_eq!((head.status, head.field("content-length")), (status, answer.field("content-length")), "{target}");
        let two = H2Client::connect(weir.https()).get(target, &[]).expect("an answer");
        assert_eq!((two.status, two.text().as_str()), (status, body), "{target} by HTTP/2");
    }
    assert_eq!(origin.count(), 0);
    assert_eq!(weir.metric("weir_refusals_total", &[("site", "main")]) as u32, 0, "it is an answer, no refusal");
}

/// Sends requests whose answers are Weir's own, and a last one for the node, on one connection.
fn goes_on(weir: &Appliance, requests: &[&str]) {
    let mut client = weir.client();
    for request in requests {
        let (head, body) = request.split_once("|").unwrap_or((request, ""));
        client.send(head);
        // The body comes on its own, after the answer if that is quick.
        let answer = client.answer().unwrap_or_else(|error| panic!("no answer to {request:?}: {error}"));
        assert_eq!(answer.field("connection"), None, "{request:?}: {answer:?}");
        client.send(body);
        assert_eq!(client.ask(get("/node", "")).text(), "n /node", "after {request:?}");
    }
}

#[test]
fn a_connection_goes_on_after_weirs_own_answers_whatever_body_came() {
    let origin = Origin::named("n");
    let routes = "[[site.route]]\nprefix = \"/there\"\nredirect = { to = \"https://www.example/\" }\n\
        [[site.route]]\nprefix = \"/no\"\ndeny = true\n"
        .to_owned()
        + &route("prefix = \"/own\"", "own");
    let weir = Plan::before(&[&origin]).site(&routes).start();
    for target in ["/there", "/own", "/no"] {
        let post = |fields: &str| format!("POST {target} HTTP/1.1\r\nHost: esb.test\r\n{fields}\r\n");
        goes_on(
            &weir,
            &[
                &get(target, ""),
                &(post("Content-Length: 5\r\n") + "|hello"),
                &(post("Content-Length: 5\r\n") + "he|llo"),
                &(post("Transfer-Encoding: chunked\r\n") + "|5\r\nhello\r\n0\r\n\r\n"),
                &(post("Content-Length: 30000\r\n") + "|" + &"x".repeat(30_000)),
            ],
        );
    }
    assert!(origin.seen().iter().all(|seen| seen.target() == "/node"), "{:?}", origin.seen());
}

#[test]
fn a_large_body_that_nobody_wants_holds_no_answer_up_and_ends_the_connection() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).site(&route("prefix = \"/own\"", "own")).start();
    let mut client = weir.client();
    client.send("POST /own HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 100000000\r\n\r\n");
    let answer = client.answer().expect("an answer that waits for no body");
    assert_eq!((answer.text().as_str(), answer.field("connection").as_deref()), ("own", Some("close")));
    assert!(client.is_closed(), "nothing more is answered, though its body may still come");
}

#[test]
fn a_client_that_waits_for_100_continue_gets_the_final_answer_at_once() {
    let origin = Origin::named("n");
    let routes = "[[site.route]]\nprefix = \"/there\"\nredirect = { to = \"https://www.example/\" }\n".to_owned()
        + &route("prefix = \"/own\"", "own");
    let weir = Plan::before(&[&origin]).secure().site(&routes).start();
    for (target, status) in [("/there", 308), ("/own", 200)] {
        let mut client = weir.client();
        let answer = client.ask(format!(
            "POST {target} HTTP/1.1\r\nHost: esb.test\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
        ));
        assert_eq!((answer.status, answer.interim.as_slice()), (status, &[][..]), "{target}");
        assert_eq!(answer.field("connection").as_deref(), Some("close"), "nobody knows whether the body still comes");
        assert!(client.is_closed());
        let pieces = [Bytes::from(vec![b'x'; 100_000])];
        let fields = [("expect", "100-continue"), ("content-length", "100000")];
        let answer = H2Client::connect(weir.https()).ask("POST", target, &fields, &pieces, None);
        assert_eq!(answer.expect("an answer").status, status, "{target} by HTTP/2");
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_route_has_deadlines_of_its_own() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::speaking(move |talk| {
        held.pass();
        talk.send(&ok("late"));
    });
    let routes = "[[site.route]]\nprefix = \"/quick\"\ntimeouts = { read = \"200ms\" }\n\
        [[site.route]]\nprefix = \"/slow\"\ntimeouts = { read = \"1h\" }\n";
    let weir = Plan::before(&[&origin]).pool("timeouts = { read = \"2s\" }\ntries = 1").site(routes).start();
    let ask = |target: &str| {
        let mut client = weir.client();
        client.send(get(target, ""));
        client
    };
    let (mut slow, mut quick, mut usual) = (ask("/slow"), ask("/quick"), ask("/usual"));
    assert_eq!(quick.answer().expect("an answer").refusal(), "504 answer-timeout");
    assert!(usual.stays_silent(Duration::from_millis(300)), "the pool's own time is longer");
    assert_eq!(usual.answer().expect("an answer").refusal(), "504 answer-timeout");
    assert!(slow.stays_silent(Duration::from_millis(100)), "its time is not over");
    gate.open();
    assert_eq!(slow.answer().expect("an answer").text(), "late");
}

#[test]
fn a_route_limits_bodies_in_its_own_way() {
    let origin = Origin::answering(|seen| ok(&seen.body().len().to_string()));
    let routes = "[[site.route]]\nprefix = \"/more\"\nmax-body = \"4KiB\"\n\
        [[site.route]]\nprefix = \"/less\"\nmax-body = \"10\"\n\
        [[site.route]]\nprefix = \"/all\"\nmax-body = \"0\"\n[[site.route]]\nprefix = \"/as-is\"\nmethods = [\"POST\"]\n";
    let weir = Plan::before(&[&origin]).site(&format!("max-body = \"1KiB\"\n{routes}")).start();
    let rows = [
        ("/", 1024, true),
        ("/", 1025, false),
        ("/as-is", 1024, true),
        ("/as-is", 1025, false),
        ("/less", 10, true),
        ("/less", 11, false),
        ("/more", 4096, true),
        ("/more", 4097, false),
        ("/all", 500_000, true),
    ];
    for (target, length, taken) in rows {
        let body = "x".repeat(length);
        let chunked = format!(
            "POST {target} HTTP/1.1\r\nHost: esb.test\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        );
        for answer in [weir.post(target, &body), weir.client().ask(chunked)] {
            let expected = if taken { 200 } else { 413 };
            assert_eq!(answer.status, expected, "{length} bytes to {target}: {answer:?}");
        }
    }
}

#[test]
fn nodes_get_the_fields_that_sites_and_routes_set_and_none_that_they_remove() {
    let origin = Origin::named("n");
    let lines = "request-headers = { set = { \"X-Env\" = \"site\", \"X-Team\" = \"ESB one\" }, remove = [\"X-Debug\", \"Cookie\"] }\n\
        [[site.route]]\nprefix = \"/own\"\n\
        request-headers = { set = { \"x-env\" = \"route\", \"Host\" = \"inner.test\" }, remove = [\"x-team\"] }\n";
    let weir = Plan::before(&[&origin]).secure().site(lines).start();
    let sent = [("x-env", "client"), ("x-debug", "1"), ("cookie", "a=b"), ("x-team", "mine"), ("accept", "*/*")];
    let lines: String = sent.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    for two in [false, true] {
        for (target, environment, team, host) in
            [("/", "site", &["ESB one"][..], "esb.test"), ("/own", "route", &[], "inner.test")]
        {
            if two {
                H2Client::connect(weir.https()).get(target, &sent).expect("an answer");
            } else {
                weir.client().ask(get(target, &lines));
            }
            let seen = origin.last();
            assert_eq!(seen.values("x-env"), [environment], "{target} {two}");
            assert_eq!(seen.values("x-team"), team, "{target} {two}");
            assert_eq!(seen.values("host"), [host], "{target} {two}");
            assert_eq!(seen.values("x-forwarded-host"), ["esb.test"], "{target} {two}");
            assert_eq!(seen.values("accept"), ["*/*"], "{target} {two}");
            assert!(seen.values("x-debug").is_empty() && seen.values("cookie").is_empty(), "{}", seen.text());
            assert_eq!(seen.doubtful, None);
        }
    }
}

#[test]
fn a_field_that_the_operator_sets_is_there_once_though_weir_writes_one_of_that_name() {
    // The node's answer has no Date.
    let origin = Origin::named("n");
    let lines = "via = true\nexplain = true\nnameless = true\nrequest-headers = { set = { Host = \"inner\", Via = \"1.1 x\" } }\n\
        response-headers = { set = { Date = \"never\", Via = \"1.1 y\", X-Weir = \"z\" } }\n\
        [[site.route]]\npath = \"/own\"\nanswer = { status = 200 }\n\
        [[site.route]]\npath = \"/no\"\ndeny = true\n";
    let weir = Plan::before(&[&origin]).secure().site(lines).start();
    for target in ["/", "/own", "/no"] {
        let two = H2Client::connect(weir.https()).get(target, &[]).expect("an answer");
        for one in [weir.get(target), weir.client().ask(format!("GET {target} HTTP/1.0\r\n\r\n"))] {
            for (name, expected) in [("date", "never"), ("via", "1.1 y"), ("x-weir", "z")] {
                assert_eq!(one.values(name), [expected], "{target} {name}");
                let all: Vec<_> = two.fields.get_all(name).iter().collect();
                assert_eq!(all, [expected], "{target} {name} by HTTP/2");
            }
        }
    }
    assert_eq!(origin.count(), 3);
    for seen in origin.seen() {
        assert_eq!(
            (seen.values("host"), seen.values("via")),
            (vec!["inner".into()], vec!["1.1 x".into()]),
            "{}",
            seen.text()
        );
    }
}

#[test]
fn clients_get_the_fields_that_are_set_on_nodes_answers_refusals_and_redirects_alike() {
    let origin = Origin::answering(|_| {
        ok_with("Strict-Transport-Security: max-age=1\r\nX-Powered-By: WSO2\r\nX-Kept: 1\r\n", "fine")
    });
    let lines = "response-headers = { set = { \"Strict-Transport-Security\" = \"max-age=31536000\" }, remove = [\"X-Powered-By\"] }\n\
        [[site.route]]\nprefix = \"/no\"\ndeny = true\n\
        [[site.route]]\nprefix = \"/there\"\nredirect = { to = \"https://www.example/\" }\n\
        [[site.route]]\nprefix = \"/own\"\nanswer = { body = \"own\" }\nresponse-headers = { set = { \"X-Own\" = \"1\" } }\n\
        [[site.route]]\nprefix = \"/bare\"\nresponse-headers = { remove = [\"Strict-Transport-Security\"] }\n\
        [[site.route]]\nprefix = \"/limited\"\nmax-body = \"1\"\n";
    let weir = Plan::before(&[&origin]).secure().site(lines).start();
    let hsts = ["max-age=31536000"];
    let rows = [("/", 200, 0), ("/no", 403, 0), ("/there", 308, 0), ("/own", 200, 1)];
    for (target, status, own) in rows {
        for answer in [weir.get(target), weir.secure_client().ask(get(target, ""))] {
            assert_eq!(
                (answer.status, answer.values("strict-transport-security")),
                (status, hsts.map(Into::into).into())
            );
            assert_eq!(answer.values("x-own").len(), own, "{target}");
            assert!(answer.values("x-powered-by").is_empty(), "{target}");
        }
        let two = H2Client::connect(weir.https()).get(target, &[]).expect("an answer");
        let all: Vec<_> =
            two.fields.get_all("strict-transport-security").iter().filter_map(|value| value.to_str().ok()).collect();
        assert_eq!((two.status, all), (status, vec![hsts[0]]), "{target} by HTTP/2");
        assert_eq!(two.fields.get_all("x-own").iter().count(), own, "{target}");
        assert!(!two.fields.contains_key("x-powered-by"));
    }
    assert_eq!(weir.get("/").values("x-kept"), ["1"]);
    assert_eq!(weir.get("/bare").values("strict-transport-security"), [""; 0]);
    let refused: Answer = weir.post("/limited", "too long");
    assert_eq!((refused.status, refused.values("strict-transport-security")), (413, hsts.map(Into::into).into()));
    origin.stop();
    let refused = weir.get("/");
    assert_eq!((refused.status, refused.values("strict-transport-security")), (502, hsts.map(Into::into).into()));
    assert_eq!(
        weir.client().ask("GET / HTTP/1.1\r\nHost: no.test\r\n\r\n").values("strict-transport-security").len(),
        0
    );
}

#[test]
fn who_came_by_tls_to_a_trusted_proxy_is_not_sent_to_https_again() {
    let origin = Origin::named("n");
    let route = "[[site.route]]\nprefix = \"/\"\nredirect = { scheme = \"https\" }\n";
    for (trusted, came_by, expected) in [
        ("127.0.0.0/8", "https", "n /x?y=z"),
        ("127.0.0.0/8", "http", "https://esb.test/x?y=z"),
        ("10.0.0.0/8", "https", "https://esb.test/x?y=z"),
    ] {
        let listener = format!("trusted-proxies = [\"{trusted}\"]");
        let weir = Plan::before(&[&origin]).listener(&listener).site(route).start();
        let answer = weir.client().ask(get("/x?y=z", &format!("X-Forwarded-Proto: {came_by}\r\n")));
        let told = answer.field("location").unwrap_or_else(|| answer.text());
        assert_eq!(told, expected, "by {came_by}, {trusted} trusted");
    }
}
