//! What happens, as it happens: who follows it learns of each event once, also after it was cut off.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Appliance, Origin, Plan, eventually};

/// A follower of the stream.
struct Viewer {
    lines: BufReader<TcpStream>,
    head: String,
}

/// One event of the stream.
#[derive(Debug, Default, PartialEq)]
struct Told {
    event: String,
    id: String,
    data: Value,
}

impl Viewer {
    /// Asks in HTTP/1.0, so that the body comes without chunks.
    #[track_caller]
    fn of(weir: &Appliance, query: &str, fields: &str) -> Self {
        let mut socket = TcpStream::connect(weir.admin()).expect("it listens");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        socket
            .write_all(format!("GET /api/v1/stream{query} HTTP/1.0\r\nHost: localhost\r\n{fields}\r\n").as_bytes())
            .expect("it takes a head");
        let mut viewer = Self { lines: BufReader::new(socket), head: String::new() };
        while !viewer.head.ends_with("\r\n\r\n") {
            assert!(viewer.lines.read_line(&mut viewer.head).expect("a line") > 0, "no answer: {}", viewer.head);
        }
        viewer
    }

    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The next event; none at the end of the stream.
    #[track_caller]
    fn next(&mut self) -> Option<Told> {
        let (mut told, mut line) = (Told::default(), String::new());
        loop {
            line.clear();
            if self.lines.read_line(&mut line).expect("the stream goes on") == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", event)) => told.event = event.to_owned(),
                Some(("id", id)) => told.id = id.to_owned(),
                Some(("data", data)) => told.data = serde_json::from_str(data).expect("JSON"),
                _ if line == "\n" && !told.event.is_empty() => return Some(told),
                _ => {}
            }
        }
    }

    /// The next event whose text has this.
    #[track_caller]
    fn until(&mut self, text: &str) -> Told {
        let has = |told: &Told| told.data["text"].as_str().is_some_and(|told| told.contains(text));
        while let Some(told) = self.next() {
            if has(&told) {
                return told;
            }
        }
        panic!("the stream ended before {text:?}");
    }
}

#[test]
fn a_follower_sees_the_whole_each_second_and_each_event_at_once() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    let mut viewer = Viewer::of(&weir, "", "");
    assert!(viewer.head.to_ascii_lowercase().contains("content-type: text/event-stream"), "{}", viewer.head);
    let snapshot =
        |viewer: &mut Viewer| std::iter::from_fn(|| viewer.next()).find(|told| told.event == "snapshot").unwrap();
    let first = snapshot(&mut viewer).data;
    assert_eq!((&first["status"]["verdict"]["word"], &first["nodes"][0]["node"]), (&"well".into(), &"n1".into()));
    assert_eq!((&first["pools"][0]["pool"], &first["sites"][0]["site"]), (&"app".into(), &"main".into()));
    weir.reload();
    let event = viewer.until("generation 2 runs");
    assert_eq!((&*event.event, &event.data["kind"]), ("event", &"reload".into()));
    // The same stream goes on over the reload.
    assert_eq!(snapshot(&mut viewer).data["status"]["generation"], 2);
    drop(viewer);
    weir.reload();
    weir.reload();
    let mut again = Viewer::of(&weir, "?only=events", &format!("Last-Event-ID: {}\r\n", event.id));
    let numbers: Vec<Value> =
        [again.next(), again.next()].into_iter().flatten().map(|told| told.data["number"].clone()).collect();
    let had = event.data["number"].as_u64().unwrap();
    assert_eq!(numbers, [Value::from(had + 1), Value::from(had + 2)]);
    // Of another process nothing is known: it begins anew.
    let mut anew = Viewer::of(&weir, "?only=events", "Last-Event-ID: 1-999\r\n");
    assert_eq!(anew.next().map(|told| told.data["number"].clone()), Some(Value::from(1)));
}

#[test]
fn a_follower_goes_on_in_the_next_process_of_an_upgrade() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    weir.reload();
    let mut viewer = Viewer::of(&weir, "?only=events", "");
    let mut id = viewer.until("generation 2 runs").id;
    let said = weir.command(&["upgrade", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut told: Vec<Value> = Vec::new();
    while let Some(event) = viewer.next() {
        (id, told) = (event.id, [told, vec![event.data["text"].clone()]].concat());
    }
    let mut again = Viewer::of(&weir, "?only=events", &format!("Last-Event-ID: {id}\r\n"));
    while !told.last().is_some_and(|text| text.as_str().is_some_and(|text| text.starts_with("took over from"))) {
        told.push(again.next().expect("the stream goes on").data["text"].clone());
    }
    // All is there that was before, and each event once.
    let kept: Value = serde_json::from_str(&weir.ask_admin("/api/v1/events?limit=1000").text()).expect("JSON");
    let kept = kept["events"].as_array().expect("a list");
    assert!(kept.iter().map(|event| event["number"].as_u64().expect("a number")).eq(1..=kept.len() as u64), "{kept:?}");
    let read =
        kept.iter().position(|event| event["text"].as_str().is_some_and(|text| text.contains("generation 2 runs")));
    let after: Vec<&Value> = kept[read.expect("it is kept") + 1..].iter().map(|event| &event["text"]).collect();
    let of_next: Vec<&Value> = told.iter().skip_while(|text| !after.contains(text)).collect();
    assert_eq!(of_next, after, "followed: {told:?}");
    let pid = serde_json::from_str::<Value>(&said.out).expect("JSON")["pid"].as_u64().expect("a process has an id");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(u32::try_from(pid).expect("it is small"));
}

#[test]
fn there_are_places_for_so_many_and_one_that_goes_makes_room() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    let mut viewers: Vec<Viewer> = (0..32).map(|_| Viewer::of(&weir, "", "")).collect();
    assert!(viewers.iter().all(|viewer| viewer.status() == "200"));
    let refused = Viewer::of(&weir, "", "");
    assert_eq!(refused.status(), "503");
    assert!(refused.head.contains("application/problem+json"), "{}", refused.head);
    let gone = viewers.pop().unwrap();
    gone.lines.get_ref().shutdown(Shutdown::Both).unwrap();
    eventually("a viewer that went made room", || Viewer::of(&weir, "?only=events", "").status() == "200");
    assert_eq!(weir.ask_admin("/api/v1/status").status, 200);
}

#[test]
fn followers_learn_of_the_stop_and_do_not_delay_it() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    let mut viewers = [Viewer::of(&weir, "", ""), Viewer::of(&weir, "?only=events", "")];
    // An open client connection keeps the stop from being over before the followers were told.
    let client = weir.client();
    eventually("the client is known", || {
        let status = weir.ask_admin("/api/v1/status").text();
        serde_json::from_str::<Value>(&status).unwrap()["connections"] == 1
    });
    weir.signal(rustix::process::Signal::TERM);
    for viewer in &mut viewers {
        viewer.until("stopping (SIGTERM)");
        assert_eq!(viewer.next(), None);
    }
    drop(client);
    assert_eq!(weir.exit_code(), Some(0));
}

#[test]
fn what_a_follower_asks_for_is_checked() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    for query in ["?only=nodes", "?since=x", "?form=x"] {
        let viewer = Viewer::of(&weir, query, "");
        assert_eq!(viewer.status(), "400", "{query}");
        assert!(viewer.head.contains("application/problem+json"), "{query}");
    }
}

#[test]
fn a_viewer_that_never_reads_is_dropped_and_the_others_go_on() {
    let origin = Origin::named("n");
    // With so many nodes a snapshot soon fills what the system holds for a viewer.
    let nodes: String = (0..1500)
        .map(|number| {
            format!("[[node]]\nname = \"spare{number}\"\naddress = \"10.1.{}.{}\"\n", number / 250, number % 250 + 1)
        })
        .collect();
    let weir = Plan::before(&[&origin]).more(&nodes).start();
    let _quiet: Vec<Viewer> = (0..30).map(|_| Viewer::of(&weir, "?only=events", "")).collect();
    let _stalled = Viewer::of(&weir, "", "");
    let mut reads = Viewer::of(&weir, "", "");
    let places = || Viewer::of(&weir, "?only=events", "").status().to_owned();
    assert_eq!(places(), "503", "all places are taken");
    let began = Instant::now();
    while places() == "503" {
        assert!(began.elapsed() < Duration::from_secs(60), "the viewer keeps its place");
        // Who reads gets a snapshot each second, so this asks about once a second.
        assert!(reads.next().is_some(), "who reads was dropped");
    }
    let snapshot = |viewer: &mut Viewer| std::iter::from_fn(|| viewer.next()).any(|told| told.event == "snapshot");
    assert!(snapshot(&mut reads), "who reads goes on");
}

#[test]
fn a_reload_that_changes_who_may_come_ends_it_and_another_one_does_not() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).token("read", "reads-0123456789").start();
    let mut viewer = Viewer::of(&weir, "?only=events", "");
    weir.reload();
    let is_reload = |told: &Option<Told>| told.as_ref().is_none_or(|told| told.data["kind"] == "reload");
    let told = std::iter::repeat_with(|| viewer.next()).find(is_reload).flatten();
    assert!(told.is_some(), "the stream goes on over a reload");
    weir.edit(|text| text.replace("may = \"read\"", "may = \"operate\""));
    weir.reload();
    assert!(std::iter::repeat_with(|| viewer.next()).any(|told| told.is_none()));
}
