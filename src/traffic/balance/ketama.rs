//! nginx's ring, of `hash … consistent`: each key stays on the node that nginx gave it. A node has 160 points for each unit of
//! its weight, and a key belongs to the node of the next point. Where that node cannot serve, the points behind it are asked.

use std::collections::HashMap;
use std::net::SocketAddr;

use pingora_ketama::{Bucket, Continuum};

use super::candidates::{Candidates, PickInput};

/// The largest sum of weights that has all of its points, 1.6 million. Beyond it all weights are made smaller alike.
const MOST_WEIGHT: u32 = 10_000;

/// The most points that are asked, as in nginx. Then nearly all nodes cannot serve, and any other one will do.
const MOST_POINTS: usize = 21;

/// Picks a node by key.
pub(super) struct Ketama {
    ring: Continuum,
    /// The node of each point.
    points: Box<[u16]>,
    nodes: usize,
}

impl Ketama {
    /// `nodes` has the address and the weight of each.
    pub(super) fn new(nodes: impl IntoIterator<Item = (SocketAddr, u16)>) -> Self {
        let nodes: Vec<_> = nodes.into_iter().collect();
        let total: u32 = nodes.iter().map(|(_, weight)| u32::from(*weight)).sum();
        let smaller = total.div_ceil(MOST_WEIGHT).max(1);
        let bucket =
            |(address, weight): &(SocketAddr, u16)| Bucket::new(*address, (u32::from(*weight) / smaller).max(1));
        let ring = Continuum::new(&nodes.iter().map(bucket).collect::<Vec<_>>());
        let places: HashMap<SocketAddr, u16> =
            (0..).zip(&nodes).map(|(place, (address, _))| (*address, place)).collect();
        let mut points = Vec::new();
        let mut at = 0;
        while let Some(place) = ring.get_addr(&mut at).and_then(|address| places.get(address)) {
            points.push(*place);
            // It begins again.
            if at == 0 {
                break;
            }
        }
        Self { ring, points: points.into(), nodes: nodes.len() }
    }

    /// The point that these bytes belong to, which is the key of a pick.
    pub(super) fn key(&self, bytes: &[u8]) -> u64 {
        self.ring.node_idx(bytes) as u64
    }

    pub(super) fn pick(&self, input: PickInput, candidates: &impl Candidates) -> Option<usize> {
        let first = usize::try_from(input.key).unwrap_or(0) % self.points.len().max(1);
        let points = self.points.iter().skip(first).chain(&self.points).take(MOST_POINTS);
        let by_points = points.map(|place| usize::from(*place)).find(|node| candidates.eligible(*node));
        by_points.or_else(|| {
            let mut others = (0..self.nodes).map(|node| (first + node) % self.nodes);
            others.find(|node| candidates.eligible(*node))
        })
    }
}

impl std::fmt::Debug for Ketama {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ketama with {} points", self.points.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::cast;
    use super::*;

    /// Which of three nodes, on ports 18281, 18282 and 18283 of 127.0.0.1, nginx 1.22.1 gave the keys `tenant-0` to `tenant-1999`
    /// by `hash $http_x_key consistent`: with equal weights; with weights 2, 1, 5; and with the second one on port 18289, where
    /// nothing listens.
    const NGINX: &str = include_str!("ketama/nginx.txt");

    fn ring(ports: [u16; 3], weights: [u16; 3]) -> Ketama {
        Ketama::new(ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port))).into_iter().zip(weights))
    }

    fn picked(ring: &Ketama, key: &str, candidates: &impl Candidates) -> Option<usize> {
        ring.pick(PickInput { key: ring.key(key.as_bytes()), random: 0 }, candidates)
    }

    #[test]
    fn each_key_has_the_node_that_nginx_gives_it() {
        let all = [18281, 18282, 18283];
        let cases = [(all, [1, 1, 1], None), (all, [2, 1, 5], None), ([18281, 18289, 18283], [1, 1, 1], Some(1))];
        let lines: Vec<&str> = NGINX.lines().collect();
        assert_eq!(lines.len(), cases.len());
        for (line, (ports, weights, down)) in lines.into_iter().zip(cases) {
            let (ring, candidates) = (ring(ports, weights), cast(3));
            down.into_iter().for_each(|down: usize| candidates[down].eligible.set(false));
            let ours: String = (0..2000)
                .map(|number| {
                    picked(&ring, &format!("tenant-{number}"), &candidates).map_or(0, |node| node + 1).to_string()
                })
                .collect();
            assert_eq!(ours, line, "{ports:?} {weights:?}");
        }
    }

    #[test]
    fn while_anybody_can_serve_somebody_is_picked() {
        let (addresses, candidates) = ((0..90).map(|number| SocketAddr::from(([10, 0, 0, number], 80))), cast(90));
        let ring = Ketama::new(addresses.zip([1; 90]));
        candidates.iter().enumerate().for_each(|(node, actor)| actor.eligible.set(node == 70));
        assert!((0..500).all(|key| picked(&ring, &key.to_string(), &candidates) == Some(70)));
        candidates[70].eligible.set(false);
        assert_eq!(picked(&ring, "key", &candidates), None);
        assert_eq!(picked(&Ketama::new([]), "key", &cast(0)), None);
        // Of two at one address the ring knows one.
        let (twins, candidates) =
            (Ketama::new([SocketAddr::from(([10, 0, 0, 1], 80)); 2].into_iter().zip([1, 1])), cast(2));
        assert!(picked(&twins, "key", &candidates).is_some());
        for node in [0, 1] {
            candidates.iter().enumerate().for_each(|(other, actor)| actor.eligible.set(other == node));
            assert_eq!(picked(&twins, "key", &candidates), Some(node));
        }
    }

    #[test]
    fn weights_make_no_ring_larger_than_it_may_be() {
        let addresses = (0..11).map(|number| SocketAddr::from(([10, 0, 0, number], 80)));
        let ring = Ketama::new(addresses.zip([1000; 11]));
        assert!(ring.points.len() <= 160 * MOST_WEIGHT as usize, "{ring:?}");
        let mut shares = (0..11).map(|node| ring.points.iter().filter(|point| **point == node).count());
        assert!(shares.all(|share| share.abs_diff(80_000) < 800), "{ring:?}");
    }
}
