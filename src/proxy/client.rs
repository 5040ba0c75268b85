//! What the exchange needs of a client, whichever protocol it speaks: a body to read and an answer to write.
//!
//! The two are separate values, because both directions flow at once.

pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod tls;

use std::time::Duration;

use super::io::fault::{ClientFault, Gone};
use crate::traffic::message::headers::Down;
use crate::traffic::message::page::{Page, Reply};
use crate::wire::AnswerHead;

/// A request's body, as it comes in.
pub(crate) enum Body<'c> {
    /// Of an HTTP/1 client.
    H1(h1::Body<'c>),
    /// Of an HTTP/2 stream.
    H2(h2::Body),
}

impl Body<'_> {
    /// Waits until there is something in [`Body::data`]; false when the body is complete.
    pub(crate) async fn fill(&mut self) -> Result<bool, ClientFault> {
        match self {
            Self::H1(body) => body.fill().await,
            Self::H2(body) => body.fill().await,
        }
    }

    /// What has come and was not consumed; never waits.
    pub(crate) fn data(&self) -> &[u8] {
        match self {
            Self::H1(body) => body.data(),
            Self::H2(body) => body.data(),
        }
    }

    /// Takes what is at hand without waiting, if anything is.
    pub(crate) fn at_hand(&mut self) -> Result<(), ClientFault> {
        match self {
            Self::H1(body) => body.at_hand(),
            Self::H2(_) => Ok(()),
        }
    }

    /// Whether all that is left of it is in [`Body::data`].
    pub(crate) fn is_at_hand(&self) -> bool {
        match self {
            Self::H1(body) => body.is_at_hand(),
            Self::H2(body) => body.is_at_hand(),
        }
    }

    /// Uses up `count` bytes of [`Body::data`].
    pub(crate) fn consume(&mut self, count: usize) {
        match self {
            Self::H1(body) => body.consume(count),
            Self::H2(body) => body.consume(count),
        }
    }

    /// Whether everything came and was consumed.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::H1(body) => body.is_complete(),
            Self::H2(body) => body.is_complete(),
        }
    }

    /// How much is still to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::H1(body) => body.left(),
            Self::H2(_) => None,
        }
    }

    /// Whether bytes were read ahead that are not of this body.
    pub(crate) fn has_unread(&self) -> bool {
        match self {
            Self::H1(body) => body.has_unread(),
            Self::H2(_) => false,
        }
    }

    /// From now on the client may pause no longer than this.
    pub(crate) fn hurry(&mut self, limit: Duration) {
        match self {
            Self::H1(body) => body.hurry(limit),
            Self::H2(_) => {}
        }
    }

    /// Writes the trailers that may travel, as HTTP/1 field lines.
    pub(crate) fn write_trailers(&self, out: &mut Vec<u8>) {
        match self {
            Self::H1(body) => body.write_trailers(out),
            Self::H2(body) => body.write_trailers(out),
        }
    }

    /// Waits until the client goes away; reads ahead what it sends meanwhile, within bounds.
    pub(crate) async fn gone(&mut self) -> Gone {
        match self {
            Self::H1(body) => body.gone().await,
            Self::H2(body) => body.gone().await,
        }
    }

    /// The same, and reads nothing meanwhile: what was read is on its way up.
    pub(crate) async fn gone_unread(&self) -> Gone {
        match self {
            Self::H1(body) => body.gone_unread().await,
            Self::H2(body) => body.gone().await,
        }
    }

    /// Whether the client still has to take what we would write.
    pub(crate) fn holds_us_up(&self) -> bool {
        match self {
            Self::H1(body) => body.holds_us_up(),
            Self::H2(_) => false,
        }
    }
}

/// Where the answer goes.
pub(crate) enum Sink<'c> {
    /// To an HTTP/1 client.
    H1(h1::Sink<'c>),
    /// To an HTTP/2 stream.
    H2(h2::Sink),
}

impl Sink<'_> {
    /// Passes a 1xx on, to clients that may get one.
    pub(crate) async fn interim(&mut self, head: &AnswerHead, down: &Down<'_>) -> Result<(), ClientFault> {
        match self {
            Self::H1(sink) => sink.interim(head, down).await,
            Self::H2(sink) => sink.interim(head, down),
        }
    }

    /// Sends our own `100 Continue`.
    pub(crate) async fn proceed(&mut self) -> Result<(), ClientFault> {
        match self {
            Self::H1(sink) => sink.proceed().await,
            Self::H2(sink) => sink.proceed(),
        }
    }

    /// Takes the answer's head; it leaves with the first piece, or with [`Sink::flush`].
    pub(crate) fn head(&mut self, head: &AnswerHead, down: &Down<'_>) -> Result<(), ClientFault> {
        match self {
            Self::H1(sink) => {
                sink.head(head, down);
                Ok(())
            }
            Self::H2(sink) => sink.head(head, down),
        }
    }

    /// Sends a piece of the body.
    pub(crate) async fn piece(&mut self, data: &[u8]) -> Result<(), ClientFault> {
        match self {
            Self::H1(sink) => sink.piece(data).await,
            Self::H2(sink) => sink.piece(data).await,
        }
    }

    /// Sends what is held back.
    pub(crate) async fn flush(&mut self) -> Result<(), ClientFault> {
        match self {
            Self::H1(sink) => sink.flush().await,
            Self::H2(sink) => sink.flush().await,
        }
    }

    /// Ends the answer, with the trailers in `trailers` (HTTP/1 field lines, may be empty).
    pub(crate) async fn end(&mut self, trailers: &[u8]) -> Result<(), ClientFault> {
        match self {
            Self::H1(sink) => sink.end(trailers).await,
            Self::H2(sink) => sink.end(trailers).await,
        }
    }

    /// Ends an answer that cannot be completed: never cleanly.
    pub(crate) fn cut(&mut self) {
        match self {
            Self::H1(sink) => sink.cut(),
            Self::H2(sink) => sink.cut(),
        }
    }

    /// Answers by ourselves. `keep` says whether the connection can go on afterwards.
    pub(crate) async fn page(&mut self, page: &Page<'_>, keep: bool, reply: Reply<'_>) -> Result<(), ClientFault> {
        match self {
            Self::H1(sink) => sink.page(page, keep, reply).await,
            Self::H2(sink) => sink.page(page, &reply).await,
        }
    }

    /// Whether the client takes what is sent without letting us wait long.
    pub(crate) fn keeps_up(&self) -> bool {
        match self {
            Self::H1(sink) => sink.keeps_up(),
            Self::H2(sink) => sink.keeps_up(),
        }
    }

    /// Bytes of body sent so far.
    pub(crate) fn body_sent(&self) -> u64 {
        match self {
            Self::H1(sink) => sink.body_sent(),
            Self::H2(sink) => sink.body_sent(),
        }
    }
}
