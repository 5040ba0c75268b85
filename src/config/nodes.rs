//! `[[node]]`: the servers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::addresses;
use super::errors::Place;
use super::model::{Address, Node};
use super::section::Section;

/// One node.
pub(super) fn read(section: &Section<'_>, name: Arc<str>, seen: &mut Seen) -> Node {
    let address = section.required_parsed("address", addresses::node);
    let node = Node {
        route: name.clone(),
        name,
        address: Address::Ip(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        port_offset: section.integer("port-offset"),
        at: section.at(),
    };
    if address.is_some() {
        seen.note(&node, section);
    }
    node
}

/// Which address and offset is which node: the same server twice is allowed, but rarely meant.
#[derive(Default)]
pub(super) struct Seen(HashMap<(Address, u16), (Arc<str>, Place)>);

impl Seen {
    fn note(&mut self, node: &Node, section: &Section<'_>) {
        let place = section.place_of("address");
        let (name, other) = self
            .0
            .entry((node.address.clone(), node.port_offset))
            .or_insert_with(|| (node.name.clone(), place.clone()));
        if *other != place {
            let what = format!("node {:?} is the same server as node {name:?}: {other}", node.name);
            section.problems.warning(
                place,
                what,
                "one process is one node; a second one on the same host has its own port-offset",
            );
        }
    }
}
