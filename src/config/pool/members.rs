//! `nodes` of a `[[pool]]`: the nodes that share the work, and their shares.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::model::{Balance, Member, Node};
use crate::config::text::section::Section;
use crate::config::text::value::{Text, Value};
use crate::config::values::names::Names;

/// The nodes that a pool may name.
pub(crate) struct Nodes<'a> {
    pub(crate) names: &'a Names,
    pub(crate) nodes: &'a [Node],
}

impl Nodes<'_> {
    /// The number of servers behind these members. `None` when one of them has a DNS name, which may have any number of
    /// addresses.
    pub(crate) fn count<'m>(&self, members: impl IntoIterator<Item = &'m Member>) -> Option<u32> {
        members.into_iter().try_fold(0_u32, |count, member| {
            let single = self.nodes.get(member.node).is_some_and(|node| node.ip().is_some());
            single.then(|| count.saturating_add(1))
        })
    }
}

/// The members, with the pool's values for all of them.
pub(crate) fn read(section: &Section<'_>, nodes: &Nodes<'_>, balance: &Balance) -> Vec<Member> {
    section.required("nodes");
    let pool = MemberDefaults {
        max_requests: section.optional_integer("max-requests"),
        slow_start: section.duration("slow-start"),
        hashed: matches!(balance, Balance::Hash(_) | Balance::Ring(_)),
    };
    pool.check_slow_start(section);
    let Some(items) = section.value("nodes").and_then(|value| value.items("a list of node names")) else {
        return Vec::new();
    };
    if items.is_empty() {
        section.refuse("nodes", "nodes: a pool needs at least one node", "write nodes = [\"worker1\", \"worker2\"]");
    }
    let mut by_route = MembersByRoute::default();
    let members: Vec<Member> = items.iter().filter_map(|item| member(item, &pool, nodes, &mut by_route)).collect();
    if !members.is_empty() && members.iter().all(|member| member.backup) {
        section.refuse(
            "nodes",
            "nodes: all of them are backup, so there is nobody whom they stand in for",
            ONE_WITHOUT,
        );
    }
    warn_of_one_node(section, nodes, &members);
    members
}

/// The pool's values for all of its members.
struct MemberDefaults {
    max_requests: Option<u32>,
    slow_start: Duration,
    hashed: bool,
}

impl MemberDefaults {
    fn check_slow_start(&self, section: &Section<'_>) {
        if self.hashed && section.optional_duration("slow-start").is_some_and(|time| !time.is_zero()) {
            section.refuse(
                "slow-start",
                "slow-start has no effect with balance = \"hash\": a key has one node only",
                WARM,
            );
        }
    }
}

fn member(item: &Value<'_>, pool: &MemberDefaults, nodes: &Nodes<'_>, by_route: &mut MembersByRoute) -> Option<Member> {
    let plain =
        Member { node: 0, weight: 1, backup: false, max_requests: pool.max_requests, slow_start: pool.slow_start };
    let (name, member) = if let DeValue::Table(_) = item.value {
        let table = item.section("pool.nodes")?;
        pool.check_slow_start(&table);
        let member = Member {
            weight: table.integer("weight"),
            backup: table.flag("backup"),
            max_requests: table.optional_integer("max-requests").or(pool.max_requests),
            slow_start: table.optional_duration("slow-start").unwrap_or(pool.slow_start),
            ..plain
        };
        (table.required_text("node"), member)
    } else {
        (item.text("a node's name or { node = …, weight = … }"), plain)
    };
    let name = name?;
    let node = nodes.names.find(&name)?;
    by_route.add(&name, node, nodes);
    Some(Member { node, ..member })
}

/// The nodes and routes that the pool already has.
#[derive(Default)]
struct MembersByRoute(HashMap<Arc<str>, usize>);

impl MembersByRoute {
    fn add(&mut self, name: &Text<'_>, index: usize, nodes: &Nodes<'_>) {
        let Some(node) = nodes.nodes.get(index) else { return };
        match self.0.insert(node.route.clone(), index) {
            Some(other) if other == index => {
                let what = format!("{:?} is in this pool already", name.text);
                name.refuse(what, "for a larger share write { node = …, weight = 2 }");
            }
            Some(other) => {
                let other = nodes.names.name(other);
                let what = format!("{:?} has the route {:?}, which is {other:?}'s in this pool", name.text, node.route);
                name.refuse(what, "a route tells one node from all others: each has a jvmRoute of its own");
            }
            None => {}
        }
    }
}

fn warn_of_one_node(section: &Section<'_>, nodes: &Nodes<'_>, members: &[Member]) {
    let [member] = members else { return };
    if !member.slow_start.is_zero() && nodes.count(members) == Some(1) {
        let key = if section.has("slow-start") { "slow-start" } else { "nodes" };
        let what = "slow-start has no effect in a pool of one node: it gets everything";
        section.problems.warning(section.place_of(key), what, "leave it out");
    }
}

const ONE_WITHOUT: &str = "leave backup = true out for at least one";
const WARM: &str = "leave it out, or choose another method";
