//! One chart: for each workload and column a bar from nothing to its ratio to nginx, and a line where nginx is.

use std::fmt::Write;

use crate::columns::Kind;
use crate::rounds::{Ratio, WorkloadResult};

const COLOURS: &[&str] = &["#0b6e4f", "#c8553d", "#3d5a80", "#8d6a9f", "#6b705c"];
const LEFT: f64 = 170.0;
const WIDTH: f64 = 900.0;
/// Bars longer than this are cut; their number stands beside them.
const MOST: f64 = 2.0;
const BAR: f64 = 12.0;

/// The SVG.
pub(crate) fn draw(machine: &str, all: &[WorkloadResult]) -> String {
    let columns = columns(all);
    let unit = (WIDTH - LEFT - 60.0) / MOST;
    let mut y = 64.0;
    let mut body = String::new();
    for measured in all {
        let bars = columns.iter().enumerate().filter_map(|(place, name)| Some((place, ratio(measured, name)?)));
        let bars = bars.collect::<Vec<_>>();
        if bars.is_empty() {
            continue;
        }
        let middle = y + BAR * bars.len() as f64 / 2.0 + 4.0;
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            measured.workload.name
        );
        for (place, ratio) in bars {
            bar(&mut body, y, unit, COLOURS[place % COLOURS.len()], ratio);
            y += BAR;
        }
        y += 8.0;
    }
    let nginx = LEFT + unit;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{0}\" viewBox=\"0 0 {WIDTH} {0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text \
         x=\"8\" y=\"18\" font-size=\"14\">Cost in relation to nginx: CPU time per request, memory of an idle connection, \
         time of a reload. Less is better.</text>\n",
        y + 28.0
    );
    for (place, name) in columns.iter().enumerate() {
        let x = LEFT + 110.0 * place as f64;
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"32\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"42\">{name}</text>",
            COLOURS[place % COLOURS.len()],
            x + 18.0
        );
    }
    let _ = write!(
        text,
        "{body}<line x1=\"{nginx}\" y1=\"50\" x2=\"{nginx}\" y2=\"{0}\" stroke=\"#222222\"/>\n<text x=\"{1}\" \
         y=\"58\">nginx</text>\n<text x=\"8\" y=\"{2}\" font-size=\"10\" fill=\"#555555\">{3}</text>\n</svg>\n",
        y,
        nginx + 4.0,
        y + 18.0,
        machine.replace('&', "&amp;").replace('<', "&lt;")
    );
    text
}

fn bar(body: &mut String, y: f64, unit: f64, colour: &str, ratio: Ratio) {
    let length = ratio.median.clamp(0.0, MOST) * unit;
    let _ = writeln!(
        body,
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/><text x=\"{:.1}\" \
         y=\"{}\" font-size=\"10\">{:.2}</text>",
        BAR - 2.0,
        LEFT + length + 4.0,
        y + BAR - 3.0,
        ratio.median
    );
}

fn columns(all: &[WorkloadResult]) -> Vec<String> {
    let mut columns = Vec::new();
    for taken in all.iter().flat_map(|measured| &measured.columns) {
        let shown = !taken.column.logged && !matches!(taken.column.kind, Kind::Nginx | Kind::Origin);
        if shown && !columns.contains(&taken.column.name) {
            columns.push(taken.column.name.clone());
        }
    }
    columns
}

fn ratio(measured: &WorkloadResult, name: &str) -> Option<Ratio> {
    let taken = measured.columns.iter().find(|taken| taken.column.name == name)?;
    measured.ratio(taken)
}
