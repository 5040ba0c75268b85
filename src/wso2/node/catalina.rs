//! catalina-server.xml of one node: the connectors of the management console, and the public port that they name.

use std::net::IpAddr;

use super::receivers::protocols;
use crate::config::{Place, is_carbon};
use crate::wso2::checks::{CONNECTOR, PROXY_NAME, PROXY_PORT};
use crate::wso2::context::Context;
use crate::wso2::files::Written;
use crate::wso2::model::NodeFiles;
use crate::wso2::model::catalina::{Catalina, Connector};
use crate::wso2::view::{Public, View, hosts_of, is_loopback};

pub(crate) fn check(context: Context<'_>) {
    let Some(catalina) = &context.node.catalina else { return };
    for connector in &catalina.connectors {
        proxy_port(context, catalina, connector);
        proxy_name(context, connector);
        redirect(context, catalina, connector);
        address(context, connector);
        if connector.tls {
            protocols(context, connector.protocols.as_ref(), "the list of protocols");
        }
    }
    for pool in context.view.pools(context.node.node).filter(|pool| is_carbon(pool.port)) {
        let on = |one: &&Connector| one.port.as_ref().and_then(Written::port) == Some(pool.port);
        let is_filled_in = |one: &Connector| one.port.as_ref().is_some_and(|port| port.filled_in().is_some());
        match catalina.connectors.iter().find(on) {
            None if catalina.connectors.iter().any(is_filled_in) => {}
            None => {
                let what = format!(
                    "no connector is on port {}, by which pool {} of weir.toml reaches the console",
                    pool.port, pool.name
                );
                let at = catalina.connectors.iter().find(|one| one.tls == pool.tls.is_some());
                let at = at.and_then(|one| one.port.as_ref()).map_or(&catalina.at, |port| &port.at);
                context.findings.error(
                    CONNECTOR,
                    at,
                    what,
                    format!("write port=\"{}\": the offset is added to both", pool.port),
                );
            }
            Some(one) if one.tls != pool.tls.is_some() => {
                let (ours, theirs) = if one.tls { ("TLS", "is plain") } else { ("plain HTTP", "speaks TLS") };
                let what = format!("this connector speaks {ours}, and pool {} of weir.toml {theirs}", pool.name);
                match one.tls_switch.as_ref().filter(|_| !one.tls) {
                    Some(off) => context.findings.error(CONNECTOR, &off.at, what, "write SSLEnabled=\"true\""),
                    None => {
                        let advice = "give the pool a tls table, or take it away";
                        context.findings.error(CONNECTOR, &one.at, what, advice);
                    }
                }
            }
            Some(one) => reached(context, one),
        }
    }
}

/// On another node's address a connector does not start, and only on the one of weir.toml a pool reaches it.
fn address(context: Context<'_>, one: &Connector) {
    let (view, node) = (context.view, context.node.node);
    let (Some(said), ours) = (&one.address, view.address(node)) else { return };
    if said.text == ours || !context.findings.is_known(CONNECTOR, said, "the address of this connector") {
        return;
    }
    let ip = said.text.parse::<IpAddr>().ok();
    let port = one.port.as_ref().and_then(Written::port);
    let is_reached = view.pools(node).any(|pool| is_carbon(pool.port) && Some(pool.port) == port);
    if let Some(other) = view.other_at(node, &said.text) {
        let what = format!("this connector is on {}, the address of {}", said.text, view.name(other));
        context.findings.error(CONNECTOR, &said.at, what, "leave address out");
    } else if is_reached && is_loopback(&said.text) {
        let what = format!("this connector is on {}, where Weir does not reach it", said.text);
        context.findings.error(CONNECTOR, &said.at, what, "leave address out");
    } else if is_reached && ip.is_some_and(|ip| !ip.is_unspecified()) && view.is_by_ip(node) {
        let what = format!("this connector is on {}, and weir.toml reaches {} at {ours}", said.text, context.node.name);
        context.findings.warning(CONNECTOR, &said.at, what, format!("write {ours}, or leave address out"));
    }
}

/// A connector by which a pool reaches the console.
fn reached(context: Context<'_>, one: &Connector) {
    let asks = |said: &&Written| {
        ["true", "yes", "require", "required"].iter().any(|word| said.text.eq_ignore_ascii_case(word))
    };
    if let Some(said) = one.client_certificate.as_ref().filter(|_| one.tls).filter(asks) {
        let what = "this connector asks for a client certificate, and Weir has none: the handshake fails";
        context.findings.error(CONNECTOR, &said.at, what, "write clientAuth=\"want\" or \"false\"");
    }
    let is_https = one.scheme.as_ref().is_some_and(|scheme| scheme.text == "https");
    if one.tls && !(is_https && one.secure.as_ref().is_some_and(Written::is_true)) {
        let at = if is_https { &one.secure } else { &one.scheme };
        let at = at.as_ref().map_or(&one.at, |said| &said.at);
        let what = "this connector speaks TLS, and its scheme and secure say otherwise: the console leads to http";
        context.findings.error(CONNECTOR, at, what, "write scheme=\"https\" secure=\"true\"");
    }
}

/// What needs TLS is sent from a plain connector to the redirectPort.
fn redirect(context: Context<'_>, catalina: &Catalina, connector: &Connector) {
    let Some(said) = connector.redirect_port.as_ref().filter(|said| !connector.tls && said.filled_in().is_none())
    else {
        return;
    };
    let own: Vec<&Written> =
        catalina.connectors.iter().filter(|one| one.tls).filter_map(|one| one.port.as_ref()).collect();
    let (view, offset) = (context.view, context.node.offset());
    let fits = |port: u16| {
        let is_own = |own: &&Written| own.port().is_none_or(|own| own == port || own.checked_add(offset) == Some(port));
        let is_public = [view.console(), view.services()].concat().iter().any(|one| one.tls && one.port == port);
        // Where a pool reaches this port, the connector itself is reported.
        let is_reached = view.pools(context.node.node).any(|pool| pool.tls.is_some() && pool.port == port);
        own.iter().any(is_own) || is_public || is_reached
    };
    if !own.is_empty() && said.port().is_none_or(|port| !fits(port)) {
        let what = format!("redirectPort is {:?}, and no connector of TLS is on it", said.text);
        context.findings.warning(CONNECTOR, &said.at, what, format!("write redirectPort=\"{}\"", own[0].text));
    }
}

/// The ports by which clients come to what this connector serves, and whether a pool reaches it.
pub(crate) fn public_ports(view: View<'_>, node: &NodeFiles, connector: &Connector) -> (Vec<u16>, bool) {
    let port = connector.port.as_ref().and_then(Written::port);
    let is_reached = view.pools(node.node).any(|pool| is_carbon(pool.port) && Some(pool.port) == port);
    let public = if node.role.console { view.console() } else { [view.console(), view.services()].concat() };
    // Of a plain connector only the scheme counts: the console is reached by TLS, and 80 leads there.
    let all = if connector.tls || is_reached { public } else { [public, view.services()].concat() };
    let mut ports: Vec<u16> =
        all.iter().filter(|one| one.tls == connector.tls || is_reached).map(|one| one.port).collect();
    ports.sort_unstable();
    ports.dedup();
    (ports, is_reached)
}

fn proxy_port(context: Context<'_>, catalina: &Catalina, connector: &Connector) {
    let port = connector.port.as_ref().and_then(Written::port);
    let (ports, is_reached) = public_ports(context.view, context.node, connector);
    let Some(first) = ports.first() else { return };
    let advice = format!("write proxyPort=\"{first}\" as an attribute of this Connector");
    match &connector.proxy_port {
        Some(said) if !context.findings.is_known(PROXY_PORT, said, "proxyPort") => {}
        Some(said) if said.port().is_none_or(|port| !ports.contains(&port)) => {
            let what = format!("proxyPort is {:?}, and clients come by port {first}", said.text);
            context.findings.error(PROXY_PORT, &said.at, what, advice);
        }
        None if is_reached => {
            let what = match near(catalina, connector) {
                Some(comment) => {
                    format!("this connector has no proxyPort: the one in line {} is in a comment", comment.line)
                }
                None => "this connector has no proxyPort, so the console leads clients to its own port".to_owned(),
            };
            context.findings.error(PROXY_PORT, &connector.at, what, advice);
        }
        None if context.node.role.is_manager && !connector.tls && port.is_some_and(is_carbon) => {
            let what = "this connector of the manager has no proxyPort, so the console leads clients to its own port";
            context.findings.warning(PROXY_PORT, &connector.at, what, advice);
        }
        _ => {}
    }
}

/// The last comment with a proxyPort that stands before this connector.
fn near<'a>(catalina: &'a Catalina, connector: &Connector) -> Option<&'a Place> {
    catalina.in_comments.iter().rev().find(|comment| comment.line <= connector.at.line)
}

fn proxy_name(context: Context<'_>, connector: &Connector) {
    let Some(said) = &connector.proxy_name else { return };
    let is_manager = context.node.role.is_manager;
    let mut public: Vec<Public> = context.view.console();
    if !is_manager || public.is_empty() {
        public.extend(context.view.services());
    }
    if !context.findings.is_known(PROXY_NAME, said, "proxyName")
        || public.is_empty()
        || public.iter().any(|one| one.hosts.is_empty() || one.has_host(&said.text))
    {
        return;
    }
    let hosts = hosts_of(&if context.node.role.console { context.view.console() } else { public });
    let what = format!(
        "proxyName is {:?}, which is a host of no site in weir.toml{}",
        said.text,
        if is_manager { " that leads to the console" } else { "" }
    );
    context.findings.error(
        PROXY_NAME,
        &said.at,
        what,
        hosts.first().map(|host| format!("write {host}, or leave it out")).unwrap_or_default(),
    );
}
