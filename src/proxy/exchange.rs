//! The request's way, top to bottom: find the site, look up the session, pick a node, connect or reuse, send the
//! request up, pass the answer down, learn, count and log.
//!
//! Both directions flow at once and each holds one buffer at most, so a slow side slows the other down. What to do is
//! decided by the rooms in `traffic`; what was decided is kept in the [`Trip`].

pub(crate) mod admission;
mod affinity;
mod attempt;
mod choose;
mod download;
pub(crate) mod ending;
mod local_reply;
mod reach;
mod record;
mod trip;
mod tunnel;
mod upload;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use self::attempt::Attempt;
use self::download::pass_body;
use self::ending::Ended;
use self::reach::Node;
use self::trip::Trip;
use self::upload::{Stopped, Upload};
use super::client::h1;
use super::client::h1::HALF_CLOSED;
use super::client::{Body, Sink};
use super::connection::Connection;
use super::io::buffers::{Buffer, Buffers};
use super::io::fault::{ClientFault, Gone, LISTENING, Lost, unless_gone};
use super::io::stream::TimedStream;
use crate::config::Timeouts;
use crate::traffic::limits::interim::Allowance;
use crate::traffic::message::headers::{Down, DownFraming};
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;
use crate::wire;
use crate::wire::{AnswerHead, AnswerScan, FieldKind, RequestHead};

/// How long a node may take to say `100 Continue` before we say it.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);
/// What came of it, seen from the client.
enum Outcome {
    /// A whole answer went down.
    Answered,
    /// The node agreed to an upgrade.
    Upgraded(Box<Upgraded>),
    /// Weir answered.
    Refused,
    /// An answer was begun and cannot be completed.
    Cut,
}

/// A connection that becomes a tunnel.
struct Upgraded {
    /// Whose place is held for as long as the tunnel lasts.
    attempt: Attempt,
    node: Node,
    /// What the node sent after its head.
    rest: Buffer,
}

impl Outcome {
    fn of_own(sent: Result<(), ClientFault>) -> Self {
        if sent.is_ok() { Self::Refused } else { Self::Cut }
    }
}

/// Carries one request of an HTTP/1 client.
pub(crate) async fn carry_h1(
    conn: &TimedStream,
    connection: &Connection,
    head: &RequestHead,
    answer: &mut AnswerHead,
    input: &mut Buffer,
) -> Ended {
    let limits = connection.limits();
    let mut trip = Trip::begin(connection, head);
    let body = h1::Body::new(conn, input, head.framing(), limits.body_timeout, limits.max_head);
    let sink = h1::Sink::new(conn, connection.worker().buffers.lend(), head.version(), limits.write_timeout);
    let (mut body, mut sink) = (Body::H1(body), Sink::H1(sink));
    let outcome = pin!(carry(&mut trip, answer, &mut body, &mut sink)).await;
    if let Body::H1(body) = &body
        && let Some(reason) = body.blame()
    {
        trip.blame(reason);
    }
    trip.sent(sink.body_sent());
    drop(sink);
    let ended = match outcome {
        Outcome::Answered => ending::after_node(&trip, &body),
        Outcome::Refused => ending::after_own(&trip, &mut body).await,
        Outcome::Cut => Ended::Cut,
        Outcome::Upgraded(upgraded) => {
            let Upgraded { attempt, node, rest } = *upgraded;
            let whole = match body {
                Body::H1(body) => tunnel::run(&mut trip, conn, body.into_input(), &node.conn, rest).await,
                Body::H2(_) => true,
            };
            trip.leave(&attempt);
            if whole { Ended::Close } else { Ended::Cut }
        }
    };
    trip.end();
    ended
}

/// Carries one request of an HTTP/2 stream.
pub(crate) async fn carry_h2(
    connection: &Connection,
    head: &RequestHead,
    answer: &mut AnswerHead,
    body: &mut Body<'_>,
    sink: &mut Sink<'_>,
) {
    let mut trip = Trip::begin(connection, head);
    pin!(carry(&mut trip, answer, body, sink)).await;
    trip.sent(sink.body_sent());
    trip.end();
}

async fn carry(trip: &mut Trip<'_>, answer: &mut AnswerHead, body: &mut Body<'_>, sink: &mut Sink<'_>) -> Outcome {
    let refusal = match pin!(find_and_try(trip, answer, body, sink)).await {
        Ok(outcome) => return outcome,
        Err(refusal) => refusal,
    };
    trip.refuse(refusal);
    if trip.answer_begun() || refusal == Refusal::ClientGone {
        sink.cut();
        return Outcome::Cut;
    }
    Outcome::of_own(local_reply::refuse(trip, refusal, body, sink).await)
}

async fn find_and_try(
    trip: &mut Trip<'_>,
    answer: &mut AnswerHead,
    body: &mut Body<'_>,
    sink: &mut Sink<'_>,
) -> Result<Outcome, Refusal> {
    trip.find_site()?;
    trip.find_route()?;
    let delay = trip.admit()?;
    if let Some(sent) = local_reply::of_route(trip, body, sink).await {
        return Ok(Outcome::of_own(sent));
    }
    trip.check_length()?;
    let mut upload = Upload::new(body, trip);
    trip.delay(delay, &mut upload).await?;
    upload.read_first(trip, sink).await?;
    trip.find_session();
    let tried = pin!(try_nodes(trip, answer, &mut upload, sink)).await;
    trip.received(upload.seen());
    tried
}

async fn try_nodes(
    trip: &mut Trip<'_>,
    answer: &mut AnswerHead,
    upload: &mut Upload<'_, '_>,
    sink: &mut Sink<'_>,
) -> Result<Outcome, Refusal> {
    let mut next = None;
    loop {
        let mut attempt = match next {
            Some(attempt) => attempt,
            None => trip.pick(upload).await?,
        };
        let asked = pin!(ask(trip, &mut attempt, answer, upload, sink)).await;
        trip.leave(&attempt);
        let failure = match asked {
            Ok(Asked::Answered) => return Ok(Outcome::Answered),
            Ok(Asked::Upgraded(node, rest)) => {
                return Ok(Outcome::Upgraded(Box::new(Upgraded { attempt, node, rest })));
            }
            Err(Lost::Over(refusal)) => return Err(refusal),
            Err(Lost::Node(failure)) => failure,
        };
        next = trip.failed(attempt, failure, upload.can_repeat())?;
        if !upload.rewind() {
            return Err(failure.refusal());
        }
    }
}

/// What came of one try.
enum Asked {
    Answered,
    /// The node's connection, and what it sent after its head.
    Upgraded(Node, Buffer),
}

/// One try at one node.
async fn ask(
    trip: &mut Trip<'_>,
    attempt: &mut Attempt,
    answer: &mut AnswerHead,
    upload: &mut Upload<'_, '_>,
    sink: &mut Sink<'_>,
) -> Result<Asked, Lost> {
    let timeouts = trip.timeouts();
    let node = match trip.reuse(attempt) {
        Some(node) => node,
        None => unless_gone(pin!(trip.open(attempt, timeouts)), pin!(upload.gone())).await?.map_err(Lost::Node)?,
    };
    upload.begin(trip, attempt, &node.conn, timeouts.send).await?;
    let flow = Flow {
        going: Cell::new(Going::of(upload)),
        answering: Cell::new(false),
        quiet_since: Cell::new(node.conn.deadline().now()),
    };
    let answered = {
        let Node { conn, .. } = &node;
        let buffers = &trip.connection.worker().buffers;
        let mut up = pin!(send_and_watch(upload, conn, timeouts, &flow, buffers));
        let mut down = pin!(pass_answer(trip, attempt, answer, conn, sink, &flow, timeouts.read));
        poll_fn(|cx| {
            if let Poll::Ready(done) = down.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            up.as_mut().poll(cx).map(Err)
        })
        .await
    };
    let passed = answered.inspect_err(|_| {
        attempt.heard = node.has_spoken();
        attempt.silent = flow.silent(&node.conn);
    });
    match passed? {
        Passed::Upgraded(rest) => {
            trip.upgraded(attempt, answer);
            Ok(Asked::Upgraded(node, rest))
        }
        Passed::Whole { reusable } => {
            trip.release(node, reusable && flow.is_sent());
            Ok(Asked::Answered)
        }
    }
}

/// What the two directions of an exchange know of each other.
struct Flow {
    going: Cell<Going>,
    /// The final answer is on its way down.
    answering: Cell<bool>,
    /// When the last of the request left, or an interim answer came, by the thread's clock.
    quiet_since: Cell<u64>,
}

impl Flow {
    fn is_going_up(&self) -> bool {
        self.going.get() == Going::Up
    }

    /// How long a node that has the whole request has said nothing.
    fn silent(&self, node: &TimedStream) -> Duration {
        let quiet = node.deadline().now().saturating_sub(self.quiet_since.get());
        if self.is_sent() { Duration::from_millis(quiet) } else { Duration::ZERO }
    }

    fn is_sent(&self) -> bool {
        matches!(self.going.get(), Going::Sent { .. })
    }
}

/// How far the body is on its way up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    /// More of it will be sent: the node need not answer yet.
    Up,
    /// The node takes no more of it.
    Stopped,
    /// All of it was sent. Only now it is known whether all of it could be sent again.
    Sent { repeats: bool },
}

impl Going {
    fn of(upload: &Upload<'_, '_>) -> Self {
        if upload.is_complete() { Self::Sent { repeats: upload.can_repeat() } } else { Self::Up }
    }
}

/// Sends the body up; afterwards watches the client. Ends only when the request is lost by the client's doing.
async fn send_and_watch(
    upload: &mut Upload<'_, '_>,
    node: &TimedStream,
    timeouts: Timeouts,
    flow: &Flow,
    buffers: &Rc<Buffers>,
) -> Lost {
    let go = |now| {
        flow.going.set(now);
        flow.quiet_since.set(node.deadline().now());
        node.deadline().restart_read(timeouts.read);
    };
    let mut out = None;
    while flow.is_going_up() {
        match upload.send_next(node, timeouts.send, out.get_or_insert_with(|| buffers.lend())).await {
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

/// Watches the client while it is answered. Who ended only its own direction gets all that flows, however slowly it takes
/// it; who left is noticed when nothing does.
async fn watch(upload: &mut Upload<'_, '_>, node: &TimedStream, flow: &Flow) -> Lost {
    let (mut received, mut silent) = (node.received(), Duration::ZERO);
    let mut gone = upload.gone().await;
    while gone == Gone::Finished && flow.answering.get() {
        let flows = upload.is_held_up() || node.received() != received;
        received = node.received();
        silent = if flows { Duration::ZERO } else { silent + HALF_CLOSED };
        if silent >= LISTENING {
            break;
        }
        gone = upload.gone().await;
    }
    Lost::Over(gone.fault().refusal())
}

enum Passed {
    Whole { reusable: bool },
    Upgraded(Buffer),
}

/// Reads the node's answer and passes it down.
async fn pass_answer(
    trip: &mut Trip<'_>,
    attempt: &Attempt,
    answer: &mut AnswerHead,
    node: &TimedStream,
    sink: &mut Sink<'_>,
    flow: &Flow,
    limit: Duration,
) -> Result<Passed, Lost> {
    let mut input = trip.connection.worker().buffers.lend();
    input.set_narrow(!sink.keeps_up());
    let mut interim = Allowance::default();
    loop {
        let bytes = read_answer_head(trip, answer, node, sink, &mut input, flow, limit).await?;
        match answer.status() {
            101 if trip.wants_upgrade() => {
                let down = trip.down(answer, DownFraming::None, true);
                sink.interim(answer, &down).await?;
                return Ok(Passed::Upgraded(input));
            }
            101 => {
                trip.blame("101 that nobody asked for");
                return Err(Lost::Node(Failure::Malformed));
            }
            100..=199 => {
                flow.quiet_since.set(node.deadline().now());
                if !interim.take(bytes, trip.now()) {
                    trip.blame("too many interim answers, or too many bytes of them");
                    return Err(Lost::Node(Failure::Malformed));
                }
                trip.proceeded(answer.status());
                let down = trip.down(answer, DownFraming::None, true);
                sink.interim(answer, &down).await?;
            }
            _ => break,
        }
    }
    trip.answered(attempt, answer.status());
    if let Going::Sent { repeats } = flow.going.get()
        && trip.asks_again(attempt, answer.status(), repeats)
    {
        return Err(Lost::Node(Failure::Status(answer.status())));
    }
    trip.learn(answer);
    let framing = trip.framing_down(answer);
    flow.answering.set(true);
    trip.begin_answer(answer, flow.is_sent(), framing);
    // Who forwards an answer without Date must date it (RFC 9110 6.6.1).
    let date = answer.value(FieldKind::Date).is_none().then(|| trip.connection.worker().date());
    let (explained, cookie) = (trip.explained(), trip.own_cookie());
    let extra = [
        date.as_ref().map(|date| (&b"Date"[..], &date[..])),
        explained.as_ref().map(|why| (&b"X-Weir"[..], &why[..])),
        cookie.as_ref().map(|cookie| (&b"Set-Cookie"[..], &cookie[..])),
    ];
    let down = Down { extra: &extra, ..trip.down(answer, framing, trip.keeps_alive()) };
    sink.head(answer, &down)?;
    let whole = pass_body(trip, answer, node, sink, &mut input, limit).await?;
    let reusable = whole && answer.keep_alive() && input.unread().is_empty() && trip.leaves_connection_clean();
    Ok(Passed::Whole { reusable })
}

/// Reads one head; tells how long it was.
async fn read_answer_head(
    trip: &mut Trip<'_>,
    answer: &mut AnswerHead,
    node: &TimedStream,
    sink: &mut Sink<'_>,
    input: &mut Buffer,
    flow: &Flow,
    read_limit: Duration,
) -> Result<usize, Lost> {
    let (mut seen, most) = (0, trip.max_answer_head());
    let end = loop {
        match answer.take(input.unread(), seen, most, trip.head.method()) {
            AnswerScan::End(end) => break end,
            AnswerScan::Bad(fault) => {
                trip.blame(wire::blame_answer(input.unread(), fault, (most, AnswerHead::MOST_FIELDS)));
                return Err(Lost::Node(Failure::Malformed));
            }
            AnswerScan::Partial => seen = input.unread().len(),
        }
        let limit = if trip.awaits_continue() && flow.is_going_up() { CONTINUE_WAIT } else { read_limit };
        match node.read(input, limit).await {
            Ok(0) => return Err(Lost::Node(Failure::Cut)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut && flow.is_going_up() => {
                // A node need not answer before it has the whole request; the upload has deadlines of its own.
                if trip.awaits_continue() {
                    trip.proceeded(100);
                    sink.proceed().await?;
                }
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(Lost::Node(Failure::AnswerTimeout)),
            Err(_) => return Err(Lost::Node(Failure::Reset)),
        }
    };
    input.consume(end);
    Ok(end)
}
