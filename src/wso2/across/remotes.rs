//! What remote instances of one id have on all nodes: the same part of the registry, and the same caching.

use std::collections::BTreeMap;

use super::compared::{Across, differing};
use crate::wso2::checks::REMOTE;
use crate::wso2::files::Written;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::registry::Remote;

pub(crate) fn check(across: Across<'_>) {
    for all in by_id(across, |remote| remote.root.as_ref()).values() {
        for (said, what) in differing("registryRoot", all) {
            across.findings.error(
                REMOTE,
                &said.at,
                what,
                "write the same on all nodes: each sees another part of the registry",
            );
        }
    }
    for all in by_id(across, |remote| remote.is_cached.as_ref()).values() {
        for (said, what) in differing("enableCache", all) {
            across.findings.warning(REMOTE, &said.at, what, "write the same on all nodes");
        }
    }
}

/// A value of each node, for each id. Of two with one id in a node the first counts here.
fn by_id<'a>(
    across: Across<'a>,
    value: impl Fn(&'a Remote) -> Option<&'a Written>,
) -> BTreeMap<&'a str, Vec<(&'a NodeFiles, &'a Written)>> {
    let mut all: BTreeMap<&str, Vec<(&NodeFiles, &Written)>> = BTreeMap::new();
    for (node, registry) in across.nodes.iter().filter_map(|node| Some((node, node.registry.as_ref()?))) {
        for remote in &registry.remotes {
            let said = value(remote).filter(|said| said.filled_in().is_none());
            let Some((id, said)) = remote.id.as_ref().zip(said) else { continue };
            let of_nodes = all.entry(&id.text).or_default();
            if of_nodes.last().is_none_or(|(last, _)| last.node != node.node) {
                of_nodes.push((node, said));
            }
        }
    }
    all
}
