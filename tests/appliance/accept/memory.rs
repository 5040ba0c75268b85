//! What Weir holds in memory: little at its start, little for a connection that waits, nothing for what is over.

use std::time::Duration;

use crate::harness::{Appliance, Client, Offer, Origin, Plan, eventually};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\nUser-Agent: memory\r\nAccept: */*\r\n\r\n";
const CONNECTIONS: u64 = 1000;

/// A node that keeps nothing, and no access log: the test itself shall hold nothing back.
fn world() -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let limits = "max-requests = 1000000\nidle-timeout = \"10m\"";
    let weir = Plan::before(&[&origin]).secure().listener(limits).top("access-log = \"off\"").start();
    (origin, weir)
}

#[test]
fn little_is_held_at_the_start() {
    let (_origin, weir) = world();
    assert_eq!(weir.get("/a").status, 200);
    let held = weir.resident_kib();
    println!("{held} KiB at the start");
    assert!(held < 12 << 10, "{held} KiB");
}

#[test]
fn a_waiting_connection_costs_less_than_25_kib_plain_and_over_tls() {
    let (_origin, weir) = world();
    let offer = Offer::http1("esb.test");
    let config = std::sync::Arc::new(offer.config());
    let connect = |secure: bool| {
        let made = if secure {
            Client::tls_with(weir.https(), &config, "esb.test").map(|made| made.0)
        } else {
            Client::plain(weir.http())
        };
        made.expect("the listener accepts")
    };
    for secure in [false, true] {
        // What a first connection makes for all that follow is not theirs.
        assert_eq!(connect(secure).ask(GET).status, 200);
        let before = weir.resident_kib();
        let mut held: Vec<Client> = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = connect(secure);
            assert_eq!(client.ask(GET).status, 200);
            held.push(client);
        }
        let each = weir.resident_kib().saturating_sub(before) * 1024 / CONNECTIONS;
        println!("{each} bytes for each of {CONNECTIONS} connections, TLS: {secure}");
        assert!(each < 25 << 10, "{each} bytes for a waiting connection, TLS: {secure}");
        let mut first = held.swap_remove(0);
        assert_eq!(first.ask(GET).status, 200, "and it still waits");
    }
}

#[test]
fn a_head_that_is_not_finished_holds_little() {
    let (_origin, weir) = world();
    assert_eq!(weir.get("/a").status, 200);
    for (length, most) in [(1, 10 << 10), (3000, 10 << 10), (6000, 14 << 10)] {
        let head = format!("GET /a HTTP/1.1\r\nHost: esb.test\r\nX: {}", "x".repeat(length));
        let before = weir.resident_kib();
        let mut held: Vec<Client> = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = weir.client();
            client.send(&head[..length]);
            held.push(client);
        }
        // Its bytes were read when a later connection is answered.
        assert_eq!(weir.get("/a").status, 200);
        let each = weir.resident_kib().saturating_sub(before) * 1024 / CONNECTIONS;
        println!("{each} bytes for each of {CONNECTIONS} heads of which {length} bytes have come");
        assert!(each < most, "{each} bytes for {length} bytes of a head");
        let mut first = held.swap_remove(0);
        first.send(format!("{}\r\n\r\n", &head[length..]));
        assert_eq!(first.answer().expect("it can still be finished").status, 200);
    }
}

/// Asks `requests` times on one connection, some at once.
fn ask_often(client: &mut Client, requests: usize) {
    const AT_ONCE: usize = 20;
    for _ in 0..requests / AT_ONCE {
        client.send(GET.repeat(AT_ONCE));
        for _ in 0..AT_ONCE {
            assert_eq!(client.answer().expect("an answer comes").status, 200);
        }
    }
}

#[test]
fn fifty_thousand_requests_and_a_thousand_connections_leave_nothing_behind() {
    let (origin, weir) = world();
    let (mut plain, mut secure) = (weir.client(), weir.secure_client());
    let fresh = |count: usize| {
        for _ in 0..count {
            let mut client = weir.client();
            assert_eq!(client.ask(GET).status, 200);
        }
    };
    ask_often(&mut plain, 2000);
    ask_often(&mut secure, 2000);
    fresh(200);
    let mut round = || {
        let before = weir.resident_kib();
        ask_often(&mut plain, 25_000);
        ask_often(&mut secure, 25_000);
        fresh(1000);
        weir.resident_kib().saturating_sub(before)
    };
    // The allocator takes memory in steps of megabytes, and may take one at any time: what leaks grows in every round.
    let grown = (0..3).map(|_| round()).find(|grown| *grown < 1024);
    assert!(grown.is_some(), "more than a MiB in each of three rounds, {} requests in all", origin.count());
    assert!(plain.stays_silent(Duration::from_millis(1)), "no answer too many");
}

/// A body of which half has come, and which is read whole before a node gets it.
fn half_a_body(weir: &Appliance) -> Client {
    let mut client = weir.client();
    client.send(format!("POST /a HTTP/1.1\r\nHost: esb.test\r\nContent-Length: {}\r\n\r\n", 800 << 10));
    client.send("x".repeat(400 << 10));
    client
}

#[test]
fn requests_are_refused_while_memory_is_used_up_and_taken_again_when_it_is_free() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).top("max-memory = \"64MiB\"").pool("buffer-request = \"1MiB\"").start();
    eventually("the limit is known", || weir.journal().contains("memory: at most 64 MiB"));
    // Who waits holds next to nothing, and stays.
    let mut waiting: Vec<Client> = (0..80).map(|_| weir.client()).collect();
    for client in &mut waiting {
        assert_eq!(client.ask(GET).status, 200);
    }
    let mut held: Vec<Client> = (0..160).map(|_| half_a_body(&weir)).collect();
    eventually("it is told", || weir.journal().contains("with 2"));
    let refused = waiting[0].ask(GET);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().starts_with("503 memory-exhausted"), "{}", refused.text());
    assert!(refused.field("Retry-After").is_some());
    let status = weir.ask_admin("/api/v1/status").text();
    assert!(status.contains("Degraded: memory is used up (max-memory): requests get 503"), "{status}");
    assert!(weir.metric("weir_memory_short", &[]) > 0.5);
    assert!(weir.metric("weir_refusals_total", &[("word", "memory-exhausted")]) > 0.5);

    // What was begun is finished.
    let mut one = held.pop().expect("there are many");
    one.send("x".repeat(400 << 10));
    assert_eq!(one.answer().expect("it is answered").status, 200);
    drop(held);
    eventually("requests are taken again", || weir.journal().contains("requests are taken again"));
    for client in &mut waiting {
        assert_eq!(client.ask(GET).status, 200);
    }
    assert!(weir.metric("weir_memory_short", &[]) < 0.5);
}
