//! The audit file: one JSON line for each change that an operator ordered, only ever added to. A line is on disk before
//! the change takes effect, so a crash hides none; at worst there is a line of a change that came to nothing.

use std::time::SystemTime;

use serde::Serialize;

use super::state_dir::StateDir;
use crate::control::actor::OrderedBy;
use crate::control::notice::Notice;
use crate::observe::dates::rfc3339;

/// Its name in the state directory.
const FILE: &str = "audit.log";

/// A change, as the file tells it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Change<'a> {
    /// What was ordered: `drain within 1800 s`.
    pub(crate) what: &'a str,
    pub(crate) node: Option<&'a str>,
    pub(crate) pool: Option<&'a str>,
}

/// What a person is told whose change cannot be written down.
pub(crate) fn unrecorded(why: &str) -> Notice {
    let what = format!("this cannot be written to the audit file, and so nothing was changed: {why}");
    Notice::new(what, "make room there, or mend the state directory; traffic goes on meanwhile")
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    actor: &'a str,
    from: &'a str,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    reason: Option<&'a str>,
    outcome: &'a str,
}

/// Writes a line to disk. `Err` says why it could not: then the change must not be made. Without a state directory there
/// is no file, and the journal alone has the change.
pub(crate) fn record(dir: Option<&StateDir>, change: Change<'_>, by: &OrderedBy, outcome: &str) -> Result<(), String> {
    let Some(dir) = dir else { return Ok(()) };
    let line = Line {
        time: rfc3339(SystemTime::now()),
        actor: &by.actor.name,
        from: &by.actor.from,
        what: change.what,
        node: change.node,
        pool: change.pool,
        reason: by.reason.as_deref(),
        outcome,
    };
    let line = serde_json::to_string(&line).map_err(|error| error.to_string())?;
    dir.append(FILE, &line).map_err(|error| {
        log::error!("{error}: {} was ordered by {by} and cannot be written down", change.what);
        error.to_string()
    })
}
