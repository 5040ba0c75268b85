//! A request that goes to a pool, and where its session belongs there.

use std::cell::Cell;

use super::affinity::outcome::SessionOutcome;
use super::arrived::Arrived;
use super::routed::Routed;
use super::target::Target;
use crate::config::Timeouts;
use crate::traffic::pool::Pool;
use crate::traffic::pool::affinity::Affinity;
use crate::traffic::tick::Tick;

/// A request and where it belongs in its pool.
#[derive(Clone)]
pub(crate) struct InPool<'r> {
    pub(crate) routed: Routed<'r>,
    pub(crate) target: Target<'r>,
    pub(crate) belongs: Affinity,
    pub(crate) session: SessionOutcome,
    /// Whether a session was bound by it that was not there before.
    pub(crate) has_bound: Cell<bool>,
}

impl<'r> InPool<'r> {
    /// The request.
    pub(crate) fn arrived(&self) -> &'r Arrived<'r> {
        self.routed.arrived()
    }

    /// Its pool.
    pub(crate) fn pool(&self) -> &Pool {
        self.target.pool()
    }

    pub(crate) fn now(&self) -> Tick {
        self.arrived().now()
    }

    /// The deadlines that hold for it.
    pub(crate) fn timeouts(&self) -> Timeouts {
        self.routed.timeouts(&self.target)
    }
}
