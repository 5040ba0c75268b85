//! Who gets the next request.

use std::collections::BTreeMap;

use crate::harness::{Appliance, Origin, Plan, eventually};

fn shares(weir: &Appliance, requests: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..requests {
        *shares.entry(weir.get("/").text()).or_default() += 1;
    }
    shares
}

#[test]
fn two_nodes_take_turns() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Appliance::in_front_of(&[&one, &two]);
    let order: Vec<String> = (0..10).map(|_| weir.get("/").text()).collect();
    assert!(order.windows(2).all(|pair| pair[0] != pair[1]), "{order:?}");
}

#[test]
fn weights_are_kept_to_the_request_and_smooth() {
    let origins = [Origin::named("a"), Origin::named("b"), Origin::named("c")];
    let weir = Plan::before(&[&origins[0], &origins[1], &origins[2]]).weights(&[5, 1, 1]).start();
    let order: Vec<String> = (0..14).map(|_| weir.get("/").text()).collect();
    let of = |name: &str| order.iter().filter(|text| text.starts_with(name)).count();
    assert_eq!((of("a"), of("b"), of("c")), (10, 2, 2), "{order:?}");
    assert!(!order.windows(5).any(|five| five.iter().all(|text| text.starts_with('a'))), "{order:?}");
}

#[test]
fn turns_are_taken_on_one_connection_of_a_client_too() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Appliance::in_front_of(&[&one, &two]);
    let mut client = weir.client();
    for _ in 0..10 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
    }
    assert_eq!((one.count(), two.count()), (5, 5));
}

#[test]
fn connections_to_nodes_are_used_again() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Appliance::in_front_of(&[&one, &two]);
    assert_eq!(shares(&weir, 20).values().sum::<usize>(), 20);
    assert_eq!((one.connections(), two.connections()), (1, 1));
}

#[test]
fn a_pool_without_reuse_closes_after_each_request_and_says_so() {
    let origin = Origin::named("one");
    let weir = Plan::before(&[&origin]).pool("reuse = false").start();
    assert_eq!(shares(&weir, 3).values().sum::<usize>(), 3);
    assert_eq!(origin.connections(), 3);
    assert!(origin.seen().iter().all(|seen| seen.values("connection") == ["close"]));
    eventually("nothing stays open", || origin.open_connections() == 0);
}

#[test]
fn idle_connections_are_closed_before_the_node_would() {
    let origin = Origin::named("one");
    let weir = Plan::before(&[&origin]).pool("idle-timeout = \"300ms\"").start();
    assert_eq!(weir.get("/").status, 200);
    eventually("the idle connection is closed", || origin.open_connections() == 0);
    assert_eq!(weir.get("/").status, 200);
    assert_eq!(origin.connections(), 2);
}
