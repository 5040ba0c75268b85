//! What must not be reached is not, in whatever spelling and by whichever protocol; and who may come is asked.

use std::net::Ipv4Addr;

use crate::harness::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, Outcome, fields, frame};
use crate::harness::{Appliance, Client, Offer, Origin, Pair, Plan, Talk, eventually, ok};

/// The status over HTTP/1; 0 where the connection ends instead.
fn status_by_1(mut client: Client, host: &str, target: &str) -> u16 {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.answer().map_or(0, |answer| answer.status)
}

/// The same over HTTP/2; 0 where the stream or the connection ends instead.
fn status_by_2(weir: &Appliance, target: &str) -> u16 {
    let list: [(&[u8], &[u8]); 4] =
        [(b":method", b"GET"), (b":scheme", b"https"), (b":path", target.as_bytes()), (b":authority", b"esb.test")];
    let mut frames = Frames::connect(weir.https());
    frames.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &fields(&list)));
    match frames.outcome(1) {
        Ok(Outcome::Status(status)) => status,
        _ => 0,
    }
}

/// 403 where the path is what is denied, whichever way it is read; 400 where nobody can say what it is.
const SPELLINGS: [(&str, u16); 34] = [
    ("/carbon", 403),
    ("/carbon/", 403),
    ("/carbon?x=1", 403),
    ("/carbon/admin/login.jsp", 403),
    ("/%63arbon", 403),
    ("/c%61rb%6Fn/admin", 403),
    ("/%63%61%72%62%6f%6e", 403),
    ("/%2563arbon", 403),
    ("//carbon", 403),
    ("///carbon//admin", 403),
    ("/./carbon", 403),
    ("/%2e/carbon", 403),
    ("/.;x/carbon", 403),
    ("/x/../carbon", 403),
    ("/x/y/../../carbon/admin", 403),
    ("/carbon/x/..", 403),
    ("/carbon/../x", 403),
    ("/carbon;x=1", 403),
    ("/carbon;jsessionid=0A1B.worker1/admin", 403),
    ("/;x/carbon", 403),
    ("/carbon%3bx", 403),
    ("/carbon%2fadmin", 403),
    ("/%2fcarbon", 403),
    ("/carbon%5cadmin", 403),
    ("/%5Ccarbon", 403),
    ("/carbon\\admin", 400),
    ("/\\carbon", 400),
    ("/x/%2e%2e/carbon", 400),
    ("/x/..;/carbon", 400),
    ("/x/..%2fcarbon", 400),
    ("/x%2f../carbon", 400),
    ("/../carbon", 400),
    ("/x;%2fcarbon", 400),
    ("/carbon%00", 400),
];

#[test]
fn a_denied_path_is_denied_in_every_spelling() {
    let origin = Origin::named("n");
    let route = "[[site.route]]\nprefix = \"/carbon\"\ndeny = true\n";
    let weir = Plan::before(&[&origin]).secure().site(route).start();
    for (target, expected) in SPELLINGS {
        assert_eq!(status_by_1(weir.client(), "esb.test", target), expected, "{target}");
        assert_eq!(status_by_1(weir.secure_client(), "esb.test", target), expected, "{target} over TLS");
        let two = status_by_2(&weir, target);
        // A backslash is no part of an HTTP/2 path at all: the stream is reset.
        assert!(two == expected || two == 0 && target.contains('\\'), "{target} over HTTP/2: {two}");
        let absolute = format!("http://esb.test{target}");
        assert_eq!(status_by_1(weir.client(), "esb.test", &absolute), expected, "{absolute}");
    }
    assert_eq!(origin.count(), 0, "{:?}", origin.seen());
    assert_eq!(weir.get("/carbon").refusal(), "403 denied");
    for target in ["/carbonara", "/x/carbon", "/Carbon", "/x?/carbon", "/x;/carbon=1"] {
        assert_eq!(weir.get(target).text(), format!("n {target}"));
    }
}

/// The configuration that is shipped, with the addresses, ports and files of this test.
fn shipped(workers: [u16; 2], manager: u16) -> Plan {
    let mut text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/conf/weir.toml")).expect("it is there");
    let zeros = "0".repeat(64);
    let pin = format!("verify = \"pin\"\npins = [\"sha256:{zeros}\"]");
    let changes = [
        ("include = [\"sites/*.toml\"]", String::new()),
        ("/var/lib/weir", "$dir".to_owned()),
        ("127.0.0.1:9180", "127.0.0.1:$admin".to_owned()),
        ("0.0.0.0:80\"", "127.0.0.1:$http\"".to_owned()),
        ("0.0.0.0:443\"", "127.0.0.1:$https\"".to_owned()),
        ("address = \"10.0.0.3\"", "address = \"127.0.0.1\"".to_owned()),
        ("address = \"10.0.0.4\"", "address = \"127.0.0.2\"".to_owned()),
        ("address = \"10.0.0.2\"", "address = \"127.0.0.1\"".to_owned()),
        ("port = 8280", format!("port = {}", workers[0])),
        ("port = 8243", format!("port = {}", workers[1])),
        ("port = 9443\n", format!("port = {manager}\n")),
        ("{ kind = \"https\", port = 9443, path = \"/carbon/admin/login.jsp\", status = \"200\" }", String::new()),
        (pin.as_str(), "verify = \"none\"".to_owned()),
        ("../certs/wrk.", "$dir/esb.".to_owned()),
        ("../certs/mgt.", "$dir/esb.".to_owned()),
        ("esb.wso2.com", "esb.test".to_owned()),
        ("/var/log/weir", "$dir".to_owned()),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "conf/weir.toml has no {from}");
        text = text.replace(from, &to);
    }
    Plan::text(text)
}

/// In whichever way WSO2 finds a service: by what follows the last `/services` and one byte more, in path and query.
const MANAGEMENT: [&str; 58] = [
    "/carbon",
    "/carbon/admin/login.jsp",
    "/Carbon/",
    "/t/acme.com/carbon/admin/index.jsp",
    "/x/../carbon/",
    "/services/UserAdmin",
    "/services/UserAdmin/",
    "/services/UserAdmin?wsdl",
    "/services/UserAdmin/listUsers",
    "/services/UserAdmin.UserAdminHttpsSoap11Endpoint/",
    "/services/UserAdmin.UserAdminHttpsSoap12Endpoint",
    "/services/AuthenticationAdmin",
    "/services/ServerAdmin",
    "/services/TenantMgtAdminService",
    "/services/RemoteUserStoreManagerService",
    "/services/RemoteAuthorizationManagerService",
    "/services/WSRegistryService",
    "/services/CarbonAppUploader",
    "/services/LogViewer",
    "/services/t/acme.com/UserAdmin",
    "/t/acme.com/services/UserAdmin",
    "/SERVICES/useradmin",
    "/%73ervices/%55serAdmin",
    "/services;x=1/UserAdmin;y=2",
    "/services//UserAdmin",
    "/services/./UserAdmin",
    "/services/Echo/../UserAdmin",
    "/services%2fUserAdmin",
    "/services/%2555serAdmin",
    "/services%5CUserAdmin",
    "/x/services/UserAdmin",
    "/services/Echo/services/UserAdmin",
    "/services/Echo/services%0aUserAdmin",
    "/servicesXUserAdmin",
    "/services;UserAdmin",
    "/services;UserAdmin/listUsers",
    "/services?UserAdmin",
    "/services/Echo;x=/services;UserAdmin",
    "/services/Echo?x=/services/UserAdmin",
    "/services/Echo?/services/UserAdmin",
    "/services/Echo?x=/services/UserAdmin&y=1",
    "/services/Echo?x=/services/UserAdmin?wsdl",
    "/services/Echo?x=/services/UserAdmin/listUsers",
    "/services/Echo?x=/services/UserAdmin.UserAdminHttpsSoap11Endpoint",
    "/services/Echo?x=/services/t/acme.com/UserAdmin",
    "/services/Echo?x=/t/acme.com/services/UserAdmin",
    "/services/Echo?x=/services//UserAdmin",
    "/services/Echo?x=/SERVICES/useradmin",
    "/services/Echo?x=/services;UserAdmin",
    "/services/Echo?x=/servicesXUserAdmin",
    "/services/Echo?x=%2Fservices%2FUserAdmin",
    "/services/Echo?x=%252Fservices%252FUserAdmin",
    "/services/Echo?x=/services/User%41dmin",
    "/services/Echo?x=/services/Remote%55serStoreManagerService",
    "/services/Echo%3Fx=/services/UserAdmin",
    "/services/Echo?x=/services/LogViewer%00",
    "/?/services/UserAdmin",
    "/carbon;x=1?y=2",
];

/// What is no business of that route.
const PUBLIC: [&str; 27] = [
    "/",
    "/services",
    "/services/",
    "/services/Echo",
    "/services/Echo?wsdl",
    "/services/Echo.EchoHttpSoap11Endpoint/",
    "/services/UserAdministration",
    "/services/UserAdminProxy/call",
    "/services/Orders/admin",
    "/services/t/acme.com/Echo",
    "/webservices/Orders",
    "/carbonara",
    "/api/carbon-footprint",
    "/my-services/x;jsessionid=0A1B.worker1",
    "/services/Echo?xsd=xsd0.xsd",
    "/services/Echo?x=/services/Orders",
    "/services/Echo?x=%2Fservices%2FOrders%00",
    "/services/Echo?role=Admin",
    "/services/Echo?x=UserAdmin",
    "/services?role=Admin",
    "/services/Echo?x=/carbon/",
    "/services/Echo?x=../../carbon",
    "/services/Echo?x=/services/UserAdministration",
    "/services/UserAdmin_v2?wsdl",
    "/service/OrderAdmin",
    "/servicedeskAdmin",
    "/services/Echo?x=100%&y=%zz",
];

#[test]
fn the_shipped_configuration_keeps_the_management_from_the_workers_and_nothing_else() {
    let says = |name: &'static str| move |talk: &mut Talk| talk.send(&ok(name));
    let pair = Pair::of_a_stock_node();
    let (plain, secure) = (Origin::speaking(says("worker")), Origin::speaking_tls(&pair, says("worker")));
    let second = Ipv4Addr::new(127, 0, 0, 2);
    let (other, other_secure) = (plain.beside(second, says("worker")), secure.beside(second, says("worker")));
    let manager = Origin::speaking_tls(&pair, says("manager"));
    let weir = shipped([plain.port(), secure.port()], manager.port()).start();
    let active = |pool, node| weir.state(pool, node) == "active";
    eventually("the workers' probes pass", || {
        let pools = ["esb-http", "esb-https"];
        pools.iter().all(|pool| active(pool, "worker1") && active(pool, "worker2"))
    });
    let reached = || plain.count() + secure.count() + other.count() + other_secure.count();
    for target in MANAGEMENT {
        assert_eq!(status_by_1(weir.client(), "esb.test", target), 403, "{target}");
        assert_eq!(status_by_1(weir.secure_client(), "esb.test", target), 403, "{target} over TLS");
        assert_eq!(status_by_2(&weir, target), 403, "{target} over HTTP/2");
        let mut manages = Client::tls(weir.https(), &Offer::http1("mgt.esb.test")).expect("a handshake");
        let answer = manages.ask(format!("GET {target} HTTP/1.1\r\nHost: mgt.esb.test\r\n\r\n"));
        assert_eq!(answer.text(), "manager", "{target}");
        assert_eq!(answer.values("strict-transport-security"), ["max-age=31536000"]);
    }
    assert_eq!(reached(), 0);
    for target in PUBLIC {
        assert_eq!(weir.get(target).text(), "worker", "{target}");
        assert_eq!(status_by_2(&weir, target), 200, "{target} over HTTP/2");
    }
    assert_eq!(reached(), 2 * PUBLIC.len());
    // Who gives no name reaches the workers, and never the console.
    let nameless = || Client::tls(weir.https(), &Offer::http1("127.0.0.1")).expect("a handshake");
    for host in ["esb.test", "127.0.0.1", "10.1.1.1:443"] {
        assert_eq!(status_by_1(nameless(), host, "/services/Echo"), 200, "{host}");
        assert_eq!(status_by_1(weir.client(), host, "/services/Echo"), 200, "{host}, plain");
        assert_eq!(status_by_1(nameless(), host, "/carbon/admin/login.jsp"), 403, "{host}");
    }
    assert_eq!(status_by_1(nameless(), "other.test", "/services/Echo"), 421);
    assert!(Client::tls(weir.https(), &Offer::http1("other.test")).is_err());
    assert_eq!(nameless().ask("GET / HTTP/1.1\r\nHost: mgt.esb.test\r\n\r\n").text(), "manager");
}

#[test]
fn sites_and_routes_ask_who_comes() {
    let origin = Origin::named("n");
    let site = "allow-from = [\"10.0.0.0/8\", \"2001:db8::/32\", \"127.0.0.1\"]\ndeny-from = [\"10.66.0.0/16\"]\n\
        [[site.route]]\nprefix = \"/inner\"\nallow-from = [\"10.1.0.0/16\", \"192.0.2.0/24\"]\n\
        [[site.route]]\nprefix = \"/closed\"\ndeny-from = [\"10.2.0.0/16\"]\nanswer = { body = \"own\" }\n";
    let weir = Plan::before(&[&origin]).listener("trusted-proxies = [\"127.0.0.0/8\"]").site(site).start();
    let rows = [
        ("10.1.2.3", "/", true),
        ("10.66.2.3", "/", false),
        ("11.0.0.1", "/", false),
        ("2001:db8::5", "/", true),
        ("[2001:db8::5]:8080", "/", true),
        ("2001:db9::5", "/", false),
        ("::ffff:10.1.2.3", "/", true),
        ("::ffff:10.66.2.3", "/", false),
        ("10.1.2.3", "/inner", true),
        ("10.3.2.3", "/inner/x", false),
        ("192.0.2.1", "/inner", false),
        ("127.0.0.1", "/inner", false),
        ("10.1.2.3", "/closed", true),
        ("10.2.2.3", "/closed", false),
        // What a client claims stands to the left of what the proxy saw.
        ("10.1.2.3, 11.0.0.1", "/", false),
        ("11.0.0.1, 10.1.2.3", "/", true),
        ("11.0.0.1, 10.1.2.3, 127.0.0.9", "/", true),
        ("", "/", true),
    ];
    let mut let_in = 0;
    for (client, target, may) in rows {
        let from = format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-For: {client}\r\n\r\n");
        let answer = weir.client().ask(from);
        assert_eq!(answer.status, if may { 200 } else { 403 }, "{client} to {target}: {answer:?}");
        if !may {
            assert_eq!(answer.refusal(), "403 denied");
        }
        let_in += usize::from(may && target != "/closed");
    }
    assert_eq!(origin.count(), let_in);
}

#[test]
fn a_peer_that_is_not_trusted_cannot_forge_its_address() {
    for trusted in ["trusted-proxies = []", "trusted-proxies = [\"192.0.2.1\"]", ""] {
        let origin = Origin::named("n");
        let weir = Plan::before(&[&origin]).listener(trusted).site("allow-from = [\"10.0.0.0/8\"]").start();
        let from = "GET / HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n";
        assert_eq!(weir.client().ask(from).refusal(), "403 denied", "{trusted}");
        assert_eq!(origin.count(), 0);
    }
}
