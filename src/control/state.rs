//! State that runs beside requests and outlives generations: operators' orders, and where things are stored over a
//! restart. Traffic threads do not use it.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::acme::board::Board;
use super::actor::OrderedBy;
use super::changes::operations::Operations;
use super::cluster::view::ClusterState;
use super::outages::Outages;
use super::refusals::Refusals;
use super::reload::at_start::AtStart;
use super::shared::board::Board as SharedBoard;
use super::store::names::KnownNames;
use super::store::state_dir::StateDir;
use crate::config::Problem;
use crate::config::orders_file::Weights;
use crate::proxy::worker::Shared;
use crate::traffic::affinity::sessions::file::PreviousFile;
use crate::traffic::pool::operators::Orders;

/// What to do with a reload that cannot be written to the audit file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unrecorded {
    /// Nobody waits for the answer to a signal, and what it is sent for may not wait for room on the disk: a renewed
    /// certificate, a blocked client. The journal has it.
    GoesOn,
    /// Who asked over the API is told, and can ask again.
    Refused,
}

/// A request to reload.
pub(crate) struct ReloadRequest {
    pub(crate) by: OrderedBy,
    pub(crate) unrecorded: Unrecorded,
    /// Gets its result: the generation that runs now.
    pub(crate) answer: oneshot::Sender<Result<u64, ReloadRefusal>>,
}

/// Why a reload was refused.
pub(crate) enum ReloadRefusal {
    /// What is wrong with the configuration.
    Problems(Vec<Problem>),
    /// It cannot be written to the audit file, and so it was not begun.
    Unrecorded(String),
    /// This process has taken over meanwhile, and is to be asked.
    HandedOver(u32),
}

/// A request to hand over to the program that is installed now.
pub(crate) struct UpgradeRequest {
    pub(crate) by: OrderedBy,
    /// Gets the process that serves now and its version, or why all stays as it is.
    pub(crate) answer: oneshot::Sender<Result<(u32, String), String>>,
}

/// A request to build the generation anew, because an operator has ordered a weight. The sender gets why it could not be.
pub(crate) type WeightsRequest = oneshot::Sender<Result<(), String>>;

/// Ask for a probe at once. What is sent is dropped when the next round is over.
pub(crate) type Asker = mpsc::Sender<oneshot::Sender<()>>;

/// How a reload ended.
pub(crate) struct LastReload {
    pub(crate) at: SystemTime,
    /// Who asked for it.
    pub(crate) by: OrderedBy,
    /// The generation that ran after it.
    pub(crate) generation: u64,
    /// Why it was refused; empty when it was accepted.
    pub(crate) problems: Vec<Problem>,
    /// What it changed.
    pub(crate) changes: Vec<String>,
}

/// What the control thread has in addition to what all threads share.
pub(crate) struct Control {
    /// What all threads share.
    pub(crate) shared: Arc<Shared>,
    /// What no reload changes.
    pub(crate) at_start: AtStart,
    /// Whether clients are let in. They are not while a start waits for the first round of probes.
    pub(crate) accepts: AtomicBool,
    /// Whether this process writes to the state directory. It does not from when it hands over to another one.
    pub(crate) writes_state: AtomicBool,
    /// The process before, and the connections that it still has, while it answers its last requests.
    pub(crate) before: Mutex<Option<(u32, usize)>>,
    /// Asks for a new process.
    pub(crate) upgrade_requests: mpsc::Sender<UpgradeRequest>,
    /// Held by whoever changes orders or weights, from the check to the file: of two changes at the same moment the second knows
    /// of the first, and the file has the last one. It is held while the disk works, so the control thread never takes it.
    pub(crate) changing: Mutex<()>,
    /// Operators' orders about nodes. Never held while the disk works.
    pub(crate) orders: Mutex<Orders>,
    /// The weights that operators ordered.
    pub(crate) weights: Mutex<Weights>,
    /// What operators began. Where `orders` is locked too, it is locked first; the same goes for `weights`.
    pub(crate) operations: Mutex<Operations>,
    /// Asks for a reload.
    pub(crate) reload_requests: mpsc::Sender<ReloadRequest>,
    /// Tells that weights were ordered.
    pub(crate) weights_requests: mpsc::Sender<WeightsRequest>,
    /// The last reloads since the start, the newest at the end.
    pub(crate) reloads: Mutex<VecDeque<LastReload>>,
    /// Why files that the configuration names have changed and are not used; none: they are used.
    pub(crate) refused_files: Mutex<Option<String>>,
    /// What members of the nodes' own cluster say, where they are asked. Whoever holds it takes no other lock of this room.
    pub(crate) cluster: Mutex<Option<Box<ClusterState>>>,
    /// Have nodes probed at once.
    pub(crate) askers: Mutex<Vec<(Arc<str>, Asker)>>,
    /// The certificates that are ordered from CAs. Whoever holds it takes no other lock of this room, and does not wait.
    pub(crate) acme: Mutex<Board>,
    /// The servers and machines that have sessions in common with this one.
    pub(crate) shared_board: SharedBoard,
    /// The pools that have no active node.
    pub(crate) outages: Mutex<Outages>,
    /// What Weir refused in the last minute.
    pub(crate) refusals: Mutex<Refusals>,
    /// The addresses of the nodes' names, for the next start.
    pub(crate) names: KnownNames,
    /// The state directory. `None` when it cannot be used.
    pub(crate) state_dir: Option<StateDir>,
    /// Whether sessions are stored. They are not when the next start would not have the secret they are hashed with.
    pub(crate) keeps_sessions: bool,
    /// Whether the stored sessions were read at the start.
    pub(crate) knows_previous: bool,
    /// Stored sessions of nodes whose addresses are not known yet.
    pub(crate) previous_sessions: Mutex<Option<Arc<PreviousFile>>>,
}

/// How many reloads are kept.
const RELOADS: usize = 20;

impl Control {
    /// The state directory for a change that an operator wants, or why there can be no change now.
    pub(crate) fn dir_of_changes(&self) -> Result<Option<&StateDir>, String> {
        if self.writes_state.load(Ordering::Relaxed) {
            Ok(self.state_dir.as_ref())
        } else {
            Err("another process is taking over: ask again in a moment".to_owned())
        }
    }

    /// The state directory, while this process is the one that writes to it.
    pub(crate) fn dir_to_write(&self) -> Option<&StateDir> {
        self.state_dir.as_ref().filter(|_| self.writes_state.load(Ordering::Relaxed))
    }

    /// The process before, and the connections that it still has.
    pub(crate) fn process_before(&self) -> Option<(u32, usize)> {
        *self.before.lock()
    }

    /// Keeps how a reload ended.
    pub(crate) fn note_reload(&self, reload: LastReload) {
        let mut reloads = self.reloads.lock();
        if reloads.len() == RELOADS {
            reloads.pop_front();
        }
        reloads.push_back(reload);
    }
}

impl Deref for Control {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.shared
    }
}
