//! Reads the nodes' files: where they are in a directory or an archive, XML and properties with the place of each value, keystores.
//! Sizes are bounded, and nothing is read that is no regular file.

mod archive;
pub(crate) mod keystore;
pub(crate) mod properties;
pub(crate) mod secrets;
pub(crate) mod shelf;
pub(crate) mod tree;
pub(crate) mod wanted;
pub(crate) mod xml;

use std::path::Path;
use std::sync::Arc;

use crate::config::{Place, Problem, Source, bytes};

/// A value of a file, without the blanks around it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) at: Place,
}

impl Written {
    /// As a flag: only `true`, in any case, is true. The servers read it so.
    pub(crate) fn is_true(&self) -> bool {
        self.text.eq_ignore_ascii_case("true")
    }

    /// Why the value itself is not here, if something fills it in later.
    pub(crate) fn filled_in(&self) -> Option<&'static str> {
        filled_in(&self.text)
    }

    pub(crate) fn number(&self) -> Option<u32> {
        self.text.parse().ok()
    }

    /// As a port.
    pub(crate) fn port(&self) -> Option<u16> {
        self.text.parse().ok().filter(|port| *port != 0)
    }
}

/// Why a text is no value itself, if something fills it in later.
pub(crate) fn filled_in(text: &str) -> Option<&'static str> {
    if ["{{", "<%"].iter().any(|mark| text.contains(mark)) {
        return Some("this is a template");
    }
    text.contains("${").then_some("its value is not known here")
}

/// Without the blanks around it, as Java's `trim` has it: a non-breaking space stays, and is part of the value.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// The most that is read of one file: a hundred times what WSO2 ships.
const MOST: u64 = 4 << 20;

/// A text file. `None`: there is none.
pub(crate) fn text(path: &Path) -> Option<Result<Source, Problem>> {
    (!is_absent(path)).then(|| source(path, bytes(path, MOST)))
}

/// The text that is in these bytes of a file.
fn source(path: &Path, bytes: Result<Vec<u8>, (String, &str)>) -> Result<Source, Problem> {
    let file = Arc::new(path.to_path_buf());
    let problem = |line, (what, advice): (String, &str)| Problem {
        at: Place { file: Arc::clone(&file), line, span: 0..0 },
        what,
        advice: advice.to_owned(),
    };
    let bytes = bytes.map_err(|wrong| problem(0, wrong))?;
    match decoded(bytes) {
        Ok((text, _)) => Ok(Source::new(file, text)),
        Err((line, what)) => Err(problem(line, (what.to_owned(), "save it in UTF-8"))),
    }
}

/// The bytes of a keystore. `None`: there is none, or it cannot be read.
pub(crate) fn binary(path: &Path) -> Option<Vec<u8>> {
    bytes(path, MOST).ok()
}

/// Whether nothing is there. A link that leads nowhere is something that cannot be read, and so is what may not be seen.
fn is_absent(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// How a text was written in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    /// A byte for each character.
    Latin1,
}

impl Encoding {
    /// `None`: there is a character that it does not have.
    pub(crate) fn encoded(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Latin1 => text.chars().map(|c| u8::try_from(c).ok()).collect(),
        }
    }
}

/// Text in UTF-8, or in Latin 1 where the file says so or is no XML: properties of Java are in Latin 1.
pub(crate) fn decoded(bytes: Vec<u8>) -> Result<(String, Encoding), (usize, &'static str)> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err((0, "the file is in UTF-16, which is not read here"));
    }
    String::from_utf8(bytes).map(|text| (text, Encoding::Utf8)).or_else(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(200)).unwrap_or_default()).to_ascii_lowercase();
        let declared = ["iso-8859-1", "latin1", "windows-1252", "us-ascii"].iter().any(|name| head.contains(name));
        if declared || !head.trim_start().starts_with('<') {
            return Ok((bytes.into_iter().map(char::from).collect(), Encoding::Latin1));
        }
        let line = 1 + bytes.iter().take(valid).filter(|byte| **byte == b'\n').count();
        let what = match head.contains("encoding=") && !head.contains("utf-8") {
            true => "the file says that it is in another encoding than UTF-8 or Latin 1, which is not read here",
            false => "the file is not in UTF-8, and does not say in what else it is",
        };
        Err((line, what))
    })
}
