//! What one generation of a pool hands over to the next.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{at, follow, sticky};
use crate::config::{Balance, NodeTls, Queue, Verify};
use crate::traffic::affinity::sessions::BindKind;
use crate::traffic::generations;
use crate::traffic::pool::member::{AcceptedNodes, NodePermit};
use crate::traffic::pool::state::{Duty, Fault, State};
use crate::traffic::pool::*;
use crate::traffic::snapshot::Snapshot;

fn one_place_each(settings: &mut config::Pool) {
    settings.queue = Some(Queue { size: 9, wait: Duration::from_secs(1) });
    settings.members.iter_mut().for_each(|member| member.max_requests = Some(1));
}

/// A waiter for any node; counts how often it was called.
fn waiter(snapshot: &Snapshot) -> Arc<AtomicUsize> {
    let called = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&called);
    let waiter = Box::new(move |held: Option<NodePermit>| {
        count.fetch_add(1, Ordering::Relaxed);
        held.into_iter().for_each(NodePermit::discard);
    });
    assert!(snapshot.pools[0].waiting.join(AcceptedNodes::ANY, waiter).is_ok());
    called
}

fn take(snapshot: &Snapshot, member: usize) -> NodePermit {
    snapshot.pools[0].members[member].permits.take(at(1)).expect("a free permit")
}

#[test]
fn a_reload_keeps_states_places_and_numbers() {
    let first = follow(None, 3, |_| {});
    let old = &first.pools[0];
    old.failed(1, Fault::Refused, at(1), at(1));
    let held = take(&first, 0);
    let second = follow(Some(&first), 3, |pool| {
        pool.members.remove(0);
    });
    let new = &second.pools[0];
    assert_eq!(new.members.len(), 2);
    assert_eq!(new.members[0].state.state(), State::Passive(Reason::Ejected));
    assert_eq!(new.member_of(old.members[1].number), Some(0), "a node's number is its own");
    assert_eq!(new.member_of(old.members[0].number), None);
    let flying = |pool: &Pool| pool.members.iter().map(|member| member.load.in_flight()).sum::<u32>();
    drop(held);
    assert_eq!(flying(old) + flying(new), 0);
}

#[test]
fn connections_go_on_where_a_reload_changes_nothing_about_them_and_what_is_added_is_told() {
    let links = |snapshot: &Snapshot| snapshot.pools[0].members.iter().map(|member| member.link).collect::<Vec<_>>();
    let first = follow(None, 2, |_| {});
    assert!(first.added.is_empty(), "at a start all are new");
    let same = follow(Some(&first), 3, |_| {});
    assert_eq!(links(&same)[..2], links(&first)[..]);
    assert_eq!(same.added, [(0, 2)]);
    let with = |previous, verify| {
        let tls = NodeTls { verify, server_name: None, certificate: None };
        follow(Some(previous), 3, |pool| pool.tls = Some(tls))
    };
    let secure = with(&same, Verify::None);
    let verified = with(&secure, Verify::Full(Vec::new()));
    let still = with(&verified, Verify::Full(Vec::new()));
    assert_eq!(links(&still), links(&verified));
    let all: HashSet<u64> = [&same, &secure, &verified].into_iter().flat_map(links).collect();
    assert_eq!(all.len(), 9, "what was asked of a certificate holds for its connections alone");
    assert!(still.added.is_empty());
}

#[test]
fn latencies_are_measured_only_where_somebody_asks_for_them() {
    let slow = |pool: &mut config::Pool| pool.members[1].slow_start = Duration::from_secs(60);
    let least = |pool: &mut config::Pool| pool.balance = Balance::LeastTime;
    assert!(!follow(None, 2, |_| {}).pools[0].measures);
    assert!(follow(None, 2, slow).pools[0].measures && follow(None, 2, least).pools[0].measures);
}

#[test]
fn who_waits_for_its_own_node_gets_no_place_at_another_one() {
    let snapshot = follow(None, 2, one_place_each);
    let (own, other) = (take(&snapshot, 0), take(&snapshot, 1));
    let called = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&called);
    let waiter = Box::new(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
    assert!(snapshot.pools[0].waiting.join(AcceptedNodes::Only(own.number()), waiter).is_ok());
    assert_eq!(
        [own.number(), other.number()].map(|node| snapshot.pools[0].waiting.len_for(&AcceptedNodes::Only(node))),
        [1, 0]
    );
    drop(other);
    assert_eq!(called.load(Ordering::Relaxed), 0);
    drop(own);
    assert_eq!(called.load(Ordering::Relaxed), 1);
}

#[test]
fn a_generation_is_kept_for_who_waits_there_alone() {
    let first = follow(None, 1, one_place_each);
    let held = take(&first, 0);
    assert!(!generations::has_waiters(&first));
    let called = waiter(&first);
    generations::mark_superseded([&first].into_iter());
    assert!(generations::has_waiters(&first) && !first.pools[0].is_superseded());
    let second = follow(Some(&first), 1, one_place_each);
    generations::mark_superseded([&second, &first].into_iter());
    assert!(first.pools[0].is_superseded(), "the newest manages the pool");
    assert!(!generations::has_waiters(&first) && generations::has_waiters(&second), "and wakes who waits");
    drop(held);
    assert_eq!(called.load(Ordering::Relaxed), 1);
    assert!(!generations::has_waiters(&second));
}

#[test]
fn a_place_at_a_node_that_a_reload_took_away_goes_to_nobody() {
    let before = follow(None, 2, one_place_each);
    let (stays, leaves) = (take(&before, 0), take(&before, 1));
    let called = waiter(&before);
    let after = follow(Some(&before), 1, one_place_each);
    drop(leaves);
    before.pools[0].members[1].permits.serve(at(2), false);
    assert_eq!(called.load(Ordering::Relaxed), 0, "the node is gone");
    drop(stays);
    assert_eq!((called.load(Ordering::Relaxed), after.pools[0].waiting.len()), (1, 0), "the other one is not");
}

#[test]
fn a_node_with_another_port_counts_anew_and_its_old_places_go_to_nobody() {
    let before = follow(None, 1, one_place_each);
    let held = take(&before, 0);
    let called = waiter(&before);
    let after = follow(Some(&before), 1, |settings| {
        one_place_each(settings);
        settings.port += 1;
    });
    assert!(held.is_at(&before.pools[0].members[0]) && !held.is_at(&after.pools[0].members[0]));
    assert_eq!(held.number(), after.pools[0].members[0].number, "its sessions are the same");
    drop(held);
    assert_eq!(called.load(Ordering::Relaxed), 0);
    after.pools[0].upkeep(at(2), Duration::ZERO);
    assert_eq!(called.load(Ordering::Relaxed), 1, "at its new port there is room");
}

#[test]
fn the_clients_of_a_node_with_another_port_are_not_forgotten() {
    let before = follow(None, 1, |_| {});
    before.pools[0].members[0].load.note_use(at(50));
    let after = follow(Some(&before), 1, |settings| settings.port += 1);
    let unused = |seconds| after.pools[0].members[0].load.unused_for(at(seconds));
    assert!(unused(60) < Duration::from_secs(10), "{:?}", unused(60));
    // A request from before the reload ends.
    before.pools[0].members[0].load.note_use(at(100));
    assert!(unused(110) < Duration::from_secs(10), "{:?}", unused(110));
}

#[test]
fn a_place_that_nobody_could_use_is_free_and_calls_nobody() {
    let before = follow(None, 1, one_place_each);
    let held = take(&before, 0);
    let called = waiter(&before);
    held.discard();
    assert_eq!((called.load(Ordering::Relaxed), before.pools[0].members[0].load.in_flight()), (0, 0));
    before.pools[0].upkeep(at(2), Duration::ZERO);
    assert_eq!(called.load(Ordering::Relaxed), 1, "the next turn does");
}

/// What a new request gets in this generation.
fn asks(snapshot: &Snapshot) -> Choice {
    let pick_input = PickInput::default();
    let criteria = Criteria {
        bound: None,
        returns: false,
        prefers: None,
        tried: &Tried::default(),
        failure: None,
        pick_input,
        now: at(1),
    };
    snapshot.pools[0].choose(&criteria, Purpose::Peek)
}

#[test]
fn a_reload_that_brings_a_bound_and_its_queue_refuses_nobody_who_knows_of_no_queue() {
    let before = follow(None, 1, |_| {});
    let _held = [take(&before, 0), take(&before, 0)];
    let after = follow(Some(&before), 1, one_place_each);
    assert!(matches!(asks(&before), Choice::Node(_)), "it has nowhere to wait");
    after.apply_lower_limits();
    assert!(matches!(asks(&after), Choice::Full(_)));
}

#[test]
fn a_reload_that_has_all_but_a_passive_node_stand_by_refuses_nobody() {
    let before = follow(None, 2, |_| {});
    before.pools[0].failed(0, Fault::Refused, at(1), at(1));
    let active = config::ActiveNodes {
        start: 1,
        max: 2,
        in_flight_per_node: 100,
        above_for: Duration::from_secs(30),
        cool_down: Duration::from_secs(60),
    };
    let _after = follow(Some(&before), 2, |settings| settings.active = Some(active));
    assert!(matches!(asks(&before), Choice::Node(Chosen { member: 1, why: Why::Balanced, .. })));
}

#[test]
fn a_reload_that_takes_the_queue_away_refuses_nobody_who_is_about_to_wait() {
    let before = follow(None, 1, one_place_each);
    let after = follow(Some(&before), 1, |_| {});
    waiter(&before);
    after.apply_lower_limits();
    assert!(after.pools[0].waiting.join(AcceptedNodes::ANY, Box::new(drop)).is_err());
}

#[test]
fn a_reload_that_makes_the_table_of_sessions_smaller_is_followed_at_once() {
    let learns = |most: usize| {
        move |settings: &mut config::Pool| {
            let learning = sticky(OnLost::Rebind);
            settings.sticky = Some(config::Sticky { max_sessions: most, ..learning });
        }
    };
    let before = follow(None, 1, learns(100));
    let table = |snapshot: &Snapshot| Arc::clone(snapshot.pools[0].sessions.as_ref().expect("a table"));
    let sessions = table(&before);
    for session in 0..50_u8 {
        sessions.bind(sessions.key(&[session]), 0, at(u64::from(session)), BindKind::Learned);
    }
    let after = follow(Some(&before), 1, learns(10));
    assert!(Arc::ptr_eq(&sessions, &table(&after)), "it is the same table");
    assert_eq!(sessions.len(), 10);
    assert!(sessions.peek(sessions.key(&[49]), at(50)).is_some(), "the longest idle ones went");
    sessions.bind(sessions.key(b"one more"), 0, at(60), BindKind::Learned);
    assert_eq!(sessions.len(), 10);
    follow(Some(&after), 1, learns(1000));
    (0..50_u8).for_each(|session| _ = sessions.bind(sessions.key(&[session, 1]), 0, at(61), BindKind::Learned));
    assert_eq!(sessions.len(), 60);
}

#[test]
fn a_reload_that_makes_sessions_live_longer_is_followed_by_those_that_are() {
    let idle = |seconds: u64| {
        move |settings: &mut config::Pool| {
            let learning = sticky(OnLost::Rebind);
            settings.sticky = Some(config::Sticky { idle: Duration::from_secs(seconds), ..learning });
        }
    };
    let before = follow(None, 1, idle(10));
    let sessions = before.pools[0].sessions.as_ref().expect("a table");
    let key = sessions.key(b"a session");
    sessions.bind(key, 0, at(1), BindKind::Learned);
    follow(Some(&before), 1, idle(100));
    assert!(sessions.find(key, at(90)).is_some());
}

#[test]
fn nodes_that_a_generation_before_still_made_stand_by_serve_where_all_do() {
    let pool = follow(None, 2, |_| {}).pools.remove(0);
    pool.members[1].state.set_duty(Duty::Spare);
    let changes = pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(
        changes.iter().map(|(member, change, _)| (*member, change.to)).collect::<Vec<_>>(),
        [(1, State::Active)]
    );
    assert!(pool.upkeep(at(2), Duration::ZERO).is_empty());
}
