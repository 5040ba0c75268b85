//! A running Weir from its first generation to its last request: signals, reloads, the watchdog and stopping.

mod admin_side;
mod changed_files;
mod following;
mod handover;
mod main_loop;
mod reading;
mod reloading;
mod restart;
mod running;
mod signals;
mod upgrade;
mod upgrading;

#[cfg(all(test, feature = "simulation"))]
#[path = "../../tests/simulation/simulation.rs"]
mod simulation;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::admin_side::{AdminSide, StartAdmin};
use self::handover::taking::{Taken, Taking};
use self::running::Running;
use self::signals::Signals;
use super::admin_sockets::bind_admin;
use super::names::naming::Naming;
use super::reload::first::{FirstGeneration, StartError};
use crate::config::{Config, Problem};
use crate::observe::Observer;
use crate::proxy::io::descriptors;

/// Why Weir did not run.
#[derive(Debug)]
pub(crate) enum RunError {
    /// The configuration cannot be used.
    Config(Vec<Problem>),
    /// The system prevents the start: an address is in use, or no thread can be started.
    System(Vec<Problem>),
}

/// How long the end of the process waits for an answer of the admin address that is still being made.
const LATE_WORK: Duration = Duration::from_secs(2);

/// Runs `config`, which was read from `path`, until a signal ends it.
pub(crate) fn run(
    path: &Path,
    config: Config,
    observer: &Arc<Observer>,
    start_admin: StartAdmin,
) -> Result<(), RunError> {
    let config = Arc::new(config);
    let system = |error: &io::Error| {
        let (at, what) = (config.admin.at.clone(), format!("cannot start: {error}"));
        RunError::System(vec![Problem { at, what, advice: String::new() }])
    };
    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(|error| system(&error))?;
    let ended: Result<(), RunError> = control.block_on(async {
        // This must come first: until a signal has its handler, every signal ends the process, whatever it means.
        let mut signals = Signals::new().map_err(|error| system(&error))?;
        descriptors::raise();
        keep_keys_out_of_cores();
        let (taking, taken) = Taking::from_environment().await.map_err(|error| system(&error))?.unzip();
        let taken = taken.unwrap_or_else(Taken::from_systemd);
        let admin = bind_admin(&config, taken.admin).map_err(|problem| RunError::System(vec![problem]))?;
        let admin = AdminSide::new(start_admin, admin);
        let (naming, address_changes) = Naming::new(observer);
        let first = tokio::select! {
            first = FirstGeneration::prepare(Arc::clone(&config), naming, observer, (taken.listeners, taken.handed)) => first,
            () = signals.end() => return Ok(()),
        };
        let first = first.map_err(|fault| match fault {
            StartError::Config(problems) => RunError::Config(problems),
            StartError::Bind(problems) | StartError::State(problems) => RunError::System(problems),
        })?;
        let (running, first_rounds) =
            Running::start(path, &config, first, (admin, observer)).map_err(|error| system(&error))?;
        running.until_ended((first_rounds, taking), address_changes, signals).await.map_err(RunError::System)
    });
    // What was promised is done. What still waits for a slow disk or name service must not keep the process.
    control.shutdown_timeout(LATE_WORK);
    ended
}

/// A core file, should the system write one in spite of the unit, has nothing of this memory: private keys, tokens, bodies (core(5),
/// `coredump_filter`). Child processes inherit it.
fn keep_keys_out_of_cores() {
    if let Err(error) = fs::write("/proc/self/coredump_filter", "0") {
        log::warn!("a core file would hold private keys (/proc/self/coredump_filter: {error})");
    }
}
