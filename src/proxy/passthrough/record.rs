//! What is counted and logged of a connection that was passed through, once, when it has ended.

use tokio::time::Instant;

use super::passage::Passage;
use super::way::Way;
use crate::observe::access_log::RequestEntry;
use crate::observe::metrics::Finished;
use crate::proxy::exchange::complaint;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;
use crate::traffic::pool::why::Why;

/// The status of a connection that was passed through: that of a tunnel.
const TUNNEL: u16 = 101;

/// How it ended.
pub(super) struct Ended {
    /// Why no node had it, or what the node did that had it and said nothing.
    pub(super) refusal: Option<Refusal>,
    /// Why both directions were cut. Empty where they ended.
    pub(super) reason: String,
    /// Bytes that the node got.
    pub(super) received: u64,
    /// Bytes that the client got.
    pub(super) sent: u64,
}

impl Ended {
    /// No node had it.
    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), reason: String::new(), received: 0, sent: 0 }
    }
}

/// Counts and logs it.
pub(super) fn end(passage: &Passage, way: &Way<'_>, how: &Ended, started: Instant) {
    let (ended, site) = (Instant::now(), passage.running());
    let finished = Finished {
        code: how.refusal.map_or(TUNNEL, Refusal::status),
        time_taken: ended - started,
        upstream_time: way.tries.elapsed(),
        received: how.received,
        sent: how.sent,
    };
    let tally = site.tally(None);
    match way.node {
        Some((member, _)) => way.target.count((site, &passage.site().name), member, &finished, tally),
        None => site.route(Some(passage.to.pool), None).record(&finished, tally),
    }
    if let Some(refusal) = how.refusal {
        site.counters.refused(refusal.word());
        tally.failed();
        if let Some(pool) = site.route(Some(passage.to.pool), None).pool().filter(|_| finished.code >= 500) {
            pool.failed(refusal.word());
        }
        tell_node_error(passage, way, (refusal, &how.reason));
    }
    if site.access.queue.is_some() {
        write_line(passage, way, how, (&finished, ended));
    }
}

/// What went wrong between Weir and a node deserves a line of its own.
fn tell_node_error(passage: &Passage, way: &Way<'_>, (refusal, reason): (Refusal, &str)) {
    if !matches!(refusal.status(), 502..=504) {
        return;
    }
    let last = way.tries.failure.map(Failure::refusal).filter(|failure| *failure != refusal);
    let cause = last.map_or(reason, |failure| failure.word());
    let cause = if cause.is_empty() { String::new() } else { format!(" ({cause})") };
    let at = (way.target.pool().name().as_ref(), node_name(way));
    let text = complaint::node_error_text((refusal, &cause), at, &way.tries, &passage.named());
    let names = &passage.listener_ref.generation.session_names;
    complaint::write_line(passage.running(), names, log::Level::Error, &text);
}

fn node_name<'w>(way: &'w Way<'_>) -> &'w str {
    let member = way.node.and_then(|(member, _)| way.target.pool().members.get(member));
    member.map_or("", |member| &member.label)
}

fn write_line(passage: &Passage, way: &Way<'_>, how: &Ended, (finished, ended): (&Finished, Instant)) {
    let connection = &passage.connection;
    let worker = connection.worker();
    let name = passage.name.as_deref().unwrap_or_default();
    let mut line = worker.line.borrow_mut();
    line.clear();
    let shown = if name.is_empty() { "-" } else { name };
    for part in ["PASSTHROUGH ", shown, " TLS"] {
        line.extend_from_slice(part.as_bytes());
    }
    let peer = connection.peer().ip();
    let entry = RequestEntry {
        time: worker.wall(ended),
        client: peer.to_canonical(),
        peer,
        request_line: &line,
        status: finished.code,
        body_bytes: how.sent,
        received: how.received,
        referer: b"",
        user_agent: b"",
        host: name.as_bytes(),
        site: &passage.site().name,
        route: "",
        pool: way.target.pool().name(),
        node: node_name(way),
        upstream_time: finished.upstream_time,
        time_taken: finished.time_taken,
        tries: way.tries.count,
        session: "none",
        why: way.node.map_or("", |(_, why)| Why::word(why)),
        queued: way.delayed + way.tries.queued,
        request_id: b"",
        trace_id: b"",
        session_names: &passage.listener_ref.generation.session_names,
        refusal: how.refusal.map_or("", Refusal::word),
        reason: &how.reason,
        subject: "",
        tls: "",
        key_exchange: "",
        protocol: "tls",
        connection: connection.number(),
        nth: 1,
    };
    passage.running().access.request(&entry, &mut worker.formatter.borrow_mut());
}
