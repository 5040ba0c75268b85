//! Where the members of the cluster tell of each other: their addresses for questions, and their logs.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::hosts;
use crate::config::model::{Cluster, Endpoint, Node};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::quoted;
use crate::config::values::names::Names;

/// The most addresses, and the most logs.
const MOST: usize = 64;
/// Members are not asked more often.
const SHORTEST: Duration = Duration::from_millis(100);

pub(super) fn members_from(section: &Section<'_>) -> Vec<Endpoint> {
    let mut all: Vec<Endpoint> = Vec::new();
    for text in section.texts("members-from").unwrap_or_default() {
        let Some(endpoint) = text.parsed(endpoint) else { continue };
        if all.iter().any(|other| other.authority == endpoint.authority) {
            text.refuse(format!("{} is written twice", quoted(&endpoint.authority)), "each member is asked once");
        } else if all.len() == MOST {
            text.refuse(format!("there are more than {MOST} addresses"), "a few members are enough: each knows all");
            break;
        } else {
            all.push(endpoint);
        }
    }
    all
}

pub(super) fn members_log(section: &Section<'_>, nodes: &Names) -> Vec<(usize, PathBuf)> {
    let Some(value) = section.value("members-log") else { return Vec::new() };
    let mut all = Vec::new();
    for (name, file) in value.pairs(LOG_EXAMPLE).unwrap_or_default() {
        let Some(node) = nodes.find(&name) else { continue };
        if file.text.is_empty() || file.text.ends_with('/') {
            file.refuse(format!("{} is no file", quoted(file.text)), format!("write {LOG_EXAMPLE}"));
        } else if all.len() == MOST {
            file.refuse(format!("there are more than {MOST} logs"), "a few are enough: each tells of all members");
            break;
        } else {
            all.push((node, section.source.resolve(file.text)));
        }
    }
    all
}

const LOG_EXAMPLE: &str = "{ worker1 = \"/mnt/worker1/repository/logs/wso2carbon.log\" }";

pub(super) fn interval(section: &Section<'_>) -> Duration {
    let interval = section.duration("members-interval");
    if interval < SHORTEST && section.has("members-interval") && !interval.is_zero() {
        section.refuse(
            "members-interval",
            "members-interval: a cluster does not change that often",
            "write \"5s\"; at least \"100ms\": each question costs the node a little",
        );
    }
    interval
}

/// Several nodes at one address are told apart by the ports of `members`.
pub(super) fn warn_of_doubles(section: &Section<'_>, cluster: &Cluster, nodes: &[Node]) {
    if cluster.members_from.is_empty() && cluster.members_log.is_empty() {
        section.no_effect(
            &["members-interval"],
            "without members-from or members-log",
            "write members-from = [\"http://10.0.0.3:4200/hazelcast/rest/cluster\"]",
        );
        return;
    }
    let ported: HashSet<usize> = cluster.members.iter().map(|member| member.node).collect();
    let mut at: HashMap<_, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let other = *at.entry(&node.address).or_insert(index);
        if other != index && !(ported.contains(&other) && ported.contains(&index)) {
            let (one, two) = (&nodes[other].name, &node.name);
            section.problems.warning(
                section.at(),
                format!("{one} and {two} have one address, so members there cannot be told apart"),
                format!("write their ports: members = [{{ node = \"{one}\", port = 4100 }}, {{ node = \"{two}\", port = 4200 }}]"),
            );
        }
    }
}

fn endpoint(text: &str) -> Result<Endpoint, Wrong> {
    let wrong = |what: &str| Err(Wrong::new(format!("{} {what}", quoted(text)), EXAMPLE));
    let Some(rest) = text.strip_prefix("http://") else {
        let https = text.starts_with("https://");
        return wrong(if https { "is https, and Hazelcast answers on http" } else { "is no address of a member" });
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if hosts::field(authority).is_err() || authority.rsplit_once(':').is_none_or(|(_, port)| port.ends_with(']')) {
        return wrong("has no host and port");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return wrong("has more than a path behind the port");
    }
    let path = if path.len() < 2 { "/hazelcast/rest/cluster" } else { path };
    Ok(Endpoint { authority: authority.to_ascii_lowercase(), path: path.to_owned() })
}

const EXAMPLE: &str =
    "write \"http://10.0.0.3:4200/hazelcast/rest/cluster\", with localMemberHost and localMemberPort of axis2.xml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_named_with_and_without_the_path() {
        for (text, expected) in [
            ("http://10.0.0.3:4200/hazelcast/rest/cluster", Some("10.0.0.3:4200 /hazelcast/rest/cluster")),
            ("http://10.0.0.3:4200", Some("10.0.0.3:4200 /hazelcast/rest/cluster")),
            ("http://Worker1.local:4200/", Some("worker1.local:4200 /hazelcast/rest/cluster")),
            ("http://[fd00::3]:4200/other?x=y", Some("[fd00::3]:4200 /other?x=y")),
            ("http://[fd00::3]", None),
            ("http://10.0.0.3", None),
            ("http://10.0.0.3/hazelcast/rest/cluster", None),
            ("http://10.0.0.3:4200/a b", None),
            ("http://10.0.0.3:4200/a\r\nX: y", None),
            ("https://10.0.0.3:4200", None),
            ("10.0.0.3:4200", None),
            ("", None),
        ] {
            let read = endpoint(text).ok().map(|read| format!("{} {}", read.authority, read.path));
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
