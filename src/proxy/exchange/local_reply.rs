//! What Weir answers itself: refusals, redirects and fixed answers. The answer never waits for a body that nobody
//! wants.

use super::admission::Refused;
use super::ending;
use super::record::Record;
use super::response::Response;
use crate::proxy::client::{Body, ResponseWriter};
use crate::proxy::io::fault::ClientFault;
use crate::traffic::message::local_reply::{LocalReply, ReplyOptions};
use crate::traffic::message::refusal::Refusal;
use crate::traffic::routing::edits::FieldEdits;
use crate::wire::Method;

/// Tells the client why there is no other answer.
pub(crate) async fn refuse(
    response: &mut Response<'_>,
    record: &Record<'_>,
    refused: Refused,
    body: &Body<'_>,
    writer: &mut ResponseWriter<'_>,
) -> Result<(), ClientFault> {
    let Refused { refusal, retry_after } = refused;
    let page = refusal.reply(retry_after).with_page(record.error_page(refusal.status()));
    // These are no fault of the body's: what is to come of it can be read as what it is.
    let sound = matches!(refusal, Refusal::Denied | Refusal::RateLimited);
    send(response, record, &page, sound || body.is_complete(), body, writer).await
}

/// What a route says itself, without a node.
pub(crate) async fn of_route(
    page: &LocalReply<'_>,
    response: &mut Response<'_>,
    record: &mut Record<'_>,
    body: &Body<'_>,
    writer: &mut ResponseWriter<'_>,
) -> Result<(), ClientFault> {
    record.status(page.status);
    // An error without words of its own gets the site's, as a refusal does.
    let page = if page.body_length() == 0 { page.with_page(record.error_page(page.status)) } else { *page };
    send(response, record, &page, true, body, writer).await
}

async fn send(
    response: &mut Response<'_>,
    record: &Record<'_>,
    page: &LocalReply<'_>,
    sound: bool,
    body: &Body<'_>,
    writer: &mut ResponseWriter<'_>,
) -> Result<(), ClientFault> {
    let keep = ending::may_go_on(response, body, sound);
    let edits = record.edits_of_pages();
    let (date, explained) = (response.arrived.connection.worker().date(), record.explained());
    let extra = [
        response.arrived.request_id().map(|id| (&b"X-Request-Id"[..], id)),
        explained.as_ref().map(|why| (&b"X-Weir"[..], &why[..])),
    ];
    let reply = ReplyOptions {
        date: Some(&date),
        head_only: response.arrived.head.method() == Method::Head,
        extra: &extra,
        edits,
        values: edits.is_some_and(FieldEdits::takes_values).then(|| response.arrived.values()),
        ..ReplyOptions::default()
    };
    writer.local_reply(page, keep, reply).await
}
