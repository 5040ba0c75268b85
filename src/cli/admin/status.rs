//! `weir status`, `weir nodes`, `weir sessions`, `weir reload`: answers of the admin API as tables or as JSON.

use std::io::stdout;
use std::time::{Duration, SystemTime};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{send, send_change, send_change_within};
use super::cluster_lines::cluster_lines;
use super::connection::AdminArgs;
use super::node_table::node_table;
use super::operate::{self, report_refusal};
use super::reason::Reason;
use super::request::ask_json;
use super::show::events::line;
use super::show::sites::{hosts, leads_to};
use super::table::{milliseconds, rows, table, text};
use crate::app::FAILED;
use crate::cli::check::operator_orders::unknown_node;
use crate::cli::output::{fail, print, print_line, tell, tell_aside, warn};
use crate::cli::screen::{size_of, table_width, wrapped};
use crate::cli::times::{span, unix, until};

/// `weir status`.
pub(crate) fn status(args: &AdminArgs) -> i32 {
    if args.json { printed(ask(args, "/api/status").map(|status| format!("{status:#}\n"))) } else { told(whole(args)) }
}

fn printed(shown: Result<String, String>) -> i32 {
    match shown {
        Ok(shown) if print(&shown) => 0,
        Ok(_) => FAILED,
        Err(why) => fail(&why),
    }
}

/// For people.
fn told(shown: Result<String, String>) -> i32 {
    match shown {
        Ok(shown) if tell(&shown) => 0,
        Ok(_) => FAILED,
        Err(why) => fail(&why),
    }
}

fn ask(args: &AdminArgs, path: &str) -> Result<Value, String> {
    ask_json(args, &Method::GET, path, Vec::new())
}

/// All tables, the verdict first. Where they push it off the screen, it stands once more at the end.
fn whole(args: &AdminArgs) -> Result<String, String> {
    let now = SystemTime::now();
    let (status, told) = (ask(args, "/api/status")?, ask(args, "/api/v1/status")?);
    let (nodes, pools, sites) = (ask(args, "/api/v1/nodes")?, ask(args, "/api/v1/pools")?, ask(args, "/api/v1/sites")?);
    let events = ask(args, &format!("/api/v1/events?limit={EVENTS}"))?;
    let head = format!(
        "{}weir {}, generation {}, up {}, {} connections{}\n",
        verdict(&told),
        text(&status["version"]),
        text(&status["generation"]),
        span(status["uptime_seconds"].as_u64().unwrap_or_default()),
        text(&status["connections"]),
        before(&told["before"]),
    );
    let events = events["events"].as_array().into_iter().flatten().rev();
    let tables = [
        head,
        table(&["LISTENER", "ADDRESS", "TLS"], rows(&status["listeners"], &["name", "address", "tls"])),
        site_table(&sites),
        node_table(&nodes, &pools, unix(now), table_width()) + &members(args),
        shared_table(&told["shared"]),
        machine_table(&told["machines"]),
        order_table(&status["operators"], unix(now)),
        events.map(|event| line(event, now)).collect(),
    ];
    let whole = tables.into_iter().filter(|table| !table.is_empty()).collect::<Vec<_>>().join("\n");
    let is_long = size_of(stdout()).is_some_and(|size| wrapped(&whole, size.width, 0).lines().count() >= size.height);
    let again = if is_long { format!("\n{}", verdict(&told)) } else { String::new() };
    Ok(whole + &again)
}

/// The process that has handed over, while it still has something to do.
fn before(before: &Value) -> String {
    match before["pid"].as_u64() {
        Some(pid) => {
            format!("\nprocess {pid}, from before the upgrade, still has {} connections", text(&before["connections"]))
        }
        None => String::new(),
    }
}

/// The servers that machines share; none, no table.
fn shared_table(servers: &Value) -> String {
    let row = |server: &Value| {
        let word = if server["up"] == true { "up" } else { "down" };
        let since = server["since_seconds"].as_u64().map_or_else(|| "-".to_owned(), span);
        vec![
            text(&server["server"]),
            word.to_owned(),
            since,
            milliseconds(&server["lag_milliseconds"]),
            text(&server["waiting"]),
        ]
    };
    let rows: Vec<_> = servers.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() { String::new() } else { table(&["SHARED SERVER", "STATE", "SINCE", "LAG", "WAITING"], rows) }
}

/// The other machines, and below them where they judge a node otherwise.
fn machine_table(machines: &Value) -> String {
    let all = || machines.as_array().into_iter().flatten();
    let row = |machine: &Value| {
        let seen = machine["seen_seconds"].as_f64().unwrap_or_default();
        let ago = if machine["there"] == true {
            format!("{seen:.1}s ago")
        } else {
            format!("{}, {} ago", if machine["stopped"] == true { "stopped" } else { "gone" }, span(seen as u64))
        };
        vec![text(&machine["name"]), ago, text(&machine["sessions"]), text(&machine["version"])]
    };
    let rows: Vec<_> = all().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let differ = |machine: &Value| {
        let told = machine["differs"].as_array().into_iter().flatten();
        told.map(|what| format!("{}: {}\n", text(&machine["name"]), text(what))).collect::<String>()
    };
    table(&["MACHINE", "SEEN", "SESSIONS", "WEIR"], rows) + &all().map(differ).collect::<String>()
}

fn site_table(sites: &Value) -> String {
    let row = |site: &Value| vec![text(&site["site"]), hosts(&site["hosts"]), leads_to(site)];
    table(&["SITE", "HOSTS", "POOL"], sites.as_array().into_iter().flatten().map(row).collect())
}

/// How many events are shown.
const EVENTS: usize = 10;

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

/// `weir nodes`.
pub(crate) fn nodes(args: &AdminArgs) -> i32 {
    if args.json {
        return printed(ask(args, "/api/nodes").map(|nodes| format!("{nodes:#}\n")));
    }
    let (nodes, pools) = (ask(args, "/api/v1/nodes"), ask(args, "/api/v1/pools"));
    let now = unix(SystemTime::now());
    told(nodes.and_then(|nodes| Ok(node_table(&nodes, &pools?, now, table_width()) + &members(args))))
}

/// What members say of their cluster. An older Weir knows nothing of it.
fn members(args: &AdminArgs) -> String {
    ask(args, "/api/v1/cluster").map(|cluster| cluster_lines(&cluster)).unwrap_or_default()
}

/// `weir sessions`.
pub(crate) fn sessions(args: &AdminArgs) -> i32 {
    let titles = ["POOL", "SESSIONS", "EVICTED", "BY NODE"];
    let shown = |sessions: &Value| table(&titles, rows(sessions, &["pool", "sessions", "evicted", "by_node"]));
    let sessions = ask(args, "/api/sessions");
    if args.json {
        printed(sessions.map(|sessions| format!("{sessions:#}\n")))
    } else {
        told(sessions.map(|sessions| shown(&sessions)))
    }
}

/// `weir reload`.
#[derive(clap::Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    why: Reason,
    #[command(flatten)]
    pub(crate) args: AdminArgs,
}

/// `weir reload`.
pub(crate) fn reload(reload: &ReloadArgs) -> i32 {
    let (args, body) = (&reload.args, json!({ "reason": reload.why.said() }));
    let ask = || send_change(args, &Method::POST, "/api/v1/reload", &body);
    let answered = ask().map(|first| match first.0 {
        // Another process may have taken over meanwhile: it answers at the same place.
        StatusCode::SERVICE_UNAVAILABLE => ask().unwrap_or(first),
        _ => first,
    });
    let (status, mut answer) = match answered {
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
        tell_aside(&refusal(&answer));
    }
    if ok { 0 } else { FAILED }
}

/// How long an upgrade may take: the new process reads the configuration and probes the nodes.
const UPGRADE: Duration = Duration::from_secs(120);

/// `weir upgrade`.
pub(crate) fn upgrade(upgrade: &ReloadArgs) -> i32 {
    let (args, body) = (&upgrade.args, json!({ "reason": upgrade.why.said() }));
    match send_change_within(UPGRADE, args, &Method::POST, "/api/v1/upgrade", &body) {
        Err(why) => fail(&why),
        Ok((status, answer)) if !status.is_success() => report_refusal(args.json, &operate::refusal(&answer)),
        Ok((_, answer)) if args.json => i32::from(!print(&format!("{answer:#}\n"))),
        Ok((_, answer)) => {
            let (pid, version) = (text(&answer["pid"]), text(&answer["version"]));
            print_line(format_args!(
                "upgraded: process {pid}, weir {version}, serves; the one before ends with its last request"
            ));
            0
        }
    }
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
    why: Reason,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir log-level`.
pub(crate) fn log_level(wanted: &LogLevel) -> i32 {
    let (args, path) = (&wanted.args, "/api/v1/log-level");
    let answered = match &wanted.level {
        None => send(args, &Method::GET, path),
        Some(level) => {
            let body = json!({ "level": level, "reason": wanted.why.said() });
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
        vec![node, text(&order["operator"]), since, text(&order["actor"]), text(&order["reason"]), remark]
    };
    let rows: Vec<_> = operators.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() { String::new() } else { table(&["NODE", "ORDER", "FOR", "BY", "REASON", ""], rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_348_800;

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
            {"node": "worker1", "operator": "drain", "since": NOW - 65, "deadline": NOW + 9_000, "known": true,
             "actor": "uid:1000 (anna)", "reason": "kernel update"},
            {"node": "old", "operator": "maintain", "since": NOW - 3_700, "deadline": null, "known": false},
        ]);
        let expected = format!(
            "\
NODE     ORDER     FOR    BY               REASON
worker1  drain     1m 5s  uid:1000 (anna)  kernel update  {}
old      maintain  1h 1m  -                -              not in the file; `weir activate old` forgets it
",
            until(NOW + 9_000, NOW)
        );
        assert_eq!(order_table(&operators, NOW), expected);
        assert_eq!((order_table(&json!([]), NOW), order_table(&Value::Null, NOW)), (String::new(), String::new()));
    }
}
