//! The text of weir.toml: each table says where it comes from, and what could not be imported stands as a comment in its place.

use std::collections::HashMap;
use std::fmt::Write;

use super::class::Class;
use super::report::{Line, Report, one_line};
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
            one_line(&report.read)
        );
        gaps.write(None, &mut text);
        if !self.top.keys.is_empty() {
            text.push('\n');
        }
        keys(&self.top, &mut text);
        let (mut lines, mut last) = (Vec::new(), text.matches('\n').count());
        for (at, table) in self.tables.iter().enumerate() {
            let mut own = String::new();
            gaps.table(table, &mut own);
            if let Some((_, why)) = self.left_out.iter().find(|(other, _)| *other == at) {
                own = commented(&own, why);
            }
            // An empty line stands before it.
            let first = last + 2;
            last = first - 1 + own.matches('\n').count();
            lines.push((first, last, at));
            text.push('\n');
            text.push_str(&own);
        }
        Written { text, lines }
    }
}

/// What is missing, by the table in whose place it stands; outside of all tables, by none.
struct Gaps<'a>(HashMap<Option<*const Table>, Vec<&'a Line>>);

impl<'a> Gaps<'a> {
    fn new(tables: &'a [Table], report: &'a Report) -> Self {
        let mut places = Vec::new();
        tables.iter().for_each(|table| collect(table, &mut places));
        let gap = |line: &&Line| matches!(line.class, Class::Missing | Class::Refused) && !line.default;
        let mut lines: Vec<&Line> = report.lines.iter().filter(gap).collect();
        // Of the tables that hold a line the innermost comes last, a site after what begins and ends with it.
        let mut places: Vec<_> = places.into_iter().enumerate().collect();
        places.sort_by(|(at, one), (other_at, other)| {
            let nested = one.from.begins().cmp(&other.from.begins()).then(other.from.size().cmp(&one.from.size()));
            nested.then((one.head == "[[site]]").cmp(&(other.head == "[[site]]"))).then(other_at.cmp(at))
        });
        lines.sort_by(|one, other| one.at.begins().cmp(&other.at.begins()));
        let mut found = HashMap::<_, Vec<&Line>>::new();
        let (mut places, mut around) = (places.into_iter().map(|(_, table)| table).peekable(), Vec::new());
        for line in lines {
            while let Some(table) = places.next_if(|table| table.from.begins() <= line.at.begins()) {
                around.retain(|outer: &&Table| outer.from.reaches(&table.from));
                around.push(table);
            }
            around.retain(|table| table.from.reaches(&line.at));
            let table = around.iter().rev().find(|table| table.from.holds(&line.at));
            found.entry(table.map(|table| std::ptr::from_ref(*table))).or_default().push(line);
        }
        Self(found)
    }

    fn write(&self, at: Option<*const Table>, text: &mut String) {
        for line in self.0.get(&at).into_iter().flatten() {
            let _ = writeln!(text, "# {}: {}: {}", line.class.word(), line.place(), line.said());
            let _ = writeln!(text, "#   {}", line.told());
        }
    }

    fn table(&self, table: &Table, text: &mut String) {
        let from = &table.from;
        let last = if from.last > from.line { format!("-{}", from.last) } else { String::new() };
        let _ = writeln!(text, "# from {}:{}{last}", one_line(&from.file), from.line);
        let _ = writeln!(text, "{}", table.head);
        self.write(Some(std::ptr::from_ref(table)), text);
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

fn commented(own: &str, why: &str) -> String {
    let mut text = format!("# Left out: {}\n", one_line(why));
    for line in own.lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
    text
}
