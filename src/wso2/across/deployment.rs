//! The deployment synchronizer: on or off everywhere, one node commits, all have the same repository.

use super::compared::Across;
use super::databases::on_one_machine;
use crate::config::Deployment;
use crate::wso2::checks::{AUTO_COMMIT, SVN, SYNCHRONIZER};
use crate::wso2::model::NodeFiles;
use crate::wso2::model::carbon::Synchronizer;
use crate::wso2::model::databases::host;
use crate::wso2::view::is_loopback;

pub(crate) fn check(across: Across<'_>) {
    switched(across);
    let all: Vec<_> = synchronizers(across).filter(|(_, one)| one.is_enabled()).collect();
    if all.is_empty() {
        return;
    }
    commits(across, &all);
    across.same(SYNCHRONIZER, "RepositoryType", |node| enabled(node)?.kind.as_ref());
    across.same(SVN, "SvnUrlAppendTenantId", |node| enabled(node)?.per_tenant.as_ref());
    local(across, &all);
    if across.view.cluster().is_none_or(|cluster| cluster.svn_url.is_none()) {
        across.same(SVN, "SvnUrl", |node| {
            node.carbon.as_ref()?.synchronizer.as_ref().filter(|one| one.is_enabled() && one.is_svn())?.url.as_ref()
        });
    }
}

fn enabled(node: &NodeFiles) -> Option<&Synchronizer> {
    node.carbon.as_ref()?.synchronizer.as_ref().filter(|one| one.is_enabled())
}

/// A repository on the machine of each node is another one for each of them.
fn local(across: Across<'_>, all: &[(&NodeFiles, &Synchronizer)]) {
    if all.len() < 2 || on_one_machine(across) {
        return;
    }
    for url in all.iter().filter(|(_, one)| one.is_svn()).filter_map(|(_, one)| one.url.as_ref()) {
        if host(&url.text).is_some_and(is_loopback) {
            let what = format!("SvnUrl is {:?}, which is another machine on each node", url.text);
            across.findings.error(SVN, &url.at, what, "write the name or address of the repository's server");
        } else if url.text.starts_with("file:") {
            let what = format!("SvnUrl is {:?}, a directory of each node's own machine", url.text);
            across.findings.warning(
                SVN,
                &url.at,
                what,
                "write the URL of a server, unless all nodes mount this directory",
            );
        }
    }
}

fn synchronizers(across: Across<'_>) -> impl Iterator<Item = (&NodeFiles, &Synchronizer)> {
    across.nodes.iter().filter_map(|node| Some((node, node.carbon.as_ref()?.synchronizer.as_ref()?)))
}

fn switched(across: Across<'_>) {
    let said = across.view.cluster().and_then(|cluster| cluster.deployment);
    let enabled: Vec<_> = synchronizers(across).filter(|(_, one)| one.is_enabled()).map(|(node, _)| node).collect();
    // Without a word of weir.toml most nodes are right; of as many those where it is on.
    let switched = across.nodes.iter().filter(|node| node.carbon.is_some()).count();
    let most = (!enabled.is_empty()).then_some(2 * enabled.len() >= switched);
    let Some(wanted) = said.map(|said| said == Deployment::Svn).or(most) else { return };
    for node in across.nodes {
        let Some(carbon) = &node.carbon else { continue };
        let one = carbon.synchronizer.as_ref();
        if one.is_some_and(Synchronizer::is_enabled) == wanted {
            continue;
        }
        let at = one.map_or(&carbon.at, |one| one.enabled.as_ref().map_or(&one.at, |said| &said.at));
        let is_other = |other: &&NodeFiles| enabled.iter().any(|node| node.node == other.node) == wanted;
        let other = across.nodes.iter().filter(|other| other.carbon.is_some()).find(is_other);
        let others = other.map(|other| format!("on {} it {}", other.name, if wanted { "is" } else { "is not" }));
        let because = said
            .map_or(others.unwrap_or_default(), |said| format!("[cluster] of weir.toml says {:?}", <&str>::from(said)));
        let is = if wanted { "is not enabled" } else { "is enabled" };
        let what = format!("the deployment synchronizer {is}, and {because}");
        across.findings.error(SYNCHRONIZER, at, what, format!("write <Enabled>{wanted}</Enabled>"));
    }
}

fn commits(across: Across<'_>, all: &[(&NodeFiles, &Synchronizer)]) {
    let place = |one: &Synchronizer| one.commits.as_ref().map_or_else(|| one.at.clone(), |said| said.at.clone());
    let manager = across.view.manager();
    let committing: Vec<_> = all.iter().filter(|(_, one)| one.commits()).collect();
    if manager.is_some() {
        for (node, one) in all.iter().filter(|(node, one)| one.commits() != node.role.is_manager) {
            let what = if node.role.is_manager {
                "AutoCommit is not true on the manager, so what is deployed there reaches no worker".to_owned()
            } else {
                format!("AutoCommit is true on {}, which is a worker: two nodes would write the repository", node.name)
            };
            across.findings.error(AUTO_COMMIT, &place(one), what, format!("write {}", node.role.is_manager));
        }
        return;
    }
    if let [(first, _), others @ ..] = committing.as_slice() {
        for (_, one) in others {
            let what = format!("AutoCommit is true on {} too, and only one node may write the repository", first.name);
            across.findings.error(AUTO_COMMIT, &place(one), what, "write false");
        }
    } else if across.is_complete() {
        let what = "AutoCommit is true on no node, so nothing that is deployed reaches another";
        across.findings.error(AUTO_COMMIT, &place(all[0].1), what, "write true on one node");
    }
}
