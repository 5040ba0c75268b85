//! What operators began: each order for a node is an operation with a number. A drain is one from its order to its end.

use std::collections::{BTreeMap, VecDeque};

use crate::config::orders_file::{OperationKind, OperationState, WrittenNode, WrittenOperation};
use crate::control::actor::OrderedBy;
use crate::control::notice::Notice;
use crate::traffic::pool::operators::{Command, Drained, Order, OrderKind, Orders};

/// How many are kept. Those that an order still holds are kept beyond that.
const KEPT: usize = 100;

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) node: String,
    pub(crate) told: WrittenOperation,
    /// When a drain ends at the latest, in Unix seconds.
    pub(crate) deadline: Option<u64>,
    /// What its operator should know.
    pub(crate) warnings: Vec<Notice>,
    /// Whether the node is still under the order.
    pub(crate) holds: bool,
}

/// The last operations.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    last: u64,
    /// The oldest first.
    kept: VecDeque<Operation>,
}

impl Operation {
    /// Who took the node out, how and why: `drained by uid:1000 (anna): kernel update`.
    pub(crate) fn by_whom(&self) -> String {
        let (by, reason) = (self.told.by(), &self.told.reason);
        let word = self.word();
        let ordered = if matches!(word, "draining" | "in maintenance") { ", ordered" } else { "" };
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{word}{ordered} by {by}{reason}")
    }

    /// How the node is since then.
    pub(crate) const fn word(&self) -> &'static str {
        match (self.told.kind, self.told.state) {
            (OperationKind::Drain, OperationState::Running) => "draining",
            (OperationKind::Drain, _) => "drained",
            (OperationKind::Maintain, _) => "in maintenance",
            (OperationKind::Activate, _) => "activated",
        }
    }
}

impl Operations {
    /// Those that a restart left: one for each order. Numbers count on.
    pub(crate) fn restored(last: u64, nodes: &BTreeMap<String, WrittenNode>, orders: &Orders) -> Self {
        let known = nodes.values().filter_map(|node| Some(node.operation.as_ref()?.id)).max().unwrap_or(0);
        let mut restored = Self { last: last.max(known), kept: VecDeque::new() };
        for (node, order) in orders.iter() {
            let written = nodes.get(node).and_then(|written| written.operation.clone());
            let told = written.unwrap_or_else(|| restored.unknown(order));
            let deadline = nodes.get(node).and_then(|written| written.order.deadline());
            let operation = Operation { node: node.to_owned(), told, deadline, warnings: Vec::new(), holds: true };
            restored.kept.push_back(operation);
        }
        restored.kept.make_contiguous().sort_by_key(|operation| operation.told.id);
        restored
    }

    /// For an order that an older Weir wrote.
    fn unknown(&mut self, order: &Order) -> WrittenOperation {
        let (kind, state) = match order.kind {
            OrderKind::Drain { .. } => (OperationKind::Drain, OperationState::Running),
            OrderKind::Maintain => (OperationKind::Maintain, OperationState::Done),
        };
        let ended = (state == OperationState::Done).then_some(order.since);
        let (id, actor) = (self.next(), "unknown".to_owned());
        WrittenOperation { id, kind, state, started: order.since, ended, actor, machine: None, reason: None }
    }

    /// Notes a command that was carried out; `after` is the order that the node is under now. A drain that goes on stays
    /// the same operation.
    pub(crate) fn begin(
        &mut self,
        node: &str,
        command: Command,
        after: Option<(&Order, Option<u64>)>,
        now: u64,
        by: &OrderedBy,
    ) -> u64 {
        let drains = after.is_some_and(|(order, _)| matches!(order.kind, OrderKind::Drain { .. }));
        let deadline = after.and_then(|(_, deadline)| deadline);
        if let Some(before) = self.kept.iter_mut().find(|before| before.holds && before.node == node) {
            if drains && before.told.state == OperationState::Running {
                before.deadline = deadline;
                return before.told.id;
            }
            before.holds = false;
            if before.told.state == OperationState::Running {
                (before.told.state, before.told.ended) = (OperationState::Cancelled, Some(now));
            }
        }
        let kind = match command {
            Command::Drain { .. } => OperationKind::Drain,
            Command::Maintain => OperationKind::Maintain,
            Command::Activate => OperationKind::Activate,
        };
        let (state, ended) = if drains { (OperationState::Running, None) } else { (OperationState::Done, Some(now)) };
        let (actor, reason) = (by.actor.name.to_string(), by.reason.as_ref().map(ToString::to_string));
        let told = WrittenOperation { id: self.next(), kind, state, started: now, ended, actor, machine: None, reason };
        self.keep(node, told, deadline, after.is_some())
    }

    /// Notes what was ordered at another machine. A drain that goes on, or ends, stays the same operation.
    pub(crate) fn follow(&mut self, node: &str, told: WrittenOperation, deadline: Option<u64>, holds: bool) {
        if let Some(before) = self.kept.iter_mut().find(|before| before.holds && before.node == node) {
            let runs = before.told.state == OperationState::Running;
            if runs && told.kind == OperationKind::Drain && told.started == before.told.started {
                (before.deadline, before.told.state, before.told.ended) = (deadline, told.state, told.ended);
                return;
            }
            before.holds = false;
            if runs {
                (before.told.state, before.told.ended) = (OperationState::Cancelled, Some(told.started));
            }
        }
        let told = WrittenOperation { id: self.next(), ..told };
        self.keep(node, told, deadline, holds);
    }

    fn keep(&mut self, node: &str, told: WrittenOperation, deadline: Option<u64>, holds: bool) -> u64 {
        let id = told.id;
        self.kept.push_back(Operation { node: node.to_owned(), told, deadline, warnings: Vec::new(), holds });
        while self.kept.len() > KEPT {
            let Some(oldest) = self.kept.iter().position(|operation| !operation.holds) else { break };
            self.kept.remove(oldest);
        }
        id
    }

    /// Notes that the drain of a node is over.
    pub(crate) fn end_drain(&mut self, node: &str, how: Drained, now: u64) {
        let running = |operation: &&mut Operation| operation.holds && operation.node == node;
        if let Some(operation) = self.kept.iter_mut().find(running) {
            let overdue = how == Drained::DeadlineOver;
            operation.told.state = if overdue { OperationState::Overdue } else { OperationState::Done };
            operation.told.ended = Some(now);
        }
    }

    /// What the operator of an operation should know.
    pub(crate) fn warn(&mut self, id: u64, warnings: &[Notice]) {
        if let Some(operation) = self.kept.iter_mut().find(|operation| operation.told.id == id) {
            operation.warnings = warnings.to_vec();
        }
    }

    /// That of the order that a node is under.
    pub(crate) fn of_order(&self, node: &str) -> Option<&Operation> {
        self.kept.iter().find(|operation| operation.holds && operation.node == node)
    }

    /// The one of this number.
    pub(crate) fn get(&self, id: u64) -> Option<&Operation> {
        self.kept.iter().find(|operation| operation.told.id == id)
    }

    /// All, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Operation> {
        self.kept.iter().rev()
    }

    /// The number of the last one.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    const fn next(&mut self) -> u64 {
        self.last = self.last.saturating_add(1);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::actor::Actor;
    use crate::traffic::moment::Moment;
    use std::time::Duration;

    const NOW: Moment = Moment { unix: 1_000_000, up: 5_000 };

    struct World {
        orders: Orders,
        operations: Operations,
    }

    impl World {
        fn order(&mut self, node: &str, command: Command) -> u64 {
            self.orders.apply(node, command, NOW);
            let after = self.orders.of(node).map(|order| (order, order.kind.ends(NOW)));
            let by = OrderedBy::without_reason(Actor::signal("SIGHUP"));
            self.operations.begin(node, command, after, NOW.seconds(), &by)
        }

        fn state(&self, id: u64) -> OperationState {
            self.operations.get(id).unwrap().told.state
        }
    }

    fn world() -> World {
        World { orders: Orders::default(), operations: Operations::default() }
    }

    const DRAIN: Command = Command::Drain { within: None };

    #[test]
    fn a_drain_is_one_operation_until_it_ends_or_another_order_takes_its_place() {
        let mut world = world();
        let drain = world.order("a", DRAIN);
        assert_eq!(world.order("a", Command::Drain { within: Some(Duration::from_secs(60)) }), drain);
        assert_eq!(world.operations.get(drain).unwrap().deadline, Some(1_060));
        let rest = world.order("a", Command::Maintain);
        assert_eq!((world.state(drain), world.state(rest)), (OperationState::Cancelled, OperationState::Done));
        assert_eq!(world.operations.of_order("a").unwrap().told.id, rest);
        let again = world.order("a", DRAIN);
        assert_eq!(world.state(again), OperationState::Done, "a node that rests has nothing to drain");
        world.order("a", Command::Activate);
        assert!(world.operations.of_order("a").is_none());
        let other = world.order("b", DRAIN);
        world.operations.end_drain("b", Drained::DeadlineOver, 2_000);
        assert_eq!((world.state(other), other), (OperationState::Overdue, 5));
    }

    #[test]
    fn an_order_of_another_machine_is_an_operation_of_its_own_number() {
        let (mut here, mut there) = (world(), world());
        here.order("b", Command::Maintain);
        let drain = there.order("a", DRAIN);
        let told = |world: &World, id| {
            let told = world.operations.get(id).unwrap().told.clone();
            WrittenOperation { machine: Some("lb2".to_owned()), ..told }
        };
        here.operations.follow("a", told(&there, drain), None, true);
        let followed = here.operations.of_order("a").unwrap().clone();
        assert_eq!((followed.told.id, followed.by_whom()), (2, "draining, ordered by signal at lb2".to_owned()));
        there.order("a", Command::Drain { within: Some(Duration::from_secs(60)) });
        here.operations.follow("a", told(&there, drain), Some(1_060), true);
        let again = here.operations.of_order("a").unwrap();
        assert_eq!((again.told.id, again.deadline), (2, Some(1_060)), "the drain goes on");
        let back = there.order("a", Command::Activate);
        here.operations.follow("a", told(&there, back), None, false);
        assert_eq!((here.state(2), here.operations.of_order("a").is_none()), (OperationState::Cancelled, true));
        assert_eq!(here.operations.newest_first().next().unwrap().told.id, 3);
    }

    #[test]
    fn a_hundred_are_kept_and_those_that_hold() {
        let mut world = world();
        let held = world.order("held", DRAIN);
        for _ in 0..150 {
            world.order("a", Command::Maintain);
            world.order("a", Command::Activate);
        }
        assert_eq!(world.operations.newest_first().count(), KEPT);
        assert_eq!(world.state(held), OperationState::Running);
        assert_eq!(world.operations.newest_first().next().unwrap().told.id, 301);
    }

    #[test]
    fn numbers_count_on_after_a_restart() {
        let mut world = world();
        let (drain, rest) = (world.order("a", DRAIN), world.order("b", Command::Maintain));
        let mut nodes = world.orders.written(NOW, "");
        nodes.get_mut("a").unwrap().operation = Some(world.operations.get(drain).unwrap().told.clone());
        let restored = Operations::restored(7, &nodes, &world.orders);
        assert_eq!(restored.of_order("a").unwrap().told, world.operations.get(drain).unwrap().told);
        let unknown = &restored.of_order("b").unwrap().told;
        assert_eq!((unknown.id, &*unknown.actor, unknown.kind), (8, "unknown", OperationKind::Maintain));
        assert_eq!((restored.last(), rest), (8, 2));
    }
}
