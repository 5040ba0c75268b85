//! The thread that writes logs: it takes what waits at each desk, every so often or when it is woken. Those who log never
//! wait for it, and it waits for nobody but its destinations.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::desk::Desk;
use super::sink::Bell;

/// A running writer; it writes what waits and ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    /// Starts the thread; `pause` is the longest time a line waits.
    pub(super) fn start(name: &str, pause: Duration) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let thread = shared.clone();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || thread.run(pause))?;
        Ok(Self { shared })
    }

    pub(super) fn bell(&self) -> Arc<Bell> {
        self.shared.bell.clone()
    }

    /// Another destination to write to, from the next turn on.
    pub(super) fn add(&self, desk: Desk) {
        self.order(|orders| orders.arriving.push(desk));
    }

    /// Every file is opened anew, after what waits has gone to the old one.
    pub(super) fn reopen(&self) {
        self.order(|orders| orders.reopen = true);
    }

    /// Waits until a whole turn has passed; false if `within` was not enough.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut ticket = 0;
        self.order(|orders| {
            orders.flushes_asked += 1;
            ticket = orders.flushes_asked;
        });
        let mut orders = self.shared.orders.lock();
        while orders.flushes_done < ticket {
            if self.shared.turned.wait_until(&mut orders, deadline).timed_out() {
                return orders.flushes_done >= ticket;
            }
        }
        true
    }

    fn order(&self, give: impl FnOnce(&mut Orders)) {
        give(&mut self.shared.orders.lock());
        self.shared.bell.ring();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.order(|orders| orders.stop = true);
    }
}

#[derive(Debug, Default)]
struct Shared {
    bell: Arc<Bell>,
    orders: Mutex<Orders>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
    arriving: Vec<Desk>,
    reopen: bool,
    stop: bool,
    flushes_asked: u64,
    flushes_done: u64,
}

impl Shared {
    fn run(&self, pause: Duration) {
        let mut desks = Vec::new();
        loop {
            self.bell.wait(pause);
            let mut orders = self.orders.lock();
            desks.append(&mut orders.arriving);
            let (reopen, stop, asked) = (std::mem::take(&mut orders.reopen), orders.stop, orders.flushes_asked);
            drop(orders);

            let now = Instant::now();
            desks.iter_mut().for_each(|desk: &mut Desk| desk.turn(reopen, now));
            desks.retain(|desk| !desk.finished());

            self.orders.lock().flushes_done = asked;
            self.turned.notify_all();
            if stop {
                return;
            }
        }
    }
}
