//! What is counted and noted of a node: what was seen of it, since when it is as it is, its limit, and its share while it is cold.

use super::*;

#[test]
fn why_a_node_is_passive_is_told_as_far_as_it_was_seen() {
    let pool = pool(2, |_| {});
    let member = &pool.members[0];
    let seen = |reason| member.seen(reason).map(|seen| seen.to_string());
    assert_eq!([Reason::Checking, Reason::Unhealthy, Reason::Ejected].map(seen), [None, None, None]);
    member.load.note_seen(&format!("status 500 {}", "x".repeat(10_000)));
    assert!(seen(Reason::Ejected).is_some_and(|seen| seen.starts_with("status 500 x") && seen.len() < 1000));
    assert_eq!(seen(Reason::Unhealthy), seen(Reason::Ejected), "no probe says more");
    assert_eq!((seen(Reason::Checking), seen(Reason::Maintenance)), (None, None), "nobody has to be told why");
    member.state.note_probe(Some("refused"));
    assert_eq!(
        [Reason::Checking, Reason::Unhealthy].map(seen),
        [Some("refused".to_owned()), Some("refused".to_owned())]
    );
    assert!(seen(Reason::Ejected).is_some_and(|seen| seen.starts_with("status 500")), "requests failed, not probes");
}

#[test]
fn a_node_is_unchanged_and_unused_since_it_was_so_last() {
    let pool = pool(2, |_| {});
    let load = &pool.members[0].load;
    assert_eq!(load.unchanged_for(at(9)), Duration::from_secs(9), "since the start");
    load.note_change(at(5));
    load.note_use(at(3));
    assert_eq!(load.unchanged_for(at(9)), Duration::from_secs(4));
    // Never too long: up to a second is missing.
    assert_eq!(load.unused_for(at(9)), Duration::from_secs(5));
    load.note_use(Tick::from_millis(3_500));
    assert_eq!(load.unused_for(at(9)), Duration::from_secs(5), "written once a second");
    load.note_use(at(4));
    assert_eq!(load.unused_for(at(9)), Duration::from_secs(4));
}

#[test]
fn a_limit_that_is_only_raised_is_never_lowered() {
    let pool = pool(1, |pool| pool.members[0].max_requests = Some(2));
    let load = &pool.members[0].load;
    let _held = (ask(&pool, None, &[], 1), ask(&pool, None, &[], 1));
    let has_room = || pool.members[0].has_room();
    assert!(!has_room());
    load.raise_most(Some(1));
    assert!(!has_room());
    load.raise_most(Some(3));
    assert!(has_room());
    load.raise_most(Some(2));
    assert!(has_room(), "it stays as it was");
    load.set_most(Some(2));
    assert!(!has_room());
    load.raise_most(None);
    assert!(has_room());
}

#[test]
fn requests_of_the_process_before_need_room_as_own_ones_do() {
    let pool = pool(1, |pool| pool.members[0].max_requests = Some(2));
    let node = &pool.members[0];
    let permit = || node.permits.take(at(1));
    node.load.set_before(1);
    let _held = permit().expect("there is room for one more");
    assert!(!node.has_room() && permit().is_none());
    node.load.set_before(u32::MAX);
    assert!(!node.has_room() && permit().is_none());
    node.load.set_before(0);
    assert!(node.has_room() && permit().is_some());
}

/// A pool whose first node has a minute of slow start, and has just become active again.
fn cold() -> Pool {
    let pool = pool(3, |pool| pool.members[0].slow_start = Duration::from_secs(60));
    let first = &pool.members[0];
    first.state.set_operator(Operator::Maintenance, at(1));
    pool.upkeep(at(1), Duration::from_secs(1));
    assert_eq!([0, 1].map(|member: usize| pool.members[member].load.warmth()), [100, 1000]);
    first.state.set_operator(Operator::None, at(1));
    pool
}

#[test]
fn a_node_that_comes_back_gets_its_share_by_and_by() {
    let pool = cold();
    let warmth = |second, elapsed| {
        pool.upkeep(at(second), Duration::from_secs(elapsed));
        pool.members[0].load.warmth()
    };
    assert_eq!([warmth(31, 30), warmth(46, 15)], [550, 775]);
    let climbed = || pool.members[0].load.climbed();
    assert_eq!(climbed(), Some(Duration::from_secs(45)));
    assert_eq!([warmth(61, 15), warmth(99, 15)], [1000, 1000]);
    assert_eq!(climbed(), None);
}

#[test]
fn a_slow_start_goes_on_where_the_process_before_had_it() {
    let pool = cold();
    let first = &pool.members[0];
    for (climbed, share) in [(Some(Duration::from_secs(30)), 550), (None, 1000), (Some(Duration::from_secs(45)), 775)] {
        first.load.go_on_from(first.slow_start, climbed);
        assert_eq!((first.load.warmth(), first.load.climbed()), (share, climbed));
    }
    pool.upkeep(at(16), Duration::from_secs(15));
    assert_eq!(first.load.warmth(), 1000);
}

/// What it is compared with are the others whose answers were timed, and not itself.
#[test]
fn a_node_that_comes_back_waits_while_it_is_slower_than_the_others_are() {
    for (others, own, climbs) in [
        ([Some(40), None], 50, true),
        ([Some(40), None], 70, false),
        ([Some(40), Some(80)], 85, true),
        ([Some(40), Some(80)], 100, false),
        ([None, None], 500, true),
    ] {
        let pool = cold();
        let answers =
            |member: usize, took| pool.members[member].load.latency.record(at(2), Duration::from_millis(took));
        for (member, took) in others.into_iter().enumerate() {
            took.into_iter().for_each(|took| answers(member + 1, took));
        }
        answers(0, 10);
        pool.upkeep(at(2), Duration::from_secs(6));
        let before = pool.members[0].load.warmth();
        assert_eq!(before, 190);
        // Long enough for its average to be the new one.
        (0..10_000).for_each(|_| answers(0, own));
        pool.upkeep(at(2), Duration::from_secs(6));
        assert_eq!(pool.members[0].load.warmth() > before, climbs, "{own} ms, the others {others:?}");
    }
}
