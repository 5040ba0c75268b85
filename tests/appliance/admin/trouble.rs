//! What whoever is on call finds out when something goes wrong: how bad it is, why, and who did it.

use serde_json::Value;

use super::v1::{eventually_json, json};
use crate::gated_world::node;
use crate::harness::{Appliance, Client, Gate, Origin, Plan, eventually};

const PROBED: &str = "probes = [{ kind = \"tcp\" }]\ninterval = \"100ms\"\nrise = 1\nfall = 1\n";

fn asking(weir: &Appliance, target: &str) -> Client {
    let mut client = weir.client();
    assert!(client.send(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n\r\n")));
    client
}

#[track_caller]
fn out(weir: &Appliance, words: &[&str]) -> String {
    let told = weir.command(words);
    assert_eq!((told.code, &*told.err), (Some(0), ""), "{words:?}: {told:?}");
    told.out
}

fn events(weir: &Appliance, query: &str) -> Vec<String> {
    let told = json(weir, &format!("/api/v1/events?{query}"));
    let texts = told["events"].as_array().into_iter().flatten().filter_map(|event| event["text"].as_str());
    texts.map(str::to_owned).collect()
}

#[test]
fn a_full_queue_is_in_the_verdict_and_in_every_view() {
    let gate = Gate::shut();
    let origin = node("a", &gate);
    let plan = Plan::before(&[&origin]).pool("max-requests = 1\nqueue = { size = 1, wait = \"1m\" }");
    let weir = plan.start();
    let _holder = asking(&weir, "/hold");
    origin.reached(1);
    let _waiter = asking(&weir, "/hold");
    eventually_json(&weir, "/api/v1/pools/app", "one waits", |pool| pool["queued"] == 1);
    for _ in 0..12 {
        assert_eq!(weir.get("/").status, 503);
    }
    let bad = |status: &Value| status["verdict"]["word"] == "degraded";
    let status = eventually_json(&weir, "/api/v1/status", "it is not well", bad);
    let sentence = "Degraded: 100 % of pool app's answers in the last minute are 503 (queue full)";
    assert_eq!(status["verdict"]["sentence"], sentence);
    let (head, top) = (out(&weir, &["status"]), out(&weir, &["top", "--once"]));
    assert!(head.starts_with(&format!("{sentence}\n")), "{head}");
    let row = top.lines().find(|line| line.starts_with("!! (all)")).unwrap_or_else(|| panic!("{top}"));
    assert!(row.contains(" app ") && row.contains(" 1 wait ") && row.contains(" 100.0 "), "{top}");
    let nodes = out(&weir, &["nodes"]);
    assert!(nodes.ends_with("pool app: 1 request waits for a node; its queue is full, more get 503\n"), "{nodes}");
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(why.contains(" is refused: queue-full\n"), "{why}");
    for step in ["its queue is full, 1 of 1 wait", "answered 503 queue-full", "as many requests as it may (1)"] {
        assert!(why.contains(step), "{why}");
    }
    let full = "has a full queue: requests get 503 queue-full";
    assert_eq!(events(&weir, "kind=pool&about=app"), [full], "one event, not one for each request");
    weir.tells(&format!("pool app {full}"));
    gate.open();
}

#[test]
fn a_request_that_would_wait_is_told_that_it_would() {
    let gate = Gate::shut();
    let origin = node("a", &gate);
    let plan = Plan::before(&[&origin]).pool("max-requests = 1\nqueue = { size = 1, wait = \"1m\" }");
    let mut weir = plan.start();
    let _holder = asking(&weir, "/hold");
    origin.reached(1);
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(why.contains("waits for a node of app: queued") && why.contains("0 wait in its queue"), "{why}");
    weir.edit(|text| text.replace("queue = { size = 1, wait = \"1m\" }", ""));
    weir.reload();
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(why.contains("is refused: nodes-busy") && why.contains("answered 503 nodes-busy"), "{why}");
    gate.open();
}

#[test]
fn errors_of_the_nodes_themselves_are_in_the_verdict() {
    let origin = Origin::answering(|_| b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n".to_vec());
    let weir = Plan::before(&[&origin]).start();
    let ask = |times: usize| (0..times).for_each(|_| assert_eq!(weir.get("/").status, 500));
    ask(4);
    let counted = |count: u64| move |pool: &Value| pool["last_minute"]["requests"] == count;
    eventually_json(&weir, "/api/v1/pools/app", "four are counted", counted(4));
    assert_eq!(json(&weir, "/api/v1/status")["verdict"]["sentence"], "All well", "a few errors are no trouble");
    ask(6);
    eventually_json(&weir, "/api/v1/pools/app", "ten are counted", counted(10));
    let sentence = &json(&weir, "/api/v1/status")["verdict"]["sentence"];
    assert_eq!(sentence, "Degraded: 100 % of pool app's answers in the last minute are 5xx");
}

#[test]
fn who_took_a_node_out_and_why_is_told_after_a_restart_too() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let mut weir = Plan::before(&[&a, &b]).start();
    out(&weir, &["maintain", "n1", "--reason", "kernel update"]);
    weir.command(&["drain", "n2", "--force", "--reason", "the disk"]);
    eventually_json(&weir, "/api/v1/nodes/n2", "n2 is drained", |node| node["safe_to_stop"] == true);
    for round in ["before", "after"] {
        let down = |status: &Value| status["verdict"]["word"] == "down";
        let status = eventually_json(&weir, "/api/v1/status", "no node is left", down);
        let sentence = status["verdict"]["sentence"].as_str().unwrap();
        for part in ["; n1 in maintenance, ordered by uid:", ": kernel update, n2 drained by uid:", ": the disk"] {
            assert!(sentence.contains(part), "{round}: {sentence}");
        }
        let (shown, nodes) = (out(&weir, &["status"]), out(&weir, &["nodes"]));
        let order = shown.lines().find(|line| line.starts_with("n1 ")).unwrap_or_else(|| panic!("{shown}"));
        assert!(order.contains(" uid:") && order.ends_with("kernel update"), "{round}: {shown}");
        let mut below = nodes.lines().skip_while(|line| !line.contains(" n1 ")).skip(1);
        let remark = below.next().unwrap_or_else(|| panic!("{nodes}"));
        assert!(remark.contains("maintain by uid:") && remark.ends_with(": kernel update"), "{round}: {nodes}");
        if round == "before" {
            let told =
                |line: &str| line.contains("operator") && line.contains("by uid:") && line.contains(": the disk");
            assert!(shown.lines().any(told), "{shown}");
            weir.stop();
            weir.start_again();
        }
    }
    let began = &events(&weir, "kind=start")[0];
    assert!(began.starts_with("started, version ") && began.contains("; orders kept: n2 drained by uid:"), "{began}");
    assert!(out(&weir, &["events"]).lines().next().is_some_and(|line| line.contains("  weir  started, ")));
}

#[test]
fn what_a_probe_saw_stands_beside_the_node() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let weir = Plan::before(&[&a, &b]).health(PROBED).start();
    eventually("n2 is active", || weir.state("app", "n2") == "active");
    let saw = format!("tcp {}: connection refused", b.port());
    drop(b);
    eventually("n2 is unhealthy", || weir.state("app", "n2") == "passive unhealthy");
    let nodes = out(&weir, &["nodes"]);
    let mut shown = nodes.lines().skip_while(|line| !line.contains(" n2 "));
    assert!(shown.next().is_some_and(|row| row.contains("  passive: unhealthy  ")), "{nodes}");
    assert_eq!(shown.next(), Some(&*format!("    {saw}")), "{nodes}");
    assert!(nodes.lines().all(|line| line.chars().count() <= 80), "{nodes}");
    assert_eq!(json(&weir, "/api/v1/nodes/n2")["pools"][0]["seen"], *saw);
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(why.contains(&format!("it is passive (unhealthy): {saw}")), "{why}");
    out(&weir, &["weight", "app", "n1", "2"]);
    let nodes = out(&weir, &["nodes"]);
    let mut shown = nodes.lines().skip_while(|line| !line.contains(" n1 "));
    assert_eq!(shown.nth(1), Some("    weight 2 (file 1)"), "{nodes}");
}

#[test]
fn a_shell_gets_the_names_of_the_running_weir_or_else_of_its_file_and_never_an_error() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let mut weir = Plan::before(&[&a, &b]).start();
    weir.edit(|text| text.replace("\"n2\"", "\"n3\""));
    let file = weir.path("weir.toml").display().to_string();
    let names = |weir: &Appliance, of: &str| out(weir, &["names", of, "--config", &file]);
    assert_eq!((&*names(&weir, "nodes"), &*names(&weir, "pools")), ("n1\nn2\n", "app\n"));
    weir.stop();
    assert_eq!(names(&weir, "nodes"), "n1\nn3\n");
    weir.edit(|_| "not TOML".to_owned());
    assert_eq!(names(&weir, "nodes"), "");
}

#[test]
fn events_of_what_is_not_there_are_an_error_that_names_what_is() {
    let origin = Origin::named("a");
    let weir = Plan::before(&[&origin]).start();
    for (words, said) in [
        (
            &["--node", "n11"][..],
            "there is no node or pool \"n11\"; did you mean \"n1\"? nodes and pools here: n1, app",
        ),
        (&["--pool", "appp"], "there is no node or pool \"appp\"; did you mean \"app\"?"),
        (
            &["--kind", "sate"],
            "no event is of the kind \"sate\"; did you mean \"state\"? kinds: certificate, cluster, files, operator, pool, ",
        ),
    ] {
        let told = weir.command(&[&["events"], words].concat());
        assert!(told.code == Some(1) && told.err.contains(said), "{words:?}: {told:?}");
    }
    let (none, earlier) = (out(&weir, &["events", "--kind", "stop"]), out(&weir, &["events", "--since", "1h"]));
    assert!(none.starts_with("no such events since "), "{none}");
    assert!(earlier.starts_with("(events are kept since "), "{earlier}");
    for words in [&["--pool", "app", "--node", "n1"][..], &["--node", "n1"], &["--node", "app/n1"]] {
        out(&weir, &[&["events"], words].concat());
    }
}

#[test]
fn why_says_that_nobody_probes_the_node() {
    let origin = Origin::named("a");
    let said = "pool app: no probes, so n1 counts as active until requests fail there";
    let mut weir = Plan::before(&[&origin]).start();
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(why.contains("goes to n1") && why.contains(said), "{why}");
    weir.command(&["maintain", "n1", "--force"]);
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(!why.contains("no probes"), "no node is named: {why}");
    weir.stop();
    let weir = Plan::before(&[&origin]).health(PROBED).start();
    eventually_json(&weir, "/api/v1/nodes/n1", "it passed", |node| node["verdict"] == "active");
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(why.contains("goes to n1") && !why.contains("no probes"), "{why}");
}
