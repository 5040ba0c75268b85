//! The hand-over between those who log and the thread that writes: a bounded buffer under a short lock. A line that
//! finds no room is dropped and counted; whoever brings it never waits for a disk.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// One destination, as those who log see it. It is flushed and closed when the last handle is dropped.
#[derive(Debug)]
pub struct LogQueue {
    lines: Arc<Lines>,
}

impl LogQueue {
    /// Takes one finished line, without its end of line.
    pub fn line(&self, line: &[u8]) {
        self.lines.push(line);
    }

    /// What the destination is called in metrics: its path, or `journal`.
    pub fn name(&self) -> &str {
        &self.lines.name
    }

    /// How many lines were lost: no room here, or an error where they were written.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped.load(Relaxed)
    }

    pub(super) fn on(lines: Arc<Lines>) -> Self {
        Self { lines }
    }
}

impl Drop for LogQueue {
    fn drop(&mut self) {
        self.lines.closed.store(true, Release);
        self.lines.bell.ring();
    }
}

/// The lines that wait for the writer.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) name: String,
    pub(super) limits: Limits,
    /// Written before every line.
    pub(super) prefix: &'static [u8],
    pub(super) bell: Arc<Bell>,
    pub(super) dropped: AtomicU64,
    closed: AtomicBool,
    waiting: Mutex<Vec<u8>>,
}

/// How many bytes may wait, and how many wake the writer before its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) most: usize,
    pub(super) wake: usize,
}

impl Lines {
    pub(super) fn new(name: String, limits: Limits, prefix: &'static [u8], bell: Arc<Bell>) -> Self {
        let (dropped, closed, waiting) = Default::default();
        Self { name, limits, prefix, bell, dropped, closed, waiting }
    }

    /// Swaps what waits into `hands`, which must be empty.
    pub(super) fn take(&self, hands: &mut Vec<u8>) {
        std::mem::swap(&mut *self.waiting.lock(), hands);
    }

    /// Nobody can bring a line any more.
    pub(super) fn closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    fn push(&self, line: &[u8]) {
        let added = self.prefix.len() + line.len() + 1;
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        if before + added > self.limits.most {
            drop(waiting);
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        waiting.extend_from_slice(self.prefix);
        waiting.extend_from_slice(line);
        waiting.push(b'\n');
        drop(waiting);
        if before < self.limits.wake && before + added >= self.limits.wake {
            self.bell.ring();
        }
    }
}

/// Wakes the writer.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock() = true;
        self.heard.notify_one();
    }

    /// Returns when it is rung, or after `pause`.
    pub(super) fn wait(&self, pause: Duration) {
        let deadline = Instant::now() + pause;
        let mut rung = self.rung.lock();
        while !*rung && !self.heard.wait_until(&mut rung, deadline).timed_out() {}
        *rung = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(most: usize) -> Arc<Lines> {
        Arc::new(Lines::new("test".into(), Limits { most, wake: 8 }, b"<6>", Arc::default()))
    }

    #[test]
    fn a_line_without_room_is_dropped_whole_and_counted() {
        let lines = lines(16);
        let sink = LogQueue::on(lines.clone());
        for line in [&b"one"[..], b"two", b"three", b"", b"x"] {
            sink.line(line);
        }
        let mut hands = Vec::new();
        lines.take(&mut hands);
        assert_eq!(String::from_utf8_lossy(&hands), "<6>one\n<6>two\n");
        assert_eq!(sink.dropped(), 3);

        sink.line(b"again");
        hands.clear();
        lines.take(&mut hands);
        assert_eq!(hands, b"<6>again\n", "what was taken makes room");
    }

    #[test]
    fn the_writer_is_woken_once_enough_waits() {
        let lines = lines(100);
        let sink = LogQueue::on(lines.clone());
        sink.line(b"1");
        assert!(!*lines.bell.rung.lock(), "a short line waits for the writer's next turn");
        sink.line(b"2");
        assert!(*lines.bell.rung.lock());
        drop(sink);
        assert!(lines.closed());
    }

    #[test]
    fn two_threads_lose_nothing_and_mix_nothing() {
        let lines = lines(1 << 20);
        let sink = LogQueue::on(lines.clone());
        std::thread::scope(|scope| {
            for text in [&b"aaaaaaaaaaaa"[..], b"bbbb"] {
                let sink = &sink;
                scope.spawn(move || (0..1_000).for_each(|_| sink.line(text)));
            }
        });
        let mut hands = Vec::new();
        lines.take(&mut hands);
        let text = String::from_utf8(hands).unwrap();
        assert_eq!(text.lines().filter(|line| *line == "<6>aaaaaaaaaaaa").count(), 1_000);
        assert_eq!(text.lines().filter(|line| *line == "<6>bbbb").count(), 1_000);
        assert_eq!(text.lines().count(), 2_000);
    }
}
