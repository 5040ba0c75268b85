//! Balancing: picks one of the eligible nodes by the pool's method. Shared by all threads.

pub mod latency;
pub mod slow_start;

use std::net::SocketAddr;

use siphasher::sip::SipHasher13;

pub use candidates::{Candidates, PickInput};
pub use robin::SmoothRoundRobin;

use super::tick::Tick;
use crate::config::Balance;
use crate::traffic::sync::atomic::AtomicU32;
use candidates::{warmth, weights};
use consistent::Consistent;
use ketama::Ketama;
use least::{By, Least};
use random::RandomTwo;

mod candidates;
mod consistent;
mod ketama;
mod least;
mod random;
mod rank;
mod robin;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;

/// A pool's balancing method and its state.
#[derive(Debug)]
pub struct Balancer(Method);

#[derive(Debug)]
enum Method {
    Robin(SmoothRoundRobin),
    Least(Least),
    RandomTwo(RandomTwo),
    Consistent(Consistent),
    Ketama(Ketama),
}

/// What the methods know of a node.
#[derive(Clone, Copy, Debug)]
pub struct Balanced<'a> {
    /// Its identity, which stays the same after a reload.
    pub name: &'a str,
    /// Where it is.
    pub address: SocketAddr,
    /// 1 to 1000.
    pub weight: u16,
}

impl Balancer {
    /// `nodes` are in the pool's order.
    pub fn new<'a>(method: &Balance, nodes: impl IntoIterator<Item = Balanced<'a>>) -> Self {
        let nodes: Vec<_> = nodes.into_iter().collect();
        let weights = weights(nodes.iter().map(|node| node.weight));
        Self(match method {
            Balance::RoundRobin => Method::Robin(SmoothRoundRobin::new(weights)),
            Balance::LeastRequests => Method::Least(Least::new(&weights, By::Requests)),
            Balance::LeastTime => Method::Least(Least::new(&weights, By::Time(AtomicU32::new(0)))),
            Balance::RandomTwo => Method::RandomTwo(RandomTwo::new(weights)),
            Balance::Hash(_) => {
                let seeds = nodes.iter().map(|node| key_of(node.name.as_bytes()));
                Method::Consistent(Consistent::new(seeds.zip(weights)))
            }
            Balance::Ring(_) => Method::Ketama(Ketama::new(nodes.iter().map(|node| node.address).zip(weights))),
        })
    }

    /// The key of the bytes by which a request is balanced.
    pub fn key(&self, bytes: &[u8]) -> u64 {
        match &self.0 {
            Method::Ketama(ring) => ring.key(bytes),
            _ => key_of(bytes),
        }
    }

    /// Picks the next node and takes its turn. `None` only if no node is eligible.
    pub fn pick(&self, input: PickInput, candidates: &impl Candidates) -> Option<usize> {
        self.next::<true>(input, candidates)
    }

    /// The node that `pick` would return. Changes nothing.
    pub fn peek(&self, input: PickInput, candidates: &impl Candidates) -> Option<usize> {
        self.next::<false>(input, candidates)
    }

    /// Takes over the state of `previous`, if the method is the same. `before` gives the index that a node had there.
    pub fn handover(&self, previous: &Self, before: impl Fn(usize) -> Option<usize>) {
        match (&self.0, &previous.0) {
            (Method::Robin(mine), Method::Robin(theirs)) => mine.handover(theirs, before),
            (Method::Least(mine), Method::Least(theirs)) => mine.handover(theirs, before),
            _ => {}
        }
    }

    fn next<const TAKES_TURN: bool>(&self, input: PickInput, candidates: &impl Candidates) -> Option<usize> {
        match &self.0 {
            Method::Robin(robin) if TAKES_TURN => robin.pick(|node| warmth(candidates, node)),
            Method::Robin(robin) => robin.peek(|node| warmth(candidates, node)),
            Method::Least(least) => least.pick::<TAKES_TURN>(input, candidates),
            Method::RandomTwo(random) => random.pick(input, candidates),
            Method::Consistent(consistent) => consistent.pick(input, candidates),
            Method::Ketama(ring) => ring.pick(input, candidates),
        }
    }
}

/// Hashes the bytes by which a request is balanced. The key is fixed, so the result is the same on every machine and
/// after a restart, and two Weirs send a client to the same node. A client that can choose the bytes can choose its
/// node, as with every method of this kind.
pub fn key_of(bytes: &[u8]) -> u64 {
    SipHasher13::new_with_key(b"weir's node keys").hash(bytes)
}

/// The last resort if no node is active: the node whose ejection ends first. `ejected` has the end of the ejection for
/// each node that is passive only by ejection and was not tried. So a pool of one node answers again as soon as the
/// node does, as in nginx, and not only when the ejection is over.
pub fn last_resort(ejected: impl IntoIterator<Item = Option<Tick>>) -> Option<usize> {
    let ends = ejected.into_iter().enumerate().filter_map(|(index, until)| until.map(|until| (until, index)));
    ends.min().map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::testing::{Draws, balanced, cast};
    use super::*;
    use crate::config::HashOn;

    const METHODS: [Balance; 6] = [
        Balance::RoundRobin,
        Balance::LeastRequests,
        Balance::LeastTime,
        Balance::RandomTwo,
        Balance::Hash(HashOn::Client),
        Balance::Ring(HashOn::Client),
    ];

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("worker{index}")).collect()
    }

    #[test]
    fn only_those_are_picked_that_may_be_and_one_always_is_and_peeking_tells_which() {
        let mut draws = Draws::new();
        for nodes in [0, 1, 2, 3, 7, 8, 9, 30, 300] {
            let (names, candidates) = (names(nodes), cast(nodes));
            let weights: Vec<_> = names.iter().map(|_| draws.below(1002) as u16).collect();
            let pairs = || names.iter().map(String::as_str).zip(weights.iter().copied());
            for balancer in METHODS.map(|method| Balancer::new(&method, balanced(pairs()))) {
                for round in 0..1 + 3000 / (nodes as u64 + 10) {
                    for actor in &candidates {
                        actor.eligible.set(draws.below(12) < round % 12);
                        actor.in_flight.set([0, draws.below(9) as u32, u32::MAX][draws.below(3) as usize]);
                        actor.latency.set([0, draws.below(99_999) as u32, u32::MAX][draws.below(3) as usize]);
                        actor.warmth.set([0, 1000, draws.below(1001) as u16, u16::MAX][draws.below(4) as usize]);
                    }
                    let input = draws.input();
                    let peeked = balancer.peek(input, &candidates);
                    assert_eq!(balancer.peek(input, &candidates), peeked, "{balancer:?}");
                    assert_eq!(balancer.pick(input, &candidates), peeked, "{balancer:?}");
                    assert_eq!(peeked.is_some(), candidates.iter().any(|actor| actor.eligible.get()), "{balancer:?}");
                    assert!(peeked.is_none_or(|picked| candidates[picked].eligible.get()), "{balancer:?}");
                }
            }
        }
    }

    #[test]
    fn a_reload_that_changes_nothing_changes_no_turn() {
        for method in METHODS {
            let (names, candidates, mut draws) = (names(5), cast(5), Draws::new());
            let new = || Balancer::new(&method, balanced(names.iter().map(String::as_str).zip([5, 1, 3, 1, 1])));
            let old = new();
            for after in 0..20 {
                old.pick(draws.input(), &candidates);
                let next = new();
                next.handover(&old, Some);
                let input = draws.input();
                assert_eq!(next.peek(input, &candidates), old.peek(input, &candidates), "{method:?} after {after}");
            }
            let next = new();
            next.handover(&old, Some);
            for turn in 0..50 {
                let input = draws.input();
                assert_eq!(next.pick(input, &candidates), old.pick(input, &candidates), "{method:?}, turn {turn}");
            }
        }
    }

    #[test]
    fn a_reload_may_change_anything() {
        let (old_names, new_names, candidates, mut draws) = (names(4), names(7), cast(7), Draws::new());
        for (before, after) in METHODS.iter().flat_map(|before| METHODS.iter().map(move |after| (before, after))) {
            let old = Balancer::new(before, balanced(old_names.iter().map(|name| (name.as_str(), 9))));
            (0..10).for_each(|_| assert!(old.pick(draws.input(), &cast(4)).is_some()));
            let new = Balancer::new(after, balanced(new_names.iter().map(|name| (name.as_str(), 9))));
            new.handover(&old, |index| [None, Some(3), Some(99), Some(0), Some(0), None, Some(1)][index]);
            let mut counts = [0; 7];
            (0..700).for_each(|_| counts[new.pick(draws.input(), &candidates).unwrap()] += 1);
            assert!(counts.iter().all(|count| (60..=140).contains(count)), "{before:?} to {after:?}: {counts:?}");
        }
    }

    #[test]
    fn names_that_differ_little_share_keys_as_evenly_as_any() {
        let (names, candidates) = (names(10), cast(10));
        let balancer =
            Balancer::new(&Balance::Hash(HashOn::Client), balanced(names.iter().map(|name| (name.as_str(), 1))));
        let mut counts = [0_usize; 10];
        for client in 0..40_000 {
            let key = key_of(format!("10.{}.{}.7", client / 250, client % 250).as_bytes());
            counts[balancer.pick(PickInput { key, random: 0 }, &candidates).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(4000) < 250), "{counts:?}");
    }

    #[test]
    fn keys_are_the_same_everywhere() {
        for (bytes, key) in [
            (&b""[..], 0xfa65_783b_b39e_d9af),
            (b"192.0.2.7", 0x2b31_91c8_e4e5_7a25),
            (b"worker1", 0xb74a_701b_143e_2458),
        ] {
            assert_eq!(key_of(bytes), key, "{bytes:?}: another key moves every client");
            let hash = Balancer::new(&Balance::Hash(HashOn::Client), balanced([("worker1", 1)]));
            assert_eq!(hash.key(bytes), key);
        }
        let ring = Balancer::new(&Balance::Ring(HashOn::Client), balanced([("worker1", 1)]));
        assert_ne!(ring.key(b"192.0.2.7"), ring.key(b"192.0.2.8"), "a ring has its own, and one for each");
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
