//! The list of members in axis2.xml: all other nodes of the cluster, each with its host and port.

use std::net::IpAddr;

use super::edits::Edit;
use super::fixing::Fixing;
use super::markup::Markup;
use super::xml::Element;
use crate::wso2::files::{Written, filled_in};
use crate::wso2::model::NodeFiles;
use crate::wso2::view::is_loopback;

type Entry = (String, u16);

/// Entries that are right stay as they are; wrong ones become others, or go; what is missing comes behind the last.
pub(crate) fn fix(fixing: &Fixing<'_>, clustering: Element<'_>) -> Option<Vec<Edit>> {
    let wanted = wanted(fixing);
    if wanted.is_empty() {
        return None;
    }
    let list = clustering.child("members");
    let entries: Vec<Element<'_>> = clustering.children("members").flat_map(|list| list.children("member")).collect();
    let own = fixing.ip(fixing.node.node).zip(fixing.member_port(fixing.node.node));
    let mut missing = wanted.clone();
    let mut wrong = Vec::new();
    for entry in &entries {
        match said(*entry) {
            _ if stays(*entry) => {}
            Some(said) if missing.contains(&said) => missing.retain(|other| *other != said),
            // The node itself does no harm among others.
            Some(said) if Some(&said) == own.as_ref() && entries.len() > wanted.len() => {}
            said => wrong.push((*entry, said)),
        }
    }
    let mut edits = Vec::new();
    // A host that is right keeps its place, with another port.
    wrong.sort_by_key(|(_, said)| {
        !said.as_ref().is_some_and(|(host, _)| missing.iter().any(|(wanted, _)| wanted == host))
    });
    for (entry, said) in wrong {
        let of_host = missing.iter().position(|(host, _)| said.as_ref().is_some_and(|(said, _)| said == host));
        if missing.is_empty() {
            edits.extend(entry.remove());
            continue;
        }
        let (host, port) = missing.remove(of_host.unwrap_or(0));
        edits.extend(rewritten(entry, &host, port)?);
    }
    let new: Vec<Markup> = missing.iter().map(|(host, port)| member(host, *port)).collect();
    if !new.is_empty() {
        edits.extend(match list {
            Some(list) => list.insert(&new, "hostName", &[list.children("member").next_back()])?,
            None => {
                let list = new.into_iter().fold(Markup::new("members"), Markup::child);
                clustering.insert(&[list], "members", &[clustering.children("parameter").next_back()])?
            }
        });
    }
    (!edits.is_empty()).then_some(edits)
}

/// Whether a node has itself as a member and another one not: as in a copy of that one's file.
pub(crate) fn has_itself_instead(fixing: &Fixing<'_>) -> bool {
    let clustering = fixing.node.axis2.as_ref().and_then(|axis2| axis2.clustering.first());
    let Some(clustering) = clustering.filter(|one| one.is_wka()) else { return false };
    let entry = |host: &str, port: u16| {
        let is_it = |part: &Option<Written>, text: &str| part.as_ref().is_some_and(|part| part.text == text);
        clustering.members.iter().any(|one| is_it(&one.host, host) && is_it(&one.port, &port.to_string()))
    };
    let own = fixing.ip(fixing.node.node).zip(fixing.member_port(fixing.node.node));
    own.is_some_and(|(host, port)| entry(&host, port)) && wanted(fixing).iter().any(|(host, port)| !entry(host, *port))
}

fn member(host: &str, port: u16) -> Markup {
    Markup::new("member").child(Markup::of("hostName", host)).child(Markup::of("port", &port.to_string()))
}

fn said(entry: Element<'_>) -> Option<Entry> {
    Some((entry.said("hostName")?, entry.said("port")?.parse().ok()?))
}

/// What something fills in later, and ranges of addresses.
fn stays(entry: Element<'_>) -> bool {
    let text = |name| entry.said(name).unwrap_or_default();
    let is_range = text("hostName").rsplit_once('.').is_some_and(|(_, last)| last.contains('-'));
    is_range || ["hostName", "port"].into_iter().any(|name| filled_in(&text(name)).is_some())
}

fn rewritten(entry: Element<'_>, host: &str, port: u16) -> Option<Vec<Edit>> {
    let port = port.to_string();
    let (mut edits, mut new) = (Vec::new(), Vec::new());
    for (name, value) in [("hostName", host), ("port", port.as_str())] {
        match entry.child(name) {
            Some(child) => edits.extend(child.set_text(value).unwrap_or_default()),
            None => new.push(Markup::of(name, value)),
        }
    }
    if !new.is_empty() {
        edits.extend(entry.insert(&new, "hostName", &[])?);
    }
    Some(edits)
}

/// The nodes that are members with this one: those of `[cluster]`, or those whose files are here.
fn wanted(fixing: &Fixing<'_>) -> Vec<Entry> {
    let members = fixing.cluster().map(|cluster| cluster.members.as_slice()).unwrap_or_default();
    let here = |node: usize| fixing.nodes.iter().find(|files| files.node == node);
    let nodes: Vec<usize> = match members {
        [] => fixing.nodes.iter().map(|files| files.node).collect(),
        members => members.iter().map(|member| member.node).collect(),
    };
    let others = nodes.into_iter().filter(|node| *node != fixing.node.node);
    let entry = |node: usize| {
        let said = here(node);
        let port = fixing.member_port(node).or_else(|| said?.axis2.as_ref()?.clustering.first()?.member_port())?;
        Some((said.and_then(|files| own_host(fixing, files)).or_else(|| fixing.ip(node))?, port))
    };
    others.filter_map(entry).collect()
}

/// What a node says of itself, where that can be right.
fn own_host(fixing: &Fixing<'_>, files: &NodeFiles) -> Option<String> {
    let host = &files.axis2.as_ref()?.clustering.first()?.parameter("localMemberHost")?.text;
    let is_anothers = (0..fixing.view.config.nodes.len())
        .any(|other| other != files.node && fixing.view.address(other) == *host && fixing.ip(files.node).is_some());
    let is_one = host.parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified()) && !is_loopback(host) && !is_anothers;
    is_one.then(|| host.clone())
}
