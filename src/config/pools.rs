//! `[[pool]]`: which nodes share the work, and how they are spoken to.

use std::collections::HashSet;
use std::sync::Arc;

use toml::de::DeValue;

use std::time::Duration;

use super::model::{
    Balance, Eject, Failback, Member, Node, OnLost, Pool, Retry, Sticky, StickyMode, Timeouts, WhenNone,
};
use super::names::Names;
use super::section::Section;
use super::value::Value;
use super::words::{is_token, quoted};
use super::{errors::Wrong, health, node_tls};

/// The nodes a pool may name.
pub(super) struct Nodes<'a> {
    pub(super) names: &'a Names,
    pub(super) nodes: &'a [Node],
}

/// One pool.
pub(super) fn read(section: &Section<'_>, name: Arc<str>, nodes: &Nodes<'_>) -> Pool {
    let _only_one_way = section.choice("balance");
    let members = members(section, nodes);
    let port = section.required_integer("port");
    if let Some(port) = port {
        check_port(section, "port", port, &members, nodes);
    }
    let tls = section.section("tls", "pool.tls").map(|tls| node_tls::read(&tls));
    let own = health::Own { port: port.unwrap_or(0), tls: tls.is_some() };
    let check = |probe: &Section<'_>, port| check_port(probe, "port", port, &members, nodes);
    Pool {
        name,
        port: own.port,
        sticky: section.section("sticky", "pool.sticky").map(|sticky| read_sticky(&sticky)),
        health: section.section("health", "pool.health").map(|health| health::read(&health, own, &check)),
        timeouts: timeouts(section),
        idle_timeout: section.duration("idle-timeout"),
        reuse: section.flag("reuse"),
        buffer_request: section.size("buffer-request"),
        balance: Balance::default(),
        active: None,
        queue: None,
        retry: Retry {
            tries: section.integer::<u32>("tries").min(u32::try_from(members.len()).unwrap_or(u32::MAX).max(1)),
            time: Duration::from_secs(30),
            budget: 20,
            on_connect: true,
            on_reset: true,
            on_timeout: true,
            on_status: Vec::new(),
        },
        eject: Eject {
            failures: 1,
            within: Duration::from_secs(10),
            first: section.duration("eject-for"),
            most: Duration::from_secs(300),
            statuses: Vec::new(),
            max_ejected: 50,
        },
        when_none: WhenNone::Fail,
        at: section.at(),
        tls,
        members,
    }
}

fn members(section: &Section<'_>, nodes: &Nodes<'_>) -> Vec<Member> {
    section.required("nodes");
    let Some(items) = section.value("nodes").and_then(|value| value.items("a list of node names")) else {
        return Vec::new();
    };
    if items.is_empty() {
        section.refuse("nodes", "nodes: a pool needs at least one node", "write nodes = [\"worker1\", \"worker2\"]");
    }
    let mut seen = HashSet::new();
    items.iter().filter_map(|item| member(item, nodes, &mut seen)).collect()
}

fn member(item: &Value<'_>, nodes: &Nodes<'_>, seen: &mut HashSet<usize>) -> Option<Member> {
    let (name, weight) = if let DeValue::Table(_) = item.value {
        let table = item.section("pool.nodes")?;
        (table.required_text("node"), table.integer("weight"))
    } else {
        (item.text("a node's name or { node = …, weight = … }"), 1)
    };
    let name = name?;
    let node = nodes.names.find(&name)?;
    if !seen.insert(node) {
        name.refuse(
            format!("{:?} is in this pool already", name.text),
            "for a larger share write { node = …, weight = 2 }",
        );
    }
    Some(Member { node, weight, backup: false, max_requests: None, slow_start: Duration::ZERO })
}

fn check_port(section: &Section<'_>, key: &'static str, port: u16, members: &[Member], nodes: &Nodes<'_>) {
    for node in members.iter().filter_map(|member| nodes.nodes.get(member.node)) {
        if port.checked_add(node.port_offset).is_none() {
            let sum = u32::from(port) + u32::from(node.port_offset);
            let what = format!("{key}: {port} plus {}'s port-offset {} is {sum}", node.name, node.port_offset);
            section.refuse(key, what, "ports end at 65535");
        }
    }
}

fn read_sticky(section: &Section<'_>) -> Sticky {
    let _only_one_way = section.choice("mode");
    let cookie = |text: &str| match is_token(text) {
        true => Ok(Arc::from(text)),
        false => Err(Wrong::new(
            format!("{} is no cookie name", quoted(text)),
            "write \"JSESSIONID\" or your application's own",
        )),
    };
    Sticky {
        mode: StickyMode::Learn,
        failback: Failback::Stay,
        on_lost: OnLost::Rebind,
        cookie: section.parsed("cookie", cookie).unwrap_or_else(|| "JSESSIONID".into()),
        idle: section.duration("idle"),
        max_sessions: usize::try_from(section.integer::<u64>("max-sessions")).unwrap_or(usize::MAX),
    }
}

fn timeouts(pool: &Section<'_>) -> Timeouts {
    let written = pool.section("timeouts", "pool.timeouts");
    let section = written.unwrap_or_else(|| pool.empty("pool.timeouts"));
    Timeouts {
        connect: section.duration("connect"),
        handshake: Duration::from_secs(15),
        read: section.duration("read"),
        send: section.duration("send"),
        tunnel: section.duration("tunnel"),
    }
}
