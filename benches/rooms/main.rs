//! What a request meets in each room, alone: how long a call takes and how often it allocates. Times are there to compare
//! before and after a change, not promises; allocations are bounded, and a call that makes more fails.
//! `cargo bench --bench rooms` measures; `cargo test --benches` runs and counts everything once.

mod affinity;
mod configured;
mod heads;
mod limits;
mod measure;
mod message;
mod observe;
mod pool;
mod routing;
mod wire;

use criterion::{criterion_group, criterion_main};

criterion_group! {
    name = rooms;
    config = criterion::Criterion::default().with_measurement(measure::ThreadTime);
    targets =
        routing::host,
        routing::routes,
        routing::expressions,
        routing::normalized_path,
        routing::rules,
        limits::rate,
        affinity::session,
        affinity::find_node,
        affinity::learn,
        pool::choose,
        wire::read,
        message::to_node,
        message::to_client,
        observe::metrics,
        observe::access_line
}
criterion_main!(rooms);
