//! The listeners of one thread: what it accepts on their sockets, and how it stops to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::connections::serve_accepted;
use super::sockets::{Addresses, ThreadSockets, let_nobody_in};
use crate::proxy::connection::ThreadListener;
use crate::proxy::generation::{Generation, ListenerRef};
use crate::proxy::io::descriptors;
use crate::proxy::io::descriptors::PAUSE;
use crate::proxy::worker::Worker;

/// How long handshakes of TCP that have begun may take when a socket is about to close: the way to the client and back.
const HANDSHAKES: Duration = Duration::from_millis(100);

/// The listeners of one thread.
///
/// A listener ends in two steps. First its sockets are closed on all threads, and only then its idle connections. Their
/// clients connect anew at once: a socket that closes a moment later would reset those connections.
#[derive(Default)]
pub(crate) struct Listeners {
    by_address: RefCell<HashMap<SocketAddr, Socketed>>,
    /// Listeners whose socket is closed, but not their connections.
    closed: RefCell<Vec<Rc<ThreadListener>>>,
}

struct Socketed {
    listening: Rc<ThreadListener>,
    accepting: Vec<Accepting>,
}

/// A task that accepts on one socket.
struct Accepting {
    socket: Rc<TcpListener>,
    stop: oneshot::Sender<Queued>,
    task: JoinHandle<()>,
}

/// What becomes of clients that are in the queue of a socket when its thread stops to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queued {
    /// They are served: the socket closes.
    Served,
    /// They wait on, because somebody else has the socket too.
    Waiting,
}

impl Listeners {
    /// Follows a new generation: listeners on known addresses use it from now on, new listeners start on their sockets,
    /// and the sockets of all others are closed. Returns when those are closed. Others hold the sockets of `held` too.
    pub(crate) async fn follow(
        &self,
        worker: &Rc<Worker>,
        generation: &Arc<Generation>,
        mut sockets: ThreadSockets,
        held: &Addresses,
    ) {
        let ended = self.change(worker, generation, &mut sockets);
        // Connections that only wait must not keep the old generation in memory.
        worker.clock.wake_all();
        self.close(ended, held).await;
    }

    fn change(
        &self,
        worker: &Rc<Worker>,
        generation: &Arc<Generation>,
        sockets: &mut ThreadSockets,
    ) -> Vec<(SocketAddr, Socketed)> {
        let mut by_address = self.by_address.borrow_mut();
        for (index, listener) in generation.snapshot.config.listeners.iter().enumerate() {
            let listener_ref = ListenerRef { generation: Arc::clone(generation), listener: index };
            if let Some(known) = by_address.get(&listener.bind) {
                known.listening.move_to(listener_ref);
            } else if let Some(sockets) = sockets.remove(&listener.bind) {
                by_address.insert(listener.bind, begin(worker, sockets, listener_ref));
            }
        }
        let wanted = |address: &SocketAddr| generation.snapshot.config.listeners.iter().any(|l| l.bind == *address);
        by_address.extract_if(|address, _| !wanted(address)).collect()
    }

    /// Sends a second descriptor of each listening socket.
    pub(crate) fn sockets(&self, to: &Sender<(SocketAddr, StdListener)>) {
        for (address, socketed) in self.by_address.borrow().iter() {
            for Accepting { socket, .. } in &socketed.accepting {
                match socket.as_fd().try_clone_to_owned() {
                    // Who asked may have gone.
                    Ok(second) => _ = to.send((*address, second.into())),
                    Err(error) => log::error!("a listening socket cannot be handed over: {error}"),
                }
            }
        }
    }

    /// Closes the sockets of all listeners. Returns when they are closed. Others hold the sockets of `held` too.
    pub(crate) async fn close_all(&self, held: &Addresses) {
        let all = self.by_address.borrow_mut().drain().collect();
        self.close(all, held).await;
    }

    async fn close(&self, ended: Vec<(SocketAddr, Socketed)>, held: &Addresses) {
        let mut closing = Vec::new();
        for (address, Socketed { listening, accepting }) in ended {
            let queued = if held.contains(&address) { Queued::Waiting } else { Queued::Served };
            for Accepting { stop, task, .. } in accepting {
                // A task that has ended by itself has also closed its socket.
                let _ = stop.send(queued);
                closing.push(task);
            }
            self.closed.borrow_mut().push(listening);
        }
        for task in closing {
            let _ = task.await;
        }
    }

    /// Lets the connections of closed listeners end: those that are idle at once, the others after their request.
    pub(crate) fn end_connections(&self, worker: &Worker) {
        let closed = self.closed.take();
        closed.iter().for_each(|listening| listening.close());
        if !closed.is_empty() {
            worker.clock.wake_all();
        }
    }
}

fn begin(worker: &Rc<Worker>, sockets: Vec<StdListener>, listener_ref: ListenerRef) -> Socketed {
    let listening = ThreadListener::new(listener_ref);
    let begin_one = |socket: StdListener| {
        let socket =
            TcpListener::from_std(socket).inspect_err(|error| log::error!("cannot accept on a socket: {error}"));
        let (worker, ours, socket) = (Rc::clone(worker), Rc::clone(&listening), Rc::new(socket.ok()?));
        let (stop, until) = oneshot::channel();
        let accepts = Rc::clone(&socket);
        let task = tokio::task::spawn_local(async move { accept(&worker, &ours, &accepts, until).await });
        Some(Accepting { socket, stop, task })
    };
    let accepting = sockets.into_iter().filter_map(begin_one).collect();
    Socketed { listening, accepting }
}

async fn accept(
    worker: &Rc<Worker>,
    listening: &Rc<ThreadListener>,
    socket: &TcpListener,
    mut stopped: oneshot::Receiver<Queued>,
) {
    let queued = loop {
        let accepted = poll_fn(|cx| match socket.poll_accept(cx) {
            Poll::Pending => Pin::new(&mut stopped).poll(cx).map(Err),
            accepted => accepted.map(Ok),
        });
        match accepted.await {
            Ok(Ok((stream, peer))) => {
                let last = descriptors::clients_wait(&stream);
                serve_accepted(worker, listening, stream, peer);
                if last {
                    tokio::select! {
                        () = descriptors::wait_for_room(socket) => {}
                        queued = &mut stopped => break queued,
                    }
                }
            }
            // Without free descriptors every accept fails at once and the loop would not wait for `stopped`, so it is
            // checked here.
            Ok(Err(error)) => tokio::select! {
                () = pause(&error) => {}
                queued = &mut stopped => break queued,
            },
            Err(queued) => break queued,
        }
    };
    if queued != Ok(Queued::Waiting) {
        accept_last(worker, listening, socket).await;
    }
}

/// Accepts who is on the way to a socket that is about to close. Closing resets those in its queue, who may have sent a request,
/// and those whose handshake is not over.
///
/// First the kernel is told to drop the first packet of new connections. Their clients send it again one second later, and
/// are refused then, or let in by the next Weir. Handshakes that have begun get [`HANDSHAKES`]. At last the kernel itself is
/// asked for the rest, since tokio remembers that the queue was empty a moment ago.
async fn accept_last(worker: &Rc<Worker>, listening: &Rc<ThreadListener>, socket: &TcpListener) {
    if let Err(error) = let_nobody_in(socket) {
        log::warn!("who connects while a listening socket closes may be reset: {error}");
    }
    let begun = async {
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => serve_accepted(worker, listening, stream, peer),
                Err(error) if concerns_one(&error) => {}
                Err(_) => return,
            }
        }
    };
    // It ends earlier only where no descriptor is left.
    let _ = tokio::time::timeout(HANDSHAKES, begun).await;
    match socket.as_fd().try_clone_to_owned() {
        Ok(socket) => accept_rest(worker, listening, &socket.into()),
        Err(error) => log::error!("a listening socket cannot be emptied before it closes: {error}"),
    }
}

fn accept_rest(worker: &Rc<Worker>, listening: &Rc<ThreadListener>, socket: &StdListener) {
    loop {
        let accepted = socket.accept().and_then(|(stream, peer)| {
            stream.set_nonblocking(true)?;
            Ok((TcpStream::from_std(stream)?, peer))
        });
        match accepted {
            Ok((stream, peer)) => serve_accepted(worker, listening, stream, peer),
            Err(error) if concerns_one(&error) => {}
            // The queue is empty, or no descriptor is left.
            Err(_) => return,
        }
    }
}

/// Whether the next connection may be accepted at once.
fn concerns_one(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

async fn pause(error: &io::Error) {
    let aborted = error.kind() == io::ErrorKind::ConnectionAborted;
    if !aborted {
        descriptors::warn(|| format!("cannot accept: {error}; trying again every {} ms", PAUSE.as_millis()));
        tokio::time::sleep(PAUSE).await;
    }
}
