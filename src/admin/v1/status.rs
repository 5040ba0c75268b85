//! The whole on one look: how it is, in one sentence, and the numbers of the last minute.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::handler::Weir;
use super::shared::{self, MachineView, SharedServerView};
use crate::admin::numbers::{Minute, Total};
use crate::control::state::Control;
use crate::control::verdict::{Verdict, verdict};
use crate::observe::dates::rfc3339;
use crate::observe::history::Subject;

/// How Weir is.
#[derive(Serialize, ToSchema)]
pub(super) struct StatusView {
    verdict: VerdictView,
    version: &'static str,
    /// Counts the configurations that ran since the start.
    generation: u64,
    /// The machine's own name: who looks at several Weirs by tunnels sees the same address each time.
    machine: String,
    /// The machine's time, for who reads this on another one.
    now: String,
    started: String,
    uptime_seconds: u64,
    /// The process that answers this.
    pid: u32,
    /// The process before, from which this one took over, while it answers its last requests.
    before: Option<BeforeView>,
    /// Client connections open now.
    connections: usize,
    last_minute: Minute,
    total: Total,
    last_reload: Option<ReloadView>,
    /// The servers that keep learned sessions for all machines; empty without `[shared] servers`.
    shared: Vec<SharedServerView>,
    /// The other machines that have these servers.
    machines: Vec<MachineView>,
    pools: Vec<String>,
    nodes: Vec<String>,
    sites: Vec<String>,
}

/// A process that has handed over.
#[derive(Serialize, ToSchema)]
pub(super) struct BeforeView {
    pid: u32,
    /// Client connections that are open there.
    connections: usize,
}

/// The worst that is the case.
#[derive(Serialize, ToSchema)]
pub(super) struct VerdictView {
    /// `well`, `degraded` or `down`.
    word: &'static str,
    /// One sentence for people.
    sentence: String,
    /// Each thing that is wrong, the worst first.
    reasons: Vec<String>,
    /// What operators ordered or wrote, and may have forgotten: closed sites and routes, nodes that are out. None of it
    /// is wrong.
    reminders: Vec<String>,
}

/// How the last reload ended.
#[derive(Serialize, ToSchema)]
pub(super) struct ReloadView {
    at: String,
    /// Who ordered it.
    actor: String,
    /// Why, in the operator's words.
    reason: Option<String>,
    accepted: bool,
    /// The generation that ran after it.
    generation: u64,
    /// Why it was refused.
    problems: Vec<String>,
}

/// The whole on one look.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = StatusView)))]
pub(super) async fn status(State(control): Weir) -> Json<StatusView> {
    Json(view(&control))
}

pub(super) fn view(control: &Control) -> StatusView {
    let generation = control.current.load_full();
    let config = &generation.snapshot.config;
    let uptime = control.start.elapsed();
    let Verdict { word, sentence, reasons, reminders } = verdict(control);
    StatusView {
        verdict: VerdictView { word: word.word(), sentence, reasons, reminders },
        version: env!("CARGO_PKG_VERSION"),
        generation: generation.snapshot.generation,
        machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        now: rfc3339(SystemTime::now()),
        started: rfc3339(SystemTime::now() - uptime),
        uptime_seconds: uptime.as_secs(),
        pid: std::process::id(),
        before: control.process_before().map(|(pid, connections)| BeforeView { pid, connections }),
        connections: control.open.load(Ordering::Relaxed),
        last_minute: Minute::of(control, &Subject::All),
        total: Total::counted(generation.stray_tally.since(), &control.observer.history.total()),
        last_reload: last_reload(control),
        shared: shared::view(control),
        machines: shared::machines(control),
        pools: config.pools.iter().map(|pool| pool.name.to_string()).collect(),
        nodes: config.nodes.iter().map(|node| node.name.to_string()).collect(),
        sites: config.sites.iter().map(|site| site.name.to_string()).collect(),
    }
}

fn last_reload(control: &Control) -> Option<ReloadView> {
    let reloads = control.reloads.lock();
    reloads.back().map(|reload| ReloadView {
        at: rfc3339(reload.at),
        actor: reload.by.actor.name.to_string(),
        reason: reload.by.reason.as_ref().map(ToString::to_string),
        accepted: reload.problems.is_empty(),
        generation: reload.generation,
        problems: reload.problems.iter().map(ToString::to_string).collect(),
    })
}
