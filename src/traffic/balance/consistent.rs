//! The same node for the same key: each node has a number of its own for every key, and the smallest one wins
//! (rendezvous hashing: as even as chance, where a ring is as even as it has points). A node that leaves moves its own keys alone, to all others by weight; when it returns it has them again.

use super::candidates::{Ask, Candidates};

/// Picks by key.
#[derive(Debug)]
pub(super) struct Consistent {
    nodes: Box<[Place]>,
    heaviest: f64,
}

#[derive(Debug)]
struct Place {
    seed: u64,
    weight: f64,
}

impl Consistent {
    /// The number that stands for each node's identity, and its weight.
    pub(super) fn new(nodes: impl IntoIterator<Item = (u64, u16)>) -> Self {
        let nodes: Box<[Place]> =
            nodes.into_iter().map(|(seed, weight)| Place { seed, weight: f64::from(weight) }).collect();
        let heaviest = nodes.iter().map(|node| node.weight).fold(1.0, f64::max);
        Self { nodes, heaviest }
    }

    /// An exponential draw by weight for every node, −ln(1−u)/w: the smallest is a node's as often as its weight says.
    pub(super) fn pick(&self, ask: Ask, among: &impl Candidates) -> Option<usize> {
        let (mut best, mut least, mut bar) = (None, f64::INFINITY, u64::MAX);
        for (index, node) in self.nodes.iter().enumerate() {
            let hash = folded(ask.key ^ node.seed);
            // −ln(1−u) is no less than u, so most nodes need neither a logarithm nor a question.
            if hash > bar || !among.eligible(index) {
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

/// Both halves of a product depend on all bits of a number that is random already.
const fn folded(number: u64) -> u64 {
    let product = number as u128 * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

/// 2⁶⁴: the fraction 1.
const ALL: f64 = 18_446_744_073_709_551_616.0;

/// More than a fraction of 53 bits and two products are off by.
const ROUNDED: u64 = 1 << 14;

/// From 0 to below 1.
const fn fraction(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
