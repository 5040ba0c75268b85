//! The threads that carry traffic: one per core, each a runtime of its own that shares nothing it need not share.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::listeners::Listeners;
use crate::proxy::generation::Generation;
use crate::proxy::worker::{Shared, Worker};

/// What a traffic thread is told.
pub(crate) enum ThreadCommand {
    /// Follow this generation; sockets of listeners that are new.
    /// The sender is dropped when it is done.
    Follow(Arc<Generation>, HashMap<SocketAddr, TcpListener>, Sender<()>),
    /// Accept no more, close idle connections, end when the last request is answered.
    Drain,
}

/// The traffic threads.
pub(crate) struct Threads {
    orders: Vec<UnboundedSender<ThreadCommand>>,
    alive: watch::Receiver<usize>,
}

impl Threads {
    /// Starts `count` of them, without any listener.
    pub(crate) fn start(count: usize, shared: &Arc<Shared>) -> io::Result<Self> {
        let (ended, alive) = watch::channel(count);
        let ended = Arc::new(ended);
        let mut orders = Vec::new();
        for number in 0..count {
            let (order, inbox) = unbounded_channel();
            let (shared, ended) = (Arc::clone(shared), Arc::clone(&ended));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            std::thread::Builder::new().name(format!("traffic-{number}")).spawn(move || {
                let traffic = tokio::task::LocalSet::new();
                traffic.block_on(&runtime, carry(shared, number, inbox));
                ended.send_modify(|alive| *alive -= 1);
            })?;
            orders.push(order);
        }
        Ok(Self { orders, alive })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.orders.len()
    }

    /// Gives each thread its order.
    pub(crate) fn order(&self, mut make: impl FnMut(usize) -> ThreadCommand) {
        for (number, orders) in self.orders.iter().enumerate() {
            // A thread that has ended has nothing to follow.
            let _ = orders.send(make(number));
        }
    }

    /// Waits until every thread has ended, which they do after [`ThreadCommand::Drain`].
    pub(crate) async fn ended(&self) {
        let mut alive = self.alive.clone();
        // The sender lives in the threads; it is gone when they are.
        let _ = alive.wait_for(|alive| *alive == 0).await;
    }
}

async fn carry(shared: Arc<Shared>, number: usize, mut inbox: UnboundedReceiver<ThreadCommand>) {
    let worker = Worker::new(shared, number);
    let listeners = Listeners::default();
    tokio::task::spawn_local(Rc::clone(&worker.clock).run());
    tokio::task::spawn_local(Rc::clone(&worker).sweep());
    while let Some(order) = inbox.recv().await {
        match order {
            ThreadCommand::Follow(generation, sockets, done) => {
                listeners.follow(&worker, &generation, sockets).await;
                drop(done);
            }
            ThreadCommand::Drain => {
                listeners.close(&worker).await;
                worker.drained().await;
                return;
            }
        }
    }
}
