//! A node's answer on its way down: interim heads, then the head of the answer, then its body.

use std::io;
use std::time::Duration;

use super::attempt::Attempt;
use super::bodies::download::{pass_body, pass_page};
use super::bodies::flow::{Flow, Going};
use super::trip::Trip;
use crate::proxy::client::ResponseWriter;
use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::fault::Lost;
use crate::proxy::io::stream::TimedStream;
use crate::traffic::limits::interim::Allowance;
use crate::traffic::message::headers::{FramingToClient, ToClient};
use crate::traffic::pool::retry::Failure;
use crate::wire;
use crate::wire::{AnswerHead, AnswerScan, FieldKind, Framing, Method, RequestHead};

/// How long a node may take to say `100 Continue` before we say it.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// How an answer went down.
pub(super) enum Passed {
    Whole { reusable: bool },
    Upgraded(Buffer),
}

/// Reads the node's answer and passes it down.
pub(super) async fn pass_answer(
    trip: &mut Trip<'_, '_>,
    attempt: &Attempt,
    answer: &mut AnswerHead,
    node: &TimedStream,
    writer: &mut ResponseWriter<'_>,
    flow: &Flow<'_>,
) -> Result<Passed, Lost> {
    let mut input = trip.arrived().connection.worker().buffers.lend();
    input.limit_reads(!writer.is_fast_reader());
    //= rfc9110#15.2 interim
    let mut interim = Allowance::default();
    loop {
        let bytes = read_answer_head(trip, answer, node, writer, &mut input, flow).await?;
        match answer.status() {
            //= rfc9110#7.8 switch-asked
            101 if trip.request.routed.wants_upgrade() => {
                let down = trip.request.down(answer, FramingToClient::None, true);
                writer.interim(answer, &down).await?;
                return Ok(Passed::Upgraded(input));
            }
            101 => {
                trip.record.blame("101 that nobody asked for");
                return Err(Lost::Node(Failure::Malformed));
            }
            100..=199 => {
                flow.quiet_since.set(node.deadline().now());
                if !interim.take(bytes, trip.now()) {
                    trip.record.blame("too many interim answers, or too many bytes of them");
                    return Err(Lost::Node(Failure::Malformed));
                }
                trip.response.proceeded(answer.status());
                let down = trip.request.down(answer, FramingToClient::None, true);
                writer.interim(answer, &down).await?;
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
    trip.request.learn(attempt, answer, &trip.failed_nodes);
    trip.make_session_known().await;
    let page = trip.request.routed.at.site().error_pages.instead_of(answer.status());
    let framing = page.map_or_else(|| trip.request.framing_down(answer), |page| trip.request.framing_of(page));
    flow.answering.set(true);
    trip.begin_answer(answer, flow.is_sent(), framing);
    //= rfc9110#6.6.1 date
    // Who forwards an answer without Date must date it (RFC 9110 6.6.1).
    let date = answer.value(FieldKind::Date).is_none().then(|| trip.arrived().connection.worker().date());
    let (explained, cookie) = (trip.record.explained(), trip.request.own_cookie(attempt, &trip.failed_nodes));
    let extra = [
        date.as_ref().map(|date| (&b"Date"[..], &date[..])),
        explained.as_ref().map(|why| (&b"X-Weir"[..], &why[..])),
        cookie.as_ref().map(|cookie| (&b"Set-Cookie"[..], &cookie[..])),
        page.map(|page| (&b"Content-Type"[..], page.content_type.as_bytes())),
    ];
    let down = ToClient { page, extra: &extra, ..trip.request.down(answer, framing, trip.response.keeps_alive()) };
    writer.head(answer, &down)?;
    let whole = match page {
        Some(page) => pass_page(trip, answer, page, writer, &mut input).await?,
        None => pass_body(trip, answer, node, writer, &mut input, flow.timeouts.read).await?,
    };
    let reusable =
        whole && answer.keep_alive() && input.unread().is_empty() && leaves_connection_clean(trip.arrived().head);
    Ok(Passed::Whole { reusable })
}

//= rfc9112#9.3 read-or-close-down
/// Whether a node's connection can be trusted after this request. HEAD answers may carry a body that they must not
/// (WSO2's `?wsdl`), and WSO2 misframes OPTIONS with a body.
fn leaves_connection_clean(head: &RequestHead) -> bool {
    let body = !matches!(head.framing(), Framing::None);
    head.method() != Method::Head && !(body && head.method() == Method::Options)
}

/// Reads one head; tells how long it was.
async fn read_answer_head(
    trip: &mut Trip<'_, '_>,
    answer: &mut AnswerHead,
    node: &TimedStream,
    writer: &mut ResponseWriter<'_>,
    input: &mut Buffer,
    flow: &Flow<'_>,
) -> Result<usize, Lost> {
    let (mut seen, most) = (0, trip.pool().settings.max_answer_head);
    let end = loop {
        match answer.take(input.unread(), seen, most, trip.arrived().head.method()) {
            AnswerScan::End(end) => break end,
            AnswerScan::Bad(fault) => {
                trip.record.blame(wire::blame_answer(input.unread(), fault, (most, AnswerHead::MOST_FIELDS)));
                return Err(Lost::Node(Failure::Malformed));
            }
            AnswerScan::Partial => seen = input.unread().len(),
        }
        let limit =
            if trip.response.awaits_continue() && flow.is_going_up() { CONTINUE_WAIT } else { flow.timeouts.read };
        match node.read(input, limit).await {
            Ok(0) => return Err(Lost::Node(Failure::Cut)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut && flow.is_going_up() => {
                // A node need not answer before it has the whole request; the upload has deadlines of its own.
                if trip.response.awaits_continue() {
                    trip.response.proceeded(100);
                    writer.send_continue().await?;
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
