//! An upgrade that has begun, as the process that runs sees it.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use tokio::sync::oneshot;

use super::handover::giving::{Giving, Step};
use crate::control::actor::OrderedBy;
use crate::control::admin_sockets::AdminGiven;

/// An upgrade that has begun.
pub(super) struct Upgrading {
    pub(super) giving: Giving,
    pub(super) by: OrderedBy,
    pub(super) answer: Option<oneshot::Sender<Result<(u32, String), String>>>,
    /// Second descriptors, for the case that all is taken back.
    pub(super) listeners: Vec<(SocketAddr, TcpListener)>,
    pub(super) admin: AdminGiven,
    pub(super) stage: Stage,
    /// A signal came: nothing is taken back any more, and this process ends with its last request.
    pub(super) ends: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The new process starts.
    Starts,
    /// Nobody accepts for a moment.
    Between,
    /// The new process, by its id, serves since then.
    Served(Instant, u32),
}

/// What an upgrade is waited for; never, where there is none.
pub(super) async fn next_step(upgrading: &mut Option<Upgrading>) -> Step {
    match upgrading {
        Some(Upgrading { giving, .. }) => match giving.steps.recv().await {
            Some(step) => step,
            // It has told all.
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
