//! Where a request came from, as far as anybody whom we may believe knows: scheme, host and port as the client saw them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::traffic::routing::access::holds;
use crate::traffic::routing::sites::Sites;
use crate::wire::{FieldKind, RequestHead, digits, split_authority};

/// What a node is told about where the request came from.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// The address at the other end of the connection, as text.
    pub client: &'a [u8],
    /// Who counts as the client, where that is somebody else: whom a trusted proxy names.
    pub real: Option<IpAddr>,
    /// Whether it came by TLS.
    pub secure: bool,
    /// The port that the listener is bound to.
    pub port: u16,
    /// The port that clients reach it by, where the operator wrote one.
    pub public_port: Option<u16>,
    /// What the X-Forwarded-* fields are worth that came along.
    pub trust: Trust,
}

/// What X-Forwarded-* from this client are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody said whom to trust: X-Forwarded-For is continued, as nginx's `$proxy_add_x_forwarded_for` does; the rest
    /// is dropped, since anyone can write it.
    Append,
    /// The client is a trusted proxy: its word on scheme, host and port counts too.
    Known,
    /// Others are trusted, this client is not: whatever it says is dropped.
    Strip,
}

impl Trust {
    /// What this peer is to a listener that trusts these proxies; `None` where nobody said whom.
    pub fn of(peer: IpAddr, trusted: Option<&[IpNet]>) -> Self {
        match trusted {
            None => Self::Append,
            Some(networks) if holds(networks, peer) => Self::Known,
            Some(_) => Self::Strip,
        }
    }
}

/// Name and port of the place that a client asked, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub struct AskedHost<'a> {
    /// Name and port, as somebody wrote them.
    pub raw: &'a [u8],
    /// Without the port.
    pub name: &'a [u8],
    port: Option<u16>,
}

impl Forwarded<'_> {
    /// Scheme (whether it is https) and port as the client saw them, as far as anybody whom we may believe knows. The host
    /// is the one that it asked.
    pub fn origin(&self, head: &RequestHead, host: Option<AskedHost<'_>>) -> (bool, u16) {
        let secure = self.secure(head);
        let port = self.known(head, FieldKind::XForwardedPort).and_then(digits);
        let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        (secure, port.unwrap_or_else(|| self.port_by_host(host, secure)))
    }

    /// Whether the client came by https.
    pub fn secure(&self, head: &RequestHead) -> bool {
        self.known(head, FieldKind::XForwardedProto).and_then(is_https).unwrap_or(self.secure)
    }

    /// A client writes its port into Host unless that is the scheme's own (RFC 9110 7.2). The port that we are bound to
    /// may be another one: behind address translation, a container's published port, a balancer of connections.
    fn port_by_host(&self, host: Option<AskedHost<'_>>, secure: bool) -> u16 {
        let default = if secure { 443 } else { 80 };
        // A proxy that ends TLS may have written our own port: that is no port for https.
        let same_scheme = secure == self.secure;
        let ours = self.public_port.filter(|_| same_scheme);
        match host {
            Some(AskedHost { port: Some(port), .. }) if same_scheme || port != self.port => port,
            Some(_) => ours.unwrap_or(default),
            None => ours.unwrap_or(if same_scheme { self.port } else { default }),
        }
    }

    /// The host that the client asked, as nodes are told: a trusted proxy may have written another one into Host.
    pub fn host<'h>(&self, head: &'h RequestHead) -> Option<AskedHost<'h>> {
        self.told_host(head).or_else(|| own_host(head))
    }

    /// The same, as a client may be led there. Many a proxy passes X-Forwarded-Host on as its client wrote it, so it
    /// counts only where it is a name of one of the sites: Weir leads nobody to a stranger's host.
    pub fn host_of_ours<'h>(&self, head: &'h RequestHead, sites: Option<&Sites>) -> Option<AskedHost<'h>> {
        let told = self.told_host(head).filter(|told| sites.is_some_and(|sites| sites.names(told.name)));
        told.or_else(|| own_host(head))
    }

    fn told_host<'h>(&self, head: &'h RequestHead) -> Option<AskedHost<'h>> {
        let raw = self.known(head, FieldKind::XForwardedHost)?;
        let (name, port) = split_authority(raw)?;
        Some(AskedHost { raw, name, port })
    }

    /// What a trusted proxy says. Of several lines the last one is by the proxy that speaks to us; of a list in it the
    /// first element is of the hop next to the client.
    fn known<'h>(&self, head: &'h RequestHead, kind: FieldKind) -> Option<&'h [u8]> {
        if self.trust != Trust::Known {
            return None;
        }
        let line = head.of_kind(kind).filter(|field| !field.hop).last()?.value;
        line.split(|byte| *byte == b',').next().map(<[u8]>::trim_ascii)
    }
}

fn own_host(head: &RequestHead) -> Option<AskedHost<'_>> {
    head.host().map(|host| AskedHost { raw: host.raw, name: host.name, port: host.port })
}

/// Some proxies name a WebSocket's scheme, which differs from that of its handshake in name alone (RFC 6455 3).
fn is_https(scheme: &[u8]) -> Option<bool> {
    let is = |expected: &[u8]| scheme.eq_ignore_ascii_case(expected);
    if is(b"https") || is(b"wss") { Some(true) } else { (is(b"http") || is(b"ws")).then_some(false) }
}
