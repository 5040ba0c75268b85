//! Why an exchange ends early: which side caused it, and what follows.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;

/// Why the client's side of an exchange ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientFault {
    /// The client went away.
    Gone,
    /// The client sent nothing of its body for too long.
    BodyTimeout,
    /// The client took nothing for too long.
    WriteTimeout,
    /// The body breaks the framing.
    BadBody,
    /// The trailers break the rules.
    BadTrailer,
}

impl ClientFault {
    /// The refusal for the answer and the log.
    pub(crate) const fn refusal(self) -> Refusal {
        match self {
            Self::Gone | Self::WriteTimeout => Refusal::ClientGone,
            Self::BodyTimeout => Refusal::BodyTimeout,
            Self::BadBody => Refusal::BadChunk,
            Self::BadTrailer => Refusal::BadTrailer,
        }
    }

    /// What an error while writing to a client means.
    pub(crate) fn writing(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::WriteTimeout } else { Self::Gone }
    }

    /// What an error while reading a client's body means.
    pub(crate) fn reading(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::BodyTimeout } else { Self::Gone }
    }
}

/// How long a client that ended its own direction is assumed to listen, while its node pauses within an answer or while
/// Weir delays its request. The client may need as long to read what the kernel still holds for it.
pub(crate) const LISTENING: Duration = Duration::from_secs(30);

/// How a client goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    /// The client ended its own direction a moment ago. It may have left, or it may still listen.
    HalfClosed,
    /// The client takes nothing any more.
    Closed,
    /// The body broke the framing, and the stream was ended for it.
    Malformed,
}

impl Disconnect {
    /// The fault that this means.
    pub(crate) const fn fault(self) -> ClientFault {
        match self {
            Self::HalfClosed | Self::Closed => ClientFault::Gone,
            Self::Malformed => ClientFault::BadBody,
        }
    }
}

/// Runs `doing` as long as the client is there. The client is checked only when `doing` has to wait.
pub(crate) async fn unless_disconnected<T>(
    doing: impl Future<Output = T>,
    disconnected: impl Future<Output = Disconnect>,
) -> Result<T, ClientFault> {
    let (mut doing, mut disconnected) = (pin!(doing), pin!(disconnected));
    poll_fn(|cx| match doing.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => disconnected.as_mut().poll(cx).map(|how| Err(how.fault())),
    })
    .await
}

/// Why an attempt at one node ended.
pub(crate) enum Lost {
    /// The node failed. Another node may succeed.
    Node(Failure),
    /// The request cannot be served by any node.
    Over(Refusal),
}

impl From<ClientFault> for Lost {
    fn from(fault: ClientFault) -> Self {
        Self::Over(fault.refusal())
    }
}
