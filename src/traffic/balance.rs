//! Who is next: nginx's smooth weighted round robin, shared by all threads. A node's share is exact, its turns are
//! spread, and one that comes back after a while has nothing to catch up on.

use parking_lot::Mutex;

use super::tick::Tick;

/// The rhythm of a pool.
#[derive(Debug)]
pub struct SmoothRoundRobin {
    weights: Box<[u16]>,
    credits: Mutex<Box<[i32]>>,
}

impl SmoothRoundRobin {
    /// One weight a node, in the pool's order; below 1 counts as 1, above 1000 as 1000.
    pub fn new(weights: impl IntoIterator<Item = u16>) -> Self {
        let weights: Box<[u16]> = weights.into_iter().map(|weight| weight.clamp(1, 1000)).collect();
        let credits = Mutex::new(vec![0; weights.len()].into());
        Self { weights, credits }
    }

    /// The next of the eligible nodes. Every eligible node is credited its weight, the one with most credit is picked
    /// and pays for all. `eligible` must be quick: it is asked once for every node, under a lock.
    pub fn pick(&self, eligible: impl Fn(usize) -> bool) -> Option<usize> {
        if self.weights.len() < 2 {
            return (!self.weights.is_empty() && eligible(0)).then_some(0);
        }
        let mut credits = self.credits.lock();
        let (mut paid, mut most) = (0, i64::MIN);
        for (index, (credit, weight)) in credits.iter_mut().zip(&self.weights).enumerate() {
            if eligible(index) {
                *credit += i32::from(*weight);
                paid += i32::from(*weight);
                most = most.max(rank(*credit, index));
            }
        }
        if most == i64::MIN {
            return None;
        }
        let best = index_of(most);
        *credits.get_mut(best)? -= paid;
        Some(best)
    }

    /// Goes on in the rhythm of `previous`, so that a reload that changes nothing changes nothing: `before` tells
    /// which index a node had there. A node that is new or has another weight begins with no credit.
    pub fn handover(&self, previous: &Self, before: impl Fn(usize) -> Option<usize>) {
        let old = previous.credits.lock().clone();
        // What nodes that are gone left behind must not become a burst.
        let bound = self.weights.iter().map(|weight| i32::from(*weight)).sum::<i32>();
        let mut credits = self.credits.lock();
        for (index, (credit, weight)) in credits.iter_mut().zip(&self.weights).enumerate() {
            let place = before(index).filter(|place| previous.weights.get(*place) == Some(weight));
            if let Some(had) = place.and_then(|place| old.get(place)) {
                *credit = (*had).clamp(-bound, bound);
            }
        }
    }
}

/// One number to compare: the credit, then the earlier place. A pick among a thousand costs half as much with it.
fn rank(credit: i32, index: usize) -> i64 {
    i64::from(credit) << 32 | i64::from(!(index as u32))
}

const fn index_of(rank: i64) -> usize {
    !(rank as u32) as usize
}

/// Where no node takes traffic: of those that only an ejection keeps passive and that this request did not try (`Some`,
/// with the moment it ends) the one whose ejection ends first. So a pool of one node answers again as soon as the node
/// does, as nginx has it, not only when the ejection is over.
pub fn last_resort(ejected: impl IntoIterator<Item = Option<Tick>>) -> Option<usize> {
    let ends = ejected.into_iter().enumerate().filter_map(|(index, until)| until.map(|until| (until, index)));
    ends.min().map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(_: usize) -> bool {
        true
    }

    /// The same numbers in every run.
    fn draws() -> impl FnMut() -> u32 {
        let mut chance = 88_172_645_463_325_252_u64;
        move || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            (chance >> 20) as u32
        }
    }

    fn turns(robin: &SmoothRoundRobin, count: usize, eligible: impl Fn(usize) -> bool) -> String {
        let turn = |_| robin.pick(&eligible).map_or('-', |index| (b'a' + index as u8) as char);
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
        let mut draw = draws();
        let written = [vec![1, 1000], vec![1, 2, 3, 4, 5], vec![1000, 999, 1, 500], vec![10, 1, 1, 1, 1, 1, 1]];
        let drawn =
            [2, 3, 5, 8, 16].repeat(20).into_iter().map(|nodes| (0..nodes).map(|_| 1 + draw() as u16 % 20).collect());
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
    fn only_the_eligible_have_turns() {
        let robin = SmoothRoundRobin::new([1, 1, 1]);
        assert_eq!(turns(&robin, 4, |index| index != 1), "acac");
        assert_eq!(turns(&robin, 3, |index| index == 2), "ccc");
        assert_eq!(turns(&robin, 3, |_| false), "---");
        let alone = SmoothRoundRobin::new([5]);
        assert_eq!((alone.pick(|_| false), alone.pick(all)), (None, Some(0)));
    }

    #[test]
    fn a_node_that_comes_back_gets_no_burst() {
        for weights in [[1, 1, 1], [5, 1, 1], [1, 5, 3], [100, 1, 1]] {
            for before in 0..12 {
                for away in [1, 10, 1000] {
                    let robin = SmoothRoundRobin::new(weights);
                    turns(&robin, before, all);
                    turns(&robin, away, |index| index != 0);
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
        let mut draw = draws();
        for _ in 0..100_000 {
            let mask = draw();
            let picked = robin.pick(|index| mask >> index & 1 == 1);
            assert!(picked.is_none_or(|index| mask >> index & 1 == 1));
            assert!(robin.credits.lock().iter().all(|credit| credit.abs() <= 14 + 5));
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
        assert_eq!(*turned.credits.lock(), [-3 + 7, -1, 0].into(), "known by name, not by place");
        let changed = SmoothRoundRobin::new([6, 1]);
        changed.handover(&old, Some);
        assert_eq!(changed.credits.lock()[0], 0, "another weight begins anew");
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
    fn the_last_resort_is_the_ejection_that_ends_first() {
        let at = |second: u64| Some(Tick::from_millis(second));
        for (ejected, expected) in [
            (&[][..], None),
            (&[None, None], None),
            (&[at(9)], Some(0)),
            (&[at(9), None, at(3)], Some(2)),
            (&[at(3), at(3)], Some(0)),
        ] {
            assert_eq!(last_resort(ejected.iter().copied()), expected, "{ejected:?}");
        }
    }
}
