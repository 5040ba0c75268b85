//! What the two directions of an exchange know of each other, and the one that goes up: the body is sent, and then the
//! client is watched for as long as it is answered.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::upload::{Stopped, Upload};
use crate::config::Timeouts;
use crate::proxy::client::h1::HALF_CLOSED;
use crate::proxy::io::buffers::Buffers;
use crate::proxy::io::fault::{Disconnect, LISTENING, Lost};
use crate::proxy::io::stream::TimedStream;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;

/// What the two directions of an exchange know of each other.
pub(crate) struct Flow<'f> {
    pub(crate) timeouts: &'f Timeouts,
    pub(crate) going: Cell<Going>,
    /// The final answer is on its way down.
    pub(crate) answering: Cell<bool>,
    /// When the last of the request left, or an interim answer came, by the thread's clock.
    pub(crate) quiet_since: Cell<u64>,
}

impl<'f> Flow<'f> {
    /// What is known when the head has left for the node.
    pub(crate) fn begin(upload: &Upload<'_, '_>, node: &TimedStream, timeouts: &'f Timeouts) -> Self {
        let quiet_since = Cell::new(node.deadline().now());
        Self { timeouts, going: Cell::new(Going::of(upload)), answering: Cell::new(false), quiet_since }
    }

    /// Whether more of the body will be sent.
    pub(crate) fn is_going_up(&self) -> bool {
        self.going.get() == Going::Up
    }

    /// How long a node that has the whole request has said nothing.
    pub(crate) fn silent(&self, node: &TimedStream) -> Duration {
        let quiet = node.deadline().now().saturating_sub(self.quiet_since.get());
        if self.is_sent() { Duration::from_millis(quiet) } else { Duration::ZERO }
    }

    /// Whether all of the request was sent.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.going.get(), Going::Sent { .. })
    }
}

/// How far the body is on its way up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going {
    /// More of it will be sent: the node need not answer yet.
    Up,
    /// The node takes no more of it.
    Stopped,
    /// All of it was sent. Only now it is known whether all of it could be sent again.
    Sent { repeats: bool },
}

impl Going {
    /// Where an upload stands.
    pub(crate) fn of(upload: &Upload<'_, '_>) -> Self {
        if upload.is_complete() { Self::Sent { repeats: upload.can_repeat() } } else { Self::Up }
    }
}

/// Sends the body up; afterwards watches the client. Ends only when the request is lost by the client's doing.
pub(crate) async fn send_and_watch(
    upload: &mut Upload<'_, '_>,
    node: &TimedStream,
    flow: &Flow<'_>,
    buffers: &Rc<Buffers>,
) -> Lost {
    let go = |now| {
        flow.going.set(now);
        flow.quiet_since.set(node.deadline().now());
        node.deadline().restart_read(flow.timeouts.read);
    };
    let mut out = None;
    while flow.is_going_up() {
        match upload.send_next(node, flow.timeouts.send, out.get_or_insert_with(|| buffers.lend())).await {
            Ok(false) => {}
            Ok(true) => go(Going::of(upload)),
            Err(Stopped::Node(error)) if error.kind() == io::ErrorKind::TimedOut => {
                return Lost::Node(Failure::SendTimeout);
            }
            // The node may have answered before it closed (413, say): what it said is still to be read.
            Err(Stopped::Node(_)) => go(Going::Stopped),
            // What the node already says of a body that breaks off is worth more than our own complaint.
            Err(Stopped::Client(refusal)) if flow.answering.get() && refusal != Refusal::ClientGone => {
                go(Going::Stopped);
            }
            Err(Stopped::Client(refusal)) => return Lost::Over(refusal),
        }
    }
    drop(out);
    watch(upload, node, flow).await
}

/// Watches the client while it is answered, and returns when it has left. A client that ended only its own direction
/// may still read. It is answered while bytes come from the node or wait for the client, however slow it is; when for
/// [`LISTENING`] there are none, it counts as gone.
async fn watch(upload: &mut Upload<'_, '_>, node: &TimedStream, flow: &Flow<'_>) -> Lost {
    let (mut received, mut silent) = (node.received(), Duration::ZERO);
    let mut gone = upload.disconnected().await;
    while gone == Disconnect::HalfClosed && flow.answering.get() {
        let flows = upload.is_held_up() || node.received() != received;
        received = node.received();
        silent = if flows { Duration::ZERO } else { silent + HALF_CLOSED };
        if silent >= LISTENING {
            break;
        }
        gone = upload.disconnected().await;
    }
    Lost::Over(gone.fault().refusal())
}
