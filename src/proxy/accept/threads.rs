//! The threads that carry traffic: one per core. Each has its own runtime and shares with the others only what it must.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::listeners::Listeners;
use super::sockets::{Addresses, Opened, ThreadSockets};
use crate::proxy::generation::Generation;
use crate::proxy::worker::{Shared, Worker};

/// How long the traffic threads are waited for. A slower thread does what it was told later.
const DONE_WITHIN: Duration = Duration::from_secs(2);

/// A command to a traffic thread.
enum ThreadCommand {
    /// Follow this generation. The sockets are for listeners that are new; others hold those of these addresses too. The
    /// thread drops the sender when it is done.
    Follow(Arc<Generation>, ThreadSockets, Arc<Addresses>, Sender<()>),
    /// Send a second descriptor of each listening socket. The thread drops the sender when it is done.
    Sockets(Sender<(SocketAddr, TcpListener)>),
    /// Close all listening sockets; others hold those of these addresses too. The thread drops the sender when it is done.
    Close(Arc<Addresses>, Sender<()>),
    /// Let the connections of closed listeners end. Given when the sockets of all threads are closed.
    EndConnections,
    /// End after the last request is answered.
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
            spawn(number, move || async move {
                run_thread(shared, number, inbox).await;
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

    /// Lets all threads follow this generation, and accept on the sockets of new listeners. Others hold the sockets of `held`
    /// too: who waits there is left to them. Blocks, at most for [`DONE_WITHIN`].
    pub(crate) fn follow(&self, generation: &Arc<Generation>, opened: Vec<Opened>, held: &Arc<Addresses>) {
        let mut by_thread: Vec<ThreadSockets> = Vec::new();
        by_thread.resize_with(self.count(), ThreadSockets::new);
        for Opened { address, sockets, .. } in opened {
            for (index, socket) in sockets.into_iter().enumerate() {
                let thread = index % by_thread.len();
                by_thread[thread].entry(address).or_default().push(socket);
            }
        }
        let mut sockets = by_thread.into_iter();
        self.wait_for(|done| {
            let sockets = sockets.next().unwrap_or_default();
            ThreadCommand::Follow(Arc::clone(generation), sockets, Arc::clone(held), done)
        });
        self.order(|| ThreadCommand::EndConnections);
    }

    /// A second descriptor of every listening socket. Blocks, at most for [`DONE_WITHIN`].
    pub(crate) fn sockets(&self) -> Vec<(SocketAddr, TcpListener)> {
        let (sockets, all) = mpsc::channel();
        self.order(|| ThreadCommand::Sockets(sockets.clone()));
        drop(sockets);
        let end = Instant::now() + DONE_WITHIN;
        std::iter::from_fn(|| all.recv_timeout(end.saturating_duration_since(Instant::now())).ok()).collect()
    }

    /// Lets all threads accept no more connections. Others hold the sockets of `held` too. What is open goes on, until
    /// [`Self::end_connections`]. Blocks, at most for [`DONE_WITHIN`].
    pub(crate) fn close(&self, held: &Arc<Addresses>) {
        self.wait_for(|done| ThreadCommand::Close(Arc::clone(held), done));
    }

    /// Lets the connections of closed listeners end: those that are idle at once, the others after their request.
    pub(crate) fn end_connections(&self) {
        self.order(|| ThreadCommand::EndConnections);
    }

    /// Lets all threads accept no more connections, close idle ones, and end after the last request is answered. Who waits at
    /// an address of `held` is left to those who hold its sockets too. Blocks, at most for [`DONE_WITHIN`].
    pub(crate) fn drain(&self, held: &Arc<Addresses>) {
        self.close(held);
        self.end_connections();
        self.order(|| ThreadCommand::Drain);
    }

    fn order(&self, mut make: impl FnMut() -> ThreadCommand) {
        for orders in &self.orders {
            // A thread that has ended needs no command.
            let _ = orders.send(make());
        }
    }

    /// Sends a command to each thread and waits until all have done it.
    fn wait_for(&self, mut make: impl FnMut(Sender<()>) -> ThreadCommand) {
        let (done, all_done) = mpsc::channel::<()>();
        self.order(|| make(done.clone()));
        drop(done);
        wait(&all_done);
    }

    /// Waits until every thread has ended. They end after [`Self::drain`].
    pub(crate) async fn ended(&self) {
        let mut alive = self.alive.clone();
        // The threads own the sender. An error means that all of them have ended.
        let _ = alive.wait_for(|alive| *alive == 0).await;
    }
}

/// Runs what a thread does, with a runtime of its own.
#[cfg(not(feature = "simulation"))]
fn spawn<F: Future<Output = ()> + 'static>(number: usize, what: impl FnOnce() -> F + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("traffic-{number}")).spawn(move || {
        tokio::task::LocalSet::new().block_on(&runtime, what());
    })?;
    Ok(())
}

/// Blocks until the last sender is dropped: until all threads have done it.
#[cfg(not(feature = "simulation"))]
fn wait(all_done: &mpsc::Receiver<()>) {
    // Nothing is sent.
    let _ = all_done.recv_timeout(DONE_WITHIN);
}

/// In a simulation one thread does everything, so that its time can be made.
#[cfg(feature = "simulation")]
fn spawn<F: Future<Output = ()> + 'static>(_: usize, what: impl FnOnce() -> F + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_local(what());
    Ok(())
}

/// One thread cannot wait for itself. It does what it was told before anything that it is told later.
#[cfg(feature = "simulation")]
fn wait(_: &mpsc::Receiver<()>) {}

async fn run_thread(shared: Arc<Shared>, number: usize, mut inbox: UnboundedReceiver<ThreadCommand>) {
    let worker = Worker::new(shared, number);
    let listeners = Listeners::default();
    tokio::task::spawn_local(Rc::clone(&worker.clock).run());
    tokio::task::spawn_local(Rc::clone(&worker).sweep());
    while let Some(order) = inbox.recv().await {
        match order {
            ThreadCommand::Follow(generation, sockets, held, done) => {
                listeners.follow(&worker, &generation, sockets, &held).await;
                drop(done);
            }
            ThreadCommand::Sockets(to) => listeners.sockets(&to),
            ThreadCommand::Close(held, done) => {
                listeners.close_all(&held).await;
                drop(done);
            }
            ThreadCommand::EndConnections => listeners.end_connections(&worker),
            ThreadCommand::Drain => {
                worker.drained().await;
                return;
            }
        }
    }
}
