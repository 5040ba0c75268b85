//! Lines about what went wrong between Weir and a node: in the site's error log, or in the journal.

use std::sync::Arc;
use std::time::SystemTime;

use super::arrived::Arrived;
use super::attempt::Tries;
use super::routed::Sited;
use super::target::Target;
use crate::observe::access_log::{masked, write_error};
use crate::proxy::generation::RunningSite;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry::Failure;
use crate::traffic::tick::Tick;

/// Another node may save the request, and then nobody hears of the one that failed: so it has a line too, but no more
/// than one a second.
pub(crate) fn tell_retry(sited: &Sited<'_>, target: &Target<'_>, member: usize, failure: Failure) {
    let text = retry_text(target, member, failure, sited.arrived.now(), || named(sited.arrived));
    text.iter().for_each(|text| write(sited, log::Level::Warn, text));
}

/// The text of such a line about what is called `named`; none where it is one too many.
pub(crate) fn retry_text(
    target: &Target<'_>,
    member: usize,
    failure: Failure,
    now: Tick,
    named: impl FnOnce() -> String,
) -> Option<String> {
    let second = now.as_millis() / 1000;
    let left_out = target.node_counters(member).and_then(|counters| counters.may_log_retry(second))?;
    let pool = target.pool();
    let node = pool.members.get(member).map_or("-", |member| &*member.label);
    let what = match failure {
        Failure::Status(status) => format!("{status} from"),
        failure => format!("{} from", failure.refusal().word()),
    };
    let others = if left_out == 0 { String::new() } else { format!(" ({left_out} more like it since the last line)") };
    Some(format!("{what} node {node} of pool {}, another node is asked: {}{others}", pool.name(), named()))
}

/// The text of a line about what no node had: the refusal and its cause, the pool and the node that was tried last, all
/// tries, and what the request is called.
pub(crate) fn node_error_text(
    (refusal, cause): (Refusal, &str),
    (pool, node): (&str, &str),
    tries: &Tries,
    request: &str,
) -> String {
    let word = refusal.word();
    let spent = |count: u32| {
        let seconds = tries.elapsed().unwrap_or_default().as_secs_f64();
        format!("{} and {seconds:.1} s", if count == 1 { "1 try".to_owned() } else { format!("{count} tries") })
    };
    match (node, tries.count) {
        ("", 0) => format!("{word}{cause} in pool {pool}, no node was asked: {request}"),
        ("", count) => format!("{word}{cause} in pool {pool} after {}: {request}", spent(count)),
        (node, count) => format!("{word}{cause} from node {node} of pool {pool} after {}: {request}", spent(count)),
    }
}

/// Writes such a line.
pub(crate) fn write(sited: &Sited<'_>, level: log::Level, text: &str) {
    write_line(sited.running(), &sited.arrived.listener_ref.generation.session_names, level, text);
}

/// Writes a line for a site. Of sessions with these names no log shows the values.
pub(crate) fn write_line(site: &RunningSite, names: &[Arc<str>], level: log::Level, text: &str) {
    let Some(writer) = &site.errors else { return log::log!(level, "{}", masked(text, names)) };
    let mut line = Vec::with_capacity(256);
    let word = if level == log::Level::Error { "error" } else { "warn" };
    write_error(&mut line, SystemTime::now(), word, text.as_bytes(), names);
    writer.line(&line);
}

/// Whose request it is.
pub(crate) fn named(arrived: &Arrived<'_>) -> String {
    let id = arrived.request_id().map(|id| format!(", id {}", id.escape_ascii())).unwrap_or_default();
    format!(
        "{} {} for {}{id}",
        arrived.head.method_name().escape_ascii(),
        without_parameters(arrived.head.path()).escape_ascii(),
        arrived.client(),
    )
}

// A path parameter may be a session id, which no log shows.
fn without_parameters(path: &[u8]) -> &[u8] {
    let end = path.iter().position(|byte| *byte == b';').unwrap_or(path.len());
    path.get(..end).unwrap_or_default()
}
