//! Rendezvous hashing: the same key gets the same node. Key and node are hashed together, and the node with the
//! smallest number wins. Keys are distributed more evenly than on a hash ring with few points. If a node leaves, only
//! its keys move, to all others by weight; when it returns, it gets them back.

use super::candidates::{Candidates, PickInput};

/// Picks a node by key.
#[derive(Debug)]
pub(super) struct Consistent {
    nodes: Box<[WeightedSeed]>,
    heaviest: f64,
}

#[derive(Debug)]
struct WeightedSeed {
    seed: u64,
    weight: f64,
}

impl Consistent {
    /// `nodes` has the hash of each node's identity, and its weight.
    pub(super) fn new(nodes: impl IntoIterator<Item = (u64, u16)>) -> Self {
        let nodes: Box<[WeightedSeed]> =
            nodes.into_iter().map(|(seed, weight)| WeightedSeed { seed, weight: f64::from(weight) }).collect();
        let heaviest = nodes.iter().map(|node| node.weight).fold(1.0, f64::max);
        Self { nodes, heaviest }
    }

    /// Each node gets −ln(1−u)/w, an exponential random number. The probability of being the smallest is proportional
    /// to the weight.
    pub(super) fn pick(&self, input: PickInput, candidates: &impl Candidates) -> Option<usize> {
        let (mut best, mut least, mut bar) = (None, f64::INFINITY, u64::MAX);
        for (index, node) in self.nodes.iter().enumerate() {
            let hash = folded(input.key ^ node.seed);
            // −ln(1−u) is at least u, so most nodes can be skipped without a logarithm and without checking
            // eligibility.
            if hash > bar || !candidates.eligible(index) {
                continue;
            }
            let draw = -(-fraction(hash)).ln_1p() / node.weight;
            if draw < least {
                (best, least) = (Some(index), draw);
                bar = ((draw * self.heaviest * ALL) as u64).saturating_add(ROUNDED);
            }
        }
        best
    }
}

/// Mixes a number that is random already: the halves of the product together depend on all of its bits.
const fn folded(number: u64) -> u64 {
    let product = number as u128 * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

/// 2⁶⁴, which stands for the fraction 1.
const ALL: f64 = 18_446_744_073_709_551_616.0;

/// More than the rounding error of a 53-bit fraction and two products.
const ROUNDED: u64 = 1 << 14;

/// A fraction from 0 to below 1.
const fn fraction(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Draws, TestNode, cast};
    use super::*;

    const KEYS: usize = 40_000;

    /// Each worker's number gives its own seed, as names do.
    fn workers(numbers: impl Iterator<Item = usize>, weight: impl Fn(usize) -> u16) -> Consistent {
        Consistent::new(numbers.map(|number| (seed(number), weight(number))))
    }

    fn seed(number: usize) -> u64 {
        let mut draws = Draws::new();
        (0..=number).fold(0, |_, _| draws.next())
    }

    fn picks(consistent: &Consistent, candidates: &Vec<TestNode>) -> Vec<Option<usize>> {
        let mut draws = Draws::new();
        let keys = (0..5000 + KEYS).map(|_| draws.input()).skip(5000);
        keys.map(|input| consistent.pick(input, candidates)).collect()
    }

    fn counts(picks: &[Option<usize>], nodes: usize) -> Vec<usize> {
        (0..nodes).map(|node| picks.iter().filter(|picked| **picked == Some(node)).count()).collect()
    }

    fn moved<'a>(before: &'a [Option<usize>], after: &'a [Option<usize>]) -> Vec<usize> {
        before.iter().zip(after).filter(|(before, after)| before != after).filter_map(|(_, after)| *after).collect()
    }

    #[test]
    fn equal_nodes_have_equal_shares() {
        for nodes in [2, 3, 10, 50] {
            let fair = KEYS / nodes;
            let found = counts(&picks(&workers(0..nodes, |_| 1), &cast(nodes)), nodes);
            assert!(found.iter().all(|count| count.abs_diff(fair) < fair / 8), "{nodes} nodes: {found:?}");
        }
    }

    #[test]
    fn weights_are_shares() {
        for weights in [vec![1, 2, 3], vec![1000, 1], vec![100, 100, 50, 10]] {
            let (nodes, total) = (weights.len(), weights.iter().map(|weight| usize::from(*weight)).sum::<usize>());
            let found = counts(&picks(&workers(0..nodes, |index| weights[index]), &cast(nodes)), nodes);
            for (count, weight) in found.iter().zip(&weights) {
                let fair = KEYS * usize::from(*weight) / total;
                assert!(count.abs_diff(fair) < 25 + fair / 15, "{weights:?}: {found:?}");
            }
        }
    }

    #[test]
    fn a_node_that_leaves_moves_its_own_keys_evenly_and_has_them_again_when_it_returns() {
        let (consistent, candidates) = (workers(0..10, |_| 1), cast(10));
        let before = picks(&consistent, &candidates);
        for leaver in 0..10 {
            candidates[leaver].eligible.set(false);
            let without = picks(&consistent, &candidates);
            for (before, after) in before.iter().zip(&without) {
                assert!(if *before == Some(leaver) { after.is_some() && after != before } else { after == before });
            }
            let gained = counts(&without, 10).into_iter().zip(counts(&before, 10)).enumerate();
            for (node, (after, before)) in gained.filter(|(node, _)| *node != leaver) {
                let fair = KEYS / 90;
                assert!((after - before).abs_diff(fair) < fair / 3, "{node} gained {} for {fair}", after - before);
            }
            candidates[leaver].eligible.set(true);
            assert_eq!(picks(&consistent, &candidates), before);
        }
    }

    #[test]
    fn a_reload_moves_no_more_than_it_must() {
        let before = picks(&workers(0..10, |_| 1), &cast(10));
        let turned = picks(&workers((0..10).rev(), |_| 1), &cast(10));
        let turned: Vec<_> = turned.into_iter().map(|picked| picked.map(|index| 9 - index)).collect();
        assert_eq!(before, turned, "known by name, not by position");
        for (what, receiver, gain, after) in [
            ("one joined", 10, KEYS / 11, picks(&workers(0..11, |_| 1), &cast(11))),
            (
                "one is heavier",
                4,
                2 * KEYS / 11 - KEYS / 10,
                picks(&workers(0..10, |n| 1 + u16::from(n == 4)), &cast(10)),
            ),
        ] {
            let moved = moved(&before, &after);
            assert!(moved.iter().all(|to| *to == receiver), "{what}, and others have its keys");
            assert!(moved.len().abs_diff(gain) < KEYS / 80, "{what}: {} for {gain}", moved.len());
        }
    }

    #[test]
    fn the_shortcut_never_misses_the_smallest_draw() {
        let mut draws = Draws::new();
        for _ in 0..2000 {
            let weights: Vec<_> = (0..1 + draws.below(30)).map(|_| 1 + draws.below(1000) as u16).collect();
            let consistent = Consistent::new(weights.iter().map(|weight| (draws.next(), *weight)));
            let candidates = cast(weights.len());
            candidates.iter().for_each(|actor| actor.eligible.set(draws.below(3) > 0));
            let input = draws.input();
            let draw = |index: &usize| {
                let node = &consistent.nodes[*index];
                -(-fraction(folded(input.key ^ node.seed))).ln_1p() / node.weight
            };
            let eligible = (0..weights.len()).filter(|index| candidates[*index].eligible.get());
            let smallest = eligible.min_by(|one, other| draw(one).total_cmp(&draw(other)));
            assert_eq!(consistent.pick(input, &candidates), smallest);
        }
    }

    #[test]
    fn the_last_one_of_a_thousand_has_all_keys() {
        let consistent = workers(0..1000, |index| if index == 700 { 1 } else { 1000 });
        let (candidates, mut draws) = (cast(1000), Draws::new());
        candidates.iter().enumerate().for_each(|(index, actor)| actor.eligible.set(index == 700));
        assert!((0..100).all(|_| consistent.pick(draws.input(), &candidates) == Some(700)));
        candidates[700].eligible.set(false);
        assert_eq!(consistent.pick(draws.input(), &candidates), None);
    }
}
