//! Which site a connection is for: by its server name, whatever pieces the hello comes in.

use std::io::{Read, Write};
use std::sync::Arc;

use super::{GET, answer, client, greet, hello, node, plan, pool, sent, site};
use crate::harness::{Client, Offer, Origin, Pair, eventually};

#[test]
fn sites_that_end_tls_and_sites_that_pass_it_through_share_a_listener() {
    let plain = Origin::named("plain");
    let pairs = [Pair::of(&["pass.test"]), Pair::of(&["a.pass.test"]), Pair::of(&["*.pass.test"])];
    let nodes = [node(&pairs[0], "t1"), node(&pairs[1], "exact"), node(&pairs[2], "wild")];
    let more = [
        pool("exact", &[nodes[1].port()], ""),
        pool("wild", &[nodes[2].port()], ""),
        site("wild", "\"*.pass.test\"", "wild", ""),
        site("exact", "\"a.pass.test\"", "exact", ""),
    ];
    let weir = plan(&plain, &[nodes[0].port()], "").more(&more.concat()).start();
    let cases =
        [("pass.test", "t1", 0), ("a.pass.test", "exact", 1), ("b.pass.test", "wild", 2), ("A.Pass.TEST", "exact", 1)];
    for (name, expected, pair) in cases {
        let (mut client, shown) = greet(&weir, name).expect("the node shakes hands");
        assert_eq!(client.ask(GET).text(), expected, "{name}");
        assert!(shown == pairs[pair].der(), "{name} is shown its node's own certificate");
    }
    assert_eq!(weir.secure_client().ask(GET.replace("pass", "esb")).text(), "plain /a");
    let seen = nodes[0].last();
    assert_eq!(seen.values("x-forwarded-for"), [""; 0], "nobody changes what is said: {}", seen.text());
    assert!(greet(&weir, "other.test").is_err());
    let said = "no site of this listener has the server name other.test";
    eventually(said, || weir.journal().contains(said));
}

#[test]
fn a_client_certificate_reaches_the_node_that_asks_for_it() {
    let (plain, pair, known) = (Origin::named("plain"), Pair::of(&["pass.test"]), Pair::of(&["anna"]));
    let node = Origin::speaking_tls_as(pair.server_for(&known), |talk| answer(talk, "trusted"));
    let weir = plan(&plain, &[node.port()], "").start();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let offer = Offer { versions: vec![version], ..Offer::http1("pass.test") };
        let shown = Arc::new(offer.config_showing(&known));
        let (mut client, _) = Client::tls_with(weir.https(), &shown, "pass.test").expect("the node believes it");
        assert_eq!(client.ask(GET).text(), "trusted", "{version:?}");
        let without = Client::tls(weir.https(), &offer);
        assert!(without.is_err() || without.is_ok_and(|mut client| client.is_closed()), "{version:?}");
    }
    assert_eq!(node.count(), 2);
}

#[test]
fn a_hello_is_understood_in_any_number_of_records_and_segments() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let weir = plan(&plain, &[node.port()], "").start();
    for (name, expected) in [("pass.test", "passed"), ("esb.test", "plain")] {
        for (record, step) in [(16_384, 1), (700, 16_384), (100, 33), (1, 16_384)] {
            let (whole, mut session) = hello(name);
            let records = whole[5..].chunks(record).flat_map(|part| {
                let length = u16::try_from(part.len()).expect("a short record").to_be_bytes();
                [&[22, 3, 1][..], &length, part].concat()
            });
            let records: Vec<u8> = records.collect();
            let mut socket = sent(&weir, &[]);
            records.chunks(step).for_each(|piece| socket.write_all(piece).expect("it is read"));
            while session.is_handshaking() {
                session.complete_io(&mut socket).expect("a handshake");
            }
            let mut stream = rustls::Stream::new(&mut session, &mut socket);
            let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("it is taken");
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(
                answer.contains(&format!("\r\n\r\n{expected}")),
                "{name} in records of {record}, steps of {step}: {answer}"
            );
        }
    }
}

#[test]
fn who_gives_no_name_is_passed_through_only_where_a_site_says_so() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let mut weir = plan(&plain, &[node.port()], "").start();
    let passed = |weir: &_, name: &str| greet(weir, name).is_ok_and(|(_, shown)| shown == pair.der());
    assert!(!passed(&weir, "127.0.0.1") && greet(&weir, "127.0.0.1").is_ok(), "the first certificate is shown");
    weir.edit(|text| text.replace("passthrough = true", "passthrough = true\nnameless = true"));
    weir.reload();
    assert!(passed(&weir, "127.0.0.1") && greet(&weir, "other.test").is_err());
    weir.edit(|text| text.replace("nameless = true", "default = true"));
    weir.reload();
    assert!(passed(&weir, "127.0.0.1") && passed(&weir, "other.test") && !passed(&weir, "esb.test"));
    weir.edit(|text| text.replace("default = true", "").replace("\"pass.test\"", "\"pass.test\", \"127.0.0.1\""));
    weir.reload();
    assert!(passed(&weir, "127.0.0.1"), "the address that was called is a name of the site");
}

#[test]
fn a_request_for_a_site_that_is_passed_through_gets_421_where_tls_ends_here() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let weir = plan(&plain, &[node.port()], "").start();
    assert_eq!(weir.secure_client().ask(GET).refusal(), "421 unknown-host");
    assert_eq!(client(&weir).ask(GET).text(), "passed");
    assert_eq!((plain.count(), node.count()), (0, 1));
}

#[test]
fn what_is_no_hello_ends_as_on_any_tls_listener() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let weir = plan(&plain, &[node.port()], "").start();
    let begun = &hello("pass.test").0[..200];
    for bytes in [GET.as_bytes(), &[0; 100], &[0xff; 100], b"\x80\x2e\x01\x00\x02", &[22; 100], begun, b""] {
        let mut left = Vec::new();
        let end = sent(&weir, bytes).read_to_end(&mut left);
        assert!(
            end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            "{bytes:?}"
        );
        assert!(left.len() < 20, "no more than an alert: {left:?}");
        drop(sent(&weir, bytes));
    }
    for said in ["reason=\"the client spoke plain HTTP, or something else that is no TLS\"", "reason=\"timed out\""] {
        eventually(said, || weir.journal().contains(said));
    }
    let counted = |result| weir.metric("weir_handshakes_total", &[("listener", "https"), ("result", result)]);
    assert!((counted("timeout") - 2.0).abs() < 1e-9, "half a hello, and none at all");
    eventually("the others are counted", || (counted("failed") - 12.0).abs() < 1e-9);
    assert_eq!((client(&weir).ask(GET).text(), node.connections()), ("passed".to_owned(), 1));
}

#[test]
fn why_says_where_a_connection_would_go() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let weir = plan(&plain, &[node.port()], "").start();
    let said = weir.command(&["why", "https://pass.test/any/path"]);
    for part in ["is passed through to t1 of t: balanced", "Weir sees no request", "the node is chosen by turns"] {
        assert!(said.out.contains(part), "{part:?} is missing in\n{said:?}");
    }
    assert!(!said.out.contains("request id:"), "{said:?}");
    assert_eq!(weir.ask_admin("/api/v1/sites/pass").text().matches("\"passthrough\":true").count(), 1);
    assert_eq!(weir.ask_admin("/api/v1/sites/secure").text().matches("\"passthrough\":false").count(), 1);
}

#[test]
fn a_name_that_no_host_can_have_is_refused_as_on_any_tls_listener() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let mut weir = plan(&plain, &[node.port()], "").start();
    weir.edit(|text| text.replace("passthrough = true", "passthrough = true\ndefault = true\nnameless = true"));
    weir.reload();
    for odd in [&b"\x1b[2J.test"[..], b"a\" 200\" \"", b"pass.tes\xff"] {
        let mut bytes = hello("pass.test").0;
        let at = bytes.windows(9).position(|name| name == b"pass.test").expect("it asks for the name");
        bytes[at..at + 9].copy_from_slice(odd);
        let mut left = Vec::new();
        let _ = sent(&weir, &bytes).read_to_end(&mut left);
        assert!(left.len() < 20, "no more than an alert: {left:?}");
    }
    let failed = || weir.metric("weir_handshakes_total", &[("listener", "https"), ("result", "failed")]);
    eventually("they are counted", || (failed() - 3.0).abs() < 1e-9);
    assert_eq!(node.connections(), 0);
    assert!(!weir.journal().contains("PASSTHROUGH"), "{}", weir.journal());
}
