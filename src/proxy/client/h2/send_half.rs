//! The sending side of an HTTP/2 stream, before and after the answer's head was sent. Both directions share it.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};

/// The largest body part of one frame. With its frame head it fills one TLS record exactly, so no second record is
/// needed for the last bytes.
pub(crate) const FRAME: usize = 16 * 1024 - 9;
/// Pieces smaller than this are not sent alone, neither as a frame nor to the node, while more bytes are at hand.
pub(crate) const SMALL: usize = 2 * 1024;
/// The most bytes that small pieces are gathered to.
pub(crate) const GATHERED: usize = FRAME;
/// The sending side.
pub(crate) enum SendHalf {
    /// The answer has not begun.
    Respond(SendResponse<Bytes>),
    /// The answer's head was sent.
    Stream(SendStream<Bytes>),
}

impl SendHalf {
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

    /// Whether the stream was reset, by the client or because of the client's error.
    pub(crate) fn is_reset(&mut self) -> bool {
        self.poll_reset(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}
