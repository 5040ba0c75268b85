//! What was found, with the check that found it.

use std::cell::RefCell;

use super::checks::{Check, FILE};
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
pub(crate) struct Findings(RefCell<Vec<Finding>>);

/// The most that are collected: a file of a thousand wrong members is wrong in one way.
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

    fn add(&self, check: Check, is_error: bool, problem: Problem) {
        let mut all = self.0.borrow_mut();
        if all.len() < MOST && !all.iter().any(|known| known.problem == problem) {
            all.push(Finding { check, is_error, problem });
        }
    }

    /// All of them; those of one file in the order of its lines.
    pub(crate) fn sorted(self, files: &[std::path::PathBuf]) -> Vec<Finding> {
        let mut all = self.0.into_inner();
        let place = |finding: &Finding| files.iter().position(|file| *file == *finding.problem.at.file);
        all.sort_by_cached_key(|finding| (place(finding), finding.problem.at.line, finding.problem.at.span.start));
        all
    }
}
