//! What a running Weir says of itself, as tables for people or as JSON for scripts.

use hyper::Method;
use serde_json::Value;

use super::ask::{Asked, ask};
use super::voice;
use crate::app::FAILED;

/// `weir status`.
pub(super) fn status(asked: &Asked) -> i32 {
    show(asked, "/api/status", |status| {
        let head = format!(
            "weir {}, generation {}, up {}, {} connections\n",
            text(&status["version"]),
            text(&status["generation"]),
            uptime(status["uptime_seconds"].as_u64().unwrap_or_default()),
            text(&status["connections"]),
        );
        let tables = [
            table(&["LISTENER", "ADDRESS", "TLS"], rows(&status["listeners"], &["name", "address", "tls"])),
            table(&["SITE", "HOSTS", "POOL"], rows(&status["sites"], &["name", "hosts", "pool"])),
            table(&NODE_TITLES, rows(&status["nodes"], &NODE_KEYS)),
            table(&["WHEN", "WHAT", "OF", ""], rows(&status["events"], &["time", "kind", "subject", "text"])),
        ];
        [head].into_iter().chain(tables).collect::<Vec<_>>().join("\n")
    })
}

const NODE_TITLES: [&str; 8] = ["POOL", "NODE", "ADDRESS", "STATE", "REASON", "WEIGHT", "RUNNING", "SESSIONS"];
const NODE_KEYS: [&str; 8] = ["pool", "node", "address", "state", "reason", "weight", "in_flight", "sessions"];

/// `weir nodes`.
pub(super) fn nodes(asked: &Asked) -> i32 {
    show(asked, "/api/nodes", |nodes| table(&NODE_TITLES, rows(nodes, &NODE_KEYS)))
}

/// `weir sessions`.
pub(super) fn sessions(asked: &Asked) -> i32 {
    show(asked, "/api/sessions", |sessions| {
        table(&["POOL", "SESSIONS", "EVICTED", "BY NODE"], rows(sessions, &["pool", "sessions", "evicted", "by_node"]))
    })
}

/// `weir reload`.
pub(super) fn reload(asked: &Asked) -> i32 {
    let (_, answer) = match ask(asked.admin, &Method::POST, "/api/reload") {
        Ok(answered) => answered,
        Err(why) => return complain(&why),
    };
    let ok = answer["ok"] == Value::Bool(true);
    if asked.json {
        voice::answer(&format!("{answer:#}\n"));
    } else if ok {
        voice::say(format_args!("reloaded: generation {} runs", text(&answer["generation"])));
        for warning in answer["warnings"].as_array().into_iter().flatten() {
            eprintln!("weir: warning: {}", told(warning));
        }
    } else {
        eprintln!("weir: reload refused, generation {} keeps running", text(&answer["generation"]));
        for problem in answer["problems"].as_array().into_iter().flatten() {
            eprintln!("  {}", told(problem));
        }
    }
    if ok { 0 } else { FAILED }
}

fn told(problem: &Value) -> String {
    let (file, line) = (text(&problem["file"]), problem["line"].as_u64().unwrap_or_default());
    let place = if line == 0 { file } else { format!("{file}:{line}") };
    let advice = text(&problem["advice"]);
    let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    format!("{place}: {}{advice}", text(&problem["what"]))
}

fn show(asked: &Asked, path: &str, words: impl Fn(&Value) -> String) -> i32 {
    let text = match ask(asked.admin, &Method::GET, path) {
        Ok((_, answer)) if asked.json => format!("{answer:#}\n"),
        Ok((_, answer)) => words(&answer),
        Err(why) => return complain(&why),
    };
    if voice::answer(&text) { 0 } else { FAILED }
}

fn complain(why: &str) -> i32 {
    eprintln!("weir: {why}");
    FAILED
}

fn rows(list: &Value, keys: &[&str]) -> Vec<Vec<String>> {
    let row = |item: &Value| keys.iter().map(|key| text(&item[*key])).collect();
    list.as_array().into_iter().flatten().map(row).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_string(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn table(titles: &[&str], rows: Vec<Vec<String>>) -> String {
    let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
    let widest = |column: usize| {
        rows.iter().chain([&titles]).filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let line = |row: &Vec<String>| {
        let cell = |(column, cell): (usize, &String)| format!("{cell:<width$}", width = widest(column).unwrap_or(0));
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    [&titles].into_iter().chain(&rows).map(line).collect()
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_line_up() {
        let nodes = json!([{"node": "worker1", "state": "active"}, {"node": "w", "state": null}]);
        let shown = table(&["NODE", "STATE"], rows(&nodes, &["node", "state"]));
        assert_eq!(shown, "NODE     STATE\nworker1  active\nw        -\n");
    }

    #[test]
    fn time_is_told_in_the_two_largest_units() {
        let cases = [(5, "5s"), (65, "1m 5s"), (3_700, "1h 1m"), (90_000, "1d 1h")];
        cases.iter().for_each(|(seconds, told)| assert_eq!(uptime(*seconds), *told));
    }
}
