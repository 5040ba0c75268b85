//! All nodes beside each other: whose value is not that of most.

use crate::wso2::checks::Check;
use crate::wso2::files::Written;
use crate::wso2::findings::Findings;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::axis2::Clustering;
use crate::wso2::view::View;

/// All nodes, and what is needed to say something of them.
#[derive(Clone, Copy)]
pub(crate) struct Across<'a> {
    pub(crate) nodes: &'a [NodeFiles],
    pub(crate) view: View<'a>,
    pub(crate) findings: &'a Findings,
}

impl<'a> Across<'a> {
    /// The clustering element of each node that has one.
    pub(crate) fn clustering(&self) -> impl Iterator<Item = (&'a NodeFiles, &'a Clustering)> {
        self.nodes.iter().filter_map(|node| Some((node, clustering(node)?)))
    }

    /// Whether all nodes of weir.toml are here that can be of this cluster, by what is said there and by the members that nodes know.
    pub(crate) fn is_complete(&self) -> bool {
        let hosts: Vec<&str> = self
            .clustering()
            .flat_map(|(_, clustering)| &clustering.members)
            .filter_map(|member| member.host.as_ref().map(|host| host.text.as_str()))
            .collect();
        let is_one = |node: &usize| self.view.members.has(*node) || hosts.contains(&&*self.view.address(*node));
        let mut all = (0..self.view.config.nodes.len()).filter(is_one);
        all.all(|node| self.nodes.iter().any(|here| here.node == node))
    }

    /// Reports each node whose value is not that of most.
    pub(crate) fn same(&self, check: Check, name: &str, value: impl Fn(&'a NodeFiles) -> Option<&'a Written>) {
        let known = |said: &&Written| said.filled_in().is_none();
        let all: Vec<_> = self.nodes.iter().filter_map(|node| Some((node, value(node).filter(known)?))).collect();
        for (said, what) in differing(name, &all) {
            self.findings.error(check, &said.at, what, "write the same on all nodes");
        }
    }

    /// The same without the values, also for nodes that have none.
    pub(crate) fn same_secret(&self, check: Check, name: &str, value: impl Fn(&'a NodeFiles) -> Option<&'a Written>) {
        let all: Vec<_> = self.nodes.iter().filter_map(|node| Some((node, value(node)?))).collect();
        let without: Vec<_> = self.clustering().filter(|(node, _)| value(node).is_none()).collect();
        let Some((first, wanted)) = most_common(&all) else { return };
        // Nodes that have none may be the ones that are right.
        if let Some((other, _)) = without.first().filter(|_| without.len() > all.len()) {
            for (_, said) in &all {
                let what = format!("{name} is there, and {} has none", other.name);
                self.findings.error(check, &said.at.without_excerpt(), what, "write one on all nodes, or on none");
            }
            return;
        }
        for (_, said) in all.iter().filter(|(_, said)| said.text != wanted.text) {
            let what = format!("{name} is another one than on {}", first.name);
            self.findings.error(check, &said.at.without_excerpt(), what, "write the same on all nodes");
        }
        for (node, clustering) in without {
            let what = format!("{name} is not there, and {} has one", first.name);
            self.findings.error(check, &clustering.at, what, format!("write {name} as on {}", node_list(&all, node)));
        }
    }
}

/// The values that are not that of most, and what is said of each.
pub(super) fn differing<'a>(name: &str, all: &[(&NodeFiles, &'a Written)]) -> Vec<(&'a Written, String)> {
    let Some((first, wanted)) = most_common(all) else { return Vec::new() };
    let others = all.iter().filter(|(_, said)| said.text != wanted.text);
    let what = |said: &Written| format!("{name} is {:?}, and on {} it is {:?}", said.text, first.name, wanted.text);
    others.map(|(_, said)| (*said, what(said))).collect()
}

fn node_list(all: &[(&NodeFiles, &Written)], but: &NodeFiles) -> String {
    let names: Vec<&str> = all.iter().map(|(node, _)| &*node.name).filter(|name| *name != &*but.name).collect();
    names.join(", ")
}

/// The value that most nodes have; of several the one of the manager, or of the first node.
pub(crate) fn most_common<'n, 'a>(all: &[(&'n NodeFiles, &'a Written)]) -> Option<(&'n NodeFiles, &'a Written)> {
    let count = |wanted: &Written| all.iter().filter(|(_, said)| said.text == wanted.text).count();
    let weight = |(node, said): &&(&NodeFiles, &Written)| (count(said), node.role.is_manager);
    // The first of equal ones: `max_by_key` would take the last.
    all.iter().rev().max_by_key(weight).copied()
}

/// The clustering element that counts. One that is not enabled will be, so all else in it is checked too.
fn clustering(node: &NodeFiles) -> Option<&Clustering> {
    node.axis2.as_ref()?.clustering.first()
}

pub(crate) fn parameter<'a>(node: &'a NodeFiles, name: &str) -> Option<&'a Written> {
    clustering(node)?.parameter(name)
}
