//! The shared registry: the same mounts on all nodes, and one database behind them.

use super::compared::{Across, most_common};
use crate::config::Place;
use crate::wso2::checks::{MOUNT, SHARED};
use crate::wso2::model::NodeFiles;
use crate::wso2::model::databases::{Datasource, host};
use crate::wso2::model::registry::{Mount, Registry};
use crate::wso2::view::is_loopback;

/// The datasource that each node has for itself.
const OWN: &str = "jdbc/WSO2CarbonDB";

pub(crate) fn check(across: Across<'_>) {
    let registries: Vec<_> = across.nodes.iter().filter_map(|node| Some((node, node.registry.as_ref()?))).collect();
    mounts(across, &registries);
    let names = across.nodes.iter().flat_map(shared);
    let mut names: Vec<&str> = names.filter_map(|source| source.jndi.as_ref()).map(|name| name.text.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter(|name| *name != OWN).for_each(|name| database(across, name));
}

/// The datasources that a node shares: those of its remote instances.
fn shared(node: &NodeFiles) -> Vec<&Datasource> {
    match (&node.registry, &node.datasources) {
        (Some(registry), Some(sources)) => registry.shared(sources).collect(),
        _ => Vec::new(),
    }
}

fn mounts(across: Across<'_>, registries: &[(&NodeFiles, &Registry)]) {
    let path = |mount: &Mount| mount.path.as_ref().map(|path| path.text.clone());
    let mut paths: Vec<String> =
        registries.iter().flat_map(|(_, registry)| registry.mounts.iter().filter_map(path)).collect();
    paths.sort_unstable();
    paths.dedup();
    for wanted in paths {
        let of =
            |registry: &'_ Registry| registry.mounts.iter().position(|mount| path(mount).as_ref() == Some(&wanted));
        let having: Vec<_> =
            registries.iter().filter_map(|(node, registry)| Some((*node, &registry.mounts[of(registry)?]))).collect();
        let Some((first, _)) = having.first() else { continue };
        for (_, registry) in registries.iter().filter(|(_, registry)| of(registry).is_none()) {
            let what = format!("{wanted} is not mounted here, and on {} it is", first.name);
            across.findings.error(MOUNT, &registry.at, what, "write the same mounts on all nodes");
        }
        let targets: Vec<_> = having.iter().filter_map(|(node, mount)| Some((*node, mount.target.as_ref()?))).collect();
        let Some((node, target)) = most_common(&targets) else { continue };
        for (_, said) in targets.iter().filter(|(_, said)| said.text != target.text) {
            let what = format!("{wanted} is mounted at {}, and on {} at {}", said.text, node.name, target.text);
            across.findings.error(MOUNT, &said.at, what, "write the same targetPath on all nodes");
        }
    }
}

fn database(across: Across<'_>, name: &str) {
    let of = |node: &'_ NodeFiles| {
        let sources = node.datasources.as_ref()?;
        sources.iter().position(|source| source.jndi.as_ref().is_some_and(|jndi| jndi.text == name))
    };
    let urls = across.nodes.iter().filter_map(|node| Some((node, node.datasources.as_ref()?[of(node)?].url.as_ref()?)));
    let urls: Vec<_> = urls.filter(|(_, url)| !url.text.starts_with("jdbc:h2:")).collect();
    let Some((node, wanted)) = most_common(&urls) else { return };
    let local = |at: &Place, host: &str| {
        let what = format!("{name} is at {host}, which is another machine on each node");
        across.findings.error(SHARED, at, what, "write the name or address of the database server");
    };
    for (_, url) in &urls {
        let host = host(&url.text).filter(|host| is_loopback(host));
        match host {
            Some(host) if urls.len() > 1 && !on_one_machine(across) => local(&url.at, host),
            _ if url.text != wanted.text => {
                let what = format!("{name} is {}, and on {} it is {}", url.text, node.name, wanted.text);
                across.findings.error(SHARED, &url.at, what, "write the same URL on all nodes");
            }
            _ => {}
        }
    }
}

/// Whether all nodes have one address, so that `localhost` is the same for all.
fn on_one_machine(across: Across<'_>) -> bool {
    let mut addresses = across.nodes.iter().map(|node| across.view.address(node.node));
    let first = addresses.next();
    addresses.all(|address| Some(&address) == first.as_ref())
}
