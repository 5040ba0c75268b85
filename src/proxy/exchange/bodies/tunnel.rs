//! After `101 Switching Protocols`, and where TLS is passed through: bytes both ways until both sides have ended, one
//! breaks, or nobody speaks for the pool's tunnel limit. A side that ends its direction is heard out (half-close). A silent
//! tunnel holds no buffer.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use crate::proxy::exchange::in_pool::InPool;
use crate::proxy::exchange::record::Record;
use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::stream::TimedStream;
use crate::proxy::worker::Worker;

/// Runs the tunnel to its end; false where a side broke. `early` came from the client after its head, `first` from the node
/// after its 101.
pub(crate) async fn run(
    request: &InPool<'_>,
    record: &mut Record<'_>,
    client: &TimedStream,
    early: &mut Buffer,
    node: &TimedStream,
    first: Buffer,
) -> bool {
    let idle = request.timeouts().tunnel;
    let worker = request.arrived().connection.worker();
    let _open = request.routed.at.running().counters.tunnel();
    let (up_before, down_before) = (node.sent(), client.sent());
    let started = async {
        node.write(early.unread(), idle).await?;
        early.clear();
        client.write(first.unread(), idle).await
    };
    let mut ends = started.await.is_ok();
    if ends {
        drop(first);
        ends = join(worker, client, node, Limits { idle, begin: None }, || ()).await.is_ok();
    }
    if !ends {
        cut(client, node);
    }
    record.received(node.sent() - up_before);
    record.sent(client.sent() - down_before);
    ends
}

/// How long it may be silent.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// How long nobody needs to speak.
    pub(crate) idle: Duration,
    /// Where the node must speak first: how long that may take.
    pub(crate) begin: Option<Duration>,
}

/// One end of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Node,
}

/// Why a tunnel did not end by itself: what one side did, or did not do in time.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) side: Side,
    pub(crate) error: io::Error,
}

impl Broken {
    /// To make one of an error of this side.
    fn by(side: Side) -> impl FnOnce(io::Error) -> Self {
        move |error| Self { side, error }
    }
}

//= rfc9110#9.3.6 tunnel-end
/// Bytes both ways until both sides have ended. Fails where one broke, where nobody spoke for too long, or where the node
/// ended without a word though it had to speak and the client was still there. `heard` is called for all that comes from
/// the node.
pub(crate) async fn join(
    worker: &Worker,
    client: &TimedStream,
    node: &TimedStream,
    limits: Limits,
    heard: impl FnMut(),
) -> Result<(), Broken> {
    let state = State { idle: limits.idle, spoken: Cell::new(worker.clock.now()), client_ended: Cell::new(false) };
    let (client, node) = ((client, Side::Client), (node, Side::Node));
    let up = pipe(worker, client, node, (&state, None), || ());
    both(up, pipe(worker, node, client, (&state, limits.begin), heard)).await
}

/// What both directions of a tunnel know.
struct State {
    idle: Duration,
    /// When somebody spoke last.
    spoken: Cell<u64>,
    client_ended: Cell<bool>,
}

impl State {
    fn silence(&self, worker: &Worker) -> Duration {
        Duration::from_millis(worker.clock.now().saturating_sub(self.spoken.get()))
    }
}

/// One side broke or fell silent: the other must not take that for a clean end.
pub(crate) fn cut(client: &TimedStream, node: &TimedStream) {
    client.cut();
    node.cut();
}

async fn pipe(
    worker: &Worker,
    (from, speaker): (&TimedStream, Side),
    (to, listener): (&TimedStream, Side),
    (state, mut begin): (&State, Option<Duration>),
    mut came: impl FnMut(),
) -> Result<(), Broken> {
    let (idle, mut data) = (state.idle, worker.buffers.lend());
    loop {
        from.deadline().read_within(begin.unwrap_or(idle));
        let read = poll_fn(|cx| from.poll_read(cx, &mut data)).await;
        match read.map_err(Broken::by(speaker)) {
            Ok(0) if begin.is_some() && !state.client_ended.get() => {
                return Err(Broken { side: speaker, error: io::ErrorKind::UnexpectedEof.into() });
            }
            Ok(0) => {
                if speaker == Side::Client {
                    state.client_ended.set(true);
                }
                to.finish(idle).await;
                return Ok(());
            }
            Ok(_) => {
                begin = None;
                state.spoken.set(worker.clock.now());
                came();
                to.write(data.unread(), idle).await.map_err(Broken::by(listener))?;
                data.clear();
            }
            // The other direction may have spoken meanwhile.
            Err(late) if late.error.kind() == io::ErrorKind::TimedOut && begin.is_none() => {
                if state.silence(worker) >= idle {
                    return Err(late);
                }
            }
            Err(broken) => return Err(broken),
        }
    }
}

/// Runs both; ends when both are done or either failed.
async fn both(
    one: impl Future<Output = Result<(), Broken>>,
    other: impl Future<Output = Result<(), Broken>>,
) -> Result<(), Broken> {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut one_done, mut other_done) = (false, false);
    poll_fn(|cx| {
        if !one_done && let Poll::Ready(ended) = one.as_mut().poll(cx) {
            ended?;
            one_done = true;
        }
        if !other_done && let Poll::Ready(ended) = other.as_mut().poll(cx) {
            ended?;
            other_done = true;
        }
        if one_done && other_done { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}
