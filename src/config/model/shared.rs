//! `[shared]`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::NodeTls;
use crate::config::text::errors::Place;

/// `[shared]`: what this machine has in common with the others that serve the same hosts.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What cookies, session hashes and TLS tickets follow from. `None` where it is a credential and there are none.
    pub secret: Option<SharedSecret>,
    /// Where it was read.
    pub file: Option<PathBuf>,
    /// Where learned sessions are kept for all machines. `None`: each has its own.
    pub stores: Option<Stores>,
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

/// The servers, Valkey or Redis, and how they are asked. Each has everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stores {
    /// The name of this machine among them.
    pub name: Arc<str>,
    /// `HOST:PORT` of each.
    pub servers: Vec<Arc<str>>,
    /// Who asks (ACL). `None`: `default`.
    pub user: Option<Arc<str>>,
    /// Its password.
    pub password: Option<Password>,
    /// How the servers prove who they are. `None`: plain TCP.
    pub tls: Option<NodeTls>,
    /// The number of the database.
    pub database: i64,
    /// What all keys begin with.
    pub prefix: Arc<str>,
    /// How long a request waits for what the servers know of its session.
    pub timeout: Duration,
    /// How long a server may take to let Weir in, and to answer what no request waits for.
    pub connect_timeout: Duration,
    /// How long an answer that begins a session waits until two servers have it. Zero: not at all.
    pub confirm: Duration,
}

/// A password. It must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub(crate) Arc<str>);

/// Nothing of it.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}
