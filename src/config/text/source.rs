//! A configuration file in memory. It converts positions in its bytes to places that an operator can find.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::errors::{Place, Problem};
use super::regular;

/// The text of one file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) file: Arc<PathBuf>,
    pub(crate) text: String,
    line_starts: Vec<usize>,
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        let file = Arc::new(path.to_path_buf());
        let whole = || Place { file: file.clone(), ..Place::default() };
        let problem = |at, what: String, advice: &str| Problem { at, what, advice: advice.to_owned() };
        let bytes = bytes(path, MOST).map_err(|(what, advice)| problem(whole(), what, advice))?;
        String::from_utf8(bytes).map(|text| Self::new(file.clone(), text)).map_err(|error| {
            let line =
                1 + error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count();
            problem(
                Place { line, ..whole() },
                "the file is not UTF-8 text".to_owned(),
                "save it in UTF-8; TOML knows no other encoding",
            )
        })
    }

    pub(crate) fn new(file: Arc<PathBuf>, text: String) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, text, line_starts }
    }

    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= span.start);
        Place { file: self.file.clone(), line, span }
    }

    /// The bytes of a line without the blanks around it.
    pub(crate) fn whole_line(&self, line: usize) -> Range<usize> {
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        let text = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let start = start + text.len() - text.trim_start().len();
        start..start + text.trim().len()
    }

    /// A path as this file means it: relative paths begin at the file's directory.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// The texts that a configuration was read from, the main one first. Files on the disk may have changed since.
#[derive(Default)]
pub struct Texts(Vec<Source>);

impl Texts {
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        Self(sources)
    }

    pub(crate) fn sources(&self) -> &[Source] {
        &self.0
    }
}

/// They may hold secrets.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} texts", self.0.len())
    }
}

/// Much more than anybody writes by hand. A wrong path (a disk, a core dump) must not fill the memory.
pub(super) const MOST: u64 = 16 << 20;

/// The whole file, or what is wrong with it and what would be right.
pub(crate) fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, (String, &'static str)> {
    regular::read(path, most).map_err(|error| wrong_file(&error, most))
}

fn wrong_file(error: &io::Error, most: u64) -> (String, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file".to_owned(), ""),
        io::ErrorKind::PermissionDenied => {
            ("the file cannot be read: permission denied".to_owned(), "make it readable for the user that runs weir")
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => (error.to_string(), ""),
        io::ErrorKind::FileTooLarge => {
            (format!("the file is larger than {} MiB", most >> 20), "is it a configuration?")
        }
        _ => (format!("the file cannot be read: {error}"), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_on_its_line() {
        let source = Source::new(Arc::new(PathBuf::from("conf/weir.toml")), "a\nbé\n\nc".to_owned());
        for (byte, line) in [(0, 1), (1, 1), (2, 2), (5, 2), (6, 3), (7, 4), (8, 4)] {
            assert_eq!(source.place(byte..byte).line, line, "byte {byte}");
        }
        assert_eq!(source.resolve("../certs/a.crt"), Path::new("conf/../certs/a.crt"));
        assert_eq!(source.resolve("/etc/a.crt"), Path::new("/etc/a.crt"));
    }
}
