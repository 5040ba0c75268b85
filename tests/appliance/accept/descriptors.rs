//! Descriptors used up: clients wait first, then requests go without a node; the admin address answers, no node is blamed, and
//! all goes on as soon as there are some again.

use std::time::{Duration, Instant};

use crate::harness::{Appliance, Client, Gate, Origin, Plan, eventually, within};

const GET: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";
const UNKNOWN: &str = "GET /a HTTP/1.1\r\nHost: other.test\r\n\r\n";
const PROBED: &str = "interval = \"100ms\"\ntimeout = \"1s\"\nrise = 1\nfall = 1\nprobes = [{ kind = \"tcp\" }]";

/// So many more descriptors than are open now, once Weir knows.
fn leave(weir: &Appliance, more: u64) {
    let most = weir.open_descriptors() + more;
    weir.limit_descriptors(most);
    eventually("Weir knows the limit", || weir.journal().contains(&format!("at most {most} (RLIMIT_NOFILE)")));
}

/// Clients until Weir lets no more in, and some that wait; what comes back is those that were answered and the rest.
fn use_up(weir: &Appliance) -> (Vec<Client>, Vec<Client>) {
    leave(weir, 80);
    let (mut served, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..120 {
        let mut client = weir.client();
        // Once some wait, on every thread, all that come after them wait.
        let accepted = waiting.len() < 10 && {
            client.send(UNKNOWN);
            !client.stays_silent(Duration::from_millis(300))
        };
        if accepted { served.push(client) } else { waiting.push(client) }
    }
    (served, waiting)
}

/// /slow is answered when the gate opens.
fn world() -> (Origin, Gate, Appliance) {
    let gate = Gate::shut();
    let origin = Origin::waiting_at(&gate, "/slow");
    let weir = Plan::before(&[&origin]).secure().health(PROBED).start();
    eventually("the node is active", || weir.state("app", "n1") == "active");
    (origin, gate, weir)
}

fn is_unblamed(weir: &Appliance) {
    assert_eq!(weir.state("app", "n1"), "active", "{}", weir.journal());
    for to in ["ejected", "unhealthy"] {
        assert_eq!(weir.metric("weir_node_state_changes_total", &[("node", "n1"), ("to", to)]), 0.0, "{to}");
    }
}

#[test]
fn it_does_not_spin_and_serves_who_waited_when_others_go() {
    let (_origin, _gate, weir) = world();
    let (served, mut waiting) = use_up(&weir);
    assert!(served.len() > 10 && waiting.len() > 10, "{} served, {} waiting", served.len(), waiting.len());
    let (before, lines) = (weir.cpu_time(), weir.journal().lines().count());
    let begun = Instant::now();
    let mut last = waiting.pop().expect("some wait");
    assert!(last.stays_silent(Duration::from_millis(1500)), "nobody is let in without a descriptor");
    let (used, took) = (weir.cpu_time() - before, begun.elapsed());
    assert!(used < took / 5, "{used:?} of CPU time in {took:?}");
    let told = weir.journal().lines().count() - lines;
    weir.tells("clients wait");
    assert!(told < 10, "{told} lines in the journal in {took:?}");

    drop((served, waiting));
    let freed = Instant::now();
    last.send(GET);
    assert_eq!(last.answer().expect("who waited is answered").status, 200);
    assert_eq!(weir.client().ask(GET).status, 200);
    assert_eq!(weir.secure_client().ask(GET).status, 200);
    assert!(freed.elapsed() < Duration::from_secs(2), "it took {:?} to recover", freed.elapsed());
}

#[test]
fn while_clients_wait_who_was_let_in_is_served_and_the_admin_address_answers() {
    let (_origin, _gate, weir) = world();
    let (mut served, waiting) = use_up(&weir);
    assert!(!waiting.is_empty(), "all {} were let in", served.len());
    for client in served.iter_mut().take(8) {
        assert_eq!(client.answer().expect("the first answer came").status, 421);
        assert_eq!(client.ask(GET).status, 200, "a connection to the node was kept for it");
    }
    assert_eq!(weir.ask_admin("/livez").status, 200);
    is_unblamed(&weir);
}

#[test]
fn requests_beyond_the_descriptors_are_refused_and_the_admin_address_answers_still() {
    let (origin, gate, weir) = world();
    let (mut served, waiting) = use_up(&weir);
    let mut refused = Vec::new();
    for client in &mut served {
        assert_eq!(client.answer().expect("the first answer came").status, 421);
        client.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        if !client.stays_silent(Duration::from_millis(100)) {
            refused.push(client.answer().expect("an answer").refusal());
        }
    }
    assert!(refused.len() > 5 && origin.count() > 5, "{refused:?}, {} at the node", origin.count());
    assert!(refused.iter().all(|word| word == "503 exhausted"), "{refused:?}");
    assert_eq!(weir.ask_admin("/livez").status, 200);
    is_unblamed(&weir);
    gate.open();
    drop((served, waiting));
    assert!(within(Duration::from_secs(2), || weir.get("/a").status == 200), "the next request finds its node");
}

#[test]
fn a_probe_that_found_no_descriptor_here_says_nothing_of_its_node() {
    let (_origin, _gate, weir) = world();
    let most = weir.open_descriptors();
    weir.limit_descriptors(most.saturating_sub(8));
    eventually("probes are not made", || weir.journal().contains("a probe was not made"));
    weir.limit_descriptors(most + 100);
    eventually("the admin address answers again", || {
        Client::plain(weir.admin()).is_ok_and(|mut client| {
            client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
            client.answer().is_ok_and(|answer| answer.status == 200)
        })
    });
    is_unblamed(&weir);
}

#[test]
fn it_stops_in_time_without_a_descriptor_to_spare() {
    let (_origin, _gate, mut weir) = world();
    let (served, waiting) = use_up(&weir);
    drop(waiting);
    assert_eq!(weir.stop(), Some(0));
    drop(served);
}
