//! A request's connection to a node: reused or opened, and afterwards kept or closed.

use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::in_pool::Trip;
use crate::proxy::io::stream::TimedStream;
use crate::proxy::node;
use crate::proxy::node::{ConnectFault, Endpoint};
use crate::traffic::pool::retry::Failure;
use crate::traffic::pool::state::Fault;
use crate::traffic::pool::why::Why;
use crate::wire::{AnswerHead, Framing, Method};

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
        let endpoint = Endpoint { address: member.address, name: member.name.as_deref() };
        let tls = self.request.target.running().tls.as_ref();
        let opened =
            node::connect(endpoint, tls, self.patience(attempt.why), &self.arrived().connection.worker().clock).await;
        let conn = opened.map_err(|fault| self.unreachable(attempt, &fault))?;
        self.count_connection(attempt, "opened");
        Ok(self.ready(attempt, conn))
    }

    /// How long connect and handshake may take. A node that is tried for want of a better one may not hold the client
    /// up.
    fn patience(&self, why: Why) -> (Duration, Duration) {
        let limits = self.request.timeouts();
        let connect = if why == Why::LastResort { limits.connect.min(LAST_RESORT) } else { limits.connect };
        (connect, limits.handshake)
    }

    fn ready(&self, attempt: &mut Attempt, conn: TimedStream) -> NodeConnection {
        let pool = self.pool();
        conn.forget_written();
        // What a new connection costs, or a node before this one, says nothing of how soon this one answers.
        attempt.asked = pool.measures.then(Instant::now);
        NodeConnection { received: conn.received(), conn, link: pool.members[attempt.member].link }
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

    /// Whether a node's connection can be trusted after this exchange. HEAD answers may carry a body that they must
    /// not (WSO2's `?wsdl`), and WSO2 misframes OPTIONS with a body.
    pub(crate) fn leaves_connection_clean(&self) -> bool {
        let body = !matches!(self.arrived().head.framing(), Framing::None);
        let method = self.arrived().head.method();
        method != Method::Head && !(body && method == Method::Options)
    }

    /// Keeps the node's connection, or closes it.
    pub(crate) fn release(&mut self, node: NodeConnection, reusable: bool) {
        self.record.upstream(self.record.tries.elapsed());
        let settings = &self.pool().settings;
        if reusable && settings.reuse {
            let worker = self.arrived().connection.worker();
            worker.idle.put(node.link, node.conn, settings.idle_timeout, worker.clock.now());
        }
    }

    /// The connection becomes a tunnel.
    pub(crate) fn upgraded(&mut self, attempt: &Attempt, answer: &AnswerHead) {
        self.answered(attempt, answer.status());
        self.request.learn(attempt, answer, &self.failed_nodes);
        self.record.status(101);
        self.response.begin(false);
        self.record.upstream(self.record.tries.elapsed());
    }

    /// Notes that the node has begun its answer. It counts as a failure of the node if the pool says so of its status,
    /// and otherwise as a success.
    pub(crate) fn answered(&self, attempt: &Attempt, status: u16) {
        let pool = self.pool();
        if pool.settings.eject.statuses.iter().any(|range| range.contains(&status)) {
            return self.note_fault(attempt, Fault::Status, &format!("answered {status}"));
        }
        let took = || attempt.asked.map_or(Duration::ZERO, |at| at.elapsed());
        let change = pool.answered(attempt.member, attempt.began, took, self.now());
        self.request.target.announce(attempt.member, change, "answered a request", self.now());
    }
}
