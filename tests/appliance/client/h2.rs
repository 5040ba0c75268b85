//! HTTP/2 clients that do everything right: streams side by side, bodies both ways, trailers, resets, drains.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use rustix::process::Signal;

use crate::harness::frames::{Frames, Outcome};
use crate::harness::{Appliance, Client, Gate, H2Client, Offer, Origin, Plan, eventually, ok, ok_with, within};

const MIB: usize = 1 << 20;

fn before(origin: &Origin) -> Appliance {
    Plan::before(&[origin]).secure().start()
}

#[test]
fn a_hundred_streams_get_each_its_own_answer() {
    let origin = Origin::answering(|seen| ok(&seen.target()));
    let weir = before(&origin);
    let mut client = H2Client::connect(weir.https());
    let paths: Vec<String> = (0..100).map(|number| format!("/stream-{number}")).collect();
    let answers = client.get_all(&paths);
    assert_eq!(answers.len(), 100);
    assert!(answers.iter().all(|(path, body)| path == body), "{answers:?}");
    assert!(origin.seen().iter().all(|seen| seen.doubtful.is_none()));
}

#[test]
fn refusals_are_answers_and_leave_the_connection_to_the_other_streams() {
    let origin = Origin::answering(|seen| ok(&seen.target()));
    let weir = Plan::before(&[&origin]).secure().site("max-body = \"1KiB\"").start();
    let mut client = H2Client::connect(weir.https());
    let big = [Bytes::from(vec![b'x'; 4096])];
    let refused = client.ask("POST", "/big", &[("content-length", "4096")], &big, None).expect("an answer");
    assert_eq!(refused.status, 413, "{refused:?}");
    assert!(refused.text().starts_with("413 body-too-large"), "{refused:?}");
    assert_eq!(client.ask("TRACE", "/", &[], &[], None).expect("an answer").status, 405);
    assert_eq!(client.get("/after", &[]).expect("an answer").text(), "/after");
}

#[test]
fn large_bodies_go_up_and_come_down_whole() {
    let origin = Origin::speaking(|talk| {
        let body = talk.body();
        talk.send(&[format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat());
    });
    let weir = before(&origin);
    let mut client = H2Client::connect(weir.https());
    let body: Vec<u8> = (0..4 * MIB).map(|place| u8::try_from(place % 251).unwrap_or_default()).collect();
    let pieces: Vec<Bytes> = body.chunks(100_000).map(Bytes::copy_from_slice).collect();
    let length = body.len().to_string();
    for fields in [&[("content-length", length.as_str())][..], &[]] {
        let answer = client.ask("POST", "/echo", fields, &pieces, None).expect("an answer");
        assert_eq!((answer.status, answer.body.len()), (200, body.len()));
        assert!(answer.body == body && answer.broken.is_none());
    }
}

#[test]
fn trailers_travel_both_ways_when_asked_for() {
    let origin = Origin::answering(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Down: 1\r\nSet-Cookie: a=b\r\n\r\n"
            .to_vec()
    });
    let weir = before(&origin);
    let mut client = H2Client::connect(weir.https());
    let mut up = HeaderMap::new();
    up.insert("x-up", HeaderValue::from_static("1"));
    up.insert("cookie", HeaderValue::from_static("a=b"));
    let pieces = [Bytes::from_static(b"he"), Bytes::from_static(b"llo")];
    let answer = client.ask("POST", "/", &[("te", "trailers")], &pieces, Some(up)).expect("an answer");
    assert_eq!(answer.text(), "ok");
    assert_eq!(answer.trailers.get("x-down"), Some(&HeaderValue::from_static("1")));
    assert!(!answer.trailers.contains_key("set-cookie"));
    assert_eq!(origin.last().body(), b"5\r\nhello\r\n0\r\nx-up: 1\r\n\r\n");
}

//= rfc9113#8.2.2 one-connection-down
//= rfc9113#8.2 lower-case
#[test]
fn what_belongs_to_one_connection_does_not_come_down() {
    let fields = "Connection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nX-Kept: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n";
    let origin = Origin::answering(move |_| ok_with(fields, "ok"));
    let weir = before(&origin);
    let answer = H2Client::connect(weir.https()).get("/", &[]).expect("an answer");
    let names: Vec<&str> = answer.fields.keys().map(http::HeaderName::as_str).collect();
    assert!(
        !["connection", "x-mine", "keep-alive", "upgrade", "transfer-encoding"].iter().any(|name| names.contains(name)),
        "{names:?}"
    );
    let cookies: Vec<_> = answer.fields.get_all("set-cookie").iter().map(HeaderValue::as_bytes).collect();
    assert_eq!(cookies, [b"a=1", b"b=2"]);
    assert!(answer.fields.contains_key("x-kept"));
}

#[test]
fn an_answer_that_ends_short_ends_with_a_reset() {
    let rows: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ];
    for bytes in rows {
        let origin = Origin::speaking(move |talk| {
            talk.send(if talk.target() == "/short" { bytes } else { b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" });
            talk.close();
        });
        let weir = before(&origin);
        let mut client = H2Client::connect(weir.https());
        // A reset that comes with the head is all that the library tells of the stream.
        let broken = client.get("/short", &[]).map_or_else(Some, |answer| answer.broken);
        assert_eq!(broken.and_then(|error| error.reason()), Some(h2::Reason::INTERNAL_ERROR));
        assert_eq!(client.get("/after", &[]).expect("an answer").status, 200);
    }
}

#[test]
fn a_reset_stream_takes_the_nodes_connection_along_and_no_other_stream() {
    let origin = Origin::speaking(|talk| {
        if talk.target() != "/endless" {
            let target = talk.target();
            return talk.send(&ok(&target));
        }
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..20_000 {
            talk.send(b"3e8\r\n");
            talk.send(&[b'z'; 1000]);
            talk.send(b"\r\n");
        }
    });
    let weir = before(&origin);
    let mut client = H2Client::connect(weir.https());
    assert_eq!(client.begin_and_reset("/endless"), 200);
    assert_eq!(client.get("/after", &[]).expect("an answer").text(), "/after");
    eventually("only the connection that ended well stays", || origin.open_connections() <= 1);
}

#[test]
fn an_early_answer_comes_down_while_the_body_goes_up() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
        talk.close();
    });
    let weir = before(&origin);
    let pieces: Vec<Bytes> = (0..64).map(|_| Bytes::from(vec![b'x'; MIB])).collect();
    let answer = H2Client::connect(weir.https()).ask("POST", "/up", &[], &pieces, None).expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (413, "big"));
}

#[test]
fn head_204_and_304_have_no_body() {
    let origin = Origin::answering(|seen| match seen.target().as_str() {
        "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
    });
    let weir = before(&origin);
    let mut client = H2Client::connect(weir.https());
    for (method, path, status) in [("HEAD", "/", 200), ("GET", "/204", 204), ("GET", "/304", 304)] {
        let answer = client.ask(method, path, &[], &[], None).expect("an answer");
        assert_eq!((answer.status, answer.body.len(), answer.broken.is_none()), (status, 0, true), "{method} {path}");
    }
}

#[test]
fn a_stop_does_not_wait_for_ever_for_clients_that_send_nothing_or_do_not_leave() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().listener("head-timeout = \"1s\"\nhttp2-idle-timeout = \"1s\"").start();
    let open = || weir.ask_admin("/api/status").text().contains("\"connections\":0");
    let silent = Client::tls(weir.https(), &Offer::http2("esb.test")).expect("the handshake works");
    // It reads what it is told and answers no PING, so a polite end never comes.
    let mut deaf = Frames::connect(weir.https());
    assert_eq!(deaf.outcome(1).expect("it is told to go"), Outcome::GoAway(0));
    eventually("both are closed", open);
    drop((silent, deaf));
}

#[test]
fn streams_finish_when_weir_stops() {
    let gate = Gate::shut();
    let origin = Origin::pausing(&gate);
    let mut weir = Plan::before(&[&origin]).secure().top("stop-timeout = \"10s\"").start();
    let address = weir.https();
    let slow = std::thread::spawn(move || H2Client::connect(address).get("/slow", &[]));
    origin.reached(1);
    weir.signal(Signal::TERM);
    assert!(weir.wait_for_notice("STOPPING=1", Duration::from_secs(5)).is_some());
    gate.open();
    let answer = slow.join().expect("the client lives").expect("an answer");
    assert_eq!((answer.text().as_str(), answer.broken.is_none()), ("halfrest", true));
    assert_eq!(weir.exit_code(), Some(0));
}

#[test]
fn who_sends_everything_before_reading_gets_the_early_answer() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        talk.close();
    });
    let limit = "[[site.route]]\nprefix = \"/small\"\nmax-body = \"1KiB\"\n";
    let weir = Plan::before(&[&origin]).secure().site(limit).start();
    let body = vec![b'x'; 5 * MIB];
    for (path, status) in [("/small/a", 413), ("/of-the-node", 403)] {
        let mut client = H2Client::connect(weir.https());
        let answer = client.send_then_read(path, &body).expect("an answer");
        assert_eq!((answer.status, answer.broken.is_none()), (status, true), "{path}");
        assert_eq!(client.get("/after", &[]).expect("an answer").status, 403);
    }
}

#[test]
fn uploads_that_nobody_reads_leave_room_for_the_other_streams() {
    let (gate, origin) = (Gate::shut(), Origin::answering(|seen| ok(&seen.body().len().to_string())));
    let held = gate.clone();
    let busy = Origin::speaking(move |talk| {
        held.pass();
        let body = talk.body();
        talk.send(&ok(&body.len().to_string()));
    });
    let (port, other) = (origin.port(), "pool = \"other\"");
    let weir = Plan::before(&[&busy])
        .secure()
        .pool("max-requests = 1\nqueue = { size = 200, wait = \"60s\" }")
        .site(&format!("[[site.route]]\nprefix = \"/other\"\n{other}"))
        .more(&format!(
            "[[node]]\nname = \"o\"\naddress = \"127.0.0.1\"\n[[pool]]\nname = \"other\"\nnodes = [\"o\"]\nport = {port}\n"
        ))
        .start();
    let mut client = H2Client::connect(weir.https());
    client.begin_uploads("/waits", 100, &Bytes::from(vec![b'x'; 128 * 1024]));
    let waiting = || weir.metric("weir_queue_waiting", &[("pool", "app")]);
    // The client's task only runs while something is asked of it.
    let all_wait = within(Duration::from_secs(40), || {
        client.get("/other", &[]).expect("an answer");
        waiting() > 98.5
    });
    assert!(all_wait, "{} wait", waiting());
    let body = [Bytes::from(vec![b'y'; MIB])];
    let length = MIB.to_string();
    let answer = client.ask("POST", "/other", &[("content-length", &length)], &body, None).expect("an answer");
    assert_eq!((answer.status, answer.text()), (200, length));
    gate.open();
}

#[test]
fn single_bytes_of_an_answer_come_down_together() {
    let origin = Origin::answering(|_| {
        let chunks = b"1\r\nx\r\n".repeat(5000);
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice(), &chunks, b"0\r\n\r\n"].concat()
    });
    let weir = before(&origin);
    let pieces = H2Client::connect(weir.https()).pieces("/");
    assert_eq!(pieces.iter().sum::<usize>(), 5000);
    assert!(pieces.len() < 100, "{} frames", pieces.len());
}
