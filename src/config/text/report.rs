//! Draws problems for a person: the excerpt, a mark under the wrong part, and what would be right.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, Source};

use super::errors;
use super::errors::{Errors, Problem};
use super::source::MOST as MOST_BYTES;
use super::{regular, secrets};

/// The most problems that are drawn. A file in another language is wrong on every line, and the first lines show that.
const MOST: usize = 40;

impl Errors {
    /// Every problem with its excerpt, and the number of problems.
    pub fn render(&self, color: bool) -> String {
        self.render_of(&HashMap::new(), color)
    }

    /// The same, with excerpts of these texts where a file is among them.
    pub fn render_of(&self, texts: &HashMap<PathBuf, String>, color: bool) -> String {
        format!("{}{}\n", draw(&self.0, Word::Error, color, texts), count(self.0.len(), "error"))
    }
}

/// Warnings in the form of errors. Empty when there are none.
pub fn render_warnings(warnings: &[Problem], color: bool) -> String {
    render_warnings_of(warnings, &HashMap::new(), color)
}

/// The same, with excerpts of these texts where a file is among them.
pub fn render_warnings_of(warnings: &[Problem], texts: &HashMap<PathBuf, String>, color: bool) -> String {
    let all = if warnings.len() > MOST { format!("{}\n\n", count(warnings.len(), "warning")) } else { String::new() };
    format!("{}{all}", draw(warnings, Word::Warning, color, texts))
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        // The last one counts those that are not in the list.
        many if many == errors::MOST + 1 => format!("more than {} {what}s, the first {MOST} are shown", errors::MOST),
        many if many > MOST => format!("{many} {what}s, the first {MOST} are shown"),
        many => format!("{many} {what}s"),
    }
}

#[derive(Clone, Copy, Debug)]
enum Word {
    Error,
    Warning,
}

fn draw(problems: &[Problem], word: Word, color: bool, read: &HashMap<PathBuf, String>) -> String {
    let mut texts = Texts { read, drawn: HashMap::new() };
    problems
        .iter()
        .take(MOST)
        .map(|problem| with_excerpt(problem, word, color, &mut texts).unwrap_or_else(|| plain(problem, word)))
        .collect()
}

fn plain(problem: &Problem, word: Word) -> String {
    let advice = if problem.advice.is_empty() { String::new() } else { format!("  Help: {}\n", problem.advice) };
    format!("{word:?}: {}: {}\n{advice}\n", problem.at, problem.what)
}

/// What files have in them: as it was read, else now. `None` for a file that cannot be read.
struct Texts<'a> {
    read: &'a HashMap<PathBuf, String>,
    drawn: HashMap<PathBuf, Option<String>>,
}

impl Texts<'_> {
    fn of(&mut self, path: &PathBuf) -> Option<&str> {
        let now = || String::from_utf8(regular::read(path, MOST_BYTES).ok()?).ok();
        let text = || self.read.get(path).cloned().or_else(now);
        self.drawn.entry(path.clone()).or_insert_with(|| text().map(harmless)).as_deref()
    }
}

// Control characters are replaced by blanks, because a terminal would obey them. Bytes keep their positions.
fn harmless(text: String) -> String {
    text.chars().map(|c| if c.is_ascii_control() && c != '\n' { ' ' } else { c }).collect()
}

/// A problem with its excerpt. `None` when there is nothing to show: the problem is about the whole file, or the file
/// cannot be read or has changed.
fn with_excerpt(problem: &Problem, word: Word, color: bool, texts: &mut Texts<'_>) -> Option<String> {
    if problem.at.line == 0 {
        return None;
    }
    let text = texts.of(&problem.at.file)?;
    let (line, span) = first_line(text, problem.at.span.clone())?;
    if secrets::are_on(line) {
        return None;
    }
    if line.len() > WIDEST {
        return Some(with_piece(problem, word, line, span));
    }
    // The drawing library searches the text for lines. In a large file only this line is given to it.
    let above = problem.at.line - 1;
    let text = format!("{}{line}", "\n".repeat(above));
    let span = span.start + above..span.end + above;
    let id = problem.at.file.display().to_string();
    let (kind, hue) = match word {
        Word::Error => (ReportKind::Error, Color::Red),
        Word::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let config = Config::default().with_color(color).with_index_type(IndexType::Byte);
    let mut report = Report::build(kind, (id.clone(), span.clone()))
        .with_config(config)
        .with_message(&problem.what)
        .with_label(Label::new((id.clone(), span)).with_color(hue));
    if !problem.advice.is_empty() {
        report = report.with_help(&problem.advice);
    }
    let mut out = Vec::new();
    report.finish().write((id, Source::from(text)), &mut out).ok()?;
    String::from_utf8(out).ok().map(|drawn| drawn + "\n")
}

/// The longest line in bytes that is drawn completely. Longer lines were written by programs.
const WIDEST: usize = 400;
/// How many characters of a longer line are shown before the wrong part, and from there on.
const PIECE: (usize, usize) = (20, 60);

fn with_piece(problem: &Problem, word: Word, line: &str, span: Range<usize>) -> String {
    let (before, from) = line.split_at_checked(span.start).unwrap_or((line, ""));
    let start = before.char_indices().rev().nth(PIECE.0).map_or(0, |(at, _)| at);
    let end = from.char_indices().nth(PIECE.1).map_or(line.len(), |(at, _)| span.start + at);
    let cut = |cut: bool| if cut { "…" } else { "" };
    let piece = line.get(start..end).unwrap_or_default();
    let advice = if problem.advice.is_empty() { String::new() } else { format!("  Help: {}\n", problem.advice) };
    let (left, right) = (cut(start > 0), cut(end < line.len()));
    format!("{word:?}: {}: {}\n  {left}{piece}{right}\n{advice}\n", problem.at, problem.what)
}

/// The first line of a value, and what to mark in it. A value such as a table or a list may have many lines, but the
/// first one is enough.
fn first_line(text: &str, span: Range<usize>) -> Option<(&str, Range<usize>)> {
    let end = span.end.min(text.len()).max(span.start);
    let marked = text.get(span.start..end)?.lines().next().unwrap_or_default().trim_end();
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(start..)?.lines().next().unwrap_or_default();
    let from = (span.start - start).min(line.len());
    Some((line, from..(from + marked.len()).min(line.len())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::config::text::errors::Place;

    fn drawn(name: &str, text: &str, problems: impl Iterator<Item = (usize, Range<usize>)>) -> String {
        let file = std::env::temp_dir().join(format!("weir-report-{}-{name}.toml", std::process::id()));
        fs::write(&file, text).unwrap();
        let id = Arc::new(file.clone());
        let problem = |(line, span)| Problem {
            at: Place { file: Arc::clone(&id), line, span },
            what: "it is wrong".into(),
            advice: "write it right".into(),
        };
        let drawn = render_warnings(&problems.map(problem).collect::<Vec<_>>(), false);
        fs::remove_file(&file).unwrap();
        drawn.replace(&file.display().to_string(), "FILE")
    }

    #[test]
    fn an_excerpt_is_of_its_line_alone() {
        let said = drawn("line", "first = 1\nsecond = [\n2]\n", [(2, 19..24)].into_iter());
        assert!(said.contains("FILE:2:10 ]"), "{said}");
        assert!(said.contains("2 │ second = ["), "{said}");
        let end = drawn("end", "first = 1\n", [(2, 10..10), (1, 0..0)].into_iter());
        assert_eq!(end.matches("it is wrong").count(), 2, "{end}");
    }

    #[test]
    fn of_a_line_of_megabytes_a_piece_is_shown() {
        let text = format!("hosts = [{}\"wrong\", {}]", "\"é\", ".repeat(100_000), "\"x\", ".repeat(100_000));
        let at = text.find("\"wrong\"").unwrap();
        let said = drawn("long", &text, [(1, at..at + 7)].into_iter());
        assert!(said.contains("\"é\", \"wrong\", \"x\""), "{said}");
        assert!(
            said.starts_with("Warning: FILE:1: it is wrong\n  …") && said.contains("…\n  Help: write it right"),
            "{said}"
        );
        assert!(said.len() < 400, "{said}");
    }

    #[test]
    fn thousands_of_warnings_are_counted_and_the_first_are_drawn() {
        let text = "a = 1\n".repeat(10_000);
        let said = drawn("many", &text, (0..10_000).map(|line| (line + 1, line * 6..line * 6 + 1)));
        assert_eq!(said.matches("it is wrong").count(), 40);
        assert!(said.ends_with("10000 warnings, the first 40 are shown\n\n"), "{said}");
    }
}
