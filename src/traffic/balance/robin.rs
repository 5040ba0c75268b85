//! nginx's smooth weighted round robin, shared by all threads. Shares are exact and turns are spread. A node that
//! returns gets no burst of requests. In a large pool a pick looks only at a window of nodes, which moves one node
//! further with each turn, so every node is in it equally often.

use super::candidates::{share, weights};
use crate::traffic::sync::Mutex;

/// The state of smooth weighted round robin.
#[derive(Debug)]
pub struct SmoothRoundRobin {
    weights: Box<[u16]>,
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    credits: Box<[i64]>,
    /// The start of the window; always 0 in a pool that fits into it.
    from: usize,
}

/// The most eligible nodes in one pick. Each costs some nanoseconds under the lock, so a thousand would delay all
/// threads.
const WINDOW: usize = 128;

impl SmoothRoundRobin {
    /// One weight a node, in the pool's order; below 1 counts as 1, above 1000 as 1000.
    pub fn new(shares: impl IntoIterator<Item = u16>) -> Self {
        let weights = weights(shares);
        let state = Mutex::new(State { credits: vec![0; weights.len()].into(), from: 0 });
        Self { weights, state }
    }

    /// Picks the next node. `warmth` is `None` for nodes that are not eligible. Each eligible node gains its weight
    /// times its warmth as credit; the node with the most credit is picked and loses the sum of all gains. `warmth` is
    /// called under a lock and must be quick.
    pub fn pick(&self, warmth: impl Fn(usize) -> Option<u16>) -> Option<usize> {
        self.turn::<true>(warmth)
    }

    /// The node that `pick` would return. Changes nothing.
    pub fn peek(&self, warmth: impl Fn(usize) -> Option<u16>) -> Option<usize> {
        self.turn::<false>(warmth)
    }

    /// Takes over the credits of `previous`, so that a reload without changes does not disturb the turns. `before`
    /// gives the index that a node had there. A node that is new or has another weight starts without credit.
    pub fn handover(&self, previous: &Self, before: impl Fn(usize) -> Option<usize>) {
        let old = previous.state.lock().clone();
        // Credit left over from removed nodes must not become a burst.
        let bound = self.weights.iter().map(|weight| i64::from(share(*weight, 1000))).sum::<i64>();
        let mut state = self.state.lock();
        for (index, (credit, weight)) in state.credits.iter_mut().zip(&self.weights).enumerate() {
            let position = before(index).filter(|position| previous.weights.get(*position) == Some(weight));
            if let Some(had) = position.and_then(|position| old.credits.get(position)) {
                *credit = (*had).clamp(-bound, bound);
            }
        }
    }

    fn turn<const TAKES_TURN: bool>(&self, warmth: impl Fn(usize) -> Option<u16>) -> Option<usize> {
        if self.weights.len() < 2 {
            return (!self.weights.is_empty() && warmth(0).is_some()).then_some(0);
        }
        let State { credits, from } = &mut *self.state.lock();
        let (mut paid, mut most, mut seen) = (0, i64::MIN, 0);
        for index in (*from..credits.len()).chain(0..*from) {
            let (Some(credit), Some(weight), Some(warmth)) =
                (credits.get_mut(index), self.weights.get(index), warmth(index))
            else {
                continue;
            };
            let share = i64::from(share(*weight, warmth));
            let richer = *credit + share;
            paid += share;
            most = most.max(rank(richer, index));
            if TAKES_TURN {
                *credit = richer;
            }
            seen += 1;
            if seen == WINDOW {
                break;
            }
        }
        if most == i64::MIN {
            return None;
        }
        let best = index_of(most);
        if TAKES_TURN {
            *credits.get_mut(best)? -= paid;
            if credits.len() > WINDOW {
                *from = (*from + 1) % credits.len();
            }
        }
        Some(best)
    }
}

/// Bits for an index: a million nodes. The credit has the other 44 bits; the sum of a million shares, each at most a
/// million, fits into 40.
const INDEX: u32 = 20;

/// Combines credit and index into one number: more credit first, then the lower index. It halves the cost of a pick
/// among a thousand.
const fn rank(credit: i64, index: usize) -> i64 {
    (credit << INDEX) | (LAST - index as i64)
}

const fn index_of(rank: i64) -> usize {
    (LAST - (rank & LAST)) as usize
}

const LAST: i64 = (1 << INDEX) - 1;

#[cfg(test)]
mod tests {
    use super::super::testing::Draws;
    use super::*;

    fn all(_: usize) -> Option<u16> {
        Some(1000)
    }

    fn only(eligible: impl Fn(usize) -> bool) -> impl Fn(usize) -> Option<u16> {
        move |index| eligible(index).then_some(1000)
    }

    fn turns(robin: &SmoothRoundRobin, count: usize, warmth: impl Fn(usize) -> Option<u16>) -> String {
        let turn = |_| robin.pick(&warmth).map_or('-', |index| (b'a' + index as u8) as char);
        (0..count).map(turn).collect()
    }

    #[test]
    fn turns_are_spread() {
        for (weights, expected) in [
            (&[][..], "---"),
            (&[7], "aaa"),
            (&[1, 1], "abababab"),
            (&[3, 3, 3], "abcabcabc"),
            (&[2, 1], "abaaba"),
            (&[5, 1, 1], "aabacaaaabacaa"),
            (&[9, 1], "aaaaabaaaaaaaaabaaaa"),
            (&[4, 3, 2], "abcabacba"),
            (&[0, 1], "abab"),
        ] {
            let robin = SmoothRoundRobin::new(weights.iter().copied());
            assert_eq!(turns(&robin, expected.len(), all), expected, "weights {weights:?}");
        }
    }

    #[test]
    fn shares_are_exact_over_a_cycle_and_within_one_turn_of_it_always() {
        let mut draws = Draws::new();
        let written = [vec![1, 1000], vec![1, 2, 3, 4, 5], vec![1000, 999, 1, 500], vec![10, 1, 1, 1, 1, 1, 1]];
        let drawn = [2, 3, 5, 8, 16]
            .repeat(20)
            .into_iter()
            .map(|nodes| (0..nodes).map(|_| 1 + draws.below(20) as u16).collect());
        for weights in written.into_iter().chain(drawn) {
            let robin = SmoothRoundRobin::new(weights.iter().copied());
            let cycle: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            let mut counts = vec![0_u64; weights.len()];
            for turn in 1..=2 * cycle {
                counts[robin.pick(all).unwrap()] += 1;
                for (count, weight) in counts.iter().zip(&weights) {
                    let ideal = turn as f64 * f64::from(*weight) / cycle as f64;
                    assert!((*count as f64 - ideal).abs() < 1.0, "{weights:?}: {count} for {ideal} at turn {turn}");
                }
            }
            let expected: Vec<_> = weights.iter().map(|weight| 2 * u64::from(*weight)).collect();
            assert_eq!(counts, expected);
        }
    }

    #[test]
    fn in_a_large_pool_shares_are_by_weight_too() {
        for (nodes, weight) in [(129, 1), (300, 1), (1000, 1), (300, 5), (1000, 3)] {
            let mut draws = Draws::new();
            let weights: Vec<u16> = (0..nodes).map(|_| 1 + draws.below(weight) as u16).collect();
            let robin = SmoothRoundRobin::new(weights.iter().copied());
            let away = |index: usize| (index % 7 != 3).then_some(1000);
            let cycle: usize = (0..nodes).filter(|index| index % 7 != 3).map(|index| usize::from(weights[index])).sum();
            let mut counts = vec![0_usize; nodes];
            (0..20 * cycle).for_each(|_| counts[robin.pick(away).unwrap()] += 1);
            for (index, (count, weight)) in counts.into_iter().zip(&weights).enumerate() {
                let ideal = if index % 7 == 3 { 0 } else { 20 * usize::from(*weight) };
                assert!(count.abs_diff(ideal) <= 1 + ideal / 8, "{nodes} nodes, {index}: {count} turns for {ideal}");
            }
        }
    }

    #[test]
    fn only_the_eligible_have_turns() {
        let robin = SmoothRoundRobin::new([1, 1, 1]);
        assert_eq!(turns(&robin, 4, only(|index| index != 1)), "acac");
        assert_eq!(turns(&robin, 3, only(|index| index == 2)), "ccc");
        assert_eq!(turns(&robin, 3, |_| None), "---");
        let alone = SmoothRoundRobin::new([5]);
        assert_eq!((alone.pick(|_| None), alone.pick(all)), (None, Some(0)));
    }

    #[test]
    fn a_node_that_comes_back_gets_no_burst() {
        for weights in [[1, 1, 1], [5, 1, 1], [1, 5, 3], [100, 1, 1]] {
            for before in 0..12 {
                for away in [1, 10, 1000] {
                    let robin = SmoothRoundRobin::new(weights);
                    turns(&robin, before, all);
                    turns(&robin, away, only(|index| index != 0));
                    let cycle = weights.iter().sum::<u16>() as usize;
                    let back = turns(&robin, cycle, all).matches('a').count();
                    let share = usize::from(weights[0]);
                    assert!(back <= share + 1, "{weights:?}, {before} turns, away for {away}: {back} in a cycle");
                }
            }
        }
    }

    #[test]
    fn whatever_was_eligible_no_node_owes_or_is_owed_more_than_a_cycle() {
        let robin = SmoothRoundRobin::new([3, 1, 4, 1, 5]);
        let mut draws = Draws::new();
        for _ in 0..100_000 {
            let mask = draws.below(32);
            let picked = robin.pick(only(|index| mask >> index & 1 == 1));
            assert!(picked.is_none_or(|index| mask >> index & 1 == 1));
            assert!(robin.state.lock().credits.iter().all(|credit| credit.abs() <= (14 + 5) * 1000));
        }
        let counts = turns(&robin, 140, all);
        let found = ["a", "b", "c", "d", "e"].map(|node| counts.matches(node).count());
        for (found, weight) in found.into_iter().zip([3_usize, 1, 4, 1, 5]) {
            assert!(found.abs_diff(10 * weight) <= 14, "{found} turns for a share of {}", 10 * weight);
        }
    }

    #[test]
    fn a_reload_keeps_the_rhythm() {
        let old = SmoothRoundRobin::new([5, 1, 1]);
        assert_eq!(turns(&old, 3, all), "aab");
        let new = SmoothRoundRobin::new([5, 1, 1]);
        new.handover(&old, Some);
        assert_eq!(turns(&new, 4, all), "acaa");
        let turned = SmoothRoundRobin::new([1, 5, 9]);
        old.pick(all);
        turned.handover(&old, |index| [Some(2), Some(0), None][index]);
        assert_eq!(turned.state.lock().credits, [(-3 + 7) * 1000, -1000, 0].into(), "known by name, not by position");
        let changed = SmoothRoundRobin::new([6, 1]);
        changed.handover(&old, Some);
        assert_eq!(changed.state.lock().credits[0], 0, "another weight begins anew");
        changed.handover(&old, |_| Some(99));
        let lopsided = SmoothRoundRobin::new([1, 1000]);
        turns(&lopsided, 450, all);
        let even = SmoothRoundRobin::new([1, 1]);
        even.handover(&lopsided, |index| (index == 0).then_some(0));
        let first = turns(&even, 10, all).matches('a').count();
        assert!(first <= 6, "{first} of 10 turns, since a node with a large share is gone");
    }

    #[test]
    fn threads_at_once_share_one_rhythm() {
        let robin = SmoothRoundRobin::new([3, 1]);
        let count = || (0..4000).filter(|_| robin.pick(all) == Some(0)).count();
        let first: usize = std::thread::scope(|scope| {
            let threads = [scope.spawn(count), scope.spawn(count)];
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(first, 6000);
    }

    #[test]
    fn shares_follow_warmth() {
        for (weights, warmth, shares) in [
            ([1, 1, 1], [1000, 1000, 100], [10, 10, 1]),
            ([1, 1, 1], [500, 500, 500], [1, 1, 1]),
            ([4, 2, 1], [1000, 500, 1000], [4, 1, 1]),
            ([1000, 1000, 1], [1000, 10, 1000], [1000, 10, 1]),
        ] {
            let robin = SmoothRoundRobin::new(weights);
            let cycle: usize = shares.iter().sum();
            let counts = turns(&robin, 3 * cycle, |index| Some(warmth[index]));
            let found = ["a", "b", "c"].map(|node| counts.matches(node).count());
            assert_eq!(found, shares.map(|share| 3 * share), "weights {weights:?}, warmth {warmth:?}");
        }
    }

    #[test]
    fn a_node_that_warms_up_has_no_burst() {
        let robin = SmoothRoundRobin::new([1, 1]);
        let climb = |step: u16| turns(&robin, 20, |index| Some(if index == 0 { 1000 } else { step * 50 }));
        let shares: Vec<_> = (1..=20).map(|step| climb(step).matches('b').count()).collect();
        assert!(shares.windows(2).all(|pair| pair[1] + 1 >= pair[0]), "{shares:?}");
        assert!(shares[0] <= 1 && shares[19] == 10, "{shares:?}");
    }

    #[test]
    fn more_than_a_thousand_of_the_heaviest_overflow_nothing() {
        let robin = SmoothRoundRobin::new([1000; 1500]);
        let mut counts = vec![0; 1500];
        for _ in 0..3000 {
            counts[robin.pick(all).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| *count == 2));
        assert_eq!(robin.pick(|index| (index == 1499).then_some(1)), Some(1499));
    }

    #[test]
    fn peeking_changes_nothing() {
        let (robin, mut draws) = (SmoothRoundRobin::new([3, 1, 4, 1, 5]), Draws::new());
        for _ in 0..1000 {
            let mask = draws.below(32);
            let warmth = |index| (mask >> index & 1 == 1).then_some(1 + (mask * 31) as u16);
            let peeked = robin.peek(warmth);
            assert_eq!((robin.peek(warmth), robin.pick(warmth)), (peeked, peeked));
        }
    }
}
