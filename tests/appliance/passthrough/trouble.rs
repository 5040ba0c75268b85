//! Nodes that cannot be reached, and clients that are not let in.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::flowing::{accepted, raw};
use super::{GET, client, greet, hello, node, plan, sent};
use crate::harness::{Origin, Pair, eventually};

#[test]
fn a_node_that_refuses_is_passed_over_and_ejected() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let nodes = [node(&pair, "one"), node(&pair, "two")];
    nodes[0].stop();
    let weir = plan(&plain, &[nodes[0].port(), nodes[1].port()], "eject = { failures = 2, for = \"1s\" }").start();
    for _ in 0..6 {
        assert_eq!(client(&weir).ask(GET).text(), "two");
    }
    assert_eq!(weir.state("t", "t1"), "passive ejected");
    assert!((weir.metric("weir_retries_total", &[("node", "t1"), ("reason", "connect")]) - 2.0).abs() < 0.5);
    let journal = weir.journal();
    let told = "node-refused from node t1 of pool t, another node is asked: TLS for pass.test, 127.0.0.1";
    assert!(journal.contains(told), "{journal}");
    eventually("the log tells", || {
        weir.journal().contains(" node=t2 ") && weir.journal().contains("why=retry:connect")
    });
    nodes[0].resume();
    eventually("it serves again", || client(&weir).ask(GET).text() == "one" && weir.state("t", "t1") == "active");
}

#[test]
fn where_no_node_is_left_the_connection_is_closed_and_the_log_says_so() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let nodes = [node(&pair, "one"), node(&pair, "two")];
    nodes.iter().for_each(Origin::stop);
    let weir = plan(&plain, &[nodes[0].port(), nodes[1].port()], "").start();
    assert!(greet(&weir, "pass.test").is_err());
    eventually("the access log tells", || {
        let journal = weir.journal();
        let line = journal.lines().find(|line| line.contains("\"PASSTHROUGH pass.test TLS\" 50"));
        line.is_some_and(|line| line.contains(" tries=2 ") && line.contains(" site=pass "))
    });
    let journal = weir.journal();
    assert!(journal.contains("of pool t after 2 tries and "), "{journal}");
    let refused = |site| weir.metric("weir_refusals_total", &[("site", site)]);
    assert!((refused("pass") - 1.0).abs() < 0.5 && refused("secure") < 0.5);
}

#[test]
fn who_is_not_let_in_finds_the_connection_closed() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let mut weir = plan(&plain, &[node.port()], "").start();
    assert_eq!(client(&weir).ask(GET).text(), "passed");
    weir.edit(|text| text.replace("passthrough = true", "passthrough = true\ndeny-from = [\"127.0.0.0/8\"]"));
    weir.reload();
    assert!(greet(&weir, "pass.test").is_err());
    eventually("the log tells", || {
        let journal = weir.journal();
        journal.contains("\"PASSTHROUGH pass.test TLS\" 403 0 ") && journal.contains("refusal=denied")
    });
    assert_eq!(node.connections(), 1);
    let said = weir.command(&["why", "https://pass.test/"]);
    assert!(said.out.contains("is denied: denied") && !said.out.contains("request id:"), "{said:?}");
    assert!(said.out.contains("the connection is closed, and logged as 403 denied"), "{said:?}");
    weir.edit(|text| text.replace("deny-from = [\"127.0.0.0/8\"]", "allow-from = [\"127.0.0.1\"]"));
    weir.edit(|text| {
        text.replace("handshake-timeout = \"1s\"", "handshake-timeout = \"1s\"\ndeny-from = [\"192.0.2.0/24\"]")
    });
    weir.reload();
    assert_eq!(client(&weir).ask(GET).text(), "passed");
    let said = weir.command(&["why", "https://esb.test/", "--client", "192.0.2.7"]);
    assert!(said.out.contains("peer 192.0.2.7: the listener closes its connections at once"), "{said:?}");
    assert!(!said.out.contains("answered 403"), "{said:?}");
}

#[test]
fn a_client_stays_on_its_node_by_its_address() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let nodes = [node(&pair, "one"), node(&pair, "two"), node(&pair, "three")];
    let ports = nodes.each_ref().map(Origin::port);
    let weir = plan(&plain, &ports, "balance = \"hash\"\nhash = { on = \"client\" }").start();
    let first = client(&weir).ask(GET).text();
    for _ in 0..9 {
        assert_eq!(client(&weir).ask(GET).text(), first);
    }
}

/// A node that does this with each connection.
fn with_each(mut job: impl FnMut(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    thread::spawn(move || listener.incoming().flatten().for_each(&mut job));
    port
}

#[test]
fn a_node_that_closes_before_it_says_anything_is_ejected() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let good = node(&pair, "good");
    for resets in [false, true] {
        let bad = with_each(move |mut socket| {
            let _ = socket.read(&mut [0; 4096]);
            if resets {
                socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a socket can be set");
            }
        });
        let lines = "balance = \"least-requests\"\neject = { failures = 2, for = \"1m\" }";
        let weir = plan(&plain, &[bad, good.port()], lines).start();
        for _ in 0..20 {
            let _ = greet(&weir, "pass.test");
        }
        let state = || weir.state("t", "t1");
        eventually("it is ejected", || state() == "passive ejected" || state() == "ejected");
        for _ in 0..4 {
            assert_eq!(client(&weir).ask(GET).text(), "good");
        }
        eventually("the access log tells", || {
            let journal = weir.journal();
            let mut lines = journal.lines().filter(|line| line.contains("\"PASSTHROUGH pass.test TLS\" 502 0 "));
            lines.any(|line| {
                let why = "refusal=node-reset reason=\"the node closed before it said anything\"";
                line.contains(why) && line.contains(" node=t1 ")
            })
        });
        let told = "node-reset (the node closed before it said anything) from node t1 of pool t after 1 try and ";
        weir.tells(told);
        let counted = weir.metric("weir_requests_total", &[("site", "pass"), ("node", "t1"), ("code", "502")]);
        assert!((counted - 2.0).abs() < 0.5, "{counted}");
        assert!(!weir.command(&["status"]).out.contains("All well"), "{resets}");
    }
}

#[test]
fn a_node_may_end_without_a_word_after_its_client_has() {
    let (listener, weir, _plain) = raw("eject = { failures = 1, for = \"1m\" }");
    let client = sent(&weir, &hello("pass.test").0);
    let mut node = accepted(&listener);
    client.shutdown(Shutdown::Write).expect("it is open");
    node.read_to_end(&mut Vec::new()).expect("the client has ended");
    drop(node);
    eventually("it has ended", || weir.journal().contains("\"PASSTHROUGH pass.test TLS\" 101 0 "));
    assert!(weir.metric("weir_refusals_total", &[("site", "pass")]) < 0.5);
}

#[test]
fn a_node_that_says_nothing_is_found_out_though_its_clients_have_left() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let good = node(&pair, "good");
    let mut kept = Vec::new();
    let frozen = with_each(move |socket| kept.push(socket));
    let lines = "timeouts = { read = \"500ms\" }\neject = { failures = 2, for = \"1m\" }";
    let weir = plan(&plain, &[frozen, good.port()], lines).start();
    let hello = hello("pass.test").0;
    let stays = sent(&weir, &hello);
    let mut running = client(&weir);
    for _ in 0..4 {
        drop(sent(&weir, &hello));
    }
    eventually("it is ejected", || weir.state("t", "t1").contains("ejected"));
    let open = || weir.metric("weir_tunnels_open", &[("site", "pass")]);
    eventually("those of the clients that left are closed", || open() < 1.5);
    drop(stays);
    let said = "refusal=answer-timeout reason=\"the node said nothing for 0.5 s\"";
    eventually("the log says why", || weir.journal().matches(said).count() == 3);
    weir.tells("\"PASSTHROUGH pass.test TLS\" 504 0 ");
    assert_eq!(running.ask(GET).text(), "good", "what follows the first byte has more time");
}

#[test]
fn the_rate_of_the_listener_holds_for_connections() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let with = |rate: &str| format!("handshake-timeout = \"1s\"\nrate = {{ {rate} }}");
    let mut weir = plan(&plain, &[node.port()], "").start();
    weir.edit(|text| text.replace("handshake-timeout = \"1s\"", &with("requests = 1, per = \"1m\", burst = 1")));
    weir.reload();
    for _ in 0..2 {
        assert_eq!(client(&weir).ask(GET).text(), "passed");
    }
    assert!(greet(&weir, "pass.test").is_err());
    eventually("the log tells", || {
        let journal = weir.journal();
        let line = journal.lines().find(|line| line.contains("\"PASSTHROUGH pass.test TLS\" 429 0 "));
        line.is_some_and(|line| line.contains("refusal=rate-limited"))
    });
    assert_eq!(node.connections(), 2);

    let delays = "requests = 2, per = \"1s\", burst = 2, excess = \"delay\"";
    weir.edit(|text| text.replace("requests = 1, per = \"1m\", burst = 1", delays));
    weir.reload();
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(client(&weir).ask(GET).text(), "passed");
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

#[test]
fn the_rate_takes_nothing_of_the_time_in_the_queue_and_a_reload_meanwhile_holds() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let (old, new) = (node(&pair, "old"), node(&pair, "new"));
    let lines = "max-requests = 1\nqueue = { size = 5, wait = \"1s\" }";
    let mut weir = plan(&plain, &[old.port(), new.port()], lines).start();
    let rate = "handshake-timeout = \"1s\"\nrate = { requests = 1, per = \"2s\", burst = 3, excess = \"delay\" }";
    weir.edit(|text| text.replace("handshake-timeout = \"1s\"", rate).replace("[\"t1\", \"t2\"]", "[\"t1\"]"));
    weir.reload();
    let mut first = client(&weir);
    assert_eq!(first.ask(GET).text(), "old");
    let mut second = thread::scope(|scope| {
        let second = scope.spawn(|| client(&weir));
        eventually("it had its turn, and waits for a place", || {
            weir.metric("weir_queue_waiting", &[("pool", "t")]) > 0.5
        });
        assert!(
            weir.metric("weir_delayed_total", &[("site", "pass")]) > 0.5,
            "two seconds, which is more than the queue has"
        );
        drop(first);
        second.join().expect("it has its whole time in the queue")
    });
    assert_eq!(second.ask(GET).text(), "old");

    let came = || weir.metric("weir_connections_total", &[("listener", "https")]);
    let before = came();
    thread::scope(|scope| {
        let third = scope.spawn(|| client(&weir).ask(GET));
        eventually("it waits for its turn", || came() > before + 0.5);
        weir.edit(|text| text.replace("[\"t1\"]", "[\"t2\"]"));
        weir.signal(Signal::HUP);
        assert_eq!(third.join().expect("it is served").text(), "new", "by the pool as it is when its turn comes");
    });
}
