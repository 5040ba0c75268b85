//! `weir status`, `weir nodes`, `weir sessions`, `weir reload`: answers of the admin API as tables or as JSON.

use std::time::SystemTime;

use hyper::Method;
use serde_json::Value;

use super::client::{AdminArgs, send};
use super::table::{rows, table, text};
use crate::app::FAILED;
use crate::cli::check::operator_orders::unknown_node;
use crate::cli::output::{fail, print, print_line, warn};
use crate::cli::times::{span, unix, until};

/// `weir status`.
pub(crate) fn status(args: &AdminArgs) -> i32 {
    let now = unix(SystemTime::now());
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
        [head].into_iter().chain(tables).filter(|table| !table.is_empty()).collect::<Vec<_>>().join("\n")
    })
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
pub(crate) fn reload(args: &AdminArgs) -> i32 {
    let (_, answer) = match send(args.admin, &Method::POST, "/api/reload") {
        Ok(answered) => answered,
        Err(why) => return fail(&why),
    };
    let ok = answer["ok"] == Value::Bool(true);
    if args.json {
        print(&format!("{answer:#}\n"));
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

/// Problems in files as a list; a single one that is of no file as one line.
fn refusal(answer: &Value) -> String {
    let problems = answer["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    match problems {
        [one] if one["file"].as_str().is_none_or(str::is_empty) => {
            format!("weir: reload refused: {}", text(&one["what"]))
        }
        _ => {
            let head = format!("weir: reload refused, generation {} keeps running", text(&answer["generation"]));
            problems.iter().fold(head, |all, problem| format!("{all}\n  {}", problem_line(problem)))
        }
    }
}

fn problem_line(problem: &Value) -> String {
    let (file, line) = (text(&problem["file"]), problem["line"].as_u64().unwrap_or_default());
    let place = if line == 0 { file } else { format!("{file}:{line}") };
    let advice = text(&problem["advice"]);
    let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    format!("{place}: {}{advice}", text(&problem["what"]))
}

fn show(args: &AdminArgs, path: &str, format: impl Fn(&Value) -> String) -> i32 {
    let text = match send(args.admin, &Method::GET, path) {
        Ok((_, answer)) if args.json => format!("{answer:#}\n"),
        Ok((_, answer)) => format(&answer),
        Err(why) => return fail(&why),
    };
    if print(&text) { 0 } else { FAILED }
}

const NODE_TITLES: [&str; 10] =
    ["POOL", "NODE", "ADDRESS", "STATE", "REASON", "SINCE", "WEIGHT", "RUNNING", "SESSIONS", ""];

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
    front.chain([since, plain("weight"), running, plain("sessions"), remarks(node, now)]).collect()
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
    use serde_json::json;

    const NOW: u64 = 1_795_348_800;

    #[test]
    fn nodes_are_shown_with_what_is_special_about_them() {
        let nodes = json!([
            {"pool": "esb", "node": "worker1", "address": "10.0.0.3:8280", "state": "passive", "reason": "draining", "weight": 1,
             "in_flight": 3, "sessions": 12, "since": 65, "operator": "drain", "deadline": NOW + 9_000, "warmth": 100, "queued": 0},
            {"pool": "esb", "node": "w2", "address": "10.0.0.4:8280", "state": "active", "reason": null, "weight": 1,
             "in_flight": 7, "sessions": null, "since": 5, "operator": null, "deadline": null, "backup": true,
             "max_requests": 200, "warmth": 40, "queued": 3},
            {"pool": "esb", "node": "w3", "address": "10.0.0.5:8280", "state": "active", "reason": null, "weight": 1,
             "in_flight": 0, "sessions": 0},
        ]);
        let expected = "\
POOL  NODE     ADDRESS        STATE    REASON    SINCE  WEIGHT  RUNNING  SESSIONS
esb   worker1  10.0.0.3:8280  passive  draining  1m 5s  1       3        12        by an operator, until 14:30 UTC
esb   w2       10.0.0.4:8280  active   -         5s     1       7/200    -         backup, warming 40 %, 3 waiting
esb   w3       10.0.0.5:8280  active   -         -      1       0        0
";
        assert_eq!(node_table(&nodes, NOW), expected);
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
