//! The columns of the table: what is measured side by side, and by which program.

use std::path::{Path, PathBuf};

/// What a column runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No proxy: the floor.
    Origin,
    /// A binary of ours.
    Weir,
    /// The one that ratios are made to.
    Nginx,
    /// The other one.
    Haproxy,
}

impl Kind {
    /// What runs it, but for Weir. Debian has them in /usr/sbin, which is not on everyone's PATH.
    pub(crate) fn program(self) -> PathBuf {
        let name = if self == Self::Haproxy { "haproxy" } else { "nginx" };
        let debian = Path::new("/usr/sbin").join(name);
        if debian.is_file() { debian } else { PathBuf::from(name) }
    }
}

/// One column of the table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Unique among columns.
    pub(crate) name: String,
    /// What it runs.
    pub(crate) kind: Kind,
    /// The program.
    pub(crate) binary: PathBuf,
    /// With an access log in a file.
    pub(crate) logged: bool,
}

impl Column {
    /// The end of its name says whether it is logged.
    pub(crate) fn new(name: &str, kind: Kind, binary: PathBuf) -> Self {
        Self { name: name.to_owned(), kind, binary, logged: name.ends_with("+log") }
    }
}
