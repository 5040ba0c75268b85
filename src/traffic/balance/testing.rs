//! Test tools for balancing: nodes with settable values, and random numbers that are the same in every run.

use std::cell::Cell;
use std::net::SocketAddr;

use super::{Balanced, Candidates, PickInput};
use crate::traffic::xorshift::xorshift;

/// A node with settable values.
#[derive(Clone, Debug)]
pub(super) struct TestNode {
    pub(super) eligible: Cell<bool>,
    pub(super) in_flight: Cell<u32>,
    pub(super) latency: Cell<u32>,
    pub(super) warmth: Cell<u16>,
}

impl TestNode {
    /// An eligible, warm, idle node of unknown latency.
    pub(super) fn new() -> Self {
        let (eligible, warmth) = (Cell::new(true), Cell::new(1000));
        Self { eligible, in_flight: Cell::default(), latency: Cell::default(), warmth }
    }
}

/// This many nodes.
pub(super) fn cast(count: usize) -> Vec<TestNode> {
    vec![TestNode::new(); count]
}

impl Candidates for Vec<TestNode> {
    fn eligible(&self, node: usize) -> bool {
        self[node].eligible.get()
    }

    fn in_flight(&self, node: usize) -> u32 {
        self[node].in_flight.get()
    }

    fn latency(&self, node: usize) -> u32 {
        self[node].latency.get()
    }

    fn warmth(&self, node: usize) -> u16 {
        self[node].warmth.get()
    }
}

/// Nodes of these names and weights, each at an address of its own.
pub(super) fn balanced<'a>(nodes: impl IntoIterator<Item = (&'a str, u16)>) -> Vec<Balanced<'a>> {
    let address = |place: u16| SocketAddr::from(([10, 0, (place / 250) as u8, (place % 250) as u8], 8280));
    let nodes = (0_u16..).zip(nodes);
    nodes.map(|(place, (name, weight))| Balanced { name, address: address(place), weight }).collect()
}

/// A random generator with a fixed seed.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new() -> Self {
        Self(88_172_645_463_325_252)
    }

    pub(super) fn next(&mut self) -> u64 {
        // The low bits of successive numbers are related, so the output is multiplied.
        xorshift(&mut self.0).wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        super::candidates::below(bound, self.next())
    }

    /// A fraction from 0 to below 1.
    pub(super) fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn input(&mut self) -> PickInput {
        PickInput { key: self.next(), random: self.next() }
    }
}
