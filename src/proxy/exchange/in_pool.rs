//! A request that goes to a pool: where its session belongs, and what is kept over all its tries.

use super::arrived::Arrived;
use super::record::{Record, SessionWord};
use super::response::Response;
use super::routed::Routed;
use super::target::Target;
use crate::config::Timeouts;
use crate::traffic::message::headers::FramingToClient;
use crate::traffic::pool::affinity::Affinity;
use crate::traffic::pool::{Pool, Tried};
use crate::traffic::tick::Tick;
use crate::wire::AnswerHead;

/// A request and where it belongs in its pool.
#[derive(Clone)]
pub(crate) struct InPool<'r> {
    pub(crate) routed: Routed<'r>,
    pub(crate) target: Target<'r>,
    pub(crate) belongs: Affinity,
    pub(crate) session: SessionWord,
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

/// A request on its way through its tries, beside what the client was told and what will be counted and logged.
pub(crate) struct Trip<'t, 'r> {
    pub(crate) request: InPool<'r>,
    /// The nodes that failed it.
    pub(crate) failed_nodes: Tried,
    pub(crate) response: &'t mut Response<'r>,
    pub(crate) record: &'t mut Record<'r>,
}

impl<'r> Trip<'_, 'r> {
    /// The request.
    pub(crate) fn arrived(&self) -> &'r Arrived<'r> {
        self.request.arrived()
    }

    /// Its pool.
    pub(crate) fn pool(&self) -> &Pool {
        self.request.pool()
    }

    pub(crate) fn now(&self) -> Tick {
        self.request.now()
    }

    /// Notes that the final answer begins, and whether the connection goes on after it.
    pub(crate) fn begin_answer(&mut self, answer: &AnswerHead, uploaded: bool, framing: FramingToClient) {
        self.record.status(answer.status());
        self.response.begin(uploaded && framing != FramingToClient::UntilClose);
    }

    /// The tries have ended, and so much body came up meanwhile.
    pub(crate) fn end(self, received: u64) {
        self.record.received(received);
        self.record.session(self.request.session);
    }
}
