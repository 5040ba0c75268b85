//! What operators say of nodes: who hears it, where it is shown, and that it outlives reloads and restarts.

use serde_json::Value;

use crate::harness::{Answer, Appliance, eventually};
use crate::session_world::{LEARN, World, row, two_pools};

#[test]
fn an_operators_order_outlives_reloads_and_restarts() {
    let mut world = two_pools(LEARN);
    let id = world.login_on("n1", "D");
    let word = |world: &World| (world.weir.state("app", "n1"), world.weir.state("other", "n1"));
    let draining = ("passive draining".to_owned(), "passive draining".to_owned());
    assert_eq!(world.weir.command(&["drain", "n1", "--deadline", "2h"]).code, Some(0));
    let told = |world: &World| row(&world.weir, "app", "n1")["deadline"].as_u64().expect("it has a deadline");
    let deadline = told(&world);
    for step in ["stop", "reload", "kill", "reload"] {
        match step {
            "reload" => _ = world.weir.reload(),
            "kill" => world.weir.kill(),
            _ => _ = world.weir.stop(),
        }
        if world.weir.has_ended() {
            world.weir.start_again();
        }
        eventually("the other pool is drained, this one not yet", || word(&world) == draining);
        world.stays(&id, "n1");
        (0..4).for_each(|_| assert_eq!(world.weir.get("/").text(), "n2", "after {step}"));
        // Told in seconds, of two clocks that are read one after the other.
        assert!(told(&world).abs_diff(deadline) <= 1, "after {step}");
    }
    world.weir.command(&["maintain", "n1"]);
    for step in ["reload", "kill"] {
        if step == "kill" {
            world.weir.kill();
            world.weir.start_again();
        } else {
            world.weir.reload();
        }
        assert_eq!(world.weir.state("app", "n1"), "passive maintenance", "after {step}");
        (0..4).for_each(|_| assert_eq!(world.weir.get("/").text(), "n2", "after {step}"));
    }
    world.weir.command(&["activate", "n1"]);
    world.weir.kill();
    world.weir.start_again();
    assert_eq!(world.weir.state("app", "n1"), "active");
}

#[test]
fn a_wall_clock_that_is_set_ends_no_drain() {
    let mut world = World::of(2, |plan| plan.pool(LEARN));
    let id = world.login_on("n1", "W");
    world.weir.command(&["drain", "n1", "--deadline", "2h"]);
    world.weir.stop();
    // What a clock sees that is 400 days ahead.
    let kept = world.weir.read("operators.json");
    let mut value: Value = serde_json::from_str(&kept).expect("it is JSON");
    for moment in ["since", "deadline"] {
        let before = value["nodes"]["n1"][moment].as_u64().expect("it is a number");
        value["nodes"]["n1"][moment] = (before - 400 * 86_400).into();
    }
    std::fs::write(world.weir.path("operators.json"), value.to_string()).expect("ours");
    world.weir.start_again();
    assert_eq!(world.weir.state("app", "n1"), "passive draining");
    let left = row(&world.weir, "app", "n1")["deadline"].as_u64().unwrap_or(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    assert!((now + 7_000..=now + 7_201).contains(&left), "{left}, now {now}");
    let before = world.weir.journal();
    let began = std::time::Instant::now();
    eventually("drains were looked at", || began.elapsed().as_millis() > 1_300);
    assert_eq!(world.weir.state("app", "n1"), "passive draining", "{before}");
    world.stays(&id, "n1");
}

#[test]
fn the_last_node_of_a_pool_is_taken_out_only_by_force() {
    let world = two_pools(LEARN);
    let said = world.weir.command(&["maintain", "n1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = world.weir.command(&["maintain", "n2", "--json"]);
    let value: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((said.code, &value["ok"]), (Some(1), &Value::Bool(false)), "{said:?}");
    let what = value["problems"][0]["what"].as_str().unwrap_or_default();
    assert!(what.starts_with("n2 is the last node that serves in app, other: "), "{what}");
    assert_eq!(world.weir.get("/").text(), "n2");
    // Of one that is passive anyway nothing is lost.
    assert_eq!(world.weir.command(&["drain", "n1"]).code, Some(0));
    assert_eq!(world.weir.command(&["maintain", "n2", "--force"]).code, Some(0));
    assert_eq!(world.weir.get("/").refusal(), "503 no-active-node");
}

#[test]
fn the_last_active_node_may_be_taken_out_when_a_standby_can_serve() {
    let world = World::of(2, |plan| plan.pool("active = { start = 1 }"));
    assert_eq!(world.weir.state("app", "n2"), "passive standby");
    assert_eq!(world.weir.command(&["maintain", "n1"]).code, Some(0));
    assert_eq!(world.weir.get("/").text(), "n2");
    assert_eq!(world.weir.command(&["maintain", "n2"]).code, Some(1));
}

#[test]
fn an_order_holds_again_when_its_node_comes_back_into_the_file() {
    let mut world = World::of(2, |plan| plan.pool(LEARN));
    let whole = world.weir.read("weir.toml");
    world.weir.command(&["maintain", "n1"]);
    world.weir.edit(|text| {
        let from = text.find("[[node]]\nname = \"n1\"").expect("the file has it");
        let to = text.find("[[node]]\nname = \"n2\"").expect("the file has it");
        (text[..from].to_owned() + &text[to..]).replace("{ node = \"n1\" }, ", "")
    });
    let told = world.weir.command(&["reload"]).err;
    assert!(told.contains("n1 has an operator's order (maintain) and is not in the file"), "{told}");
    let forgets = "not in the file; `weir activate n1` forgets it";
    let status = world.weir.command(&["status"]).out;
    assert!(status.lines().any(|line| line.starts_with("n1 ") && line.contains(forgets)), "{status}");
    let check = checked(&world.weir);
    assert!(check.lines().any(|line| line.trim_start().starts_with("n1 ") && line.contains(forgets)), "{check}");
    world.weir.edit(|_| whole);
    world.weir.reload();
    assert_eq!(world.weir.state("app", "n1"), "passive maintenance");
    assert_eq!(world.weir.command(&["activate", "n1"]).code, Some(0));
    assert_eq!(world.weir.state("app", "n1"), "active");
}

#[test]
fn a_reload_warns_when_orders_leave_a_pool_no_node_for_new_requests() {
    let mut world = World::of(2, |plan| plan.pool(LEARN));
    world.weir.command(&["maintain", "n1"]);
    let quiet = world.weir.command(&["reload"]);
    assert!(!quiet.err.contains("operators' orders"), "{quiet:?}");
    world.weir.edit(|text| text.replacen(", { node = \"n2\" }", "", 1));
    let warning = "pool \"app\" has no node for new requests: all of its nodes have operators' orders: n1 (maintain)";
    let check = world.weir.command(&["check", "--config", &world.weir.path("weir.toml").display().to_string()]);
    assert_eq!(check.code, Some(0), "{check:?}");
    // Root is told, beside the three warnings of this file, what a user weir of this machine could not read.
    let of_user = check.out.matches("the user weir").count();
    let count = format!("with {} warnings", 3 + of_user);
    assert!(check.out.contains(warning) && check.out.contains(&count), "{check:?}");
    let said = world.weir.command(&["reload"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains(warning) && said.err.contains("`weir activate n1`"), "{said:?}");
    eventually("the journal says so", || world.weir.journal().contains(warning));
    world.weir.stop();
    world.weir.start_again();
    eventually("and at a start", || world.weir.journal().contains(warning));
    world.weir.command(&["activate", "n1"]);
    let quiet = world.weir.command(&["reload"]);
    assert!(!quiet.err.contains("operators' orders"), "{quiet:?}");
}

#[test]
fn a_node_that_nobody_knows_is_refused_with_those_that_are() {
    let world = World::of(2, |plan| plan);
    for words in [["drain", "n11"], ["maintain", "n11"], ["activate", "n11"]] {
        let said = world.weir.command(&words);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
        assert!(said.err.contains("no node is called \"n11\"; did you mean \"n1\"? nodes here: n1, n2"), "{said:?}");
    }
    let said = world.weir.command(&["drain", "n11", "--wait", "--json"]);
    let value: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((said.code, &value["ok"]), (Some(1), &Value::Bool(false)), "{said:?}");
    let said = world.weir.command(&["drain", "n1", "--deadline", "soon"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(world.weir.state("app", "n1"), "active");
}

#[test]
fn every_view_of_the_nodes_shows_a_drain() {
    let world = World::of(2, |plan| plan.pool(LEARN));
    let id = world.login_on("n1", "V");
    let said = world.weir.command(&["drain", "n1", "--deadline", "30h"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with("n1 is draining in app: ") && said.out.contains("1 session, 0 requests"), "{said:?}");
    assert!(said.out.contains(", for 1d 5h more") || said.out.contains(", for 1d 6h more"), "{said:?}");
    let nodes = world.weir.command(&["nodes"]).out;
    let mut shown = nodes.lines().skip_while(|line| !line.contains(" n1 "));
    assert!(shown.next().is_some_and(|row| row.contains("  passive: draining  ")), "{nodes}");
    assert!(shown.next().is_some_and(|below| below.contains("drain by uid:") && below.contains(", for 1d")), "{nodes}");
    let status = world.weir.command(&["status"]).out;
    assert!(status.contains("ORDER") && status.contains("an operator ordered it"), "{status}");
    assert!(status.lines().any(|line| line.starts_with("n1 ") && line.contains(" drain ")), "{status}");
    let check = checked(&world.weir);
    assert!(check.contains("operators' orders"), "{check}");
    let line = check.lines().find(|line| line.trim_start().starts_with("n1 ") && line.contains("drain for"));
    assert!(line.is_some_and(|line| line.contains("not active until `weir activate`")), "{check}");
    let json: Value = serde_json::from_str(&world.weir.command(&["status", "--json"]).out).expect("it is JSON");
    assert_eq!((&json["operators"][0]["node"], &json["operators"][0]["operator"]), (&"n1".into(), &"drain".into()));
    assert!(world.weir.metric("weir_node_state", &[("node", "n1"), ("reason", "draining")]) >= 0.0);
    world.stays(&id, "n1");
    world.weir.command(&["activate", "n1"]);
    assert!(!checked(&world.weir).contains("operators' orders"));
    assert!(!world.weir.command(&["status"]).out.contains("ORDER"));
}

#[test]
fn waiting_can_be_read_by_a_script() {
    let world = World::of(2, |plan| plan);
    let said = world.weir.command(&["drain", "n1", "--wait", "--json"]);
    let value: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((said.code, &value["safe"], &value["node"]), (Some(0), &Value::Bool(true), &"n1".into()), "{said:?}");
}

#[test]
fn web_pages_cannot_give_orders() {
    let world = World::of(2, |plan| plan);
    let ask = |line: &str, field: &str| -> Answer {
        let mut client = world.weir.operator();
        client.ask(format!("{line} HTTP/1.1\r\nHost: localhost\r\n{field}Connection: close\r\n\r\n"))
    };
    for word in ["maintain", "activate", "drain"] {
        let (line, before) = (format!("POST /api/nodes/n1/{word}"), world.weir.state("app", "n1"));
        assert_eq!(ask(&line, "").status, 403, "{word}");
        assert_eq!(ask(&format!("GET /api/nodes/n1/{word}"), "X-Weir: yes\r\n").status, 405, "{word}");
        assert_eq!(world.weir.state("app", "n1"), before, "{word}");
        assert_eq!(ask(&line, "X-Weir: yes\r\n").status, 200, "{word}");
        assert_ne!(world.weir.state("app", "n1"), before, "{word}");
    }
}

#[test]
fn waiting_for_a_drain_ends_when_the_node_is_activated_meanwhile() {
    let world = World::of(2, |plan| plan.pool(LEARN));
    let id = world.login_on("n1", "A");
    let wait = world.weir.begin_command(&["drain", "n1", "--wait"]);
    eventually("it waits", || wait.out().contains("1 session"));
    assert_eq!(world.weir.command(&["activate", "n1"]).code, Some(0));
    let said = wait.end();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("n1 is not to be stopped: somebody activated it meanwhile"), "{said:?}");
    world.stays(&id, "n1");
}

#[test]
fn waiting_for_a_drain_goes_on_when_weir_is_killed_and_comes_back() {
    let mut world = World::of(2, |plan| plan.pool("sticky = { mode = \"learn\", idle = \"4s\" }"));
    let id = world.login_on("n1", "K");
    // A stop writes the sessions down; a kill does not.
    world.weir.stop();
    world.weir.start_again();
    let mut wait = world.weir.begin_command(&["drain", "n1", "--wait"]);
    eventually("it waits", || wait.out().contains("1 session"));
    world.weir.kill();
    eventually("it says that Weir is gone", || wait.out().contains("does not answer"));
    world.weir.start_again();
    world.stays(&id, "n1");
    assert!(wait.still_runs());
    let said = wait.end();
    assert_eq!((said.code, said.out.lines().last()), (Some(0), Some("n1 is drained: safe to stop it")), "{said:?}");
    assert_eq!(world.weir.state("app", "n1"), "passive maintenance");
}

fn checked(weir: &Appliance) -> String {
    let said = weir.command(&["check", "--config", &weir.path("weir.toml").display().to_string()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    said.out
}

#[test]
fn a_node_that_died_while_it_rested_is_not_called_active_when_its_order_ends() {
    let probed = "probes = [{ kind = \"tcp\" }]\ninterval = \"100ms\"\nrise = 1\nfall = 1\n";
    let world = World::of(2, |plan| plan.pool(LEARN).health(probed));
    assert_eq!(world.weir.command(&["maintain", "n1"]).code, Some(0));
    world.node("n1").stop();
    let failure = || {
        let text = world.weir.ask_admin("/api/v1/nodes/n1").text();
        let node: Value = serde_json::from_str(&text).expect("it is JSON");
        node["pools"][0]["probe_failure"].as_str().map(str::to_owned)
    };
    eventually("a probe has failed", || failure().is_some());
    let failure = failure().expect("it failed");
    let said = world.weir.command(&["activate", "n1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains(&format!("n1 is activated, and may not serve: in app its last probe failed: {failure}")),
        "{said:?}"
    );
    assert_eq!(said.out, format!("the order ended; n1 is passive (unhealthy: {failure}) in app\n"));
    let line = format!("its order ended, and its last probe failed: {failure}");
    eventually("the journal says why too", || world.weir.journal().contains(&line));
}

#[test]
fn a_node_that_is_activated_is_probed_before_the_answer() {
    let world = World::of(2, |plan| plan.pool(LEARN).health("probes = [{ kind = \"tcp\" }]\ninterval = \"1h\"\n"));
    eventually("the first probe has passed", || world.weir.state("app", "n1") == "active");
    assert_eq!(world.weir.command(&["maintain", "n1"]).code, Some(0));
    world.node("n1").stop();
    let said = world.weir.command(&["activate", "n1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.starts_with("the order ended; n1 is active (its last probe failed: tcp "), "{said:?}");
    let warning = "n1 is activated, and may not serve: in app its last probe failed: tcp ";
    assert!(said.err.contains(warning), "{said:?}");
    let operations = world.weir.ask_admin("/api/v1/operations").text();
    assert!(operations.contains(warning), "{operations}");
    world.node("n1").resume();
    let said = world.weir.command(&["activate", "n1"]);
    assert_eq!((said.code, &*said.out, &*said.err), (Some(0), "n1 is active in app\n", ""));
}
