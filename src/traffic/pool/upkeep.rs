//! Upkeep of a pool. After failures and answers: ejection. Periodically: the number of active nodes, slow start, and
//! permits for waiting requests.

use std::time::Duration;

use super::Pool;
use super::member::{AcceptedNodes, Member};
use super::outage::PoolStatus;
use super::standby::{Availability, DutyPlanner, NodeSummary};
use super::state;
use super::state::{Change, Duty, Fault, State};
use crate::config::ActiveNodes;
use crate::traffic::tick::Tick;

/// A member whose state changed, how, and why.
pub type Changed = (usize, Change, &'static str);

/// Why a node's duty has changed.
pub(crate) const fn why(duty: Duty) -> &'static str {
    match duty {
        Duty::Serving => "it is needed",
        Duty::Leaving => "it is not needed now",
        Duty::Spare => "its sessions are over",
    }
}

impl Pool {
    /// Notes a failed attempt at the member. A lock judges one failure at a time, so that two threads cannot eject the
    /// last two nodes.
    pub fn failed(&self, member: usize, fault: Fault, began: Tick, now: Tick) -> Option<Change> {
        let failing = self.members.get(member)?;
        let _one_at_a_time = self.duty_planner.lock();
        let eject = &self.settings.eject;
        let others = || self.members.iter().enumerate().filter(|(index, _)| *index != member).map(|(_, other)| other);
        // Standbys count, because one takes over at once. Ejected nodes do not count before a request has succeeded
        // there.
        let serving = 1 + others().filter(|other| other.state.can_serve()).count();
        let ejected = others().filter(|other| other.state.is_ejected()).count();
        let may_eject = state::may_eject(fault, serving, ejected, self.members.len(), eject.max_ejected);
        failing.state.on_fault(now, began, fault, eject, may_eject)
    }

    /// Notes the start of an answer. `began` is the start of the attempt, `took` the time to the first byte. If
    /// latencies are not measured, `took` is not called and no shared memory is written.
    pub fn answered(&self, member: usize, began: Tick, took: impl FnOnce() -> Duration, now: Tick) -> Option<Change> {
        let member = self.members.get(member)?;
        if self.measures {
            member.load.latency.record(now, took());
        }
        member.state.on_success(began, now)
    }

    /// The periodic work. Call it a few times a second, and when a state has changed.
    pub fn upkeep(&self, now: Tick, elapsed: Duration) -> Vec<Changed> {
        let mut changes = Vec::new();
        match &self.settings.active {
            // Linked pools get their duties together, see `linked_pools`.
            Some(_) if self.is_linked => {}
            Some(active) => changes = self.set_duties(active, &mut self.duty_planner.lock(), now),
            None => self.let_all_serve(&mut changes),
        }
        self.warm_up(now, elapsed);
        self.serve_those_who_wait(now);
        changes
    }

    /// Whether a node is active. An ejected node is not, until its trial has succeeded.
    pub fn status(&self) -> PoolStatus {
        PoolStatus::by(self.members.iter().map(|member| member.state.state()))
    }

    fn serve_those_who_wait(&self, now: Tick) {
        if self.waiting.is_empty() {
            return;
        }
        self.give_permits(now);
        // Requests that wait for nodes that can no longer serve them are woken without a permit, and choose again.
        let unserved = |accepted: &AcceptedNodes| {
            let serves = match accepted {
                AcceptedNodes::Only(number) => self.serves_sessions(*number, now),
                AcceptedNodes::AnyBut(tried) => self.serves_beside(tried, now),
            };
            (!serves).then_some(())
        };
        while let Some((waiter, ())) = self.waiting.next(unserved) {
            waiter(None);
        }
    }

    /// Sets duties so that as many nodes serve as needed.
    pub(crate) fn set_duties(&self, active: &ActiveNodes, planner: &mut DutyPlanner, now: Tick) -> Vec<Changed> {
        let regular: Vec<_> = self.regular().collect();
        let summaries: Vec<_> = regular.iter().map(|(_, member)| self.summary(member, now)).collect();
        let duties = planner.plan(active, &summaries, now).into_iter();
        let changed = |(position, duty): (usize, Duty)| {
            let (index, member) = regular.get(position)?;
            Some((*index, member.state.set_duty(duty)?, why(duty)))
        };
        duties.filter_map(changed).collect()
    }

    /// Its members without the backups, with their indexes.
    pub(crate) fn regular(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.members.iter().enumerate().filter(|(_, member)| !member.backup)
    }

    /// Without `active` all nodes serve. The previous generation may have made some of them standbys.
    fn let_all_serve(&self, changes: &mut Vec<Changed>) {
        for (index, member) in self.members.iter().enumerate().filter(|(_, member)| member.state.is_held_back()) {
            changes.extend(member.state.set_duty(Duty::Serving).map(|change| (index, change, "it is needed")));
        }
    }

    pub(crate) fn summary(&self, member: &Member, now: Tick) -> NodeSummary {
        let duty = member.state.duty();
        let sessions = match &self.sessions {
            Some(sessions) if duty == Duty::Leaving => sessions.count_of(member.number),
            _ => 0,
        };
        let availability = match () {
            () if member.state.is_usable(now) => Availability::Good,
            () if member.state.takes_unprobed(now) => Availability::Unknown,
            () => Availability::Bad,
        };
        NodeSummary { duty, availability, in_flight: member.load.in_flight(), sessions }
    }

    /// Steps the slow start of nodes that have become active.
    fn warm_up(&self, now: Tick, elapsed: Duration) {
        let climbing = |member: &&Member| !member.slow_start.is_zero();
        if !self.members.iter().any(|member| climbing(&member)) {
            return;
        }
        let latency = |member: &Member| u64::from(member.load.latency.expected(now));
        let known = self.members.iter().map(latency).filter(|latency| *latency > 0);
        let (sum, count) = known.fold((0, 0), |(sum, count), latency| (sum + latency, count + 1_u64));
        for member in self.members.iter().filter(climbing) {
            let mut warmup = member.load.slow_start.lock();
            if member.state.state() != State::Active {
                warmup.begin();
                member.load.set_warmth(crate::traffic::balance::slow_start::FLOOR);
                continue;
            }
            if warmup.is_warm() {
                continue;
            }
            let own = latency(member);
            let peers = sum.saturating_sub(own) / count.saturating_sub(u64::from(own > 0)).max(1);
            let [own, peers] = [own, peers].map(|latency| u32::try_from(latency).unwrap_or(u32::MAX));
            let warmth = warmup.step(member.slow_start, elapsed, own, peers);
            member.load.set_warmth(warmth);
        }
    }
}
