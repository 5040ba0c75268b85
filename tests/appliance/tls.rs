//! TLS on both sides: what clients get, and which nodes are believed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::ProtocolVersion;

use crate::harness::{Agreed, Appliance, Client, Offer, Origin, Pair, Plan, Seen, ok};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";

fn world() -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().listener("handshake-timeout = \"1s\"").start();
    (origin, weir)
}

fn agree(weir: &Appliance, offer: &Offer) -> std::io::Result<Agreed> {
    Client::tls_with(weir.https(), &Arc::new(offer.config()), &offer.name).map(|made| made.1)
}

#[test]
fn versions_and_protocols_are_agreed_as_offered() {
    let (_origin, weir) = world();
    let both = |protocols: Vec<&'static str>| Offer { protocols, ..Offer::http1("esb.test") };
    let rows = [
        (both(vec!["h2", "http/1.1"]), Some("h2")),
        (both(vec!["http/1.1", "h2"]), Some("h2")),
        (both(vec!["http/1.1"]), Some("http/1.1")),
        (both(vec![]), None),
    ];
    for (offer, expected) in rows {
        let agreed = agree(&weir, &offer).expect("a handshake");
        assert_eq!(agreed.protocol.as_deref(), expected, "{:?}", offer.protocols);
        assert_eq!(agreed.version, Some(ProtocolVersion::TLSv1_3));
    }
    let old = Offer { versions: vec![&rustls::version::TLS12], ..Offer::http1("esb.test") };
    assert_eq!(agree(&weir, &old).expect("a handshake").version, Some(ProtocolVersion::TLSv1_2));
}

#[test]
fn a_listener_that_asks_for_1_3_takes_no_1_2() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).secure().start();
    weir.edit(|text| text.replace("min-version = \"1.2\"", "min-version = \"1.3\""));
    weir.reload();
    let old = Offer { versions: vec![&rustls::version::TLS12], ..Offer::http1("esb.test") };
    assert!(agree(&weir, &old).is_err());
    assert!(agree(&weir, &Offer::http1("esb.test")).is_ok());
}

#[test]
fn tickets_survive_a_reload() {
    let (_origin, mut weir) = world();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = Arc::new(Offer { versions: vec![version], ..Offer::http1("esb.test") }.config());
        let (mut first, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
        assert!(!agreed.resumed);
        assert_eq!(first.ask(GET).status, 200);
        weir.reload();
        let (mut second, agreed) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
        assert!(agreed.resumed, "{version:?}");
        assert_eq!(second.ask(GET).status, 200);
    }
}

#[test]
fn plain_http_and_rubbish_on_the_tls_port_end_at_once() {
    let (origin, weir) = world();
    for bytes in [GET.as_bytes(), b"\x16\x03\x01\x00\x01\x00", b"\x80\x2e\x01\x00\x02", b"\0\0\0\0\0\0\0\0"] {
        let mut socket = TcpStream::connect(weir.https()).expect("the listener accepts");
        socket.set_read_timeout(Some(Duration::from_secs(4))).expect("a timeout can be set");
        let _ = socket.write_all(bytes);
        let mut all = Vec::new();
        let end = socket.read_to_end(&mut all);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
        assert!(!all.starts_with(b"HTTP"), "{:?}", String::from_utf8_lossy(&all));
    }
    assert_eq!(weir.secure_client().ask(GET).status, 200);
    assert_eq!(origin.count(), 1);
}

#[test]
fn half_a_handshake_meets_its_deadline() {
    let (_origin, weir) = world();
    let mut socket = TcpStream::connect(weir.https()).expect("the listener accepts");
    socket.set_read_timeout(Some(Duration::from_secs(4))).expect("a timeout can be set");
    socket.write_all(b"\x16\x03\x01\x02\x00\x01\x00").expect("the listener reads");
    let mut all = Vec::new();
    socket.read_to_end(&mut all).expect("the connection is closed in its time");
}

fn tls_node(pair: &Pair) -> Origin {
    Origin::speaking_tls(pair, |talk| {
        talk.body();
        let target = talk.target();
        talk.send(&ok(&target));
    })
}

#[test]
fn the_stock_certificate_of_a_node_works_with_its_pin_and_with_no_other() {
    let pair = Pair::of_a_stock_node();
    let node = tls_node(&pair);
    let pool = |pin: &str| format!("tls = {{ verify = \"pin\", pins = [\"{pin}\"] }}");
    let weir = Plan::before(&[&node]).pool(&pool(&pair.pin())).start();
    assert_eq!(weir.get("/a").text(), "/a");
    assert_eq!(weir.get("/b").text(), "/b");
    assert_eq!(node.connections(), 1, "connections over TLS are used again");
    let other = Pair::of_a_stock_node();
    let weir = Plan::before(&[&node]).pool(&pool(&other.pin())).start();
    assert_eq!(weir.get("/c").refusal(), "502 node-pin");
    assert!(node.seen().iter().all(|seen| seen.target() != "/c"));
}

#[test]
fn a_certificate_is_believed_as_far_as_verify_says() {
    let (stock, named) = (Pair::of_a_stock_node(), Pair::of(&["node.test"]));
    let ca = "ca = \"$dir/node.crt\"";
    let rows: [(&Pair, String, bool); 8] = [
        (&stock, "verify = \"none\"".to_owned(), true),
        (&stock, "verify = \"full\"".to_owned(), false),
        (&stock, "verify = \"chain\"".to_owned(), false),
        (&named, format!("verify = \"full\", {ca}, server-name = \"node.test\""), true),
        (&named, format!("verify = \"full\", {ca}, server-name = \"other.test\""), false),
        (&named, format!("verify = \"full\", {ca}"), false),
        (&named, format!("verify = \"chain\", {ca}"), true),
        (&named, "verify = \"full\", server-name = \"node.test\"".to_owned(), false),
    ];
    for (pair, tls, believed) in rows {
        let node = tls_node(pair);
        let mut weir = Plan::before(&[&node]).start();
        named.write(&weir.path("."), "node");
        weir.edit(|text| {
            let ca = weir_dir(&weir, &tls);
            text.replace("[[site]]", &format!("tls = {{ {ca} }}\n[[site]]"))
        });
        weir.reload();
        let answer = weir.get("/a");
        let right = if believed { answer.text() == "/a" } else { answer.refusal() == "502 node-tls" };
        assert!(right, "{tls}: {answer:?}\n{}", weir.journal());
        assert_eq!(node.count(), usize::from(believed), "{tls}");
    }
}

fn weir_dir(weir: &Appliance, text: &str) -> String {
    text.replace("$dir", &weir.path("").display().to_string())
}

#[test]
fn no_connection_made_under_an_old_pin_is_used_after_it_changed() {
    let (pair, other) = (Pair::of_a_stock_node(), Pair::of_a_stock_node());
    let node = tls_node(&pair);
    let pool = format!("tls = {{ verify = \"pin\", pins = [\"{}\"] }}", pair.pin());
    let mut weir = Plan::before(&[&node]).pool(&pool).start();
    assert_eq!(weir.get("/a").text(), "/a");
    weir.edit(|text| text.replace(&pair.pin(), &other.pin()));
    weir.reload();
    assert_eq!(weir.get("/b").refusal(), "502 node-pin");
    weir.edit(|text| text.replace(&other.pin(), &pair.pin()));
    weir.reload();
    assert_eq!(weir.get("/c").text(), "/c");
    assert_eq!(node.seen().iter().map(Seen::target).collect::<Vec<_>>(), ["/a", "/c"]);
}
