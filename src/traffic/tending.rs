//! What a pool makes of answers and failures, and of time: ejections within their bounds, as many active nodes as
//! needed, slow start, places for those who wait.

use std::time::Duration;

use super::member::Member;
use super::outage::Served;
use super::pool::Pool;
use super::standby::Standing;
use super::state::{self, Change, Duty, Ejecting, Fault, State};
use super::tick::Tick;
use crate::config::{ActiveNodes, Balance};

/// A member whose state changed, how, and why.
pub type Changed = (usize, Change, &'static str);

impl Pool {
    /// An attempt at the member that began at `began` failed. One failure is judged at a time, so that two threads
    /// cannot eject the last two nodes.
    pub fn failed(&self, member: usize, fault: Fault, began: Tick, now: Tick) -> Option<Change> {
        let failing = self.members.get(member)?;
        let _one_at_a_time = self.arrangement.lock();
        let eject = &self.settings.eject;
        let ejecting =
            Ejecting { failures: eject.failures, within: eject.within, first: eject.first, most: eject.most };
        let active = self.members.iter().filter(|member| member.state.takes_new(now)).count();
        // One that serves only its sessions is not among the active, and is not the last of them.
        let active = active + usize::from(!failing.state.takes_new(now));
        let ejected = |member: &&Member| member.state.ejected_until(now).is_some();
        let ejected = self.members.iter().filter(ejected).count();
        let may_eject = state::may_eject(fault, active, ejected, self.members.len(), eject.max_ejected);
        failing.state.on_fault(now, began, fault, &ejecting, may_eject)
    }

    /// The member began to answer, `took` after the request went there at `began`.
    pub fn answered(&self, member: usize, began: Tick, took: Duration, now: Tick) -> Option<Change> {
        let member = self.members.get(member)?;
        member.load.latency.record(now, took);
        member.state.on_success(began, now)
    }

    /// To be called a few times a second, and at once when a state has changed.
    pub fn tend(&self, now: Tick, elapsed: Duration) -> Vec<Changed> {
        let mut changes = Vec::new();
        if let Some(active) = &self.settings.active {
            self.arrange(active, now, &mut changes);
        }
        self.warm_up(now, elapsed);
        self.serve_those_who_wait(now);
        changes
    }

    /// Whether a node is active, in the words of its state: one whose ejection is over is not, before its trial.
    pub fn served(&self) -> Served {
        Served::by(self.members.iter().map(|member| member.state.state()))
    }

    /// Whether anybody wants to know how soon nodes answer.
    pub fn measures(&self) -> bool {
        self.settings.balance == Balance::LeastTime || self.members.iter().any(|member| !member.slow_start.is_zero())
    }

    fn serve_those_who_wait(&self, now: Tick) {
        if self.waiting.is_empty() {
            return;
        }
        self.members.iter().for_each(|member| member.post.serve(now));
        // Who waits for a node that serves no longer looks again, and finds another one or an answer.
        let hopeless = |wants: Option<u32>| {
            let serves = match wants {
                Some(number) => self.is_home(number, now),
                None => self.has_active(now),
            };
            (!serves).then_some(())
        };
        while let Some((waiter, ())) = self.waiting.next(hopeless) {
            waiter(None);
        }
    }

    /// As many active nodes as needed.
    fn arrange(&self, active: &ActiveNodes, now: Tick, changes: &mut Vec<Changed>) {
        let mut arrangement = self.arrangement.lock();
        let regular: Vec<usize> = (0..self.members.len()).filter(|index| !self.members[*index].backup).collect();
        let standings: Vec<_> = regular.iter().map(|index| self.standing(&self.members[*index], now)).collect();
        for (place, duty) in arrangement.arrange(active, &standings, now) {
            let Some((index, member)) = regular.get(place).map(|index| (*index, &self.members[*index])) else {
                continue;
            };
            let why = match duty {
                Duty::Serving => "it is needed",
                Duty::Leaving => "it is not needed now",
                Duty::Spare => "its sessions are over",
            };
            changes.extend(member.state.set_duty(duty).map(|change| (index, change, why)));
        }
    }

    fn standing(&self, member: &Member, now: Tick) -> Standing {
        let duty = member.state.duty();
        let sessions = match &self.sessions {
            Some(sessions) if duty == Duty::Leaving => sessions.count_of(member.number),
            _ => 0,
        };
        Standing { duty, usable: member.state.is_usable(now), in_flight: member.load.in_flight(), sessions }
    }

    /// The share of what has just become active climbs.
    fn warm_up(&self, now: Tick, elapsed: Duration) {
        let climbing = |member: &&Member| !member.slow_start.is_zero();
        if !self.members.iter().any(|member| climbing(&member)) {
            return;
        }
        let latency = |member: &Member| member.load.latency.expected(now);
        for member in self.members.iter().filter(climbing) {
            let mut warmup = member.load.warmup.lock();
            if member.state.state() != State::Active {
                warmup.begin();
                member.load.set_warmth(super::warmth::FLOOR);
                continue;
            }
            if warmup.is_warm() {
                continue;
            }
            let others = self.members.iter().filter(|other| other.number != member.number).map(latency);
            let known = others.filter(|latency| *latency > 0);
            let (sum, known) = known.fold((0, 0), |(sum, count), latency| (sum + u64::from(latency), count + 1_u64));
            let peers = u32::try_from(sum / known.max(1)).unwrap_or(u32::MAX);
            let warmth = warmup.step(member.slow_start, elapsed, latency(member), peers);
            member.load.set_warmth(warmth);
        }
    }
}
