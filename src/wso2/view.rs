//! What weir.toml says of a node and of the addresses that clients use.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::config::{Action, Address, Cluster, Config, HostPattern, Node, Pool, Site, is_carbon};

/// A configuration, asked about nodes.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) members: &'a Members,
}

/// The nodes of weir.toml that are of the cluster. Weir may lead to other servers besides.
pub(crate) struct Members(BTreeSet<usize>);

impl Members {
    /// Those that `[cluster]` names or somebody asks about, and all that share a pool with one of them. Where `[cluster]` has no members,
    /// also those that no pool has, or one with a port that WSO2 ships.
    pub(crate) fn of(config: &Config, asked: impl IntoIterator<Item = usize>) -> Self {
        let said = config.cluster.as_ref().map(|cluster| cluster.members.as_slice()).unwrap_or_default();
        let manager = config.cluster.as_ref().and_then(|cluster| cluster.manager);
        let mut all: BTreeSet<usize> = said.iter().map(|one| one.node).chain(manager).chain(asked).collect();
        if said.is_empty() {
            all.extend((0..config.nodes.len()).filter(|node| may_be(config, *node)));
        }
        loop {
            let before = all.len();
            for pool in &config.pools {
                if pool.members.iter().any(|member| all.contains(&member.node)) {
                    all.extend(pool.members.iter().map(|member| member.node));
                }
            }
            if all.len() == before {
                return Self(all);
            }
        }
    }

    pub(crate) fn has(&self, node: usize) -> bool {
        self.0.contains(&node)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Whether nothing says that this is another server.
fn may_be(config: &Config, node: usize) -> bool {
    let mut pools = config.pools.iter().filter(|pool| pool.members.iter().any(|member| member.node == node)).peekable();
    pools.peek().is_none() || pools.any(|pool| is_carbon(pool.port) || matches!(pool.port, 8280 | 8243))
}

/// A host and port by which clients reach a site.
#[derive(Clone, Debug)]
pub(crate) struct Public {
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) tls: bool,
    pub(crate) port: u16,
}

impl Public {
    pub(crate) fn has_host(&self, host: &str) -> bool {
        has_host(&self.hosts, host)
    }

    /// `https://esb.wso2.com:443`
    pub(crate) fn url(&self) -> Option<String> {
        self.urls().next()
    }

    /// One for each host that is no pattern.
    pub(crate) fn urls(&self) -> impl Iterator<Item = String> {
        let scheme = if self.tls { "https" } else { "http" };
        self.exact_hosts().map(move |host| format!("{scheme}://{host}:{}", self.port))
    }

    /// Its hosts that are no patterns.
    pub(crate) fn exact_hosts(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().filter(|host| matches!(host, HostPattern::Exact(_))).map(ToString::to_string)
    }
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// The only node with the console: it writes, and the others read.
    pub(crate) is_manager: bool,
    /// Whether a manager is known, so that all other nodes are workers.
    pub(crate) has_manager: bool,
    /// A pool reaches its console.
    pub(crate) console: bool,
    /// A pool reaches its services.
    pub(crate) services: bool,
}

impl Role {
    pub(crate) fn is_worker(self) -> bool {
        self.has_manager && !self.is_manager
    }
}

impl<'a> View<'a> {
    pub(crate) fn cluster(&self) -> Option<&'a Cluster> {
        self.config.cluster.as_ref()
    }

    pub(crate) fn node(&self, node: usize) -> Option<&'a Node> {
        self.config.nodes.get(node)
    }

    pub(crate) fn name(&self, node: usize) -> &'a str {
        self.node(node).map_or("", |node| &*node.name)
    }

    pub(crate) fn address(&self, node: usize) -> String {
        match self.node(node).map(|node| &node.address) {
            Some(Address::Ip(ip)) => ip.to_string(),
            Some(Address::Name(name)) => name.to_string(),
            None => String::new(),
        }
    }

    /// Whether weir.toml has its address itself, and not a name that leads to one.
    pub(crate) fn is_by_ip(&self, node: usize) -> bool {
        self.node(node).is_some_and(|node| node.ip().is_some())
    }

    /// Another node that weir.toml has at this address, which is not also this one's.
    pub(crate) fn other_at(&self, node: usize, address: &str) -> Option<usize> {
        let mut others = (0..self.config.nodes.len()).filter(|other| *other != node && self.address(*other) == address);
        others.next().filter(|_| self.address(node) != address)
    }

    pub(crate) fn offset(&self, node: usize) -> u16 {
        self.node(node).map_or(0, |node| node.port_offset)
    }

    /// The pools that this node is a member of.
    pub(crate) fn pools(&self, node: usize) -> impl Iterator<Item = &'a Pool> {
        self.config.pools.iter().filter(move |pool| pool.members.iter().any(|member| member.node == node))
    }

    /// Whether it is a member of a site's pool on a port of this kind.
    fn is_reached(&self, node: usize, carbon: bool) -> bool {
        self.pools(node).any(|pool| is_carbon(pool.port) == carbon)
    }

    pub(crate) fn manager(&self) -> Option<usize> {
        let said = self.cluster().and_then(|cluster| cluster.manager);
        let nodes = (0..self.config.nodes.len()).filter(|node| self.members.has(*node));
        let mut alone = nodes.filter(|node| self.is_reached(*node, true) && !self.is_reached(*node, false));
        said.or_else(|| alone.next().filter(|_| alone.next().is_none()))
    }

    pub(crate) fn role(&self, node: usize) -> Role {
        let manager = self.manager();
        Role {
            is_manager: manager == Some(node),
            has_manager: manager.is_some(),
            console: self.is_reached(node, true) || manager == Some(node),
            services: self.is_reached(node, false),
        }
    }

    /// Where clients reach the console.
    pub(crate) fn console(&self) -> Vec<Public> {
        self.public(|site, index| match self.cluster().and_then(|cluster| cluster.console) {
            Some(console) => console == index,
            None => self.leads_to(site, true),
        })
    }

    /// Where clients reach services.
    pub(crate) fn services(&self) -> Vec<Public> {
        self.public(|site, _| self.leads_to(site, false))
    }

    /// All sites that lead there, for their certificates.
    pub(crate) fn sites_of(&self, carbon: bool) -> impl Iterator<Item = &'a Site> {
        let view = *self;
        self.config.sites.iter().filter(move |site| view.leads_to(site, carbon))
    }

    /// Whether a pool of the cluster is behind it, on a port of this kind.
    fn leads_to(&self, site: &Site, carbon: bool) -> bool {
        let of_routes = site.routes.iter().filter_map(|route| match route.action {
            Action::Pool(pool) => Some(pool),
            _ => None,
        });
        let mut pools = of_routes.chain(site.pool).filter_map(|pool| self.config.pools.get(pool));
        let is_ours = |pool: &Pool| pool.members.iter().any(|member| self.members.has(member.node));
        pools.any(|pool| is_carbon(pool.port) == carbon && is_ours(pool))
    }

    fn public(&self, is_one: impl Fn(&Site, usize) -> bool) -> Vec<Public> {
        let sites = self.config.sites.iter().enumerate().filter(|(index, site)| is_one(site, *index));
        let each = sites.flat_map(|(_, site)| {
            let listeners = site.listeners.iter().filter_map(|listener| self.config.listeners.get(*listener));
            listeners.map(|listener| Public {
                hosts: site.hosts.clone(),
                tls: listener.tls.is_some(),
                port: listener.public_port.unwrap_or(listener.bind.port()),
            })
        });
        each.collect()
    }
}

/// Whether one of these patterns takes the host.
pub(crate) fn has_host(hosts: &[HostPattern], host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    hosts.iter().any(|pattern| match pattern {
        HostPattern::Exact(name) => **name == *host,
        HostPattern::Wildcard(suffix) => {
            host.strip_suffix(&**suffix).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
        }
    })
}

/// The exact hosts of these addresses, each once: for advice.
pub(crate) fn hosts_of(all: &[Public]) -> Vec<String> {
    let mut names: Vec<String> = all.iter().flat_map(|public| &public.hosts).map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    names
}

/// Whether a host is this machine for every machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
