//! `[[pool]]`: nodes that share the work, and how requests are sent to them.

pub(crate) mod active;
mod balance;
pub(crate) mod cookies;
mod eject;
mod health;
pub(crate) mod members;
mod retry;
pub(crate) mod sticky;

use std::sync::Arc;
use std::time::SystemTime;

use self::members::Nodes;
use super::model::{Member, Pool, Redirects, Timeouts, WhenNone};
use super::text::choices::ProxyProtocol;
use super::text::section::Section;
use super::text::value::{Text, Value};
use super::values::{node_tls, redirect, wso2};

/// Reads one pool. If it names another pool whose active nodes it shares, that name is put into `aside`.
pub(crate) fn read<'a>(
    section: &Section<'a>,
    name: Arc<str>,
    (nodes, now): (&Nodes<'_>, SystemTime),
    aside: &mut Option<Text<'a>>,
) -> Pool {
    let balance = balance::read(section);
    let members = members::read(section, nodes, &balance);
    let port = section.required_integer("port");
    if let Some(port) = port {
        check_port(section, "port", port, &members, nodes);
    }
    if port.is_some_and(wso2::is_pass_through) && !section.has("buffer-request") {
        let what = "port: WSO2's PassThrough transport may never answer a POST whose body comes apart from its head";
        let advice =
            "write buffer-request = \"64KiB\", so that both go to a node at once; \"0\" says that it is not WSO2";
        section.problems.warning(section.place_of("port"), what, advice);
    }
    let tls = section.section("tls", "pool.tls").map(|tls| node_tls::read(&tls, now, "pool.tls.certificate"));
    let own = health::PoolPort { port: port.unwrap_or(0), tls: tls.is_some() };
    let check = |probe: &Section<'_>, port| check_port(probe, "port", port, &members, nodes);
    let proxy_protocol = proxy_protocol(section);
    Pool {
        name,
        port: own.port,
        balance,
        active: active::read(section, &members, nodes, aside),
        active_with: None,
        queue: active::read_queue(section, &members),
        sticky: section.section("sticky", "pool.sticky").map(|sticky| sticky::read(&sticky, own.port)),
        health: section.section("health", "pool.health").map(|health| health::read(&health, own, &check)),
        timeouts: timeouts(section, own.port),
        idle_timeout: section.duration("idle-timeout"),
        reuse: section.flag("reuse") && proxy_protocol.is_none(),
        proxy_protocol,
        buffer_request: section.size("buffer-request"),
        max_answer_head: usize::try_from(section.size("max-answer-head")).unwrap_or(usize::MAX),
        retry: retry::read(section, &members, nodes),
        eject: eject::read(section),
        when_none: when_none(section),
        redirects: section.value("redirects").map(|value| redirects(&value)).unwrap_or_default(),
        cookies: section.section("cookies", "pool.cookies").map(|cookies| cookies::read(&cookies)),
        at: section.at(),
        tls,
        members,
    }
}

fn proxy_protocol(section: &Section<'_>) -> Option<ProxyProtocol> {
    let version = section.choice("proxy-protocol");
    if version.is_some() && section.optional_flag("reuse") == Some(true) {
        let what =
            "reuse: a connection that begins with a PROXY header is that of one client, and no other may have it";
        section.refuse("reuse", what, "leave it out, or leave proxy-protocol out: nodes get X-Forwarded-For");
    }
    version
}

fn when_none(section: &Section<'_>) -> WhenNone {
    let when_none = section.choice("when-none").unwrap_or_default();
    if when_none == WhenNone::All && !section.has("health") {
        let what = "when-none = \"all\" has no effect in a pool without probes";
        section.refuse("when-none", what, "leave it out, or write [pool.health]");
    }
    when_none
}

fn redirects(value: &Value<'_>) -> Redirects {
    if !matches!(value.value, toml::de::DeValue::String(_)) {
        let pair = |pair: &Section<'_>| {
            let part = |key| pair.required_parsed(key, redirect::beginning);
            let (from, to) = (part("from"), part("to"));
            Some((from?, to?))
        };
        return Redirects::Pairs(value.sections("pool.redirects").iter().filter_map(pair).collect());
    }
    if let Some(text) = value.text("\"off\"").filter(|text| text.text != "off") {
        let what = format!("{} is not known", super::text::words::quoted(text.text));
        text.refuse(what, "write \"off\", or [{ from = \"http://localhost:8280/\", to = \"https://esb.wso2.com/\" }]");
    }
    Redirects::Off
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

fn timeouts(pool: &Section<'_>, port: u16) -> Timeouts {
    let written = pool.section("timeouts", "pool.timeouts");
    let section = written.unwrap_or_else(|| pool.empty("pool.timeouts"));
    wso2::warn_of_read(&section, port);
    Timeouts {
        connect: section.duration("connect"),
        handshake: section.duration("handshake"),
        read: section.duration("read"),
        send: section.duration("send"),
        tunnel: section.duration("tunnel"),
    }
}
