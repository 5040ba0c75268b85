//! What an answer or a failure says of the node's health. What it changes is announced.

use std::time::Duration;

use super::Trip;
use crate::proxy::exchange::attempt::Attempt;
use crate::traffic::pool::state::Fault;

impl Trip<'_, '_> {
    /// Notes that the node has begun its answer. It counts as a failure of the node if the pool says so of its status,
    /// and otherwise as a success.
    pub(crate) fn answered(&self, attempt: &Attempt, status: u16) {
        let (pool, took) = (self.pool(), attempt.asked.map_or(Duration::ZERO, |at| at.elapsed()));
        if let Some(counters) = self.request.target.node_counters(attempt.member) {
            counters.first_byte(took);
        }
        if pool.settings.eject.statuses.iter().any(|range| range.contains(&status)) {
            return self.note_fault(attempt, Fault::Status, &format!("answered {status}"));
        }
        let change = pool.answered(attempt.member, attempt.began, || took, self.now());
        self.request.target.announce(attempt.member, change, "answered a request", self.now());
    }

    /// Holds a failure against a node; what it changes is told.
    pub(crate) fn note_fault(&self, attempt: &Attempt, fault: Fault, why: &str) {
        let change = self.pool().failed(attempt.member, fault, attempt.began, self.now());
        self.request.target.announce(attempt.member, change, why, self.now());
    }
}
