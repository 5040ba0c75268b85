//! Whose turn it is, by each method: shares, what a slow node gets, keys that stay on their node, nodes that serve only
//! while no other can.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::harness::{Appliance, Origin, Plan, eventually, ok, within};

/// How long the slow node takes for a request.
const SLOW: Duration = Duration::from_millis(100);

/// How many requests each of them got.
type Shares = BTreeMap<String, usize>;

struct World {
    nodes: Vec<Origin>,
    weir: Appliance,
}

fn three() -> Vec<Origin> {
    ["a", "b", "c"].map(named).into()
}

/// Answers with its name alone.
fn named(name: &'static str) -> Origin {
    Origin::answering(move |_| ok(name))
}

/// Answers with its name, after so long.
fn taking(name: &'static str, time: Duration) -> Origin {
    Origin::answering(move |_| {
        within(time, || false);
        ok(name)
    })
}

fn world(pool: &str) -> World {
    start(three(), |plan| plan.pool(pool))
}

fn start(nodes: Vec<Origin>, plan: impl FnOnce(Plan) -> Plan) -> World {
    let all: Vec<&Origin> = nodes.iter().collect();
    let weir = plan(Plan::before(&all)).start();
    World { nodes, weir }
}

impl World {
    /// One after the other.
    fn in_turn(&self, requests: usize) -> Shares {
        let mut client = self.weir.client();
        count((0..requests).map(|_| client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").text()))
    }

    /// So many clients at once, each with so many requests.
    fn at_once(&self, clients: usize, requests: usize) -> Shares {
        let all = thread::scope(|scope| {
            let running: Vec<_> = (0..clients).map(|_| scope.spawn(|| self.in_turn(requests))).collect();
            running.into_iter().map(|client| client.join().expect("every request is answered")).collect::<Vec<_>>()
        });
        let mut sum = Shares::new();
        all.into_iter().flatten().for_each(|(node, requests)| *sum.entry(node).or_default() += requests);
        sum
    }
}

fn count(answers: impl Iterator<Item = String>) -> Shares {
    let mut shares = Shares::new();
    answers.for_each(|answer| *shares.entry(answer).or_default() += 1);
    shares
}

fn of(shares: &Shares, name: &str) -> usize {
    shares.get(name).copied().unwrap_or_default()
}

#[test]
fn idle_nodes_take_turns_by_every_method_but_hash() {
    for (method, least, most) in [("round-robin", 60, 60), ("least-requests", 59, 61), ("random-two", 35, 85)] {
        let shares = world(&format!("balance = \"{method}\"")).in_turn(180);
        for name in ["a", "b", "c"] {
            assert!((least..=most).contains(&of(&shares, name)), "{method}: {shares:?}");
        }
    }
}

#[test]
fn equally_quick_nodes_share_a_load_by_least_time() {
    let nodes = ["a", "b", "c"].map(|name| taking(name, Duration::from_millis(10))).into();
    let shares = start(nodes, |plan| plan.pool("balance = \"least-time\"")).at_once(9, 20);
    assert!(["a", "b", "c"].iter().all(|name| of(&shares, name) >= 35), "{shares:?}");
}

#[test]
fn weights_are_kept_by_every_method_that_counts() {
    for (method, least, most) in [("round-robin", 120, 120), ("least-requests", 118, 122), ("random-two", 95, 145)] {
        let world = start(three(), |plan| plan.pool(&format!("balance = \"{method}\"")).weights(&[4, 1, 1]));
        let shares = world.in_turn(180);
        assert!((least..=most).contains(&of(&shares, "a")), "{method}: {shares:?}");
        assert!(of(&shares, "b") > 10 && of(&shares, "c") > 10, "{method}: {shares:?}");
    }
}

#[test]
fn a_slow_node_gets_less_by_every_method_that_looks() {
    for (method, least, most) in
        [("round-robin", 79, 81), ("least-requests", 3, 40), ("least-time", 1, 24), ("random-two", 3, 55)]
    {
        let quick = Duration::from_millis(5);
        let nodes = vec![taking("a", quick), taking("b", quick), taking("c", SLOW)];
        let world = start(nodes, |plan| plan.pool(&format!("balance = \"{method}\"")));
        let shares = world.at_once(6, 40);
        assert_eq!(shares.values().sum::<usize>(), 240, "{method}: {shares:?}");
        assert!((least..=most).contains(&of(&shares, "c")), "{method}: {shares:?}");
        let (a, b) = (of(&shares, "a"), of(&shares, "b"));
        assert!(a > 60 && b > 60, "{method}: the others share the rest: {shares:?}");
    }
}

#[test]
fn least_time_comes_back_to_a_node_that_is_quick_again() {
    let is_slow = Arc::new(AtomicBool::new(true));
    let moody = {
        let is_slow = Arc::clone(&is_slow);
        Origin::answering(move |_| {
            within(SLOW, || !is_slow.load(SeqCst));
            ok("b")
        })
    };
    let nodes = vec![taking("a", Duration::from_millis(10)), moody];
    let world = start(nodes, |plan| plan.pool("balance = \"least-time\""));
    let before = world.at_once(6, 10);
    assert!((1..=20).contains(&of(&before, "b")), "{before:?}");
    is_slow.store(false, SeqCst);
    eventually("the quicker node gets more than half", || of(&world.at_once(6, 10), "b") > 30);
}

/// One spelling of a key in a request.
type Spelled = fn(&str) -> String;

/// What may be hashed on: the pool's words for it, and a request with a key.
fn hashes() -> [(&'static str, &'static str, Spelled); 6] {
    let header: Spelled = |key| format!("GET /x HTTP/1.1\r\nHost: esb.test\r\nX-Tenant: {key}\r\n\r\n");
    let cookie: Spelled = |key| format!("GET /x HTTP/1.1\r\nHost: esb.test\r\nCookie: a=b; TENANT={key}; c=d\r\n\r\n");
    let path: Spelled = |key| format!("GET /{key};p=1?q={key} HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    let client: Spelled =
        |key| format!("GET / HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-For: 203.0.113.{}\r\n\r\n", &key[3..]);
    [
        ("header", "{ on = \"header\", name = \"X-Tenant\" }", header),
        ("cookie", "{ on = \"cookie\", name = \"TENANT\" }", cookie),
        ("path", "{ on = \"path\" }", path),
        ("client", "{ on = \"client\" }", client),
        ("header, by the ring", "{ on = \"header\", name = \"X-Tenant\", ring = \"ketama\" }", header),
        ("client, by the ring", "{ on = \"client\", ring = \"ketama\" }", client),
    ]
}

fn hash_world(hash: &str) -> World {
    let pool = format!("balance = \"hash\"\nhash = {hash}\neject = {{ failures = 1, for = \"300ms\" }}");
    start(three(), |plan| plan.listener("trusted-proxies = [\"127.0.0.1\"]").pool(&pool))
}

/// Each key's node.
fn homes(world: &World, spelled: Spelled) -> BTreeMap<String, String> {
    let mut client = world.weir.client();
    let home = |key: String| {
        let node = client.ask(spelled(&key)).text();
        (key, node)
    };
    (0..60).map(|key| format!("key{key}")).map(home).collect()
}

#[test]
fn a_key_stays_on_its_node_and_only_the_keys_of_a_lost_node_move_and_come_back() {
    for (on, hash, spelled) in hashes() {
        let world = hash_world(hash);
        let before = homes(&world, spelled);
        assert_eq!(before.values().collect::<BTreeSet<_>>().len(), 3, "{on}: keys are spread: {before:?}");
        assert_eq!(homes(&world, spelled), before, "{on}: the same again");
        world.nodes[0].stop();
        let without = homes(&world, spelled);
        for (key, node) in &before {
            let now = &without[key];
            assert!(if node == "a" { now != "a" } else { now == node }, "{on}: {key} was on {node}, now on {now}");
        }
        let heirs: BTreeSet<_> = before.iter().filter(|(_, node)| *node == "a").map(|(key, _)| &without[key]).collect();
        assert_eq!(heirs.len(), 2, "{on}: both others share what was lost");
        world.nodes[0].resume();
        eventually("every key is back", || homes(&world, spelled) == before);
    }
}

#[test]
fn a_request_without_its_key_is_hashed_by_its_client() {
    let world = hash_world("{ on = \"header\", name = \"X-Tenant\" }");
    let from = |client: u8| {
        let forwarded = format!("X-Forwarded-For: 203.0.113.{client}\r\n");
        world.weir.client().ask(format!("GET / HTTP/1.1\r\nHost: esb.test\r\n{forwarded}\r\n")).text()
    };
    let nodes: Vec<String> = (1..30).map(from).collect();
    assert_eq!((1..30).map(from).collect::<Vec<_>>(), nodes);
    assert_eq!(nodes.iter().collect::<BTreeSet<_>>().len(), 3, "clients are spread");
}

#[test]
fn a_heavier_node_has_more_keys() {
    let hash = "balance = \"hash\"\nhash = { on = \"path\" }";
    let world = start(three(), |plan| plan.pool(hash).weights(&[8, 1, 1]));
    let shares = count((0..200).map(|key| world.weir.get(&format!("/{key}")).text()));
    assert!((130..=190).contains(&of(&shares, "a")), "{shares:?}");
    assert!(of(&shares, "b") > 0 && of(&shares, "c") > 0, "{shares:?}");
}

#[test]
fn a_backup_serves_only_while_no_other_can() {
    for method in ["round-robin", "least-requests", "least-time", "random-two"] {
        let pool = format!("balance = \"{method}\"\neject = {{ failures = 1, for = \"300ms\" }}");
        let world = start(three(), |plan| plan.pool(&pool).member(2, "backup = true"));
        assert_eq!(of(&world.in_turn(20), "b"), 0, "{method}");
        world.nodes[0].stop();
        let one_left = world.in_turn(10);
        assert_eq!((of(&one_left, "c"), of(&one_left, "b")), (10, 0), "{method}: {one_left:?}");
        world.nodes[2].stop();
        assert_eq!(of(&world.in_turn(10), "b"), 10, "{method}");
        world.nodes[2].resume();
        eventually("the backup stands back", || of(&world.in_turn(5), "c") == 5);
    }
}

#[test]
fn two_backups_share_the_work() {
    let pool = "eject = { failures = 1, for = \"1h\" }";
    let world = start(three(), |plan| plan.pool(pool).member(2, "backup = true").member(3, "backup = true"));
    world.nodes[0].stop();
    let shares = world.in_turn(20);
    assert_eq!((of(&shares, "b"), of(&shares, "c")), (10, 10), "{shares:?}");
}

#[test]
fn a_reload_takes_another_method_and_loses_nobody() {
    let mut world = world("balance = \"round-robin\"");
    for method in ["least-requests", "least-time", "random-two", "hash", "round-robin"] {
        let hash = if method == "hash" { "\nhash = { on = \"path\" }" } else { "" };
        world.weir.edit(|text| {
            let lines = text.lines().filter(|line| !line.starts_with("hash = "));
            let with = |line: &str| {
                if line.starts_with("balance = ") { format!("balance = \"{method}\"{hash}") } else { line.to_owned() }
            };
            lines.map(with).collect::<Vec<_>>().join("\n")
        });
        world.weir.reload();
        let shares = world.in_turn(60);
        assert_eq!(shares.values().sum::<usize>(), 60, "{method}");
        assert_eq!(shares.len(), if method == "hash" { 1 } else { 3 }, "{method}: {shares:?}");
    }
}
