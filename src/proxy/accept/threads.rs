//! The threads that carry traffic: one per core. Each has its own runtime and shares with the others only what it must.

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

/// A command to a traffic thread.
pub(crate) enum ThreadCommand {
    /// Follow this generation. The sockets are for listeners that are new. The thread drops the sender when it is done.
    Follow(Arc<Generation>, HashMap<SocketAddr, TcpListener>, Sender<()>),
    /// Accept no more connections, close idle ones, and end after the last request is answered.
    Drain,
}

/// The traffic threads.
pub(crate) struct Threads {
    orders: Vec<UnboundedSender<ThreadCommand>>,
    alive: watch::Receiver<usize>,
}

impl Threads {
    /// Starts `count` threads that have no listeners yet.
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
                traffic.block_on(&runtime, run_thread(shared, number, inbox));
                ended.send_modify(|alive| *alive -= 1);
            })?;
            orders.push(order);
        }
        Ok(Self { orders, alive })
    }

    /// The number of threads.
    pub(crate) fn count(&self) -> usize {
        self.orders.len()
    }

    /// Sends a command to each thread.
    pub(crate) fn order(&self, mut make: impl FnMut(usize) -> ThreadCommand) {
        for (number, orders) in self.orders.iter().enumerate() {
            // A thread that has ended needs no command.
            let _ = orders.send(make(number));
        }
    }

    /// Waits until every thread has ended. They end after [`ThreadCommand::Drain`].
    pub(crate) async fn ended(&self) {
        let mut alive = self.alive.clone();
        // The threads own the sender. An error means that all of them have ended.
        let _ = alive.wait_for(|alive| *alive == 0).await;
    }
}

async fn run_thread(shared: Arc<Shared>, number: usize, mut inbox: UnboundedReceiver<ThreadCommand>) {
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
