//! While another process takes over: what this one still learns of sessions must be known there before the client hears of it, because
//! the client's next request goes there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// How long an answer waits until the other process knows its session. Mostly that is some milliseconds; on a busy machine the
/// other process takes longer to begin, and it is told when it has.
const PATIENCE: Duration = Duration::from_secs(3);

/// The answers that wait.
#[derive(Debug, Default)]
pub(crate) struct Teaching {
    is_on: AtomicBool,
    waiting: Mutex<Vec<Waiting>>,
    wanted: Notify,
}

/// An answer that waits until this is dropped.
pub(crate) type Waiting = oneshot::Sender<()>;

impl Teaching {
    /// Whether another process takes over. Where it does not any more, no answer waits for it.
    pub(crate) fn switch(&self, on: bool) {
        self.is_on.store(on, Ordering::Release);
        if !on {
            drop(self.take_waiting());
        }
    }

    /// Whether answers have to wait.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// Waits until the other process knows every session that was bound before this call.
    pub(crate) async fn known(&self) {
        let (waiting, known) = oneshot::channel();
        self.waiting.lock().push(waiting);
        self.wanted.notify_one();
        // It is dropped without a word.
        let _ = tokio::time::timeout(PATIENCE, known).await;
    }

    /// Until an answer waits.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Those that wait now. They are to be dropped when what was learned before this call is known.
    pub(crate) fn take_waiting(&self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting.lock())
    }
}
