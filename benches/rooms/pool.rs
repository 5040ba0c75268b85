//! The node that a request gets.

use std::collections::BTreeSet;

use weir::traffic::balance::PickInput;
use weir::traffic::pool::{Choice, Criteria, Purpose, Tried};
use weir::traffic::tick::Tick;

use crate::configured::pool;
use crate::measure::{Criterion, measure};

const NOW: Tick = Tick::from_millis(1_000);

/// A node, and a place there, by each method.
pub(crate) fn choose(criterion: &mut Criterion) {
    for method in ["round-robin", "least-requests", "least-time", "random-two", "hash"] {
        let hash = if method == "hash" { "hash = { on = \"path\" }" } else { "" };
        for count in [2, 1000] {
            let pool = pool(&format!("{method}-{count}"), count, &format!("balance = \"{method}\"\n{hash}"));
            let tried = Tried::default();
            let mut chance = 88_172_645_463_325_252;
            let mut next = || {
                let pick_input = PickInput { key: draw(&mut chance), random: draw(&mut chance) };
                let criteria = Criteria {
                    bound: None,
                    returns: false,
                    prefers: None,
                    tried: &tried,
                    failure: None,
                    pick_input,
                    now: NOW,
                };
                let Choice::Node(chosen) = pool.choose(&criteria, Purpose::Take) else {
                    panic!("all nodes are active")
                };
                chosen.member
            };
            let met: BTreeSet<_> = (0..1000).map(|_| next()).collect();
            assert!(met.len() > 1, "{method}: requests are spread");
            measure(criterion, &format!("choose/{method}/{count}"), 0, next);
        }
    }
}

fn draw(chance: &mut u64) -> u64 {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    chance.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
