//! Stopping: what runs is answered, what idles is closed, and the exit code tells how it went.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::process::Signal;

use crate::harness::{Appliance, Client, Gate, Origin, Plan, eventually};

/// /slow is answered when the gate opens.
fn world(more: &str) -> (Origin, Gate, Appliance) {
    let gate = Gate::shut();
    let origin = Origin::waiting_at(&gate, "/slow");
    let weir = Plan::before(&[&origin]).secure().top(more).start();
    (origin, gate, weir)
}

#[test]
fn sigterm_answers_what_runs_closes_what_idles_and_accepts_no_more() {
    stops_gently(Signal::TERM);
}

#[test]
fn sigquit_stops_as_gently_as_nginx_does() {
    stops_gently(Signal::QUIT);
}

fn stops_gently(signal: Signal) {
    let (origin, gate, mut weir) = world("stop-timeout = \"10s\"");
    let (mut idle, mut fresh, mut slow) = (weir.client(), weir.client(), weir.client());
    assert_eq!(idle.ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(2);
    weir.signal(signal);
    assert!(weir.wait_for_notice("STOPPING=1", Duration::from_secs(5)).is_some());
    assert!(idle.is_closed());
    assert!(fresh.is_closed());
    eventually("nobody is let in", || Client::plain(weir.http()).is_err() && Client::plain(weir.https()).is_err());
    assert!(!weir.has_ended(), "a request still runs");
    gate.open();
    let answer = slow.answer().expect("the answer comes");
    assert_eq!(answer.text(), "/slow");
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    assert!(slow.is_closed());
    assert_eq!(weir.exit_code(), Some(0));
}

#[test]
fn clients_that_come_back_at_once_are_served_or_refused_but_never_reset() {
    let (_origin, _gate, mut weir) = world("");
    let address = weir.http();
    let mut idle: Vec<Client> = (0..200).map(|_| weir.client()).collect();
    idle.iter_mut().for_each(|client| assert_eq!(client.ask(KEPT).status, 200));
    let come_back = move |mut client: Client| {
        client.is_closed();
        ask_until_refused(address, KEPT, &AtomicUsize::new(0))
    };
    let returning: Vec<_> = idle.into_iter().map(|client| thread::spawn(move || come_back(client))).collect();
    weir.signal(Signal::TERM);
    assert_eq!(went_wrong(returning), Vec::<String>::new());
    assert_eq!(weir.exit_code(), Some(0));
}

#[test]
fn no_request_of_busy_clients_is_lost_at_a_stop() {
    for (what, request) in [("kept connections", KEPT), ("a connection for each request", CLOSED)] {
        let (_origin, _gate, mut weir) = world("");
        let (address, answered) = (weir.http(), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let answered = answered.clone();
            thread::spawn(move || ask_until_refused(address, request, &answered))
        };
        let busy: Vec<_> = (0..60).map(|_| ask()).collect();
        eventually("all are busy", || answered.load(Ordering::Relaxed) > 600);
        weir.signal(Signal::TERM);
        assert_eq!(went_wrong(busy), Vec::<String>::new(), "{what}");
        assert_eq!(weir.exit_code(), Some(0));
    }
}

const KEPT: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";
const CLOSED: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\nConnection: close\r\n\r\n";

/// Asks without a pause, on a new connection whenever the old one is over, until nobody listens; what went wrong.
fn ask_until_refused(address: SocketAddr, request: &str, answered: &AtomicUsize) -> Option<io::Error> {
    loop {
        let mut client = match Client::plain(address) {
            Ok(client) => client,
            Err(error) => return Some(error).filter(|error| error.kind() != io::ErrorKind::ConnectionRefused),
        };
        loop {
            client.send(request);
            match client.answer() {
                Ok(answer) => {
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.field("connection").as_deref() == Some("close") {
                        break;
                    }
                }
                Err(error) => return Some(error),
            }
        }
    }
}

fn went_wrong(clients: Vec<JoinHandle<Option<io::Error>>>) -> Vec<String> {
    clients.into_iter().filter_map(|client| Some(client.join().expect("it ends")?.to_string())).collect()
}

#[test]
fn who_begins_no_handshake_holds_up_no_stop() {
    let (_origin, _gate, mut weir) = world("stop-timeout = \"1h\"");
    let silent = Client::plain(weir.https()).expect("it listens");
    eventually("it is let in", || weir.metric("weir_connections_open", &[("listener", "https")]) > 0.0);
    let begun = Instant::now();
    assert_eq!(weir.stop(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "a handshake may take 10 s: {:?}", begun.elapsed());
    drop(silent);
}

#[test]
fn a_reload_is_told_that_weir_stops_and_does_not_wait_for_the_end() {
    let (origin, gate, mut weir) = world("stop-timeout = \"1h\"");
    let mut slow = weir.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    weir.signal(Signal::TERM);
    assert!(weir.wait_for_notice("STOPPING=1", Duration::from_secs(5)).is_some());
    let said = weir.command(&["reload"]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), "weir: reload refused: Weir is stopping\n"), "{said:?}");
    let said = weir.command(&["reload", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("\"what\": \"Weir is stopping\""), "{said:?}");
    gate.open();
    assert_eq!(slow.answer().expect("the answer comes").text(), "/slow");
    assert_eq!(weir.exit_code(), Some(0));
}

#[test]
fn without_work_the_end_comes_at_once() {
    let (_origin, _gate, mut weir) = world("stop-timeout = \"10s\"");
    let _idle = weir.client();
    let asked = Instant::now();
    assert_eq!(weir.stop(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[test]
fn the_deadline_ends_what_does_not_end() {
    let (origin, _gate, mut weir) = world("stop-timeout = \"1s\"");
    let mut slow = weir.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    let asked = Instant::now();
    assert_eq!(weir.stop(), Some(0));
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&asked.elapsed()), "{:?}", asked.elapsed());
}

#[test]
fn sigint_ends_at_once() {
    let (origin, _gate, mut weir) = world("stop-timeout = \"1h\"");
    let mut slow = weir.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    let asked = Instant::now();
    weir.signal(Signal::INT);
    weir.exit_code();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[test]
fn a_second_start_on_a_taken_port_says_so() {
    let (_origin, _gate, weir) = world("");
    let output = crate::harness::weir(&["run", "--config", &weir.path("weir.toml").display().to_string()]);
    let output = output.expect("the binary runs");
    assert_ne!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("in use") || said.contains("taken"), "{said}");
    assert_eq!(weir.get("/a").status, 200);
}
