//! How a connection ends after an answer: whoever sends all of its request before it reads (Python's http.client, Java's
//! HttpURLConnection) gets the answer all the same, and whoever has ended its own direction too.

use std::time::{Duration, Instant};

use crate::harness::{Appliance, Client, Gate, Origin, Plan, eventually, ok};

const MIB: usize = 1 << 20;
/// More than sockets on both sides hold.
const LONG: usize = 12 * MIB;

/// A site that takes 1 MiB, answers on /answer, denies /denied, and whose node refuses /early before it reads a body.
fn world() -> (Origin, Appliance) {
    let origin = Origin::speaking(|talk| match talk.target().as_str() {
        "/early" => {
            talk.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
            talk.wait_for_close();
        }
        "/big" => {
            talk.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 4 * LONG).as_bytes());
            (0..4).for_each(|_| talk.send(&vec![b'y'; LONG]));
        }
        target => {
            let target = target.to_owned();
            talk.body_length();
            talk.send(&ok(&target));
        }
    });
    let routes = "max-body = \"1MiB\"\n\
        [[site.route]]\nprefix = \"/denied\"\ndeny = true\n\
        [[site.route]]\nprefix = \"/answer\"\nanswer = { status = 410, body = \"gone\" }\n\
        [[site.route]]\nprefix = \"/early\"\nmax-body = \"1GiB\"\n\
        [[site.route]]\nprefix = \"/nobody\"\nmax-body = \"1GiB\"\npool = \"empty\"\n";
    let nobody = "[[node]]\nname = \"gone\"\naddress = \"127.0.0.1\"\n[[pool]]\nname = \"empty\"\nnodes = [\"gone\"]\nport = 1\n";
    let weir = Plan::before(&[&origin]).secure().top("stop-timeout = \"20s\"").site(routes).more(nobody).start();
    (origin, weir)
}

fn post(path: &str, version: &str, framing: &str) -> String {
    format!("POST {path} HTTP/{version}\r\nHost: esb.test\r\n{framing}\r\n\r\n")
}

/// Sends everything, and only then reads.
#[track_caller]
fn sends_first(mut client: Client, head: &str, chunked: bool, what: &str) -> u16 {
    let piece = vec![b'x'; MIB];
    client.send(head);
    for _ in 0..LONG / MIB {
        let framed = if chunked { [b"100000\r\n".as_slice(), &piece, b"\r\n"].concat() } else { piece.clone() };
        assert!(client.send(framed), "{what}: the client is cut while it sends");
    }
    let answer = client.answer().unwrap_or_else(|error| panic!("{what}: the answer is lost: {error}"));
    assert!(answer.whole, "{what}");
    assert_eq!(answer.values("connection"), ["close"], "{what}");
    assert!(client.rest().is_ok_and(|rest| rest.is_empty()), "{what}: a reset after the answer");
    answer.status
}

#[test]
fn who_sends_everything_before_it_reads_gets_every_early_answer() {
    let (_origin, weir) = world();
    let length = format!("Content-Length: {LONG}");
    let chunked = "Transfer-Encoding: chunked";
    let unknown = post("/a", "1.1", &length).replace("esb.test", "other.test");
    let doubtful = post("/a", "1.1", &format!("{length}\r\n{length}"));
    let cases = [
        ("a body that is too long", post("/up", "1.1", &length), 413),
        ("one in chunks", post("/up", "1.1", chunked), 413),
        ("one of an old client", post("/up", "1.0", &length), 413),
        ("a path that is denied", post("/denied", "1.1", &length), 403),
        ("a route's own answer", post("/answer", "1.1", &length), 410),
        ("an unknown host", unknown, 421),
        ("a head with two lengths", doubtful, 400),
        ("a pool without a node", post("/nobody", "1.1", &length), 502),
        ("a node's early answer", post("/early", "1.1", &length), 401),
    ];
    for (what, head, status) in &cases {
        for (client, over) in [(weir.client(), "plain"), (weir.secure_client(), "TLS")] {
            let what = format!("{what}, {over}");
            assert_eq!(sends_first(client, head, head.contains("chunked"), &what), *status, "{what}");
        }
    }
}

#[test]
fn a_client_that_pauses_in_its_sending_still_gets_the_answer() {
    let (_origin, weir) = world();
    let mut clients = [weir.client(), weir.secure_client()];
    for client in &mut clients {
        client.send(post("/up", "1.1", &format!("Content-Length: {}", 4 * MIB)));
        assert!(client.send(vec![b'x'; 2 * MIB]));
    }
    assert!(weir.client().stays_silent(Duration::from_secs(2)));
    for mut client in clients {
        assert!(client.send(vec![b'x'; 2 * MIB]), "its connection is reset while it pauses");
        assert_eq!(client.answer().expect("the answer comes").refusal(), "413 body-too-large");
    }
}

//= rfc9112#9.3 read-or-close
#[test]
fn the_connection_goes_on_after_the_short_body_of_a_denied_request_and_not_after_a_long_one() {
    let (_origin, weir) = world();
    for mut client in [weir.client(), weir.secure_client()] {
        client.send(post("/denied", "1.1", "Content-Length: 30000"));
        assert_eq!(client.answer().expect("the answer does not wait").status, 403);
        client.send("x".repeat(30_000));
        assert_eq!(client.ask("GET /next HTTP/1.1\r\nHost: esb.test\r\n\r\n").text(), "/next");
        client.send(post("/denied", "1.1", "Content-Length: 300000"));
        assert_eq!(client.answer().expect("the answer does not wait").values("connection"), ["close"]);
        assert!(client.is_closed());
    }
}

#[test]
fn requests_behind_the_last_one_do_not_take_its_answer_away() {
    let (_origin, weir) = world();
    let last = "GET /answer HTTP/1.1\r\nHost: esb.test\r\nConnection: close\r\n\r\n";
    let next = "GET /next HTTP/1.1\r\nHost: esb.test\r\n\r\n";
    for mut client in [weir.client(), weir.secure_client()] {
        // The first of them come with it: what is sent after the connection was closed is answered by a reset, as by nginx.
        client.send(format!("{last}{}", next.repeat(1000)));
        client.send(next.repeat(1000));
        assert_eq!(client.answer().expect("the answer comes").status, 410);
        assert_eq!(client.rest().expect("an end, and no reset"), b"");
    }
}

#[test]
fn clients_that_still_send_do_not_hold_up_a_stop() {
    let (_origin, mut weir) = world();
    let mut clients = [weir.client(), weir.secure_client(), weir.client()];
    clients[0].send(post("/up", "1.1", &format!("Content-Length: {LONG}")));
    clients[1].send(post("/up", "1.1", &format!("Content-Length: {LONG}")));
    // Of this one a short rest is waited for.
    clients[2].send(post("/denied", "1.1", "Content-Length: 100"));
    for client in &mut clients {
        assert!(client.answer().is_ok_and(|answer| matches!(answer.status, 403 | 413)));
    }
    let asked = Instant::now();
    assert_eq!(weir.stop(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    weir.tells("every request was answered");
}

#[test]
fn a_client_that_has_ended_its_direction_gets_its_whole_answer_however_slowly_it_reads() {
    let (origin, weir) = world();
    let mut clients = [weir.client(), weir.secure_client()];
    for client in &mut clients {
        client.send("GET /big HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        client.finish();
    }
    origin.reached(2);
    // So long nothing moves: all sockets on the way are full.
    assert!(weir.client().stays_silent(Duration::from_millis(4900)));
    for mut client in clients {
        let answer = client.answer().expect("the answer comes");
        assert_eq!((answer.whole, answer.body.len()), (true, 4 * LONG));
    }
}

#[test]
fn a_node_may_pause_within_its_answer_to_a_client_that_has_ended_its_direction() {
    let gate = Gate::shut();
    let origin = Origin::pausing(&gate);
    let weir = Plan::before(&[&origin]).secure().start();
    let mut clients = [weir.client(), weir.secure_client()];
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        client.finish();
        client.head().expect("the head comes");
    }
    assert!(weir.client().stays_silent(Duration::from_millis(4900)));
    gate.open();
    for mut client in clients {
        assert_eq!(client.exactly(8).expect("the whole answer comes"), b"halfrest");
    }
}

#[test]
fn a_client_that_has_left_before_its_answer_is_noticed() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::speaking(move |talk| {
        opened.pass();
        talk.send(&ok("late"));
    });
    let weir = Plan::before(&[&origin]).start();
    let mut client = weir.client();
    client.send("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    drop(client);
    eventually("the request is over", || weir.journal().contains("client-gone"));
    gate.open();
}
