//! An HTTP/2 connection: pingora-core's, each stream an exchange like any other.
//!
//! A stream's head is spelled as HTTP/1 text and judged by the same reader as everybody's, so no rule exists twice.

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
use crate::proxy::client::h2::front::Front;
use crate::proxy::client::h2::notes::Note;
use crate::proxy::client::{Body, Sink};
use crate::proxy::connection::Connection;
use crate::proxy::exchange;
use crate::proxy::io::clock::Deadlines;
use crate::proxy::worker::Worker;
use crate::proxy::worker::task_pool::Inbox;
use crate::traffic::message::page::Reply;
use crate::traffic::message::refusal::Refusal;
use crate::wire::{Framing, HeadFault, Oddity, RequestHead};

/// Streams at once on one connection.
const STREAMS: u32 = 128;
/// What a stream may send ahead of the node's reading. With what an exchange holds (a node's buffer, what is remembered
/// for a repetition, what waits to be sent) this makes the 256 KiB that a request may hold; the megabyte that a faster
/// upload over a long line would like is not held for anyone.
const STREAM_WINDOW: u32 = 64 * 1024;
/// What of an answer may wait for the client to take it: whole frames.
const SEND_BUFFER: usize = 2 * h2::FRAME;
/// What all streams of a connection may send ahead: what each of them may. With less, uploads whose nodes do not read would
/// keep the other streams from sending a byte.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// Requests taken back before they were looked at, and streams that we reset lately: the library's own bounds, of which the
/// first two are too low for a page that drops its prefetches and the third counts for life. [`Budget`] is asked before.
const TAKEN_BACK_UNSEEN: usize = 1024;
const RESET_LATELY: usize = STREAMS as usize;
const RESET_FOR_ERRORS: usize = 4096;

/// How long a client may take to hear that its connection ends, once no stream runs on it any more.
const FAREWELL: Duration = Duration::from_secs(5);

/// Carries streams until the connection ends.
pub(crate) async fn serve(stream: Stream, connection: Rc<Connection>) {
    let limits = connection.limits();
    let budget = Budget::full(&connection.worker().clock);
    let (front, notes) = Front::new(stream, limits.max_head, &budget);
    let handshake = options(limits.max_head).handshake::<_, Bytes>(front);
    // Who negotiates HTTP/2 and then says nothing has the time of a head, as any client.
    let Ok(Ok(mut streams)) = tokio::time::timeout(limits.head_timeout, handshake).await else { return };
    let life = Life::begin(&connection, limits.http2_idle_timeout);
    loop {
        let accepted = poll_fn(|cx| {
            if budget.is_overdrawn() {
                stop_flood(&mut streams, &connection, &life, budget.is_for_good());
                budget.forgive();
            }
            // A reload wakes it, too: who only waits must not keep the generation before alive.
            connection.refresh();
            let leaving = life.is_leaving();
            if life.is_late(cx) || (!leaving && (connection.closing() || connection.used_up())) {
                // It was told, and does not go.
                if leaving {
                    return Poll::Ready(None);
                }
                streams.graceful_shutdown();
                life.leave();
            }
            let polled = streams.poll_accept(cx);
            notes.tell(|fault, reason| connection.log_bad_head(Refusal::Head(fault), reason, b""));
            polled
        })
        .await;
        let Some(Ok((request, mut respond))) = accepted else { return };
        connection.refresh();
        if budget.saw_reset() && respond.poll_reset(&mut Context::from_waker(Waker::noop())).is_ready() {
            // No node need hear of it.
            connection.log_bad_head(Refusal::ClientGone, "", request.uri().path().as_bytes());
            budget.taken_back();
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

/// Who floods us is first told to go, so that what runs may end; who does not stop is put out.
fn stop_flood(streams: &mut Streams, connection: &Connection, life: &Life, for_good: bool) {
    let warned = life.warn();
    if !warned {
        connection.log_bad_head(Refusal::Flood, if for_good { "more than can be held" } else { "" }, b"");
    }
    if warned || for_good {
        streams.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        return life.end_now();
    }
    streams.graceful_shutdown();
}

type Streams = ::h2::server::Connection<Front<Stream>, Bytes>;

/// A stream that a client has begun.
struct Accepted {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    note: Option<Box<Note>>,
    connection: Rc<Connection>,
    budget: Rc<Budget>,
    running: Running,
}

/// Carries one stream after the other, of whatever connection of this thread.
async fn carry_streams(worker: Rc<Worker>, inbox: Rc<Inbox<Accepted>>) {
    let deadlines = worker.clock.deadlines();
    loop {
        let stream = inbox.next().await;
        pin!(carry(stream, &deadlines)).await;
        deadlines.read_done();
        deadlines.write_done();
        if !worker.stream_tasks.keep(&inbox) {
            return;
        }
    }
}

/// How long the connection may last: for ever while a stream runs, else as long as its patience.
struct Life {
    deadlines: Rc<Deadlines>,
    running: Cell<usize>,
    patience: Cell<Duration>,
    leaving: Cell<bool>,
    warned: Cell<bool>,
}

impl Life {
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

    /// The client is told to go because it flooded us; whether it was already.
    fn warn(&self) -> bool {
        self.leave();
        self.warned.replace(true)
    }

    /// Only what runs is waited for from now on, and the client's farewell.
    fn leave(&self) {
        self.leaving.set(true);
        self.patience.set(FAREWELL);
        if self.running.get() == 0 { self.deadlines.read_within(FAREWELL) } else { self.deadlines.read_done() }
    }

    /// Nothing is waited for but the client's farewell.
    fn end_now(&self) {
        self.leave();
        self.deadlines.read_within(FAREWELL);
    }

    /// Counts one more stream until the guard is dropped.
    fn stream(self: &Rc<Self>) -> Running {
        self.running.set(self.running.get() + 1);
        self.deadlines.read_done();
        Running(Rc::clone(self))
    }
}

struct Running(Rc<Life>);

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
        .max_pending_accept_reset_streams(TAKEN_BACK_UNSEEN)
        .max_concurrent_reset_streams(RESET_LATELY)
        .max_local_error_reset_streams(Some(RESET_FOR_ERRORS))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(max_head).unwrap_or(u32::MAX));
    options
}

async fn carry(stream: Accepted, deadlines: &Rc<Deadlines>) {
    let Accepted { request, respond, note, connection, budget, running } = stream;
    let (parts, recv) = request.into_parts();
    let limits = connection.limits();
    let head = Spelled { parts: &parts, ended: recv.is_end_stream(), odd: note.as_ref().map(|note| &*note.odd) };
    let (body, sink) = h2::stream(recv, respond, deadlines, limits.body_timeout, limits.write_timeout);
    let (mut body, mut sink) = (Body::H2(body), Sink::H2(sink));
    pin!(answer(&head, &connection, &mut body, &mut sink)).await;
    let (Body::H2(mut body), Sink::H2(mut sink)) = (body, sink) else { return };
    if sink.settle() {
        budget.taken_back();
    } else {
        budget.answered();
    }
    // What the client still sends is no work that a connection lives on for.
    drop(running);
    if !body.is_complete() {
        body.drop_rest().await;
    }
}

/// A head as HTTP/2 spells it.
struct Spelled<'p> {
    parts: &'p http::request::Parts,
    /// Whether the stream ended with it.
    ended: bool,
    /// What was odd about it.
    odd: Option<&'p Oddity>,
}

impl Spelled<'_> {
    fn target(&self) -> &[u8] {
        let read = self.parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        self.odd.and_then(|odd| odd.target.as_deref()).unwrap_or(read.as_bytes())
    }

    fn authority(&self) -> Option<&[u8]> {
        let written = self.odd.and_then(|odd| odd.authority.as_deref());
        written.or_else(|| self.parts.uri.authority().map(|authority| authority.as_str().as_bytes()))
    }

    fn is_malformed(&self) -> bool {
        self.odd.is_some_and(|odd| odd.fault.is_some())
    }
}

async fn answer(spelled: &Spelled<'_>, connection: &Connection, body: &mut Body<'_>, sink: &mut Sink<'_>) {
    if spelled.is_malformed() {
        // The log has it already.
        return refuse(HeadFault::BadField, connection, sink).await;
    }
    let mut heads = connection.worker().heads.lend();
    match spell(&mut heads.request, spelled, connection) {
        Ok(()) => pin!(exchange::carry_h2(connection, &heads.request, &mut heads.answer, body, sink)).await,
        Err(fault) => {
            let reason = heads.request.blame(fault, &connection.head_limits());
            let path = spelled.target().split(|&byte| byte == b'?').next().unwrap_or_default();
            connection.log_bad_head(Refusal::Head(fault), &reason, path);
            refuse(fault, connection, sink).await;
        }
    }
    connection.worker().heads.take_back(heads);
}

async fn refuse(fault: HeadFault, connection: &Connection, sink: &mut Sink<'_>) {
    let date = connection.worker().date();
    let reply = Reply { date: Some(&date), ..Reply::default() };
    let page = Refusal::Head(fault).page(None);
    // What becomes of it is told by `settle`.
    let _ = match sink {
        Sink::H2(sink) if page.status == 400 => sink.malformed(&page, &reply).await,
        _ => sink.page(&page, true, reply).await,
    };
}

fn spell(head: &mut RequestHead, spelled: &Spelled<'_>, connection: &Connection) -> Result<(), HeadFault> {
    let parts = spelled.parts;
    let limits = connection.head_limits();
    // The scheme must fit the listener, as it must in an absolute target (wire reads those).
    let secure = parts.uri.scheme_str().is_none_or(|scheme| scheme.eq_ignore_ascii_case("https"));
    if secure != connection.secure() {
        return Err(HeadFault::BadAbsoluteTarget);
    }
    head.begin(parts.method.as_str().as_bytes(), spelled.target(), spelled.authority())?;
    let mut cookies: Option<Vec<u8>> = None;
    for (name, value) in &parts.headers {
        if name == http::header::COOKIE {
            if value.is_empty() {
                continue;
            }
            // 9113 8.2.3: crumbs are joined before they leave HTTP/2, else the node sees several Cookie lines.
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
    head.finish(if spelled.ended { Framing::None } else { Framing::Chunked }, &limits)
}
