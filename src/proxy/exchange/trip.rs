//! A request on its way through its tries. Each step of a try has a file: `choose` picks the node, `wait` waits where
//! all are full, `reach` has the connection, `node_health` tells what the node's answer says of it, `after_failure`
//! decides whether another node is asked.

mod after_failure;
mod choose;
mod node_health;
pub(crate) mod reach;
pub(crate) mod wait;

use super::arrived::Arrived;
use super::attempt::Tries;
use super::in_pool::InPool;
use super::record::Record;
use super::response::Response;
use crate::traffic::message::headers::FramingToClient;
use crate::traffic::pool::{Pool, Tried};
use crate::traffic::tick::Tick;
use crate::wire::AnswerHead;

/// A request on its way through its tries, beside what the client was told and what will be counted and logged.
pub(crate) struct Trip<'t, 'r> {
    pub(crate) request: InPool<'r>,
    /// Its tries so far. They decide whether there is another one.
    pub(crate) tries: Tries,
    /// The nodes that failed it.
    pub(crate) failed_nodes: Tried,
    pub(crate) response: &'t mut Response<'r>,
    pub(crate) record: &'t mut Record<'r>,
}

impl<'t, 'r> Trip<'t, 'r> {
    /// A request that was not tried yet.
    pub(crate) fn new(request: InPool<'r>, response: &'t mut Response<'r>, record: &'t mut Record<'r>) -> Self {
        Self { request, tries: Tries::default(), failed_nodes: Tried::default(), response, record }
    }

    /// While another process takes over, it knows the session before the client hears of it; and two of the servers that machines
    /// share, where the operator wants that.
    pub(crate) async fn make_session_known(&self) {
        let shared = &self.arrived().connection.worker().shared;
        // Boxed: it is rare, and every exchange would hold its timer.
        if shared.teaching.is_on() && self.request.pool().sessions.is_some() {
            Box::pin(shared.teaching.known()).await;
        }
        if self.request.has_bound.get()
            && let Some(limit) = shared.sharing.confirm()
        {
            Box::pin(shared.sharing.known(limit)).await;
        }
    }

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

    /// Moves the request into the newest generation that has its pool. After a wait this is needed: the permit that it
    /// was given may be for a node that only the new generation has. And permits of removed nodes are given to nobody,
    /// so no request may wait for them.
    pub(crate) fn follow_pool(&mut self) {
        let target = &self.request.target;
        let Some(newest) = target.newest(&self.arrived().connection.worker().shared) else { return };
        self.failed_nodes = self.failed_nodes.moved(|member| target.index_in(&newest, member));
        self.record.followed(&newest);
        self.request.target = newest;
    }

    /// Notes that the final answer begins, and whether the connection goes on after it. No other try follows.
    pub(crate) fn begin_answer(&mut self, answer: &AnswerHead, uploaded: bool, framing: FramingToClient) {
        self.record.tries(self.tries);
        self.record.status(answer.status());
        self.response.begin(uploaded && framing != FramingToClient::UntilClose);
    }

    /// Notes that the connection becomes a tunnel.
    pub(crate) fn begin_tunnel(&mut self) {
        self.record.status(101);
        self.response.begin(false);
        self.record.upstream(self.tries.elapsed());
    }

    /// The tries have ended, and so much body came up meanwhile. What they came to is counted and logged.
    pub(crate) fn end(self, received: u64) {
        self.record.received(received);
        self.record.tries(self.tries);
        self.record.session(self.request.session);
    }
}
