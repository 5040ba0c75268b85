//! Slow start: a node that has just come gets a small share, and its whole share when its time is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::harness::{Appliance, Origin, Plan, eventually, ok, within};

fn named(name: &'static str) -> Origin {
    Origin::answering(move |_| ok(name))
}

struct World {
    nodes: [Origin; 2],
    weir: Appliance,
}

fn world(pool: &str, more_of_b: &str) -> World {
    let nodes = [named("a"), named("b")];
    let plan = Plan::before(&[&nodes[0], &nodes[1]]).pool(pool);
    let plan = if more_of_b.is_empty() { plan } else { plan.member(2, more_of_b) };
    World { weir: plan.start(), nodes }
}

impl World {
    /// How many of so many requests the second node got.
    fn b_of(&self, requests: usize) -> usize {
        let mut client = self.weir.client();
        let ask = |_: &usize| client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").text() == "b";
        (0..requests).filter(ask).count()
    }

    fn warmth(&self, node: &str) -> f64 {
        self.weir.metric("weir_node_warmth_percent", &[("pool", "app"), ("node", node)])
    }

    /// Takes the second node away until the pool has noticed, and gives it back.
    fn fail_and_return(&self) {
        self.nodes[1].stop();
        eventually("its failure is noticed", || {
            self.weir.get("/");
            self.weir.state("app", "n2") == "passive ejected"
        });
        self.nodes[1].resume();
        eventually("it is back", || {
            self.weir.get("/");
            self.weir.state("app", "n2") == "active"
        });
    }
}

/// By this method the second node gets less than the first when it comes back, and as much later.
fn comes_back_slowly(method: &str) {
    let pool = format!("balance = \"{method}\"\neject = {{ failures = 1, for = \"200ms\" }}");
    let world = world(&pool, "slow-start = \"1500ms\"");
    world.fail_and_return();
    let (warmth, began) = (world.warmth("n2"), Instant::now());
    let (cold, until) = (world.b_of(200), world.warmth("n2"));
    assert!((10.0..60.0).contains(&warmth), "{method}: {warmth} %");
    assert!(warmth <= until && world.warmth("n1") > 99.0, "{method}: {warmth} to {until} %");
    // A share of w beside a whole one is w / (1 + w) of all.
    let most = until / (100.0 + until) * 200.0;
    assert!(cold > 2 && (cold as f64) < most + 25.0, "{method}: {cold} of 200 at {warmth} to {until} %");
    eventually("it is warm again", || world.warmth("n2") > 99.0);
    assert!(began.elapsed() > Duration::from_millis(500), "{method}: not at once");
    // Whose turn it is by time depends on microseconds here.
    if method != "least-time" {
        let warm = world.b_of(200);
        assert!((60..=140).contains(&warm), "{method}: {warm} of 200 when warm");
    }
}

#[test]
fn a_node_that_comes_back_gets_a_small_share_first_by_round_robin() {
    comes_back_slowly("round-robin");
}

#[test]
fn a_node_that_comes_back_gets_a_small_share_first_by_least_requests() {
    comes_back_slowly("least-requests");
}

#[test]
fn a_node_that_comes_back_gets_a_small_share_first_by_least_time() {
    comes_back_slowly("least-time");
}

#[test]
fn a_node_that_comes_back_gets_a_small_share_first_by_random_two() {
    comes_back_slowly("random-two");
}

#[test]
fn the_share_in_slow_start_grows_and_never_falls_on_the_way() {
    let world = world("eject = { failures = 1, for = \"200ms\" }", "slow-start = \"2s\"");
    world.fail_and_return();
    let mut seen = vec![world.warmth("n2")];
    eventually("it is warm", || {
        seen.push(world.warmth("n2"));
        seen.last().is_some_and(|warmth| *warmth > 99.0)
    });
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]), "{seen:?}");
    seen.dedup();
    assert!(seen.len() >= 4, "in steps: {seen:?}");
}

#[test]
fn the_process_starts_its_nodes_slowly_probed_or_not() {
    for health in ["", "interval = \"100ms\"\nrise = 1\nprobes = [{ kind = \"tcp\" }]"] {
        let nodes = [named("a"), named("b")];
        let plan = Plan::before(&[&nodes[0], &nodes[1]]).member(2, "slow-start = \"3s\"");
        let weir = if health.is_empty() { plan.start() } else { plan.health(health).start() };
        let world = World { weir, nodes };
        eventually("both serve", || world.weir.state("app", "n2") == "active" && world.weir.get("/").status == 200);
        let cold = world.b_of(100);
        assert!((3..=38).contains(&cold), "{cold} of 100, {} %, {health}", world.warmth("n2"));
        eventually("it is warm", || world.warmth("n2") > 99.0);
        assert_eq!(world.b_of(100), 50);
    }
}

#[test]
fn when_all_nodes_are_in_slow_start_they_share_the_work() {
    let world = world("slow-start = \"1h\"", "");
    assert!(world.warmth("n1") < 15.0 && world.warmth("n2") < 15.0);
    assert_eq!(world.b_of(100), 50);
}

#[test]
fn a_node_that_a_reload_adds_starts_slowly_and_the_others_keep_their_full_share() {
    let mut world = world("slow-start = \"3s\"", "");
    world.weir.edit(|text| text.replace(", { node = \"n2\" }]", "]"));
    world.weir.reload();
    eventually("the first is warm", || world.warmth("n1") > 99.0);
    world.weir.edit(|text| text.replace("{ node = \"n1\" }]", "{ node = \"n1\" }, { node = \"n2\" }]"));
    world.weir.reload();
    let cold = world.b_of(100);
    assert!((3..=38).contains(&cold), "{cold} of 100");
    assert!(world.warmth("n1") > 99.0);
}

#[test]
fn a_reload_keeps_the_share_in_slow_start_and_one_without_slow_start_ends_it() {
    let mut world = world("eject = { failures = 1, for = \"200ms\" }", "slow-start = \"1h\"");
    assert!(world.warmth("n2") < 15.0);
    world.weir.reload();
    assert!(world.warmth("n2") < 15.0, "a reload warms nobody");
    world.weir.edit(|text| text.replace("slow-start = \"1h\"", "slow-start = \"0s\""));
    world.weir.reload();
    assert!(world.warmth("n2") > 99.0);
    assert_eq!(world.b_of(100), 50);
}

#[test]
fn over_an_upgrade_a_warm_node_stays_warm_and_a_cold_one_goes_on() {
    let nodes = [named("a"), named("b")];
    let plan = Plan::before(&[&nodes[0], &nodes[1]]);
    let plan = plan.member(1, "slow-start = \"2s\"").member(2, "slow-start = \"60s\"");
    let mut world = World { weir: plan.start(), nodes };
    eventually("one is warm, the other one not as cold any more", || {
        world.warmth("n1") > 99.0 && world.warmth("n2") > 11.0
    });
    let before = world.warmth("n2");
    let said = world.weir.command(&["upgrade", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).expect("it is JSON");
    let after = world.warmth("n2");
    assert!(world.warmth("n1") > 99.0, "{} %", world.warmth("n1"));
    assert!((before..50.0).contains(&after), "{before} % before the upgrade, {after} % after it");
    assert!(world.b_of(100) < 40);
    assert_eq!(world.weir.exit_code(), Some(0));
    world.weir.belongs_to(u32::try_from(told["pid"].as_u64().expect("a process has an id")).expect("it is small"));
}

#[test]
fn a_standby_that_is_activated_starts_slowly_too() {
    let pool =
        "active = { start = 1, in-flight-per-node = 1, for = \"10ms\", cool-down = \"1h\" }\nslow-start = \"1h\"";
    let world = world(pool, "");
    assert_eq!(world.weir.state("app", "n2"), "passive standby");
    let busy = || {
        let mut clients: Vec<_> = (0..4).map(|_| world.weir.client()).collect();
        for client in &mut clients {
            client.send("POST / HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 1\r\n\r\n");
        }
        within(Duration::from_millis(700), || world.weir.state("app", "n2") == "active")
    };
    eventually("the load activates it", busy);
    assert!(world.warmth("n2") < 15.0);
}

#[test]
fn the_state_shows_the_share_of_a_node_in_slow_start() {
    let world = world("slow-start = \"1h\"", "");
    let told: Vec<BTreeMap<String, serde_json::Value>> =
        serde_json::from_str(&world.weir.ask_admin("/api/nodes").text()).expect("JSON");
    assert!(told.iter().all(|node| node["warmth"].as_u64().is_some_and(|warmth| (10..15).contains(&warmth))));
}
