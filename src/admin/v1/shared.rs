//! The servers that machines share (`[shared] servers`).

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

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
    control.stores.lock().iter().map(of_server).collect()
}

fn of_server(server: &Arc<Server>) -> SharedServerView {
    let State { since, fault, lag, .. } = server.state();
    let (waiting, told) = server.waiting_and_told();
    let up = server.is_up() && fault.is_none();
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
