//! Where a configuration is wrong, what is wrong, and what would be right.
//!
//! A problem is plain data. It can be printed as one line; `report` draws it with an excerpt of the file.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A place in a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<PathBuf>,
    /// The line, from 1. 0 means the file as a whole.
    pub line: usize,
    /// The bytes of the file to mark in the excerpt.
    pub span: Range<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}", self.file.display())
        } else {
            write!(f, "{}:{}", self.file.display(), self.line)
        }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its place.
    pub at: Place,
    /// What is wrong: in lower case, one line, no full stop.
    pub what: String,
    /// What would be right. Empty when there is no advice.
    pub advice: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

/// Everything that is wrong with a configuration, at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub Vec<Problem>);

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Errors {}

/// The problem that a parser of one value reports. The caller knows the place of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) advice: String,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }
}

/// Collects problems while everything is read, so that the operator sees all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    errors: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

impl Problems {
    pub(crate) fn error(&self, at: Place, what: impl Into<String>, advice: impl Into<String>) {
        self.errors.borrow_mut().push(Problem { at, what: what.into(), advice: advice.into() });
    }

    pub(crate) fn warning(&self, at: Place, what: impl Into<String>, advice: impl Into<String>) {
        self.warnings.borrow_mut().push(Problem { at, what: what.into(), advice: advice.into() });
    }

    pub(crate) fn count(&self) -> usize {
        self.errors.borrow().len()
    }

    /// The errors so far, if any, in the order of `files` and their lines.
    pub(crate) fn check(&self, files: &[PathBuf]) -> Result<(), Errors> {
        let errors = sorted(self.errors.take(), files);
        if errors.is_empty() { Ok(()) } else { Err(Errors(errors)) }
    }

    pub(crate) fn warnings(&self, files: &[PathBuf]) -> Vec<Problem> {
        sorted(self.warnings.take(), files)
    }
}

fn sorted(mut problems: Vec<Problem>, files: &[PathBuf]) -> Vec<Problem> {
    let places: HashMap<&PathBuf, usize> = files.iter().enumerate().map(|(place, file)| (file, place)).collect();
    problems.sort_by_cached_key(|p| (places.get(&*p.at.file).copied(), p.at.line, p.at.span.start));
    problems.dedup();
    problems
}
