//! What Weir answers itself: refusals, redirects and fixed answers. The answer never waits for a body that nobody wants.

use std::rc::Rc;

use super::ending;
use super::trip::Trip;
use crate::config::Action;
use crate::proxy::client::{Body, Sink};
use crate::proxy::io::fault::ClientFault;
use crate::traffic::message::local_reply::{LocalReply, ReplyOptions};
use crate::traffic::message::refusal::Refusal;
use crate::wire::Method;

/// Tells the client why there is no other answer.
pub(crate) async fn refuse(
    trip: &mut Trip<'_>,
    refusal: Refusal,
    body: &Body<'_>,
    sink: &mut Sink<'_>,
) -> Result<(), ClientFault> {
    let page = refusal.reply(trip.retry_after);
    // These are no fault of the body's: what is to come of it can be read as what it is.
    let sound = matches!(refusal, Refusal::Denied | Refusal::RateLimited);
    send(trip, &page, sound || body.is_complete(), body, sink).await
}

/// What a route says itself, without a node; nothing where it asks one.
pub(crate) async fn of_route(
    trip: &mut Trip<'_>,
    body: &Body<'_>,
    sink: &mut Sink<'_>,
) -> Option<Result<(), ClientFault>> {
    let place = Rc::clone(&trip.place);
    let rules = place.generation.snapshot.sites[trip.site?].of(trip.route);
    let location = match &rules.action {
        Action::Redirect(redirect) => trip.location(redirect),
        _ => Vec::new(),
    };
    let page = match &rules.action {
        Action::Redirect(redirect) => LocalReply::redirect(redirect.status, &location),
        Action::Answer(answer) => LocalReply::fixed(answer),
        Action::Pool(_) | Action::Deny => return None,
    };
    trip.answers(page.status);
    Some(send(trip, &page, true, body, sink).await)
}

async fn send(
    trip: &mut Trip<'_>,
    page: &LocalReply<'_>,
    sound: bool,
    body: &Body<'_>,
    sink: &mut Sink<'_>,
) -> Result<(), ClientFault> {
    let keep = ending::may_go_on(trip, body, sound);
    let (date, explained) = (trip.connection.worker().date(), trip.explained());
    let extra = explained.as_ref().map(|why| (&b"X-Weir"[..], &why[..]));
    let reply = ReplyOptions {
        date: Some(&date),
        head_only: trip.head.method() == Method::Head,
        extra: extra.as_slice(),
        edits: trip.edits_of_pages(),
        ..ReplyOptions::default()
    };
    sink.local_reply(page, keep, reply).await
}
