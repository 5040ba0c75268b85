//! Writes each file as a whole or not at all. Files that exist are replaced only with `--force`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes each text to its path with its mode. Without `force`, nothing is written if one of the files exists.
pub(super) fn write_all(texts: &[(PathBuf, String, u32)], force: bool) -> Result<(), String> {
    if !force && let Some((taken, ..)) = texts.iter().find(|(path, ..)| path.symlink_metadata().is_ok()) {
        return Err(format!("{} is there already; --force replaces it, --name chooses another name", taken.display()));
    }
    let mut drafts = Vec::new();
    for (path, text, mode) in texts {
        drafts.push(Draft::write(path, text, *mode).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    // A certificate without its key is of no use: all take their places, or none.
    let mut former = Vec::new();
    for (path, ..) in texts {
        former.push(second_name(path).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    for (draft, (path, ..)) in drafts.iter().zip(texts) {
        if let Err(error) = draft.place(path, force) {
            put_back(&drafts, &former, texts);
            return Err(format!("{}: {error}", path.display()));
        }
    }
    Ok(())
}

/// Another name for the file that is at a path, by which it can come back. None where there is no file, or the file system
/// has no second names.
fn second_name(path: &Path) -> io::Result<Option<Draft>> {
    let former = beside(path, "former");
    match fs::hard_link(path, &former) {
        Ok(()) => Ok(Some(Draft(former))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives each file its place again, and takes away those that were not there before.
fn put_back(drafts: &[Draft], former: &[Option<Draft>], texts: &[(PathBuf, String, u32)]) {
    for ((draft, former), (path, ..)) in drafts.iter().zip(former).zip(texts) {
        match former {
            Some(former) => drop(fs::rename(&former.0, path)),
            None if draft.is_at(path) => drop(fs::remove_file(path)),
            None => {}
        }
    }
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{what}", std::process::id()));
    path.with_file_name(name)
}

/// A temporary file in the same directory. It is removed when this is dropped.
pub(crate) struct Draft(PathBuf);

impl Draft {
    /// Writes the text beside `path`.
    pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) -> io::Result<Self> {
        let beside = beside(path, "draft");
        // The mode is set at creation. With a later chmod, others could read the key until then.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        let draft = Self(beside);
        file.write_all(text.as_ref())?;
        file.sync_all()?;
        Ok(draft)
    }

    pub(crate) fn place(&self, path: &Path, force: bool) -> io::Result<()> {
        if force {
            fs::rename(&self.0, path)?;
        } else {
            // Unlike a rename, a link fails if another process has made the file in the meantime.
            fs::hard_link(&self.0, path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => io::Error::new(ErrorKind::AlreadyExists, "somebody just made this file"),
                _ => error,
            })?;
        }
        path.parent()
            .map_or(Ok(()), |dir| File::open(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })?.sync_all())
    }
}

impl Draft {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether this file has taken a place where none was: it is gone from its own, or both names lead to it.
    fn is_at(&self, path: &Path) -> bool {
        let inode = |path: &Path| path.symlink_metadata().map(|data| (data.dev(), data.ino())).ok();
        inode(&self.0).is_none_or(|own| inode(path) == Some(own))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::certificate::made::Room;

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let room = Room::new();
        let draft = Draft::write(&room.path("a.key"), "new", 0o600).unwrap();
        room.write("a.key", b"theirs");
        assert_eq!(
            draft.place(&room.path("a.key"), false).map_err(|error| error.kind()),
            Err(ErrorKind::AlreadyExists)
        );
        assert_eq!(room.read("a.key"), b"theirs");
        assert!(draft.place(&room.path("a.key"), true).is_ok());
        assert_eq!(room.read("a.key"), b"new");
    }

    #[test]
    fn what_was_replaced_comes_back_where_the_rest_cannot_be_written() {
        let room = Room::new();
        room.write("a.key", b"old");
        fs::create_dir(room.path("a.crt")).unwrap();
        let texts = [("a.key", 0o600), ("a.crt", 0o644)].map(|(name, mode)| (room.path(name), "new".into(), mode));
        assert!(write_all(&texts, true).is_err_and(|why| why.contains("a.crt")));
        assert_eq!(room.read("a.key"), b"old");
        assert_eq!(fs::read_dir(&room).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn half_a_pair_does_not_stay_behind() {
        let room = Room::new();
        fs::create_dir(room.path("dir")).unwrap();
        let texts =
            [("a.key", 0o600), ("missing/a.crt", 0o644)].map(|(name, mode)| (room.path(name), "text".into(), mode));
        assert!(write_all(&texts, false).is_err());
        assert!(!room.path("a.key").exists());
        assert_eq!(fs::read_dir(&room).unwrap().count(), 1, "no drafts are left");
    }
}
