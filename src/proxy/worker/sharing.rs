//! What the traffic threads say to the servers that machines share (`[shared] servers`), and ask them. They hand it to the control
//! thread: no request waits for a server, but one whose session is not known here, and for a bounded time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::traffic::affinity::sessions::SessionKey;

/// The most sessions that may wait for the control thread, and the most requests. Beyond these the table is told as a whole, and
/// requests go on without an answer.
const MOST_BOUND: usize = 1 << 16;
const MOST_QUESTIONS: usize = 4096;

/// How long what was bound waits for more, where nobody waits for it: each message to a server costs more than what is in it.
const TOGETHER: Duration = Duration::from_millis(3);

/// What goes between traffic threads and the control thread.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    /// Whether there are servers.
    is_on: AtomicBool,
    /// Whether one of them answers.
    answers: AtomicBool,
    /// How long the answer that binds a session waits, in microseconds; zero: not at all.
    confirm: AtomicU64,
    /// How long a request waits for what the servers know, in microseconds.
    patience: AtomicU64,
    told: Mutex<Told>,
    has_told: Notify,
    has_waiting: Notify,
    questions: Mutex<Vec<Question>>,
    has_questions: Notify,
    counts: Counts,
}

/// A session of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionPlace {
    /// The pool's name.
    pub(crate) pool: Arc<str>,
    /// Its key there.
    pub(crate) key: SessionKey,
}

/// What was bound, and who waits until others know it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Each with whether it was on another node before.
    pub(crate) bound: Vec<(SessionPlace, bool)>,
    /// Sent when what was bound before is known to others; dropped when it will not be.
    pub(crate) waiting: Vec<oneshot::Sender<()>>,
    /// Whether more was bound than could wait.
    pub(crate) too_many: bool,
}

/// A request that waits. Its answer is the table, where the session is by then.
#[derive(Debug)]
pub(crate) struct Question {
    /// All ids that the request has.
    pub(crate) places: Vec<SessionPlace>,
    /// Dropped when all is known that can be.
    pub(crate) waiting: oneshot::Sender<()>,
}

/// What came of it.
#[derive(Debug, Default)]
struct Counts {
    skipped: AtomicU64,
    late: AtomicU64,
    unconfirmed: AtomicU64,
}

impl Sharing {
    /// There are servers, or none (any more).
    pub(crate) fn switch(&self, on: bool, confirm: Duration, patience: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.confirm.store(micros(confirm), Relaxed);
        self.patience.store(micros(patience), Relaxed);
        self.is_on.store(on, Relaxed);
        if !on {
            self.answers(false);
            drop((self.take_told(), self.take_questions()));
        }
    }

    /// Whether a server answers. Where none does, no request waits for one.
    pub(crate) fn answers(&self, answers: bool) {
        self.answers.store(answers, Relaxed);
    }

    /// A session was bound: the servers get to know it.
    pub(crate) fn bound(&self, pool: &Arc<str>, key: SessionKey, moved: bool) {
        if !self.is_on.load(Relaxed) {
            return;
        }
        let mut told = self.told.lock();
        if told.bound.len() < MOST_BOUND {
            told.bound.push((SessionPlace { pool: Arc::clone(pool), key }, moved));
        } else {
            told.too_many = true;
        }
        drop(told);
        self.has_told.notify_one();
    }

    /// How long the answer that binds a session has to wait; `None`: it has not.
    pub(crate) fn confirm(&self) -> Option<Duration> {
        let confirm = Duration::from_micros(self.confirm.load(Relaxed));
        (self.is_on.load(Relaxed) && !confirm.is_zero()).then_some(confirm)
    }

    /// Waits until others know what this request bound, but no longer than this.
    pub(crate) async fn known(&self, limit: Duration) {
        let (waiting, known) = oneshot::channel();
        self.told.lock().waiting.push(waiting);
        self.has_waiting.notify_one();
        if !matches!(tokio::time::timeout(limit, known).await, Ok(Ok(()))) {
            self.counts.unconfirmed.fetch_add(1, Relaxed);
        }
    }

    /// Whether a session that is not known here may be known to the servers.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Waits until the table has what the servers know of these sessions, but no longer than is allowed.
    pub(crate) async fn ask(&self, places: Vec<SessionPlace>) {
        if !self.answers.load(Relaxed) {
            self.counts.skipped.fetch_add(1, Relaxed);
            return;
        }
        let (waiting, known) = oneshot::channel();
        {
            let mut questions = self.questions.lock();
            if questions.len() >= MOST_QUESTIONS {
                self.counts.skipped.fetch_add(1, Relaxed);
                return;
            }
            questions.push(Question { places, waiting });
        }
        self.has_questions.notify_one();
        let patience = Duration::from_micros(self.patience.load(Relaxed));
        // It is dropped without a word.
        if tokio::time::timeout(patience, known).await.is_err() {
            self.counts.late.fetch_add(1, Relaxed);
        }
    }

    /// Until there is something to tell the servers; then that, with what else comes soon. Where somebody waits, at once.
    pub(crate) async fn next_told(&self) -> Told {
        tokio::select! {
            () = self.has_waiting.notified() => {}
            () = self.has_told.notified() => {
                let _ = tokio::time::timeout(TOGETHER, self.has_waiting.notified()).await;
            }
        }
        self.take_told()
    }

    /// Until a request asks; then all that do.
    pub(crate) async fn next_questions(&self) -> Vec<Question> {
        self.has_questions.notified().await;
        self.take_questions()
    }

    /// Requests that were not asked for, requests whose answer came too late, and answers that went on unconfirmed.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let Counts { skipped, late, unconfirmed } = &self.counts;
        (skipped.load(Relaxed), late.load(Relaxed), unconfirmed.load(Relaxed))
    }

    /// Whether nothing waits to be told.
    pub(crate) fn has_told_all(&self) -> bool {
        self.told.lock().bound.is_empty()
    }

    fn take_told(&self) -> Told {
        std::mem::take(&mut self.told.lock())
    }

    fn take_questions(&self) -> Vec<Question> {
        std::mem::take(&mut self.questions.lock())
    }
}
