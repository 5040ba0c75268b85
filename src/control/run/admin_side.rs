//! The admin address and socket over the life of the process: opened when it may answer there, closed when another process does.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::config::Config;
use crate::control::admin_sockets::{AdminGiven, AdminSockets, BoundAdmin, SocketFile, bind_admin};
use crate::control::state::{Control, ReloadRequest};

/// Starts to answer on the admin address and socket. The caller passes this function in, because this room must not know the room
/// above it.
pub(crate) type StartAdmin = fn(AdminSockets, Arc<Control>, mpsc::Sender<ReloadRequest>);

/// What is asked and steered by.
pub(super) struct AdminSide {
    start: StartAdmin,
    /// Bound, and not answered on.
    waiting: Option<AdminSockets>,
    /// Dropped, nothing is accepted any more.
    open: Option<watch::Sender<()>>,
    file: Option<SocketFile>,
    copies: io::Result<AdminGiven>,
}

impl AdminSide {
    pub(super) fn new(start: StartAdmin, BoundAdmin { sockets, open, file }: BoundAdmin) -> Self {
        let copies = sockets.copies();
        Self { start, waiting: Some(sockets), open: Some(open), file, copies }
    }

    /// Second descriptors of all sockets.
    pub(super) fn copies(&self) -> io::Result<AdminGiven> {
        self.copies.as_ref().map_err(|error| io::Error::from(error.kind()))?.copies()
    }

    /// Begins to answer.
    pub(super) fn open(&mut self, control: &Arc<Control>, reload_requests: &mpsc::Sender<ReloadRequest>) {
        if let Some(sockets) = self.waiting.take() {
            (self.start)(sockets, Arc::clone(control), reload_requests.clone());
        }
    }

    /// Accepts nothing more. Who was accepted is answered.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Answers again, on these descriptors of the same sockets.
    pub(super) fn open_again(
        &mut self,
        config: &Config,
        copies: AdminGiven,
        (control, reload_requests): (&Arc<Control>, &mpsc::Sender<ReloadRequest>),
    ) {
        match bind_admin(config, copies) {
            Ok(bound) => {
                self.leave_file();
                *self = Self::new(self.start, bound);
                self.open(control, reload_requests);
            }
            Err(problem) => log::error!("{problem}: no commands are answered until the next start"),
        }
    }

    /// The file of the socket is another process' from now on.
    pub(super) fn leave_file(&mut self) {
        if let Some(file) = self.file.take() {
            file.leave();
        }
    }
}
