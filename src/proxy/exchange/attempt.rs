//! One try at one node: made anew for each, so that nothing that was learned in one is taken for true in the next.

use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::io::stream::TimedStream;
use crate::traffic::pool::Chosen;
use crate::traffic::pool::member::NodePermit;
use crate::traffic::pool::retry::{Failure, Sent};
use crate::traffic::pool::why::Why;
use crate::traffic::tick::Tick;

/// One try. Its permit at the node is given back when it is dropped.
pub(crate) struct Attempt {
    /// The node, as an index into the pool's members.
    pub(crate) member: usize,
    pub(crate) why: Why,
    /// When the node was chosen.
    pub(crate) began: Tick,
    /// Only a new connection will do: the node had closed the one that was kept.
    pub(crate) fresh: bool,
    /// The connection had carried a request before.
    pub(crate) reused: bool,
    /// When there was a connection on which the node could be asked; none before.
    pub(crate) asked: Option<Instant>,
    /// How much of the request may have left for the node.
    pub(crate) sent: Sent,
    /// Whether a byte came from the node.
    pub(crate) heard: bool,
    /// How long the node had the whole request and said nothing.
    pub(crate) silent: Duration,
    held: Option<NodePermit>,
}

impl Attempt {
    /// A try at the node that was chosen.
    pub(crate) fn at(chosen: Chosen, now: Tick) -> Self {
        Self {
            member: chosen.member,
            why: chosen.why,
            began: now,
            fresh: false,
            reused: false,
            asked: None,
            sent: Sent::Nothing,
            heard: false,
            silent: Duration::ZERO,
            held: chosen.permit,
        }
    }

    /// The next try, at the same node and under the same permit, over a new connection.
    pub(crate) fn afresh(self, now: Tick) -> Self {
        let chosen = Chosen { member: self.member, why: self.why, permit: self.held, change: None };
        Self { fresh: true, ..Self::at(chosen, now) }
    }

    /// Notes whether any byte of it has left.
    pub(crate) fn note_sent(&mut self, node: &TimedStream) {
        if node.has_written() {
            self.sent = Sent::Something;
        }
    }
}

/// What is known of all tries of a request together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tries {
    /// How many nodes were tried, the present one included. A connection that was replaced does not count.
    pub(crate) count: u32,
    /// When the first of them was chosen.
    pub(crate) since: Option<Instant>,
    /// How long the request waited for permits before them.
    pub(crate) queued: Duration,
    /// What went wrong with the last of them.
    pub(crate) failure: Option<Failure>,
}

impl Tries {
    /// Another node is tried.
    pub(crate) fn begin_one(&mut self) {
        self.count += 1;
        self.since.get_or_insert_with(Instant::now);
    }

    /// How long ago the first of them was chosen.
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }
}
