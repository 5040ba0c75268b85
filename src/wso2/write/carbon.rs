//! What is mended in carbon.xml: names, ports, the deployment synchronizer.

use super::edits::Edit;
use super::fixing::{Fixing, host, only};
use super::markup::Markup;
use super::xml::Element;
use crate::config::Deployment;
use crate::wso2::checks::{
    AUTO_CHECKOUT, AUTO_COMMIT, HOST_NAME, MGT_HOST_NAME, OFFSET, SVN, SYNCHRONIZER, WORKER_PORTS,
};
use crate::wso2::model::NodeFiles;

/// The edits for a finding. `None`: it is left to the operator.
pub(crate) fn fix(fixing: &Fixing<'_>, root: Element<'_>) -> Option<Vec<Edit>> {
    let here = root.at(fixing.at());
    let first = |names: [&'static str; 3]| names.into_iter().find_map(|name| root.child(name));
    let said = |node: &NodeFiles| Some(node.carbon.as_ref()?.host_name.as_ref()?.text.clone());
    let services = || host(fixing, &fixing.view.services(), said);
    match fixing.finding.check {
        HOST_NAME => {
            // The first one counts, so a second one has no effect.
            if let Some(second) = ["HostName", "MgtHostName"].iter().find_map(|name| second(root, name, here)) {
                return Some(second.remove());
            }
            set(root, "HostName", &services()?, &[first(["ServerKey", "Version", "Name"])])
        }
        MGT_HOST_NAME => {
            let host = host(fixing, &fixing.view.console(), |_| None)?;
            let is_first_made = root.child("HostName").is_none() && services().is_some();
            // It stands behind HostName.
            (!is_first_made).then(|| set(root, "MgtHostName", &host, &[root.child("HostName")]))?
        }
        OFFSET => {
            let offset = fixing.view.offset(fixing.node.node).to_string();
            match root.child("Ports") {
                Some(ports) => set(ports, "Offset", &offset, &[]),
                None => root.insert(&[Markup::new("Ports").child(Markup::of("Offset", &offset))], "Ports", &[]),
            }
        }
        WORKER_PORTS => {
            let name = WORKER_PROXY_PORTS.into_iter().find(|name| fixing.finding.problem.what.starts_with(name))?;
            let tls = name == "WorkerHttpsProxyPort";
            let port =
                only(fixing.view.services().iter().filter(|one| one.tls == tls).map(|one| one.port))?.to_string();
            match root.child("Ports") {
                Some(ports) => set(ports, name, &port, &[ports.child("Offset")]),
                None => root.insert(&[Markup::new("Ports").child(Markup::of(name, &port))], "Ports", &[]),
            }
        }
        _ => synchronizer(fixing, root, here),
    }
}

const WORKER_PROXY_PORTS: [&str; 2] = ["WorkerHttpProxyPort", "WorkerHttpsProxyPort"];

fn second<'a>(root: Element<'a>, name: &str, here: Element<'_>) -> Option<Element<'a>> {
    root.children(name).skip(1).find(|one| one.is(&here))
}

/// The text of a child, which is made if it is not there.
pub(crate) fn set(
    parent: Element<'_>,
    name: &'static str,
    value: &str,
    after: &[Option<Element<'_>>],
) -> Option<Vec<Edit>> {
    match parent.child(name) {
        Some(child) => child.set_text(value),
        None => parent.insert(&[Markup::of(name, value)], name, after),
    }
}

fn synchronizer(fixing: &Fixing<'_>, root: Element<'_>, here: Element<'_>) -> Option<Vec<Edit>> {
    let cluster = fixing.cluster();
    let role = fixing.role();
    let wanted = cluster.and_then(|cluster| cluster.deployment).map(|deployment| deployment == Deployment::Svn);
    let url = cluster.and_then(|cluster| cluster.svn_url.as_deref());
    let Some(one) = root.child("DeploymentSynchronizer") else {
        let is_missing = fixing.is(SYNCHRONIZER) && wanted == Some(true) && role.has_manager;
        return is_missing.then(|| root.insert(&[new(role.is_manager, url)], "DeploymentSynchronizer", &[]))?;
    };
    // Of a second one nobody knows which is meant.
    if here.up("DeploymentSynchronizer").is_some_and(|there| !there.is(&one)) {
        return None;
    }
    let after = |names: &[&str]| names.iter().map(|name| one.child(name)).collect::<Vec<_>>();
    match fixing.finding.check {
        SYNCHRONIZER if here.name() == "RepositoryType" => {
            (cluster?.deployment == Some(Deployment::Svn)).then(|| here.set_text("svn"))?
        }
        SYNCHRONIZER => set(one, "Enabled", &wanted?.to_string(), &[]),
        AUTO_COMMIT if role.has_manager => set(one, "AutoCommit", &role.is_manager.to_string(), &after(&["Enabled"])),
        AUTO_CHECKOUT => set(one, "AutoCheckout", "true", &after(&["AutoCommit", "Enabled"])),
        SVN if !matches!(here.name(), "SvnUser" | "SvnUrlAppendTenantId") => {
            set(one, "SvnUrl", url?, &after(&["RepositoryType", "AutoCheckout", "Enabled"]))
        }
        _ => None,
    }
}

/// Its user and password are left to the operator.
fn new(commits: bool, url: Option<&str>) -> Markup {
    let flags = [("Enabled", true), ("AutoCommit", commits), ("AutoCheckout", true)];
    let with = |all: Markup, (name, flag): (&'static str, bool)| all.child(Markup::of(name, &flag.to_string()));
    let all = flags.into_iter().fold(Markup::new("DeploymentSynchronizer"), with);
    let all = all.child(Markup::of("RepositoryType", "svn"));
    url.into_iter().fold(all, |all, url| all.child(Markup::of("SvnUrl", url)))
}
