//! How an HTTP/1 connection goes on after an answer, or ends so that the answer arrives: the one place that decides it,
//! for a node's answers, for our own, and for heads that were refused.
//!
//! Many clients send all of their request before they read (Python's http.client, Java's HttpURLConnection). A socket
//! that is closed while bytes lie in it that nobody read resets the connection, and the reset takes the answer along
//! (RFC 9112 9.6). So we end our direction, then read and drop what still comes: nginx's `lingering_close`.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::response::Response;
use crate::proxy::client::Body;
use crate::proxy::connection::Connection;
use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::stream::TimedStream;

/// The longest time in all that Weir reads and drops what a client sends after its answer: nginx's `lingering_time`.
const LINGER: Duration = Duration::from_secs(30);
/// The longest pause in what it sends; after that the connection is closed: nginx's `lingering_timeout`.
const LINGER_PAUSE: Duration = Duration::from_secs(5);
/// The time that is left once the connection is to take no further requests, so that no client holds up a stop.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The longest rest of an unwanted body that is read and dropped so that the connection can go on. When more is left, a
/// new connection is cheaper.
const SHORT: u64 = 64 * 1024;

/// How an HTTP/1 connection goes on after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With the next request.
    Keep,
    /// It ends, and its client has nothing more to say.
    Close,
    /// It ends, but the client may still be sending.
    Linger,
    /// It ends at once, visibly broken.
    Cut,
}

//= rfc9112#9.3 read-or-close
/// Whether the connection can go on after an answer of our own. `sound`: what is to come of the body can be read as
/// what it is.
pub(crate) fn may_go_on(response: &mut Response<'_>, body: &Body<'_>, sound: bool) -> bool {
    let short = body.left().is_none_or(|left| left <= SHORT);
    // Whether a client that waits for 100 Continue still sends its body after this, nobody knows (RFC 9110 10.1.1).
    let readable = sound && short && !response.awaits_continue();
    response.decide_keep_alive(body.is_complete() || readable)
}

/// After a whole answer of a node.
pub(crate) fn after_node(response: &Response<'_>, body: &Body<'_>) -> Ended {
    match () {
        () if !body.is_complete() => Ended::Linger,
        () if response.keeps_alive() => Ended::Keep,
        // What was read ahead is no request any more.
        () if body.has_unread() => Ended::Linger,
        () => Ended::Close,
    }
}

/// After an answer of our own, which never waits for the body. Only the connection's next request does.
pub(crate) async fn after_own(response: &Response<'_>, body: &mut Body<'_>) -> Ended {
    if response.keeps_alive() && !body.is_complete() {
        read_rest(response.arrived.connection, body).await;
    }
    after_node(response, body)
}

/// Reads what is left of a short body, unless it does not come.
async fn read_rest(connection: &Connection, body: &mut Body<'_>) {
    let clock = &connection.worker().clock;
    let (mut most, begun) = (SHORT, clock.now());
    body.shorten_timeout(LINGER_PAUSE);
    while more_comes(connection, body).await {
        let count = body.data().len();
        let late = u128::from(clock.now().saturating_sub(begun)) > LINGER.as_millis();
        most = match most.checked_sub(count as u64) {
            Some(most) if !late => most,
            _ => return,
        };
        body.consume(count);
    }
}

/// Waits for more of the body; false at its end, and where nobody should wait any longer.
async fn more_comes(connection: &Connection, body: &mut Body<'_>) -> bool {
    let mut filled = pin!(body.fill());
    let more = poll_fn(|cx| match filled.as_mut().poll(cx) {
        Poll::Pending if connection.closing() => Poll::Ready(Ok(false)),
        polled => polled,
    });
    more.await.unwrap_or(false)
}

/// Closes the connection as was decided. What lingers does it in a box: most do not.
pub(crate) async fn close(conn: &TimedStream, connection: &Connection, input: &mut Buffer, how: Ended) {
    match how {
        Ended::Keep => {}
        Ended::Cut => conn.cut(),
        Ended::Linger => Box::pin(linger(conn, connection, input)).await,
        Ended::Close => {
            say_goodbye(conn, connection).await;
            if conn.take_arrived(input) {
                Box::pin(linger(conn, connection, input)).await;
            }
        }
    }
}

/// Ends our direction. On a plain connection the close itself is as clean an end, where nothing more has come.
pub(crate) async fn say_goodbye(conn: &TimedStream, connection: &Connection) {
    if connection.secure() {
        conn.finish(LAST_WORDS).await;
    }
}

/// Ends our direction, then drops what still comes, within bounds. Between reads no buffer is held.
async fn linger(conn: &TimedStream, connection: &Connection, input: &mut Buffer) {
    let slot = conn.deadline();
    let millis = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let (mut end, mut finished, mut leaving) = (slot.now() + millis(LINGER), false, false);
    loop {
        input.clear();
        slot.read_within(LINGER_PAUSE.min(Duration::from_millis(end.saturating_sub(slot.now()))));
        let read = poll_fn(|cx| {
            // Who only ends must not keep an old generation alive.
            connection.refresh();
            // A client that does not read yet may leave no room even for this; then it comes when there is.
            finished = finished || conn.poll_finish(cx).is_ready();
            if connection.closing() && !leaving {
                leaving = true;
                end = end.min(slot.now() + millis(LAST_WORDS));
                slot.read_within(LAST_WORDS);
            }
            conn.poll_read(cx, input)
        });
        match read.await {
            Ok(1..) if slot.now() < end => {}
            _ => return,
        }
    }
}
