//! carbon.xml as plain values: names, ports, the deployment synchronizer, the keystore.

use crate::config::Place;
use crate::wso2::files::Written;
use crate::wso2::files::xml::Element;

/// What of carbon.xml matters to a cluster.
pub(crate) struct Carbon {
    pub(crate) at: Place,
    /// Where a port that is not there would stand.
    pub(crate) ports: Place,
    pub(crate) product: Option<Written>,
    pub(crate) version: Option<Written>,
    pub(crate) host_name: Option<Written>,
    pub(crate) mgt_host_name: Option<Written>,
    pub(crate) offset: Option<Written>,
    pub(crate) worker_http: Option<Written>,
    pub(crate) worker_https: Option<Written>,
    pub(crate) admin_services: Option<Written>,
    pub(crate) keystore: Option<Written>,
    pub(crate) key_alias: Option<Written>,
    pub(crate) synchronizer: Option<Synchronizer>,
    /// Names that are written twice. The first counts.
    pub(crate) twice: Vec<(&'static str, Place)>,
}

/// `DeploymentSynchronizer`
pub(crate) struct Synchronizer {
    pub(crate) at: Place,
    pub(crate) enabled: Option<Written>,
    pub(crate) commits: Option<Written>,
    pub(crate) checks_out: Option<Written>,
    pub(crate) kind: Option<Written>,
    pub(crate) url: Option<Written>,
    pub(crate) user: Option<Written>,
    /// A user that is written and empty.
    pub(crate) nobody: Option<Place>,
    pub(crate) per_tenant: Option<Written>,
}

impl Synchronizer {
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.as_ref().is_some_and(Written::is_true)
    }

    pub(crate) fn commits(&self) -> bool {
        self.is_enabled() && self.commits.as_ref().is_some_and(Written::is_true)
    }

    /// Whether artifacts come by Subversion. That is the default.
    pub(crate) fn is_svn(&self) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind.text == "svn")
    }
}

impl Carbon {
    pub(crate) fn read(root: Element<'_>) -> Self {
        let ports = |name| root.child("Ports").and_then(|ports| ports.said(name));
        let store = root.child("Security").and_then(|security| security.child("KeyStore"));
        Self {
            at: root.at(),
            ports: root.child("Ports").unwrap_or(root).at(),
            product: root.said("Name"),
            version: root.said("Version"),
            host_name: root.said("HostName"),
            mgt_host_name: root.said("MgtHostName"),
            offset: ports("Offset"),
            worker_http: ports("WorkerHttpProxyPort"),
            worker_https: ports("WorkerHttpsProxyPort"),
            admin_services: root.child("Axis2Config").and_then(|axis2| axis2.said("HttpAdminServices")),
            keystore: store.and_then(|store| store.said("Location")),
            key_alias: store.and_then(|store| store.said("KeyAlias")),
            twice: root.second(&["HostName", "MgtHostName", "DeploymentSynchronizer"]),
            synchronizer: root.child("DeploymentSynchronizer").map(|one| Synchronizer {
                at: one.at(),
                enabled: one.said("Enabled"),
                commits: one.said("AutoCommit"),
                checks_out: one.said("AutoCheckout"),
                kind: one.said("RepositoryType"),
                url: one.said("SvnUrl"),
                user: one.said("SvnUser"),
                nobody: one
                    .child("SvnUser")
                    .map(|user| user.text())
                    .filter(|user| user.text.is_empty())
                    .map(|user| user.at),
                per_tenant: one.said("SvnUrlAppendTenantId"),
            }),
        }
    }
}
