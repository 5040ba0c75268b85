//! A node that stops for a while and goes on, as a JVM does at a long garbage collection: under traffic it stays active
//! and no client sees more than a slow answer; without traffic nobody knows, and probes decide.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Appliance, Mood, Moody, Plan, eventually, within};

const PAUSE: Duration = Duration::from_secs(3);

fn world() -> (Moody, Moody, Arc<Appliance>) {
    let (one, two) = (Moody::new("one", Mood::Well), Moody::new("two", Mood::Well));
    let health = "interval = \"200ms\"\ntimeout = \"200ms\"\nrise = 1\nfall = 2\npatience = \"10s\"\n\
        probes = [{ kind = \"http\", path = \"/probe\" }]";
    let weir = Plan::before(&[&one, &two]).health(health).start();
    eventually("both are active", || ["n1", "n2"].iter().all(|node| weir.state("app", node) == "active"));
    (one, two, Arc::new(weir))
}

#[test]
fn a_pause_under_traffic_ejects_nobody_and_costs_only_time() {
    let (one, two, weir) = world();
    let (over, slow) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (weir, over, slow) = (weir.clone(), over.clone(), slow.clone());
            std::thread::spawn(move || {
                let mut client = weir.client();
                while !over.load(Ordering::SeqCst) {
                    let asked = Instant::now();
                    let answer = client.ask("POST /work HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 2\r\n\r\nok");
                    assert_eq!(answer.status, 200, "{answer:?}");
                    slow.fetch_add(usize::from(asked.elapsed() > PAUSE / 2), Ordering::SeqCst);
                }
            })
        })
        .collect();
    eventually("both serve", || one.count() > 20 && two.count() > 20);
    let failed = || weir.metric("weir_probes_total", &[("node", "n1"), ("result", "fail")]);
    let before = failed();
    one.turns(Mood::Paused);
    let unwell = within(PAUSE, || weir.state("app", "n1") != "active");
    assert!(!unwell, "{}", weir.state("app", "n1"));
    assert!(failed() >= before + 4.0, "probes did fail meanwhile");
    one.turns(Mood::Well);
    let after = one.count();
    eventually("it serves again", || one.count() > after + 20);
    assert_eq!(weir.state("app", "n1"), "active");
    over.store(true, Ordering::SeqCst);
    clients.into_iter().for_each(|client| client.join().expect("no client saw an error"));
    assert!(slow.load(Ordering::SeqCst) >= 1, "somebody did wait");
    assert!(weir.metric("weir_node_state_changes_total", &[("node", "n1")]) < 1.5, "active, once, at the start");
}

#[test]
fn a_pause_that_nobody_sees_the_end_of_makes_a_quiet_node_unhealthy() {
    let (one, _two, weir) = world();
    one.turns(Mood::Paused);
    let paused = Instant::now();
    eventually("probes decide", || weir.state("app", "n1") == "passive unhealthy");
    assert!(paused.elapsed() < PAUSE, "{:?}", paused.elapsed());
    one.turns(Mood::Well);
    eventually("it is active again", || weir.state("app", "n1") == "active");
}
