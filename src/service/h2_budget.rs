//! Counts the frames of an HTTP/2 client that cost us work and move nothing forward (PING, SETTINGS, PRIORITY, empty
//! DATA, resets), because the library below answers them for ever. It sees the bytes as they are read and changes none.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Idle frames that a client may send ahead of any request.
const ALLOWANCE: u32 = 1000;
/// What a request, or a piece of a body, earns.
const EARNED: u32 = 10;
/// What a reset costs: twice what its request had earned.
const RESET: u32 = 2 * EARNED;
/// The client's preface (9113 3.4) before its first frame.
const PREFACE: usize = 24;
/// A frame's head (9113 4.1).
const FRAME_HEAD: usize = 9;

/// Whether the client has overdrawn.
#[derive(Clone, Default)]
pub(crate) struct Overdrawn(Rc<Cell<bool>>);

impl Overdrawn {
    /// Whether the connection should end.
    pub(crate) fn is_so(&self) -> bool {
        self.0.get()
    }
}

/// A stream whose incoming frames are counted.
pub(crate) struct Counted<S> {
    stream: S,
    frames: Frames,
    overdrawn: Overdrawn,
}

impl<S> Counted<S> {
    /// Counts what comes in on `stream`.
    pub(crate) fn new(stream: S) -> (Self, Overdrawn) {
        let overdrawn = Overdrawn::default();
        (Self { stream, frames: Frames::default(), overdrawn: overdrawn.clone() }, overdrawn)
    }
}

/// Where in the sequence of frames the bytes are.
struct Frames {
    skip: usize,
    head: [u8; FRAME_HEAD],
    have: usize,
    left: u32,
}

impl Default for Frames {
    fn default() -> Self {
        Self { skip: PREFACE, head: [0; FRAME_HEAD], have: 0, left: ALLOWANCE }
    }
}

impl Frames {
    /// Follows the frames through `bytes`; false when the budget is used up.
    fn follow(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && self.left > 0 {
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
                self.frame();
            }
        }
        self.left > 0
    }

    fn frame(&mut self) {
        let [high, middle, low, kind, ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.skip = length;
        match kind {
            // DATA with content, HEADERS.
            0 if length > 0 => self.left = (self.left + EARNED).min(ALLOWANCE),
            1 => self.left = (self.left + EARNED).min(ALLOWANCE),
            // A request that is taken back earned nothing, and cost a node its beginning.
            3 => self.left = self.left.saturating_sub(RESET),
            // Empty DATA, PRIORITY, SETTINGS, PING.
            0 | 2 | 4 | 6 => self.left -= 1,
            _ => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        if !self.frames.follow(into.filled().get(before..).unwrap_or_default()) {
            self.overdrawn.0.set(true);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
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
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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

    #[test]
    fn idle_frames_use_the_budget_up_however_they_are_cut() {
        for kind in [2, 4, 6] {
            for cut in [1, 7, 9, 4096] {
                let mut bytes = preface();
                (0..ALLOWANCE).for_each(|_| bytes.extend(frame(kind, 8)));
                let mut frames = Frames::default();
                let last = bytes.chunks(cut).map(|piece| frames.follow(piece)).collect::<Vec<_>>();
                assert_eq!(last.last(), Some(&false), "kind {kind} in pieces of {cut}");
                assert!(last[0], "not at once");
            }
        }
    }

    #[test]
    fn requests_that_are_taken_back_use_the_budget_up_and_some_of_many_do_not() {
        let mut frames = Frames::default();
        assert!(frames.follow(&preface()));
        for _ in 0..10_000 {
            assert!((0..2).all(|_| frames.follow(&frame(1, 20))) && frames.follow(&frame(3, 4)));
        }
        let pair = [frame(1, 20), frame(3, 4)].concat();
        let taken = (0..ALLOWANCE).take_while(|_| frames.follow(&pair)).count();
        assert!((50..200).contains(&taken), "{taken} requests taken back");
    }

    #[test]
    fn work_earns_budget_again() {
        let mut frames = Frames::default();
        assert!(frames.follow(&preface()));
        for _ in 0..10_000 {
            assert!(frames.follow(&frame(1, 20)));
            (0..EARNED).for_each(|_| assert!(frames.follow(&frame(6, 8))));
        }
        assert!((0..2 * ALLOWANCE).any(|_| !frames.follow(&frame(0, 0))), "empty DATA is no work");
    }
}
