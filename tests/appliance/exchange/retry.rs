//! What happens when a node fails under a request: nothing sent goes anywhere, something sent goes again only where that
//! cannot hurt, and a POST is never sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Answer, Appliance, Gate, Origin, Plan, Talk, eventually, ok};

/// Two nodes; the first fails as told, the second answers.
fn first_fails(how: impl Fn(&mut Talk) + Send + Sync + 'static) -> (Origin, Origin, Appliance) {
    let (bad, good) = (Origin::speaking(how), Origin::named("good"));
    let weir = Plan::before(&[&bad, &good]).pool("eject = { failures = 1, for = \"1h\" }").start();
    (bad, good, weir)
}

/// Asks until the first node has had one; round robin begins where it likes.
fn ask_until_it_was_asked(bad: &Origin, mut ask: impl FnMut() -> Answer) -> Answer {
    for _ in 0..4 {
        let answer = ask();
        if bad.count() > 0 {
            return answer;
        }
    }
    panic!("the first node is never asked");
}

#[test]
fn a_refused_connect_costs_nobody_anything() {
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        let (bad, good) = (Origin::named("bad"), Origin::named("good"));
        bad.stop();
        let weir = Appliance::in_front_of(&[&bad, &good]);
        for number in 0..6 {
            let answer = weir
                .client()
                .ask(format!("{method} /{number} HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 2\r\n\r\nok"));
            assert_eq!(answer.text(), format!("good /{number}"), "{method}");
        }
        assert_eq!(good.count(), 6);
        assert!(good.seen().iter().all(|seen| seen.body() == b"ok"));
        assert_eq!(weir.state("app", "n1"), "passive ejected");
    }
}

#[test]
fn a_get_goes_to_the_next_node_when_the_first_resets_or_closes_before_its_answer() {
    let ways: [fn(&mut Talk); 2] = [Talk::reset, Talk::close];
    for way in ways {
        let (bad, _good, weir) = first_fails(way);
        let answer = ask_until_it_was_asked(&bad, || weir.get("/a"));
        assert_eq!(answer.text(), "good /a");
        assert_eq!(bad.count(), 1);
    }
}

//= rfc9110#9.2.2 no-retry
#[test]
fn a_post_is_never_sent_twice() {
    let ways: [fn(&mut Talk); 2] = [Talk::reset, Talk::close];
    for way in ways {
        let (bad, good, weir) = first_fails(move |talk| {
            talk.body();
            way(talk);
        });
        let answer = ask_until_it_was_asked(&bad, || weir.post("/a", "hello"));
        assert_eq!(answer.status, 502, "{answer:?}");
        let all = [bad.seen(), good.seen()].concat();
        assert_eq!(all.len() - good.count(), 1);
        // Those before it went to the good node; none went to both.
        assert!(good.seen().iter().all(|seen| seen.target() == "/a" && seen.complete));
        let asked = bad.count() + good.count();
        let asked = f64::from(u32::try_from(asked).expect("few"));
        eventually("every request is counted once", || {
            (weir.metric("weir_requests_total", &[("pool", "app")]) - asked).abs() < 0.5
        });
    }
}

#[test]
fn a_put_with_its_whole_body_at_hand_may_go_again_but_never_by_half() {
    let (bad, good, weir) = first_fails(|talk| {
        talk.body();
        talk.reset();
    });
    let put = || weir.client().ask("PUT /a HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 5\r\n\r\nhello");
    let answer = ask_until_it_was_asked(&bad, put);
    // Whether the body is still at hand is Weir's affair; what arrives is whole in any case.
    assert!(answer.text() == "good /a" || answer.status == 502, "{answer:?}");
    assert!(good.seen().iter().all(|seen| seen.complete && seen.body() == b"hello"));
}

#[test]
fn there_is_no_retry_once_a_byte_of_the_answer_came_down() {
    let (bad, good, weir) = first_fails(|talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        talk.reset();
    });
    let mut last = Answer::default();
    let mut asked = 0;
    while bad.count() == 0 && asked < 4 {
        last = weir.get("/a");
        asked += 1;
    }
    assert!(!last.whole && last.status == 200, "{last:?}");
    assert_eq!(good.count() + bad.count(), asked);
}

#[test]
fn there_is_no_retry_once_a_byte_of_the_answer_came_from_the_node() {
    for begun in ["H", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 103 Early Hints\r\n\r\n"] {
        let (bad, good, weir) = first_fails(|talk| {
            talk.send(begun.as_bytes());
            talk.close();
        });
        let asked = AtomicUsize::new(0);
        let answer = ask_until_it_was_asked(&bad, || {
            asked.fetch_add(1, Ordering::SeqCst);
            weir.get("/a")
        });
        assert_eq!(answer.refusal(), "502 node-cut", "{begun:?}");
        assert_eq!(bad.count() + good.count(), asked.load(Ordering::SeqCst), "{begun:?}");
    }
}

#[test]
fn every_failed_try_has_another_node_and_no_more_tries_than_the_pool_allows() {
    let origins: Vec<Origin> = (0..5).map(|_| Origin::speaking(Talk::reset)).collect();
    let all: Vec<&Origin> = origins.iter().collect();
    let weir = Plan::before(&all).pool("tries = 3").start();
    let answer = weir.get("/a");
    assert_eq!(answer.refusal(), "502 node-reset");
    assert_eq!(origins.iter().map(Origin::count).collect::<Vec<_>>().iter().sum::<usize>(), 3);
    assert!(origins.iter().all(|origin| origin.count() <= 1));
}

#[test]
fn a_reused_connection_that_died_is_not_held_against_the_node() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    for round in 0..5 {
        assert_eq!(weir.get("/warm").status, 200);
        origin.stop();
        origin.resume();
        assert_eq!(weir.get("/again").text(), "n /again", "round {round}");
        assert_eq!(weir.post("/again", "x").text(), "n /again", "round {round}");
        assert_eq!(weir.state("app", "n1"), "active");
    }
}

/// The node takes the request on a used connection and closes without a word, as a worker does whose idle time is over.
fn closes_when_reused() -> (Origin, Arc<AtomicUsize>) {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = closed.clone();
    let origin = Origin::speaking(move |talk| {
        talk.body();
        let seen = talk.seen();
        if seen.target() == "/dies" && count.swap(1, Ordering::SeqCst) == 0 {
            return talk.close();
        }
        talk.send(&ok(&seen.target()));
    });
    (origin, closed)
}

#[test]
fn a_get_on_a_reused_connection_that_dies_is_repeated_on_a_fresh_one_and_a_post_is_not() {
    for (method, expected) in [("GET", 200), ("POST", 502)] {
        let (origin, _closed) = closes_when_reused();
        let weir = Appliance::in_front_of(&[&origin]);
        assert_eq!(weir.get("/warm").status, 200);
        let warm = origin.last().connection;
        let answer = if method == "GET" { weir.get("/dies") } else { weir.post("/dies", "x") };
        assert_eq!(answer.status, expected, "{method}: {answer:?}");
        let tries: Vec<u64> =
            origin.seen().iter().filter(|seen| seen.target() == "/dies").map(|seen| seen.connection).collect();
        let right =
            if method == "GET" { tries.len() == 2 && tries[0] == warm && tries[1] != warm } else { tries.len() == 1 };
        assert!(right, "{method}: {tries:?}");
    }
}

//= rfc9112#9.2 unasked
#[test]
fn an_answer_sent_before_the_question_is_never_taken_for_one() {
    let (gate, sent) = (Gate::shut(), Gate::shut());
    let (opened, done) = (gate.clone(), sent.clone());
    let origin = Origin::speaking(move |talk| {
        talk.body();
        let seen = talk.seen();
        talk.send(&ok(&seen.target()));
        if seen.target() == "/first" && opened.pass() {
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
            done.open();
        }
    });
    let weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.get("/first").text(), "/first");
    gate.open();
    assert!(sent.pass());
    for number in 0..5 {
        assert_eq!(weir.get(&format!("/second-{number}")).text(), format!("/second-{number}"));
    }
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_fault_of_the_application_passes_through_once() {
    for status in ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 8\r\n\r\n<Fault/>");
        let (one, two) = (answer.clone(), answer.clone());
        let origins = [
            Origin::answering(move |_| one.clone().into_bytes()),
            Origin::answering(move |_| two.clone().into_bytes()),
        ];
        let weir = Appliance::in_front_of(&[&origins[0], &origins[1]]);
        let got = weir.get("/a");
        assert_eq!((got.status.to_string().as_str(), got.text().as_str()), (&status[..3], "<Fault/>"));
        assert_eq!(origins[0].count() + origins[1].count(), 1);
        assert_eq!((weir.state("app", "n1"), weir.state("app", "n2")), ("active".to_owned(), "active".to_owned()));
    }
}

#[test]
fn a_node_that_stays_silent_costs_504_and_its_connection() {
    let origin = Origin::speaking(|talk| assert!(talk.wait_for_close()));
    let weir = Plan::before(&[&origin]).pool("timeouts = { read = \"300ms\" }").start();
    assert_eq!(weir.get("/a").refusal(), "504 answer-timeout");
    eventually("the silent connection is closed", || origin.open_connections() == 0);
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_answer_is_due_once_the_whole_request_is_there() {
    let origin = Origin::speaking(|talk| {
        talk.body();
        talk.wait_for_close();
    });
    let weir = Plan::before(&[&origin]).pool("timeouts = { read = \"2s\" }").start();
    let begun = Instant::now();
    assert_eq!(weir.post("/a", &"x".repeat(200_000)).refusal(), "504 answer-timeout");
    let took = begun.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_millis(3500)).contains(&took), "{took:?}");
}

#[test]
fn a_killed_node_costs_no_get_under_load() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Arc::new(Appliance::in_front_of(&[&one, &two]));
    let (failures, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (weir, failures, done) = (weir.clone(), failures.clone(), done.clone());
            std::thread::spawn(move || {
                let mut client = weir.client();
                for _ in 0..500 {
                    let answer = client.ask("GET /load HTTP/1.1\r\nHost: esb.test\r\n\r\n");
                    failures.fetch_add(usize::from(answer.status != 200), Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    eventually("the load is on", || done.load(Ordering::SeqCst) > 200);
    two.stop();
    for thread in threads {
        thread.join().expect("every request has an answer");
    }
    assert_eq!(failures.load(Ordering::SeqCst), 0);
}
