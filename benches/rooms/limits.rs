//! How often somebody may come.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use weir::config::{Rate, RateBy};
use weir::traffic::limits::rate::{RateDecision, RateLimit};
use weir::traffic::tick::Tick;

use crate::measure::{Criterion, measure};

const KEYS: u32 = 100_000;

/// Whether a client may come now: one that does, one that comes too often, and every time another one, while the
/// table is full. What is shared with other machines is noted besides.
pub(crate) fn rate(criterion: &mut Criterion) {
    let by = RateBy::Client { ipv4_prefix: 32, ipv6_prefix: 64 };
    let per = Duration::from_secs(1);
    let limit = |requests, shared| {
        let rate = Rate { requests, per, burst: 0, delay: false, by: by.clone(), max_keys: KEYS, shared };
        RateLimit::new(&rate, [7; 16], "site esb")
    };
    let (wide, tight, now) = (limit(1_000_000, false), limit(1, false), Tick::from_millis(1_000));
    let ask = |limit: &RateLimit, client: u32, now| limit.ask_for(IpAddr::V4(client.into()), None, now);
    let mut later = 1_000;
    measure(criterion, "rate/known", 0, || {
        later += 1;
        ask(&wide, black_box(7), Tick::from_millis(later))
    });
    let shared = limit(1_000_000, true);
    measure(criterion, "rate/shared", 0, || {
        later += 1;
        ask(&shared, black_box(7), Tick::from_millis(later))
    });
    assert_eq!(ask(&tight, 7, now), RateDecision::Pass);
    assert!(matches!(ask(&tight, 7, now), RateDecision::Refuse { .. }));
    measure(criterion, "rate/refused", 0, || ask(&tight, black_box(7), now));
    let mut client = 1_000;
    let mut ask_for_another = || {
        client += 1;
        ask(&wide, client, now)
    };
    (0..KEYS).for_each(|_| assert_eq!(ask_for_another(), RateDecision::Pass));
    measure(criterion, "rate/new", 0, ask_for_another);
}
