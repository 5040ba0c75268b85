//! What one server has still to be told. Sessions that are bound again before it was are told once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::clock::Version;
use crate::proxy::worker::sharing::SessionPlace;

/// The most sessions. Beyond these it is told the whole table when it can be.
const MOST: usize = 1 << 17;

/// Up to how many sessions a look through the table goes on adding.
const MANY: usize = 1 << 13;

#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    wanted: Notify,
}

#[derive(Default)]
struct Inner {
    updates: HashMap<SessionPlace, Update>,
    confirms: Vec<Arc<Confirm>>,
    overflowed: bool,
    /// What was taken, and is not told yet.
    in_hand: Updates,
}

/// A session as it was bound. Where it lives the table says, when it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) version: Version,
    /// Whether others may know it on another node.
    pub(super) moved: bool,
}

/// Sessions and how they were bound.
type Updates = Arc<[(SessionPlace, Update)]>;

/// What is told at once.
pub(super) struct Batch {
    pub(super) updates: Updates,
    pub(super) confirms: Vec<Arc<Confirm>>,
}

/// Answers that wait until so many servers were told.
pub(super) struct Confirm {
    left: AtomicUsize,
    /// Whether these are as many as confirm.
    is_enough: bool,
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
}

impl Confirm {
    pub(super) fn by(servers: usize, is_enough: bool, waiting: Vec<oneshot::Sender<()>>) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(servers), is_enough, waiting: Mutex::new(waiting) })
    }

    /// One server was told.
    pub(super) fn told(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let waiting = std::mem::take(&mut *self.waiting.lock());
            // Who is gone waits no more; and who hears nothing goes on unconfirmed.
            waiting.into_iter().filter(|_| self.is_enough).for_each(|waiting| _ = waiting.send(()));
        }
    }
}

impl Inner {
    fn add(&mut self, place: &SessionPlace, update: Update) {
        if self.updates.len() >= MOST && !self.updates.contains_key(place) {
            self.overflowed = true;
            return;
        }
        let known = self.updates.entry(place.clone()).or_insert(update);
        known.version = known.version.max(update.version);
        known.moved |= update.moved;
    }

    /// What is in hand waits again.
    fn put_back(&mut self) {
        let in_hand = std::mem::take(&mut self.in_hand);
        in_hand.iter().for_each(|(place, update)| self.add(place, *update));
    }
}

impl Queue {
    /// A session was bound.
    pub(super) fn add(&self, place: &SessionPlace, update: Update) {
        self.inner.lock().add(place, update);
        self.wanted.notify_one();
    }

    /// These answers wait for what was added before.
    pub(super) fn confirm(&self, confirm: &Arc<Confirm>) {
        self.inner.lock().confirms.push(Arc::clone(confirm));
        self.wanted.notify_one();
    }

    /// The connection is lost: nobody waits for it.
    pub(super) fn forget_confirms(&self) {
        self.inner.lock().confirms.clear();
    }

    /// More was bound than has room.
    pub(super) fn overflow(&self) {
        self.inner.lock().overflowed = true;
    }

    /// Whether that happened since the last call.
    pub(super) fn take_overflow(&self) -> bool {
        std::mem::take(&mut self.inner.lock().overflowed)
    }

    /// The version of what waits to be told of the session.
    pub(super) fn waiting(&self, place: &SessionPlace) -> Option<Version> {
        self.inner.lock().updates.get(place).map(|update| update.version)
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().updates.len()
    }

    /// Whether the server was told everything.
    pub(super) fn is_done(&self) -> bool {
        let inner = self.inner.lock();
        inner.updates.is_empty() && inner.in_hand.is_empty()
    }

    /// Whether a look through the table had better wait.
    pub(super) fn is_long(&self) -> bool {
        self.len() >= MANY
    }

    /// Until there is something; then all of it, with what was taken before and never [`Self::told`].
    pub(super) async fn next(&self) -> Batch {
        self.inner.lock().put_back();
        loop {
            if let Some(batch) = self.take() {
                return batch;
            }
            self.wanted.notified().await;
        }
    }

    fn take(&self) -> Option<Batch> {
        let mut inner = self.inner.lock();
        let (updates, confirms) = (std::mem::take(&mut inner.updates), std::mem::take(&mut inner.confirms));
        let updates: Updates = updates.into_iter().collect();
        inner.in_hand = Arc::clone(&updates);
        (!updates.is_empty() || !confirms.is_empty()).then_some(Batch { updates, confirms })
    }

    /// The server has what was taken last.
    pub(super) fn told(&self) {
        self.inner.lock().in_hand = Updates::default();
    }

    /// What another queue of the same server still has.
    pub(super) fn take_over(&self, other: &Self) {
        let mut other = other.inner.lock();
        other.put_back();
        let mut inner = self.inner.lock();
        inner.overflowed |= other.overflowed;
        std::mem::take(&mut other.updates).iter().for_each(|(place, update)| inner.add(place, *update));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::affinity::sessions::SessionKey;

    fn place(number: u128) -> SessionPlace {
        SessionPlace { pool: "esb".into(), key: SessionKey::from_number(number) }
    }

    fn update(version: u64, moved: bool) -> Update {
        Update { version: Version::from_number(version), moved }
    }

    #[tokio::test]
    async fn a_session_is_told_once_with_its_last_version() {
        let queue = Queue::default();
        for (version, moved) in [(5, false), (7, true), (6, false)] {
            queue.add(&place(1), update(version, moved));
        }
        assert_eq!(queue.waiting(&place(1)), Some(Version::from_number(7)));
        assert_eq!(queue.waiting(&place(2)), None);
        let batch = queue.next().await;
        assert_eq!(*batch.updates, [(place(1), update(7, true))]);
        // While it was told, it was bound again, and then the connection was lost.
        queue.add(&place(1), update(9, false));
        assert_eq!(*queue.next().await.updates, [(place(1), update(9, true))]);
        assert!(!queue.is_done());
        queue.told();
        assert!(queue.is_done());
    }

    #[tokio::test]
    async fn what_was_in_hand_when_the_connection_was_lost_is_told_again() {
        let (queue, next) = (Queue::default(), Queue::default());
        queue.add(&place(1), update(5, true));
        drop(queue.next().await);
        queue.add(&place(2), update(6, false));
        next.take_over(&queue);
        let mut updates = next.next().await.updates.to_vec();
        updates.sort_by_key(|(_, update)| update.version);
        assert_eq!(updates, [(place(1), update(5, true)), (place(2), update(6, false))]);
        assert!(queue.is_done());
    }

    #[tokio::test]
    async fn a_full_queue_remembers_that_it_was_and_takes_what_it_has_already() {
        let queue = Queue::default();
        for number in 0..MOST as u128 {
            queue.add(&place(number), update(1, false));
        }
        assert!(!queue.take_overflow());
        queue.add(&place(5), update(2, false));
        assert!(!queue.take_overflow());
        queue.add(&place(u128::MAX), update(2, false));
        assert_eq!((queue.take_overflow(), queue.take_overflow(), queue.len()), (true, false, MOST));
    }

    #[test]
    fn an_answer_goes_on_with_the_last_word_that_it_waits_for() {
        for (is_enough, expected) in [(true, Ok(())), (false, Err(oneshot::error::TryRecvError::Closed))] {
            let (waiting, mut known) = oneshot::channel();
            let confirm = Confirm::by(2, is_enough, vec![waiting]);
            confirm.told();
            assert_eq!(known.try_recv(), Err(oneshot::error::TryRecvError::Empty));
            confirm.told();
            assert_eq!(known.try_recv(), expected);
        }
    }
}
