//! What is mended in axis2.xml: the clustering element and the receivers. Its members are in `members`.

use std::net::IpAddr;

use super::edits::Edit;
use super::fixing::{Fixing, meant, only};
use super::markup::Markup;
use super::members;
use super::xml::Element;
use crate::config::suggestion;
use crate::wso2::checks::{
    DOMAIN, ENABLED, MEMBER_HOST, MEMBER_PORT, MEMBERS, PARAMETERS, PATTERN, PREFIX, PROTOCOLS, RECEIVER, SCHEME,
    SUB_DOMAIN,
};
use crate::wso2::files::Written;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::axis2::Receiver;
use crate::wso2::node::clustering::{AGENT, READ};
use crate::wso2::view::{Public, is_loopback};

/// The edits for a finding. `None`: it is left to the operator.
pub(crate) fn fix(fixing: &Fixing<'_>, root: Element<'_>) -> Option<Vec<Edit>> {
    let here = root.at(fixing.at());
    if fixing.is(ENABLED) {
        return enabled(root, here);
    }
    if fixing.is(RECEIVER) || fixing.is(PREFIX) || fixing.is(PROTOCOLS) {
        return receiver(fixing, here.up("transportReceiver")?);
    }
    if fixing.is(PARAMETERS) {
        return parameters(fixing, here);
    }
    let clustering = root.child("clustering")?;
    let set = |name: &str, value: &str| parameter(clustering, name, value);
    let cluster = fixing.cluster();
    let node = fixing.node.node;
    match fixing.finding.check {
        SCHEME => set("membershipScheme", cluster.map(|cluster| cluster.membership.into())?),
        DOMAIN => domain(clustering, cluster?.domain.as_deref()?),
        MEMBER_HOST => set("localMemberHost", &host(fixing)?),
        MEMBER_PORT => set("localMemberPort", &fixing.member_port(node)?.to_string()),
        PATTERN => set("clusteringPattern", pattern(fixing)?),
        SUB_DOMAIN => sub_domain(fixing, clustering),
        MEMBERS => members::fix(fixing, clustering),
        _ => None,
    }
}

fn enabled(root: Element<'_>, here: Element<'_>) -> Option<Vec<Edit>> {
    let Some(clustering) = root.child("clustering") else {
        let new = Markup::new("clustering").with("class", AGENT).with("enable", "true");
        return root.insert(&[new], "clustering", &[root.children("transportSender").next_back()]);
    };
    // Of a second one nobody knows which is meant.
    let is_first = here.up("clustering").is_none_or(|there| there.is(&clustering));
    let set = |name, value, after| clustering.set_attribute(name, value, after);
    is_first.then(|| set("class", AGENT, "").or_else(|| set("enable", "true", "class")))?
}

/// Sets a parameter of the clustering element. Of two with one name the first counts. One that is misspelt gets its name first.
fn parameter(parent: Element<'_>, name: &str, value: &str) -> Option<Vec<Edit>> {
    let named = |one: &Element<'_>| one.attribute("name") == Some(name);
    if let Some(first) = parent.children("parameter").find(named) {
        return first.set_text(value);
    }
    let is_misspelt = |one: Element<'_>| {
        let own = one.attribute("name").filter(|own| !READ.contains(own));
        own.is_some_and(|own| meant(&suggestion(own, "parameters", &READ)) == Some(name))
    };
    if parent.children("parameter").any(is_misspelt) {
        return None;
    }
    let new = Markup::of("parameter", value).with("name", name);
    parent.insert(&[new], name, &[before_members(parent)])
}

/// Sets the domain, of which blanks around it would be a part.
fn domain(clustering: Element<'_>, domain: &str) -> Option<Vec<Edit>> {
    let mut edits = parameter(clustering, "domain", domain).unwrap_or_default();
    let written = clustering.children("parameter").find(|one| one.attribute("name") == Some("domain"));
    edits.extend(written.and_then(Element::without_blanks).unwrap_or_default());
    (!edits.is_empty()).then_some(edits)
}

/// The last parameter that has nothing but a text: a new one is found there.
fn before_members(parent: Element<'_>) -> Option<Element<'_>> {
    parent.children("parameter").rfind(|one| one.child("property").is_none())
}

/// The node's address in weir.toml, unless all nodes have other ones: then they have a network of their own for this.
fn host(fixing: &Fixing<'_>) -> Option<String> {
    let own = fixing.ip(fixing.node.node)?;
    let said = |node: &NodeFiles| {
        let clustering = node.axis2.as_ref()?.clustering.first()?;
        clustering.parameter("localMemberHost").map(|host| host.text.clone())
    };
    let Some(now) = said(fixing.node) else { return Some(own) };
    let is_anothers = fixing.view.other_at(fixing.node.node, &now).is_some();
    let is_known = now.parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified()) && !is_loopback(&now) && !is_anothers;
    let is_usual =
        fixing.nodes.iter().any(|node| said(node).is_some_and(|said| said == fixing.view.address(node.node)));
    (!is_known || is_usual).then_some(own)
}

/// EI 6 has no profile for workers, so scheduled tasks run on nodes without a pattern of workers.
fn pattern(fixing: &Fixing<'_>) -> Option<&'static str> {
    let role = fixing.role();
    (fixing.node.is_ei() && role.has_manager).then_some(if role.is_manager {
        "WorkerManager"
    } else {
        "nonWorkerManager"
    })
}

fn sub_domain(fixing: &Fixing<'_>, clustering: Element<'_>) -> Option<Vec<Edit>> {
    let role = fixing.role();
    let wanted = if role.is_manager { "mgt" } else { "worker" };
    if !role.has_manager {
        return None;
    }
    let named = |one: &Element<'_>| one.attribute("name") == Some("subDomain");
    let said = clustering.children("parameter").flat_map(|parameter| parameter.children("property")).find(named);
    if let Some(said) = said {
        return said.set_attribute("value", wanted, "name");
    }
    let new = Markup::new("property").with("name", "subDomain").with("value", wanted);
    let properties = clustering.children("parameter").find(|one| one.attribute("name") == Some("properties"));
    match properties {
        Some(properties) => properties.insert(&[new], "subDomain", &[]),
        None => {
            let properties = Markup::new("parameter").with("name", "properties").child(new);
            clustering.insert(&[properties], "properties", &[before_members(clustering)])
        }
    }
}

/// Names that are misspelt or written twice, and settings that have one right value.
fn parameters(fixing: &Fixing<'_>, here: Element<'_>) -> Option<Vec<Edit>> {
    if let Some(management) = here.up("groupManagement") {
        return management.set_attribute("enable", "false", "");
    }
    let Some(one) = here.up("property").or_else(|| here.up("parameter")) else {
        let clustering = here.up("clustering")?;
        return parameter(clustering, "AvoidInitiation", "true");
    };
    let (name, parent) = (one.attribute("name")?, one.parent()?);
    let same: Vec<_> = parent.children(one.name()).filter(|other| other.attribute("name") == Some(name)).collect();
    if let [first, .., last] = same.as_slice() {
        // Of those of a receiver the last counts, so the others have no effect.
        if parent.name() == "transportReceiver" {
            return Some(same.iter().filter(|other| !other.is(last)).flat_map(|other| other.remove()).collect());
        }
        let value = |of: &Element<'_>| of.attribute("value").map_or_else(|| of.text(), str::to_owned);
        let may_go = is_written(fixing, name) || value(first) == value(&one);
        return (may_go && !one.is(first)).then(|| one.remove());
    }
    if name == "AvoidInitiation" {
        return one.set_text("true");
    }
    let advice = suggestion(name, "parameters", &READ);
    let meant = meant(&advice)?;
    let is_there = parent.children("parameter").any(|other| other.attribute("name") == Some(meant));
    (parent.name() == "clustering" && !is_there).then(|| one.set_attribute("name", meant, ""))?
}

/// Whether weir.toml says what this parameter has.
fn is_written(fixing: &Fixing<'_>, name: &str) -> bool {
    match name {
        "AvoidInitiation" => true,
        "membershipScheme" => fixing.cluster().is_some(),
        "domain" => fixing.cluster().is_some_and(|cluster| cluster.domain.is_some()),
        "localMemberHost" => host(fixing).is_some(),
        "localMemberPort" => fixing.member_port(fixing.node.node).is_some(),
        "subDomain" => fixing.role().has_manager,
        _ => false,
    }
}

fn receiver(fixing: &Fixing<'_>, receiver: Element<'_>) -> Option<Vec<Edit>> {
    let set = |name: &str, value: &str| {
        let named = |name: &str| receiver.children("parameter").rfind(|one| one.attribute("name") == Some(name));
        match named(name) {
            Some(last) => last.set_text(value),
            None => {
                let new = Markup::of("parameter", value).with("name", name).with("locked", "false");
                receiver.insert(&[new], name, &[named("port")])
            }
        }
    };
    if fixing.is(PREFIX) {
        return set("WSDLEPRPrefix", &prefix(fixing, receiver)?);
    }
    if fixing.is(PROTOCOLS) {
        let said = receiver.children("parameter").rfind(|one| one.attribute("name") == Some("HttpsProtocols"))?;
        return said.set_text(&with_new(&said.text())?);
    }
    let here = receiver.root().at(fixing.at()).up("parameter");
    if here.is_some_and(|one| one.attribute("name") == Some("bind-address")) {
        return set("bind-address", &fixing.ip(fixing.node.node).filter(|_| fixing.finding.is_error)?);
    }
    set("port", &port(fixing, receiver)?.to_string())
}

/// TLS 1.2 besides what is there. Of what is broken the operator knows who needs it.
pub(crate) fn with_new(said: &str) -> Option<String> {
    let has_new = ["TLSv1.2", "TLSv1.3"].iter().any(|new| said.contains(new));
    (!has_new && !said.is_empty()).then(|| format!("{said},TLSv1.2"))
}

/// The port by which a pool reaches this receiver: the usual one of its name, if a pool has it and no receiver.
fn port(fixing: &Fixing<'_>, receiver: Element<'_>) -> Option<u16> {
    let name = receiver.attribute("name")?;
    let usual = match name {
        "http" => 8280,
        "https" => 8243,
        _ => return None,
    };
    let twins = receiver.root().children("transportReceiver").filter(|one| one.attribute("name") == Some(name)).count();
    let receivers = &fixing.node.axis2.as_ref()?.receivers;
    let own = receivers.iter().find(|one| one.name == name)?;
    let said = |one: &Receiver| one.parameter("port").and_then(Written::port);
    let is_taken = receivers.iter().any(|one| said(one) == Some(usual));
    let mut pools = fixing.view.pools(fixing.node.node).filter(|pool| pool.port == usual);
    let fits = pools.any(|pool| pool.tls.is_some() == own.is_tls());
    (twins == 1 && fits && !is_taken).then_some(usual)
}

/// The public address of a receiver: the only one there is, else the one with the HostName of the node.
fn prefix(fixing: &Fixing<'_>, receiver: Element<'_>) -> Option<String> {
    let receivers = &fixing.node.axis2.as_ref()?.receivers;
    let name = receiver.attribute("name")?;
    let own = receivers.iter().rev().find(|one| one.name == name)?;
    let (tls, port) = (own.is_tls(), own.parameter("port").and_then(Written::port));
    // Where a pool disagrees, the class of the receiver may be wrong, and not this.
    if fixing.view.pools(fixing.node.node).any(|pool| Some(pool.port) == port && pool.tls.is_some() != tls) {
        return None;
    }
    let public = fixing.view.services();
    let urls = |tls: Option<bool>| {
        let fits = public.iter().filter(move |one| tls.is_none_or(|tls| one.tls == tls));
        fits.flat_map(Public::urls).collect::<Vec<_>>()
    };
    let fitting = Some(urls(Some(tls))).filter(|all| !all.is_empty()).unwrap_or_else(|| urls(None));
    let host = fixing.node.carbon.as_ref().and_then(|carbon| carbon.host_name.as_ref());
    let with_host = || {
        let host = format!("://{}:", host?.text);
        only(fitting.iter().filter(|url| url.contains(&host)))
    };
    only(&fitting).or_else(with_host).cloned()
}
