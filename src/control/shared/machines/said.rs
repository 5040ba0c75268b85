//! What machines say of themselves, and when they last did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// After this time a machine is there no more, and after this one it is forgotten.
const AWAY: Duration = Duration::from_secs(5);
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What is known of the others.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    by_name: BTreeMap<String, Machine>,
    /// When a server last told of them.
    heard: Option<Instant>,
}

/// Another machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// When it said something new.
    seen: Instant,
    pub(super) said: Said,
}

/// What a machine says. What an older Weir does not say has its default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said {
    /// Milliseconds since 1970, by its clock.
    pub(super) at: u64,
    pub(super) version: String,
    /// A number that no other process has.
    #[serde(default)]
    pub(super) process: u64,
    pub(super) sessions: u64,
    /// `POOL/NODE`, and the word for its state.
    pub(super) nodes: BTreeMap<String, String>,
    /// How far it is with the orders for nodes; absent: it has none in common with others.
    #[serde(default)]
    pub(super) orders: Option<BTreeMap<String, Progress>>,
    /// It was stopped, and this is its last word.
    #[serde(default)]
    pub(super) stopped: bool,
}

/// How far a machine is with an order for a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Of the order.
    pub(crate) version: u64,
    /// Sessions that are left; absent where they cannot be counted.
    pub(crate) sessions: Option<u64>,
    /// Requests that are left.
    pub(crate) in_flight: u32,
    /// Nothing is left.
    pub(crate) is_done: bool,
    /// The node gets nothing at all any more.
    pub(crate) rests: bool,
}

/// When a machine last said something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) ago: Duration,
    /// Not long ago, and it was not its last word.
    pub(crate) is_there: bool,
}

impl Machine {
    pub(super) fn seen(&self, now: Instant) -> Seen {
        let ago = now.saturating_duration_since(self.seen);
        Seen { ago, is_there: ago <= AWAY && !self.said.stopped }
    }
}

impl Machines {
    /// All, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Machine)> {
        self.by_name.iter()
    }

    /// Whether it is known by now what the others say.
    pub(crate) fn are_heard(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.saturating_duration_since(heard) <= AWAY)
    }

    /// Which machines cannot hear of an order now, in words.
    pub(crate) fn who_does_not_hear(&self, now: Instant) -> Option<String> {
        if !self.are_heard(now) {
            return Some("no server of [shared] can be used: other machines follow when one can be".to_owned());
        }
        let away = |(name, machine): (&String, &Machine)| {
            let Seen { ago, is_there } = machine.seen(now);
            let is_away = !is_there && !machine.said.stopped;
            is_away.then(|| format!("{name} was last seen {} s ago, and follows when it is back", ago.as_secs()))
        };
        let older = |(name, machine): (&String, &Machine)| {
            let is_older = machine.seen(now).is_there && machine.said.orders.is_none();
            is_older.then(|| format!("{name} runs weir {}, which does not follow", machine.said.version))
        };
        let all = self.by_name.iter().filter_map(|one| away(one).or_else(|| older(one)));
        Some(all.collect::<Vec<_>>().join("; ")).filter(|all| !all.is_empty())
    }

    /// How far each machine is with the order for a node; `None`: it has not heard of one. Those that were stopped have nothing left.
    pub(crate) fn progress<'m>(
        &'m self,
        node: &'m str,
        now: Instant,
    ) -> impl Iterator<Item = (&'m str, Seen, Option<&'m Progress>)> {
        self.by_name.iter().filter(|(_, machine)| !machine.said.stopped).filter_map(move |(name, machine)| {
            Some((&**name, machine.seen(now), machine.said.orders.as_ref()?.get(node)))
        })
    }

    /// The machines that are there and follow orders, and on which no node but this one serves a pool where it does: `POOL at MACHINE`. Nodes under one of
    /// these orders do not serve.
    pub(crate) fn left_without(&self, node: &str, is_ordered: impl Fn(&str) -> bool, now: Instant) -> Vec<String> {
        let follows = |machine: &Machine| machine.seen(now).is_there && machine.said.orders.is_some();
        let there = self.by_name.iter().filter(|(_, machine)| follows(machine));
        let mut without = Vec::new();
        for (name, machine) in there {
            let mut others: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
            for (place, word) in &machine.said.nodes {
                let Some((pool, label)) = place.split_once('/') else { continue };
                // A node with several addresses is `NODE@ADDRESS`.
                let known = label.split('@').next().unwrap_or_default();
                let (own, other) = others.entry(pool).or_default();
                let serves = ["active", "standby"].contains(&&**word);
                *own |= serves && known == node;
                *other |= serves && known != node && !is_ordered(known);
            }
            let left = others.into_iter().filter(|(_, (own, other))| *own && !other);
            without.extend(left.map(|(pool, _)| format!("{pool} at {name}")));
        }
        without
    }

    /// What the others said. Returns those that are to be forgotten.
    pub(super) fn hear(&mut self, heard: impl Iterator<Item = (String, Said)>, now: Instant) -> Vec<String> {
        self.heard = Some(now);
        for (name, said) in heard {
            match self.by_name.get_mut(&name) {
                Some(known) if known.said.at >= said.at => {}
                Some(known) => *known = Machine { seen: now, said },
                None => _ = self.by_name.insert(name, Machine { seen: now, said }),
            }
        }
        let is_over = |machine: &Machine| now.saturating_duration_since(machine.seen) > FORGOTTEN;
        let over: Vec<String> =
            self.by_name.iter().filter(|(_, machine)| is_over(machine)).map(|(name, _)| name.clone()).collect();
        over.iter().for_each(|name| _ = self.by_name.remove(name));
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
        Said { at, version: "1".to_owned(), process: 0, sessions: 0, nodes, orders: None, stopped: false }
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

    fn heard(machines: &mut Machines, name: &str, said: Said, now: Instant) {
        machines.hear(std::iter::once((name.to_owned(), said)), now);
    }

    #[test]
    fn a_machine_would_be_left_without_a_node_where_no_other_one_serves() {
        let (mut machines, now) = (Machines::default(), Instant::now());
        let nodes = [
            ("esb/a", "active"),
            ("esb/b", "unhealthy"),
            ("esb/c@10.0.0.3:80", "standby"),
            ("web/a", "active"),
            ("app/c", "active"),
        ];
        heard(&mut machines, "lb2", Said { orders: Some(BTreeMap::new()), ..said(1, &nodes) }, now);
        heard(&mut machines, "lb3", said(1, &[("esb/a", "active")]), now);
        let left = |node, ordered: &str, now| machines.left_without(node, |other| other == ordered, now);
        assert_eq!(left("a", "", now), ["web at lb2"]);
        assert_eq!(left("a", "c", now), ["esb at lb2", "web at lb2"]);
        assert_eq!(left("b", "", now), [""; 0], "it serves nothing there");
        assert_eq!(left("a", "c", now + Duration::from_secs(6)), [""; 0], "it is gone");
    }

    #[test]
    fn who_cannot_hear_of_an_order_is_named() {
        let (mut machines, now) = (Machines::default(), Instant::now());
        let told = |machines: &Machines, seconds| machines.who_does_not_hear(now + Duration::from_secs(seconds));
        assert!(told(&machines, 0).unwrap().starts_with("no server of [shared] can be used"));
        let sharing = |at| Said { orders: Some(BTreeMap::new()), ..said(at, &[]) };
        heard(&mut machines, "lb2", sharing(1), now);
        assert_eq!(told(&machines, 0), None);
        heard(&mut machines, "lb3", said(1, &[]), now + Duration::from_secs(9));
        let expected = "lb2 was last seen 9 s ago, and follows when it is back; lb3 runs weir 1, which does not follow";
        assert_eq!(told(&machines, 9).as_deref(), Some(expected));
        heard(&mut machines, "lb2", Said { stopped: true, ..sharing(2) }, now + Duration::from_secs(20));
        assert!(machines.progress("a", now).next().is_none(), "one that was stopped, and one that shares none");
    }

    #[test]
    fn machines_differ_where_both_have_judged_a_node() {
        let here = said(1, &[("esb/a", "active"), ("esb/b", "unhealthy"), ("esb/c", "active"), ("esb/d", "active")]);
        let there =
            said(1, &[("esb/a", "unhealthy"), ("esb/b", "unhealthy"), ("esb/c", "maintenance"), ("web/d", "ejected")]);
        assert_eq!(differences(&here, &there), ["a of esb is active here, and unhealthy there"]);
    }
}
