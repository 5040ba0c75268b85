//! A TCP socket with the traits that pingora-core needs: it can be wrapped in TLS and used by HTTP/2. Unlike
//! pingora-core's own stream it can be closed with a reset, so that a client can tell an incomplete answer from a
//! complete one.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The socket.
pub(crate) struct Tcp {
    stream: TcpStream,
    /// What was read from the socket before, and is to be read from here first.
    early: Option<Box<Bytes>>,
    handle: SocketHandle,
}

/// A handle to the socket for code that has only the stream above it. After [`SocketHandle::reset_on_close`], dropping
/// the socket resets the connection. The handle also tells what TLS above the socket does not: whether anything was
/// sent by a write that failed, and whether the other side has left.
#[derive(Clone, Default)]
pub(crate) struct SocketHandle(Arc<SocketFlags>);

#[derive(Default)]
struct SocketFlags {
    reset_on_close: AtomicBool,
    written: AtomicBool,
    /// Somebody asked whether the other side has left.
    asked: AtomicBool,
    ended: AtomicBool,
    gone: AtomicBool,
}

/// What the kernel says about the other side of a connection, even while there are unread bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherSide {
    /// The other side may send more.
    Open,
    /// The other side has ended its direction, and may still listen.
    Ended,
    /// The other side has left: nothing can be sent to it any more.
    Gone,
}

impl SocketHandle {
    /// Makes the connection end with a reset.
    pub(crate) fn reset_on_close(&self) {
        self.0.reset_on_close.store(true, Ordering::Relaxed);
    }

    /// Forgets the bytes that were sent so far.
    pub(crate) fn forget_written(&self) {
        self.0.written.store(false, Ordering::Relaxed);
    }

    /// Whether a byte was sent since [`SocketHandle::forget_written`].
    pub(crate) fn has_written(&self) -> bool {
        self.0.written.load(Ordering::Relaxed)
    }

    /// Makes the next flush of the socket find out whether the other side has left.
    pub(crate) fn ask_whether_left(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
    }

    /// The result of the last such flush.
    pub(crate) fn other_side(&self) -> OtherSide {
        if self.0.gone.load(Ordering::Relaxed) {
            OtherSide::Gone
        } else if self.0.ended.load(Ordering::Relaxed) {
            OtherSide::Ended
        } else {
            OtherSide::Open
        }
    }

    // Uses the readiness that the kernel reported to the runtime: no system call is needed, and unread bytes stay
    // unread.
    fn update_other_side(&self, stream: &TcpStream) {
        let both = Interest::READABLE | Interest::WRITABLE;
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(Ok(ready)) = pin!(stream.ready(both)).poll(&mut cx) {
            self.0.ended.store(ready.is_read_closed(), Ordering::Relaxed);
            self.0.gone.store(ready.is_write_closed(), Ordering::Relaxed);
        }
    }

    fn record_written<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(written, Poll::Ready(Ok(_))) {
            self.0.written.store(true, Ordering::Relaxed);
        }
        written
    }
}

impl Tcp {
    /// Takes over a connected socket.
    pub(crate) fn new(stream: TcpStream) -> (Self, SocketHandle) {
        Self::after(stream, Vec::new())
    }

    /// Takes over a connected socket from which these bytes were read already. Whoever reads from here gets them first.
    pub(crate) fn after(stream: TcpStream, early: Vec<u8>) -> (Self, SocketHandle) {
        let handle = SocketHandle::default();
        let early = (!early.is_empty()).then(|| Box::new(Bytes::from(early)));
        (Self { stream, early, handle: handle.clone() }, handle)
    }

    /// Reads of what was read before. Few connections have any, so it stays out of the way of the others.
    #[cold]
    fn read_early(&mut self, into: &mut ReadBuf<'_>) {
        let Some(early) = &mut self.early else { return };
        into.put_slice(&early.split_to(early.len().min(into.remaining())));
        if early.is_empty() {
            self.early = None;
        }
    }

    /// Whether it ends with a reset.
    pub(crate) fn will_reset(&self) -> bool {
        self.handle.0.reset_on_close.load(Ordering::Relaxed)
    }

    /// Whether there is something to read or the stream has ended, as far as the runtime knows.
    pub(crate) fn is_readable(&self) -> bool {
        self.early.is_some() || self.stream.try_io(Interest::READABLE, || Ok(())).is_ok()
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if self.will_reset() {
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
        }
    }
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tcp({})", self.stream.as_raw_fd())
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.is_some() {
            self.read_early(into);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, data);
        self.handle.record_written(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.handle.0.asked.swap(false, Ordering::Relaxed) {
            self.handle.update_other_side(&self.stream);
        }
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
        self.handle.record_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl Shutdown for Tcp {
    fn shutdown<'s, 'f>(&'s mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let _ = self.stream.shutdown().await;
        })
    }
}

impl UniqueID for Tcp {
    fn id(&self) -> i32 {
        self.stream.as_raw_fd()
    }
}

impl Ssl for Tcp {}

impl Peek for Tcp {}

impl GetTimingDigest for Tcp {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Tcp {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Tcp {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}
