//! What is mended in catalina-server.xml: the attributes of its connectors.

use super::axis2::with_new;
use super::edits::Edit;
use super::fixing::{Fixing, host, only};
use super::xml::Element;
use crate::config::is_carbon;
use crate::wso2::checks::{CONNECTOR, PROTOCOLS, PROXY_NAME, PROXY_PORT};
use crate::wso2::files::{Written, trimmed};
use crate::wso2::model::catalina::Connector;
use crate::wso2::node::catalina::public_ports;

/// The edits for a finding. `None`: it is left to the operator.
pub(crate) fn fix(fixing: &Fixing<'_>, root: Element<'_>) -> Option<Vec<Edit>> {
    let here = root.at(fixing.at());
    if fixing.is(PROTOCOLS) {
        let name = ["sslEnabledProtocols", "protocols"].into_iter().find(|name| here.attribute(name).is_some())?;
        return here.set_attribute(name, &with_new(trimmed(here.attribute(name)?))?, "");
    }
    let connector = here.up("Connector")?;
    let model = model(fixing, connector)?;
    if fixing.is(PROXY_PORT) {
        return connector.set_attribute("proxyPort", &proxy_port(fixing, model)?.to_string(), "port");
    }
    if fixing.is(PROXY_NAME) {
        return connector.set_attribute("proxyName", &host(fixing, &fixing.view.console(), |_| None)?, "proxyPort");
    }
    if fixing.is(CONNECTOR) {
        return reached(fixing, connector, model);
    }
    None
}

/// The same connector as plain values.
fn model<'a>(fixing: &Fixing<'a>, connector: Element<'_>) -> Option<&'a Connector> {
    let catalina = fixing.node.catalina.as_ref()?;
    catalina.connectors.iter().find(|one| one.at.start() == connector.start())
}

/// Of the ports that the check takes here the only one.
fn proxy_port(fixing: &Fixing<'_>, connector: &Connector) -> Option<u16> {
    only(public_ports(fixing.view, fixing.node, connector).0)
}

fn reached(fixing: &Fixing<'_>, connector: Element<'_>, model: &Connector) -> Option<Vec<Edit>> {
    let at = Some(fixing.at());
    let is_at = |said: &Option<Written>| said.as_ref().map(|said| said.at.start()) == at;
    if is_at(&model.address) {
        return fixing.finding.is_error.then(|| connector.remove_attribute("address"))?;
    }
    if is_at(&model.tls_switch) {
        return connector.set_attribute("SSLEnabled", "true", "");
    }
    if is_at(&model.port) {
        return connector.set_attribute("port", &port(fixing, model)?.to_string(), "");
    }
    if !model.tls {
        return None;
    }
    connector.set_attribute("scheme", "https", "port").or_else(|| connector.set_attribute("secure", "true", "scheme"))
}

/// The port of the pool that finds no connector.
fn port(fixing: &Fixing<'_>, model: &Connector) -> Option<u16> {
    let connectors = &fixing.node.catalina.as_ref()?.connectors;
    let is_there = |port: u16| connectors.iter().any(|one| one.port.as_ref().and_then(Written::port) == Some(port));
    let pools = fixing.view.pools(fixing.node.node).filter(|pool| is_carbon(pool.port) && !is_there(pool.port));
    only(pools.filter(|pool| pool.tls.is_some() == model.tls).map(|pool| pool.port))
}
