//! Carries out what operators ordered at other machines.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{apply, in_words, tell, write_orders};
use crate::config::orders_file::{
    CommonOrder, Holds, OperationKind, OperationState, WrittenOperation, WrittenOrder, WrittenWeight,
};
use crate::control::actor::{Actor, OrderedBy};
use crate::control::changes::{common, weights};
use crate::control::state::Control;
use crate::control::store::audit::{self, Change};
use crate::control::store::moments::now;
use crate::control::store::sessions;
use crate::traffic::pool::operators::{Command, Order, OrderKind};

/// From now on the orders that hold here are in common with other machines, who call this one so.
pub(crate) fn share(control: &Control, name: &Arc<str>) {
    let shared = &control.shared_board.orders;
    shared.share(Some(Arc::clone(name)));
    let (orders, weights, operations) = (control.orders.lock(), control.weights.lock(), control.operations.lock());
    for operation in orders.iter().filter_map(|(node, _)| operations.of_order(node)) {
        shared.adopt(common::of_node(name, orders.of(&operation.node), operation, now()));
    }
    for (pool, node, weight) in weights.iter() {
        shared.adopt(common::of_weight(name, (pool, node), Some(weight.weight), weight));
    }
}

/// Carries out orders of other machines, where they are later than what is known here. What stood against them where they were
/// given is not asked again. Waits for the disk, and for the new weights to be at work.
pub(crate) fn follow(control: &Control, orders: &[CommonOrder]) {
    let (mut drains, mut weighs) = (false, false);
    {
        let turn = control.changing.lock();
        // The process that takes over follows them.
        if control.dir_of_changes().is_err() {
            return;
        }
        // Another server may have told of it by now.
        for order in orders.iter().filter(|order| control.shared_board.orders.is_news(order)) {
            match &order.holds {
                Holds::Node { node, order: ordered, operation } => {
                    drains |= follow_node(control, order, (node, ordered.as_ref(), operation));
                }
                Holds::Weight { .. } => weighs |= follow_weight(control, order),
            }
        }
        // The journal has it where this fails, and it is tried again.
        let _ = write_orders(control, &turn);
    }
    apply(control, &control.current.load_full());
    if drains {
        sessions::save(control);
    }
    if weighs && let Err(why) = Handle::current().block_on(weights::follow(control)) {
        log::error!("weights that were ordered at another machine do not hold: {why}");
    }
}

/// Whether a drain began.
fn follow_node(
    control: &Control,
    common: &CommonOrder,
    (node, written, told): (&str, Option<&WrittenOrder>, &WrittenOperation),
) -> bool {
    let (moment, by) = (now(), ordered_by(&told.actor, told.machine.as_deref(), told.reason.as_deref()));
    let order = written.map(|written| Order::of_others(written.clone(), moment));
    let command = match order.map(|order| order.kind) {
        None => Command::Activate,
        Some(OrderKind::Maintain) => Command::Maintain,
        Some(OrderKind::Drain { .. }) => {
            Command::Drain { within: written.and_then(|written| written.within(moment.seconds())) }
        }
    };
    let what = in_words(command);
    record(control, Change { what: &what, node: Some(node), pool: None }, &by);
    let mut orders = control.orders.lock();
    if !control.shared_board.orders.follow(common) {
        return false;
    }
    let mut operations = control.operations.lock();
    let own = control.shared_board.orders.machine();
    let machine = told.machine.clone().filter(|machine| !machine.is_empty() && own.as_deref() != Some(machine));
    let deadline = written.and_then(WrittenOrder::deadline);
    // A drain that is over here, and may be told to go on: the node may be stopped already.
    let is_over = matches!(command, Command::Drain { .. })
        && operations.of_order(node).is_some_and(|held| {
            held.told.kind == OperationKind::Drain
                && held.told.state != OperationState::Running
                && held.told.started == told.started
        });
    if !is_over {
        orders.set(node, order);
        operations.follow(node, WrittenOperation { machine, ..told.clone() }, deadline, order.is_some());
    }
    drop((orders, operations));
    tell(control, node, &what, &by);
    matches!(command, Command::Drain { .. })
}

/// Whether a weight is to be put to work.
fn follow_weight(control: &Control, common: &CommonOrder) -> bool {
    let Holds::Weight { pool, node, weight, since, actor, machine, reason } = &common.holds else { return false };
    let by = ordered_by(actor, Some(machine), reason.as_deref());
    let what = weights::in_words(*weight);
    record(control, Change { what: &what, node: Some(node), pool: Some(pool) }, &by);
    let mut known = control.weights.lock();
    if !control.shared_board.orders.follow(common) {
        return false;
    }
    let (since, actor) = (*since, format!("{actor} at {}", by.actor.from));
    known.set(pool, node, weight.map(|weight| WrittenWeight { weight, since, actor, reason: reason.clone() }));
    drop(known);
    weights::tell(control, (pool, node), &what, &by);
    true
}

fn ordered_by(actor: &str, machine: Option<&str>, reason: Option<&str>) -> OrderedBy {
    // It was ordered while the machine shared nothing, and had no name.
    let from = machine.filter(|machine| !machine.is_empty()).unwrap_or("another machine");
    let actor = Actor { name: actor.into(), from: from.into() };
    OrderedBy { actor, reason: reason.map(Arc::from) }
}

/// Orders of others are carried out also where they cannot be written down: the machine where they were given has them, and the journal
/// here.
fn record(control: &Control, change: Change<'_>, by: &OrderedBy) {
    let _ = control.dir_of_changes().and_then(|dir| audit::record(dir, change, by, "ordered"));
}
