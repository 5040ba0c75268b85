//! What runs beside requests and outlives generations: operators' words, and where things are kept over a restart. The
//! threads that carry traffic know nothing of it.

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::store::state_dir::StateDir;
use crate::config::Problem;
use crate::proxy::worker::Shared;
use crate::traffic::affinity::sessions::file::Before;
use crate::traffic::pool::operators::Words;

/// A wish to reload, and where to say what came of it.
pub(crate) type ReloadWish = oneshot::Sender<Result<u64, Vec<Problem>>>;

/// What the control thread has beside what all threads share.
pub(crate) struct Control {
    /// What all threads share.
    pub(crate) shared: Arc<Shared>,
    /// What operators said of nodes.
    pub(crate) words: Mutex<Words>,
    /// Where what outlives a restart is kept; none where there is no such place.
    pub(crate) state_dir: Option<StateDir>,
    /// Whether sessions are kept there: not where they would be under a secret that the next start does not have.
    pub(crate) keeps_sessions: bool,
    /// Whether it began with the sessions that there were before.
    pub(crate) knows_before: bool,
    /// Sessions of before whose nodes are not known yet.
    pub(crate) before: Mutex<Option<Arc<Before>>>,
}

impl Deref for Control {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.shared
    }
}
