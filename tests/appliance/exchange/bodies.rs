//! Bodies flow both ways at once, whole, in order and in bounded memory.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::harness::{Appliance, Gate, H2Client, Origin, Plan, eventually, ok};

const MIB: usize = 1 << 20;

fn post(fields: &str) -> String {
    format!("POST /up HTTP/1.1\r\nHost: esb.test\r\n{fields}\r\n\r\n")
}

#[test]
fn a_large_upload_to_a_slow_node_does_not_fill_memory() {
    let (gate, length) = (Gate::shut(), Arc::new(AtomicU64::new(0)));
    let (opened, count) = (gate.clone(), length.clone());
    let origin = Origin::speaking(move |talk| {
        opened.pass();
        count.store(talk.body_length(), Ordering::SeqCst);
        talk.send(&ok("done"));
    });
    let weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.ask_admin("/livez").status, 200);
    let before = weir.resident_kib();
    let total = 200 * MIB;
    let mut client = weir.client();
    client.send(post(&format!("Content-Length: {total}")));
    let mut stream = client.into_stream();
    let piece = vec![b'x'; MIB];
    let mut sent = 0;
    // A full pipe makes the write time out: the sender is held back, which is the point.
    while sent < total && stream.write_all(&piece).is_ok() {
        sent += piece.len();
        assert!(sent < 64 * MIB, "nobody holds the sender back: {sent} bytes went into a node that does not read");
    }
    let grown = weir.resident_kib().saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB more for one held upload");
    gate.open();
}

#[test]
fn a_large_upload_arrives_whole_in_bounded_memory() {
    let origin = Origin::speaking(|talk| {
        let length = talk.body_length();
        talk.send(&ok(&length.to_string()));
    });
    let weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.get("/").text(), "0");
    let before = weir.resident_kib();
    for chunked in [false, true] {
        let total = 200 * MIB;
        let mut client = weir.client();
        let piece = vec![b'x'; MIB];
        client.send(post(&if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {total}")
        }));
        for _ in 0..200 {
            if chunked {
                client.send(format!("{MIB:x}\r\n"));
            }
            assert!(client.send(&piece));
            if chunked {
                client.send("\r\n");
            }
        }
        if chunked {
            client.send("0\r\n\r\n");
        }
        assert_eq!(client.answer().expect("an answer comes").text(), total.to_string());
        let grown = weir.resident_kib().saturating_sub(before);
        assert!(grown < 4096, "{grown} KiB more, chunked: {chunked}");
    }
}

#[test]
fn a_large_download_to_a_slow_client_does_not_fill_memory_and_arrives_whole() {
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    let origin = Origin::speaking(move |talk| {
        if talk.target() == "/small" {
            return talk.send(&ok("small"));
        }
        talk.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 100 * MIB).as_bytes());
        for _ in 0..100 {
            talk.send(&vec![b'y'; MIB]);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let weir = Appliance::in_front_of(&[&origin]);
    // What requests need at all is there before the slow reader comes: the allocator takes it 2 MiB at a time.
    for _ in 0..200 {
        assert_eq!(weir.get("/small").status, 200);
    }
    let before = weir.resident_kib();
    let mut client = weir.client();
    client.send("GET /big HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    client.head().expect("the head comes");
    client.exactly(1000).expect("the body begins");
    // Others are served meanwhile, and many times: time enough for a careless proxy to swallow the rest.
    for _ in 0..200 {
        assert_eq!(weir.get("/small").status, 200);
    }
    assert!(sent.load(Ordering::SeqCst) < 64, "{} MiB were taken from the node", sent.load(Ordering::SeqCst));
    let grown = weir.resident_kib().saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB more for one slow reader");
    let mut left = 100 * MIB - 1000;
    while left > 0 {
        let here = left.min(MIB);
        assert!(client.exactly(here).expect("the body goes on").iter().all(|byte| *byte == b'y'));
        left -= here;
    }
}

#[test]
fn an_answer_that_comes_before_the_body_was_sent_goes_down_at_once() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
        talk.close();
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send(post("Content-Length: 100000000"));
    client.send(vec![b'x'; 1000]);
    let answer = client.answer().expect("the early answer comes");
    assert_eq!((answer.status, answer.text().as_str()), (413, "big"));
    assert!(client.is_closed());
    assert_eq!(origin.count(), 1);
}

//= rfc9110#7.7 content
#[test]
fn both_bodies_flow_at_the_same_time() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..3 {
            let piece = talk.read_raw();
            talk.send(format!("{:x}\r\n", piece.len()).as_bytes());
            talk.send(&piece);
            talk.send(b"\r\n");
        }
        talk.send(b"0\r\n\r\n");
        talk.close();
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send(post("Content-Length: 9"));
    client.head().expect("the head comes before the body");
    for piece in ["one", "two", "six"] {
        client.send(piece);
        let expected = format!("3\r\n{piece}\r\n");
        assert_eq!(client.exactly(expected.len()).expect("the echo comes"), expected.as_bytes());
    }
}

#[test]
fn a_body_over_the_sites_limit_is_cut_where_the_limit_is() {
    let origin = Origin::speaking(|talk| {
        talk.body_length();
        talk.send(&ok("done"));
    });
    let weir = Plan::before(&[&origin]).site("max-body = \"64KiB\"").start();
    assert_eq!(weir.post("/up", &"x".repeat(65_536)).status, 200);
    let answer = weir.client().ask(post("Content-Length: 65537"));
    assert_eq!(answer.refusal(), "413 body-too-large");
    assert_eq!(origin.count(), 1);
    let mut client = weir.client();
    client.send(post("Transfer-Encoding: chunked"));
    client.send(format!("10001\r\n{}\r\n0\r\n\r\n", "x".repeat(65_537)));
    assert_eq!(client.answer().expect("an answer comes").refusal(), "413 body-too-large");
    assert!(client.is_closed());
    assert!(origin.seen().iter().skip(1).all(|seen| !seen.complete));
}

//= rfc9110#10.1.1 expect
#[test]
fn a_client_that_waits_for_100_gets_the_nodes() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        let body = talk.body();
        talk.send(&ok(&String::from_utf8_lossy(&body)));
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send(post("Expect: 100-continue\r\nContent-Length: 5"));
    assert!(client.head().expect("the 100 comes").starts_with("HTTP/1.1 100"));
    client.send("hello");
    let answer = client.answer().expect("an answer comes");
    assert_eq!((answer.interim.len(), answer.text().as_str()), (0, "hello"));
    assert_eq!(origin.last().values("expect"), ["100-continue"]);
    assert_eq!(client.ask("GET /again HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
}

#[test]
fn many_small_chunks_go_on_as_few() {
    const CHUNKS: usize = 20_000;
    let many = || b"1\r\nx\r\n".repeat(CHUNKS);
    let origin = Origin::speaking(move |talk| {
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n0\r\n\r\n") {
            got.extend_from_slice(&talk.read_raw());
        }
        let got = format!("X-Got: {} {}", got.iter().filter(|byte| **byte == b'x').count(), got.len());
        let head = format!("HTTP/1.1 200 OK\r\n{got}\r\nTransfer-Encoding: chunked\r\n\r\n");
        talk.send(&[head.as_bytes(), &many(), b"0\r\n\r\n"].concat());
        talk.close();
    });
    let weir = Plan::before(&[&origin]).secure().start();
    for mut client in [weir.client(), weir.secure_client()] {
        client.send([post("Transfer-Encoding: chunked").as_bytes(), &many(), b"0\r\n\r\n"].concat());
        let head = client.head().expect("the head comes");
        let got: Vec<usize> = head
            .lines()
            .find_map(|line| line.strip_prefix("X-Got: "))
            .map(|got| got.split(' ').filter_map(|number| number.parse().ok()).collect())
            .unwrap_or_default();
        assert_eq!(got[0], CHUNKS);
        assert!(got[1] < 2 * CHUNKS, "{} bytes for {CHUNKS} of data went up", got[1]);
        let mut down = Vec::new();
        while !down.ends_with(b"\r\n0\r\n\r\n") {
            down.extend(client.exactly(1).expect("the body comes"));
        }
        assert_eq!(down.iter().filter(|byte| **byte == b'x').count(), CHUNKS);
        assert!(down.len() < 2 * CHUNKS, "{} bytes for {CHUNKS} of data came down", down.len());
    }
}

#[test]
fn a_small_chunk_does_not_wait_for_the_next() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..3 {
            let chunk = talk.read_raw();
            talk.send(&chunk);
        }
        talk.send(b"0\r\n\r\n");
        talk.close();
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send(post("Transfer-Encoding: chunked"));
    client.head().expect("the head comes before the body");
    for chunk in ["1\r\na\r\n", "2\r\nbc\r\n", "1\r\nd\r\n"] {
        client.send(chunk);
        assert_eq!(client.exactly(chunk.len()).expect("the echo comes"), chunk.as_bytes());
    }
}

/// A node that takes up to 64 KiB at once, tells what of a body was there with its head, and knows its own 100.
fn before_a_buffer(settings: &str) -> (Origin, Appliance) {
    let origin = Origin::answering(|seen| ok(&format!("{} {:?}", seen.body().len(), seen.values("expect"))));
    let weir = Plan::before(&[&origin]).secure().pool(settings).site("max-body = \"1MiB\"").start();
    (origin, weir)
}

//= rfc9110#10.1.1 final
#[test]
fn a_pool_that_buffers_tells_a_waiting_client_to_go_on_and_its_node_hears_nothing_of_that() {
    let (origin, weir) = before_a_buffer("buffer-request = \"64KiB\"");
    for (framing, body, seen) in [
        ("Content-Length: 5", "hello".to_owned(), "5 []"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n".to_owned(), "5 []"),
        ("Content-Length: 200000", "x".repeat(200_000), "200000 []"),
    ] {
        for mut client in [weir.client(), weir.secure_client()] {
            let before = origin.count();
            client.send(post(&format!("Expect: 100-continue\r\n{framing}")));
            assert_eq!(client.head().expect("the 100 comes"), "HTTP/1.1 100 Continue\r\n\r\n", "{framing}");
            assert_eq!(origin.count(), before, "{framing}: the node is not asked yet");
            client.send(&body);
            let answer = client.answer().expect("an answer comes");
            assert_eq!((answer.interim.as_slice(), answer.text().as_str()), (&[][..], seen), "{framing}");
            assert_eq!(client.ask("GET /again HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200, "{framing}");
        }
    }
}

#[test]
fn a_client_that_does_not_wait_for_its_100_gets_none_from_a_pool_that_buffers() {
    let (_origin, weir) = before_a_buffer("buffer-request = \"64KiB\"");
    let mut client = weir.client();
    let answer = client.ask(post("Expect: 100-continue\r\nContent-Length: 5") + "hello");
    assert_eq!((answer.interim.as_slice(), answer.text().as_str()), (&[][..], "5 []"));
}

#[test]
fn a_waiting_client_whose_body_is_not_wanted_is_not_told_to_go_on() {
    let (origin, weir) = before_a_buffer("buffer-request = \"64KiB\"");
    for mut client in [weir.client(), weir.secure_client()] {
        let answer = client.ask(post("Expect: 100-continue\r\nContent-Length: 2000000"));
        assert_eq!((answer.interim.as_slice(), answer.refusal().as_str()), (&[][..], "413 body-too-large"));
        assert!(client.is_closed());
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_body_that_came_with_its_head_goes_up_without_expect_whatever_the_pool_buffers() {
    let (_origin, weir) = before_a_buffer("");
    let answer = weir.client().ask(post("Expect: 100-continue\r\nContent-Length: 5") + "hello");
    assert_eq!(answer.text(), "5 []");
}

#[test]
fn a_large_body_that_is_held_goes_whole_to_the_next_node_when_the_first_one_breaks() {
    let broken = Origin::speaking(|talk| {
        talk.body_length();
        talk.reset();
    });
    let well = Origin::answering(|seen| ok(&format!("{} {:?}", seen.body().len(), seen.doubtful)));
    let weir = Plan::before(&[&broken, &well]).pool("buffer-request = \"1MiB\"\neject = { failures = 0 }").start();
    let body = "x".repeat(700_000);
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (framing, body) in [("Content-Length: 700000", body), ("Transfer-Encoding: chunked", chunks)] {
        for _ in 0..2 {
            let head = post(framing).replace("POST", "PUT");
            assert_eq!(weir.client().ask(head + &body).text(), "700000 None", "{framing}");
        }
    }
    assert!(broken.count() >= 2, "{}", broken.count());
}

#[test]
fn a_node_that_says_nothing_of_100_does_not_hold_the_client_up() {
    let origin = Origin::answering(|seen| ok(&String::from_utf8_lossy(&seen.body())));
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send(post("Expect: 100-continue\r\nContent-Length: 5"));
    assert!(client.head().expect("a 100 comes in a second or so").starts_with("HTTP/1.1 100"));
    client.send("hello");
    assert_eq!(client.answer().expect("an answer comes").text(), "hello");
}

#[test]
fn a_final_answer_instead_of_100_goes_down_and_the_body_is_not_read() {
    for status in ["417 Expectation Failed", "401 Unauthorized", "200 OK"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno");
        let origin = Origin::speaking(move |talk| {
            talk.send(answer.as_bytes());
            talk.wait_for_close();
        });
        let weir = Appliance::in_front_of(&[&origin]);
        let mut client = weir.client();
        client.send(post("Expect: 100-continue\r\nContent-Length: 5"));
        let answer = client.answer().expect("the final answer comes");
        assert_eq!((answer.status.to_string(), answer.text().as_str()), (status[..3].to_owned(), "no"));
        assert!(client.is_closed(), "{status}");
        eventually("the node's connection is not kept", || origin.open_connections() == 0);
    }
}

#[test]
fn a_client_that_leaves_in_its_upload_takes_the_nodes_connection_along() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send(post("Content-Length: 1000") + "half");
    origin.reached(1);
    client.reset();
    eventually("the node's connection is closed", || origin.open_connections() == 0);
    assert!(!origin.last().complete);
    assert_eq!(weir.get("/after").status, 200);
}

#[test]
fn a_client_that_leaves_in_its_download_takes_the_nodes_connection_along() {
    let origin = Origin::speaking(|talk| {
        if talk.target() != "/endless" {
            return talk.send(&ok("fine"));
        }
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..10_000 {
            talk.send(b"3e8\r\n");
            talk.send(&[b'z'; 1000]);
            talk.send(b"\r\n");
        }
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send("GET /endless HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    client.head().expect("the head comes");
    client.reset();
    eventually("the node's connection is closed", || origin.open_connections() == 0);
    assert_eq!(weir.get("/after").text(), "fine");
}

#[test]
fn trailers_come_down_to_those_who_asked() {
    let origin = Origin::answering(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\n\r\n"
            .to_vec()
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let asked = weir.client().ask("GET / HTTP/1.1\r\nHost: esb.test\r\nTE: trailers\r\n\r\n");
    assert_eq!((asked.text().as_str(), asked.trailers.as_str()), ("ok", "X-Sum: 1\r\n"));
    assert_eq!(weir.get("/").trailers, "");
}

#[test]
fn a_pool_that_buffers_sends_small_bodies_with_a_length() {
    let origin = Origin::answering(|seen| ok(&String::from_utf8_lossy(&seen.body())));
    let weir = Plan::before(&[&origin]).pool("buffer-request = \"1KiB\"").start();
    let mut client = weir.client();
    let answer = client.ask(post("Transfer-Encoding: chunked") + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
    assert_eq!(answer.text(), "hello");
    assert_eq!(origin.last().values("content-length"), ["5"]);
    assert_eq!(origin.last().values("transfer-encoding"), [""; 0]);
    let long = "x".repeat(5000);
    let answer = client.ask(post("Transfer-Encoding: chunked") + &format!("1388\r\n{long}\r\n0\r\n\r\n"));
    assert_eq!(answer.status, 200);
    assert!(origin.last().complete && origin.last().doubtful.is_none());
}

#[test]
fn a_body_that_fits_the_pools_buffer_goes_up_when_it_is_whole_and_a_larger_one_as_it_comes() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().pool("buffer-request = \"64KiB\"").start();
    let chunk = |length: usize| format!("{length:x}\r\n{}\r\n", "x".repeat(length));
    for mut client in [weir.client(), weir.secure_client()] {
        let before = origin.count();
        client.send(post("Transfer-Encoding: chunked"));
        for _ in 0..4 {
            client.send(chunk(5000));
        }
        assert_eq!(weir.get("/other").text(), "n /other");
        assert!(client.stays_silent(Duration::from_millis(100)));
        assert_eq!(origin.count(), before + 1, "nothing goes up before the body is whole");
        client.send("0\r\n\r\n");
        assert_eq!(client.answer().expect("an answer comes").text(), "n /up");
        let seen = origin.last();
        assert_eq!(
            (seen.values("content-length"), seen.values("transfer-encoding")),
            (vec!["20000".to_owned()], vec![])
        );
        assert_eq!(seen.body(), "x".repeat(20_000).as_bytes());

        client.send(post("Transfer-Encoding: chunked") + &chunk(70_000));
        origin.reached(before + 3);
        client.send(chunk(30_000) + "0\r\n\r\n");
        assert_eq!(client.answer().expect("an answer comes").text(), "n /up");
        let seen = origin.last();
        assert_eq!(
            (seen.values("content-length"), seen.values("transfer-encoding")),
            (vec![], vec!["chunked".to_owned()])
        );
        assert_eq!((seen.body().len(), seen.doubtful), ("186a0\r\n\r\n0\r\n\r\n".len() + 100_000, None));
    }
    let pieces = [Bytes::from("x".repeat(10_000)), Bytes::from("x".repeat(10_000))];
    let answer = H2Client::connect(weir.https()).ask("POST", "/h2", &[], &pieces, None).expect("an answer");
    assert_eq!(answer.text(), "n /h2");
    assert_eq!(origin.last().values("content-length"), ["20000"]);
}

#[test]
fn slow_bodies_and_slow_heads_meet_their_deadlines() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin])
        .listener("head-timeout = \"400ms\"\nbody-timeout = \"400ms\"\nidle-timeout = \"400ms\"")
        .start();
    let mut head = weir.client();
    head.send("GET / HTTP/1.1\r\nHost: esb");
    let mut body = weir.client();
    body.send(post("Content-Length: 10") + "half");
    let mut silent = weir.client();
    assert_eq!(head.answer().expect("a word comes").refusal(), "408 head-timeout");
    assert!(head.is_closed());
    assert_eq!(body.answer().expect("a word comes").refusal(), "408 body-timeout");
    assert!(body.is_closed());
    assert!(silent.is_closed());
    let mut kept = weir.client();
    assert_eq!(kept.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
    assert!(kept.is_closed());
    assert!(origin.seen().iter().all(|seen| seen.target() != "/up" || !seen.complete));
}
