//! Pools as files describe them, and what becomes of requests there when nodes fail, fill up, come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::traffic::member::Waiter;
use crate::traffic::resolved::Resolved;
use crate::traffic::snapshot::{Ground, Secrets, Snapshot};
use crate::traffic::state::{Fault, Operator, Probed, Round, State, Thresholds};

/// Nodes `a`, `b` and `c`, in a pool of which the text says the rest.
fn snapshot(text: &str, previous: Option<&Snapshot>) -> Snapshot {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("weir-pool-{}-{number}.toml", std::process::id()));
    let nodes =
        ["a", "b", "c"].map(|name| format!("[[node]]\nname = \"{name}\"\naddress = \"10.0.0.{}\"\n", name.len()));
    let nodes = nodes.iter().enumerate().map(|(place, node)| node.replace(".1\"", &format!(".{}\"", place + 1)));
    let file = format!(
        "[[listener]]\nname = \"http\"\nbind = \"127.0.0.1:8080\"\n{}[[pool]]\nname = \"web\"\nport = 8280\n{text}\n\
         [[site]]\nname = \"main\"\nlistener = \"http\"\nhosts = [\"esb.test\"]\npool = \"web\"\n",
        nodes.collect::<String>()
    );
    std::fs::write(&path, file).unwrap();
    let config = config::load(&path);
    std::fs::remove_file(&path).unwrap();
    let config = Arc::new(config.map_err(|errors| errors.to_string()).unwrap());
    let secrets = Secrets::of([7; 32]);
    Snapshot::build(config, &Ground { generation: 1, previous, resolved: &Resolved::default(), secrets })
}

const TWO: &str = "nodes = [\"a\", \"b\"]";
const LEARN: &str = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }";
const ONE_EACH: &str = "max-requests = 1";

fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1000)
}

fn wish(tried: &Tried, bound: Option<u32>, now: Tick) -> Wish<'_> {
    Wish { bound, returns: false, tried, failure: None, ask: Ask::default(), now }
}

/// The index of the node, why, and the place there.
fn go(pool: &Pool, bound: Option<u32>, now: Tick) -> Result<(usize, Why, Held), Choice> {
    match pool.choose(&wish(&Tried::default(), bound, now), Meant::Yes) {
        Choice::Node(Chosen { member, why, held, .. }) => Ok((member, why, held.unwrap())),
        other => Err(other),
    }
}

fn wanted(choice: Result<(usize, Why, Held), Choice>) -> Wanted {
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
    let snapshot = snapshot(&format!("{TWO}\n{LEARN}\n{ONE_EACH}"), None);
    let pool = &snapshot.pools[0];
    let a = pool.members[0].number;
    let _first = go(pool, Some(a), at(1)).ok().unwrap();
    assert_eq!(wanted(go(pool, Some(a), at(1))), Wanted { node: Some(a), why: Why::Session });
    let _second = go(pool, None, at(1)).ok().unwrap();
    refuse(pool, 0, at(1));
    let any = Wanted { node: None, why: Why::Rebound(Lost::Passive(Reason::Ejected)) };
    assert_eq!(wanted(go(pool, Some(a), at(1))), any, "a is ejected, b is full");
}

#[test]
fn a_second_request_of_a_session_does_not_wait_for_the_trial_of_its_node() {
    let snapshot = snapshot(&format!("{TWO}\n{LEARN}"), None);
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
    let snapshot = snapshot(&format!("{TWO}\n{ONE_EACH}\nactive = {{ start = 1, max = 1 }}"), None);
    let pool = &snapshot.pools[0];
    let _first = go(pool, None, at(1)).ok().unwrap();
    assert_eq!(wanted(go(pool, None, at(1))), Wanted { node: None, why: Why::Balanced });
    assert_eq!(pool.members[1].state.state(), State::Passive(Reason::Standby));
    let mut tried = Tried::default();
    tried.add(0);
    assert!(pool.has_another(None, &tried, at(1)));
    let Choice::Node(helped) = pool.choose(&wish(&tried, None, at(1)), Meant::Yes) else { panic!("no help") };
    assert_eq!((helped.member, helped.why, helped.change), (1, Why::Balanced, None));
    refuse(pool, 0, at(1));
    drop(helped);
    let second = go(pool, None, at(1)).ok().unwrap();
    assert_eq!((second.0, second.1), (1, Why::StandbyActivated), "the place of the failed one is free");
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
    let alone = snapshot("nodes = [\"a\"]", None);
    assert_eq!(slow(&alone.pools[0], at(1)), State::Active);
    let two = snapshot(TWO, None);
    refuse(&two.pools[0], 1, at(1));
    assert_eq!(slow(&two.pools[0], at(1)), State::Active, "the other one is ejected");
    assert_eq!(slow(&two.pools[0], at(3600)), State::Active, "and has not shown yet that it is well");
    let followed = snapshot(&format!("{TWO}\nactive = {{ start = 1, max = 1 }}"), None);
    assert_eq!(slow(&followed.pools[0], at(1)), ejected);
    assert_eq!(slow(&snapshot(TWO, None).pools[0], at(1)), ejected);
}

#[test]
fn a_session_has_its_own_node_as_its_last_resort() {
    let ejected = snapshot(&format!("{TWO}\n{LEARN}"), None);
    let pool = &ejected.pools[0];
    let [a, b] = [0, 1].map(|member| pool.members[member].number);
    refuse(pool, 0, at(1));
    refuse(pool, 1, at(2));
    for (bound, member) in [(None, 0), (Some(a), 0), (Some(b), 1), (Some(99), 0)] {
        let (went, why, _) = go(pool, bound, at(2)).ok().unwrap();
        assert_eq!((went, why), (member, Why::LastResort), "{bound:?}");
    }
    let refuses = LEARN.replace(" }", ", on-lost = \"refuse\" }");
    let health = "when-none = \"all\"\nhealth = { probes = [{ kind = \"tcp\" }] }";
    let unwell = snapshot(&format!("{TWO}\n{refuses}\n{health}"), None);
    let pool = &unwell.pools[0];
    let [a, b] = [0, 1].map(|member| pool.members[member].number);
    (0..2).for_each(|member| fails_probes(pool, member));
    for (bound, member) in [(a, 0), (b, 1)] {
        let (went, why, _) = go(pool, Some(bound), at(2)).ok().unwrap();
        assert_eq!((went, why), (member, Why::LastResort), "{bound}");
    }
    pool.members[1].state.set_operator(Operator::Maintenance);
    assert!(matches!(go(pool, Some(b), at(2)), Err(Choice::SessionLost)), "an operator took it out");
}

#[test]
fn a_session_that_moves_nowhere_has_no_other_node_to_try() {
    for (on_lost, another) in [("rebind", true), ("refuse", false)] {
        let sticky = LEARN.replace(" }", &format!(", on-lost = \"{on_lost}\" }}"));
        let snapshot = snapshot(&format!("{TWO}\n{sticky}"), None);
        let pool = &snapshot.pools[0];
        let mut tried = Tried::default();
        tried.add(0);
        assert_eq!(pool.has_another(Some(pool.members[0].number), &tried, at(1)), another, "{on_lost}");
        assert!(pool.has_another(None, &tried, at(1)));
    }
}

#[test]
fn a_node_that_is_new_begins_cold_and_nobody_stays_cold_without_a_slow_start() {
    let cold = snapshot(&format!("{TWO}\nslow-start = \"1m\""), None);
    let warmth = |snapshot: &Snapshot| snapshot.pools[0].members.iter().map(|m| m.load.warmth()).collect::<Vec<_>>();
    assert_eq!(warmth(&cold), [100, 100]);
    cold.pools[0].tend(at(1), Duration::from_secs(30));
    assert_eq!(warmth(&cold), [550, 550]);
    let grown = snapshot("nodes = [\"a\", \"b\", \"c\"]\nslow-start = \"1m\"", Some(&cold));
    assert_eq!(warmth(&grown), [550, 550, 100]);
    assert_eq!(warmth(&snapshot(TWO, Some(&grown))), [1000, 1000]);
}

#[test]
fn a_standby_that_becomes_a_backup_serves_as_one() {
    let before = snapshot(&format!("{TWO}\nactive = {{ start = 1, max = 1 }}"), None);
    let nodes = "nodes = [\"a\", { node = \"b\", backup = true }, \"c\"]";
    let after = snapshot(&format!("{nodes}\nactive = {{ start = 1, max = 1 }}"), Some(&before));
    let pool = &after.pools[0];
    refuse(pool, 0, at(1));
    pool.members[2].state.set_operator(Operator::Maintenance);
    let (member, why, _) = go(pool, None, at(1)).ok().unwrap();
    assert_eq!((member, why), (1, Why::Backup));
}

#[test]
fn fewer_places_hold_for_requests_of_before_as_well() {
    let queue = "queue = { size = 9, wait = \"9s\" }";
    let before = snapshot(&format!("nodes = [\"a\"]\nmax-requests = 3\n{queue}"), None);
    let running: Vec<_> = (0..3).map(|_| go(&before.pools[0], None, at(1)).ok().unwrap()).collect();
    let after = snapshot(&format!("nodes = [\"a\"]\nmax-requests = 1\n{queue}"), Some(&before));
    let served = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let served = Arc::clone(&served);
        let waiter: Waiter = Box::new(move |held| {
            served.fetch_add(1, Ordering::Relaxed);
            // It runs for ever.
            std::mem::forget(held);
        });
        assert!(before.pools[0].waiting.join(None, waiter).is_ok());
    }
    let load = &after.pools[0].members[0].load;
    let seen: Vec<_> = running
        .into_iter()
        .map(|held| {
            drop(held);
            (served.load(Ordering::Relaxed), load.in_flight())
        })
        .collect();
    assert_eq!(seen, [(0, 2), (0, 1), (1, 1)]);
}

#[test]
fn no_place_is_lost_or_counted_twice_whatever_happens() {
    let sticky = LEARN;
    let text =
        format!("nodes = [\"a\", \"b\", \"c\"]\n{sticky}\nmax-requests = 3\nqueue = {{ size = 20, wait = \"9s\" }}");
    let snapshot = snapshot(&text, None);
    let pool = &snapshot.pools[0];
    let given: Arc<Mutex<Vec<Held>>> = Arc::default();
    let (mut running, mut asleep, mut chance, mut now) = (Vec::<Held>::new(), 0_usize, 0x9e37_79b9_7f4a_7c15_u64, 1000);
    for _ in 0..50_000 {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let (event, member) = (chance >> 60, (chance >> 20) as usize % 3);
        let tick = Tick::from_millis(now);
        now += chance >> 30 & 63;
        let bound = (chance >> 40 & 1 == 1).then(|| pool.members[member].number);
        match event {
            0..7 => match pool.choose(&wish(&Tried::default(), bound, tick), Meant::Yes) {
                Choice::Node(chosen) => running.extend(chosen.held),
                Choice::Full(wanted) => {
                    let given = Arc::clone(&given);
                    let waiter: Waiter = Box::new(move |held| given.lock().extend(held));
                    asleep += usize::from(pool.waiting.join(wanted.node, waiter).is_ok());
                    pool.members.iter().for_each(|member| member.post.serve(tick));
                }
                Choice::SessionLost | Choice::Nobody => {}
            },
            7..13 if !running.is_empty() => drop(running.swap_remove((chance >> 8) as usize % running.len())),
            13 => _ = pool.failed(member, Fault::Refused, tick, tick),
            14 => _ = pool.answered(member, tick, Duration::default, tick),
            _ => drop(pool.tend(tick, Duration::from_millis(60))),
        }
        // Places given to waiters run from now on; to drop one may serve the next.
        let mut served = std::mem::take(&mut *given.lock());
        running.append(&mut served);
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
        let served = std::mem::take(&mut *given.lock());
        drop(served);
        rounds += 1;
    }
    assert!(rounds > 0 || pool.waiting.is_empty());
    assert!(pool.members.iter().all(|member| member.load.in_flight() == 0));
}
