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
    let ends = match started.await {
        Ok(()) => {
            drop(first);
            join(worker, client, node, idle, || ()).await
        }
        Err(error) => Err(error),
    };
    if ends.is_err() {
        cut(client, node);
    }
    record.received(node.sent() - up_before);
    record.sent(client.sent() - down_before);
    ends.is_ok()
}

/// Bytes both ways until both sides have ended. Fails where one broke, or where nobody spoke for `idle`. `heard` is called
/// for all that comes from the node.
pub(crate) async fn join(
    worker: &Worker,
    client: &TimedStream,
    node: &TimedStream,
    idle: Duration,
    heard: impl FnMut(),
) -> io::Result<()> {
    let spoken = Cell::new(worker.clock.now());
    both(pipe(worker, client, node, (idle, &spoken), || ()), pipe(worker, node, client, (idle, &spoken), heard)).await
}

/// One side broke or fell silent: the other must not take that for a clean end.
pub(crate) fn cut(client: &TimedStream, node: &TimedStream) {
    client.cut();
    node.cut();
}

async fn pipe(
    worker: &Worker,
    from: &TimedStream,
    to: &TimedStream,
    (idle, spoken): (Duration, &Cell<u64>),
    mut came: impl FnMut(),
) -> io::Result<()> {
    let mut data = worker.buffers.lend();
    let idle_millis = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
    loop {
        from.deadline().read_within(idle);
        match poll_fn(|cx| from.poll_read(cx, &mut data)).await {
            Ok(0) => {
                to.finish(idle).await;
                return Ok(());
            }
            Ok(_) => {
                spoken.set(worker.clock.now());
                came();
                to.write(data.unread(), idle).await?;
                data.clear();
            }
            // The other direction may have spoken meanwhile.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                if worker.clock.now().saturating_sub(spoken.get()) >= idle_millis {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Runs both; ends when both are done or either failed.
async fn both(
    one: impl Future<Output = io::Result<()>>,
    other: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
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
