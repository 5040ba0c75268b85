//! The two directions of an HTTP/2 stream: its body, whose window opens only for what has gone up, and its answer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::clock::Slot;
use super::conn::{KEEPING_UP, LONG};
use super::fault::ClientFault;
use crate::traffic::edits::FieldEdits;
use crate::traffic::headers::{self, Down, DownFraming};
use crate::traffic::page::{Page, Reply};
use crate::wire::{self, AnswerHead, FieldKind};

/// What a frame of an answer's body carries at most: with its head it fills one TLS record, and no second one is begun
/// for its last bytes.
pub(crate) const FRAME: usize = 16 * 1024 - 9;

/// Both directions of one stream.
pub(crate) fn stream(
    recv: RecvStream,
    respond: SendResponse<Bytes>,
    slot: &Rc<Slot>,
    body_timeout: Duration,
    write_timeout: Duration,
) -> (Body, Sink) {
    let out = Rc::new(RefCell::new(Out::Respond(respond)));
    let body = Body {
        done: recv.is_end_stream(),
        recv,
        data: Bytes::new(),
        trailers: None,
        stream: Rc::clone(&out),
        slot: Rc::clone(slot),
        timeout: body_timeout,
    };
    let sink = Sink {
        stream: out,
        slot: Rc::clone(slot),
        timeout: write_timeout,
        left: None,
        ended: false,
        body_sent: 0,
        sent_slowly: 0,
    };
    (body, sink)
}

enum Out {
    Respond(SendResponse<Bytes>),
    Stream(SendStream<Bytes>),
}

impl Out {
    fn reset(&mut self, reason: Reason) {
        match self {
            Self::Respond(respond) => respond.send_reset(reason),
            Self::Stream(stream) => stream.send_reset(reason),
        }
    }
}

/// The body of a stream.
pub(crate) struct Body {
    recv: RecvStream,
    data: Bytes,
    done: bool,
    trailers: Option<HeaderMap>,
    stream: Rc<RefCell<Out>>,
    slot: Rc<Slot>,
    timeout: Duration,
}

impl Body {
    /// See [`super::client::Body::fill`].
    pub(crate) async fn fill(&mut self) -> Result<bool, ClientFault> {
        // What is there already needs no deadline.
        let mut waits = false;
        let filled = poll_fn(|cx| {
            while self.data.is_empty() && !self.done {
                match self.recv.poll_data(cx) {
                    Poll::Ready(Some(Ok(data))) => self.data = data,
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
            self.slot.read_done();
        }
        filled
    }

    fn waiting(&self, cx: &std::task::Context<'_>, waits: &mut bool) -> Poll<Result<bool, ClientFault>> {
        if !*waits {
            *waits = true;
            self.slot.read_within(self.timeout);
        }
        if self.slot.read_late(cx) { Poll::Ready(Err(ClientFault::BodyTimeout)) } else { Poll::Pending }
    }

    /// See [`super::client::Body::data`].
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// See [`super::client::Body::is_at_hand`].
    pub(crate) fn is_at_hand(&self) -> bool {
        self.done || self.recv.is_end_stream()
    }

    /// See [`super::client::Body::consume`]. The window opens again only for what has gone up.
    pub(crate) fn consume(&mut self, count: usize) {
        self.data.advance(count);
        // It errs only where the stream has ended, which the next read tells.
        let _ = self.recv.flow_control().release_capacity(count);
        if self.data.is_empty() && self.recv.is_end_stream() {
            self.done = true;
        }
    }

    /// See [`super::client::Body::is_complete`].
    pub(crate) fn is_complete(&self) -> bool {
        self.done && self.data.is_empty()
    }

    /// See [`super::client::Body::write_trailers`].
    pub(crate) fn write_trailers(&self, out: &mut Vec<u8>) {
        for (name, value) in self.trailers.iter().flatten_headers() {
            if wire::trailer_may_travel(name.as_str().as_bytes()) {
                headers::write_field(out, name.as_str().as_bytes(), value.as_bytes());
            }
        }
    }

    /// See [`super::client::Body::gone`].
    pub(crate) async fn gone(&mut self) {
        poll_fn(|cx| match &mut *self.stream.borrow_mut() {
            Out::Respond(respond) => respond.poll_reset(cx).map(|_| ()),
            Out::Stream(stream) => stream.poll_reset(cx).map(|_| ()),
        })
        .await;
    }
}

fn fault(error: &h2::Error) -> ClientFault {
    if error.reason() == Some(Reason::PROTOCOL_ERROR) { ClientFault::BadBody } else { ClientFault::Gone }
}

trait FlattenHeaders<'h> {
    fn flatten_headers(self) -> impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>;
}

impl<'h, I: Iterator<Item = &'h HeaderMap>> FlattenHeaders<'h> for I {
    fn flatten_headers(self) -> impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)> {
        self.flat_map(HeaderMap::iter)
    }
}

/// The answer on a stream.
pub(crate) struct Sink {
    stream: Rc<RefCell<Out>>,
    slot: Rc<Slot>,
    timeout: Duration,
    /// Body still to come, where the answer has a length: its last piece ends the stream.
    left: Option<u64>,
    ended: bool,
    body_sent: u64,
    /// Of the body, when we last had to wait long.
    sent_slowly: u64,
}

impl Sink {
    /// See [`super::client::Sink::interim`].
    pub(crate) fn interim(&mut self, head: &AnswerHead, down: &Down<'_>) -> Result<(), ClientFault> {
        self.inform(response(head, down)?)
    }

    /// See [`super::client::Sink::proceed`].
    pub(crate) fn proceed(&mut self) -> Result<(), ClientFault> {
        let mut proceed = Response::new(());
        *proceed.status_mut() = StatusCode::CONTINUE;
        self.inform(proceed)
    }

    fn inform(&mut self, interim: Response<()>) -> Result<(), ClientFault> {
        match &mut *self.stream.borrow_mut() {
            Out::Respond(respond) => respond.send_informational(interim).map_err(|_| ClientFault::Gone),
            Out::Stream(_) => Ok(()),
        }
    }

    /// See [`super::client::Sink::head`].
    pub(crate) fn head(&mut self, head: &AnswerHead, down: &Down<'_>) -> Result<(), ClientFault> {
        self.left = match down.framing {
            DownFraming::Length(length) => Some(length),
            _ => None,
        };
        let ends = matches!(down.framing, DownFraming::None | DownFraming::Length(0));
        self.answer(response(head, down)?, ends)
    }

    fn answer(&mut self, answer: Response<()>, ends: bool) -> Result<(), ClientFault> {
        let mut out = self.stream.borrow_mut();
        let Out::Respond(respond) = &mut *out else { return Err(ClientFault::Gone) };
        let stream = respond.send_response(answer, ends).map_err(|_| ClientFault::Gone)?;
        *out = Out::Stream(stream);
        self.ended = ends;
        Ok(())
    }

    /// See [`super::client::Sink::piece`].
    pub(crate) async fn piece(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        let mut left = data;
        let mut waits: Option<u64> = None;
        poll_fn(|cx| {
            while !left.is_empty() {
                let mut out = self.stream.borrow_mut();
                let Out::Stream(stream) = &mut *out else { return Poll::Ready(Err(ClientFault::Gone)) };
                stream.reserve_capacity(left.len());
                match stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(0))) => {}
                    Poll::Ready(Some(Ok(room))) => {
                        let (now, later) = left.split_at(room.min(left.len()));
                        left = later;
                        self.body_sent += now.len() as u64;
                        // All of the room is used: what is left of it would not be told again.
                        for frame in now.chunks(FRAME) {
                            if let Some(rest) = &mut self.left {
                                *rest = rest.saturating_sub(frame.len() as u64);
                            }
                            let ends = self.left == Some(0);
                            self.ended |= ends;
                            if stream.send_data(Bytes::copy_from_slice(frame), ends).is_err() {
                                return Poll::Ready(Err(ClientFault::Gone));
                            }
                        }
                        // Room for little more than a frame is the rule here: only a long wait tells a slow client.
                        if waits.take().is_some_and(|since| self.slot.now().saturating_sub(since) >= LONG) {
                            self.sent_slowly = self.body_sent;
                        }
                    }
                    Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(ClientFault::Gone)),
                    Poll::Pending => {
                        // What finds room at once needs no deadline.
                        if waits.is_none() {
                            waits = Some(self.slot.now());
                            self.slot.write_within(self.timeout);
                        }
                        if self.slot.write_late(cx) {
                            return Poll::Ready(Err(ClientFault::WriteTimeout));
                        }
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        self.slot.write_done();
        Ok(())
    }

    /// See [`super::client::Sink::end`].
    pub(crate) fn end(&mut self, trailers: &[u8]) -> Result<(), ClientFault> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let mut out = self.stream.borrow_mut();
        let Out::Stream(stream) = &mut *out else { return Err(ClientFault::Gone) };
        let sent = if trailers.is_empty() {
            stream.send_data(Bytes::new(), true)
        } else {
            stream.send_trailers(trailer_map(trailers))
        };
        sent.map_err(|_| ClientFault::Gone)
    }

    /// See [`super::client::Sink::cut`].
    pub(crate) fn cut(&mut self) {
        self.reset(Reason::INTERNAL_ERROR);
    }

    /// Ends the stream with an error.
    pub(crate) fn reset(&mut self, reason: Reason) {
        if !self.ended {
            self.ended = true;
            self.stream.borrow_mut().reset(reason);
        }
    }

    /// See [`super::client::Sink::page`].
    pub(crate) async fn page(&mut self, page: &Page<'_>, reply: &Reply<'_>) -> Result<(), ClientFault> {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let date = reply.date.map(|date| (&b"date"[..], date));
        let added = reply.edits.into_iter().flat_map(FieldEdits::pairs);
        for (name, value) in page.fields(reply).chain(date).chain(added) {
            append(answer.headers_mut(), HeaderName::from_bytes(name).ok(), value);
        }
        let mut body = Vec::with_capacity(page.body_length());
        page.write_body(&mut body);
        let ends = reply.head_only || body.is_empty();
        self.answer(answer, ends)?;
        if ends {
            return Ok(());
        }
        self.left = Some(body.len() as u64);
        self.piece(&body).await
    }

    /// See [`super::client::Sink::keeps_up`].
    pub(crate) fn keeps_up(&self) -> bool {
        self.body_sent - self.sent_slowly >= KEEPING_UP
    }

    /// See [`super::client::Sink::body_sent`].
    pub(crate) fn body_sent(&self) -> u64 {
        self.body_sent
    }
}

fn response(head: &AnswerHead, down: &Down<'_>) -> Result<Response<()>, ClientFault> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status()).map_err(|_| ClientFault::Gone)?;
    let mut fields = HeaderMap::with_capacity(head.fields().count());
    for (kind, name, value) in headers::answer_fields(head, down) {
        append(&mut fields, name_of(kind, name), &value);
    }
    for (name, value) in down.edits_of(head).into_iter().flat_map(FieldEdits::pairs) {
        append(&mut fields, HeaderName::from_bytes(name).ok(), value);
    }
    *response.headers_mut() = fields;
    Ok(response)
}

/// A field that HTTP/2 cannot carry is left out rather than the answer refused.
fn append(fields: &mut HeaderMap, name: Option<HeaderName>, value: &[u8]) {
    if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
        fields.append(name, value);
    }
}

/// HTTP/2 writes names in lower case. Those of nearly every answer are not looked up again.
fn name_of(kind: FieldKind, name: &[u8]) -> Option<HeaderName> {
    match kind {
        FieldKind::ContentLength => Some(CONTENT_LENGTH),
        FieldKind::ContentType => Some(CONTENT_TYPE),
        FieldKind::Date => Some(DATE),
        FieldKind::Server => Some(SERVER),
        FieldKind::SetCookie => Some(SET_COOKIE),
        _ => HeaderName::from_bytes(name).ok(),
    }
}

fn trailer_map(lines: &[u8]) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for line in lines.split(|&byte| byte == b'\n') {
        let mut parts = line.splitn(2, |&byte| byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii())) {
            trailers.append(name, value);
        }
    }
    trailers
}
