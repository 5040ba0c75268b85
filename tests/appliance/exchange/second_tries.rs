//! Two things that go wrong in one request: nothing that was learned of the first node is held for or against the next
//! one, and a body that is sent again is whole or is not sent.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use bytes::Bytes;

use crate::harness::{Answer, Appliance, H2Client, Origin, Plan, Talk, ok};

const BUSY: &[u8] = b"HTTP/1.1 503 Busy\r\nContent-Length: 7\r\n\r\n<Busy/>";

/// More than is remembered of a body.
const LONG: usize = 200_000;

/// Reads the whole request and says 503.
fn busy() -> Origin {
    Origin::answering(|_| BUSY.to_vec())
}

/// Says how long the body was that came.
fn counting() -> Origin {
    Origin::speaking(|talk| {
        let length = talk.body_length();
        talk.send(&ok(&length.to_string()));
    })
}

/// A node where nobody listens.
fn refusing() -> Origin {
    let origin = Origin::named("refusing");
    origin.stop();
    origin
}

/// Never says a word.
fn silent() -> Origin {
    Origin::speaking(|talk| {
        talk.wait_for_close();
    })
}

fn request(method: &str, target: &str, chunked: bool, length: usize) -> Vec<u8> {
    let body = vec![b'x'; length];
    let head = format!("{method} {target} HTTP/1.1\r\nHost: esb.test\r\n");
    if !chunked {
        return [format!("{head}Content-Length: {length}\r\n\r\n").as_bytes(), &body].concat();
    }
    let mut sent = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(7_000) {
        sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b"0\r\n\r\n");
    sent
}

/// A pool that asks again after 503, with a route where a POST may go again as well.
fn before_busy(first: &Origin, second: &Origin) -> Appliance {
    let pool = "eject = { failures = 0 }\nretry-on = [\"connect\", \"reset\", \"503\"]\ntimeouts = { read = \"3s\" }";
    let route = "[[site.route]]\nprefix = \"/safe\"\nnon-idempotent = true\n";
    Plan::before(&[first, second]).secure().pool(pool).site(route).start()
}

/// What each of four requests got; round robin gives half of them the busy node first.
fn of_four(mut ask: impl FnMut() -> (u16, String)) -> Vec<(u16, String)> {
    let mut answers: Vec<_> = (0..4).map(|_| ask()).collect();
    answers.sort();
    answers
}

fn of(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text())
}

/// Half of them went to the busy node first; its answer is theirs where the body could not be sent again.
fn right(length: usize) -> Vec<(u16, String)> {
    let good = (200, length.to_string());
    let first = if length == LONG { (503, "<Busy/>".to_owned()) } else { good.clone() };
    let mut all = vec![good.clone(), good, first.clone(), first];
    all.sort();
    all
}

#[test]
fn a_body_that_is_sent_again_is_whole_and_one_that_is_too_long_for_that_keeps_the_first_answer() {
    for (method, target) in [("PUT", "/a"), ("POST", "/safe/a")] {
        for length in [5, 20_000, 32_000, LONG] {
            for chunked in [false, true] {
                let (first, second) = (busy(), counting());
                let weir = before_busy(&first, &second);
                let answers = of_four(|| of(&weir.client().ask(request(method, target, chunked, length))));
                assert_eq!(answers, right(length), "{method}, {length} bytes, chunked: {chunked}");
                assert!(second.seen().iter().all(|seen| seen.complete && seen.doubtful.is_none()));
                assert_eq!(first.count(), 2);
            }
        }
    }
}

#[test]
fn over_http2_a_body_that_is_sent_again_is_whole_too() {
    for (method, target) in [("PUT", "/a"), ("POST", "/safe/a")] {
        for length in [20_000, LONG] {
            for with_length in [false, true] {
                let (first, second) = (busy(), counting());
                let weir = before_busy(&first, &second);
                let mut client = H2Client::connect(weir.https());
                let (told, pieces) = (length.to_string(), [Bytes::from(vec![b'x'; length])]);
                let fields = [("content-length", told.as_str())];
                let fields = if with_length { &fields[..] } else { &[] };
                let answers = of_four(|| {
                    let answer = client.ask(method, target, fields, &pieces, None).expect("an answer");
                    (answer.status, answer.text())
                });
                assert_eq!(answers, right(length), "{method}, {length} bytes, with length: {with_length}");
                assert!(second.seen().iter().all(|seen| seen.complete && seen.doubtful.is_none()));
            }
        }
    }
}

#[test]
fn a_body_survives_two_nodes_that_fail_in_different_ways() {
    for chunked in [false, true] {
        let resets = Origin::speaking(|talk| {
            talk.body();
            talk.reset();
        });
        let (busy, good) = (busy(), counting());
        let pool = "eject = { failures = 0 }\ntries = 4\nretry-on = [\"connect\", \"reset\", \"503\"]";
        let weir = Plan::before(&[&busy, &resets, &refusing(), &good]).pool(pool).start();
        for _ in 0..8 {
            let answer = weir.client().ask(request("PUT", "/a", chunked, 20_000));
            assert_eq!(of(&answer), (200, "20000".to_owned()), "chunked: {chunked}");
        }
        assert!(busy.count() > 0 && resets.count() > 0);
        assert!(good.seen().iter().all(|seen| seen.complete));
    }
}

#[test]
fn what_the_first_node_said_does_not_keep_the_request_from_the_third() {
    let seconds = [
        ("refuses", refusing as fn() -> Origin),
        ("resets", || Origin::speaking(Talk::reset)),
        ("closes", || Origin::speaking(Talk::close)),
        ("is silent", silent),
    ];
    for (how, second) in seconds {
        let (first, second, third) = (busy(), second(), Origin::named("good"));
        let pool = "eject = { failures = 0 }\nretry-on = [\"connect\", \"reset\", \"timeout\", \"503\"]\n\
            timeouts = { read = \"200ms\" }";
        let weir = Plan::before(&[&first, &second, &third]).pool(pool).start();
        for _ in 0..6 {
            assert_eq!(weir.get("/a").text(), "good /a", "the second {how}");
        }
        assert!(first.count() > 0);
    }
}

/// Closes each connection without a word when it is used a second time, as a worker does whose idle time is over.
fn closes_what_is_kept() -> Origin {
    let last = AtomicU64::new(0);
    Origin::speaking(move |talk| {
        let seen = talk.seen();
        if last.swap(seen.connection, SeqCst) == seen.connection {
            return talk.close();
        }
        talk.send(&ok("good"));
    })
}

#[test]
fn a_kept_connection_that_is_found_closed_on_the_second_try_is_replaced_and_its_node_not_blamed() {
    let (first, second) = (busy(), closes_what_is_kept());
    let pool = "eject = { failures = 1, for = \"1h\" }\nretry-on = [\"connect\", \"reset\", \"503\"]\ntries = 2";
    let weir = Plan::before(&[&first, &second]).pool(pool).start();
    for round in 0..8 {
        assert_eq!(weir.get("/a").text(), "good", "round {round}");
    }
    assert_eq!(weir.state("app", "n2"), "active");
    assert!(first.count() >= 3, "the first was asked before: {}", first.count());
}
