//! TLS that is passed through: a connection whose ClientHello asks for a site with `passthrough`. It goes to a node of the
//! site's pool as it came, the hello first, and both directions flow until they end. Weir has no certificate for it and
//! sees nothing of what is said; the node may ask the client for a certificate.
//!
//! A connection is to a pool what a request is: it takes a permit of its node, waits in the queue, and goes to the next
//! node where one cannot be reached. Like a tunnel it is counted and logged once, when it ends.

pub(crate) mod greeting;
pub(crate) mod passage;
mod record;
mod way;

use std::cell::Cell;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use self::passage::Passage;
use self::record::Ended;
use self::way::Way;
use super::exchange::bodies::tunnel;
use super::exchange::bodies::tunnel::{Broken, Limits, Side};
use crate::traffic::limits::rate::RateDecision;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;

/// Carries it to its end.
pub(crate) async fn carry(mut passage: Passage) {
    let (started, hello) = (Instant::now(), std::mem::take(&mut passage.hello));
    let mut way = Way::of(&passage);
    let ended = match pass(&passage, &mut way, hello).await {
        Ok(ended) => ended,
        Err(refusal) => Ended::refused(refusal),
    };
    record::end(&passage, &way, &ended, started);
}

/// A client that is not let in, or for which there is no node, finds its connection closed. There is nothing to tell it in:
/// an alert of ours would stand for one of the node.
async fn pass(passage: &Passage, way: &mut Way<'_>, hello: Vec<u8>) -> Result<Ended, Refusal> {
    let rules = &passage.listener_ref.generation.snapshot.sites[passage.to.site];
    if !rules.may_come(None, passage.connection.peer().ip().to_canonical()) {
        return Err(Refusal::Denied);
    }
    keep_to_rate(passage, way).await?;
    let (attempt, node) = way.reach().await?;
    let (client, limits) = (&passage.client, way.limits());
    let _open = passage.running().counters.tunnel();
    let (asked, heard) = (Instant::now(), Cell::new(false));
    let joined = match node.write(&hello, limits.begin.unwrap_or(limits.idle)).await {
        Ok(()) => {
            drop(hello);
            let came = || {
                if !heard.replace(true) {
                    way.answered(&attempt, asked.elapsed());
                }
            };
            tunnel::join(passage.connection.worker(), client, &node, limits, came).await
        }
        Err(error) => Err(Broken { side: Side::Node, error }),
    };
    let mut ended = Ended { refusal: None, reason: String::new(), received: node.sent(), sent: client.sent() };
    if let Err(broken) = joined {
        tunnel::cut(client, &node);
        let failure;
        (failure, ended.reason) = cause(&broken, heard.get(), limits);
        if let Some(failure) = failure {
            way.failed_silently(&attempt, failure, &ended.reason);
            ended.refusal = Some(failure.refusal());
        }
    }
    way.leave(&attempt);
    Ok(ended)
}

/// Counts the connection as one request in the rate of its listener, and waits if that says so. Of a rate by a field nothing
/// is known here.
async fn keep_to_rate(passage: &Passage, way: &mut Way<'_>) -> Result<(), Refusal> {
    let from = &passage.listener_ref;
    let rate = from.generation.snapshot.listener_rates.get(from.listener).and_then(Option::as_ref);
    let Some(rate) = rate.filter(|rate| rate.field().is_none()) else { return Ok(()) };
    match rate.ask_for(passage.connection.peer().ip().to_canonical(), None, passage.now()) {
        RateDecision::Pass => Ok(()),
        RateDecision::Refuse { .. } => Err(Refusal::RateLimited),
        RateDecision::Delay(delay) => {
            let began = Instant::now();
            let waited = tokio::select! {
                () = tokio::time::sleep(delay) => Ok(()),
                gone = passage.left() => Err(gone),
            };
            passage.running().counters.delayed();
            way.delayed = began.elapsed();
            waited
        }
    }
}

/// Why both directions were cut, and how the node failed where it had not said anything. Who speaks TLS answers any hello,
/// be it with an alert.
fn cause(broken: &Broken, heard: bool, limits: Limits) -> (Option<Failure>, String) {
    let (late, error) = (broken.error.kind() == io::ErrorKind::TimedOut, &broken.error);
    let seconds = |limit: Duration| limit.as_secs_f64();
    match broken.side {
        _ if late && !heard => {
            let limit = seconds(limits.begin.unwrap_or(limits.idle));
            (Some(Failure::AnswerTimeout), format!("the node said nothing for {limit} s"))
        }
        _ if late => (None, format!("nothing flowed for {} s", seconds(limits.idle))),
        Side::Node if !heard => (Some(Failure::Reset), "the node closed before it said anything".to_owned()),
        Side::Node => (None, format!("the node broke off ({error})")),
        Side::Client => (None, format!("the client broke off ({error})")),
    }
}
