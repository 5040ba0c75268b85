//! An HTTP/2 connection, read by pingora-core. Each stream is an exchange like an HTTP/1 request.
//!
//! A stream's head is written as HTTP/1 text and judged by the same reader, so no rule exists twice.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ::h2::server::SendResponse;
use ::h2::{Reason, RecvStream};
use bytes::Bytes;
use http::Request;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v2::server::{H2Options, default_h2_options};

use crate::proxy::client::h2;
use crate::proxy::client::h2::budget::Budget;
use crate::proxy::client::h2::frame_filter::FrameFilter;
use crate::proxy::client::h2::notes::Note;
use crate::proxy::client::{Body, ResponseWriter};
use crate::proxy::connection::{Connection, RefusalId};
use crate::proxy::exchange;
use crate::proxy::io::clock::Deadlines;
use crate::proxy::worker::Worker;
use crate::proxy::worker::task_pool::Inbox;
use crate::traffic::message::local_reply::ReplyOptions;
use crate::traffic::message::refusal::Refusal;
use crate::wire::{Framing, HeadFault, Oddity, RequestHead};

/// The largest number of streams at one time on one connection.
const STREAMS: u32 = 128;
/// How many bytes a stream may send ahead of what the node has read. Together with what an exchange holds (a node's
/// buffer, the bytes kept for a retry, the bytes that wait to be sent) this makes the 256 KiB that a request may hold.
/// A window of a megabyte would make uploads over long lines faster, but would need too much memory.
const STREAM_WINDOW: u32 = 64 * 1024;
/// How many bytes of an answer may wait until the client reads them: whole frames.
const SEND_BUFFER: usize = 2 * h2::FRAME;
/// How many bytes all streams of a connection may send ahead: the full window of each. If this were smaller, uploads
/// whose nodes do not read could keep the other streams from sending anything.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// Limits of the h2 library: requests that the client reset before Weir saw them, streams that Weir reset lately, and
/// streams that it reset for errors. The defaults of the first two are too low for a page that cancels its prefetches,
/// and the third counts for the whole connection. [`Budget`] acts before these limits do.
const CANCELLED_UNSEEN: usize = 1024;
const RESET_LATELY: usize = STREAMS as usize;
const RESET_FOR_ERRORS: usize = 4096;

/// How long a client may keep its connection after it was told to close it and its last stream has ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves streams until the connection ends.
pub(crate) async fn serve(stream: Stream, connection: Rc<Connection>) {
    let limits = connection.limits();
    let budget = Budget::full(&connection.worker().clock);
    let (filter, notes) = FrameFilter::new(stream, limits.max_head, &budget);
    let handshake = options(limits.max_head).handshake::<_, Bytes>(filter);
    // A client that negotiates HTTP/2 and then sends nothing gets as much time as for a head.
    let Ok(Ok(mut streams)) = tokio::time::timeout(limits.head_timeout, handshake).await else { return };
    let life = ConnectionLife::begin(&connection, limits.http2_idle_timeout);
    loop {
        let accepted = poll_fn(|cx| {
            if budget.is_overdrawn() {
                stop_flood(&mut streams, &connection, &life, budget.is_for_good());
                budget.forgive();
            }
            // A reload also wakes this task. A connection that only waits must not keep the old generation in memory.
            connection.refresh();
            let leaving = life.is_leaving();
            if life.is_late(cx) || (!leaving && (connection.closing() || connection.used_up())) {
                // The client was told to close the connection and did not.
                if leaving {
                    return Poll::Ready(None);
                }
                streams.graceful_shutdown();
                life.leave();
            }
            let polled = streams.poll_accept(cx);
            notes.report(|fault, reason| {
                let id = connection.refusal_id();
                connection.log_bad_head(Refusal::Head(fault), reason, id.as_ref(), b"");
                id
            });
            polled
        })
        .await;
        let Some(Ok((request, mut respond))) = accepted else { return };
        connection.refresh();
        if budget.saw_reset() && respond.poll_reset(&mut Context::from_waker(Waker::noop())).is_ready() {
            // The client has already reset the stream, so no node needs to see the request.
            connection.log_bad_head(Refusal::ClientGone, "", None, request.uri().path().as_bytes());
            budget.cancelled();
            continue;
        }
        let worker = Rc::clone(connection.worker());
        let (connection, budget) = (Rc::clone(&connection), Rc::clone(&budget));
        let note = notes.take(respond.stream_id().as_u32()).map(Box::new);
        let stream = Accepted { request, respond, note, connection, budget, running: life.stream() };
        if let Some(inbox) = worker.stream_tasks.give(stream) {
            tokio::task::spawn_local(carry_streams(worker, inbox));
        }
    }
}

/// Acts on a client that floods us. First it is told to go away (GOAWAY), so that running streams can end. If it goes
/// on, the connection is ended.
fn stop_flood(streams: &mut Streams, connection: &Connection, life: &ConnectionLife, for_good: bool) {
    let warned = life.warn();
    if !warned {
        connection.log_bad_head(Refusal::Flood, if for_good { "more than can be held" } else { "" }, None, b"");
    }
    if warned || for_good {
        streams.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        return life.end_now();
    }
    streams.graceful_shutdown();
}

type Streams = ::h2::server::Connection<FrameFilter<Stream>, Bytes>;

/// A stream that a client has opened.
struct Accepted {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    note: Option<Box<Note>>,
    connection: Rc<Connection>,
    budget: Rc<Budget>,
    running: Running,
}

/// Serves one stream after the other, of any connection of this thread.
async fn carry_streams(worker: Rc<Worker>, inbox: Rc<Inbox<Accepted>>) {
    let deadlines = worker.clock.deadlines();
    loop {
        let stream = inbox.next().await;
        pin!(serve_stream(stream, &deadlines)).await;
        deadlines.read_done();
        deadlines.write_done();
        if !worker.stream_tasks.take_back(&inbox) {
            return;
        }
    }
}

/// How long the connection may last: without limit while a stream runs, otherwise as long as `patience`.
struct ConnectionLife {
    deadlines: Rc<Deadlines>,
    running: Cell<usize>,
    patience: Cell<Duration>,
    leaving: Cell<bool>,
    warned: Cell<bool>,
}

impl ConnectionLife {
    fn begin(connection: &Connection, idle: Duration) -> Rc<Self> {
        let deadlines = connection.worker().clock.deadlines();
        deadlines.read_within(idle);
        let (leaving, warned) = (Cell::new(false), Cell::new(false));
        Rc::new(Self { deadlines, running: Cell::new(0), patience: Cell::new(idle), leaving, warned })
    }

    fn is_late(&self, cx: &Context<'_>) -> bool {
        self.deadlines.read_late(cx)
    }

    fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    /// Tells the client to go away because it floods us. Returns whether it was told before.
    fn warn(&self) -> bool {
        self.leave();
        self.warned.replace(true)
    }

    /// From now on only running streams are waited for, and then for the client to close.
    fn leave(&self) {
        self.leaving.set(true);
        self.patience.set(CLOSE_TIMEOUT);
        if self.running.get() == 0 { self.deadlines.read_within(CLOSE_TIMEOUT) } else { self.deadlines.read_done() }
    }

    /// Waits for nothing but the client's close.
    fn end_now(&self) {
        self.leave();
        self.deadlines.read_within(CLOSE_TIMEOUT);
    }

    /// Counts one more stream until the guard is dropped.
    fn stream(self: &Rc<Self>) -> Running {
        self.running.set(self.running.get() + 1);
        self.deadlines.read_done();
        Running(Rc::clone(self))
    }
}

struct Running(Rc<ConnectionLife>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
        if self.0.running.get() == 0 {
            self.0.deadlines.read_within(self.0.patience.get());
        }
    }
}

fn options(max_head: usize) -> H2Options {
    let mut options = default_h2_options();
    options
        .max_concurrent_streams(STREAMS)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(CANCELLED_UNSEEN)
        .max_concurrent_reset_streams(RESET_LATELY)
        .max_local_error_reset_streams(Some(RESET_FOR_ERRORS))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(max_head).unwrap_or(u32::MAX));
    options
}

async fn serve_stream(stream: Accepted, deadlines: &Rc<Deadlines>) {
    let Accepted { request, respond, note, connection, budget, running } = stream;
    let (parts, recv) = request.into_parts();
    let limits = connection.limits();
    let head = Http2Head { parts: &parts, ended: recv.is_end_stream(), note: note.as_deref() };
    let (body, writer) = h2::stream(recv, respond, deadlines, limits.body_timeout, limits.write_timeout);
    let (mut body, mut writer) = (Body::H2(body), ResponseWriter::H2(writer));
    pin!(answer(&head, &connection, &mut body, &mut writer)).await;
    let (Body::H2(mut body), ResponseWriter::H2(mut writer)) = (body, writer) else { return };
    if writer.settle() {
        budget.cancelled();
    } else {
        budget.answered();
    }
    // Bytes that the client still sends after its answer must not keep the connection alive.
    drop(running);
    if !body.is_complete() {
        body.drop_rest().await;
    }
}

/// A head as HTTP/2 sent it.
struct Http2Head<'p> {
    parts: &'p http::request::Parts,
    /// Whether the stream ended with its head.
    ended: bool,
    /// What was wrong or unusual in the field block.
    note: Option<&'p Note>,
}

impl<'p> Http2Head<'p> {
    fn target(&self) -> &[u8] {
        let read = self.parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        self.odd().and_then(|odd| odd.target.as_deref()).unwrap_or(read.as_bytes())
    }

    fn authority(&self) -> Option<&[u8]> {
        let written = self.odd().and_then(|odd| odd.authority.as_deref());
        written.or_else(|| self.parts.uri.authority().map(|authority| authority.as_str().as_bytes()))
    }

    fn is_malformed(&self) -> bool {
        self.odd().is_some_and(|odd| odd.fault.is_some())
    }

    fn odd(&self) -> Option<&'p Oddity> {
        self.note.map(|note| &*note.odd)
    }
}

async fn answer(sent: &Http2Head<'_>, connection: &Connection, body: &mut Body<'_>, writer: &mut ResponseWriter<'_>) {
    if sent.is_malformed() {
        // This fault is already in the log, under this id.
        let id = sent.note.and_then(|note| note.id.as_ref());
        return refuse(HeadFault::BadField, id, connection, writer).await;
    }
    let mut heads = connection.worker().heads.lend();
    match write_head(&mut heads.request, sent, connection) {
        Ok(()) => pin!(exchange::carry_h2(connection, &heads.request, &mut heads.answer, body, writer)).await,
        Err(fault) => {
            let reason = heads.request.blame(fault, &connection.head_limits());
            let path = sent.target().split(|&byte| byte == b'?').next().unwrap_or_default();
            let id = connection.refusal_id();
            connection.log_bad_head(Refusal::Head(fault), &reason, id.as_ref(), path);
            refuse(fault, id.as_ref(), connection, writer).await;
        }
    }
    connection.worker().heads.take_back(heads);
}

async fn refuse(fault: HeadFault, id: Option<&RefusalId>, connection: &Connection, writer: &mut ResponseWriter<'_>) {
    let date = connection.worker().date();
    let extra = [id.map(|id| (&b"x-request-id"[..], &id[..]))];
    let reply = ReplyOptions { date: Some(&date), extra: &extra, ..ReplyOptions::default() };
    let page = Refusal::Head(fault).reply(None);
    // Errors are ignored here, because `settle` reports how the stream ended.
    let _ = match writer {
        ResponseWriter::H2(writer) if page.status == 400 => writer.malformed(&page, &reply).await,
        _ => writer.local_reply(&page, true, reply).await,
    };
}

fn write_head(head: &mut RequestHead, sent: &Http2Head<'_>, connection: &Connection) -> Result<(), HeadFault> {
    let parts = sent.parts;
    let limits = connection.head_limits();
    // The scheme must fit the listener. The same holds for an absolute target in HTTP/1, which `wire` checks.
    let secure = parts.uri.scheme_str().is_none_or(|scheme| scheme.eq_ignore_ascii_case("https"));
    if secure != connection.secure() {
        return Err(HeadFault::BadAbsoluteTarget);
    }
    head.begin(parts.method.as_str().as_bytes(), sent.target(), sent.authority())?;
    let mut cookies: Option<Vec<u8>> = None;
    for (name, value) in &parts.headers {
        if name == http::header::COOKIE {
            if value.is_empty() {
                continue;
            }
            //= rfc9113#8.2.3 crumbs
            // RFC 9113 section 8.2.3: split cookies are joined before they leave HTTP/2. Otherwise the node would see
            // several Cookie lines.
            let joined = cookies.get_or_insert_default();
            if !joined.is_empty() {
                joined.extend_from_slice(b"; ");
            }
            joined.extend_from_slice(value.as_bytes());
        } else {
            head.push_field(name.as_str().as_bytes(), value.as_bytes())?;
        }
    }
    if let Some(cookies) = cookies {
        head.push_field(b"cookie", &cookies)?;
    }
    head.finish(if sent.ended { Framing::None } else { Framing::Chunked }, &limits)
}
