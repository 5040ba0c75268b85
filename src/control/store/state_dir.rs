//! The directory for what outlives a restart. A file in it is replaced completely or not at all: when a write fails,
//! the old file stays. Every error names the path. Only Weir's own user may read the files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::config::regular;

/// The file of the secret that session ids are hashed with.
const SECRET: &str = "secret";

/// The largest file that is read into memory. No file of Weir's own is larger.
const LARGEST: u64 = 4 << 30;

/// How many damaged files of one name are kept for inspection.
const KEPT: usize = 3;

/// The directory that `state-dir` names.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    /// Held while a file is written. Writes use one name for the unfinished file, so only one may run at a time.
    writing: Mutex<()>,
    /// Held while a line is added to a file.
    appending: Mutex<()>,
    /// Files whose last write failed.
    behind: Mutex<Vec<&'static str>>,
}

impl StateDir {
    /// Opens the directory. It is made (0700) if it is missing, and a test write checks that it can be used.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| about(path, &error))?;
        let opened = Self {
            path: path.to_owned(),
            writing: Mutex::default(),
            appending: Mutex::default(),
            behind: Mutex::default(),
        };
        opened.remove_unfinished()?;
        let probe = opened.unfinished("probe");
        create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(|error| about(path, &error))?;
        Ok(opened)
    }

    /// The path of the directory.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The secret of this installation. If none is stored, `fresh` is stored and used from now on; it must be random. A
    /// damaged secret is set aside.
    pub(crate) fn secret(&self, fresh: [u8; 32]) -> io::Result<[u8; 32]> {
        // Another Weir may start at the same time. One of the two secrets is stored, and both processes then use it.
        for _ in 0..3 {
            let known = match self.read(SECRET) {
                // A pipe or a device cannot hold the secret.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Some(Vec::new()),
                known => known?,
            };
            if let Some(known) = known {
                match <[u8; 32]>::try_from(known) {
                    Ok(secret) if secret != [0; 32] => {
                        self.keep_to_ourselves(SECRET)?;
                        return Ok(secret);
                    }
                    _ => self.set_aside_damaged_secret()?,
                }
            }
            if self.create_secret(fresh)? {
                return Ok(fresh);
            }
        }
        Err(io::Error::other(format!("{}: it changes all the time", self.path.join(SECRET).display())))
    }

    /// Replaces a file with what `content` writes. The file is on disk when this returns. If it fails, the caller must
    /// try again. The first failure and the first success after it are logged.
    pub(crate) fn write<T>(
        &self,
        name: &'static str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<T> {
        let written = self.replace(name, content);
        let mut behind = self.behind.lock();
        let index = behind.iter().position(|file| *file == name);
        match (&written, index) {
            (Err(error), None) => {
                behind.push(name);
                log::error!("{error}: what is to outlive a restart (state-dir) is not written; it is tried again");
            }
            (Ok(_), Some(index)) => {
                behind.swap_remove(index);
                log::info!("{} is written again", self.path.join(name).display());
            }
            _ => {}
        }
        written
    }

    /// Adds a line at the end of a file. It is on disk when this returns. The file is opened for each line, so that it may
    /// be moved away at any time.
    pub(crate) fn append(&self, name: &str, line: &str) -> io::Result<()> {
        let _one = self.appending.lock();
        let path = self.path.join(name);
        append_line(&path, line).map_err(|error| about(&path, &error))?;
        self.sync()
    }

    /// Whether the last write of a file failed.
    pub(crate) fn is_behind(&self, name: &str) -> bool {
        self.behind.lock().contains(&name)
    }

    /// Replaces a file with what `content` writes. It is on disk when this returns. A failure is the caller's to tell.
    pub(crate) fn replace<T>(
        &self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<T> {
        let _one = self.writing.lock();
        let (path, unfinished) = (self.path.join(name), self.unfinished(name));
        let written = write_all(&unfinished, content)
            .and_then(|written| fs::rename(&unfinished, &path).map(|()| written))
            .map_err(|error| {
                // The unfinished file may not exist, and nothing can be done if it cannot be removed.
                let _ = fs::remove_file(&unfinished);
                about(&path, &error)
            })?;
        self.sync()?;
        Ok(written)
    }

    /// Gives a file another name, in place of what has that name.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path.join(from), self.path.join(to));
        fs::rename(&from, &to).map_err(|error| about(&to, &error))?;
        self.sync()
    }

    /// Whether so many bytes can be written now.
    pub(crate) fn has_room_for(&self, bytes: usize) -> io::Result<()> {
        let _one = self.writing.lock();
        let probe = self.unfinished("probe");
        let written = write_all(&probe, |out| out.write_all(&vec![0; bytes]));
        let _ = fs::remove_file(&probe);
        written.map_err(|error| about(&self.path, &error))
    }

    /// The bytes of a file. `None` when there is no such file.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Self::read_in(&self.path, name)
    }

    /// The same for a directory that may not be writable. Its files are valid all the same.
    pub(crate) fn read_in(directory: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = directory.join(name);
        match regular::read(&path, LARGEST) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            result => result.map(Some).map_err(|error| about(&path, &error)),
        }
    }

    /// What `parse` makes of a file; nothing where there is none. A file that cannot be used is set aside, and the error says why and
    /// where it is now.
    pub(crate) fn read_as<T: Default>(
        &self,
        name: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, String> {
        let read = self.read(name).map_err(|error| error.to_string());
        read.and_then(|bytes| bytes.map_or_else(|| Ok(T::default()), |bytes| parse(&bytes))).map_err(|why| {
            let kept = match self.set_aside(name) {
                Ok(aside) => format!("it is now {}", aside.display()),
                Err(error) => format!("it cannot be set aside: {error}"),
            };
            format!("{name} in state-dir: {why}; {kept}")
        })
    }

    /// Renames a file that cannot be used, and removes all but the latest three such files of its name. Returns the new
    /// path.
    pub(crate) fn set_aside(&self, name: &str) -> io::Result<PathBuf> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.set_aside_at(name, now.as_secs())
    }

    fn set_aside_at(&self, name: &str, now: u64) -> io::Result<PathBuf> {
        let (path, prefix) = (self.path.join(name), format!("{name}.damaged-"));
        // A file that was set aside in the same second stays.
        let is_free = |moment: &u64| !self.path.join(format!("{prefix}{moment}")).exists();
        let now = (now..).take(KEPT).find(is_free).unwrap_or(now);
        let aside = self.path.join(format!("{prefix}{now}"));
        fs::rename(&path, &aside).map_err(|error| about(&path, &error))?;
        let moment = |entry: &str| entry.strip_prefix(&prefix)?.parse::<u64>().ok();
        let mut moments: Vec<u64> = self.names()?.iter().filter_map(|entry| moment(entry)).collect();
        moments.sort_unstable();
        // The file that was set aside just now is never removed, even if the clock was set back.
        for old in moments.iter().rev().filter(|moment| **moment != now).skip(KEPT - 1) {
            let old = self.path.join(format!("{prefix}{old}"));
            fs::remove_file(&old).map_err(|error| about(&old, &error))?;
        }
        self.sync()?;
        Ok(aside)
    }

    fn set_aside_damaged_secret(&self) -> io::Result<()> {
        let aside = match self.set_aside(SECRET) {
            // Another Weir has renamed the file first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            aside => aside?,
        };
        log::warn!(
            "{} is damaged: it is now {}, and sessions kept under it are forgotten",
            self.path.join(SECRET).display(),
            aside.display()
        );
        Ok(())
    }

    /// Creates the secret. False when one exists already. A hard link is used, because unlike a rename it never
    /// replaces a file.
    fn create_secret(&self, fresh: [u8; 32]) -> io::Result<bool> {
        let _one = self.writing.lock();
        let (path, unfinished) = (self.path.join(SECRET), self.unfinished(SECRET));
        let linked =
            write_all(&unfinished, |out| out.write_all(&fresh)).and_then(|()| fs::hard_link(&unfinished, &path));
        let _ = fs::remove_file(&unfinished);
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(about(&path, &error)),
            Ok(()) => self.sync().map(|()| true),
        }
    }

    /// Makes a file readable for its owner only. A secret that was copied by hand may be readable for everybody.
    fn keep_to_ourselves(&self, name: &str) -> io::Result<()> {
        let path = self.path.join(name);
        let mode = fs::metadata(&path).map_err(|error| about(&path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            log::warn!("{} could be read by others (mode {:o}): it is now 600", path.display(), mode & 0o777);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|error| about(&path, &error))?;
        }
        Ok(())
    }

    /// The name of an unfinished file. It contains the process id, because the next Weir may start while this one still
    /// writes.
    fn unfinished(&self, name: &str) -> PathBuf {
        self.path.join(format!("{UNFINISHED}{}.{name}", std::process::id()))
    }

    /// Removes unfinished files of processes that ended while they wrote.
    fn remove_unfinished(&self) -> io::Result<()> {
        for name in self.names()? {
            let Some((process, _)) = name.strip_prefix(UNFINISHED).and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            if !Path::new("/proc").join(process).exists() {
                // If this fails, the next start tries again.
                let _ = fs::remove_file(self.path.join(&name));
            }
        }
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| about(&self.path, &error))?;
        Ok(entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    /// Writes the directory itself to disk, because a rename is durable only after that.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(|error| about(&self.path, &error))
    }
}

const UNFINISHED: &str = ".unfinished.";

fn write_all<T>(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
    let mut out = BufWriter::with_capacity(64 * 1024, create(path)?);
    let written = content(&mut out)?;
    out.into_inner()?.sync_all()?;
    Ok(written)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Where a full disk has cut the line before, a new one begins all the same.
fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let (length, mut last) = (file.seek(SeekFrom::End(0))?, [b'\n']);
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    let begin = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{begin}{line}\n").as_bytes())?;
    file.sync_data()
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    /// A directory of the test's own, removed when this is dropped.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            let name = format!("weir-state-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).expect("a fresh directory");
            Self(path)
        }

        fn open(&self) -> StateDir {
            StateDir::open(&self.0.join("state/weir")).expect("it can be made")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn it_is_made_where_it_is_missing_and_nobody_else_may_look() {
        let scratch = Scratch::new();
        let state = scratch.open();
        assert_eq!(mode(state.path()), 0o700);
        state.write("sessions", |out| out.write_all(b"all of them")).expect("written");
        assert_eq!(mode(&state.path().join("sessions")), 0o600);
        assert_eq!(state.names().expect("read"), ["sessions"], "nothing else is left there");
        let again = scratch.open();
        assert_eq!(again.read("sessions").expect("read").as_deref(), Some(&b"all of them"[..]));
        assert_eq!(again.read("operators").expect("no error"), None);
    }

    #[test]
    fn a_place_that_is_none_is_named() {
        let scratch = Scratch::new();
        let file = scratch.0.join("file");
        fs::write(&file, "").expect("written");
        // No file can be created in these, not even by root.
        for path in [file.clone(), file.join("below"), "/proc/self".into(), "/proc/weir".into()] {
            let error = StateDir::open(&path).expect_err("no such place").to_string();
            assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
        }
    }

    #[test]
    fn a_write_that_fails_leaves_the_file_before() {
        let scratch = Scratch::new();
        let state = scratch.open();
        state.write("sessions", |out| out.write_all(b"before")).expect("written");
        assert!(!state.is_behind("sessions"));
        let full = |out: &mut dyn Write| {
            out.write_all(&[b'x'; 200_000])?;
            Err::<(), _>(io::ErrorKind::StorageFull.into())
        };
        let error = state.write("sessions", full).expect_err("full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().starts_with(&state.path().join("sessions").display().to_string()), "{error}");
        assert_eq!(state.read("sessions").expect("read").as_deref(), Some(&b"before"[..]));
        assert_eq!(state.names().expect("read"), ["sessions"]);
        assert!(state.is_behind("sessions") && !state.is_behind("operators.json"));
        state.write("sessions", |out| out.write_all(b"after")).expect("written");
        assert!(!state.is_behind("sessions"));
    }

    #[test]
    fn lines_are_added_one_after_the_other() {
        let scratch = Scratch::new();
        let state = scratch.open();
        let path = state.path().join("audit.log");
        state.append("audit.log", "one").expect("written");
        assert_eq!(mode(&path), 0o600);
        fs::write(&path, "one\nhal").expect("a disk became full in the middle of a line");
        state.append("audit.log", "three").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "one\nhal\nthree\n");
        fs::rename(&path, state.path().join("audit.log.1")).expect("rotated");
        state.append("audit.log", "four").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "four\n");
        fs::remove_file(&path).expect("ours");
        std::os::unix::fs::symlink("/dev/full", &path).expect("ours");
        assert_eq!(state.append("audit.log", "x").expect_err("full").kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_directory_that_went_away_is_named() {
        let scratch = Scratch::new();
        let state = scratch.open();
        fs::remove_dir(state.path()).expect("empty");
        let named = |error: io::Error| error.to_string().contains("state/weir");
        assert!(named(state.write("sessions", |_| Ok(())).expect_err("gone")));
        assert!(named(state.secret([1; 32]).expect_err("gone")));
        assert!(named(state.set_aside("sessions").expect_err("gone")));
        assert_eq!(state.read("sessions").expect("no error"), None);
    }

    #[test]
    fn the_secret_stays_what_it_was() {
        let scratch = Scratch::new();
        assert_eq!(scratch.open().secret([1; 32]).expect("made"), [1; 32]);
        assert_eq!(scratch.open().secret([2; 32]).expect("known"), [1; 32]);
        let path = scratch.open().path().join("secret");
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        assert_eq!(scratch.open().secret([3; 32]).expect("known"), [1; 32]);
        assert_eq!(mode(&path), 0o600, "it is closed to others again");
        assert_eq!(scratch.open().names().expect("read"), ["secret"]);
    }

    #[test]
    fn a_damaged_secret_is_set_aside() {
        for damaged in [vec![], vec![1; 31], vec![1; 33], vec![0; 32]] {
            let scratch = Scratch::new();
            let state = scratch.open();
            state.write("secret", |out| out.write_all(&damaged)).expect("written");
            assert_eq!(state.secret([7; 32]).expect("made"), [7; 32]);
            assert_eq!(state.secret([8; 32]).expect("known"), [7; 32]);
            let names = state.names().expect("read");
            let aside = names.iter().find(|name| name.starts_with("secret.damaged-")).expect("kept");
            assert_eq!((names.len(), state.read(aside).expect("read")), (2, Some(damaged)));
        }
    }

    #[test]
    fn two_that_start_at_once_agree_on_a_secret() {
        for _ in 0..50 {
            let scratch = Scratch::new();
            let (one, other) = (scratch.open(), scratch.open());
            // The name that another process would use for its unfinished file.
            one.create_secret([1; 32]).expect("made");
            assert!(!other.create_secret([2; 32]).expect("no error"), "nothing is replaced");
            assert_eq!(other.secret([2; 32]).expect("known"), [1; 32]);
        }
    }

    #[test]
    fn the_latest_three_damaged_files_are_kept() {
        let scratch = Scratch::new();
        let state = scratch.open();
        state.write("sessions.damaged-by-hand", |_| Ok(())).expect("written");
        state.write("others.damaged-1", |_| Ok(())).expect("written");
        for now in [9, 999, 10, 8, 11, 100] {
            state.write("sessions", |out| out.write_all(b"damaged")).expect("written");
            let aside = state.set_aside_at("sessions", now).expect("moved");
            assert_eq!(aside, state.path().join(format!("sessions.damaged-{now}")));
            assert!(aside.exists());
        }
        let mut names = state.names().expect("read");
        names.sort();
        let expected = ["others.damaged-1", "sessions.damaged-100", "sessions.damaged-11", "sessions.damaged-999"];
        assert_eq!(names[..4], expected);
        assert_eq!(names[4..], ["sessions.damaged-by-hand"]);
        state.write("sessions", |out| out.write_all(b"as damaged, in the same second")).expect("written");
        let aside = state.set_aside_at("sessions", 100).expect("moved");
        assert_eq!(aside, state.path().join("sessions.damaged-101"), "what lies there stays");
        assert_eq!(state.set_aside("sessions").expect_err("none left").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not() {
        let scratch = Scratch::new();
        let state = scratch.open();
        let ours = state.unfinished("sessions");
        fs::write(&ours, "half").expect("written");
        // No process has this id: process ids are at most 2^22.
        fs::write(state.path().join(".unfinished.99999999.sessions"), "half").expect("written");
        scratch.open();
        let names = state.names().expect("read");
        assert_eq!(names, [ours.file_name().and_then(|name| name.to_str()).expect("a name")]);
    }
}
