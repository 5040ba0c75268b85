//! `weir status`, `weir nodes`, `weir sessions`, `weir reload`: answers of the admin API as tables or as JSON.

use std::time::SystemTime;

use hyper::Method;
use serde_json::{Value, json};

use super::client::{AdminArgs, send, send_change};
use super::operate::{self, Why, report_refusal};
use super::table::{rows, table, text};
use crate::app::FAILED;
use crate::cli::check::operator_orders::unknown_node;
use crate::cli::output::{fail, print, print_line, warn};
use crate::cli::times::{span, unix, until};

/// `weir status`.
pub(crate) fn status(args: &AdminArgs) -> i32 {
    let now = unix(SystemTime::now());
    // An older Weir has no verdict.
    let told = send(args, &Method::GET, "/api/v1/status").ok().filter(|(status, _)| *status == 200);
    let verdict = told.map_or_else(String::new, |(_, told)| verdict(&told));
    show(args, "/api/status", |status| {
        let head = format!(
            "weir {}, generation {}, up {}, {} connections\n",
            text(&status["version"]),
            text(&status["generation"]),
            span(status["uptime_seconds"].as_u64().unwrap_or_default()),
            text(&status["connections"]),
        );
        let tables = [
            table(&["LISTENER", "ADDRESS", "TLS"], rows(&status["listeners"], &["name", "address", "tls"])),
            table(&["SITE", "HOSTS", "POOL"], rows(&status["sites"], &["name", "hosts", "pool"])),
            node_table(&status["nodes"], now),
            order_table(&status["operators"], now),
            table(&["WHEN", "WHAT", "OF", ""], rows(&status["events"], &["time", "kind", "subject", "text"])),
        ];
        [format!("{verdict}{head}")]
            .into_iter()
            .chain(tables)
            .filter(|table| !table.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    })
}

/// The verdict, and the last minute in a line.
fn verdict(status: &Value) -> String {
    format!("{}\n{}\n", text(&status["verdict"]["sentence"]), minute_line(&status["last_minute"]))
}

/// The last minute in a line.
pub(super) fn minute_line(minute: &Value) -> String {
    let mut line = Vec::new();
    if minute["requests"].as_u64().is_some_and(|requests| requests > 0) {
        line.push(format!("{} requests/s", text(&minute["per_second"])));
        line.push(format!("{} % errors", text(&minute["error_percent"])));
        for percentile in ["p50", "p95", "p99"] {
            line.push(format!("{percentile} {}", milliseconds(&minute["milliseconds"][percentile])));
        }
    } else {
        line.push("no request in the last minute".to_owned());
    }
    line.push(format!("{} in flight", text(&minute["in_flight"])));
    line.join(", ")
}

/// `38 ms`, from a second on `1.52 s`; `-` for nothing.
pub(super) fn milliseconds(value: &Value) -> String {
    match value.as_f64() {
        None => "-".to_owned(),
        Some(time) if time < 10.0 => format!("{time:.1} ms"),
        Some(time) if time < 1_000.0 => format!("{time:.0} ms"),
        Some(time) => format!("{:.2} s", time / 1e3),
    }
}

/// `weir nodes`.
pub(crate) fn nodes(args: &AdminArgs) -> i32 {
    let now = unix(SystemTime::now());
    show(args, "/api/nodes", |nodes| node_table(nodes, now))
}

/// `weir sessions`.
pub(crate) fn sessions(args: &AdminArgs) -> i32 {
    show(args, "/api/sessions", |sessions| {
        table(&["POOL", "SESSIONS", "EVICTED", "BY NODE"], rows(sessions, &["pool", "sessions", "evicted", "by_node"]))
    })
}

/// `weir reload`.
#[derive(clap::Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    pub(crate) args: AdminArgs,
}

/// `weir reload`.
pub(crate) fn reload(reload: &ReloadArgs) -> i32 {
    let (args, body) = (&reload.args, json!({ "reason": reload.why.reason }));
    let (status, mut answer) = match send_change(args, &Method::POST, "/api/v1/reload", &body) {
        Ok(answered) => answered,
        Err(why) => return fail(&why),
    };
    let ok = status.is_success();
    if !ok && let Ok((_, now)) = send(args, &Method::GET, "/api/v1/status") {
        answer["generation"] = now["generation"].clone();
    }
    if args.json {
        print(&format!("{:#}\n", in_one_form(ok, &answer)));
    } else if ok {
        print_line(format_args!("reloaded: generation {} runs", text(&answer["generation"])));
        for warning in answer["warnings"].as_array().into_iter().flatten() {
            warn(&problem_line(warning));
        }
    } else {
        eprintln!("{}", refusal(&answer));
    }
    if ok { 0 } else { FAILED }
}

/// What `--json` prints: `ok`, `generation`, `problems` and `warnings`, whatever came of it.
fn in_one_form(ok: bool, answer: &Value) -> Value {
    let list = |name: &str| if answer[name].is_array() { answer[name].clone() } else { json!([]) };
    let mut problems = list("problems");
    if !ok && problems == json!([]) {
        problems = json!([{ "file": "", "line": 0, "what": answer["detail"], "advice": answer["advice"] }]);
    }
    json!({ "ok": ok, "generation": answer["generation"], "problems": problems, "warnings": list("warnings") })
}

/// `weir log-level`.
#[derive(clap::Args)]
pub(crate) struct LogLevel {
    /// error, warn, info or debug, until the next start; without it, tell which it is
    level: Option<String>,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir log-level`.
pub(crate) fn log_level(wanted: &LogLevel) -> i32 {
    let (args, path) = (&wanted.args, "/api/v1/log-level");
    let answered = match &wanted.level {
        None => send(args, &Method::GET, path),
        Some(level) => {
            let body = json!({ "level": level, "reason": wanted.why.reason });
            send_change(args, &Method::PUT, path, &body)
        }
    };
    match answered {
        Err(why) => fail(&why),
        Ok((status, answer)) if !status.is_success() => report_refusal(args.json, &operate::refusal(&answer)),
        Ok((_, answer)) if args.json => i32::from(!print(&format!("{answer:#}\n"))),
        Ok((_, answer)) => {
            print_line(text(&answer["level"]));
            0
        }
    }
}

/// Problems in files as a list; a single one that is of no file as one line.
fn refusal(answer: &Value) -> String {
    let problems = answer["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    match problems {
        [] => {
            let advice = answer["advice"].as_str().filter(|advice| !advice.is_empty());
            let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
            format!("weir: reload refused: {}{advice}", text(&answer["detail"]))
        }
        [one] if one["file"].as_str().is_none_or(str::is_empty) => {
            format!("weir: reload refused: {}", text(&one["what"]))
        }
        _ => {
            let head = match &answer["generation"] {
                Value::Null => format!("weir: {}", text(&answer["detail"])),
                kept => format!("weir: reload refused, generation {} keeps running", text(kept)),
            };
            problems.iter().fold(head, |all, problem| format!("{all}\n  {}", problem_line(problem)))
        }
    }
}

/// `weir.toml:7: what is wrong; what would be right`.
pub(super) fn problem_line(problem: &Value) -> String {
    let (file, line) = (text(&problem["file"]), problem["line"].as_u64().unwrap_or_default());
    let place = if line == 0 { file } else { format!("{file}:{line}") };
    let advice = text(&problem["advice"]);
    let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    format!("{place}: {}{advice}", text(&problem["what"]))
}

fn show(args: &AdminArgs, path: &str, format: impl Fn(&Value) -> String) -> i32 {
    let text = match send(args, &Method::GET, path) {
        Ok((_, answer)) if args.json => format!("{answer:#}\n"),
        Ok((_, answer)) => format(&answer),
        Err(why) => return fail(&why),
    };
    if print(&text) { 0 } else { FAILED }
}

const NODE_TITLES: [&str; 12] =
    ["POOL", "NODE", "ADDRESS", "STATE", "REASON", "SINCE", "WEIGHT", "RUNNING", "SESSIONS", "REQ/S", "P95", ""];

fn node_table(nodes: &Value, now: u64) -> String {
    table(&NODE_TITLES, nodes.as_array().into_iter().flatten().map(|node| node_row(node, now)).collect())
}

fn node_row(node: &Value, now: u64) -> Vec<String> {
    let plain = |key: &str| text(&node[key]);
    let since = node["since"].as_u64().map_or_else(|| "-".to_owned(), span);
    let running = match node["max_requests"].as_u64() {
        Some(most) => format!("{}/{most}", plain("in_flight")),
        None => plain("in_flight"),
    };
    let front = ["pool", "node", "address", "state", "reason"].into_iter().map(plain);
    let minute = &node["last_minute"];
    let (rate, p95) = (text(&minute["per_second"]), milliseconds(&minute["milliseconds"]["p95"]));
    front.chain([since, plain("weight"), running, plain("sessions"), rate, p95, remarks(node, now)]).collect()
}

/// Remarks on a node, most have none: `backup, warming 40 %`.
fn remarks(node: &Value, now: u64) -> String {
    let remarks = [
        (node["backup"] == true).then(|| "backup".to_owned()),
        node["warmth"]
            .as_u64()
            .filter(|warmth| *warmth < 100 && node["state"] == "active")
            .map(|warmth| format!("warming {warmth} %")),
        node["queued"].as_u64().filter(|queued| *queued > 0).map(|queued| format!("{queued} waiting")),
        node["operator"].as_str().map(|_| "by an operator".to_owned()),
        node["deadline"].as_u64().map(|deadline| until(deadline, now)),
    ];
    remarks.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The table of nodes that operators have drained or put in maintenance; empty where there is none.
fn order_table(operators: &Value, now: u64) -> String {
    let row = |order: &Value| {
        let node = text(&order["node"]);
        let since = order["since"].as_u64().map_or_else(|| "-".to_owned(), |since| span(now.saturating_sub(since)));
        let remark = match order["deadline"].as_u64() {
            _ if order["known"] == false => unknown_node(&node),
            Some(deadline) => until(deadline, now),
            None => String::new(),
        };
        vec![node, text(&order["operator"]), since, remark]
    };
    let rows: Vec<_> = operators.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() { String::new() } else { table(&["NODE", "ORDER", "SINCE", ""], rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_348_800;

    #[test]
    fn nodes_are_shown_with_what_is_special_about_them() {
        let nodes = json!([
            {"pool": "esb", "node": "worker1", "address": "10.0.0.3:8280", "state": "passive", "reason": "draining", "weight": 1,
             "in_flight": 3, "sessions": 12, "since": 65, "operator": "drain", "deadline": NOW + 9_000, "warmth": 100, "queued": 0},
            {"pool": "esb", "node": "w2", "address": "10.0.0.4:8280", "state": "active", "reason": null, "weight": 1,
             "in_flight": 7, "sessions": null, "since": 5, "operator": null, "deadline": null, "backup": true,
             "max_requests": 200, "warmth": 40, "queued": 3,
             "last_minute": {"per_second": 12.5, "milliseconds": {"p95": 1_520.4}}},
            {"pool": "esb", "node": "w3", "address": "10.0.0.5:8280", "state": "active", "reason": null, "weight": 1,
             "in_flight": 0, "sessions": 0},
        ]);
        let expected = "\
POOL  NODE     ADDRESS        STATE    REASON    SINCE  WEIGHT  RUNNING  SESSIONS  REQ/S  P95
esb   worker1  10.0.0.3:8280  passive  draining  1m 5s  1       3        12        -      -       by an operator, until 14:30 UTC
esb   w2       10.0.0.4:8280  active   -         5s     1       7/200    -         12.5   1.52 s  backup, warming 40 %, 3 waiting
esb   w3       10.0.0.5:8280  active   -         -      1       0        0         -      -
";
        assert_eq!(node_table(&nodes, NOW), expected);
    }

    #[test]
    fn the_verdict_comes_first_and_the_last_minute_beside_it() {
        let busy = json!({"verdict": {"sentence": "All well"}, "last_minute": {"requests": 60, "per_second": 1.07,
            "error_percent": 0.02, "in_flight": 3, "milliseconds": {"p50": 1.24, "p95": 38.4, "p99": 1_002.0}}});
        let expected = "All well\n1.07 requests/s, 0.02 % errors, p50 1.2 ms, p95 38 ms, p99 1.00 s, 3 in flight\n";
        assert_eq!(verdict(&busy), expected);
        let idle = json!({"verdict": {"sentence": "Down: x"}, "last_minute": {"requests": 0, "in_flight": 0}});
        assert_eq!(verdict(&idle), "Down: x\nno request in the last minute, 0 in flight\n");
    }

    #[test]
    fn a_refused_reload_says_where_or_why() {
        let of_files = json!({"ok": false, "generation": 3, "problems": [
            {"file": "w.toml", "line": 7, "what": "no port", "advice": "write port"},
            {"file": "w.toml", "line": 0, "what": "no site", "advice": ""},
        ]});
        let expected =
            "weir: reload refused, generation 3 keeps running\n  w.toml:7: no port; write port\n  w.toml: no site";
        assert_eq!(refusal(&of_files), expected);
        for file in [json!(""), Value::Null] {
            let of_none = json!({"ok": false, "problems": [{"file": file, "what": "Weir is stopping", "advice": ""}]});
            assert_eq!(refusal(&of_none), "weir: reload refused: Weir is stopping");
        }
    }

    #[test]
    fn orders_for_nodes_that_are_not_in_the_file_are_marked() {
        let operators = json!([
            {"node": "worker1", "operator": "drain", "since": NOW - 65, "deadline": NOW + 9_000, "known": true},
            {"node": "old", "operator": "maintain", "since": NOW - 3_700, "deadline": null, "known": false},
        ]);
        let expected = "\
NODE     ORDER     SINCE
worker1  drain     1m 5s  until 14:30 UTC
old      maintain  1h 1m  not in the file; `weir activate old` forgets it
";
        assert_eq!(order_table(&operators, NOW), expected);
        assert_eq!((order_table(&json!([]), NOW), order_table(&Value::Null, NOW)), (String::new(), String::new()));
    }
}
