//! A unified diff of what changes. Lines that may hold a password are not shown.

use similar::TextDiff;

use crate::wso2::{Change, may_hold_a_secret};

/// Of all files, with an empty line behind it.
pub(super) fn unified(changes: &[Change]) -> String {
    let all: String = changes.iter().map(of_one).collect();
    if all.is_empty() { all } else { all + "\n" }
}

fn of_one(change: &Change) -> String {
    let (before, after) = &change.texts;
    let name = change.path.display().to_string();
    let diff = TextDiff::from_lines(before.as_str(), after.as_str()).unified_diff().header(&name, &name).to_string();
    let mut lines = diff.split_inclusive('\n');
    let head: String = lines.by_ref().take(2).collect();
    head + &lines.map(shown).collect::<String>()
}

/// A line of the diff, or that there is one.
fn shown(line: &str) -> String {
    match line.get(..1) {
        Some(sign @ ("+" | "-" | " ")) if may_hold_a_secret(line) => {
            format!("{sign}(a line that may hold a secret is not shown)\n")
        }
        _ => harmless(line.trim_end_matches(['\r', '\n'])) + "\n",
    }
}

/// Without what a terminal would obey.
fn harmless(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}
