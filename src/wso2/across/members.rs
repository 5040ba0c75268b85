//! The members of a cluster: their addresses are unique, each well-known one exists, and all find each other.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::compared::Across;
use crate::config::Address;
use crate::wso2::checks::{MEMBER_HOST, MEMBER_PORT, MEMBERS};
use crate::wso2::files::Written;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::axis2::{Clustering, MemberEntry};
use crate::wso2::view::is_loopback;

pub(crate) fn check(across: Across<'_>) {
    unique(across);
    copied(across);
    let mut links = Vec::new();
    let mut resolved = true;
    for (node, clustering) in across.clustering().filter(|(_, clustering)| clustering.is_wka()) {
        let one = One { across, node, clustering };
        let found: Vec<Option<Found>> = clustering.members.iter().map(|entry| one.target(entry)).collect();
        resolved &= found.iter().all(|found| matches!(found, Some(Found::Nodes(_))));
        let nodes: BTreeSet<usize> = found.iter().flatten().flat_map(Found::nodes).copied().collect();
        one.enough(&nodes, found.iter().any(|found| matches!(found, Some(Found::Elsewhere))));
        links.push((node, clustering, nodes));
    }
    if resolved && across.is_complete() {
        apart(across, &links);
    }
}

/// What an entry of `members` leads to.
enum Found {
    /// These nodes.
    Nodes(Vec<usize>),
    /// A node whose files are not here.
    Elsewhere,
}

impl Found {
    fn nodes(&self) -> &[usize] {
        match self {
            Self::Nodes(nodes) => nodes,
            Self::Elsewhere => &[],
        }
    }
}

/// The address of a member: what it says itself, else what weir.toml says.
pub(super) fn own_host(across: Across<'_>, node: &NodeFiles, clustering: &Clustering) -> String {
    let said = clustering.parameter("localMemberHost").map(|host| host.text.clone());
    said.filter(|host| !is_loopback(host) && !host.contains("${")).unwrap_or_else(|| across.view.address(node.node))
}

fn unique(across: Across<'_>) {
    let all: Vec<_> = across.clustering().collect();
    for (index, (node, clustering)) in all.iter().enumerate() {
        let (host, port) = (own_host(across, node, clustering), clustering.member_port());
        let same = |(other, theirs): &&(&NodeFiles, &Clustering)| {
            own_host(across, other, theirs) == host && theirs.member_port() == port
        };
        if let Some((other, _)) = all[..index].iter().find(same).filter(|_| port.is_some()) {
            let at = clustering.parameter("localMemberPort").map_or(&clustering.at, |port| &port.at);
            let what = format!("{} has the same localMemberHost and localMemberPort", other.name);
            across.findings.error(
                MEMBER_PORT,
                at,
                what,
                "the later one to start takes another port, and nobody finds it: write one of its own",
            );
        }
    }
}

/// Nodes with one localMemberHost that weir.toml has at two other addresses. Whose it is, say the members that name it with a port.
fn copied(across: Across<'_>) {
    let view = across.view;
    let is_known = |ip: &str| (0..view.config.nodes.len()).any(|node| view.address(node) == ip);
    let said: Vec<_> = across
        .clustering()
        .filter_map(|(node, clustering)| Some((node, clustering, clustering.parameter("localMemberHost")?)))
        .filter(|(.., host)| host.text.parse().is_ok_and(|ip: IpAddr| !ip.is_loopback() && !ip.is_unspecified()))
        .filter(|(.., host)| !is_known(&host.text))
        .collect();
    let is_named = |node: &NodeFiles, clustering: &Clustering, host: &Written| {
        let is_it = |entry: &MemberEntry| {
            entry.host.as_ref().is_some_and(|said| said.text == host.text)
                && entry.port.as_ref().and_then(Written::port) == clustering.member_port()
        };
        across.clustering().any(|(other, theirs)| other.node != node.node && theirs.members.iter().any(is_it))
    };
    for (at, (node, clustering, host)) in said.iter().enumerate() {
        let is_same = |(_, (other, _, theirs)): &(usize, &(&NodeFiles, &Clustering, &Written))| {
            theirs.text == host.text && view.address(other.node) != view.address(node.node)
        };
        let own = is_named(node, clustering, host);
        let has_it = |(before, (other, theirs, host)): &(usize, &(&NodeFiles, &Clustering, &Written))| {
            let named = is_named(other, theirs, host);
            if named == own { *before < at } else { named }
        };
        if let Some((_, (other, ..))) = said.iter().enumerate().filter(is_same).find(has_it) {
            let what = format!("localMemberHost {} is that of {} too", host.text, other.name);
            across.findings.error(MEMBER_HOST, &host.at, what, "write the address that this node has for the cluster");
        }
    }
}

/// The members of one node.
struct One<'a> {
    across: Across<'a>,
    node: &'a NodeFiles,
    clustering: &'a Clustering,
}

impl One<'_> {
    /// What an entry leads to. `None`: nowhere, which is reported.
    fn target(&self, entry: &MemberEntry) -> Option<Found> {
        let findings = self.across.findings;
        let (Some(host), Some(said)) = (&entry.host, &entry.port) else {
            findings.error(
                MEMBERS,
                &entry.at,
                "this member has no hostName or no port",
                "write <hostName>10.0.0.3</hostName><port>4200</port>",
            );
            return None;
        };
        if ![host, said].iter().all(|part| findings.is_known(MEMBERS, part, "a part of this member")) {
            return Some(Found::Elsewhere);
        }
        let Some(port) = said.port() else {
            findings.error(
                MEMBERS,
                &said.at,
                format!("{:?} is no port", said.text),
                "write the localMemberPort of that node",
            );
            return None;
        };
        let here: Vec<_> =
            self.across.clustering().filter(|(node, theirs)| self.is_host(&host.text, node, theirs)).collect();
        let fits = here.iter().filter(|(_, theirs)| theirs.member_port() == Some(port));
        let fits: Vec<usize> = fits.map(|(node, _)| node.node).collect();
        if !fits.is_empty() {
            return Some(Found::Nodes(fits));
        }
        // Where weir.toml has this port for the node, the node's own file is wrong, and was compared with that.
        let members = self.across.view.cluster().map(|cluster| cluster.members.as_slice()).unwrap_or_default();
        let said_so = |node: &NodeFiles| members.iter().any(|one| one.node == node.node && one.port == port);
        if let Some((node, _)) = here.iter().find(|(node, _)| said_so(node)) {
            return Some(Found::Nodes(vec![node.node]));
        }
        let is_itself = |node: &NodeFiles| node.node == self.node.node;
        match here.iter().find(|(node, _)| !is_itself(node)).or(here.first()) {
            Some((node, _)) if is_itself(node) => {
                let what = format!("{}:{port} is this node itself, on a port that it does not have", host.text);
                findings.error(MEMBERS, &said.at, what, "leave it out");
                None
            }
            Some((node, theirs)) => {
                let theirs = theirs.member_port().map_or_else(|| "none".to_owned(), |port| port.to_string());
                let what = format!(
                    "no member is on port {port} of {}: localMemberPort of {} is {theirs}",
                    host.text, node.name
                );
                findings.error(MEMBERS, &said.at, what, format!("write {theirs}, the port without an offset"));
                None
            }
            None => self.elsewhere(host, said, port),
        }
    }

    fn is_host(&self, host: &str, node: &NodeFiles, clustering: &Clustering) -> bool {
        let address = self.across.view.address(node.node);
        let own = own_host(self.across, node, clustering);
        [address, own].iter().any(|known| known.eq_ignore_ascii_case(host) || is_in_range(known, host))
    }

    fn elsewhere(&self, host: &Written, said: &Written, port: u16) -> Option<Found> {
        let (view, findings) = (self.across.view, self.across.findings);
        if is_loopback(&host.text) {
            let what =
                format!("the member {}:{} is on the node itself, as in the file that is shipped", host.text, said.text);
            findings.error(MEMBERS, &host.at, what, "write the localMemberHost and localMemberPort of another node");
            return None;
        }
        let named = (0..view.config.nodes.len()).find(|node| view.address(*node) == host.text);
        let members = view.cluster().map(|cluster| cluster.members.as_slice()).unwrap_or_default();
        let wanted = members.iter().find(|member| Some(member.node) == named);
        match (named, wanted) {
            (Some(node), Some(member)) if member.port != port => {
                let what =
                    format!("{}'s port for messages of the cluster is {} in weir.toml", view.name(node), member.port);
                findings.error(MEMBERS, &said.at, what, format!("write {}", member.port));
                None
            }
            (Some(node), _) if !members.is_empty() && !view.members.has(node) => {
                let what =
                    format!("{:?} is the address of {}, which is no node of this cluster", host.text, view.name(node));
                findings.error(
                    MEMBERS,
                    &host.at,
                    what,
                    "write the localMemberHost and localMemberPort of another node",
                );
                None
            }
            (Some(_), _) => Some(Found::Elsewhere),
            // Which nodes a name or a range leads to, nobody knows without asking for it.
            (None, _) if view.config.nodes.iter().any(|node| matches!(node.address, Address::Name(_))) => {
                Some(Found::Elsewhere)
            }
            (None, _) => {
                let known: Vec<String> = (0..view.config.nodes.len()).map(|node| view.address(node)).collect();
                let what = format!("no node of weir.toml is at {:?}", host.text);
                findings.error(MEMBERS, &host.at, what, format!("nodes are at {}", known.join(", ")));
                None
            }
        }
    }

    /// Whether one entry is: a range of addresses, or the other one of two nodes.
    fn is_enough(&self) -> bool {
        let mut hosts = self.clustering.members.iter().filter_map(|member| member.host.as_ref());
        self.across.view.members.count() <= 2 || hosts.any(|host| range(&host.text).is_some())
    }

    fn twice(&self) -> Option<&MemberEntry> {
        let text = |said: &Option<Written>| said.as_ref().map(|said| said.text.clone());
        let mut seen = BTreeSet::new();
        self.clustering.members.iter().find(|one| !seen.insert((text(&one.host), text(&one.port))))
    }

    fn enough(&self, nodes: &BTreeSet<usize>, elsewhere: bool) {
        let findings = self.across.findings;
        let at = self.clustering.members.first().map_or(&self.clustering.at, |member| &member.at);
        let entries = self.clustering.members.len();
        if entries == 0 {
            let what = "there are no members, so this node finds nobody";
            findings.error(MEMBERS, at, what, "write <members> with the host and port of two nodes at least");
        } else if !elsewhere && nodes.iter().all(|node| *node == self.node.node) && !nodes.is_empty() {
            let what = "the only member is this node itself, so it finds nobody";
            findings.error(MEMBERS, at, what, "write the host and port of other nodes");
        } else if let Some(twice) = self.twice() {
            let what = "this member is written twice";
            findings.warning(MEMBERS, &twice.at, what, "write another one, or leave it out");
        } else if entries == 1 && !self.is_enough() {
            let what = "there is only one well-known member: while it is down, this node cannot join";
            findings.warning(MEMBERS, at, what, "write a second one");
        }
    }
}

/// Nodes that never hear of each other.
fn apart(across: Across<'_>, links: &[(&NodeFiles, &Clustering, BTreeSet<usize>)]) {
    let Some((first, ..)) = links.first() else { return };
    let mut known = BTreeSet::from([first.node]);
    loop {
        let before = known.len();
        for (node, _, targets) in links {
            if known.contains(&node.node) || !targets.is_disjoint(&known) {
                known.insert(node.node);
                known.extend(targets);
            }
        }
        if known.len() == before {
            break;
        }
    }
    if let Some((node, clustering, _)) = links.iter().find(|(node, ..)| !known.contains(&node.node)) {
        let at = clustering.members.first().map_or(&clustering.at, |member| &member.at);
        let what = format!("no way leads from {} to {} by members, so they are two clusters", node.name, first.name);
        across.findings.error(MEMBERS, at, what, format!("write {} as a member", first.name));
    }
}

/// `10.0.0.2-10`: the part before the last number, and the first and last of it.
fn range(host: &str) -> Option<(&str, u8, u8)> {
    let (net, last) = host.rsplit_once('.')?;
    let (from, to) = last.split_once('-')?;
    Some((net, from.parse().ok()?, to.parse().ok()?))
}

fn is_in_range(address: &str, host: &str) -> bool {
    let last = |(net, from, to): (&str, u8, u8)| {
        let number = address.strip_prefix(net)?.strip_prefix('.')?.parse::<u8>().ok()?;
        Some((from..=to).contains(&number))
    };
    range(host).and_then(last).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_ranges() {
        for (address, host, expected) in [
            ("10.0.0.3", "10.0.0.2-10", true),
            ("10.0.0.11", "10.0.0.2-10", false),
            ("10.0.1.3", "10.0.0.2-10", false),
            ("10.0.0.3", "10.0.0.3", false),
            ("worker-1", "worker-2", false),
        ] {
            assert_eq!(is_in_range(address, host), expected, "{address} in {host}");
        }
    }
}
