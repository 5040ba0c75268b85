//! A stream of HTTP/2 as its two directions share it: before its answer, and from then on.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};

/// What a frame of an answer's body carries at most: with its head it fills one TLS record, and no second one is begun
/// for its last bytes.
pub(crate) const FRAME: usize = 16 * 1024 - 9;
/// Less than this is not worth a frame of its own, nor a write to the node, while more is at hand.
pub(crate) const SMALL: usize = 2 * 1024;
/// What is gathered of small pieces at most.
pub(crate) const GATHERED: usize = FRAME;
/// Where the answer goes.
pub(crate) enum Out {
    /// It has not begun.
    Respond(SendResponse<Bytes>),
    /// Its head has gone.
    Stream(SendStream<Bytes>),
}

impl Out {
    /// Ends the stream with an error.
    pub(crate) fn reset(&mut self, reason: Reason) {
        match self {
            Self::Respond(respond) => respond.send_reset(reason),
            Self::Stream(stream) => stream.send_reset(reason),
        }
    }

    /// Waits until the stream is reset, or broken off without a reason.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        match self {
            Self::Respond(respond) => respond.poll_reset(cx).map(Result::ok),
            Self::Stream(stream) => stream.poll_reset(cx).map(Result::ok),
        }
    }

    /// Whether the stream was reset, by the client or for an error of its.
    pub(crate) fn is_reset(&mut self) -> bool {
        self.poll_reset(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}
