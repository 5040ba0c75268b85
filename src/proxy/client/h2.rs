//! The two directions of an HTTP/2 stream: its body and its answer. The answer is written here.

pub(crate) mod body;
pub(crate) mod budget;
pub(crate) mod frame_filter;
mod frames;
pub(crate) mod notes;
mod send_half;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub(crate) use self::body::Body;
pub(crate) use self::send_half::FRAME;
use self::send_half::{GATHERED, SMALL, SendHalf};
use crate::proxy::io::clock::Deadlines;
use crate::proxy::io::fault::ClientFault;
use crate::proxy::io::stream::{FAST_READER, LONG_WAIT};
use crate::traffic::message::headers;
use crate::traffic::message::headers::{FramingToClient, ToClient};
use crate::traffic::message::local_reply::{LocalReply, ReplyOptions};
use crate::wire::{AnswerHead, FieldKind};

/// Both directions of one stream.
pub(crate) fn stream(
    recv: RecvStream,
    respond: SendResponse<Bytes>,
    deadlines: &Rc<Deadlines>,
    body_timeout: Duration,
    write_timeout: Duration,
) -> (Body, ResponseWriter) {
    let out = Rc::new(RefCell::new(SendHalf::Respond(respond)));
    let body = Body::new(recv, &out, deadlines, body_timeout);
    let writer = ResponseWriter {
        stream: out,
        deadlines: Rc::clone(deadlines),
        timeout: write_timeout,
        left: None,
        held: Vec::new(),
        ended: false,
        cancelled: false,
        body_sent: 0,
        sent_at_last_wait: 0,
    };
    (body, writer)
}

/// The answer on a stream.
pub(crate) struct ResponseWriter {
    stream: Rc<RefCell<SendHalf>>,
    deadlines: Rc<Deadlines>,
    timeout: Duration,
    /// Body bytes still to be sent, if the answer has a length. The last piece then ends the stream.
    left: Option<u64>,
    /// Small pieces that are held back until there is more.
    held: Vec<u8>,
    ended: bool,
    cancelled: bool,
    body_sent: u64,
    /// Body bytes sent when Weir last had to wait long.
    sent_at_last_wait: u64,
}

impl ResponseWriter {
    /// See [`super::ResponseWriter::interim`].
    pub(crate) fn interim(&mut self, head: &AnswerHead, down: &ToClient<'_>) -> Result<(), ClientFault> {
        self.inform(response(head, down)?)
    }

    /// See [`super::ResponseWriter::send_continue`].
    pub(crate) fn send_continue(&mut self) -> Result<(), ClientFault> {
        let mut proceed = Response::new(());
        *proceed.status_mut() = StatusCode::CONTINUE;
        self.inform(proceed)
    }

    fn inform(&mut self, interim: Response<()>) -> Result<(), ClientFault> {
        match &mut *self.stream.borrow_mut() {
            SendHalf::Respond(respond) => respond.send_informational(interim).map_err(|_| ClientFault::Gone),
            SendHalf::Stream(_) => Ok(()),
        }
    }

    /// See [`super::ResponseWriter::head`].
    pub(crate) fn head(&mut self, head: &AnswerHead, down: &ToClient<'_>) -> Result<(), ClientFault> {
        self.left = match down.framing {
            FramingToClient::Length(length) => Some(length),
            _ => None,
        };
        let ends = matches!(down.framing, FramingToClient::None | FramingToClient::Length(0));
        self.answer(response(head, down)?, ends)
    }

    fn answer(&mut self, answer: Response<()>, ends: bool) -> Result<(), ClientFault> {
        let mut out = self.stream.borrow_mut();
        let SendHalf::Respond(respond) = &mut *out else { return Err(ClientFault::Gone) };
        let stream = respond.send_response(answer, ends).map_err(|_| ClientFault::Gone)?;
        *out = SendHalf::Stream(stream);
        self.ended = ends;
        Ok(())
    }

    /// See [`super::ResponseWriter::piece`]. Small pieces that come together are sent together. The caller flushes
    /// before it waits for more.
    pub(crate) async fn piece(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        let is_last = self.left.is_some_and(|left| left <= (self.held.len() + data.len()) as u64);
        if self.held.is_empty() && (data.len() >= SMALL || is_last) {
            return self.send_copied(data).await;
        }
        self.held.extend_from_slice(data);
        if is_last || self.held.len() >= GATHERED { self.flush().await } else { Ok(()) }
    }

    /// See [`super::ResponseWriter::flush`].
    pub(crate) async fn flush(&mut self) -> Result<(), ClientFault> {
        if self.held.is_empty() {
            return Ok(());
        }
        let mut held = Bytes::from(std::mem::take(&mut self.held));
        self.send(held.len(), |count| held.split_to(count), false).await
    }

    async fn send_copied(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        let mut left = data;
        let copied = |count: usize| {
            let (now, later) = left.split_at(count.min(left.len()));
            left = later;
            Bytes::copy_from_slice(now)
        };
        self.send(data.len(), copied, false).await
    }

    /// Sends so many bytes as the client has room for them. `take` returns each part.
    async fn send(
        &mut self,
        mut length: usize,
        mut take: impl FnMut(usize) -> Bytes,
        ends: bool,
    ) -> Result<(), ClientFault> {
        let mut waits: Option<u64> = None;
        poll_fn(|cx| {
            while length > 0 {
                let room = match self.poll_room(length, cx) {
                    Poll::Ready(room) => room?.min(length),
                    Poll::Pending => return self.still_sending(&mut waits, cx),
                };
                // All of the assigned capacity is used, because the library does not report the rest of it again.
                let mut room = room;
                while room > 0 {
                    let frame = take(room.min(FRAME));
                    room -= frame.len();
                    length -= frame.len();
                    self.frame(frame, ends && length == 0)?;
                }
                // Capacity for little more than one frame is normal here. Only a long wait shows that the client is
                // slow.
                if waits.take().is_some_and(|since| self.deadlines.now().saturating_sub(since) >= LONG_WAIT) {
                    self.sent_at_last_wait = self.body_sent;
                }
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        self.deadlines.write_done();
        Ok(())
    }

    fn poll_room(&self, wanted: usize, cx: &mut Context<'_>) -> Poll<Result<usize, ClientFault>> {
        let mut out = self.stream.borrow_mut();
        let SendHalf::Stream(stream) = &mut *out else { return Poll::Ready(Err(ClientFault::Gone)) };
        stream.reserve_capacity(wanted);
        stream.poll_capacity(cx).map(|room| match room {
            Some(Ok(room)) => Ok(room),
            Some(Err(_)) | None => Err(ClientFault::Gone),
        })
    }

    fn still_sending(&self, waits: &mut Option<u64>, cx: &Context<'_>) -> Poll<Result<(), ClientFault>> {
        // A write that finds capacity at once needs no deadline.
        if waits.is_none() {
            *waits = Some(self.deadlines.now());
            self.deadlines.write_within(self.timeout);
        }
        if self.deadlines.write_late(cx) { Poll::Ready(Err(ClientFault::WriteTimeout)) } else { Poll::Pending }
    }

    fn frame(&mut self, data: Bytes, ends: bool) -> Result<(), ClientFault> {
        self.body_sent += data.len() as u64;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(data.len() as u64);
        }
        let ends = ends || self.left == Some(0);
        self.ended |= ends;
        let mut out = self.stream.borrow_mut();
        let SendHalf::Stream(stream) = &mut *out else { return Err(ClientFault::Gone) };
        stream.send_data(data, ends).map_err(|_| ClientFault::Gone)
    }

    /// See [`super::ResponseWriter::end`].
    pub(crate) async fn end(&mut self, trailers: &[u8]) -> Result<(), ClientFault> {
        if trailers.is_empty() && !self.held.is_empty() {
            let mut held = Bytes::from(std::mem::take(&mut self.held));
            return self.send(held.len(), |count| held.split_to(count), true).await;
        }
        self.flush().await?;
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let mut out = self.stream.borrow_mut();
        let SendHalf::Stream(stream) = &mut *out else { return Err(ClientFault::Gone) };
        let sent = if trailers.is_empty() {
            stream.send_data(Bytes::new(), true)
        } else {
            stream.send_trailers(trailer_map(trailers))
        };
        sent.map_err(|_| ClientFault::Gone)
    }

    /// See [`super::ResponseWriter::cut`].
    pub(crate) fn cut(&mut self) {
        self.reset(Reason::INTERNAL_ERROR);
    }

    /// Ends the stream with an error.
    pub(crate) fn reset(&mut self, reason: Reason) {
        if !self.ended {
            self.ended = true;
            let mut out = self.stream.borrow_mut();
            self.cancelled = out.is_reset();
            out.reset(reason);
        }
    }

    /// Ends the stream if it has no end yet. Returns whether the client ended it before its answer was complete, or the
    /// request was malformed.
    pub(crate) fn settle(&mut self) -> bool {
        self.reset(Reason::INTERNAL_ERROR);
        self.cancelled
    }

    /// See [`super::ResponseWriter::local_reply`].
    pub(crate) async fn local_reply(
        &mut self,
        page: &LocalReply<'_>,
        reply: &ReplyOptions<'_>,
    ) -> Result<(), ClientFault> {
        let ends = reply.head_only || page.body_length() == 0;
        self.page_head(page, reply, ends)?;
        if ends {
            return Ok(());
        }
        self.left = Some(page.body_length() as u64);
        self.page_body(page).await
    }

    //= rfc9113#8.1.1 malformed
    /// Answers a malformed request, then ends the stream with an error. RFC 9113 section 8.1.1 allows an answer before
    /// it.
    pub(crate) async fn malformed(
        &mut self,
        page: &LocalReply<'_>,
        reply: &ReplyOptions<'_>,
    ) -> Result<(), ClientFault> {
        self.page_head(page, reply, false)?;
        self.page_body(page).await?;
        // The reset would discard what was not sent yet, so the connection's task must run first.
        tokio::task::yield_now().await;
        self.reset(Reason::PROTOCOL_ERROR);
        self.cancelled = true;
        Ok(())
    }

    async fn page_body(&mut self, page: &LocalReply<'_>) -> Result<(), ClientFault> {
        let mut body = Vec::with_capacity(page.body_length());
        page.write_body(&mut body);
        self.send_copied(&body).await
    }

    fn page_head(&mut self, page: &LocalReply<'_>, reply: &ReplyOptions<'_>, ends: bool) -> Result<(), ClientFault> {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let date = reply.date().map(|date| (&b"date"[..], date));
        let mut add =
            |name: &[u8], value: &[u8]| append(answer.headers_mut(), HeaderName::from_bytes(name).ok(), value);
        page.fields(reply).chain(date).for_each(|(name, value)| add(name, value));
        reply.each_edit(add);
        self.answer(answer, ends)
    }

    /// See [`super::ResponseWriter::is_fast_reader`].
    pub(crate) fn is_fast_reader(&self) -> bool {
        self.body_sent - self.sent_at_last_wait >= FAST_READER
    }

    /// See [`super::ResponseWriter::body_sent`].
    pub(crate) fn body_sent(&self) -> u64 {
        self.body_sent
    }
}

//= rfc9113#8.2.2 one-connection-down
fn response(head: &AnswerHead, down: &ToClient<'_>) -> Result<Response<()>, ClientFault> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status()).map_err(|_| ClientFault::Gone)?;
    let mut fields = HeaderMap::with_capacity(head.fields().count() + 1);
    headers::each_answer_field(head, down, |kind, name, value| {
        append(&mut fields, name_of(kind, name), value);
    });
    down.each_edit(head, |name, value| append(&mut fields, HeaderName::from_bytes(name).ok(), value));
    *response.headers_mut() = fields;
    Ok(response)
}

/// Adds a field. If HTTP/2 cannot carry the field, it is left out, so that the answer need not be refused.
fn append(fields: &mut HeaderMap, name: Option<HeaderName>, value: &[u8]) {
    if name == Some(X_REQUEST_ID) {
        fields.extend(id_value(value).map(|value| (X_REQUEST_ID, value)));
    } else if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
        fields.append(name, value);
    }
}

/// No id comes twice, and in the field tables of both sides it would push other fields out. A sensitive value is never
/// put there. So it does not live long, and many ids share one piece of memory instead of an allocation each.
fn id_value(id: &[u8]) -> Option<HeaderValue> {
    let bytes = ID_ROOM.with_borrow_mut(|room| {
        if room.capacity() < id.len() {
            *room = BytesMut::with_capacity(ID_ROOM_SIZE.max(id.len()));
        }
        room.extend_from_slice(id);
        room.split().freeze()
    });
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

thread_local! {
    static ID_ROOM: RefCell<BytesMut> = RefCell::default();
}

const ID_ROOM_SIZE: usize = 4096;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

//= rfc9113#8.2 lower-case
/// HTTP/2 writes names in lower case. The names of nearly every answer need no look-up.
fn name_of(kind: FieldKind, name: &[u8]) -> Option<HeaderName> {
    match kind {
        FieldKind::ContentLength => Some(CONTENT_LENGTH),
        FieldKind::ContentType => Some(CONTENT_TYPE),
        FieldKind::Date => Some(DATE),
        FieldKind::Server => Some(SERVER),
        FieldKind::SetCookie => Some(SET_COOKIE),
        FieldKind::XRequestId => Some(X_REQUEST_ID),
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
