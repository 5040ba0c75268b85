//! Connections that are passed through, from their first byte to their last, and what a reload, a drain and a stop do to them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::Signal;

use super::{GET, client, greet, hello, node, plan, sent};
use crate::harness::{Appliance, Origin, Pair, eventually};

/// A node of which only the socket matters, in front of it a Weir.
pub(super) fn raw(lines: &str) -> (TcpListener, Appliance, Origin) {
    let plain = Origin::named("plain");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    let weir = plan(&plain, &[port], lines).start();
    (listener, weir, plain)
}

pub(super) fn accepted(listener: &TcpListener) -> TcpStream {
    let socket = listener.accept().expect("Weir connects").0;
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
    socket
}

fn read_all(mut socket: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    socket.read_to_end(&mut all).expect("the other side ends");
    all
}

#[test]
fn every_byte_goes_through_as_it_is_and_each_side_may_end_first() {
    let (listener, weir, _plain) = raw("");
    let said = [hello("pass.test").0, vec![b'u'; 300_000]].concat();
    let told = vec![b'd'; 400_000];
    for client_first in [true, false] {
        let mut client = sent(&weir, &said[..1000]);
        let mut node = accepted(&listener);
        client.write_all(&said[1000..]).expect("it flows");
        if client_first {
            client.shutdown(Shutdown::Write).expect("it is open");
            assert!(read_all(&node) == said, "what the client said");
            node.write_all(&told).expect("the client still listens");
            node.shutdown(Shutdown::Write).expect("it is open");
            assert!(read_all(&client) == told, "what the node said");
        } else {
            node.write_all(&told).expect("it flows");
            node.shutdown(Shutdown::Write).expect("it is open");
            assert!(read_all(&client) == told, "what the node said");
            client.shutdown(Shutdown::Write).expect("it is open");
            assert!(read_all(&node) == said, "what the client said");
        }
    }
    let line = format!("\"PASSTHROUGH pass.test TLS\" 101 {} ", told.len());
    eventually("both have ended", || weir.journal().matches(&line).count() == 2);
    let journal = weir.journal();
    for part in ["peer=127.0.0.1 host=pass.test site=pass route=- pool=t node=t1 ", " tries=1 ", " why=balanced "] {
        assert!(journal.contains(part), "{part:?} is missing in\n{journal}");
    }
    let site = &[("site", "pass")][..];
    let up = u32::try_from(said.len() * 2).expect("a small number");
    assert!((weir.metric("weir_request_bytes_total", site) - f64::from(up)).abs() < 0.5);
    assert!((weir.metric("weir_tunnels_total", site) - 2.0).abs() < 0.5);
    assert!(weir.metric("weir_tunnels_open", site) < 0.5);
    assert!(
        (weir.metric("weir_requests_total", &[("site", "pass"), ("node", "t1"), ("code", "101")]) - 2.0).abs() < 0.5
    );
}

#[test]
fn a_side_that_does_not_read_holds_the_other_up_and_nothing_is_lost() {
    let (listener, weir, _plain) = raw("");
    let mut client = sent(&weir, &hello("pass.test").0);
    let node = accepted(&listener);
    client.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout can be set");
    let mut sent = hello_length();
    while let Ok(count) = client.write(&[b'x'; 65_536]) {
        sent += count;
        assert!(sent < 64 << 20, "somebody holds it all");
    }
    client.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(read_all(&node).len(), sent);
}

fn hello_length() -> usize {
    hello("pass.test").0.len()
}

#[test]
fn a_connection_in_which_nobody_speaks_is_closed() {
    let (listener, weir, _plain) = raw("timeouts = { tunnel = \"500ms\" }");
    let mut client = sent(&weir, &hello("pass.test").0);
    let mut node = accepted(&listener);
    node.write_all(b"x").expect("it flows");
    client.read_exact(&mut [0]).expect("it came");
    assert!(!matches!(client.read(&mut [0]), Ok(1..)));
    let mut rest = Vec::new();
    let _ = node.read_to_end(&mut rest);
    eventually("the log says why", || weir.journal().contains("reason=\"nothing flowed for 0.5 s\""));
}

#[test]
fn a_side_that_breaks_ends_the_other_one() {
    let (listener, weir, _plain) = raw("");
    let break_off = |socket: TcpStream| {
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a socket can be set");
    };
    let is_reset = |mut socket: TcpStream| {
        let end = socket.read_to_end(&mut Vec::new());
        end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    };
    for client_breaks in [true, false] {
        let client = sent(&weir, &hello("pass.test").0);
        let mut node = accepted(&listener);
        node.read_exact(&mut vec![0; hello_length()]).expect("the hello came");
        node.write_all(b"x").expect("it flows");
        (&client).read_exact(&mut [0]).expect("it came");
        let (breaks, other) = if client_breaks { (client, node) } else { (node, client) };
        break_off(breaks);
        assert!(is_reset(other), "the client broke off: {client_breaks}");
    }
    eventually("none is open", || weir.metric("weir_tunnels_open", &[("site", "pass")]) < 0.5);
    for side in ["client", "node"] {
        let said = format!("reason=\"the {side} broke off (");
        eventually("the log says which side", || weir.journal().matches(&said).count() == 1);
    }
    assert_eq!(weir.state("t", "t1"), "active", "after its first byte nothing is held against a node");
}

#[test]
fn a_client_that_leaves_at_once_leaves_nothing_behind() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let weir = plan(&plain, &[node.port()], "").start();
    for _ in 0..20 {
        drop(sent(&weir, &hello("pass.test").0));
    }
    let line = "\"PASSTHROUGH pass.test TLS\" ";
    eventually("all have ended", || weir.journal().matches(line).count() == 20);
    eventually("the node has none", || node.open_connections() == 0);
    assert!(weir.metric("weir_connections_open", &[("listener", "https")]) < 0.5);
}

#[test]
fn a_reload_that_takes_its_site_away_does_not_end_it() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let mut weir = plan(&plain, &[node.port()], "").start();
    let mut running = client(&weir);
    assert_eq!(running.ask(GET).text(), "passed");
    weir.edit(|text| text[..text.rfind("[[site]]").expect("its site is the last")].to_owned());
    weir.reload();
    assert_eq!(running.ask(GET).text(), "passed");
    assert!(greet(&weir, "pass.test").is_err(), "the listener has no such site any more");
    weir.edit(|text| {
        text[..text.find("[[listener]]\nname = \"https\"").expect("it is there")].to_owned() + &without_https(&text)
    });
    weir.reload();
    assert_eq!(running.ask(GET).text(), "passed");
    drop(running);
    eventually("it has ended", || node.open_connections() == 0);
}

/// What follows the TLS listener, without the site on it.
fn without_https(text: &str) -> String {
    let rest = &text[text.find("[[node]]").expect("there are nodes")..];
    let secure = rest.find("[[site]]\nname = \"secure\"").expect("there is such a site");
    let end = rest[secure..].find("[[node]]").map_or(rest.len(), |end| secure + end);
    format!("{}{}", &rest[..secure], &rest[end..])
}

#[test]
fn a_drain_waits_for_it() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let nodes = [node(&pair, "passed"), node(&pair, "passed")];
    let weir = plan(&plain, &[nodes[0].port(), nodes[1].port()], "").start();
    let mut running = client(&weir);
    assert_eq!((running.ask(GET).text(), nodes[0].connections()), ("passed".to_owned(), 1));
    let mut wait = weir.begin_command(&["drain", "t1", "--deadline", "1s", "--wait"]);
    eventually("only it is left", || wait.out().contains("t1 is in maintenance in t: 1 request still running"));
    assert_eq!(client(&weir).ask(GET).text(), "passed");
    assert_eq!((running.ask(GET).text(), nodes[0].connections()), ("passed".to_owned(), 1), "new ones go elsewhere");
    assert!(wait.still_runs());
    drop(running);
    assert_eq!(wait.end().code, Some(0));
}

#[test]
fn it_has_a_place_at_its_node_and_the_next_one_waits_for_it() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let weir = plan(&plain, &[node.port()], "max-requests = 1\nqueue = { size = 1 }").start();
    let running = client(&weir);
    let waiting = || weir.metric("weir_queue_waiting", &[("pool", "t")]) > 0.5;
    let (hello, mut session) = hello("pass.test");
    let mut next = sent(&weir, &hello);
    eventually("it waits", waiting);
    assert!(greet(&weir, "pass.test").is_err(), "a third one finds the queue full");
    drop(running);
    while session.is_handshaking() {
        session.complete_io(&mut next).expect("it is its turn");
    }
    drop(next);
    eventually("the log tells", || {
        weir.journal().contains("\"PASSTHROUGH pass.test TLS\" 503 0 ") && weir.journal().contains("refusal=queue-full")
    });
    let running = client(&weir);
    let gone = sent(&weir, &hello);
    eventually("it waits", waiting);
    drop(gone);
    eventually("nobody waits", || !waiting());
    eventually("the log tells", || weir.journal().contains("refusal=client-gone"));
    drop(running);
}

#[test]
fn a_stop_waits_for_it_as_long_as_it_may() {
    for ends in [true, false] {
        let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
        let node = node(&pair, "passed");
        let stop = if ends { "stop-timeout = \"1m\"" } else { "stop-timeout = \"500ms\"" };
        let mut weir = plan(&plain, &[node.port()], "").top(stop).start();
        let mut running = client(&weir);
        assert_eq!(running.ask(GET).text(), "passed");
        weir.signal(Signal::TERM);
        eventually("nothing is accepted any more", || TcpStream::connect(weir.https()).is_err());
        if ends {
            assert_eq!(running.ask(GET).text(), "passed");
            drop(running);
        }
        assert_eq!(weir.exit_code(), Some(0), "it ended by itself: {ends}\n{}", weir.journal());
    }
}
