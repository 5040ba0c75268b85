//! Location and Content-Location that lead a client to a node: mapped to the name the client knows. WSO2 writes its own
//! address and port into many answers, which no client can reach. A name that is not ours is never touched.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::str;

use crate::wire::split_authority;

/// How the client spelled the place it asked.
#[derive(Clone, Copy, Debug)]
pub struct PublicName<'a> {
    /// Whether it came by TLS.
    pub secure: bool,
    /// Host and port as the client wrote them; empty where it wrote none, and then nothing is mapped.
    pub authority: &'a [u8],
}

impl PublicName<'_> {
    fn scheme(&self) -> &'static [u8] {
        if self.secure { b"https" } else { b"http" }
    }
}

/// Every address and port under which the nodes of the configuration can be reached.
#[derive(Clone, Debug, Default)]
pub struct NodeAddresses {
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
}

impl NodeAddresses {
    /// The nodes' addresses, and their ports: those of the pools, and 8280, 8243, 9443, 9763 with each offset.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>, ports: impl IntoIterator<Item = u16>) -> Self {
        let mut known = Self { addresses: Vec::new(), ports: ports.into_iter().collect() };
        known.addresses.extend(addresses.into_iter().map(|address| address.to_canonical()));
        known.addresses.sort_unstable();
        known.addresses.dedup();
        known.ports.sort_unstable();
        known.ports.dedup();
        known
    }

    /// Whether this host, an address perhaps in brackets, is a node's.
    pub fn is_node(&self, host: &[u8]) -> bool {
        let Some(address) = parse_address(host) else { return false };
        self.addresses.binary_search(&address).is_ok()
    }

    /// Whether nodes are reached on this port.
    pub fn is_node_port(&self, port: u16) -> bool {
        self.ports.binary_search(&port).is_ok()
    }
}

/// The value that goes down. Path, query and fragment stay as the node wrote them.
pub fn map_location<'a>(value: &'a [u8], public: &PublicName<'_>, nodes: &NodeAddresses) -> Cow<'a, [u8]> {
    mapped(value, public, nodes).map_or(Cow::Borrowed(value), Cow::Owned)
}

fn mapped(value: &[u8], public: &PublicName<'_>, nodes: &NodeAddresses) -> Option<Vec<u8>> {
    let (public_host, public_port) = split_authority(public.authority)?;
    let place = Place::of(value)?;
    let (host, port) = split_authority(place.authority)?;
    if nodes.is_node(host) {
        return Some(place.at(public));
    }
    if !same_host(host, public_host) || port.is_none() || port == public_port {
        return None;
    }
    match (place.secure.unwrap_or(public.secure), port?) {
        // Carbon writes the default port out: browsers take that for another origin.
        (true, 443) | (false, 80) => Some(place.without_port(host)),
        (_, port) if nodes.is_node_port(port) => Some(place.at(public)),
        _ => None,
    }
}

/// An absolute or scheme-relative reference in its parts.
struct Place<'a> {
    scheme: &'a [u8],
    secure: Option<bool>,
    authority: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Place<'a> {
    fn of(value: &'a [u8]) -> Option<Self> {
        let (scheme, secure, after) = if let Some(after) = value.strip_prefix(b"//") {
            (b"".as_slice(), None, after)
        } else {
            let colon = memchr::memchr(b':', value)?;
            let (scheme, after) = value.split_at_checked(colon)?;
            let secure = scheme.eq_ignore_ascii_case(b"https");
            if !secure && !scheme.eq_ignore_ascii_case(b"http") {
                return None;
            }
            (scheme, Some(secure), after.strip_prefix(b"://")?)
        };
        let length = after.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(after.len());
        let (authority, rest) = after.split_at_checked(length)?;
        Some(Self { scheme, secure, authority, rest })
    }

    fn at(&self, public: &PublicName<'_>) -> Vec<u8> {
        let scheme = if self.secure.is_some() { public.scheme() } else { b"" };
        self.written(scheme, public.authority)
    }

    fn without_port(&self, host: &[u8]) -> Vec<u8> {
        self.written(self.scheme, host)
    }

    fn written(&self, scheme: &[u8], authority: &[u8]) -> Vec<u8> {
        let colon: &[u8] = if scheme.is_empty() { b"" } else { b":" };
        [scheme, colon, b"//", authority, self.rest].concat()
    }
}

fn same_host(one: &[u8], other: &[u8]) -> bool {
    without_dot(one).eq_ignore_ascii_case(without_dot(other))
}

fn without_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

fn parse_address(host: &[u8]) -> Option<IpAddr> {
    let address = match host {
        [b'[', inner @ .., b']'] => str::from_utf8(inner).ok()?.parse::<Ipv6Addr>().ok()?.into(),
        host => str::from_utf8(host).ok()?.parse::<IpAddr>().ok()?,
    };
    Some(address.to_canonical())
}
