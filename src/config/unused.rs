//! Warns about things that nothing uses. They are allowed, but usually a name was forgotten somewhere.

use std::collections::HashSet;

use super::model::{Config, Pool, Site, StickyMode};
use super::site::passthrough;
use super::text::errors::{Place, Problems};

/// Whether the pool has a table of sessions.
fn keeps_a_table(pool: &Pool) -> bool {
    pool.sticky.as_ref().is_some_and(|sticky| matches!(sticky.mode, StickyMode::Learn | StickyMode::Source))
}

/// Adds a warning for each.
pub(super) fn warn(config: &Config, problems: &Problems) {
    let warn = |at: &Place, what: String, advice: &str| problems.warning(at.clone(), what, advice);
    let listeners: HashSet<usize> = config.sites.iter().flat_map(|site| site.listeners.iter().copied()).collect();
    for (index, listener) in config.listeners.iter().enumerate() {
        if !listeners.contains(&index) {
            let refuses = if listener.tls.is_some() {
                "every handshake on it is refused"
            } else {
                "every request on it is answered 421"
            };
            warn(
                &listener.at,
                format!("listener {:?} has no site: {refuses}", listener.name),
                "name it at a [[site]], or leave it out",
            );
        }
    }
    let members = config.pools.iter().flat_map(|pool| pool.members.iter().map(|member| member.node));
    let nodes: HashSet<usize> = members.collect();
    for (index, node) in config.nodes.iter().enumerate() {
        if !nodes.contains(&index) {
            warn(
                &node.at,
                format!("node {:?} is in no pool", node.name),
                "name it in the nodes of a [[pool]], or leave it out",
            );
        }
    }
    let ordered: HashSet<usize> =
        config.sites.iter().flat_map(|site| site.ordered.iter().map(|ordered| ordered.authority)).collect();
    for (index, acme) in config.acme.iter().enumerate() {
        if !ordered.contains(&index) {
            warn(
                &acme.at,
                format!("no certificate is ordered from {:?}", acme.name),
                "write certificate = { acme = \"…\" } at a [[site]], or leave it out",
            );
        }
    }
    if let Some(shared) = config.shared.as_ref().filter(|shared| shared.stores.is_some())
        && !config.pools.iter().any(keeps_a_table)
        && !config.rates().any(|rate| rate.shared)
    {
        warn(
            &shared.at,
            "servers: no pool learns sessions, so they are told operators' orders alone".to_owned(),
            "leave the key out if that is not wanted; mode = \"cookie\" and \"route\" need the secret alone",
        );
    }
    passthrough::warn_of_pools(config, problems);
    let pools: HashSet<usize> = config.sites.iter().flat_map(Site::pools).collect();
    for (index, pool) in config.pools.iter().enumerate() {
        if !pools.contains(&index) {
            warn(
                &pool.at,
                format!("pool {:?} serves no site", pool.name),
                "name it as the pool of a [[site]] or a [[site.route]], or leave it out",
            );
        }
    }
}
