//! The pools of a generation. What must outlive a reload is taken over from those of the generation before.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::numbers::Numbers;
use super::secrets::Secrets;
use crate::config::orders_file::Weights;
use crate::config::{self, Address, Balance, Config, StickyMode};
use crate::traffic::affinity::own_cookie::Tokens;
use crate::traffic::affinity::sessions::Sessions;
use crate::traffic::balance::{Balanced, Balancer};
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::{Load, Member, NodePermits, WaitQueue};
use crate::traffic::pool::state::{Change, Duty, NodeState, Probes};
use crate::traffic::resolved::Resolved;
use crate::traffic::sync::atomic::AtomicBool;

/// A node whose state was changed by a reload.
#[derive(Clone, Copy, Debug)]
pub struct ChangedByReload {
    /// Index into the pools of the snapshot.
    pub pool: usize,
    /// Index into its members.
    pub member: usize,
    /// From what to what.
    pub change: Change,
    /// Why.
    pub why: &'static str,
}

/// The node's address, or all known addresses of its name, which may be none.
fn addresses_of<'a>(node: &'a config::Node, resolved: &'a Resolved) -> &'a [IpAddr] {
    match &node.address {
        Address::Ip(address) => std::slice::from_ref(address),
        Address::Name(name) => resolved.of(name),
    }
}

/// What all pools of a generation are built from.
pub(super) struct PoolsInput<'a> {
    pub(super) config: &'a Config,
    /// The pools of the generation before.
    pub(super) previous: Option<&'a [Pool]>,
    pub(super) resolved: &'a Resolved,
    pub(super) secrets: Secrets,
    pub(super) weights: &'a Weights,
}

/// The pools of a generation, and what was collected while they were built.
pub(super) struct BuiltPools {
    pub(super) pools: Vec<Pool>,
    pub(super) numbers: Numbers,
    pub(super) changed: Vec<ChangedByReload>,
    pub(super) added: Vec<(usize, usize)>,
}

/// Builds all pools. The numbers are those of the nodes that may still be there.
pub(super) fn build(input: &PoolsInput<'_>, numbers: Numbers) -> BuiltPools {
    let mut built = BuiltPools { pools: Vec::new(), numbers, changed: Vec::new(), added: Vec::new() };
    for index in 0..input.config.pools.len() {
        let pool = build_pool(index, input, &mut built);
        built.pools.push(pool);
    }
    link_pools(&mut built);
    built
}

fn build_pool(index: usize, input: &PoolsInput<'_>, built: &mut BuiltPools) -> Pool {
    let settings = &input.config.pools[index];
    let before = input.previous.and_then(|pools| pools.iter().find(|pool| *pool.name() == settings.name));
    let waiting = waiting(settings, before);
    let mut members = Vec::new();
    for member in &settings.members {
        let node = &input.config.nodes[member.node];
        let ordered = input.weights.of(&settings.name, &node.name).map(|ordered| ordered.weight);
        for address in addresses_of(node, input.resolved) {
            let address = SocketAddr::new(*address, settings.port.saturating_add(node.port_offset));
            let built = build_member(member, (node, address), (settings, before), &mut built.numbers, &waiting);
            members.push(Member { weight: ordered.unwrap_or(built.weight), ..built });
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
    built.changed.extend(changes.into_iter().map(|(member, change, why)| ChangedByReload {
        pool: index,
        member,
        change,
        why,
    }));
    if input.previous.is_some() {
        let added = (0..members.len()).filter(|position| !known(&members[*position]));
        built.added.extend(added.map(|position| (index, position)));
    }
    before.into_iter().for_each(|before| retire_removed(before, &members));
    let pool = Pool {
        balancer: Balancer::new(&settings.balance, members.iter().map(balanced)),
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

fn balanced(member: &Member) -> Balanced<'_> {
    Balanced { name: &member.label, address: member.address, weight: member.weight }
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
    let permits = NodePermits::new(number, &load, &state, waiting);
    Member {
        node: Arc::clone(&node.name),
        route: Arc::clone(&node.route),
        index: member.node,
        weight: member.weight,
        file_weight: member.weight,
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
fn link_pools(BuiltPools { pools, changed, added, .. }: &mut BuiltPools) {
    for index in 0..pools.len() {
        let Some(leader) = pools[index].settings.active_with else { continue };
        (pools[index].is_linked, pools[leader].is_linked) = (true, true);
        for (position, member) in pools[index].members.iter().enumerate().filter(|(_, member)| !member.backup) {
            let Some(same) = pools[leader].member_of(member.number) else { continue };
            let change = member.state.set_duty(pools[leader].members[same].state.duty());
            if let Some(change) = change.filter(|_| !added.contains(&(index, position))) {
                changed.push(ChangedByReload { pool: index, member: position, change, why: JOINED });
            }
        }
    }
}

/// Why.
const JOINED: &str = "a reload has it do as in the pool that it is active with";

pub(super) fn queue_size(settings: &config::Pool) -> usize {
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
