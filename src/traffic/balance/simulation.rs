//! Simulates pools: requests arrive at random, nodes serve some at once and queue the others. Tests each method with
//! equal nodes, weights, a slow node, a cold node, a silent node, and their recovery.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::super::tick::Tick;
use super::Balancer;
use super::latency::Latency;
use super::testing::{Draws, TestNode, balanced, cast};
use crate::config::{Balance, HashOn};

const METHODS: [Balance; 5] = [
    Balance::RoundRobin,
    Balance::LeastRequests,
    Balance::LeastTime,
    Balance::RandomTwo,
    Balance::Hash(HashOn::Client),
];

const MILLISECOND: u64 = 1000;

/// One pool; times in microseconds.
struct Pool {
    now: u64,
    balancer: Balancer,
    actors: Vec<TestNode>,
    nodes: Vec<Node>,
    /// Running requests: their end, node and start.
    running: BinaryHeap<Reverse<(u64, usize, u64)>>,
    /// The mean time between two requests.
    pause: u64,
    draws: Draws,
}

struct Node {
    latency: Latency,
    /// Mean time of a request; `None` if the node never answers.
    service: Option<u64>,
    /// When each of its workers is free.
    workers: Vec<u64>,
}

/// The result of some requests.
struct Outcome {
    /// The part of all requests, by node.
    shares: Vec<f64>,
    /// Mean time to an answer, in microseconds.
    latency: f64,
}

impl Pool {
    /// Four workers per weight, ten milliseconds per request, and this load.
    fn new(method: &Balance, weights: &[u16], load: f64) -> Self {
        let names: Vec<_> = (1..=weights.len()).map(|number| format!("worker{number}")).collect();
        let nodes = weights.iter().map(|weight| Node {
            latency: Latency::default(),
            service: Some(10 * MILLISECOND),
            workers: vec![0; usize::from(*weight) * 4],
        });
        let workers = f64::from(weights.iter().sum::<u16>() * 4);
        Self {
            now: 5_000_000,
            balancer: Balancer::new(method, balanced(names.iter().map(String::as_str).zip(weights.iter().copied()))),
            actors: cast(weights.len()),
            nodes: nodes.collect(),
            running: BinaryHeap::new(),
            pause: ((10 * MILLISECOND) as f64 / workers / load) as u64,
            draws: Draws::new(),
        }
    }

    fn run(&mut self, requests: usize) -> Outcome {
        let (mut counts, mut waited, mut answered) = (vec![0_usize; self.nodes.len()], 0, 0);
        for _ in 0..requests {
            self.now += self.exponential(self.pause);
            while let Some(Reverse((end, node, begin))) =
                self.running.peek().copied().filter(|next| next.0.0 <= self.now)
            {
                self.running.pop();
                self.end(end, node, begin);
                (waited, answered) = (waited + end - begin, answered + 1);
            }
            counts[self.begin()] += 1;
        }
        let shares = counts.into_iter().map(|count| count as f64 / requests as f64).collect();
        Outcome { shares, latency: waited as f64 / answered as f64 }
    }

    fn begin(&mut self) -> usize {
        let tick = tick(self.now);
        for (actor, node) in self.actors.iter().zip(&self.nodes) {
            actor.latency.set(node.latency.expected(tick));
        }
        let picked = self.balancer.pick(self.draws.input(), &self.actors).unwrap();
        let actor = &self.actors[picked];
        actor.in_flight.set(actor.in_flight.get() + 1);
        if let Some(mean) = self.nodes[picked].service {
            let service = self.exponential(mean);
            let worker = self.nodes[picked].workers.iter_mut().min().unwrap();
            *worker = (*worker).max(self.now) + service;
            self.running.push(Reverse((*worker, picked, self.now)));
        }
        picked
    }

    fn end(&self, end: u64, node: usize, begin: u64) {
        let in_flight = &self.actors[node].in_flight;
        in_flight.set(in_flight.get() - 1);
        self.nodes[node].latency.record(tick(end), Duration::from_micros(end - begin));
    }

    fn exponential(&mut self, mean: u64) -> u64 {
        (-(1.0 - self.draws.part()).ln() * mean as f64) as u64
    }
}

fn tick(micros: u64) -> Tick {
    Tick::from_millis(micros / MILLISECOND)
}

/// Methods that use a node's load.
const WATCHFUL: [Balance; 3] = [Balance::LeastRequests, Balance::LeastTime, Balance::RandomTwo];

const LOADS: [f64; 3] = [0.05, 0.3, 0.7];

#[test]
fn equal_nodes_have_equal_shares() {
    for (method, load) in METHODS.iter().flat_map(|method| LOADS.map(|load| (method, load))) {
        // While all are idle the fastest is preferred, and chance decides which that is.
        let (requests, within) = if *method == Balance::LeastTime { (60_000, 0.03) } else { (20_000, 0.01) };
        let outcome = Pool::new(method, &[1; 5], load).run(requests);
        for share in &outcome.shares {
            assert!((share - 0.2).abs() < within, "{method:?} at {load}: {:.3?}", outcome.shares);
        }
    }
}

#[test]
fn weights_are_shares_where_there_is_something_to_do() {
    for method in METHODS {
        let outcome = Pool::new(&method, &[4, 2, 1], 0.9).run(20_000);
        for (share, weight) in outcome.shares.iter().zip([4.0, 2.0, 1.0]) {
            assert!((share - weight / 7.0).abs() < 0.03, "{method:?}: {:.3?}", outcome.shares);
        }
    }
}

#[test]
fn a_slow_node_has_less_to_do_until_it_recovers() {
    for (method, load) in WATCHFUL.iter().flat_map(|method| LOADS.map(|load| (method, load * 0.75))) {
        let mut pool = Pool::new(method, &[1; 5], load);
        pool.nodes[2].service = Some(100 * MILLISECOND);
        pool.run(5_000);
        let slow = pool.run(20_000);
        let most = match method {
            Balance::LeastTime => 0.005,
            _ if load < 0.1 => 0.14,
            _ => 0.06,
        };
        assert!(slow.shares[2] < most, "{method:?} at {load}: {:.3?}", slow.shares);
        let in_turn = 28_000.0;
        assert!(slow.latency < 0.8 * in_turn, "{method:?} at {load}: {} µs", slow.latency);
        pool.nodes[2].service = Some(10 * MILLISECOND);
        let recovery = 15_000 * MILLISECOND / pool.pause;
        pool.run(recovery as usize);
        let well = pool.run(20_000);
        assert!((well.shares[2] - 0.2).abs() < 0.03, "{method:?} at {load}: {:.3?}", well.shares);
    }
}

#[test]
fn a_cold_node_has_about_its_part_and_then_its_share() {
    let part = 0.1 / 4.1;
    for method in METHODS.iter().filter(|method| !matches!(method, Balance::Hash(_))) {
        for load in LOADS {
            let mut pool = Pool::new(method, &[1; 5], load);
            pool.actors[2].warmth.set(100);
            let cold = pool.run(20_000).shares[2];
            assert!((0.6 * part..1.2 * part).contains(&cold), "{method:?} at {load}: {cold:.3}");
            pool.actors[2].warmth.set(1000);
            pool.run(5_000);
            let warm = pool.run(20_000).shares[2];
            assert!((warm - 0.2).abs() < 0.03, "{method:?} at {load}: {warm:.3}");
        }
    }
}

#[test]
fn equally_cold_nodes_share_as_warm_ones_do() {
    for method in METHODS {
        let mut pool = Pool::new(&method, &[1; 5], 0.3);
        pool.actors.iter().for_each(|actor| actor.warmth.set(100));
        let shares = pool.run(20_000).shares;
        assert!(shares.iter().all(|share| (share - 0.2).abs() < 0.02), "{method:?}: {shares:.3?}");
    }
}

#[test]
fn a_silent_node_holds_few_requests() {
    for (method, load) in WATCHFUL.iter().flat_map(|method| LOADS.map(|load| (method, load * 0.75))) {
        let mut pool = Pool::new(method, &[1; 5], load);
        pool.run(1_000);
        pool.nodes[2].service = None;
        pool.run(20_000);
        let held = pool.actors[2].in_flight.get();
        assert!(held < 40, "{method:?} at {load}: {held}");
    }
}

#[test]
fn a_node_of_which_nothing_is_known_is_tried_at_once_and_not_flooded() {
    for load in LOADS {
        let mut pool = Pool::new(&Balance::LeastTime, &[1; 5], load * 0.75);
        pool.actors[2].eligible.set(false);
        pool.run(2_000);
        pool.actors[2].eligible.set(true);
        pool.nodes[2].service = None;
        let tried = pool.run(20).shares[2];
        assert!((0.04..0.3).contains(&tried), "{tried} of 20 at {load}");
        let held = pool.actors[2].in_flight.get();
        assert!((1..=6).contains(&held), "{held} at {load}");
    }
}
