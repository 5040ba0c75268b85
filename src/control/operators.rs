//! Carries out operators' orders about nodes. An order applies in every pool of the node and is on disk before it is
//! confirmed. A drain ends when it has nothing left to wait for. Reloads and restarts do not change orders.

pub(crate) mod following;
pub(crate) mod remaining;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use parking_lot::MutexGuard;
use tokio::runtime::Handle;
use tokio::time::Instant;

use self::remaining::{all_members, remaining_anywhere, removed_nodes};
use super::actor::OrderedBy;
use super::changes::common;
use super::notice::Notice;
use super::probing;
use super::state::Control;
use super::store::SLOW_DISK;
use super::store::audit::{self, Change};
use super::store::moments::{boot, now};
use super::store::sessions;
use crate::config;
use crate::config::orders_file::{self, FILE, OrdersFile};
use crate::config::{Place, Problem};
use crate::observe::events::About;
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::operators::{Command, Drained, OrderKind, Orders};
use crate::traffic::pool::state::{Change as NodeChange, Operator, Reason, State};
use crate::traffic::tick::Tick;

/// The reason for a passive node that a reload removed while it still has requests.
pub(crate) const GONE: &str = "gone";

/// Writes the orders again when Weir stops, if they have deadlines or could not be written so far. Deadlines are stored
/// by the current wall clock, because the machine may be rebooted before the next start. To be called where waiting for the
/// disk delays nothing else.
pub(crate) fn save(control: &Control) {
    let Some(dir) = &control.state_dir else { return };
    let has_deadline = control.orders.lock().iter().any(|(_, order)| order.kind.ends(now()).is_some());
    if !has_deadline && !dir.is_behind(FILE) {
        return;
    }
    let turn = control.changing.try_lock_for(SLOW_DISK);
    if turn.is_none_or(|turn| write_orders(control, &turn).is_some()) {
        log::error!("the operators' last orders are not on disk: the next start does not know them");
    }
}

/// Applies the orders to the nodes of a generation.
pub(crate) fn apply(control: &Control, generation: &Generation) {
    let (orders, now) = (control.orders.lock(), Tick::from_millis(control.now()));
    for (index, pool) in generation.snapshot.pools.iter().enumerate() {
        for (member, node) in pool.members.iter().enumerate() {
            let operator = match orders.of(&node.node).map(|order| order.kind) {
                None => Operator::None,
                Some(OrderKind::Drain { .. }) => Operator::Draining,
                Some(OrderKind::Maintain) => Operator::Maintenance,
            };
            let change = node.state.set_operator(operator, now);
            let why = why_it_changes(change, node);
            generation.announce(index, member, change, &why, now);
        }
    }
}

/// A node may have died while it was under its order; then that is why it is passive now.
fn why_it_changes(change: Option<NodeChange>, node: &Member) -> Cow<'static, str> {
    let is_unhealthy = change.is_some_and(|change| change.to == State::Passive(Reason::Unhealthy));
    match node.state.probe_failure().filter(|_| is_unhealthy) {
        Some(failure) => format!("its order ended, and its last probe failed: {failure}").into(),
        None => "an operator ordered it".into(),
    }
}

/// Ends finished drains. Whether the orders are to be written then, or could not be written so far. This never waits for the
/// disk: [`write_again`] does.
pub(crate) fn upkeep(control: &Control) -> bool {
    end_finished_drains(control) || control.state_dir.as_ref().is_some_and(|dir| dir.is_behind(FILE))
}

/// Writes the orders. To be called where waiting for the disk delays nothing else.
pub(crate) fn write_again(control: &Control) {
    let turn = control.changing.lock();
    // `write_orders` has logged the failure, and a later call tries again.
    let _ = write_orders(control, &turn);
}

fn end_finished_drains(control: &Control) -> bool {
    let generation = control.current.load_full();
    let over = {
        // Both at once: a new order for the node would begin another operation.
        let mut orders = control.orders.lock();
        let over = orders.end_drains(now(), |node| remaining_anywhere(control, &generation, node));
        end_operations(control, &over);
        over
    };
    if over.is_empty() {
        return false;
    }
    for (node, how) in &over {
        let text = match how {
            Drained::DeadlineOver => "is drained: its deadline is over, what is left is rebound",
            _ => "is drained: no session and no request is left, it is safe to stop it",
        };
        let level = if *how == Drained::DeadlineOver { log::Level::Warn } else { log::Level::Info };
        log::log!(level, "node {node} {text}");
        let about = About { node: Some(node.clone()), ..About::default() };
        control.observer.events.push_about(SystemTime::now(), "operator", node, text, about);
    }
    apply(control, &control.current.load_full());
    true
}

fn end_operations(control: &Control, over: &[(String, Drained)]) {
    let mut operations = control.operations.lock();
    over.iter().for_each(|(node, how)| operations.end_drain(node, *how, now().seconds()));
}

/// A warning for each pool in which orders leave no node for new requests, and for each order about a node that is not
/// in the file.
pub(crate) fn warnings(control: &Control, generation: &Generation) -> Vec<Problem> {
    let (orders, config) = (control.orders.lock(), &generation.snapshot.config);
    let order_of = |node: &str| orders.of(node).map(|order| order.kind.word());
    let mut warnings = config::pools_without_nodes(config, order_of);
    warnings.extend(control.weights.lock().warnings(config));
    let strangers = orders.unknown_nodes(|node| config.nodes.iter().any(|known| &*known.name == node));
    warnings.extend(strangers.into_iter().map(|node| Problem {
        at: Place { line: 0, ..config.admin.at.clone() },
        what: format!(
            "{node} has an operator's order ({}) and is not in the file: if it has another name now, it serves",
            order_of(node).unwrap_or_default()
        ),
        advice: format!("give the order for the new name too; `weir activate {node}` forgets the old one"),
    }));
    warnings
}

/// Writes the orders to disk. On failure it logs the error, and a later call tries again.
pub(super) fn write_orders(control: &Control, _turn: &MutexGuard<'_, ()>) -> Option<Notice> {
    if !control.writes_state.load(Ordering::Relaxed) {
        // Another process has taken over, and writes its own.
        return None;
    }
    let Some(dir) = &control.state_dir else {
        let what =
            "this will be forgotten at the next restart: there is no state directory, and only the journal has it";
        return Some(Notice::new(what, ""));
    };
    let text = to_text(control);
    let error = dir.write(FILE, |out| out.write_all(text.as_bytes())).err()?;
    let what = format!("this is done, but a restart now would forget it: it cannot be written to state-dir: {error}");
    Some(Notice::new(what, "it is tried again each second"))
}

/// The orders in the form of their file.
pub(crate) fn to_text(control: &Control) -> String {
    orders_file::to_text(file(control, &control.orders.lock()))
}

fn file(control: &Control, orders: &Orders) -> OrdersFile {
    let weights = control.weights.lock().clone();
    let operations = control.operations.lock();
    let mut nodes = orders.written(now(), &boot());
    for (node, written) in &mut nodes {
        written.operation = operations.of_order(node).map(|operation| operation.told.clone());
    }
    OrdersFile {
        nodes,
        weights,
        last_operation: operations.last(),
        common: control.shared_board.orders.all(),
        ..OrdersFile::default()
    }
}

/// Pools that an order for `node` would leave without a node for new requests: each other node there cannot serve, or
/// has an order of its own. Standbys and nodes that were never probed can serve.
fn pools_left_without(generation: &Generation, orders: &Orders, node: &str) -> Vec<String> {
    let serves = |member: &Member| member.state.can_serve();
    let pools = generation.snapshot.pools.iter().filter(|pool| {
        let own = pool.members.iter().any(|member| &*member.node == node && serves(member));
        own && !pool
            .members
            .iter()
            .any(|other| &*other.node != node && serves(other) && orders.of(&other.node).is_none())
    });
    pools.map(|pool| pool.name().to_string()).collect()
}

/// Such pools at the machines that are to follow the order, as they see their nodes: `esb at lb2`.
fn pools_left_elsewhere(control: &Control, node: &str) -> Vec<String> {
    if control.shared_board.orders.machine().is_none() {
        return Vec::new();
    }
    let ordered: HashSet<String> = control.orders.lock().iter().map(|(node, _)| node.to_owned()).collect();
    let machines = control.shared_board.machines.lock();
    machines.left_without(node, |other| ordered.contains(other), Instant::now())
}

/// Why an order was not carried out.
#[derive(Debug)]
pub(crate) enum OrderError {
    /// There is no node of this name.
    Unknown,
    /// The node is the last one that serves in these pools.
    Last(Vec<String>),
    /// The audit file cannot be written: why.
    Unrecorded(String),
}

/// The number of the operation that an order began, and what the operator should know.
pub(crate) struct CarriedOut {
    pub(crate) operation: u64,
    pub(crate) warnings: Vec<Notice>,
}

/// Carries out an order for a node. The order is in the audit file before it takes effect, and on disk before this
/// returns. With `force` it may leave a pool without a node. A node that is activated is probed before this returns. To be
/// called where waiting for both delays nothing else.
pub(crate) fn carry_out(
    control: &Control,
    node: &str,
    command: Command,
    force: bool,
    by: &OrderedBy,
) -> Result<CarriedOut, OrderError> {
    let (operation, kept) = note(control, node, command, force, by)?;
    let mut warnings: Vec<Notice> = kept.into_iter().collect();
    warnings.extend(who_does_not_hear(control));
    apply(control, &control.current.load_full());
    if matches!(command, Command::Drain { .. }) {
        // From now on no new session is bound to the node. Saved now, so that after a crash Weir still knows which
        // sessions the drain waits for.
        sessions::save(control);
        warnings.extend(unknown_sessions(control, &control.current.load_full(), node));
    }
    if command == Command::Activate {
        let all_over = Handle::current().block_on(probing::probed(control, node));
        warnings.extend(not_serving(&control.current.load_full(), node, all_over));
    }
    control.operations.lock().warn(operation, &warnings);
    Ok(CarriedOut { operation, warnings })
}

/// A warning where other machines cannot hear of an order now.
pub(crate) fn who_does_not_hear(control: &Control) -> Option<Notice> {
    control.shared_board.orders.machine()?;
    let what = control.shared_board.machines.lock().who_does_not_hear(Instant::now())?;
    Some(Notice::new(what, "until then order it there too, if it runs"))
}

/// Notes an order. Of two operators at the same moment the second knows of the first.
fn note(
    control: &Control,
    node: &str,
    command: Command,
    force: bool,
    by: &OrderedBy,
) -> Result<(u64, Option<Notice>), OrderError> {
    let turn = control.changing.lock();
    if !knows(control, node) && control.orders.lock().of(node).is_none() {
        return Err(OrderError::Unknown);
    }
    if command != Command::Activate && !force {
        let mut without = pools_left_without(&control.current.load_full(), &control.orders.lock(), node);
        without.extend(pools_left_elsewhere(control, node));
        if !without.is_empty() {
            return Err(OrderError::Last(without));
        }
    }
    let what = in_words(command) + if force { ", forced" } else { "" };
    let change = Change { what: &what, node: Some(node), pool: None };
    control
        .dir_of_changes()
        .and_then(|dir| audit::record(dir, change, by, "ordered"))
        .map_err(OrderError::Unrecorded)?;
    let operation = {
        let (mut orders, moment) = (control.orders.lock(), now());
        let is_new = orders.apply(node, command, moment);
        let after = orders.of(node).map(|order| (order, order.kind.ends(moment)));
        let mut operations = control.operations.lock();
        let operation = operations.begin(node, command, after, moment.seconds(), by);
        if let Some(begun) = operations.get(operation).filter(|_| is_new) {
            let common = &control.shared_board.orders;
            let machine = common.machine().unwrap_or_default();
            common.give(common::of_node(&machine, orders.of(node), begun, moment));
        }
        operation
    };
    tell(control, node, &what, by);
    Ok((operation, write_orders(control, &turn)))
}

fn in_words(command: Command) -> String {
    match command {
        Command::Drain { within: None } => "drain".to_owned(),
        Command::Drain { within: Some(within) } => format!("drain within {} s", within.as_secs()),
        Command::Maintain => "maintain".to_owned(),
        Command::Activate => "activate".to_owned(),
    }
}

/// Tells of an order in the journal and as an event.
fn tell(control: &Control, node: &str, what: &str, by: &OrderedBy) {
    log::info!("node {node}: {what}, ordered by {by}");
    let about = About { node: Some(node.to_owned()), ..by.about() };
    control.observer.events.push_about(SystemTime::now(), "operator", node, what, about);
}

/// The first event: what is told of later began with it. It names the orders that were on the disk.
pub(crate) fn tell_of_start(control: &Control) {
    let operations = control.operations.lock();
    let orders = operations.newest_first().map(|operation| format!("{} {}", operation.node, operation.by_whom()));
    let found = orders.collect::<Vec<_>>().join("; ");
    let found = if found.is_empty() { "no node is under an order".to_owned() } else { format!("orders kept: {found}") };
    let text = format!("started, version {}; {found}", env!("CARGO_PKG_VERSION"));
    control.observer.events.push(SystemTime::now(), "start", "weir", &text);
}

/// Whether the node is in the file, or still has requests.
pub(crate) fn knows(control: &Control, node: &str) -> bool {
    let generation = control.current.load_full();
    let in_file = generation.snapshot.config.nodes.iter().any(|known| &*known.name == node);
    in_file || !removed_nodes(control, &generation, |other| other == node).is_empty()
}

/// Why a node that is activated does not serve, in which pools. `all_over`: its probes are.
fn not_serving(generation: &Generation, node: &str, all_over: bool) -> Option<Notice> {
    let one = |(pool, member): (&Pool, &Member)| {
        let why = match (member.state.state(), member.state.probe_failure()) {
            (_, Some(failure)) => format!("its last probe failed: {failure}"),
            (State::Passive(Reason::Checking), None) => "no probe is over yet".to_owned(),
            (State::Passive(Reason::Ejected), None) => "its requests failed".to_owned(),
            (_, None) => return None,
        };
        Some(format!("in {} {why}", pool.name()))
    };
    let of_node = all_members(generation).filter(|(_, member)| &*member.node == node);
    let mut found: Vec<String> = of_node.filter_map(one).collect();
    if !all_over && found.is_empty() {
        found.push("a probe of it is not over yet".to_owned());
    }
    let advice = "it serves when its probes pass; `weir nodes` shows them";
    (!found.is_empty())
        .then(|| Notice::new(format!("{node} is activated, and may not serve: {}", found.join("; ")), advice))
}

/// A warning about the sessions that a drain would move now, when Weir was started without the stored sessions.
fn unknown_sessions(control: &Control, generation: &Generation, node: &str) -> Option<Notice> {
    let up = control.start.elapsed();
    let with_table = all_members(generation).filter(|(pool, member)| pool.sessions.is_some() && &*member.node == node);
    let idle = with_table.filter_map(|(pool, _)| Some(pool.settings.sticky.as_ref()?.idle)).max()?;
    if control.knows_previous || up >= idle {
        return None;
    }
    let what = format!(
        "Weir was started without the sessions of before: those on {node} that were not used since get other nodes"
    );
    let advice = format!("to keep them, activate it and drain it {} s later", (idle - up).as_secs() + 1);
    Some(Notice::new(what, advice))
}
