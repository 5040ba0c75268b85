//! The two directions of an HTTP/1 client: the body that is received, by length or in chunks, and the answer that is
//! sent. Bytes read beyond the body stay in the buffer for the next request.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::fault::{ClientFault, Disconnect};
use crate::proxy::io::stream::{COPIED, TimedStream};
use crate::proxy::io::tcp::OtherSide;
use crate::proxy::io::unchunk;
use crate::traffic::message::headers;
use crate::traffic::message::headers::{FramingToClient, ToClient, write_field};
use crate::traffic::message::local_reply::{LocalReply, ReplyOptions};
use crate::wire;
use crate::wire::{AnswerHead, ChunkFault, Chunks, Framing, Version};

/// The largest chunk. Half a buffer, so that a chunk and its framing fit into one.
const LARGEST_CHUNK: usize = crate::proxy::io::buffers::SIZE / 2;
/// Space for the framing of a chunk.
const CHUNK_FRAME: usize = 24;
/// How long to wait before Weir asks again whether a client that ended its direction still listens.
pub(crate) const HALF_CLOSED: Duration = Duration::from_secs(2);

/// The body of a request.
pub(crate) struct Body<'c> {
    conn: &'c TimedStream,
    input: &'c mut Buffer,
    framing: BodyFraming,
    /// How many bytes at the front of `input` are body.
    ready: usize,
    timeout: Duration,
    read_ahead: usize,
}

enum BodyFraming {
    Done,
    Length(u64),
    Chunked(Box<Chunks>),
    ChunkedDone(Box<Chunks>),
}

impl<'c> Body<'c> {
    /// A body with that framing at the front of `input`.
    pub(crate) fn new(
        conn: &'c TimedStream,
        input: &'c mut Buffer,
        framing: Framing,
        timeout: Duration,
        max_head: usize,
    ) -> Self {
        let framing = match framing {
            Framing::None | Framing::Length(0) => BodyFraming::Done,
            Framing::Length(length) => BodyFraming::Length(length),
            Framing::Chunked => BodyFraming::Chunked(Box::default()),
        };
        Self { conn, input, framing, ready: 0, timeout, read_ahead: max_head }
    }

    /// See [`super::Body::fill`].
    pub(crate) async fn fill(&mut self) -> Result<bool, ClientFault> {
        loop {
            self.take_arrived()?;
            if self.ready > 0 {
                return Ok(true);
            }
            if self.ended() {
                return Ok(false);
            }
            match self.conn.read(self.input, self.timeout).await {
                Ok(0) => return Err(ClientFault::Gone),
                Ok(_) => {}
                Err(error) => return Err(ClientFault::reading(&error)),
            }
        }
    }

    /// Reads the framing of bytes that have already arrived.
    pub(crate) fn take_arrived(&mut self) -> Result<(), ClientFault> {
        if self.ready > 0 || self.input.unread().is_empty() {
            return Ok(());
        }
        match &mut self.framing {
            BodyFraming::Done | BodyFraming::ChunkedDone(_) => {}
            BodyFraming::Length(left) => {
                self.ready = usize::try_from(*left).unwrap_or(usize::MAX).min(self.input.unread().len());
            }
            BodyFraming::Chunked(chunks) => match unchunk::join(chunks, self.input) {
                Ok(joined) => {
                    self.ready = joined.ready;
                    if joined.ended {
                        self.end_of_chunks();
                    }
                }
                Err(ChunkFault::BadTrailer | ChunkFault::TrailersTooLarge) => return Err(ClientFault::BadTrailer),
                Err(_) => return Err(ClientFault::BadBody),
            },
        }
        Ok(())
    }

    /// What was wrong with the framing, in words for the log.
    pub(crate) fn blame(&self) -> Option<String> {
        match &self.framing {
            BodyFraming::Chunked(chunks) => chunks.blame(),
            _ => None,
        }
    }

    fn end_of_chunks(&mut self) {
        if let BodyFraming::Chunked(chunks) = std::mem::replace(&mut self.framing, BodyFraming::Done) {
            self.framing = BodyFraming::ChunkedDone(chunks);
        }
    }

    /// See [`super::Body::data`].
    pub(crate) fn data(&self) -> &[u8] {
        self.input.unread().get(..self.ready).unwrap_or_default()
    }

    /// See [`super::Body::has_arrived`].
    pub(crate) fn has_arrived(&self) -> bool {
        self.left().is_some_and(|left| left == self.ready as u64)
    }

    /// See [`super::Body::consume`].
    pub(crate) fn consume(&mut self, count: usize) {
        self.ready -= count;
        self.input.consume(count);
        if let BodyFraming::Length(left) = &mut self.framing {
            *left = left.saturating_sub(count as u64);
            if *left == 0 {
                self.framing = BodyFraming::Done;
            }
        }
    }

    fn ended(&self) -> bool {
        matches!(self.framing, BodyFraming::Done | BodyFraming::ChunkedDone(_))
    }

    /// See [`super::Body::is_complete`].
    pub(crate) fn is_complete(&self) -> bool {
        self.ready == 0 && self.ended()
    }

    /// See [`super::Body::write_trailers`].
    pub(crate) fn write_trailers(&self, out: &mut Vec<u8>) {
        if let BodyFraming::ChunkedDone(chunks) = &self.framing {
            for (name, value) in chunks.trailers() {
                write_field(out, name, value);
            }
        }
    }

    /// See [`super::Body::is_write_blocked`].
    pub(crate) fn is_write_blocked(&self) -> bool {
        self.conn.deadline().is_write_blocked()
    }

    /// See [`super::Body::disconnected`]. When the client ends its direction, it may have left, or it may be a script
    /// that has sent everything and still listens. So Weir waits for a moment. nginx gives up at once, HAProxy never
    /// does.
    pub(crate) async fn disconnected(&mut self) -> Disconnect {
        loop {
            if self.input.unread().len() >= self.read_ahead.min(crate::proxy::io::buffers::SIZE) {
                return self.disconnected_unread().await;
            }
            let conn = self.conn;
            let input = &mut *self.input;
            match poll_fn(|cx| conn.poll_read(cx, input)).await {
                Ok(0) => break,
                // TLS ended without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(_) => return Disconnect::Closed,
                Ok(_) => {}
            }
        }
        self.conn.pause(HALF_CLOSED).await;
        Disconnect::HalfClosed
    }

    /// See [`super::Body::disconnected_unread`].
    pub(crate) async fn disconnected_unread(&self) -> Disconnect {
        if self.conn.ended_unread().await == OtherSide::Gone {
            return Disconnect::Closed;
        }
        self.conn.pause(HALF_CLOSED).await;
        Disconnect::HalfClosed
    }

    /// See [`super::Body::left`].
    pub(crate) fn left(&self) -> Option<u64> {
        match self.framing {
            BodyFraming::Done | BodyFraming::ChunkedDone(_) => Some(self.ready as u64),
            BodyFraming::Length(left) => Some(left),
            BodyFraming::Chunked(_) => None,
        }
    }

    /// See [`super::Body::shorten_timeout`].
    pub(crate) fn shorten_timeout(&mut self, limit: Duration) {
        self.timeout = self.timeout.min(limit);
    }

    /// See [`super::Body::has_unread`].
    pub(crate) fn has_unread(&self) -> bool {
        !self.input.unread().is_empty()
    }

    /// The connection's buffer with the bytes after the head, for a tunnel.
    pub(crate) fn into_input(self) -> &'c mut Buffer {
        self.input
    }
}

/// The answer to a request.
pub(crate) struct ResponseWriter<'c> {
    conn: &'c TimedStream,
    out: Buffer,
    timeout: Duration,
    version: Version,
    chunked: bool,
    body_sent: u64,
}

impl<'c> ResponseWriter<'c> {
    /// An answer on that connection. `out` is an empty buffer.
    pub(crate) fn new(conn: &'c TimedStream, out: Buffer, version: Version, timeout: Duration) -> Self {
        Self { conn, out, timeout, version, chunked: false, body_sent: 0 }
    }

    //= rfc9110#15.2 interim-1.0
    /// See [`super::ResponseWriter::interim`]. HTTP/1.0 clients get no 1xx answer (RFC 9110 section 15.2).
    pub(crate) async fn interim(&mut self, head: &AnswerHead, down: &ToClient<'_>) -> Result<(), ClientFault> {
        if self.version == Version::Http10 {
            return Ok(());
        }
        headers::write_answer(self.out.end(0), head, down);
        self.flush().await
    }

    /// See [`super::ResponseWriter::send_continue`].
    pub(crate) async fn send_continue(&mut self) -> Result<(), ClientFault> {
        if self.version == Version::Http10 {
            return Ok(());
        }
        self.out.end(0).extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        self.flush().await
    }

    /// See [`super::ResponseWriter::head`].
    pub(crate) fn head(&mut self, head: &AnswerHead, down: &ToClient<'_>) {
        self.chunked = matches!(down.framing, FramingToClient::Chunked);
        headers::write_answer(self.out.end(0), head, down);
    }

    /// See [`super::ResponseWriter::piece`].
    pub(crate) async fn piece(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        if !self.chunked {
            return self.part(data).await;
        }
        for part in data.chunks(LARGEST_CHUNK) {
            self.part(part).await?;
        }
        Ok(())
    }

    async fn part(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        self.body_sent += data.len() as u64;
        if self.chunked {
            let out = self.out.end(data.len() + CHUNK_FRAME);
            wire::write_chunk_size(out, data.len());
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
            // Chunks that come together are sent together. The caller flushes before it waits for more.
            return if self.out.unread().len() < LARGEST_CHUNK { Ok(()) } else { self.flush().await };
        }
        if !self.out.unread().is_empty() && data.len() <= COPIED {
            self.out.end(data.len()).extend_from_slice(data);
            return self.flush().await;
        }
        let taken = if self.out.unread().is_empty() { 0 } else { self.flush_with(data).await? };
        self.write(data.get(taken..).unwrap_or_default()).await
    }

    /// See [`super::ResponseWriter::flush`].
    pub(crate) async fn flush(&mut self) -> Result<(), ClientFault> {
        if self.out.unread().is_empty() {
            return Ok(());
        }
        let written = self.conn.write(self.out.unread(), self.timeout).await;
        self.out.clear();
        written.map_err(|error| ClientFault::writing(&error))
    }

    // Returns how much of `data` was sent together with the bytes that were held back.
    async fn flush_with(&mut self, data: &[u8]) -> Result<usize, ClientFault> {
        let written = self.conn.write_both(self.out.unread(), data, self.timeout).await;
        self.out.clear();
        written.map_err(|error| ClientFault::writing(&error))
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        self.conn.write(data, self.timeout).await.map_err(|error| ClientFault::writing(&error))
    }

    /// See [`super::ResponseWriter::end`].
    pub(crate) async fn end(&mut self, trailers: &[u8]) -> Result<(), ClientFault> {
        if self.chunked {
            self.out.end(0).extend_from_slice(b"0\r\n");
            self.out.end(0).extend_from_slice(trailers);
            self.out.end(0).extend_from_slice(b"\r\n");
        }
        self.flush().await
    }

    //= rfc9112#8 incomplete
    /// See [`super::ResponseWriter::cut`]. Bytes that are held back are dropped, and the connection is closed without a
    /// last chunk.
    pub(crate) fn cut(&mut self) {
        self.out.clear();
    }

    /// See [`super::ResponseWriter::local_reply`].
    pub(crate) async fn local_reply(
        &mut self,
        page: &LocalReply<'_>,
        keep: bool,
        reply: ReplyOptions<'_>,
    ) -> Result<(), ClientFault> {
        let connection = match (keep, self.version) {
            (false, _) => Some("close"),
            (true, Version::Http10) => Some("keep-alive"),
            (true, Version::Http11) => None,
        };
        page.write(self.out.end(0), &ReplyOptions { connection, ..reply });
        self.body_sent = if reply.head_only { 0 } else { page.body_length() as u64 };
        self.flush().await
    }

    /// See [`super::ResponseWriter::is_fast_reader`].
    pub(crate) fn is_fast_reader(&self) -> bool {
        self.conn.is_fast_reader()
    }

    /// See [`super::ResponseWriter::body_sent`].
    pub(crate) fn body_sent(&self) -> u64 {
        self.body_sent
    }
}
