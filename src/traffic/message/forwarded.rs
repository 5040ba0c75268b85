//! The origin of a request: scheme, host and port as the client saw them, from the connection and from trusted proxies.

use std::io::Write;
use std::net::IpAddr;

use ipnet::IpNet;

use super::client_certificate::ClientCertificate;
use crate::traffic::routing::access::holds;
use crate::traffic::routing::sites::Sites;
use crate::wire::{FieldKind, RequestHead, digits, split_authority};

/// What a node is told about where the request came from.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// The address at the other end of the connection, as text.
    pub client: &'a [u8],
    /// The client's address that a trusted proxy names.
    pub real: Option<IpAddr>,
    /// Whether it came by TLS.
    pub secure: bool,
    /// The port that the listener is bound to.
    pub port: u16,
    /// The port that clients see, if the operator configured one.
    pub public_port: Option<u16>,
    /// Which X-Forwarded-* fields of the request count.
    pub trust: Trust,
    /// The certificate that the client has shown, where its site asks for one and believes it.
    pub certificate: Option<&'a ClientCertificate>,
}

/// How X-Forwarded-* fields from this peer are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// No trusted proxies are configured. X-Forwarded-For is continued, as nginx's `$proxy_add_x_forwarded_for` does.
    /// The other fields are dropped, since any client can write them.
    Append,
    /// The peer is a trusted proxy: its fields for scheme, host and port count too.
    Trusted,
    /// There are trusted proxies, and the peer is none of them: all its fields are dropped.
    Strip,
}

#[cfg(test)]
impl Forwarded<'static> {
    /// Who came without TLS, where nobody is trusted.
    pub(super) const STRANGER: Self = Self {
        client: b"192.0.2.7",
        real: None,
        secure: false,
        port: 80,
        public_port: None,
        trust: Trust::Append,
        certificate: None,
    };
}

impl Trust {
    /// How a listener with these trusted proxies treats this peer; `None` if none are configured.
    pub fn of(peer: IpAddr, trusted: Option<&[IpNet]>) -> Self {
        match trusted {
            None => Self::Append,
            Some(networks) if holds(networks, peer) => Self::Trusted,
            Some(_) => Self::Strip,
        }
    }
}

/// The host that a client asked for, with its port if it is known.
#[derive(Clone, Copy, Debug)]
pub struct RequestedHost<'a> {
    /// Name and port as they were written.
    pub raw: &'a [u8],
    /// Without the port.
    pub name: &'a [u8],
    port: Option<u16>,
}

impl Forwarded<'_> {
    /// Scheme (true for https) and port as the client saw them. `host` is the host that it asked for.
    pub fn origin(&self, head: &RequestHead, host: Option<RequestedHost<'_>>) -> (bool, u16) {
        let secure = self.secure(head);
        let port = self.by_trusted_proxy(head, FieldKind::XForwardedPort).and_then(digits);
        let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        (secure, port.unwrap_or_else(|| self.port_by_host(host, secure)))
    }

    /// Whether the client used https.
    pub fn secure(&self, head: &RequestHead) -> bool {
        self.by_trusted_proxy(head, FieldKind::XForwardedProto).and_then(is_https).unwrap_or(self.secure)
    }

    /// A client writes its port into Host unless it is the default port (RFC 9110 7.2). The bound port can differ from
    /// it: behind address translation, a container's published port or a TCP load balancer.
    fn port_by_host(&self, host: Option<RequestedHost<'_>>, secure: bool) -> u16 {
        let default = if secure { 443 } else { 80 };
        // A proxy that terminates TLS may have written our bound port, which is not the client's https port.
        let same_scheme = secure == self.secure;
        let ours = self.public_port.filter(|_| same_scheme);
        match host {
            Some(RequestedHost { port: Some(port), .. }) if same_scheme || port != self.port => port,
            Some(_) => ours.unwrap_or(default),
            None => ours.unwrap_or(if same_scheme { self.port } else { default }),
        }
    }

    /// The host that the client asked for, as nodes are told. X-Forwarded-Host of a trusted proxy counts before Host.
    pub fn host<'h>(&self, head: &'h RequestHead) -> Option<RequestedHost<'h>> {
        self.told_host(head).or_else(|| own_host(head))
    }

    /// The name of that host, or `default`.
    pub fn host_name<'h>(&self, head: &'h RequestHead, default: &'h [u8]) -> &'h [u8] {
        self.host(head).map_or(default, |host| host.name)
    }

    /// Writes the client's address: behind a trusted proxy, whoever that one names.
    pub fn write_client(&self, out: &mut Vec<u8>) {
        match self.real {
            // Writing to a Vec cannot fail.
            Some(client) => drop(write!(out, "{client}")),
            None => out.extend_from_slice(self.client),
        }
    }

    /// The same, for redirects. Many proxies pass X-Forwarded-Host on as their client wrote it. So here it counts only
    /// if a site has this name, and no client is redirected to a foreign host.
    pub fn host_of_ours<'h>(&self, head: &'h RequestHead, sites: Option<&Sites>) -> Option<RequestedHost<'h>> {
        let told = self.told_host(head).filter(|told| sites.is_some_and(|sites| sites.names(told.name)));
        told.or_else(|| own_host(head))
    }

    fn told_host<'h>(&self, head: &'h RequestHead) -> Option<RequestedHost<'h>> {
        let raw = self.by_trusted_proxy(head, FieldKind::XForwardedHost)?;
        let (name, port) = split_authority(raw)?;
        Some(RequestedHost { raw, name, port })
    }

    /// The value that a trusted proxy gives. Of several field lines the last was written by our peer. In its list, the
    /// first element is from the proxy nearest to the client.
    fn by_trusted_proxy<'h>(&self, head: &'h RequestHead, kind: FieldKind) -> Option<&'h [u8]> {
        if self.trust != Trust::Trusted {
            return None;
        }
        let line = head.of_kind(kind).filter(|field| !field.hop).last()?.value;
        line.split(|byte| *byte == b',').next().map(<[u8]>::trim_ascii)
    }
}

fn own_host(head: &RequestHead) -> Option<RequestedHost<'_>> {
    head.host().map(|host| RequestedHost { raw: host.raw, name: host.name, port: host.port })
}

/// Some proxies write ws or wss, whose handshakes are http and https (RFC 6455 3).
fn is_https(scheme: &[u8]) -> Option<bool> {
    let is = |expected: &[u8]| scheme.eq_ignore_ascii_case(expected);
    if is(b"https") || is(b"wss") { Some(true) } else { (is(b"http") || is(b"ws")).then_some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HostPattern;
    use crate::wire::HeadLimits;

    #[test]
    fn no_redirect_leads_to_a_host_that_a_client_had_a_proxy_pass_on() {
        let name = HostPattern::Exact("www.wso2.com".into());
        let sites = Sites::new([(&name, 0)], None);
        let believed = Forwarded { trust: Trust::Trusted, ..Forwarded::STRANGER };
        for (from, told, expected) in [
            (believed, "www.wso2.com:8080", "www.wso2.com:8080"),
            (believed, "evil.example.com", "esb.wso2.com"),
            (Forwarded::STRANGER, "www.wso2.com", "esb.wso2.com"),
        ] {
            let mut head = RequestHead::new();
            let text = format!("GET / HTTP/1.1\r\nHost: esb.wso2.com\r\nX-Forwarded-Host: {told}\r\n\r\n");
            head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
            let host = |sites| from.host_of_ours(&head, sites).map(|host| host.raw.escape_ascii().to_string());
            assert_eq!(host(Some(&sites)).as_deref(), Some(expected), "{told} {from:?}");
            assert_eq!(host(None).as_deref(), Some("esb.wso2.com"), "{told} {from:?}");
        }
    }
}
