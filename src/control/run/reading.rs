//! A reload that has begun: its files are read beside the control thread, since a disk may hang. Signals, probes and the watchdog
//! do not wait for it.

use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{Place, Problem};
use crate::control::actor::OrderedBy;
use crate::control::reload::Candidate;
use crate::control::state::ReloadRefusal;

/// A reload whose files are being read.
pub(super) struct Reading {
    pub(super) task: JoinHandle<Result<Candidate, Vec<Problem>>>,
    pub(super) by: OrderedBy,
    pub(super) answer: oneshot::Sender<Result<u64, ReloadRefusal>>,
    pub(super) since: Instant,
    /// That it takes long was said.
    pub(super) told: bool,
}

/// What the reading came to.
pub(super) type Done = Result<Candidate, Vec<Problem>>;

/// What a reload is waited for; never, where there is none.
pub(super) async fn next_read(reading: &mut Option<Reading>) -> Done {
    let Some(Reading { task, .. }) = reading else { return std::future::pending().await };
    // It fails only where the reading panicked.
    task.await.unwrap_or_else(|error| {
        let what = format!("the files could not be read: {error}");
        Err(vec![Problem { at: Place::default(), what, advice: String::new() }])
    })
}
