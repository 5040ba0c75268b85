//! The API of operators' tools: what it tells of a cluster at work, and how it refuses.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Appliance, Gate, Origin, Plan, eventually, ok, within};

#[track_caller]
pub(super) fn json(weir: &Appliance, path: &str) -> Value {
    let answer = weir.ask_admin(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.text()))
}

#[track_caller]
pub(super) fn eventually_json(weir: &Appliance, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || holds(&json(weir, path)));
    json(weir, path)
}

#[test]
fn the_last_minute_of_a_slow_node_shows_that_it_is_slow() {
    let (slow, quick) = (
        Origin::answering(|_| {
            within(Duration::from_millis(120), || false);
            ok("slow")
        }),
        Origin::named("quick"),
    );
    let weir = Plan::before(&[&slow, &quick]).start();
    for _ in 0..6 {
        assert_eq!(weir.get("/").status, 200);
    }
    let counted = |node: &Value| node["last_minute"]["requests"] == 3;
    let node = eventually_json(&weir, "/api/v1/nodes/n1", "three requests went to n1", counted);
    let median = node["last_minute"]["milliseconds"]["p50"].as_f64().unwrap();
    assert!((110.0..300.0).contains(&median), "{node:#}");
    assert_eq!(node["pools"][0]["last_minute"]["requests"], 3);
    assert_eq!(node["total"]["requests"], 3);
    let quick = eventually_json(&weir, "/api/v1/nodes/n2", "three requests went to n2", counted);
    assert!(quick["last_minute"]["milliseconds"]["p99"].as_f64().unwrap() < 100.0, "{quick:#}");
    for path in ["/api/v1/pools/app", "/api/v1/sites/main", "/api/v1/status"] {
        let all = json(&weir, path);
        assert_eq!(all["last_minute"]["requests"], 6, "{path}: {all:#}");
        assert_eq!(all["last_minute"]["status"]["2xx"], 6, "{path}: {all:#}");
    }
    let series = json(&weir, "/api/v1/series?of=node:app/n1&last=1m");
    let sum: u64 = series["requests"].as_array().unwrap().iter().filter_map(Value::as_u64).sum();
    assert_eq!(sum, 3, "{series:#}");
    assert_eq!(series["step_seconds"], 1);
    assert_eq!(json(&weir, "/api/v1/series?last=24h")["step_seconds"], 60);
}

#[test]
fn the_verdict_says_in_one_sentence_what_is_wrong() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let weir = Plan::before(&[&a, &b])
        .health("probes = [{ kind = \"tcp\" }]\ninterval = \"100ms\"\nrise = 1\nfall = 1\n")
        .start();
    let verdict = |word: &'static str| move |status: &Value| status["verdict"]["word"] == word;
    let well = eventually_json(&weir, "/api/v1/status", "all is well", verdict("well"));
    assert_eq!(well["verdict"]["sentence"], "All well");
    drop(b);
    let degraded = eventually_json(&weir, "/api/v1/status", "one node fails", verdict("degraded"));
    assert_eq!(degraded["verdict"]["sentence"], "Degraded: n2 is unhealthy in pool app");
    let node = json(&weir, "/api/v1/nodes/n2");
    assert_eq!((&node["verdict"], &node["safe_to_stop"]), (&Value::from("unhealthy"), &Value::from(false)));
    drop(a);
    let down = eventually_json(&weir, "/api/v1/status", "no node is left", verdict("down"));
    let sentence = down["verdict"]["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("Down: pool app has no active node: requests get 503"), "{sentence}");
    let events = json(&weir, "/api/v1/events?about=n2");
    let texts: Vec<&str> =
        events["events"].as_array().unwrap().iter().filter_map(|event| event["text"].as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("passive (unhealthy)")), "{texts:?}");
    // Of what will come, nothing is missing.
    assert_eq!(json(&weir, &format!("/api/v1/events?since={}", u64::MAX))["missed"], false);
    let newest = json(&weir, "/api/v1/events")["newest"].as_u64().unwrap();
    assert_eq!(json(&weir, &format!("/api/v1/events?since={newest}"))["events"], Value::Array(Vec::new()));
}

#[test]
fn a_refused_reload_is_in_the_verdict_until_one_is_accepted() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).start();
    let good = weir.read("weir.toml");
    weir.edit(|text| text.replace("[[pool]]", "[[poll]]"));
    weir.reload();
    let status = json(&weir, "/api/v1/status");
    let sentence = status["verdict"]["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("Degraded: the last reload was refused: ") && sentence.contains("weir.toml:"),
        "{sentence}"
    );
    assert_eq!(status["last_reload"]["accepted"], false);
    weir.edit(|_| good);
    weir.reload();
    assert_eq!(json(&weir, "/api/v1/status")["verdict"]["word"], "well");
}

#[test]
fn a_request_that_ends_after_a_reload_took_its_route_out_is_counted_once() {
    let gate = Gate::shut();
    let origin = Origin::answering({
        let gate = gate.clone();
        move |_| {
            gate.pass();
            ok("late")
        }
    });
    let mut weir = Plan::before(&[&origin]).more("[[site.route]]\nname = \"old\"\nprefix = \"/x\"\n").start();
    let mut client = weir.client();
    client.send("GET /x/ HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    let busy = |node: &Value| node["last_minute"]["in_flight"] == 1;
    eventually_json(&weir, "/api/v1/nodes/n1", "the node works on it", busy);
    weir.edit(|text| text.replace("\"old\"", "\"new\""));
    weir.reload();
    gate.open();
    assert_eq!(client.answer().unwrap().status, 200);
    let one = |counted: &Value| counted["last_minute"]["requests"] == 1;
    for path in ["/api/v1/status", "/api/v1/sites/main", "/api/v1/pools/app", "/api/v1/nodes/n1"] {
        eventually_json(&weir, path, "it is counted", one);
    }
    assert_eq!(json(&weir, "/api/v1/status")["total"]["requests"], 1);
    assert_eq!(json(&weir, "/api/v1/sites/main")["routes"][0]["last_minute"]["requests"], 0);
}

#[test]
fn what_is_not_there_or_not_understood_is_a_problem_document() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    for (path, status, detail) in [
        ("/api/v1/nowhere", 404, "there is nothing at this path"),
        ("/api/v1/", 404, "there is nothing at this path"),
        ("/api/v1/nodes/n7", 404, "no node is called \"n7\""),
        ("/api/v1/pools/nap", 404, "no pool is called \"nap\""),
        ("/api/v1/sites/%00", 404, "no site is called"),
        ("/api/v1/nodes/%ff", 400, "UTF-8"),
        ("/api/v1/series?of=pool:none", 404, "there is no pool:none"),
        ("/api/v1/series?of=everything", 400, "is not understood"),
        ("/api/v1/series?last=1y", 400, "is no time"),
        ("/api/v1/series?of=%zz", 400, "is not percent-encoded"),
        ("/api/v1/events?since=x", 400, "is no number"),
        ("/api/v1/events?form=x", 400, "is no parameter"),
    ] {
        let answer = weir.ask_admin(path);
        assert_eq!(
            (answer.status, answer.field("content-type").as_deref()),
            (status, Some("application/problem+json")),
            "{path}"
        );
        let problem: Value = serde_json::from_str(&answer.text()).unwrap();
        assert_eq!(problem["status"], status, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
    }
}

#[test]
fn a_method_that_does_not_read_is_refused_with_a_problem_document() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    for path in ["/api/v1", "/api/v1/nodes/n1", "/api/v1/openapi.json"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let answer = weir.operator().ask(head);
        let field = |name| answer.field(name).unwrap_or_default();
        assert_eq!((answer.status, &*field("content-type")), (405, "application/problem+json"), "{path}");
        assert_eq!(field("allow"), "GET,HEAD", "{path}");
    }
}

#[test]
fn every_path_of_the_openapi_document_answers_as_it_says() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    weir.get("/");
    assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0));
    let document = json(&weir, "/api/v1/openapi.json");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 8, "{paths:?}");
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            for refusal in ["400", "401", "403", "413"] {
                let form = &operation["responses"][refusal]["content"]["application/problem+json"]["schema"];
                assert_eq!(form["$ref"], "#/components/schemas/ApiProblem", "{method} {path}: {refusal}");
            }
        }
        let content = &operations["get"]["responses"]["200"]["content"];
        if !content["application/json"].is_object() {
            continue;
        }
        let schema = &content["application/json"]["schema"];
        let asked = path.replace("{node}", "n1").replace("{pool}", "app").replace("{site}", "main");
        let asked = asked.replace("/why", "/why?url=http://esb.test/").replace("{id}", "1");
        fits(&document, schema, &json(&weir, &asked), &asked);
    }
    for (path, body) in [("/api/v1/sessions/find", "{\"id\":\"x\"}"), ("/api/v1/config/check", "")] {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}");
        let answer = weir.operator().ask(head);
        let schema = &paths[path]["post"]["responses"]["200"]["content"]["application/json"]["schema"];
        fits(&document, schema, &serde_json::from_str(&answer.text()).unwrap(), path);
    }
}

/// Whether a value has the form that a schema of our own document gives it. Keys that the schema does not name are faults.
#[track_caller]
pub(super) fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/")) {
        return fits(document, &document["components"]["schemas"][name], value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let chosen = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
        return fits(document, chosen.unwrap_or_else(|| panic!("{at}: {value} is none of {choices:?}")), value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allows = |allowed: &Value| allowed == kind || (allowed == "number" && kind == "integer");
    let allowed = &schema["type"];
    assert!(
        allows(allowed) || allowed.as_array().is_some_and(|all| all.iter().any(allows)),
        "{at}: {value} is no {allowed}"
    );
    match value {
        Value::Array(items) => items.iter().for_each(|item| fits(document, &schema["items"], item, at)),
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(name.as_str().unwrap_or_default()), "{at}: {name} is missing");
            }
            for (name, field) in fields {
                let known = &schema["properties"][name];
                assert!(!known.is_null(), "{at}: {name} is not in the schema");
                fits(document, known, field, &format!("{at}.{name}"));
            }
        }
        _ => {}
    }
}

#[test]
fn a_node_that_breaks_off_its_answer_has_failed_once() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        talk.close();
    });
    let weir = Appliance::in_front_of(&[&origin]);
    assert!(!weir.get("/").whole);
    let node = eventually_json(&weir, "/api/v1/nodes/n1", "it is counted", |node| node["last_minute"]["requests"] == 1);
    assert_eq!((&node["last_minute"]["failures"], &node["total"]["failures"]), (&Value::from(1), &Value::from(1)));
}

#[test]
fn an_order_of_an_impossible_time_is_told_without_its_time() {
    let origin = Origin::named("n");
    let mut weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0));
    weir.stop();
    let mut orders: Value = serde_json::from_str(&weir.read("operators.json")).unwrap();
    orders["nodes"]["n1"]["since"] = Value::from(u64::MAX);
    std::fs::write(weir.path("operators.json"), orders.to_string()).unwrap();
    weir.start_again();
    let node = json(&weir, "/api/v1/nodes/n1");
    assert_eq!((&node["order"]["order"], &node["order"]["since"]), (&Value::from("maintain"), &Value::Null));
}
