//! A unified diff of what changes. Lines that may hold a password are not shown.

use similar::{Change as Line, TextDiff};

use crate::wso2::{Change, secret_lines};

/// Of all files, with an empty line behind it.
pub(super) fn unified(changes: &[Change]) -> String {
    let all: String = changes.iter().map(of_one).collect();
    if all.is_empty() { all } else { all + "\n" }
}

fn of_one(change: &Change) -> String {
    let (before, after) = &change.texts;
    let diff = TextDiff::from_lines(before.as_str(), after.as_str());
    let (old, new) = (hidden(before, diff.iter_old_slices()), hidden(after, diff.iter_new_slices()));
    let is_hidden = |line: &Line<&str>| {
        let is_in = |all: &[bool], index: Option<usize>| index.and_then(|index| all.get(index)) == Some(&true);
        is_in(&old, line.old_index()) || is_in(&new, line.new_index())
    };
    let hunks = diff.unified_diff().iter_hunks().map(|hunk| {
        let lines: String = hunk.iter_changes().map(|line| shown(&line, is_hidden(&line))).collect();
        format!("{}\n{lines}", hunk.header())
    });
    let name = change.path.display();
    format!("--- {name}\n+++ {name}\n") + &hunks.collect::<String>()
}

/// For each line of a text, whether it may hold a secret.
fn hidden<'a>(text: &str, lines: impl Iterator<Item = &'a str>) -> Vec<bool> {
    let (secrets, mut end) = (secret_lines(text), 0);
    let is_secret = |line: &str| {
        let start = end;
        end += line.len();
        secrets.touch(&(start..end))
    };
    lines.map(is_secret).collect()
}

/// A line of the diff, or that there is one.
fn shown(line: &Line<&str>, is_hidden: bool) -> String {
    let text = if is_hidden {
        "(a line that may hold a secret is not shown)".to_owned()
    } else {
        harmless(line.value().trim_end_matches(['\r', '\n']))
    };
    let end = if line.missing_newline() { "\\ No newline at end of file\n" } else { "" };
    format!("{}{text}\n{end}", line.tag())
}

/// Without what a terminal would obey.
fn harmless(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}
