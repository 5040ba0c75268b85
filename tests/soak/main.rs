//! Mixed load for a while, while everything else happens too: reloads, renewed certificates, upgrades, drains, a node that fails in
//! several ways, a process that stands still, clients that leave. Each answer has a number and bytes that follow from it, so one that is mixed up, doubled, or cut and
//! called whole is found. At the end nothing has grown.
//!
//! `cargo test --test soak` takes half a minute, `make soak` an hour (`SECONDS=600` another time).

mod checked;
mod clients;
mod nodes;
mod operator;

#[path = "../appliance/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "it is shared with the tests of the appliance, which use all of it")]
mod harness;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use self::checked::Report;
use self::clients::Clients;
use self::harness::{Plan, eventually};
use self::nodes::Nodes;
use self::operator::Operator;

/// By default, in seconds.
const SHORT: u64 = 30;

/// What a process may grow by after it is warm. What the allocator keeps differs by a few MiB from one minute to the next.
const GROWTH: f64 = 24.0 * 1024.0 * 1024.0;

#[test]
fn nothing_is_lost_mixed_up_or_grown_under_mixed_load() {
    let seconds = std::env::var("WEIR_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SHORT);
    let nodes = Nodes::start();
    let pool = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }\neject = { for = \"1s\" }\n\
                timeouts = { read = \"3s\" }\n";
    let weir = Plan::before(&nodes.both()).secure().threads(2).pool(pool).health(nodes::HEALTH).start();
    let (report, over) = (Arc::new(Report::default()), Arc::<AtomicBool>::default());
    let clients = Clients::begin(weir.http(), weir.https(), &report, &over);
    let mut operator = Operator::of(weir, &nodes, &report);

    // With upgrades; then without, so that one process grows old.
    operator.works_until(Instant::now() + Duration::from_secs(seconds) / 3, true);
    operator.works_until(Instant::now() + Duration::from_secs(seconds) / 6, false);
    let warm = operator.memory();
    operator.works_until(Instant::now() + Duration::from_secs(seconds) / 2, false);
    let after = operator.memory();
    clients.end(&over);
    let done = operator.done();

    let weir = operator.rests();
    eventually("no connection is open", || weir.metric("weir_connections_open", &[]) < 0.5);
    eventually("no request runs", || weir.metric("weir_requests_in_flight", &[]) < 0.5);
    let descriptors = || weir.metric("process_open_fds", &[]);
    eventually("all descriptors are given back", || descriptors() < 120.0);
    println!(
        "{report}; {done} things done; memory {:.1} MiB, then {:.1} MiB; {} descriptors",
        mib(warm),
        mib(after),
        descriptors()
    );
    assert!(report.wrong().is_empty(), "{}\n{}", report.wrong().join("\n"), weir.journal());
    assert!(report.answered() > 20 * seconds, "{report}");
    assert!(after < warm + GROWTH, "{:.1} MiB, then {:.1} MiB", mib(warm), mib(after));
    assert!(!weir.journal().contains("panicked"), "{}", weir.journal());
}

fn mib(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}
