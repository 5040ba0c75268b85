//! The body of an HTTP/2 stream. The stream's window opens again only for bytes that were sent to the node.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::send_half::{GATHERED, SMALL, SendHalf};
use crate::proxy::io::clock::Deadlines;
use crate::proxy::io::fault::{ClientFault, Disconnect};
use crate::traffic::message::headers;
use crate::wire;

/// How long a client may go on sending an unwanted body after its answer, and how long it may pause. These are the
/// defaults of nginx's `lingering_time` and `lingering_timeout`.
const UNWANTED: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(5);

/// The body of a stream.
pub(crate) struct Body {
    recv: RecvStream,
    data: Bytes,
    done: bool,
    trailers: Option<HeaderMap>,
    stream: Rc<RefCell<SendHalf>>,
    deadlines: Rc<Deadlines>,
    timeout: Duration,
}

impl Body {
    /// The body that is received on `recv`. `stream` is the other direction.
    pub(crate) fn new(
        recv: RecvStream,
        stream: &Rc<RefCell<SendHalf>>,
        deadlines: &Rc<Deadlines>,
        timeout: Duration,
    ) -> Self {
        let (done, stream, deadlines) = (recv.is_end_stream(), Rc::clone(stream), Rc::clone(deadlines));
        Self { recv, data: Bytes::new(), done, trailers: None, stream, deadlines, timeout }
    }

    /// See [`crate::proxy::client::Body::fill`].
    pub(crate) async fn fill(&mut self) -> Result<bool, ClientFault> {
        // Data that has already arrived needs no deadline.
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

    /// See [`crate::proxy::client::Body::has_arrived`].
    pub(crate) fn has_arrived(&self) -> bool {
        self.done || self.recv.is_end_stream()
    }

    /// See [`crate::proxy::client::Body::consume`]. The window opens again only for bytes that were sent to the node.
    pub(crate) fn consume(&mut self, count: usize) {
        self.data.advance(count);
        // This fails only when the stream has ended, which the next read reports.
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

    /// See [`crate::proxy::client::Body::disconnected`].
    pub(crate) async fn disconnected(&self) -> Disconnect {
        match poll_fn(|cx| self.stream.borrow_mut().poll_reset(cx)).await {
            // The library reset the stream, because the body's length differs from its Content-Length.
            Some(Reason::PROTOCOL_ERROR) if !self.done => Disconnect::Malformed,
            _ => Disconnect::Closed,
        }
    }

    /// Drops what the client still sends after its answer. A client that sends its whole body before it reads would
    /// lose the answer if the stream were reset at once. curl 7.88 also loses it when answer and reset arrive together.
    /// After the time limit the library resets the stream when it is dropped, which asks the client to stop sending
    /// (RFC 9113 section 8.1).
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

/// Joins small frames that arrived together. Otherwise each would be a separate write to the node.
fn gather(recv: &mut RecvStream, first: Bytes, cx: &mut Context<'_>) -> Bytes {
    if first.len() >= SMALL || recv.is_end_stream() {
        return first;
    }
    let mut all = Vec::new();
    // If the body ends or breaks here, the next read reports it again.
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
