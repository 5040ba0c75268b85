//! The servers that machines share (`[shared] servers`), and the other machines.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::control::shared::machines;
use crate::control::shared::server::{Server, State};
use crate::control::state::Control;

/// A server.
#[derive(Serialize, ToSchema)]
pub(super) struct SharedServerView {
    /// `HOST:PORT`.
    server: String,
    /// Whether it can be used and takes what it is told.
    up: bool,
    /// For how long.
    since_seconds: u64,
    /// Why it cannot be used, and what would be right.
    fault: Option<String>,
    /// How long the last question took.
    lag_milliseconds: Option<f64>,
    /// Sessions that it has yet to be told of.
    waiting: usize,
    /// Sessions that it was told of.
    told: u64,
}

/// All of them, in the order of the file.
pub(super) fn view(control: &Control) -> Vec<SharedServerView> {
    control.shared_board.servers.lock().iter().map(of_server).collect()
}

fn of_server(server: &Arc<Server>) -> SharedServerView {
    let State { since, fault, lag, .. } = server.state();
    let (waiting, told) = server.waiting_and_told();
    let up = server.is_well();
    SharedServerView {
        server: server.name.to_string(),
        up,
        since_seconds: since.elapsed().as_secs(),
        fault,
        lag_milliseconds: lag.filter(|_| up).map(|lag| (lag.as_secs_f64() * 1e6).round() / 1e3),
        waiting,
        told,
    }
}

/// Another machine that shares.
#[derive(Serialize, ToSchema)]
pub(super) struct MachineView {
    name: String,
    /// Whether it said something in the last five seconds, and was not stopped.
    there: bool,
    /// Whether it was stopped, and said so.
    stopped: bool,
    /// How long ago it last said something.
    seen_seconds: f64,
    version: String,
    /// Sessions in its tables.
    sessions: u64,
    /// Nodes that it judges otherwise than this one, in words: each machine has its own network and its own probes.
    differs: Vec<String>,
}

/// The others, by name. One that said nothing for an hour is forgotten.
pub(super) fn machines(control: &Control) -> Vec<MachineView> {
    let one = |machine: machines::MachineView| MachineView {
        name: machine.name,
        there: machine.seen.is_there,
        stopped: machine.stopped,
        seen_seconds: (machine.seen.ago.as_secs_f64() * 10.0).round() / 10.0,
        version: machine.version,
        sessions: machine.sessions,
        differs: machine.differs,
    };
    machines::view(control).into_iter().map(one).collect()
}
