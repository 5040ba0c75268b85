//! The queue between those who log and the thread that writes: a bounded buffer under a lock that is held for one copy.
//! A line that finds no room is dropped and counted, so nobody who logs waits for a disk.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The sending end of a queue, one for each destination. When it is dropped, what waits is written and the destination
/// is closed.
#[derive(Debug)]
pub struct LogQueue {
    lines: Arc<QueuedLines>,
}

impl LogQueue {
    /// Adds one line, given without its end of line.
    pub fn line(&self, line: &[u8]) {
        self.lines.push(line);
    }

    /// The same; says whether there was room.
    pub(super) fn takes(&self, line: &[u8]) -> bool {
        self.lines.push(line)
    }

    /// What the destination is called in metrics: its path, or `journal`.
    pub fn name(&self) -> &str {
        &self.lines.name
    }

    /// How many lines were lost: no room here, or an error where they were written.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped.load(Relaxed)
    }

    pub(super) fn new(lines: Arc<QueuedLines>) -> Self {
        Self { lines }
    }
}

impl Drop for LogQueue {
    fn drop(&mut self) {
        self.lines.closed.store(true, Release);
        self.lines.wakeup.wake();
    }
}

/// The lines that wait for the writer: both ends share it.
#[derive(Debug)]
pub(super) struct QueuedLines {
    pub(super) name: String,
    pub(super) limits: QueueLimits,
    /// Written before every line.
    pub(super) prefix: &'static [u8],
    pub(super) wakeup: Arc<Wakeup>,
    pub(super) dropped: AtomicU64,
    closed: AtomicBool,
    waiting: Mutex<Vec<u8>>,
}

/// How many bytes may wait, and at how many the writer is woken before its pause is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    pub(super) most: usize,
    pub(super) wake: usize,
}

impl QueuedLines {
    pub(super) fn new(name: String, limits: QueueLimits, prefix: &'static [u8], wakeup: Arc<Wakeup>) -> Self {
        let (dropped, closed, waiting) = Default::default();
        Self { name, limits, prefix, wakeup, dropped, closed, waiting }
    }

    /// Swaps what waits into `buffer`, which must be empty.
    pub(super) fn take(&self, buffer: &mut Vec<u8>) {
        std::mem::swap(&mut *self.waiting.lock(), buffer);
    }

    /// The sending end is dropped: no line can come any more.
    pub(super) fn closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    /// How many lines wait.
    pub(super) fn count(&self) -> usize {
        self.waiting.lock().iter().filter(|byte| **byte == b'\n').count()
    }

    fn push(&self, line: &[u8]) -> bool {
        let added = self.prefix.len() + line.len() + 1;
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        if before + added > self.limits.most {
            drop(waiting);
            self.dropped.fetch_add(1, Relaxed);
            return false;
        }
        waiting.extend_from_slice(self.prefix);
        waiting.extend_from_slice(line);
        waiting.push(b'\n');
        drop(waiting);
        if before < self.limits.wake && before + added >= self.limits.wake {
            self.wakeup.wake();
        }
        true
    }
}

/// Wakes the writer thread.
#[derive(Debug, Default)]
pub(super) struct Wakeup {
    woken: Mutex<bool>,
    condition: Condvar,
}

impl Wakeup {
    pub(super) fn wake(&self) {
        *self.woken.lock() = true;
        self.condition.notify_one();
    }

    /// Returns when it is woken, or after `pause`.
    pub(super) fn wait(&self, pause: Duration) {
        let deadline = Instant::now() + pause;
        let mut woken = self.woken.lock();
        while !*woken && !self.condition.wait_until(&mut woken, deadline).timed_out() {}
        *woken = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(most: usize) -> Arc<QueuedLines> {
        Arc::new(QueuedLines::new("test".into(), QueueLimits { most, wake: 8 }, b"<6>", Arc::default()))
    }

    #[test]
    fn a_line_without_room_is_dropped_whole_and_counted() {
        let lines = lines(16);
        let queue = LogQueue::new(lines.clone());
        for line in [&b"one"[..], b"two", b"three", b"", b"x"] {
            queue.line(line);
        }
        let mut taken = Vec::new();
        lines.take(&mut taken);
        assert_eq!(String::from_utf8_lossy(&taken), "<6>one\n<6>two\n");
        assert_eq!(queue.dropped(), 3);

        queue.line(b"again");
        taken.clear();
        lines.take(&mut taken);
        assert_eq!(taken, b"<6>again\n", "what was taken makes room");
    }

    #[test]
    fn the_writer_is_woken_once_enough_waits() {
        let lines = lines(100);
        let queue = LogQueue::new(lines.clone());
        queue.line(b"1");
        assert!(!*lines.wakeup.woken.lock(), "a short line waits for the writer's next turn");
        queue.line(b"2");
        assert!(*lines.wakeup.woken.lock());
        drop(queue);
        assert!(lines.closed());
    }

    #[test]
    fn two_threads_lose_nothing_and_mix_nothing() {
        let lines = lines(1 << 20);
        let queue = LogQueue::new(lines.clone());
        std::thread::scope(|scope| {
            for text in [&b"aaaaaaaaaaaa"[..], b"bbbb"] {
                let queue = &queue;
                scope.spawn(move || (0..1_000).for_each(|_| queue.line(text)));
            }
        });
        let mut taken = Vec::new();
        lines.take(&mut taken);
        let text = String::from_utf8(taken).unwrap();
        assert_eq!(text.lines().filter(|line| *line == "<6>aaaaaaaaaaaa").count(), 1_000);
        assert_eq!(text.lines().filter(|line| *line == "<6>bbbb").count(), 1_000);
        assert_eq!(text.lines().count(), 2_000);
    }
}
