//! A pool without an active node: what clients get, what metric, journal and events say, how soon it is over.

use std::time::{Duration, Instant};

use crate::harness::{Appliance, Mood, Moody, Origin, Plan, eventually};

const QUICK: &str = "interval = \"100ms\"\ntimeout = \"1s\"\nrise = 1\nfall = 1\n";

/// Two nodes whose probes fail, that would serve.
fn unprobed(when_none: &str) -> (Origin, Origin, Appliance) {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let health = format!("{QUICK}probes = [{{ kind = \"http\", path = \"/probe\", contains = \"never\" }}]");
    let weir = Plan::before(&[&one, &two]).pool(when_none).site("explain = true").health(&health).start();
    eventually("probes fail everywhere", || {
        ["n1", "n2"].iter().all(|node| weir.state("app", node) == "passive unhealthy")
    });
    (one, two, weir)
}

fn without_node(weir: &Appliance) -> bool {
    weir.metric("weir_pool_without_active_node", &[("pool", "app")]) > 0.5
}

/// Lines of the journal about the pool itself.
fn told(weir: &Appliance, what: &str) -> usize {
    weir.journal().lines().filter(|line| line.contains("pool app has ") && line.contains(what)).count()
}

#[test]
fn when_probes_fail_everywhere_clients_get_503() {
    let (one, two, weir) = unprobed("when-none = \"fail\"");
    for _ in 0..4 {
        let answer = weir.get("/a");
        assert_eq!(answer.refusal(), "503 no-active-node");
        assert!(answer.field("retry-after").is_some(), "{answer:?}");
    }
    assert!(one.seen().iter().chain(&two.seen()).all(|seen| seen.target() == "/probe"));
    assert!(without_node(&weir));
    eventually("the journal says what it means", || told(&weir, "requests get 503 (when-none = \"fail\")") == 1);
    weir.tells("no active node (n1 unhealthy, n2 unhealthy)");
}

#[test]
fn when_probes_fail_everywhere_all_are_tried_where_the_pool_says_so() {
    let (one, two, weir) = unprobed("when-none = \"all\"");
    let mut served: Vec<String> = (0..4)
        .map(|_| weir.get("/a"))
        .map(|answer| {
            assert_eq!(answer.status, 200);
            assert!(answer.field("x-weir").is_some_and(|why| why.contains("last-resort")), "{answer:?}");
            answer.text()
        })
        .collect();
    served.sort();
    assert_eq!(served, ["one /a", "one /a", "two /a", "two /a"], "by the pool's method");
    assert!(without_node(&weir));
    eventually("the journal says so", || told(&weir, "(when-none = \"all\")") == 1);
    // One that refuses as well costs nobody anything while another answers.
    one.stop();
    for _ in 0..4 {
        assert_eq!(weir.get("/b").text(), "two /b");
    }
    two.stop();
    assert!(matches!(weir.get("/b").status, 502 | 503));
}

#[test]
fn begin_and_end_are_told_once_and_a_start_is_no_outage() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let health = format!("{QUICK}probes = [{{ kind = \"tcp\" }}]");
    let weir = Plan::before(&[&one, &two]).health(&health).start();
    let both = |state: &str| ["n1", "n2"].iter().all(|node| weir.state("app", node) == state);
    eventually("both are active", || both("active"));
    assert!(!without_node(&weir));
    assert_eq!(told(&weir, ""), 0);
    one.stop();
    eventually("one is out", || weir.state("app", "n1") == "passive unhealthy");
    assert!(!without_node(&weir));
    two.stop();
    eventually("both are out", || both("passive unhealthy"));
    eventually("the metric tells", || without_node(&weir));
    eventually("and the journal", || told(&weir, "no active node") == 1);
    one.resume();
    eventually("one is back", || weir.state("app", "n1") == "active");
    assert!(!without_node(&weir));
    eventually("the journal tells that it is over", || told(&weir, "an active node again, after") == 1);
    assert_eq!(told(&weir, ""), 2);
    let events = weir.ask_admin("/api/status").text();
    assert!(events.contains("an active node again, after") && events.contains("\"pool\""), "{events}");
}

#[test]
fn a_pool_whose_first_probes_fail_is_out_from_the_first_request_that_got_503() {
    let one = Origin::named("one");
    one.stop();
    let health = "interval = \"100ms\"\ntimeout = \"1s\"\nrise = 1\nfall = 1000\nprobes = [{ kind = \"tcp\" }]";
    let weir = Plan::before(&[&one]).health(health).start();
    let said = |words: &[&str]| weir.command(words).out;
    let saw = format!("tcp {}: connection refused", one.port());
    eventually("the nodes are shown with what the first probe saw", || said(&["nodes"]).contains(&saw));
    assert_eq!(weir.state("app", "n1"), "passive checking");
    let degraded = format!("Degraded: no node of pool app has passed a probe yet: n1 ({saw})");
    assert!(said(&["status"]).contains(&degraded), "{}", said(&["status"]));
    assert_eq!(told(&weir, ""), 0, "nobody has missed a node");
    assert_eq!(weir.get("/a").refusal(), "503 no-active-node");
    eventually("the journal tells that it began", || told(&weir, "no active node (n1 checking)") == 1);
    let down =
        format!("Down: pool app has no active node: requests get 503 (when-none = \"fail\"); n1 checking ({saw})");
    assert!(said(&["status"]).contains(&down), "{}", said(&["status"]));
    let why = said(&["why", "http://esb.test/a"]);
    assert!(why.contains(&format!("it is passive (checking): {saw}")), "{why}");
    one.resume();
    eventually("the journal tells that it is over", || told(&weir, "an active node again, after") == 1);
    assert!(!said(&["status"]).contains("Down"), "{}", said(&["status"]));
}

#[test]
fn all_nodes_down_and_back_are_served_again_with_the_first_request() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Plan::before(&[&one, &two]).pool("eject = { for = \"1h\" }").start();
    for _ in 0..3 {
        one.stop();
        two.stop();
        for _ in 0..6 {
            let asked = Instant::now();
            assert!(matches!(weir.get("/a").status, 502 | 503));
            assert!(asked.elapsed() < Duration::from_secs(1));
        }
        one.resume();
        two.resume();
        assert_eq!(weir.get("/a").status, 200);
    }
}

#[test]
fn all_nodes_down_and_back_with_probes_are_served_by_the_next_round() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let health = format!("{QUICK}probes = [{{ kind = \"tcp\" }}]");
    let weir = Plan::before(&[&one, &two]).pool("eject = { for = \"1h\" }").health(&health).start();
    let both = |state: &str| ["n1", "n2"].iter().all(|node| weir.state("app", node) == state);
    eventually("both are active", || both("active"));
    one.stop();
    two.stop();
    eventually("both are out", || both("passive unhealthy"));
    assert_eq!(weir.get("/a").status, 503);
    let back = Instant::now();
    one.resume();
    two.resume();
    eventually("they are served again", || weir.get("/a").status == 200);
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    eventually("both of them", || both("active"));
}

#[test]
fn a_pool_whose_every_node_resets_still_asks_and_recovers_at_once() {
    let (one, two) = (Moody::new("one", Mood::Resets), Moody::new("two", Mood::Resets));
    let weir = Plan::before(&[&one, &two]).pool("eject = { failures = 1, for = \"1h\" }").start();
    for _ in 0..4 {
        assert_eq!(weir.get("/a").refusal(), "502 node-reset");
    }
    one.turns(Mood::Well);
    two.turns(Mood::Well);
    assert_eq!(weir.get("/a").status, 200);
}
