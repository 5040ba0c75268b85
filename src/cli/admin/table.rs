//! Lists of JSON objects as tables for people.

use serde_json::Value;

/// One row an object, one cell a key.
pub(super) fn rows(list: &Value, keys: &[&str]) -> Vec<Vec<String>> {
    let row = |item: &Value| keys.iter().map(|key| text(&item[*key])).collect();
    list.as_array().into_iter().flatten().map(row).collect()
}

/// A value as a cell.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_string(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
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

/// Titles and rows, in columns.
pub(super) fn table(titles: &[&str], rows: Vec<Vec<String>>) -> String {
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

/// `1 request`, `3 requests`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
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
}
