//! Sequences of events at a node, and threads that compete for one trial.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use super::*;

const THRESHOLDS: Thresholds = Thresholds { rise: 2, fall: 3, patience: Duration::from_secs(15) };
const TRIAL: Duration = Duration::from_secs(5);
const EJECT: Eject = Eject {
    failures: 2,
    within: Duration::from_secs(10),
    first: Duration::from_secs(10),
    most: Duration::from_secs(300),
    statuses: Vec::new(),
    max_ejected: 50,
};

fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1000)
}

fn may_go(node: &NodeState, now: Tick) -> bool {
    node.claim(now, TRIAL) != Claim::Refused
}

fn word(state: State) -> &'static str {
    state.reason().map_or(state.word(), Reason::word)
}

fn round(node: &NodeState, began: Tick, outcome: Probed) -> Option<Change> {
    node.on_round(Round { began, outcome }, THRESHOLDS)
}

fn fault(node: &NodeState, now: Tick, fault: Fault) -> Option<Change> {
    node.on_fault(now, now, fault, &EJECT, true)
}

/// One event a second. `p`, `f` and `o` are rounds that pass, fail and run out of time; `r`, `c`, `t`, `x`, `m` and `5`
/// are faults: refused, connect, timeout, reset, malformed and status, in capitals if the pool's limits forbid
/// ejection; `s` is a success; `d`, `M` and `a` are operators' orders (drain, maintain, activate); `l`, `b` and `w` are
/// duties (leaving, spare, serving); `+` and `-` add and remove probes. Returns the changes, each with its second.
fn story(probed: bool, events: &str) -> String {
    let node = NodeState::new(probes(probed));
    let mut told = vec![word(node.state()).to_owned()];
    for (second, event) in (1..).zip(events.chars()) {
        let (now, before) = (at(second), node.state());
        let change = happen(&node, now, event);
        assert_eq!(change.map_or(before, |change| change.from), before);
        assert_eq!(change.map_or(before, |change| change.to), node.state());
        if let Some(change) = change {
            assert_ne!(change.from, change.to);
            told.push(format!("{second} {}", word(change.to)));
        }
    }
    told.join(", ")
}

const fn probes(mandatory: bool) -> Probes {
    if mandatory { Probes::Mandatory } else { Probes::None }
}

fn happen(node: &NodeState, now: Tick, event: char) -> Option<Change> {
    match event {
        'p' => round(node, now, Probed::Passed),
        'f' => round(node, now, Probed::Failed),
        'o' => round(node, now, Probed::TimedOut),
        'r' => fault(node, now, Fault::Refused),
        'c' => fault(node, now, Fault::Connect),
        't' => fault(node, now, Fault::Timeout),
        'T' => node.on_fault(now, now, Fault::Timeout, &EJECT, false),
        'x' => fault(node, now, Fault::Reset),
        'm' => fault(node, now, Fault::Malformed),
        '5' => fault(node, now, Fault::Status),
        's' => node.on_success(now, now),
        'd' => node.set_operator(Operator::Draining, now),
        'M' => node.set_operator(Operator::Maintenance, now),
        'a' => node.set_operator(Operator::None, now),
        'l' => node.set_duty(Duty::Leaving),
        'b' => node.set_duty(Duty::Spare),
        'w' => node.set_duty(Duty::Serving),
        '+' => node.set_probes(Probes::Mandatory),
        '-' => node.set_probes(Probes::None),
        _ => None,
    }
}

#[test]
fn probes_take_a_node_through_its_states() {
    for (probed, events, expected) in [
        (false, "", "active"),
        (true, "", "checking"),
        (true, "p", "checking, 1 active"),
        (true, "ffp", "checking, 3 active"),
        (true, "fff", "checking, 3 unhealthy"),
        (true, "fffpp", "checking, 3 unhealthy, 5 active"),
        (true, "fffpfpp", "checking, 3 unhealthy, 7 active"),
        (true, "fffpopp", "checking, 3 unhealthy, 7 active"),
        (true, "pffp", "checking, 1 active"),
        (true, "pffpfff", "checking, 1 active, 7 unhealthy"),
        (true, "pooo", "checking, 1 active, 4 unhealthy"),
        (true, "pofo", "checking, 1 active, 4 unhealthy"),
        // Without probes nothing would make it active again.
        (true, "-", "checking, 1 active"),
        (true, "fff-", "checking, 3 unhealthy, 4 active"),
        (true, "fff-+", "checking, 3 unhealthy, 4 active"),
        (false, "+", "active"),
        (false, "+fff", "active, 4 unhealthy"),
        (true, "ptt-", "checking, 1 active, 3 ejected"),
    ] {
        assert_eq!(story(probed, events), expected, "{events:?}, probed: {probed}");
    }
}

#[test]
fn real_traffic_ejects_and_lets_back() {
    for (probed, events, expected) in [
        (false, "r", "active"),
        (false, "rr", "active, 2 ejected"),
        (false, "rsr", "active, 3 ejected"),
        (false, "r.........r", "active, 11 ejected"),
        (false, "r..........r", "active"),
        // Its time is over in the twelfth second, but no request has tried it.
        (false, "rr..........", "active, 2 ejected"),
        (false, "rr.........s", "active, 2 ejected, 12 active"),
        (false, "rr.........sr", "active, 2 ejected, 12 active"),
        (false, "rr.........srr", "active, 2 ejected, 12 active, 14 ejected"),
        // A last resort that succeeded.
        (false, "rrs", "active, 2 ejected, 3 active"),
        (false, "rrrrrr", "active, 2 ejected"),
        (false, "TTT", "active"),
        (false, "TTt", "active, 3 ejected"),
        // A pass ends it if only connections had failed.
        (true, "prrp", "checking, 1 active, 3 ejected, 4 active"),
        (true, "pccp", "checking, 1 active, 3 ejected, 4 active"),
        (true, "prcp", "checking, 1 active, 3 ejected, 4 active"),
        (true, "pttp", "checking, 1 active, 3 ejected"),
        (true, "pxxp", "checking, 1 active, 3 ejected"),
        (true, "pmmp", "checking, 1 active, 3 ejected"),
        (true, "p55p", "checking, 1 active, 3 ejected"),
        (true, "ptrp", "checking, 1 active, 3 ejected"),
        (true, "prtp", "checking, 1 active, 3 ejected"),
        (true, "pttpppppppppps", "checking, 1 active, 3 ejected, 14 active"),
        // A failed trial gives a new reason.
        (true, "ptt.........rp", "checking, 1 active, 3 ejected, 14 active"),
        (true, "prr.........tp", "checking, 1 active, 3 ejected"),
        // Probes count before traffic, and an unhealthy node that returns starts afresh.
        (true, "rrrr", "checking"),
        (true, "rrp", "checking, 3 active"),
        (true, "pttfff", "checking, 1 active, 3 ejected, 6 unhealthy"),
        (true, "pttfffpp", "checking, 1 active, 3 ejected, 6 unhealthy, 8 active"),
        (true, "ptfffttppt", "checking, 1 active, 5 unhealthy, 9 active"),
        (true, "pttfffspp", "checking, 1 active, 3 ejected, 6 unhealthy, 9 active"),
    ] {
        assert_eq!(story(probed, events), expected, "{events:?}, probed: {probed}");
    }
}

#[test]
fn of_several_reasons_the_first_is_told() {
    for (probed, events, expected) in [
        (false, "dMa", "active, 1 draining, 2 maintenance, 3 active"),
        (true, "dpaMffffa", "checking, 1 draining, 3 active, 4 maintenance, 9 unhealthy"),
        (true, "pdfffa", "checking, 1 active, 2 draining, 6 unhealthy"),
        (false, "ttda", "active, 2 ejected, 3 draining, 4 ejected"),
        (false, "dtta", "active, 1 draining, 4 ejected"),
        // Draining keeps failures and ejections; maintenance clears them.
        (false, "ttMa", "active, 2 ejected, 3 maintenance, 4 active"),
        (false, "ttMda", "active, 2 ejected, 3 maintenance, 4 draining, 5 active"),
        (false, "MMtttta", "active, 1 maintenance, 7 active"),
        (false, "tMatt", "active, 2 maintenance, 3 active, 5 ejected"),
        (false, "lbw", "active, 1 draining, 2 standby, 3 active"),
        (false, "lttw", "active, 1 draining, 3 ejected"),
        (false, "bdMaw", "active, 1 standby, 2 draining, 3 maintenance, 4 standby, 5 active"),
        (true, "bpfffw", "checking, 2 standby, 5 unhealthy"),
        (false, "bttws", "active, 1 standby, 3 ejected, 5 active"),
    ] {
        assert_eq!(story(probed, events), expected, "{events:?}, probed: {probed}");
    }
}

/// n: takes new, b: takes bound, s: is a spare, m: may be tried although probes fail.
fn open_to(node: &NodeState, now: Tick) -> String {
    let all = [node.takes_new(now), node.takes_sessions(now), node.is_spare(now), node.may_be_last_resort()];
    all.iter().zip("nbsm".chars()).map(|(yes, letter)| if *yes { letter } else { '-' }).collect()
}

#[test]
fn every_state_is_open_to_whom_it_should_be() {
    for (probed, events, expected, half_open) in [
        (false, "", "nb-m", "nb-m"),
        (true, "", "---m", "---m"),
        (true, "fff", "---m", "---m"),
        (false, "tt", "---m", "nb-m"),
        (false, "d", "-b--", "-b--"),
        (false, "dtt", "----", "-b--"),
        (true, "d", "----", "----"),
        (true, "fffd", "----", "----"),
        (false, "M", "----", "----"),
        (true, "M", "----", "----"),
        (false, "ttM", "----", "----"),
        (false, "l", "-bsm", "-bsm"),
        (false, "b", "-bsm", "-bsm"),
        (false, "btt", "---m", "-bsm"),
        (true, "fffb", "---m", "---m"),
        (false, "bd", "-b--", "-b--"),
        (false, "lM", "----", "----"),
        (false, "dbaw", "nb-m", "nb-m"),
    ] {
        let node = NodeState::new(probes(probed));
        for (second, event) in (1..).zip(events.chars()) {
            happen(&node, at(second), event);
        }
        assert_eq!(open_to(&node, at(5)), expected, "{events:?}");
        assert_eq!(open_to(&node, at(20)), half_open, "{events:?}, later");
        let only_ejected = node.state() == State::Passive(Reason::Ejected) && half_open.starts_with('n');
        assert_eq!(node.ejected_until(at(5)).is_some(), only_ejected, "{events:?}");
        assert_eq!(node.ejected_until(at(20)), None, "{events:?}");
    }
}

#[test]
fn a_node_that_was_never_probed_is_open_to_its_sessions_and_to_others_only_for_want_of_a_better_one() {
    for (events, expected) in [
        ("", "-b-m"),
        ("p", "nb-m"),
        // One failed probe does not make it unhealthy, but it is no longer unprobed.
        ("f", "---m"),
        ("o", "---m"),
        ("fff", "---m"),
        ("d", "-b--"),
        ("fd", "----"),
        ("M", "----"),
        ("b", "-b-m"),
        ("t", "-b-m"),
        // Traffic can eject it before the first probe.
        ("tt", "---m"),
        ("tts", "-b-m"),
        ("ttp", "nb-m"),
        ("+", "---m"),
        ("-", "nb-m"),
    ] {
        let node = NodeState::new(Probes::Lenient);
        (1..).zip(events.chars()).for_each(|(second, event)| _ = happen(&node, at(second), event));
        assert_eq!(open_to(&node, at(5)), expected, "{events:?}");
        let unprobed = node.state() == State::Passive(Reason::Checking) && expected == "-b-m";
        assert_eq!(node.takes_unprobed(at(5)), unprobed, "{events:?}");
        assert_eq!(node.ejected_until(at(5)).is_some(), events == "tt", "{events:?}");
        assert!(events != "tt" || node.takes_unprobed(at(20)), "its time is over");
    }
}

#[test]
fn half_open_means_one_request_and_its_outcome_decides() {
    let node = NodeState::new(Probes::None);
    assert!(may_go(&node, at(1)) && may_go(&node, at(1)));
    assert!(fault(&node, at(1), Fault::Timeout).is_none() && fault(&node, at(1), Fault::Timeout).is_some());
    assert_eq!((may_go(&node, at(10)), node.ejected_until(at(10))), (false, Some(at(11))));
    assert_eq!((open_to(&node, at(11)), node.ejected_until(at(11))), ("nb-m".to_owned(), None));
    assert!(may_go(&node, at(11)));
    assert_eq!((open_to(&node, at(12)), node.ejected_until(at(12))), ("---m".to_owned(), Some(at(16))));
    assert!(!may_go(&node, at(15)), "one is on trial");
    assert_eq!(round(&node, at(15), Probed::Failed), None);
    assert!(!may_go(&node, at(15)), "and stays it, whatever probes say");
    assert_eq!(node.on_fault(at(16), at(11), Fault::Timeout, &EJECT, false), None, "it is ejected already");
    assert_eq!((node.state(), node.ejected_until(at(16))), (State::Passive(Reason::Ejected), Some(at(36))));
    assert!(may_go(&node, at(36)) && may_go(&node, at(41)), "the first never reported");
    let to_active = Change { from: State::Passive(Reason::Ejected), to: State::Active };
    assert_eq!(node.on_success(at(36), at(43)), Some(to_active), "but did at last");
    assert!(may_go(&node, at(43)) && may_go(&node, at(43)));
    assert_eq!(node.on_fault(at(44), at(41), Fault::Timeout, &EJECT, true), None);
    assert_eq!(fault(&node, at(45), Fault::Timeout), None, "it began before the node was well");
    assert!(fault(&node, at(46), Fault::Timeout).is_some());
    assert_eq!(node.ejected_until(at(46)), Some(at(86)), "the third");
}

#[test]
fn what_began_before_an_ejection_neither_ends_nor_prolongs_it() {
    let node = NodeState::new(Probes::Mandatory);
    assert!(round(&node, at(1), Probed::Passed).is_some());
    assert!(fault(&node, at(5), Fault::Refused).or(fault(&node, at(5), Fault::Refused)).is_some());
    assert_eq!((node.on_success(at(5), at(6)), round(&node, at(5), Probed::Passed)), (None, None));
    for began in [4, 6, 14] {
        assert_eq!(node.on_fault(at(20), at(began), Fault::Refused, &EJECT, true), None);
        assert!(node.takes_new(at(15)), "still its first ejection");
    }
    assert!(round(&node, at(6), Probed::Passed).is_some());
}

#[test]
fn a_failure_of_before_the_node_came_back_does_not_count() {
    let node = NodeState::new(Probes::Mandatory);
    for second in 1..=3 {
        round(&node, at(second), Probed::Failed);
    }
    assert!(round(&node, at(4), Probed::Passed).or(round(&node, at(5), Probed::Passed)).is_some());
    for _ in 0..9 {
        assert_eq!(node.on_fault(at(6), at(4), Fault::Reset, &EJECT, true), None);
    }
    assert!(fault(&node, at(6), Fault::Reset).or(fault(&node, at(6), Fault::Reset)).is_some());
}

#[test]
fn what_began_before_the_end_of_maintenance_does_not_count() {
    for word in [Operator::None, Operator::Draining] {
        let node = NodeState::new(Probes::None);
        node.set_operator(Operator::Maintenance, at(2));
        node.set_operator(word, at(5));
        for began in [1, 2, 4] {
            assert_eq!(node.on_fault(at(6), at(began), Fault::Timeout, &EJECT, true), None);
        }
        assert!(!node.is_ejected(), "{word:?}: it is another node now");
        (0..2).for_each(|_| _ = fault(&node, at(6), Fault::Timeout));
        assert!(node.is_ejected(), "{word:?}: what begins now does");
    }
}

#[test]
fn a_pause_of_a_node_that_works_is_not_its_end() {
    for (outcome, answered, counts) in [
        (Probed::TimedOut, Some(86_000), false),
        (Probed::TimedOut, Some(85_001), false),
        (Probed::TimedOut, Some(85_000), true),
        (Probed::TimedOut, Some(200_000), false),
        (Probed::TimedOut, None, true),
        (Probed::Failed, Some(99_999), true),
        (Probed::Failed, None, true),
    ] {
        let node = NodeState::new(Probes::Mandatory);
        round(&node, at(1), Probed::Passed);
        if let Some(answered) = answered {
            node.on_success(Tick::from_millis(answered), Tick::from_millis(answered));
        }
        let change = node.on_round(Round { began: at(100), outcome }, Thresholds { fall: 1, ..THRESHOLDS });
        assert_eq!(change.is_some(), counts, "{outcome:?} {answered:?}");
    }
}

#[test]
fn a_machine_stopped_for_eight_seconds_under_traffic_stays_active_and_a_dead_one_does_not() {
    let last_answer = 100_000;
    let unhealthy_after = |stopped: u64| {
        let node = NodeState::new(Probes::Mandatory);
        round(&node, at(1), Probed::Passed);
        (0..=last_answer).step_by(10).for_each(|millis| {
            let now = Tick::from_millis(millis);
            node.on_success(now, now);
        });
        (1..=stopped).find(|second| {
            let timed_out = second % 5 == 0 && round(&node, at(100 + second), Probed::TimedOut).is_some();
            timed_out && node.state() == State::Passive(Reason::Unhealthy)
        })
    };
    assert_eq!((unhealthy_after(8), unhealthy_after(24), unhealthy_after(120)), (None, None, Some(25)));
    let without_patience = Thresholds { patience: Duration::ZERO, fall: 1, rise: 1 };
    let node = NodeState::new(Probes::None);
    node.on_success(at(1), at(1));
    let timed_out = Round { began: at(1), outcome: Probed::TimedOut };
    assert!(node.on_round(timed_out, without_patience).is_some());
}

#[test]
fn thresholds_of_nothing_mean_one() {
    let nothing = Thresholds { rise: 0, fall: 0, patience: Duration::ZERO };
    let node = NodeState::new(Probes::Mandatory);
    for (outcome, expected) in [
        (Probed::Passed, "active"),
        (Probed::Failed, "unhealthy"),
        (Probed::Passed, "active"),
        (Probed::TimedOut, "unhealthy"),
    ] {
        node.on_round(Round { began: at(1), outcome }, nothing);
        assert_eq!(word(node.state()), expected);
    }
}

#[test]
fn where_nothing_ejects_nothing_stays_ejected() {
    for never in [Eject { failures: 0, ..EJECT }, Eject { first: Duration::ZERO, ..EJECT }] {
        let node = NodeState::new(Probes::None);
        for _ in 0..9 {
            assert_eq!(node.on_fault(at(1), at(1), Fault::Refused, &never, true), None);
        }
        assert!(fault(&node, at(2), Fault::Refused).or(fault(&node, at(2), Fault::Refused)).is_some());
        assert!(node.on_fault(at(3), at(1), Fault::Refused, &never, true).is_some(), "a reload took ejections away");
        assert!(node.takes_new(at(3)));
    }
}

#[test]
fn an_endless_ejection_is_still_an_ejection() {
    let (node, endless) = (NodeState::new(Probes::None), Eject { failures: 1, first: Duration::MAX, ..EJECT });
    assert!(node.on_fault(at(1), at(1), Fault::Timeout, &endless, true).is_some());
    assert!(!node.takes_new(at(1 << 40)) && node.ejected_until(at(1)).is_some());
    assert!(node.on_success(at(2), at(2)).is_some());
}

#[test]
fn of_many_threads_one_is_on_trial() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 200;
    let (node, over) = (NodeState::new(Probes::Mandatory), AtomicBool::new(false));
    let trials: Vec<_> = (0..ROUNDS).map(|_| AtomicUsize::new(0)).collect();
    round(&node, at(0), Probed::Passed);
    node.on_fault(at(1), at(1), Fault::Timeout, &Eject { failures: 1, ..EJECT }, true);
    let barrier = Barrier::new(THREADS);
    let claims = || {
        for (second, trials) in (20..).zip(&trials) {
            // Every trial is over when the next round begins.
            barrier.wait();
            for _ in 0..3 {
                let is_mine =
                    node.takes_new(at(second)) && node.claim(at(second), Duration::from_secs(1)) != Claim::Refused;
                trials.fetch_add(usize::from(is_mine), Relaxed);
            }
            barrier.wait();
        }
    };
    // Reports that do not change the ejection must not allow a second trial.
    let reports = || {
        while !over.load(Relaxed) {
            round(&node, at(2), Probed::Passed);
            node.set_probes(Probes::Mandatory);
            node.on_fault(at(20), at(2), Fault::Timeout, &EJECT, true);
            node.on_success(at(1), at(2));
        }
    };
    thread::scope(|scope| {
        scope.spawn(reports);
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(claims)).collect();
        let ends: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Relaxed);
        assert!(ends.iter().all(Result::is_ok));
    });
    let trials: Vec<_> = trials.into_iter().map(AtomicUsize::into_inner).collect();
    assert_eq!(trials, [1; ROUNDS]);
}
