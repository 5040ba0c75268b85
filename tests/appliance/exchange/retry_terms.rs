//! What a pool and a route say about asking again: after which failures, how often, for how long, and for how many
//! requests of all. What the client gets when nobody is left to ask.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::gated_world::node;
use crate::harness::{Answer, Appliance, Gate, Origin, Plan, Talk, eventually, ok};

/// How many requests these got.
fn asked_of(origins: &[Origin]) -> usize {
    origins.iter().map(Origin::count).sum()
}

const BUSY: &[u8] = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 7\r\n\r\n<Busy/>";

/// Two nodes that answer 503, or one of them 200.
fn busy(second: &'static [u8]) -> [Origin; 2] {
    [Origin::answering(|_| BUSY.to_vec()), Origin::answering(move |_| second.to_vec())]
}

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

#[test]
fn a_status_that_the_pool_names_sends_a_get_to_another_node_and_passes_a_post_its_own_answer() {
    let nodes = busy(GOOD);
    let pool = "retry-on = [\"connect\", \"503\"]";
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(pool).site("explain = true").start();
    let answers: Vec<Answer> = (0..6).map(|_| weir.get("/a")).collect();
    assert!(answers.iter().all(|answer| answer.text() == "good"), "{answers:?}");
    assert_eq!((nodes[0].count(), nodes[1].count()), (3, 6));
    let again = answers.iter().filter(|answer| answer.field("x-weir").is_some_and(|why| why.contains("retry:status")));
    assert_eq!(again.count(), 3);
    let posts: Vec<Answer> = (0..4).map(|_| weir.post("/a", "hello")).collect();
    let passed: Vec<&Answer> = posts.iter().filter(|answer| answer.status == 503).collect();
    assert_eq!(passed.len(), 2, "{posts:?}");
    for answer in passed {
        // The node's own words, not a page of Weir's.
        assert_eq!((answer.text().as_str(), answer.field("retry-after").as_deref()), ("<Busy/>", Some("7")));
    }
    // Others pass, whatever the method.
    assert_eq!((nodes[0].count(), nodes[1].count()), (5, 8));
    assert_eq!(weir.state("app", "n1"), "active", "what is asked again is not held against the node");
}

#[test]
fn when_nobody_has_a_better_answer_the_client_gets_the_nodes_own() {
    let nodes = busy(BUSY);
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).pool("retry-on = [\"503\"]").start();
    for asked in 1..4 {
        let answer = weir.get("/a");
        assert_eq!((answer.status, answer.text().as_str()), (503, "<Busy/>"));
        assert_eq!((nodes[0].count(), nodes[1].count()), (asked, asked), "each was asked once");
    }
}

#[test]
fn a_status_that_the_pool_does_not_name_passes() {
    let nodes = busy(GOOD);
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).pool("retry-on = [\"connect\", \"502\", \"504-599\"]").start();
    let mut statuses: Vec<u16> = (0..4).map(|_| weir.get("/a").status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503]);
}

#[test]
fn a_get_whose_first_answer_was_thrown_away_leaves_no_trace_of_it() {
    let big = "x".repeat(300_000);
    let first = format!("HTTP/1.1 503 Busy\r\nSet-Cookie: bad=1\r\nContent-Length: {}\r\n\r\n{big}", big.len());
    let nodes = [Origin::answering(move |_| first.clone().into_bytes()), Origin::answering(|_| GOOD.to_vec())];
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).pool("retry-on = [\"503\"]").start();
    let mut client = weir.client();
    for _ in 0..6 {
        let answer = client.ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        assert_eq!((answer.status, answer.text().as_str(), answer.values("set-cookie").len()), (200, "good", 0));
    }
    // What was left of the body was not taken for the next answer: such a connection is not used again.
    assert_eq!(nodes[0].connections(), nodes[0].count() as u64);
}

#[test]
fn no_node_is_tried_once_the_retry_time_is_over() {
    for (time, tried, within) in [("200ms", 1, 900), ("5s", 2, 1500)] {
        let origins = [0, 1].map(|_| {
            Origin::speaking(|talk| {
                talk.wait_for_close();
            })
        });
        let pool = format!("retry-time = \"{time}\"\ntimeouts = {{ read = \"400ms\" }}");
        let weir = Plan::before(&[&origins[0], &origins[1]]).pool(&pool).start();
        let begun = Instant::now();
        assert_eq!(weir.get("/a").refusal(), "504 answer-timeout");
        assert!(begun.elapsed() < Duration::from_millis(within), "{:?}", begun.elapsed());
        assert_eq!(asked_of(&origins), tried, "{time}");
    }
}

#[test]
fn tries_of_one_tries_one_node() {
    for (tries, expected) in [(1, 1), (2, 2), (4, 4), (9, 5)] {
        let origins: Vec<Origin> = (0..5).map(|_| Origin::speaking(Talk::reset)).collect();
        let all: Vec<&Origin> = origins.iter().collect();
        let weir = Plan::before(&all).pool(&format!("tries = {tries}")).start();
        assert_eq!(weir.get("/a").refusal(), "502 node-reset");
        assert_eq!(asked_of(&origins), expected, "tries = {tries}");
    }
}

#[test]
fn a_storm_is_bounded_by_the_budget() {
    const REQUESTS: usize = 400;
    let origins: Vec<Origin> = (0..3).map(|_| Origin::speaking(Talk::reset)).collect();
    let all: Vec<&Origin> = origins.iter().collect();
    let weir = Plan::before(&all).pool("eject = { failures = 0 }").start();
    let mut client = weir.client();
    for _ in 0..REQUESTS {
        assert_eq!(client.ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 502);
    }
    // Three tries each would be 1200. A full budget of a hundred is there for the first of them, then a fifth of one each.
    let seen = asked_of(&origins);
    assert!(seen <= REQUESTS + REQUESTS / 5 + 100, "{seen}");
    assert!(seen >= REQUESTS + REQUESTS / 5 + 90, "{seen}");
    let left = weir.metric("weir_retry_budget", &[("pool", "app")]);
    assert!(left < 1.5, "{left}");
}

#[test]
fn a_refused_connect_needs_no_budget() {
    let (bad, good) = (Origin::named("bad"), Origin::named("good"));
    bad.stop();
    let weir = Plan::before(&[&bad, &good]).pool("eject = { failures = 0 }\nretry-budget = \"0%\"").start();
    for _ in 0..250 {
        assert_eq!(weir.get("/a").text(), "good /a");
    }
}

#[test]
fn a_budget_of_nothing_repeats_nothing() {
    let (bad, good) = (Origin::speaking(Talk::reset), Origin::named("good"));
    let weir = Plan::before(&[&bad, &good]).pool("eject = { failures = 0 }\nretry-budget = \"0%\"").start();
    let answers: Vec<u16> = (0..6).map(|_| weir.get("/a").status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 502).count(), 3, "{answers:?}");
    assert_eq!((bad.count(), good.count()), (3, 3));
}

#[test]
fn a_route_may_let_posts_go_again() {
    let (bad, good, weir) = {
        let bad = Origin::speaking(|talk| {
            talk.body();
            talk.reset();
        });
        let good = Origin::answering(|seen| ok(&String::from_utf8_lossy(&seen.body())));
        let pool = "eject = { failures = 0 }\nbuffer-request = \"64KiB\"";
        let route = "[[site.route]]\nprefix = \"/safe\"\nnon-idempotent = true\n";
        let weir = Plan::before(&[&bad, &good]).pool(pool).more(route).start();
        (bad, good, weir)
    };
    for _ in 0..6 {
        assert_eq!(weir.post("/safe/a", "hello").text(), "hello");
    }
    assert_eq!((bad.count(), good.count()), (3, 6));
    assert!(good.seen().iter().all(|seen| seen.body() == b"hello" && seen.complete));
    let statuses: Vec<u16> = (0..4).map(|_| weir.post("/other", "hello").status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), 2, "{statuses:?}");
    assert_eq!((bad.count(), good.count()), (5, 8), "elsewhere none is sent twice");
}

#[test]
fn every_retry_is_counted_by_its_reason() {
    let refusing = Origin::named("refusing");
    refusing.stop();
    let silent = |talk: &mut Talk| {
        talk.wait_for_close();
    };
    let nodes = [
        ("connect", refusing),
        ("reset", Origin::speaking(Talk::reset)),
        ("cut", Origin::speaking(Talk::close)),
        ("timeout", Origin::speaking(silent)),
        ("status", Origin::answering(|_| BUSY.to_vec())),
    ];
    for (reason, bad) in nodes {
        let good = Origin::named("good");
        let pool = "eject = { failures = 0 }\ntimeouts = { read = \"100ms\" }\n\
            retry-on = [\"connect\", \"reset\", \"timeout\", \"503\"]";
        let weir = Plan::before(&[&bad, &good]).pool(pool).site("explain = true").start();
        let answers: Vec<Answer> = (0..4).map(|_| weir.get("/a")).collect();
        let word = format!("retry:{reason}");
        let told = answers.iter().filter(|answer| answer.field("x-weir").is_some_and(|why| why.contains(&word)));
        assert_eq!((told.count(), answers.iter().filter(|answer| answer.status == 200).count()), (2, 4), "{reason}");
        let counted = weir.metric("weir_retries_total", &[("pool", "app"), ("node", "n1"), ("reason", reason)]);
        let all = weir.metric("weir_retries_total", &[]);
        assert!((counted - 2.0).abs() < 0.1 && (all - 2.0).abs() < 0.1, "{reason}: {counted} of {all}");
    }
}

#[test]
fn a_node_whose_request_another_one_served_has_at_most_one_line_a_second() {
    let nodes = busy(GOOD);
    let pool = "eject = { failures = 0 }\nretry-on = [\"connect\", \"503\"]";
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(pool).start();
    let told = || weir.journal().lines().filter(|line| line.contains("another node is asked")).count();
    let begun = Instant::now();
    let mut client = weir.client();
    for _ in 0..100 {
        assert_eq!(client.ask("GET /a;jsessionid=SECRET HTTP/1.1\r\nHost: esb.test\r\n\r\n").text(), "good");
    }
    eventually("the line is there", || told() > 0);
    let seconds = begun.elapsed().as_secs() as usize + 2;
    assert!(nodes[0].count() == 50 && told() <= seconds, "{} lines in {seconds} s", told());
    let line = "WARN  503 from node n1 of pool app, another node is asked: GET /a for 127.0.0.1";
    weir.tells(line);
    eventually("the others are counted", || {
        client.ask("GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        weir.journal().contains(" more like it since the last line)")
    });
}

#[test]
fn a_kept_connection_that_its_node_had_closed_is_counted_as_that() {
    let last = AtomicU64::new(0);
    let node = Origin::speaking(move |talk| {
        let seen = talk.seen();
        if last.swap(seen.connection, SeqCst) == seen.connection {
            return talk.close();
        }
        talk.send(&ok("good"));
    });
    let weir = Plan::before(&[&node]).start();
    for _ in 0..3 {
        assert_eq!(weir.get("/a").text(), "good");
    }
    let counted = |reason| weir.metric("weir_retries_total", &[("node", "n1"), ("reason", reason)]) as u32;
    assert_eq!((counted("stale"), counted("cut"), counted("reset")), (2, 0, 0));
    assert!(!weir.journal().contains("another node is asked"));
}

#[test]
fn a_request_that_no_node_was_asked_for_is_not_said_to_come_from_one() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).pool("eject = { failures = 1, for = \"1h\" }\nmax-requests = 1").start();
    origin.stop();
    (0..2).for_each(|_| assert!(weir.get("/a").status >= 502));
    let said = |weir: &Appliance| weir.journal().lines().any(|line| line.contains("node  of"));
    let gate = Gate::shut();
    let holding = node("a", &gate);
    let full = Plan::before(&[&holding]).pool("max-requests = 1").start();
    let mut holder = full.client();
    holder.send("GET /hold HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    holding.reached(1);
    assert_eq!(full.get("/b").refusal(), "503 nodes-busy");
    let line = "ERROR nodes-busy in pool app, no node was asked: GET /b for 127.0.0.1";
    eventually("it is told", || full.journal().contains(line));
    assert!(!said(&weir) && !said(&full), "{}{}", weir.journal(), full.journal());
    gate.open();
}

#[test]
fn what_the_pool_does_not_try_again_is_not_tried_again() {
    for (on, refusal) in [("\"connect\"", "502 node-reset"), ("\"timeout\", \"503\"", "502 node-reset")] {
        let (bad, good) = (Origin::speaking(Talk::reset), Origin::named("good"));
        let pool = format!("eject = {{ failures = 0 }}\nretry-on = [{on}]");
        let weir = Plan::before(&[&bad, &good]).pool(&pool).start();
        let answers: Vec<Answer> = (0..4).map(|_| weir.get("/a")).collect();
        let failed: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert_eq!(failed.len(), 2, "{on}: {answers:?}");
        assert!(failed.iter().all(|answer| answer.refusal() == refusal), "{failed:?}");
    }
}
