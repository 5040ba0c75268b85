//! nginx's smooth weighted round robin, shared by all threads. A node's share is exact, its turns are spread, and one
//! that comes back after a while has nothing to catch up on.

use parking_lot::Mutex;

use super::candidates::{share, weights};

/// The rhythm of a pool.
#[derive(Debug)]
pub struct SmoothRoundRobin {
    weights: Box<[u16]>,
    credits: Mutex<Box<[i64]>>,
}

impl SmoothRoundRobin {
    /// One weight a node, in the pool's order; below 1 counts as 1, above 1000 as 1000.
    pub fn new(shares: impl IntoIterator<Item = u16>) -> Self {
        let weights = weights(shares);
        let credits = Mutex::new(vec![0; weights.len()].into());
        Self { weights, credits }
    }

    /// The next of those that have a warmth, up to 1000. Each is credited its weight for as much as it is warm, the one
    /// with most credit is picked and pays for all. `warmth` must be quick: it is asked for every node, under a lock.
    pub fn pick(&self, warmth: impl Fn(usize) -> Option<u16>) -> Option<usize> {
        self.turn::<true>(warmth)
    }

    /// Whom `pick` would pick; nobody's turn is taken.
    pub fn peek(&self, warmth: impl Fn(usize) -> Option<u16>) -> Option<usize> {
        self.turn::<false>(warmth)
    }

    /// Goes on in the rhythm of `previous`, so that a reload that changes nothing changes nothing: `before` tells
    /// which index a node had there. A node that is new or has another weight begins with no credit.
    pub fn handover(&self, previous: &Self, before: impl Fn(usize) -> Option<usize>) {
        let old = previous.credits.lock().clone();
        // What nodes that are gone left behind must not become a burst.
        let bound = self.weights.iter().map(|weight| i64::from(share(*weight, 1000))).sum::<i64>();
        let mut credits = self.credits.lock();
        for (index, (credit, weight)) in credits.iter_mut().zip(&self.weights).enumerate() {
            let place = before(index).filter(|place| previous.weights.get(*place) == Some(weight));
            if let Some(had) = place.and_then(|place| old.get(place)) {
                *credit = (*had).clamp(-bound, bound);
            }
        }
    }

    fn turn<const TAKEN: bool>(&self, warmth: impl Fn(usize) -> Option<u16>) -> Option<usize> {
        if self.weights.len() < 2 {
            return (!self.weights.is_empty() && warmth(0).is_some()).then_some(0);
        }
        let mut credits = self.credits.lock();
        let (mut paid, mut most) = (0, i64::MIN);
        for (index, (credit, weight)) in credits.iter_mut().zip(&self.weights).enumerate() {
            if let Some(warmth) = warmth(index) {
                let share = i64::from(share(*weight, warmth));
                let richer = *credit + share;
                paid += share;
                most = most.max(rank(richer, index));
                if TAKEN {
                    *credit = richer;
                }
            }
        }
        if most == i64::MIN {
            return None;
        }
        let best = index_of(most);
        if TAKEN {
            *credits.get_mut(best)? -= paid;
        }
        Some(best)
    }
}

/// Bits of an index: a million nodes. A credit has the other 44, and theirs all together, a million each, fit in 40.
const INDEX: u32 = 20;

/// One number to compare: the credit, then the earlier place. A pick among a thousand costs half as much with it.
const fn rank(credit: i64, index: usize) -> i64 {
    credit << INDEX | LAST - index as i64
}

const fn index_of(rank: i64) -> usize {
    (LAST - (rank & LAST)) as usize
}

const LAST: i64 = (1 << INDEX) - 1;
