//! One coarse clock for each thread, and the deadlines that use it.
//!
//! A timer for every read and write would cost more than the read. Instead each connection owns one [`Deadlines`] with
//! a read and a write deadline (two plain cells), and the thread's clock checks all of them every [`TICK`]. It wakes a
//! task whose deadline has passed, and the task checks which one it was. Deadlines are therefore late by up to one
//! tick, never early.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

/// How coarse the clock is.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// No deadline.
const NEVER: u64 = u64::MAX;

/// A thread's clock: milliseconds since `start`, moved on by [`Clock::run`].
pub(crate) struct Clock {
    start: Instant,
    now: Cell<u64>,
    connections: RefCell<Vec<Weak<Deadlines>>>,
}

impl Clock {
    /// A clock that counts from `start`. All threads and the rooms in `traffic` use the same start.
    pub(crate) fn new(start: Instant) -> Rc<Self> {
        Rc::new(Self { start, now: Cell::new(millis_since(start)), connections: RefCell::new(Vec::new()) })
    }

    /// Milliseconds since the start of the process, at most one tick old.
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// A pair of deadlines for a new connection.
    pub(crate) fn deadlines(self: &Rc<Self>) -> Rc<Deadlines> {
        let deadlines = Rc::new(Deadlines {
            clock: Rc::clone(self),
            read: Cell::new(NEVER),
            write: Cell::new(NEVER),
            waker: RefCell::new(None),
        });
        self.connections.borrow_mut().push(Rc::downgrade(&deadlines));
        deadlines
    }

    /// Moves the clock on and wakes every task whose deadline has passed. Runs for ever.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            self.now.set(millis_since(self.start));
            self.sweep(Deadlines::is_late);
        }
    }

    /// Wakes every connection of this thread, so that it looks at its listener again.
    pub(crate) fn wake_all(&self) {
        self.sweep(|_, _| true);
    }

    fn sweep(&self, wanted: impl Fn(&Deadlines, u64) -> bool) {
        let now = self.now.get();
        self.connections.borrow_mut().retain(|deadlines| {
            let Some(deadlines) = deadlines.upgrade() else { return false };
            if wanted(&deadlines, now) {
                deadlines.wake();
            }
            true
        });
    }
}

/// The two deadlines of one connection, and the task to wake when one of them passes.
pub(crate) struct Deadlines {
    clock: Rc<Clock>,
    read: Cell<u64>,
    write: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

impl Deadlines {
    /// The clock's time.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// From now on a read must be done within `limit`.
    pub(crate) fn read_within(&self, limit: Duration) {
        self.read.set(self.after(limit));
    }

    /// Sets a running read deadline to `limit` from now on.
    pub(crate) fn restart_read(&self, limit: Duration) {
        if self.read.get() != NEVER {
            self.read_within(limit);
        }
    }

    /// From now on a write must be done within `limit`.
    pub(crate) fn write_within(&self, limit: Duration) {
        self.write.set(self.after(limit));
    }

    /// Removes the deadline for reads.
    pub(crate) fn read_done(&self) {
        self.read.set(NEVER);
    }

    /// Whether a write waits until the other side takes something.
    pub(crate) fn is_write_blocked(&self) -> bool {
        self.write.get() != NEVER
    }

    /// Removes the deadline for writes.
    pub(crate) fn write_done(&self) {
        self.write.set(NEVER);
    }

    /// Whether the read deadline has passed. If not, the task is stored to be woken later.
    pub(crate) fn read_late(&self, cx: &Context<'_>) -> bool {
        self.remember(cx);
        self.read.get() <= self.clock.now()
    }

    /// Whether the write deadline has passed. If not, the task is stored to be woken later.
    pub(crate) fn write_late(&self, cx: &Context<'_>) -> bool {
        self.remember(cx);
        self.write.get() <= self.clock.now()
    }

    // One tick is added, because the clock may be up to a tick behind and a deadline must not be early.
    fn after(&self, limit: Duration) -> u64 {
        let limit = u64::try_from((limit + TICK).as_millis()).unwrap_or(NEVER);
        self.clock.now().saturating_add(limit)
    }

    fn is_late(&self, now: u64) -> bool {
        self.read.get() <= now || self.write.get() <= now
    }

    fn remember(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// How often a connection with this deadline is woken while the clock goes on by 50 ms five times, and whether the
    /// deadline had passed.
    fn woken(set: impl Fn(&Deadlines), late: impl Fn(&Deadlines, &Context<'_>) -> bool) -> [(usize, bool); 5] {
        let clock = Clock::new(Instant::now());
        let (deadlines, count) = (clock.deadlines(), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        set(&deadlines);
        assert!(!late(&deadlines, &cx));
        [(); 5].map(|()| {
            clock.now.set(clock.now() + 50);
            clock.sweep(Deadlines::is_late);
            (count.0.load(SeqCst), late(&deadlines, &cx))
        })
    }

    const LIMIT: Duration = Duration::from_millis(150);
    const LATE: [(usize, bool); 5] = [(0, false), (0, false), (0, false), (1, true), (2, true)];

    #[test]
    fn who_waits_too_long_to_read_or_to_write_is_woken_and_finds_it_out() {
        assert_eq!(woken(|deadlines| deadlines.read_within(LIMIT), Deadlines::read_late), LATE);
        assert_eq!(woken(|deadlines| deadlines.write_within(LIMIT), Deadlines::write_late), LATE);
        let both = |deadlines: &Deadlines| {
            deadlines.read_within(Duration::from_secs(9));
            deadlines.write_within(LIMIT);
        };
        assert_eq!(woken(both, Deadlines::write_late), LATE);
        assert_eq!(woken(both, Deadlines::read_late).map(|(_, late)| late), [false; 5]);
    }

    #[test]
    fn who_is_done_is_not_late() {
        let done = |deadlines: &Deadlines| {
            deadlines.read_within(LIMIT);
            deadlines.write_within(LIMIT);
            deadlines.read_done();
            deadlines.write_done();
        };
        assert_eq!(woken(done, Deadlines::read_late), [(0, false); 5]);
        assert_eq!(woken(done, Deadlines::write_late), [(0, false); 5]);
        let reading = |deadlines: &Deadlines| {
            deadlines.read_within(LIMIT);
            deadlines.write_within(LIMIT);
            deadlines.write_done();
        };
        assert_eq!(woken(reading, Deadlines::read_late), LATE);
    }

    #[test]
    fn a_read_begins_its_time_anew_only_where_it_has_one() {
        assert_eq!(woken(|deadlines| deadlines.restart_read(LIMIT), Deadlines::read_late), [(0, false); 5]);
        let restarted = |deadlines: &Deadlines| {
            deadlines.read_within(Duration::ZERO);
            deadlines.restart_read(LIMIT);
        };
        assert_eq!(woken(restarted, Deadlines::read_late), LATE);
    }
}
