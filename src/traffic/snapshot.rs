//! One generation of the checked configuration, as a request sees it: sites by host, pools with their nodes' states
//! and sessions. Built from a `Config` and the generation before, from which everything that must live on is taken
//! over by identity (pool name and node name). Never changes once built.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::balance::{SmoothRoundRobin, last_resort};
use super::location::NodeAddresses;
use super::sessions::Sessions;
use super::sites::Sites;
use super::state::NodeState;
use super::tick::Tick;
use crate::config::{self, Config};

/// One generation.
pub struct Snapshot {
    /// Counts from 1, one more at each successful reload.
    pub generation: u64,
    /// What it was built from.
    pub config: Arc<Config>,
    /// Which site a host means, by listener (same order as in the configuration).
    pub hosts: Vec<Sites>,
    /// The pools, same order as in the configuration.
    pub pools: Vec<Pool>,
    /// What counts as a node's address in a Location.
    pub nodes: NodeAddresses,
    numbers: Numbers,
}

/// A pool at work.
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// Its nodes, in file order.
    pub members: Vec<Member>,
    /// Learned sessions, when the pool is sticky.
    pub sessions: Option<Arc<Sessions>>,
    round_robin: SmoothRoundRobin,
}

/// A node in a pool.
#[derive(Clone)]
pub struct Member {
    /// The node's name.
    pub node: Arc<str>,
    /// Stands for the node's name in the session table, for as long as the process lives.
    pub number: u32,
    /// Where the pool reaches it.
    pub address: SocketAddr,
    /// Its share.
    pub weight: u16,
    /// Active or passive, and why.
    pub state: Arc<NodeState>,
    /// Requests that it is answering now.
    pub in_flight: Arc<AtomicU32>,
    /// Changes whenever a connection opened before must not be used any more: another address, other TLS settings.
    pub link: u64,
}

/// Nodes that this request has tried already.
#[derive(Clone, Debug, Default)]
pub struct Tried(Vec<usize>);

impl Tried {
    /// Remembers one.
    pub fn add(&mut self, member: usize) {
        self.0.push(member);
    }

    /// Whether it was tried.
    pub fn has(&self, member: usize) -> bool {
        self.0.contains(&member)
    }
}

/// Holds a place in a node's count of running requests.
pub struct InFlight(Arc<AtomicU32>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a WSO2 node listens, before its offset: PassThrough and Tomcat, plain and TLS.
const WSO2_PORTS: [u16; 4] = [8280, 8243, 9443, 9763];

#[derive(Clone, Default)]
struct Numbers {
    by_name: HashMap<Arc<str>, u32>,
    next_link: u64,
}

impl Snapshot {
    /// Builds the generation that follows `previous`. `key` is the secret of new session tables.
    pub fn build(config: Arc<Config>, previous: Option<&Self>, key: [u8; 16]) -> Self {
        let mut numbers = previous.map(|before| before.numbers.clone()).unwrap_or_default();
        let pools = config.pools.iter().map(|pool| Pool::build(pool, &config, previous, &mut numbers, key)).collect();
        Self {
            generation: previous.map_or(1, |before| before.generation + 1),
            hosts: (0..config.listeners.len()).map(|listener| hosts_of(&config, listener)).collect(),
            pools,
            nodes: node_addresses(&config),
            numbers,
            config,
        }
    }

    /// The pool of that name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| &*pool.name == name)
    }
}

/// Which site of a listener a host means.
pub fn hosts_of(config: &Config, listener: usize) -> Sites {
    let here = || config.sites.iter().enumerate().filter(|(_, site)| site.listeners.contains(&listener));
    let hosts = here().flat_map(|(index, site)| site.hosts.iter().map(move |host| (host, index)));
    Sites::new(hosts, here().find(|(_, site)| site.default).map(|(index, _)| index))
}

fn node_addresses(config: &Config) -> NodeAddresses {
    let ports = config.pools.iter().flat_map(|pool| {
        pool.members.iter().map(|member| pool.port.saturating_add(config.nodes[member.node].port_offset))
    });
    let offset = |node: &config::Node| WSO2_PORTS.map(|port| port.saturating_add(node.port_offset));
    let usual = config.nodes.iter().flat_map(offset);
    NodeAddresses::new(config.nodes.iter().filter_map(config::Node::ip), ports.chain(usual))
}

impl Pool {
    fn build(
        pool: &config::Pool,
        config: &Config,
        previous: Option<&Snapshot>,
        numbers: &mut Numbers,
        key: [u8; 16],
    ) -> Self {
        let before = previous.and_then(|snapshot| snapshot.pool(&pool.name));
        let settings_before = previous.and_then(|snapshot| snapshot.config.pools.iter().find(|p| p.name == pool.name));
        let members: Vec<_> = pool
            .members
            .iter()
            .map(|member| Member::build(member, pool, config, before.zip(settings_before), numbers))
            .collect();
        let weights: Vec<u16> = members.iter().map(|member| member.weight).collect();
        Self {
            name: Arc::clone(&pool.name),
            round_robin: SmoothRoundRobin::new(weights),
            sessions: pool.sticky.as_ref().map(|sticky| sessions(sticky, before, key)),
            members,
        }
        .keeping_the_rhythm_of(before)
    }

    fn keeping_the_rhythm_of(self, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            let place = |member: usize| {
                let number = self.members.get(member)?.number;
                before.members.iter().position(|known| known.number == number)
            };
            self.round_robin.handover(&before.round_robin, place);
        }
        self
    }

    /// The node that the session is bound to, when it may be used now.
    pub fn bound(&self, number: u32, tried: &Tried, now: Tick) -> Option<usize> {
        let member = self.members.iter().position(|member| member.number == number)?;
        (self.members[member].state.takes_traffic(now) && !tried.has(member)).then_some(member)
    }

    /// The node whose name is this jvmRoute.
    pub fn routed(&self, route: &[u8]) -> Option<u32> {
        self.members.iter().find(|member| member.node.as_bytes() == route).map(|member| member.number)
    }

    /// The next node in turn. Where all that is left is only `ejected`, the one whose ejection ends first: a pool of
    /// one node must not refuse for ten seconds because of one refused connect.
    pub fn next(&self, tried: &Tried, now: Tick) -> Option<usize> {
        self.round_robin
            .pick(|member| self.members[member].state.takes_traffic(now) && !tried.has(member))
            .or_else(|| self.least_ejected(tried, now))
    }

    fn least_ejected(&self, tried: &Tried, now: Tick) -> Option<usize> {
        let ejected = |(index, member): (usize, &Member)| {
            if tried.has(index) { None } else { member.state.ejected_until(now) }
        };
        last_resort(self.members.iter().enumerate().map(ejected))
    }

    /// Whether any node is active.
    pub fn has_active(&self, now: Tick) -> bool {
        self.members.iter().any(|member| member.state.takes_traffic(now))
    }

    /// Whether [`Pool::next`] would find a node; asks without taking a turn.
    pub fn has_next(&self, tried: &Tried, now: Tick) -> bool {
        let usable = |(index, member): (usize, &Member)| {
            !tried.has(index) && (member.state.takes_traffic(now) || member.state.ejected_until(now).is_some())
        };
        self.members.iter().enumerate().any(usable)
    }
}

impl Member {
    fn build(
        member: &config::Member,
        pool: &config::Pool,
        config: &Config,
        before: Option<(&Pool, &config::Pool)>,
        numbers: &mut Numbers,
    ) -> Self {
        let node = &config.nodes[member.node];
        let address = SocketAddr::new(node.ip().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), pool.port.saturating_add(node.port_offset));
        let known =
            before.and_then(|(pool, _)| pool.members.iter().find(|m| m.node == node.name && m.address == address));
        let same_settings = before.is_some_and(|(_, settings)| settings.tls == pool.tls);
        let probed = pool.health.is_some();
        Self {
            node: Arc::clone(&node.name),
            number: numbers.of(&node.name),
            address,
            weight: member.weight,
            state: known.map_or_else(|| Arc::new(NodeState::new(probed)), |known| known.state_when(probed)),
            in_flight: known.map(|known| Arc::clone(&known.in_flight)).unwrap_or_default(),
            link: known.filter(|_| same_settings).map_or_else(|| numbers.link(), |known| known.link),
        }
    }

    // A reload that gives the pool probes, or takes them away, changes what is known, not who knows it.
    fn state_when(&self, probed: bool) -> Arc<NodeState> {
        self.state.set_probed(probed);
        Arc::clone(&self.state)
    }

    /// Counts one more running request, until the guard is dropped.
    pub fn begin(&self) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.in_flight))
    }
}

fn sessions(sticky: &config::Sticky, before: Option<&Pool>, key: [u8; 16]) -> Arc<Sessions> {
    match before.and_then(|pool| pool.sessions.as_ref()) {
        Some(sessions) => {
            sessions.resize(sticky.max_sessions, sticky.idle);
            Arc::clone(sessions)
        }
        None => Arc::new(Sessions::new(sticky.max_sessions, sticky.idle, key)),
    }
}

impl Numbers {
    fn of(&mut self, node: &Arc<str>) -> u32 {
        let next = u32::try_from(self.by_name.len()).unwrap_or(u32::MAX);
        *self.by_name.entry(Arc::clone(node)).or_insert(next)
    }

    fn link(&mut self) -> u64 {
        self.next_link += 1;
        self.next_link
    }
}
