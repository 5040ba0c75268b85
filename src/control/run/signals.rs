//! The signals of a running Weir.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
pub(super) enum Signalled {
    /// SIGHUP.
    Reload,
    /// SIGUSR1: open the log files again.
    Reopen,
    /// SIGUSR2.
    Upgrade,
    /// End after the last request; the signal's name.
    Stop(&'static str),
    /// SIGINT: end at once.
    End,
}

/// The signals that Weir takes.
pub(super) struct Signals {
    hang_up: Signal,
    reopen: Signal,
    upgrade: Signal,
    terminate: Signal,
    quit: Signal,
    interrupt: Signal,
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

    /// Waits for the next signal. May be dropped: none is lost.
    pub(super) async fn next(&mut self) -> Signalled {
        tokio::select! {
            _ = self.hang_up.recv() => Signalled::Reload,
            _ = self.reopen.recv() => Signalled::Reopen,
            _ = self.upgrade.recv() => Signalled::Upgrade,
            _ = self.terminate.recv() => Signalled::Stop("SIGTERM"),
            // As in nginx, SIGQUIT is the graceful stop.
            _ = self.quit.recv() => Signalled::Stop("SIGQUIT"),
            _ = self.interrupt.recv() => Signalled::End,
        }
    }

    /// Waits for SIGINT.
    pub(super) async fn interrupt(&mut self) {
        let _ = self.interrupt.recv().await;
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
