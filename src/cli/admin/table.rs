//! Lists of JSON objects as tables for people.

use serde_json::Value;

use crate::cli::screen::wrapped;

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

/// A table whose last column are remarks, in this width. Where they have no room beside their rows, they stand below them.
/// Of the columns in `least` one after the other is left out then, as long as the rest is too wide; at last names are cut,
/// which are the first two cells.
pub(super) fn fitted(titles: &[&str], mut rows: Vec<Vec<String>>, least: &[&str], width: usize) -> String {
    let whole = table(titles, rows.clone());
    if widest(&whole) <= width {
        return whole;
    }
    let mut titles = titles.to_vec();
    titles.pop();
    let remarks: Vec<String> = rows.iter_mut().filter_map(Vec::pop).collect();
    let mut shown = table(&titles, rows.clone());
    for column in least {
        let at = titles.iter().position(|title| title == column).filter(|_| widest(&shown) > width);
        if let Some(at) = at {
            titles.remove(at);
            rows.iter_mut().for_each(|row| _ = row.remove(at));
            shown = table(&titles, rows.clone());
        }
    }
    let excess = widest(&shown).saturating_sub(width);
    if excess > 0 {
        cut_names(&mut rows, excess);
        shown = table(&titles, rows);
    }
    let remarks = remarks.iter().map(|remark| match remark.is_empty() {
        true => String::new(),
        false => wrapped(&format!("    {remark}\n"), width, 0),
    });
    shown
        .split_inclusive('\n')
        .zip([String::new()].into_iter().chain(remarks))
        .flat_map(|(row, remark)| [row.to_owned(), remark])
        .collect()
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

/// Cuts the first two columns by so many letters together, the wider one first; of each name eight letters stay.
fn cut_names(rows: &mut [Vec<String>], excess: usize) {
    let most = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let mut rooms = [0, 1].map(|column| most(column).unwrap_or_default());
    for _ in 0..excess {
        let wider = usize::from(rooms[1] > rooms[0]);
        if rooms[wider] > LEAST_NAME {
            rooms[wider] -= 1;
        }
    }
    for row in rows {
        row.iter_mut().zip(rooms).for_each(|(cell, room)| *cell = shortened(cell, room));
    }
}

/// So much of a name stays.
const LEAST_NAME: usize = 8;

/// A text that is cut at its end where there is no room.
pub(super) fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
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
