//! What follows when a try failed: the next one, or why there is none.

use super::Trip;
use crate::proxy::exchange::attempt::Attempt;
use crate::proxy::exchange::complaint;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry;
use crate::traffic::pool::retry::{ConnectFailure, Failure, Next, Progress, RetryTerms};
use crate::traffic::pool::state::Fault;

impl Trip<'_, '_> {
    /// Decides after a failed attempt: the next one, where it is already clear which, or why there is none.
    pub(crate) fn after_failure(
        &mut self,
        attempt: Attempt,
        failure: Failure,
        body_at_hand: bool,
    ) -> Result<Option<Attempt>, Refusal> {
        self.tries.failure = Some(failure);
        self.hold_against(&attempt, failure, body_at_hand);
        let next = match failure {
            // That was decided when the status was read.
            Failure::Status(_) => Next::NextNode,
            _ => self.after(&attempt, failure, body_at_hand),
        };
        // That a kept connection was closed meanwhile is no failure of the node, nor that Weir has no descriptor left.
        if next != Next::SameNodeFresh && failure != Failure::Connect(ConnectFailure::Exhausted) {
            self.count_failure(&attempt);
        }
        match next {
            Next::GiveUp | Next::Pass => Err(self.refusal_for(failure)),
            Next::SameNodeFresh => {
                self.count_retry(&attempt, retry::STALE);
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

    /// The try is lost and no other one can follow, because its answer has begun or its client has left.
    pub(crate) fn after_loss(&self, attempt: &Attempt, refusal: Refusal) {
        if matches!(refusal.status(), 502..=504) {
            self.count_failure(attempt);
        }
    }

    /// Counts a failed try among the numbers of its node.
    fn count_failure(&self, attempt: &Attempt) {
        if let Some(counters) = self.request.target.node_counters(attempt.member) {
            counters.tally().failed();
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
            tries_done: self.tries.count,
            elapsed: self.tries.elapsed().unwrap_or_default(),
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

    /// The refusal when no node is left to ask. If one was asked, it says how the last one failed.
    pub(super) fn nobody_left(&self) -> Refusal {
        self.tries.failure.map_or(Refusal::NoActiveNode, |failure| self.refusal_for(failure))
    }

    fn refusal_for(&self, failure: Failure) -> Refusal {
        self.pool().refusal_after(failure, self.now())
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
