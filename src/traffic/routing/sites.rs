//! Finds the site of a host name on one listener: exact names first, then wildcards from the longest, then the default.
//! Used for Host and for TLS server names. A look-up allocates nothing and takes bounded time. Clients that send no
//! name (requests by address, old TLS libraries, HTTP/1.0) can have a site of their own.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState as FastHash;

use crate::config::HostPattern;

/// The host names of one listener, each with the number of its site.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    /// A fast hash without a secret is safe here, because names from clients are only looked up, never inserted.
    exact: HashMap<Box<[u8]>, usize, FastHash>,
    /// By what follows `*.`.
    wildcard: HashMap<Box<[u8]>, usize, FastHash>,
    /// IPv6 addresses, parsed because they have many spellings.
    ipv6: HashMap<Ipv6Addr, usize>,
    default: Option<usize>,
    /// The site for clients that send no name, if there is one.
    nameless: Option<usize>,
    first: Option<usize>,
    /// Whether a site has an address among its names.
    by_address: bool,
    longest_exact: usize,
    longest_wildcard: usize,
}

impl Sites {
    /// Names must be in lower case and without port, as the configuration keeps them. If a name occurs twice, the first
    /// counts, as in nginx.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a HostPattern, usize)>, default: Option<usize>) -> Self {
        let mut sites = Self { default, ..Self::default() };
        for (pattern, site) in entries {
            sites.first = sites.first.or(Some(site));
            match pattern {
                HostPattern::Exact(name) => sites.add_exact(name, site),
                HostPattern::Wildcard(name) => {
                    sites.longest_wildcard = sites.longest_wildcard.max(name.len());
                    sites.wildcard.entry(name.as_bytes().into()).or_insert(site);
                }
            }
        }
        sites
    }

    /// Adds the site for clients that send no name.
    pub fn with_nameless(self, nameless: Option<usize>) -> Self {
        Self { nameless, first: self.first.or(nameless).or(self.default), ..self }
    }

    /// Says whose certificate TLS clients get that give no name, where no other site is for them.
    pub fn with_first(self, first: Option<usize>) -> Self {
        Self { first, ..self }
    }

    /// The site of a host name. The name must be in lower case and without port, IPv6 addresses in brackets; empty if
    /// the client sent none.
    pub fn find(&self, host: &[u8]) -> Option<usize> {
        self.find_exact(host)
            .or_else(|| self.find_wildcard(host))
            .or_else(|| self.without_a_name(host))
            .or(self.default)
    }

    /// The site whose certificate a TLS client gets. Without a server name, the local address of the connection counts,
    /// and at last the first site, as in nginx. The certificate does not select the site of requests; Host does.
    pub fn of_hello(&self, name: Option<&[u8]>, came_to: Option<IpAddr>) -> Option<usize> {
        let Some(name) = name else {
            let named = came_to.and_then(|address| self.of_address(address));
            return named.or(self.nameless).or(self.default).or(self.first);
        };
        self.find(name)
    }

    /// Whether a site has an address among its names, so that the local address of a connection matters.
    pub fn by_address(&self) -> bool {
        self.by_address
    }

    fn of_address(&self, address: IpAddr) -> Option<usize> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.exact.get(address.to_string().as_bytes()).copied(),
            IpAddr::V6(address) => self.ipv6.get(&address).copied(),
        }
    }

    /// The site of a host in any case, perhaps with a final dot.
    pub fn find_written(&self, host: &[u8]) -> Option<usize> {
        in_lower_case(host, |host| self.find(host)).unwrap_or(self.default)
    }

    /// Whether a site has this host among its names, in any case and perhaps with a final dot.
    pub fn names(&self, host: &[u8]) -> bool {
        let named = in_lower_case(host, |host| self.find_exact(host).or_else(|| self.find_wildcard(host)));
        named.flatten().is_some()
    }

    fn without_a_name(&self, host: &[u8]) -> Option<usize> {
        let is_address = || std::str::from_utf8(host).is_ok_and(|host| host.parse::<Ipv4Addr>().is_ok());
        self.nameless.filter(|_| matches!(host, [] | [b'[', ..]) || is_address())
    }

    fn add_exact(&mut self, name: &str, site: usize) {
        let name_alone = unbracketed(name);
        self.by_address |= name_alone.parse::<IpAddr>().is_ok();
        if let Ok(address) = name_alone.parse::<Ipv6Addr>() {
            self.ipv6.entry(address).or_insert(site);
            return;
        }
        self.longest_exact = self.longest_exact.max(name.len());
        self.exact.entry(name.as_bytes().into()).or_insert(site);
    }

    fn find_exact(&self, host: &[u8]) -> Option<usize> {
        if host.first() == Some(&b'[') {
            let literal = std::str::from_utf8(host).ok()?;
            return self.ipv6.get(&unbracketed(literal).parse::<Ipv6Addr>().ok()?).copied();
        }
        // Longer names are not hashed, since a client can send a very long one.
        if host.len() > self.longest_exact {
            return None;
        }
        self.exact.get(host).copied()
    }

    /// Tries the longest endings first. `*` stands for one or more labels.
    fn find_wildcard(&self, host: &[u8]) -> Option<usize> {
        if self.wildcard.is_empty() {
            return None;
        }
        let shortest_front = host.len().saturating_sub(self.longest_wildcard + 1).max(1);
        let dots = host.iter().enumerate().skip(shortest_front).filter(|(_, byte)| **byte == b'.');
        dots.filter_map(|(dot, _)| host.get(dot + 1..)).find_map(|ending| self.wildcard.get(ending).copied())
    }
}

/// `None` if the host is longer than any name.
fn in_lower_case<T>(host: &[u8], look: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let mut lower = [0; LONGEST_NAME];
    let lower = lower.get_mut(..host.len())?;
    lower.copy_from_slice(host);
    lower.make_ascii_lowercase();
    Some(look(lower))
}

/// No name of DNS is longer (RFC 1035 2.3.4).
const LONGEST_NAME: usize = 255;

fn unbracketed(name: &str) -> &str {
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(written: &str) -> HostPattern {
        match written.strip_prefix("*.") {
            Some(name) => HostPattern::Wildcard(name.into()),
            None => HostPattern::Exact(written.into()),
        }
    }

    fn sites(written: &[&str], default: Option<usize>) -> Sites {
        let patterns: Vec<_> = written.iter().map(|name| pattern(name)).collect();
        Sites::new(patterns.iter().zip(0..), default)
    }

    #[test]
    fn exact_before_wildcard_longest_wildcard_first_default_last() {
        let names = ["*.wso2.com", "esb.wso2.com", "*.esb.wso2.com", "mgt.esb.wso2.com", "*.com", "10.0.0.1", "[::1]"];
        let sites = sites(&names, Some(99));
        for (host, expected) in [
            ("esb.wso2.com", 1),
            ("mgt.esb.wso2.com", 3),
            ("other.esb.wso2.com", 2),
            ("a.b.esb.wso2.com", 2),
            ("a.mgt.esb.wso2.com", 2),
            ("is.wso2.com", 0),
            ("a.b.c.wso2.com", 0),
            ("wso2.com", 4),
            ("xwso2.com", 4),
            (".wso2.com", 4),
            ("com", 99),
            (".com", 99),
            ("esb.wso2.com.", 99),
            ("ESB.wso2.org", 99),
            ("10.0.0.1", 5),
            ("10.0.0.2", 99),
            ("[::1]", 6),
            ("[0:0:0:0:0:0:0:1]", 6),
            ("[::2]", 99),
            ("[::1", 99),
            ("[]", 99),
            ("::1", 99),
            ("", 99),
            (".", 99),
            ("..", 99),
        ] {
            assert_eq!(sites.find(host.as_bytes()), Some(expected), "{host}");
        }
        assert_eq!(sites.find(b"\xff\xfe.wso2.com"), Some(0));
        assert_eq!(sites.find(b"[\xff]"), Some(99));
    }

    #[test]
    fn an_unknown_host_is_nobodys_without_a_default() {
        let sites = sites(&["esb.wso2.com", "*.example.com"], None);
        for host in ["", "wso2.com", "example.com", "10.0.0.1", "[::1]", "esb.wso2.com.evil.org"] {
            assert_eq!(sites.find(host.as_bytes()), None, "{host}");
        }
        assert_eq!(Sites::default().find(b"a.b"), None);
    }

    #[test]
    fn who_gives_no_name_has_a_site_of_its_own() {
        let names = ["esb.wso2.com", "mgt.esb.wso2.com", "10.0.0.1", "[::1]", "*.wso2.com"];
        let came_to = |address: &str| Some(address.parse().unwrap());
        let asked = |sites: &Sites| {
            let hosts = ["", "10.0.0.1", "10.0.0.2", "[::1]", "[::2]", "other.org", "1.2.3", "a.wso2.com"];
            hosts.map(|host| sites.find(host.as_bytes()))
        };
        let greeted = |sites: &Sites| {
            let addresses =
                [None, came_to("10.0.0.1"), came_to("::ffff:10.0.0.1"), came_to("10.0.0.2"), came_to("::1")];
            addresses.map(|address| sites.of_hello(None, address))
        };
        let neither = sites(&names, None);
        assert!(neither.by_address());
        assert_eq!(asked(&neither), [None, Some(2), None, Some(3), None, None, None, Some(4)]);
        assert_eq!(greeted(&neither), [Some(0), Some(2), Some(2), Some(0), Some(3)]);
        let by_default = sites(&names, Some(1));
        assert_eq!(asked(&by_default), [1, 2, 1, 3, 1, 1, 1, 4].map(Some));
        assert_eq!(greeted(&by_default), [1, 2, 2, 1, 3].map(Some));
        for default in [None, Some(1)] {
            let nameless = sites(&names, default).with_nameless(Some(9));
            let nine = Some(9);
            assert_eq!(asked(&nameless), [nine, Some(2), nine, Some(3), nine, default, default, Some(4)]);
            assert_eq!(greeted(&nameless), [9, 2, 2, 9, 3].map(Some));
            assert_eq!(nameless.of_hello(Some(b"other.org"), came_to("10.0.0.1")), default, "a wrong name is a name");
        }
        assert!(!sites(&["a.b", "*.c"], None).by_address());
        assert_eq!(Sites::default().of_hello(None, came_to("10.0.0.1")), None);
    }

    #[test]
    fn a_name_of_ours_is_known_in_any_spelling_and_a_default_makes_no_name_ours() {
        let sites = sites(&["esb.test", "*.wso2.com", "::1"], Some(9)).with_nameless(Some(8));
        let long = "a".repeat(255 - ".wso2.com".len()) + ".wso2.com";
        for (host, expected) in [
            ("esb.test", true),
            ("ESB.test.", true),
            ("a.WSO2.com", true),
            ("[::1]", true),
            (&long, true),
            (&format!("a{long}"), false),
            ("wso2.com", false),
            ("esb.test.evil.org", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(sites.names(host.as_bytes()), expected, "{host}");
        }
        let found = ["ESB.test.", "a.WSO2.com", "[::1]", "10.0.0.1", "Other.test", &format!("a{long}")];
        let found = found.map(|host| sites.find_written(host.as_bytes()));
        assert_eq!(found, [0, 1, 2, 8, 9, 9].map(Some));
    }

    #[test]
    fn of_two_equal_names_the_first_counts() {
        let sites = sites(&["a.b", "a.b", "*.b", "*.b", "::1", "[0::1]"], None);
        assert_eq!(["a.b", "c.b", "[::1]"].map(|host| sites.find(host.as_bytes())), [Some(0), Some(2), Some(4)]);
    }

    #[test]
    fn five_thousand_sites_are_told_apart() {
        let names: Vec<_> = (0..5000).map(|site| format!("{}site{site}.wso2.com", ["", "*."][site % 2])).collect();
        let sites = sites(&names.iter().map(String::as_str).collect::<Vec<_>>(), None);
        for site in 0..5000 {
            let host = format!("{}site{site}.wso2.com", ["", "www."][site % 2]);
            assert_eq!(sites.find(host.as_bytes()), Some(site));
        }
    }

    #[test]
    fn an_endless_name_costs_no_more_than_a_long_one() {
        let sites = sites(&["*.a.a", "a.a.a"], None);
        let endless = "a.".repeat(1 << 20) + "a";
        assert_eq!(sites.find(endless.as_bytes()), Some(0));
        let dots = ".".repeat(1 << 20);
        assert_eq!(sites.find(dots.as_bytes()), None);
    }
}
