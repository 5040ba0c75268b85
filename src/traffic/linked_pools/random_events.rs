//! Random events in linked pools (probes, failures, operators' orders, requests, reloads), and what must be true after
//! each.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::orders_file::Weights;
use crate::config::{self, Health};
use crate::traffic::balance::PickInput;
use crate::traffic::generations;
use crate::traffic::pool::member::{Member, NodePermit};
use crate::traffic::pool::state::{Fault, Operator, Probed, Round, Thresholds};
use crate::traffic::pool::tests::{configuration, settings};
use crate::traffic::pool::{Choice, Criteria, Purpose, Tried};
use crate::traffic::resolved::Resolved;
use crate::traffic::snapshot::{BuildInput, Secrets};
use crate::traffic::xorshift::xorshift;

const THRESHOLDS: Thresholds = Thresholds { rise: 2, fall: 2, patience: Duration::ZERO };

#[test]
fn whatever_happens_some_node_serves_never_too_many_and_all_pools_the_same() {
    let mut together = 0;
    for life in 1..400 {
        let mut world = World::new(life);
        for _ in 0..60 {
            world.step();
        }
        world.rest();
        together += usize::from(world.check());
    }
    assert!(together > 50, "{together} found a node that serves in all");
}

struct World {
    generations: Vec<Snapshot>,
    held: Vec<NodePermit>,
    now: u64,
    chance: u64,
}

impl World {
    fn new(life: u64) -> Self {
        let chance = life.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut world = Self { generations: Vec::new(), held: Vec::new(), now: 1000, chance };
        world.reload();
        world
    }

    fn draw(&mut self, below: usize) -> usize {
        (xorshift(&mut self.chance) >> 20) as usize % below
    }

    fn now(&self) -> Tick {
        Tick::from_millis(self.now)
    }

    fn running(&self) -> &Snapshot {
        self.generations.last().expect("one at least")
    }

    /// One to three pools with some of four nodes. The others may be linked with the first.
    fn reload(&mut self) {
        let (pools, with) = (1 + self.draw(3), self.draw(4) > 0);
        let gone = self.draw(5);
        let start = 1 + self.draw(2) as u32;
        let active = ActiveNodes {
            start,
            max: start + self.draw(2) as u32,
            in_flight_per_node: 2,
            above_for: Duration::from_secs(3),
            cool_down: Duration::from_secs(9),
        };
        let mut first = settings(4);
        first.members.retain(|member| member.node != gone);
        first.active = Some(active);
        let interval = Duration::from_secs(1);
        let (rise, fall, patience) = (THRESHOLDS.rise, THRESHOLDS.fall, THRESHOLDS.patience);
        let probes = Vec::new();
        first.health = Some(Health { interval, timeout: interval, rise, fall, patience, mandatory: false, probes });
        let mut config = configuration(4, first.clone());
        config.pools.extend((1..pools).map(|nth| config::Pool {
            name: format!("pool{nth}").into(),
            port: 9000 + nth as u16,
            active_with: with.then_some(0),
            ..first.clone()
        }));
        let secrets = Secrets::of([7; 32]);
        let input = BuildInput {
            generation: 1,
            previous: self.generations.last(),
            resolved: &Resolved::default(),
            secrets,
            weights: &Weights::default(),
        };
        let next = Snapshot::build(Arc::new(config), &input);
        self.generations.push(next);
        if self.generations.len() > 3 {
            self.generations.remove(0);
        }
        generations::mark_superseded(self.generations.iter().rev());
        self.upkeep();
    }

    fn upkeep(&mut self) {
        for generation in &self.generations {
            for pool in 0..generation.pools.len() {
                generation.upkeep(pool, self.now(), Duration::ZERO);
            }
        }
        for pool in &self.running().pools {
            let most = pool.settings.active.map_or(0, |active| active.max as usize);
            assert!(serving(pool).len() <= most, "{:?} of {most}", serving(pool));
        }
    }

    fn step(&mut self) {
        self.now += self.draw(900) as u64;
        let pool = self.draw(self.running().pools.len());
        let member = self.draw(self.running().pools[pool].members.len());
        let (event, luck, now) = (self.draw(40), self.draw(3), self.now());
        let state = Arc::clone(&self.running().pools[pool].members[member].state);
        match event {
            0..10 => {
                let outcome = [Probed::Passed, Probed::Passed, Probed::Failed][luck];
                state.on_round(Round { began: now, outcome }, THRESHOLDS);
            }
            10..13 => _ = self.running().pools[pool].failed(member, Fault::Refused, now, now),
            13..15 => _ = self.running().pools[pool].answered(member, now, Duration::default, now),
            15..18 => _ = state.set_operator([Operator::None, Operator::Draining, Operator::Maintenance][luck], now),
            18..28 => self.request(pool),
            28..31 if !self.held.is_empty() => drop(self.held.swap_remove(self.chance as usize % self.held.len())),
            31 => self.reload(),
            _ => self.upkeep(),
        }
    }

    /// No request is refused while a node could take it.
    fn request(&mut self, pool: usize) {
        let (now, tried) = (self.now(), Tried::default());
        let criteria = Criteria {
            bound: None,
            returns: false,
            prefers: None,
            tried: &tried,
            failure: None,
            pick_input: PickInput::default(),
            now,
        };
        let pool = &self.running().pools[pool];
        let any = pool.members.iter().any(|member| {
            let state = &member.state;
            state.takes_new(now) || state.is_spare(now) || state.takes_unprobed(now)
        });
        match pool.choose(&criteria, Purpose::Take) {
            Choice::Node(chosen) => self.held.extend(chosen.permit),
            _ => assert!(!any, "a request was refused"),
        }
    }

    /// All requests end, and so do all ejections.
    fn rest(&mut self) {
        self.held.clear();
        self.now += 400_000;
        for _ in 0..4 {
            self.now += 1000;
            self.upkeep();
        }
    }

    /// Whether some node can serve in all linked pools.
    fn check(&self) -> bool {
        let (running, now) = (self.running(), self.now());
        for pool in &running.pools {
            let fit = |member: &usize| pool.summary(&pool.members[*member], now).availability != Availability::Bad;
            let least = (0..pool.members.len()).filter(fit).count().min(1);
            let serves = |member: &Member| fit(&pool.member_of(member.number).expect("its own"));
            let found = pool.members.iter().filter(|member| member.state.duty() == Duty::Serving && serves(member));
            assert!(found.count() >= least, "nobody serves in {}", pool.name());
        }
        let together: Vec<&Pool> = running.pools.iter().filter(|pool| pool.is_linked).collect();
        let Some(first) = together.first() else { return false };
        let good = |number: u32| {
            together
                .iter()
                .all(|pool| pool.member_of(number).is_some_and(|member| pool.members[member].state.is_usable(now)))
        };
        let any = first.members.iter().any(|member| good(member.number));
        let same = together.iter().all(|pool| serving(pool) == serving(first));
        assert!(same || !any, "{:?}", together.iter().map(|pool| serving(pool)).collect::<Vec<_>>());
        any
    }
}

/// The numbers of the serving nodes.
fn serving(pool: &Pool) -> HashSet<u32> {
    let serve = pool.members.iter().filter(|member| member.state.duty() == Duty::Serving);
    serve.map(|member| member.number).collect()
}
