//! What the exchange needs of a client in any protocol: a body to read, and a place to write the answer to.
//!
//! Body and answer are separate values, because both directions are used at the same time.

pub(crate) mod challenges;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod hello;
pub(crate) mod no_handshake;
pub(crate) mod shown;
pub(crate) mod tls;

use std::time::Duration;

use super::io::fault::{ClientFault, Disconnect};
use crate::traffic::message::headers::ToClient;
use crate::traffic::message::local_reply::{LocalReply, ReplyOptions};
use crate::wire::AnswerHead;

/// The body of a request, read as it arrives.
pub(crate) enum Body<'c> {
    /// The body of an HTTP/1 request.
    H1(h1::Body<'c>),
    /// The body of an HTTP/2 stream.
    H2(h2::Body),
}

impl Body<'_> {
    /// Waits until [`Body::data`] has bytes. False when the body is complete.
    pub(crate) async fn fill(&mut self) -> Result<bool, ClientFault> {
        match self {
            Self::H1(body) => body.fill().await,
            Self::H2(body) => body.fill().await,
        }
    }

    /// The bytes that were received and not yet consumed. Never waits.
    pub(crate) fn data(&self) -> &[u8] {
        match self {
            Self::H1(body) => body.data(),
            Self::H2(body) => body.data(),
        }
    }

    /// Takes bytes that have already arrived, if there are any. Never waits.
    pub(crate) fn take_arrived(&mut self) -> Result<(), ClientFault> {
        match self {
            Self::H1(body) => body.take_arrived(),
            Self::H2(_) => Ok(()),
        }
    }

    /// Whether [`Body::data`] has all the rest of the body.
    pub(crate) fn has_arrived(&self) -> bool {
        match self {
            Self::H1(body) => body.has_arrived(),
            Self::H2(body) => body.has_arrived(),
        }
    }

    /// Consumes `count` bytes of [`Body::data`].
    pub(crate) fn consume(&mut self, count: usize) {
        match self {
            Self::H1(body) => body.consume(count),
            Self::H2(body) => body.consume(count),
        }
    }

    /// Whether the whole body was received and consumed.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::H1(body) => body.is_complete(),
            Self::H2(body) => body.is_complete(),
        }
    }

    /// How many bytes are still to be received, if that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::H1(body) => body.left(),
            Self::H2(_) => None,
        }
    }

    /// Whether bytes were read that belong to the next message.
    pub(crate) fn has_unread(&self) -> bool {
        match self {
            Self::H1(body) => body.has_unread(),
            Self::H2(_) => false,
        }
    }

    /// Sets the longest pause that the client may make from now on.
    pub(crate) fn shorten_timeout(&mut self, limit: Duration) {
        match self {
            Self::H1(body) => body.shorten_timeout(limit),
            Self::H2(_) => {}
        }
    }

    /// Writes the trailers that may be forwarded, as HTTP/1 field lines.
    pub(crate) fn write_trailers(&self, out: &mut Vec<u8>) {
        match self {
            Self::H1(body) => body.write_trailers(out),
            Self::H2(body) => body.write_trailers(out),
        }
    }

    /// Waits until the client goes away. Meanwhile it reads ahead a limited amount of what the client sends.
    pub(crate) async fn disconnected(&mut self) -> Disconnect {
        match self {
            Self::H1(body) => body.disconnected().await,
            Self::H2(body) => body.disconnected().await,
        }
    }

    /// Waits until the client goes away, without reading: the bytes that were read are still being sent to the node.
    pub(crate) async fn disconnected_unread(&self) -> Disconnect {
        match self {
            Self::H1(body) => body.disconnected_unread().await,
            Self::H2(body) => body.disconnected().await,
        }
    }

    /// Whether a write waits because the client does not read.
    pub(crate) fn is_write_blocked(&self) -> bool {
        match self {
            Self::H1(body) => body.is_write_blocked(),
            Self::H2(_) => false,
        }
    }
}

/// Where the answer is written to.
pub(crate) enum ResponseWriter<'c> {
    /// To an HTTP/1 client.
    H1(h1::ResponseWriter<'c>),
    /// To an HTTP/2 stream.
    H2(h2::ResponseWriter),
}

impl ResponseWriter<'_> {
    /// Forwards a 1xx answer to clients that may receive one.
    pub(crate) async fn interim(&mut self, head: &AnswerHead, down: &ToClient<'_>) -> Result<(), ClientFault> {
        match self {
            Self::H1(writer) => writer.interim(head, down).await,
            Self::H2(writer) => writer.interim(head, down),
        }
    }

    /// Sends `100 Continue` in Weir's own name.
    pub(crate) async fn send_continue(&mut self) -> Result<(), ClientFault> {
        match self {
            Self::H1(writer) => writer.send_continue().await,
            Self::H2(writer) => writer.send_continue(),
        }
    }

    /// Takes the answer's head. It is sent with the first piece of the body or by [`ResponseWriter::flush`].
    pub(crate) fn head(&mut self, head: &AnswerHead, down: &ToClient<'_>) -> Result<(), ClientFault> {
        match self {
            Self::H1(writer) => {
                writer.head(head, down);
                Ok(())
            }
            Self::H2(writer) => writer.head(head, down),
        }
    }

    /// Sends a piece of the body.
    pub(crate) async fn piece(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        match self {
            Self::H1(writer) => writer.piece(data).await,
            Self::H2(writer) => writer.piece(data).await,
        }
    }

    /// Sends the bytes that are held back.
    pub(crate) async fn flush(&mut self) -> Result<(), ClientFault> {
        match self {
            Self::H1(writer) => writer.flush().await,
            Self::H2(writer) => writer.flush().await,
        }
    }

    /// Ends the answer. `trailers` are HTTP/1 field lines and may be empty.
    pub(crate) async fn end(&mut self, trailers: &[u8]) -> Result<(), ClientFault> {
        match self {
            Self::H1(writer) => writer.end(trailers).await,
            Self::H2(writer) => writer.end(trailers).await,
        }
    }

    /// Aborts an answer that cannot be completed, so that the client sees that it is incomplete.
    pub(crate) fn cut(&mut self) {
        match self {
            Self::H1(writer) => writer.cut(),
            Self::H2(writer) => writer.cut(),
        }
    }

    /// Sends an answer of Weir's own. `keep` says whether the connection can be used again.
    pub(crate) async fn local_reply(
        &mut self,
        page: &LocalReply<'_>,
        keep: bool,
        reply: ReplyOptions<'_>,
    ) -> Result<(), ClientFault> {
        match self {
            Self::H1(writer) => writer.local_reply(page, keep, reply).await,
            Self::H2(writer) => writer.local_reply(page, &reply).await,
        }
    }

    /// Whether the client reads fast enough, so that writes do not wait long.
    pub(crate) fn is_fast_reader(&self) -> bool {
        match self {
            Self::H1(writer) => writer.is_fast_reader(),
            Self::H2(writer) => writer.is_fast_reader(),
        }
    }

    /// The number of body bytes sent so far.
    pub(crate) fn body_sent(&self) -> u64 {
        match self {
            Self::H1(writer) => writer.body_sent(),
            Self::H2(writer) => writer.body_sent(),
        }
    }
}
