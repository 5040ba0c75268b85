//! The file of session tables: its form, which `write` and `read` share. The checksum finds damage, not forgery.

#[cfg(test)]
mod made;
mod read;
mod write;

use std::fmt;
use std::time::Duration;

use siphasher::sip128::SipHasher24;

pub use self::read::{PreviousFile, SessionFile, StoredTable, decode};
pub use self::write::{PendingTable, Table, encode};
use crate::traffic::moment::Moment;

// Numbers are little-endian; a text is its length (16 bits) and its bytes. A file is magic, version (32 bits), seconds
// since 1970 (64), milliseconds since the machine's start (64) and the name of that start (a text), tables, a zero byte,
// checksum (128). Version 1 has no start of the machine. A table is a one (8), its pool's name, an identification of
// its secret (128), the number of nodes (16), their names, chunks, an empty chunk. A chunk is a count (32) and so many
// records: key (128), node and home (16 each, indexes into the names), seconds unused (32).
const MAGIC: &[u8; 8] = b"WEIRSESS";

/// Must grow with every change that this version could not read.
const VERSION: u32 = 2;

/// Not a secret: the checksum finds damage, not forgery.
const CHECKSUM_KEY: &[u8; 16] = b"weir: a checksum";

const CHECKSUM: usize = 16;
const RECORD: usize = 24;

fn checksum() -> SipHasher24 {
    SipHasher24::new_with_key(CHECKSUM_KEY)
}

/// A moment that can still be compared after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// On both clocks.
    pub moment: Moment,
    /// Identifies this boot of the machine; empty if unknown.
    pub boot: &'a str,
}

impl Stamp<'_> {
    /// How long ago `earlier` was. Within one boot the machine's own clock is used. After a reboot only the wall clock
    /// is left, which may have been set; if it was set back, the result is zero.
    fn since(&self, earlier: &Self) -> Duration {
        let (now, then) = (self.moment, earlier.moment);
        if !self.boot.is_empty() && self.boot == earlier.boot {
            Duration::from_millis(now.up.saturating_sub(then.up))
        } else {
            Duration::from_millis(now.unix.saturating_sub(then.unix))
        }
    }
}

/// Why a file could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its bytes have changed since they were written; the text says what is wrong.
    Damaged(&'static str),
    /// A later version of Weir wrote it.
    Later(u32),
    /// Its sessions are hashed with another secret, so no request can find them.
    OtherSecret,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(how) => write!(f, "damaged: {how}"),
            Self::Later(version) => write!(f, "of a later version {version}, this one reads {VERSION}"),
            Self::OtherSecret => f.write_str("written under another secret"),
        }
    }
}

impl std::error::Error for Unreadable {}
