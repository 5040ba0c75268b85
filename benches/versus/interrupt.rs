//! Somebody wants the run to end: noted here, asked before each piece of work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::clients;

/// Set when a signal came; what is running then ends with it.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Listens for SIGINT and SIGTERM, so that no proxy is left behind.
pub(crate) fn listen() {
    thread::spawn(|| {
        clients::block_on(async {
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                return;
            };
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            REQUESTED.store(true, Ordering::Relaxed);
        })
    });
}

/// Whether one came.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
