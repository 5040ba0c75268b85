//! Ranks of nodes as numbers that are quick to compare: warmer nodes before colder ones, then by load for the weight.

/// A node's coldness in the high bits and its load for its weight in the low bits. The lowest is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u64);

/// Bits for the load.
const LOAD: u32 = 54;

impl Rank {
    /// Worse than the rank of any node.
    pub(super) const NOBODY: Self = Self(u64::MAX);

    /// Better than the rank of any node.
    pub(super) const BEST: Self = Self(0);

    pub(super) const fn new(warmth: u16, load: u64) -> Self {
        Self((1000_u64.saturating_sub(warmth as u64) << LOAD) | load)
    }

    pub(super) const fn warmth(self) -> u16 {
        1000_u64.saturating_sub(self.0 >> LOAD) as u16
    }
}

/// Loads above this count as equal. It is ten thousand requests of a hundred seconds each.
const HEAVIEST: u64 = (1 << 40) - 1;

/// 2⁶³ divided by the weight, because multiplying is faster than dividing. This is rounded up and the product down, so
/// that 3 requests at weight 3 equal 1 request at weight 1 exactly.
pub(super) fn inverse(weight: u16) -> u64 {
    (1_u64 << 63).div_ceil(u64::from(weight))
}

/// The load divided by the weight, in fewer than 54 bits.
pub(super) fn per_weight(load: u64, inverse: u64) -> u64 {
    ((u128::from(load.min(HEAVIEST) << 14) * u128::from(inverse)) >> 64) as u64
}

/// Rounds a measured time to its highest bit and three more. Without this, nearly equal times would differ, and the
/// node with the shortest would get all requests until it was busy.
pub(super) fn roughly(load: u64) -> u64 {
    u64::from((load as i64 as f32).to_bits() & (u32::MAX << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_for_each_weight_are_equally_many_for_any_weights() {
        for (one, other) in (1..=1000).map(|one| (one, 1001 - one)) {
            for many in [1, 7, 4000] {
                let load = |weight: u16, more: u64| per_weight((many * u64::from(weight) + more) << 8, inverse(weight));
                assert_eq!(load(one, 0), load(other, 0), "{many} for each of {one} and {other}");
                assert!(load(one, 0) < load(other, 1));
            }
        }
    }

    #[test]
    fn times_that_differ_by_little_are_equal_and_others_are_in_order() {
        for (one, other, equal) in
            [(0, 0, true), (0, 1, false), (1030, 1060, true), (900, 1100, false), (1 << 53, 1 << 52, false)]
        {
            assert_eq!(roughly(one) == roughly(other), equal, "{one} and {other}");
        }
        let all: Vec<_> = (0..10_000).map(roughly).collect();
        assert!(all.is_sorted());
    }

    #[test]
    fn the_warmer_one_is_better_whatever_it_has_to_do() {
        let heaviest = per_weight(u64::MAX, inverse(1));
        let ranks =
            [Rank::BEST, Rank::new(1000, 1), Rank::new(1000, heaviest), Rank::new(999, 0), Rank::new(0, heaviest)];
        assert!(ranks.is_sorted());
        assert!(ranks[4] < Rank::NOBODY);
        assert_eq!(ranks.map(Rank::warmth), [1000, 1000, 1000, 999, 0]);
    }
}
