//! What `weir init` writes: certificates where none are named, and weir.toml after it has passed the checks. A file is
//! written as a whole or not at all.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::answers::{Answers, CertificateFiles};
use crate::cli::cert;
use crate::cli::cert::Draft;
use crate::cli::check::{service_user, unreadable};
use crate::cli::output::print_line;
use crate::config;
use crate::config::{Errors, regular};

/// The certificates of both hosts.
pub(super) struct Pairs {
    pub(super) esb: CertificateFiles,
    pub(super) mgt: CertificateFiles,
}

/// Why there is no new file.
pub(super) enum Failed {
    Io(String),
    Refused(Errors),
}

/// The largest file that is looked at before it is replaced.
const LARGEST: u64 = 1 << 20;

/// Whether the file may be written: no configuration is lost, and its directory can be written to. Where that is not there yet, the
/// one in which it will be made.
pub(super) fn may_write(path: &Path, force: bool) -> Result<(), String> {
    if path.is_dir() {
        let file = path.join("weir.toml");
        return Err(format!("{} is a directory; --config {} names a file in it", path.display(), file.display()));
    }
    match regular::read(path, LARGEST) {
        Ok(text) if !force && !says_nothing(&String::from_utf8_lossy(&text)) => {
            return Err(format!(
                "{} is a configuration already; --force replaces it, --config FILE writes another one",
                path.display()
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) if force => {}
        Err(error) => return Err(format!("{}: {error}", path.display())),
    }
    let here = |above: &&Path| above.as_os_str().is_empty() || above.exists();
    let tried = path.ancestors().skip(1).find(here).zip(path.file_name()).map(|(above, name)| above.join(name));
    let draft = Draft::write(tried.as_deref().unwrap_or(path), "", MODE);
    draft.map(drop).map_err(|error| unwritable(path, &error))
}

/// What the package brings has nothing but comments and the directory of more files.
fn says_nothing(text: &str) -> bool {
    let empty = |line: &str| line.is_empty() || line.starts_with('#') || line.starts_with("include =");
    text.lines().map(str::trim).all(empty)
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => ": run it with sudo, or write elsewhere with --config FILE",
        _ => "",
    };
    format!("{} cannot be written: {error}{advice}", path.display())
}

/// The certificates that are named; the others are made. A pair that is there already is used again.
pub(super) fn certificates(answers: &Answers, directory: &Path, now: SystemTime) -> Result<Pairs, String> {
    let pair = |files: &Option<CertificateFiles>, host: &str, name: &str| match files {
        Some(files) => named(files),
        None => made(host, directory, name, now),
    };
    Ok(Pairs {
        esb: pair(&answers.esb_files, &answers.esb_host, "wrk")?,
        mgt: pair(&answers.mgt_files, &answers.mgt_host, "mgt")?,
    })
}

fn named(files: &CertificateFiles) -> Result<CertificateFiles, String> {
    let whole = |path: &Path| fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()));
    Ok(CertificateFiles { chain: whole(&files.chain)?, key: whole(&files.key)? })
}

fn made(host: &str, directory: &Path, name: &str, now: SystemTime) -> Result<CertificateFiles, String> {
    let file = |end: &str| -> PathBuf { directory.join(format!("{name}.{end}")) };
    let files = CertificateFiles { chain: file("crt"), key: file("key") };
    let [chain, key] = [&files.chain, &files.key].map(|file| file.exists());
    if let Some((here, missing)) = match (chain, key) {
        (true, false) => Some((&files.chain, &files.key)),
        (false, true) => Some((&files.key, &files.chain)),
        _ => None,
    } {
        return Err(format!(
            "{} is there, and {} that belongs to it is not; put it there, or move the other one away, and both are made",
            here.display(),
            missing.display()
        ));
    }
    if chain {
        print_line(format!("{} is there already, and is used", files.chain.display()));
    } else {
        own_directory(directory, 0o750)?;
        cert::create_pair(host, directory, name, now)?;
        print_line(format!("made {}, self-signed: browsers warn of it", files.chain.display()));
        give_to_service(&files.key)?;
        readable(&files.chain).map_err(|error| format!("{}: {error}", files.chain.display()))?;
    }
    named(&files)
}

/// The directory of the configuration, if it is not there yet. Everybody may read it, whatever the umask of who asks.
pub(super) fn directory(path: &Path) -> Result<(), String> {
    made_directory(path, OPEN).map(drop)
}

/// A directory that is Weir's own, if it is not there yet: whoever makes it, the user that Weir runs as has it.
pub(super) fn own_directory(path: &Path, mode: u32) -> Result<(), String> {
    if made_directory(path, mode)? { give_to_service(path) } else { Ok(()) }
}

/// Directories that everybody may enter.
const OPEN: u32 = 0o755;

/// Whether it was made: one that is there stays as it is. Those on the way to it may be entered by everybody, whatever the
/// umask.
fn made_directory(path: &Path, mode: u32) -> Result<bool, String> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        made_directory(parent, OPEN)?;
    }
    let made = fs::create_dir(path).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    made.map(|()| true).map_err(|error| format!("{}: {error}", path.display()))
}

/// What root has made must be readable by the user that Weir runs as, a key by nobody else.
fn give_to_service(path: &Path) -> Result<(), String> {
    match service_user() {
        Some(user) => chown(path, Some(user), None).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(()),
    }
}

/// Whatever the umask of who asks: Weir's own user reads it.
fn readable(path: &Path) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))
}

/// Writes the file if the checks of `weir check` find nothing. Returns how many warnings they have.
pub(super) fn checked(path: &Path, text: &str, now: SystemTime) -> Result<usize, Failed> {
    let io = |error: &std::io::Error| Failed::Io(unwritable(path, error));
    let draft = Draft::write(path, text, MODE).map_err(|error| io(&error))?;
    let config = config::load_at(draft.path(), now).map_err(Failed::Refused)?;
    // Whether a file may be replaced was asked before.
    draft.place(path, true).map_err(|error| io(&error))?;
    readable(path).map_err(|error| io(&error))?;
    Ok(config.warnings.len() + unreadable(&config).len())
}

const MODE: u32 = 0o644;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::certificate::made::Room;

    #[test]
    fn a_configuration_is_not_lost() {
        let room = Room::new();
        let path = room.path("weir.toml");
        assert_eq!(may_write(&path, false), Ok(()));
        room.write("weir.toml", include_bytes!("../../../packaging/weir.toml"));
        assert_eq!(may_write(&path, false), Ok(()));
        room.write("weir.toml", b"# a\nthreads = 1\n");
        assert!(may_write(&path, false).is_err_and(|why| why.contains("--force")));
        assert_eq!(may_write(&path, true), Ok(()));
        assert_eq!(may_write(&room.path("no/no/weir.toml"), false), Ok(()));
        assert_eq!(fs::read_dir(&room).unwrap().count(), 1, "no drafts are left, and no directories");
    }

    #[test]
    fn what_the_checks_refuse_is_not_written() {
        let room = Room::new();
        let path = room.path("weir.toml");
        assert!(matches!(checked(&path, "nonsense = 1\n", SystemTime::now()), Err(Failed::Refused(_))));
        assert_eq!(fs::read_dir(&room).unwrap().count(), 0);
    }
}
