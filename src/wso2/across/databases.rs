//! The shared registry: the same mounts on all nodes, and one database behind them.

use std::collections::{BTreeMap, BTreeSet};

use super::compared::{Across, differing, most_common};
use crate::config::{Place, suggestion};
use crate::wso2::checks::{MOUNT, SHARED};
use crate::wso2::files::Written;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::databases::{Datasource, host};
use crate::wso2::model::registry::{Mount, Registry, find};
use crate::wso2::view::is_loopback;

/// The datasource that each node has for itself.
const OWN: &str = "jdbc/WSO2CarbonDB";

pub(crate) fn check(across: Across<'_>) {
    let registries: Vec<_> = across.nodes.iter().filter_map(|node| Some((node, node.registry.as_ref()?))).collect();
    mounts(across, &registries);
    let jndi = |source: &'_ Datasource| source.jndi.as_ref().map(|name| name.text.clone());
    let names: BTreeSet<String> = across.nodes.iter().flat_map(NodeFiles::shared).filter_map(jndi).collect();
    let own = across.nodes.iter().filter_map(|node| {
        let registry = node.registry.as_ref()?;
        Some(registry.datasource(&registry.current.as_ref()?.text)?.text.clone())
    });
    let own: BTreeSet<String> = own.chain([OWN.to_owned()]).collect();
    names.iter().filter(|name| **name != OWN).for_each(|name| database(across, name));
    let others = across.nodes.iter().filter_map(|node| node.datasources.as_ref()).flatten().filter_map(jndi);
    let others: BTreeSet<String> = others.filter(|name| !own.contains(name) && !names.contains(name)).collect();
    others.iter().for_each(|name| other(across, name));
}

/// The mounts of each node by their path. Of two with one path the first counts here.
type Mounts<'a> = Vec<(&'a NodeFiles, &'a Registry, BTreeMap<&'a str, &'a Mount>)>;

fn by_path(registry: &Registry) -> BTreeMap<&str, &Mount> {
    registry.mounts.iter().rev().filter_map(|mount| Some((mount.path.as_ref()?.text.as_str(), mount))).collect()
}

fn mounts(across: Across<'_>, registries: &[(&NodeFiles, &Registry)]) {
    let all: Mounts<'_> = registries.iter().map(|(node, registry)| (*node, *registry, by_path(registry))).collect();
    let paths: BTreeSet<&str> = all.iter().flat_map(|(_, _, mounts)| mounts.keys().copied()).collect();
    for path in paths {
        mounted(across, &all, path);
        let said: Vec<_> =
            all.iter().filter_map(|(node, _, mounts)| Some((*node, mounts.get(path)?.overwrite.as_ref()?))).collect();
        for (said, what) in differing("overwrite", &said) {
            if !across.findings.has(MOUNT, &said.at) {
                across.findings.error(MOUNT, &said.at, what, "write the same on all nodes");
            }
        }
        let targets: Vec<_> =
            all.iter().filter_map(|(node, _, mounts)| Some((*node, mounts.get(path)?.target.as_ref()?))).collect();
        let Some((node, target)) = most_common(&targets) else { continue };
        for (_, said) in targets.iter().filter(|(_, said)| said.text != target.text && said.filled_in().is_none()) {
            let what = format!("{path} is mounted at {}, and on {} at {}", said.text, node.name, target.text);
            across.findings.error(MOUNT, &said.at, what, "write the same targetPath on all nodes");
        }
    }
}

/// Whether all nodes have this mount, or none. Most of them are right; of as many the ones that have it.
fn mounted(across: Across<'_>, all: &Mounts<'_>, path: &str) {
    let (having, lacking): (Vec<_>, Vec<_>) = all.iter().partition(|(_, _, mounts)| mounts.contains_key(path));
    let advice = "write the same mounts on all nodes";
    if having.len() >= lacking.len() {
        let Some((first, ..)) = having.first() else { return };
        for (_, registry, _) in lacking {
            let what = format!("{path} is not mounted here, and on {} it is", first.name);
            across.findings.error(MOUNT, &registry.at, what, advice);
        }
    } else if let Some((first, _, theirs)) = lacking.first() {
        let known: Vec<&str> = theirs.keys().copied().take(100).collect();
        for mount in having.iter().filter_map(|(_, _, mounts)| mounts.get(path)) {
            let at = mount.path.as_ref().map_or(&mount.at, |path| &path.at);
            let what = format!("{path} is mounted here, and on {} it is not", first.name);
            across.findings.error(MOUNT, at, what, suggestion(path, "mounts there", &known));
        }
    }
}

fn database(across: Across<'_>, name: &str) {
    let sources = across.nodes.iter().filter_map(|node| Some((node, find(node.datasources.as_ref()?, name)?)));
    let sources: Vec<_> = sources.collect();
    users(across, name, &sources);
    let urls = sources.iter().filter_map(|(node, source)| Some((*node, source.url.as_ref()?)));
    let known = |url: &Written| !url.text.starts_with("jdbc:h2:") && url.filled_in().is_none();
    let urls: Vec<_> = urls.filter(|(_, url)| known(url)).collect();
    let Some((node, wanted)) = most_common(&urls) else { return };
    let local = |at: &Place, host: &str| {
        let what = format!("{name} is at {host}, which is another machine on each node");
        across.findings.error(SHARED, at, what, "write the name or address of the database server");
    };
    for (_, url) in urls.iter().filter(|(_, url)| !across.findings.has(SHARED, &url.at)) {
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

/// A database that is not of the registry, such as the one of the users: mostly the same for all nodes.
fn other(across: Across<'_>, name: &str) {
    let urls: Vec<_> = across
        .nodes
        .iter()
        .filter_map(|node| Some((node, find(node.datasources.as_ref()?, name)?.url.as_ref()?)))
        .collect();
    let Some((node, wanted)) = most_common(&urls) else { return };
    let is_judged = |url: &Written| !url.text.starts_with("jdbc:h2:") && url.filled_in().is_none();
    for (_, url) in urls.iter().filter(|(_, url)| is_judged(url) && url.text != wanted.text) {
        let what = format!("{name} is {}, and on {} it is {}", url.text, node.name, wanted.text);
        across.findings.warning(
            SHARED,
            &url.at,
            what,
            "write the same URL on all nodes, unless each has its own database",
        );
    }
}

/// Caches of the registry know a database by its user, too.
fn users(across: Across<'_>, name: &str, sources: &[(&NodeFiles, &Datasource)]) {
    let users: Vec<_> = sources.iter().filter_map(|(node, source)| Some((*node, source.user.as_ref()?))).collect();
    let Some((node, wanted)) = most_common(&users) else { return };
    let differs = |said: &Written| said.text != wanted.text && said.filled_in().is_none();
    // What was compared with weir.toml is not told twice.
    for (_, said) in users.iter().filter(|(_, said)| differs(said) && !across.findings.has(SHARED, &said.at)) {
        let what = format!("the user of {name} is {:?}, and on {} it is {:?}", said.text, node.name, wanted.text);
        across.findings.warning(SHARED, &said.at, what, "write the same user on all nodes");
    }
}

/// Whether all nodes have one address, so that `localhost` is the same for all.
pub(super) fn on_one_machine(across: Across<'_>) -> bool {
    let mut addresses = across.nodes.iter().map(|node| across.view.address(node.node));
    let first = addresses.next();
    addresses.all(|address| Some(&address) == first.as_ref())
}
