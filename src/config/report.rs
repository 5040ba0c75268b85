//! Problems drawn for a person: the excerpt, the mark under what is wrong, and what would be right.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use ariadne::{Cache, Color, Config, IndexType, Label, Report, ReportKind};

use super::errors::{Errors, Problem};

impl Errors {
    /// Every problem with its excerpt, and how many there are.
    pub fn render(&self, color: bool) -> String {
        // A file in another language is wrong on every line; the first ones tell.
        const MOST: usize = 40;
        let shown = self.0.get(..MOST).unwrap_or(&self.0);
        let count = match self.0.len() {
            1 => "1 error".to_owned(),
            many if many > MOST => format!("{many} errors, the first {MOST} are shown"),
            many => format!("{many} errors"),
        };
        format!("{}{count}\n", draw(shown, Word::Error, color))
    }
}

/// Warnings in the form of errors; empty when there are none.
pub fn render_warnings(warnings: &[Problem], color: bool) -> String {
    draw(warnings, Word::Warning, color)
}

#[derive(Clone, Copy, Debug)]
enum Word {
    Error,
    Warning,
}

fn draw(problems: &[Problem], word: Word, color: bool) -> String {
    let mut texts = Texts::default();
    problems
        .iter()
        .map(|problem| with_excerpt(problem, word, color, &mut texts).unwrap_or_else(|| plain(problem, word)))
        .collect()
}

fn plain(problem: &Problem, word: Word) -> String {
    let advice = if problem.advice.is_empty() { String::new() } else { format!("  Help: {}\n", problem.advice) };
    format!("{word:?}: {}: {}\n{advice}\n", problem.at, problem.what)
}

/// Files as they are now; `None` for what cannot be read.
#[derive(Default)]
struct Texts(HashMap<PathBuf, Option<String>>);

impl Texts {
    fn of(&mut self, path: &PathBuf) -> Option<&str> {
        self.0.entry(path.clone()).or_insert_with(|| fs::read_to_string(path).ok().map(harmless)).as_deref()
    }
}

// What is wrong may be control characters, and a terminal would obey them. Bytes keep their places.
fn harmless(text: String) -> String {
    text.chars().map(|c| if c.is_ascii_control() && c != '\n' { ' ' } else { c }).collect()
}

/// `None` when there is nothing to show: the whole file is meant, cannot be read, or is another one by now.
fn with_excerpt(problem: &Problem, word: Word, color: bool, texts: &mut Texts) -> Option<String> {
    let text = texts.of(&problem.at.file).filter(|_| problem.at.line > 0)?;
    let span = first_line(text, problem.at.span.clone())?;
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
    report.finish().write(sources(id, text), &mut out).ok()?;
    String::from_utf8(out).ok().map(|drawn| drawn + "\n")
}

fn sources(id: String, text: &str) -> impl Cache<String> {
    ariadne::sources([(id, text.to_owned())])
}

// A value may run over many lines (a table, a list): its first line says enough.
fn first_line(text: &str, span: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let end = span.end.min(text.len()).max(span.start);
    let marked = text.get(span.start..end)?;
    let line = marked.lines().next().unwrap_or_default().trim_end();
    Some(span.start..span.start + line.len())
}
