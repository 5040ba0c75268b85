//! catalina-server.xml as plain values: the connectors of the management console.

use crate::config::Place;
use crate::wso2::files::Written;
use crate::wso2::files::xml::Element;

/// The connectors.
pub(crate) struct Catalina {
    pub(crate) at: Place,
    pub(crate) connectors: Vec<Connector>,
    /// Comments that hold a proxyPort.
    pub(crate) in_comments: Vec<Place>,
}

/// `Connector`
pub(crate) struct Connector {
    pub(crate) at: Place,
    pub(crate) port: Option<Written>,
    pub(crate) tls: bool,
    pub(crate) address: Option<Written>,
    pub(crate) scheme: Option<Written>,
    pub(crate) secure: Option<Written>,
    pub(crate) tls_switch: Option<Written>,
    pub(crate) redirect_port: Option<Written>,
    pub(crate) client_certificate: Option<Written>,
    pub(crate) proxy_port: Option<Written>,
    pub(crate) proxy_name: Option<Written>,
    pub(crate) protocols: Option<Written>,
    pub(crate) keystore: Option<Written>,
    pub(crate) key_alias: Option<Written>,
}

impl Catalina {
    pub(crate) fn read(root: Element<'_>) -> Self {
        Self {
            at: root.at(),
            connectors: root.all("Connector").map(connector).collect(),
            in_comments: root.comments_with("proxyPort"),
        }
    }
}

fn connector(element: Element<'_>) -> Connector {
    // Tomcat 7 has all of it at the connector, later ones have it below.
    let host = element.child("SSLHostConfig");
    let certificate = host.and_then(|host| host.child("Certificate"));
    let below = |of: Option<Element<'_>>, name| of.and_then(|of| of.attribute(name));
    let is = |name, value| element.attribute(name).is_some_and(|said| said.text.eq_ignore_ascii_case(value));
    Connector {
        at: element.at(),
        port: element.attribute("port"),
        tls: is("SSLEnabled", "true") || !is("SSLEnabled", "false") && is("scheme", "https") && is("secure", "true"),
        address: element.attribute("address"),
        scheme: element.attribute("scheme"),
        secure: element.attribute("secure"),
        tls_switch: element.attribute("SSLEnabled"),
        redirect_port: element.attribute("redirectPort"),
        client_certificate: element.attribute("clientAuth").or_else(|| below(host, "certificateVerification")),
        proxy_port: element.attribute("proxyPort"),
        proxy_name: element.attribute("proxyName"),
        protocols: element.attribute("sslEnabledProtocols").or_else(|| below(host, "protocols")),
        keystore: element.attribute("keystoreFile").or_else(|| below(certificate, "certificateKeystoreFile")),
        key_alias: element.attribute("keyAlias").or_else(|| below(certificate, "certificateKeyAlias")),
    }
}
