//! The session tables of this machine, as the servers know them: by the names of pools and nodes.

use std::time::Duration;

use super::record::Record;
use crate::control::state::Control;
use crate::proxy::worker::sharing::SessionPlace;
use crate::traffic::affinity::sessions::{BindKind, BindResult, Sessions};
use crate::traffic::pool::Pool;
use crate::traffic::tick::Tick;

/// A server keeps a session for so many quarters of its idle time after the last word: that comes at the latest a quarter after a use.
const QUARTERS: u32 = 5;

/// Where a session lives, and for how long a server keeps it.
pub(super) struct Living {
    pub(super) node: String,
    pub(super) home: String,
    pub(super) keeps: Duration,
}

/// Where a session lives here; `None`: it does not (any more).
pub(super) fn living(control: &Control, place: &SessionPlace) -> Option<Living> {
    let generation = control.current.load();
    let pool = generation.snapshot.pool(&place.pool)?;
    let found = pool.sessions.as_ref()?.peek(place.key, now(control))?;
    let node = label(pool, found.node)?;
    let home = label(pool, found.home).unwrap_or(node);
    let (node, home) = (node.to_owned(), home.to_owned());
    Some(Living { node, home, keeps: keeps(pool, found.unused)? })
}

/// For how long a server keeps a session that was unused for so long.
pub(super) fn keeps(pool: &Pool, unused: Duration) -> Option<Duration> {
    let idle = pool.settings.sticky.as_ref()?.idle;
    Some((idle * QUARTERS / 4).saturating_sub(unused))
}

/// Whether no session lives here.
pub(super) fn is_empty(control: &Control) -> bool {
    control.current.load().snapshot.pools.iter().all(|pool| sessions(Some(pool)).is_none_or(Sessions::is_empty))
}

/// Whether the session lives here, on whatever node.
pub(super) fn knows(control: &Control, place: &SessionPlace) -> bool {
    let generation = control.current.load();
    sessions(generation.snapshot.pool(&place.pool))
        .is_some_and(|sessions| sessions.peek(place.key, now(control)).is_some())
}

/// Takes a session over that this machine does not know. False: there is no such node here, or it has become known.
pub(super) fn adopt(control: &Control, place: &SessionPlace, record: &Record) -> bool {
    let generation = control.current.load();
    let Some(pool) = generation.snapshot.pool(&place.pool) else { return false };
    let (Some(sessions), Some(node)) = (&pool.sessions, number(pool, &record.node)) else { return false };
    let (home, now) = (number(pool, &record.home).unwrap_or(node), now(control));
    let Some(first) = sessions.bind_from(None, place.key, home, now, BindKind::Learned) else { return false };
    if home != node {
        sessions.bind_from(Some(home), place.key, node, now, BindKind::Moved);
    }
    first.bound == BindResult::New
}

/// Follows a session that another machine has moved, where it lives here on another node. False: there is nothing to follow.
pub(super) fn follow(control: &Control, place: &SessionPlace, record: &Record) -> bool {
    let generation = control.current.load();
    let Some(pool) = generation.snapshot.pool(&place.pool) else { return false };
    let (Some(sessions), Some(node)) = (&pool.sessions, number(pool, &record.node)) else { return false };
    let now = now(control);
    let Some(found) = sessions.peek(place.key, now).filter(|found| found.node != node) else { return false };
    sessions.bind_from(Some(found.node), place.key, node, now, BindKind::Moved).is_some()
}

fn sessions(pool: Option<&Pool>) -> Option<&Sessions> {
    pool?.sessions.as_deref()
}

fn label(pool: &Pool, number: u32) -> Option<&str> {
    pool.member_of(number).and_then(|member| pool.members.get(member)).map(|member| &*member.label)
}

fn number(pool: &Pool, label: &str) -> Option<u32> {
    pool.members.iter().find(|member| &*member.label == label).map(|member| member.number)
}

pub(super) fn now(control: &Control) -> Tick {
    Tick::from_millis(control.now())
}
