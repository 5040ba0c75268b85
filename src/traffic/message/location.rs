//! Maps Location, Content-Location and Refresh from node addresses to public ones, like nginx's proxy_redirect. WSO2
//! writes its own address and port into many answers, and no client can reach these. References to other hosts or
//! ports, and queries, are not changed.

use std::borrow::Cow;

use crate::config::Redirects;
use crate::traffic::routing::path_change::PathChange;
use crate::traffic::routing::reverse_map::{Host, PoolNodes, PublicSite, ReverseMap};
use crate::wire::split_authority;

/// The URL that the client asked for, as it was written.
#[derive(Clone, Copy, Debug)]
pub struct PublicName<'a> {
    /// Whether the client used https.
    pub secure: bool,
    /// Host and port as the client wrote them. If it wrote none, this is empty, and nothing is mapped.
    pub authority: &'a [u8],
    /// Path and query.
    pub target: &'a [u8],
    /// The pool of the answering node.
    pub pool: usize,
    /// Whether clients see a port that differs from the bound port of the listener.
    pub translated: bool,
}

impl PublicName<'_> {
    fn scheme(&self) -> &'static [u8] {
        scheme(self.secure)
    }
}

const fn scheme(secure: bool) -> &'static [u8] {
    if secure { b"https" } else { b"http" }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// What references of a node are mapped by.
#[derive(Clone, Copy)]
pub struct Mapping<'a> {
    /// The URL that the client asked for.
    pub public: PublicName<'a>,
    /// The addresses of nodes and sites.
    pub reverse_map: &'a ReverseMap,
    /// What became of the path on the way up.
    pub path_change: Option<&'a PathChange>,
}

/// The value of Location or Content-Location for the client. Query and fragment stay as the node wrote them, and so does
/// the path, where none was changed on the way up.
pub fn map_location<'a>(value: &'a [u8], mapping: &Mapping<'_>) -> Cow<'a, [u8]> {
    mapped(value, mapping).map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The same for Refresh: `5; url=http://…`.
pub fn map_refresh<'a>(value: &'a [u8], mapping: &Mapping<'_>) -> Cow<'a, [u8]> {
    let in_parts = || {
        let (before, url, after) = refresh_parts(value)?;
        Some([before, &mapped(url, mapping)?, after].concat())
    };
    in_parts().map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The text before the URL, the URL, and the text after it, which is a closing quote.
fn refresh_parts(value: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let at = value.windows(4).position(|word| word.eq_ignore_ascii_case(b"url="))?;
    let begin = at + 4 + value.get(at + 4..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let (begin, quote) = match value.get(begin)? {
        quote @ (b'\'' | b'"') => (begin + 1, Some(*quote)),
        _ => (begin, None),
    };
    let (before, rest) = value.split_at_checked(begin)?;
    let end = quote.and_then(|quote| memchr::memchr(quote, rest)).unwrap_or(rest.len());
    let (url, after) = rest.split_at_checked(end)?;
    Some((before, url, after))
}

fn mapped(value: &[u8], mapping: &Mapping<'_>) -> Option<Vec<u8>> {
    let own = mapping.reverse_map.pool(mapping.public.pool)?;
    match &own.redirects {
        Redirects::Off => return None,
        Redirects::Pairs(pairs) => {
            let pair = pairs.iter().find_map(|(from, to)| Some((to, value.strip_prefix(from.as_bytes())?)));
            if let Some((to, rest)) = pair {
                return Some([to.as_bytes(), rest].concat());
            }
        }
    }
    let at_site = by_authority(value, mapping, own);
    let Some(change) = mapping.path_change else { return at_site };
    with_public_path(at_site.as_deref().unwrap_or(value), change, &mapping.public).or(at_site)
}

fn by_authority(value: &[u8], mapping: &Mapping<'_>, own: &PoolNodes) -> Option<Vec<u8>> {
    let Mapping { public, reverse_map, .. } = mapping;
    let (public_host, _) = split_authority(public.authority)?;
    let reference = Reference::of(value)?;
    let (host, port) = split_authority(reference.authority)?;
    Comparison {
        public,
        public_host,
        reverse_map,
        own,
        secure: reference.secure.unwrap_or(public.secure),
        reference,
        port,
    }
    .of(host)
}

/// A reference into the client's own site, with the path that the client knows. Nodes name that site because they are
/// asked by its Host.
fn with_public_path(value: &[u8], change: &PathChange, public: &PublicName<'_>) -> Option<Vec<u8>> {
    if value.starts_with(b"/") && !value.starts_with(b"//") {
        return change.back(value);
    }
    let reference = Reference::of(value).filter(|reference| same_host(reference.authority, public.authority))?;
    let rest = if reference.rest.starts_with(b"/") {
        Cow::Borrowed(reference.rest)
    } else {
        [b"/", reference.rest].concat().into()
    };
    let rest = &*change.back(&rest)?;
    Some(Reference { rest, ..reference }.written(reference.scheme, reference.authority))
}

/// A reference, and what it is compared with.
struct Comparison<'a> {
    public: &'a PublicName<'a>,
    public_host: &'a [u8],
    reverse_map: &'a ReverseMap,
    own: &'a PoolNodes,
    reference: Reference<'a>,
    secure: bool,
    /// The port as written.
    port: Option<u16>,
}

impl Comparison<'_> {
    fn of(&self, host: &[u8]) -> Option<Vec<u8>> {
        let port = self.port.unwrap_or(default_port(self.secure));
        let known = Host::of(host);
        let is_public_host = same_host(host, self.public_host);
        if self.is_public(&known, port) {
            // Carbon writes the default port explicitly. It is removed, because browsers take it for another origin.
            return self.without_default_port(host);
        }
        if self.own.has(&known, port) || is_public_host && self.own.has_port(port) {
            return self.at_own();
        }
        if let Some(found) = self.elsewhere(&known, port) {
            return Some(found);
        }
        if is_public_host { self.without_default_port(host) } else { None }
    }

    /// Whether a client that follows the reference reaches one of our sites.
    fn is_public(&self, host: &Host, port: u16) -> bool {
        self.reverse_map.sites_named(host).any(|site| site.secure == self.secure && self.port_of(site) == port)
    }

    /// The port that clients use for a site.
    fn port_of(&self, site: &PublicSite) -> u16 {
        // If the client's own listener has another public port, then the bound port of other listeners is not the
        // public one either.
        let bound = if self.public.translated { default_port(site.secure) } else { site.port };
        site.public_port.unwrap_or(bound)
    }

    /// Maps to the host and port that the client asked for. A redirect to https must not be mapped to http: the client
    /// would be redirected again without end.
    fn at_own(&self) -> Option<Vec<u8>> {
        let lowers = self.reference.secure == Some(true) && !self.public.secure;
        if !lowers {
            return Some(self.reference.at(self.public));
        }
        let secure = self.best(self.reverse_map.sites_into(self.public.pool));
        // A node that is reached over TLS writes https for itself, though the client uses http. Its reference maps to
        // http, unless it leads to the very target of this request.
        let mirrors = self.own.secure && !self.reference.leads_to(self.public.target);
        secure.or_else(|| mirrors.then(|| self.reference.at(self.public)))
    }

    /// Maps to a site that leads to this node and port, or to a site of this name whose pool has this port.
    fn elsewhere(&self, host: &Host, port: u16) -> Option<Vec<u8>> {
        let by_node = self.reverse_map.pools_at(host, port).flat_map(|pool| self.reverse_map.sites_into(pool));
        // If the client used this host, the site that takes it is ours, even if the host is not among its names.
        let public_host = if *host == Host::of(self.public_host) { Some(self.public_host) } else { None };
        let public = public_host.into_iter().flat_map(|host| self.reverse_map.sites_taking(host));
        let by_name = self.reverse_map.sites_named(host).chain(public).filter(|site| {
            site.pools.iter().any(|pool| self.reverse_map.pool(*pool).is_some_and(|pool| pool.has_port(port)))
        });
        let sites: Vec<&PublicSite> = by_node.chain(by_name).collect();
        // The plain port of the same machine: a client that came by https stays on https.
        let same_machine = self.own.has_host(host) || public_host.is_some();
        if !self.secure && self.public.secure && same_machine && !sites.is_empty() {
            Some(self.reference.at(self.public))
        } else {
            self.best(sites)
        }
    }

    /// The best site: first one with the client's host, then one with the same scheme. An https reference never maps to
    /// http.
    fn best<'d>(&self, sites: impl IntoIterator<Item = &'d PublicSite>) -> Option<Vec<u8>> {
        let mut best: Option<((bool, bool), &PublicSite)> = None;
        for site in sites {
            let named = site.takes(self.public_host);
            let lowers = self.reference.secure == Some(true) && !site.secure;
            let rank = (named, site.secure == self.secure);
            if !lowers && (named || site.host().is_some()) && best.is_none_or(|(known, _)| rank > known) {
                best = Some((rank, site));
            }
        }
        let ((named, _), site) = best?;
        if named && site.secure == self.public.secure {
            return Some(self.reference.at(self.public));
        }
        let host = if named { self.public_host } else { site.host()? };
        Some(self.at_site(site, host))
    }

    fn at_site(&self, site: &PublicSite, host: &[u8]) -> Vec<u8> {
        let port = self.port_of(site);
        let mut authority = match host {
            [b'[', ..] => host.to_vec(),
            host if host.contains(&b':') => [b"[", host, b"]"].concat(),
            host => host.to_vec(),
        };
        if port != default_port(site.secure) {
            authority.extend_from_slice(format!(":{port}").as_bytes());
        }
        self.reference.written(scheme(site.secure), &authority)
    }

    fn without_default_port(&self, host: &[u8]) -> Option<Vec<u8>> {
        let written = self.port.is_some_and(|port| port == default_port(self.secure));
        written.then(|| self.reference.written(self.reference.scheme, host))
    }
}

/// The parts of an absolute or scheme-relative reference (RFC 3986 4.2).
struct Reference<'a> {
    scheme: &'a [u8],
    secure: Option<bool>,
    authority: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reference<'a> {
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

    /// Whether its path and query are this target.
    fn leads_to(&self, target: &[u8]) -> bool {
        let end = memchr::memchr(b'#', self.rest).unwrap_or(self.rest.len());
        let rest = self.rest.get(..end).unwrap_or_default();
        target == if rest.is_empty() { b"/" } else { rest }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::HostPattern;
    use crate::traffic::routing::sites::Sites;

    /// The cluster of the guide: workers with ports 8280 and 8243, a manager with 9443, and three sites.
    fn reverse_map(change: impl FnOnce(&mut ReverseMap)) -> ReverseMap {
        let mut reverse_map = ReverseMap::default();
        for (pool, (secure, nodes, port)) in [
            (false, &["10.0.0.3", "10.0.0.4", "fd00::3", "worker1.example.com"][..], 8280),
            (true, &["10.0.0.3", "10.0.0.4", "fd00::3", "worker1.example.com"], 8243),
            (true, &["10.0.0.2"], 9443),
        ]
        .into_iter()
        .enumerate()
        {
            reverse_map.add_pool(secure, Redirects::default());
            nodes.iter().for_each(|node| reverse_map.add_node(pool, Host::of(node.as_bytes()), port));
        }
        reverse_map.add_site(site("esb.wso2.com", false, 80, 0));
        reverse_map.add_site(site("esb.wso2.com", true, 443, 1));
        reverse_map.add_site(site("mgt.esb.wso2.com", true, 443, 2));
        change(&mut reverse_map);
        reverse_map
    }

    fn site(host: &str, secure: bool, port: u16, pool: usize) -> PublicSite {
        site_of(HostPattern::Exact(host.into()), secure, port, pool)
    }

    fn site_of(host: HostPattern, secure: bool, port: u16, pool: usize) -> PublicSite {
        let sites = Arc::new(Sites::new([(&host, 0)], None));
        PublicSite { hosts: vec![host], site: 0, sites, secure, port, public_port: None, pools: vec![pool] }
    }

    fn public(secure: bool, authority: &str, pool: usize) -> PublicName<'_> {
        PublicName { secure, authority: authority.as_bytes(), target: b"/asked", pool, translated: false }
    }

    fn assert_mapped(reverse_map: &ReverseMap, public: &PublicName<'_>, cases: &[(&str, &str)]) {
        for (value, expected) in cases {
            let mapping = Mapping { public: *public, reverse_map, path_change: None };
            let found = map_location(value.as_bytes(), &mapping);
            assert_eq!(found.escape_ascii().to_string(), *expected, "{value} for {public:?}");
        }
    }

    #[test]
    fn a_nodes_own_port_is_where_the_client_asked() {
        let cases = [
            ("https://10.0.0.3:8243/services/echo?wsdl#a", "https://esb.wso2.com/services/echo?wsdl#a"),
            ("https://10.0.0.4:8243", "https://esb.wso2.com"),
            ("HTTPS://10.0.0.4:8243?q", "https://esb.wso2.com?q"),
            ("http://10.0.0.3:8243/x", "https://esb.wso2.com/x"),
            ("//10.0.0.4:8243/x", "//esb.wso2.com/x"),
            ("https://[fd00::3]:8243/x", "https://esb.wso2.com/x"),
            ("https://[fd00:0:0::3]:8243/x", "https://esb.wso2.com/x"),
            ("https://[::ffff:10.0.0.3]:8243/x", "https://esb.wso2.com/x"),
            ("https://worker1.example.com:8243/x", "https://esb.wso2.com/x"),
            ("https://WORKER1.example.com.:8243/x", "https://esb.wso2.com/x"),
            ("https://esb.wso2.com:8243/x", "https://esb.wso2.com/x"),
            ("//esb.wso2.com:8243/x", "//esb.wso2.com/x"),
            ("https://10.0.0.3:8243/a?to=http://10.0.0.3:8280/b", "https://esb.wso2.com/a?to=http://10.0.0.3:8280/b"),
        ];
        assert_mapped(&reverse_map(|_| {}), &public(true, "esb.wso2.com", 1), &cases);
        let on_a_port = [("https://10.0.0.3:8243/x", "https://esb.wso2.com:9943/x")];
        assert_mapped(&reverse_map(|_| {}), &public(true, "esb.wso2.com:9943", 1), &on_a_port);
        let plain = [("http://10.0.0.3:8280/x", "http://esb.wso2.com/x"), ("//10.0.0.3:8280", "//esb.wso2.com")];
        assert_mapped(&reverse_map(|_| {}), &public(false, "esb.wso2.com", 0), &plain);
    }

    #[test]
    fn another_pools_node_is_shown_as_the_site_that_leads_there() {
        let plain = [
            ("https://10.0.0.3:8243/rest", "https://esb.wso2.com/rest"),
            ("https://worker1.example.com:8243/rest", "https://esb.wso2.com/rest"),
            ("https://esb.wso2.com:8243/rest", "https://esb.wso2.com/rest"),
            ("https://10.0.0.2:9443/carbon/", "https://mgt.esb.wso2.com/carbon/"),
            ("https://mgt.esb.wso2.com:9443/carbon/", "https://mgt.esb.wso2.com/carbon/"),
            ("//10.0.0.2:9443/carbon/", "https://mgt.esb.wso2.com/carbon/"),
        ];
        assert_mapped(&reverse_map(|_| {}), &public(false, "esb.wso2.com", 0), &plain);
        let secure = [
            // The plain port of the same machine: no client is sent from https to http.
            ("http://10.0.0.3:8280/rest", "https://esb.wso2.com/rest"),
            ("http://esb.wso2.com:8280/rest", "https://esb.wso2.com/rest"),
            ("https://mgt.esb.wso2.com:9443/carbon/", "https://mgt.esb.wso2.com/carbon/"),
        ];
        assert_mapped(&reverse_map(|_| {}), &public(true, "esb.wso2.com", 1), &secure);
        let manager = [
            ("http://10.0.0.3:8280/x", "http://esb.wso2.com/x"),
            ("https://10.0.0.3:8243/x", "https://esb.wso2.com/x"),
        ];
        assert_mapped(&reverse_map(|_| {}), &public(true, "mgt.esb.wso2.com", 2), &manager);
    }

    #[test]
    fn of_the_sites_that_lead_there_the_one_with_the_same_scheme_is_shown() {
        let reverse_map = reverse_map(|reverse_map| {
            reverse_map.add_pool(false, Redirects::default());
            reverse_map.add_node(3, Host::of(b"10.0.0.9"), 8290);
            reverse_map.add_node(3, Host::of(b"10.0.0.3"), 8290);
            reverse_map.add_site(site("other.wso2.com", true, 443, 3));
            reverse_map.add_site(site("other.wso2.com", false, 80, 3));
        });
        for client in [public(false, "esb.wso2.com", 0), public(true, "esb.wso2.com", 1)] {
            assert_mapped(&reverse_map, &client, &[("http://10.0.0.9:8290/x", "http://other.wso2.com/x")]);
        }
        let same_machine = [("http://10.0.0.3:8290/x", "http://other.wso2.com/x")];
        assert_mapped(&reverse_map, &public(false, "esb.wso2.com", 0), &same_machine);
    }

    #[test]
    fn another_of_our_sites_stays_though_the_nodes_have_its_port() {
        let mut reverse_map = ReverseMap::default();
        for (pool, port) in [(0, 8443), (1, 443)] {
            reverse_map.add_pool(true, Redirects::default());
            reverse_map.add_node(pool, Host::of(b"10.0.0.3"), 443);
            reverse_map.add_site(site("esb.wso2.com", true, port, pool));
        }
        let cases = [
            ("https://esb.wso2.com/x", "https://esb.wso2.com/x"),
            ("https://10.0.0.3/x", "https://esb.wso2.com:8443/x"),
        ];
        assert_mapped(&reverse_map, &public(true, "esb.wso2.com:8443", 0), &cases);
    }

    #[test]
    fn https_is_never_turned_into_http() {
        let one_pool = |secure_site: bool| {
            let mut reverse_map = ReverseMap::default();
            reverse_map.add_pool(false, Redirects::default());
            reverse_map.add_node(0, Host::of(b"10.0.0.3"), 9763);
            reverse_map.add_site(site("esb.wso2.com", false, 80, 0));
            if secure_site {
                reverse_map.add_site(site("esb.wso2.com", true, 443, 0));
            }
            reverse_map
        };
        let client = public(false, "esb.wso2.com", 0);
        for value in ["https://10.0.0.3:9763/x", "https://esb.wso2.com:9763/x"] {
            assert_mapped(&one_pool(false), &client, &[(value, value)]);
            assert_mapped(&one_pool(true), &client, &[(value, "https://esb.wso2.com/x")]);
        }
        for value in ["https://esb.wso2.com/asked", "https://esb.wso2.com:9443/asked", "https://10.0.0.3:9443/asked"] {
            assert_mapped(&one_pool(false), &client, &[(value, value)]);
            assert_mapped(&one_pool(true), &client, &[(value, value)]);
        }
        // A node that is reached over TLS: its https maps to the client's http, except for the target of this request.
        let mut reverse_map = ReverseMap::default();
        reverse_map.add_pool(true, Redirects::default());
        reverse_map.add_node(0, Host::of(b"10.0.0.2"), 9443);
        reverse_map.add_site(site("mgt.wso2.com", false, 80, 0));
        let cases = [
            ("https://10.0.0.2:9443/carbon/", "http://mgt.wso2.com/carbon/"),
            ("https://10.0.0.2:9443/asked#a", "https://10.0.0.2:9443/asked#a"),
        ];
        assert_mapped(&reverse_map, &public(false, "mgt.wso2.com", 0), &cases);
    }

    #[test]
    fn the_port_is_the_one_that_clients_see() {
        let ported = |public_port| {
            let mut reverse_map = ReverseMap::default();
            for (pool, port) in [(0, 8280), (1, 8243)] {
                reverse_map.add_pool(pool == 1, Redirects::default());
                reverse_map.add_node(pool, Host::of(b"10.0.0.3"), port);
            }
            reverse_map.add_site(site("esb.wso2.com", false, 8080, 0));
            reverse_map.add_site(PublicSite { public_port, ..site("esb.wso2.com", true, 8443, 1) });
            reverse_map
        };
        let client = |authority, translated| PublicName { translated, ..public(false, authority, 0) };
        let value = "https://10.0.0.3:8243/x";
        for (public_port, authority, translated, expected) in [
            (None, "esb.wso2.com:8080", false, "https://esb.wso2.com:8443/x"),
            (None, "esb.wso2.com", true, "https://esb.wso2.com/x"),
            (Some(443), "esb.wso2.com:8080", false, "https://esb.wso2.com/x"),
            (Some(9943), "esb.wso2.com", true, "https://esb.wso2.com:9943/x"),
        ] {
            assert_mapped(&ported(public_port), &client(authority, translated), &[(value, expected)]);
        }
    }

    #[test]
    fn of_several_sites_the_clients_own_host_comes_first() {
        let more = |reverse_map: &mut ReverseMap| {
            reverse_map.add_site(site("www.wso2.com", false, 80, 2));
            reverse_map.add_site(site("www.wso2.com", true, 443, 2));
            reverse_map.add_site(site_of(HostPattern::Wildcard("apps.wso2.com".into()), true, 443, 2));
        };
        let value = "https://10.0.0.2:9443/x";
        for (host, expected) in [
            ("esb.wso2.com", "https://mgt.esb.wso2.com/x"),
            ("www.wso2.com", "https://www.wso2.com/x"),
            ("one.apps.wso2.com", "https://one.apps.wso2.com/x"),
            ("apps.wso2.com", "https://mgt.esb.wso2.com/x"),
        ] {
            assert_mapped(&reverse_map(more), &public(false, host, 0), &[(value, expected)]);
        }
    }

    #[test]
    fn a_site_that_takes_the_clients_host_is_known_without_its_name() {
        let any = || HostPattern::Wildcard("apps.wso2.com".into());
        let reverse_map = reverse_map(|reverse_map| {
            reverse_map.add_site(site_of(any(), false, 80, 0));
            reverse_map.add_site(site_of(any(), true, 443, 1));
        });
        let cases = [
            ("https://one.apps.wso2.com:8243/x", "https://one.apps.wso2.com/x"),
            ("https://one.apps.wso2.com:9443/x", "https://one.apps.wso2.com:9443/x"),
            // A name that is not the client's may belong to anybody.
            ("https://two.apps.wso2.com:8243/x", "https://two.apps.wso2.com:8243/x"),
        ];
        assert_mapped(&reverse_map, &public(false, "one.apps.wso2.com", 0), &cases);
    }

    #[test]
    fn a_default_site_leads_to_no_host_that_is_another_sites() {
        let name = HostPattern::Exact("esb.wso2.com".into());
        let sites = Arc::new(Sites::new([(&name, 0)], Some(1)));
        let mut reverse_map = ReverseMap::default();
        for (pool, port) in [(0, 8280), (1, 9443)] {
            reverse_map.add_pool(pool == 1, Redirects::default());
            reverse_map.add_node(pool, Host::of(b"10.0.0.2"), port);
        }
        reverse_map.add_site(site("esb.wso2.com", false, 80, 0));
        for (site, hosts) in [(0, vec![name]), (1, Vec::new())] {
            let (sites, pools) = (Arc::clone(&sites), vec![site]);
            reverse_map.add_site(PublicSite { hosts, site, sites, secure: true, port: 443, public_port: None, pools });
        }
        for (host, expected) in [("esb.wso2.com", "https://esb.wso2.com:9443/x"), ("192.0.2.9", "https://192.0.2.9/x")]
        {
            let value = format!("https://{host}:9443/x");
            assert_mapped(&reverse_map, &public(false, host, 0), &[(&value, expected)]);
        }
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
            "https://esb.wso2.com.evil.org:8243/x",
            "http://10.0.0.3:9090/x",
            "http://10.0.0.3/callback?code=1",
            "https://10.0.0.3:9443/x",
            "https://10.0.0.2:8243/x",
            "http://10.0.0.30:8280/x",
            "http://10.0.0.3.evil.org:8280/x",
            "http://user@10.0.0.3:8280/x",
            "http://010.0.0.3:8280/x",
            "https://worker2.example.com:8243/x",
            "https://idp.example.com/authorize?redirect_uri=https://10.0.0.3:8243/cb",
            "ftp://10.0.0.3:8243/x",
            "mailto:a@10.0.0.3",
            "https:/10.0.0.3:8243/x",
            "https://",
            "https://:8243/",
            "urn:uuid:1",
        ];
        let cases: Vec<(&str, &str)> = untouched.iter().map(|value| (*value, *value)).collect();
        assert_mapped(&reverse_map(|_| {}), &public(true, "esb.wso2.com", 1), &cases);
        let nowhere = [("https://10.0.0.3:8243/x", "https://10.0.0.3:8243/x")];
        assert_mapped(&reverse_map(|_| {}), &public(true, "", 1), &nowhere);
    }

    #[test]
    fn the_public_name_loses_a_port_that_says_nothing() {
        let cases = [
            ("https://esb.wso2.com:443/carbon/", "https://esb.wso2.com/carbon/"),
            ("http://esb.wso2.com:80/x", "http://esb.wso2.com/x"),
            ("https://ESB.wso2.com:443/", "https://ESB.wso2.com/"),
            ("//esb.wso2.com:443/x", "//esb.wso2.com/x"),
        ];
        assert_mapped(&reverse_map(|_| {}), &public(true, "esb.wso2.com", 1), &cases);
    }

    #[test]
    fn the_operator_has_the_last_word() {
        let pair = |from: &str, to: &str| (from.into(), to.into());
        let pairs = vec![pair("http://localhost:8280/", "https://esb.wso2.com/"), pair("/old/", "/new/")];
        for (redirects, cases) in [
            (Redirects::Off, [("http://10.0.0.3:8280/x", "http://10.0.0.3:8280/x"); 4]),
            (
                Redirects::Pairs(pairs),
                [
                    ("http://10.0.0.3:8280/x", "http://esb.wso2.com/x"),
                    ("http://localhost:8280/x?y", "https://esb.wso2.com/x?y"),
                    ("http://localhost:8281/x", "http://localhost:8281/x"),
                    ("/old/x", "/new/x"),
                ],
            ),
        ] {
            let mut reverse_map = ReverseMap::default();
            reverse_map.add_pool(false, redirects);
            reverse_map.add_node(0, Host::of(b"10.0.0.3"), 8280);
            reverse_map.add_site(site("esb.wso2.com", false, 80, 0));
            assert_mapped(&reverse_map, &public(false, "esb.wso2.com", 0), &cases);
        }
    }

    #[test]
    fn refresh_leads_where_location_would() {
        let (reverse_map, client) = (reverse_map(|_| {}), public(true, "esb.wso2.com", 1));
        for (value, expected) in [
            ("5; url=https://10.0.0.3:8243/x", "5; url=https://esb.wso2.com/x"),
            ("0;URL='https://10.0.0.3:8243/x'", "0;URL='https://esb.wso2.com/x'"),
            ("0; url = https://10.0.0.3:8243/x", "0; url = https://10.0.0.3:8243/x"),
            ("0, url=\"https://10.0.0.3:8243/x\"; a", "0, url=\"https://esb.wso2.com/x\"; a"),
            ("0; url='https://10.0.0.3:8243/x", "0; url='https://esb.wso2.com/x"),
            ("5; url= 'https://10.0.0.3:8243/x'", "5; url= 'https://esb.wso2.com/x'"),
            ("5; url=  https://10.0.0.3:8243/x", "5; url=  https://esb.wso2.com/x"),
            ("5", "5"),
            ("5; url=", "5; url="),
            ("5; url=/x", "5; url=/x"),
        ] {
            let mapping = Mapping { public: client, reverse_map: &reverse_map, path_change: None };
            let found = map_refresh(value.as_bytes(), &mapping);
            assert_eq!(String::from_utf8_lossy(&found), expected, "{value}");
        }
    }

    #[test]
    fn where_the_path_was_changed_references_get_the_prefix_again() {
        let (reverse_map, change) = (reverse_map(|_| {}), PathChange::new("/esb/", "/"));
        let client = public(true, "esb.wso2.com", 1);
        let mapping = Mapping { public: client, reverse_map: &reverse_map, path_change: Some(&change) };
        for (value, expected) in [
            ("/carbon/login?a=/b#c", "/esb/carbon/login?a=/b#c"),
            ("https://10.0.0.3:8243/x", "https://esb.wso2.com/esb/x"),
            ("https://10.0.0.3:8243", "https://esb.wso2.com/esb/"),
            ("https://10.0.0.3:8243?q", "https://esb.wso2.com/esb/?q"),
            // Nodes that are asked by the public Host name themselves so.
            ("https://esb.wso2.com/x", "https://esb.wso2.com/esb/x"),
            ("https://esb.wso2.com:443/x", "https://esb.wso2.com/esb/x"),
            ("//esb.wso2.com/x", "//esb.wso2.com/esb/x"),
            // A node that knows its prefix, other hosts, and relative references.
            ("https://esb.wso2.com/esb/x", "https://esb.wso2.com/esb/x"),
            ("/esb/x", "/esb/x"),
            ("https://idp.example.com/x", "https://idp.example.com/x"),
            ("https://mgt.esb.wso2.com/x", "https://mgt.esb.wso2.com/x"),
            ("login", "login"),
            ("?q", "?q"),
        ] {
            let found = map_location(value.as_bytes(), &mapping);
            assert_eq!(String::from_utf8_lossy(&found), expected, "{value}");
        }
        assert_eq!(map_refresh(b"5; url=/x", &mapping), b"5; url=/esb/x".as_slice());
    }
}
