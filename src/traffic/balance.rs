//! Who is next: one node of those that may be picked, by the pool's method. Shared by all threads.

use std::sync::atomic::AtomicU32;

use siphasher::sip::SipHasher13;

pub use candidates::{Ask, Candidates};
pub use robin::SmoothRoundRobin;

use super::tick::Tick;
use crate::config::Balance;
use candidates::{warmth, weights};
use consistent::Consistent;
use least::{By, Least};
use random::RandomTwo;

mod candidates;
mod consistent;
mod least;
mod random;
mod robin;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod stage;

/// A pool's method, and whose turn it is by it.
#[derive(Debug)]
pub struct Balancer(Method);

#[derive(Debug)]
enum Method {
    Robin(SmoothRoundRobin),
    Least(Least),
    RandomTwo(RandomTwo),
    Consistent(Consistent),
}

impl Balancer {
    /// Of nodes in the pool's order: their identities, which are the same after a reload, and their weights, 1 to 1000.
    pub fn new<'a>(method: &Balance, nodes: impl IntoIterator<Item = (&'a str, u16)>) -> Self {
        let (names, given): (Vec<_>, Vec<_>) = nodes.into_iter().unzip();
        let weights = weights(given);
        Self(match method {
            Balance::RoundRobin => Method::Robin(SmoothRoundRobin::new(weights)),
            Balance::LeastRequests => Method::Least(Least::new(weights, By::Requests)),
            Balance::LeastTime => Method::Least(Least::new(weights, By::Time(AtomicU32::new(0)))),
            Balance::RandomTwo => Method::RandomTwo(RandomTwo::new(weights)),
            Balance::Hash(_) => {
                let seeds = names.into_iter().map(|name| key_of(name.as_bytes()));
                Method::Consistent(Consistent::new(seeds.zip(weights)))
            }
        })
    }

    /// The next node, whose turn it then was. None only where none may be picked.
    pub fn pick(&self, ask: Ask, among: &impl Candidates) -> Option<usize> {
        self.next::<true>(ask, among)
    }

    /// The node that `pick` would name; changes nothing.
    pub fn peek(&self, ask: Ask, among: &impl Candidates) -> Option<usize> {
        self.next::<false>(ask, among)
    }

    /// Goes on in the rhythm of `previous`, where that was of the same method: `before` tells which index a node had
    /// there.
    pub fn handover(&self, previous: &Self, before: impl Fn(usize) -> Option<usize>) {
        match (&self.0, &previous.0) {
            (Method::Robin(mine), Method::Robin(theirs)) => mine.handover(theirs, before),
            (Method::Least(mine), Method::Least(theirs)) => mine.handover(theirs, before),
            _ => {}
        }
    }

    fn next<const TAKEN: bool>(&self, ask: Ask, among: &impl Candidates) -> Option<usize> {
        match &self.0 {
            Method::Robin(robin) if TAKEN => robin.pick(|node| warmth(among, node)),
            Method::Robin(robin) => robin.peek(|node| warmth(among, node)),
            Method::Least(least) => least.pick::<TAKEN>(ask, among),
            Method::RandomTwo(random) => random.pick(ask, among),
            Method::Consistent(consistent) => consistent.pick(ask, among),
        }
    }
}

/// The key of what a request is hashed by: the same on every machine and after every restart, so that two Weirs send a
/// client to the same node. Whoever can choose it can choose a node, as with any such method.
pub fn key_of(bytes: &[u8]) -> u64 {
    SipHasher13::new_with_key(b"weir's node keys").hash(bytes)
}

/// Where no node takes traffic: of those that only an ejection keeps passive and that this request did not try (`Some`,
/// with the moment it ends) the one whose ejection ends first. So a pool of one node answers again as soon as the node
/// does, as nginx has it, not only when the ejection is over.
pub fn last_resort(ejected: impl IntoIterator<Item = Option<Tick>>) -> Option<usize> {
    let ends = ejected.into_iter().enumerate().filter_map(|(index, until)| until.map(|until| (until, index)));
    ends.min().map(|(_, index)| index)
}
