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

use std::io;
use std::time::{Duration, Instant};

use self::passage::Passage;
use self::record::Ended;
use self::way::Way;
use super::exchange::bodies::tunnel;
use crate::traffic::message::refusal::Refusal;

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
    let (attempt, node) = way.reach().await?;
    let (client, idle) = (&passage.client, way.idle());
    let _open = passage.running().counters.tunnel();
    let asked = Instant::now();
    let joined = match node.write(&hello, idle).await {
        Ok(()) => {
            drop(hello);
            let mut silent = true;
            let heard = || {
                if std::mem::take(&mut silent) {
                    way.answered(&attempt, asked.elapsed());
                }
            };
            tunnel::join(passage.connection.worker(), client, &node, idle, heard).await
        }
        Err(error) => Err(error),
    };
    if joined.is_err() {
        tunnel::cut(client, &node);
    }
    way.leave(&attempt);
    let reason = joined.err().map(|error| reason(&error, idle)).unwrap_or_default();
    Ok(Ended { refusal: None, reason, received: node.sent(), sent: client.sent() })
}

/// Why both directions were cut.
fn reason(error: &io::Error, idle: Duration) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => format!("nothing flowed for {} s", idle.as_secs_f64()),
        _ => format!("a side broke off ({error})"),
    }
}
