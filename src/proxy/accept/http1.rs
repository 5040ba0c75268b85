//! An HTTP/1 connection, from its first request to its last.
//!
//! A head is read whole into a lent buffer under one deadline and then judged by `wire`. Bytes that were read beyond a
//! request stay in the buffer for the next one. A connection that waits for a request holds no buffer memory.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::proxy::connection::{Connection, LAST_CHANCE};
use crate::proxy::exchange;
use crate::proxy::exchange::ending;
use crate::proxy::exchange::ending::Ended;
use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::stream::TimedStream;
use crate::proxy::worker::future_pool::WorkCell;
use crate::traffic::message::local_reply::ReplyOptions;
use crate::traffic::message::refusal::Refusal;
use crate::wire;
use crate::wire::{HeadFault, Scan};

/// Serves requests on one connection until either side ends it.
pub(crate) async fn serve(conn: Rc<TimedStream>, connection: Rc<Connection>) {
    let mut input = connection.worker().buffers.lend();
    let mut seen = 0;
    loop {
        if seen == 0 {
            connection.refresh();
            // Bytes that were read ahead belong to the next request.
            if input.unread().is_empty() && !first_bytes(&conn, &connection, &mut input).await {
                break;
            }
        }
        let work = Work { conn: Rc::clone(&conn), connection: Rc::clone(&connection), input, seen };
        // Lent only now, so that a connection that waits for a request holds no future of an exchange.
        let mut exchange_future = connection.worker().exchanges.lend(serve_requests);
        let (step, rest) = exchange_future.run(work).await;
        connection.worker().exchanges.take_back(exchange_future);
        input = rest;
        let ended = match step {
            Step::Ended(Ended::Keep) => {
                seen = 0;
                continue;
            }
            Step::Ended(ended) => ended,
            // Boxed, because few heads arrive in several parts.
            Step::Partial => match Box::pin(more_of_head(&conn, &connection, &mut input, seen == 0)).await {
                More::Came(before) => {
                    seen = before;
                    continue;
                }
                More::Refused(ended) => ended,
                More::Over => break,
            },
            Step::Over => break,
        };
        return ending::close(&conn, &connection, &mut input, ended).await;
    }
    ending::say_goodbye(&conn, &connection).await;
}

/// A connection and the bytes read from it, as the exchange future takes them.
struct Work {
    conn: Rc<TimedStream>,
    connection: Rc<Connection>,
    input: Buffer,
    seen: usize,
}

//= rfc9112#9.3.2 in-order
async fn serve_requests(cell: Rc<WorkCell<Work, (Step, Buffer)>>) -> Infallible {
    loop {
        let Work { conn, connection, mut input, seen } = cell.next().await;
        let step = pin!(request(&conn, &connection, &mut input, seen)).await;
        cell.leave((step, input));
    }
}

/// The result of looking at the bytes that were read.
enum Step {
    /// A request was served, or its head was refused.
    Ended(Ended),
    /// The head is not complete yet.
    Partial,
    /// The connection has ended.
    Over,
}

//= rfc9110#5.3 whole-head
/// Reads a head and serves its request. An earlier call has already looked at `seen` bytes of the head.
async fn request(conn: &TimedStream, connection: &Connection, input: &mut Buffer, seen: usize) -> Step {
    let limits = connection.head_limits();
    let worker = connection.worker();
    let mut heads = worker.heads.lend();
    match heads.request.take(input.unread(), seen, &limits) {
        Scan::End(end) => input.consume(end),
        Scan::Bad(fault) => return refuse_head(conn, connection, input, Refusal::Head(fault)).await,
        Scan::Partial => {
            worker.heads.take_back(heads);
            return Step::Partial;
        }
    }
    if seen > 0 {
        conn.deadline().read_done();
    }
    let ended = exchange::carry_h1(conn, connection, &heads.request, &mut heads.answer, input).await;
    worker.heads.take_back(heads);
    Step::Ended(ended)
}

/// Waits for the first bytes of the next request. False when the connection has ended.
async fn first_bytes(conn: &TimedStream, connection: &Connection, input: &mut Buffer) -> bool {
    conn.deadline().read_within(connection.limits().idle_timeout);
    let idle_since = conn.deadline().now();
    let mut last_chance = false;
    let read = poll_fn(|cx| match conn.poll_read(cx, input) {
        // A reload woke the task. A connection that only waits must not keep the old generation in memory.
        Poll::Pending if !connection.closing() => {
            connection.refresh();
            Poll::Pending
        }
        Poll::Pending if !last_chance => {
            // The client connected, or had an answer, just now: a request may be on the way.
            let idle = Duration::from_millis(conn.deadline().now().saturating_sub(idle_since));
            let left = LAST_CHANCE.saturating_sub(idle);
            if left.is_zero() {
                return Poll::Ready(Ok(0));
            }
            last_chance = true;
            conn.deadline().read_within(left);
            Poll::Pending
        }
        polled => polled,
    })
    .await;
    conn.deadline().read_done();
    matches!(read, Ok(1..))
}

/// The result of waiting for the rest of a head.
enum More {
    /// More bytes came; the number is how many were there before.
    Came(usize),
    /// The head came too slowly and was answered with an error.
    Refused(Ended),
    /// The connection has ended.
    Over,
}

/// Reads more of a head that is not complete. The deadline for the whole head begins with its first byte.
async fn more_of_head(conn: &TimedStream, connection: &Connection, input: &mut Buffer, begins: bool) -> More {
    if begins {
        conn.deadline().read_within(connection.limits().head_timeout);
    }
    let before = input.unread().len();
    match poll_fn(|cx| conn.poll_read(cx, input)).await {
        Ok(1..) => More::Came(before),
        // Empty lines after the last body (RFC 9112 section 2.2) are no request. The client would take an answer to
        // them for the answer to its next request.
        Err(_) if input.unread().iter().all(|byte| matches!(byte, b'\r' | b'\n')) => More::Over,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            match Box::pin(refuse_head(conn, connection, input, Refusal::HeadTimeout)).await {
                Step::Ended(ended) => More::Refused(ended),
                Step::Partial | Step::Over => More::Over,
            }
        }
        Ok(_) | Err(_) => More::Over,
    }
}

/// Answers and logs a head that never became a request.
async fn refuse_head(conn: &TimedStream, connection: &Connection, input: &Buffer, refusal: Refusal) -> Step {
    let limit = connection.limits().write_timeout;
    let mut out = connection.worker().buffers.lend();
    let date = connection.worker().date();
    let id = connection.refusal_id();
    let extra = [id.as_ref().map(|id| (&b"X-Request-Id"[..], &id[..]))];
    let options =
        ReplyOptions { connection: Some("close"), date: Some(&date), extra: &extra, ..ReplyOptions::default() };
    refusal.reply(None).write(out.end(0), &options);
    let reason = match refusal {
        Refusal::Head(fault) => wire::blame_request(input.unread(), fault, &connection.head_limits()),
        _ => String::new(),
    };
    connection.log_bad_head(refusal, &reason, id.as_ref(), input.unread());
    // A TLS client on a plain port cannot read an answer in plain text, but a person with curl can.
    let silent = matches!(refusal, Refusal::Head(HeadFault::TlsOnPlain));
    if (silent && connection.secure()) || conn.write(out.unread(), limit).await.is_err() {
        return Step::Over;
    }
    Step::Ended(Ended::Linger)
}
