//! The signals of a running Weir.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that Weir takes.
pub(super) struct Signals {
    pub(super) hang_up: Signal,
    pub(super) reopen: Signal,
    pub(super) upgrade: Signal,
    pub(super) terminate: Signal,
    pub(super) quit: Signal,
    pub(super) interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
            upgrade: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first signal that ends the process.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.quit.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
