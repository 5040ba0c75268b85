//! What operators ordered before the start, read from the state directory.

use std::collections::BTreeMap;
use std::path::Path;

use super::operations::Operations;
use crate::config::orders_file::{self, CommonOrder, FILE, OrdersFile, Unreadable, Weights};
use crate::control::store::moments::{boot, now};
use crate::control::store::state_dir::StateDir;
use crate::traffic::pool::operators::Orders;

/// The advice when the orders cannot be read.
const READABLE: &str = "let Weir's user read the file; or, where no node is to rest, move it away, and start again";
const LATER: &str = "start the Weir that wrote it; or, where no node is to rest, move the file away, and start again";

/// The stored orders. `Err`: why the start must fail, and what to do about it. A file that exists but cannot be read is
/// not damaged: it may become readable in a moment, or a later version of Weir may have written it. Until then a node
/// in maintenance must not serve, so the file stays and the start fails. A damaged file is set aside if there is a
/// state directory, and the start goes on.
pub(crate) fn load(path: &Path, dir: Option<&StateDir>) -> Result<StoredOrders, (String, &'static str)> {
    let read = StateDir::read_in(path, FILE);
    let Some(bytes) = read.map_err(|error| (cannot_read(&error), READABLE))? else {
        return Ok(StoredOrders::default());
    };
    let why = match orders_file::from_bytes(&bytes) {
        Ok(file) => return Ok(StoredOrders::of(file)),
        Err(why @ Unreadable::Later(_)) => {
            return Err((cannot_read(&format!("{}/{FILE}: {why}", path.display())), LATER));
        }
        Err(why) => why,
    };
    let kept = match dir.map(|dir| dir.set_aside(FILE)) {
        Some(Ok(aside)) => format!("kept as {}", aside.display()),
        Some(Err(error)) => format!("and cannot be set aside: {error}"),
        None => "and cannot be set aside".to_owned(),
    };
    log::error!("{}/{FILE}: {why}; {kept}; no node has an operator's order now", path.display());
    Ok(StoredOrders::default())
}

/// Those that the process before gives: it may not have been able to write them. `None`: it gives none that can be read.
pub(crate) fn handed(text: &str) -> Option<StoredOrders> {
    if text.is_empty() {
        return None;
    }
    let read = orders_file::from_bytes(text.as_bytes());
    let told =
        |why: &Unreadable| log::warn!("the orders that the process before gives: {why}; those in state-dir hold");
    read.inspect_err(told).ok().map(StoredOrders::of)
}

/// What operators ordered before the start.
#[derive(Default)]
pub(crate) struct StoredOrders {
    pub(crate) orders: Orders,
    pub(crate) weights: Weights,
    pub(crate) operations: Operations,
    /// What machines have in common, by its subject.
    pub(crate) common: BTreeMap<String, CommonOrder>,
}

impl StoredOrders {
    fn of(file: OrdersFile) -> Self {
        let orders = Orders::of_written(&file.nodes, now(), &boot());
        let operations = Operations::restored(file.last_operation, &file.nodes, &orders);
        Self { orders, weights: file.weights, operations, common: file.common }
    }
}

fn cannot_read(why: &dyn std::fmt::Display) -> String {
    format!("the operators' orders (in state-dir) cannot be read, and a node in maintenance must not serve: {why}")
}
