//! The text of weir.toml: each table says where it comes from, and what could not be imported stands as a comment in its place.

use std::fmt::Write;

use super::class::Class;
use super::report::{Line, Report};
use super::table::Table;

/// Everything that is written, in its order.
#[derive(Clone)]
pub(super) struct Draft {
    /// Keys of the top level.
    pub(super) top: Table,
    pub(super) tables: Vec<Table>,
    /// Of the tables, those that are written as comments, with the reason.
    pub(super) left_out: Vec<(usize, String)>,
}

/// The text, and the lines of each table.
pub(super) struct Written {
    pub(super) text: String,
    /// First and last line, and the table.
    pub(super) lines: Vec<(usize, usize, usize)>,
}

impl Draft {
    pub(super) fn write(&self, report: &Report) -> Written {
        let gaps = Gaps::new(&self.tables, report);
        let mut text = format!(
            "# From the configuration of nginx: {}.\n# `weir check --config FILE` says what would run.\n",
            report.read
        );
        gaps.write(None, &mut text);
        if !self.top.keys.is_empty() {
            text.push('\n');
        }
        keys(&self.top, &mut text);
        let mut lines = Vec::new();
        for (at, table) in self.tables.iter().enumerate() {
            text.push('\n');
            let first = text.lines().count() + 1;
            let mut own = String::new();
            gaps.table(table, &mut own);
            match self.left_out.iter().find(|(other, _)| *other == at) {
                Some((_, why)) => commented(&own, why, &mut text),
                None => text.push_str(&own),
            }
            lines.push((first, text.lines().count(), at));
        }
        Written { text, lines }
    }
}

/// The line of a table that a line of the file stands in, for what is said of it.
struct Gaps<'a> {
    /// The places of all tables, and what is missing at each.
    places: Vec<&'a Table>,
    lines: Vec<(Option<usize>, &'a Line)>,
}

impl<'a> Gaps<'a> {
    fn new(tables: &'a [Table], report: &'a Report) -> Self {
        let mut places = Vec::new();
        tables.iter().for_each(|table| collect(table, &mut places));
        let gap = |line: &&Line| matches!(line.class, Class::Missing | Class::Refused) && !line.default;
        let lines = report.lines.iter().filter(gap).map(|line| {
            let holds = places.iter().enumerate().filter(|(_, table)| table.from.holds(&line.at));
            // The smallest table that has it.
            (holds.min_by_key(|(_, table)| (table.from.size(), table.head != "[[site]]")).map(|(at, _)| at), line)
        });
        let lines = lines.collect();
        Self { places, lines }
    }

    fn write(&self, at: Option<usize>, text: &mut String) {
        for (_, line) in self.lines.iter().filter(|(place, _)| *place == at) {
            let _ = writeln!(text, "# {}: {}:{}: {}", line.class.word(), line.file, line.line, line.said());
            let _ = writeln!(text, "#   {}", line.told().replace('\n', " "));
        }
    }

    fn table(&self, table: &Table, text: &mut String) {
        let from = &table.from;
        let last = if from.last > from.line { format!("-{}", from.last) } else { String::new() };
        let _ = writeln!(text, "# from {}:{}{last}", from.file, from.line);
        let _ = writeln!(text, "{}", table.head);
        let at = self.places.iter().position(|other| std::ptr::eq(*other, table));
        if at.is_some() {
            self.write(at, text);
        }
        keys(table, text);
        for below in &table.below {
            text.push('\n');
            self.table(below, text);
        }
    }
}

fn collect<'a>(table: &'a Table, places: &mut Vec<&'a Table>) {
    places.push(table);
    table.below.iter().for_each(|below| collect(below, places));
}

fn keys(table: &Table, text: &mut String) {
    for (key, value) in &table.keys {
        let _ = writeln!(text, "{key} = {value}");
    }
}

fn commented(own: &str, why: &str, text: &mut String) {
    let _ = writeln!(text, "# Left out: {}", why.replace('\n', " "));
    for line in own.lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
}
