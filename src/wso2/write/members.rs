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

/// Entries that are right stay as they are, and so do those that no finding is about. Wrong ones become others, or go; what is missing
/// comes behind the last.
pub(crate) fn fix(fixing: &Fixing<'_>, clustering: Element<'_>) -> Option<Vec<Edit>> {
    let wanted = wanted(fixing).filter(|wanted| !wanted.is_empty())?;
    let list = clustering.child("members");
    let entries: Vec<Element<'_>> = clustering.children("members").flat_map(|list| list.children("member")).collect();
    let missing: Vec<Entry> =
        wanted.into_iter().filter(|wanted| entries.iter().all(|entry| said(*entry).as_ref() != Some(wanted))).collect();
    let (mut edits, missing) = replaced(fixing, &entries, missing)?;
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

/// Makes missing entries of wrong ones, and takes out what is wrong then. Also returns those that are missing still.
fn replaced(fixing: &Fixing<'_>, entries: &[Element<'_>], mut missing: Vec<Entry>) -> Option<(Vec<Edit>, Vec<Entry>)> {
    let mut wrong: Vec<(Wrong, Element<'_>)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let judged = judged(fixing, *entry, &entries[..at], &missing);
        wrong.extend(judged.map(|judged| (judged, *entry)));
    }
    // A host that is right keeps its place, with another port.
    wrong.sort_by_key(|(judged, _)| *judged);
    let mut edits = Vec::new();
    for (judged, entry) in wrong {
        let host = entry.said("hostName");
        let of_host = missing.iter().position(|(wanted, _)| Some(wanted) == host.as_ref());
        let other = of_host.or((judged != Wrong::Port && !missing.is_empty()).then_some(0));
        match other {
            Some(other) => {
                let (host, port) = missing.remove(other);
                edits.extend(rewritten(entry, &host, port)?);
            }
            None if matches!(judged, Wrong::Port | Wrong::Itself) => {}
            None => edits.extend(entry.remove()),
        }
    }
    Some((edits, missing))
}

/// Why an entry gives way to a missing one, in the order in which they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    /// Its host is right.
    Port,
    /// It leads nowhere, or is there already.
    Entry,
    /// It is the node itself, which does no harm among others.
    Itself,
    /// And once more.
    ItselfAgain,
}

/// Whether an entry is wrong. One that no finding is about may be a node whose files are not here. One with the host of a node of
/// weir.toml is the operator's to take out.
fn judged(fixing: &Fixing<'_>, entry: Element<'_>, before: &[Element<'_>], missing: &[Entry]) -> Option<Wrong> {
    let (said, host) = (said(entry), entry.said("hostName"));
    let own = own_hosts(fixing);
    let is_own = |host: &String| own.contains(host);
    if stays(entry) {
        return None;
    }
    let is_again = said.is_some() && before.iter().any(|other| self::said(*other) == said);
    let port = fixing.member_port(fixing.node.node);
    if said.as_ref().is_some_and(|(host, said)| is_own(host) && Some(*said) == port) {
        return Some(if is_again { Wrong::ItselfAgain } else { Wrong::Itself });
    }
    if is_again {
        return Some(Wrong::Entry);
    }
    // At the beginning of an entry is what is said of the whole list.
    if said.is_some() && !fixing.places().any(|at| entry.contains(at) && at != entry.start()) {
        return None;
    }
    if missing.iter().any(|(wanted, _)| Some(wanted) == host.as_ref()) {
        return Some(Wrong::Port);
    }
    if host.as_ref().is_some_and(is_own) {
        return Some(Wrong::Entry);
    }
    let mut nodes = 0..fixing.view.config.nodes.len();
    let is_of = |node: usize| [fixing.view.address(node), fixing.view.name(node).to_owned()];
    let is_node = host.is_some_and(|host| nodes.any(|node| is_of(node).contains(&host)));
    (!is_node).then_some(Wrong::Entry)
}

/// Whether a node has itself as a member and another one not: as in a copy of that one's file.
pub(crate) fn has_itself_instead(fixing: &Fixing<'_>) -> bool {
    let clustering = fixing.node.axis2.as_ref().and_then(|axis2| axis2.clustering.first());
    let Some(clustering) = clustering.filter(|one| one.is_wka()) else { return false };
    let entry = |host: &str, port: u16| {
        let is_it = |part: &Option<Written>, text: &str| part.as_ref().is_some_and(|part| part.text == text);
        clustering.members.iter().any(|one| is_it(&one.host, host) && is_it(&one.port, &port.to_string()))
    };
    let own = |port: u16| own_hosts(fixing).iter().any(|host| entry(host, port));
    let lacks_one = || wanted(fixing).is_some_and(|all| all.iter().any(|(host, port)| !entry(host, *port)));
    fixing.member_port(fixing.node.node).is_some_and(own) && lacks_one()
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

/// The nodes that are members with this one: those of `[cluster]`, or those whose files are here. `None`: the port or the host of one
/// of them is not known.
fn wanted(fixing: &Fixing<'_>) -> Option<Vec<Entry>> {
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
        if said.is_some_and(|files| is_anothers_too(fixing, files)) {
            return None;
        }
        let host = said.and_then(|files| own_host(fixing, files));
        Some((host.unwrap_or_else(|| fixing.view.address(node)), port))
    };
    others.map(entry).collect()
}

/// What a node says of itself, where that can be right.
fn own_host(fixing: &Fixing<'_>, files: &NodeFiles) -> Option<String> {
    let host = &files.axis2.as_ref()?.clustering.first()?.parameter("localMemberHost")?.text;
    let is_anothers = fixing.view.other_at(files.node, host).is_some() && fixing.ip(files.node).is_some();
    let is_one = host.parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified()) && !is_loopback(host) && !is_anothers;
    is_one.then(|| host.clone())
}

/// Whether two nodes say that they are at one address, and weir.toml has them at two others: one of them is a copy of the other.
fn is_anothers_too(fixing: &Fixing<'_>, files: &NodeFiles) -> bool {
    let Some(host) = own_host(fixing, files) else { return false };
    let address = fixing.view.address(files.node);
    let is_same = |other: &NodeFiles| {
        fixing.view.address(other.node) != address && own_host(fixing, other).as_ref() == Some(&host)
    };
    host != address && fixing.nodes.iter().any(is_same)
}

/// The hosts by which the node itself is a member.
fn own_hosts(fixing: &Fixing<'_>) -> Vec<String> {
    let said = own_host(fixing, fixing.node).filter(|_| !is_anothers_too(fixing, fixing.node));
    fixing.ip(fixing.node.node).into_iter().chain(said).collect()
}
