//! Waiting before a node is asked: for the turn by rate, and in the pool's queue for a permit of a node.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Trip;
use crate::proxy::client::h1::HALF_CLOSED;
use crate::proxy::exchange::bodies::upload::Upload;
use crate::proxy::exchange::record::Record;
use crate::proxy::exchange::target::Target;
use crate::proxy::io::fault::{Disconnect, LISTENING};
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::member::{AcceptedNodes, NodePermit, WaitQueue, Waiter};
use crate::traffic::pool::why::Why;
use crate::traffic::pool::{Chosen, Pool, TRIAL, WaitTarget};
use crate::traffic::tick::Tick;

/// Where a request stands in its pool's queue, and how long it may in all. A reload changes neither.
pub(crate) struct QueuePosition {
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
        let (target, now) = (self.request.target.clone(), self.now());
        let gone = async { upload.disconnected().await.fault().refusal() };
        for_permit(&target, wants, (position, &mut self.tries.queued), now, gone).await
    }

    /// What it was given a permit for: a node of the generation that it is in, or none where it must choose again.
    pub(super) fn waited_for(&self, held: NodePermit, wanted: WaitTarget) -> Option<Chosen> {
        chosen_by(self.pool(), held, wanted, self.request.belongs.bound, self.now())
    }
}

/// Waits in the pool's queue for a permit of a node, until `gone` says that nobody needs it any more. What it waited in
/// all is added to the second part of the position.
pub(crate) async fn for_permit(
    target: &Target<'_>,
    wants: AcceptedNodes,
    (position, queued): (&mut Option<QueuePosition>, &mut Duration),
    now: Tick,
    gone: impl Future<Output = Refusal>,
) -> Result<Option<NodePermit>, Refusal> {
    let (pool, counters) = (target.pool(), &target.running().counters);
    let patience = position.as_ref().map(|position| position.patience).or(pool.settings.queue.map(|queue| queue.wait));
    let Some(patience) = patience else { return Err(Refusal::NodesBusy) };
    let began = Instant::now();
    let left = patience.saturating_sub(*queued);
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
    pool.give_permits(now);
    let waited = tokio::select! {
        biased;
        held = take => Ok(held.ok().flatten()),
        () = tokio::time::sleep(left) => Err(("timeout", Refusal::QueueTimeout)),
        refusal = gone => Err(("gone", refusal)),
    };
    *queued += began.elapsed();
    waited.map_err(|(word, refusal)| {
        counters.queued(word);
        refusal
    })
}

/// The node of the pool for which a permit was given. `bound` is the number of the session's node. None where another
/// choice must be made: the permit may be of another generation, which has the node at another index, or elsewhere, or
/// not at all.
pub(crate) fn chosen_by(
    pool: &Pool,
    mut held: NodePermit,
    wanted: WaitTarget,
    bound: Option<u32>,
    now: Tick,
) -> Option<Chosen> {
    let member = pool.member_of(held.number());
    let Some(member) = member.filter(|member| held.is_at(&pool.members[*member])) else {
        held.discard();
        return None;
    };
    let node = &pool.members[member];
    let why = match wanted.why {
        // Its own node may have come back while it waited for any.
        _ if wanted.node.is_none() && bound == Some(held.number()) => Why::Session,
        Why::Balanced if node.backup => Why::Backup,
        why => why,
    };
    let may_go = held.claim(now, TRIAL);
    may_go.then_some(Chosen { member, why, permit: Some(held), change: None })
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
