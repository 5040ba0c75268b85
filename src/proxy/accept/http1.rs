//! An HTTP/1 connection from request to request.
//!
//! Heads are read whole into a lent buffer under one deadline and judged by `wire`; what was read ahead stays for the
//! next request. A connection that waits for a request holds no buffer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::proxy::connection::Connection;
use crate::proxy::exchange;
use crate::proxy::exchange::ending;
use crate::proxy::exchange::ending::Ended;
use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::stream::TimedStream;
use crate::proxy::worker::future_pool::WorkCell;
use crate::traffic::message::page::Reply;
use crate::traffic::message::refusal::Refusal;
use crate::wire;
use crate::wire::{HeadFault, Scan};

/// How long a connection without a request yet is waited for once its listener is closed.
const LAST_CHANCE: Duration = Duration::from_millis(500);

/// Carries requests over one connection until either side ends it.
pub(crate) async fn serve(conn: Rc<TimedStream>, connection: Rc<Connection>) {
    let mut input = connection.worker().buffers.lend();
    let mut seen = 0;
    loop {
        if seen == 0 {
            connection.refresh();
            // What was read ahead is the next request's.
            if input.unread().is_empty() && !first_bytes(&conn, &connection, &mut input).await {
                return;
            }
        }
        let work = Work { conn: Rc::clone(&conn), connection: Rc::clone(&connection), input, seen };
        // Who waits for a request does not hold the room of an exchange.
        let mut exchange_future = connection.worker().exchanges.lend(carry);
        let (step, rest) = exchange_future.carry(work).await;
        connection.worker().exchanges.take_back(exchange_future);
        input = rest;
        let ended = match step {
            Step::Ended(Ended::Keep) => {
                seen = 0;
                continue;
            }
            Step::Ended(ended) => ended,
            // Boxed, because few heads come in parts.
            Step::Partial => match Box::pin(more_of_head(&conn, &connection, &mut input, seen == 0)).await {
                More::Came(before) => {
                    seen = before;
                    continue;
                }
                More::Refused(ended) => ended,
                More::Over => return,
            },
            Step::Over => return,
        };
        return ending::close(&conn, &connection, &mut input, ended).await;
    }
}

/// A request, and what was read of it.
struct Work {
    conn: Rc<TimedStream>,
    connection: Rc<Connection>,
    input: Buffer,
    seen: usize,
}

async fn carry(cell: Rc<WorkCell<Work, (Step, Buffer)>>) -> Infallible {
    loop {
        let Work { conn, connection, mut input, seen } = cell.next().await;
        let step = pin!(request(&conn, &connection, &mut input, seen)).await;
        cell.leave((step, input));
    }
}

/// What came of what was read.
enum Step {
    /// A request was carried, or its head refused.
    Ended(Ended),
    /// The head is not all there.
    Partial,
    /// The connection is over.
    Over,
}

/// Takes a head and carries its request. `seen` bytes of the head were looked at before.
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

/// Waits for the next request's first bytes; false when the connection is over.
async fn first_bytes(conn: &TimedStream, connection: &Connection, input: &mut Buffer) -> bool {
    conn.deadline().read_within(connection.limits().idle_timeout);
    let mut last_chance = false;
    let read = poll_fn(|cx| match conn.poll_read(cx, input) {
        // A reload woke it: who only waits must not keep the generation before alive.
        Poll::Pending if !connection.closing() => {
            connection.refresh();
            Poll::Pending
        }
        Poll::Pending if connection.closing() && connection.has_served() => Poll::Ready(Ok(0)),
        Poll::Pending if connection.closing() && !last_chance => {
            // Its request may be on the way: it connected before we stopped accepting.
            last_chance = true;
            conn.deadline().read_within(LAST_CHANCE);
            Poll::Pending
        }
        polled => polled,
    })
    .await;
    conn.deadline().read_done();
    matches!(read, Ok(1..))
}

/// What came of waiting for the rest of a head.
enum More {
    /// Some of it; so much was there before.
    Came(usize),
    /// It came too slowly, which its client was told.
    Refused(Ended),
    /// The connection is over.
    Over,
}

/// Reads on in a head of which only a part has come; all of it has its time from its first bytes on.
async fn more_of_head(conn: &TimedStream, connection: &Connection, input: &mut Buffer, begins: bool) -> More {
    if begins {
        conn.deadline().read_within(connection.limits().head_timeout);
    }
    let before = input.unread().len();
    match poll_fn(|cx| conn.poll_read(cx, input)).await {
        Ok(1..) => More::Came(before),
        // Empty lines after the last body (9112 2.2) are no request, and an answer to them would be taken for the next.
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

/// Answers a head that never became a request, and logs it.
async fn refuse_head(conn: &TimedStream, connection: &Connection, input: &Buffer, refusal: Refusal) -> Step {
    let limit = connection.limits().write_timeout;
    let mut out = connection.worker().buffers.lend();
    let date = connection.worker().date();
    refusal.page(None).write(out.end(0), &Reply { connection: Some("close"), date: Some(&date), ..Reply::default() });
    let reason = match refusal {
        Refusal::Head(fault) => wire::blame_request(input.unread(), fault, &connection.head_limits()),
        _ => String::new(),
    };
    connection.log_bad_head(refusal, &reason, input.unread());
    // A TLS client on a plain port reads an answer in plain text as garbage, but a person with curl reads it well.
    let silent = matches!(refusal, Refusal::Head(HeadFault::TlsOnPlain));
    if (silent && connection.secure()) || conn.write(out.unread(), limit).await.is_err() {
        return Step::Over;
    }
    Step::Ended(Ended::Linger)
}
