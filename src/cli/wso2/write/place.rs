//! Writes files of several nodes: all of them, or none. The old ones stay beside them under other names; owner and mode stay; a link
//! stays a link, and the file that it leads to is written. Access lists and labels stay too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use crate::cli::cert::Draft;
use crate::wso2::Change;

/// Files that are ready: only renaming is left to do.
pub(super) struct Prepared(Vec<Ready>);

struct Ready {
    /// The file behind all links.
    path: PathBuf,
    before: Option<Vec<u8>>,
    draft: Draft,
    /// `None`: there was no file.
    backup: Option<Backup>,
}

/// The old file under another name. It goes again when this is dropped, unless it was kept.
struct Backup {
    path: PathBuf,
    kept: bool,
}

impl Drop for Backup {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Prepared {
    /// Everything that can fail before a file is another one: nothing of the nodes has changed after this.
    /// Of `read`, all files of the nodes, none may be the same one and stay as it is.
    pub(super) fn all(changes: &[&Change], read: &[PathBuf]) -> Result<Self, String> {
        let mut ready: Vec<(Ready, &Change)> = Vec::new();
        for change in changes.iter().copied() {
            let wrong = |error: io::Error| format!("{}: {error}; nothing was written", change.path.display());
            let path = match &change.before {
                Some(_) => fs::canonicalize(&change.path).map_err(wrong)?,
                None => change.path.clone(),
            };
            match ready.iter().find(|(other, _)| other.path == path) {
                Some((_, other)) if other.after == change.after => continue,
                Some((_, other)) => {
                    return Err(one_file(&other.path, &change.path));
                }
                None => ready.push((Ready::new(path, change).map_err(wrong)?, change)),
            }
        }
        let is_changed = |path: &PathBuf| changes.iter().any(|change| change.path == *path);
        for other in read.iter().filter(|path| !is_changed(path)) {
            let real = fs::canonicalize(other).ok();
            if let Some((_, change)) = ready.iter().find(|(one, _)| Some(&one.path) == real.as_ref()) {
                return Err(one_file(&change.path, other));
            }
        }
        Ok(Self(ready.into_iter().map(|(ready, _)| ready).collect()))
    }

    /// Puts all in their places, and says where the old ones are.
    pub(super) fn place(mut self) -> Result<Vec<(PathBuf, Option<PathBuf>)>, String> {
        for at in 0..self.0.len() {
            if let Err(error) = self.0[at].place() {
                let path = self.0[at].path.display().to_string();
                return Err(format!("{path}: {error}; {}", put_back(&mut self.0[..=at])));
            }
        }
        self.0.iter_mut().filter_map(|ready| ready.backup.as_mut()).for_each(|backup| backup.kept = true);
        let old = |ready: &Ready| ready.backup.as_ref().map(|backup| backup.path.clone());
        Ok(self.0.iter().map(|ready| (ready.path.clone(), old(ready))).collect())
    }
}

fn one_file(one: &Path, other: &Path) -> String {
    let (one, other) = (one.display(), other.display());
    format!("{one} and {other} are one file, which would have to be different for each; nothing was written")
}

/// Renames the old files back. One whose draft is still there was not replaced.
fn put_back(placed: &mut [Ready]) -> String {
    let mut lost = Vec::new();
    for ready in placed.iter_mut().filter(|ready| ready.is_placed()) {
        match &mut ready.backup {
            Some(backup) => {
                if let Err(error) = fs::rename(&backup.path, &ready.path) {
                    backup.kept = true;
                    lost.push(format!("{} is {} now ({error})", ready.path.display(), backup.path.display()));
                }
            }
            None => {
                if let Err(error) = fs::remove_file(&ready.path) {
                    lost.push(format!("{} is there now ({error})", ready.path.display()));
                }
            }
        }
    }
    match lost.is_empty() {
        true => "what was written before it was put back, so nothing has changed".to_owned(),
        false => format!("what was written before it could not all be put back: {}", lost.join(", ")),
    }
}

impl Ready {
    fn new(path: PathBuf, change: &Change) -> io::Result<Self> {
        let Some(before) = &change.before else {
            let draft = Draft::write(&path, &change.after, 0o644)?;
            like_the_others(draft.path(), &path)?;
            return Ok(Self { path, before: None, draft, backup: None });
        };
        // Whoever may not write the file itself does not replace it either.
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let old = file.metadata()?;
        unchanged(&path, before)?;
        let draft = Draft::write(&path, &change.after, 0o600)?;
        owned_by(draft.path(), &old)?;
        let new = OpenOptions::new().read(true).write(true).open(draft.path())?;
        without_inherited_list(&new)?;
        fs::set_permissions(draft.path(), fs::Permissions::from_mode(old.mode() & 0o7777))?;
        attributes(&file, &new)?;
        let backup = Backup { path: kept_beside(&path)?, kept: false };
        Ok(Self { path, before: change.before.clone(), draft, backup: Some(backup) })
    }

    fn place(&self) -> io::Result<()> {
        match &self.before {
            Some(before) => unchanged(&self.path, before).and_then(|()| self.draft.place(&self.path, true)),
            None => self.draft.place(&self.path, false),
        }
    }

    /// A rename leaves no draft; of a new file the draft is a second name.
    fn is_placed(&self) -> bool {
        let inode = |path: &Path| path.symlink_metadata().map(|data| data.ino()).ok();
        match (inode(self.draft.path()), &self.backup) {
            (None, _) => true,
            (draft, None) => draft == inode(&self.path),
            (Some(_), Some(_)) => false,
        }
    }
}

/// Gives a new file of a node the owner and the mode of carbon.xml beside it, whatever the umask is: the node reads both.
pub(super) fn like_the_others(new: &Path, place: &Path) -> io::Result<()> {
    let Ok(old) = fs::metadata(place.with_file_name("carbon.xml")) else { return Ok(()) };
    owned_by(new, &old)?;
    fs::set_permissions(new, fs::Permissions::from_mode(old.mode() & 0o666))
}

/// Makes the owner of one file that of another, if it is not yet.
pub(super) fn owned_by(path: &Path, old: &fs::Metadata) -> io::Result<()> {
    let own = fs::metadata(path)?;
    if (own.uid(), own.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    chown(path, Some(old.uid()), Some(old.gid())).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            let (user, group) = (old.uid(), old.gid());
            io::Error::other(format!(
                "it belongs to the user {user} and the group {group}: run this as that user, or as root"
            ))
        }
        _ => error,
    })
}

/// The list of who else may read a file.
const LIST: &str = "system.posix_acl_access";

/// Sums over the content of a file.
const OF_CONTENT: [&[u8]; 2] = [b"security.ima", b"security.evm"];

/// The most that the system has of one attribute, and of the names of all.
const MOST: usize = 64 << 10;

/// Takes away the list that a file has from its directory: its mode says who may read it, or the old file's list.
fn without_inherited_list(file: &File) -> io::Result<()> {
    match fremovexattr(file, LIST) {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Copies access lists, labels of SELinux, and what users have added.
fn attributes(old: &File, new: &File) -> io::Result<()> {
    let mut names = vec![0; MOST];
    let length = match flistxattr(old, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(error.into()),
    };
    let value = |file: &File, name: &[u8]| {
        let mut value = vec![0; MOST];
        let length = fgetxattr(file, name, &mut value[..])?;
        value.truncate(length);
        Ok::<_, Errno>(value)
    };
    // What the system itself has counted of the content is not right for another content.
    let is_kept = |name: &&[u8]| !name.is_empty() && !OF_CONTENT.contains(name);
    for name in names[..length].split(|byte| *byte == 0).filter(is_kept) {
        let wanted = value(old, name)?;
        if value(new, name).as_ref() != Ok(&wanted) {
            let shown = String::from_utf8_lossy(name);
            fsetxattr(new, name, &wanted, XattrFlags::empty())
                .map_err(|error| io::Error::other(format!("its attribute {shown} cannot be kept ({error})")))?;
        }
    }
    Ok(())
}

/// What is said of a file that is no longer what was read.
pub(super) const CHANGED: &str = "somebody has just changed the file";

/// What was read is what is replaced.
fn unchanged(path: &Path, before: &[u8]) -> io::Result<()> {
    if fs::read(path)? == before { Ok(()) } else { Err(io::Error::other(CHANGED)) }
}

/// Gives the file a second name that nothing has yet. Where a file system knows no second names, it is copied.
fn kept_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..10_000 {
        let beside = path.with_file_name(format!("{name}.before-{number}"));
        match fs::hard_link(path, &beside) {
            Ok(()) => return Ok(beside),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // A file that is mounted by itself cannot be replaced.
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                return Err(io::Error::other("it is mounted by itself, so no other file can take its place"));
            }
            Err(_) if beside.symlink_metadata().is_ok() => {}
            Err(_) => return copied(path, &beside).map(|()| beside),
        }
    }
    Err(io::Error::other("there are ten thousand older files beside it"))
}

fn copied(path: &Path, beside: &Path) -> io::Result<()> {
    let old = fs::metadata(path)?;
    let mut new = OpenOptions::new().write(true).create_new(true).open(beside)?;
    io::copy(&mut File::open(path)?, &mut new)?;
    new.set_permissions(old.permissions())?;
    new.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::certificate::made::Room;

    fn change(room: &Room, name: &str) -> Change {
        let (before, after) = (Some(b"old".to_vec()), b"new".to_vec());
        let path = room.path(name);
        Change { path, before, after, texts: ("old".into(), "new".into()) }
    }

    #[test]
    fn all_are_written_and_the_old_ones_stay() {
        let room = Room::new();
        for name in ["a", "b", "a.before-1"] {
            room.write(name, b"old");
        }
        fs::set_permissions(room.path("a"), fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("b", room.path("link")).unwrap();
        let changes = [change(&room, "a"), change(&room, "link"), change(&room, "b")];
        let written = Prepared::all(&changes.each_ref(), &[room.path("other")]).unwrap().place().unwrap();
        let real = |name: &str| fs::canonicalize(room.path(".")).unwrap().join(name);
        assert_eq!(written, [(real("a"), Some(real("a.before-2"))), (real("b"), Some(real("b.before-1")))]);
        assert_eq!([room.read("a"), room.read("b"), room.read("a.before-2")], [b"new", b"new", b"old"]);
        assert_eq!(fs::metadata(room.path("a")).unwrap().mode() & 0o7777, 0o640);
        assert!(room.path("link").is_symlink());
        assert_eq!(fs::read_dir(&room).unwrap().count(), 6, "nothing else is left");
    }

    #[test]
    fn a_new_file_is_readable_for_whoever_reads_the_others() {
        let room = Room::new();
        room.write("carbon.xml", b"");
        for mode in [0o640, 0o664] {
            fs::set_permissions(room.path("carbon.xml"), fs::Permissions::from_mode(mode)).unwrap();
            let new = Change { before: None, ..change(&room, &format!("new-{mode:o}")) };
            Prepared::all(&[&new], &[]).unwrap().place().unwrap();
            assert_eq!(fs::metadata(&new.path).unwrap().mode() & 0o7777, mode);
        }
    }

    #[test]
    fn attributes_of_a_file_stay() {
        let room = Room::new();
        room.write("a", b"old");
        let old = File::open(room.path("a")).unwrap();
        // Owner, the user 12345, the group, the mask and all others, as the system has a list in bytes.
        let entry = |tag: u8, may: u8, who: u32| [&[tag, 0, may, 0][..], &who.to_le_bytes()].concat();
        let (nobody, one) = (u32::MAX, 12345);
        let entries =
            [entry(1, 6, nobody), entry(2, 4, one), entry(4, 4, nobody), entry(16, 4, nobody), entry(32, 0, nobody)];
        let list = [&2_u32.to_le_bytes()[..], &entries.concat()].concat();
        let set = |name: &str, value: &[u8]| fsetxattr(&old, name, value, XattrFlags::empty());
        let kept: Vec<(&str, &[u8])> = [("user.note", &b"mine"[..]), (LIST, &list)]
            .into_iter()
            .filter(|(name, value)| match set(name, value) {
                // Some file systems have none.
                Err(Errno::NOTSUP) => false,
                set => set.map(|()| true).unwrap(),
            })
            .collect();
        let mode = fs::metadata(room.path("a")).unwrap().mode();
        Prepared::all(&[&change(&room, "a")], &[]).unwrap().place().unwrap();
        assert_eq!(room.read("a"), b"new");
        let new = File::open(room.path("a")).unwrap();
        for (name, wanted) in kept {
            let mut value = vec![0; MOST];
            let length = fgetxattr(&new, name, &mut value[..]).unwrap();
            assert_eq!(&value[..length], wanted, "{name}");
        }
        assert_eq!(fs::metadata(room.path("a")).unwrap().mode(), mode);
    }

    #[test]
    fn nothing_is_written_unless_all_can_be() {
        let room = Room::new();
        room.write("a", b"old");
        room.write("b", b"changed meanwhile");
        fs::create_dir(room.path("d")).unwrap();
        let other = Change { after: b"another".to_vec(), ..change(&room, "a") };
        for last in [change(&room, "b"), change(&room, "d"), change(&room, "none"), other] {
            let why = Prepared::all(&[&change(&room, "a"), &last], &[]).map(drop).unwrap_err();
            assert!(why.ends_with("nothing was written"), "{why}");
            assert_eq!((room.read("a"), fs::read_dir(&room).unwrap().count()), (b"old".to_vec(), 3));
        }
    }

    #[test]
    fn what_was_written_is_put_back_when_a_later_one_fails() {
        let room = Room::new();
        fs::create_dir(room.path("x")).unwrap();
        room.write("a", b"old");
        room.write("x/b", b"old");
        let new = Change { before: None, ..change(&room, "new") };
        let prepared = Prepared::all(&[&change(&room, "a"), &new, &change(&room, "x/b")], &[]).unwrap();
        // Somebody replaces the second file between the look and the write.
        room.write("x/c", b"edited");
        fs::rename(room.path("x/c"), room.path("x/b")).unwrap();
        let why = prepared.place().unwrap_err();
        assert!(why.contains("somebody has just changed the file") && why.ends_with("nothing has changed"), "{why}");
        assert_eq!((room.read("a"), room.read("x/b")), (b"old".to_vec(), b"edited".to_vec()));
        assert_eq!(fs::read_dir(&room).unwrap().count() + fs::read_dir(room.path("x")).unwrap().count(), 3);
    }
}
