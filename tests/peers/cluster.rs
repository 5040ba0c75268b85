//! A cluster's bad days, with real Tomcats under load: what clients see of a drain, of a restart of Weir, of a garbage
//! collection, and of workers that are broken in each way there is. Every error and every lost session is counted.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::crowd::{Tally, Users};
use crate::forwarder::Forwarder;
use crate::harness::eventually;
use crate::stage::{NODES, Plan};

#[test]
fn a_drain_under_load_loses_no_session_and_no_request() {
    let plan = Plan {
        what: "drain",
        routes: ["left", "right"],
        forwarded: false,
        pools: &[(
            "esb",
            "port = PLAIN\nsticky = { mode = \"learn\", idle = \"3s\" }\n\
             health = { interval = \"500ms\", rise = 1, fall = 2, probes = [{ kind = \"tcp\" }] }",
        )],
    };
    let Some(mut stage) = plan.start() else { return };
    let crowd = stage.crowd(Users::WithSessions, 20, "esb");
    assert!(crowd.living_on(NODES[0]).len() >= 8, "both workers have sessions");

    let drained = thread::scope(|scope| {
        let begun = Instant::now();
        let mut patient = stage.browser("esb");
        eventually("one more session is on worker1", || {
            patient.forget();
            patient.get("/app/count").body.starts_with(NODES[0])
        });
        let patient = scope.spawn(move || (patient.get("/app/count?sleep=9000"), Instant::now()));
        eventually("its long request runs", || stage.nodes()[0]["in_flight"] != 0);
        let drain = scope.spawn(|| stage.command(&["drain", "worker1", "--wait", "--deadline", "60s"]));
        eventually("worker1 is draining", || stage.nodes()[0]["operator"] == "drain");
        let bound = crowd.living_on(NODES[0]);
        let newcomers = stage.crowd(Users::WithSessions, 10, "esb");
        assert!(newcomers.living_on(NODES[0]).is_empty(), "a session began on the draining node");
        eventually("some time passed under load", || begun.elapsed() > Duration::from_secs(2));
        assert_eq!(crowd.living_on(NODES[0]), bound, "a session left the draining node");
        assert!(!drain.is_finished(), "it is not safe to stop a node with sessions");
        crowd.begin_anew_within(Duration::from_secs(4));
        let drained = drain.join().unwrap();
        let safe = Instant::now();
        let (page, answered) = patient.join().unwrap();
        assert!(answered <= safe && page.body == format!("{} 2", NODES[0]), "the long request was not waited for");
        stage.tell("newcomers", newcomers.go_home_flawless("beside the drain"));
        stage.tell("drained after", format!("{:?}", begun.elapsed()));
        drained
    });
    let said = String::from_utf8_lossy(&drained.stdout);
    assert!(drained.status.success() && said.contains("safe to stop it"), "{drained:?}");
    assert!(crowd.has_begun_anew() && crowd.living_on(NODES[0]).is_empty());

    let before = crowd.take();
    before.assert_flawless("during the drain");
    stage.tell("drain", before);
    stage.tomcats[0].stop();
    stage.tomcats[0].restart(stage.ports);
    crowd.take().assert_flawless("while the drained node was stopped and started");
    assert!(stage.command(&["activate", "worker1"]).status.success());
    stage.await_state("esb", "worker1", "active");
    crowd.begin_anew_within(Duration::from_secs(1));
    eventually("all sessions are new", || crowd.has_begun_anew());
    assert!(crowd.living_on(NODES[0]).len() >= 5, "new sessions come back: {:?}", crowd.living_on(NODES[0]));
    stage.tell("after it", crowd.go_home_flawless("after the drain"));
}

#[test]
fn sessions_outlive_weir() {
    // Routes that say nothing: only what Weir kept can tell where a session lives.
    let plan = Plan {
        what: "restart",
        routes: ["left", "right"],
        forwarded: false,
        pools: &[("esb", "port = PLAIN\nsticky = { mode = \"learn\" }\n")],
    };
    let Some(mut stage) = plan.start() else { return };
    let crowd = stage.crowd(Users::WithSessions, 20, "esb");
    for (phase, end) in [("SIGTERM", true), ("SIGKILL", false)] {
        eventually("there is traffic", || crowd.look(|tally| tally.requests > 200));
        crowd.take().assert_flawless("before");
        if end {
            stage.restart_weir();
        } else {
            stage.kill_weir();
        }
        eventually("all are served again", || crowd.look(|tally| NODES.iter().all(|node| tally.of(node) > 100)));
        let seen = crowd.take();
        assert!(seen.lost.is_empty(), "{phase}: {seen}");
        // Nobody listens for a moment, which is all that a client may see of an orderly stop.
        let kinds: BTreeSet<&str> = seen.errors.keys().map(String::as_str).collect();
        let allowed: &[&str] =
            if end { &["ConnectionRefused"] } else { &["ConnectionRefused", "ConnectionReset", "UnexpectedEof"] };
        assert!(kinds.iter().all(|kind| allowed.contains(kind)), "{phase}: {seen}");
        assert!(!end || seen.skipped == 0, "{phase}: an answer was cut: {seen}");
        stage.tell(phase, seen);
    }
    stage.tell("after it", crowd.go_home_flawless("after the restarts"));
}

#[test]
fn a_garbage_collection_is_nothing_but_slow() {
    let plan = Plan {
        what: "garbage collection",
        routes: ["left", "right"],
        forwarded: false,
        pools: &[
            (
                "plain",
                "port = PLAIN\nsticky = { mode = \"learn\" }\n\
                 health = { interval = \"1s\", timeout = \"1s\", fall = 3, \
                 probes = [{ kind = \"http\", path = \"/app/count?plain\" }] }",
            ),
            (
                "secure",
                "port = TLS\nsticky = { mode = \"learn\" }\ntls = { verify = \"pin\", pins = [\"PIN\"] }\n\
                 health = { interval = \"1s\", timeout = \"1s\", fall = 3, \
                 probes = [{ kind = \"https\", path = \"/app/count?plain\" }] }",
            ),
        ],
    };
    let Some(stage) = plan.start() else { return };
    let crowds = ["plain", "secure"]
        .map(|pool| (stage.crowd(Users::WithSessions, 10, pool), stage.crowd(Users::WithoutSessions, 5, pool)));
    eventually("there is traffic", || crowds.iter().all(|(with, _)| with.look(|tally| tally.requests > 100)));
    stage.tomcats[0].pause();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(8) {
        let nodes = stage.nodes();
        assert!(nodes.iter().all(|node| node["state"] == "active"), "after {:?}: {nodes:?}", begun.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
    stage.tomcats[0].go_on();
    let served = |tally: &Tally| tally.slowest > Duration::from_secs(6) && tally.of(NODES[0]) > 150;
    eventually("the paused node answers again", || crowds.iter().all(|(with, _)| with.look(served)));
    assert_eq!(stage.changes(), Vec::<String>::new(), "no state changed");
    for (pool, (with, without)) in ["plain", "secure"].iter().zip(crowds) {
        stage.tell(&format!("{pool}, with sessions"), with.go_home_flawless(pool));
        stage.tell(&format!("{pool}, without sessions"), without.go_home_flawless(pool));
    }
}

#[test]
fn a_worker_that_answers_500_only_is_left_out() {
    let plan = Plan {
        what: "500 only",
        routes: ["left", "right"],
        forwarded: false,
        pools: &[
            (
                "told",
                "port = PLAIN\nsticky = { mode = \"learn\" }\n\
                 eject = { failures = 3, within = \"10s\", for = \"2s\", max-for = \"4s\", statuses = \"500\" }\n\
                 health = { interval = \"500ms\", probes = [{ kind = \"tcp\" }] }",
            ),
            (
                "repeated",
                "port = PLAIN\nretry-on = [\"connect\", \"reset\", \"timeout\", \"500\"]\n\
                 eject = { failures = 3, within = \"10s\", for = \"2s\", max-for = \"4s\", statuses = \"500\" }\n\
                 health = { interval = \"500ms\", probes = [{ kind = \"tcp\" }] }",
            ),
        ],
    };
    let Some(stage) = plan.start() else { return };
    let with = stage.crowd(Users::WithSessions, 10, "told");
    let moved = with.living_on(NODES[0]);
    let [told, repeated] = ["told", "repeated"].map(|pool| stage.crowd(Users::WithoutSessions, 10, pool));
    stage.tomcats[0].be_broken(true);
    stage.await_state("told", "worker1", "passive");
    stage.await_state("repeated", "worker1", "passive");
    told.settle();
    let first = told.take();
    assert!(first.failed() <= 10, "three failures eject, and what ran beside them may fail too: {first}");
    // An ejection ends after two or four seconds. Then one request tries the node.
    eventually("it was tried again", || told.look(|tally| tally.failed() >= 1));
    let (then, others) = (told.take(), repeated.take());
    assert!(then.failed() <= 2 && then.requests > 10 * then.failed(), "nobody else noticed: {then}");
    let with = with.go_home();
    assert!(with.failed() <= 10 && with.lost.keys().all(|user| moved.contains(user)), "{moved:?} had to move: {with}");
    others.assert_flawless("where 500 is repeated elsewhere");
    stage.tell("told to the client, until the ejection", first);
    stage.tell("told to the client, after it", then);
    stage.tell("told to the client, with sessions", with);
    stage.tell("repeated elsewhere", others);
    stage.tomcats[0].be_broken(false);
    stage.await_state("repeated", "worker1", "active");
    eventually("it serves again", || repeated.look(|tally| tally.of(NODES[0]) > 20));
    stage.tell("mended", repeated.go_home_flawless("mended"));
}

#[test]
fn a_worker_that_never_answers_costs_one_timeout() {
    let plan = Plan {
        what: "accepts and never answers",
        routes: ["left", "right"],
        forwarded: true,
        pools: &[(
            "esb",
            "port = PLAIN\nsticky = { mode = \"learn\" }\ntimeouts = { connect = \"1s\", read = \"1s\" }\n\
             eject = { failures = 3, within = \"10s\", for = \"2s\", max-for = \"4s\" }\n\
             health = { interval = \"500ms\", probes = [{ kind = \"tcp\" }] }",
        )],
    };
    let Some(stage) = plan.start() else { return };
    let (with, without) = (stage.crowd(Users::WithSessions, 10, "esb"), stage.crowd(Users::WithoutSessions, 10, "esb"));
    let (moved, stayed) = (with.living_on(NODES[1]), with.living_on(NODES[0]));
    stage.forwarders[1].fall_silent(true);
    stage.await_state("esb", "worker2", "passive");
    // Those who asked it at the time have waited for it.
    with.settle();
    without.settle();
    let (with_first, without_first) = (with.take(), without.take());
    eventually("it was tried again", || with.look(Tally::waited) + without.look(Tally::waited) > 0);
    let (with_then, without_then) = (with.take(), without.take());
    for seen in [&with_first, &without_first, &with_then, &without_then] {
        assert!(seen.errors.is_empty() && seen.slowest < Duration::from_secs(4), "{seen}");
        assert!(seen.lost.keys().all(|user| moved.contains(user)), "{stayed:?} stayed: {seen}");
    }
    assert!(
        with_then.waited() + without_then.waited() <= 2,
        "one request at a time tries it: {with_then}\n{without_then}"
    );
    stage.tell("with sessions, at first", with_first);
    stage.tell("without sessions, at first", without_first);
    stage.tell("with sessions, then", with_then);
    stage.tell("without sessions, then", without_then);
    stage.forwarders[1].fall_silent(false);
    stage.await_state("esb", "worker2", "active");
    eventually("it serves again", || without.look(|tally| tally.of(NODES[1]) > 20));
    let after = without.go_home();
    assert!(after.errors.is_empty(), "{after}");
    stage.tell("mended", after);
}

#[test]
fn a_worker_that_flaps_every_three_seconds_disturbs_nobody_else() {
    let plan = Plan {
        what: "flapping",
        routes: ["left", "right"],
        forwarded: true,
        pools: &[(
            "esb",
            "port = PLAIN\nsticky = { mode = \"learn\" }\n\
             health = { interval = \"500ms\", timeout = \"500ms\", rise = 1, fall = 2, probes = [{ kind = \"tcp\" }] }",
        )],
    };
    let Some(mut stage) = plan.start() else { return };
    let (with, without) = (stage.crowd(Users::WithSessions, 10, "esb"), stage.crowd(Users::WithoutSessions, 10, "esb"));
    let on_the_flapping = with.living_on(NODES[0]);
    for _ in 0..3 {
        stage.forwarders[0].shut();
        thread::sleep(Duration::from_secs(3));
        stage.forwarders[0].reopen();
        thread::sleep(Duration::from_secs(3));
    }
    let (with, without) = (with.go_home(), without.go_home());
    stage.tell("with sessions", &with);
    stage.tell("without sessions", &without);
    stage.tell("state changes", stage.changes().len());
    assert!(with.errors.is_empty() && without.errors.is_empty(), "with {with}\nwithout {without}");
    assert!(with.lost.iter().all(|(user, times)| on_the_flapping.contains(user) && *times == 1), "{:?}", with.lost);
    assert!(with.slowest.max(without.slowest) < Duration::from_secs(3), "with {with}\nwithout {without}");
}

#[test]
fn with_all_workers_down_clients_are_told_at_once_and_come_back_to_their_sessions() {
    let plan = Plan {
        what: "all down",
        routes: ["left", "right"],
        forwarded: true,
        pools: &[
            (
                "sessions",
                "port = PLAIN\nsticky = { mode = \"learn\", on-lost = \"refuse\" }\n\
                 health = { interval = \"500ms\", timeout = \"500ms\", rise = 1, fall = 2, probes = [{ kind = \"tcp\" }] }",
            ),
            (
                "any",
                "port = PLAIN\n\
                 health = { interval = \"500ms\", timeout = \"500ms\", rise = 1, fall = 2, probes = [{ kind = \"tcp\" }] }",
            ),
        ],
    };
    let Some(mut stage) = plan.start() else { return };
    let (with, without) =
        (stage.crowd(Users::WithSessions, 10, "sessions"), stage.crowd(Users::WithoutSessions, 10, "any"));
    let homes = NODES.map(|node| with.living_on(node));
    let mut bound = stage.browser("sessions");
    bound.get("/app/count");
    with.take().assert_flawless("before");
    stage.forwarders.iter_mut().for_each(Forwarder::shut);
    for pool in ["sessions", "any"] {
        stage.await_state(pool, "worker1", "passive");
        stage.await_state(pool, "worker2", "passive");
    }
    let dying = [with.take(), without.take()];
    eventually("all are refused", || with.look(|tally| tally.requests > 200));
    let down = [with.take(), without.take()];
    for seen in &down {
        assert!(seen.by_node.is_empty() && seen.slowest < Duration::from_secs(1), "told at once: {seen}");
        assert!(seen.errors.keys().all(|kind| kind.starts_with("503")), "{seen}");
    }
    let begun = Instant::now();
    for (mut browser, word) in [(bound, "session-lost"), (stage.browser("any"), "no-active-node")] {
        let page = browser.get("/app/count");
        assert!(page.status == 503 && page.body.contains(word), "{word}: {}", page.body);
        assert!(page.field("Retry-After").is_some(), "{word}: a client is told when to come again");
    }
    stage.forwarders[0].reopen();
    eventually("those of the first are back", || with.look(|tally| tally.of(NODES[0]) > 50));
    stage.forwarders[1].reopen();
    let back = |tally: &Tally| NODES.iter().all(|node| tally.of(node) > 50);
    eventually("all are back", || with.look(back) && without.look(back));
    stage.tell("back after", format!("{:?}", begun.elapsed()));
    let back = [with.take(), without.take()];
    for (phase, seen) in [("dying", &dying), ("down", &down), ("coming back", &back)] {
        stage.tell(&format!("{phase}, with sessions"), &seen[0]);
        stage.tell(&format!("{phase}, without sessions"), &seen[1]);
    }
    assert!(dying[0].lost.is_empty() && down[0].lost.is_empty() && back[0].lost.is_empty(), "a session was lost");
    assert_eq!(homes, NODES.map(|node| with.living_on(node)), "sessions are where they were");
    with.go_home_flawless("all are back");
    without.go_home_flawless("all are back");
}
