//! Reads the files of nodes, remembers which, and puts what cannot be read among the findings.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checks::FILE;
use super::files::shelf::Shelf;
use super::files::wanted::TEMPLATES;
use super::files::xml::{self, Element};
use super::findings::Findings;
use crate::config::{Place, Source};

/// Texts that are read in place of files on the disk.
pub(crate) type Texts = HashMap<PathBuf, String>;

/// Reads files, and remembers which.
pub(crate) struct Reading<'a> {
    pub(crate) findings: &'a Findings,
    /// Seconds since 1970, for certificates.
    pub(crate) now: i64,
    /// The disk, and archives.
    pub(crate) shelf: Shelf,
    texts: &'a Texts,
    files: RefCell<Vec<PathBuf>>,
    read: RefCell<Texts>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(findings: &'a Findings, now: i64, texts: &'a Texts) -> Self {
        Self { findings, now, shelf: Shelf::default(), texts, files: RefCell::default(), read: RefCell::default() }
    }

    /// The files that were there, in the order in which they were read, and what was read of those that are texts.
    pub(crate) fn files(self) -> (Vec<PathBuf>, Texts) {
        (self.files.into_inner(), self.read.into_inner())
    }

    pub(crate) fn note(&self, path: &Path) {
        self.files.borrow_mut().push(path.to_path_buf());
    }

    /// A text file, if there is one that can be read.
    pub(crate) fn source(&self, path: &Path) -> Option<Source> {
        let read = match self.texts.get(path) {
            Some(text) => Ok(Source::new(Arc::new(path.to_path_buf()), text.clone())),
            None => self.shelf.text(path)?,
        };
        self.note(path);
        let source = read.map_err(|problem| self.findings.unreadable(problem)).ok()?;
        self.read.borrow_mut().insert(path.to_path_buf(), source.text.clone());
        Some(source)
    }

    pub(crate) fn xml<T>(&self, path: &Path, root: &str, read: impl FnOnce(Element<'_>) -> T) -> Option<T> {
        let source = self.source(path)?;
        xml::read(&source, root, read).map_err(|problem| self.findings.unreadable(problem)).ok()
    }

    /// A file without which a node does not start.
    pub(crate) fn required<T>(&self, path: &Path, root: &str, read: impl FnOnce(Element<'_>) -> T) -> Option<T> {
        self.missing(path, true);
        self.xml(path, root, read)
    }

    /// A file that a copy of a node may lack, but then it is not checked.
    pub(crate) fn expected<T>(&self, path: &Path, root: &str, read: impl FnOnce(Element<'_>) -> T) -> Option<T> {
        self.missing(path, false);
        self.xml(path, root, read)
    }

    fn missing(&self, path: &Path, is_error: bool) {
        if self.shelf.has(path) {
            return;
        }
        let at = Place { file: Arc::new(path.to_path_buf()), ..Place::default() };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let made_of = TEMPLATES.iter().map(|end| path.with_file_name(format!("{name}.{end}")));
        if let Some(template) = made_of.into_iter().find(|template| self.shelf.has(template)) {
            let what = format!("there is no such file: {} is a template", template.display());
            self.findings.error(FILE, &at, what, "name the directory of a node, with the files that are made of it");
            return;
        }
        let what = "there is no such file, so what it says is not checked";
        let advice = "copy the whole conf directory of the node";
        if is_error {
            self.findings.error(FILE, &at, what, advice);
        } else {
            self.findings.warning(FILE, &at, what, advice);
        }
    }
}
