//! What an HTTP/2 client may ask of us that moves nothing forward, counted per time: frames that carry nothing (PING,
//! SETTINGS, PRIORITY, RST_STREAM, empty DATA), which the library below answers for ever, and requests that are taken back
//! (CVE-2023-44487, CVE-2025-8671). Browsers and WSO2 clients do some of both all day; only a flood overdraws.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock::Clock;

/// Idle frames at once, and a second. nginx takes a megabyte of them beside any payload.
const IDLE: Rate = Rate { most: 10_000, per_second: 2_000 };
/// Bytes, either way, that earn one more idle frame: who measures the line sends a PING for a few frames of data.
const EARNS_IDLE: usize = 256;
/// Requests taken back at once, and a second. What a page prefetches and drops is some hundred at most.
const TAKEN_BACK: Rate = Rate { most: 500, per_second: 100 };
/// Requests that may be taken back for one that was answered.
const EARNED: u64 = 2;
/// The client's preface (9113 3.4) before its first frame.
const PREFACE: usize = 24;
/// A frame's head (9113 4.1).
const FRAME_HEAD: usize = 9;

struct Rate {
    most: u64,
    per_second: u64,
}

/// What is left of a rate, in thousandths.
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

    /// Takes one out; false when there is none. `now` is in milliseconds.
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
    taken_back: Bucket,
    overdrawn: Cell<bool>,
}

impl Budget {
    /// A full one.
    pub(crate) fn full(clock: &Rc<Clock>) -> Rc<Self> {
        let (idle, taken_back) = (Bucket::full(IDLE), Bucket::full(TAKEN_BACK));
        Rc::new(Self { clock: Rc::clone(clock), idle, taken_back, overdrawn: Cell::new(false) })
    }

    /// Whether the client floods us. Nothing is read of it until [`Budget::forgive`].
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.overdrawn.get()
    }

    /// Begins anew.
    pub(crate) fn forgive(&self) {
        self.idle.put(u64::MAX);
        self.taken_back.put(u64::MAX);
        self.overdrawn.set(false);
    }

    /// A request was answered in full.
    pub(crate) fn answered(&self) {
        self.taken_back.put(EARNED * 1000);
    }

    /// A request ended by the client's doing, by a reset or by an error that made us reset it. It cost a node its beginning.
    pub(crate) fn taken_back(&self) {
        self.charge(&self.taken_back);
    }

    fn idle_frame(&self) {
        self.charge(&self.idle);
    }

    fn moved(&self, bytes: usize) {
        self.idle.put((bytes / EARNS_IDLE * 1000) as u64);
    }

    fn charge(&self, bucket: &Bucket) {
        if !bucket.take(self.clock.now()) {
            self.overdrawn.set(true);
        }
    }
}

/// A stream whose incoming frames are counted.
pub(crate) struct Counted<S> {
    stream: S,
    frames: Frames,
    budget: Rc<Budget>,
}

impl<S> Counted<S> {
    /// Counts what comes in on `stream`.
    pub(crate) fn new(stream: S, budget: Rc<Budget>) -> Self {
        Self { stream, frames: Frames::default(), budget }
    }
}

/// Where in the sequence of frames the bytes are.
struct Frames {
    skip: usize,
    head: [u8; FRAME_HEAD],
    have: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self { skip: PREFACE, head: [0; FRAME_HEAD], have: 0 }
    }
}

impl Frames {
    /// Follows the frames through `bytes`.
    fn follow(&mut self, mut bytes: &[u8], budget: &Budget) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else { break };
            if let Some(place) = self.head.get_mut(self.have) {
                *place = *first;
            }
            self.have += 1;
            bytes = rest;
            if self.have == FRAME_HEAD {
                self.have = 0;
                self.frame(budget);
            }
        }
    }

    fn frame(&mut self, budget: &Budget) {
        let [high, middle, low, kind, ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.skip = length;
        match kind {
            // DATA with content.
            0 if length > 0 => budget.moved(length),
            // Empty DATA, PRIORITY, RST_STREAM, SETTINGS, PING.
            0 | 2 | 3 | 4 | 6 => budget.idle_frame(),
            _ => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.budget.is_overdrawn() {
            // The connection's task is asked what to do first.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        let Self { frames, budget, .. } = &mut *self;
        frames.follow(into.filled().get(before..).unwrap_or_default(), budget);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, data);
        self.earn(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.earn(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl<S> Counted<S> {
    // Answers to PINGs are too small beside the data to matter.
    fn earn(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.budget.moved(*count);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 1];
        frame.resize(FRAME_HEAD + usize::from(length), 0xff);
        frame
    }

    fn preface() -> Vec<u8> {
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()
    }

    fn budget() -> Rc<Budget> {
        Budget::full(&Clock::new(std::time::Instant::now()))
    }

    #[test]
    fn idle_frames_use_the_budget_up_however_they_are_cut() {
        for kind in [2, 3, 4, 6] {
            for cut in [1, 7, 9, 4096] {
                let mut bytes = preface();
                (0..IDLE.most).for_each(|_| bytes.extend(frame(kind, 8)));
                let (mut frames, budget) = (Frames::default(), budget());
                bytes.chunks(cut).for_each(|piece| frames.follow(piece, &budget));
                assert!(!budget.is_overdrawn(), "kind {kind} in pieces of {cut}");
                frames.follow(&frame(kind, 8), &budget);
                assert!(budget.is_overdrawn(), "kind {kind} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn data_earns_idle_frames_and_empty_data_does_not() {
        let (mut frames, budget) = (Frames::default(), budget());
        frames.follow(&preface(), &budget);
        let (data, ping) = ([frame(0, 255), vec![0; 1]].concat(), frame(6, 8));
        let data = [&[0, 1, 0], &data[3..]].concat();
        for _ in 0..3 * IDLE.most {
            frames.follow(&data, &budget);
            frames.follow(&ping, &budget);
        }
        assert!(!budget.is_overdrawn());
        (0..=IDLE.most).for_each(|_| frames.follow(&frame(0, 0), &budget));
        assert!(budget.is_overdrawn());
    }

    #[test]
    fn what_is_taken_back_comes_back_with_time_and_with_answers() {
        let bucket = Bucket::full(TAKEN_BACK);
        assert!((0..TAKEN_BACK.most).all(|_| bucket.take(0)) && !bucket.take(0));
        assert!((0..TAKEN_BACK.per_second).all(|_| bucket.take(1000)) && !bucket.take(1000));
        let budget = budget();
        for _ in 0..10 * TAKEN_BACK.most {
            budget.answered();
            (0..EARNED).for_each(|_| budget.taken_back());
        }
        assert!(!budget.is_overdrawn());
        (0..=TAKEN_BACK.most).for_each(|_| budget.taken_back());
        assert!(budget.is_overdrawn());
        budget.forgive();
        assert!(!budget.is_overdrawn());
    }
}
