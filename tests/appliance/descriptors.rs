//! Descriptors used up: Weir waits without spinning, blames no node, and goes on as soon as there are some again.

use std::time::{Duration, Instant};

use crate::harness::{Appliance, Client, Origin, Plan, within};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";

/// Connections until Weir accepts no more, and some that wait; what comes back is those that were answered and the rest.
fn use_up(weir: &Appliance) -> (Vec<Client>, Vec<Client>) {
    weir.limit_descriptors(weir.open_descriptors() + 20);
    let (mut served, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let mut client = weir.client();
        // Once one waits, all that come after it wait.
        let accepted = waiting.is_empty() && {
            client.send("GET /a HTTP/1.1\r\nHost: other.test\r\n\r\n");
            !client.stays_silent(Duration::from_millis(300))
        };
        if accepted { served.push(client) } else { waiting.push(client) }
    }
    (served, waiting)
}

fn world() -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().start();
    (origin, weir)
}

#[test]
fn it_does_not_spin_and_serves_who_waited_when_others_go() {
    let (_origin, weir) = world();
    let (served, mut waiting) = use_up(&weir);
    assert!(served.len() > 10 && waiting.len() > 10, "{} served, {} waiting", served.len(), waiting.len());
    let (before, lines) = (weir.cpu_time(), weir.journal().lines().count());
    let begun = Instant::now();
    let mut last = waiting.pop().expect("some wait");
    assert!(last.stays_silent(Duration::from_millis(1500)), "nobody answers without a descriptor");
    let (used, took) = (weir.cpu_time() - before, begun.elapsed());
    assert!(used < took / 5, "{used:?} of CPU time in {took:?}");
    let told = weir.journal().lines().count() - lines;
    assert!(weir.journal().contains("cannot accept"), "the journal says what is wrong");
    assert!(told < 60, "{told} lines in the journal in {took:?}");

    drop((served, waiting));
    let freed = Instant::now();
    last.send(GET);
    assert_eq!(last.answer().expect("who waited is answered").status, 200);
    assert_eq!(weir.client().ask(GET).status, 200);
    assert_eq!(weir.secure_client().ask(GET).status, 200);
    assert!(freed.elapsed() < Duration::from_secs(2), "it took {:?} to recover", freed.elapsed());
    let back = within(Duration::from_secs(2), || weir.ask_admin("/livez").status == 200);
    assert!(back, "the admin address answers again");
}

#[test]
fn no_node_is_blamed_for_descriptors_that_are_missing_here() {
    let (origin, weir) = world();
    let (mut served, waiting) = use_up(&weir);
    let client = served.last_mut().expect("some are served");
    assert_eq!(client.answer().expect("the first answer came").status, 421);
    let answer = client.ask(GET);
    assert_eq!((answer.refusal().as_str(), origin.count()), ("503 exhausted", 0), "{answer:?}");
    drop((served, waiting));
    let back = within(Duration::from_secs(2), || weir.get("/a").status == 200);
    assert!(back, "the next request finds its node");
    assert_eq!(weir.state("app", "n1"), "active");
    assert_eq!(weir.metric("weir_node_state_changes_total", &[("node", "n1"), ("to", "ejected")]), 0.0);
}

#[test]
fn it_stops_in_time_without_a_descriptor_to_spare() {
    let (_origin, mut weir) = world();
    let (served, waiting) = use_up(&weir);
    drop(waiting);
    assert_eq!(weir.stop(), Some(0));
    drop(served);
}
