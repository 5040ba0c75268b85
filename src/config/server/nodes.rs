//! `[[node]]`: the servers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::config::model::{Address, Node};
use crate::config::text::errors::{Place, Wrong};
use crate::config::text::section::Section;
use crate::config::text::words::{is_token, quoted};
use crate::config::values::addresses;

/// Sessions store their node as a number of 16 bits.
const MOST: usize = u16::MAX as usize;

/// Refuses a configuration with more nodes than such numbers.
pub(crate) fn bound(nodes: &[Section<'_>]) {
    if let Some(beyond) = nodes.get(MOST) {
        let what = format!("there are {} nodes, at most {MOST} can be told apart", nodes.len());
        beyond.problems.error(beyond.at(), what, "share them out among several Weirs");
    }
}

/// One node.
pub(crate) fn read(section: &Section<'_>, name: Arc<str>, servers: &mut Servers) -> Node {
    let address = section.required_parsed("address", addresses::node);
    let known = address.is_some();
    let node = Node {
        route: section.parsed("route", route).unwrap_or_else(|| name.clone()),
        name,
        address: address.unwrap_or(Address::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        port_offset: section.integer("port-offset"),
        at: section.at(),
    };
    if known {
        servers.add(&node, section);
    }
    node
}

fn route(text: &str) -> Result<Arc<str>, Wrong> {
    match is_token(text) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            format!("{} is no route", quoted(text)),
            "write the jvmRoute of the node's own configuration, as in \"node1\"",
        )),
    }
}

/// Which node has an address and offset. Naming the same server twice is allowed, but is usually a mistake.
#[derive(Default)]
pub(crate) struct Servers(HashMap<(Address, u16), (Arc<str>, Place)>);

impl Servers {
    fn add(&mut self, node: &Node, section: &Section<'_>) {
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
