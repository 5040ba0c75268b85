//! A request's connection to a node: reused or opened, and afterwards kept or closed.

use std::time::{Duration, Instant};

use super::conn::Conn;
use super::trip::Trip;
use super::upstream::{self, ConnectFault, Goal};
use crate::config::Timeouts;
use crate::traffic::retry::{ConnectFailure, Failure, Sent};
use crate::traffic::state::Fault;
use crate::traffic::tick::Tick;
use crate::traffic::why::Why;
use crate::wire::{Framing, Method};

/// How long the connect to a node may take that is passive, and tried because no node is active.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// A connection to a node, held for one attempt.
pub(crate) struct Node {
    /// The connection.
    pub(crate) conn: Conn,
    link: u64,
}

impl Trip<'_> {
    /// Reuses or opens a connection to the picked node.
    pub(crate) async fn reach(&mut self, limits: Timeouts) -> Result<Node, Failure> {
        let Some(index) = self.member else { return Err(Failure::Connect(ConnectFailure::Unreachable)) };
        if !self.fresh {
            self.tries += 1;
        }
        self.reached.get_or_insert_with(Instant::now);
        self.sent = Sent::Nothing;
        self.reached_at = self.connection.worker().clock.now();
        let ground = self.ground.clone();
        let pool = &ground.snapshot.pools[self.pool];
        let settings = &pool.settings;
        let member = &pool.members[index];
        let worker = self.connection.worker();
        // A node that is tried for want of a better one may not hold the client up.
        let patience = match limits.connect {
            limit if self.why != Why::LastResort => limit,
            limit => limit.min(LAST_RESORT),
        };
        let repeatable = self.head.method().idempotent();
        // A reload may have said since that nothing is to be reused.
        let kept = if self.fresh || !settings.reuse {
            None
        } else {
            worker.idle.take(member.link, repeatable, worker.clock.now())
        };
        self.reused = kept.is_some();
        let counters = ground.pools[self.pool].members.get(index);
        self.fresh = false;
        let conn = match kept {
            Some(conn) => {
                counters.inspect(|counters| counters.connection("reused"));
                conn
            }
            None => {
                let tls = ground.pools[self.pool].tls.as_ref();
                let goal = Goal { address: member.address, name: member.name.as_deref() };
                upstream::connect(goal, tls, (patience, limits.handshake), &worker.clock)
                    .await
                    .inspect(|_| counters.into_iter().for_each(|counters| counters.connection("opened")))
                    .map_err(|fault| self.unreachable(index, &fault))?
            }
        };
        conn.forget_written();
        // What a new connection costs, or a node before this one, says nothing of how soon this one answers.
        self.asked = pool.measures.then(Instant::now);
        Ok(Node { conn, link: member.link })
    }

    // A failed connect is held against the node; the request goes on to the next one.
    fn unreachable(&self, member: usize, fault: &ConnectFault) -> Failure {
        let failure = fault.failure();
        if let Some(counters) = self.ground.pools[self.pool].members.get(member) {
            counters.connection(failure.refusal().word());
        }
        if let Some(held) = fault.held_against() {
            self.note_fault(member, held, &fault.to_string());
        }
        failure
    }

    /// Notes whether any byte of this attempt has left.
    pub(crate) fn note_sent(&mut self, node: &Node) {
        if node.conn.has_written() {
            self.sent = Sent::Something;
        }
    }

    /// Whether a node's connection can be trusted after this exchange. HEAD answers may carry a body that they must
    /// not (WSO2's `?wsdl`), and WSO2 misframes OPTIONS with a body.
    pub(crate) fn leaves_connection_clean(&self) -> bool {
        let body = !matches!(self.head.framing(), Framing::None);
        let method = self.head.method();
        method != Method::Head && !(body && method == Method::Options)
    }

    /// Keeps the node's connection, or closes it.
    pub(crate) fn release(&mut self, node: Node, reusable: bool) {
        self.upstream = self.reached.map(|at| at.elapsed());
        let settings = &self.pool().settings;
        if reusable && settings.reuse {
            let worker = self.connection.worker();
            worker.idle.put(node.link, node.conn, settings.idle_timeout, worker.clock.now());
        }
    }

    /// The node has begun its answer: that is held for it, or, where its status is one that the pool counts as a
    /// failure, against it.
    pub(crate) fn answered(&self, status: u16) {
        let Some(member) = self.member else { return };
        let pool = self.pool();
        if pool.settings.eject.statuses.iter().any(|range| range.contains(&status)) {
            return self.note_fault(member, Fault::Status, &format!("answered {status}"));
        }
        let took = || self.asked.map_or(Duration::ZERO, |at| at.elapsed());
        let change = pool.answered(member, Tick::from_millis(self.reached_at), took, self.now());
        self.ground.announce(self.pool, member, change, "answered a request", self.now());
    }
}
