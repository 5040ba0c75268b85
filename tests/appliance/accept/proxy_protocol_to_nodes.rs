//! Nodes that are told of the client in a PROXY header.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::harness::{Appliance, Origin, Plan, eventually};
use crate::passthrough::{hello, pool, sent, site};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";

fn listening() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    (listener, port)
}

fn accepted(listener: &TcpListener) -> TcpStream {
    let socket = listener.accept().expect("Weir connects").0;
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
    socket
}

fn read_until(socket: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut came = Vec::new();
    while !came.ends_with(end) {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("more comes");
        came.push(byte[0]);
    }
    came
}

/// A Weir with this pool of one node, and what leads there.
fn before(more: &str) -> Appliance {
    let origin = Origin::named("other");
    Plan::before(&[&origin]).secure().more(more).start()
}

const SITE: &str = "[[site]]\nname = \"told\"\nlistener = \"http\"\nhosts = [\"told.test\"]\npool = \"t\"\n";

#[test]
fn each_request_has_a_connection_whose_header_names_its_client() {
    let (listener, port) = listening();
    let told = |version: &str| format!("proxy-protocol = \"{version}\"");
    let mut weir = before(&format!("{}{SITE}", pool("t", &[port], &told("v1"))));
    let mut client = weir.client();
    for _ in 0..2 {
        client.send("GET /a HTTP/1.1\r\nHost: told.test\r\n\r\n");
        let mut node = accepted(&listener);
        let header = String::from_utf8(read_until(&mut node, b"\r\n")).expect("a line");
        let words: Vec<&str> = header.trim_end().split(' ').collect();
        assert_eq!(words[..4], ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"], "{header}");
        assert_eq!(words[5], weir.http().port().to_string(), "where the client connected to");
        let head = String::from_utf8(read_until(&mut node, b"\r\n\r\n")).expect("a head");
        assert!(head.starts_with("GET /a HTTP/1.1\r\n"), "{head}");
        node.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("Weir reads");
        assert_eq!(client.answer().expect("an answer").status, 200);
        let closed = node.read(&mut [0]).expect("Weir closes it");
        assert_eq!(closed, 0, "nobody else may have the connection");
    }
    weir.edit(|text| text.replace(&told("v1"), &told("v2")));
    assert!(weir.reload().contains("generation 2"));
    client.send("GET /b HTTP/1.1\r\nHost: told.test\r\n\r\n");
    let mut node = accepted(&listener);
    let mut header = [0; 28];
    node.read_exact(&mut header).expect("a header");
    assert_eq!(header[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c");
    assert_eq!(header[16..24], [127, 0, 0, 1, 127, 0, 0, 1]);
    assert_eq!(header[26..28], weir.http().port().to_be_bytes());
    assert!(read_until(&mut node, b"\r\n\r\n").starts_with(b"GET /b "));
}

#[test]
fn tls_that_is_passed_through_comes_behind_it() {
    let (listener, port) = listening();
    let more = format!("{}{}", pool("t", &[port], "proxy-protocol = \"v1\""), site("pass", "\"pass.test\"", "t", ""));
    let weir = before(&more);
    let (hello, _) = hello("pass.test");
    let client = sent(&weir, &hello);
    let mut node = accepted(&listener);
    let header = String::from_utf8(read_until(&mut node, b"\r\n")).expect("a line");
    let from = client.local_addr().expect("a bound socket").port();
    assert_eq!(header, format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {}\r\n", weir.https().port()));
    let mut came = vec![0; hello.len()];
    node.read_exact(&mut came).expect("the hello");
    assert!(came == hello, "the hello as it was");
}

#[test]
fn a_probe_says_that_it_is_of_weir_itself() {
    let (listener, port) = listening();
    let health = "proxy-protocol = \"v2\"\n[pool.health]\ninterval = \"100ms\"\nrise = 1\nprobes = [{ kind = \"http\", path = \"/probe\" }]\n";
    let mut weir = {
        let more = format!("{}{SITE}", pool("t", &[port], health));
        let origin = Origin::named("other");
        Plan::before(&[&origin]).top("start-timeout = \"0s\"").more(&more).start()
    };
    let mut node = accepted(&listener);
    let mut header = [0; 16];
    node.read_exact(&mut header).expect("a header");
    assert_eq!(header, *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    let head = String::from_utf8(read_until(&mut node, b"\r\n\r\n")).expect("a head");
    assert!(head.starts_with("GET /probe HTTP/1.1\r\n"), "{head}");
    node.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("Weir reads");
    eventually("the node is active", || weir.state("t", "t1") == "active");

    // Probes follow a reload that changes the header.
    weir.edit(|text| text.replace("proxy-protocol = \"v2\"", "proxy-protocol = \"v1\""));
    assert!(weir.reload().contains("generation 2"));
    let unknown = (0..50).any(|_| {
        let mut node = accepted(&listener);
        let mut first = [0; 15];
        node.read_exact(&mut first).is_ok() && first == *b"PROXY UNKNOWN\r\n"
    });
    assert!(unknown, "a probe has a header of version 1");
}

#[test]
fn of_a_client_that_a_proxy_named_the_node_is_told_the_same() {
    let (listener, port) = listening();
    let origin = Origin::named("other");
    let more = format!("{}{SITE}", pool("t", &[port], "proxy-protocol = \"v1\""));
    let weir = Plan::before(&[&origin]).listener("proxy-protocol-from = [\"127.0.0.1\"]").more(&more).start();
    let header = "PROXY TCP6 2001:db8::7 2001:db8::9 40000 443\r\n";
    let mut client = weir.client();
    client.send(format!("{header}{}", GET.replace("esb.test", "told.test")));
    let mut node = accepted(&listener);
    assert_eq!(read_until(&mut node, b"\r\n"), header.as_bytes());
}
