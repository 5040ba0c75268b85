//! A pool: chooses the node of a request, and learns from how the request went there. The order of choice: the node of
//! the request's session; an active node by the pool's balancing method; where no node is known to be good, a serving
//! node that was never probed; a standby, which becomes active by it; a backup; a standby or a backup that was never
//! probed; waiting in the queue. Where no node is active: the node most likely to answer.

pub mod affinity;
mod last_resort;
pub mod member;
pub mod operators;
pub mod outage;
pub mod queue;
pub mod retry;
pub mod selection;
pub mod standby;
pub mod state;
mod tier;
pub mod upkeep;
pub mod why;

use std::sync::Arc;

use self::member::{AcceptedNodes, Member, WaitQueue};
use self::retry::{Another, Budget, ConnectFailure, Failure};
pub use self::selection::{Choice, Chosen, Criteria, Purpose, Tried, WaitTarget};
use self::standby::DutyPlanner;
use self::state::Reason;
use self::why::{Lost, Why};
use super::affinity::own_cookie::Tokens;
use super::affinity::session_id;
use super::affinity::sessions::Sessions;
use super::balance::{Balancer, PickInput};
use super::message::refusal::Refusal;
use super::tick::Tick;
use crate::config::{self, OnLost};
use crate::traffic::sync::Mutex;
use crate::traffic::sync::atomic::{self, AtomicBool};

/// How long one request is on trial at an ejected node before another one may try.
pub const TRIAL: std::time::Duration = std::time::Duration::from_secs(10);

/// A pool at work.
pub struct Pool {
    /// What the operator wrote.
    pub settings: config::Pool,
    /// Its nodes in file order. A node with several addresses has one member for each.
    pub members: Vec<Member>,
    /// The session table, if the pool has one.
    pub sessions: Option<Arc<Sessions>>,
    /// The values of Weir's own affinity cookie, if the pool uses it.
    pub tokens: Option<Tokens>,
    /// The retry budget.
    pub budget: Arc<Budget>,
    /// Requests that wait for a permit.
    pub waiting: Arc<WaitQueue>,
    /// Outlives a reload. Linked pools use that of the leading pool.
    pub(super) duty_planner: Arc<Mutex<DutyPlanner>>,
    /// Whether it is linked with other pools, see `linked_pools`.
    pub(super) is_linked: bool,
    pub(super) balancer: Balancer,
    /// Whether latencies are measured, because the method or slow start needs them.
    pub measures: bool,
    /// Index of the member, by node number.
    pub(super) by_number: Vec<Option<u16>>,
    pub(super) superseded: AtomicBool,
}

impl Pool {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    /// The member with this node number.
    pub fn member_of(&self, number: u32) -> Option<usize> {
        self.by_number.get(number as usize).copied().flatten().map(usize::from)
    }

    /// Whether a newer generation has this pool, and manages its nodes.
    pub fn is_superseded(&self) -> bool {
        self.superseded.load(atomic::Ordering::Relaxed)
    }

    /// Whether it has this member, with the same counters.
    pub(super) fn has(&self, member: &Member) -> bool {
        self.members.iter().any(|known| Arc::ptr_eq(&known.load, &member.load))
    }

    /// Whether the node can serve its sessions now.
    pub fn serves_sessions(&self, number: u32, now: Tick) -> bool {
        self.member_of(number).is_some_and(|member| self.members[member].state.takes_sessions(now))
    }

    /// The node whose jvmRoute is the end of this session id. Of several the longest counts.
    pub fn routed(&self, id: &[u8]) -> Option<u32> {
        let fits = |member: &&Member| session_id::ends_with_route(id, member.route.as_bytes());
        let all = self.members.iter().filter(fits);
        // Reversed: of several addresses the first is wanted, and `max_by_key` gives the last.
        all.rev().max_by_key(|member| member.route.len()).map(|member| member.number)
    }

    /// Chooses the node for a request.
    pub fn choose(&self, criteria: &Criteria<'_>, purpose: Purpose) -> Choice {
        let lost = match criteria.bound {
            None => None,
            Some(number) => match self.session_node(number, criteria, purpose) {
                Ok(choice) => return choice,
                Err(lost) => Some(lost),
            },
        };
        if lost.is_some() {
            if let Some(choice) = self.session_node_as_last_resort(criteria, purpose) {
                return choice;
            }
            if self.refuses_lost_sessions() {
                return Choice::SessionLost;
            }
        }
        let why = |otherwise| match (criteria.failure, lost) {
            (Some(failure), _) if !criteria.tried.is_empty() => Why::Retry(failure),
            (_, Some(lost)) => Why::Rebound(lost),
            _ => otherwise,
        };
        if let Some(chosen) = self.preferred(criteria, purpose) {
            return Choice::Node(chosen);
        }
        let search = || self.choose_from_tiers(&why, criteria, purpose);
        // A node that changes its tier during the search can be missed in both, so search twice.
        if let Some(chosen) = search().or_else(search) {
            return Choice::Node(chosen);
        }
        let unprobed = self.is_unprobed(criteria.now);
        if self.is_full(unprobed, criteria) {
            let otherwise = if unprobed { Why::Unprobed } else { Why::Balanced };
            return Choice::Full(WaitTarget { node: None, why: why(otherwise) });
        }
        self.last_resort(criteria, purpose)
    }

    /// Whether there is another node that a request could try. `bound` is the node of its session. Takes no turn.
    pub fn another(&self, bound: Option<u32>, tried: &Tried, now: Tick) -> Another {
        let criteria = Criteria {
            bound,
            returns: false,
            prefers: None,
            tried,
            failure: None,
            pick_input: PickInput::default(),
            now,
        };
        match self.choose(&criteria, Purpose::Peek) {
            Choice::Node(_) => Another::Now,
            Choice::Full(_) if self.has_room_to_wait() => Another::Later,
            _ => Another::None,
        }
    }

    /// What a request waits for in the queue. It does not wait for nodes that it has tried.
    pub fn accepted_nodes(&self, wanted: WaitTarget, tried: &Tried) -> AcceptedNodes {
        let number = |member: usize| self.members.get(member).map(|member| member.number);
        wanted
            .node
            .map_or_else(|| AcceptedNodes::AnyBut(tried.each().filter_map(number).collect()), AcceptedNodes::Only)
    }

    fn has_room_to_wait(&self) -> bool {
        self.settings.queue.is_some_and(|queue| self.waiting.len() < queue.size as usize)
    }

    /// Whether any node takes new requests.
    pub fn has_active(&self, now: Tick) -> bool {
        self.members.iter().any(|member| member.state.takes_new(now))
    }

    /// What the client is told after a failure. Where nobody listens at any node any more that is the pool's state, not one
    /// node's.
    pub fn refusal_after(&self, failure: Failure, now: Tick) -> Refusal {
        let connect = matches!(failure, Failure::Connect(why) if why != ConnectFailure::Exhausted);
        if connect && !self.has_active(now) { Refusal::NoActiveNode } else { failure.refusal() }
    }

    /// Whether a request without a session gets a node as soon as there is room.
    pub fn serves(&self, now: Tick) -> bool {
        self.serves_beside(&[], now)
    }

    /// The same without the nodes with these numbers.
    pub(super) fn serves_beside(&self, tried: &[u32], now: Tick) -> bool {
        let others = || self.members.iter().filter(|member| !tried.contains(&member.number));
        others().any(|member| member.state.takes_new(now))
            || self.is_unprobed(now) && others().any(|member| member.state.serves_unprobed(now))
    }

    /// Whether never probed nodes serve, as in nginx and HAProxy: no serving node is known to be good, and one of them
    /// was never probed or no other node is good either. A standby or backup with a quicker first probe takes no
    /// serving node's place: sessions would start on both.
    pub(super) fn is_unprobed(&self, now: Tick) -> bool {
        let any = |holds: &dyn Fn(&Member) -> bool| self.members.iter().any(holds);
        self.settings.health.is_some()
            && !any(&|member| !member.backup && member.state.takes_new(now))
            && (any(&|member| !member.backup && member.state.serves_unprobed(now))
                || !any(&|member| member.state.is_usable(now)))
    }

    /// Gives free permits to waiting requests.
    pub fn give_permits(&self, now: Tick) {
        if !self.waiting.is_empty() {
            let unprobed = self.is_unprobed(now);
            self.members.iter().for_each(|member| member.permits.serve(now, unprobed));
        }
    }

    fn refuses_lost_sessions(&self) -> bool {
        self.settings.sticky.as_ref().is_some_and(|sticky| sticky.on_lost == OnLost::Refuse)
    }

    /// The node of the request's session, or why it cannot serve.
    fn session_node(&self, number: u32, criteria: &Criteria<'_>, purpose: Purpose) -> Result<Choice, Lost> {
        let index = self.member_of(number).ok_or(Lost::Gone)?;
        let member = &self.members[index];
        if criteria.tried.has(index) {
            return Err(Lost::Failed);
        }
        if !member.state.takes_sessions(criteria.now) {
            return Err(Lost::of(member.state.state()));
        }
        let why = if criteria.returns { Why::Returned } else { Why::Session };
        match self.take(index, why, criteria, purpose) {
            Ok(chosen) => Ok(Choice::Node(chosen)),
            // The node is only full, so the session waits for it and does not move.
            Err(NotTaken::Full) => Ok(Choice::Full(WaitTarget { node: Some(number), why })),
            Err(NotTaken::OnTrial) => Err(Lost::Passive(Reason::Ejected)),
        }
    }

    /// The node that an unknown session id names by its route. A client can invent such an id, so it counts only for a
    /// node that takes new sessions, and only for the first try.
    fn preferred(&self, criteria: &Criteria<'_>, purpose: Purpose) -> Option<Chosen> {
        let index = self.member_of(criteria.prefers?)?;
        let member = &self.members[index];
        if !criteria.tried.is_empty() || member.backup {
            return None;
        }
        let unprobed = || member.state.serves_unprobed(criteria.now) && self.is_unprobed(criteria.now);
        let takes_new = member.state.takes_new(criteria.now);
        if !takes_new && !unprobed() {
            return None;
        }
        let chosen = self.take(index, Why::Session, criteria, purpose).ok()?;
        Some(Chosen { permit: chosen.permit.map(|permit| permit.with_unprobed(!takes_new)), ..chosen })
    }

    /// Takes a permit at the member. At an ejected node whose ejection time is over, only one request at a time may go,
    /// on trial.
    fn take(&self, index: usize, why: Why, criteria: &Criteria<'_>, purpose: Purpose) -> Result<Chosen, NotTaken> {
        let member = &self.members[index];
        if purpose == Purpose::Peek {
            let chosen = Chosen { member: index, why, permit: None, change: None };
            return member.has_room().then_some(chosen).ok_or(NotTaken::Full);
        }
        let mut permit = member.permits.take(criteria.now).ok_or(NotTaken::Full)?;
        let may_go = permit.claim(criteria.now, TRIAL);
        let chosen = Chosen { member: index, why, permit: Some(permit), change: None };
        if may_go { Ok(chosen) } else { Err(NotTaken::OnTrial) }
    }

    /// Whether a node would take the request if it had room.
    fn is_full(&self, unprobed: bool, criteria: &Criteria<'_>) -> bool {
        let would = |node: &Member| {
            node.state.takes_new(criteria.now) && !node.has_room()
                || unprobed && node.state.serves_unprobed(criteria.now)
        };
        self.members.iter().enumerate().any(|(index, member)| !criteria.tried.has(index) && would(member))
    }
}

/// Why a request did not get a node.
enum NotTaken {
    /// The node is full.
    Full,
    /// Another request is on trial there.
    OnTrial,
}

#[cfg(test)]
pub(super) mod tests;
