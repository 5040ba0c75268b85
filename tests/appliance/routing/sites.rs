//! Which site a request belongs to, and what its node is told about the client.

use crate::harness::{Answer, Appliance, Client, Offer, Origin, Plan, ok_with};

const THREE_SITES: &str = r#"
state-dir = "$dir"
[admin]
bind = "127.0.0.1:$admin"
[[listener]]
name = "http"
bind = "127.0.0.1:$http"
[[listener]]
name = "https"
bind = "127.0.0.1:$https"
tls = { min-version = "1.2" }
[[node]]
name = "worker"
address = "127.0.0.1"
[[node]]
name = "manager"
address = "127.0.0.1"
[[pool]]
name = "esb"
nodes = ["worker"]
port = $worker
[[pool]]
name = "mgt"
nodes = ["manager"]
port = $manager
[[site]]
name = "esb.http"
listener = "http"
hosts = ["esb.test"]
pool = "esb"
[[site]]
name = "esb.https"
listener = "https"
hosts = ["esb.test"]
certificate = { chain = "$dir/esb.crt", key = "$dir/esb.key" }
pool = "esb"
[[site]]
name = "mgt.https"
listener = "https"
hosts = ["mgt.esb.test"]
certificate = { chain = "$dir/esb.crt", key = "$dir/esb.key" }
pool = "mgt"
"#;

struct World {
    worker: Origin,
    manager: Origin,
    weir: Appliance,
}

fn three_sites(more: &str) -> World {
    let (worker, manager) = (Origin::named("worker"), Origin::named("manager"));
    let text =
        THREE_SITES.replace("$worker", &worker.port().to_string()).replace("$manager", &manager.port().to_string());
    let weir = Plan::text(text + more).start();
    World { worker, manager, weir }
}

fn plain(weir: &Appliance, host: &str) -> Answer {
    weir.client().ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

fn secure(weir: &Appliance, name: &str, host: &str) -> Answer {
    let mut client = Client::tls(weir.https(), &Offer::http1(name)).expect("the handshake succeeds");
    client.ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

#[test]
fn each_host_reaches_its_own_pool() {
    let World { weir, worker, manager } = &three_sites("");
    assert_eq!(plain(weir, "esb.test").text(), "worker /");
    assert_eq!(secure(weir, "esb.test", "esb.test").text(), "worker /");
    assert_eq!(secure(weir, "mgt.esb.test", "mgt.esb.test").text(), "manager /");
    assert_eq!((worker.count(), manager.count()), (2, 1));
}

#[test]
fn a_host_is_found_whatever_its_case_port_or_trailing_dot() {
    let World { weir, .. } = &three_sites("");
    for host in ["ESB.test", "esb.test:80", "esb.test:8080", "esb.test.", "eSb.TeSt:1"] {
        assert_eq!(plain(weir, host).text(), "worker /", "{host}");
    }
}

#[test]
fn an_unknown_host_gets_421_and_reaches_nobody() {
    let World { weir, worker, manager } = &three_sites("");
    for host in ["other.test", "mgt.esb.test", "127.0.0.1", "test", "sub.esb.test", "esb.test.evil"] {
        let answer = plain(weir, host);
        assert_eq!(answer.refusal(), "421 unknown-host", "{host}");
    }
    assert_eq!((worker.count(), manager.count()), (0, 0));
}

#[test]
fn the_console_is_not_reached_under_the_name_of_another_site_on_the_same_connection() {
    let World { weir, manager, .. } = &three_sites("");
    // The name in the handshake chose the certificate; the Host of the request chooses the site, and only by its own name.
    let answer = secure(weir, "esb.test", "mgt.esb.test");
    assert!(answer.status == 421 || answer.text() == "manager /", "{answer:?}");
    let answer = weir.client().ask("GET https://mgt.esb.test/carbon HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    assert_eq!(answer.status, 400);
    assert!(manager.count() <= 1);
}

#[test]
fn a_default_site_takes_what_no_other_site_takes() {
    let site = "[[site]]\nname = \"rest\"\nlistener = \"http\"\ndefault = true\nhosts = []\npool = \"mgt\"\n";
    let World { weir, .. } = &three_sites(site);
    assert_eq!(plain(weir, "esb.test").text(), "worker /");
    assert_eq!(plain(weir, "anything.example").text(), "manager /");
    assert_eq!(weir.client().ask("GET / HTTP/1.0\r\n\r\n").text(), "manager /");
}

#[test]
fn an_exact_name_wins_over_a_wildcard_and_the_longer_wildcard_over_the_shorter() {
    let site = |name: &str, host: &str, pool: &str| {
        format!("[[site]]\nname = \"{name}\"\nlistener = \"http\"\nhosts = [\"{host}\"]\npool = \"{pool}\"\n")
    };
    let more = site("short", "*.wild.test", "esb")
        + &site("long", "*.deep.wild.test", "mgt")
        + &site("exact", "one.deep.wild.test", "esb");
    let World { weir, .. } = &three_sites(&more);
    let rows = [
        ("a.wild.test", "worker /"),
        ("a.b.wild.test", "worker /"),
        ("a.deep.wild.test", "manager /"),
        ("one.deep.wild.test", "worker /"),
        ("ONE.DEEP.WILD.TEST:80", "worker /"),
    ];
    for (host, expected) in rows {
        assert_eq!(plain(weir, host).text(), expected, "{host}");
    }
    assert_eq!(plain(weir, "wild.test").status, 421);
}

#[test]
fn a_handshake_for_an_unknown_name_is_refused() {
    let World { weir, worker, .. } = &three_sites("");
    for name in ["other.test", "sub.esb.test", "localhost"] {
        let refused = Client::tls(weir.https(), &Offer::http1(name)).err().map(|error| error.to_string());
        let refused = refused.unwrap_or_else(|| panic!("{name} got a handshake"));
        assert!(refused.contains("UnrecognisedName") || refused.contains("AccessDenied"), "{name}: {refused}");
    }
    assert_eq!(worker.count(), 0);
}

#[test]
fn a_default_site_shows_its_certificate_to_unknown_names() {
    let site = "[[site]]\nname = \"rest\"\nlistener = \"https\"\ndefault = true\nhosts = []\npool = \"mgt\"\n\
        certificate = { chain = \"$dir/esb.crt\", key = \"$dir/esb.key\" }\n";
    let World { weir, .. } = &three_sites(site);
    assert_eq!(secure(weir, "other.test", "other.test").text(), "manager /");
    assert_eq!(secure(weir, "127.0.0.1", "127.0.0.1").text(), "manager /");
}

#[test]
fn nodes_are_told_what_the_guide_tells_them_and_the_listener_too() {
    let World { weir, worker, .. } = &three_sites("");
    let mut client = Client::tls(weir.https(), &Offer::http1("esb.test")).expect("the handshake succeeds");
    client.ask("GET /a?b=c HTTP/1.1\r\nHost: ESB.test:8443\r\nX-Forwarded-For: 192.0.2.1\r\nAccept: */*\r\n\r\n");
    let expected = "GET /a?b=c HTTP/1.1\r\nHost: ESB.test:8443\r\nAccept: */*\r\nX-Forwarded-Host: esb.test\r\n\
         X-Forwarded-Server: esb.test\r\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Port: 8443\r\nX-Real-IP: 127.0.0.1\r\nX-Request-Id: ID\r\n\r\n";
    assert_eq!(worker.last().text_but_id(), expected);
}

#[test]
fn strangers_are_not_believed_once_trusted_proxies_are_named() {
    for (trusted, expected, real, host, proto) in [
        ("[\"192.0.2.0/24\"]", "127.0.0.1", "127.0.0.1", "esb.test", "http"),
        ("[\"127.0.0.0/8\"]", "198.51.100.7, 127.0.0.1", "198.51.100.7", "www.test", "https"),
    ] {
        let origin = Origin::named("n");
        let weir = Plan::before(&[&origin]).listener(&format!("trusted-proxies = {trusted}")).start();
        weir.client().ask(
            "GET / HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Host: www.test\r\n\
             X-Forwarded-Proto: https, http\r\nX-Real-IP: 203.0.113.9\r\nX_Forwarded_For: 203.0.113.9\r\n\r\n",
        );
        let seen = origin.last();
        assert_eq!(seen.values("x-forwarded-for"), [expected], "{trusted}");
        assert_eq!(seen.values("x-forwarded-host"), [host], "{trusted}");
        assert_eq!(seen.values("x-forwarded-proto"), [proto], "{trusted}");
        assert_eq!(seen.values("x-real-ip"), [real], "{trusted}");
        assert_eq!(seen.values("host"), ["esb.test"], "{trusted}");
        assert_eq!(seen.values("x_forwarded_for"), [""; 0], "{trusted}");
    }
}

#[test]
fn a_site_with_via_names_itself_both_ways_and_another_does_not() {
    let origin = Origin::answering(|_| ok_with("Via: 1.0 inner\r\n", "fine"));
    let more = "[[site]]\nname = \"named\"\nlistener = [\"http\", \"https\"]\nhosts = [\"*.esb.test\"]\npool = \"app\"\nvia = true\n\
        certificate = { chain = \"$dir/esb.crt\", key = \"$dir/esb.key\" }\n";
    let weir = Plan::before(&[&origin]).secure().more(&more.replace("*.esb", "mgt.esb")).start();
    let ask = |host: &str, version: &str| {
        weir.client().ask(format!("GET / HTTP/{version}\r\nHost: {host}\r\nVia: 1.1 outer\r\n\r\n"))
    };
    // Via names the protocol of the hop that brought the message (RFC 9110, 7.6.3).
    for (version, up) in [("1.1", "1.1 weir"), ("1.0", "1.0 weir")] {
        assert_eq!(ask("mgt.esb.test", version).values("via"), ["1.0 inner", "1.1 weir"], "{version}");
        assert_eq!(origin.last().values("via"), ["1.1 outer", up], "{version}");
    }
    assert_eq!(ask("esb.test", "1.1").values("via"), ["1.0 inner"]);
    assert_eq!(origin.last().values("via"), ["1.1 outer"]);
    let mut secure = Client::tls(weir.https(), &Offer::http1("mgt.esb.test")).expect("a handshake");
    assert_eq!(secure.ask("GET / HTTP/1.1\r\nHost: mgt.esb.test\r\n\r\n").values("via"), ["1.0 inner", "1.1 weir"]);
}

#[test]
fn a_site_redirects_what_its_routes_leave() {
    let origin = Origin::named("n");
    let old = "[[site]]\nname = \"old\"\nlistener = \"http\"\nhosts = [\"old.test\"]\nredirect = { scheme = \"https\", status = 301 }\n";
    let kept = "[[site.route]]\nprefix = \"/.well-known\"\npool = \"app\"";
    let weir = Plan::before(&[&origin]).more(&format!("{old}{kept}")).start();
    let ask = |target: &str| weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: old.test\r\n\r\n"));
    let answer = ask("/a?b=c");
    assert_eq!((answer.status, answer.field("location").as_deref()), (301, Some("https://old.test/a?b=c")));
    assert_eq!(ask("/.well-known/x").status, 200);
    assert_eq!(origin.count(), 1);
}
