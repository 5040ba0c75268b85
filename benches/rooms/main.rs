//! What a request meets in each room, alone: how long a call takes and how often it allocates. Times are there to compare
//! before and after a change, not promises; allocations are bounded, and a room that asks for more fails.
//! `cargo bench --bench rooms` measures; `cargo test --benches` runs and counts everything once.

mod choosing;
mod configured;
mod ending;
mod finding;
mod heads;
mod room;

use criterion::{criterion_group, criterion_main};

criterion_group! {
    name = rooms;
    config = criterion::Criterion::default().with_measurement(room::OwnTime);
    targets =
        finding::host,
        finding::routes,
        finding::expressions,
        finding::plain_path,
        finding::rules,
        finding::rate,
        choosing::session,
        choosing::belonging,
        choosing::learn,
        choosing::choose,
        heads::read,
        heads::up,
        heads::down,
        ending::metrics,
        ending::access_line
}
criterion_main!(rooms);
