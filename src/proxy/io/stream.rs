//! A byte stream to a client or a node, with deadlines, byte counts and shared access.
//!
//! Reading and writing take `&self`, because the two directions of one connection are two futures of one task. A borrow
//! never lasts longer than one poll.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::buffers::Buffer;
use super::clock::Deadlines;
use super::tcp::{OtherSide, SocketHandle, Tcp};

/// What a connection runs over: a socket, or TLS over a socket.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The transport of a connection. The plain socket has a variant of its own because it is the most frequent one.
pub(crate) enum Transport {
    /// A plain connection.
    Plain(Tcp),
    /// TLS with a client. Who closes it decides what the client reads last.
    Over(Box<dyn Io>),
    /// TLS with a node. It says that it closes, whenever it is dropped.
    ToNode(Box<TlsStream<Tcp>>),
}

/// A body up to this size is copied behind its head. Longer bodies are sent together with the head by
/// [`TimedStream::write_both`], a gathering write that copies nothing.
pub(crate) const COPIED: usize = 2 * 1024;
/// A write that waits at least this long counts as a long wait, in milliseconds.
pub(crate) const LONG_WAIT: u64 = 100;
/// So many bytes written without a long wait show that the other side reads: the kernel's buffers alone could not take
/// them.
pub(crate) const FAST_READER: u64 = 256 * 1024;

/// So many bytes are read before the thread turns to others. Without this, tokio lets a task go on for 128 reads and
/// writes: beside 60 fast downloads a small request waited 100 ms, with it 6 ms, at the same throughput.
const TURN: u64 = 64 * 1024;

/// How often to look whether the other side has left, on a connection that nobody may read.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Removes the deadline of a pause, also when the pause is cancelled.
struct Done<'s>(&'s Deadlines);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.read_done();
    }
}

/// A stream with deadlines.
pub(crate) struct TimedStream {
    stream: RefCell<Transport>,
    deadlines: Rc<Deadlines>,
    handle: SocketHandle,
    received: Cell<u64>,
    /// How many these were when the thread last turned to others.
    turn_began: Cell<u64>,
    sent: Cell<u64>,
    /// The number of bytes written when Weir last had to wait long.
    sent_at_last_wait: Cell<u64>,
}

impl TimedStream {
    /// Takes over the stream. `handle` belongs to the socket below it, `deadlines` to the task that uses it.
    pub(crate) fn new(stream: Transport, handle: SocketHandle, deadlines: Rc<Deadlines>) -> Self {
        let stream = RefCell::new(stream);
        let (received, turn_began, sent, sent_at_last_wait) = Default::default();
        Self { stream, deadlines, handle, received, turn_began, sent, sent_at_last_wait }
    }

    /// Makes the connection end with a reset instead of a clean end.
    pub(crate) fn cut(&self) {
        self.handle.reset_on_close();
    }

    /// Reads once; 0 means the end. Fails with `TimedOut` after `limit`.
    pub(crate) async fn read(&self, into: &mut Buffer, limit: Duration) -> io::Result<usize> {
        // Bytes that are already there need no deadline.
        let mut waits = false;
        let read = poll_fn(|cx| {
            let polled = self.poll_read(cx, into);
            if polled.is_pending() && !waits {
                waits = true;
                self.deadlines.read_within(limit);
            }
            polled
        })
        .await;
        if waits {
            self.deadlines.read_done();
        }
        read
    }

    /// Waits for `limit`, on the coarse clock, while nobody reads.
    pub(crate) async fn pause(&self, limit: Duration) {
        self.deadlines.read_within(limit);
        let _done = Done(&self.deadlines);
        poll_fn(|cx| if self.deadlines.read_late(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Waits until the other side has ended, without reading the bytes that it may have sent before.
    pub(crate) async fn ended_unread(&self) -> OtherSide {
        loop {
            self.pause(LOOK_AGAIN).await;
            let now = self.other_side().await;
            if now != OtherSide::Open {
                return now;
            }
        }
    }

    /// The socket may be below TLS, where only a flush reaches it. If a flush must wait for space, the answer comes at
    /// a later look.
    async fn other_side(&self) -> OtherSide {
        self.handle.ask_whether_left();
        poll_fn(|cx| {
            let _ = Pin::new(&mut *self.stream.borrow_mut()).poll_flush(cx);
            Poll::Ready(self.handle.other_side())
        })
        .await
    }

    /// Tries to read once. The caller has set a deadline before, in [`TimedStream::deadline`].
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, into: &mut Buffer) -> Poll<io::Result<usize>> {
        if self.received.get() - self.turn_began.get() >= TURN {
            self.turn_began.set(self.received.get());
            // Woken when the thread has looked at all its sockets.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
            return Poll::Pending;
        }
        let mut stream = self.stream.borrow_mut();
        let polled = into.poll_fill(|data| pin!(stream.read_buf(data)).poll(cx));
        match polled {
            Poll::Ready(Ok(count)) => {
                self.received.set(self.received.get() + count as u64);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending if self.deadlines.read_late(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => {
                self.turn_began.set(self.received.get());
                Poll::Pending
            }
        }
    }

    /// Whether there is nothing to read and no end, as far as the runtime knows. This needs no system call and
    /// registers no waker. With TLS only a read can tell.
    fn is_known_to_be_quiet(&self) -> bool {
        matches!(&*self.stream.borrow(), Transport::Plain(tcp) if !tcp.is_readable())
    }

    //= rfc9112#9.2 unasked
    //= rfc9112#6.3 extra
    /// Whether the other side has neither sent anything nor ended, on a connection that nobody reads. If a node has
    /// sent bytes without a request, the connection must not be reused: they would be read as the answer to the next
    /// request.
    pub(crate) fn is_quiet(&self) -> bool {
        if self.is_known_to_be_quiet() {
            return true;
        }
        let mut unexpected = [0];
        let mut into = ReadBuf::new(&mut unexpected);
        let mut stream = self.stream.borrow_mut();
        Pin::new(&mut *stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut into).is_pending()
    }

    /// Whether more bytes have arrived. Takes those that are there; never waits.
    pub(crate) fn take_arrived(&self, into: &mut Buffer) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        !self.is_known_to_be_quiet() && matches!(self.poll_read(cx, into), Poll::Ready(Ok(1..)))
    }

    /// Writes all of `data` and flushes. Fails with `TimedOut` when no byte was taken for `limit`.
    pub(crate) async fn write(&self, data: &[u8], limit: Duration) -> io::Result<()> {
        self.write_both(data, b"", limit).await.map(|_| ())
    }

    /// Writes all of `head`, and as much of `body` as the socket takes together with it. Flushes. Returns how much of
    /// `body` was written.
    pub(crate) async fn write_both(&self, head: &[u8], body: &[u8], limit: Duration) -> io::Result<usize> {
        let (mut left, mut taken, mut waits) = (head, 0, None);
        let written = poll_fn(|cx| {
            let before = left.len();
            let polled = self.poll_write(cx, &mut left, body, &mut taken);
            if polled.is_ready() {
                return polled;
            }
            // A write that succeeds at once needs no deadline. A write that makes progress gets a new one.
            if waits.is_none() || left.len() < before {
                waits.get_or_insert(self.deadlines.now());
                self.deadlines.write_within(limit);
            }
            self.still_writing(cx)
        })
        .await;
        if let Some(since) = waits {
            self.deadlines.write_done();
            if self.deadlines.now().saturating_sub(since) >= LONG_WAIT {
                self.sent_at_last_wait.set(self.sent.get());
            }
        }
        written.map(|()| taken)
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        left: &mut &[u8],
        body: &[u8],
        taken: &mut usize,
    ) -> Poll<io::Result<()>> {
        let mut stream = self.stream.borrow_mut();
        while !left.is_empty() {
            let polled = if body.is_empty() {
                Pin::new(&mut *stream).poll_write(cx, left)
            } else {
                Pin::new(&mut *stream).poll_write_vectored(cx, &[IoSlice::new(left), IoSlice::new(body)])
            };
            match std::task::ready!(polled)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    self.sent.set(self.sent.get() + count as u64);
                    *taken = count.saturating_sub(left.len());
                    *left = left.get(count..).unwrap_or_default();
                }
            }
        }
        Pin::new(&mut *stream).poll_flush(cx)
    }

    fn still_writing(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.deadlines.write_late(cx) { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending }
    }

    /// Whether the other side has taken more bytes than a socket holds since Weir last had to wait long.
    pub(crate) fn is_fast_reader(&self) -> bool {
        self.sent.get() - self.sent_at_last_wait.get() >= FAST_READER
    }

    /// Bytes read so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Ends the sending direction (FIN, on TLS after close_notify). It takes at most `limit`, and errors are ignored.
    pub(crate) async fn finish(&self, limit: Duration) {
        self.deadlines.write_within(limit);
        let _ = poll_fn(|cx| match self.poll_finish(cx) {
            Poll::Pending => self.still_writing(cx),
            ready => ready,
        })
        .await;
        self.deadlines.write_done();
    }

    /// Tries once to end the sending direction, for callers that read at the same time.
    pub(crate) fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(cx)
    }

    /// The deadlines, for loops that poll themselves.
    pub(crate) fn deadline(&self) -> &Deadlines {
        &self.deadlines
    }

    /// Called when a new request begins: no byte of it has been sent.
    pub(crate) fn forget_written(&self) {
        self.handle.forget_written();
    }

    /// Whether a byte was sent since then, even by a write that failed.
    pub(crate) fn has_written(&self) -> bool {
        self.handle.has_written()
    }

    /// Bytes written so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.get()
    }
}

//= rfc9112#9.8 closure-alert
/// A node that finds its connection closed without a word must take it for an attack that cuts messages short, and some log
/// that (RFC 8446 section 6.1). The alert goes out if the socket takes it at once.
impl Drop for Transport {
    fn drop(&mut self) {
        if let Self::ToNode(stream) = self
            && !stream.get_ref().0.will_reset()
        {
            let _ = Pin::new(stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Over(stream) => Pin::new(stream).poll_read(cx, into),
            Self::ToNode(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            Self::Over(stream) => Pin::new(stream).poll_write(cx, data),
            Self::ToNode(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
            Self::Over(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Self::ToNode(stream) => Pin::new(stream).poll_write_vectored(cx, data),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Over(stream) => Pin::new(stream).poll_flush(cx),
            Self::ToNode(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Over(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::ToNode(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
