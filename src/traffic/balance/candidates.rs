//! The input of a pick: facts about the request and about each node.

/// What a pick sees of the nodes, by index in the pool's order. A pick calls it once or twice for every node, so it
/// must be quick: a few loads of atomics. The values may change during a pick.
pub trait Candidates {
    /// Whether the node may be picked.
    fn eligible(&self, node: usize) -> bool;

    /// Its running requests.
    fn in_flight(&self, node: usize) -> u32;

    /// The expected time to the first byte, in microseconds; 0 if unknown.
    fn latency(&self, node: usize) -> u32;

    /// Its warmth: the part of its share that it gets in slow start, in permille. 1000 is all of it.
    fn warmth(&self, node: usize) -> u16;
}

/// What a pick sees of the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct PickInput {
    /// The hash for the method `hash`. Not used by other methods.
    pub key: u64,
    /// A random number, evenly distributed. Not used by round robin and `hash`.
    pub random: u64,
}

/// The lowest warmth that counts. A colder node would get no requests to warm up with.
const COLDEST: u16 = 10;

/// A node's warmth, if it is eligible.
pub(super) fn warmth(candidates: &impl Candidates, node: usize) -> Option<u16> {
    candidates.eligible(node).then(|| candidates.warmth(node).max(COLDEST))
}

/// The share of a node: weight times warmth, at least 10, at most a million.
pub(super) const fn share(weight: u16, warmth: u16) -> u32 {
    weight as u32 * warmth as u32
}

/// Weights in their valid range.
pub(super) fn weights(weights: impl IntoIterator<Item = u16>) -> Box<[u16]> {
    weights.into_iter().map(|weight| weight.clamp(1, 1000)).collect()
}

/// Scales `random` to a number below `bound`, almost evenly.
pub(super) const fn below(bound: u64, random: u64) -> u64 {
    ((random as u128 * bound as u128) >> 64) as u64
}

/// Mixes the bits of a number, so that close numbers become very different (the finalizer of MurmurHash3).
pub(super) const fn mixed(number: u64) -> u64 {
    let once = (number ^ number >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let twice = (once ^ once >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    twice ^ twice >> 33
}
