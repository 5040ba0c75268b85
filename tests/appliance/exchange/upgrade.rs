//! Upgrades: WebSocket through a tunnel, and nothing that looks like one.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::harness::{Appliance, Client, Gate, Origin, Plan, Talk, eventually, ok};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: esb.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const AGREE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Sends back what comes, until the peer has finished.
fn echo(talk: &mut Talk) {
    talk.send(AGREE);
    loop {
        let bytes = talk.read_raw();
        if bytes.is_empty() {
            return talk.close();
        }
        talk.send(&bytes);
    }
}

/// Echoes on /ws and answers 200 elsewhere.
fn world() -> (Origin, Appliance) {
    let origin = Origin::speaking(|talk| match talk.target().as_str() {
        "/ws" => echo(talk),
        target => talk.send(&ok(target)),
    });
    let weir = Plan::before(&[&origin]).secure().start();
    (origin, weir)
}

#[track_caller]
fn upgraded(mut client: Client) -> Client {
    client.send(ASK);
    let answer = client.answer().expect("an answer comes");
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(answer.values("upgrade"), ["websocket"]);
    assert!(answer.values("connection").iter().any(|value| value.eq_ignore_ascii_case("upgrade")));
    client
}

//= rfc9110#7.8 upgrade-named
#[test]
fn a_tunnel_carries_bytes_both_ways_plain_and_over_tls() {
    let (origin, weir) = world();
    for client in [weir.client(), weir.secure_client()] {
        let mut client = upgraded(client);
        for piece in ["hello", "\0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
            client.send(piece);
            assert_eq!(client.exactly(piece.len()).expect("the echo comes"), piece.as_bytes());
        }
        client.finish();
        assert!(client.is_closed());
    }
    let seen = origin.last();
    assert_eq!(seen.values("upgrade"), ["websocket"]);
    assert_eq!(seen.values("connection").len(), 1);
    assert_eq!(seen.values("sec-websocket-key"), ["dGhlIHNhbXBsZSBub25jZQ=="]);
}

#[test]
fn a_megabyte_goes_through_whole_and_in_order() {
    let (_origin, weir) = world();
    let client = upgraded(weir.client());
    let bytes: Vec<u8> = (0..1u32 << 20).map(|number| u8::try_from(number * 31 % 251).unwrap_or_default()).collect();
    let mut stream = client.into_stream();
    for piece in bytes.chunks(50_000) {
        stream.write_all(piece).expect("the tunnel takes it");
        let mut back = vec![0; piece.len()];
        stream.read_exact(&mut back).expect("the echo comes");
        assert!(back == piece);
    }
}

#[test]
fn bytes_before_the_101_wait_and_a_refused_upgrade_makes_them_the_next_request() {
    let (gate, early) = (Gate::shut(), Arc::new(AtomicBool::new(false)));
    let (opened, came) = (gate.clone(), early.clone());
    let origin = Origin::speaking(move |talk| {
        if talk.target() == "/ws" {
            opened.pass();
            came.store(talk.something_came(), Ordering::SeqCst);
        }
        let target = talk.target();
        talk.send(&ok(&target));
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send(ASK.to_owned() + "GET /second HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    gate.open();
    assert_eq!(client.answer().expect("the first answer").text(), "/ws");
    assert!(!early.load(Ordering::SeqCst), "bytes reached the node before its answer");
    // Either they are the next request or the connection closes; never are they the node's.
    match client.answer() {
        Ok(answer) => assert_eq!(answer.text(), "/second"),
        Err(_) => assert_eq!(origin.count(), 1),
    }
    assert!(origin.seen().iter().all(|seen| seen.doubtful.is_none()), "{:?}", origin.seen());
}

#[test]
fn bytes_that_came_with_the_head_go_into_the_tunnel_after_the_101() {
    let (_origin, weir) = world();
    let mut client = weir.client();
    client.send(ASK.to_owned() + "early");
    assert_eq!(client.answer().expect("an answer comes").status, 101);
    assert_eq!(client.exactly(5).expect("the echo comes"), b"early");
}

//= rfc9110#9.3.6 tunnel-end
#[test]
fn a_side_that_has_finished_still_hears_the_other() {
    let origin = Origin::speaking(|talk| {
        talk.send(AGREE);
        let mut all = Vec::new();
        loop {
            match talk.read_raw() {
                bytes if bytes.is_empty() => break,
                bytes => all.extend_from_slice(&bytes),
            }
        }
        talk.send(format!("got {}", String::from_utf8_lossy(&all)).as_bytes());
        talk.close();
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = upgraded(weir.client());
    client.send("one");
    client.send("two");
    client.finish();
    assert_eq!(client.rest().expect("the rest comes"), b"got onetwo");
}

#[test]
fn a_tunnel_in_which_nobody_speaks_is_closed() {
    let origin = Origin::speaking(echo);
    let weir = Plan::before(&[&origin]).pool("timeouts = { tunnel = \"500ms\" }").start();
    let mut client = upgraded(weir.client());
    client.send("a");
    assert_eq!(client.exactly(1).expect("the echo comes"), b"a");
    assert!(client.is_closed());
    eventually("the node's side is closed too", || origin.open_connections() == 0);
}

#[test]
fn a_tunnel_counts_when_it_ends_and_its_life_is_not_among_the_times() {
    let (_origin, weir) = world();
    drop(upgraded(weir.client()));
    for path in ["sites/main", "pools/app", "nodes/n1"] {
        let counted = || -> serde_json::Value {
            let answer = weir.ask_admin(&format!("/api/v1/{path}")).text();
            serde_json::from_str::<serde_json::Value>(&answer).expect("it is JSON")["last_minute"].clone()
        };
        eventually(path, || counted()["status"]["1xx"] == 1);
        assert!(counted()["milliseconds"].is_null(), "{path}: {}", counted());
    }
    for times in ["weir_request_seconds_count", "weir_upstream_seconds_count"] {
        assert!(weir.metric(times, &[]) < 0.5, "{times}");
    }
}

#[test]
fn a_client_that_goes_ends_the_nodes_side() {
    let (origin, weir) = world();
    let client = upgraded(weir.client());
    eventually("the tunnel is counted", || weir.metric("weir_tunnels_open", &[]) > 0.5);
    client.reset();
    eventually("the node's side is closed", || origin.open_connections() == 0);
    eventually("no tunnel is counted", || weir.metric("weir_tunnels_open", &[]) < 0.5);
}

#[test]
fn a_node_that_breaks_ends_the_clients_side_at_once_though_it_still_sends() {
    let origin = Origin::speaking(|talk| {
        talk.send(AGREE);
        talk.read_raw();
        talk.reset();
    });
    let weir = Plan::before(&[&origin]).secure().start();
    for client in [weir.client(), weir.secure_client()] {
        let mut client = upgraded(client);
        assert!(!client.send(vec![b'x'; 16 << 20]), "what it sends is still read");
    }
}

#[test]
fn what_is_no_upgrade_goes_up_without_the_field() {
    let (origin, weir) = world();
    let rows = [
        ("no Connection", "GET /a HTTP/1.1\r\nHost: esb.test\r\nUpgrade: websocket\r\n\r\n"),
        ("another Connection", "GET /a HTTP/1.1\r\nHost: esb.test\r\nConnection: x\r\nUpgrade: websocket\r\n\r\n"),
        ("another token", "GET /a HTTP/1.1\r\nHost: esb.test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n"),
        ("h2c", "GET /a HTTP/1.1\r\nHost: esb.test\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
        ("two tokens", "GET /a HTTP/1.1\r\nHost: esb.test\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n"),
        (
            "a POST",
            "POST /a HTTP/1.1\r\nHost: esb.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
        ),
        ("HTTP/1.0", "GET /a HTTP/1.0\r\nHost: esb.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ];
    for (name, request) in rows {
        assert_eq!(weir.client().ask(request).text(), "/a", "{name}");
        assert_eq!(origin.last().values("upgrade"), [""; 0], "{name}");
        assert_eq!(origin.last().values("connection"), [""; 0], "{name}");
    }
}

#[test]
fn a_tunnel_outlives_a_reload() {
    let (_origin, mut weir) = world();
    let mut client = upgraded(weir.client());
    for _ in 0..3 {
        weir.reload();
        client.send("still");
        assert_eq!(client.exactly(5).expect("the echo comes"), b"still");
    }
    assert!(client.stays_silent(Duration::from_millis(50)));
}
