//! What names the shared database in the caches of the nodes: its user, and cacheId.

use std::collections::BTreeMap;

use super::compared::{Across, most_common};
use crate::wso2::checks::{CACHE, SHARED};
use crate::wso2::files::Written;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::databases::Datasource;
use crate::wso2::model::registry::{Remote, find};

/// After the databases: where the URL is reported, the cacheId with it is right again when the URL is.
pub(crate) fn check(across: Across<'_>) {
    let all: Vec<(&NodeFiles, &Remote, &Datasource)> = across.nodes.iter().flat_map(remotes).collect();
    // Of two with one id in a node the first counts here.
    let mut by_id: BTreeMap<&str, Vec<(&NodeFiles, &Written)>> = BTreeMap::new();
    for (node, remote, _) in &all {
        let Some((id, said)) = id(remote).zip(remote.cache.as_ref()) else { continue };
        let of_nodes = by_id.entry(id).or_default();
        if of_nodes.last().is_none_or(|(last, _)| last.node != node.node) {
            of_nodes.push((node, said));
        }
    }
    for (node, remote, source) in &all {
        let Some(said) = remote.cache.as_ref().filter(|_| !is_reported(across, source)) else { continue };
        let theirs = id(remote).and_then(|id| by_id.get(id)).map(Vec::as_slice).unwrap_or_default();
        let others = most_common(theirs).filter(|(_, wanted)| wanted.text != said.text);
        if let Some((first, wanted)) = others.filter(|(first, _)| first.node != node.node) {
            let what = format!("cacheId is {:?}, and on {} it is {:?}", said.text, first.name, wanted.text);
            across.findings.error(CACHE, &said.at, what, "write user@URL of the datasource, the same on all nodes");
        } else {
            fits(across, said, source);
        }
    }
}

fn remotes(node: &NodeFiles) -> Vec<(&NodeFiles, &Remote, &Datasource)> {
    let (Some(registry), Some(sources)) = (&node.registry, &node.datasources) else { return Vec::new() };
    let source = |remote: &Remote| find(sources, &registry.datasource(&remote.config.as_ref()?.text)?.text);
    registry.remotes.iter().filter_map(|remote| Some((node, remote, source(remote)?))).collect()
}

fn id(remote: &Remote) -> Option<&str> {
    remote.id.as_ref().map(|id| id.text.as_str())
}

fn is_reported(across: Across<'_>, source: &Datasource) -> bool {
    [&source.url, &source.user].into_iter().flatten().any(|said| across.findings.has(SHARED, &said.at))
}

/// With a dbConfig servers make the identifier themselves, so one that does not fit is only misleading.
fn fits(across: Across<'_>, said: &Written, source: &Datasource) {
    let Some((user, url)) = source.user.as_ref().zip(source.url.as_ref()) else { return };
    let wanted = format!("{}@{}", user.text, url.text);
    if said.text != wanted && said.filled_in().is_none() && url.filled_in().is_none() {
        let what = format!("cacheId is {:?}, and its datasource is {wanted:?}", said.text);
        across.findings.warning(CACHE, &said.at, what, format!("write {wanted}, or leave it out"));
    }
}
