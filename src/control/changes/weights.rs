//! Weights that operators order for a node in a pool. They hold in place of the file's, over reloads and restarts.

use std::time::SystemTime;

use tokio::sync::oneshot;

use super::common;
use crate::config::orders_file::WrittenWeight;
use crate::control::actor::OrderedBy;
use crate::control::notice::Notice;
use crate::control::operators::remaining::all_members;
use crate::control::operators::{who_does_not_hear, write_orders};
use crate::control::state::Control;
use crate::control::store::audit::{self, Change};
use crate::control::store::moments::now;
use crate::observe::events::About;

/// Why a weight was not ordered.
pub(crate) enum WeightError {
    /// There is no pool of this name.
    UnknownPool,
    /// The pool has no node of this name, or knows no address of it.
    UnknownNode,
    /// The audit file cannot be written: why.
    Unrecorded(String),
}

/// Orders a weight, or with `None` goes back to the file's. It is on disk when this returns, or else the operator is to know
/// why not; [`follow`] puts it to work.
pub(crate) fn order(
    control: &Control,
    pool: &str,
    node: &str,
    weight: Option<u16>,
    by: &OrderedBy,
) -> Result<Vec<Notice>, WeightError> {
    let turn = control.changing.lock();
    let generation = control.current.load_full();
    let forgets = weight.is_none() && control.weights.lock().of(pool, node).is_some();
    if generation.snapshot.pool(pool).is_none() && !forgets {
        return Err(WeightError::UnknownPool);
    }
    let is_meant = |known: &str, of_node: &str| known == pool && of_node == node;
    if !all_members(&generation).any(|(known, member)| is_meant(known.name(), &member.node)) && !forgets {
        return Err(WeightError::UnknownNode);
    }
    let what = in_words(weight);
    let change = Change { what: &what, node: Some(node), pool: Some(pool) };
    control
        .dir_of_changes()
        .and_then(|dir| audit::record(dir, change, by, "ordered"))
        .map_err(WeightError::Unrecorded)?;
    let written = WrittenWeight {
        weight: weight.unwrap_or_default(),
        since: now().seconds(),
        actor: by.actor.name.to_string(),
        reason: by.reason.as_ref().map(ToString::to_string),
    };
    {
        let (mut weights, shared) = (control.weights.lock(), &control.shared_board.orders);
        let machine = shared.machine().unwrap_or_default();
        shared.give(common::of_weight(&machine, (pool, node), weight, &written));
        weights.set(pool, node, weight.map(|_| written));
    }
    tell(control, (pool, node), &what, by);
    Ok(write_orders(control, &turn).into_iter().chain(who_does_not_hear(control)).collect())
}

/// A weight, or none for that of the file.
pub(crate) fn in_words(weight: Option<u16>) -> String {
    weight.map_or_else(|| "weight of the file".to_owned(), |weight| format!("weight {weight}"))
}

/// Tells of a weight in the journal and as an event.
pub(crate) fn tell(control: &Control, (pool, node): (&str, &str), what: &str, by: &OrderedBy) {
    log::info!("node {node} of pool {pool}: {what}, ordered by {by}");
    let about = About { node: Some(node.to_owned()), pool: Some(pool.to_owned()), ..by.about() };
    control.observer.events.push_about(SystemTime::now(), "operator", &format!("{pool}/{node}"), what, about);
}

/// Waits until the weights that were ordered are at work. `Err`: why they are not.
pub(crate) async fn follow(control: &Control) -> Result<(), String> {
    let (request, done) = oneshot::channel();
    let stopping = || "Weir is stopping".to_owned();
    control.weights_requests.send(request).await.map_err(|_| stopping())?;
    done.await.map_err(|_| stopping())?
}
