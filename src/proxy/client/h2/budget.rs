//! Limits what an HTTP/2 client may ask for that makes no progress, per time: frames that carry nothing (PING,
//! SETTINGS, PRIORITY, RST_STREAM, empty DATA), which the h2 library answers without limit, and requests that are
//! cancelled (CVE-2023-44487, CVE-2025-8671). Browsers and WSO2 clients do some of both all the time. Only a flood
//! exceeds the limits.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use crate::proxy::io::clock::Clock;

/// How many idle frames are allowed at once, and per second. nginx allows a megabyte of them in addition to payload.
const IDLE: Rate = Rate { most: 10_000, per_second: 2_000 };
/// For so many body bytes in either direction one more idle frame is allowed. A client that measures the bandwidth
/// sends a PING for every few frames of data.
const EARNS_IDLE: usize = 256;
/// How many cancelled requests are allowed at once, and per second. A page cancels some hundred prefetches at most.
const CANCELLED: Rate = Rate { most: 500, per_second: 100 };
/// For each answered request so many further cancelled ones are allowed.
const EARNED: u64 = 2;

struct Rate {
    most: u64,
    per_second: u64,
}

/// A token bucket, in thousandths of a token.
struct Bucket {
    rate: Rate,
    left: Cell<u64>,
    at: Cell<u64>,
}

impl Bucket {
    const fn full(rate: Rate) -> Self {
        let left = Cell::new(rate.most * 1000);
        Self { rate, left, at: Cell::new(0) }
    }

    /// Takes one token. False when there is none. `now` is in milliseconds.
    fn take(&self, now: u64) -> bool {
        let since = now.saturating_sub(self.at.replace(now));
        self.put(since.saturating_mul(self.rate.per_second));
        let left = self.left.get().checked_sub(1000);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    fn put(&self, thousandths: u64) {
        self.left.set(self.left.get().saturating_add(thousandths).min(self.rate.most * 1000));
    }
}

/// What one connection may still do.
pub(crate) struct Budget {
    clock: Rc<Clock>,
    idle: Bucket,
    cancelled: Bucket,
    overdrawn: Cell<bool>,
    for_good: Cell<bool>,
    saw_reset: Cell<bool>,
}

impl Budget {
    /// A budget of which nothing is used.
    pub(crate) fn full(clock: &Rc<Clock>) -> Rc<Self> {
        let (idle, cancelled) = (Bucket::full(IDLE), Bucket::full(CANCELLED));
        Rc::new(Self {
            clock: Rc::clone(clock),
            idle,
            cancelled,
            overdrawn: Cell::new(false),
            for_good: Cell::new(false),
            saw_reset: Cell::new(false),
        })
    }

    /// Whether the client floods us. If so, nothing more is read from it until [`Budget::forgive`].
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.overdrawn.get()
    }

    /// Fills the budget again.
    pub(crate) fn forgive(&self) {
        self.idle.put(u64::MAX);
        self.cancelled.put(u64::MAX);
        self.overdrawn.set(false);
    }

    /// Counts a request that was answered in full.
    pub(crate) fn answered(&self) {
        self.cancelled.put(EARNED * 1000);
    }

    /// Counts a request that the client ended, by a reset or by an error for which Weir reset the stream. A node may
    /// have begun to work on it.
    pub(crate) fn cancelled(&self) {
        self.charge(&self.cancelled);
    }

    /// The client needs more memory than Weir may use for it. This cannot be forgiven.
    pub(crate) fn overdraw_for_good(&self) {
        self.for_good.set(true);
        self.overdrawn.set(true);
    }

    /// Whether the budget was exceeded in a way that cannot be forgiven.
    pub(crate) fn is_for_good(&self) -> bool {
        self.for_good.get()
    }

    /// Counts a frame that carries nothing.
    pub(crate) fn idle_frame(&self) {
        self.charge(&self.idle);
    }

    /// Counts a RST_STREAM frame.
    pub(crate) fn reset_frame(&self) {
        self.saw_reset.set(true);
        self.idle_frame();
    }

    /// Whether a RST_STREAM was seen, so that a new stream may already be reset.
    pub(crate) fn saw_reset(&self) -> bool {
        self.saw_reset.get()
    }

    /// Counts written bytes as progress. Answers to PINGs are counted too, but they are small compared with data.
    pub(crate) fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.moved(*count);
        }
        written
    }

    /// Counts body bytes that were received or sent.
    pub(crate) fn moved(&self, bytes: usize) {
        self.idle.put((bytes / EARNS_IDLE * 1000) as u64);
    }

    fn charge(&self, bucket: &Bucket) {
        if !bucket.take(self.clock.now()) {
            self.overdrawn.set(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Rc<Budget> {
        Budget::full(&Clock::new(tokio::time::Instant::now()))
    }

    #[test]
    fn the_budget_for_cancelled_requests_refills_with_time_and_with_answers() {
        let bucket = Bucket::full(CANCELLED);
        assert!((0..CANCELLED.most).all(|_| bucket.take(0)) && !bucket.take(0));
        assert!((0..CANCELLED.per_second).all(|_| bucket.take(1000)) && !bucket.take(1000));
        let budget = budget();
        for _ in 0..10 * CANCELLED.most {
            budget.answered();
            (0..EARNED).for_each(|_| budget.cancelled());
        }
        assert!(!budget.is_overdrawn());
        (0..=CANCELLED.most).for_each(|_| budget.cancelled());
        assert!(budget.is_overdrawn());
        budget.forgive();
        assert!(!budget.is_overdrawn());
    }
}
