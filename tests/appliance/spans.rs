//! Spans for an OpenTelemetry collector, which is a scripted one: what it gets, how its spans join those of client and
//! node, and that nobody notices when it is slow, full or gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Answer, Appliance, Gate, H2Client, Origin, Plan, Seen, eventually, ok, ok_with};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn collector() -> Origin {
    Origin::answering(|_| ok_with("Content-Type: application/json\r\n", "{}"))
}

fn tracing(collector: &Origin, more: &str) -> String {
    format!("[tracing]\nendpoint = \"http://127.0.0.1:{}\"\n{more}\n", collector.port())
}

/// Sent soon, so that tests need not wait.
const SOON: &str = "interval = \"50ms\"";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn ask(weir: &Appliance, path: &str, traceparent: &str) -> Answer {
    let fields = if traceparent.is_empty() {
        String::new()
    } else {
        format!("traceparent: {traceparent}\r\ntracestate: a=b\r\n")
    };
    weir.client().ask(format!("GET {path} HTTP/1.1\r\nHost: esb.test:8080\r\n{fields}\r\n"))
}

/// All spans that a collector has got.
fn spans(collector: &Origin) -> Vec<Value> {
    let whole = collector.seen().into_iter().filter(|seen| seen.complete);
    let bodies = whole.map(|seen| serde_json::from_slice::<Value>(&seen.body()).expect("it is JSON"));
    bodies
        .flat_map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().cloned().expect("spans"))
        .collect()
}

/// The one span of this path, when it has come.
#[track_caller]
fn span(collector: &Origin, path: &str) -> Value {
    let of_path =
        || spans(collector).into_iter().filter(|span| attribute(span, "url.path") == path).collect::<Vec<_>>();
    eventually(&format!("there is a span of {path}"), || !of_path().is_empty());
    let mut found = of_path();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The value of an attribute as text; empty where there is none.
fn attribute(span: &Value, key: &str) -> String {
    let all = span["attributes"].as_array().cloned().unwrap_or_default();
    let value = all.iter().find(|one| one["key"] == key).map(|one| one["value"].clone()).unwrap_or_default();
    let inner = value.as_object().and_then(|value| value.values().next().cloned()).unwrap_or_default();
    inner.as_str().map_or_else(|| if inner.is_null() { String::new() } else { inner.to_string() }, str::to_owned)
}

#[test]
fn a_span_stands_between_the_clients_and_the_nodes() {
    let (origin, collector) = (Origin::named("a"), collector());
    let weir = Plan::before(&[&origin]).secure().more(&tracing(&collector, SOON)).start();

    for (flags, path) in [("00", "/unsampled"), ("", "/none")] {
        let sent = if flags.is_empty() { String::new() } else { traceparent(flags) };
        ask(&weir, path, &sent);
        let passed = origin.last().values("traceparent");
        assert_eq!(passed.first().cloned().unwrap_or_default(), sent, "{path} passes as it came");
    }

    ask(&weir, "/a/b?secret=1", &traceparent("01"));
    let told = origin.last().values("traceparent");
    assert_eq!(told.len(), 1, "{told:?}");
    let parts: Vec<&str> = told[0].split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"));
    assert_ne!(parts[2], PARENT, "the node's parent is Weir's span");
    assert_eq!(origin.last().values("tracestate"), ["a=b"], "the state belongs to the same trace");
    let found = span(&collector, "/a/b");
    assert_eq!((&found["traceId"], &found["spanId"]), (&TRACE.into(), &parts[2].into()));
    assert_eq!((&found["parentSpanId"], &found["kind"]), (&PARENT.into(), &2.into()));
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("url.scheme", "http"),
        ("server.address", "esb.test"),
        ("client.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("weir.site", "main"),
        ("weir.pool", "app"),
        ("weir.node", "n1"),
        ("weir.outcome", "answered"),
        ("weir.tries", "1"),
    ] {
        assert_eq!(attribute(&found, key), value, "{key} of {found}");
    }
    let nanoseconds = |key: &str| found[key].as_str().and_then(|text| text.parse::<u64>().ok()).expect("a time");
    assert!(nanoseconds("startTimeUnixNano") < nanoseconds("endTimeUnixNano"), "{found}");

    H2Client::connect(weir.https()).get("/h2", &[("traceparent", &traceparent("01"))]).expect("an answer");
    let found = span(&collector, "/h2");
    assert!(origin.last().values("traceparent")[0].contains(found["spanId"].as_str().expect("an id")));
    assert_eq!(attribute(&found, "network.protocol.version"), "2");
    assert_eq!(attribute(&found, "url.scheme"), "https");

    let seen = collector.last();
    assert!(seen.text().starts_with("POST /v1/traces HTTP/1.1\r\n"), "{}", seen.text());
    assert_eq!(seen.values("content-type"), ["application/json"]);
    let body: Value = serde_json::from_slice(&seen.body()).expect("it is JSON");
    assert_eq!(body["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "weir");
    assert_eq!(spans(&collector).len(), 2, "what is not sampled has none");
    eventually("they are counted", || weir.metric("weir_spans_total", &[("result", "exported")]) == 2.0);
}

#[test]
fn a_share_of_the_traces_that_begin_here_is_sampled() {
    let (origin, collector) = (Origin::named("a"), collector());
    let table = tracing(&collector, &format!("{SOON}\nsample = \"0%\"\nservice-name = \"weir-lb1\""));
    let mut weir = Plan::before(&[&origin]).listener("traceparent = \"make\"").more(&table).start();
    ask(&weir, "/never", "");
    let made = origin.last().values("traceparent");
    assert!(made[0].ends_with("-00"), "{made:?}");

    weir.edit(|text| text.replace("\"0%\"", "\"100%\""));
    weir.reload();
    let answer = ask(&weir, "/always", "");
    let made = origin.last().values("traceparent");
    assert!(made[0].ends_with("-01"), "{made:?}");
    let found = span(&collector, "/always");
    assert_eq!(found["traceId"], answer.values("x-request-id")[0], "the same digits as the request's id");
    assert_eq!(made[0].split('-').nth(2), found["spanId"].as_str());
    assert_eq!(found["parentSpanId"], Value::Null);
    assert_eq!(spans(&collector).len(), 1);
    assert!(collector.last().text().contains("\"weir-lb1\""));
}

#[test]
fn off_nothing_changes_and_a_reload_switches_it_on_and_off() {
    let (origin, collector) = (Origin::named("a"), collector());
    let mut weir = Plan::before(&[&origin]).start();
    let untraced = |weir: &Appliance| {
        ask(weir, "/plain", "");
        origin.last().text_but_id()
    };
    let passes = |weir: &Appliance| {
        ask(weir, "/a", &traceparent("01"));
        origin.last().values("traceparent") == [traceparent("01")]
    };
    let before = untraced(&weir);
    assert!(passes(&weir));
    assert!(!weir.ask_admin("/metrics").text().contains("weir_spans_total"));

    let without = weir.read("weir.toml");
    weir.edit(|text| text + &tracing(&collector, SOON));
    weir.reload();
    assert!(!passes(&weir));
    assert_eq!(untraced(&weir), before, "a request without a trace goes up as before");
    span(&collector, "/a");

    weir.edit(|_| without);
    weir.reload();
    assert!(passes(&weir));
    assert_eq!(untraced(&weir), before);
    assert_eq!(weir.stop(), Some(0));
    assert_eq!(spans(&collector).len(), 1);
}

#[test]
fn a_request_that_weir_answers_has_a_span_with_the_cause() {
    let (origin, collector) = (Origin::named("a"), collector());
    let weir = Plan::before(&[&origin]).more(&tracing(&collector, SOON)).start();
    origin.stop();
    let answer = ask(&weir, "/gone", &traceparent("01"));
    let found = span(&collector, "/gone");
    assert_eq!(attribute(&found, "http.response.status_code"), answer.status.to_string());
    assert_eq!(found["status"]["code"], 2);
    assert_eq!(format!("{} {}", answer.status, attribute(&found, "error.type")), answer.refusal());
    let request = format!("GET /strange HTTP/1.1\r\nHost: nobody.test\r\ntraceparent: {}\r\n\r\n", traceparent("01"));
    assert_eq!(weir.client().ask(request).status, 421);
    let found = span(&collector, "/strange");
    assert_eq!((&found["status"], attribute(&found, "weir.site").as_str()), (&Value::Null, ""));
}

#[test]
fn what_waits_at_the_stop_is_sent() {
    let (origin, collector) = (Origin::named("a"), collector());
    let mut weir = Plan::before(&[&origin]).more(&tracing(&collector, "interval = \"10m\"")).start();
    ask(&weir, "/last", &traceparent("01"));
    assert_eq!(weir.stop(), Some(0));
    span(&collector, "/last");
}

#[test]
fn a_collector_that_hangs_costs_spans_and_holds_up_neither_traffic_nor_the_stop() {
    let (origin, shut) = (Origin::named("a"), Gate::shut());
    let gate = shut.clone();
    let collector = Origin::speaking(move |talk| {
        talk.body();
        gate.pass();
        talk.send(&ok("{}"));
    });
    let table = tracing(&collector, &format!("{SOON}\nqueue = \"16KiB\"\ntimeout = \"10m\""));
    let mut weir = Plan::before(&[&origin]).more(&table).start();
    ask(&weir, "/first", &traceparent("01"));
    collector.reached(1);
    let long = format!("/{}", "a".repeat(4000));
    for _ in 0..6 {
        assert_eq!(ask(&weir, &long, &traceparent("01")).status, 200);
    }
    eventually("what found no room is counted", || weir.metric("weir_spans_total", &[("result", "queue-full")]) >= 2.0);
    let began = Instant::now();
    assert_eq!(weir.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "the stop took {:?}", began.elapsed());
    weir.tells(" spans given up, the time for them is over");
    shut.open();
}

#[test]
fn a_collector_that_is_slow_or_gone_is_told_in_the_journal_once() {
    let (origin, shut) = (Origin::named("a"), Gate::shut());
    let gate = shut.clone();
    let collector = Origin::speaking(move |talk| {
        talk.body();
        gate.pass();
        talk.send(&ok("{}"));
    });
    let table = tracing(&collector, &format!("{SOON}\ntimeout = \"200ms\""));
    let weir = Plan::before(&[&origin]).more(&table).start();
    let failed = || weir.metric("weir_spans_total", &[("result", "failed")]);
    ask(&weir, "/slow", &traceparent("01"));
    eventually("it is lost", || failed() == 1.0);
    let told =
        format!("collector 127.0.0.1:{}: no answer within 200ms; spans lost since last told: 1", collector.port());
    eventually("the journal has it", || weir.journal().contains(&told));
    collector.stop();
    ask(&weir, "/gone", &traceparent("01"));
    eventually("that one too", || failed() == 2.0);
    assert_eq!(weir.journal().matches("spans lost").count(), 1, "once a minute: {}", weir.journal());
    shut.open();
}

#[test]
fn a_collector_that_is_busy_is_asked_once_more() {
    let origin = Origin::named("a");
    let asked = AtomicUsize::new(0);
    let collector = Origin::answering(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".to_vec(),
        1 => ok("{}"),
        2 => ok("{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"too old\"}}"),
        _ => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let weir = Plan::before(&[&origin]).more(&tracing(&collector, SOON)).start();
    let count = |result| weir.metric("weir_spans_total", &[("result", result)]);
    ask(&weir, "/1", &traceparent("01"));
    eventually("the second try is taken", || count("exported") == 1.0);
    assert_eq!(
        collector.seen().iter().map(Seen::body).collect::<Vec<_>>().windows(2).filter(|two| two[0] == two[1]).count(),
        1
    );
    for (path, failed) in [("/2", 1.0), ("/3", 2.0)] {
        ask(&weir, path, &traceparent("01"));
        eventually("it is counted as failed", || count("failed") == failed);
    }
    assert_eq!((count("exported"), collector.count()), (1.0, 4), "neither was tried again");
    eventually("the journal says why", || {
        weir.journal().contains("it takes only a part: too old; spans lost since last told: 1")
    });
}

#[test]
fn a_stop_while_the_collector_is_waited_for_sends_what_came_meanwhile() {
    let origin = Origin::named("a");
    let asked = AtomicUsize::new(0);
    let collector = Origin::answering(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => ok("{}"),
    });
    let table = tracing(&collector, "interval = \"10m\"\nbatch-size = 1");
    let mut weir = Plan::before(&[&origin]).more(&table).start();
    // A whole batch is sent at once.
    ask(&weir, &format!("/{}", "a".repeat(2000)), &traceparent("01"));
    collector.reached(1);
    ask(&weir, "/meanwhile", &traceparent("01"));
    let began = Instant::now();
    assert_eq!(weir.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "the stop took {:?}", began.elapsed());
    span(&collector, "/meanwhile");
}

#[test]
fn an_answer_that_cannot_be_read_sends_nothing_twice() {
    let origin = Origin::named("a");
    let collector = Origin::answering(|_| ok(&"a".repeat(100_000)));
    let weir = Plan::before(&[&origin]).more(&tracing(&collector, SOON)).start();
    ask(&weir, "/once", &traceparent("01"));
    eventually("it is taken", || weir.metric("weir_spans_total", &[("result", "exported")]) == 1.0);
    assert_eq!(collector.count(), 1);
}

#[test]
fn what_was_lost_before_a_reload_is_told_once() {
    let (origin, collector) = (Origin::named("a"), collector());
    let mut weir = Plan::before(&[&origin]).more(&tracing(&collector, "interval = \"10m\"")).start();
    collector.stop();
    ask(&weir, "/before", &traceparent("01"));
    weir.edit(|text| text.replace("interval = \"10m\"", SOON));
    weir.reload();
    let told = |all: u32| format!("spans lost since last told: 1, in all: {all}");
    eventually("what waited is lost", || weir.journal().contains(&told(1)));
    ask(&weir, "/after", &traceparent("01"));
    eventually("only the second is told", || weir.journal().contains(&told(2)));
}
