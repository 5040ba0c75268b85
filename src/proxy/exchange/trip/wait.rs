//! Waiting before a node is asked: for the turn by rate, and in the pool's queue for a permit of a node.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Trip;
use crate::proxy::client::h1::HALF_CLOSED;
use crate::proxy::exchange::bodies::upload::Upload;
use crate::proxy::exchange::record::Record;
use crate::proxy::io::fault::{Disconnect, LISTENING};
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::member::{AcceptedNodes, NodePermit, WaitQueue, Waiter};
use crate::traffic::pool::why::Why;
use crate::traffic::pool::{Chosen, TRIAL, WaitTarget};

/// Where a request stands in its pool's queue, and how long it may in all. A reload changes neither.
pub(super) struct QueuePosition {
    number: u64,
    patience: Duration,
}

/// A place in a pool's queue, left when the request is gone.
struct QueueEntry<'q> {
    queue: &'q WaitQueue,
    number: u64,
}

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        self.queue.leave(self.number);
    }
}

impl Trip<'_, '_> {
    /// Waits in the queue for a permit of a node. Returns none when the request must choose again. A request that has
    /// waited before goes back to its old position (`position`).
    pub(super) async fn wait(
        &mut self,
        wants: AcceptedNodes,
        position: &mut Option<QueuePosition>,
        upload: &mut Upload<'_, '_>,
    ) -> Result<Option<NodePermit>, Refusal> {
        let target = self.request.target.clone();
        let (pool, counters) = (target.pool(), &target.running().counters);
        let patience =
            position.as_ref().map(|position| position.patience).or(pool.settings.queue.map(|queue| queue.wait));
        let Some(patience) = patience else { return Err(Refusal::NodesBusy) };
        let began = Instant::now();
        let left = patience.saturating_sub(self.tries.queued);
        let (give, take) = oneshot::channel();
        // Where nobody is there any more to take it, the permit is dropped, and so goes to the next one.
        let waiter: Waiter = Box::new(move |held| drop(give.send(held)));
        let queue: &WaitQueue = &pool.waiting;
        let number = match position {
            Some(position) => {
                queue.rejoin(position.number, wants, waiter);
                position.number
            }
            None => queue.join(wants, waiter).map_err(|_| {
                counters.queued("full");
                Refusal::QueueFull
            })?,
        };
        *position = Some(QueuePosition { number, patience });
        let _entry = QueueEntry { queue, number };
        // A permit may have become free between the look and the queue.
        pool.give_permits(self.now());
        let waited = tokio::select! {
            biased;
            held = take => Ok(held.ok().flatten()),
            () = tokio::time::sleep(left) => Err(("timeout", Refusal::QueueTimeout)),
            gone = upload.disconnected() => Err(("gone", gone.fault().refusal())),
        };
        self.tries.queued += began.elapsed();
        waited.map_err(|(word, refusal)| {
            counters.queued(word);
            refusal
        })
    }

    /// What it was given a permit for: a node of the generation that it is in, or none where it must choose again.
    pub(super) fn waited_for(&self, mut held: NodePermit, wanted: WaitTarget) -> Option<Chosen> {
        // The permit may be of another generation, which has the node at another index, or elsewhere, or not at all.
        let member = self.pool().member_of(held.number());
        let Some(member) = member.filter(|member| held.is_at(&self.pool().members[*member])) else {
            held.discard();
            return None;
        };
        let node = &self.pool().members[member];
        let why = match wanted.why {
            // Its own node may have come back while it waited for any.
            _ if wanted.node.is_none() && self.request.belongs.bound == Some(held.number()) => Why::Session,
            Why::Balanced if node.backup => Why::Backup,
            why => why,
        };
        let may_go = held.claim(self.now(), TRIAL);
        may_go.then_some(Chosen { member, why, permit: Some(held), change: None })
    }
}

/// Delays a request that came too soon after others.
pub(crate) async fn delay(
    delay: Duration,
    upload: &mut Upload<'_, '_>,
    record: &mut Record<'_>,
) -> Result<(), Refusal> {
    if delay.is_zero() {
        return Ok(());
    }
    let began = Instant::now();
    let waited = tokio::select! {
        () = tokio::time::sleep(delay) => Ok(()),
        gone = has_left(upload) => Err(gone.fault().refusal()),
    };
    record.delayed(began.elapsed());
    waited
}

/// Waits until the client of a delayed request has left. A client that ended only its own direction may still wait for
/// the answer, and the delay is Weir's doing. So it counts as gone only after [`LISTENING`]. In the queue it counts as
/// gone much sooner, because there it would keep a place from others.
async fn has_left(upload: &mut Upload<'_, '_>) -> Disconnect {
    let mut silent = Duration::ZERO;
    loop {
        let gone = upload.disconnected().await;
        silent += HALF_CLOSED;
        if gone != Disconnect::HalfClosed || silent >= LISTENING {
            return gone;
        }
    }
}
