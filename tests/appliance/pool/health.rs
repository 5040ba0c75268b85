//! States of nodes: checking, active, unhealthy, ejected; what makes each, and who gets traffic meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Appliance, Origin, Plan, eventually, ok};

const QUICK: &str = "interval = \"100ms\"\ntimeout = \"1s\"\nrise = 1\nfall = 2\nprobes = [{ kind = \"tcp\" }]";

#[test]
fn without_probes_a_node_is_active_from_the_start_and_is_shown_as_such() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.state("app", "n1"), "active");
    let nodes = weir.command(&["nodes"]).out;
    assert!(nodes.contains("no probes"), "{nodes}");
    let check =
        |weir: &Appliance| weir.command(&["check", "--config", &weir.path("weir.toml").display().to_string()]).out;
    assert_eq!(check(&weir).matches("pool app has no probes: a node is active there until requests fail").count(), 1);
    let probed = Plan::before(&[&origin]).health(QUICK).start();
    eventually("the first pass makes it active", || probed.state("app", "n1") == "active");
    let nodes = probed.command(&["nodes"]).out;
    assert!(!nodes.contains("no probes") && !check(&probed).contains("no probes"), "{nodes}");
}

#[test]
fn where_probes_are_mandatory_a_node_gets_nothing_before_one_and_the_client_an_answer_at_once() {
    let origin = Origin::speaking(|talk| assert!(talk.wait_for_close()));
    let probes =
        "interval = \"1h\"\ntimeout = \"1h\"\nmandatory = true\nprobes = [{ kind = \"http\", path = \"/probe\" }]";
    let weir = Plan::before(&[&origin]).health(probes).start();
    assert_eq!((weir.state("app", "n1").as_str(), weir.ask_admin("/readyz").status), ("passive checking", 503));
    let asked = Instant::now();
    let answer = weir.get("/a");
    assert_eq!(answer.refusal(), "503 no-active-node");
    assert!(answer.field("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()), "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert!(origin.seen().iter().all(|seen| seen.target() == "/probe"));
}

#[test]
fn a_node_becomes_active_by_passing_and_unhealthy_by_failing() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).health(QUICK).start();
    eventually("the first pass makes it active", || weir.state("app", "n1") == "active");
    assert_eq!(weir.get("/a").status, 200);
    origin.stop();
    eventually("failing probes make it unhealthy", || weir.state("app", "n1") == "passive unhealthy");
    assert_eq!(weir.get("/a").refusal(), "503 no-active-node");
    origin.resume();
    eventually("passing probes make it active again", || weir.state("app", "n1") == "active");
    assert_eq!(weir.get("/a").status, 200);
}

#[test]
fn states_are_metrics_and_journal_lines_with_the_reason() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).health(QUICK).start();
    let active = || weir.metric("weir_node_active", &[("pool", "app"), ("node", "n1")]);
    eventually("the metric says active", || active() > 0.5);
    origin.stop();
    eventually("the metric says passive", || active() < 0.5);
    eventually("the journal names node, state and what the probe saw", || {
        let journal = weir.journal();
        journal.lines().any(|line| line.contains("n1") && line.contains("unhealthy") && line.contains("refused"))
    });
    assert!(weir.metric("weir_node_state_changes_total", &[("node", "n1")]) >= 2.0);
    assert!(weir.metric("weir_probes_total", &[("node", "n1")]) >= 3.0);
}

#[test]
fn the_reason_names_the_port_that_was_asked() {
    let origins = [Origin::named("a"), Origin::named("b")];
    let weir = Plan::before(&[&origins[0], &origins[1]]).health(QUICK).start();
    for origin in &origins {
        origin.stop();
    }
    for origin in &origins {
        let reason = format!("tcp {}: connection refused", origin.port());
        eventually("the journal names the node's own port, offset and all", || weir.journal().contains(&reason));
    }
}

#[test]
fn all_probes_must_pass() {
    let broken = Arc::new(AtomicBool::new(false));
    let is_broken = broken.clone();
    let origin = Origin::answering(move |seen| match seen.target().as_str() {
        "/login.jsp" if is_broken.load(Ordering::SeqCst) => {
            b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n".to_vec()
        }
        _ => ok("n"),
    });
    let probes = "interval = \"100ms\"\ntimeout = \"1s\"\nrise = 1\nfall = 1\n\
        probes = [{ kind = \"tcp\" }, { kind = \"http\", path = \"/login.jsp\", status = \"200\" }]";
    let weir = Plan::before(&[&origin]).health(probes).start();
    eventually("both pass", || weir.state("app", "n1") == "active");
    broken.store(true, Ordering::SeqCst);
    eventually("one fails", || weir.state("app", "n1") == "passive unhealthy");
    eventually("the journal says what the probe saw", || weir.journal().contains("500"));
    broken.store(false, Ordering::SeqCst);
    eventually("both pass again", || weir.state("app", "n1") == "active");
}

#[test]
fn a_probe_has_its_own_port_and_looks_into_the_body() {
    let (node, console) = (Origin::named("n"), Origin::answering(|_| ok("<form>login</form>")));
    let probes = format!(
        "interval = \"100ms\"\ntimeout = \"1s\"\nrise = 1\nfall = 1\n\
         probes = [{{ kind = \"http\", port = {}, path = \"/c\", host = \"console.test\", contains = \"login\" }}]",
        console.port()
    );
    let weir = Plan::before(&[&node]).health(&probes).start();
    eventually("the probe passes", || weir.state("app", "n1") == "active");
    assert_eq!(console.last().values("host"), ["console.test"]);
    assert_eq!(node.count(), 0);
    assert_eq!(weir.get("/a").text(), "n /a");
}

#[test]
fn a_probe_that_gets_no_answer_fails_in_its_time() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let origin = Origin::speaking(move |talk| match count.fetch_add(1, Ordering::SeqCst) {
        0 => talk.send(&ok("fine")),
        _ => assert!(talk.wait_for_close()),
    });
    let probes = "interval = \"50ms\"\ntimeout = \"200ms\"\nrise = 1\nfall = 1\nprobes = [{ kind = \"http\" }]";
    let weir = Plan::before(&[&origin]).health(probes).start();
    eventually("silence makes it unhealthy", || weir.state("app", "n1") == "passive unhealthy");
    eventually("silent probes are closed, not collected", || origin.open_connections() <= 2 && origin.count() > 3);
}

#[test]
fn a_refused_connect_ejects_at_once_and_time_brings_the_node_back() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Plan::before(&[&one, &two]).pool("eject = { failures = 1, for = \"1s\" }").start();
    one.stop();
    for _ in 0..4 {
        assert_eq!(weir.get("/a").text(), "two /a");
    }
    assert_eq!(weir.state("app", "n1"), "passive ejected");
    one.resume();
    // Half-open when its time is over: what makes it active is the first request that succeeds there.
    eventually("it gets traffic", || weir.get("/a").text() == "one /a");
    assert_eq!(weir.state("app", "n1"), "active");
}

#[test]
fn a_node_in_two_pools_has_a_state_in_each() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let base = one.port().min(two.port());
    let other = format!(
        "[[pool]]\nname = \"other\"\nnodes = [\"n1\", \"n2\"]\nport = {base}\n[pool.health]\ninterval = \"1h\"\n\
         timeout = \"1h\"\nprobes = [{{ kind = \"http\", path = \"/p\", contains = \"never\" }}]\n\
         [[site]]\nname = \"other\"\nlistener = \"http\"\nhosts = [\"other.test\"]\npool = \"other\"\n"
    );
    let weir = Plan::before(&[&one, &two]).more(&other).start();
    assert_eq!(weir.state("app", "n1"), "active");
    assert!(weir.state("other", "n1").starts_with("passive"));
    assert_eq!(weir.get("/a").status, 200);
    // A node that has failed its first probe is none that nobody knows.
    eventually("it gets nothing", || weir.client().ask("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n").status == 503);
}

#[test]
fn when_every_node_refuses_the_answer_comes_at_once() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Appliance::in_front_of(&[&one, &two]);
    one.stop();
    two.stop();
    for _ in 0..3 {
        let asked = Instant::now();
        let answer = weir.get("/a");
        assert!(matches!(answer.status, 502 | 503), "{answer:?}");
        assert!(asked.elapsed() < Duration::from_secs(2));
    }
    assert_eq!(weir.ask_admin("/livez").status, 200);
}

#[test]
fn a_pool_of_one_is_served_again_as_soon_as_its_node_is_back() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).pool("eject = { failures = 1, for = \"1h\" }").start();
    origin.stop();
    assert!(matches!(weir.get("/a").status, 502 | 503));
    origin.resume();
    assert_eq!(weir.get("/a").text(), "n /a");
}

#[test]
fn a_probe_that_only_connects_brings_no_node_back_that_is_silent_in_the_tls_handshake() {
    let silent = [(); 2].map(|()| Origin::speaking(|talk| assert!(talk.wait_for_close())));
    let pool =
        "tls = { verify = \"none\" }\ntimeouts = { handshake = \"200ms\" }\neject = { failures = 1, for = \"1h\" }";
    let weir = Plan::before(&[&silent[0], &silent[1]]).pool(pool).health(QUICK).start();
    let ejected = || ["n1", "n2"].into_iter().filter(|node| weir.state("app", node) == "passive ejected").count();
    let passes = || weir.metric("weir_probes_total", &[("result", "pass")]);
    eventually("the probes only connect, and pass", || passes() > 1.5);
    assert_eq!(weir.get("/a").refusal(), "504 connect-timeout");
    assert_eq!(ejected(), 1, "the last active node stays");
    let before = passes();
    eventually("further probes of both pass", || passes() > before + 5.5);
    assert_eq!(ejected(), 1);
}
