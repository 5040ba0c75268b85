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
    let (public_host, _) = split_authority(public.authority)?;
    let place = Place::of(value)?;
    let (host, port) = split_authority(place.authority)?;
    if nodes.is_node(host) {
        return Some(place.at(public));
    }
    if !same_host(host, public_host) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> NodeAddresses {
        let addresses = ["10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00::3"];
        let addresses = addresses.map(|text| text.parse().expect("an address"));
        NodeAddresses::new(addresses, [8280, 8243, 9443, 9763, 9444])
    }

    fn assert_mapped(secure: bool, authority: &str, cases: &[(&str, &str)]) {
        let public = PublicName { secure, authority: authority.as_bytes() };
        for (value, expected) in cases {
            let found = map_location(value.as_bytes(), &public, &nodes());
            assert_eq!(found.escape_ascii().to_string(), *expected, "{value} for {authority}");
        }
    }

    #[test]
    fn a_node_is_never_shown_to_a_client() {
        let cases = [
            ("http://10.0.0.3:8280/services/echo?wsdl#a", "https://esb.wso2.com/services/echo?wsdl#a"),
            ("https://10.0.0.3:8243/x", "https://esb.wso2.com/x"),
            ("https://10.0.0.2:9443/carbon/", "https://esb.wso2.com/carbon/"),
            ("https://10.0.0.2:9763", "https://esb.wso2.com"),
            ("http://10.0.0.4:9090/x", "https://esb.wso2.com/x"),
            ("http://10.0.0.4/x", "https://esb.wso2.com/x"),
            ("HTTP://10.0.0.4:8280?q", "https://esb.wso2.com?q"),
            ("//10.0.0.4:8280/x", "//esb.wso2.com/x"),
            ("http://[fd00::3]:8280/x", "https://esb.wso2.com/x"),
            ("http://[fd00:0:0::3]:8280/x", "https://esb.wso2.com/x"),
            ("http://[::ffff:10.0.0.3]:8280/x", "https://esb.wso2.com/x"),
            ("http://10.0.0.3:8280/a?to=http://10.0.0.3:8280/b", "https://esb.wso2.com/a?to=http://10.0.0.3:8280/b"),
        ];
        assert_mapped(true, "esb.wso2.com", &cases);
    }

    #[test]
    fn the_public_name_loses_ports_that_no_client_can_use() {
        let cases = [
            ("https://esb.wso2.com:443/carbon/", "https://esb.wso2.com/carbon/"),
            ("http://esb.wso2.com:80/x", "http://esb.wso2.com/x"),
            ("https://ESB.wso2.com:443/", "https://ESB.wso2.com/"),
            ("https://esb.wso2.com:9443/carbon/?a", "https://esb.wso2.com/carbon/?a"),
            ("http://esb.wso2.com:9763/x", "https://esb.wso2.com/x"),
            ("https://esb.wso2.com:9444/x", "https://esb.wso2.com/x"),
            ("http://esb.wso2.com:8280/x", "https://esb.wso2.com/x"),
            ("//esb.wso2.com:443/x", "//esb.wso2.com/x"),
            ("//esb.wso2.com:9443/x", "//esb.wso2.com/x"),
        ];
        assert_mapped(true, "esb.wso2.com", &cases);
        let on_a_port = [
            ("https://esb.wso2.com:9443/x", "https://esb.wso2.com:9443/x"),
            ("http://esb.wso2.com:9443/x", "https://esb.wso2.com:9443/x"),
            ("https://esb.wso2.com:9763/x", "https://esb.wso2.com:9443/x"),
            ("http://10.0.0.3:8280/x", "https://esb.wso2.com:9443/x"),
        ];
        assert_mapped(true, "esb.wso2.com:9443", &on_a_port);
        assert_mapped(false, "esb.wso2.com", &[("http://10.0.0.3:8280/x", "http://esb.wso2.com/x")]);
        assert_mapped(false, "[fd00::1]:8080", &[("http://10.0.0.3/x", "http://[fd00::1]:8080/x")]);
    }

    #[test]
    fn what_is_not_ours_stays_as_it_is() {
        let untouched = [
            "/carbon/",
            "",
            "carbon?a=b:c",
            "https://esb.wso2.com/x",
            "http://esb.wso2.com/x",
            "http://esb.wso2.com:443/x",
            "https://esb.wso2.com:80/x",
            "https://esb.wso2.com:7443/x",
            "https://other.wso2.com:9443/x",
            "https://esb.wso2.com.evil.org:9443/x",
            "http://10.0.0.30:8280/x",
            "http://10.0.0.3.evil.org:8280/x",
            "http://user@10.0.0.3:8280/x",
            "http://010.0.0.3:8280/x",
            "ftp://10.0.0.3/x",
            "mailto:a@10.0.0.3",
            "http:/10.0.0.3/x",
            "http://",
            "http://:80/",
            "urn:uuid:1",
        ];
        let cases: Vec<(&str, &str)> = untouched.iter().map(|value| (*value, *value)).collect();
        assert_mapped(true, "esb.wso2.com", &cases);
        assert_mapped(true, "", &[("http://10.0.0.3:8280/x", "http://10.0.0.3:8280/x")]);
    }
}
