//! The files that the configuration names are followed: certificates and their keys, CAs, lists of revoked certificates, error
//! pages, tokens. Whoever renews a certificate need not order a reload. Weir looks at what the disk says of them every few
//! seconds, and when something of it has changed and rests, it reads all of them again, for the configuration that runs; what
//! its own files hold by now takes a reload. As with a reload all of it is used, or nothing.
//!
//! Asking is surer than being told: programs that renew certificates write files, rename them, or turn links that lead to them,
//! and a network file system tells nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::config::regular::Stamp;
use crate::config::{Config, Problem};
use crate::control::reload::Candidate;

/// How often is looked. What has changed is read at the next look, if it has not changed again: a chain and its key are written
/// one after the other.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(3);

/// How soon files that cannot be used are read again, though nothing of them changes: a certificate may begin to be valid.
const TRY_EVERY: Duration = Duration::from_secs(60);

/// What is known of the files of one configuration.
#[derive(Default)]
pub(super) struct Following {
    /// None before the first look.
    pub(super) config: Option<Arc<Config>>,
    pub(super) look: Option<Look>,
    pub(super) looked: Option<Instant>,
    pub(super) seen: Seen,
    /// What was wrong with them when they were read last, each in a line.
    pub(super) wrong: Vec<String>,
}

/// What was seen of the files until now. Nothing, before a configuration is known.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// At the last look.
    pub(super) last: Vec<Stamp>,
    /// Just before they were read, and when that was.
    pub(super) read: Option<(Vec<Stamp>, Instant)>,
    pub(super) refused: bool,
}

impl Seen {
    /// As the configuration itself has read them.
    pub(super) fn by(config: &Config) -> Self {
        let read = config.named_files.iter().map(|(_, stamp)| stamp.clone()).collect();
        Self { read: Some((read, Instant::now())), ..Self::default() }
    }

    /// Whether they are to be read.
    pub(super) fn asks_for(&self, stamps: &[Stamp]) -> bool {
        match &self.read {
            Some((read, at)) if read == stamps => self.refused && at.elapsed() >= TRY_EVERY,
            _ => self.last == stamps,
        }
    }
}

pub(super) struct Look {
    pub(super) task: JoinHandle<Looked>,
    pub(super) since: Instant,
    /// That it takes long was said.
    pub(super) told: bool,
}

/// What a look at the files came to.
pub(super) struct Looked {
    pub(super) config: Arc<Config>,
    pub(super) stamps: Vec<Stamp>,
    /// What was read, where they were; nothing, where they hold what runs.
    pub(super) read: Option<Result<Option<Candidate>, Vec<Problem>>>,
}

/// What a look came to; never, where there is none. `None`: it could not be ended.
pub(super) async fn next_look(following: &mut Following) -> Option<Looked> {
    let Some(Look { task, .. }) = &mut following.look else { return std::future::pending().await };
    // It fails only where the reading panicked.
    let looked = task.await.inspect_err(|error| log::error!("the files cannot be looked at: {error}")).ok();
    following.look = None;
    looked
}

/// Asks the disk of each.
pub(super) fn stamps(config: &Config) -> Vec<Stamp> {
    config.named_files.iter().map(|(file, _)| Stamp::of(file)).collect()
}
