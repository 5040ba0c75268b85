//! What was found, with the check that found it.

use std::cell::RefCell;
use std::collections::HashSet;

use super::checks::{Check, FILE};
use super::files::Written;
use super::files::secrets::hidden;
use crate::config::{Place, Problem};

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What found it.
    pub check: Check,
    /// Whether it breaks something. Otherwise it is a warning.
    pub is_error: bool,
    /// Where, what, and what would be right.
    pub problem: Problem,
}

/// Collects them.
#[derive(Default)]
pub(crate) struct Findings(RefCell<Collected>);

#[derive(Default)]
struct Collected {
    all: Vec<Finding>,
    /// Place and words of each, so that none is there twice.
    known: HashSet<String>,
    warnings: usize,
    /// Warnings that came after the most that are kept.
    left_out: usize,
}

/// The most warnings that are kept. Errors are all kept: the exit code depends on them.
const MOST: usize = 1000;

impl Findings {
    pub(crate) fn error(&self, check: Check, at: &Place, what: impl Into<String>, advice: impl Into<String>) {
        self.add(check, true, Problem { at: at.clone(), what: what.into(), advice: advice.into() });
    }

    pub(crate) fn warning(&self, check: Check, at: &Place, what: impl Into<String>, advice: impl Into<String>) {
        self.add(check, false, Problem { at: at.clone(), what: what.into(), advice: advice.into() });
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(&self, problem: Problem) {
        self.add(FILE, true, problem);
    }

    /// Whether a value is known here. Of one that is filled in elsewhere a warning says so, and it is judged no further.
    pub(crate) fn is_known(&self, check: Check, said: &Written, name: &str) -> bool {
        let Some(by) = said.filled_in() else { return true };
        let what = format!("{name} is {:?}: {by}", said.text);
        self.warning(check, &said.at, what, "check the file that has the value in its place");
        false
    }

    /// Whether this check found something at this place already.
    pub(crate) fn has(&self, check: Check, at: &Place) -> bool {
        self.0.borrow().all.iter().any(|one| one.check == check && one.problem.at == *at)
    }

    fn add(&self, check: Check, is_error: bool, problem: Problem) {
        let problem = Problem { what: hidden(&problem.what), advice: hidden(&problem.advice), ..problem };
        let mut collected = self.0.borrow_mut();
        if !collected.known.insert(format!("{}:{} {}", problem.at, problem.at.span.start, problem.what)) {
            return;
        }
        if !is_error && collected.warnings == MOST {
            collected.left_out += 1;
            return;
        }
        collected.warnings += usize::from(!is_error);
        collected.all.push(Finding { check, is_error, problem });
    }

    /// All of them, those of one file in the order of its lines; and how many warnings there are besides.
    pub(crate) fn sorted(self, files: &[std::path::PathBuf]) -> (Vec<Finding>, usize) {
        let Collected { mut all, left_out, .. } = self.0.into_inner();
        let place = |finding: &Finding| files.iter().position(|file| *file == *finding.problem.at.file);
        all.sort_by_cached_key(|finding| (place(finding), finding.problem.at.line, finding.problem.at.span.start));
        (all, left_out)
    }
}
