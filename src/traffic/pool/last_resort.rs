//! The last resort of a pool in which no node is active.

use super::Pool;
use super::member::Member;
use super::selection::{Choice, Chosen, Criteria, Purpose, WaitTarget};
use super::state::NodeState;
use super::tier::Tier;
use super::why::Why;
use crate::config::WhenNone;
use crate::traffic::balance::last_resort;

impl Pool {
    /// If no node is active, the session's own node is the best last resort, because it has the session.
    pub(super) fn session_node_as_last_resort(&self, criteria: &Criteria<'_>, purpose: Purpose) -> Option<Choice> {
        let index = self.member_of(criteria.bound?)?;
        let (member, now) = (&self.members[index], criteria.now);
        let is_hopeful = member.state.ejected_until(now).is_some()
            || (self.settings.when_none == WhenNone::All && member.state.may_be_last_resort());
        let serves = |node: &NodeState| node.takes_unprobed(now) || node.is_usable(now);
        let others = || self.members.iter().any(|other| serves(&other.state));
        if !is_hopeful || criteria.tried.has(index) || !member.has_room() || others() {
            return None;
        }
        Some(self.take_as_last_resort(index, criteria, purpose))
    }

    /// The last resort when no node is active. Of the nodes that are passive only by ejection, the one whose ejection
    /// ends first: a pool of one node answers again as soon as the node does, as in nginx. Then, if `when-none` is
    /// `all`, any node without an operator's order.
    pub(super) fn last_resort(&self, criteria: &Criteria<'_>, purpose: Purpose) -> Choice {
        let ejected = |(index, member): (usize, &Member)| {
            if criteria.tried.has(index) || !member.has_room() {
                None
            } else {
                member.state.ejected_until(criteria.now)
            }
        };
        let least = last_resort(self.members.iter().enumerate().map(ejected));
        let any = || match self.settings.when_none {
            WhenNone::Fail => None,
            WhenNone::All => self.pick(Tier::LastResort, criteria, purpose),
        };
        least.or_else(any).map_or(Choice::Nobody, |index| self.take_as_last_resort(index, criteria, purpose))
    }

    /// Takes a permit there, whatever the state of the node.
    fn take_as_last_resort(&self, index: usize, criteria: &Criteria<'_>, purpose: Purpose) -> Choice {
        let permit = if purpose == Purpose::Take { self.members[index].permits.take(criteria.now) } else { None };
        if purpose == Purpose::Take && permit.is_none() {
            return Choice::Full(WaitTarget { node: None, why: Why::LastResort });
        }
        Choice::Node(Chosen { member: index, why: Why::LastResort, permit, change: None })
    }
}
