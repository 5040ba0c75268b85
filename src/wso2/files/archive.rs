//! The files of a node in a tar archive, plain or compressed by gzip. The archive is read from its beginning to its end and only what
//! matters is kept, in memory: nothing is unpacked, so no name in it leads anywhere.

mod stream;

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Error, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use tar::{Archive as Tar, Entry as TarEntry, EntryType};

use self::stream::{Bounded, HEADERS, opened, passed};
use super::MOST;
use super::wanted::{WHAT_TO_NAME, is_of_node};

/// What is wrong, and what would be right.
type Wrong = (String, &'static str);

/// The most entries of an archive. A whole product has some ten thousand.
const MOST_ENTRIES: usize = 500_000;
/// The most files and links that are kept of it.
const MOST_FILES: usize = 20_000;
/// The most bytes that are kept of it, names and targets of links among them.
const MOST_KEPT: u64 = 64 << 20;
/// The longest path of them, in bytes and in parts. The kernel takes none of more bytes.
const LONGEST: usize = 4096;
const DEEPEST: usize = 100;
/// The most parts of all paths together: each is looked at when links are followed.
const MOST_PARTS: usize = 20 * MOST_FILES;
/// The most links that lead from one to the next.
const LINKS: usize = 40;

/// What was kept of an archive, by its path in it.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    entries: HashMap<PathBuf, Entry>,
    kept: u64,
    parts: usize,
}

#[derive(Debug)]
enum Entry {
    File(Vec<u8>),
    Large,
    /// To this path, also from the beginning of the archive.
    Link(PathBuf),
    /// A pipe or a device.
    NoFile,
}

impl Entry {
    fn target(&self) -> Option<&PathBuf> {
        match self {
            Self::Link(target) => Some(target),
            _ => None,
        }
    }

    /// How many bytes are kept of it and of its path, and how many parts both paths have.
    fn weight(&self, inner: &Path) -> (u64, usize) {
        let bytes = if let Self::File(bytes) = self { bytes.len() } else { 0 };
        let paths = || [Some(inner), self.target().map(PathBuf::as_path)].into_iter().flatten();
        let names: usize = paths().map(|path| path.as_os_str().len()).sum();
        ((bytes + names) as u64, paths().map(depth).sum())
    }
}

impl Archive {
    pub(crate) fn read(path: &Path) -> Result<Self, Wrong> {
        let mut archive = Self::default();
        archive.pass(path, &is_of_node)?;
        // Links may lead to files under other names.
        let wanted = archive.linked();
        if !wanted.is_empty() {
            archive.pass(path, &|inner| wanted.contains(inner))?;
        }
        Ok(archive)
    }

    /// One way through the archive.
    fn pass(&mut self, path: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<(), Wrong> {
        let (allowed, mut count) = (Cell::new(HEADERS), 0);
        let bounded = opened(path).map(|inner| Bounded::new(inner, &allowed));
        let mut tar = Tar::new(bounded.map_err(|error| wrong(&error))?);
        let mut all = || {
            for entry in tar.entries()? {
                let mut entry = entry?;
                count += 1;
                if count > MOST_ENTRIES || self.is_full() {
                    return Err(Error::new(ErrorKind::FileTooLarge, "it holds more than a node has"));
                }
                allowed.set(u64::MAX);
                self.keep(&mut entry, wanted)?;
                allowed.set(HEADERS + passed(&mut entry, MOST_KEPT)?);
            }
            Ok(())
        };
        all().map_err(|error| match (error.kind(), count) {
            // Of what begins as gzip and goes on otherwise, before its first entry was read.
            (ErrorKind::UnexpectedEof | ErrorKind::InvalidInput, _) => broken(&error),
            (ErrorKind::FileTooLarge, _) | (_, 1..) => wrong(&error),
            _ => ("this is no directory and no tar archive".to_owned(), WHAT_TO_NAME),
        })
    }

    fn keep(&mut self, entry: &mut TarEntry<'_, impl Read>, wanted: &dyn Fn(&Path) -> bool) -> io::Result<()> {
        let inner = normal(&entry.path()?);
        let kind = entry.header().entry_type();
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if !is_link && !wanted(&inner) {
            return Ok(());
        }
        let kept = match kind {
            EntryType::Directory => return Ok(()),
            EntryType::Fifo | EntryType::Char | EntryType::Block => Entry::NoFile,
            _ if is_link => {
                let target = entry.link_name()?.unwrap_or_default();
                let beside = inner.parent().filter(|_| kind == EntryType::Symlink).unwrap_or(Path::new(""));
                Entry::Link(normal(&if target.is_absolute() { target.into_owned() } else { beside.join(target) }))
            }
            _ => {
                let mut bytes = Vec::new();
                entry.take(MOST + 1).read_to_end(&mut bytes)?;
                if bytes.len() as u64 > MOST { Entry::Large } else { Entry::File(bytes) }
            }
        };
        if [Some(&inner), kept.target()].into_iter().flatten().any(|path| is_long(path)) {
            let what = format!("it has a path of more than {LONGEST} bytes or {DEEPEST} parts");
            return Err(Error::new(ErrorKind::FileTooLarge, what));
        }
        let (bytes, parts) = kept.weight(&inner);
        self.kept += bytes;
        self.parts += parts;
        // Of two with one name the later one counts, as where they are unpacked.
        if let Some(old) = self.entries.remove(&inner) {
            let (bytes, parts) = old.weight(&inner);
            self.kept -= bytes;
            self.parts -= parts;
        }
        self.entries.insert(inner, kept);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.entries.len() > MOST_FILES || self.kept > MOST_KEPT || self.parts > MOST_PARTS
    }

    /// The targets of links that were not kept.
    fn linked(&self) -> BTreeSet<PathBuf> {
        let links = self.entries.iter().filter(|(inner, entry)| matches!(entry, Entry::Link(_)) && is_of_node(inner));
        links.filter_map(|(inner, _)| self.real(inner)).filter(|real| !self.entries.contains_key(real)).collect()
    }

    /// Where a path leads by all links on its way. `None`: in a circle, or too far.
    fn real(&self, inner: &Path) -> Option<PathBuf> {
        let mut path = normal(inner);
        for _ in 0..LINKS {
            if is_long(&path) {
                return None;
            }
            let link = |above: &Path| match self.entries.get(above) {
                Some(Entry::Link(target)) => Some((above.to_path_buf(), target)),
                _ => None,
            };
            let Some((above, target)) = path.ancestors().filter_map(link).last() else { return Some(path) };
            path = normal(&target.join(path.strip_prefix(&above).unwrap_or(Path::new(""))));
        }
        None
    }

    fn entry(&self, inner: &Path) -> Option<&Entry> {
        self.entries.get(&self.real(inner)?)
    }

    /// Whether something is there, be it a link that leads nowhere.
    pub(crate) fn has(&self, inner: &Path) -> bool {
        self.entry(inner).is_some() || self.entries.contains_key(&normal(inner))
    }

    pub(crate) fn is_directory(&self, inner: &Path) -> bool {
        let Some(real) = self.real(inner) else { return false };
        self.entries.keys().any(|path| path.starts_with(&real) && *path != real)
    }

    /// The files of a directory.
    pub(crate) fn files(&self, inner: &Path) -> Vec<PathBuf> {
        let Some(real) = self.real(inner) else { return Vec::new() };
        self.entries.keys().filter(|path| path.parent() == Some(real.as_path())).cloned().collect()
    }

    pub(crate) fn bytes(&self, inner: &Path) -> Result<Vec<u8>, Wrong> {
        match self.entry(inner) {
            Some(Entry::File(bytes)) => Ok(bytes.clone()),
            Some(Entry::Large) => {
                Err((format!("the file is larger than {} MiB", MOST >> 20), "is it a configuration?"))
            }
            Some(Entry::NoFile) => Err(("this is a pipe or a device, not a file".to_owned(), "")),
            Some(Entry::Link(_)) | None => Err((
                "the archive has a link here, and not what it leads to".to_owned(),
                "write it with tar --dereference",
            )),
        }
    }

    /// The directories from a path on that hold something, by links too: the nearest ones, and of these those named conf.
    pub(crate) fn nearest(&self, from: &Path, holds: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let from = normal(from);
        let links = self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Link(_))).map(|(path, _)| &**path);
        // What a directory holds is in it, or in one of its own such as `axis2/axis2.xml`.
        let above = self.entries.keys().flat_map(|path| path.ancestors().skip(1).take(2));
        let mut all: BTreeSet<&Path> = above.chain(links).filter(|path| path.starts_with(&from)).collect();
        all.retain(|path| holds(path));
        let least = all.iter().map(|path| depth(path)).min();
        let near: Vec<&Path> = all.into_iter().filter(|path| Some(depth(path)) == least).collect();
        let named: Vec<&Path> = near.iter().copied().filter(|path| path.ends_with("conf")).collect();
        if named.is_empty() { near } else { named }.into_iter().map(Path::to_path_buf).collect()
    }
}

fn wrong(error: &Error) -> Wrong {
    match error.kind() {
        ErrorKind::FileTooLarge => (error.to_string(), "is it the archive of one node?"),
        ErrorKind::InvalidInput => (error.to_string(), WHAT_TO_NAME),
        ErrorKind::Unsupported => (error.to_string(), "unpack it, or write it anew with tar -czf"),
        ErrorKind::PermissionDenied | ErrorKind::NotFound => {
            (format!("the archive cannot be read: {error}"), WHAT_TO_NAME)
        }
        _ => broken(error),
    }
}

fn broken(error: &Error) -> Wrong {
    (format!("the archive is broken: {error}"), "copy it anew: a part of it is missing or damaged")
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

fn is_long(path: &Path) -> bool {
    path.as_os_str().len() > LONGEST || depth(path) > DEEPEST
}

/// A path from the beginning of the archive. What climbs out of it or is absolute does not, as where tar unpacks it.
fn normal(path: &Path) -> PathBuf {
    let mut inner = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inner.push(name),
            Component::ParentDir => {
                inner.pop();
            }
            _ => {}
        }
    }
    inner
}
