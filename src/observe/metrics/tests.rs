//! What a scrape shows after things have happened, and that the documentation knows every name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;

const START: SystemTime = UNIX_EPOCH;

fn metrics() -> Metrics {
    Metrics::new("1.2.3", START + Duration::from_secs(1_000))
}

fn finished(code: u16) -> Finished {
    let upstream_time = Some(Duration::from_millis(20));
    Finished { code, time_taken: Duration::from_millis(30), upstream_time, received: 10, sent: 100 }
}

/// Reads every line of a scrape, strictly; `name{labels}` → value.
fn read(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut declared = BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            let entry = DEFINITIONS.iter().find(|entry| entry.0 == name).unwrap_or_else(|| panic!("{line}"));
            match what {
                "HELP" => assert!(declared.insert(name.to_owned()) && rest == entry.3, "{line}"),
                "TYPE" => assert_eq!(rest, entry.1, "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        assert!(declared.contains(name) || base.is_some_and(|base| declared.contains(base)), "{line}");
        assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    samples
}

fn shows(metrics: &Metrics, wants: &[(&str, f64)]) {
    let samples = read(&metrics.text());
    for (series, want) in wants {
        let seen = samples.get(*series).unwrap_or_else(|| panic!("{series} is missing in {samples:#?}"));
        assert!((seen - want).abs() < 1e-9, "{series}: {seen}, not {want}");
    }
}

#[test]
fn a_scrape_shows_requests() {
    let metrics = metrics();
    let route = metrics.route("esb.http", "esb-http", "worker1");
    [200, 200, 503].into_iter().for_each(|code| route.record(&finished(code), &Tally::default()));
    let own = metrics.route("esb.http", "", "");
    own.record(&Finished { upstream_time: None, received: 0, sent: 0, ..finished(400) }, &Tally::default());
    own.site().refused("bad_head");
    let _tunnel = own.site().tunnel();
    drop(own.site().tunnel());
    metrics.site("esb.http").certificate_valid(Some((1_000_000_000, 2_000_000_000)));
    shows(
        &metrics,
        &[
            (r#"weir_requests_total{code="200",node="worker1",pool="esb-http",site="esb.http"}"#, 2.0),
            (r#"weir_requests_total{code="503",node="worker1",pool="esb-http",site="esb.http"}"#, 1.0),
            (r#"weir_requests_total{code="400",node="-",pool="-",site="esb.http"}"#, 1.0),
            (r#"weir_request_seconds_count{site="esb.http"}"#, 4.0),
            (r#"weir_request_seconds_sum{site="esb.http"}"#, 0.12),
            (r#"weir_request_seconds_bucket{site="esb.http",le="0.025"}"#, 0.0),
            (r#"weir_request_seconds_bucket{site="esb.http",le="0.05"}"#, 4.0),
            (r#"weir_request_seconds_bucket{site="esb.http",le="+Inf"}"#, 4.0),
            (r#"weir_upstream_seconds_count{pool="esb-http",node="worker1"}"#, 3.0),
            (r#"weir_node_request_bytes_total{node="worker1",pool="esb-http"}"#, 30.0),
            (r#"weir_node_answer_bytes_total{node="worker1",pool="esb-http"}"#, 300.0),
            (r#"weir_request_bytes_total{site="esb.http"}"#, 30.0),
            (r#"weir_answer_bytes_total{site="esb.http"}"#, 300.0),
            (r#"weir_refusals_total{site="esb.http",word="bad_head"}"#, 1.0),
            (r#"weir_tunnels_total{site="esb.http"}"#, 2.0),
            (r#"weir_tunnels_open{site="esb.http"}"#, 1.0),
            (r#"weir_certificate_expiry_timestamp_seconds{site="esb.http"}"#, 2e9),
        ],
    );
}

#[test]
fn a_scrape_shows_pools_and_nodes() {
    let metrics = metrics();
    let pool = metrics.pool("esb-http");
    ["hit", "hit", "none"].into_iter().for_each(|result| pool.session(result));
    pool.learned();
    pool.evicted(4);
    pool.sessions(17, 100);
    pool.waited(Duration::from_secs(2));
    let node = metrics.node("esb-http", "worker1");
    node.retried("refused");
    node.changed(None);
    node.changed(Some("ejected"));
    node.probed("pass", Duration::from_millis(3));
    node.connection("opened");
    node.limits(3, Some(50));
    node.connected(Duration::from_millis(1));
    node.first_byte(Duration::from_millis(9));
    node.in_flight(5);
    node.idle(6);
    shows(
        &metrics,
        &[
            (r#"weir_session_lookups_total{pool="esb-http",result="hit"}"#, 2.0),
            (r#"weir_session_lookups_total{pool="esb-http",result="none"}"#, 1.0),
            (r#"weir_sessions_learned_total{pool="esb-http"}"#, 1.0),
            (r#"weir_sessions_evicted_total{pool="esb-http"}"#, 4.0),
            (r#"weir_session_lookups_total{pool="esb-http",result="rebound"}"#, 0.0),
            (r#"weir_sessions{pool="esb-http"}"#, 17.0),
            (r#"weir_pool_max_sessions{pool="esb-http"}"#, 100.0),
            (r#"weir_queue_seconds_sum{pool="esb-http"}"#, 2.0),
            (r#"weir_queued_total{pool="esb-http",result="full"}"#, 0.0),
            (r#"weir_node_weight{node="worker1",pool="esb-http"}"#, 3.0),
            (r#"weir_node_max_requests{node="worker1",pool="esb-http"}"#, 50.0),
            (r#"weir_node_connect_seconds_count{pool="esb-http",node="worker1"}"#, 1.0),
            (r#"weir_node_first_byte_seconds_sum{pool="esb-http",node="worker1"}"#, 0.009),
            (r#"weir_retries_total{node="worker1",pool="esb-http",reason="refused"}"#, 1.0),
            (r#"weir_node_active{node="worker1",pool="esb-http"}"#, 0.0),
            (r#"weir_node_state{node="worker1",pool="esb-http",reason="ejected"}"#, 1.0),
            (r#"weir_node_state{node="worker1",pool="esb-http",reason="checking"}"#, 0.0),
            (r#"weir_node_state_changes_total{node="worker1",pool="esb-http",to="active"}"#, 1.0),
            (r#"weir_node_state_changes_total{node="worker1",pool="esb-http",to="ejected"}"#, 1.0),
            (r#"weir_probes_total{node="worker1",pool="esb-http",result="pass"}"#, 1.0),
            (r#"weir_probe_seconds_count{pool="esb-http",node="worker1"}"#, 1.0),
            (r#"weir_node_connections_total{node="worker1",pool="esb-http",result="opened"}"#, 1.0),
            (r#"weir_node_connections_idle{node="worker1",pool="esb-http"}"#, 6.0),
            (r#"weir_requests_in_flight{node="worker1",pool="esb-http"}"#, 5.0),
        ],
    );
    node.state(None);
    shows(
        &metrics,
        &[
            (r#"weir_node_active{node="worker1",pool="esb-http"}"#, 1.0),
            (r#"weir_node_state{node="worker1",pool="esb-http",reason="ejected"}"#, 0.0),
            (r#"weir_node_state_changes_total{node="worker1",pool="esb-http",to="active"}"#, 1.0),
        ],
    );
}

#[test]
fn a_scrape_shows_listeners_reloads_and_the_process() {
    let metrics = metrics();
    let listener = metrics.listener("https");
    let _connection = listener.connection();
    drop(listener.connection());
    listener.know_handshakes(&["TLSv1.3", "TLSv1.2"], ["X25519", "secp256r1"].into_iter(), &["old-version"]);
    listener.shaken("TLSv1.3", false, Some("X25519"));
    listener.shaken("TLSv1.2", true, None);
    metrics.generation(7);
    metrics.reloaded(START + Duration::from_secs(2_000), false);
    metrics.log_dropped(&[("journal".to_owned(), 3)]);
    shows(
        &metrics,
        &[
            (r#"weir_connections_total{listener="https"}"#, 2.0),
            (r#"weir_connections_open{listener="https"}"#, 1.0),
            (r#"weir_handshakes_total{listener="https",result="ok",version="TLSv1.3"}"#, 1.0),
            (r#"weir_handshakes_total{listener="https",result="timeout",version="-"}"#, 0.0),
            (r#"weir_handshakes_resumed_total{listener="https",version="TLSv1.3"}"#, 0.0),
            (r#"weir_handshakes_resumed_total{listener="https",version="TLSv1.2"}"#, 1.0),
            (r#"weir_key_exchanges_total{group="X25519",listener="https"}"#, 1.0),
            (r#"weir_key_exchanges_total{group="secp256r1",listener="https"}"#, 0.0),
            (r#"weir_connections_refused_total{listener="https",reason="client-full"}"#, 0.0),
            (r#"weir_connections_refused_total{listener="https",reason="denied"}"#, 0.0),
            (r#"weir_connections_refused_total{listener="https",reason="listener-full"}"#, 0.0),
            ("weir_generation", 7.0),
            ("weir_reload_last_success", 0.0),
            ("weir_reload_last_timestamp_seconds", 2_000.0),
            (r#"weir_reloads_total{result="refused"}"#, 1.0),
            (r#"weir_reloads_total{result="accepted"}"#, 0.0),
            (r#"weir_build_info{version="1.2.3"}"#, 1.0),
            ("weir_start_time_seconds", 1_000.0),
            (r#"weir_log_dropped_total{log="journal"}"#, 3.0),
        ],
    );
    let samples = read(&metrics.text());
    for name in ["resident_memory_bytes", "virtual_memory_bytes", "cpu_seconds_total", "open_fds", "threads"] {
        assert!(samples[&format!("process_{name}")] > 0.0, "{name}");
    }
    assert!((samples["process_start_time_seconds"] - 1_000.0).abs() < 1e-9);
}

#[test]
fn a_handle_asked_for_twice_counts_on_and_one_that_is_gone_takes_its_series_along() {
    let metrics = metrics();
    let series = r#"weir_requests_total{code="200",node="worker1",pool="esb",site="a"}"#;
    let before = metrics.route("a", "esb", "worker1");
    before.record(&finished(200), &Tally::default());
    before.node().unwrap().changed(Some("unhealthy"));
    let gone = metrics.route("b", "old", "worker2");
    gone.record(&finished(200), &Tally::default());
    gone.site().refused("no_node");
    gone.site().certificate_valid(Some((0, 1)));
    gone.node().unwrap().changed(None);
    gone.node().unwrap().probed("fail", Duration::ZERO);
    gone.node().unwrap().connection("opened");
    let gone_pool = metrics.pool("old");
    gone_pool.session("hit");
    gone.node().unwrap().retried("refused");
    let gone_listener = metrics.listener("gone");
    gone_listener.shaken("TLSv1.2", true, Some("X25519"));

    // The next generation resolves its handles before the last one lets go of its own.
    let after = metrics.route("a", "esb", "worker1");
    drop((before, gone, gone_pool, gone_listener));
    after.record(&finished(200), &Tally::default());
    let last = read(&metrics.text());
    assert!((last[series] - 2.0).abs() < 1e-9);
    assert!(last.keys().any(|series| series.contains("worker2")), "the last counts are shown once");

    let samples = read(&metrics.text());
    assert!((samples[series] - 2.0).abs() < 1e-9);
    let leftover = ["worker2", "\"old\"", "\"b\"", "\"gone\""];
    let left = samples.keys().filter(|series| leftover.iter().any(|gone| series.contains(gone)));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn what_is_gone_tells_nothing_of_how_it_is_though_its_last_request_still_counts() {
    let metrics = metrics();
    let (pool, node, site) = (metrics.pool("old"), metrics.node("old", "worker1"), metrics.site("a"));
    pool.set_gauges(1, 2, true);
    node.retried("refused");
    node.state(Some("unhealthy"));
    site.certificate_valid(Some((0, 1)));
    let route = metrics.route("a", "old", "worker1");
    assert!(metrics.text().contains("weir_pool_without_active_node{pool=\"old\"} 1"));
    pool.remove_gauges();
    node.remove_gauges();
    site.remove_gauges();
    // Whatever looked before it was gone says nothing afterwards either.
    pool.set_gauges(1, 2, true);
    node.changed(Some("ejected"));
    site.certificate_valid(Some((0, 2)));
    route.record(&finished(200), &Tally::default());
    let left = |metrics: &Metrics| read(&metrics.text()).into_keys().collect::<Vec<_>>();
    let gauges = ["without_active", "node_state{", "node_active", "weir_certificate", "queue_waiting", "in_flight"];
    let series = left(&metrics);
    assert!(!series.iter().any(|series| gauges.iter().any(|gauge| series.contains(gauge))), "{series:?}");
    for counted in
        ["weir_requests_total{code=\"200\",node=\"worker1\"", "weir_retries_total{node=\"worker1\",pool=\"old\""]
    {
        assert!(series.iter().any(|series| series.starts_with(counted)), "{counted}");
    }
    // It comes back while that request runs.
    metrics.pool("old").set_gauges(0, 0, false);
    assert!(metrics.text().contains("weir_pool_without_active_node{pool=\"old\"} 0"));
    drop((pool, node, site, route));
    assert!(!left(&metrics).is_empty());
    assert!(!left(&metrics).iter().any(|series| series.contains("old")), "nobody holds it");
}

#[test]
fn a_site_that_loses_its_certificate_and_a_log_that_is_closed_lose_their_series() {
    let metrics = metrics();
    let site = metrics.site("a");
    site.certificate_valid(Some((0, 1)));
    metrics.log_dropped(&[("a.log".to_owned(), 2), ("b.log".to_owned(), 0)]);
    site.certificate_valid(None);
    metrics.log_dropped(&[("b.log".to_owned(), 5)]);
    let text = metrics.text();
    assert!(!text.contains("weir_certificate_"));
    assert!(!text.contains("a.log") && text.contains("weir_log_dropped_total{log=\"b.log\"} 5\n"));
}

#[test]
fn what_is_asked_at_a_scrape_is_fresh() {
    let metrics = metrics();
    metrics.before_scrape(|metrics| metrics.generation(9));
    assert!(metrics.text().contains("\nweir_generation 9\n"));
}

#[test]
fn two_threads_count_everything_while_scrapes_go_on() {
    let metrics = metrics();
    let route = metrics.route("a", "esb", "worker1");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..10_000).for_each(|round| route.record(&finished(200 + round % 30), &Tally::default())));
        }
        for _ in 0..20 {
            read(&metrics.text());
        }
    });
    let samples = read(&metrics.text());
    let requests: f64 =
        samples.iter().filter(|(name, _)| name.starts_with("weir_requests_total")).map(|(_, n)| n).sum();
    assert!((requests - 20_000.0).abs() < 1e-9);
    assert!((samples[r#"weir_request_seconds_count{site="a"}"#] - 20_000.0).abs() < 1e-9);
}

#[test]
fn strange_names_are_escaped() {
    let metrics = metrics();
    let _site = metrics.site("a\"b\\c\nd");
    assert!(metrics.text().contains(r#"weir_tunnels_total{site="a\"b\\c\nd"} 0"#));
}

#[test]
fn the_table_is_sorted_and_well_named() {
    assert!(DEFINITIONS.is_sorted_by(|a, b| a.0 < b.0));
    for (name, kind, _, help) in DEFINITIONS {
        assert!((name.starts_with("weir_") || name.starts_with("process_")) && !help.is_empty(), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
    }
}

#[test]
fn the_documentation_speaks_only_of_metrics_that_there_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let word = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    for name in text.split(|byte| !word(byte)).filter(|name| name.len() > 5 && name.starts_with("weir_")) {
        let known = DEFINITIONS.iter().any(|entry| {
            let rest = name.strip_prefix(entry.0);
            rest == Some("") || (entry.1 == "histogram" && matches!(rest, Some("_bucket" | "_sum" | "_count")))
        });
        assert!(known, "docs/metrics.md speaks of {name}");
    }
}
