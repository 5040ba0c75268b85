//! A request's connection to a node: reused or opened, and afterwards kept or closed.

use std::time::Duration;

use tokio::time::Instant;

use super::Trip;
use crate::config::Timeouts;
use crate::proxy::exchange::attempt::Attempt;
use crate::proxy::io::stream::TimedStream;
use crate::proxy::node;
use crate::proxy::node::{ConnectFault, Endpoint};
use crate::traffic::pool::retry::Failure;
use crate::traffic::pool::why::Why;

/// How long the connect to a node may take that is passive, and tried because no node is active.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// A connection to a node, held for one attempt.
pub(crate) struct NodeConnection {
    /// The connection.
    pub(crate) conn: TimedStream,
    link: u64,
    /// Bytes that had come on it before.
    received: u64,
}

impl NodeConnection {
    /// Whether a byte has come for this attempt.
    pub(crate) fn has_spoken(&self) -> bool {
        self.conn.received() != self.received
    }
}

/// How long connect and handshake may take. A node that is tried for want of a better one may not hold the client up.
pub(crate) fn patience(limits: &Timeouts, why: Why) -> (Duration, Duration) {
    let connect = if why == Why::LastResort { limits.connect.min(LAST_RESORT) } else { limits.connect };
    (connect, limits.handshake)
}

impl Trip<'_, '_> {
    /// Takes an idle connection to the attempt's node, without waiting. None if there is none, if the attempt needs a
    /// new one, or if the pool does not reuse connections, which a reload may have changed.
    pub(crate) fn reuse(&self, attempt: &mut Attempt) -> Option<NodeConnection> {
        let (pool, worker) = (self.pool(), self.arrived().connection.worker());
        if attempt.fresh || !pool.settings.reuse {
            return None;
        }
        let link = pool.members[attempt.member].link;
        let conn = worker.idle.take(link, self.arrived().head.method().idempotent(), worker.clock.now())?;
        attempt.reused = true;
        self.count_connection(attempt, "reused");
        Some(self.ready(attempt, conn))
    }

    /// Opens a connection to the attempt's node.
    pub(crate) async fn open(&self, attempt: &mut Attempt) -> Result<NodeConnection, Failure> {
        let member = &self.pool().members[attempt.member];
        let introduction = node::introduction(&self.pool().settings, || Some(self.arrived().connection.ends()));
        let endpoint = Endpoint { address: member.address, name: member.name.as_deref(), introduction: &introduction };
        let tls = self.request.target.running().tls.as_ref();
        let began = Instant::now();
        let limits = patience(&self.request.timeouts(), attempt.why);
        let opened = node::connect(endpoint, tls, limits, &self.arrived().connection.worker().clock).await;
        let conn = opened.map_err(|fault| self.unreachable(attempt, &fault))?;
        self.count_connection(attempt, "opened");
        if let Some(counters) = self.request.target.node_counters(attempt.member) {
            counters.connected(began.elapsed());
        }
        Ok(self.ready(attempt, conn))
    }

    fn ready(&self, attempt: &mut Attempt, conn: TimedStream) -> NodeConnection {
        conn.forget_written();
        // What a new connection costs, or a node before this one, says nothing of how soon this one answers.
        // The clock was read just now for a first try on a kept connection.
        let read = self.tries.since.filter(|_| attempt.reused && self.tries.count == 1);
        attempt.asked = Some(read.unwrap_or_else(Instant::now));
        NodeConnection { received: conn.received(), conn, link: self.pool().members[attempt.member].link }
    }

    fn count_connection(&self, attempt: &Attempt, outcome: &'static str) {
        if let Some(counters) = self.request.target.node_counters(attempt.member) {
            counters.connection(outcome);
        }
    }

    // A failed connect is held against the node; the request goes on to the next one.
    fn unreachable(&self, attempt: &Attempt, fault: &ConnectFault) -> Failure {
        let failure = fault.failure();
        self.count_connection(attempt, failure.refusal().word());
        if let Some(held) = fault.node_fault() {
            self.note_fault(attempt, held, &fault.to_string());
        }
        failure
    }

    /// Keeps the node's connection, or closes it.
    pub(crate) fn release(&mut self, node: NodeConnection, reusable: bool) {
        self.record.upstream(self.tries.elapsed());
        let settings = &self.pool().settings;
        if reusable && settings.reuse {
            let worker = self.arrived().connection.worker();
            worker.idle.put(node.link, node.conn, settings.idle_timeout, worker.clock.now());
        }
    }
}
