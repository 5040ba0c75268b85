//! Clients that do not take their answers: they meet the write timeout, the node's connection goes, nobody else notices.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::harness::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, Outcome, WINDOW_UPDATE, fields, frame};
use crate::harness::{Appliance, Client, Origin, Plan, eventually, ok, within};

const MIB: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_millis(600);
/// More than any socket's buffers hold.
const BIG: usize = 400 * MIB;

fn world() -> (Origin, Appliance) {
    world_with(TIMEOUT)
}

fn world_with(timeout: Duration) -> (Origin, Appliance) {
    let origin = Origin::speaking(|talk| {
        if talk.target() != "/big" {
            return talk.send(&ok("small"));
        }
        talk.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {BIG}\r\n\r\n").as_bytes());
        let piece = vec![b'x'; MIB];
        for _ in 0..BIG / MIB {
            if talk.is_open() {
                talk.send(&piece);
            }
        }
    });
    let weir = Plan::before(&[&origin]).secure().listener(&format!("write-timeout = \"{}ms\"", timeout.as_millis()));
    let weir = weir.start();
    (origin, weir)
}

/// Waits for the node's connection to go, and asks for something else all the while.
#[track_caller]
fn goes_unnoticed(origin: &Origin, weir: &Appliance) {
    let (begun, mut slowest, mut open) = (Instant::now(), Duration::ZERO, 0);
    let mut client = weir.client();
    let gone = within(Duration::from_secs(10), || {
        let asked = Instant::now();
        assert_eq!(client.ask("GET /small HTTP/1.1\r\nHost: esb.test\r\n\r\n").text(), "small");
        slowest = slowest.max(asked.elapsed());
        open = origin.open_connections();
        // What is left is the connection of the small answers.
        open <= 1
    });
    assert!(gone, "{open} connections to the node are open after {:?}", begun.elapsed());
    assert!(begun.elapsed() > TIMEOUT / 2, "the client had no time at all: {:?}", begun.elapsed());
    assert!(slowest < TIMEOUT, "another client waited {slowest:?}");
}

#[test]
fn a_client_that_does_not_read_is_cut_and_takes_the_nodes_connection_along() {
    let (origin, weir) = world();
    for mut client in [weir.client(), weir.secure_client()] {
        let before = origin.count();
        client.send("GET /big HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        origin.reached(before + 1);
        goes_unnoticed(&origin, &weir);
        let answer = client.answer().expect("what the sockets held is there");
        assert!(!answer.whole && answer.body.len() < BIG, "an answer that was cut must not look whole");
    }
    eventually("both have their line", || weir.journal().matches("client-gone").count() >= 2);
}

#[test]
fn the_kernel_takes_little_for_a_client_that_does_not_read() {
    let (origin, weir) = world();
    for mut client in [weir.client(), weir.secure_client()] {
        let (before, mut held) = (origin.count(), 0);
        client.send("GET /big HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        origin.reached(before + 1);
        // Until the client's own buffer is full, more is on its way. What was there last is what was held.
        eventually("the client is cut", || {
            held = client.held_for_it().unwrap_or(held);
            origin.open_connections() == 0
        });
        assert!((1..512 << 10).contains(&held), "{held} bytes were held for the client");
    }
}

#[test]
fn a_client_that_reads_slowly_but_steadily_is_not_cut() {
    let timeout = Duration::from_millis(1500);
    let (_origin, weir) = world_with(timeout);
    let mut client = weir.client();
    client.send("GET /big HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    client.head().expect("the head comes");
    let (begun, mut pace) = (Instant::now(), weir.client());
    let (mut stream, mut piece, mut got) = (client.into_stream(), vec![0; MIB], 0);
    // What came with the head is in nobody's count: it is less than a buffer of the client.
    while got < BIG - MIB {
        got += stream.read(&mut piece).expect("the answer goes on");
        if got / (4 * MIB) > pieces(begun.elapsed()) {
            pace.stays_silent(Duration::from_millis(10));
        }
    }
    assert!(begun.elapsed() > 2 * timeout, "it must take longer than the timeout: {:?}", begun.elapsed());
}

/// How many pieces are due after this time.
fn pieces(elapsed: Duration) -> usize {
    usize::try_from(elapsed.as_millis() / 35).unwrap_or(usize::MAX)
}

fn get(stream: u32, path: &[u8]) -> Vec<u8> {
    let list: [(&[u8], &[u8]); 4] =
        [(b":method", b"GET"), (b":scheme", b"https"), (b":path", path), (b":authority", b"esb.test")];
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(&list))
}

fn more_window(stream: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &0x7000_0000u32.to_be_bytes())
}

#[test]
fn a_stream_whose_window_stays_shut_is_reset_and_the_others_go_on() {
    let (origin, weir) = world();
    let mut frames = Frames::connect(weir.https());
    frames.send([more_window(0), get(1, b"/big")].concat());
    assert_eq!(frames.outcome(1).expect("the head comes"), Outcome::Status(200));
    for stream in [3, 5, 7] {
        frames.send(get(stream, b"/small"));
        assert_eq!(frames.outcome(stream).expect("an answer comes"), Outcome::Status(200), "{stream}");
    }
    goes_unnoticed(&origin, &weir);
    assert!(matches!(frames.outcome(1).expect("the stream ends"), Outcome::Reset(_)));
    frames.send(get(9, b"/small"));
    assert_eq!(frames.outcome(9).expect("an answer comes"), Outcome::Status(200));
}

#[test]
fn an_http2_client_that_reads_nothing_at_all_is_cut_whatever_its_windows_say() {
    let (origin, weir) = world();
    let mut frames = Frames::connect(weir.https());
    frames.send([more_window(0), get(1, b"/big"), more_window(1)].concat());
    origin.reached(1);
    goes_unnoticed(&origin, &weir);
}

#[test]
fn a_connection_of_which_nothing_is_ever_read_is_not_kept_for_ever() {
    let origin = Origin::answering(|_| ok(&"x".repeat(16 * MIB)));
    let weir = Plan::before(&[&origin]).secure().listener("write-timeout = \"300ms\"\nhttp2-idle-timeout = \"300ms\"");
    let weir = weir.start();
    let mut frames = Frames::connect(weir.https());
    frames.send([more_window(0), get(1, b"/"), more_window(1)].concat());
    let mut silent = Client::plain(weir.http()).expect("the listener accepts");
    silent.send("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(2);
    for listener in ["http", "https"] {
        eventually(&format!("the connection on {listener} is closed"), || {
            weir.metric("weir_connections_open", &[("listener", listener)]) < 0.5
        });
    }
}
