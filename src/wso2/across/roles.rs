//! Manager and workers: exactly one node is the manager, and somebody runs the scheduled tasks.

use super::compared::Across;
use crate::wso2::checks::{PATTERN, SUB_DOMAIN};

pub(crate) fn check(across: Across<'_>) {
    without(across);
    sub_domains(across);
    tasks(across);
}

/// Nodes without a subDomain. EI does without one, as long as no node has it.
fn without(across: Across<'_>) {
    if across.view.manager().is_none() {
        return;
    }
    let (having, lacking): (Vec<_>, Vec<_>) =
        across.clustering().partition(|(_, one)| one.property("subDomain").is_some());
    let may_lack = having.is_empty() && lacking.iter().all(|(node, _)| node.is_ei());
    for (node, one) in lacking.iter().take(if may_lack { 1 } else { lacking.len() }) {
        let at =
            one.parameters.iter().find(|(name, _)| name.text == "properties").map_or(&one.at, |(name, _)| &name.at);
        let wanted = if node.role.is_manager { "mgt" } else { "worker" };
        let advice = format!("write <property name=\"subDomain\" value={wanted:?}/>");
        if may_lack {
            let what = "no node has a subDomain, so none counts as manager or worker";
            across.findings.warning(SUB_DOMAIN, at, what, advice);
        } else {
            let what = "subDomain is not there, so the node counts as neither manager nor worker";
            across.findings.error(SUB_DOMAIN, at, what, advice);
        }
    }
}

/// Where weir.toml says who the manager is, each node was compared with that already.
fn sub_domains(across: Across<'_>) {
    if across.view.manager().is_some() {
        return;
    }
    let said: Vec<_> = across.clustering().filter_map(|(node, one)| Some((node, one.property("subDomain")?))).collect();
    let managers: Vec<_> = said.iter().filter(|(_, said)| said.text == "mgt").collect();
    if let [(first, _), others @ ..] = managers.as_slice() {
        for (_, other) in others {
            let what = format!("{} is mgt too, and a cluster has one manager", first.name);
            across.findings.error(SUB_DOMAIN, &other.at, what, "write worker");
        }
    } else if let Some((_, worker)) = said.first().filter(|_| across.is_complete()) {
        let what = "no node has the subDomain mgt, so the cluster has no manager";
        across.findings.error(SUB_DOMAIN, &worker.at, what, "write mgt on one node");
    }
}

/// With `WorkerManager` tasks run on workers alone, and EI 6 cannot be started as one.
fn tasks(across: Across<'_>) {
    let nodes: Vec<_> = across.clustering().filter(|(node, _)| node.is_ei()).collect();
    let runs_none = |pattern: Option<&str>| pattern == Some("WorkerManager");
    let all = nodes.iter().all(|(_, one)| runs_none(one.parameter("clusteringPattern").map(|said| said.text.as_str())));
    if !all || nodes.len() != across.nodes.len() || !across.is_complete() {
        return;
    }
    for (node, one) in nodes.iter().filter(|(node, _)| !node.role.is_manager) {
        let Some(pattern) = one.parameter("clusteringPattern") else { continue };
        let what = format!(
            "clusteringPattern is WorkerManager on all nodes, and EI 6 has no worker profile: scheduled tasks run nowhere ({})",
            node.name
        );
        across.findings.warning(PATTERN, &pattern.at, what, "write nonWorkerManager on the workers");
    }
}
