//! `$client`, `$host` and the like in fields that an operator sets: what nodes and clients get of them.

use std::net::Ipv6Addr;

use crate::harness::{Answer, Appliance, Client, H2Answer, H2Client, Origin, Plan, Talk, free_port, ok_with};

const UP: &str = "request-headers = { set = { X-From = \"$scheme://$host:${port}/ $client\", X-Id = \"<$request-id>\", \
    X-Price = \"5$ or $$5\", X-Fixed = \"fixed\" } }\n";
const DOWN: &str =
    "response-headers = { set = { X-You = \"a $client b\" }, add = { X-Asked = \"${host}_${port}\" } }\n";

/// Writes fields of the same names as the site.
fn node() -> Origin {
    Origin::answering(|_| ok_with("X-You: node\r\nX-Asked: node\r\n", "fine"))
}

fn ask(mut client: Client, target: &str, host: &str, fields: &str) -> Answer {
    client.ask(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"))
}

fn values(answer: &H2Answer, name: &str) -> Vec<String> {
    answer.fields.get_all(name).iter().map(|value| value.to_str().expect("text").to_owned()).collect()
}

/// What the node was told last: the origin, and the id.
#[track_caller]
fn told(origin: &Origin) -> String {
    let seen = origin.last();
    let (from, id) = (seen.values("x-from"), seen.values("x-id"));
    assert_eq!((from.len(), id.len()), (1, 1), "{}", seen.text());
    assert_eq!(id[0], format!("<{}>", seen.values("x-request-id")[0]));
    assert_eq!(seen.doubtful, None);
    from[0].clone()
}

#[test]
fn node_and_client_are_told_what_is_set_for_this_request() {
    let origin = node();
    let weir = Plan::before(&[&origin]).secure().site(&format!("{UP}{DOWN}")).start();
    let forged = "X-From: forged\r\nx-id: forged\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\n\
        X-Forwarded-Host: forged.test\r\n";
    let answer = ask(weir.client(), "/", "ESB.test:8443", forged);
    assert_eq!(told(&origin), "http://esb.test:8443/ 127.0.0.1");
    assert_eq!(
        (answer.values("x-you"), answer.values("x-asked")),
        (vec!["a 127.0.0.1 b".into()], vec!["node".into(), "esb.test_8443".into()])
    );
    assert_eq!(origin.last().values("x-price"), ["5$ or $5"]);
    assert_eq!(origin.last().values("x-fixed"), ["fixed"]);
    let mut two = H2Client::connect(weir.https());
    for _ in 0..2 {
        let answer = two.get("/", &[("x-from", "forged"), ("x-you", "forged")]).expect("an answer");
        assert_eq!(told(&origin), "https://esb.test:443/ 127.0.0.1");
        assert_eq!(values(&answer, "x-you"), ["a 127.0.0.1 b"]);
        assert_eq!(values(&answer, "x-asked"), ["node", "esb.test_443"]);
    }
    let ids: Vec<_> = origin.seen().iter().flat_map(|seen| seen.values("x-id")).collect();
    assert!(ids.len() == 3 && ids[1] != ids[2], "each request has its own: {ids:?}");
}

#[test]
fn a_trusted_proxy_says_who_came_and_a_stranger_does_not() {
    let origin = node();
    let fields = "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
        X-Forwarded-Host: www.test:9443\r\nX-Request-Id: edge-1\r\n";
    for (trusted, expected) in [
        ("trusted-proxies = [\"127.0.0.1\"]", "https://www.test:9443/ 203.0.113.9"),
        ("trusted-proxies = [\"192.0.2.1\"]", "http://esb.test:80/ 127.0.0.1"),
        ("trusted-proxies = []", "http://esb.test:80/ 127.0.0.1"),
        ("", "http://esb.test:80/ 127.0.0.1"),
    ] {
        let weir = Plan::before(&[&origin]).listener(trusted).site(&format!("{UP}{DOWN}")).start();
        let answer = ask(weir.client(), "/", "esb.test", fields);
        assert_eq!(told(&origin), expected, "{trusted}");
        let client = expected.rsplit(' ').next().unwrap_or_default();
        assert_eq!(answer.values("x-you"), [format!("a {client} b")], "{trusted}");
        assert_eq!(origin.last().values("x-id") == ["<edge-1>"], trusted.contains("127"), "{trusted}");
    }
    // What is no address or no host is none from a trusted proxy either.
    let weir = Plan::before(&[&origin]).listener("trusted-proxies = [\"127.0.0.1\"]").site(UP).start();
    ask(
        weir.client(),
        "/",
        "esb.test",
        "X-Forwarded-For: <script>\r\nX-Forwarded-Host: a b\r\nX-Forwarded-Port: 1;x\r\n",
    );
    assert_eq!(told(&origin), "http://esb.test:80/ 127.0.0.1");
}

#[test]
fn the_next_node_is_told_the_same_once() {
    let (bad, good) = (Origin::speaking(Talk::reset), node());
    let weir = Plan::before(&[&bad, &good]).site(UP).start();
    for _ in 0..2 {
        assert_eq!(ask(weir.client(), "/", "esb.test", "").status, 200);
        assert_eq!(told(&good), "http://esb.test:80/ 127.0.0.1");
    }
    let first = bad.last();
    let again = good.seen().into_iter().find(|seen| seen.values("x-id") == first.values("x-id"));
    let again = again.expect("one of both requests went to the other node first");
    assert_eq!(again.values("x-from"), first.values("x-from"));
}

#[test]
fn weirs_own_answers_say_it_too_once_a_site_is_found() {
    let origin = node();
    let routes = "[[site.route]]\nprefix = \"/no\"\ndeny = true\n\
        [[site.route]]\nprefix = \"/there\"\nredirect = { to = \"https://www.example/\" }\n\
        [[site.route]]\nprefix = \"/own\"\nanswer = { body = \"own\" }\nresponse-headers = { set = { X-Own = \"$request-id\" } }\n\
        [[site.route]]\nprefix = \"/bare\"\nresponse-headers = { remove = [\"X-You\"] }\n";
    let weir = Plan::before(&[&origin]).secure().site(&format!("{DOWN}{routes}")).start();
    let mut two = H2Client::connect(weir.https());
    for (target, status) in [("/no", 403), ("/there", 308), ("/own", 200)] {
        let one = ask(weir.client(), target, "esb.test", "");
        assert_eq!((one.status, one.values("x-you")), (status, vec!["a 127.0.0.1 b".to_owned()]), "{target}");
        assert_eq!(one.values("x-asked"), ["esb.test_80"]);
        let own = if target == "/own" { one.values("x-request-id") } else { Vec::new() };
        assert_eq!(one.values("x-own"), own, "{target}");
        let two = two.get(target, &[]).expect("an answer");
        assert_eq!((two.status, values(&two, "x-you")), (status, vec!["a 127.0.0.1 b".to_owned()]), "{target}");
        assert_eq!(values(&two, "x-asked"), ["esb.test_443"]);
        let own = if target == "/own" { values(&two, "x-request-id") } else { Vec::new() };
        assert_eq!(values(&two, "x-own"), own, "{target}");
    }
    assert_eq!(ask(weir.client(), "/bare", "esb.test", "").values("x-you"), ["node"; 0]);
    for strange in [ask(weir.client(), "/", "nobody.test", ""), ask(weir.client(), "/ x", "esb.test", "")] {
        assert!(matches!(strange.status, 400 | 421), "{}", strange.head);
        assert!(strange.values("x-you").is_empty() && strange.values("x-asked").is_empty(), "{}", strange.head);
    }
    origin.stop();
    let failed = ask(weir.client(), "/", "esb.test", "");
    assert_eq!((failed.status, failed.values("x-you")), (502, vec!["a 127.0.0.1 b".to_owned()]));
}

#[test]
fn a_route_sets_anew_what_its_site_removes_or_sets() {
    let origin = node();
    let lines = "request-headers = { set = { X-A = \"site $client\" }, remove = [\"X-B\"] }\n\
        [[site.route]]\nprefix = \"/own\"\nrequest-headers = { set = { X-B = \"$scheme\", Host = \"$host:9443\" }, remove = [\"x-a\"] }\n";
    let weir = Plan::before(&[&origin]).site(lines).start();
    let sent = "X-A: client\r\nX-B: client\r\nx-b: again\r\n";
    for (target, a, b, host) in
        [("/", &["site 127.0.0.1"][..], &[][..], "esb.test"), ("/own", &[], &["http"], "esb.test:9443")]
    {
        ask(weir.client(), target, "esb.test", sent);
        let seen = origin.last();
        assert_eq!((seen.values("x-a"), seen.values("x-b")), (texts(a), texts(b)), "{}", seen.text());
        assert_eq!(seen.values("host"), [host]);
    }
}

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_reload_changes_the_value_and_one_that_is_wrong_changes_nothing() {
    let origin = node();
    let mut weir = Plan::before(&[&origin]).site("request-headers = { set = { X-A = \"$client\" } }\n").start();
    let mut kept = weir.client();
    let mut told = |weir: &Appliance| {
        for client in [&mut kept, &mut weir.client()] {
            client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        }
        let seen = origin.seen();
        let last: Vec<_> = seen[seen.len() - 2..].iter().flat_map(|seen| seen.values("x-a")).collect();
        assert_eq!(last[0], last[1], "a connection that is kept sees it too");
        last[0].clone()
    };
    assert_eq!(told(&weir), "127.0.0.1");
    weir.edit(|text| text.replace("$client", "$scheme"));
    weir.reload();
    assert_eq!(told(&weir), "http");
    weir.edit(|text| text.replace("$scheme", "$remote_addr"));
    weir.reload();
    assert_eq!(told(&weir), "http");
    weir.tells("$remote_addr is not known");
    weir.edit(|text| text.replace("$remote_addr", "$$client"));
    weir.reload();
    assert_eq!(told(&weir), "$client");
}

#[test]
fn an_ipv6_client_and_one_that_gives_no_host() {
    let (origin, http) = (node(), free_port());
    let more = format!(
        "[[listener]]\nname = \"http6\"\nbind = \"[::1]:{http}\"\n\
         [[site]]\nname = \"six\"\nlistener = \"http6\"\nhosts = [\"[::1]\", \"six.test\"]\nnameless = true\npool = \"app\"\n{UP}"
    );
    let _weir = Plan::before(&[&origin]).more(&more).start();
    let client = || Client::plain((Ipv6Addr::LOCALHOST, http).into()).expect("the listener at ::1 accepts");
    ask(client(), "/", &format!("[::1]:{http}"), "");
    assert_eq!(told(&origin), format!("http://[::1]:{http}/ ::1"));
    assert_eq!(client().ask("GET / HTTP/1.0\r\n\r\n").status, 200);
    let told = told(&origin);
    let host = origin.last().values("x-forwarded-host")[0].clone();
    assert!(told.starts_with(&format!("http://{host}:")) && told.ends_with("/ ::1"), "{told}");
}
