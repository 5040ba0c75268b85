//! Picks the node with the least load for its weight, in running requests or in time. Nodes with equal load take turns
//! by weight, as in nginx's least_conn. A node in slow start is not compared with warmer nodes, because it is idle and
//! would always win. Instead it is drawn at random by its share, and taken unless it has more load than the best node.

use super::candidates::{Candidates, PickInput, below, mixed, share, warmth};
use super::rank::{Rank, inverse, per_weight, roughly};
use crate::traffic::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Picks the node with the least load. It has no lock, so threads that pick at the same time may take the same turn.
#[derive(Debug)]
pub(super) struct Least {
    by: By,
    turns: Box<[NodeTurns]>,
    /// The last turn that was taken. Missed turns are not made up for.
    turn: AtomicU64,
}

/// What counts as load.
#[derive(Debug)]
pub(super) enum By {
    /// Running requests.
    Requests,
    /// Time to the first byte, times the running requests including the new one. An idle node of unknown latency is
    /// tried first. While it is busy, its latency counts as the average of the known ones at the last pick, in
    /// microseconds.
    Time(AtomicU32),
}

#[derive(Debug)]
struct NodeTurns {
    weight: u16,
    /// The distance between two of its turns.
    round: u32,
    /// See [`inverse`].
    inverse: u64,
    /// Its next turn. The first is in the middle of its round, so that turns are spread.
    next: AtomicU64,
}

/// The distance between two turns for a weight of 1. It is so large that the distance for a weight of 1000 is exact to
/// a thousandth, and so small that the turns of a century fit into 64 bits.
const ROUND: u32 = 1 << 20;

impl Least {
    pub(super) fn new(weights: &[u16], by: By) -> Self {
        let node = |weight: u16| {
            let round = ROUND / u32::from(weight);
            NodeTurns { weight, round, inverse: inverse(weight), next: AtomicU64::new(u64::from(round / 2)) }
        };
        Self { by, turns: weights.iter().copied().map(node).collect(), turn: AtomicU64::new(0) }
    }

    pub(super) fn pick<const TAKES_TURN: bool>(&self, input: PickInput, candidates: &impl Candidates) -> Option<usize> {
        let (compared, average) = self.compare_all(input, candidates)?;
        let mixed = compared.worst.warmth() < compared.best.warmth();
        let cold = if mixed { self.draw_cold(input, &compared, candidates) } else { None };
        if TAKES_TURN {
            self.learn(average);
            if cold.is_none() && compared.tied {
                self.turn_of(&compared);
            }
        }
        Some(cold.unwrap_or(compared.index))
    }

    /// Takes over the state of `previous`. `before` gives the index that a node had there.
    pub(super) fn handover(&self, previous: &Self, before: impl Fn(usize) -> Option<usize>) {
        if let (By::Time(mine), By::Time(theirs)) = (&self.by, &previous.by) {
            mine.store(theirs.load(Relaxed), Relaxed);
        }
        let turn = previous.turn.load(Relaxed);
        for (index, node) in self.turns.iter().enumerate() {
            let had =
                before(index).and_then(|position| previous.turns.get(position)).filter(|had| had.weight == node.weight);
            if let Some(had) = had {
                node.next.store(had.next.load(Relaxed).saturating_sub(turn), Relaxed);
            }
        }
    }

    fn turn_of(&self, compared: &Comparison) {
        if let Some(node) = self.turns.get(compared.index) {
            let turn = self.turn.fetch_max(compared.turn, Relaxed).max(compared.turn);
            node.next.store(turn + u64::from(node.round), Relaxed);
        }
    }

    fn learn(&self, latency: Option<u64>) {
        if let (By::Time(average), Some(latency)) = (&self.by, latency) {
            average.store(latency as u32, Relaxed);
        }
    }

    /// Compares the nodes. Also returns the average of the known latencies.
    fn compare_all(&self, input: PickInput, candidates: &impl Candidates) -> Option<(Comparison, Option<u64>)> {
        let By::Time(average) = &self.by else {
            return Some((self.compare(input, candidates, |index| requests(index, candidates), |load| load)?, None));
        };
        let (assumed, mut sum, mut known) = (average.load(Relaxed), 0_u64, 0_u64);
        let load = |index| {
            let (load, latency) = time(index, assumed, candidates);
            sum += u64::from(latency);
            known += u64::from(latency != 0);
            load
        };
        let compared = self.compare(input, candidates, load, roughly)?;
        Some((compared, sum.checked_div(known)))
    }

    fn compare(
        &self,
        input: PickInput,
        candidates: &impl Candidates,
        mut load: impl FnMut(usize) -> u64,
        rounded: impl Fn(u64) -> u64,
    ) -> Option<Comparison> {
        let mut compared = Comparison { best: Rank::NOBODY, worst: Rank::BEST, index: 0, turn: 0, tied: false };
        self.visit(input, candidates, |index, node, warmth| {
            let rank = Rank::new(warmth, rounded(per_weight(load(index), node.inverse)));
            compared.worst = compared.worst.max(rank);
            if rank > compared.best {
                return;
            }
            let turn = node.next.load(Relaxed);
            if rank < compared.best {
                compared = Comparison { best: rank, index, turn, tied: false, ..compared };
                return;
            }
            compared.tied = true;
            if turn < compared.turn {
                (compared.index, compared.turn) = (index, turn);
            }
        });
        (compared.best != Rank::NOBODY).then_some(compared)
    }

    /// Visits all eligible nodes; in a large pool only [`ENOUGH`] of them, from a random start.
    fn visit<C: Candidates>(&self, input: PickInput, candidates: &C, mut show: impl FnMut(usize, &NodeTurns, u16)) {
        let large = self.turns.len() > ENOUGH;
        let begin = if large { below(self.turns.len() as u64, input.random) as usize } else { 0 };
        let mut left = ENOUGH;
        for (from, to) in [(begin, self.turns.len()), (0, begin)] {
            for (index, node) in self.turns.iter().enumerate().take(to).skip(from) {
                let Some(warmth) = warmth(candidates, index) else { continue };
                show(index, node, warmth);
                left -= 1;
                if left == 0 {
                    return;
                }
            }
        }
    }

    /// A node in slow start that is drawn for this request by its share.
    fn draw_cold(&self, input: PickInput, compared: &Comparison, candidates: &impl Candidates) -> Option<usize> {
        let mut shares = 0;
        self.visit(input, candidates, |_, node, warmth| shares += u64::from(share(node.weight, warmth)));
        let (mut drawn, mut found) = (below(shares, mixed(input.random)), None);
        self.visit(input, candidates, |index, node, warmth| {
            if found.is_none() && warmth < compared.best.warmth() {
                let share = u64::from(share(node.weight, warmth));
                found = (drawn < share).then_some((index, warmth));
                drawn = drawn.saturating_sub(share);
            }
        });
        let (index, warmth) = found?;
        let per_warmth = |index, of: u16| u128::from(self.load(index, candidates)) * u128::from(of);
        let no_busier = per_warmth(index, compared.best.warmth()) <= per_warmth(compared.index, warmth);
        (no_busier || candidates.in_flight(index) == 0).then_some(index)
    }

    /// The load of a node for its weight.
    fn load(&self, index: usize, candidates: &impl Candidates) -> u64 {
        let load = match &self.by {
            By::Requests => requests(index, candidates),
            By::Time(average) => time(index, average.load(Relaxed), candidates).0,
        };
        self.turns.get(index).map_or(u64::MAX, |node| per_weight(load, node.inverse))
    }
}

/// The most nodes that a pick visits, to bound its cost. The least busy of this many is nearly the least busy of all.
const ENOUGH: usize = 128;

/// Each running request is a load of 2⁸.
fn requests(index: usize, candidates: &impl Candidates) -> u64 {
    u64::from(candidates.in_flight(index)) << 8
}

/// The load in microseconds, and the latency, 0 if unknown.
fn time(index: usize, assumed: u32, candidates: &impl Candidates) -> (u64, u32) {
    let (latency, in_flight) = (candidates.latency(index), candidates.in_flight(index));
    let unknown = if in_flight == 0 { 0 } else { assumed.max(1) };
    let expected = if latency == 0 { unknown } else { latency };
    (u64::from(expected) * (u64::from(in_flight) + 1), latency)
}

/// The result of comparing the nodes.
struct Comparison {
    best: Rank,
    worst: Rank,
    index: usize,
    turn: u64,
    tied: bool,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Draws, TestNode, cast};
    use super::*;

    fn by_requests(weights: &[u16]) -> Least {
        Least::new(weights, By::Requests)
    }

    fn by_time(weights: &[u16], average: u32) -> Least {
        Least::new(weights, By::Time(AtomicU32::new(average)))
    }

    fn busy(in_flight: &[u32]) -> Vec<TestNode> {
        let actors = cast(in_flight.len());
        actors.iter().zip(in_flight).for_each(|(actor, in_flight)| actor.in_flight.set(*in_flight));
        actors
    }

    fn turns(least: &Least, count: usize, candidates: &Vec<TestNode>) -> String {
        let mut draws = Draws::new();
        let turn = |_| least.pick::<true>(draws.input(), candidates).map_or('-', |index| (b'a' + index as u8) as char);
        (0..count).map(turn).collect()
    }

    #[test]
    fn the_fewest_requests_for_the_weight_win() {
        for (weights, in_flight, expected) in [
            (&[][..], &[][..], "--"),
            (&[1], &[9], "aa"),
            (&[1, 1], &[0, 0], "abab"),
            (&[1, 1, 1], &[2, 1, 2], "bb"),
            (&[1, 1, 1], &[2, 1, 1], "bcbc"),
            (&[3, 1], &[2, 1], "aa"),
            (&[3, 1], &[3, 1], "aabaaaba"),
            (&[3, 1], &[4, 1], "bb"),
            (&[1000, 999], &[1000, 999], "abab"),
            (&[1000, 999], &[1000, 998], "bb"),
            (&[1000, 999], &[999, 999], "aa"),
            (&[2, 1, 2], &[140_000, 70_000, 140_000], "acbac"),
            (&[1, 1000], &[u32::MAX, u32::MAX], "bb"),
        ] {
            let found = turns(&by_requests(weights), expected.len(), &busy(in_flight));
            assert_eq!(found, expected, "weights {weights:?}, in flight {in_flight:?}");
        }
    }

    #[test]
    fn the_shortest_time_for_the_weight_wins() {
        for (weights, latency, in_flight, expected) in [
            (&[1, 1][..], [900, 500], [0, 0], "bb"),
            (&[1, 1], [900, 500], [0, 1], "aa"),
            (&[2, 1], [900, 500], [0, 0], "aa"),
            (&[1, 1], [1030, 1060], [0, 0], "abab"),
            (&[2, 1], [1030, 1060], [3, 1], "aba"),
            (&[1, 1], [900, 0], [0, 0], "bb"),
            (&[1, 1], [900, 0], [1, 0], "bb"),
            (&[1, 1], [900, 0], [0, 1], "aa"),
            (&[1, 1], [900, 0], [1, 1], "abab"),
            (&[1, 1], [0, 0], [0, 0], "abab"),
            (&[1, 1], [0, 0], [2, 1], "bb"),
            (&[1, 1], [u32::MAX, u32::MAX], [u32::MAX, 9], "bb"),
        ] {
            let candidates = busy(&in_flight);
            candidates.iter().zip(latency).for_each(|(actor, latency)| actor.latency.set(latency));
            let found = turns(&by_time(weights, 900), expected.len(), &candidates);
            assert_eq!(found, expected, "weights {weights:?}, latency {latency:?}, in flight {in_flight:?}");
        }
    }

    #[test]
    fn who_was_never_timed_is_taken_for_one_as_quick_as_the_others_are() {
        let (least, candidates) = (by_time(&[1, 1, 1], 0), busy(&[4, 1, 1]));
        candidates.iter().zip([100, 300, 0]).for_each(|(actor, latency)| actor.latency.set(latency));
        least.pick::<true>(Draws::new().input(), &candidates);
        assert_eq!(turns(&least, 4, &candidates), "cccc", "twice 200 are less than 500 and 600");
        candidates[2].in_flight.set(2);
        assert_eq!(turns(&least, 4, &candidates), "aaaa", "and three times 200 are not");
    }

    #[test]
    fn where_no_time_is_known_requests_count() {
        for (in_flight, expected) in [([0, 0, 1], "abab"), ([2, 1, 3], "bb"), ([4, 4, 4], "abcabc")] {
            let found = turns(&by_time(&[1, 1, 1], 0), expected.len(), &busy(&in_flight));
            assert_eq!(found, expected, "in flight {in_flight:?}");
        }
    }

    #[test]
    fn whoever_is_picked_has_no_more_to_do_than_any_other() {
        let mut draws = Draws::new();
        for _ in 0..2000 {
            let weights: Vec<_> = (0..1 + draws.below(20)).map(|_| 1 + draws.below(10) as u16).collect();
            let candidates = busy(&weights.iter().map(|_| draws.below(12) as u32).collect::<Vec<_>>());
            for actor in &candidates {
                actor.eligible.set(draws.below(4) > 0);
                actor.latency.set(1 + draws.below(1000) as u32);
            }
            let load = |index: usize, time: bool| {
                let in_flight = f64::from(candidates[index].in_flight.get());
                let load =
                    if time { f64::from(candidates[index].latency.get()) * (in_flight + 1.0) } else { in_flight };
                load / f64::from(weights[index])
            };
            for (least, slack) in [(by_requests(&weights), 1.0), (by_time(&weights, 0), 1.125)] {
                let Some(picked) = least.pick::<true>(draws.input(), &candidates) else { continue };
                let loads = (0..candidates.len()).filter(|index| candidates[*index].eligible.get());
                let lowest = loads.map(|index| load(index, slack > 1.0)).fold(f64::INFINITY, f64::min);
                let its = load(picked, slack > 1.0);
                assert!(its <= lowest * slack + 1e-9, "{its} where {lowest} was to be had");
            }
        }
    }

    #[test]
    fn a_node_that_comes_back_has_one_turn_to_catch_up_on() {
        let (least, candidates) = (by_requests(&[1, 1, 1]), cast(3));
        candidates[0].eligible.set(false);
        assert_eq!(turns(&least, 40, &candidates), "bc".repeat(20));
        candidates[0].eligible.set(true);
        let back = turns(&least, 9, &candidates).matches('a').count();
        assert!((3..=4).contains(&back), "{back} of 9 turns");
    }

    #[test]
    fn a_cold_node_is_drawn_for_its_share_unless_it_is_busier_than_the_others() {
        // Its share is 0.1 of 2.1. For its warmth of a tenth, one request counts as much as ten elsewhere.
        for (in_flight, expected) in [([5, 5, 0], 476), ([0, 0, 0], 476), ([5, 5, 1], 0), ([20, 20, 1], 476)] {
            let candidates = busy(&in_flight);
            candidates[2].warmth.set(100);
            let found = turns(&by_requests(&[1, 1, 1]), 10_000, &candidates).matches('c').count();
            assert!(found.abs_diff(expected) <= expected / 8, "{in_flight:?}: {found} of 10000");
        }
        for (latency, in_flight, expected) in [([100, 100, 900], [9, 9, 0], 476), ([100, 100, 100], [9, 9, 1], 0)] {
            let candidates = busy(&in_flight);
            candidates.iter().zip(latency).for_each(|(actor, latency)| actor.latency.set(latency));
            candidates[2].warmth.set(100);
            let found = turns(&by_time(&[1, 1, 1], 0), 10_000, &candidates).matches('c').count();
            assert!(found.abs_diff(expected) <= expected / 8, "{latency:?}, {in_flight:?}: {found} of 10000");
        }
    }

    #[test]
    fn of_a_large_pool_one_of_the_least_busy_is_picked() {
        let (least, mut draws) = (by_requests(&[1; 1000]), Draws::new());
        let candidates = busy(&(0..1000).map(|_| draws.below(1000) as u32).collect::<Vec<_>>());
        for _ in 0..200 {
            let picked = least.pick::<true>(draws.input(), &candidates).unwrap();
            assert!(candidates[picked].in_flight.get() < 80);
        }
        let (candidates, mut counts) = (cast(1000), [0_u32; 1000]);
        for _ in 0..20_000 {
            counts[least.pick::<true>(draws.input(), &candidates).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (15..=25).contains(count)), "{counts:?}");
        candidates.iter().skip(1).for_each(|actor| actor.eligible.set(false));
        assert_eq!(turns(&least, 3, &candidates), "aaa");
    }

    #[test]
    fn threads_at_once_have_about_equal_turns() {
        struct Idle;
        impl Candidates for Idle {
            fn eligible(&self, _: usize) -> bool {
                true
            }
            fn in_flight(&self, _: usize) -> u32 {
                0
            }
            fn latency(&self, _: usize) -> u32 {
                0
            }
            fn warmth(&self, _: usize) -> u16 {
                1000
            }
        }
        let least = by_requests(&[3, 1]);
        let count = || (0..20_000).filter(|_| least.pick::<true>(PickInput::default(), &Idle) == Some(0)).count();
        let first: usize = std::thread::scope(|scope| {
            let threads = [scope.spawn(count), scope.spawn(count)];
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert!((25_000..35_000).contains(&first), "{first} of 40000 for a weight of 3 in 4");
    }
}
