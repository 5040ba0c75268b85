//! A proxy in front that says in a PROXY header who its client is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::harness::{Appliance, Client, Offer, Origin, Plan, eventually};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";
const FROM_HERE: &str = "proxy-protocol-from = [\"127.0.0.1\"]";

fn before(origin: &Origin, listener: &str) -> Appliance {
    Plan::before(&[origin]).secure().listener(&format!("{FROM_HERE}\n{listener}")).start()
}

fn line(client: &str) -> Vec<u8> {
    let family = if client.contains(':') { "TCP6" } else { "TCP4" };
    let balancer = if client.contains(':') { "2001:db8::9" } else { "198.51.100.9" };
    format!("PROXY {family} {client} {balancer} 40000 443\r\n").into_bytes()
}

/// Version 2, of a client over IPv4, with values of a cloud's balancer behind the addresses.
fn binary(command: u8, client: [u8; 4]) -> Vec<u8> {
    let ends = [&client[..], &[198, 51, 100, 9], &[0x9c, 0x40, 1, 0xbb]].concat();
    let values = [0xea, 0, 3, 1, b'v', b'p', 4, 0, 2, 0, 0];
    let length = u8::try_from(ends.len() + values.len()).expect("a short header");
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x20 | command, 0x11, 0, length], &ends, &values].concat()
}

fn turned_away(weir: &Appliance, listener: &str, reason: &str) -> f64 {
    weir.metric("weir_connections_refused_total", &[("listener", listener), ("reason", reason)])
}

fn is_one(value: f64) -> bool {
    (value - 1.0).abs() < 1e-9
}

#[test]
fn whom_a_proxy_names_is_the_client() {
    let origin = Origin::named("n");
    let weir = before(&origin, "");
    for (header, client) in [
        (line("192.0.2.7"), "192.0.2.7"),
        (line("2001:db8::7"), "2001:db8::7"),
        (binary(1, [192, 0, 2, 8]), "192.0.2.8"),
        // The proxy speaks for itself.
        (binary(0, [192, 0, 2, 8]), "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
    ] {
        // Two requests on the connection of one client: the first in one piece with the header.
        let mut plain = weir.client();
        assert_eq!(plain.ask([&header, GET.as_bytes()].concat()).status, 200, "{client}");
        assert_eq!(origin.last().values("x-forwarded-for"), [client]);
        assert_eq!(plain.ask(GET).status, 200);
        assert_eq!(origin.last().values("x-forwarded-for"), [client]);

        let config = Arc::new(Offer::http1("esb.test").config());
        let secure = Client::tls_after(&header, weir.https(), &config, "esb.test");
        assert_eq!(secure.expect("a handshake").0.ask(GET).status, 200);
        assert_eq!(origin.last().values("x-forwarded-for"), [client]);
        eventually("it is in the log", || weir.journal().matches(&format!(" peer={client} ")).count() >= 3);
    }
    weir.tells("\n192.0.2.7 - - [");
}

#[test]
fn a_header_may_come_in_pieces() {
    let origin = Origin::named("n");
    let weir = before(&origin, "");
    for header in [line("192.0.2.7"), binary(1, [192, 0, 2, 7])] {
        let mut socket = TcpStream::connect(weir.http()).expect("the listener accepts");
        socket.set_nodelay(true).expect("a socket can be set");
        for byte in &header {
            socket.write_all(&[*byte]).expect("it is read");
        }
        socket.write_all(GET.as_bytes()).expect("it is read");
        socket.shutdown(Shutdown::Write).expect("it is open");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(origin.last().values("x-forwarded-for"), ["192.0.2.7"]);
    }
}

#[test]
fn a_connection_without_a_good_header_is_closed_counted_and_logged() {
    let origin = Origin::named("n");
    let weir = before(&origin, "");
    let rows: [(&[u8], &str); 5] = [
        (GET.as_bytes(), "no PROXY header stands at the beginning"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 1 x\r\nGET / HTTP/1.1\r\n\r\n", "a port of its line is no number"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x02\x03\x04", "it is too short for its addresses"),
        (&[b'P'; 2_000], "no PROXY header stands at the beginning"),
        (b"PROXY TCP4 192.0.2.7", "the connection ended within it"),
    ];
    for (place, (bytes, why)) in rows.into_iter().enumerate() {
        let mut socket = TcpStream::connect(weir.http()).expect("the listener accepts");
        socket.set_read_timeout(Some(Duration::from_secs(4))).expect("a socket can be set");
        socket.write_all(bytes).expect("it is read");
        socket.shutdown(Shutdown::Write).ok();
        let mut answer = Vec::new();
        // A reset is as good: what was sent was not all read.
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{answer:?}");
        let line = format!("listener=http refusal=bad-proxy-header reason=\"{why}");
        eventually(why, || weir.journal().contains(&line));
        let counted = turned_away(&weir, "http", "bad-proxy-header");
        assert_eq!(counted.round(), place as f64 + 1.0, "{why}");
    }
    // A check that only connects is no fault.
    drop(TcpStream::connect(weir.http()).expect("the listener accepts"));
    let hello = Client::tls(weir.https(), &Offer::http1("esb.test"));
    assert!(hello.is_err(), "TLS without a header");
    eventually("it is counted", || is_one(turned_away(&weir, "https", "bad-proxy-header")));
    assert_eq!(turned_away(&weir, "http", "bad-proxy-header").round(), 5.0);
    assert_eq!(origin.count(), 0);
}

#[test]
fn nobody_but_the_proxies_may_connect() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).listener("proxy-protocol-from = [\"192.0.2.0/24\"]").start();
    let mut stranger = weir.client();
    stranger.send([&line("192.0.2.7"), GET.as_bytes()].concat());
    assert!(stranger.is_closed());
    eventually("it is counted", || is_one(turned_away(&weir, "http", "no-proxy")));
    assert_eq!(origin.count(), 0);
}

#[test]
fn rules_and_limits_are_about_the_client_and_not_the_proxy() {
    let origin = Origin::named("n");
    let more = "deny-from = [\"192.0.2.66\"]\nallow-from = [\"192.0.2.0/24\"]\n\
                max-connections = 4\nmax-connections-per-client = 1";
    let weir = before(&origin, more);
    let come = |client: &str| {
        let mut socket = weir.client();
        socket.send([&line(client), GET.as_bytes()].concat());
        (socket.answer().ok().map(|answer| answer.status), socket)
    };
    assert_eq!((come("192.0.2.66").0, come("203.0.113.1").0), (None, None));
    assert_eq!(turned_away(&weir, "http", "denied").round(), 2.0);
    let (first, one) = come("192.0.2.1");
    let (second, two) = come("192.0.2.2");
    assert_eq!((first, second), (Some(200), Some(200)));
    assert_eq!(come("192.0.2.1").0, Some(503), "its second connection");
    assert!(is_one(turned_away(&weir, "http", "client-full")));
    drop(one);
    eventually("the first has left", || come("192.0.2.1").0 == Some(200));
    drop(two);
}

#[test]
fn a_reload_that_asks_for_headers_is_about_new_connections() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).listener("# here").start();
    let mut kept = weir.client();
    assert_eq!(kept.ask(GET).status, 200);
    weir.edit(|text| text.replace("# here", FROM_HERE));
    assert!(weir.reload().contains("generation 2"));
    assert_eq!(kept.ask(GET).status, 200);
    assert_eq!(weir.client().ask([&line("192.0.2.7"), GET.as_bytes()].concat()).status, 200);
    assert_eq!(origin.last().values("x-forwarded-for"), ["192.0.2.7"]);
    weir.edit(|text| text.replace(FROM_HERE, "# here"));
    assert!(weir.reload().contains("generation 3"));
    assert_eq!(weir.client().ask([&line("192.0.2.7"), GET.as_bytes()].concat()).status, 400, "it is no header here");
    eventually("the log says what came", || weir.journal().contains("reason=\"a PROXY header; proxy-protocol-from"));
    assert_eq!(kept.ask(GET).status, 200);
}
