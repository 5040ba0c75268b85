//! One generation of the checked configuration, as a request sees it: sites by host, the rules of each site, pools with
//! node states and sessions. It is built from a `Config`, the resolved addresses and the previous generation. State
//! that must outlive a reload is taken over from there by identity (pool name and node). Once built, a snapshot does
//! not change.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::affinity::own_cookie::Tokens;
use super::affinity::sessions::Sessions;
use super::balance::Balancer;
use super::limits::connections::ConnectionLimits;
use super::pool::Pool;
use super::pool::member::{Load, Member, NodePermits, WaitQueue};
use super::pool::state::{Change, Duty, NodeState, Probes};
use super::resolved::Resolved;
use super::routing::reverse_map::ReverseMap;
use super::routing::rules::SiteRules;
use super::routing::sites::Sites;
use crate::config::{self, Address, Balance, Config, StickyMode};

/// One generation.
pub struct Snapshot {
    /// Starts at 1 and grows by one with each successful reload. It stays the same when only the addresses of a name
    /// have changed.
    pub generation: u64,
    /// What it was built from.
    pub config: Arc<Config>,
    /// Which site a host means, by listener (same order as in the configuration).
    pub hosts: Vec<Arc<Sites>>,
    /// What sites do with their requests, same order as in the configuration.
    pub sites: Vec<SiteRules>,
    /// The pools, same order as in the configuration.
    pub pools: Vec<Pool>,
    /// The open connections of listeners, same order as in the configuration.
    pub connection_limits: Vec<Arc<ConnectionLimits>>,
    /// Maps node addresses in a Location to the site that clients use.
    pub reverse_map: ReverseMap,
    /// State changes of nodes that the previous generation had. They are announced when this generation runs.
    pub changed: Vec<Reloaded>,
    /// Pool and member index of nodes that the previous generation did not have.
    pub added: Vec<(usize, usize)>,
    numbers: Numbers,
}

/// A node whose state was changed by a reload.
#[derive(Clone, Copy, Debug)]
pub struct Reloaded {
    /// Index into [`Snapshot::pools`].
    pub pool: usize,
    /// Index into its members.
    pub member: usize,
    /// From what to what.
    pub change: Change,
    /// Why.
    pub why: &'static str,
}

/// What a generation is built from, beside its configuration.
pub struct BuildInput<'a> {
    /// Its number.
    pub generation: u64,
    /// The generation before.
    pub previous: Option<&'a Snapshot>,
    /// The addresses of nodes that have names.
    pub resolved: &'a Resolved,
    /// The secret keys.
    pub secrets: Secrets,
}

/// The secret keys. They must stay the same for as long as sessions and cookies are to be recognised.
#[derive(Clone, Copy)]
pub struct Secrets {
    /// For the tables of sessions, rates and clients.
    tables: [u8; 16],
    /// For Weir's affinity cookies.
    cookies: [u8; 16],
}

impl Secrets {
    /// Two independent keys.
    pub fn of(secret: [u8; 32]) -> Self {
        let (mut tables, mut cookies) = ([0; 16], [0; 16]);
        let (first, second) = secret.split_at(16);
        tables.copy_from_slice(first);
        cookies.copy_from_slice(second);
        Self { tables, cookies }
    }
}

/// Node numbers have 16 bits in the session table. The largest belongs to no node.
const MOST_NUMBERS: u32 = u16::MAX as u32;
/// From this many numbers on, those of removed nodes are used again.
const MANY_NUMBERS: usize = 1 << 15;

#[derive(Clone, Default)]
struct Numbers {
    by_label: HashMap<Arc<str>, u32>,
    /// Given back.
    free: Vec<u32>,
    next_link: u64,
}

impl Snapshot {
    /// Builds a generation.
    pub fn build(config: Arc<Config>, input: &BuildInput<'_>) -> Self {
        let previous = input.previous;
        let numbers = previous.map(Self::numbers_of_remaining).unwrap_or_default();
        let mut state = BuildState { numbers, changed: Vec::new(), added: Vec::new() };
        let mut pools: Vec<_> =
            (0..config.pools.len()).map(|pool| build_pool(pool, &config, input, &mut state)).collect();
        link_pools(&mut pools, &mut state);
        let BuildState { numbers, changed, added } = state;
        let before: HashMap<&str, &SiteRules> = previous
            .iter()
            .flat_map(|before| before.config.sites.iter().zip(&before.sites))
            .map(|(site, rules)| (&*site.name, rules))
            .collect();
        let hosts: Vec<_> = (0..config.listeners.len()).map(|listener| Arc::new(hosts_of(&config, listener))).collect();
        Self {
            generation: input.generation,
            sites: config
                .sites
                .iter()
                .map(|site| SiteRules::new(site, before.get(&*site.name).copied(), input.secrets.tables))
                .collect(),
            connection_limits: config.listeners.iter().map(|listener| connection_limits(listener, input)).collect(),
            pools,
            reverse_map: ReverseMap::new(&config, input.resolved, &hosts),
            hosts,
            changed,
            added,
            numbers,
            config,
        }
    }

    fn numbers_of_remaining(&self) -> Numbers {
        let mut numbers = self.numbers.clone();
        if numbers.by_label.len() >= MANY_NUMBERS {
            let members = self.pools.iter().flat_map(|pool| &pool.members);
            numbers.keep(&members.map(|member| &*member.label).collect());
        }
        numbers
    }

    /// Applies limits that are lower than before. Call it when no request uses the previous generation for a decision
    /// any more: both share permits and queues, and the previous one may have no queue for requests that the lower
    /// limits hold back.
    pub fn apply_lower_limits(&self) {
        for pool in &self.pools {
            pool.waiting.resize(queue_size(&pool.settings));
            pool.members.iter().for_each(|member| member.load.set_most(member.most));
        }
    }

    /// The pool of that name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| &**pool.name() == name)
    }
}

/// Which site of a listener a host means.
pub fn hosts_of(config: &Config, listener: usize) -> Sites {
    let here = || config.sites.iter().enumerate().filter(|(_, site)| site.listeners.contains(&listener));
    let hosts = here().flat_map(|(index, site)| site.hosts.iter().map(move |host| (host, index)));
    let that = |is_it: fn(&config::Site) -> bool| here().find(|(_, site)| is_it(site)).map(|(index, _)| index);
    Sites::new(hosts, that(|site| site.default)).with_nameless(that(|site| site.nameless))
}

fn connection_limits(listener: &config::Listener, input: &BuildInput<'_>) -> Arc<ConnectionLimits> {
    let known = || {
        let before = input.previous?;
        let index = before.config.listeners.iter().position(|known| known.bind == listener.bind)?;
        before.connection_limits.get(index)
    };
    known().map_or_else(|| Arc::new(ConnectionLimits::new(input.secrets.tables)), Arc::clone)
}

/// The node's address, or all known addresses of its name, which may be none.
fn addresses_of<'a>(node: &'a config::Node, resolved: &'a Resolved) -> &'a [IpAddr] {
    match &node.address {
        Address::Ip(address) => std::slice::from_ref(address),
        Address::Name(name) => resolved.of(name),
    }
}

/// Collected while the pools are built.
struct BuildState {
    numbers: Numbers,
    changed: Vec<Reloaded>,
    added: Vec<(usize, usize)>,
}

fn build_pool(index: usize, config: &Config, input: &BuildInput<'_>, state: &mut BuildState) -> Pool {
    let settings = &config.pools[index];
    let before = input.previous.and_then(|snapshot| snapshot.pool(&settings.name));
    let waiting = waiting(settings, before);
    let mut members = Vec::new();
    for member in &settings.members {
        let node = &config.nodes[member.node];
        for address in addresses_of(node, input.resolved) {
            let address = SocketAddr::new(*address, settings.port.saturating_add(node.port_offset));
            members.push(build_member(member, (node, address), (settings, before), &mut state.numbers, &waiting));
        }
    }
    let known = |member: &Member| before.is_some_and(|before| before.has(member));
    let probed = |(position, member): (usize, &Member)| {
        // A reload that adds or removes probes changes what is known of a node; the state itself is kept.
        Some((position, member.state.set_probes(probes_of(settings))?, "a reload took its probes away"))
    };
    let mut changes: Vec<_> = members.iter().enumerate().filter_map(probed).collect();
    set_first_duties(settings, before, &members, &mut changes);
    changes.retain(|(position, ..)| known(&members[*position]));
    state.changed.extend(changes.into_iter().map(|(member, change, why)| Reloaded {
        pool: index,
        member,
        change,
        why,
    }));
    if input.previous.is_some() {
        let added = (0..members.len()).filter(|position| !known(&members[*position]));
        state.added.extend(added.map(|position| (index, position)));
    }
    before.into_iter().for_each(|before| retire_removed(before, &members));
    let pool = Pool {
        balancer: Balancer::new(&settings.balance, members.iter().map(|member| (&*member.label, member.weight))),
        sessions: sessions(settings, before, input.secrets.tables),
        tokens: tokens(settings, &members, input.secrets.cookies),
        budget: before.map(|pool| Arc::clone(&pool.budget)).unwrap_or_default(),
        is_linked: false,
        duty_planner: before.map(|pool| Arc::clone(&pool.duty_planner)).unwrap_or_default(),
        by_number: by_number(&members),
        superseded: AtomicBool::new(false),
        measures: settings.balance == Balance::LeastTime || members.iter().any(|member| !member.slow_start.is_zero()),
        settings: settings.clone(),
        waiting,
        members,
    };
    if let Some(before) = before {
        let position = |member: usize| before.member_of(pool.members.get(member)?.number);
        pool.balancer.handover(&before.balancer, position);
    }
    pool
}

fn probes_of(pool: &config::Pool) -> Probes {
    match &pool.health {
        None => Probes::None,
        Some(health) if health.mandatory => Probes::Mandatory,
        Some(_) => Probes::Lenient,
    }
}

fn build_member(
    member: &config::Member,
    (node, address): (&config::Node, SocketAddr),
    (pool, before): (&config::Pool, Option<&Pool>),
    numbers: &mut Numbers,
    waiting: &Arc<WaitQueue>,
) -> Member {
    let known = before.and_then(|pool| pool.members.iter().find(|m| m.node == node.name && m.address == address));
    let same_settings = before.is_some_and(|before| before.settings.tls == pool.tls);
    let (label, name): (Arc<str>, _) = match &node.address {
        Address::Ip(_) => (Arc::clone(&node.name), None),
        Address::Name(name) => (format!("{}@{}", node.name, address.ip()).into(), Some(Arc::clone(name))),
    };
    // The certificate's name was checked when a connection was opened, so another name needs new connections.
    let same_link = known.filter(|known| same_settings && (known.name == name || pool.tls.is_none()));
    let probes = probes_of(pool);
    let state = known.map_or_else(|| Arc::new(NodeState::new(probes)), |known| Arc::clone(&known.state));
    let moved = || before.and_then(|pool| pool.members.iter().find(|m| m.label == label));
    let load = match known {
        Some(known) => Arc::clone(&known.load),
        None => Arc::new(moved().map_or_else(Load::default, |before| Load::moved_from(&before.load))),
    };
    match known {
        Some(_) => load.raise_most(member.max_requests),
        None => load.set_most(member.max_requests),
    }
    // The node is new in this pool. Or slow start was switched off: then a running one must end here, since nothing
    // else ends it.
    if known.is_none() || member.slow_start.is_zero() {
        load.start_slowly(member.slow_start);
    }
    let number = numbers.of(&label);
    let permits =
        NodePermits { number, load: Arc::clone(&load), state: Arc::clone(&state), waiting: Arc::clone(waiting) };
    Member {
        node: Arc::clone(&node.name),
        route: Arc::clone(&node.route),
        index: member.node,
        weight: member.weight,
        backup: member.backup,
        most: member.max_requests,
        slow_start: member.slow_start,
        link: same_link.map_or_else(|| numbers.link(), |known| known.link),
        permits: Arc::new(permits),
        label,
        number,
        address,
        name,
        state,
        load,
    }
}

/// A request in the pool's queue must not get a permit at a node that the pool no longer has.
fn retire_removed(before: &Pool, members: &[Member]) {
    let stays = |known: &&Member| members.iter().any(|member| Arc::ptr_eq(&member.load, &known.load));
    before.members.iter().filter(|known| !stays(known)).for_each(|gone| gone.load.retire());
}

/// With `active`, the first nodes serve and the others stand by, until the pool's first upkeep decides. Known nodes
/// keep their duty, and new nodes beside them stand by. Without `active`, all nodes serve.
fn set_first_duties(
    settings: &config::Pool,
    before: Option<&Pool>,
    members: &[Member],
    changes: &mut Vec<(usize, Change, &'static str)>,
) {
    let mut set = |position: usize, duty: Duty, why: &'static str| {
        changes.extend(members[position].state.set_duty(duty).map(|change| (position, change, why)));
    };
    let Some(active) = &settings.active else {
        return (0..members.len()).for_each(|position| set(position, Duty::Serving, "a reload has every node serve"));
    };
    if settings.active_with.is_some() {
        // Their duties come from the leading pool.
        let backups = (0..members.len()).filter(|position| members[*position].backup);
        return backups.for_each(|position| set(position, Duty::Serving, "a reload made it a backup"));
    }
    let with_duties = before.filter(|before| before.settings.active.is_some());
    // It may have been a standby before, and a backup is never activated from standby.
    let backups = (0..members.len()).filter(|position| members[*position].backup);
    backups.for_each(|position| set(position, Duty::Serving, "a reload made it a backup"));
    let regular = (0..members.len()).filter(|position| !members[*position].backup);
    let knows = |position: usize| with_duties.is_some_and(|before| before.has(&members[position]));
    let first = if regular.clone().any(knows) { 0 } else { active.start as usize };
    for (nth, position) in regular.enumerate() {
        if nth >= first && !knows(position) {
            set(position, Duty::Spare, "a reload has it stand by");
        }
    }
}

/// In linked pools a node gets the duty that it has in the leading pool.
fn link_pools(pools: &mut [Pool], state: &mut BuildState) {
    for index in 0..pools.len() {
        let Some(leader) = pools[index].settings.active_with else { continue };
        (pools[index].is_linked, pools[leader].is_linked) = (true, true);
        for (position, member) in pools[index].members.iter().enumerate().filter(|(_, member)| !member.backup) {
            let Some(same) = pools[leader].member_of(member.number) else { continue };
            let change = member.state.set_duty(pools[leader].members[same].state.duty());
            if let Some(change) = change.filter(|_| !state.added.contains(&(index, position))) {
                state.changed.push(Reloaded { pool: index, member: position, change, why: JOINED });
            }
        }
    }
}

/// Why.
const JOINED: &str = "a reload has it do as in the pool that it is active with";

fn queue_size(settings: &config::Pool) -> usize {
    settings.queue.map_or(0, |queue| queue.size as usize)
}

fn waiting(settings: &config::Pool, before: Option<&Pool>) -> Arc<WaitQueue> {
    let size = queue_size(settings);
    match before {
        Some(before) => {
            before.waiting.resize(size.max(queue_size(&before.settings)));
            Arc::clone(&before.waiting)
        }
        None => Arc::new(WaitQueue::new(size)),
    }
}

fn sessions(settings: &config::Pool, before: Option<&Pool>, secret: [u8; 16]) -> Option<Arc<Sessions>> {
    let sticky = settings.sticky.as_ref()?;
    if !matches!(sticky.mode, StickyMode::Learn | StickyMode::Source) {
        return None;
    }
    let same_kind = |pool: &&Pool| pool.settings.sticky.as_ref().is_some_and(|before| before.mode == sticky.mode);
    Some(match before.filter(same_kind).and_then(|pool| pool.sessions.as_ref()) {
        Some(sessions) => {
            sessions.resize(sticky.max_sessions, sticky.idle);
            Arc::clone(sessions)
        }
        None => Arc::new(Sessions::new(sticky.max_sessions, sticky.idle, secret)),
    })
}

fn tokens(settings: &config::Pool, members: &[Member], secret: [u8; 16]) -> Option<Tokens> {
    let own = matches!(settings.sticky.as_ref()?.mode, StickyMode::Cookie(_));
    own.then(|| Tokens::new(secret, &settings.name, members.iter().map(|member| &*member.label)))
}

fn by_number(members: &[Member]) -> Vec<Option<u16>> {
    let most = members.iter().map(|member| member.number as usize + 1).max().unwrap_or(0);
    let mut positions = vec![None; most];
    for (index, member) in members.iter().enumerate() {
        positions[member.number as usize] = u16::try_from(index).ok();
    }
    positions
}

impl Numbers {
    /// The node's number. Sessions refer to it, so the number of a removed node is given to another only when very many
    /// were used (see [`MANY_NUMBERS`]). Names whose addresses change can use up any amount.
    fn of(&mut self, label: &Arc<str>) -> u32 {
        if let Some(known) = self.by_label.get(label) {
            return *known;
        }
        // No number was given back, so all numbers below this are in use.
        let fresh = || u32::try_from(self.by_label.len()).unwrap_or(MOST_NUMBERS).min(MOST_NUMBERS);
        let number = self.free.pop().unwrap_or_else(fresh);
        self.by_label.insert(Arc::clone(label), number);
        number
    }

    /// Keeps the numbers of these labels and frees all others.
    fn keep(&mut self, labels: &HashSet<&str>) {
        let free = &mut self.free;
        self.by_label.retain(|label, number| {
            let stays = labels.contains(&**label);
            if !stays {
                free.push(*number);
            }
            stays
        });
    }

    fn link(&mut self) -> u64 {
        self.next_link += 1;
        self.next_link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nodes_that_are_there_have_one_number_however_many_have_gone() {
        let mut numbers = Numbers::default();
        let labels = |from: usize| (from..from + 1000).map(|n| Arc::from(format!("n@{n}"))).collect::<Vec<Arc<str>>>();
        let stays: Arc<str> = "stays".into();
        let first = numbers.of(&stays);
        for round in 0..100 {
            let now = labels(round * 1000);
            let given: HashSet<u32> = now.iter().chain([&stays]).map(|label| numbers.of(label)).collect();
            assert_eq!(given.len(), 1001, "round {round}");
            assert!(given.iter().all(|number| *number < MOST_NUMBERS), "round {round}");
            if numbers.by_label.len() >= MANY_NUMBERS {
                numbers.keep(&now.iter().chain([&stays]).map(|label| &**label).collect());
            }
        }
        assert_eq!(numbers.of(&stays), first);
    }
}
