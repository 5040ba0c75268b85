//! The numbers by which sessions know nodes. They go from one generation to the next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Node numbers have 16 bits in the session table. The largest belongs to no node.
const MOST_NUMBERS: u32 = u16::MAX as u32;
/// From this many numbers on, those of removed nodes are used again.
pub(super) const MANY_NUMBERS: usize = 1 << 15;

/// The numbers that were given, by the labels of nodes.
#[derive(Clone, Default)]
pub(super) struct Numbers {
    by_label: HashMap<Arc<str>, u32>,
    /// Given back.
    free: Vec<u32>,
    next_link: u64,
}

impl Numbers {
    /// The node's number. Sessions refer to it, so the number of a removed node is given to another only when very many
    /// were used (see [`MANY_NUMBERS`]). Names whose addresses change can use up any amount.
    pub(super) fn of(&mut self, label: &Arc<str>) -> u32 {
        if let Some(known) = self.by_label.get(label) {
            return *known;
        }
        // No number was given back, so all numbers below this are in use.
        let fresh = || u32::try_from(self.by_label.len()).unwrap_or(MOST_NUMBERS).min(MOST_NUMBERS);
        let number = self.free.pop().unwrap_or_else(fresh);
        self.by_label.insert(Arc::clone(label), number);
        number
    }

    /// How many labels have a number.
    pub(super) fn count(&self) -> usize {
        self.by_label.len()
    }

    /// Keeps the numbers of these labels and frees all others.
    pub(super) fn keep(&mut self, labels: &HashSet<&str>) {
        let free = &mut self.free;
        self.by_label.retain(|label, number| {
            let stays = labels.contains(&**label);
            if !stays {
                free.push(*number);
            }
            stays
        });
    }

    /// A new number for the connections to a node.
    pub(super) fn link(&mut self) -> u64 {
        self.next_link += 1;
        self.next_link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nodes_that_are_there_have_one_number_however_many_have_gone() {
        let mut numbers = Numbers::default();
        let labels = |from: usize| (from..from + 1000).map(|n| Arc::from(format!("n@{n}"))).collect::<Vec<Arc<str>>>();
        let stays: Arc<str> = "stays".into();
        let first = numbers.of(&stays);
        for round in 0..100 {
            let now = labels(round * 1000);
            let given: HashSet<u32> = now.iter().chain([&stays]).map(|label| numbers.of(label)).collect();
            assert_eq!(given.len(), 1001, "round {round}");
            assert!(given.iter().all(|number| *number < MOST_NUMBERS), "round {round}");
            if numbers.by_label.len() >= MANY_NUMBERS {
                numbers.keep(&now.iter().chain([&stays]).map(|label| &**label).collect());
            }
        }
        assert_eq!(numbers.of(&stays), first);
    }

    #[test]
    fn no_number_of_connections_is_given_twice() {
        let mut numbers = Numbers::default();
        let links: HashSet<u64> = (0..100).map(|_| numbers.link()).collect();
        assert_eq!(links.len(), 100);
    }
}
