//! An upgrade that has begun, as the process that runs sees it.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

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
    /// The new process serves since then.
    Served(Instant),
}

impl Upgrading {
    /// Whether another process serves.
    pub(super) fn has_handed_over(&self) -> bool {
        matches!(self.stage, Stage::Served(_))
    }

    /// Whether the new process has shown that it lives, or nobody would take back from it.
    pub(super) fn is_believed(&self) -> bool {
        matches!(self.stage, Stage::Served(since) if self.ends || since.elapsed() >= PROBATION)
    }
}

/// How long the process before stays where nothing is left to do for it, to take back from a new one that dies soon.
const PROBATION: Duration = Duration::from_secs(5);

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
