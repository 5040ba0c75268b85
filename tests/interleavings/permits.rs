//! Permits for requests at a node, and the queue for them. A request that waits for ever is a deadlock, which shuttle finds.

use std::sync::Arc;

use shuttle::sync::mpsc::channel;
use weir::traffic::pool::member::{AcceptedNodes, Load, NodePermits, WaitQueue, Waiter};
use weir::traffic::pool::state::{NodeState, Operator, Probes};
use weir::traffic::tick::Tick;

use super::{in_many_orders, thread, together};

const NOW: Tick = Tick::from_millis(1_000);

/// A node with room for so many requests, and the queue of its pool.
struct Node {
    load: Arc<Load>,
    state: Arc<NodeState>,
    waiting: Arc<WaitQueue>,
}

impl Node {
    fn with_room_for(most: u32) -> Arc<Self> {
        let load = Arc::new(Load::default());
        load.set_most(Some(most));
        Arc::new(Self { load, state: Arc::new(NodeState::new(Probes::None)), waiting: Arc::new(WaitQueue::new(9)) })
    }

    /// Those of a generation: each has its own.
    fn permits(&self) -> Arc<NodePermits> {
        Arc::new(NodePermits::new(1, &self.load, &self.state, &self.waiting))
    }

    /// A request as the exchange carries it: it looks, waits where there is no room, and ends.
    fn request(&self) {
        let permits = self.permits();
        if self.state.takes_any(NOW, false)
            && let Some(permit) = permits.take(NOW)
        {
            return drop(permit);
        }
        let (give, take) = channel();
        let waiter: Waiter = Box::new(move |permit| drop(give.send(permit)));
        assert!(self.waiting.join(AcceptedNodes::ANY, waiter).is_ok(), "there is a place");
        permits.serve(NOW, false);
        drop(take.recv().expect("it is called"));
    }

    /// A request whose client leaves while it waits.
    fn request_that_leaves(&self) {
        let permits = self.permits();
        let Some(permit) = permits.take(NOW) else {
            let (give, take) = channel();
            let waiter: Waiter = Box::new(move |permit| drop(give.send(permit)));
            let Ok(ticket) = self.waiting.join(AcceptedNodes::ANY, waiter) else { panic!("there is a place") };
            permits.serve(NOW, false);
            // As the exchange does: what was sent and not taken is dropped with its receiver.
            self.waiting.leave(ticket);
            return drop(take);
        };
        drop(permit);
    }

    fn is_as_at_first(&self) {
        assert_eq!((self.load.in_flight(), self.waiting.len()), (0, 0));
    }
}

#[test]
fn every_request_that_waits_is_called_though_others_leave() {
    in_many_orders(|| {
        let node = Node::with_room_for(1);
        let [one, two, three] = [(); 3].map(|()| Arc::clone(&node));
        together([
            thread(move || one.request()),
            thread(move || two.request()),
            thread(move || three.request_that_leaves()),
        ]);
        node.is_as_at_first();
    });
}

#[test]
fn a_reload_that_changes_the_room_lets_nobody_wait_for_ever() {
    in_many_orders(|| {
        let node = Node::with_room_for(2);
        let [one, two, reload] = [(); 3].map(|()| Arc::clone(&node));
        together([
            thread(move || one.request()),
            thread(move || two.request()),
            thread(move || {
                reload.load.set_most(Some(1));
                reload.load.set_most(Some(3));
                // The pool's upkeep.
                reload.permits().serve(NOW, false);
            }),
        ]);
        node.is_as_at_first();
    });
}

#[test]
fn a_node_that_is_taken_out_and_back_calls_all_who_waited_meanwhile() {
    in_many_orders(|| {
        let node = Node::with_room_for(1);
        let [one, two, operator] = [(); 3].map(|()| Arc::clone(&node));
        together([
            thread(move || one.request()),
            thread(move || two.request()),
            thread(move || {
                operator.state.set_operator(Operator::Maintenance, NOW);
                operator.state.set_operator(Operator::None, NOW);
                // The pool's upkeep.
                operator.permits().serve(NOW, false);
            }),
        ]);
        node.is_as_at_first();
    });
}
