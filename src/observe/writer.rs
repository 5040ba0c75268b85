//! The thread that writes logs: after a pause, or when it is woken, it lets each appender write what waits in its queue.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::appender::Appender;
use super::queue::Wakeup;

/// A running writer thread. When this is dropped, it writes what waits and ends.
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

    pub(super) fn wakeup(&self) -> Arc<Wakeup> {
        self.shared.wakeup.clone()
    }

    /// Adds a destination.
    pub(super) fn add(&self, appender: Appender) {
        self.command(|commands| commands.arriving.push(appender));
    }

    /// Every file is opened anew, after what waits has gone to the old one.
    pub(super) fn reopen(&self) {
        self.command(|commands| commands.reopen = true);
    }

    /// Waits until every appender has written what waits now; false if `within` was not enough.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut ticket = 0;
        self.command(|commands| {
            commands.flushes_asked += 1;
            ticket = commands.flushes_asked;
        });
        let mut commands = self.shared.commands.lock();
        while commands.flushes_done < ticket {
            if self.shared.turned.wait_until(&mut commands, deadline).timed_out() {
                return commands.flushes_done >= ticket;
            }
        }
        true
    }

    fn command(&self, give: impl FnOnce(&mut Commands)) {
        give(&mut self.shared.commands.lock());
        self.shared.wakeup.wake();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.command(|commands| commands.stop = true);
    }
}

#[derive(Debug, Default)]
struct Shared {
    wakeup: Arc<Wakeup>,
    commands: Mutex<Commands>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct Commands {
    arriving: Vec<Appender>,
    reopen: bool,
    stop: bool,
    flushes_asked: u64,
    flushes_done: u64,
}

impl Shared {
    fn run(&self, pause: Duration) {
        let mut appenders = Vec::new();
        loop {
            self.wakeup.wait(pause);
            let mut commands = self.commands.lock();
            appenders.append(&mut commands.arriving);
            let (reopen, stop, asked) = (std::mem::take(&mut commands.reopen), commands.stop, commands.flushes_asked);
            drop(commands);

            let now = Instant::now();
            appenders.iter_mut().for_each(|appender: &mut Appender| appender.write_pending(reopen, now));
            appenders.retain(|appender| !appender.finished());

            self.commands.lock().flushes_done = asked;
            self.turned.notify_all();
            if stop {
                return;
            }
        }
    }
}
