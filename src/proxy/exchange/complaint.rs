//! Lines about what went wrong between Weir and a node: in the site's error log, or in the journal.

use std::time::SystemTime;

use super::arrived::Arrived;
use super::routed::Sited;
use super::target::Target;
use crate::observe::access_log::{masked, write_error};
use crate::traffic::pool::retry::Failure;

/// Another node may save the request, and then nobody hears of the one that failed: so it has a line too, but no more
/// than one a second.
pub(crate) fn tell_retry(sited: &Sited<'_>, target: &Target<'_>, member: usize, failure: Failure) {
    let second = sited.arrived.now().as_millis() / 1000;
    let Some(left_out) = target.node_counters(member).and_then(|counters| counters.may_log_retry(second)) else {
        return;
    };
    let pool = target.pool();
    let node = pool.members.get(member).map_or("-", |member| &*member.label);
    let what = match failure {
        Failure::Status(status) => format!("{status} from"),
        failure => format!("{} from", failure.refusal().word()),
    };
    let others = if left_out == 0 { String::new() } else { format!(" ({left_out} more like it since the last line)") };
    let request = named(sited.arrived);
    let text = format!("{what} node {node} of pool {}, another node is asked: {request}{others}", pool.name());
    write(sited, log::Level::Warn, &text);
}

/// Writes such a line. Of sessions no log shows the values.
pub(crate) fn write(sited: &Sited<'_>, level: log::Level, text: &str) {
    let names = &sited.arrived.listener_ref.generation.session_names;
    let Some(writer) = &sited.running().errors else { return log::log!(level, "{}", masked(text, names)) };
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
