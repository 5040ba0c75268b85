//! Linked pools have the same nodes and are active together: one application on several ports. A node is active in all
//! linked pools or in none. Its running requests are added up, and a failure in one pool replaces the node in all.

use super::pool::Pool;
use super::pool::standby::{Availability, DutyPlanner, NodeSummary};
use super::pool::state::Duty;
use super::pool::upkeep;
use super::pool::upkeep::Changed;
use super::snapshot::Snapshot;
use super::tick::Tick;
use crate::config::ActiveNodes;

/// A node in its pools: the pool's index, and the member's index there.
type Memberships = Vec<(usize, usize)>;

impl Snapshot {
    /// The periodic work of a pool and of the pools linked with it. Returns the pools, and what changed in each.
    pub fn upkeep(&self, pool: usize, now: Tick, elapsed: std::time::Duration) -> Vec<(usize, Changed)> {
        let Some(own) = self.pools.get(pool).filter(|own| !own.is_superseded()) else { return Vec::new() };
        let mut changes = Vec::new();
        let leader = own.settings.active_with.unwrap_or(pool);
        if own.is_linked {
            self.set_duties(leader, now, &mut changes);
        }
        changes.extend(own.upkeep(now, elapsed).into_iter().map(|changed| (pool, changed)));
        changes
    }

    fn set_duties(&self, leader: usize, now: Tick, changes: &mut Vec<(usize, Changed)>) {
        let Some((first, active)) = self.pools.get(leader).and_then(|pool| Some((pool, pool.settings.active?))) else {
            return;
        };
        let linked: Vec<usize> =
            (0..self.pools.len()).filter(|pool| *pool == leader || self.follows(*pool, leader)).collect();
        let mut planner = first.duty_planner.lock();
        let nodes: Vec<Memberships> =
            first.regular().map(|(_, member)| self.memberships(&linked, member.number)).collect();
        let usable_pools: Vec<usize> = linked.iter().copied().filter(|pool| self.has_usable_node(*pool, now)).collect();
        let mut summaries: Vec<_> =
            nodes.iter().map(|memberships| self.summary(memberships, &usable_pools, now)).collect();
        let others = || linked.iter().copied().filter(|pool| *pool != leader);
        // If no node can serve in all linked pools, each pool uses its own nodes, which is better than none. The same
        // holds if a newer generation has some of these pools, because they may not be linked there.
        if summaries.iter().all(|summary| summary.availability == Availability::Bad)
            || linked.iter().any(|pool| self.is_superseded(*pool))
        {
            self.set_duties_alone(leader, (&active, &mut planner), now, changes);
            others().for_each(|pool| {
                self.set_duties_alone(pool, (&active, &mut self.pools[pool].duty_planner.lock()), now, changes);
            });
            return;
        }
        others().for_each(|pool| *self.pools[pool].duty_planner.lock() = DutyPlanner::default());
        for (index, duty) in planner.plan(&active, &summaries, now) {
            summaries[index].duty = duty;
        }
        for (memberships, summary) in nodes.iter().zip(&summaries) {
            for (pool, member) in memberships {
                let change = self.pools[*pool].members[*member].state.set_duty(summary.duty);
                let why = upkeep::why(summary.duty);
                changes.extend(change.map(|change| (*pool, (*member, change, why))));
            }
        }
    }

    fn set_duties_alone(
        &self,
        pool: usize,
        (active, planner): (&ActiveNodes, &mut DutyPlanner),
        now: Tick,
        changes: &mut Vec<(usize, Changed)>,
    ) {
        if !self.is_superseded(pool) {
            let own = self.pools[pool].set_duties(active, planner, now);
            changes.extend(own.into_iter().map(|changed| (pool, changed)));
        }
    }

    fn is_superseded(&self, pool: usize) -> bool {
        self.pools[pool].is_superseded()
    }

    /// Whether any node of the pool could serve. A pool without one does not influence the others.
    fn has_usable_node(&self, pool: usize, now: Tick) -> bool {
        let pool = &self.pools[pool];
        pool.regular().any(|(_, member)| pool.summary(member, now).availability != Availability::Bad)
    }

    fn follows(&self, pool: usize, leader: usize) -> bool {
        self.pools[pool].settings.active_with == Some(leader)
    }

    fn memberships(&self, linked: &[usize], number: u32) -> Memberships {
        linked.iter().filter_map(|pool| Some((*pool, self.pools[*pool].member_of(number)?))).collect()
    }

    /// The combined standing of a node in all linked pools. It serves if it serves in one of them. Only pools in
    /// `usable_pools` say whether it could serve.
    fn summary(&self, memberships: &Memberships, usable_pools: &[usize], now: Tick) -> NodeSummary {
        let each = memberships.iter().map(|(index, member)| {
            let pool: &Pool = &self.pools[*index];
            let summary = pool.summary(&pool.members[*member], now);
            let availability = if usable_pools.contains(index) { summary.availability } else { Availability::Unknown };
            NodeSummary { availability, ..summary }
        });
        let availability = if usable_pools.is_empty() { Availability::Bad } else { Availability::Unknown };
        let nothing = NodeSummary { duty: Duty::Spare, availability, in_flight: 0, sessions: 0 };
        each.fold(nothing, |all, one| NodeSummary {
            duty: match (all.duty, one.duty) {
                (Duty::Serving, _) | (_, Duty::Serving) => Duty::Serving,
                (Duty::Leaving, _) | (_, Duty::Leaving) => Duty::Leaving,
                (Duty::Spare, Duty::Spare) => Duty::Spare,
            },
            availability: all.availability.max(one.availability),
            in_flight: all.in_flight.saturating_add(one.in_flight),
            sessions: all.sessions + one.sessions,
        })
    }
}

#[cfg(test)]
mod random_events;
#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config;
    use crate::config::ActiveNodes;
    use crate::config::orders_file::Weights;
    use crate::traffic::pool::state::{Fault, Probed, Reason, Round, State, Thresholds};
    use crate::traffic::pool::tests::{at, configuration, settings};
    use crate::traffic::resolved::Resolved;
    use crate::traffic::snapshot::{BuildInput, Secrets};

    const ONE: ActiveNodes = ActiveNodes {
        start: 1,
        max: 1,
        in_flight_per_node: 100,
        above_for: Duration::from_secs(30),
        cool_down: Duration::from_secs(60),
    };

    /// Two linked pools with this many nodes; the first leads.
    fn linked(previous: Option<&Snapshot>, nodes: usize, active: ActiveNodes) -> Snapshot {
        pair(previous, nodes, active, Some(0))
    }

    fn pair(previous: Option<&Snapshot>, nodes: usize, active: ActiveNodes, with: Option<usize>) -> Snapshot {
        let mut first = settings(nodes);
        first.active = Some(active);
        let second = config::Pool { name: "tls".into(), port: 8243, active_with: with, ..first.clone() };
        let mut config = configuration(nodes, first);
        config.pools.push(second);
        let secrets = Secrets::of([7; 32]);
        let input = BuildInput {
            generation: 1,
            previous,
            resolved: &Resolved::default(),
            secrets,
            weights: &Weights::default(),
        };
        Snapshot::build(Arc::new(config), &input)
    }

    /// Letters for each pool's nodes: `A`ctive, `e`jected, `s`tandby, `d`raining, `?` else.
    fn states(snapshot: &Snapshot) -> Vec<String> {
        let letter = |state: State| match state {
            State::Active => 'A',
            State::Passive(Reason::Ejected) => 'e',
            State::Passive(Reason::Standby) => 's',
            State::Passive(Reason::Draining) => 'd',
            State::Passive(_) => '?',
        };
        snapshot
            .pools
            .iter()
            .map(|pool| pool.members.iter().map(|member| letter(member.state.state())).collect())
            .collect()
    }

    fn upkeep(snapshot: &Snapshot, second: u64) {
        for pool in 0..snapshot.pools.len() {
            snapshot.upkeep(pool, at(second), Duration::ZERO);
        }
    }

    fn refuses(snapshot: &Snapshot, pool: usize, member: usize, second: u64) {
        for _ in 0..9 {
            snapshot.pools[pool].failed(member, Fault::Refused, at(second), at(second));
        }
        snapshot.upkeep(pool, at(second), Duration::ZERO);
    }

    #[test]
    fn a_failure_in_one_pool_replaces_the_node_in_both() {
        let snapshot = linked(None, 3, ONE);
        assert_eq!(states(&snapshot), ["Ass", "Ass"]);
        refuses(&snapshot, 1, 0, 1);
        assert_eq!(states(&snapshot), ["sAs", "eAs"]);
        upkeep(&snapshot, 2);
        assert_eq!(states(&snapshot), ["sAs", "eAs"]);
        refuses(&snapshot, 0, 1, 3);
        assert_eq!(states(&snapshot), ["seA", "esA"]);
        // A node that returns stays a standby until it is needed.
        for (pool, member) in [(1, 0), (0, 1)] {
            snapshot.pools[pool].answered(member, at(3600), Duration::default, at(3600));
        }
        upkeep(&snapshot, 3601);
        assert_eq!(states(&snapshot), ["ssA", "ssA"]);
    }

    #[test]
    fn where_no_node_serves_in_both_each_pool_has_its_own() {
        let snapshot = linked(None, 2, ONE);
        refuses(&snapshot, 0, 0, 1);
        refuses(&snapshot, 1, 1, 1);
        for second in [2, 3, 4] {
            upkeep(&snapshot, second);
            assert_eq!(states(&snapshot), ["eA", "Ae"], "at {second}");
        }
        snapshot.pools[0].answered(0, at(5), Duration::default, at(5));
        upkeep(&snapshot, 6);
        assert_eq!(states(&snapshot), ["As", "Ae"]);
    }

    #[test]
    fn what_runs_in_both_is_added_up() {
        let busy = ActiveNodes { max: 2, in_flight_per_node: 3, ..ONE };
        let snapshot = linked(None, 2, busy);
        let take = |pool: usize| snapshot.pools[pool].members[0].permits.take(at(1)).unwrap();
        let _held: Vec<_> = [0, 0, 1, 1].map(take).into_iter().collect();
        for second in [1, 30, 32] {
            upkeep(&snapshot, second);
        }
        assert_eq!(states(&snapshot), ["AA", "AA"], "four of three");
    }

    #[test]
    fn a_reload_changes_nothing_about_who_is_active_and_a_new_pool_joins() {
        let before = linked(None, 2, ONE);
        refuses(&before, 0, 0, 1);
        assert_eq!(states(&before), ["eA", "sA"]);
        let after = linked(Some(&before), 2, ONE);
        assert_eq!(states(&after), ["eA", "sA"]);
        // A pool that was not linked before is linked from here on.
        let own = crate::traffic::pool::tests::follow(None, 2, |settings| settings.active = Some(ONE));
        refuses(&own, 0, 0, 1);
        upkeep(&own, 2);
        let joined = linked(Some(&own), 2, ONE);
        assert_eq!(states(&joined), ["eA", "sA"]);
        assert!(joined.changed.is_empty(), "a pool that is new changes nothing: {:?}", joined.changed);
    }

    fn rounds(snapshot: &Snapshot, pool: usize, member: usize, outcome: Probed) {
        let thresholds = Thresholds { rise: 1, fall: 1, patience: Duration::ZERO };
        snapshot.pools[pool].members[member].state.on_round(Round { began: at(1), outcome }, thresholds);
    }

    #[test]
    fn a_pool_without_a_node_that_serves_does_not_keep_the_other_one_from_growing() {
        let busy = ActiveNodes { max: 2, in_flight_per_node: 3, ..ONE };
        let snapshot = linked(None, 3, busy);
        (0..3).for_each(|member| rounds(&snapshot, 1, member, Probed::Failed));
        let take = || snapshot.pools[0].members[0].permits.take(at(1)).unwrap();
        let held: Vec<_> = (0..4).map(|_| take()).collect();
        for second in [1, 30, 32] {
            upkeep(&snapshot, second);
        }
        assert_eq!(states(&snapshot)[0], "AAs", "four of three");
        drop(held);
        for second in [40, 90, 101, 102] {
            upkeep(&snapshot, second);
        }
        assert_eq!(states(&snapshot)[0], "Ass");
    }

    #[test]
    fn a_pool_that_joins_another_one_leaves_its_good_node_where_it_is() {
        let second = Duration::from_secs(1);
        let probed = |with: Option<usize>, previous: Option<&Snapshot>| {
            let mut first = settings(2);
            first.active = Some(ONE);
            first.health = Some(config::Health {
                interval: second,
                timeout: second,
                rise: 1,
                fall: 1,
                patience: Duration::ZERO,
                mandatory: false,
                probes: Vec::new(),
            });
            let joins = config::Pool { name: "tls".into(), port: 8243, active_with: with, ..first.clone() };
            let mut config = configuration(2, first);
            config.pools.extend(with.map(|_| joins));
            let secrets = Secrets::of([7; 32]);
            let input = BuildInput {
                generation: 1,
                previous,
                resolved: &Resolved::default(),
                secrets,
                weights: &Weights::default(),
            };
            Snapshot::build(Arc::new(config), &input)
        };
        let own = probed(None, None);
        (0..2).for_each(|member| rounds(&own, 0, member, Probed::Passed));
        upkeep(&own, 1);
        let joined = probed(Some(0), Some(&own));
        upkeep(&joined, 2);
        rounds(&joined, 1, 1, Probed::Passed);
        upkeep(&joined, 3);
        assert_eq!(states(&joined), ["As", "?s"], "nobody knows yet of the first one there");
        rounds(&joined, 1, 0, Probed::Passed);
        upkeep(&joined, 4);
        assert_eq!(states(&joined), ["As", "As"]);
    }

    #[test]
    fn where_each_pool_has_its_own_nodes_each_grows_by_itself() {
        let busy = ActiveNodes { max: 2, in_flight_per_node: 3, ..ONE };
        let snapshot = linked(None, 4, busy);
        (0..2).for_each(|member| rounds(&snapshot, 0, member, Probed::Failed));
        (2..4).for_each(|member| rounds(&snapshot, 1, member, Probed::Failed));
        upkeep(&snapshot, 1);
        assert_eq!(states(&snapshot), ["??As", "As??"]);
        let _held: Vec<_> = (0..4).map(|_| snapshot.pools[0].members[2].permits.take(at(1)).unwrap()).collect();
        for second in [2, 31, 33] {
            upkeep(&snapshot, second);
        }
        assert_eq!(states(&snapshot), ["??AA", "As??"]);
    }

    #[test]
    fn a_pool_that_leaves_the_others_looks_at_its_own_load_alone() {
        let busy = ActiveNodes { max: 2, in_flight_per_node: 3, ..ONE };
        let together = linked(None, 2, busy);
        let apart = pair(Some(&together), 2, busy, None);
        let _held: Vec<_> = (0..4).map(|_| apart.pools[0].members[0].permits.take(at(1)).unwrap()).collect();
        for second in 1..33 {
            upkeep(&apart, second);
        }
        assert_eq!(states(&apart), ["AA", "As"]);
    }
}
