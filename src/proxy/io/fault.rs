//! Why an exchange ends early: by whose doing, and what follows from it.

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
    /// It went away.
    Gone,
    /// It sent nothing for too long.
    BodyTimeout,
    /// It took nothing for too long.
    WriteTimeout,
    /// Its body breaks the framing.
    BadBody,
    /// Its trailers break the rules.
    BadTrailer,
}

impl ClientFault {
    /// The refusal to answer and log with.
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

/// As long as a client that ended its own direction is taken to listen while its node pauses within an answer (what the
/// system holds for it may take it as long to read), or while we delay its request.
pub(crate) const LISTENING: Duration = Duration::from_secs(30);

/// How a client goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It ended its own direction, a moment ago. It may have left, or still listen.
    Finished,
    /// It takes nothing any more.
    Broken,
    /// Its body broke the framing, and its stream was ended for it.
    Malformed,
}

impl Gone {
    /// What that means.
    pub(crate) const fn fault(self) -> ClientFault {
        match self {
            Self::Finished | Self::Broken => ClientFault::Gone,
            Self::Malformed => ClientFault::BadBody,
        }
    }
}

/// Does it for as long as the client is there; that is asked only where it must wait.
pub(crate) async fn unless_gone<T>(
    doing: impl Future<Output = T>,
    gone: impl Future<Output = Gone>,
) -> Result<T, ClientFault> {
    let (mut doing, mut gone) = (pin!(doing), pin!(gone));
    poll_fn(|cx| match doing.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => gone.as_mut().poll(cx).map(|gone| Err(gone.fault())),
    })
    .await
}

/// Why an attempt at one node ended.
pub(crate) enum Lost {
    /// The node's fault: another may do better.
    Node(Failure),
    /// Nothing to be done.
    Over(Refusal),
}

impl From<ClientFault> for Lost {
    fn from(fault: ClientFault) -> Self {
        Self::Over(fault.refusal())
    }
}
