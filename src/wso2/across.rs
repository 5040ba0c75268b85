//! What must fit between the nodes of a cluster.

mod caches;
mod compared;
mod databases;
mod deployment;
mod members;
mod multicast;
mod ports;
mod remotes;
mod roles;
mod users;

use self::compared::{Across, parameter};
use super::checks::{DOMAIN, GROUP_PASSWORD, PRODUCT, SCHEME};
use super::findings::Findings;
use super::model::NodeFiles;
use super::view::View;

/// Checks the nodes against each other.
pub(crate) fn check(nodes: &[NodeFiles], view: View<'_>, findings: &Findings) {
    let across = Across { nodes, view, findings };
    members::check(across);
    multicast::check(across);
    ports::check(across);
    roles::check(across);
    deployment::check(across);
    databases::check(across);
    caches::check(across);
    remotes::check(across);
    users::check(across);
    products(across);
    let cluster = view.cluster();
    // What [cluster] has, each node was compared with already.
    if cluster.is_none_or(|cluster| cluster.domain.is_none()) {
        across.same(DOMAIN, "domain", |node| parameter(node, "domain"));
    }
    if cluster.is_none() {
        across.same(SCHEME, "membershipScheme", |node| parameter(node, "membershipScheme"));
    }
    across.same_secret(GROUP_PASSWORD, "groupPassword", |node| parameter(node, "groupPassword"));
}

fn products(across: Across<'_>) {
    let product = |node: &NodeFiles| {
        let carbon = node.carbon.as_ref()?;
        let (name, version) = (carbon.product.as_ref()?, carbon.version.as_ref()?);
        Some((format!("{} {}", name.text, version.text), version.at.clone()))
    };
    let all: Vec<_> = across.nodes.iter().filter_map(|node| Some((node, product(node)?))).collect();
    let count = |wanted: &str| all.iter().filter(|(_, (name, _))| name == wanted).count();
    let Some((first, (wanted, _))) =
        all.iter().rev().max_by_key(|(node, (name, _))| (count(name), node.role.is_manager))
    else {
        return;
    };
    for (_, (name, at)) in all.iter().filter(|(_, (name, _))| name != wanted) {
        let what = format!("this is {name}, and {} is {wanted}", first.name);
        across.findings.error(
            PRODUCT,
            at,
            what,
            "a cluster is of one product and version: is it the directory of another server?",
        );
    }
}
