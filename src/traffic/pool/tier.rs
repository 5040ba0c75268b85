//! The tiers of a pool: groups of nodes that are tried one after the other. The balancing method chooses within a tier.

use super::Pool;
use super::member::Member;
use super::selection::{Chosen, Criteria, Purpose};
use super::state::Duty;
use super::why::Why;
use crate::traffic::balance::Candidates;
use crate::traffic::tick::Tick;

/// After losing the race for a free permit this often, all nodes of the tier count as full.
const RACES: usize = 8;

impl Pool {
    /// A node of the first tier that has a free one.
    pub(super) fn choose_from_tiers(
        &self,
        why: &impl Fn(Why) -> Why,
        criteria: &Criteria<'_>,
        purpose: Purpose,
    ) -> Option<Chosen> {
        if let Some(chosen) = self.choose_from_tier(Tier::Active, why(Why::Balanced), criteria, purpose) {
            return Some(chosen);
        }
        let unprobed = self.is_unprobed(criteria.now);
        Tier::AFTER_ACTIVE.into_iter().filter(|tier| self.opens(*tier, unprobed, criteria)).find_map(|tier| {
            // Activating a standby or using a backup is the more useful reason to report.
            let why = match tier {
                Tier::Standby if self.may_activate(unprobed, criteria.now) => Why::StandbyActivated,
                Tier::Backup => Why::Backup,
                Tier::Unprobed(_) => why(Why::Unprobed),
                _ => why(Why::Balanced),
            };
            self.choose_from_tier(tier, why, criteria, purpose)
        })
    }

    /// A node of one tier, by the pool's method.
    fn choose_from_tier(&self, tier: Tier, why: Why, criteria: &Criteria<'_>, purpose: Purpose) -> Option<Chosen> {
        for _ in 0..RACES {
            let index = self.pick(tier, criteria, purpose)?;
            if let Ok(mut chosen) = self.take(index, why, criteria, purpose) {
                let helps = !criteria.tried.is_empty();
                let activates = why == Why::StandbyActivated || tier == Tier::Unprobed(Role::Spare) && !helps;
                if activates && purpose == Purpose::Take {
                    chosen.change = self.members[index].state.set_duty(Duty::Serving);
                }
                if matches!(tier, Tier::Unprobed(_)) {
                    chosen.permit = chosen.permit.map(|permit| permit.with_unprobed(true));
                }
                return Some(chosen);
            }
        }
        None
    }

    pub(super) fn pick(&self, tier: Tier, criteria: &Criteria<'_>, purpose: Purpose) -> Option<usize> {
        let candidates = TierMembers { members: &self.members, tier, criteria };
        match purpose {
            Purpose::Take => self.balancer.pick(criteria.pick_input, &candidates),
            Purpose::Peek => self.balancer.peek(criteria.pick_input, &candidates),
        }
    }

    /// Whether the tier may be used now. When the maximum of nodes is active, a standby only takes requests that failed
    /// elsewhere.
    fn opens(&self, tier: Tier, unprobed: bool, criteria: &Criteria<'_>) -> bool {
        // Without `active` there are no standbys, except while a reload that adds it is being built.
        let is_new = self.settings.active.is_none();
        let a_standby = || is_new || !criteria.tried.is_empty() || self.may_activate(unprobed, criteria.now);
        match tier {
            Tier::Active | Tier::LastResort => true,
            Tier::Standby => a_standby(),
            Tier::Backup => self.settings.members.iter().any(|member| member.backup),
            Tier::Unprobed(Role::Spare) => unprobed && a_standby(),
            Tier::Unprobed(_) => unprobed,
        }
    }

    /// Whether one more node may be active.
    fn may_activate(&self, unprobed: bool, now: Tick) -> bool {
        let serves = |member: &&Member| !member.backup && member.state.takes_any(now, unprobed);
        let most = self.settings.active.as_ref().map_or(0, |active| active.max as usize);
        self.members.iter().filter(serves).count() < most
    }
}

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
    const AFTER_ACTIVE: [Self; 5] = [
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
struct TierMembers<'a> {
    members: &'a [Member],
    tier: Tier,
    criteria: &'a Criteria<'a>,
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
