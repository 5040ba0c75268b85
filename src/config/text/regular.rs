//! Reads whole files. Only regular files of a limited size are accepted: a pipe would block its reader until somebody
//! writes, and a device may have no end.

use std::fs::{self, File, Metadata};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens a file, to read it bit by bit.
///
/// # Errors
/// Also where the path leads to something else than a file (`IsADirectory`, `InvalidInput`).
pub fn open(path: &Path) -> Result<File> {
    // Checked before opening, because opening a device may do something.
    accept(&fs::metadata(path)?)?;
    open_at_once(path)
}

/// What stands there may be another thing than a moment ago. Opening a pipe does not wait for a writer then.
fn open_at_once(path: &Path) -> Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    accept(&file.metadata()?)?;
    Ok(file)
}

fn accept(about: &Metadata) -> Result<()> {
    let other = |kind, what: &str| Err(Error::new(kind, format!("this is {what}, not a file")));
    match about.file_type() {
        file if file.is_file() => Ok(()),
        file if file.is_dir() => other(ErrorKind::IsADirectory, "a directory"),
        file if file.is_fifo() => other(ErrorKind::InvalidInput, "a pipe"),
        file if file.is_socket() => other(ErrorKind::InvalidInput, "a socket"),
        _ => other(ErrorKind::InvalidInput, "a device"),
    }
}

/// What the disk says of a file: device, number, length, and the times of its content and of the rest of it; or why it says
/// nothing. As long as it stays the same, so does the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(std::result::Result<(u64, u64, u64, [i64; 4]), ErrorKind>);

impl Stamp {
    /// As it is now.
    pub fn of(path: &Path) -> Self {
        let about = fs::metadata(path).map_err(|error| error.kind());
        Self(about.map(|about| {
            let times = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
            (about.dev(), about.ino(), about.len(), times)
        }))
    }
}

/// Reads the whole file.
///
/// # Errors
/// As those of `open`, and where there are more than `most` bytes (`FileTooLarge`).
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len().min(most)).unwrap_or(0));
    // Files in /proc report a size of zero.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {}", size(most))));
    }
    Ok(bytes)
}

fn size(bytes: u64) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_never_end_is_refused_before_it_is_opened() {
        let room = std::env::temp_dir().join(format!("weir-regular-{}", std::process::id()));
        fs::create_dir_all(&room).unwrap();
        let pipe = room.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let said = [&pipe, Path::new("/dev/zero"), &room].map(|path| read(path, 10).unwrap_err().to_string());
        let between = open_at_once(&pipe).unwrap_err().to_string();
        fs::write(room.join("file"), "0123456789a").unwrap();
        let large = read(&room.join("file"), 10).unwrap_err();
        assert_eq!(read(&room.join("file"), 11).unwrap(), b"0123456789a");
        fs::remove_dir_all(&room).unwrap();
        assert_eq!(
            said,
            ["this is a pipe, not a file", "this is a device, not a file", "this is a directory, not a file"]
        );
        assert_eq!(between, said[0], "one that came after the first look");
        assert_eq!((large.kind(), large.to_string().as_str()), (ErrorKind::FileTooLarge, "it is larger than 10 bytes"));
    }
}
