//! Which node gets a request before the first probe: at a start, after a reload that replaces nodes, and beside good
//! nodes.

use std::sync::Arc;
use std::time::Duration;

use super::{at, follow, sticky};
use crate::config::{ActiveNodes, Health};
use crate::traffic::pool::member::{AcceptedNodes, NodePermit, Waiter};
use crate::traffic::pool::state::{Duty, Fault, Operator, Probed, Round, Thresholds};
use crate::traffic::pool::*;
use crate::traffic::snapshot::Snapshot;

fn probed(settings: &mut config::Pool) {
    let second = Duration::from_secs(1);
    settings.health = Some(Health {
        interval: second,
        timeout: second,
        rise: 2,
        fall: 3,
        patience: Duration::ZERO,
        mandatory: false,
        probes: Vec::new(),
    });
}

fn start(nodes: usize, change: impl FnOnce(&mut config::Pool)) -> Snapshot {
    follow(None, nodes, |settings| {
        probed(settings);
        change(settings);
    })
}

fn round(pool: &Pool, member: usize, outcome: Probed) {
    let thresholds = Thresholds { rise: 2, fall: 3, patience: Duration::ZERO };
    pool.members[member].state.on_round(Round { began: at(1), outcome }, thresholds);
}

/// The node and the reason. Checks that a question and a request get the same.
fn got(pool: &Pool, bound: Option<usize>, tried: &[usize]) -> String {
    let (said, held) = go(pool, bound, tried);
    drop(held);
    said
}

fn go(pool: &Pool, bound: Option<usize>, tried: &[usize]) -> (String, Option<NodePermit>) {
    let mut before = Tried::default();
    tried.iter().for_each(|member| before.add(*member));
    let bound = bound.map(|member| pool.members[member].number);
    let criteria = Criteria {
        bound,
        prefers: None,
        returns: false,
        tried: &before,
        failure: None,
        pick_input: PickInput::default(),
        now: at(1),
    };
    let told = |choice| match choice {
        Choice::Node(chosen) => (format!("n{} {}", chosen.member, chosen.why.word()), chosen.permit),
        Choice::Full(_) => ("full".to_owned(), None),
        Choice::SessionLost => ("lost".to_owned(), None),
        Choice::Nobody => ("nobody".to_owned(), None),
    };
    let asked = told(pool.choose(&criteria, Purpose::Peek)).0;
    let (purpose, held) = told(pool.choose(&criteria, Purpose::Take));
    assert_eq!(asked, purpose);
    (purpose, held)
}

#[test]
fn before_the_first_probe_all_serve_in_turn_and_after_it_who_passed() {
    let snapshot = start(3, |_| {});
    let pool = &snapshot.pools[0];
    let turns: Vec<_> = (0..4).map(|_| got(pool, None, &[])).collect();
    assert_eq!(turns, ["n0 unprobed", "n1 unprobed", "n2 unprobed", "n0 unprobed"]);
    assert!(pool.serves(at(1)) && !pool.has_active(at(1)));
    assert_eq!(got(pool, None, &[0, 1]), "n2 unprobed");
    assert_eq!(got(pool, None, &[0, 1, 2]), "nobody");
    round(pool, 1, Probed::Passed);
    assert_eq!([got(pool, None, &[]), got(pool, None, &[])], ["n1 balanced", "n1 balanced"]);
    assert_eq!(got(pool, None, &[1]), "nobody", "beside a good node it waits for its probes");
}

#[test]
fn one_that_failed_its_first_probe_is_none_that_nobody_knows() {
    let snapshot = start(2, |_| {});
    let pool = &snapshot.pools[0];
    round(pool, 0, Probed::Failed);
    assert_eq!([got(pool, None, &[]), got(pool, None, &[])], ["n1 unprobed", "n1 unprobed"]);
    round(pool, 1, Probed::TimedOut);
    assert_eq!((got(pool, None, &[]).as_str(), pool.serves(at(1))), ("nobody", false));
    round(pool, 0, Probed::Passed);
    assert_eq!(got(pool, None, &[]), "n0 balanced");
}

#[test]
fn where_probes_are_mandatory_nothing_goes_anywhere_before_one_has_passed() {
    let snapshot = start(2, |settings| settings.health.as_mut().unwrap().mandatory = true);
    let pool = &snapshot.pools[0];
    assert_eq!((got(pool, None, &[]), got(pool, Some(0), &[])), ("nobody".into(), "nobody".into()));
    round(pool, 1, Probed::Passed);
    assert_eq!((got(pool, None, &[]), got(pool, Some(0), &[])), ("n1 balanced".into(), "n1 rebound:checking".into()));
}

#[test]
fn a_new_node_serves_when_the_good_ones_are_gone() {
    let before = start(2, |_| {});
    (0..2).for_each(|member| round(&before.pools[0], member, Probed::Passed));
    let after = follow(Some(&before), 3, probed);
    let pool = &after.pools[0];
    assert!((0..6).all(|_| got(pool, None, &[]) != "n2 unprobed"));
    // For whatever reason they are lost.
    pool.members[0].state.set_operator(Operator::Maintenance, at(1));
    (0..3).for_each(|_| round(pool, 1, Probed::Failed));
    assert_eq!(got(pool, None, &[]), "n2 unprobed");
    pool.members[0].state.set_operator(Operator::None, at(1));
    assert_eq!(got(pool, None, &[]), "n0 balanced");
}

#[test]
fn a_session_goes_to_its_own_node_though_that_was_never_probed() {
    let snapshot = start(2, |settings| settings.sticky = Some(sticky(OnLost::Rebind)));
    let pool = &snapshot.pools[0];
    assert_eq!([got(pool, Some(1), &[]), got(pool, Some(1), &[])], ["n1 session", "n1 session"]);
    round(pool, 0, Probed::Passed);
    assert_eq!(got(pool, Some(1), &[]), "n1 session", "to move it would be a loss for certain");
    pool.members[1].state.set_operator(Operator::Draining, at(1));
    assert_eq!(got(pool, Some(1), &[]), "n1 session");
    assert!(!pool.members[1].state.takes_unprobed(at(1)));
    round(pool, 1, Probed::Failed);
    assert_eq!(got(pool, Some(1), &[]), "n0 rebound:draining");
}

#[test]
fn an_id_that_names_a_node_finds_it_though_none_was_probed() {
    let snapshot = start(2, |_| {});
    let pool = &snapshot.pools[0];
    let wants = |member: usize| {
        let (tried, prefers) = (Tried::default(), Some(pool.members[member].number));
        let criteria = Criteria {
            bound: None,
            prefers,
            returns: false,
            tried: &tried,
            failure: None,
            pick_input: PickInput::default(),
            now: at(1),
        };
        match pool.choose(&criteria, Purpose::Take) {
            Choice::Node(chosen) => format!("n{} {}", chosen.member, chosen.why.word()),
            _ => "none".to_owned(),
        }
    };
    assert_eq!([wants(1), wants(1), wants(0)], ["n1 session", "n1 session", "n0 session"]);
    round(pool, 0, Probed::Passed);
    assert_eq!(wants(1), "n0 balanced", "it is no more than a criteria");
}

#[test]
fn spares_and_backups_come_after_those_that_would_serve() {
    let (above_for, cool_down) = (Duration::from_secs(30), Duration::from_secs(300));
    let snapshot = start(3, |settings| {
        settings.active = Some(ActiveNodes { start: 1, max: 2, in_flight_per_node: 100, above_for, cool_down });
        settings.members[2].backup = true;
    });
    let pool = &snapshot.pools[0];
    assert_eq!([got(pool, None, &[]), got(pool, None, &[])], ["n0 unprobed", "n0 unprobed"]);
    assert_eq!((got(pool, None, &[0]), got(pool, None, &[0, 1])), ("n1 unprobed".into(), "n2 unprobed".into()));
    assert_eq!(pool.members[1].state.duty(), Duty::Spare, "it only helped");
    round(pool, 2, Probed::Passed);
    assert_eq!(got(pool, None, &[]), "n0 unprobed", "a backup whose probe is quicker takes nobody's place");
    assert_eq!(got(pool, None, &[0]), "n2 backup", "it is known to be good");
    round(pool, 0, Probed::Failed);
    assert_eq!(got(pool, None, &[]), "n2 backup");
    round(pool, 1, Probed::Passed);
    assert_eq!(got(pool, None, &[]), "n1 standby-activated");
}

fn at_most(max: u32) -> impl Fn(&mut config::Pool) {
    move |settings| {
        let (above_for, cool_down) = (Duration::from_secs(30), Duration::from_secs(300));
        settings.active = Some(ActiveNodes { start: 1, max, in_flight_per_node: 100, above_for, cool_down });
        settings.members.iter_mut().for_each(|member| member.max_requests = Some(1));
        settings.queue = Some(config::Queue { size: 9, wait: Duration::from_secs(9) });
    }
}

fn serving(pool: &Pool) -> Vec<usize> {
    let serves = |member: &usize| pool.members[*member].state.duty() == Duty::Serving;
    (0..pool.members.len()).filter(serves).collect()
}

#[test]
fn who_serves_at_a_start_goes_on_though_the_probe_of_a_standby_is_quicker() {
    let snapshot = start(2, at_most(1));
    let pool = &snapshot.pools[0];
    let (said, _held) = go(pool, None, &[]);
    round(pool, 1, Probed::Passed);
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!((said.as_str(), serving(pool)), ("n0 unprobed", vec![0]));
    assert_eq!(got(pool, None, &[]), "full", "more than the most would serve");
    drop(_held);
    assert_eq!(got(pool, None, &[]), "n0 unprobed");
    round(pool, 0, Probed::Passed);
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!((serving(pool), got(pool, None, &[]).as_str()), (vec![0], "n0 balanced"));
}

#[test]
fn who_serves_at_a_start_and_fails_its_first_probe_is_replaced_at_once() {
    let snapshot = start(2, at_most(1));
    let pool = &snapshot.pools[0];
    round(pool, 1, Probed::Passed);
    round(pool, 0, Probed::Failed);
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!((serving(pool), got(pool, None, &[]).as_str()), (vec![1], "n1 balanced"));
    round(pool, 0, Probed::Passed);
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(serving(pool), [1], "it waits for its turn");
}

/// Adds `count` waiters for any node. Returns the node numbers for which they are called; `None` if they are to choose
/// again. They give their permits back.
fn wait(pool: &Pool, count: usize) -> Arc<Mutex<Vec<Option<u32>>>> {
    let given: Arc<Mutex<Vec<Option<u32>>>> = Arc::default();
    for _ in 0..count {
        let given = Arc::clone(&given);
        let waiter: Waiter = Box::new(move |held| {
            given.lock().push(held.as_ref().map(NodePermit::number));
            held.into_iter().for_each(NodePermit::discard);
        });
        assert!(pool.waiting.join(AcceptedNodes::ANY, waiter).is_ok());
    }
    given
}

#[test]
fn a_place_at_one_that_was_never_probed_goes_to_who_waits_though_a_standby_is_known_to_be_good() {
    let snapshot = start(2, at_most(1));
    let pool = &snapshot.pools[0];
    let held = go(pool, None, &[]).1;
    round(pool, 1, Probed::Passed);
    let given = wait(pool, 2);
    pool.upkeep(at(1), Duration::ZERO);
    assert!(given.lock().is_empty(), "nobody is called: it is full, not lost");
    drop(held);
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(*given.lock(), [Some(pool.members[0].number); 2]);
}

#[test]
fn standbys_that_were_never_probed_take_no_more_than_probed_ones() {
    for (max, expected) in [(1, ["n0 unprobed", "full"]), (2, ["n0 unprobed", "n1 unprobed"])] {
        let snapshot = start(3, at_most(max));
        let pool = &snapshot.pools[0];
        let (first, second) = (go(pool, None, &[]), go(pool, None, &[]));
        assert_eq!([first.0.as_str(), second.0.as_str()], expected);
        assert_eq!((got(pool, None, &[]).as_str(), serving(pool).len()), ("full", max as usize));
        assert_eq!(got(pool, None, &[0, 1]), "n2 unprobed", "they help out those that failed elsewhere");
    }
}

#[test]
fn an_id_that_names_a_standby_does_not_choose_it_before_it_is_probed() {
    let snapshot = start(2, at_most(1));
    let pool = &snapshot.pools[0];
    let (tried, prefers) = (Tried::default(), Some(pool.members[1].number));
    let criteria = Criteria {
        bound: None,
        prefers,
        returns: false,
        tried: &tried,
        failure: None,
        pick_input: PickInput::default(),
        now: at(1),
    };
    let Choice::Node(chosen) = pool.choose(&criteria, Purpose::Take) else { panic!("nobody") };
    assert_eq!((chosen.member, chosen.why), (0, Why::Unprobed));
}

#[test]
fn a_new_first_node_takes_no_place_of_a_good_one() {
    let one = |settings: &mut config::Pool| {
        probed(settings);
        at_most(1)(settings);
    };
    let before = follow(None, 3, |settings| {
        one(settings);
        settings.members.remove(0);
    });
    (0..2).for_each(|member| round(&before.pools[0], member, Probed::Passed));
    let after = follow(Some(&before), 3, one);
    assert_eq!(serving(&after.pools[0]), [1], "the one that served");
    let replaced = follow(Some(&before), 3, |settings| {
        one(settings);
        settings.members.remove(1);
    });
    let pool = &replaced.pools[0];
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!((serving(pool), got(pool, None, &[]).as_str()), (vec![1], "n1 balanced"), "the standby that is good");
}

#[test]
fn traffic_that_fails_makes_one_that_was_never_probed_wait() {
    let snapshot = start(2, |_| {});
    let pool = &snapshot.pools[0];
    pool.failed(0, Fault::Refused, at(1), at(1));
    assert_eq!([got(pool, None, &[]), got(pool, None, &[])], ["n1 unprobed", "n1 unprobed"]);
    pool.failed(1, Fault::Refused, at(1), at(1));
    assert_eq!(got(pool, None, &[]), "n0 last-resort", "all are hopeless now");
}

#[test]
fn who_waits_for_one_that_was_never_probed_gets_its_place_and_is_not_woken_for_nothing() {
    let snapshot = start(2, |settings| {
        settings.queue = Some(config::Queue { size: 9, wait: Duration::from_secs(9) });
        settings.members.iter_mut().for_each(|member| member.max_requests = Some(1));
    });
    let pool = &snapshot.pools[0];
    let mut held = [go(pool, None, &[]).1.unwrap(), go(pool, None, &[]).1.unwrap()].map(Some);
    assert_eq!(got(pool, None, &[]), "full");
    let given = wait(pool, 3);
    pool.upkeep(at(1), Duration::ZERO);
    assert!(given.lock().is_empty(), "nobody is called: it is full, not lost");
    held[0] = None;
    assert_eq!(*given.lock(), [Some(pool.members[0].number)]);
    round(pool, 1, Probed::Passed);
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(given.lock().len(), 1, "a good one is known, so the other one's free permit is not given away");
    held[1] = None;
    assert_eq!(given.lock()[1..], [Some(pool.members[1].number)]);
    (0..3).for_each(|_| round(pool, 1, Probed::Failed));
    pool.upkeep(at(1), Duration::ZERO);
    assert_eq!(given.lock()[2..], [Some(pool.members[0].number)], "the good one is lost");
}
