//! The body of an HTTP/2 stream, whose window opens only for what has gone up.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::out::{GATHERED, Out, SMALL};
use crate::proxy::io::clock::Deadlines;
use crate::proxy::io::fault::{ClientFault, Gone};
use crate::traffic::message::headers;
use crate::wire;

/// How long a client may go on sending a body that nobody wants after its answer, and how long it may pause: nginx'
/// `lingering_time` and `lingering_timeout`.
const UNWANTED: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(5);

/// The body of a stream.
pub(crate) struct Body {
    recv: RecvStream,
    data: Bytes,
    done: bool,
    trailers: Option<HeaderMap>,
    stream: Rc<RefCell<Out>>,
    deadlines: Rc<Deadlines>,
    timeout: Duration,
}

impl Body {
    /// What comes in on `recv`; `stream` is its other direction.
    pub(crate) fn new(
        recv: RecvStream,
        stream: &Rc<RefCell<Out>>,
        deadlines: &Rc<Deadlines>,
        timeout: Duration,
    ) -> Self {
        let (done, stream, deadlines) = (recv.is_end_stream(), Rc::clone(stream), Rc::clone(deadlines));
        Self { recv, data: Bytes::new(), done, trailers: None, stream, deadlines, timeout }
    }

    /// See [`crate::proxy::client::Body::fill`].
    pub(crate) async fn fill(&mut self) -> Result<bool, ClientFault> {
        // What is there already needs no deadline.
        let mut waits = false;
        let filled = poll_fn(|cx| {
            while self.data.is_empty() && !self.done {
                match self.recv.poll_data(cx) {
                    Poll::Ready(Some(Ok(data))) => self.data = gather(&mut self.recv, data, cx),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(fault(&error))),
                    Poll::Ready(None) => match self.recv.poll_trailers(cx) {
                        Poll::Ready(Ok(trailers)) => {
                            self.trailers = trailers;
                            self.done = true;
                        }
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(fault(&error))),
                        Poll::Pending => return self.waiting(cx, &mut waits),
                    },
                    Poll::Pending => return self.waiting(cx, &mut waits),
                }
            }
            Poll::Ready(Ok(!self.data.is_empty()))
        })
        .await;
        if waits {
            self.deadlines.read_done();
        }
        filled
    }

    fn waiting(&self, cx: &Context<'_>, waits: &mut bool) -> Poll<Result<bool, ClientFault>> {
        if !*waits {
            *waits = true;
            self.deadlines.read_within(self.timeout);
        }
        if self.deadlines.read_late(cx) { Poll::Ready(Err(ClientFault::BodyTimeout)) } else { Poll::Pending }
    }

    /// See [`crate::proxy::client::Body::data`].
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// See [`crate::proxy::client::Body::is_at_hand`].
    pub(crate) fn is_at_hand(&self) -> bool {
        self.done || self.recv.is_end_stream()
    }

    /// See [`crate::proxy::client::Body::consume`]. The window opens again only for what has gone up.
    pub(crate) fn consume(&mut self, count: usize) {
        self.data.advance(count);
        // It errs only where the stream has ended, which the next read tells.
        let _ = self.recv.flow_control().release_capacity(count);
        if self.data.is_empty() && self.recv.is_end_stream() {
            self.done = true;
        }
    }

    /// See [`crate::proxy::client::Body::is_complete`].
    pub(crate) fn is_complete(&self) -> bool {
        self.done && self.data.is_empty()
    }

    /// See [`crate::proxy::client::Body::write_trailers`].
    pub(crate) fn write_trailers(&self, out: &mut Vec<u8>) {
        for (name, value) in self.trailers.iter().flatten_headers() {
            if wire::trailer_may_travel(name.as_str().as_bytes()) {
                headers::write_field(out, name.as_str().as_bytes(), value.as_bytes());
            }
        }
    }

    /// See [`crate::proxy::client::Body::gone`].
    pub(crate) async fn gone(&self) -> Gone {
        match poll_fn(|cx| self.stream.borrow_mut().poll_reset(cx)).await {
            // By the library: its length is not what was said.
            Some(Reason::PROTOCOL_ERROR) if !self.done => Gone::Malformed,
            _ => Gone::Broken,
        }
    }

    /// Drops what the client still sends after its answer. Who sends first and reads afterwards would lose the answer in a
    /// reset of the stream, and so does curl 7.88 when both come together. Afterwards the reset asks for the rest not to be
    /// sent (9113 8.1): the library sends it when the stream is dropped.
    pub(crate) async fn drop_rest(&mut self) {
        self.timeout = PAUSE;
        let end = self.deadlines.now() + UNWANTED.as_millis() as u64;
        while !self.is_complete() && self.deadlines.now() < end {
            match self.fill().await {
                Ok(true) => self.consume(self.data.len()),
                Ok(false) | Err(_) => return,
            }
        }
    }
}

/// Small frames that came together are taken together: each would be a write to the node of its own.
fn gather(recv: &mut RecvStream, first: Bytes, cx: &mut Context<'_>) -> Bytes {
    if first.len() >= SMALL || recv.is_end_stream() {
        return first;
    }
    let mut all = Vec::new();
    // How the body ends, or breaks off, is told again by the next read.
    while let Poll::Ready(Some(Ok(more))) = recv.poll_data(cx) {
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&more);
        if all.len() >= GATHERED {
            break;
        }
    }
    if all.is_empty() { first } else { all.into() }
}

fn fault(error: &h2::Error) -> ClientFault {
    let is_malformed = error.is_library() && error.reason() == Some(Reason::PROTOCOL_ERROR);
    if is_malformed { ClientFault::BadBody } else { ClientFault::Gone }
}

trait FlattenHeaders<'h> {
    fn flatten_headers(self) -> impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>;
}

impl<'h, I: Iterator<Item = &'h HeaderMap>> FlattenHeaders<'h> for I {
    fn flatten_headers(self) -> impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)> {
        self.flat_map(HeaderMap::iter)
    }
}
