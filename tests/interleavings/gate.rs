//! The state of a node: its gate, and what is behind the lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use weir::config::Eject;
use weir::traffic::pool::state::{Claim, Fault, NodeState, Operator, Probes};
use weir::traffic::tick::Tick;

use super::{in_many_orders, thread, together};

const TRIAL: Duration = Duration::from_secs(5);

fn eject() -> Eject {
    let (within, first, most) = (Duration::from_secs(10), Duration::from_secs(10), Duration::from_secs(60));
    Eject { failures: 1, within, first, most, statuses: Vec::new(), max_ejected: 100 }
}

/// A node that is ejected until its eleventh second.
fn ejected() -> Arc<NodeState> {
    let state = Arc::new(NodeState::new(Probes::None));
    let at = Tick::from_millis(1_000);
    assert!(state.on_fault(at, at, Fault::Refused, &eject(), true).is_some());
    state
}

#[test]
fn one_request_is_on_trial_whatever_operators_do_meanwhile() {
    in_many_orders(|| {
        let (state, tried) = (ejected(), Arc::new(AtomicUsize::new(0)));
        let now = Tick::from_millis(12_000);
        let mut threads: Vec<_> = (0..3)
            .map(|_| {
                let (state, tried) = (Arc::clone(&state), Arc::clone(&tried));
                thread(move || {
                    if let Claim::OnTrial(_) = state.claim(now, TRIAL) {
                        tried.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let ordered = Arc::clone(&state);
        threads.push(thread(move || {
            ordered.set_operator(Operator::Draining, now);
            ordered.set_operator(Operator::None, now);
        }));
        together(threads);
        assert_eq!(tried.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_trial_that_is_given_back_while_its_node_gets_well_ejects_nobody() {
    in_many_orders(|| {
        let state = ejected();
        let (began, now) = (Tick::from_millis(12_000), Tick::from_millis(13_000));
        let Claim::OnTrial(trial) = state.claim(began, TRIAL) else { panic!("it is the first") };
        let (gives_back, succeeds, claims) = (Arc::clone(&state), Arc::clone(&state), Arc::clone(&state));
        together([
            thread(move || gives_back.give_back(trial, began)),
            thread(move || _ = succeeds.on_success(began, now)),
            thread(move || _ = claims.claim(now, TRIAL)),
        ]);
        assert!(!state.is_ejected());
        assert_eq!(state.claim(now, TRIAL), Claim::Free);
    });
}

#[test]
fn a_trial_that_is_given_back_while_an_operator_orders_leaves_room_for_the_next() {
    in_many_orders(|| {
        let state = ejected();
        let now = Tick::from_millis(12_000);
        let Claim::OnTrial(trial) = state.claim(now, TRIAL) else { panic!("it is the first") };
        let (gives_back, ordered) = (Arc::clone(&state), Arc::clone(&state));
        together([
            thread(move || gives_back.give_back(trial, now)),
            thread(move || {
                ordered.set_operator(Operator::Draining, now);
                ordered.set_operator(Operator::None, now);
            }),
        ]);
        assert!(matches!(state.claim(now, TRIAL), Claim::OnTrial(_)));
    });
}

#[test]
fn a_failed_trial_and_one_that_is_given_back_leave_one_ejection() {
    in_many_orders(|| {
        let state = ejected();
        let (began, now) = (Tick::from_millis(12_000), Tick::from_millis(13_000));
        let Claim::OnTrial(trial) = state.claim(began, TRIAL) else { panic!("it is the first") };
        let (gives_back, fails, claims) = (Arc::clone(&state), Arc::clone(&state), Arc::clone(&state));
        together([
            thread(move || gives_back.give_back(trial, began)),
            thread(move || _ = fails.on_fault(now, began, Fault::Refused, &eject(), true)),
            thread(move || _ = claims.claim(now, TRIAL)),
        ]);
        assert!(state.is_ejected(), "it failed again");
        assert_eq!(state.claim(Tick::from_millis(14_000), TRIAL), Claim::Refused, "and pauses");
        let later = Tick::from_millis(100_000);
        assert!(matches!(state.claim(later, TRIAL), Claim::OnTrial(_)), "and is tried again one day");
    });
}
