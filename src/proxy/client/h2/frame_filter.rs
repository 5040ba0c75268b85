//! Passes what an HTTP/2 client sends to the h2 library, after [`Frames`] has looked at it. Bytes with nothing odd in
//! them pass unchanged. A frame that must be judged as a whole is held until it is complete.

use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::budget::Budget;
use super::frames::{Frames, LARGEST, Walked};
use super::notes::Notes;

/// Held bytes up to this length are copied for every read that follows. More bytes stay where they are.
const COPIED: usize = 1024;

/// A stream whose incoming frames are looked at.
pub(crate) struct FrameFilter<S: AsyncWrite + Unpin> {
    stream: S,
    frames: Frames,
    /// The received part of a frame that is not complete.
    held: Vec<u8>,
    /// Bytes to be read next, from `given` on.
    ready: Vec<u8>,
    given: usize,
    budget: Rc<Budget>,
}

impl<S: AsyncWrite + Unpin> FrameFilter<S> {
    /// Looks at what is received on `stream`. A block of fields may be four times as long as a head, as in the h2
    /// library.
    pub(crate) fn new(stream: S, max_head: usize, budget: &Rc<Budget>) -> (Self, Rc<Notes>) {
        let notes = Rc::<Notes>::default();
        let frames = Frames::new(max_head, budget, &notes);
        let budget = Rc::clone(budget);
        (Self { stream, frames, held: Vec::new(), ready: Vec::new(), given: 0, budget }, notes)
    }

    /// Hands out bytes that are ready. Returns whether there were any.
    fn give(&mut self, into: &mut ReadBuf<'_>) -> bool {
        let left = self.ready.get(self.given..).unwrap_or_default();
        let now = left.get(..left.len().min(into.remaining())).unwrap_or_default();
        into.put_slice(now);
        self.given += now.len();
        let gave = !now.is_empty();
        if self.given == self.ready.len() {
            (self.ready, self.given) = (Vec::new(), 0);
        }
        gave
    }

    /// Holds the part of `bytes` that is not settled. Returns how many bytes pass unchanged.
    fn settle(&mut self, bytes: &[u8], walked: Walked) -> usize {
        self.held.clear();
        self.held.extend_from_slice(bytes.get(walked.done..).unwrap_or_default());
        let Some(instead) = walked.instead else { return walked.done };
        self.ready = instead;
        0
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameFilter<S> {
    /// Reads behind the held bytes, directly in the reader's buffer. False when nothing new can be given out.
    fn poll_straight(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = into.filled().len();
        into.put_slice(&self.held);
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        if !matches!(polled, Poll::Ready(Ok(()))) {
            into.set_filled(before);
            return polled.map_ok(|()| false);
        }
        if into.filled().len() == before + self.held.len() {
            // The connection has ended: the held frame stays incomplete.
            self.held = Vec::new();
            return Poll::Ready(Ok(false));
        }
        let bytes = into.filled().get(before..).unwrap_or_default();
        let walked = self.frames.walk(bytes);
        let passes = self.settle(bytes, walked);
        into.set_filled(before + passes);
        Poll::Ready(Ok(true))
    }

    /// The same when the reader's buffer is too small, or many bytes are held.
    fn poll_aside(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.held.reserve(LARGEST);
        let mut bytes = std::mem::take(&mut self.held);
        let polled = pin!(self.stream.read_buf(&mut bytes)).poll(cx);
        if !matches!(polled, Poll::Ready(Ok(1..))) {
            if polled.is_ready() {
                self.ready = bytes;
            } else {
                self.held = bytes;
            }
            return polled.map_ok(|_| false);
        }
        let walked = self.frames.walk(&bytes);
        if walked.done == 0 && walked.instead.is_none() {
            self.held = bytes;
            return Poll::Ready(Ok(true));
        }
        let passes = self.settle(&bytes, walked);
        if passes > 0 {
            bytes.truncate(passes);
            self.ready = bytes;
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FrameFilter<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = into.filled().len();
        loop {
            if this.budget.is_overdrawn() {
                // The connection's task must act on the overdrawn budget first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if this.give(into) {
                return Poll::Ready(Ok(()));
            }
            if this.held.len() <= COPIED && into.remaining() > this.held.len() {
                let goes_on = ready!(this.poll_straight(cx, into))?;
                if !goes_on || into.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let goes_on = ready!(this.poll_aside(cx))?;
                if !goes_on && this.ready.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

/// TLS ends with an alert, if the socket takes it at once: the library only sends it where the connection ends by itself.
impl<S: AsyncWrite + Unpin> Drop for FrameFilter<S> {
    fn drop(&mut self) {
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameFilter<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, data);
        self.budget.wrote(written)
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
        self.budget.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
