//! The admin address: metrics, liveness, states; and configuration errors as the operator meets them.

use std::time::{Duration, Instant};

use crate::harness::{Appliance, Client, Origin, Plan, eventually, fresh_dir, weir, within};

#[test]
fn liveness_and_readiness_are_told() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.ask_admin("/livez").status, 200);
    assert_eq!(weir.ask_admin("/readyz").status, 200);
    assert_eq!(weir.ask_admin("/nowhere").status, 404);
}

#[test]
fn requests_are_counted_by_site_pool_node_and_code() {
    let origin = Origin::answering(|seen| match seen.target().as_str() {
        "/fault" => b"HTTP/1.1 500 Fault\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let weir = Appliance::in_front_of(&[&origin]);
    for _ in 0..3 {
        weir.get("/");
    }
    weir.get("/fault");
    weir.client().ask("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
    let of = |code: &str| {
        weir.metric("weir_requests_total", &[("site", "main"), ("pool", "app"), ("node", "n1"), ("code", code)])
    };
    let is = |value: f64, expected: f64| (value - expected).abs() < 0.1;
    // A request is counted when its answer is done, which its client may know a moment earlier.
    eventually("every request is counted", || is(of("200"), 3.0) && is(of("500"), 1.0));
    eventually("the refusal is counted", || is(weir.metric("weir_refusals_total", &[("word", "unknown-host")]), 1.0));
    eventually("all are counted", || is(weir.metric("weir_request_seconds_count", &[("site", "main")]), 4.0));
    assert!(weir.metric("weir_connections_total", &[("listener", "http")]) >= 5.0);
    assert!(weir.metric("weir_build_info", &[]) > 0.5);
}

#[test]
fn every_metric_has_help_and_type_and_no_sample_twice() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().start();
    weir.get("/");
    let text = weir.ask_admin("/metrics").text();
    let mut samples = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(samples.insert(key.to_owned()), "{key} twice");
        let name = key.split('{').next().unwrap_or_default();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let told =
            |word: &str| text.contains(&format!("# {word} {base} ")) || text.contains(&format!("# {word} {name} "));
        assert!(
            ["weir_", "process_"].iter().any(|start| name.starts_with(start)) && told("HELP") && told("TYPE"),
            "{name}"
        );
    }
    assert!(samples.len() > 30);
}

#[test]
fn the_admin_address_answers_no_browser_from_elsewhere() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = Client::plain(weir.admin()).expect("the admin address accepts");
    let answer = client.ask("GET /api/reload HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(answer.status, 405, "a GET changes nothing");
}

#[test]
fn clients_that_send_half_a_head_do_not_block_the_admin_address() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    let before = weir.open_descriptors();
    let mut halves: Vec<Client> = (0..300).map(|_| Client::plain(weir.admin()).expect("accepted")).collect();
    halves.iter_mut().for_each(|half| assert!(half.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Half: ")));
    let began = Instant::now();
    assert_eq!(weir.ask_admin("/livez").status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "the operator waited for {:?}", began.elapsed());
    let open = weir.open_descriptors() - before;
    assert!(open < 144, "{open} connections are open");
    let closed = within(Duration::from_secs(10), || {
        halves.retain_mut(|half| !half.is_closed());
        halves.is_empty()
    });
    assert!(closed, "who is too slow is closed: {} are left", halves.len());
}

#[test]
fn a_web_page_behind_a_rebound_name_changes_nothing() {
    let origin = Origin::named("n");
    let plan = Plan::before(&[&origin]).admin("hosts = [\"weir1.test\"]");
    let weir = plan.token("operate", "0123456789abcdef").start();
    let ask = |path: &str, fields: &str| {
        let mut client = Client::plain(weir.admin()).expect("the admin address accepts");
        let token = "Authorization: Bearer 0123456789abcdef\r\n";
        client.ask(format!("POST {path} HTTP/1.1\r\nX-Weir: cli\r\nContent-Length: 0\r\n{token}{fields}\r\n")).status
    };
    for path in ["/api/reload", "/api/nodes/n1/maintain"] {
        assert_eq!(ask(path, "Host: evil.test\r\nOrigin: http://evil.test\r\n"), 403, "{path}");
        assert_eq!(ask(path, "Host: 127.0.0.1\r\nOrigin: http://evil.test\r\n"), 403, "{path}");
        assert_eq!(ask(path, "Host: evil.test\r\n"), 403, "{path}");
    }
    assert_eq!((weir.state("app", "n1").as_str(), weir.journal().contains("reloaded")), ("active", false));
    for host in ["127.0.0.1", "localhost:9180", "weir1.test:9180"] {
        assert_eq!(ask("/api/reload", &format!("Host: {host}\r\n")), 200, "{host}");
    }
}

/// Runs `weir check` on a file of this text.
fn check(text: &str) -> (Option<i32>, String) {
    let dir = fresh_dir();
    let file = dir.join("weir.toml");
    std::fs::write(&file, text).expect("a fresh directory can be written");
    let output = weir(&["check", "--config", &file.display().to_string()]).expect("the binary runs");
    let _ = std::fs::remove_dir_all(&dir);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

const GOOD: &str = r#"state-dir = "/tmp"
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
[[node]]
name = "worker1"
address = "10.0.0.3"
[[pool]]
name = "esb"
nodes = ["worker1"]
port = 8280
[[site]]
name = "esb.http"
listener = "http"
hosts = ["esb.test"]
pool = "esb"
"#;

#[test]
fn a_good_file_is_summed_up_and_exits_0() {
    let (code, said) = check(GOOD);
    assert_eq!(code, Some(0), "{said}");
    for part in ["esb.http", "esb.test", "worker1", "10.0.0.3:8280", "127.0.0.1:8080"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
}

#[test]
fn a_broken_file_exits_78_and_says_where_what_and_what_would_do() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("pool = \"esb\"", "pool = \"ebs\"", &[":16", "ebs", "esb"]),
        ("hosts = ", "host = ", &[":15", "host", "hosts"]),
        ("port = 8280", "port = \"8280\"", &[":11", "port"]),
        ("port = 8280", "port = 99999", &[":11", "99999"]),
        ("address = \"10.0.0.3\"", "address = \"worker:8280\"", &[":7", "worker:8280", "port = 8280"]),
        ("bind = \"127.0.0.1:8080\"", "bind = \"127.0.0.1\"", &[":4", "127.0.0.1"]),
        ("nodes = [\"worker1\"]", "nodes = []", &[":10", "nodes"]),
        ("nodes = [\"worker1\"]", "nodes = [\"worker2\"]", &[":10", "worker2", "worker1"]),
        ("listener = \"http\"", "listener = \"htpt\"", &[":14", "htpt", "http"]),
        ("name = \"http\"\n", "name = \"http\"\nidle-timeout = 75\n", &[":4", "idle-timeout", "75s"]),
        ("port = 8280", "port = 8280\ntries = -1", &[":12", "tries"]),
        ("[[pool]]", "[[pool]", &[":8"]),
    ];
    for (from, to, parts) in rows {
        let (code, said) = check(&GOOD.replacen(from, to, 1));
        assert_eq!(code, Some(78), "{to}: {said}");
        for part in *parts {
            assert!(said.contains(part), "{to}: no {part} in {said}");
        }
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let text = GOOD.replace("pool = \"esb\"", "pool = \"x1\"").replace("listener = \"http\"", "listener = \"x2\"");
    let (code, said) = check(&text);
    assert_eq!(code, Some(78));
    assert!(said.contains("x1") && said.contains("x2"), "{said}");
}

#[test]
fn run_refuses_a_bad_file_with_78_too_and_a_missing_one() {
    for file in ["/nowhere/weir.toml", "/dev/null/x"] {
        for command in ["run", "check"] {
            let output = weir(&[command, "--config", file]).expect("the binary runs");
            assert_eq!(output.status.code(), Some(78), "{command} {file}");
            assert!(
                String::from_utf8_lossy(&output.stderr).contains(file)
                    || String::from_utf8_lossy(&output.stdout).contains(file)
            );
        }
    }
}

#[test]
fn wrong_usage_exits_2() {
    for arguments in [&["fly"][..], &["run", "--no-such-flag"], &["check", "a", "b", "c"]] {
        assert_eq!(weir(arguments).expect("the binary runs").status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_pipe_in_place_of_the_file_is_refused_and_not_waited_for() {
    let dir = fresh_dir();
    let pipe = dir.join("weir.toml").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    for command in ["check", "run"] {
        // `timeout` ends what waits for a writer, with 124.
        let ended = std::process::Command::new("timeout")
            .args(["10", env!("CARGO_BIN_EXE_weir"), command, "--config", &pipe])
            .output()
            .expect("timeout is part of every Debian");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(78), "{command}: {said}");
        assert!(said.contains("this is a pipe, not a file"), "{command}: {said}");
    }
    let _ = std::fs::remove_dir_all(&dir);
}
