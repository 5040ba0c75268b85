//! Hazelcast's own files, which are stronger than axis2.xml.

use crate::wso2::checks::HAZELCAST;
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::files::properties::Properties;
use crate::wso2::reading::Reading;

pub(crate) fn check(context: Context<'_>, read: &Reading<'_>) {
    let tree = &context.node.tree;
    if let Some(at) = read.xml(&tree.conf("etc/hazelcast.xml"), "hazelcast", |root| root.at()) {
        let what = "with this file the members, scheme and ports in axis2.xml do not count";
        context.findings.warning(HAZELCAST, &at, what, "take it away, or keep the members of the cluster here alone");
    }
    let Some(source) = read.source(&tree.conf("hazelcast.properties")) else { return };
    let properties = Properties::read(&source);
    if let Some(rest) = properties.get("hazelcast.rest.enabled").filter(|rest| Written::is_true(rest)) {
        let what = "hazelcast.rest.enabled is true: who reaches the port of the cluster reads and writes its data without a password";
        context.findings.warning(
            HAZELCAST,
            &rest.at,
            what,
            "write false, or let only the nodes and Weir reach that port",
        );
    }
}
