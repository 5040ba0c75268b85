//! The tiers of a pool: groups of nodes that are tried one after the other. The balancing method chooses within a tier.

use super::member::Member;
use super::selection::Criteria;
use crate::traffic::balance::Candidates;

/// Groups of nodes, in the order in which they are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Active,
    Standby,
    Backup,
    Unprobed(Role),
    LastResort,
}

impl Tier {
    /// The tiers after `Active`, in their order.
    pub(super) const AFTER_ACTIVE: [Self; 5] = [
        Self::Unprobed(Role::Serving),
        Self::Standby,
        Self::Backup,
        Self::Unprobed(Role::Spare),
        Self::Unprobed(Role::Backup),
    ];
}

/// Groups among the nodes that were never probed, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Serving,
    Spare,
    Backup,
}

impl Role {
    fn of(member: &Member) -> Self {
        match member.state.is_held_back() {
            _ if member.backup => Self::Backup,
            true => Self::Spare,
            false => Self::Serving,
        }
    }
}

/// The members of one tier, for the balancing method.
pub(super) struct TierMembers<'a> {
    pub(super) members: &'a [Member],
    pub(super) tier: Tier,
    pub(super) criteria: &'a Criteria<'a>,
}

impl Candidates for TierMembers<'_> {
    fn eligible(&self, node: usize) -> bool {
        let Some(member) = self.members.get(node) else { return false };
        let now = self.criteria.now;
        let serves = match self.tier {
            Tier::Active => !member.backup && member.state.takes_new(now),
            Tier::Standby => !member.backup && member.state.is_spare(now),
            Tier::Backup => member.backup && member.state.takes_new(now),
            Tier::Unprobed(role) => member.state.takes_unprobed(now) && Role::of(member) == role,
            Tier::LastResort => member.state.may_be_last_resort(),
        };
        serves && member.has_room() && !self.criteria.tried.has(node)
    }

    fn in_flight(&self, node: usize) -> u32 {
        self.members.get(node).map_or(0, |member| member.load.in_flight())
    }

    fn latency(&self, node: usize) -> u32 {
        self.members.get(node).map_or(0, |member| member.load.latency.expected(self.criteria.now))
    }

    fn warmth(&self, node: usize) -> u16 {
        self.members.get(node).map_or(0, |member| member.load.warmth())
    }
}
