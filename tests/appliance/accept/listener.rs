//! What a listener allows its clients: so many requests on one connection, and so much time.

use std::time::{Duration, Instant};

use crate::harness::frames::{DATA, END_HEADERS, END_STREAM, Frames, HEADERS, Outcome, fields, frame};
use crate::harness::{Appliance, Client, H2Client, Origin, Plan, eventually};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";

fn before(origin: &Origin, listener: &str) -> Appliance {
    Plan::before(&[origin]).secure().listener(listener).start()
}

#[test]
fn a_connection_is_closed_after_as_many_requests_as_the_listener_allows() {
    let origin = Origin::named("n");
    let weir = before(&origin, "max-requests = 3");
    for connect in [Appliance::client, Appliance::secure_client] {
        let mut client = connect(&weir);
        let closes: Vec<_> = (0..3).map(|_| client.ask(GET).values("connection")).collect();
        assert_eq!(closes, [vec![], vec![], vec!["close".to_owned()]]);
        assert!(client.is_closed());
    }
    let mut eager = weir.client();
    eager.send(GET.repeat(5));
    let answered = std::iter::from_fn(|| eager.answer().ok()).take(5).count();
    assert_eq!(answered, 3, "requests behind the last one are not answered");
    assert!(eager.is_closed());
    assert_eq!(origin.count(), 9, "nor sent to a node");
}

#[test]
fn refusals_count_as_requests_too() {
    let origin = Origin::named("n");
    let weir = before(&origin, "max-requests = 2");
    let mut client = weir.client();
    let unknown = "GET /a HTTP/1.1\r\nHost: other.test\r\n\r\n";
    assert_eq!(client.ask(unknown).values("connection"), [""; 0]);
    assert_eq!(client.ask(unknown).values("connection"), ["close"]);
    assert!(client.is_closed());
}

#[test]
fn an_http2_connection_takes_leave_after_as_many_requests_and_finishes_them() {
    let origin = Origin::named("n");
    let weir = before(&origin, "max-requests = 3");
    let mut client = H2Client::connect(weir.https());
    let answered = (0..50).take_while(|_| client.get("/a", &[]).is_ok_and(|answer| answer.status == 200)).count();
    // The client may have sent a few before it heard of the leave; those are served.
    assert!((3..10).contains(&answered), "{answered} requests were answered on one connection");
    eventually("the connection is closed", || weir.metric("weir_connections_open", &[("listener", "https")]) < 0.5);
    assert_eq!(H2Client::connect(weir.https()).get("/a", &[]).expect("an answer").status, 200);
}

/// Sends `pieces` one after another, each before `pace` is over, and says what came back when.
fn drip(client: &mut Client, pieces: &[&str], pace: Duration) -> Duration {
    let begun = Instant::now();
    for piece in pieces {
        if !client.send(piece) || !client.stays_silent(pace) {
            break;
        }
    }
    begun.elapsed()
}

#[test]
fn a_head_has_its_time_in_total_however_busily_it_drips() {
    let origin = Origin::named("n");
    let weir = before(&origin, "head-timeout = \"500ms\"");
    for connect in [Appliance::client, Appliance::secure_client] {
        let mut client = connect(&weir);
        client.send("GET / HTTP/1.1\r\nHost: esb.test\r\n");
        let taken = drip(&mut client, &["X: y\r\n"; 100], Duration::from_millis(50));
        assert_eq!(client.answer().expect("a word comes").refusal(), "408 head-timeout");
        assert!(taken < Duration::from_secs(3), "{taken:?}");
        assert!(client.is_closed());
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_body_may_drip_for_longer_than_its_timeout_as_long_as_it_does_not_stop() {
    let origin = Origin::named("n");
    let weir = before(&origin, "body-timeout = \"600ms\"\nhead-timeout = \"600ms\"\nidle-timeout = \"600ms\"");
    for connect in [Appliance::client, Appliance::secure_client] {
        let mut client = connect(&weir);
        client.send("POST /drip HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 20\r\n\r\n");
        let taken = drip(&mut client, &["x"; 20], Duration::from_millis(80));
        assert!(taken > Duration::from_millis(1400), "the body must take longer than its timeout: {taken:?}");
        assert_eq!(client.answer().expect("an answer comes").text(), "n /drip");
    }
}

#[test]
fn silence_is_closed_without_a_word_and_a_pause_between_requests_is_not_silence() {
    let origin = Origin::named("n");
    let weir = before(&origin, "idle-timeout = \"800ms\"\nhead-timeout = \"300ms\"");
    for connect in [Appliance::client, Appliance::secure_client] {
        let mut client = connect(&weir);
        for _ in 0..3 {
            assert_eq!(client.ask(GET).status, 200);
            assert!(client.stays_silent(Duration::from_millis(400)), "the idle time begins anew with each answer");
        }
        assert_eq!(client.rest().expect("an end, and no reset"), b"");
    }
}

/// An HTTP/2 client by hand: it answers no PING and speaks only when told to.
fn stubborn(weir: &Appliance, method: &[u8], flags: u8) -> Frames {
    let list: [(&[u8], &[u8]); 4] =
        [(b":method", method), (b":scheme", b"https"), (b":path", b"/a"), (b":authority", b"esb.test")];
    let mut frames = Frames::connect(weir.https());
    frames.send(frame(HEADERS, END_HEADERS | flags, 1, &fields(&list)));
    frames
}

#[test]
fn an_http2_body_that_stops_meets_its_timeout_and_no_other_stream_does() {
    let origin = Origin::named("n");
    let weir = before(&origin, "body-timeout = \"400ms\"");
    let mut frames = stubborn(&weir, b"POST", 0);
    frames.send(frame(DATA, 0, 1, b"half"));
    assert_eq!(frames.outcome(1).expect("an answer comes"), Outcome::Status(408));
    let list: [(&[u8], &[u8]); 4] =
        [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/b"), (b":authority", b"esb.test")];
    frames.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, &fields(&list)));
    assert_eq!(frames.outcome(3).expect("an answer comes"), Outcome::Status(200));
    assert!(origin.seen().iter().all(|seen| seen.target() != "/a" || !seen.complete));
}

#[test]
fn an_idle_http2_connection_ends_even_when_its_client_says_nothing_to_that() {
    let origin = Origin::named("n");
    let weir = before(&origin, "http2-idle-timeout = \"300ms\"");
    let mut frames = stubborn(&weir, b"GET", END_STREAM);
    assert_eq!(frames.outcome(1).expect("an answer comes"), Outcome::Status(200));
    assert_eq!(frames.outcome(u32::MAX).expect("a leave comes"), Outcome::GoAway(0));
    eventually("the connection is closed", || weir.metric("weir_connections_open", &[("listener", "https")]) < 0.5);
}

#[test]
fn a_target_may_be_as_long_as_heads_may_be() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).listener("max-head = \"20KiB\"").start();
    let long = |length: usize| format!("/{}", "a".repeat(length));
    assert_eq!(weir.get(&long(18_000)).text(), format!("n {}", long(18_000)));
    assert_eq!(weir.get(&long(20_000)).status, 200);
    assert_eq!(weir.get(&long(21_000)).refusal(), "414 target-too-long");
}
