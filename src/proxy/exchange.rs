//! The request's way, top to bottom: find the site, look up the session, pick a node, connect or reuse, send the
//! request up, pass the answer down, learn, count and log.
//!
//! Both directions flow at once and each holds one buffer at most, so a slow side slows the other down. What to do is
//! decided by the rooms in `traffic`.
//!
//! The types show what is known of a request at each step: first it has [`Arrived`], then it is `Routed` to its site
//! and route, then it is [`InPool`], and then it is tried in one [`Attempt`] after the other. What is counted and
//! logged is written to its [`Record`].

pub(crate) mod admission;
mod affinity;
mod answer;
mod arrived;
pub(crate) mod attempt;
pub(crate) mod bodies;
pub(crate) mod complaint;
pub(crate) mod ending;
mod heads;
mod in_pool;
mod local_reply;
mod record;
mod response;
mod routed;
pub(crate) mod target;
pub(crate) mod trip;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use self::admission::{Admitted, Destination, Refused};
use self::answer::{Passed, pass_answer};
use self::arrived::Arrived;
use self::attempt::Attempt;
use self::bodies::flow::{Flow, send_and_watch};
use self::bodies::upload::Upload;
use self::ending::Ended;
use self::in_pool::InPool;
use self::record::Record;
use self::response::Response;
use self::trip::reach::NodeConnection;
use self::trip::{Trip, wait};
use super::client::h1;
use super::client::{Body, ResponseWriter};
use super::connection::Connection;
use super::io::buffers::Buffer;
use super::io::fault::{ClientFault, Lost, unless_disconnected};
use super::io::stream::TimedStream;
use crate::traffic::message::local_reply::LocalReply;
use crate::traffic::message::refusal::Refusal;
use crate::wire::{AnswerHead, RequestHead};

/// What came of it, seen from the client.
enum Outcome<'r> {
    /// A whole answer went down.
    Answered,
    /// The node agreed to an upgrade.
    Upgraded(Box<Upgraded<'r>>),
    /// Weir answered.
    AnsweredByWeir,
    /// An answer was begun and cannot be completed.
    Cut,
}

/// A connection that becomes a tunnel.
struct Upgraded<'r> {
    request: InPool<'r>,
    /// Whose place is held for as long as the tunnel lasts.
    attempt: Attempt,
    node: NodeConnection,
    /// What the node sent after its head.
    rest: Buffer,
}

impl Outcome<'_> {
    fn answered_by_weir(sent: Result<(), ClientFault>) -> Self {
        if sent.is_ok() { Self::AnsweredByWeir } else { Self::Cut }
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
    let arrived = Arrived::new(connection, head);
    let (mut response, mut record) = (Response::to(&arrived), Record::of(&arrived));
    let body = h1::Body::new(conn, input, head.framing(), limits.body_timeout, limits.max_head);
    let writer =
        h1::ResponseWriter::new(conn, connection.worker().buffers.lend(), head.version(), limits.write_timeout);
    let (mut body, mut writer) = (Body::H1(body), ResponseWriter::H1(writer));
    let outcome = pin!(answer_request(&mut response, &mut record, answer, &mut body, &mut writer)).await;
    if let Body::H1(body) = &body
        && let Some(reason) = body.blame()
    {
        record.blame(reason);
    }
    record.sent(writer.body_sent());
    drop(writer);
    let ended = match outcome {
        Outcome::Answered => ending::after_node(&response, &body),
        Outcome::AnsweredByWeir => ending::after_own(&response, &mut body).await,
        Outcome::Cut => Ended::Cut,
        Outcome::Upgraded(upgraded) => {
            let Upgraded { request, attempt, node, rest } = *upgraded;
            let whole = match body {
                Body::H1(body) => {
                    bodies::tunnel::run(&request, &mut record, conn, body.into_input(), &node.conn, rest).await
                }
                Body::H2(_) => true,
            };
            request.end_try(&attempt);
            if whole { Ended::Close } else { Ended::Cut }
        }
    };
    record.end();
    ended
}

/// Carries one request of an HTTP/2 stream.
pub(crate) async fn carry_h2(
    connection: &Connection,
    head: &RequestHead,
    answer: &mut AnswerHead,
    body: &mut Body<'_>,
    writer: &mut ResponseWriter<'_>,
) {
    let arrived = Arrived::new(connection, head);
    let (mut response, mut record) = (Response::to(&arrived), Record::of(&arrived));
    pin!(answer_request(&mut response, &mut record, answer, body, writer)).await;
    record.sent(writer.body_sent());
    record.end();
}

async fn answer_request<'r>(
    response: &mut Response<'r>,
    record: &mut Record<'r>,
    answer: &mut AnswerHead,
    body: &mut Body<'_>,
    writer: &mut ResponseWriter<'_>,
) -> Outcome<'r> {
    let refused = match pin!(find_and_try(response, record, answer, body, writer)).await {
        Ok(outcome) => return outcome,
        Err(refused) => refused,
    };
    let refusal = refused.refusal;
    record.refused(refusal, response.has_begun());
    if response.has_begun() || refusal == Refusal::ClientGone {
        writer.cut();
        return Outcome::Cut;
    }
    Outcome::answered_by_weir(local_reply::refuse(response, record, refused, body, writer).await)
}

async fn find_and_try<'r>(
    response: &mut Response<'r>,
    record: &mut Record<'r>,
    answer: &mut AnswerHead,
    body: &mut Body<'_>,
    writer: &mut ResponseWriter<'_>,
) -> Result<Outcome<'r>, Refused> {
    if let Some(file) = response.arrived.challenge_file() {
        let page = LocalReply::file(file.as_bytes());
        let answered = Box::pin(local_reply::of_route(&page, response, record, body, writer)).await;
        return Ok(Outcome::answered_by_weir(answered));
    }
    let site = response.arrived.find_site()?;
    record.site(site);
    site.has_room()?;
    site.is_believed()?;
    let routed = site.find_route()?;
    record.route(&routed);
    let Admitted { delay, destination } = routed.admit()?;
    let target = match destination {
        Destination::Pool(target) => target,
        Destination::Redirect(redirect) => {
            let location = routed.location(redirect);
            let page = LocalReply::redirect(redirect.status, &location);
            return Ok(Outcome::answered_by_weir(local_reply::of_route(&page, response, record, body, writer).await));
        }
        Destination::Answer(answer) => {
            let page = LocalReply::fixed(answer);
            return Ok(Outcome::answered_by_weir(local_reply::of_route(&page, response, record, body, writer).await));
        }
    };
    routed.check_length()?;
    let mut upload = Upload::new(body, &routed);
    let delayed = !delay.is_zero();
    wait::delay(delay, &mut upload, record).await?;
    upload.read_first(target.pool().settings.buffer_request, response, writer).await?;
    let mut request = routed.find_session(target);
    if request.may_be_known_elsewhere() {
        // Boxed: each session is asked for once.
        Box::pin(request.ask_elsewhere()).await;
    }
    let mut trip = Trip::new(request, response, record);
    if delayed || upload.was_read_first() {
        // It has been a while since its head came: what a reload took away meanwhile may be gone by now.
        trip.follow_pool();
    }
    let tried = pin!(try_nodes(&mut trip, answer, &mut upload, writer)).await;
    trip.end(upload.seen());
    Ok(tried?)
}

async fn try_nodes<'r>(
    trip: &mut Trip<'_, 'r>,
    answer: &mut AnswerHead,
    upload: &mut Upload<'_, '_>,
    writer: &mut ResponseWriter<'_>,
) -> Result<Outcome<'r>, Refusal> {
    let mut next = None;
    loop {
        let mut attempt = match next {
            Some(attempt) => attempt,
            None => trip.pick(upload).await?,
        };
        let asked = pin!(ask(trip, &mut attempt, answer, upload, writer)).await;
        trip.request.end_try(&attempt);
        let failure = match asked {
            Ok(Asked::Answered) => return Ok(Outcome::Answered),
            Ok(Asked::Upgraded(node, rest)) => {
                let request = trip.request.clone();
                return Ok(Outcome::Upgraded(Box::new(Upgraded { request, attempt, node, rest })));
            }
            Err(Lost::Over(refusal)) => {
                trip.after_loss(&attempt, refusal);
                return Err(refusal);
            }
            Err(Lost::Node(failure)) => failure,
        };
        next = trip.after_failure(attempt, failure, upload.can_repeat())?;
        if !upload.rewind() {
            return Err(failure.refusal());
        }
    }
}

/// What came of one try.
enum Asked {
    Answered,
    /// The node's connection, and what it sent after its head.
    Upgraded(NodeConnection, Buffer),
}

/// One try at one node.
async fn ask(
    trip: &mut Trip<'_, '_>,
    attempt: &mut Attempt,
    answer: &mut AnswerHead,
    upload: &mut Upload<'_, '_>,
    writer: &mut ResponseWriter<'_>,
) -> Result<Asked, Lost> {
    let node = match trip.reuse(attempt) {
        Some(node) => node,
        None => {
            unless_disconnected(pin!(trip.open(attempt)), pin!(upload.disconnected())).await?.map_err(Lost::Node)?
        }
    };
    let timeouts = trip.request.timeouts();
    upload.begin(trip, attempt, &node.conn, timeouts.send).await?;
    let flow = Flow::begin(upload, &node.conn, &timeouts);
    let answered = {
        let NodeConnection { conn, .. } = &node;
        let buffers = &trip.arrived().connection.worker().buffers;
        let mut up = pin!(send_and_watch(upload, conn, &flow, buffers));
        let mut down = pin!(pass_answer(trip, attempt, answer, conn, writer, &flow));
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
            trip.answered(attempt, answer.status());
            trip.request.learn(attempt, answer, &trip.failed_nodes);
            trip.make_session_known().await;
            trip.begin_tunnel();
            Ok(Asked::Upgraded(node, rest))
        }
        Passed::Whole { reusable } => {
            trip.release(node, reusable && flow.is_sent());
            Ok(Asked::Answered)
        }
    }
}
