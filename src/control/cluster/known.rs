//! What Weir itself knows of the nodes, to set beside what members say: where they are, and how their probes go.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::member_list::MemberAddress;
use crate::config::{Address, Config};
use crate::proxy::generation::Generation;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::{Reason, State};

/// The nodes of the running configuration.
#[derive(Debug, Default)]
pub(crate) struct KnownNodes {
    pub(super) nodes: Vec<KnownNode>,
    by_address: HashMap<IpAddr, Vec<usize>>,
}

/// One node.
#[derive(Clone, Debug)]
pub(super) struct KnownNode {
    pub(super) name: Arc<str>,
    /// Its DNS name, if it has one.
    dns: Option<Arc<str>>,
    /// Its port in `members`. Who stands there should be in the cluster.
    port: Option<u16>,
    pub(super) probes: Probes,
}

/// How a node's probes go, in all its pools together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probes {
    /// It is `unhealthy` in a pool, for what was seen there.
    Fail(String),
    /// It has passed them in each pool.
    Pass,
    /// It has none, or they do not say yet, or an operator took it out.
    Undecided,
}

impl KnownNodes {
    pub(super) fn of(generation: &Generation) -> Self {
        let mut known = Self::places(generation);
        let mut probed: Vec<Option<Probes>> = vec![None; known.nodes.len()];
        for pool in &generation.snapshot.pools {
            for member in &pool.members {
                if let (Some(_), Some(probes)) = (&pool.settings.health, probed.get_mut(member.index)) {
                    let here = probes_of(member);
                    *probes = Some(probes.take().map_or_else(|| here.clone(), |others| others.and(here.clone())));
                }
            }
        }
        for (node, probes) in known.nodes.iter_mut().zip(probed) {
            node.probes = probes.unwrap_or(Probes::Undecided);
        }
        known
    }

    /// Where they are, without a look at their probes.
    pub(super) fn places(generation: &Generation) -> Self {
        let mut known = Self::of_config(&generation.snapshot.config);
        let members = generation.snapshot.pools.iter().flat_map(|pool| &pool.members);
        members.for_each(|member| known.add_address(member.index, member.address.ip()));
        known
    }

    fn of_config(config: &Config) -> Self {
        let members = config.cluster.iter().flat_map(|cluster| &cluster.members);
        let ports: HashMap<usize, u16> = members.map(|member| (member.node, member.port)).collect();
        let mut known = Self::default();
        for (index, node) in config.nodes.iter().enumerate() {
            let dns = match &node.address {
                Address::Ip(_) => None,
                Address::Name(name) => Some(Arc::clone(name)),
            };
            let (name, port) = (Arc::clone(&node.name), ports.get(&index).copied());
            known.nodes.push(KnownNode { name, dns, port, probes: Probes::Undecided });
            node.ip().iter().for_each(|ip| known.add_address(index, *ip));
        }
        known
    }

    fn add_address(&mut self, node: usize, address: IpAddr) {
        let there = self.by_address.entry(address.to_canonical()).or_default();
        if !there.contains(&node) {
            there.push(node);
        }
    }

    /// The node that is this member: the only one at its address, or of several the one with its port.
    pub(super) fn who(&self, member: &MemberAddress) -> Option<usize> {
        let there: Vec<usize> = match member.host.parse::<IpAddr>() {
            Ok(address) => self.by_address.get(&address.to_canonical()).cloned().unwrap_or_default(),
            Err(_) => {
                let named = |node: &KnownNode| node.dns.as_deref().unwrap_or(&node.name) == &*member.host;
                (0..self.nodes.len()).filter(|index| named(&self.nodes[*index])).collect()
            }
        };
        match there[..] {
            [one] => Some(one),
            _ => there.into_iter().find(|index| self.nodes[*index].port == Some(member.port)),
        }
    }

    /// The name of the node that is this member, or else its address.
    pub(super) fn name_of(&self, member: &MemberAddress) -> Arc<str> {
        self.who(member).map_or_else(|| member.to_string().into(), |index| Arc::clone(&self.nodes[index].name))
    }
}

impl KnownNode {
    /// Whether it should be in the cluster.
    pub(super) fn is_expected(&self) -> bool {
        self.port.is_some()
    }
}

impl Probes {
    /// The worst of two pools.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fail(seen), _) | (_, Self::Fail(seen)) => Self::Fail(seen),
            (Self::Undecided, _) | (_, Self::Undecided) => Self::Undecided,
            (Self::Pass, Self::Pass) => Self::Pass,
        }
    }
}

fn probes_of(member: &Member) -> Probes {
    match member.state.state() {
        State::Passive(Reason::Unhealthy) => {
            Probes::Fail(member.seen(Reason::Unhealthy).map(|seen| seen.to_string()).unwrap_or_default())
        }
        State::Passive(Reason::Checking | Reason::Maintenance) => Probes::Undecided,
        // One failure is no verdict yet.
        _ if member.state.probe_failure().is_some() => Probes::Undecided,
        _ => Probes::Pass,
    }
}

#[cfg(test)]
impl KnownNodes {
    /// Nodes with a name, an address, and a port in `members`, whose probes pass.
    pub(super) fn made(nodes: &[(&str, &str, Option<u16>)]) -> Self {
        let mut known = Self::default();
        for (index, (name, address, port)) in nodes.iter().enumerate() {
            known.nodes.push(KnownNode { name: (*name).into(), dns: None, port: *port, probes: Probes::Pass });
            known.add_address(index, address.parse().unwrap());
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(known: &KnownNodes, member: &str) -> String {
        known.name_of(&MemberAddress::parse(member).unwrap()).to_string()
    }

    #[test]
    fn a_member_is_the_node_at_its_address_and_of_several_the_one_with_its_port() {
        let known = KnownNodes::made(&[
            ("alone", "10.0.0.2", None),
            ("one", "10.0.0.3", Some(4200)),
            ("two", "10.0.0.3", Some(4300)),
            ("six", "fd00::3", None),
        ]);
        for (member, node) in [
            ("10.0.0.2:4100", "alone"),
            ("10.0.0.3:4200", "one"),
            ("10.0.0.3:4300", "two"),
            ("10.0.0.3:4000", "10.0.0.3:4000"),
            ("[fd00::3]:4000", "six"),
            ("[::ffff:10.0.0.2]:4000", "alone"),
            ("10.0.0.9:4000", "10.0.0.9:4000"),
            ("one:4000", "one"),
            ("other.local:4000", "other.local:4000"),
        ] {
            assert_eq!(who(&known, member), node, "{member}");
        }
    }
}
