//! Changes over the API: who ordered them and why is kept, they outlive reloads and restarts, and what cannot be written
//! down or understood changes nothing.

use std::fs;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use super::v1::{eventually_json, fits, json};
use crate::harness::{Answer, Appliance, Origin, Plan, eventually};
use crate::session_world::{LEARN, World, two_pools};

const DRAIN: &str = "post /api/v1/nodes/{node}/drain";
const MAINTAIN: &str = "post /api/v1/nodes/{node}/maintain";
const ACTIVATE: &str = "post /api/v1/nodes/{node}/activate";
const WEIGHT: &str = "patch /api/v1/pools/{pool}/nodes/{node}";
const LEVEL: &str = "put /api/v1/log-level";
const RELOAD: &str = "post /api/v1/reload";

#[track_caller]
fn sent(weir: &Appliance, operation: &str, node: &str, fields: &str, body: &str) -> Answer {
    let (method, template) = operation.split_once(' ').expect("a method and a path");
    let path = template.replace("{node}", node).replace("{pool}", "app");
    let (method, length) = (method.to_uppercase(), body.len());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {length}\r\n\r\n");
    weir.operator().ask(head + body)
}

/// Sends a change; the answer has the form that the OpenAPI document gives it.
#[track_caller]
fn change(weir: &Appliance, operation: &str, node: &str, body: &Value) -> (u16, Value) {
    let answer = sent(weir, operation, node, "Content-Type: application/json\r\n", &body.to_string());
    let value: Value = serde_json::from_str(&answer.text()).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let document = json(weir, "/api/v1/openapi.json");
    let (method, template) = operation.split_once(' ').expect("a method and a path");
    let responses = &document["paths"][template][method]["responses"];
    let kind = answer.field("content-type").unwrap_or_default();
    let exact = &responses[answer.status.to_string()];
    let schema = &(if exact.is_null() { &responses["4XX"] } else { exact })["content"][&kind]["schema"];
    assert!(!schema.is_null(), "{operation} answers {} {kind}, which the document does not know", answer.status);
    fits(&document, schema, &value, operation);
    (answer.status, value)
}

#[track_caller]
fn done(weir: &Appliance, operation: &str, node: &str, body: &Value) -> Value {
    let (status, value) = change(weir, operation, node, body);
    assert!(matches!(status, 200 | 202), "{status}: {value:#}");
    value
}

/// The lines of the audit file.
fn audited(weir: &Appliance) -> Vec<Value> {
    weir.read("audit.log").lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn operation(weir: &Appliance, id: &Value) -> Value {
    json(weir, &format!("/api/v1/operations/{id}"))
}

#[test]
fn an_order_is_kept_with_who_gave_it_and_why() {
    let world = World::of(2, |plan| plan.pool(LEARN));
    world.login_on("n1", "S");
    let weir = &world.weir;
    let drain = json!({"reason": "kernel update", "deadline_seconds": 1800});
    let told = done(weir, DRAIN, "n1", &drain);
    let fields = ["kind", "node", "state", "reason", "sessions", "safe_to_stop"].map(|field| &told[field]);
    let expected = json!(["drain", "n1", "running", "kernel update", 1, false]);
    assert_eq!(json!(fields), expected, "{told:#}");
    assert!(told["deadline"].is_string() && told["ended"].is_null(), "{told:#}");
    let order = &json(weir, "/api/v1/nodes/n1")["order"];
    assert_eq!((&order["reason"], &order["operation"]), (&json!("kernel update"), &told["id"]), "{order:#}");
    let events = json(weir, "/api/v1/events?about=n1");
    let event = events["events"].as_array().unwrap().iter().find(|event| event["kind"] == "operator").unwrap().clone();
    let fields = ["from", "reason", "node"].map(|field| &event[field]);
    assert_eq!(json!(fields), json!(["unix", "kernel update", "n1"]), "{event:#}");
    let actor = event["actor"].as_str().unwrap();
    assert!(actor.starts_with("uid:") && told["actor"] == *actor, "{event:#}");
    eventually("the journal has it", || weir.journal().contains("node n1: drain within 1800 s, ordered by uid:"));
    let again = done(weir, DRAIN, "n1", &json!({"reason": "said again"}));
    assert_eq!((&again["id"], &again["reason"], &again["deadline"]), (&told["id"], &told["reason"], &told["deadline"]));
    let rest = done(weir, MAINTAIN, "n1", &json!({}));
    assert_eq!((&rest["state"], &rest["safe_to_stop"]), (&json!("done"), &json!(true)));
    assert_eq!(operation(weir, &told["id"])["state"], "cancelled");
    done(weir, ACTIVATE, "n1", &json!({"reason": null}));
    let ids: Vec<u64> =
        json(weir, "/api/v1/operations").as_array().unwrap().iter().filter_map(|o| o["id"].as_u64()).collect();
    assert_eq!(ids, [3, 2, 1]);
    let lines: Vec<Value> =
        audited(weir).iter().map(|line| json!([line["what"], line["node"], line["reason"], line["from"]])).collect();
    let expected = json!([
        ["drain within 1800 s", "n1", "kernel update", "unix"],
        ["drain", "n1", "said again", "unix"],
        ["maintain", "n1", null, "unix"],
        ["activate", "n1", null, "unix"]
    ]);
    assert_eq!(Value::from(lines), expected);
}

#[test]
fn a_drain_is_done_when_nothing_is_left_and_overdue_at_its_deadline() {
    let world = World::of(3, |plan| plan.pool(LEARN));
    world.login_on("n1", "S");
    let late = done(&world.weir, DRAIN, "n1", &json!({"deadline_seconds": 1}));
    let empty = done(&world.weir, DRAIN, "n2", &json!({}));
    for (told, state) in [(late, "overdue"), (empty, "done")] {
        let path = format!("/api/v1/operations/{}", told["id"]);
        let over = eventually_json(&world.weir, &path, "the drain is over", |told| told["state"] == state);
        assert!(over["ended"].is_string() && over["safe_to_stop"] == true, "{over:#}");
    }
}

#[test]
fn an_operation_outlives_reloads_and_restarts() {
    let mut world = World::of(2, |plan| plan.pool(LEARN));
    let id = world.login_on("n1", "S");
    done(&world.weir, MAINTAIN, "n2", &json!({"force": true}));
    done(&world.weir, ACTIVATE, "n2", &json!({}));
    let told = done(&world.weir, DRAIN, "n1", &json!({"reason": "disk"}));
    for step in ["reload", "kill", "stop"] {
        match step {
            "reload" => _ = done(&world.weir, RELOAD, "", &json!({})),
            "kill" => world.weir.kill(),
            _ => _ = world.weir.stop(),
        }
        if world.weir.has_ended() {
            world.weir.start_again();
        }
        let now = operation(&world.weir, &told["id"]);
        for field in ["id", "kind", "node", "state", "started", "actor", "reason", "sessions"] {
            assert_eq!(now[field], told[field], "{field} after {step}: {now:#}");
        }
        world.stays(&id, "n1");
    }
    assert_eq!(done(&world.weir, MAINTAIN, "n1", &json!({}))["id"], 4);
    assert_eq!(operation(&world.weir, &told["id"])["state"], "cancelled");
}

#[test]
fn of_two_operators_at_once_one_keeps_the_last_node() {
    let world = two_pools(LEARN);
    let weir = &world.weir;
    for _ in 0..10 {
        let start = Barrier::new(2);
        let rest = |node: &'static str| {
            let start = &start;
            move || {
                start.wait();
                change(weir, MAINTAIN, node, &json!({}))
            }
        };
        let answers = thread::scope(|scope| {
            let (one, other) = (scope.spawn(rest("n1")), scope.spawn(rest("n2")));
            [one.join().unwrap(), other.join().unwrap()]
        });
        let mut statuses = answers.clone().map(|(status, _)| status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{answers:?}");
        let refused = answers.iter().find(|(status, _)| *status == 409).unwrap();
        assert_eq!(refused.1["pools"], json!(["app", "other"]), "{refused:?}");
        for node in ["n1", "n2"] {
            done(weir, ACTIVATE, node, &json!({}));
        }
    }
    done(weir, MAINTAIN, "n1", &json!({}));
    done(weir, MAINTAIN, "n2", &json!({"force": true}));
}

#[test]
fn an_order_during_a_reload_holds() {
    let world = World::of(2, |plan| plan);
    let weir = &world.weir;
    for _ in 0..5 {
        for (order, state) in [(MAINTAIN, "passive maintenance"), (ACTIVATE, "active")] {
            thread::scope(|scope| {
                scope.spawn(|| done(weir, RELOAD, "", &json!({})));
                scope.spawn(|| done(weir, order, "n1", &json!({})));
            });
            assert_eq!(weir.state("app", "n1"), state);
        }
    }
}

#[test]
fn what_cannot_be_written_down_changes_nothing() {
    let mut world = World::of(2, |plan| plan);
    let orders = [
        (DRAIN, json!({})),
        (MAINTAIN, json!({})),
        (ACTIVATE, json!({})),
        (WEIGHT, json!({"weight": 5})),
        (LEVEL, json!({"level": "debug"})),
        (RELOAD, json!({})),
    ];
    let path = world.weir.path("audit.log");
    let generation = |world: &World| json(&world.weir, "/api/v1/status")["generation"].clone();
    // A full disk, and a file that is none.
    for nth in 0..2 {
        match nth {
            0 => std::os::unix::fs::symlink("/dev/full", &path).unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        }
        let before = generation(&world);
        for (operation, body) in &orders {
            let (status, problem) = change(&world.weir, operation, "n1", body);
            assert_eq!((status, &problem["title"]), (507, &json!("Nothing was changed")), "{operation}: {problem:#}");
            assert!(problem["detail"].as_str().unwrap().contains("audit.log"), "{problem:#}");
        }
        let said = world.weir.command(&["maintain", "n1"]);
        assert!(said.code == Some(1) && said.err.contains("audit.log"), "{said:?}");
        assert_eq!(world.weir.state("app", "n1"), "active");
        assert_eq!(json(&world.weir, "/api/v1/operations"), json!([]));
        assert_eq!(json(&world.weir, "/api/v1/log-level")["level"], "info");
        assert_eq!(world.weir.read("operators.json"), "");
        assert_eq!((world.weir.get("/").status, generation(&world)), (200, before.clone()));
        // Nobody waits for the answer to a signal.
        world.weir.reload();
        assert_eq!(generation(&world), json!(before.as_u64().unwrap() + 1));
        if nth == 0 { fs::remove_file(&path).unwrap() } else { fs::remove_dir(&path).unwrap() }
    }
    done(&world.weir, MAINTAIN, "n1", &json!({}));
    world.weir.reload();
    let lines: Vec<Value> =
        audited(&world.weir).iter().map(|line| json!([line["what"], line["from"], line["outcome"]])).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(
        lines[1..],
        [
            json!(["reload", "SIGHUP", "asked"]),
            json!(["reload", "SIGHUP", "generation 4 runs: no setting has changed"])
        ]
    );
}

#[test]
fn without_a_state_directory_an_order_is_carried_out_and_says_so() {
    let origins = [Origin::named("n1"), Origin::named("n2")];
    let weir = Plan::before(&[&origins[0], &origins[1]]).state_dir("/proc/weir").start();
    let told = done(&weir, MAINTAIN, "n1", &json!({"reason": "x"}));
    let warning = told["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.contains("there is no state directory, and only the journal has it"), "{told:#}");
    assert_eq!(weir.state("app", "n1"), "passive maintenance");
}

#[test]
fn a_weight_holds_over_reloads_and_restarts_until_it_is_taken_back() {
    let mut world = World::of(2, |plan| plan.pool(LEARN));
    let id = world.login_on("n2", "S");
    let weights = |world: &World| {
        let row = &json(&world.weir, "/api/v1/nodes/n1")["pools"][0];
        [row["weight"].as_u64().unwrap(), row["file_weight"].as_u64().unwrap()]
    };
    let share = |world: &World| (0..8).filter(|_| world.weir.get("/").text() == "n1").count();
    let told = done(&world.weir, WEIGHT, "n1", &json!({"weight": 3, "reason": "twice the memory"}));
    assert_eq!((&told["weight"], &told["file_weight"]), (&json!(3), &json!(1)), "{told:#}");
    assert_eq!(share(&world), 6);
    world.stays(&id, "n2");
    assert_eq!(done(&world.weir, RELOAD, "", &json!({}))["generation"], 2);
    assert_eq!((weights(&world), share(&world)), ([3, 1], 6));
    world.weir.edit(|text| text.replace("{ node = \"n1\"", "{ node = \"n1\", weight = 2"));
    let reloaded = done(&world.weir, RELOAD, "", &json!({}));
    let warned = "an operator gave n1 in pool \"app\" the weight 3, which holds in place of the file's 2";
    assert!(reloaded["warnings"].to_string().contains(&warned.replace('"', "\\\"")), "{reloaded:#}");
    assert_eq!(weights(&world), [3, 2]);
    let said = world.weir.command(&["check", "--config", &world.weir.path("weir.toml").display().to_string()]);
    assert!(said.code == Some(0) && (said.out.clone() + &said.err).contains("the weight 3"), "{said:?}");
    world.weir.stop();
    world.weir.start_again();
    assert_eq!((weights(&world), share(&world)), ([3, 2], 6));
    world.stays(&id, "n2");
    let told = done(&world.weir, WEIGHT, "n1", &json!({"weight": null}));
    assert_eq!((&told["weight"], &told["file_weight"]), (&json!(2), &json!(2)));
    world.weir.kill();
    world.weir.start_again();
    assert_eq!(weights(&world), [2, 2]);
}

#[test]
fn another_weight_does_not_begin_slow_start_anew() {
    let world = World::of(2, |plan| plan.pool("slow-start = \"8s\""));
    let warmth = |node: &Value| node["pools"][0]["warmth_percent"].as_u64().unwrap();
    let warm = |node: &Value| warmth(node) >= 25;
    let before = warmth(&eventually_json(&world.weir, "/api/v1/nodes/n1", "it warms up", warm));
    done(&world.weir, WEIGHT, "n1", &json!({"weight": 9}));
    let after = warmth(&json(&world.weir, "/api/v1/nodes/n1"));
    assert!(after >= before, "{after} % after {before} %");
}

#[test]
fn a_reload_that_is_refused_says_where_it_is_wrong() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    weir.edit(|text| text.replace("[[pool]]", "[[poll]]"));
    let (status, problem) = change(&weir, RELOAD, "", &json!({"reason": "typo"}));
    assert_eq!((status, &problem["title"]), (422, &json!("The reload was refused")));
    let first = &problem["problems"][0];
    assert!(
        first["file"].as_str().unwrap().ends_with("weir.toml") && first["line"].as_u64().unwrap() > 0,
        "{problem:#}"
    );
    let outcome = audited(&weir).pop().unwrap()["outcome"].to_string();
    assert!(outcome.contains("refused: ") && outcome.contains("poll"), "{outcome}");
}

#[test]
fn the_log_level_changes_until_the_next_start() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(done(&weir, LEVEL, "", &json!({"level": "error"}))["level"], "error");
    assert_eq!(json(&weir, "/api/v1/log-level")["level"], "error");
    done(&weir, MAINTAIN, "n1", &json!({"force": true}));
    done(&weir, LEVEL, "", &json!({"level": "info"}));
    done(&weir, ACTIVATE, "n1", &json!({}));
    eventually("the journal speaks again", || weir.journal().contains("node n1: activate"));
    assert!(!weir.journal().contains("node n1: maintain"), "{}", weir.journal());
    done(&weir, LEVEL, "", &json!({"level": "warn"}));
    weir.stop();
    weir.start_again();
    assert_eq!(json(&weir, "/api/v1/log-level")["level"], "info");
}

#[test]
fn what_is_not_understood_is_refused_in_words_and_changes_nothing() {
    let world = World::of(2, |plan| plan);
    let (json_kind, long) = ("Content-Type: application/json\r\n", "x".repeat(201));
    let of_reason = |reason: &str| json!({"reason": reason}).to_string();
    let huge = json!({"reason": "x".repeat(9_000)}).to_string();
    let origin = format!("{json_kind}Origin: http://evil.example\r\n");
    for (operation, node, fields, body, status, detail) in [
        (DRAIN, "n1", json_kind, "{\"within\": 5}", 422, "unknown field `within`"),
        (DRAIN, "n1", json_kind, "{\"deadline_seconds\": \"5\"}", 422, "invalid type: string"),
        (DRAIN, "n1", json_kind, "{\"deadline_seconds\": -5}", 422, "invalid value"),
        (DRAIN, "n1", json_kind, "{\"deadline_seconds\": 18446744073709551615}", 422, "more than ten years"),
        (DRAIN, "n1", json_kind, "{\"reason\": \"a\u{202e}b\"}", 422, "control character"),
        (MAINTAIN, "n1", json_kind, "{\"force\": true, \"force\": false}", 422, "duplicate field"),
        (MAINTAIN, "n1", json_kind, "{\"force\": ", 400, "EOF"),
        (MAINTAIN, "n1", json_kind, "{} {}", 400, "trailing"),
        (MAINTAIN, "n1", json_kind, "force=true", 400, "no JSON object"),
        (MAINTAIN, "n1", json_kind, "[null, true]", 400, "no JSON object"),
        (MAINTAIN, "n1", json_kind, &*huge, 413, "larger than it may be"),
        (MAINTAIN, "n1", json_kind, &of_reason(&long), 422, "201 characters"),
        (MAINTAIN, "n1", json_kind, &of_reason("a\nb"), 422, "control character"),
        (MAINTAIN, "n1", "", "{}", 415, "application/json"),
        (MAINTAIN, "n1", "Content-Type: text/plain\r\n", "{}", 415, "application/json"),
        (MAINTAIN, "n1", "Content-Type: application/x-www-form-urlencoded\r\n", "{}", 415, "X-Weir"),
        (MAINTAIN, "n1", &*origin, "{}", 403, "evil.example"),
        (ACTIVATE, "n1", json_kind, "{\"force\": true}", 422, "unknown field"),
        (ACTIVATE, "n7", json_kind, "{}", 404, "no node is called \"n7\""),
        (WEIGHT, "n7", json_kind, "{\"weight\": 2}", 404, "no node is called \"n7\""),
        (WEIGHT, "n1", json_kind, "{}", 422, "missing field `weight`"),
        (WEIGHT, "n1", json_kind, "{\"weight\": 0}", 422, "0 is no weight"),
        (WEIGHT, "n1", json_kind, "{\"weight\": 1001}", 422, "1001 is no weight"),
        (WEIGHT, "n1", json_kind, "{\"weight\": 70000}", 422, "70000"),
        (WEIGHT, "n1", json_kind, "{\"weight\": 1.5}", 422, "1.5"),
        ("patch /api/v1/pools/nap/nodes/{node}", "n1", json_kind, "{\"weight\": 2}", 404, "no pool is called \"nap\""),
        (LEVEL, "", json_kind, "{\"level\": \"loud\"}", 422, "\"loud\" is no level"),
        (RELOAD, "", json_kind, "{\"dry\": true}", 422, "unknown field"),
        ("get /api/v1/nodes/{node}/drain", "n1", json_kind, "", 405, "method"),
        ("delete /api/v1/nodes/{node}", "n1", json_kind, "", 405, "method"),
    ] {
        let answer = sent(&world.weir, operation, node, fields, body);
        assert_eq!(answer.status, status, "{operation} {body}: {}", answer.text());
        assert!(answer.text().contains(&detail.replace('"', "\\\"")), "{operation} {body}: {}", answer.text());
    }
    let mut half = world.weir.operator();
    half.send(format!(
        "POST /api/v1/nodes/n1/maintain HTTP/1.1\r\nHost: localhost\r\n{json_kind}Content-Length: 12\r\n\r\n{{}}"
    ));
    half.finish();
    let _ = half.rest();
    assert_eq!(world.weir.state("app", "n1"), "active");
    assert_eq!(json(&world.weir, "/api/v1/operations"), json!([]));
    assert_eq!((world.weir.read("audit.log"), world.weir.read("operators.json")), (String::new(), String::new()));
}

#[test]
fn a_weight_that_a_restart_would_forget_is_told_so() {
    let world = World::of(2, |plan| plan.pool(LEARN));
    let told = done(&world.weir, WEIGHT, "n1", &json!({"weight": 2}));
    assert_eq!(told["warnings"], json!([]));
    // Where a directory is, no file can be written.
    let unfinished = world.weir.path(&format!(".unfinished.{}.operators.json", world.weir.id()));
    fs::create_dir(&unfinished).unwrap();
    let told = done(&world.weir, WEIGHT, "n1", &json!({"weight": 3}));
    assert_eq!(told["weight"], 3);
    let warning = told["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.contains("a restart now would forget it"), "{told:#}");
    let said = world.weir.command(&["weight", "app", "n1", "4"]);
    assert!(said.code == Some(0) && said.err.contains("a restart now would forget it"), "{said:?}");
    fs::remove_dir(&unfinished).unwrap();
    eventually("it is written by itself", || world.weir.read("operators.json").contains("4"));
}

/// Whoever may have a configuration checked, or write one, decides how much is wrong with it.
#[test]
fn of_thousands_of_mistakes_the_first_are_told_and_the_others_counted() {
    let world = World::of(2, |plan| plan.pool(LEARN));
    let wrong: String = (0..5000).map(|number| format!("k{number} = 1\n")).collect();
    world.weir.edit(|text| wrong + &text);
    let (status, problem) = change(&world.weir, RELOAD, "", &json!({}));
    let rest = "and 4900 more, which are not listed";
    let listed = |problems: &Value| problems.as_array().map_or(0, Vec::len);
    assert_eq!((status, listed(&problem["problems"])), (422, 101));
    assert_eq!(problem["problems"][100]["what"], rest);
    assert_eq!(listed(&json(&world.weir, "/api/v1/reloads")[0]["problems"]), 101);
    let checked = world.weir.command(&["diff", "--json"]);
    let checked: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((listed(&checked["problems"]), &checked["problems"][100]["what"]), (101, &json!(rest)));
    eventually("the journal counts them too", || world.weir.journal().contains(rest));
    assert_eq!(world.weir.journal().matches("reload refused, ").count(), 101);
    let said = world.weir.command(&["reload"]);
    assert!(said.code == Some(1) && said.err.contains(rest) && said.err.lines().count() < 250, "{said:?}");
}
