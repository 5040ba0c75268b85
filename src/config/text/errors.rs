//! Where a configuration is wrong, what is wrong, and what would be right.
//!
//! A problem is plain data. It can be printed as one line; `report` draws it with an excerpt of the file.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::regular::Stamp;

/// A place in a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<PathBuf>,
    /// The line, from 1. 0 means the file as a whole.
    pub line: usize,
    /// The bytes of the file to mark in the excerpt. There is no excerpt where the file does not have them.
    pub span: Range<usize>,
}

/// No file has so many bytes.
const BEYOND: usize = 1 << 62;

impl Place {
    /// The line alone: nothing of it is drawn.
    pub(crate) fn without_excerpt(&self) -> Self {
        Self { span: BEYOND + self.start()..BEYOND + self.span.end % BEYOND, ..self.clone() }
    }

    /// The column in its file's text, in characters from 1. `None`: it is the file as a whole, or the text is another one.
    pub fn column(&self, text: &str) -> Option<usize> {
        let before = text.get(..self.start()).filter(|_| self.line > 0)?;
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        before.get(begin..).map(|before| 1 + before.chars().count())
    }

    /// Where it begins, with an excerpt or without.
    pub(crate) fn start(&self) -> usize {
        self.span.start % BEYOND
    }
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

/// The most problems that a list has. A file in another language is wrong on every line, and whoever sends it to be checked
/// decides how many lines it has.
pub(crate) const MOST: usize = 100;

/// The first hundred problems, and a last one that says how many more there are.
pub fn first_of(problems: Vec<Problem>) -> Vec<Problem> {
    with_rest(problems, 0)
}

fn with_rest(mut problems: Vec<Problem>, more: usize) -> Vec<Problem> {
    let rest = problems.len().saturating_sub(MOST) + more;
    // What is shortened already has one line more, which counts the rest.
    if rest <= 1 {
        return problems;
    }
    problems.truncate(MOST);
    let file = problems.first().map(|problem| Arc::clone(&problem.at.file)).unwrap_or_default();
    let at = Place { file, ..Place::default() };
    problems.push(Problem { at, what: format!("and {rest} more, which are not listed"), advice: String::new() });
    problems
}

/// Collects problems while everything is read, so that the operator sees all of them at once; and which files were read beside
/// the configuration's own, of which any may be the cause of one.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    errors: RefCell<Collected>,
    warnings: RefCell<Collected>,
    named_files: RefCell<BTreeMap<PathBuf, Stamp>>,
}

/// How many are collected. More than are listed, because they are not found in the order of the file.
const COLLECTED: usize = 10 * MOST;

#[derive(Debug, Default)]
struct Collected {
    problems: Vec<Problem>,
    /// How many came after those.
    more: usize,
}

impl Collected {
    fn add(&mut self, problem: impl FnOnce() -> Problem) {
        if self.problems.len() < COLLECTED {
            self.problems.push(problem());
        } else {
            self.more += 1;
        }
    }

    fn listed(self, files: &[PathBuf]) -> Vec<Problem> {
        with_rest(sorted(self.problems, files), self.more)
    }
}

impl Problems {
    pub(crate) fn error(&self, at: Place, what: impl Into<String>, advice: impl Into<String>) {
        self.errors.borrow_mut().add(|| Problem { at, what: what.into(), advice: advice.into() });
    }

    /// An error whose words take time to find. Of thousands only the first are asked for.
    pub(crate) fn error_of(&self, at: Place, words: impl FnOnce() -> (String, String)) {
        let problem = |(what, advice)| Problem { at, what, advice };
        self.errors.borrow_mut().add(|| problem(words()));
    }

    pub(crate) fn warning(&self, at: Place, what: impl Into<String>, advice: impl Into<String>) {
        self.warnings.borrow_mut().add(|| Problem { at, what: what.into(), advice: advice.into() });
    }

    pub(crate) fn count(&self) -> usize {
        let errors = self.errors.borrow();
        errors.problems.len() + errors.more
    }

    /// The errors so far, if any, in the order of `files` and their lines.
    pub(crate) fn check(&self, files: &[PathBuf]) -> Result<(), Errors> {
        let errors = self.errors.take().listed(files);
        if errors.is_empty() { Ok(()) } else { Err(Errors(errors)) }
    }

    pub(crate) fn warnings(&self, files: &[PathBuf]) -> Vec<Problem> {
        self.warnings.take().listed(files)
    }

    /// Notes a file that a value names and that is about to be read.
    pub(crate) fn note_file(&self, file: &Path) {
        self.named_files.borrow_mut().entry(file.to_path_buf()).or_insert_with(|| Stamp::of(file));
    }

    /// All that were noted, each as it was just before it was read.
    pub(crate) fn named_files(&self) -> Vec<(PathBuf, Stamp)> {
        self.named_files.take().into_iter().collect()
    }
}

fn sorted(mut problems: Vec<Problem>, files: &[PathBuf]) -> Vec<Problem> {
    let places: HashMap<&PathBuf, usize> = files.iter().enumerate().map(|(place, file)| (file, place)).collect();
    problems.sort_by_cached_key(|p| (places.get(&*p.at.file).copied(), p.at.line, p.at.start()));
    problems.dedup();
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_are_listed_and_the_others_counted() {
        for (count, length, last) in [
            (99, 99, "problem 98"),
            (101, 101, "problem 100"),
            (102, 101, "and 2 more, which are not listed"),
            (50_000, 101, "and 49900 more, which are not listed"),
        ] {
            let problems = Problems::default();
            // The last line is found first.
            (0..count).rev().for_each(|line| {
                let at = Place { line: line + 1, ..Place::default() };
                problems.error(at, format!("problem {line}"), "");
            });
            assert_eq!(problems.count(), count);
            let listed = problems.check(&[]).expect_err("there are some").0;
            assert_eq!((listed.len(), listed.last().map(|last| &*last.what)), (length, Some(last)), "{count}");
            assert_eq!(first_of(listed.clone()), listed, "shortened once more it is the same");
        }
    }
}
