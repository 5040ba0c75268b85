//! All that people and programs read of a running Weir, as it stood when somebody last looked at it: what changes there is to be
//! seen in a diff. What differs from run to run is taken out.
//!
//! A change that is meant is taken over by `INSTA_UPDATE=always cargo test --test appliance snapshots`.

use insta::{Settings, assert_snapshot};
use serde_json::Value;

use crate::harness::{Appliance, Origin, Plan, eventually, ok_with};

/// Two nodes, one of them in maintenance, some requests, one session.
fn scene() -> (Appliance, [Origin; 2]) {
    let answer = |_: &_| ok_with("Set-Cookie: JSESSIONID=ABCDEF0123; Path=/\r\n", "fine");
    let origins = [Origin::answering(answer), Origin::answering(answer)];
    let pool = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }";
    let weir = Plan::before(&[&origins[0], &origins[1]]).threads(2).secure().pool(pool).start();
    assert_eq!(weir.command(&["maintain", "n2", "--reason", "patched"]).code, Some(0));
    for path in ["/", "/services/echo"] {
        assert_eq!(weir.get(path).status, 200);
    }
    assert_eq!(weir.client().ask("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n").status, 421);
    eventually("its clients have left", || weir.metric("weir_connections_open", &[("listener", "http")]) < 0.5);
    eventually("the last minute has them", || !weir.command(&["status"]).out.contains("no request in the last minute"));
    (weir, origins)
}

/// Without what differs from run to run: places, moments, spans, sizes. Columns are as wide as what stands in them.
fn settings(weir: &Appliance, origins: &[Origin]) -> Settings {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut place = |what: String, name: &str| settings.add_filter(&what, name);
    place(weir.path("").display().to_string().trim_end_matches('/').replace('.', "\\."), "<dir>");
    for (port, name) in
        [(weir.http().port(), "<http>"), (weir.https().port(), "<https>"), (weir.admin().port(), "<admin>")]
    {
        place(format!(r"\b{port}\b"), name);
    }
    place(format!(r"\b{}\b", origins[0].port()), "<n1>");
    place(format!(r"\b{}\b", origins[1].port()), "<n2>");
    place(env!("CARGO_PKG_VERSION").replace('.', "\\."), "<version>");
    place(r"127\.0\.0\.1".to_owned(), "<ip>");
    for (what, name) in [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "<time>"),
        (r"\d{4}-\d\d-\d\d", "<day>"),
        (r"\b\d\d:\d\d:\d\d\b", "<hour>"),
        (r"\b[0-9a-f]{32,64}\b", "<hex>"),
        (r"\b([0-9A-F]{2}:){9,}[0-9A-F]{2}\b", "<fingerprint>"),
        (r"\b\d+(\.\d+)? ?(ms|s|min|m|h|d|days)\b", "<span>"),
        (r"\b\d+(\.\d+)? ?[KMG]i?B\b", "<size>"),
        (r"\bport-offset = \d+", "port-offset = <offset>"),
        (r"uid:\d+ \([^)]*\)", "<who>"),
        (r"\bport = \S+", "port = <port>"),
        (r#"([^"])\b\d+\.\d\b"#, "$1<rate>"),
        (r#""machine": ".*""#, r#""machine": "<name>""#),
        (r"(\S) {2,}", "$1  "),
    ] {
        settings.add_filter(what, name);
    }
    settings
}

#[test]
fn what_commands_tell_people() {
    let (weir, origins) = scene();
    let mut all = String::new();
    for words in [
        &["status"][..],
        &["nodes"],
        &["sessions"],
        &["sites"],
        &["events"],
        &["why", "http://esb.test/services/echo"],
        &["config"],
        &["diff"],
        &["log-level"],
        &["cert", "status"],
        &["drain", "n1"],
        &["activate", "n1"],
        &["activate", "n2"],
        &["weight", "app", "n1", "3"],
        &["reload"],
        &["drain", "n9"],
    ] {
        let told = weir.command(words);
        all += &format!("$ weir {}\n{}{}exit {:?}\n\n", words.join(" "), told.out, told.err, told.code);
    }
    settings(&weir, &origins).bind(|| assert_snapshot!("commands", all));
}

#[test]
fn what_the_api_tells_programs() {
    let (weir, origins) = scene();
    let mut all = String::new();
    for path in [
        "",
        "/status",
        "/nodes",
        "/pools",
        "/sites",
        "/series?of=pool:app&last=10s",
        "/cluster",
        "/events",
        "/listeners",
        "/certificates",
        "/certificates/orders",
        "/sessions",
        "/why?url=http://esb.test/services/echo",
        "/reloads",
        "/operations",
        "/log-level",
        "/nodes/n9",
    ] {
        let answer = weir.ask_admin(&format!("/api/v1{path}"));
        let mut json: Value = serde_json::from_str(&answer.text()).expect(path);
        forget_numbers(&mut json);
        let pretty = serde_json::to_string_pretty(&json).expect("it was JSON");
        all += &format!("GET /api/v1{path}: {}\n{pretty}\n\n", answer.status);
    }
    settings(&weir, &origins).bind(|| assert_snapshot!("api", all));
}

/// What is counted is told by other tests. Here it is which fields there are, and of what kind.
fn forget_numbers(json: &mut Value) {
    match json {
        Value::Number(number) => *number = 0.into(),
        Value::Array(items) => {
            items.iter_mut().for_each(forget_numbers);
            // Of a series: a second without a request has no times.
            if items.iter().any(Value::is_number) {
                items.retain(|item| !item.is_null());
            }
            items.dedup();
        }
        Value::Object(fields) => fields.values_mut().for_each(forget_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
