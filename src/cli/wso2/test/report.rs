//! What was found: one line for each thing that was looked at.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::output::print_line;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// It works, and somebody should know.
    Warning,
    Failed,
    /// It could not be told, or nothing is there to be tested.
    Skipped,
}

/// What a line is about: the name of the check, and the site, pool or node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) check: &'static str,
    pub(super) about: String,
}

impl Subject {
    pub(super) fn new(check: &'static str, about: impl Into<String>) -> Self {
        Self { check, about: about.into() }
    }
}

#[derive(Debug)]
struct Line {
    outcome: Outcome,
    subject: Subject,
    what: String,
    advice: String,
}

/// All lines, in the order in which they were found.
#[derive(Debug)]
pub(super) struct Report {
    lines: Vec<Line>,
    /// Whether each line is printed as soon as it is known.
    told: bool,
}

impl Report {
    /// With `told` lines are printed as they come.
    pub(super) const fn new(told: bool) -> Self {
        Self { lines: Vec::new(), told }
    }

    pub(super) fn passed(&mut self, subject: Subject, what: impl Into<String>) {
        self.add(Outcome::Passed, subject, what.into(), "");
    }

    pub(super) fn warning(&mut self, subject: Subject, what: impl Into<String>, advice: &str) {
        self.add(Outcome::Warning, subject, what.into(), advice);
    }

    pub(super) fn failed(&mut self, subject: Subject, what: impl Into<String>, advice: &str) {
        self.add(Outcome::Failed, subject, what.into(), advice);
    }

    pub(super) fn skipped(&mut self, subject: Subject, why: impl Into<String>) {
        self.add(Outcome::Skipped, subject, why.into(), "");
    }

    /// Passed, or failed for this reason.
    pub(super) fn judged(&mut self, subject: Subject, verdict: Verdict) {
        match verdict {
            Ok(what) => self.passed(subject, what),
            Err((what, advice)) => self.failed(subject, what, &advice),
        }
    }

    fn add(&mut self, outcome: Outcome, subject: Subject, what: String, advice: &str) {
        let line = Line { outcome, subject, what: clean(&what), advice: clean(advice) };
        if self.told {
            print_line(line.text());
        }
        self.lines.push(line);
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.lines.iter().filter(|line| line.outcome == outcome).count()
    }

    /// Nothing failed.
    pub(super) fn is_well(&self) -> bool {
        self.count(Outcome::Failed) == 0
    }

    /// The last line.
    pub(super) fn sum(&self) -> String {
        let counts = [Outcome::Passed, Outcome::Failed, Outcome::Warning, Outcome::Skipped];
        let [passed, failed, warnings, skipped] = counts.map(|outcome| self.count(outcome));
        let plural = if warnings == 1 { "" } else { "s" };
        format!("{passed} passed, {failed} failed, {warnings} warning{plural}, {skipped} skipped")
    }

    pub(super) fn json(&self) -> Value {
        let line = |line: &Line| {
            let Line { outcome, subject: Subject { check, about }, what, advice } = line;
            json!({ "outcome": outcome.word(), "check": check, "about": about, "what": what, "advice": advice })
        };
        json!({
            "ok": self.is_well(),
            "passed": self.count(Outcome::Passed),
            "failed": self.count(Outcome::Failed),
            "warnings": self.count(Outcome::Warning),
            "skipped": self.count(Outcome::Skipped),
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

/// What was seen, or what is wrong and what to do.
pub(super) type Verdict = Result<String, (String, String)>;

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Line {
    fn text(&self) -> String {
        let Self { outcome, subject: Subject { check, about }, what, advice } = self;
        let word = if *outcome == Outcome::Failed { "FAILED" } else { outcome.word() };
        let mut text = format!("{word:<8} {check:<12} {about:<30} {what}");
        if !advice.is_empty() {
            let _ = write!(text, "\n{:22} {advice}", "");
        }
        text
    }
}

/// Without what could move the cursor of a terminal, and not endless: parts of it come from nodes.
fn clean(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c.is_control() { '?' } else { c }).collect()
}

const LONGEST: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_seen_and_counted_and_what_nodes_say_cannot_move_the_cursor() {
        let mut report = Report::new(false);
        report.passed(Subject::new("port", "worker1"), "answers");
        report.failed(Subject::new("console", "site mgt"), "leads to https://evil\x1b[2J", "see carbon.xml");
        report.skipped(Subject::new("session", "pool esb"), "no session");
        assert!(!report.is_well());
        assert_eq!(report.sum(), "1 passed, 1 failed, 0 warnings, 1 skipped");
        let text = report.lines[1].text();
        assert!(text.starts_with("FAILED   console      site mgt") && text.contains("evil?[2J\n"), "{text}");
        assert_eq!(report.json()["lines"][1]["outcome"], "failed");
    }
}
