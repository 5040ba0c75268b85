//! Builds pools for tests, and tests which node a request gets.

mod affinity;
mod counters;
mod handover;
mod trouble;
mod unprobed;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::resolved::Resolved;
use super::super::snapshot::{BuildInput, Secrets, Snapshot};
use super::member::{AcceptedNodes, NodePermit, Waiter};
use super::retry::Failure;
use super::state::{Duty, Fault, Operator, Reason, State};
use super::*;
use crate::config::orders_file::Weights;
use crate::config::{ActiveNodes, Address, Balance, Config, Eject, HashOn, Place, Queue, Retry, Timeouts, WhenNone};
use crate::traffic::xorshift::xorshift;

/// A pool with this many nodes in a generation of its own, with changed settings.
fn pool(nodes: usize, change: impl FnOnce(&mut config::Pool)) -> Pool {
    follow(None, nodes, change).pools.remove(0)
}

pub(in crate::traffic) fn follow(
    previous: Option<&Snapshot>,
    nodes: usize,
    change: impl FnOnce(&mut config::Pool),
) -> Snapshot {
    let mut settings = settings(nodes);
    change(&mut settings);
    let config = Arc::new(configuration(nodes, settings));
    let secrets = Secrets::of([7; 32]);
    Snapshot::build(
        config,
        &BuildInput { generation: 1, previous, resolved: &Resolved::default(), secrets, weights: &Weights::default() },
    )
}

pub(in crate::traffic) fn settings(nodes: usize) -> config::Pool {
    let second = Duration::from_secs(1);
    let member =
        |node| config::Member { node, weight: 1, backup: false, max_requests: None, slow_start: Duration::ZERO };
    config::Pool {
        name: "app".into(),
        members: (0..nodes).map(member).collect(),
        balance: Balance::RoundRobin,
        active: None,
        active_with: None,
        queue: None,
        port: 8280,
        tls: None,
        proxy_protocol: None,
        sticky: None,
        health: None,
        timeouts: Timeouts { connect: second, handshake: second, read: second, send: second, tunnel: second },
        idle_timeout: second,
        reuse: true,
        buffer_request: 0,
        max_answer_head: 64 * 1024,
        retry: Retry {
            tries: 3,
            time: second,
            budget: 20,
            on_connect: true,
            on_reset: true,
            on_timeout: true,
            on_status: Vec::new(),
        },
        eject: Eject {
            failures: 1,
            within: second * 10,
            first: second * 10,
            most: second * 300,
            statuses: Vec::new(),
            max_ejected: 50,
        },
        when_none: WhenNone::Fail,
        redirects: config::Redirects::default(),
        cookies: None,
        at: Place::default(),
    }
}

pub(in crate::traffic) fn configuration(nodes: usize, pool: config::Pool) -> Config {
    let node = |number: usize| config::Node {
        name: format!("n{number}").into(),
        address: Address::Ip(Ipv4Addr::new(10, 0, 0, u8::try_from(number).unwrap_or(255)).into()),
        route: format!("n{number}").into(),
        port_offset: 0,
        at: Place::default(),
    };
    let (nodes, pools) = ((0..nodes).map(node).collect(), vec![pool]);
    Config { threads: 1, nodes, pools, ..config::empty() }
}

pub(in crate::traffic) fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1000)
}

/// The criteria of a request whose session is at the node with this number, if it has one.
pub(super) fn criteria(tried: &Tried, bound: Option<u32>, now: Tick) -> Criteria<'_> {
    Criteria { bound, returns: false, prefers: None, tried, failure: None, pick_input: PickInput::default(), now }
}

/// What a request with the session's node `bound` and the tried nodes `tried` gets at this second, and its permit.
fn ask(pool: &Pool, bound: Option<usize>, tried: &[usize], second: u64) -> (String, Option<NodePermit>) {
    let mut before = Tried::default();
    tried.iter().for_each(|member| before.add(*member));
    let bound = bound.map(|member| pool.members.get(member).map_or(999, |member| member.number));
    let failure = (!tried.is_empty()).then_some(Failure::Reset);
    let criteria = Criteria { failure, ..criteria(&before, bound, at(second)) };
    let asked = told(pool.choose(&criteria, Purpose::Peek)).0;
    let (got, held) = told(pool.choose(&criteria, Purpose::Take));
    assert_eq!(asked, got, "what is only asked is what is got");
    (got, held)
}

fn told(choice: Choice) -> (String, Option<NodePermit>) {
    match choice {
        Choice::Node(chosen) => (format!("n{} {}", chosen.member, chosen.why.word()), chosen.permit),
        Choice::Full(_) => ("full".to_owned(), None),
        Choice::SessionLost => ("lost".to_owned(), None),
        Choice::Nobody => ("nobody".to_owned(), None),
    }
}

fn got(pool: &Pool, bound: Option<usize>, tried: &[usize], second: u64) -> String {
    ask(pool, bound, tried, second).0
}

pub(super) fn sticky(on_lost: OnLost) -> config::Sticky {
    config::Sticky {
        mode: config::StickyMode::Learn,
        cookie: "JSESSIONID".into(),
        idle: Duration::from_secs(60),
        max_sessions: 100,
        failback: config::Failback::Stay,
        on_lost,
    }
}

const REFUSED: Fault = Fault::Refused;

#[test]
fn a_session_goes_home_and_everybody_else_in_turn() {
    let pool = pool(3, |_| {});
    let turns: Vec<_> = (0..4).map(|_| got(&pool, None, &[], 1)).collect();
    assert_eq!(turns, ["n0 balanced", "n1 balanced", "n2 balanced", "n0 balanced"]);
    assert_eq!(got(&pool, Some(1), &[], 1), "n1 session");
    assert_eq!(got(&pool, None, &[1], 1), "n2 retry:reset", "sessions use up no turn");
    assert!(got(&pool, Some(1), &[1], 1).ends_with(" retry:reset"));
    assert!(got(&pool, Some(9), &[], 1).ends_with(" rebound:gone"));
}

/// What happens to a node.
type Change = fn(&Member);

#[test]
fn why_a_session_moves_is_why_its_node_is_passive() {
    let states: [(Change, &str); 3] = [
        (|node| _ = node.state.set_operator(Operator::Maintenance, at(1)), "n1 rebound:maintenance"),
        (|node| _ = node.state.set_operator(Operator::Draining, at(1)), "n0 session"),
        (|node| _ = node.state.set_duty(Duty::Spare), "n0 session"),
    ];
    for (change, expected) in states {
        let pool = pool(2, |_| {});
        change(&pool.members[0]);
        assert_eq!(got(&pool, Some(0), &[], 1), expected);
        assert_eq!(got(&pool, None, &[], 1), "n1 balanced", "nobody new goes there");
    }
    let pool = pool(2, |_| {});
    pool.failed(0, REFUSED, at(1), at(1));
    assert_eq!(got(&pool, Some(0), &[], 2), "n1 rebound:ejected");
}

#[test]
fn a_pool_that_moves_no_sessions_says_so() {
    let pool = pool(2, |pool| pool.sticky = Some(sticky(OnLost::Refuse)));
    assert_eq!(got(&pool, Some(0), &[], 1), "n0 session");
    assert_eq!(got(&pool, Some(0), &[0], 1), "lost");
    pool.members[0].state.set_operator(Operator::Maintenance, at(1));
    assert_eq!(got(&pool, Some(0), &[], 1), "lost");
    assert_eq!(got(&pool, None, &[], 1), "n1 balanced");
}

#[test]
fn pools_and_nodes_are_found_by_their_names_and_routes() {
    let generation = follow(None, 2, |_| {});
    assert!(generation.pool("other").is_none());
    let pool = generation.pool("app").expect("its name");
    assert_eq!(pool.routed(b"0F3A.n1"), Some(pool.members[1].number));
    assert_eq!(pool.routed(b"0F3A.n7"), None);
    assert!(pool.has_active(at(1)));
}

#[test]
fn nobody_waits_for_a_full_node_that_takes_nobody_new() {
    let pool = pool(1, |pool| pool.members[0].max_requests = Some(1));
    let _held = ask(&pool, None, &[], 1);
    assert_eq!(got(&pool, None, &[], 1), "full");
    pool.members[0].state.set_operator(Operator::Maintenance, at(1));
    assert_eq!(got(&pool, None, &[], 1), "nobody");
}

#[test]
fn a_backup_serves_when_no_other_can() {
    let pool = pool(3, |pool| {
        pool.members[2].backup = true;
        pool.members.iter_mut().for_each(|member| member.max_requests = Some(1));
    });
    let held = [(); 2].map(|()| ask(&pool, None, &[], 1));
    assert_eq!(held.each_ref().map(|(told, _)| told.as_str()), ["n0 balanced", "n1 balanced"]);
    let backup = ask(&pool, None, &[], 1);
    assert_eq!(backup.0, "n2 backup", "the others are full");
    assert_eq!(got(&pool, None, &[], 1), "full");
    drop(held);
    assert!(got(&pool, None, &[], 1).ends_with(" balanced"));
    for member in [0, 1] {
        pool.members[member].state.set_operator(Operator::Maintenance, at(1));
    }
    drop(backup);
    assert_eq!(got(&pool, None, &[], 1), "n2 backup", "the others are out");
}

#[test]
fn a_session_waits_for_its_own_full_node() {
    let pool = pool(2, |pool| {
        pool.members[0].max_requests = Some(1);
        pool.queue = Some(Queue { size: 2, wait: Duration::from_secs(1) });
    });
    let held = ask(&pool, Some(0), &[], 1);
    assert_eq!(held.0, "n0 session");
    assert_eq!(got(&pool, Some(0), &[], 1), "full");
    assert_eq!(got(&pool, None, &[], 1), "n1 balanced", "who is bound to nobody does not wait");
    drop(held);
    assert_eq!(got(&pool, Some(0), &[], 1), "n0 session");
}

#[test]
fn a_place_given_back_goes_to_who_waits_for_it_longest() {
    let pool = pool(1, |pool| {
        pool.members[0].max_requests = Some(1);
        pool.queue = Some(Queue { size: 9, wait: Duration::from_secs(1) });
    });
    let (_, held) = ask(&pool, None, &[], 1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let join = |name: &'static str, wants| {
        let order = Arc::clone(&order);
        let waiter: Waiter = Box::new(move |held| order.lock().push((name, held)));
        pool.waiting.join(wants, waiter).map_err(drop).expect("there is room in the queue")
    };
    let names = || order.lock().iter().map(|(name, held)| (*name, held.is_some())).collect::<Vec<_>>();
    let number = pool.members[0].number;
    join("first", AcceptedNodes::ANY);
    let left = join("left", AcceptedNodes::ANY);
    join("second", AcceptedNodes::Only(number));
    assert!(pool.waiting.leave(left));
    assert_eq!((names(), pool.waiting.len()), (vec![], 2));
    drop(held);
    assert_eq!((names(), pool.members[0].load.in_flight()), (vec![("first", true)], 1));
    let first = order.lock().remove(0);
    drop(first);
    assert_eq!((names(), pool.waiting.len()), (vec![("second", true)], 0));
    let second = order.lock().remove(0);
    drop(second);
    assert_eq!(pool.members[0].load.in_flight(), 0, "every permit was given back once");
}

#[test]
fn who_waits_for_a_node_that_goes_passive_looks_again() {
    let pool = pool(2, |pool| {
        pool.members.iter_mut().for_each(|member| member.max_requests = Some(1));
        pool.queue = Some(Queue { size: 9, wait: Duration::from_secs(1) });
    });
    let _busy = [(); 2].map(|()| ask(&pool, None, &[], 1));
    let called = Arc::new(Mutex::new(None));
    let waiter: Waiter = {
        let called = Arc::clone(&called);
        Box::new(move |held| *called.lock() = Some(held.is_some()))
    };
    pool.waiting
        .join(AcceptedNodes::Only(pool.members[0].number), waiter)
        .map_err(drop)
        .expect("there is room in the queue");
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(*called.lock(), None, "its node is only busy");
    pool.members[0].state.set_operator(Operator::Maintenance, at(1));
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(*called.lock(), Some(false), "called without a permit");
}

#[test]
fn bounds_of_ejection() {
    let pool = pool(4, |_| {});
    for (member, fault, ejected) in [(0, Fault::Timeout, true), (1, Fault::Reset, true), (2, Fault::Timeout, false)] {
        pool.failed(member, fault, at(1), at(1));
        let state = pool.members[member].state.state();
        assert_eq!(state == State::Passive(Reason::Ejected), ejected, "half of four may be ejected: {member}");
    }
    let two = self::pool(2, |pool| pool.eject.max_ejected = 100);
    two.failed(0, Fault::Timeout, at(1), at(1));
    two.failed(1, Fault::Timeout, at(1), at(1));
    assert_eq!(two.members[1].state.state(), State::Active, "the last one stays");
    two.failed(1, REFUSED, at(1), at(1));
    assert_eq!(two.members[1].state.state(), State::Passive(Reason::Ejected), "but not where nobody listens");
    assert!(!two.has_active(at(2)));
    assert_eq!(got(&two, None, &[], 2), "n0 last-resort");
    assert_eq!(got(&two, None, &[0], 2), "n1 last-resort");
    assert_eq!(got(&two, None, &[0, 1], 2), "nobody");
}

#[test]
fn one_request_is_on_trial_when_an_ejection_is_over() {
    let pool = pool(2, |_| {});
    pool.failed(0, REFUSED, at(1), at(1));
    let on_trial = |told: &(String, Option<NodePermit>)| told.0 == "n0 balanced";
    let after = [(); 3].map(|()| ask(&pool, None, &[], 12));
    assert_eq!(after.iter().filter(|told| on_trial(told)).count(), 1);
    drop(after);
    let after = [(); 3].map(|()| ask(&pool, None, &[], 12));
    assert_eq!(after.iter().filter(|told| on_trial(told)).count(), 1, "the first was given back untried");
    pool.answered(0, at(12), Duration::default, at(12));
    let well: Vec<_> = (0..4).map(|_| got(&pool, None, &[], 13)).collect();
    assert_eq!(well.iter().filter(|told| *told == "n0 balanced").count(), 2, "{well:?}");
}

#[test]
fn when_no_node_is_active() {
    for (when_none, expected) in [(WhenNone::Fail, "nobody"), (WhenNone::All, "n0 last-resort")] {
        let pool = pool(2, |pool| {
            pool.when_none = when_none;
            pool.health = Some(config::Health {
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                rise: 1,
                fall: 1,
                patience: Duration::ZERO,
                mandatory: true,
                probes: Vec::new(),
            });
        });
        assert_eq!(got(&pool, None, &[], 1), expected, "nothing was probed yet");
        for member in &pool.members {
            member.state.set_operator(Operator::Maintenance, at(1));
        }
        assert_eq!(got(&pool, None, &[], 1), "nobody", "an operator's order holds");
    }
}

#[test]
fn as_many_nodes_are_active_as_needed() {
    let needs = ActiveNodes {
        start: 1,
        max: 2,
        in_flight_per_node: 2,
        above_for: Duration::from_secs(5),
        cool_down: Duration::from_secs(60),
    };
    let pool = pool(3, |pool| pool.active = Some(needs));
    let states = || pool.members.iter().map(|member| told_state(member)).collect::<Vec<_>>().join(" ");
    assert_eq!(states(), "active standby standby");
    let held: Vec<_> = (0..5).map(|_| ask(&pool, None, &[], 1)).collect();
    assert!(held.iter().all(|(told, _)| told == "n0 balanced"));
    pool.upkeep(at(1), Duration::ZERO);
    pool.upkeep(at(7), Duration::ZERO);
    assert_eq!(states(), "active active standby", "the load was above the mark for long enough");
    pool.upkeep(at(30), Duration::ZERO);
    assert_eq!(states(), "active active standby", "max is max");
    pool.failed(0, REFUSED, at(31), at(31));
    pool.upkeep(at(31), Duration::ZERO);
    assert_eq!(states().matches("active").count(), 2, "a failed one is replaced at once: {}", states());
}

fn told_state(member: &Member) -> &'static str {
    let state = member.state.state();
    state.reason().map_or(state.word(), Reason::word)
}

/// Under random events: only a node that may serve is chosen, no node exceeds its limit, and every permit is given back
/// once.
#[test]
fn whatever_happens_no_node_gets_what_it_may_not() {
    let mut chance = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = move |below: u64| xorshift(&mut chance) % below;
    let methods = [
        Balance::RoundRobin,
        Balance::LeastRequests,
        Balance::LeastTime,
        Balance::RandomTwo,
        Balance::Hash(HashOn::Client),
        Balance::Ring(HashOn::Client),
    ];
    let tried = Tried::default();
    for method in methods {
        let pool = pool(5, |pool| {
            pool.balance = method.clone();
            pool.members[4].backup = true;
            pool.members.iter_mut().for_each(|member| member.max_requests = Some(3));
            pool.queue = Some(Queue { size: 4, wait: Duration::from_secs(1) });
        });
        let mut held: Vec<NodePermit> = Vec::new();
        for step in 0..4000_u64 {
            let (now, member) = (at(step), draw(5) as usize);
            let node = &pool.members[member];
            match draw(12) {
                0 => _ = node.state.set_operator(Operator::Maintenance, at(1)),
                1 => _ = node.state.set_operator(Operator::Draining, at(1)),
                2 | 3 => _ = node.state.set_operator(Operator::None, at(1)),
                4 => _ = pool.failed(member, REFUSED, now, now),
                5 => _ = pool.answered(member, now, || Duration::from_millis(draw(50)), now),
                6 if !held.is_empty() => drop(held.swap_remove(draw(held.len() as u64) as usize)),
                _ => {
                    let bound = (draw(3) == 0).then_some(member);
                    let pick_input = PickInput { key: draw(1000), random: draw(u64::MAX) };
                    let bound = bound.map(|member| pool.members[member].number);
                    let prefers = (draw(3) == 0).then(|| pool.members[draw(5) as usize].number);
                    let criteria = Criteria { prefers, pick_input, ..criteria(&tried, bound, now) };
                    let may: Vec<bool> = pool.members.iter().map(|member| member.state.takes_sessions(now)).collect();
                    if let Choice::Node(chosen) = pool.choose(&criteria, Purpose::Take) {
                        let own = bound == Some(pool.members[chosen.member].number);
                        let resort = chosen.why == Why::LastResort;
                        assert!(may[chosen.member] || resort, "{method:?}, {step}: {:?}", chosen.why);
                        let state = told_state(&pool.members[chosen.member]);
                        assert!(state != "maintenance", "{method:?}, {step}: {:?}", chosen.why);
                        assert!(own || state != "draining", "{method:?}, {step}: {:?}", chosen.why);
                        held.extend(chosen.permit);
                    }
                }
            }
            for (index, member) in pool.members.iter().enumerate() {
                let holds = held.iter().filter(|held| held.number() == member.number).count();
                assert_eq!(member.load.in_flight() as usize, holds, "{method:?}, {step}: node {index}");
                assert!(holds <= 3, "{method:?}, {step}: node {index}");
            }
        }
    }
}
