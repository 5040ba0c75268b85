//! What machines say of themselves, and when they last did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// After this time a machine is there no more, and after this one it is forgotten.
const AWAY: Duration = Duration::from_secs(5);
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What is known of the others, by name.
#[derive(Debug, Default)]
pub(crate) struct Machines(BTreeMap<String, Machine>);

/// Another machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// When it said something new.
    seen: Instant,
    pub(super) said: Said,
}

/// What a machine says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said {
    /// Milliseconds since 1970, by its clock.
    pub(super) at: u64,
    pub(super) version: String,
    pub(super) sessions: u64,
    /// `POOL/NODE`, and the word for its state.
    pub(super) nodes: BTreeMap<String, String>,
}

impl Machine {
    /// How long ago it last said something, and whether it is there.
    pub(super) fn seen(&self, now: Instant) -> (Duration, bool) {
        let seen = now.saturating_duration_since(self.seen);
        (seen, seen <= AWAY)
    }
}

impl Machines {
    /// All, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Machine)> {
        self.0.iter()
    }

    /// What the others said. Returns those that are to be forgotten.
    pub(super) fn hear(&mut self, heard: impl Iterator<Item = (String, Said)>, now: Instant) -> Vec<String> {
        for (name, said) in heard {
            match self.0.get_mut(&name) {
                Some(known) if known.said.at >= said.at => {}
                Some(known) => *known = Machine { seen: now, said },
                None => _ = self.0.insert(name, Machine { seen: now, said }),
            }
        }
        let is_over = |machine: &Machine| now.saturating_duration_since(machine.seen) > FORGOTTEN;
        let over: Vec<String> =
            self.0.iter().filter(|(_, machine)| is_over(machine)).map(|(name, _)| name.clone()).collect();
        over.iter().for_each(|name| _ = self.0.remove(name));
        over
    }
}

/// Where probes or requests say one thing here and another there. What operators ordered, and what is still checked, is no difference.
pub(super) fn differences(own: &Said, other: &Said) -> Vec<String> {
    let judged = |word: &str| ["active", "unhealthy", "ejected"].contains(&word);
    let both = own.nodes.iter().filter_map(|(node, here)| Some((node, here, other.nodes.get(node)?)));
    let differ = both.filter(|(_, here, there)| judged(here) && judged(there) && here != there);
    let told = differ.map(|(node, here, there)| {
        let (pool, node) = node.split_once('/').unwrap_or_default();
        format!("{node} of {pool} is {here} here, and {there} there")
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(at: u64, nodes: &[(&str, &str)]) -> Said {
        let nodes = nodes.iter().map(|(node, word)| ((*node).to_owned(), (*word).to_owned())).collect();
        Said { at, version: "1".to_owned(), sessions: 0, nodes }
    }

    #[test]
    fn a_machine_is_seen_when_it_says_something_new_and_forgotten_after_an_hour() {
        let (mut machines, start) = (Machines::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut hear = |said, now| machines.hear(std::iter::once(("lb2".to_owned(), said)), now).len();
        assert_eq!((hear(said(5, &[]), at(0)), hear(said(5, &[]), at(3000))), (0, 0));
        assert_eq!(hear(said(5, &[]), at(3601)), 1, "it only repeats what a server kept");
        assert_eq!(
            (hear(said(6, &[]), at(3602)), hear(said(7, &[]), at(7000)), hear(said(7, &[]), at(7300))),
            (0, 0, 0)
        );
    }

    #[test]
    fn machines_differ_where_both_have_judged_a_node() {
        let here = said(1, &[("esb/a", "active"), ("esb/b", "unhealthy"), ("esb/c", "active"), ("esb/d", "active")]);
        let there =
            said(1, &[("esb/a", "unhealthy"), ("esb/b", "unhealthy"), ("esb/c", "maintenance"), ("web/d", "ejected")]);
        assert_eq!(differences(&here, &there), ["a of esb is active here, and unhealthy there"]);
    }
}
