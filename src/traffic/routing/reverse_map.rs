//! Maps addresses of nodes back to the sites that lead to them. It is built once per generation, so that mapping a
//! Location needs no search. `message/location` uses it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState as FastHash;

use super::sites::Sites;
use crate::config::{Action, Address, Config, HostPattern, Listener, Redirects, Site};
use crate::traffic::resolved::Resolved;

/// The addresses of all nodes, and the sites that lead to them.
#[derive(Clone, Debug, Default)]
pub struct ReverseMap {
    pools: Vec<PoolNodes>,
    sites: Vec<PublicSite>,
    /// Pools, by the addresses of their nodes.
    by_node: HashMap<(Host, u16), Vec<usize>, FastHash>,
    /// Indexes into `sites`, by exact name.
    by_host: HashMap<Host, Vec<usize>, FastHash>,
    /// For each listener: its host names, and indexes into `sites` by site number.
    listeners: Vec<(Arc<Sites>, HashMap<usize, usize, FastHash>)>,
}

/// A host in an authority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address, whatever its spelling.
    Ip(IpAddr),
    /// In lower case, without a final dot.
    Name(Arc<str>),
}

/// The node addresses of a pool.
#[derive(Clone, Debug)]
pub struct PoolNodes {
    nodes: Vec<(Host, u16)>,
    /// Whether its nodes are reached over TLS.
    pub secure: bool,
    /// The configured redirect mapping.
    pub redirects: Redirects,
    /// Sites that lead to it, as indexes.
    sites: Vec<usize>,
}

/// A site on one listener, as clients reach it.
#[derive(Clone, Debug)]
pub struct PublicSite {
    /// Its host names.
    pub hosts: Vec<HostPattern>,
    /// The number of the site in the configuration.
    pub site: usize,
    /// The host names of all sites on the listener.
    pub sites: Arc<Sites>,
    /// Whether the listener uses TLS.
    pub secure: bool,
    /// The bound port of the listener.
    pub port: u16,
    /// The configured public port.
    pub public_port: Option<u16>,
    /// The pools it leads to: its own first, then those of its routes.
    pub pools: Vec<usize>,
}

impl ReverseMap {
    /// Builds the map from the configuration and the resolved addresses.
    pub fn new(config: &Config, resolved: &Resolved, hosts: &[Arc<Sites>]) -> Self {
        let mut map = Self::default();
        config.pools.iter().for_each(|pool| map.add_pool(pool.tls.is_some(), pool.redirects.clone()));
        for (index, pool) in config.pools.iter().enumerate() {
            for node in pool.members.iter().filter_map(|member| config.nodes.get(member.node)) {
                let port = pool.port.saturating_add(node.port_offset);
                hosts_of(&node.address, resolved).for_each(|host| map.add_node(index, host, port));
            }
        }
        for (index, site) in config.sites.iter().enumerate() {
            for listener in &site.listeners {
                let Some((listener, sites)) = config.listeners.get(*listener).zip(hosts.get(*listener)) else {
                    continue;
                };
                map.add_site(PublicSite::new((index, site), (listener, sites)));
            }
        }
        // Sites with the pool as their own come before sites with only a route to it.
        for (index, pool) in map.pools.iter_mut().enumerate() {
            let sites = &map.sites;
            pool.sites.sort_by_key(|site| sites.get(*site).and_then(|site| site.pools.first()) != Some(&index));
        }
        map
    }

    /// Adds a pool. `secure`: its nodes are reached over TLS.
    pub fn add_pool(&mut self, secure: bool, redirects: Redirects) {
        self.pools.push(PoolNodes { nodes: Vec::new(), secure, redirects, sites: Vec::new() });
    }

    /// Adds a node of a pool.
    pub fn add_node(&mut self, pool: usize, host: Host, port: u16) {
        let known = self.by_node.entry((host.clone(), port)).or_default();
        if known.last() != Some(&pool) {
            known.push(pool);
            self.pools.get_mut(pool).into_iter().for_each(|pool| pool.nodes.push((host.clone(), port)));
        }
    }

    /// Adds a site on a listener.
    pub fn add_site(&mut self, site: PublicSite) {
        let index = self.sites.len();
        for pool in &site.pools {
            self.pools.get_mut(*pool).into_iter().for_each(|pool| pool.sites.push(index));
        }
        match self.listeners.iter_mut().find(|(sites, _)| Arc::ptr_eq(sites, &site.sites)) {
            Some((_, sites)) => drop(sites.insert(site.site, index)),
            None => self.listeners.push((Arc::clone(&site.sites), HashMap::from_iter([(site.site, index)]))),
        }
        for host in site.hosts.iter().filter_map(exact) {
            self.by_host.entry(Host::of(host.as_bytes())).or_default().push(index);
        }
        self.sites.push(site);
    }

    /// One of the pools.
    pub fn pool(&self, index: usize) -> Option<&PoolNodes> {
        self.pools.get(index)
    }

    /// Pools that have a node at this address.
    pub fn pools_at(&self, host: &Host, port: u16) -> impl Iterator<Item = usize> {
        self.by_node.get(&(host.clone(), port)).into_iter().flatten().copied()
    }

    /// Sites that lead to a pool.
    pub fn sites_into(&self, pool: usize) -> impl Iterator<Item = &PublicSite> {
        let sites = self.pools.get(pool).map_or(&[][..], |pool| &pool.sites);
        sites.iter().filter_map(|site| self.sites.get(*site))
    }

    /// Sites with exactly this name.
    pub fn sites_named(&self, host: &Host) -> impl Iterator<Item = &PublicSite> {
        self.by_host.get(host).into_iter().flatten().filter_map(|site| self.sites.get(*site))
    }

    /// The site on each listener that takes this host: by name, by wildcard or as the default.
    pub fn sites_taking<'p>(&'p self, host: &'p [u8]) -> impl Iterator<Item = &'p PublicSite> {
        self.listeners.iter().filter_map(|(names, sites)| self.sites.get(*sites.get(&names.find_written(host)?)?))
    }
}

impl Host {
    /// Parses a host: a name in any case, or an address; IPv6 addresses may have brackets.
    pub fn of(written: &[u8]) -> Self {
        let text = String::from_utf8_lossy(written);
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(&text);
        match bare.parse::<IpAddr>() {
            Ok(address) => Self::Ip(address.to_canonical()),
            Err(_) => Self::Name(text.strip_suffix('.').unwrap_or(&text).to_ascii_lowercase().into()),
        }
    }
}

impl PoolNodes {
    /// Whether one of its nodes has this address.
    pub fn has(&self, host: &Host, port: u16) -> bool {
        self.nodes.iter().any(|(own, own_port)| *own_port == port && own == host)
    }

    /// Whether one of its nodes is on this host.
    pub fn has_host(&self, host: &Host) -> bool {
        self.nodes.iter().any(|(own, _)| own == host)
    }

    /// Whether one of its nodes has this port.
    pub fn has_port(&self, port: u16) -> bool {
        self.nodes.iter().any(|(_, own)| *own == port)
    }
}

impl PublicSite {
    fn new((index, site): (usize, &Site), (listener, sites): (&Listener, &Arc<Sites>)) -> Self {
        let routes = site.routes.iter().filter_map(|route| match route.action {
            Action::Pool(pool) => Some(pool),
            _ => None,
        });
        let mut pools: Vec<usize> = Vec::new();
        for pool in site.pool.into_iter().chain(routes) {
            if !pools.contains(&pool) {
                pools.push(pool);
            }
        }
        Self {
            hosts: site.hosts.clone(),
            site: index,
            sites: Arc::clone(sites),
            secure: listener.tls.is_some(),
            port: listener.bind.port(),
            public_port: listener.public_port,
            pools,
        }
    }

    /// Whether it takes requests for this host. Case does not matter.
    pub fn takes(&self, host: &[u8]) -> bool {
        self.sites.find_written(host) == Some(self.site)
    }

    /// A host name by which clients reach it.
    pub fn host(&self) -> Option<&[u8]> {
        self.hosts.iter().find_map(exact).map(str::as_bytes)
    }
}

fn exact(pattern: &HostPattern) -> Option<&str> {
    match pattern {
        HostPattern::Exact(name) => Some(name),
        HostPattern::Wildcard(_) => None,
    }
}

/// The hosts that a node may write for itself: its name and its addresses.
fn hosts_of<'a>(address: &'a Address, resolved: &'a Resolved) -> Box<dyn Iterator<Item = Host> + 'a> {
    let ip = |address: &IpAddr| Host::Ip(address.to_canonical());
    match address {
        Address::Ip(address) => Box::new(std::iter::once(ip(address))),
        Address::Name(name) => {
            Box::new(std::iter::once(Host::Name(Arc::clone(name))).chain(resolved.of(name).iter().map(ip)))
        }
    }
}
