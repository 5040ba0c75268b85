//! Picking the node for the next try.

use std::time::Duration;

use super::Trip;
use crate::proxy::exchange::affinity::outcome::SessionOutcome;
use crate::proxy::exchange::attempt::Attempt;
use crate::proxy::exchange::bodies::upload::Upload;
use crate::traffic::balance::PickInput;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::affinity;
use crate::traffic::pool::{Choice, Chosen, Criteria, Purpose};

impl Trip<'_, '_> {
    /// Picks the node for the next try: the session's own where it may be used, else by the pool's method. Where
    /// every node is full, waits in the pool's queue.
    pub(crate) async fn pick(&mut self, upload: &mut Upload<'_, '_>) -> Result<Attempt, Refusal> {
        // The node before may have taken a while: what a reload took away meanwhile may be gone by now.
        if self.tries.count > 0 {
            self.follow_pool();
        }
        let (mut position, queued_before) = (None, self.tries.queued);
        let chosen = loop {
            match self.choose() {
                Choice::Node(chosen) => break chosen,
                Choice::SessionLost => return Err(Refusal::SessionLost),
                Choice::Nobody => return Err(self.nobody_left()),
                Choice::Full(wanted) => {
                    let wants = self.pool().accepted_nodes(wanted, &self.failed_nodes);
                    let waited = self.wait(wants, &mut position, upload).await;
                    if waited.is_err() {
                        self.count_wait(queued_before);
                    }
                    // That it got no permit is not the doing of a node that failed before.
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
            self.count_wait(queued_before);
        }
        Ok(self.settle(chosen))
    }

    /// Counts how long it waited for a node, where it waited: that the queue is full is known at once.
    fn count_wait(&self, queued_before: Duration) {
        let waited = self.tries.queued - queued_before;
        if !waited.is_zero() {
            self.request.target.running().counters.waited(waited);
        }
    }

    /// What the pool would give this request now.
    fn choose(&self) -> Choice {
        let criteria = Criteria {
            bound: self.request.belongs.bound,
            returns: self.request.belongs.returns(),
            prefers: self.request.belongs.prefers,
            tried: &self.failed_nodes,
            failure: self.tries.failure,
            pick_input: self.pick_input(),
            now: self.now(),
        };
        self.pool().choose(&criteria, Purpose::Take)
    }

    fn pick_input(&self) -> PickInput {
        let arrived = self.arrived();
        let chance = || arrived.connection.worker().chance();
        affinity::pick_input(self.pool(), arrived.head, || arrived.client(), chance)
    }

    fn settle(&mut self, chosen: Chosen) -> Attempt {
        self.record.chosen(&self.request.target, chosen.member, chosen.why);
        self.request.session = match self.request.belongs.bound {
            None => SessionOutcome::None,
            Some(bound) if self.pool().member_of(bound) == Some(chosen.member) => SessionOutcome::Hit,
            Some(bound) if self.request.is_helped_out(bound, &self.failed_nodes) => SessionOutcome::Away,
            Some(_) => SessionOutcome::Rebound,
        };
        if self.tries.count == 0 {
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
        self.tries.begin_one();
        Attempt::at(chosen, self.now())
    }
}
