//! The clustering element of one node's axis2.xml. What must fit other nodes is in `across`.

use std::collections::HashSet;
use std::net::IpAddr;

use super::scheme;
use crate::config::suggestion;
use crate::wso2::checks::{DOMAIN, ENABLED, MEMBER_HOST, MEMBER_PORT, PARAMETERS, PATTERN, SUB_DOMAIN};
use crate::wso2::context::Context;
use crate::wso2::model::axis2::Clustering;
use crate::wso2::view::is_loopback;

pub(crate) const AGENT: &str = "org.wso2.carbon.core.clustering.hazelcast.HazelcastClusteringAgent";

/// The parameters that the servers read.
pub(crate) const READ: [&str; 26] = [
    "AvoidInitiation",
    "membershipScheme",
    "membershipSchemeClassName",
    "domain",
    "groupPassword",
    "localMemberHost",
    "localMemberPort",
    "connTimeout",
    "mcastAddress",
    "mcastPort",
    "mcastTTL",
    "mcastTimeout",
    "accessKey",
    "secretKey",
    "securityGroup",
    "hostHeader",
    "region",
    "tagKey",
    "tagValue",
    "mgtCenterURL",
    "licenseKey",
    "hazelcastSerializers",
    "isActive",
    "properties",
    "clusteringPattern",
    "members",
];

/// The parameters that are in files and guides, and that no server reads.
const UNREAD: [(&str, &str); 3] = [
    ("localMemberBindAddress", "localMemberHost"),
    ("localMemberBindPort", "localMemberPort"),
    ("mcastBindAddress", "localMemberHost"),
];

pub(crate) fn check(context: Context<'_>) {
    let Some(axis2) = &context.node.axis2 else { return };
    let Some(clustering) = axis2.clustering.first() else {
        let advice = format!("write <clustering class={AGENT:?} enable=\"true\">");
        context.findings.error(ENABLED, &axis2.at, "there is no clustering element", advice);
        return;
    };
    if let Some(second) = axis2.clustering.get(1) {
        context.findings.error(ENABLED, &second.at, "a second clustering element", "keep one of them");
    }
    enabled(context, clustering);
    scheme::check(context, clustering);
    domain(context, clustering);
    host(context, clustering);
    port(context, clustering);
    sub_domain(context, clustering);
    parameters(context, clustering);
}

fn enabled(context: Context<'_>, clustering: &Clustering) {
    if !clustering.is_enabled() {
        let at = clustering.enable.as_ref().map_or(&clustering.at, |enable| &enable.at);
        let what = "clustering is not enabled: this node is a cluster of its own";
        context.findings.error(ENABLED, at, what, "write enable=\"true\"");
    }
    if let Some(class) = clustering.class.as_ref().filter(|class| class.text != AGENT) {
        let what = format!("{:?} is not the class by which these servers make a cluster", class.text);
        context.findings.error(ENABLED, &class.at, what, format!("write class={AGENT:?}"));
    }
    if clustering.class.is_none() {
        context.findings.error(ENABLED, &clustering.at, "clustering has no class", format!("write class={AGENT:?}"));
    }
}

fn domain(context: Context<'_>, clustering: &Clustering) {
    let wanted = context.view.cluster().and_then(|cluster| cluster.domain.as_deref());
    match (clustering.parameter("domain"), wanted) {
        (None, _) => {
            let what = "domain is not there, so the node joins whatever cluster has none either";
            let advice =
                format!("write <parameter name=\"domain\">{}</parameter>", wanted.unwrap_or("wso2.esb.domain"));
            context.findings.error(DOMAIN, &clustering.at, what, advice);
        }
        (Some(domain), _) if !context.findings.is_known(DOMAIN, domain, "domain") => {}
        (Some(domain), Some(wanted)) if domain.text != wanted => {
            let what = format!("domain is {:?}, and [cluster] of weir.toml says {wanted:?}", domain.text);
            context.findings.error(DOMAIN, &domain.at, what, format!("write {wanted}"));
        }
        (Some(domain), None) if domain.text == "wso2.carbon.domain" => {
            let what = "domain is the one that is shipped, which any other WSO2 cluster may have too";
            context.findings.warning(DOMAIN, &domain.at, what, "write a name of your own, such as wso2.esb.domain");
        }
        _ => {}
    }
}

fn host(context: Context<'_>, clustering: &Clustering) {
    let (node, view) = (context.node.node, context.view);
    let address = view.address(node);
    let advice = format!("write {address}");
    let Some(host) = clustering.parameter("localMemberHost") else {
        let what = "localMemberHost is not there, so the node guesses by which address others reach it";
        let advice = format!("write <parameter name=\"localMemberHost\">{address}</parameter>");
        context.findings.warning(MEMBER_HOST, &clustering.at, what, advice);
        return;
    };
    let text = host.text.as_str();
    let ip = text.parse::<IpAddr>().ok();
    if text == address || !context.findings.is_known(MEMBER_HOST, host, "localMemberHost") {
        return;
    }
    if is_loopback(text) || ip.is_some_and(|ip| ip.is_unspecified()) {
        let what = format!("localMemberHost is {text:?}, by which no other node reaches this one");
        context.findings.error(MEMBER_HOST, &host.at, what, advice);
    } else if let Some(other) = view.other_at(node, text) {
        let what = format!("localMemberHost {text} is the address of {}", view.name(other));
        context.findings.error(MEMBER_HOST, &host.at, what, advice);
    } else if ip.is_none() {
        let what = format!("localMemberHost is the name {text:?}; members know each other by IP addresses");
        context.findings.warning(MEMBER_HOST, &host.at, what, advice);
    } else if view.is_by_ip(node) {
        let what = format!("localMemberHost is {text}, and weir.toml reaches {} at {address}", context.node.name);
        context.findings.warning(MEMBER_HOST, &host.at, what, format!("{advice}, unless the node has both addresses"));
    }
}

fn port(context: Context<'_>, clustering: &Clustering) {
    let said = clustering.parameter("localMemberPort");
    let at = said.map_or(&clustering.at, |port| &port.at);
    if said.is_some_and(|said| !context.findings.is_known(MEMBER_PORT, said, "localMemberPort")) {
        return;
    }
    let Some(port) = clustering.member_port() else {
        let what = format!("localMemberPort {:?} is no port", said.map(|port| port.text.as_str()).unwrap_or_default());
        context.findings.error(MEMBER_PORT, at, what, "write a number from 1 to 65535, such as 4100");
        return;
    };
    if said.is_none() {
        let what = "localMemberPort is not there, so the node takes 4000, or a later port if that is in use";
        context.findings.warning(MEMBER_PORT, at, what, "write <parameter name=\"localMemberPort\">4100</parameter>");
    }
    let members = context.view.cluster().map(|cluster| cluster.members.as_slice()).unwrap_or_default();
    if let Some(member) = members.iter().find(|member| member.node == context.node.node && member.port != port) {
        let what = format!("localMemberPort is {port}, and [cluster] of weir.toml says {}", member.port);
        context.findings.error(MEMBER_PORT, at, what, format!("write {}", member.port));
    }
    if let Some((what, _)) = own_ports(context).into_iter().find(|(_, own)| *own == port) {
        let what = format!("localMemberPort {port} is also the port of the node's {what}");
        context.findings.error(MEMBER_PORT, at, what, "write another port: no offset is added to this one");
    }
}

/// The ports that the node listens on, with its offset.
pub(crate) fn own_ports(context: Context<'_>) -> Vec<(String, u16)> {
    let node = context.node;
    let receivers = node.axis2.iter().flat_map(|axis2| &axis2.receivers);
    let receivers = receivers
        .filter_map(|receiver| Some((format!("receiver {:?}", receiver.name), receiver.parameter("port")?.port()?)));
    let connectors = node.catalina.iter().flat_map(|catalina| &catalina.connectors);
    let connectors =
        connectors.filter_map(|connector| Some(("connector".to_owned(), connector.port.as_ref()?.port()?)));
    receivers.chain(connectors).filter_map(|(what, port)| Some((what, port.checked_add(node.offset())?))).collect()
}

fn sub_domain(context: Context<'_>, clustering: &Clustering) {
    let role = context.node.role;
    let wanted = if role.is_manager { "mgt" } else { "worker" };
    let property = format!("write <property name=\"subDomain\" value={wanted:?}/>");
    match clustering.property("subDomain") {
        Some(said) if said.text != "mgt" && said.text != "worker" => {
            let what = format!("subDomain {:?} is neither mgt nor worker", said.text);
            context.findings.error(SUB_DOMAIN, &said.at, what, property);
        }
        Some(said) if role.has_manager && said.text != wanted => {
            let who = if role.is_manager { "is the manager" } else { "is a worker" };
            let what = format!("subDomain is {:?}, and {} {who} in weir.toml", said.text, context.node.name);
            context.findings.error(SUB_DOMAIN, &said.at, what, property);
        }
        _ => {}
    }
}

fn parameters(context: Context<'_>, clustering: &Clustering) {
    let findings = context.findings;
    let mut seen = HashSet::new();
    for (name, value) in &clustering.parameters {
        if !seen.insert(&name.text) {
            let what = format!("{} is written twice, and only one of them counts", name.text);
            findings.error(PARAMETERS, &value.at, what, "keep one of them");
        }
        if let Some((_, instead)) = UNREAD.iter().find(|(unread, _)| *unread == name.text) {
            let what = format!("{} has no effect: no server reads it", name.text);
            findings.warning(PARAMETERS, &name.at, what, format!("{instead} is what others connect to"));
        } else if !READ.contains(&name.text.as_str()) {
            let advice = suggestion(&name.text, "parameters", &READ);
            // A parameter of some extension is no mistake, and one that almost has a known name is.
            if let Some((meant, _)) = advice.split_once('?').filter(|_| advice.starts_with("did you mean")) {
                let what = format!("no server reads the parameter {:?}", name.text);
                findings.error(PARAMETERS, &name.at, what, format!("{meant}?"));
            }
        }
    }
    let mut seen = HashSet::new();
    for (name, value) in clustering.properties.iter().filter(|(name, _)| !seen.insert(&name.text)) {
        let what = format!("the property {} is written twice, and only one of them counts", name.text);
        findings.error(PARAMETERS, &value.at, what, "keep one of them");
    }
    settings(context, clustering);
}

fn settings(context: Context<'_>, clustering: &Clustering) {
    let findings = context.findings;
    let avoid = clustering.parameter("AvoidInitiation");
    if avoid.is_none_or(|avoid| !avoid.is_true()) {
        let at = avoid.map_or(&clustering.at, |avoid| &avoid.at);
        let what = "AvoidInitiation is not true: the node joins the cluster before it is able to";
        findings.error(PARAMETERS, at, what, "write <parameter name=\"AvoidInitiation\">true</parameter>");
    }
    if let Some(enable) = clustering.group_management.as_ref().filter(|enable| enable.is_true()) {
        let what = "groupManagement is for WSO2's former load balancer, which this node would become a part of";
        findings.warning(PARAMETERS, &enable.at, what, "write enable=\"false\"");
    }
    let pattern = clustering.parameter("clusteringPattern");
    if let Some(pattern) = pattern.filter(|said| !["WorkerManager", "nonWorkerManager"].contains(&said.text.as_str())) {
        let what = format!("clusteringPattern {:?} is not known", pattern.text);
        findings.error(PATTERN, &pattern.at, what, "write WorkerManager or nonWorkerManager");
    }
}
