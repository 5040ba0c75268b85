//! Tables and a file for tests.

use std::time::Duration;

use super::{Stamp, Table, Unreadable, encode};
use crate::traffic::affinity::sessions::{BindKind, Restored, Sessions};
use crate::traffic::moment::Moment;
use crate::traffic::tick::Tick;

pub(super) const IDLE: Duration = Duration::from_secs(60);
const SECRET: [u8; 16] = *b"a secret of test";
pub(super) const NODES: [(u32, &str); 3] = [(4, "worker1"), (9, "worker2"), (2, "manager")];
pub(super) const AT: u64 = 1_800_000_000;
/// The machine had run for an hour.
pub(super) const UP: u64 = 3_600_000;
pub(super) const THEN: Stamp<'static> = Stamp { moment: Moment { unix: AT * 1000, up: UP }, boot: "this run" };

/// So many seconds later, when no clock was set.
pub(super) fn later(seconds: u64) -> Stamp<'static> {
    let millis = seconds.saturating_mul(1000);
    let Moment { unix, up } = THEN.moment;
    Stamp { moment: Moment { unix: unix.saturating_add(millis), up: up.saturating_add(millis) }, ..THEN }
}

/// The result of restoring so many sessions, none of which was over.
pub(super) fn taken(taken: usize) -> Result<Restored, Unreadable> {
    Ok(Restored { taken, expired: 0 })
}

pub(super) fn table(max: usize) -> Sessions {
    Sessions::new(max, IDLE, SECRET)
}

pub(super) fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1000)
}

pub(super) fn bind(sessions: &Sessions, id: &str, node: u32, home: u32, second: u64) {
    sessions.bind(sessions.key(id.as_bytes()), home, at(second), BindKind::Learned);
    sessions.bind(sessions.key(id.as_bytes()), node, at(second), BindKind::Moved);
}

/// The bytes of a file with two sessions in one table, none in the next and one in the last.
pub(super) fn small_file() -> Vec<u8> {
    let (esb, empty, manager) = (table(10), table(10), table(10));
    bind(&esb, "a", 4, 9, 0);
    bind(&esb, "b", 9, 9, 10);
    bind(&manager, "c", 2, 2, 10);
    let tables = [("esb", &esb), ("empty", &empty), ("manager", &manager)];
    let tables = tables.map(|(pool, sessions)| Table { pool, nodes: &NODES, sessions });
    let mut out = Vec::new();
    encode(&mut out, &tables, &[], at(20), &THEN).expect("memory takes everything");
    out
}

/// The numbers of the next run: they differ, and worker3 replaces the manager.
pub(super) fn number_of(name: &str) -> Option<u32> {
    ["worker3", "worker2", "worker1"].iter().position(|known| *known == name).map(|number| number as u32)
}
