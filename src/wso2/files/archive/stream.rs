//! The bytes of an archive from its beginning to its end, uncompressed, and never more of them than is allowed.

use std::cell::Cell;
use std::io::{self, BufReader, Error, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::{Entry, EntryType};

use crate::config::regular;

/// The most that is read, uncompressed: a little archive may be a large one of zeros.
const MOST_READ: u64 = 16 << 30;
/// The most that stands before an entry: its padding, its header, long names. The library keeps those in memory whatever their size.
pub(super) const HEADERS: u64 = 1 << 20;

/// What other ways to compress begin with.
const OTHERS: [(&[u8], &str); 4] =
    [(b"PK\x03\x04", "zip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")];

pub(super) fn opened(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = regular::open(path)?;
    let mut begin = Vec::new();
    file.by_ref().take(6).read_to_end(&mut begin)?;
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| begin.starts_with(magic)) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("this is compressed by {name}, which is not read here"),
        ));
    }
    let is_gzip = begin.starts_with(&[0x1f, 0x8b]);
    let whole = BufReader::with_capacity(1 << 16, io::Cursor::new(begin).chain(file));
    Ok(if is_gzip { Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(whole))) } else { Box::new(whole) })
}

/// Passes over what is left of an entry. Returns how much of it is still to come.
pub(super) fn passed(entry: &mut Entry<'_, impl Read>, most: u64) -> io::Result<u64> {
    let size = entry.header().entry_size()?;
    if entry.header().entry_type() == EntryType::GNUSparse {
        // Its holes are not in the archive, and reading them would take for ever.
        return Ok(size.min(most));
    }
    io::copy(entry, &mut io::sink())?;
    Ok(0)
}

/// Reads no more than is allowed up to the next entry, nor more than is allowed of the whole.
pub(super) struct Bounded<'a, R> {
    inner: R,
    allowed: &'a Cell<u64>,
    left: u64,
}

impl<'a, R> Bounded<'a, R> {
    pub(super) fn new(inner: R, allowed: &'a Cell<u64>) -> Self {
        Self { inner, allowed, left: MOST_READ }
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.allowed.get().min(self.left);
        if most == 0 && !buffer.is_empty() {
            let what = if self.left == 0 { "it is larger than 16 GiB" } else { "it has a name of more than 1 MiB" };
            return Err(Error::new(ErrorKind::FileTooLarge, what));
        }
        let end = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(buffer.get_mut(..end).unwrap_or_default())?;
        self.left -= read as u64;
        self.allowed.set(self.allowed.get() - read as u64);
        Ok(read)
    }
}
