//! Connects the admin API to a running Weir: passes on operators' orders, and reports how the nodes are.

use std::sync::Arc;

use super::operate::{Operated, PoolRow, Told};
use super::question::{Explained, Question};
use crate::control::operators;
use crate::control::operators::{GONE, OrderError, RemovedNode, live, members, removed_nodes};
use crate::control::state::Control;
use crate::control::store::moments::now;
use crate::control::notice::Trouble;
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::operators::{Command, LiveSessions};
use crate::traffic::pool::state::Reason;
use crate::traffic::tick::Tick;

/// What operators can do with a running Weir.
pub(crate) struct Operators(pub(crate) Arc<Control>);

impl Operated for Operators {
    fn say(&self, node: &str, command: Command, force: bool) -> Result<Told, OrderError> {
        let warnings = operators::carry_out(&self.0, node, command, force)?;
        Ok(Told { warnings, ..told(&self.0, node) })
    }

    fn look(&self, node: &str) -> Option<Told> {
        let told = told(&self.0, node);
        let known = told.word.is_some() || !told.pools.is_empty() || operators::knows(&self.0, node);
        known.then_some(told)
    }

    fn nodes(&self) -> Vec<Arc<str>> {
        self.0.current.load().snapshot.config.nodes.iter().map(|node| Arc::clone(&node.name)).collect()
    }

    fn why(&self, question: &Question) -> Result<Explained, Trouble> {
        super::answer_why::answer(&self.0, question)
    }
}

fn told(control: &Control, node: &str) -> Told {
    let word = control.orders.lock().of(node).copied();
    Told { word, now: now(), pools: rows(control, &control.current.load_full(), node), warnings: Vec::new() }
}

fn rows(control: &Control, generation: &Generation, node: &str) -> Vec<PoolRow> {
    let now = Tick::from_millis(control.now());
    let row = |(pool, member): (&Pool, &Member)| {
        let state = member.state.state();
        let sessions = match live(pool, member, now) {
            LiveSessions::Counted(sessions) => Some(sessions),
            LiveSessions::Unseen { .. } => None,
        };
        PoolRow {
            pool: pool.name().to_string(),
            state: state.word(),
            reason: state.reason().map(Reason::word),
            sessions,
            in_flight: member.load.in_flight(),
        }
    };
    let of_before = |gone: RemovedNode| PoolRow {
        pool: gone.pool,
        state: "passive",
        reason: Some(GONE),
        sessions: Some(0),
        in_flight: gone.in_flight,
    };
    let gone = removed_nodes(control, generation, |other| other == node).into_iter().map(of_before);
    members(generation).filter(|(_, member)| &*member.node == node).map(row).chain(gone).collect()
}
