//! What a pick may know: of the request, and of each node. Read in one go, never kept.

/// What a pick sees of the nodes, by index in the pool's order. Asked once or twice for every node, so it must be quick:
/// some loads of atomics. What it says may change meanwhile.
pub trait Candidates {
    /// Whether the node may be picked.
    fn eligible(&self, node: usize) -> bool;

    /// How many requests it runs.
    fn in_flight(&self, node: usize) -> u32;

    /// The time to the first byte to expect, in microseconds; 0 when unknown.
    fn latency(&self, node: usize) -> u32;

    /// How much of its share it may have by now: 1000 is all of it, and the most.
    fn warmth(&self, node: usize) -> u16;
}

/// What a pick sees of the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// The hash of what the request is hashed by; without meaning to other methods.
    pub key: u64,
    /// Evenly random. Without meaning to round robin and hash.
    pub chance: u64,
}

/// A colder one counts as this, or it would see no request to warm up by.
const COLDEST: u16 = 10;

/// A node's warmth, when it may be picked.
pub(super) fn warmth(among: &impl Candidates, node: usize) -> Option<u16> {
    among.eligible(node).then(|| among.warmth(node).max(COLDEST))
}

/// The share of the traffic that a node has a right to: at least 10, at most a million.
pub(super) const fn share(weight: u16, warmth: u16) -> u32 {
    weight as u32 * warmth as u32
}

/// A weight that has a meaning.
pub(super) fn weights(weights: impl IntoIterator<Item = u16>) -> Box<[u16]> {
    weights.into_iter().map(|weight| weight.clamp(1, 1000)).collect()
}

/// Below `bound`, evenly enough: `chance` scaled down.
pub(super) const fn below(bound: u64, chance: u64) -> u64 {
    ((chance as u128 * bound as u128) >> 64) as u64
}

/// Spreads a number over all 64 bits; neighbours end up far apart (the finish of MurmurHash3).
pub(super) const fn mixed(number: u64) -> u64 {
    let once = (number ^ number >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let twice = (once ^ once >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    twice ^ twice >> 33
}
