//! Threads that meet at what they share, in tens of thousands of orders: each test is run again and again, and at each step of it
//! shuttle decides by a seed which thread goes on. A failure prints that schedule, and
//! `shuttle::replay` runs it again.

mod connections;
mod gate;
mod permits;
mod sessions;

use std::sync::Arc;

use shuttle::scheduler::PctScheduler;
use shuttle::{Config, Runner, check_random};

/// How many orders of each test are tried by each scheduler.
const ORDERS: usize = 10_000;

/// Tries a test in random orders, and in orders in which few threads are stopped, at the worst places.
fn in_many_orders(test: impl Fn() + Send + Sync + 'static) {
    let test = Arc::new(test);
    let again = Arc::clone(&test);
    check_random(move || test(), ORDERS);
    Runner::new(PctScheduler::new(3, ORDERS), Config::new()).run(move || again());
}

/// Runs these as threads until all have ended.
fn together(threads: impl IntoIterator<Item = Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = threads.into_iter().map(shuttle::thread::spawn).collect();
    for thread in threads {
        thread.join().expect("it ends");
    }
}

/// One of them.
fn thread(runs: impl FnOnce() + Send + 'static) -> Box<dyn FnOnce() + Send> {
    Box::new(runs)
}
