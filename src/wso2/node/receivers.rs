//! The receivers of http and https in axis2.xml: where Weir reaches a node's services, and the addresses in its WSDLs.

use std::collections::{HashMap, HashSet};

use crate::config::Pool;
use crate::wso2::checks::{PARAMETERS, PREFIX, PROTOCOLS, RECEIVER};
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::model::axis2::Receiver;
use crate::wso2::view::{Public, hosts_of, is_loopback};

/// The ports of the receivers as they are shipped, and the receivers.
const SHIPPED: [(u16, &str); 2] = [(8280, "http"), (8243, "https")];

pub(crate) fn check(context: Context<'_>) {
    let Some(axis2) = &context.node.axis2 else { return };
    let ours: Vec<&Receiver> = axis2.receivers.iter().filter(|one| one.name == "http" || one.name == "https").collect();
    let mut names = HashSet::new();
    for receiver in &ours {
        if !names.insert(&receiver.name) {
            let what = format!("a second receiver {:?}", receiver.name);
            context.findings.error(RECEIVER, &receiver.at, what, "keep one of them: the last one counts");
        }
        twice(context, receiver);
        port(context, receiver);
        address(context, receiver);
        prefix(context, receiver);
        if receiver.is_tls() {
            client_certificate(context, receiver);
            protocols(context, receiver.parameter("HttpsProtocols"), "HttpsProtocols");
        }
    }
    pools(context, &ours);
}

fn client_certificate(context: Context<'_>, receiver: &Receiver) {
    let said = receiver.parameter("SSLVerifyClient").filter(|said| said.text.eq_ignore_ascii_case("require"));
    let port = receiver.parameter("port").and_then(Written::port);
    let is_reached = context.view.pools(context.node.node).any(|pool| Some(pool.port) == port);
    if let Some(said) = said.filter(|_| is_reached) {
        let what = "this receiver asks for a client certificate, and Weir has none: the handshake fails";
        context.findings.error(RECEIVER, &said.at, what, "write optional, or leave SSLVerifyClient out");
    }
}

/// Of two parameters with one name the last counts.
fn twice(context: Context<'_>, receiver: &Receiver) {
    let mut seen: HashMap<&str, &Written> = HashMap::new();
    for (name, value) in &receiver.parameters {
        let Some(before) = seen.insert(&name.text, value) else { continue };
        let what = format!("{} of this receiver is written twice, and the last one counts", name.text);
        if before.text == value.text {
            context.findings.warning(PARAMETERS, &value.at, what, "keep one of them");
        } else {
            context.findings.error(PARAMETERS, &value.at, what, "keep one of them");
        }
    }
}

fn port(context: Context<'_>, receiver: &Receiver) {
    let said = receiver.parameter("port");
    if said.is_some_and(|said| !context.findings.is_known(RECEIVER, said, "the port of this receiver")) {
        return;
    }
    if said.is_none_or(|port| port.port().is_none()) {
        let at = said.map_or(&receiver.at, |port| &port.at);
        let what = format!("the receiver {:?} has no port", receiver.name);
        context.findings.error(RECEIVER, at, what, "write <parameter name=\"port\" locked=\"false\">8280</parameter>");
    }
    let bad = said
        .and_then(|port| Some((port, port.port()?)))
        .filter(|(_, port)| port.checked_add(context.node.offset()).is_none());
    if let Some((said, port)) = bad {
        let what = format!("port {port} and the offset {} are more than 65535", context.node.offset());
        context.findings.error(RECEIVER, &said.at, what, "write a smaller port or Offset");
    }
}

/// Each pool on a port that receivers usually have must find one there.
fn pools(context: Context<'_>, receivers: &[&Receiver]) {
    for pool in context.view.pools(context.node.node) {
        let on_port = receivers.iter().find(|one| one.parameter("port").and_then(Written::port) == Some(pool.port));
        match on_port {
            Some(receiver) if receiver.is_tls() != pool.tls.is_some() => wrong_tls(context, receiver, pool),
            Some(_) => {}
            None => {
                let usual = SHIPPED.iter().find(|(port, _)| *port == pool.port).map(|(_, name)| *name);
                let Some(name) = usual else { continue };
                let there = receivers.iter().find(|one| one.name == name);
                if there.and_then(|one| one.parameter("port")).is_some_and(|port| port.filled_in().is_some()) {
                    continue;
                }
                let at = there.and_then(|one| one.parameter("port").map(|port| &port.at).or(Some(&one.at)));
                let at = at.or(context.node.axis2.as_ref().map(|axis2| &axis2.at));
                let found = there.and_then(|one| one.parameter("port")).map_or_else(
                    || format!("there is no receiver {name:?}"),
                    |port| format!("the receiver {name:?} is on port {}", port.text),
                );
                let what = format!("{found}, and pool {} of weir.toml reaches the node on {}", pool.name, pool.port);
                if let Some(at) = at {
                    context.findings.error(
                        RECEIVER,
                        at,
                        what,
                        format!("write {}: the offset is added to both", pool.port),
                    );
                }
            }
        }
    }
}

fn wrong_tls(context: Context<'_>, receiver: &Receiver, pool: &Pool) {
    let (pools, ours) = if pool.tls.is_some() { ("speaks TLS", "plain") } else { ("is plain", "TLS") };
    let at = receiver.parameter("port").map_or(&receiver.at, |port| &port.at);
    let what = format!(
        "this receiver speaks {}, and pool {} of weir.toml {pools} on its port",
        ours.replace("plain", "plain HTTP"),
        pool.name
    );
    context.findings.error(RECEIVER, at, what, "give the pool a tls table, or take it away, as the receiver needs it");
}

fn address(context: Context<'_>, receiver: &Receiver) {
    let Some(bind) = receiver.parameter("bind-address") else { return };
    let address = context.view.address(context.node.node);
    if !context.findings.is_known(RECEIVER, bind, "bind-address")
        || bind.text == address
        || bind.text == "0.0.0.0"
        || bind.text == "::"
    {
        return;
    }
    let advice = format!("write {address}, or leave bind-address out");
    if let Some(other) = context.view.other_at(context.node.node, &bind.text) {
        let what = format!("bind-address is {}, the address of {}", bind.text, context.view.name(other));
        context.findings.error(RECEIVER, &bind.at, what, advice);
        return;
    }
    let what = format!("bind-address is {}, and weir.toml reaches {} at {address}", bind.text, context.node.name);
    if is_loopback(&bind.text) {
        context.findings.error(RECEIVER, &bind.at, what, advice);
    } else if context.view.is_by_ip(context.node.node) {
        context.findings.warning(RECEIVER, &bind.at, what, advice);
    }
}

fn prefix(context: Context<'_>, receiver: &Receiver) {
    let public = context.view.services();
    let fits = public.iter().find(|one| one.tls == receiver.is_tls() && one.url().is_some());
    let wanted = fits.or(public.iter().find(|one| one.url().is_some())).and_then(Public::url);
    let Some(prefix) = receiver.parameter("WSDLEPRPrefix") else {
        let named =
            receiver.parameters.iter().find(|(name, _)| name.text == "WSDLEPRPrefix").map(|(_, value)| &value.at);
        // A node that is only a manager serves no WSDLs to clients.
        if let Some(wanted) = wanted.filter(|_| context.node.role.services) {
            let what = format!(
                "the receiver {:?} has no WSDLEPRPrefix, so its WSDLs name the node's own host and port",
                receiver.name
            );
            let advice = format!("write <parameter name=\"WSDLEPRPrefix\" locked=\"false\">{wanted}</parameter>");
            context.findings.warning(PREFIX, named.unwrap_or(&receiver.at), what, advice);
        }
        return;
    };
    let advice = wanted.map(|wanted| format!("write {wanted}")).unwrap_or_default();
    let say = |what: String| context.findings.error(PREFIX, &prefix.at, what, advice.clone());
    if !context.findings.is_known(PREFIX, prefix, "WSDLEPRPrefix") {
        return;
    }
    let Some((scheme, host, port, path)) = parts(&prefix.text) else {
        return say(format!("WSDLEPRPrefix {:?} is no URL", prefix.text));
    };
    if path.ends_with('/') {
        return say(format!(
            "WSDLEPRPrefix {:?} ends with a slash, and services are put behind it as they are",
            prefix.text
        ));
    }
    if path.ends_with("/services") {
        return say(format!(
            "WSDLEPRPrefix {:?} ends with /services, which servers put behind it themselves",
            prefix.text
        ));
    }
    if public.is_empty() {
        return;
    }
    let hosts: Vec<&Public> = public.iter().filter(|one| one.has_host(host) || one.hosts.is_empty()).collect();
    if hosts.is_empty() {
        return say(format!(
            "WSDLEPRPrefix has the host {host:?}, and the sites of weir.toml that lead to services have {}",
            hosts_of(&public).join(", ")
        ));
    }
    let fits = |one: &&Public| (scheme == "https") == one.tls && port == Some(one.port);
    if !hosts.iter().any(fits) {
        let of_host: Vec<String> =
            hosts.iter().map(|one| format!("{}:{}", if one.tls { "https" } else { "http" }, one.port)).collect();
        say(format!("WSDLEPRPrefix is {:?}, and clients reach {host} by {}", prefix.text, of_host.join(" and ")));
    } else if (scheme == "https") != receiver.is_tls() && hosts.iter().any(|one| one.tls == receiver.is_tls()) {
        say(format!(
            "WSDLEPRPrefix of the receiver {:?} is {:?}, the address of the other receiver",
            receiver.name, prefix.text
        ));
    }
}

/// Scheme, host, port and what follows, of a URL.
fn parts(url: &str) -> Option<(&str, &str, Option<u16>, &str)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| *scheme == "http" || *scheme == "https")?;
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (authority, Some(if scheme == "https" { 443 } else { 80 })),
    };
    (!host.is_empty()).then_some((scheme, host, port, path))
}

/// Protocols of a connector or receiver. Weir speaks TLS 1.2 and 1.3.
pub(crate) fn protocols(context: Context<'_>, said: Option<&Written>, name: &str) {
    let Some(said) = said else { return };
    let words: Vec<&str> = said.text.split([',', ' ', '+']).map(str::trim).filter(|word| !word.is_empty()).collect();
    let new = ["TLSv1.2", "TLSv1.3", "TLS", "all"];
    if !words.iter().any(|word| new.iter().any(|new| new.eq_ignore_ascii_case(word))) {
        let what = format!("{name} is {:?}, and Weir speaks TLS 1.2 and 1.3 alone", said.text);
        context.findings.error(PROTOCOLS, &said.at, what, "add TLSv1.2");
    } else if let Some(old) = words.iter().find(|word| word.to_ascii_uppercase().starts_with("SSL")) {
        let what = format!("{name} has {old}, which is broken");
        context.findings.warning(PROTOCOLS, &said.at, what, "write TLSv1.2");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_parts() {
        for (url, expected) in [
            ("http://esb.wso2.com:80", Some(("http", "esb.wso2.com", Some(80), ""))),
            ("https://esb.wso2.com", Some(("https", "esb.wso2.com", Some(443), ""))),
            ("https://[::1]:8243/x/", Some(("https", "[::1]", Some(8243), "/x/"))),
            ("https://[::1]", Some(("https", "[::1]", Some(443), ""))),
            ("esb.wso2.com:80", None),
            ("ftp://esb.wso2.com", None),
            ("http://:80", None),
            ("http://a:port", None),
        ] {
            assert_eq!(parts(url), expected, "{url}");
        }
    }
}
