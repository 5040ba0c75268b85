//! An HTTP/1 connection from request to request.
//!
//! Heads are read whole into a lent buffer under one deadline and judged by `wire`; what was read ahead stays for the
//! next request. A connection that waits for a request holds no buffer.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::buffers::Buffer;
use super::conn::Conn;
use super::connection::Connection;
use super::ending::{self, Ended};
use super::exchange;
use crate::traffic::page::Reply;
use crate::traffic::refusal::Refusal;
use crate::wire::{HeadFault, HeadLimits, RequestHead, Scan};

/// How long a connection without a request yet is waited for once its listener is closed.
const LAST_CHANCE: Duration = Duration::from_millis(500);

/// Carries requests over one connection until either side ends it.
pub(crate) async fn serve(conn: Conn, connection: Rc<Connection>) {
    let mut input = connection.worker().buffers.lend();
    loop {
        connection.refresh();
        // What was read ahead is the next request's.
        if input.unread().is_empty() && !first_bytes(&conn, &connection, &mut input).await {
            return;
        }
        // Boxed, so that a connection that waits does not hold the room of an exchange.
        let ended = Box::pin(request(&conn, &connection, &mut input)).await;
        match ended {
            Some(Ended::Keep) => {}
            // Boxed as well: few connections end otherwise than by a silent client.
            Some(ended) => return Box::pin(ending::close(&conn, &connection, &mut input, ended)).await,
            None => return,
        }
    }
}

/// Reads a head and carries its request; `None` when no request came of it and the connection is over.
async fn request(conn: &Conn, connection: &Connection, input: &mut Buffer) -> Option<Ended> {
    let mut heads = connection.worker().heads.lend();
    match read_head(conn, connection, input, &mut heads.request).await {
        Head::Read => {}
        Head::Closed => return None,
        Head::Refused(refusal) => return refuse_head(conn, connection, input, refusal).await,
    }
    let ended = exchange::carry_h1(conn, connection, &heads.request, &mut heads.answer, input).await;
    connection.worker().heads.take_back(heads);
    Some(ended)
}

/// Waits for the next request's first bytes; false when the connection is over.
async fn first_bytes(conn: &Conn, connection: &Connection, input: &mut Buffer) -> bool {
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

enum Head {
    Read,
    Closed,
    Refused(Refusal),
}

async fn read_head(conn: &Conn, connection: &Connection, input: &mut Buffer, head: &mut RequestHead) -> Head {
    let settings = connection.limits();
    let limits = HeadLimits::new(settings.max_head, settings.max_fields, connection.secure());
    conn.deadline().read_within(settings.head_timeout);
    let mut seen = 0;
    let end = loop {
        match head.take(input.unread(), seen, &limits) {
            Scan::End(end) => break end,
            Scan::Bad(fault) => return Head::Refused(Refusal::Head(fault)),
            Scan::Partial => seen = input.unread().len(),
        }
        match poll_fn(|cx| conn.poll_read(cx, input)).await {
            Ok(0) => return Head::Closed,
            Ok(_) => {}
            // Empty lines after the last body (9112 2.2) are no request, and an answer to them would be taken for the next.
            Err(_) if input.unread().iter().all(|byte| matches!(byte, b'\r' | b'\n')) => return Head::Closed,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Head::Refused(Refusal::HeadTimeout),
            Err(_) => return Head::Closed,
        }
    };
    conn.deadline().read_done();
    input.consume(end);
    Head::Read
}

/// Answers a head that never became a request, and logs it; `None` where there was no sense in an answer.
async fn refuse_head(conn: &Conn, connection: &Connection, input: &Buffer, refusal: Refusal) -> Option<Ended> {
    let limit = connection.limits().write_timeout;
    let mut out = connection.worker().buffers.lend();
    let date = connection.worker().date();
    refusal.page(None).write(out.end(0), &Reply { connection: Some("close"), date: Some(&date), ..Reply::default() });
    connection.log_bad_head(refusal, input.unread());
    // A TLS client on a plain port reads an answer in plain text as garbage, but a person with curl reads it well.
    let silent = matches!(refusal, Refusal::Head(HeadFault::TlsOnPlain));
    if (silent && connection.secure()) || conn.write(out.unread(), limit).await.is_err() {
        return None;
    }
    Some(Ended::Linger)
}
