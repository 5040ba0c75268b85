//! Nodes that fail under real traffic: when they are ejected, for how long, how they come back, and when they are not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::{Appliance, Gate, Mood, Moody, Origin, Plan, Talk, eventually, ok, within};

/// The first in this mood, the second well.
fn pair(mood: Mood) -> (Moody, Moody) {
    (Moody::new("bad", mood), Moody::new("good", Mood::Well))
}

/// GETs until the bad node has had so many; each of them is answered by a node that is well.
#[track_caller]
fn get_until(weir: &Appliance, bad: &Origin, count: usize) {
    for _ in 0..4 * count {
        if bad.count() >= count {
            return;
        }
        assert_eq!(weir.get("/a").status, 200);
    }
    assert_eq!(bad.count(), count, "requests at the bad node");
}

/// GETs for this long.
fn get_for(weir: &Appliance, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        weir.get("/meanwhile");
    }
}

const EJECTED: &str = "passive ejected";

#[test]
fn the_third_failure_in_the_window_ejects_and_the_second_does_not() {
    let (bad, good) = pair(Mood::Resets);
    let weir = Plan::before(&[&bad, &good]).pool("reuse = false\neject = { for = \"1h\" }").start();
    get_until(&weir, &bad, 2);
    assert_eq!(weir.state("app", "n1"), "active");
    // A success between clears nothing: a node that fails every other request is no good node.
    bad.turns(Mood::Well);
    get_until(&weir, &bad, 4);
    assert_eq!(weir.state("app", "n1"), "active");
    bad.turns(Mood::Resets);
    get_until(&weir, &bad, 5);
    assert_eq!(weir.state("app", "n1"), EJECTED);
    for _ in 0..10 {
        assert_eq!(weir.get("/a").text(), "good /a");
    }
    assert_eq!(bad.count(), 5);
}

#[test]
fn failures_that_the_window_has_left_behind_do_not_count() {
    let (bad, good) = pair(Mood::Resets);
    let weir = Plan::before(&[&bad, &good]).pool("reuse = false\neject = { for = \"1h\", within = \"500ms\" }").start();
    let fail = |count: usize| {
        bad.turns(Mood::Resets);
        get_until(&weir, &bad, bad.count() + count);
        bad.turns(Mood::Well);
    };
    for _ in 0..3 {
        fail(2);
        assert_eq!(weir.state("app", "n1"), "active");
        // The window is kept in slices: a slice more and all of it is past.
        get_for(&weir, Duration::from_millis(800));
    }
    fail(3);
    assert_eq!(weir.state("app", "n1"), EJECTED);
}

#[test]
fn each_ejection_lasts_twice_as_long_as_the_one_before() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    let bad = Origin::speaking(move |talk| {
        noted.lock().unwrap().push(Instant::now());
        talk.reset();
    });
    let good = Origin::named("good");
    let weir = Plan::before(&[&bad, &good]).pool("eject = { failures = 1, for = \"300ms\" }").start();
    eventually("it was on trial three times", || {
        assert_eq!(weir.get("/a").text(), "good /a");
        bad.count() == 4
    });
    let asked = asked.lock().unwrap().clone();
    let rests: Vec<u128> = asked.windows(2).map(|two| (two[1] - two[0]).as_millis()).collect();
    for (rest, least) in rests.iter().zip([300, 600, 1200]) {
        // Weir's clock may be a tick behind.
        assert!(*rest + 60 >= least && *rest < least * 2, "{rests:?}");
    }
}

#[test]
fn a_node_that_was_mended_in_maintenance_is_not_ejected_for_calls_of_before() {
    let (mended, other) = pair(Mood::Silent);
    let pool = "timeouts = { read = \"3s\" }\ntries = 1\neject = { failures = 2, for = \"1h\" }";
    let weir = Plan::before(&[&mended, &other]).pool(pool).start();
    let call = || {
        let mut client = weir.client();
        client.send("POST /a HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 7\r\n\r\n<call/>");
        client
    };
    let mut calls: Vec<_> = (0..4).map(|_| call()).collect();
    mended.reached(2);
    for word in ["maintain", "activate"] {
        assert_eq!(weir.command(&[word, "n1"]).code, Some(0));
    }
    mended.turns(Mood::Well);
    let statuses: Vec<u16> = calls.iter_mut().map(|call| call.answer().expect("an answer").status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 504).count(), 2, "{statuses:?}");
    assert_eq!(weir.state("app", "n1"), "active");
}

#[test]
fn a_slow_call_that_meets_the_nodes_own_time_out_ejects_nobody() {
    let node = |name: &'static str| {
        Origin::speaking(move |talk| {
            talk.body_length();
            if talk.target() == "/slow" {
                // Twelve seconds, in which the backend says nothing.
                let begun = Instant::now();
                within(Duration::from_secs(20), || begun.elapsed() > Duration::from_secs(12));
                return talk.close();
            }
            talk.send(&ok(name));
        })
    };
    let (one, two) = (node("one"), node("two"));
    let weir = Plan::before(&[&one, &two]).pool("eject = { failures = 1, for = \"1h\" }\ntries = 1").start();
    let refusals: Vec<String> = std::thread::scope(|scope| {
        let call = || {
            let mut client = weir.client();
            client.send("POST /slow HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 7\r\n\r\n<call/>");
            assert!(client.stays_silent(Duration::from_secs(11)), "the node has not given up yet");
            client.answer().expect("an answer comes").refusal()
        };
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().expect("it is answered")).collect()
    });
    assert_eq!(refusals, ["502 node-cut"; 4]);
    assert_eq!([weir.state("app", "n1"), weir.state("app", "n2")], ["active", "active"]);
    eventually("the journal tells how long it took", || weir.journal().contains("after 1 try and 12."));
}

#[test]
fn no_ejection_lasts_longer_than_the_longest() {
    let (bad, good) = pair(Mood::Resets);
    let weir =
        Plan::before(&[&bad, &good]).pool("eject = { failures = 1, for = \"100ms\", max-for = \"200ms\" }").start();
    let begun = Instant::now();
    eventually("it was on trial eight times", || {
        assert_eq!(weir.get("/a").text(), "good /a");
        bad.count() == 9
    });
    // Doubled without end they would have lasted 25 seconds.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn one_request_is_on_trial_however_many_come() {
    let (gate, held) = (Gate::shut(), Arc::new(AtomicUsize::new(0)));
    let (opened, count) = (gate.clone(), held.clone());
    let bad = Origin::speaking(move |talk| {
        talk.body_length();
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            return talk.reset();
        }
        opened.pass();
        talk.send(&ok("bad"));
    });
    let good = Origin::named("good");
    let weir = Arc::new(Plan::before(&[&bad, &good]).pool("eject = { failures = 1, for = \"200ms\" }").start());
    get_until(&weir, &bad, 1);
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (weir, over) = (weir.clone(), over.clone());
            std::thread::spawn(move || {
                let mut client = weir.client();
                while !over.load(Ordering::SeqCst) {
                    assert_eq!(client.ask("GET /load HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
                }
            })
        })
        .collect();
    eventually("one is on trial", || bad.count() > 1);
    let before = good.count();
    eventually("many come meanwhile", || good.count() > before + 300);
    assert_eq!(bad.count(), 2);
    assert_eq!(weir.state("app", "n1"), EJECTED);
    gate.open();
    eventually("its success makes the node active", || weir.state("app", "n1") == "active");
    eventually("and it gets its share again", || bad.count() > 20);
    over.store(true, Ordering::SeqCst);
    clients.into_iter().for_each(|client| client.join().expect("every request was answered"));
}

#[test]
fn a_trial_that_tells_nothing_of_the_node_is_handed_on() {
    // A client that leaves, and one whose body makes no sense.
    let waits = "GET /hold HTTP/1.1\r\nHost: esb.test\r\n\r\n";
    let breaks = "POST /hold HTTP/1.1\r\nHost: esb.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    for (request, leaves) in [(waits, true), (breaks, false)] {
        let gate = Gate::shut();
        let (opened, resets) = (gate.clone(), AtomicBool::new(true));
        let bad = Origin::speaking(move |talk| {
            if resets.swap(false, Ordering::SeqCst) {
                return talk.reset();
            }
            if talk.target() == "/hold" {
                opened.pass();
            }
            talk.send(&ok("bad"));
        });
        let good = Origin::answering(|_| ok("good"));
        let weir =
            Plan::before(&[&bad, &good]).pool("reuse = false\neject = { failures = 1, for = \"200ms\" }").start();
        get_until(&weir, &bad, 1);
        assert_eq!(weir.state("app", "n1"), EJECTED);
        let mut on_trial = weir.client();
        eventually("one is on trial", || {
            let before = good.count() + bad.count();
            on_trial = weir.client();
            on_trial.send(request);
            within(Duration::from_secs(2), || good.count() + bad.count() > before);
            bad.count() > 1
        });
        if leaves {
            on_trial.reset();
        } else {
            on_trial.send("no size\r\n");
            assert_eq!(on_trial.answer().expect("Weir answers").status, 400);
        }
        // The trial's own time would be ten seconds.
        let tried = within(Duration::from_secs(5), || weir.get("/a").text() == "bad");
        assert!(tried, "{request}");
        assert_eq!(weir.state("app", "n1"), "active");
        gate.open();
    }
}

#[test]
fn a_node_that_answers_500_only_is_ejected_where_the_pool_counts_that() {
    let (bad, good) = pair(Mood::Faulty);
    let weir = Plan::before(&[&bad, &good]).pool("eject = { statuses = \"500-599\", for = \"1h\" }").start();
    let answers: Vec<_> = (0..20).map(|_| weir.get("/a")).collect();
    // The client gets the node's own words until the node is out.
    let faults = answers.iter().filter(|answer| answer.status == 500 && answer.text() == "<Fault/>").count();
    assert_eq!((faults, bad.count(), good.count()), (3, 3, 17));
    assert_eq!(weir.state("app", "n1"), EJECTED);
    eventually("the journal says why", || weir.journal().contains("answered 500"));
}

#[test]
fn a_node_that_answers_500_only_is_never_seen_where_the_pool_asks_again_too() {
    let (bad, good) = pair(Mood::Faulty);
    let pool = "eject = { statuses = \"500\", for = \"300ms\" }\nretry-on = [\"connect\", \"500\"]";
    let weir = Plan::before(&[&bad, &good]).pool(pool).start();
    eventually("it was ejected and failed its trial", || {
        assert_eq!(weir.get("/a").text(), "good /a");
        bad.count() == 4
    });
    assert_eq!(weir.state("app", "n1"), EJECTED);
    bad.turns(Mood::Well);
    eventually("it is well again", || weir.get("/a").text() == "bad /a");
    assert_eq!(weir.state("app", "n1"), "active");
}

#[test]
fn a_node_that_closes_idle_connections_is_not_ejected_for_it() {
    let answered: Arc<Mutex<HashMap<u64, u32>>> = Arc::default();
    // The second request on a connection meets its end; the third connection closes right after its answer.
    let origin = Origin::speaking(move |talk| {
        talk.body_length();
        let seen = talk.seen();
        let mut all = answered.lock().unwrap();
        let nth = all.entry(seen.connection).or_default();
        *nth += 1;
        match (seen.connection % 3, *nth) {
            (0, _) => {
                talk.send(&ok("n"));
                talk.close();
            }
            (1, 2..) => talk.close(),
            (2, 2..) => talk.reset(),
            _ => talk.send(&ok("n")),
        }
    });
    let other = Origin::named("n");
    let weir = Plan::before(&[&origin, &other]).pool("eject = { failures = 1, for = \"1h\" }\ntries = 1").start();
    for _ in 0..600 {
        assert_eq!(weir.get("/a").text().get(..1), Some("n"));
    }
    // A POST is not sent twice, so its client may learn of it; the node pays nothing for it.
    for _ in 0..100 {
        weir.post("/a", "x");
    }
    assert_eq!(weir.state("app", "n1"), "active");
    assert!(weir.metric("weir_node_state_changes_total", &[("node", "n1")]) < 0.5);
    assert!(origin.connections() > 100, "{}", origin.connections());
}

#[test]
fn no_more_than_their_share_is_ejected() {
    let bad: Vec<Moody> = (0..3).map(|_| Moody::new("bad", Mood::Resets)).collect();
    let good = Moody::new("good", Mood::Well);
    let all: Vec<&Origin> = bad.iter().map(|bad| &**bad).chain([&*good]).collect();
    let weir =
        Plan::before(&all).pool("eject = { failures = 1, for = \"1h\", max-ejected = \"50%\" }\ntries = 4").start();
    for _ in 0..20 {
        assert_eq!(weir.get("/a").text(), "good /a");
    }
    let states: Vec<String> = ["n1", "n2", "n3", "n4"].iter().map(|node| weir.state("app", node)).collect();
    assert_eq!(states.iter().filter(|state| *state == EJECTED).count(), 2, "{states:?}");
    assert_eq!(states[3], "active");
}

#[test]
fn the_last_active_node_stays_though_it_resets_or_is_silent() {
    for (mood, refusal) in [(Mood::Resets, "502 node-reset"), (Mood::Silent, "504 answer-timeout")] {
        let (one, two) = (Moody::new("one", mood), Moody::new("two", mood));
        let pool = "eject = { failures = 1, for = \"1h\", max-ejected = \"100%\" }\ntimeouts = { read = \"50ms\" }";
        let weir = Plan::before(&[&one, &two]).pool(pool).start();
        for _ in 0..6 {
            assert_eq!(weir.get("/a").refusal(), refusal);
        }
        let mut states = [weir.state("app", "n1"), weir.state("app", "n2")];
        states.sort();
        assert_eq!(states, ["active", EJECTED], "{mood:?}");
        // Who is left is asked each time; as soon as it is well, all is.
        one.turns(Mood::Well);
        two.turns(Mood::Well);
        assert_eq!(weir.get("/a").status, 200);
    }
}

#[test]
fn the_last_active_node_is_ejected_when_it_refuses_and_tried_all_the_same() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Plan::before(&[&one, &two]).pool("eject = { failures = 1, for = \"1h\" }").start();
    one.stop();
    two.stop();
    assert_eq!(weir.get("/a").refusal(), "503 no-active-node");
    assert_eq!([weir.state("app", "n1"), weir.state("app", "n2")], [EJECTED, EJECTED]);
    two.resume();
    assert_eq!(weir.get("/a").text(), "two /a");
    eventually("a success makes it active", || {
        assert_eq!(weir.get("/a").text(), "two /a");
        weir.state("app", "n2") == "active"
    });
    assert_eq!(weir.state("app", "n1"), EJECTED);
}

#[test]
fn a_node_that_accepts_and_never_answers_costs_three_waits_and_no_more() {
    let (bad, good) = pair(Mood::Silent);
    let pool = "eject = { for = \"1h\" }\ntimeouts = { read = \"200ms\" }";
    let probes = "interval = \"50ms\"\ntimeout = \"1s\"\nrise = 1\nprobes = [{ kind = \"tcp\" }]";
    let weir = Plan::before(&[&bad, &good]).pool(pool).health(probes).start();
    // What begins before a node is active does not count, and when a request began is known to 50 ms.
    let probed = || weir.metric("weir_probes_total", &[("node", "n1"), ("result", "pass")]);
    eventually("both pass their probes, for some rounds", || weir.state("app", "n2") == "active" && probed() > 4.0);
    for _ in 0..12 {
        assert_eq!(weir.get("/a").text(), "good /a");
    }
    assert_eq!(bad.count(), 3, "each of them a wait of 200 ms");
    assert_eq!(weir.state("app", "n1"), EJECTED);
    // It passes every TCP probe meanwhile, and that proves nothing.
    let before = probed();
    eventually("probes go on", || probed() > before + 3.0);
    assert_eq!(weir.state("app", "n1"), EJECTED);
    assert_eq!(bad.count(), 3);
}

#[test]
fn a_node_that_flaps_costs_no_get() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Arc::new(Plan::before(&[&one, &two]).pool("eject = { for = \"100ms\", max-for = \"200ms\" }").start());
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (weir, over) = (weir.clone(), over.clone());
            std::thread::spawn(move || {
                let mut client = weir.client();
                let mut asked = 0;
                while !over.load(Ordering::SeqCst) {
                    let answer = client.ask("GET /load HTTP/1.1\r\nHost: esb.test\r\n\r\n");
                    assert_eq!(answer.status, 200, "{answer:?}");
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    for _ in 0..6 {
        let before = one.count();
        eventually("it gets its share", || one.count() > before + 20);
        one.stop();
        eventually("it is out", || weir.state("app", "n1") == EJECTED);
        one.resume();
        eventually("and in again", || weir.state("app", "n1") == "active");
    }
    over.store(true, Ordering::SeqCst);
    let asked: usize = clients.into_iter().map(|client| client.join().expect("every GET was answered with 200")).sum();
    assert!(asked > 300, "{asked}");
}

#[test]
fn nothing_ejects_where_the_pool_says_so() {
    let (bad, good) = pair(Mood::Resets);
    let weir = Plan::before(&[&bad, &good]).pool("eject = { failures = 0 }").start();
    for _ in 0..20 {
        assert_eq!(weir.get("/a").text(), "good /a");
    }
    assert_eq!((bad.count(), weir.state("app", "n1").as_str()), (10, "active"));
}

#[test]
fn a_client_that_leaves_is_no_fault_of_the_node() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::speaking(move |talk: &mut Talk| {
        talk.body_length();
        if talk.target() == "/slow" {
            opened.pass();
        }
        talk.send(&ok("n"));
    });
    let other = Origin::named("n");
    let weir = Plan::before(&[&origin, &other]).pool("eject = { failures = 1, for = \"1h\" }").start();
    for _ in 0..10 {
        let mut client = weir.client();
        client.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        client.reset();
    }
    eventually("some of them reached it", || origin.count() >= 3);
    let in_flight = || weir.metric("weir_requests_in_flight", &[]);
    assert!(within(Duration::from_secs(5), || in_flight() < 0.5), "{} are still in flight", in_flight());
    gate.open();
    assert_eq!(weir.state("app", "n1"), "active");
}

#[test]
fn a_node_that_is_ejected_stays_so_over_an_upgrade() {
    let (bad, good) = pair(Mood::Resets);
    let mut weir = Plan::before(&[&bad, &good]).pool("reuse = false\neject = { for = \"1h\" }").start();
    get_until(&weir, &bad, 3);
    assert_eq!(weir.state("app", "n1"), EJECTED);
    let said = weir.command(&["upgrade", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).expect("it is JSON");
    assert_eq!(weir.state("app", "n1"), EJECTED, "{told}");
    for _ in 0..10 {
        assert_eq!(weir.get("/a").text(), "good /a");
    }
    assert_eq!(bad.count(), 3);
    let events = weir.command(&["events"]).out;
    assert!(events.contains("the process before had ejected it"), "{events}");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(u32::try_from(told["pid"].as_u64().expect("a process has an id")).expect("it is small"));
}
