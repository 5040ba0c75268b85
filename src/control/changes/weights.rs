//! Weights that operators order for a node in a pool. They hold in place of the file's, over reloads and restarts.

use std::time::SystemTime;

use tokio::sync::oneshot;

use crate::config::orders_file::WrittenWeight;
use crate::control::actor::OrderedBy;
use crate::control::notice::Notice;
use crate::control::operators::{all_members, write_orders};
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
) -> Result<Option<Notice>, WeightError> {
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
    let what = weight.map_or_else(|| "weight of the file".to_owned(), |weight| format!("weight {weight}"));
    let change = Change { what: &what, node: Some(node), pool: Some(pool) };
    control
        .dir_of_changes()
        .and_then(|dir| audit::record(dir, change, by, "ordered"))
        .map_err(WeightError::Unrecorded)?;
    let written = weight.map(|weight| WrittenWeight {
        weight,
        since: now().seconds(),
        actor: by.actor.name.to_string(),
        reason: by.reason.as_ref().map(ToString::to_string),
    });
    control.weights.lock().set(pool, node, written);
    log::info!("node {node} of pool {pool}: {what}, ordered by {by}");
    let about = About { node: Some(node.to_owned()), pool: Some(pool.to_owned()), ..by.about() };
    control.observer.events.push_about(SystemTime::now(), "operator", &format!("{pool}/{node}"), &what, about);
    Ok(write_orders(control, &turn))
}

/// Waits until the weights that were ordered are at work. `Err`: why they are not.
pub(crate) async fn follow(control: &Control) -> Result<(), String> {
    let (request, done) = oneshot::channel();
    let stopping = || "Weir is stopping".to_owned();
    control.weights_requests.send(request).await.map_err(|_| stopping())?;
    done.await.map_err(|_| stopping())?
}
