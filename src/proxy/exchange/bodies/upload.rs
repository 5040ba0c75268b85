//! A request's body on its way up: framed for the node, counted against the site's limit, and remembered as long as
//! it is short, so that an idempotent request can be sent again.

use std::io;
use std::pin::pin;
use std::time::Duration;

use crate::proxy::client::{Body, ResponseWriter};
use crate::proxy::exchange::attempt::Attempt;
use crate::proxy::exchange::response::Response;
use crate::proxy::exchange::routed::Routed;
use crate::proxy::exchange::trip::Trip;
use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::fault::{ClientFault, Disconnect, Lost, unless_disconnected};
use crate::proxy::io::stream::{COPIED, TimedStream};
use crate::traffic::message::headers::FramingToNode;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;
use crate::wire;
use crate::wire::{Framing, Method};

/// Bodies up to this many bytes are remembered for repetition.
const REMEMBERED: usize = 32 * 1024;
/// As much of a body that may have to be sent again leaves together with the head.
const WITH_HEAD: usize = 16 * 1024;
/// As much of what is held leaves as one chunk together with the head.
const MOST_CHUNK: usize = 64 * 1024;
/// A client that has ended its own direction counts as gone when the node took nothing of its body at so many looks in
/// a row. There are about three seconds between two looks.
const SILENT_LOOKS: u32 = 2;

/// The body of one request, over all its attempts.
pub(crate) struct Upload<'u, 'c> {
    body: &'u mut Body<'c>,
    framing: FramingToNode,
    /// The part that was consumed, from its first byte, while `remembers`.
    kept: Vec<u8>,
    remembers: bool,
    /// How much of `kept` this attempt has sent.
    resent: usize,
    seen: u64,
    limit: Option<u64>,
    finished: bool,
    trailers: bool,
}

/// Why no more of the body goes up.
pub(crate) enum Stopped {
    /// The node takes no more.
    Node(io::Error),
    /// The client's doing.
    Client(Refusal),
}

impl<'u, 'c> Upload<'u, 'c> {
    /// The body of that request.
    pub(crate) fn new(body: &'u mut Body<'c>, routed: &Routed<'_>) -> Self {
        let head = routed.arrived().head;
        let framing = match head.framing() {
            // A length of zero is no body: WSO2 closes the connection after a GET with Content-Length.
            Framing::None => FramingToNode::None,
            Framing::Length(0) if bodiless(head.method()) => FramingToNode::None,
            Framing::Length(length) => FramingToNode::Length(length),
            Framing::Chunked => FramingToNode::Chunked,
        };
        Self {
            framing,
            kept: Vec::new(),
            remembers: head.method().idempotent() || routed.rules().non_idempotent,
            resent: 0,
            seen: 0,
            limit: routed.rules().max_body,
            finished: matches!(framing, FramingToNode::None | FramingToNode::Length(0)),
            trailers: head.te_trailers(),
            body,
        }
    }

    //= rfc9110#10.1.1 final
    /// Reads what the pool wants to hold before anything goes up; a body that fits goes up with its length. A client
    /// that waits for 100 Continue is told by us to go on: nobody else sees its body yet.
    pub(crate) async fn read_first(
        &mut self,
        most: u64,
        response: &mut Response<'_>,
        writer: &mut ResponseWriter<'_>,
    ) -> Result<(), Refusal> {
        if matches!(self.framing, FramingToNode::Length(0)) && !self.body.is_complete() {
            // An HTTP/2 stream that says its body is empty must also end it.
            return match self.body.fill().await {
                Ok(false) => Ok(()),
                Ok(true) => Err(Refusal::BadChunk),
                Err(fault) => Err(fault.refusal()),
            };
        }
        if most == 0 || self.finished {
            return Ok(());
        }
        self.body.take_arrived().map_err(ClientFault::refusal)?;
        if self.goes_with_head() {
            return Ok(());
        }
        if response.awaits_continue() && self.body.data().is_empty() {
            writer.send_continue().await.map_err(ClientFault::refusal)?;
            response.proceeded(100);
        }
        self.remembers = true;
        while (self.kept.len() as u64) < most {
            if !self.body.fill().await.map_err(ClientFault::refusal)? {
                self.framing = FramingToNode::Length(self.kept.len() as u64);
                return Ok(());
            }
            let count = self.body.data().len();
            self.check(count)?;
            self.seen += count as u64;
            self.kept.extend_from_slice(self.body.data());
            self.body.consume(count);
        }
        Ok(())
    }

    // A short body that is all there with its length needs no room of its own.
    fn goes_with_head(&self) -> bool {
        let short = self.body.data().len() <= WITH_HEAD;
        short && matches!(self.framing, FramingToNode::Length(_)) && self.body.has_arrived()
    }

    /// Sends the head, with as much of the body as is at hand. Nothing of the body is used up before that worked.
    pub(crate) async fn begin(
        &mut self,
        trip: &Trip<'_, '_>,
        attempt: &mut Attempt,
        node: &TimedStream,
        limit: Duration,
    ) -> Result<(), Lost> {
        self.body.take_arrived().map_err(|fault| Lost::Over(fault.refusal()))?;
        let mut out = trip.arrived().connection.worker().buffers.lend();
        // A node has no say about a body that is here already; and whoever was told to go on is not told again.
        let expect = trip.response.awaits_continue() && !self.body.has_arrived();
        trip.request.write_head(out.end(0), self.framing, expect);
        let again = !self.kept.is_empty();
        let data = if again { &self.kept[..] } else { self.body.data() };
        let chunked = matches!(self.framing, FramingToNode::Chunked);
        let most = match again {
            true if chunked => MOST_CHUNK,
            false if chunked || self.remembers => WITH_HEAD,
            _ => usize::MAX,
        };
        let data = data.get(..most).unwrap_or(data);
        if !again {
            self.check(data.len()).map_err(Lost::Over)?;
        }
        let (copied, direct) = if chunked || data.len() <= COPIED { (data, &b""[..]) } else { (&b""[..], data) };
        frame(self.framing, out.end(0), copied);
        let written = node.write_both(out.unread(), direct, limit).await;
        attempt.note_sent(node);
        let taken = copied.len()
            + written.map_err(|error| {
                let late = error.kind() == io::ErrorKind::TimedOut;
                Lost::Node(if late { Failure::SendTimeout } else { Failure::SendFailed })
            })?;
        if again {
            self.resent = taken;
        } else {
            self.use_up(taken);
        }
        self.settle();
        Ok(())
    }

    /// Sends the next piece; true when the body is complete.
    pub(crate) async fn send_next(
        &mut self,
        node: &TimedStream,
        limit: Duration,
        out: &mut Buffer,
    ) -> Result<bool, Stopped> {
        out.clear();
        if self.resent < self.kept.len() {
            let end = self.kept.len().min(self.resent + REMEMBERED);
            frame(self.framing, out.end(REMEMBERED), self.kept.get(self.resent..end).unwrap_or_default());
            self.write(node, out.unread(), limit).await?;
            self.resent = end;
            self.settle();
            return Ok(self.finished);
        }
        let more = self.body.fill().await.map_err(|fault| Stopped::Client(fault.refusal()))?;
        let chunked = matches!(self.framing, FramingToNode::Chunked);
        // A whole buffer and a chunk's framing would not fit a buffer.
        let count = self.body.data().len().min(if chunked { REMEMBERED } else { usize::MAX });
        self.check(count).map_err(Stopped::Client)?;
        if !more {
            self.write_end(out.end(0));
            self.write(node, out.unread(), limit).await?;
            self.finished = true;
            return Ok(true);
        }
        if chunked {
            frame(self.framing, out.end(count), self.body.data().get(..count).unwrap_or_default());
            self.write(node, out.unread(), limit).await?;
        } else {
            self.write(node, self.body.data(), limit).await?;
        }
        self.use_up(count);
        self.settle();
        Ok(self.finished)
    }

    /// Writes to the node, for as long as the client is there.
    async fn write(&self, node: &TimedStream, data: &[u8], limit: Duration) -> Result<(), Stopped> {
        match unless_disconnected(pin!(node.write(data, limit)), pin!(self.disconnected_while_sending(node))).await {
            Ok(written) => written.map_err(Stopped::Node),
            Err(fault) => Err(Stopped::Client(fault.refusal())),
        }
    }

    // A client that has ended its own direction may still wait for the answer. It is kept while the node goes on taking
    // its body. One look is not enough: the system takes more from us only when a third of its buffer is free again, so
    // with a slow node nothing is taken for seconds.
    async fn disconnected_while_sending(&self, node: &TimedStream) -> Disconnect {
        let (mut sent, mut silent) = (node.sent(), 0);
        loop {
            let gone = self.body.disconnected_unread().await;
            silent = if node.sent() == sent { silent + 1 } else { 0 };
            if gone != Disconnect::HalfClosed || silent >= SILENT_LOOKS {
                return gone;
            }
            sent = node.sent();
        }
    }

    fn write_end(&self, out: &mut Vec<u8>) {
        if matches!(self.framing, FramingToNode::Chunked) {
            out.extend_from_slice(b"0\r\n");
            if self.trailers {
                self.body.write_trailers(out);
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    // A body with a length is over with its last byte; a chunked one only with the last chunk.
    fn settle(&mut self) {
        if !matches!(self.framing, FramingToNode::Chunked) && self.resent >= self.kept.len() && self.body.is_complete()
        {
            self.finished = true;
        }
    }

    fn check(&self, count: usize) -> Result<(), Refusal> {
        let over = self.limit.is_some_and(|limit| self.seen + count as u64 > limit);
        if over { Err(Refusal::BodyTooLarge) } else { Ok(()) }
    }

    // Called when `count` fresh bytes were sent. Then all of `kept` was sent before them. If `count` is zero, a part of
    // `kept` may not have been sent yet, so nothing is changed.
    fn use_up(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.seen += count as u64;
        if self.remembers {
            if self.kept.len() + count <= REMEMBERED {
                self.kept.extend_from_slice(self.body.data().get(..count).unwrap_or_default());
                self.resent = self.kept.len();
            } else {
                self.remembers = false;
                self.kept = Vec::new();
                self.resent = 0;
            }
        }
        self.body.consume(count);
    }

    /// Whether the whole of what was consumed is at hand, so that the request can be sent again.
    pub(crate) fn can_repeat(&self) -> bool {
        self.seen == self.kept.len() as u64
    }

    /// Prepares the next attempt; false where the body would not be whole, and so must not be sent.
    pub(crate) fn rewind(&mut self) -> bool {
        self.resent = 0;
        self.finished = matches!(self.framing, FramingToNode::None | FramingToNode::Length(0));
        self.can_repeat()
    }

    /// Whether more of the body had to be waited for before a node was thought of.
    pub(crate) fn was_read_first(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Whether nothing is left to send.
    pub(crate) fn is_complete(&self) -> bool {
        self.finished
    }

    /// Waits until the client goes away.
    pub(crate) async fn disconnected(&mut self) -> Disconnect {
        self.body.disconnected().await
    }

    /// Whether the client still has to take what we would write.
    pub(crate) fn is_held_up(&self) -> bool {
        self.body.is_write_blocked()
    }

    /// Bytes of body received.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }
}

fn bodiless(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Delete | Method::Options)
}

fn frame(framing: FramingToNode, out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    if matches!(framing, FramingToNode::Chunked) {
        wire::write_chunk_size(out, data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    } else {
        out.extend_from_slice(data);
    }
}
