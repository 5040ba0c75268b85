//! Connects the admin API to a running Weir: passes on operators' orders, and reports how the nodes are.

use std::sync::Arc;

use super::operate::{NodeControl, NodeReport, PoolRow};
use super::question::{Explanation, Question};
use crate::control::actor::OrderedBy;
use crate::control::notice::Notice;
use crate::control::operators;
use crate::control::operators::remaining::{RemovedNode, all_members, live_sessions, remains, removed_nodes};
use crate::control::operators::{GONE, OrderError};
use crate::control::state::Control;
use crate::control::store::moments::now;
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::operators::{Command, LiveSessions};
use crate::traffic::pool::state::Reason;
use crate::traffic::tick::Tick;

/// What operators can do with a running Weir.
pub(crate) struct RunningWeir(pub(crate) Arc<Control>);

impl NodeControl for RunningWeir {
    fn order(&self, node: &str, command: Command, force: bool, by: &OrderedBy) -> Result<NodeReport, OrderError> {
        let warnings = operators::carry_out(&self.0, node, command, force, by)?.warnings;
        Ok(NodeReport { warnings, ..report(&self.0, node) })
    }

    fn report(&self, node: &str) -> Option<NodeReport> {
        let report = report(&self.0, node);
        let known = report.order.is_some() || !report.pools.is_empty() || operators::knows(&self.0, node);
        known.then_some(report)
    }

    fn nodes(&self) -> Vec<Arc<str>> {
        self.0.current.load().snapshot.config.nodes.iter().map(|node| Arc::clone(&node.name)).collect()
    }

    fn why(&self, question: &Question) -> Result<Explanation, Notice> {
        super::answer_why::answer(&self.0, question)
    }
}

fn report(control: &Control, node: &str) -> NodeReport {
    let order = control.orders.lock().of(node).copied();
    let pools = rows(control, &control.current.load_full(), node);
    NodeReport { order, now: now(), pools, elsewhere: remains(control, node).elsewhere, warnings: Vec::new() }
}

fn rows(control: &Control, generation: &Generation, node: &str) -> Vec<PoolRow> {
    let now = Tick::from_millis(control.now());
    let row = |(pool, member): (&Pool, &Member)| {
        let state = member.state.state();
        let sessions = match live_sessions(pool, member, now) {
            LiveSessions::Counted(sessions) => Some(sessions),
            LiveSessions::Unseen { .. } => None,
        };
        PoolRow {
            pool: pool.name().to_string(),
            state: state.word(),
            reason: state.reason().map(Reason::word),
            probe_failure: member.state.probe_failure().map(|failure| failure.to_string()),
            sessions,
            in_flight: member.load.in_flight(),
        }
    };
    let of_before = |removed: RemovedNode| PoolRow {
        pool: removed.pool,
        state: "passive",
        reason: Some(GONE),
        probe_failure: None,
        sessions: Some(0),
        in_flight: removed.in_flight,
    };
    let removed = removed_nodes(control, generation, |other| other == node).into_iter().map(of_before);
    all_members(generation).filter(|(_, member)| &*member.node == node).map(row).chain(removed).collect()
}
