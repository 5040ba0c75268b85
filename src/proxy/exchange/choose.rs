//! Picking the node for the next try, waiting for one where all are full, and what follows when a try failed.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::attempt::Attempt;
use super::bodies::upload::Upload;
use super::complaint;
use super::in_pool::Trip;
use super::record::{Record, SessionWord};
use crate::proxy::client::h1::HALF_CLOSED;
use crate::proxy::io::fault::{Disconnect, LISTENING};
use crate::traffic::balance::PickInput;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::affinity;
use crate::traffic::pool::member::{AcceptedNodes, NodePermit, WaitQueue, Waiter};
use crate::traffic::pool::retry;
use crate::traffic::pool::retry::{ConnectFailure, Failure, Next, Progress, RetryTerms};
use crate::traffic::pool::state::Fault;
use crate::traffic::pool::why::Why;
use crate::traffic::pool::{Choice, Chosen, Criteria, Purpose, WaitTarget};

/// Where a request stands in its pool's queue, and how long it may in all. A reload changes neither.
struct QueuePosition {
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
    /// Picks the node for the next try: the session's own where it may be used, else by the pool's method. Where
    /// every node is full, waits in the pool's queue.
    pub(crate) async fn pick(&mut self, upload: &mut Upload<'_, '_>) -> Result<Attempt, Refusal> {
        // It may have been a while since its head came: what a reload took away meanwhile may be gone by now.
        if self.record.tries.count > 0 || self.record.was_delayed() || upload.was_read_first() {
            self.follow_pool();
        }
        let mut position = None;
        let chosen = loop {
            match self.choose(Purpose::Take) {
                Choice::Node(chosen) => break chosen,
                Choice::SessionLost => return Err(Refusal::SessionLost),
                Choice::Nobody => return Err(self.nobody_left()),
                Choice::Full(wanted) => {
                    let wants = self.pool().accepted_nodes(wanted, &self.failed_nodes);
                    let waited = self.wait(wants, &mut position, upload).await;
                    // That it found no place is not the doing of a node that failed before.
                    let held = waited.inspect_err(|_| self.record.no_node())?;
                    self.follow_pool();
                    if let Some(chosen) = held.and_then(|held| self.waited_for(held, wanted)) {
                        break chosen;
                    }
                }
            }
        };
        if position.is_some() {
            self.request.target.running().counters.queued("served");
        }
        Ok(self.settle(chosen))
    }

    /// What the pool would give this request now.
    pub(crate) fn choose(&self, purpose: Purpose) -> Choice {
        let criteria = Criteria {
            bound: self.request.belongs.bound,
            returns: self.request.belongs.returns(),
            prefers: self.request.belongs.prefers,
            tried: &self.failed_nodes,
            failure: self.record.tries.failure,
            pick_input: self.pick_input(),
            now: self.now(),
        };
        self.pool().choose(&criteria, purpose)
    }

    fn pick_input(&self) -> PickInput {
        let arrived = self.arrived();
        let chance = || arrived.connection.worker().chance();
        affinity::pick_input(&self.pool().settings.balance, arrived.head, || arrived.client(), chance)
    }

    fn settle(&mut self, chosen: Chosen) -> Attempt {
        self.record.chosen(&self.request.target, chosen.member, chosen.why);
        self.request.session = match self.request.belongs.bound {
            None => SessionWord::None,
            Some(bound) if self.pool().member_of(bound) == Some(chosen.member) => SessionWord::Hit,
            Some(bound) if self.request.is_helped_out(bound, &self.failed_nodes) => SessionWord::Away,
            Some(_) => SessionWord::Rebound,
        };
        if self.record.tries.count == 0 {
            self.request.count_lookup();
            let pool = self.pool();
            pool.budget.deposit(pool.settings.retry.budget);
        }
        // Where no table knows it, a session that begins here is seen by this use alone.
        if self.pool().sessions.is_none() {
            self.pool().members[chosen.member].load.note_use(self.now());
        }
        if chosen.change.is_some() {
            let why = "no active node could take a request";
            self.request.target.announce(chosen.member, chosen.change, why, self.now());
        }
        self.record.tries.begin_one();
        Attempt::at(chosen, self.now())
    }

    /// Waits in the queue for a place at a node. Returns none when the request must choose again. A request that has
    /// waited before goes back to its old position (`position`).
    async fn wait(
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
        let left = patience.saturating_sub(self.record.tries.queued);
        let (give, take) = oneshot::channel();
        // Where nobody is there any more to take it, the place is dropped, and so goes to the next one.
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
        // A place may have become free between the look and the queue.
        pool.give_permits(self.now());
        let waited = tokio::select! {
            biased;
            held = take => Ok(held.ok().flatten()),
            () = tokio::time::sleep(left) => Err(("timeout", Refusal::QueueTimeout)),
            gone = upload.disconnected() => Err(("gone", gone.fault().refusal())),
        };
        self.record.tries.queued += began.elapsed();
        waited.map_err(|(word, refusal)| {
            counters.queued(word);
            refusal
        })
    }

    /// Moves the request into the newest generation that has its pool. After a wait this is needed: the place that it
    /// was given may be at a node that only the new generation has. And the places of removed nodes are given to
    /// nobody, so no request may wait for them.
    fn follow_pool(&mut self) {
        let target = &self.request.target;
        let Some(newest) = target.newest(&self.arrived().connection.worker().shared) else { return };
        self.failed_nodes = self.failed_nodes.moved(|member| target.place_in(&newest, member));
        self.record.followed(&newest);
        self.request.target = newest;
    }

    fn waited_for(&self, mut held: NodePermit, wanted: WaitTarget) -> Option<Chosen> {
        // The place may be of another generation, which has the node in another place, or elsewhere, or not at all.
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
        let may_go = held.claim(self.now(), crate::traffic::pool::TRIAL);
        may_go.then_some(Chosen { member, why, permit: Some(held), change: None })
    }

    /// Decides after a failed attempt: the next one, where it is already clear which, or why there is none.
    pub(crate) fn after_failure(
        &mut self,
        attempt: Attempt,
        failure: Failure,
        body_at_hand: bool,
    ) -> Result<Option<Attempt>, Refusal> {
        self.record.tries.failure = Some(failure);
        self.hold_against(&attempt, failure, body_at_hand);
        let next = match failure {
            // That was decided when the status was read.
            Failure::Status(_) => Next::NextNode,
            _ => self.after(&attempt, failure, body_at_hand),
        };
        match next {
            Next::GiveUp | Next::Pass => Err(self.refusal_for(failure)),
            Next::SameNodeFresh => {
                self.count_retry(&attempt, "stale");
                Ok(Some(attempt.afresh(self.now())))
            }
            Next::NextNode => {
                self.count_retry(&attempt, failure.word());
                complaint::tell_retry(&self.request.routed.at, &self.request.target, attempt.member, failure);
                self.failed_nodes.add(attempt.member);
                Ok(None)
            }
        }
    }

    /// Counts that it is sent again because of what that node did.
    fn count_retry(&self, attempt: &Attempt, reason: &'static str) {
        if let Some(counters) = self.request.target.node_counters(attempt.member) {
            counters.retried(reason);
        }
    }

    /// Whether an answer with this status is not passed on: another node is asked, and a retry was taken for it.
    pub(crate) fn asks_again(&self, attempt: &Attempt, status: u16, body_at_hand: bool) -> bool {
        self.terms().asks_again(status) && self.after(attempt, Failure::Status(status), body_at_hand) == Next::NextNode
    }

    fn after(&self, attempt: &Attempt, failure: Failure, body_at_hand: bool) -> Next {
        let (progress, pool) = (self.progress(attempt, body_at_hand), self.pool());
        retry::decide(&progress, failure, &self.terms(), || pool.budget.withdraw(pool.settings.retry.budget))
    }

    fn terms(&self) -> RetryTerms<'_> {
        RetryTerms { retry: &self.pool().settings.retry, non_idempotent: self.request.routed.rules().non_idempotent }
    }

    fn progress(&self, attempt: &Attempt, body_at_hand: bool) -> Progress {
        let mut tried = self.failed_nodes.clone();
        tried.add(attempt.member);
        Progress {
            tries_done: self.record.tries.count,
            elapsed: self.record.tries.elapsed().unwrap_or_default(),
            another: self.pool().another(self.request.belongs.bound, &tried, self.now()),
            sent: attempt.sent,
            reused: attempt.reused,
            answer_begun: self.response.has_begun() || attempt.heard,
            silent: attempt.silent,
            body_at_hand,
            idempotent: self.arrived().head.method().idempotent(),
        }
    }

    /// A failed connect was held against the node where it failed.
    fn hold_against(&self, attempt: &Attempt, failure: Failure, body_at_hand: bool) {
        let Some(fault) = fault_of(failure) else { return };
        if retry::blame(&self.progress(attempt, body_at_hand), failure) {
            self.note_fault(attempt, fault, failure.refusal().word());
        }
    }

    /// Holds a failure against a node; what it changes is told.
    pub(crate) fn note_fault(&self, attempt: &Attempt, fault: Fault, why: &str) {
        let change = self.pool().failed(attempt.member, fault, attempt.began, self.now());
        self.request.target.announce(attempt.member, change, why, self.now());
    }

    /// The refusal when no node is left to ask. If one was asked, it says how the last one failed.
    fn nobody_left(&self) -> Refusal {
        self.record.tries.failure.map_or(Refusal::NoActiveNode, |failure| self.refusal_for(failure))
    }

    /// What the client is told. Where nobody listens at any node any more that is the pool's state, not one node's.
    fn refusal_for(&self, failure: Failure) -> Refusal {
        let connect = matches!(failure, Failure::Connect(why) if why != ConnectFailure::Exhausted);
        if connect && !self.pool().has_active(self.now()) { Refusal::NoActiveNode } else { failure.refusal() }
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

/// What a failed attempt says of its node, beside those of connecting.
const fn fault_of(failure: Failure) -> Option<Fault> {
    match failure {
        Failure::AnswerTimeout | Failure::SendTimeout => Some(Fault::Timeout),
        Failure::Cut | Failure::Reset | Failure::SendFailed => Some(Fault::Reset),
        Failure::Malformed => Some(Fault::Malformed),
        Failure::Connect(_) | Failure::Pin | Failure::Tls | Failure::Status(_) => None,
    }
}
