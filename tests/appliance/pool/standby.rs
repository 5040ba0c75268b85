//! As many nodes as needed are active and the rest stand by: who serves, who replaces whom, who comes with the load and
//! goes after it.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::gated_world::{World, node};
use crate::harness::{Client, Gate, Origin, Plan, eventually, within};

const LEARN: &str = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\", idle = \"1s\" }";

fn world(pool: &str) -> World {
    with(pool, |plan| plan)
}

fn with(pool: &str, more: impl FnOnce(Plan) -> Plan) -> World {
    World::of(&["a", "b", "c"], pool, more)
}

impl World {
    /// The states of the three nodes.
    fn states(&self) -> [String; 3] {
        ["n1", "n2", "n3"].map(|node| self.weir.state("app", node))
    }

    /// The nodes in this state, from 0.
    fn with_state(&self, state: &str) -> Vec<usize> {
        let states = self.states();
        (0..3).filter(|node| states[*node] == state).collect()
    }

    fn serving(&self) -> Vec<usize> {
        self.with_state(ACTIVE)
    }

    fn are(&self, states: [&str; 3]) -> bool {
        self.states() == states
    }

    #[track_caller]
    fn become_so(&self, states: [&str; 3]) {
        let came = within(Duration::from_secs(5), || self.are(states));
        assert!(came, "{:?} are not {states:?}", self.states());
    }

    /// Who answers, and the first word of why.
    fn ask(&self) -> (String, String) {
        let answer = self.weir.get("/");
        let why = answer.field("x-weir").unwrap_or_default();
        assert_eq!(answer.status, 200, "{why}");
        (answer.text(), why.split(';').next().unwrap_or_default().to_owned())
    }

    fn answering(&self) -> BTreeSet<String> {
        (0..12).map(|_| self.ask().0).collect()
    }

    /// Requests that run until the gate is open.
    fn hold(&self, count: usize) -> Vec<Client> {
        let begin = |_| {
            let mut client = self.weir.client();
            client.send("GET /hold HTTP/1.1\r\nHost: esb.test\r\n\r\n");
            client
        };
        let held = (0..count).map(begin).collect();
        let running = || self.nodes.iter().map(|node| self.running(node)).sum::<usize>();
        eventually("they run", || running() >= count);
        held
    }

    fn running(&self, node: &Origin) -> usize {
        node.seen().iter().filter(|seen| seen.target() == "/hold").count()
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const ACTIVE: &str = "active";
const STANDBY: &str = "passive standby";

#[test]
fn it_starts_with_as_many_as_told_and_the_rest_stand_by() {
    for (start, states, serving) in
        [(1, [ACTIVE, STANDBY, STANDBY], names(&["a"])), (2, [ACTIVE, ACTIVE, STANDBY], names(&["a", "b"]))]
    {
        let world = world(&format!("active = {{ start = {start} }}"));
        assert!(world.are(states), "{:?}", world.states());
        assert_eq!(world.answering(), serving);
        assert_eq!(world.ask().1, "balanced");
    }
}

#[test]
fn probed_nodes_stand_by_too_and_one_that_fails_its_probes_is_replaced() {
    let health = "interval = \"100ms\"\nrise = 1\nfall = 1\nprobes = [{ kind = \"tcp\" }]";
    let world = with("active = { start = 1 }", |plan| plan.health(health));
    // Whose probes pass first.
    eventually("one serves and two stand by", || world.serving().len() == 1 && world.with_state(STANDBY).len() == 2);
    let first = world.serving()[0];
    world.nodes[first].stop();
    eventually("another one serves", || world.serving().first().is_some_and(|next| *next != first));
    let second = world.serving();
    assert_eq!((second.len(), world.with_state(STANDBY).len()), (1, 1), "one for one: {:?}", world.states());
    // Who comes back waits for its turn.
    world.nodes[first].resume();
    eventually("it stands by", || world.with_state(STANDBY).contains(&first));
    assert_eq!(world.serving(), second);
    assert_eq!(world.answering().len(), 1);
}

#[test]
fn a_failed_active_is_replaced_at_once_and_no_client_notices() {
    let world = world("active = { start = 1 }\neject = { failures = 1, for = \"300ms\" }");
    assert_eq!(world.answering(), names(&["a"]));
    let failed = thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = world.weir.client();
                    let ask = |_: &usize| client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status != 200;
                    (0..150).filter(ask).count()
                })
            })
            .collect();
        world.nodes[0].stop();
        clients.into_iter().map(|client| client.join().expect("a client")).sum::<usize>()
    });
    assert_eq!(failed, 0, "requests that a client saw fail");
    assert_eq!(world.weir.state("app", "n2"), ACTIVE);
    assert_eq!(world.weir.state("app", "n3"), STANDBY, "one for one");
    assert_eq!(world.answering(), names(&["b"]));
}

#[test]
fn a_post_is_saved_by_a_standby_too() {
    let world = world("active = { start = 1 }\neject = { failures = 1, for = \"1h\" }");
    world.nodes[0].stop();
    let answer = world.weir.post("/", "order");
    assert_eq!((answer.status, answer.text()), (200, "b".to_owned()));
    assert_eq!(world.nodes[1].last().body(), b"order");
}

#[test]
fn the_log_tells_that_a_standby_was_activated_for_a_request() {
    let world = world("active = { start = 1, max = 2, for = \"1h\" }\nmax-requests = 1");
    let held = world.hold(1);
    // The only active node is full, so the next request cannot wait for the load to last.
    let (node, why) = world.ask();
    assert_eq!((node.as_str(), why.as_str()), ("b", "standby-activated"));
    assert!(world.are([ACTIVE, ACTIVE, STANDBY]), "{:?}", world.states());
    eventually("the log says so", || world.weir.read("access.log").contains(" why=standby-activated "));
    assert_eq!(world.ask(), ("b".to_owned(), "balanced".to_owned()), "that one time");
    world.gate.open();
    drop(held);
}

#[test]
fn load_above_the_mark_that_lasts_activates_one_more_at_a_time() {
    let pool = "active = { start = 1, in-flight-per-node = 2, for = \"600ms\", cool-down = \"1h\" }";
    let world = world(pool);
    let began = Instant::now();
    let held = world.hold(3);
    assert!(world.are([ACTIVE, STANDBY, STANDBY]), "a moment is not enough");
    world.become_so([ACTIVE, ACTIVE, STANDBY]);
    assert!(began.elapsed() >= Duration::from_millis(550), "{:?}", began.elapsed());
    assert!(!within(Duration::from_millis(900), || !world.are([ACTIVE, ACTIVE, STANDBY])), "two can bear three");
    let more = world.hold(5);
    world.become_so([ACTIVE; 3]);
    world.gate.open();
    for mut client in held.into_iter().chain(more) {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
}

#[test]
fn load_on_the_mark_and_bursts_that_do_not_last_activate_nobody() {
    let world = world("active = { start = 1, in-flight-per-node = 2, for = \"5s\" }");
    let held = world.hold(4);
    world.gate.open();
    for mut client in held {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
    assert!(!within(Duration::from_millis(600), || !world.are([ACTIVE, STANDBY, STANDBY])));
}

#[test]
fn never_more_than_max_are_active() {
    let world = world("active = { start = 1, max = 2, in-flight-per-node = 1, for = \"10ms\" }");
    let held = world.hold(6);
    world.become_so([ACTIVE, ACTIVE, STANDBY]);
    assert!(!within(Duration::from_millis(900), || world.weir.state("app", "n3") == ACTIVE));
    world.gate.open();
    drop(held);
}

#[test]
fn after_the_cool_down_one_goes_back_by_draining() {
    let pool =
        format!("active = {{ start = 1, in-flight-per-node = 2, for = \"10ms\", cool-down = \"700ms\" }}\n{LEARN}");
    let world = world(&pool);
    let held = world.hold(4);
    world.become_so([ACTIVE, ACTIVE, STANDBY]);
    // A session on the node that will go.
    let mut ids = (0..20).map(|number| format!("S{number}"));
    let id = ids.find(|id| world.weir.get(&format!("/login/{id}")).text() == "b").expect("one is opened there");
    let stays = || {
        let answer =
            world.weir.client().ask(format!("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID={id}\r\n\r\n"));
        assert_eq!(answer.text(), "b", "the session stays while it is used");
    };
    world.gate.open();
    let ended = Instant::now();
    for mut client in held {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
    let draining = || {
        stays();
        world.are([ACTIVE, "passive draining", STANDBY])
    };
    assert!(within(Duration::from_secs(5), draining), "{:?}", world.states());
    assert!(ended.elapsed() >= Duration::from_millis(500), "not at once: {:?}", ended.elapsed());
    assert_eq!(world.answering(), names(&["a"]), "nothing new goes there");
    stays();
    // Nobody uses the session any more.
    world.become_so([ACTIVE, STANDBY, STANDBY]);
}

#[test]
fn a_draining_node_is_taken_back_before_a_standby_when_the_load_returns() {
    let pool = format!(
        "active = {{ start = 1, in-flight-per-node = 2, for = \"10ms\", cool-down = \"300ms\" }}\n{}",
        LEARN.replace("1s", "1h")
    );
    let world = world(&pool);
    let first = world.hold(4);
    world.become_so([ACTIVE, ACTIVE, STANDBY]);
    eventually("a session lives there", || world.weir.get("/login/S").text() == "b");
    world.gate.open();
    for mut client in first {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
    world.become_so([ACTIVE, "passive draining", STANDBY]);
    world.nodes[0].stop();
    eventually("the one that is still warm serves", || {
        world.weir.get("/");
        world.weir.state("app", "n2") == ACTIVE
    });
    assert_eq!(world.weir.state("app", "n3"), STANDBY);
}

#[test]
fn a_backup_is_no_standby() {
    let pool = "active = { start = 1 }\neject = { failures = 1, for = \"1h\" }";
    let world = with(pool, |plan| plan.member(3, "backup = true"));
    assert_eq!([&world.states()[0], &world.states()[1]], [ACTIVE, STANDBY]);
    world.nodes[0].stop();
    assert_eq!(world.ask().0, "b", "the standby before the backup");
    world.nodes[1].stop();
    assert_eq!(world.ask(), ("c".to_owned(), "backup".to_owned()));
}

#[test]
fn when_all_are_lost_and_one_comes_back_it_serves() {
    let world = world("active = { start = 1 }\neject = { failures = 1, for = \"300ms\" }");
    world.nodes.iter().for_each(Origin::stop);
    assert!((502..=503).contains(&world.weir.get("/").status));
    world.nodes[2].resume();
    eventually("it serves", || world.weir.get("/").text() == "c");
}

#[test]
fn a_reload_keeps_who_serves_and_follows_a_new_count() {
    let mut world = world("active = { start = 1 }\neject = { failures = 1, for = \"300ms\" }");
    world.nodes[0].stop();
    assert_eq!(world.ask().0, "b");
    world.nodes[0].resume();
    world.weir.reload();
    assert_eq!(world.serving(), [1]);
    assert_eq!(world.answering(), names(&["b"]));
    world.weir.edit(|text| text.replace("start = 1", "start = 2"));
    world.weir.reload();
    eventually("two serve", || world.answering().len() == 2);
    world.weir.edit(|text| text.replace("active = { start = 2 }", ""));
    world.weir.reload();
    eventually("all serve", || world.answering().len() == 3);
    assert!(world.are([ACTIVE; 3]), "{:?}", world.states());
}

#[test]
fn standbys_are_probed_and_a_sick_one_is_not_activated() {
    let health = "interval = \"100ms\"\nrise = 1\nfall = 1\nprobes = [{ kind = \"tcp\" }]";
    let world = with("active = { start = 1 }\neject = { failures = 1 }", |plan| plan.health(health));
    eventually("one serves and two stand by", || world.serving().len() == 1 && world.with_state(STANDBY).len() == 2);
    let (first, sick) = (world.serving()[0], world.with_state(STANDBY)[0]);
    world.nodes[sick].stop();
    eventually("its probes fail", || world.with_state("passive unhealthy") == [sick]);
    world.nodes[first].stop();
    let well = ["a", "b", "c"][3 - first - sick];
    eventually("the one that is well serves", || world.weir.get("/").text() == well);
}

#[test]
fn a_session_on_a_node_that_stands_by_after_a_restart_stays_there() {
    let pool =
        format!("active = {{ start = 1 }}\neject = {{ failures = 1, for = \"1h\" }}\n{}", LEARN.replace("1s", "1h"));
    let mut world = world(&pool);
    world.nodes[0].stop();
    assert_eq!(world.weir.get("/login/S").text(), "b");
    world.nodes[0].resume();
    assert_eq!(world.weir.stop(), Some(0));
    world.weir.start_again();
    assert_eq!(world.answering(), names(&["a"]), "a restart begins with the first");
    for _ in 0..5 {
        let answer = world.weir.client().ask("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID=S\r\n\r\n");
        assert_eq!(answer.text(), "b");
    }
}

#[test]
fn the_metric_tells_who_is_active() {
    let world = world("active = { start = 1 }");
    let active = |node: &str| world.weir.metric("weir_node_active", &[("pool", "app"), ("node", node)]) > 0.5;
    assert_eq!(["n1", "n2", "n3"].map(active), [true, false, false]);
    let standby = [("pool", "app"), ("node", "n2"), ("reason", "standby")];
    assert!(world.weir.metric("weir_node_state", &standby) > 0.5);
    // A pool that is served by fewer than all lacks nothing.
    assert_eq!(world.weir.ask_admin("/readyz").text(), "ok\n");
}

#[test]
fn a_node_that_stands_by_because_of_a_reload_has_a_line_in_the_journal() {
    let mut world = World::of(&["a", "b", "c"], LEARN, |plan| plan);
    assert!(world.are([ACTIVE, ACTIVE, ACTIVE]));
    let since = |world: &World| crate::session_world::row(&world.weir, "app", "n2")["seconds"].as_u64();
    eventually("it is active for a while", || since(&world).is_none_or(|seconds| seconds >= 2));
    world.weir.edit(|text| text.replace(LEARN, &format!("{LEARN}\nactive = {{ start = 1 }}")));
    world.weir.reload();
    assert!(world.are([ACTIVE, STANDBY, STANDBY]), "{:?}", world.states());
    assert!(since(&world).is_none_or(|seconds| seconds < 2), "it has just begun to stand by");
    for line in ["node n2 of pool app is passive (standby), was active", "node n3 of pool app is passive (standby)"] {
        eventually(&format!("the journal says {line:?}"), || world.weir.journal().contains(line));
    }
    world.weir.edit(|text| text.replace("\nactive = { start = 1 }", ""));
    world.weir.reload();
    let line = "node n2 of pool app is active, was passive (standby): a reload has every node serve";
    eventually(&format!("the journal says {line:?}"), || world.weir.journal().contains(line));
}

#[test]
fn after_a_failure_all_ports_of_an_application_are_served_by_the_same_node() {
    let node = |name: &'static str| {
        Origin::speaking(move |talk| {
            talk.body_length();
            if (name, talk.target().as_str()) == ("one", "/fails-on-one") {
                return talk.reset();
            }
            talk.send(&crate::harness::ok(name));
        })
    };
    let nodes = [node("one"), node("two")];
    let eject = "eject = { failures = 1, for = \"1h\" }";
    let other = format!(
        "[[pool]]\nname = \"other\"\nnodes = [\"n1\", \"n2\"]\nport = $port\nactive = {{ with = \"app\" }}\n{eject}\n\
         [[site]]\nname = \"other\"\nlistener = \"http\"\nhosts = [\"other.test\"]\npool = \"other\"\n"
    );
    let all: Vec<&Origin> = nodes.iter().collect();
    let mut weir = Plan::before(&all).pool(&format!("active = {{ start = 1 }}\n{eject}")).more(&other).start();
    let ask = |weir: &crate::harness::Appliance, host: &str, target: &str| {
        weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).text()
    };
    let states = |weir: &crate::harness::Appliance| {
        let state = |pool, node| weir.state(pool, node);
        [state("app", "n1"), state("app", "n2"), state("other", "n1"), state("other", "n2")]
    };
    assert_eq!(states(&weir), [ACTIVE, STANDBY, ACTIVE, STANDBY]);
    assert_eq!((ask(&weir, "esb.test", "/"), ask(&weir, "other.test", "/")), ("one".to_owned(), "one".to_owned()));
    assert_eq!(ask(&weir, "other.test", "/fails-on-one"), "two");
    eventually("the other one serves both", || states(&weir) == [STANDBY, ACTIVE, "passive ejected", ACTIVE]);
    for host in ["esb.test", "other.test"] {
        (0..4).for_each(|_| assert_eq!(ask(&weir, host, "/"), "two", "{host}"));
    }
    weir.reload();
    assert_eq!(states(&weir), [STANDBY, ACTIVE, "passive ejected", ACTIVE], "a reload changes nothing of it");
}

#[test]
fn a_port_that_a_reload_takes_away_while_requests_wait_there_leaves_the_nodes_of_the_other_port_alone() {
    let gate = Gate::shut();
    let nodes = [node("a", &gate), node("b", &gate)];
    let all: Vec<&Origin> = nodes.iter().collect();
    let other = "[[pool]]\nname = \"other\"\nnodes = [\"n1\", \"n2\"]\nport = $port\nactive = { with = \"app\" }\n\
                 max-requests = 1\nqueue = { size = 9, wait = \"30s\" }\n";
    let site = "[[site]]\nname = \"other\"\nlistener = \"http\"\nhosts = [\"other.test\"]\npool = \"other\"\n";
    let active = "active = { start = 1, max = 1 }";
    let mut weir = Plan::before(&all).pool(active).more(&format!("{other}{site}")).start();
    let ask = |target: &str| {
        let mut client = weir.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: other.test\r\n\r\n"));
        client
    };
    let mut clients = vec![ask("/hold")];
    nodes[0].reached(1);
    clients.push(ask("/waits"));
    eventually("it waits", || weir.metric("weir_queue_waiting", &[("pool", "other")]) as usize == 1);
    weir.edit(|text| {
        let kept = text.split("[[pool]]").filter(|part| !part.contains("name = \"other\"\nnodes")).collect::<Vec<_>>();
        let site = site.replace("pool = \"other\"", "pool = \"app\"");
        format!("{}\n{site}", kept.join("[[pool]]").replace(active, ""))
    });
    weir.reload();
    let serves = |node| weir.state("app", node) == ACTIVE;
    eventually("all serve", || serves("n1") && serves("n2"));
    assert!(!within(Duration::from_millis(900), || !serves("n2")), "nobody else decides about it");
    gate.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "a"));
}
