//! Power of two choices: draws two nodes by weight and takes the less busy one. The load is nearly as even as when all
//! nodes are compared, at the cost of comparing two. It also avoids that all threads send their requests to the same
//! idle node.

use super::candidates::{Candidates, PickInput, below, mixed, share, warmth};

/// Picks the better of two random nodes.
#[derive(Debug)]
pub(super) struct RandomTwo {
    weights: Box<[u16]>,
    /// The sum of weights up to and including each node.
    up_to: Box<[u64]>,
}

/// Tries for each of the two nodes in larger pools. They are drawn by weight alone, so a node may be ineligible. If all
/// tries fail, all nodes are looked at.
const BLIND: usize = 16;

/// In pools up to this size all nodes are looked at.
const SMALL: usize = 8;

impl RandomTwo {
    pub(super) fn new(weights: Box<[u16]>) -> Self {
        let sums = weights.iter().scan(0, |sum, weight| {
            *sum += u64::from(*weight);
            Some(*sum)
        });
        Self { up_to: sums.collect(), weights }
    }

    pub(super) fn pick(&self, input: PickInput, candidates: &impl Candidates) -> Option<usize> {
        let mut random = Random(input.random);
        let (first, second) =
            self.two_blind(&mut random, candidates).or_else(|| self.two_of_all(&mut random, candidates))?;
        let Some(second) = second else { return Some(first.index) };
        // A node in slow start gets its share by being drawn first. It must not get more for being idle.
        let busy = |node: &Drawn, other: &Drawn| u64::from(candidates.in_flight(node.index)) * u64::from(other.share);
        let better = second.warmth >= first.warmth && busy(&second, &first) < busy(&first, &second);
        Some(if better { second.index } else { first.index })
    }

    fn two_blind(&self, random: &mut Random, candidates: &impl Candidates) -> Option<(Drawn, Option<Drawn>)> {
        if self.weights.len() <= SMALL {
            return None;
        }
        let first = self.blind(random, candidates, usize::MAX)?;
        let second = self.blind(random, candidates, first.index)?;
        Some((first, Some(second)))
    }

    fn blind(&self, random: &mut Random, candidates: &impl Candidates, other_than: usize) -> Option<Drawn> {
        let total = *self.up_to.last()?;
        (0..BLIND).find_map(|_| {
            let drawn = below(total, random.next());
            let index = self.up_to.partition_point(|sum| *sum <= drawn);
            let found = self.see(index, candidates).filter(|found| found.index != other_than)?;
            (below(1000, random.next()) < u64::from(found.warmth)).then_some(found)
        })
    }

    fn two_of_all(&self, random: &mut Random, candidates: &impl Candidates) -> Option<(Drawn, Option<Drawn>)> {
        let (mut shares, mut last) = (0, None);
        for index in 0..self.weights.len() {
            if let Some(found) = self.see(index, candidates) {
                shares += u64::from(found.share);
                last = Some(found);
            }
        }
        let last = last?;
        // Nodes may have become ineligible since.
        let first = self.at(below(shares, random.next()), candidates, usize::MAX).unwrap_or(last);
        let others = shares.saturating_sub(u64::from(first.share));
        let second = if others == 0 { None } else { self.at(below(others, random.next()), candidates, first.index) };
        Some((first, second))
    }

    /// The node at this position among the shares of all nodes.
    fn at(&self, mut part: u64, candidates: &impl Candidates, other_than: usize) -> Option<Drawn> {
        for index in 0..self.weights.len() {
            let Some(found) = self.see(index, candidates).filter(|found| found.index != other_than) else { continue };
            let Some(left) = part.checked_sub(u64::from(found.share)) else { return Some(found) };
            part = left;
        }
        None
    }

    fn see(&self, index: usize, candidates: &impl Candidates) -> Option<Drawn> {
        let weight = *self.weights.get(index)?;
        let warmth = warmth(candidates, index)?;
        Some(Drawn { index, warmth, share: share(weight, warmth) })
    }
}

#[derive(Clone, Copy)]
struct Drawn {
    index: usize,
    warmth: u16,
    share: u32,
}

/// A random generator from one seed (SplitMix64).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Draws, cast};
    use super::*;

    fn shares(random: &RandomTwo, candidates: &impl Candidates, nodes: usize) -> Vec<f64> {
        let (mut counts, mut draws) = (vec![0_u32; nodes], Draws::new());
        (0..20_000).for_each(|_| counts[random.pick(draws.input(), candidates).unwrap()] += 1);
        counts.into_iter().map(|count| f64::from(count) / 20_000.0).collect()
    }

    #[test]
    fn equally_busy_nodes_are_drawn_by_weight_in_small_pools_and_in_large_ones() {
        for nodes in [2, 3, 8, 9, 40] {
            let weights: Vec<_> = (1..=nodes as u16).collect();
            let total = f64::from(weights.iter().sum::<u16>());
            let found = shares(&RandomTwo::new(weights.clone().into()), &cast(nodes), nodes);
            for (share, weight) in found.iter().zip(weights) {
                assert!((share - f64::from(weight) / total).abs() < 0.012, "{nodes} nodes: {found:.3?}");
            }
        }
    }

    #[test]
    fn the_less_busy_of_the_two_wins() {
        for nodes in [4, 40] {
            let (random, candidates) = (RandomTwo::new(vec![1; nodes].into()), cast(nodes));
            candidates.iter().enumerate().for_each(|(index, actor)| actor.in_flight.set(index as u32));
            let found = shares(&random, &candidates, nodes);
            assert!(found[nodes - 1] == 0.0, "the busiest wins against nobody: {found:.3?}");
            assert!((found[0] - 2.0 / nodes as f64).abs() < 0.012, "the idlest wins whenever it is drawn: {found:.3?}");
        }
    }

    #[test]
    fn busy_is_seen_against_the_weight() {
        let (random, candidates) = (RandomTwo::new([3, 1].into()), cast(2));
        for (in_flight, first) in [([5, 2], 1.0), ([6, 2], 0.75), ([7, 2], 0.0)] {
            candidates.iter().zip(in_flight).for_each(|(actor, in_flight)| actor.in_flight.set(in_flight));
            let found = shares(&random, &candidates, 2);
            assert!((found[0] - first).abs() < 0.012, "{in_flight:?}: {found:.3?}");
        }
    }

    #[test]
    fn the_one_that_is_left_is_always_found() {
        for nodes in [1, 2, 8, 9, 1000] {
            let (random, candidates, mut draws) = (RandomTwo::new(vec![1; nodes].into()), cast(nodes), Draws::new());
            candidates.iter().for_each(|actor| actor.eligible.set(false));
            assert_eq!(random.pick(draws.input(), &candidates), None);
            for left in [0, nodes / 2, nodes - 1] {
                candidates[left].eligible.set(true);
                candidates[left].warmth.set(0);
                assert!((0..20).all(|_| random.pick(draws.input(), &candidates) == Some(left)), "{left} of {nodes}");
                candidates[left].eligible.set(false);
            }
        }
    }

    #[test]
    fn a_cold_node_has_its_part_however_idle_it_is() {
        for nodes in [3, 20] {
            let (random, candidates) = (RandomTwo::new(vec![1; nodes].into()), cast(nodes));
            candidates.iter().for_each(|actor| actor.in_flight.set(3));
            candidates[1].in_flight.set(0);
            candidates[1].warmth.set(100);
            let (found, part) = (shares(&random, &candidates, nodes)[1], 0.1 / (nodes as f64 - 0.9));
            assert!((found - part).abs() < 0.005, "{found} for {part}");
        }
    }
}
