//! Things that are written and that nothing uses: allowed, but mostly a name was forgotten somewhere.

use super::errors::{Place, Problems};
use super::model::{Action, Config, Route};

/// A warning for each.
pub(super) fn warn(config: &Config, problems: &Problems) {
    let warn = |at: &Place, what: String, advice: &str| problems.warning(at.clone(), what, advice);
    for (index, listener) in config.listeners.iter().enumerate() {
        if !config.sites.iter().any(|site| site.listeners.contains(&index)) {
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
    for (index, node) in config.nodes.iter().enumerate() {
        if !config.pools.iter().any(|pool| pool.members.iter().any(|member| member.node == index)) {
            warn(
                &node.at,
                format!("node {:?} is in no pool", node.name),
                "name it in the nodes of a [[pool]], or leave it out",
            );
        }
    }
    for (index, pool) in config.pools.iter().enumerate() {
        let takes = |route: &Route| route.action == Action::Pool(index);
        if !config.sites.iter().any(|site| site.pool == index || site.routes.iter().any(takes)) {
            warn(
                &pool.at,
                format!("pool {:?} serves no site", pool.name),
                "name it as the pool of a [[site]] or a [[site.route]], or leave it out",
            );
        }
    }
}
