//! Writes each file as a whole or not at all. Files that exist are replaced only with `--force`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
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
    let mut placed: Vec<&Path> = Vec::new();
    for (draft, (path, ..)) in drafts.iter().zip(texts) {
        if let Err(error) = draft.place(path, force) {
            // A certificate without its key is of no use. What was replaced with `force` cannot be brought back.
            placed.iter().filter(|_| !force).for_each(|path| drop(fs::remove_file(path)));
            return Err(format!("{}: {error}", path.display()));
        }
        placed.push(path);
    }
    Ok(())
}

/// A temporary file in the same directory. It is removed when this is dropped.
pub(crate) struct Draft(PathBuf);

impl Draft {
    /// Writes the text beside `path`.
    pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.draft", std::process::id()));
        let beside = path.with_file_name(name);
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
