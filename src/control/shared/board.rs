//! What is known of the servers, of what came of asking them, and of the other machines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use super::machines::said::Machines;
use super::server::Server;
use crate::config::orders_file::CommonOrder;
use crate::control::changes::common::CommonOrders;

/// What is shown of it.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) servers: Mutex<Vec<Arc<Server>>>,
    pub(crate) counts: Arc<Counts>,
    /// Whoever holds it takes no other lock.
    pub(crate) machines: Mutex<Machines>,
    pub(crate) orders: CommonOrders,
}

impl Board {
    /// With the orders that were known before the start.
    pub(crate) fn with_orders(orders: BTreeMap<String, CommonOrder>) -> Self {
        Self { orders: CommonOrders::restored(orders), ..Self::default() }
    }
}

/// What came of it, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Sessions that the servers knew, and those that they did not.
    pub(crate) found: AtomicU64,
    pub(crate) unknown: AtomicU64,
    /// Sessions that another machine had moved.
    pub(crate) followed: AtomicU64,
    /// Records that were not believed.
    pub(crate) foreign: AtomicU64,
    pub(crate) later: AtomicU64,
    /// Requests under rates in common: told to others, heard from others, and those that nobody was told of.
    pub(crate) rates_told: AtomicU64,
    pub(crate) rates_heard: AtomicU64,
    pub(crate) rates_lost: AtomicU64,
}
