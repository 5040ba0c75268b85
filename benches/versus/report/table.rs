//! Tables in Markdown, aligned so that a terminal shows them well.

use crate::columns::Kind;
use crate::rounds::{ColumnResult, WorkloadResult};

/// One workload: a row for each column.
pub(crate) fn of(measured: &WorkloadResult) -> String {
    let names = measured.figures();
    let mut head = vec![measured.workload.name.to_owned(), "to nginx".to_owned(), "(range)".to_owned()];
    head.extend(names.iter().map(|name| (*name).to_owned()));
    let mut rows = vec![head];
    for taken in &measured.columns {
        let mut row = vec![taken.column.name.clone()];
        row.extend(ratio(measured, taken));
        row.extend(names.iter().map(|name| taken.median(name).map_or("-".to_owned(), number)));
        rows.push(row);
    }
    format!("{}: {}\n\n{}", measured.workload.name, measured.workload.what, aligned(&rows))
}

/// The ratios to nginx of all workloads.
pub(crate) fn summary(all: &[WorkloadResult]) -> String {
    let mut columns = Vec::new();
    for taken in all.iter().flat_map(|measured| &measured.columns) {
        if !matches!(taken.column.kind, Kind::Nginx | Kind::Origin) && !columns.contains(&taken.column.name) {
            columns.push(taken.column.name.clone());
        }
    }
    let mut head = vec!["to nginx".to_owned(), "of".to_owned(), "nginx".to_owned()];
    head.extend(columns.iter().cloned());
    let mut rows = vec![head];
    for measured in all {
        let by = measured.workload.by;
        let nginx = measured.columns.iter().find(|taken| taken.column.kind == Kind::Nginx);
        let nginx = nginx.and_then(|taken| taken.median(by)).map_or("-".to_owned(), number);
        let mut row = vec![measured.workload.name.to_owned(), by.to_owned(), nginx];
        row.extend(columns.iter().map(|name| {
            let taken = measured.columns.iter().find(|taken| taken.column.name == *name);
            let ratio = taken.and_then(|taken| measured.ratio(taken));
            ratio.map_or("-".to_owned(), |ratio| format!("{:.2}", ratio.median))
        }));
        rows.push(row);
    }
    aligned(&rows)
}

fn ratio(measured: &WorkloadResult, taken: &ColumnResult) -> [String; 2] {
    match measured.ratio(taken) {
        Some(ratio) => [format!("{:.2}", ratio.median), format!("{:.2}–{:.2}", ratio.least, ratio.greatest)],
        None => ["-".to_owned(), "-".to_owned()],
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths = (0..count)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect::<Vec<_>>();
    let mut lines = rows.iter().map(|row| line(row, &widths)).collect::<Vec<_>>();
    let rule = widths.iter().enumerate().map(|(at, width)| match at {
        0 => "-".repeat(*width),
        _ => "-".repeat(width.max(&2) - 1) + ":",
    });
    lines.insert(1.min(lines.len()), format!("| {} |", rule.collect::<Vec<_>>().join(" | ")));
    lines.join("\n")
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| match at {
        0 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}
