//! `[shared]`.

use std::fmt;
use std::path::PathBuf;

use crate::config::text::errors::Place;

/// `[shared]`: what this machine has in common with the others that serve the same hosts.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What cookies, session hashes and TLS tickets follow from. `None` where it is a credential and there are none.
    pub secret: Option<SharedSecret>,
    /// Where it was read.
    pub file: Option<PathBuf>,
    /// Its place in the file.
    pub at: Place,
}

/// The SHA-256 of what the file holds. It must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(pub(crate) [u8; 32]);

/// Nothing of it.
impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret")
    }
}
