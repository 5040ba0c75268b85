//! The numbers that operators watch: of each node, how much, how fast, how near to its limits.

use crate::harness::{Appliance, Client, Origin, Plan, eventually, ok};

const NODE: [(&str, &str); 2] = [("pool", "app"), ("node", "n1")];

fn is(weir: &Appliance, metric: &str, labels: &[(&str, &str)], expected: f64) {
    eventually(&format!("{metric} is {expected}"), || (weir.metric(metric, labels) - expected).abs() < 1e-9);
}

#[test]
fn a_nodes_bytes_and_times_are_counted_and_its_limits_shown() {
    let origin = Origin::answering(|_| ok("five!"));
    let plan = Plan::before(&[&origin]).weights(&[3]).member(1, "max-requests = 7");
    let weir = plan.pool("sticky = { mode = \"learn\", cookie = \"JSESSIONID\", max-sessions = 99 }").start();
    for (metric, expected) in [("weir_node_weight", 3.0), ("weir_node_max_requests", 7.0)] {
        is(&weir, metric, &NODE, expected);
    }
    is(&weir, "weir_pool_max_sessions", &[("pool", "app")], 99.0);
    // What can be known beforehand is there at zero.
    for (metric, label, value) in [
        ("weir_queued_total", "result", "timeout"),
        ("weir_session_lookups_total", "result", "rebound"),
        ("weir_refusals_total", "word", "no-active-node"),
        ("weir_node_state_changes_total", "to", "ejected"),
        ("weir_retries_total", "reason", "stale"),
    ] {
        let text = weir.ask_admin("/metrics").text();
        let shown = text.lines().any(|line| {
            line.starts_with(metric) && line.contains(&format!("{label}=\"{value}\"")) && line.ends_with(" 0")
        });
        assert!(shown, "{metric} {value}");
    }
    let mut client = weir.client();
    for _ in 0..3 {
        let answer = client.ask("POST / HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 10\r\n\r\n0123456789");
        assert_eq!(answer.status, 200);
    }
    is(&weir, "weir_node_request_bytes_total", &NODE, 30.0);
    is(&weir, "weir_node_answer_bytes_total", &NODE, 15.0);
    is(&weir, "weir_node_connect_seconds_count", &NODE, 1.0);
    is(&weir, "weir_node_first_byte_seconds_count", &NODE, 3.0);
}

#[test]
fn who_waits_and_who_is_delayed_is_counted() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin])
        .site("rate = { requests = 1, per = \"250ms\", burst = 5, excess = \"delay\" }")
        .start();
    is(&weir, "weir_delayed_total", &[("site", "main")], 0.0);
    for _ in 0..3 {
        assert_eq!(weir.get("/").status, 200);
    }
    eventually("two had to wait", || weir.metric("weir_delayed_total", &[("site", "main")]) > 1.9);
    is(&weir, "weir_queue_seconds_count", &[("pool", "app")], 0.0);
}

#[test]
fn a_scrape_may_be_openmetrics() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    let head = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text; version=1.0.0,text/plain;q=0.5\r\n\r\n";
    let answer = Client::plain(weir.admin()).unwrap().ask(head);
    assert_eq!(
        answer.field("content-type").as_deref(),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = answer.text();
    assert!(text.ends_with("\n# EOF\n"));
    assert!(text.contains("# TYPE weir_connections counter\n") && text.contains("\nweir_connections_total{"));
}
