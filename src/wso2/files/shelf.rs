//! Where files are: on the disk, or in an archive that stands for a directory. A path into an archive begins with the archive's own.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::wanted::DATASOURCES;
use super::{is_absent, source};
use crate::config::{Problem, Source};

/// The most of them.
const MOST_SOURCES: usize = 100;

/// The disk, and the archives that were opened.
#[derive(Debug, Default)]
pub(crate) struct Shelf(RefCell<Vec<(PathBuf, Archive)>>);

impl Shelf {
    /// A text file. `None`: there is none.
    pub(crate) fn text(&self, path: &Path) -> Option<Result<Source, Problem>> {
        match self.archived(path, |archive, inner| archive.has(inner).then(|| archive.bytes(inner))) {
            Some(found) => found.map(|bytes| source(path, bytes)),
            None => super::text(path),
        }
    }

    /// The bytes of a keystore. `None`: there is none, or it cannot be read.
    pub(crate) fn binary(&self, path: &Path) -> Option<Vec<u8>> {
        self.archived(path, |archive, inner| archive.bytes(inner).ok()).unwrap_or_else(|| super::binary(path))
    }

    /// Whether something is there. A link that leads nowhere is something that cannot be read, and so is what may not be seen.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.archived(path, Archive::has).unwrap_or_else(|| !is_absent(path))
    }

    pub(crate) fn is_directory(&self, path: &Path) -> bool {
        self.archived(path, Archive::is_directory).unwrap_or_else(|| path.is_dir())
    }

    /// The files with datasources in a directory, but for this one. Servers read all of them.
    pub(crate) fn other_datasources(&self, master: &Path) -> Vec<PathBuf> {
        let Some(directory) = master.parent() else { return Vec::new() };
        let on_disk = || directory.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        let archived = |archive: &Archive, inner: &Path| {
            archive.files(inner).iter().filter_map(|file| Some(directory.join(file.file_name()?))).collect()
        };
        let all: Vec<PathBuf> = self.archived(directory, archived).unwrap_or_else(on_disk);
        let is_one = |path: &PathBuf| path.to_string_lossy().ends_with(DATASOURCES) && path != master;
        let mut others: Vec<PathBuf> = all.into_iter().filter(is_one).collect();
        others.sort();
        others.truncate(MOST_SOURCES);
        others
    }

    /// Opens the archive at a path.
    pub(crate) fn open(&self, archive: &Path) -> Result<(), (String, &'static str)> {
        if self.archived(archive, |_, _| ()).is_none() {
            let read = Archive::read(archive)?;
            self.0.borrow_mut().push((archive.to_path_buf(), read));
        }
        Ok(())
    }

    /// The directories of an opened archive from a path on that hold something, the nearest ones.
    pub(crate) fn nearest(&self, path: &Path, holds: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let all = self.0.borrow();
        let Some((archive, kept)) = all.iter().find(|(archive, _)| path.starts_with(archive)) else {
            return Vec::new();
        };
        let from = path.strip_prefix(archive).unwrap_or(Path::new(""));
        let outer = |inner: &Path| if inner.as_os_str().is_empty() { archive.clone() } else { archive.join(inner) };
        kept.nearest(from, |inner| holds(&outer(inner))).iter().map(|inner| outer(inner)).collect()
    }

    fn archived<T>(&self, path: &Path, ask: impl Fn(&Archive, &Path) -> T) -> Option<T> {
        let all = self.0.borrow();
        let of = |(archive, kept): &(PathBuf, Archive)| Some(ask(kept, path.strip_prefix(archive).ok()?));
        all.iter().find_map(of)
    }
}
