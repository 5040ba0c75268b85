//! What happens to requests when nodes fail, are full, or are added and removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{at, criteria, follow, sticky};
use crate::config::{ActiveNodes, WhenNone};
use crate::traffic::affinity::sessions::BindKind;
use crate::traffic::pool::member::{AcceptedNodes, NodePermit, Waiter};
use crate::traffic::pool::state::{Duty, Fault, Operator, Probed, Round, State, Thresholds};
use crate::traffic::pool::*;
use crate::traffic::snapshot::Snapshot;
use crate::traffic::xorshift::xorshift;

/// Nodes that take one request each.
fn full_soon(settings: &mut config::Pool) {
    settings.members.iter_mut().for_each(|member| member.max_requests = Some(1));
}

fn learns(settings: &mut config::Pool) {
    settings.sticky = Some(sticky(OnLost::Rebind));
}

fn one_of(max: u32) -> Option<ActiveNodes> {
    let (above_for, cool_down) = (Duration::from_secs(30), Duration::from_secs(300));
    Some(ActiveNodes { start: 1, max, in_flight_per_node: 100, above_for, cool_down })
}

/// The member's index, the reason, and the permit.
fn go(pool: &Pool, bound: Option<u32>, now: Tick) -> Result<(usize, Why, NodePermit), Choice> {
    match pool.choose(&criteria(&Tried::default(), bound, now), Purpose::Take) {
        Choice::Node(Chosen { member, why, permit, .. }) => Ok((member, why, permit.unwrap())),
        other => Err(other),
    }
}

fn wanted(choice: Result<(usize, Why, NodePermit), Choice>) -> WaitTarget {
    match choice {
        Err(Choice::Full(wanted)) => wanted,
        Err(_) => panic!("another refusal"),
        Ok((member, why, _)) => panic!("it went to {member}: {}", why.word()),
    }
}

fn refuse(pool: &Pool, member: usize, now: Tick) {
    for _ in 0..20 {
        pool.failed(member, Fault::Refused, now, now);
    }
    assert_eq!(pool.members[member].state.state(), State::Passive(Reason::Ejected));
}

fn fails_probes(pool: &Pool, member: usize) {
    let thresholds = Thresholds { rise: 1, fall: 1, patience: Duration::ZERO };
    pool.members[member].state.on_round(Round { began: at(1), outcome: Probed::Failed }, thresholds);
}

#[test]
fn a_session_waits_for_its_own_full_node_and_for_any_once_that_is_lost() {
    let snapshot = follow(None, 2, |settings| {
        learns(settings);
        full_soon(settings);
    });
    let pool = &snapshot.pools[0];
    let a = pool.members[0].number;
    let _first = go(pool, Some(a), at(1)).ok().unwrap();
    assert_eq!(wanted(go(pool, Some(a), at(1))), WaitTarget { node: Some(a), why: Why::Session });
    let _second = go(pool, None, at(1)).ok().unwrap();
    refuse(pool, 0, at(1));
    let any = WaitTarget { node: None, why: Why::Rebound(Lost::Passive(Reason::Ejected)) };
    assert_eq!(wanted(go(pool, Some(a), at(1))), any, "a is ejected, b is full");
}

#[test]
fn a_second_request_of_a_session_does_not_wait_for_the_trial_of_its_node() {
    let snapshot = follow(None, 2, learns);
    let pool = &snapshot.pools[0];
    let a = pool.members[0].number;
    refuse(pool, 0, at(1));
    let on_trial = go(pool, Some(a), at(3600)).ok().unwrap();
    assert_eq!((on_trial.0, on_trial.1), (0, Why::Session));
    let second = go(pool, Some(a), at(3600)).ok().unwrap();
    assert_eq!((second.0, second.1), (1, Why::Rebound(Lost::Passive(Reason::Ejected))));
}

#[test]
fn a_standby_is_not_activated_beyond_the_most() {
    let snapshot = follow(None, 2, |settings| {
        full_soon(settings);
        settings.active = one_of(1);
    });
    let pool = &snapshot.pools[0];
    let _first = go(pool, None, at(1)).ok().unwrap();
    assert_eq!(wanted(go(pool, None, at(1))), WaitTarget { node: None, why: Why::Balanced });
    assert_eq!(pool.members[1].state.state(), State::Passive(Reason::Standby));
    let mut tried = Tried::default();
    tried.add(0);
    assert_eq!(pool.another(None, &tried, at(1)), Another::Now);
    let Choice::Node(helped) = pool.choose(&criteria(&tried, None, at(1)), Purpose::Take) else { panic!("no help") };
    assert_eq!((helped.member, helped.why, helped.change), (1, Why::Balanced, None));
    refuse(pool, 0, at(1));
    drop(helped);
    let second = go(pool, None, at(1)).ok().unwrap();
    assert_eq!((second.0, second.1), (1, Why::StandbyActivated), "the permit of the failed one is free");
}

#[test]
fn a_standby_is_activated_by_the_request_that_needs_it() {
    let snapshot = follow(None, 2, |pool| pool.active = one_of(2));
    let pool = &snapshot.pools[0];
    refuse(pool, 0, at(1));
    let Choice::Node(chosen) = pool.choose(&criteria(&Tried::default(), None, at(1)), Purpose::Take) else {
        panic!("nobody")
    };
    assert_eq!((chosen.member, chosen.why, chosen.change.is_some()), (1, Why::StandbyActivated, true));
    assert_eq!(go(pool, None, at(1)).ok().map(|went| (went.0, went.1)), Some((1, Why::Balanced)));
}

#[test]
fn the_last_node_that_serves_stays_unless_a_standby_can_follow() {
    let slow = |pool: &Pool, now| {
        for _ in 0..20 {
            pool.failed(0, Fault::Timeout, now, now);
        }
        pool.members[0].state.state()
    };
    let ejected = State::Passive(Reason::Ejected);
    let alone = follow(None, 1, |_| {});
    assert_eq!(slow(&alone.pools[0], at(1)), State::Active);
    let two = follow(None, 2, |_| {});
    refuse(&two.pools[0], 1, at(1));
    assert_eq!(slow(&two.pools[0], at(1)), State::Active, "the other one is ejected");
    assert_eq!(slow(&two.pools[0], at(3600)), State::Active, "and has not shown yet that it is well");
    let followed = follow(None, 2, |settings| settings.active = one_of(1));
    assert_eq!(slow(&followed.pools[0], at(1)), ejected);
    assert_eq!(slow(&follow(None, 2, |_| {}).pools[0], at(1)), ejected);
}

#[test]
fn a_node_that_leaves_is_asked_for_its_sessions() {
    let snapshot = follow(None, 2, |settings| {
        learns(settings);
        settings.active = one_of(2);
    });
    let pool = &snapshot.pools[0];
    let sessions = pool.sessions.as_ref().expect("it learns");
    for (member, id) in pool.members.iter().zip([b"a", b"b"]) {
        sessions.bind(sessions.key(id), member.number, at(1), BindKind::Learned);
    }
    pool.members[1].state.set_duty(Duty::Leaving);
    let left = [0, 1].map(|member: usize| pool.summary(&pool.members[member], at(1)).sessions);
    assert_eq!(left, [0, 1], "of the others nobody has to know");
}

#[test]
fn a_session_has_its_own_node_as_its_last_resort() {
    let ejected = follow(None, 2, learns);
    let pool = &ejected.pools[0];
    let [a, b] = [0, 1].map(|member| pool.members[member].number);
    refuse(pool, 0, at(1));
    refuse(pool, 1, at(2));
    for (bound, member) in [(None, 0), (Some(a), 0), (Some(b), 1), (Some(99), 0)] {
        let (went, why, _) = go(pool, bound, at(2)).ok().unwrap();
        assert_eq!((went, why), (member, Why::LastResort), "{bound:?}");
    }
    let unwell = follow(None, 2, |settings| {
        settings.sticky = Some(sticky(OnLost::Refuse));
        settings.when_none = WhenNone::All;
    });
    let pool = &unwell.pools[0];
    let [a, b] = [0, 1].map(|member| pool.members[member].number);
    (0..2).for_each(|member| fails_probes(pool, member));
    for (bound, member) in [(a, 0), (b, 1)] {
        let (went, why, _) = go(pool, Some(bound), at(2)).ok().unwrap();
        assert_eq!((went, why), (member, Why::LastResort), "{bound}");
    }
    pool.members[1].state.set_operator(Operator::Maintenance, at(1));
    assert!(matches!(go(pool, Some(b), at(2)), Err(Choice::SessionLost)), "an operator took it out");
}

#[test]
fn a_session_that_moves_nowhere_has_no_other_node_to_try() {
    for (on_lost, another) in [(OnLost::Rebind, Another::Now), (OnLost::Refuse, Another::None)] {
        let snapshot = follow(None, 2, |settings| settings.sticky = Some(sticky(on_lost)));
        let pool = &snapshot.pools[0];
        let mut tried = Tried::default();
        tried.add(0);
        assert_eq!(pool.another(Some(pool.members[0].number), &tried, at(1)), another);
        assert_eq!(pool.another(None, &tried, at(1)), Another::Now);
    }
}

#[test]
fn all_others_are_full_and_the_queue_has_room_or_has_not() {
    for (size, another) in [(None, Another::None), (Some(1), Another::Later), (Some(0), Another::None)] {
        let snapshot = follow(None, 2, |settings| {
            full_soon(settings);
            settings.queue = size.map(|size| config::Queue { size, wait: Duration::from_secs(9) });
        });
        let pool = &snapshot.pools[0];
        let _both = [(); 2].map(|()| go(pool, None, at(1)).ok().unwrap());
        let mut tried = Tried::default();
        tried.add(0);
        assert_eq!(pool.another(None, &tried, at(1)), another, "{size:?}");
        tried.add(1);
        assert_eq!(pool.another(None, &tried, at(1)), Another::None, "none that is full was not tried");
    }
}

#[test]
fn a_place_where_it_has_failed_goes_past_who_waits_to_the_next_one() {
    let snapshot = follow(None, 2, |settings| {
        full_soon(settings);
        settings.queue = Some(config::Queue { size: 9, wait: Duration::from_secs(9) });
    });
    let pool = &snapshot.pools[0];
    let [first, second] = [(); 2].map(|()| go(pool, None, at(1)).ok().unwrap().2);
    let [a, b] = [first.number(), second.number()];
    let given: Arc<Mutex<Vec<(char, NodePermit)>>> = Arc::default();
    let join = |name: char, wants: AcceptedNodes| {
        let given = Arc::clone(&given);
        let waiter: Waiter = Box::new(move |held| given.lock().extend(held.map(|held| (name, held))));
        assert!(pool.waiting.join(wants, waiter).is_ok());
    };
    let mut tried = Tried::default();
    tried.add(0);
    join('x', pool.accepted_nodes(WaitTarget { node: None, why: Why::Balanced }, &tried));
    let names = || given.lock().iter().map(|(name, held)| (*name, held.number())).collect::<Vec<_>>();
    drop(first);
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!((names(), pool.members[0].load.in_flight()), (vec![], 0), "it is free for others");
    let taken = go(pool, None, at(1)).ok().unwrap().2;
    join('y', AcceptedNodes::ANY);
    drop(taken);
    assert_eq!(names(), [('y', a)], "who came later has not failed there");
    drop(second);
    assert_eq!(names(), [('y', a), ('x', b)]);
    given.lock().clear();
}

#[test]
fn who_waits_and_has_failed_at_all_that_still_serve_looks_again_at_once() {
    let snapshot = follow(None, 2, |settings| {
        full_soon(settings);
        settings.queue = Some(config::Queue { size: 9, wait: Duration::from_secs(9) });
    });
    let pool = &snapshot.pools[0];
    let _both = [(); 2].map(|()| go(pool, None, at(1)).ok().unwrap());
    let called = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&called);
    let waiter: Waiter = Box::new(move |held| _ = count.fetch_add(1 + usize::from(held.is_some()), Ordering::Relaxed));
    assert!(pool.waiting.join(AcceptedNodes::AnyBut(vec![pool.members[0].number]), waiter).is_ok());
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(called.load(Ordering::Relaxed), 0, "the other one is only full");
    pool.members[1].state.set_operator(Operator::Maintenance, at(1));
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(called.load(Ordering::Relaxed), 1, "without a permit");
}

#[test]
fn a_takeover_by_a_standby_is_never_met_halfway() {
    let snapshot = follow(None, 2, |settings| settings.active = one_of(1));
    let pool = &snapshot.pools[0];
    pool.members[0].state.set_operator(Operator::Maintenance, at(1));
    let (round, standby) = (AtomicUsize::new(0), &pool.members[1].state);
    let (takeovers, mut missed) = (500, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 1..=takeovers {
                while round.load(Ordering::SeqCst) != 2 * turn - 1 {
                    std::thread::yield_now();
                }
                standby.set_duty(Duty::Serving);
                round.store(2 * turn, Ordering::SeqCst);
            }
        });
        for turn in 1..=takeovers {
            standby.set_duty(Duty::Spare);
            round.store(2 * turn - 1, Ordering::SeqCst);
            // The one change comes at any moment of this loop.
            while round.load(Ordering::SeqCst) != 2 * turn {
                missed += usize::from(pool.another(None, &Tried::default(), at(1)) != Another::Now);
            }
        }
    });
    assert_eq!(missed, 0, "requests found nobody");
}

#[test]
fn a_node_that_is_new_begins_cold_and_nobody_stays_cold_without_a_slow_start() {
    let slowly =
        |settings: &mut config::Pool| settings.members.iter_mut().for_each(|m| m.slow_start = Duration::from_secs(60));
    let cold = follow(None, 2, slowly);
    let warmth = |snapshot: &Snapshot| snapshot.pools[0].members.iter().map(|m| m.load.warmth()).collect::<Vec<_>>();
    assert_eq!(warmth(&cold), [100, 100]);
    cold.pools[0].upkeep(at(1), Duration::from_secs(30));
    assert_eq!(warmth(&cold), [550, 550]);
    let grown = follow(Some(&cold), 3, slowly);
    assert_eq!(warmth(&grown), [550, 550, 100]);
    assert_eq!(warmth(&follow(Some(&grown), 2, |_| {})), [1000, 1000]);
}

#[test]
fn a_standby_that_becomes_a_backup_serves_as_one() {
    let before = follow(None, 2, |settings| settings.active = one_of(1));
    let after = follow(Some(&before), 3, |settings| {
        settings.active = one_of(1);
        settings.members[1].backup = true;
    });
    let pool = &after.pools[0];
    refuse(pool, 0, at(1));
    pool.members[2].state.set_operator(Operator::Maintenance, at(1));
    let (member, why, _) = go(pool, None, at(1)).ok().unwrap();
    assert_eq!((member, why), (1, Why::Backup));
}

#[test]
fn fewer_places_hold_for_requests_of_before_as_well() {
    let few = |most| {
        move |settings: &mut config::Pool| {
            settings.members[0].max_requests = Some(most);
            settings.queue = Some(config::Queue { size: 9, wait: Duration::from_secs(9) });
        }
    };
    let before = follow(None, 1, few(3));
    let running: Vec<_> = (0..3).map(|_| go(&before.pools[0], None, at(1)).ok().unwrap()).collect();
    let after = follow(Some(&before), 1, few(1));
    after.apply_lower_limits();
    let status = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let status = Arc::clone(&status);
        let waiter: Waiter = Box::new(move |held| {
            status.fetch_add(1, Ordering::Relaxed);
            // It runs for ever.
            std::mem::forget(held);
        });
        assert!(before.pools[0].waiting.join(AcceptedNodes::ANY, waiter).is_ok());
    }
    let load = &after.pools[0].members[0].load;
    let seen: Vec<_> = running
        .into_iter()
        .map(|held| {
            drop(held);
            (status.load(Ordering::Relaxed), load.in_flight())
        })
        .collect();
    assert_eq!(seen, [(0, 2), (0, 1), (1, 1)]);
}

#[test]
fn no_place_is_lost_or_counted_twice_whatever_happens() {
    let snapshot = follow(None, 3, |settings| {
        learns(settings);
        settings.members.iter_mut().for_each(|member| member.max_requests = Some(3));
        settings.queue = Some(config::Queue { size: 20, wait: Duration::from_secs(9) });
    });
    let pool = &snapshot.pools[0];
    let given: Arc<Mutex<Vec<NodePermit>>> = Arc::default();
    let (mut running, mut asleep, mut chance, mut now) =
        (Vec::<NodePermit>::new(), 0_usize, 0x9e37_79b9_7f4a_7c15_u64, 1000);
    for _ in 0..50_000 {
        xorshift(&mut chance);
        let (event, member) = (chance >> 60, (chance >> 20) as usize % 3);
        let tick = Tick::from_millis(now);
        now += chance >> 30 & 63;
        let bound = (chance >> 40 & 1 == 1).then(|| pool.members[member].number);
        match event {
            0..7 => match pool.choose(&criteria(&Tried::default(), bound, tick), Purpose::Take) {
                Choice::Node(chosen) => running.extend(chosen.permit),
                Choice::Full(wanted) => {
                    let given = Arc::clone(&given);
                    let waiter: Waiter = Box::new(move |held| given.lock().extend(held));
                    asleep +=
                        usize::from(pool.waiting.join(pool.accepted_nodes(wanted, &Tried::default()), waiter).is_ok());
                    pool.give_permits(tick);
                }
                Choice::SessionLost | Choice::Nobody => {}
            },
            7..13 if !running.is_empty() => drop(running.swap_remove((chance >> 8) as usize % running.len())),
            13 => _ = pool.failed(member, Fault::Refused, tick, tick),
            14 => _ = pool.answered(member, tick, Duration::default, tick),
            _ => drop(pool.upkeep(tick, Duration::from_millis(60))),
        }
        // Permits given to waiters count as running from now on. Dropping one may serve the next waiter.
        let mut status = std::mem::take(&mut *given.lock());
        running.append(&mut status);
        let held: u32 = pool.members.iter().map(|member| member.load.in_flight()).sum();
        assert_eq!(held as usize, running.len());
        assert!(pool.members.iter().all(|member| member.load.in_flight() <= 3));
        for member in &pool.members {
            let mine = running.iter().filter(|held| held.number() == member.number).count();
            assert_eq!(mine, member.load.in_flight() as usize);
        }
    }
    assert!(asleep > 100, "somebody waited: {asleep}");
    running.clear();
    let mut rounds = 0;
    while !given.lock().is_empty() {
        let status = std::mem::take(&mut *given.lock());
        drop(status);
        rounds += 1;
    }
    assert!(rounds > 0 || pool.waiting.is_empty());
    assert!(pool.members.iter().all(|member| member.load.in_flight() == 0));
}
