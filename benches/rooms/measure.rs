//! One measurement: time by criterion and the clock of its own thread, so that a machine's other work does not count; its
//! allocations by an allocator that counts.

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use rustix::time::{ClockId, clock_gettime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Calls over which allocations are counted, after as many in which buffers grow to their size.
const CALLS: usize = 1000;

/// What times the rooms.
pub(crate) type Criterion = criterion::Criterion<ThreadTime>;

/// Times a call, and counts what it allocates: on average at most `most` times.
pub(crate) fn measure<T>(criterion: &mut Criterion, name: &str, most: usize, mut call: impl FnMut() -> T) {
    // Once in any case: what a call leaves is looked at afterwards, whichever of them were asked for.
    drop(call());
    let mut is_asked_for = false;
    criterion.bench_function(name, |bencher| {
        is_asked_for = true;
        bencher.iter(&mut call);
    });
    if is_asked_for {
        let calls = || (0..CALLS).for_each(|_| drop(black_box(call())));
        let count = allocations_of(calls);
        // Where criterion writes its own figures.
        println!("{:24}allocations: {}", "", count as f64 / CALLS as f64);
        assert!(count <= most * CALLS, "{name}: {count} allocations in {CALLS} calls, at most {most} a call are meant");
    }
}

fn allocations_of(mut calls: impl FnMut()) -> usize {
    calls();
    let region = Region::new(COUNTED);
    calls();
    let change = region.change();
    change.allocations + change.reallocations
}

/// The CPU time of the calling thread.
pub(crate) struct ThreadTime;

impl ThreadTime {
    fn now() -> Duration {
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("a thread has run for no negative time")
    }
}

impl Measurement for ThreadTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, began: Duration) -> Duration {
        Self::now() - began
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
