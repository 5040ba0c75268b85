//! What a node still has: here, in the process that this one replaces, and at the machines that have orders in common with this one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::StickyMode;
use crate::control::shared::machines::said::{Progress, Seen};
use crate::control::state::Control;
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::operators::{LiveSessions, OrderKind, Remaining};
use crate::traffic::tick::Tick;

/// What a node still has, and whether it may be stopped.
pub(crate) struct Remains {
    /// Here; `None` where they cannot be counted.
    pub(crate) sessions: Option<usize>,
    /// Here.
    pub(crate) in_flight: u32,
    /// What others have, while it is under an order.
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// An operator took it out, and no request runs there any more, of no machine that has the order in common with this one.
    pub(crate) safe_to_stop: bool,
}

/// What another machine still has of a node, or the process that this one replaces.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    /// Its name.
    pub(crate) machine: String,
    /// In words: `lb2 has 9 sessions and 1 request running`.
    pub(crate) told: String,
    /// `None` where they cannot be counted or are not known.
    pub(crate) sessions: Option<u64>,
    pub(crate) in_flight: u32,
    /// It knows of the order and has no session and no request left. One that died is not waited for.
    ends_a_drain: bool,
    /// It has no session and no request left, as far as it ever said.
    pub(crate) is_done: bool,
    /// It knows of the order, has no request left, and sends none any more.
    pub(crate) is_safe: bool,
}

/// What a node still has.
pub(crate) fn remains(control: &Control, node: &str) -> Remains {
    let left = remaining(control, &control.current.load_full(), node);
    let in_flight = left.iter().map(|left| left.in_flight).sum();
    let sessions = counted(&left);
    let order = control.orders.lock().of(node).copied();
    let elsewhere = order.map(|_| elsewhere(control, node)).unwrap_or_default();
    let rests = order.is_some_and(|order| order.kind == OrderKind::Maintain);
    let safe_to_stop = rests && in_flight == 0 && elsewhere.iter().all(|other| other.is_safe);
    Remains { sessions, in_flight, elsewhere, safe_to_stop }
}

fn counted(left: &[Remaining]) -> Option<usize> {
    let counted = left.iter().filter_map(|left| match left.sessions {
        LiveSessions::Counted(sessions) => Some(sessions),
        LiveSessions::Unseen { .. } => None,
    });
    counted.reduce(|sum, more| sum + more)
}

/// What a drain waits for.
pub(super) fn remaining_anywhere(control: &Control, generation: &Generation, node: &str) -> Vec<Remaining> {
    let mut left = remaining(control, generation, node);
    let others = elsewhere(control, node).into_iter().filter(|other| !other.ends_a_drain);
    left.extend(others.map(|other| Remaining { sessions: LiveSessions::Counted(1), in_flight: other.in_flight }));
    left
}

fn remaining(control: &Control, generation: &Generation, node: &str) -> Vec<Remaining> {
    let now = Tick::from_millis(control.now());
    let own = all_members(generation).filter(|(_, member)| &*member.node == node);
    let here = own.map(|(pool, member)| Remaining {
        sessions: live_sessions(pool, member, now),
        in_flight: member.load.in_flight(),
    });
    // The sessions of these nodes move to other nodes with their next request.
    let removed = removed_nodes(control, generation, |other| other == node).into_iter();
    here.chain(removed.map(|removed| Remaining { sessions: LiveSessions::Counted(0), in_flight: removed.in_flight }))
        .collect()
}

/// How far this machine is with each order that it has in common with others.
pub(crate) fn progress(control: &Control) -> BTreeMap<String, Progress> {
    let generation = control.current.load_full();
    let ordered: Vec<String> = control.orders.lock().iter().map(|(node, _)| node.to_owned()).collect();
    let one = |node: String| {
        let version = control.shared_board.orders.version_of_node(&node)?;
        let left = remaining(control, &generation, &node);
        let progress = Progress {
            version,
            sessions: counted(&left).map(|sessions| sessions as u64),
            in_flight: left.iter().map(|left| left.in_flight).sum::<u32>() + of_process_before(control),
            is_done: left.into_iter().all(Remaining::is_nothing),
            rests: control.orders.lock().of(&node).is_some_and(|order| order.kind == OrderKind::Maintain),
        };
        Some((node, progress))
    };
    ordered.into_iter().filter_map(one).collect()
}

/// Connections of the process that this one replaces. Of which nodes its requests are it does not say.
fn of_process_before(control: &Control) -> u32 {
    control.process_before().map_or(0, |(_, connections)| u32::try_from(connections).unwrap_or(u32::MAX))
}

fn elsewhere(control: &Control, node: &str) -> Vec<Elsewhere> {
    let before = of_process_before(control);
    let mut found = Vec::new();
    if before > 0 {
        found.push(Elsewhere {
            machine: "the process before".to_owned(),
            told: format!("the process before still has {before} connections, and requests there may be of this node"),
            sessions: None,
            in_flight: before,
            ends_a_drain: true,
            is_done: true,
            is_safe: false,
        });
    }
    let orders = &control.shared_board.orders;
    let Some(version) = orders.machine().and_then(|_| orders.version_of_node(node)) else { return found };
    let (machines, now) = (control.shared_board.machines.lock(), Instant::now());
    if !machines.are_heard(now) {
        found.push(Elsewhere {
            machine: "other machines".to_owned(),
            told: "no server of [shared] can be used, so it is not known what other machines have".to_owned(),
            sessions: None,
            in_flight: 0,
            ends_a_drain: false,
            is_done: false,
            is_safe: false,
        });
    }
    found.extend(machines.progress(node, now).map(|(name, seen, progress)| of_machine(name, seen, progress, version)));
    found
}

fn of_machine(name: &str, seen: Seen, progress: Option<&Progress>, version: u64) -> Elsewhere {
    let heard = progress.filter(|progress| progress.version >= version);
    let is_done = heard.is_some_and(|progress| progress.is_done);
    let left = match progress {
        None => "has not heard of the order yet".to_owned(),
        Some(_) if heard.is_none() => "has not heard of the last order yet".to_owned(),
        Some(Progress { sessions, in_flight, .. }) => {
            let sessions = sessions
                .map_or_else(|| "sessions that cannot be counted".to_owned(), |count| counting(count, "session"));
            format!("has {sessions} and {} running", counting((*in_flight).into(), "request"))
        }
    };
    let told = if seen.is_there {
        format!("{name} {left}")
    } else {
        format!("{name} was last seen {} s ago and {}", seen.ago.as_secs(), left.replacen("has ", "had ", 1))
    };
    Elsewhere {
        machine: name.to_owned(),
        told,
        sessions: progress.and_then(|progress| progress.sessions),
        in_flight: progress.map_or(0, |progress| progress.in_flight),
        ends_a_drain: is_done || !seen.is_there,
        is_done,
        is_safe: heard.is_some_and(|progress| progress.in_flight == 0 && (progress.is_done || progress.rests)),
    }
}

fn counting(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Every member of every pool. A node with a DNS name has one member for each address.
pub(crate) fn all_members(generation: &Generation) -> impl Iterator<Item = (&Pool, &Member)> {
    generation.snapshot.pools.iter().flat_map(|pool| pool.members.iter().map(move |member| (pool, member)))
}

/// A node that a reload has moved or removed, but that still has requests.
pub(crate) struct RemovedNode {
    pub(crate) pool: String,
    pub(crate) node: Arc<str>,
    pub(crate) label: Arc<str>,
    pub(crate) address: String,
    pub(crate) weight: u16,
    pub(crate) in_flight: u32,
}

/// Such nodes, if `is_meant` selects them.
pub(crate) fn removed_nodes(
    control: &Control,
    generation: &Generation,
    is_meant: impl Fn(&str) -> bool,
) -> Vec<RemovedNode> {
    let left = control.left.lock();
    if left.is_empty() {
        return Vec::new();
    }
    let mut seen: HashSet<_> = all_members(generation).map(|(_, member)| Arc::as_ptr(&member.load)).collect();
    let mut removed = Vec::new();
    for (pool, member) in left.iter().flat_map(|left| all_members(left)).filter(|(_, member)| is_meant(&member.node)) {
        let in_flight = member.load.in_flight();
        if in_flight > 0 && seen.insert(Arc::as_ptr(&member.load)) {
            removed.push(RemovedNode {
                pool: pool.name().to_string(),
                node: Arc::clone(&member.node),
                label: Arc::clone(&member.label),
                address: member.address.to_string(),
                weight: member.weight,
                in_flight,
            });
        }
    }
    removed
}

pub(crate) fn live_sessions(pool: &Pool, member: &Member, now: Tick) -> LiveSessions {
    match (&pool.sessions, &pool.settings.sticky) {
        (Some(sessions), _) => LiveSessions::Counted(sessions.count_of(member.number)),
        (None, Some(sticky)) if matches!(sticky.mode, StickyMode::Cookie(_) | StickyMode::Route) => {
            LiveSessions::Unseen { quiet: member.load.unused_for(now), idle: sticky.idle }
        }
        (None, _) => LiveSessions::Counted(0),
    }
}
