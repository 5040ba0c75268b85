//! A table that was lost heals itself: an id that nobody knows is bound to the node that answers it with success.

use std::collections::BTreeSet;
use std::fs;

use crate::harness::eventually;
use crate::session_world::{LEARN, World};

fn world() -> World {
    World::of(3, |plan| plan.pool(LEARN))
}

/// Every node that answers when this is asked for again and again.
fn nodes_of(world: &World, target: &str, cookies: &str) -> BTreeSet<String> {
    (0..9).map(|_| world.ask(target, cookies).text()).collect()
}

#[test]
fn an_unknown_session_stays_where_it_was_first_answered() {
    let world = world();
    for number in 0..9 {
        let id = format!("UNKNOWN{number}");
        let node = world.of_session(&id);
        world.stays(&id, &node);
    }
    assert!((world.known() - 9.0).abs() < 0.1);
    let counted = |result: &str| world.weir.metric("weir_session_lookups_total", &[("result", result)]);
    eventually("each was unknown once", || (counted("unknown") - 9.0).abs() < 0.1);
}

#[test]
fn success_is_every_answer_below_400() {
    let world = world();
    for status in [204, 301, 302, 304, 399] {
        let id = format!("JSESSIONID=S{status}");
        let before = world.known();
        world.ask(&format!("/fault/{status}"), &id);
        assert!((world.known() - before - 1.0).abs() < 0.1, "{status}");
        assert_eq!(nodes_of(&world, "/", &id).len(), 1, "{status}");
    }
}

#[test]
fn an_answer_that_failed_binds_no_session() {
    let world = world();
    for status in [400, 401, 403, 404, 405, 499, 500, 501, 503, 599] {
        let target = format!("/fault/{status}");
        let nodes = nodes_of(&world, &target, "JSESSIONID=NOBODYS");
        assert_eq!(nodes.len(), 3, "{status} takes turns: {nodes:?}");
    }
    assert!(world.known() < 0.5);
    let node = world.of_session("NOBODYS");
    world.stays("NOBODYS", &node);
    // Once bound, no failure unbinds it.
    assert_eq!(nodes_of(&world, "/fault/500", "JSESSIONID=NOBODYS"), [node.clone()].into());
    world.stays("NOBODYS", &node);
}

#[test]
fn a_node_that_gives_another_id_has_not_taken_the_old_one() {
    let world = world();
    let node = world.ask("/login/FRESH", "JSESSIONID=STALE").text();
    assert!((world.known() - 1.0).abs() < 0.1, "only the new one is known");
    world.stays("FRESH", &node);
    // Each answer that names a new one leaves the old one as unknown as it was.
    let nodes: BTreeSet<String> =
        (0..9).map(|number| world.ask(&format!("/login/NEXT{number}"), "JSESSIONID=STALE").text()).collect();
    assert_eq!(nodes.len(), 3);
}

#[test]
fn an_error_that_opens_a_session_binds_the_new_one_alone() {
    let world = world();
    let node = world.ask("/fault/404/OPENED", "JSESSIONID=STALE").text();
    assert!((world.known() - 1.0).abs() < 0.1);
    world.stays("OPENED", &node);
}

#[test]
fn the_path_names_a_session_too() {
    let world = world();
    let node = world.weir.get("/shop;jsessionid=INPATH").text();
    for _ in 0..6 {
        assert_eq!(world.weir.get("/shop;jsessionid=INPATH").text(), node);
    }
    world.stays("INPATH", &node);
}

#[test]
fn after_a_restart_without_its_table_sessions_soon_find_their_node_again() {
    let mut world = world();
    let homes: Vec<(String, String)> =
        (0..9).map(|number| format!("USER{number}")).map(|id| (id.clone(), world.login(&id))).collect();
    world.weir.kill();
    for name in ["sessions", "secret"] {
        let _ = fs::remove_file(world.weir.path(name));
    }
    world.weir.start_again();
    assert!(world.known() < 0.5);
    let found: Vec<String> = homes.iter().map(|(id, _)| world.of_session(id)).collect();
    for ((id, _), node) in homes.iter().zip(&found) {
        world.stays(id, node);
    }
}

#[test]
fn ids_that_end_in_a_route_find_their_node_without_a_table() {
    let mut world = world();
    // What Tomcat makes of an id when its Engine has a jvmRoute.
    let homes: Vec<String> = (1..=3).map(|number| format!("ABC{number}.n{number}")).collect();
    for (id, node) in homes.iter().zip(["n1", "n2", "n3"]) {
        world.stays(id, node);
    }
    world.weir.kill();
    let _ = fs::remove_file(world.weir.path("sessions"));
    world.weir.start_again();
    for (id, node) in homes.iter().zip(["n1", "n2", "n3"]) {
        assert_eq!(world.ask("/fault/404", &format!("JSESSIONID={id}")).text(), node);
        world.stays(id, node);
    }
}

#[test]
fn invented_ids_fill_no_table() {
    let world = World::of(1, |plan| plan.pool("sticky = { mode = \"learn\", max-sessions = 40 }"));
    world.login("EARLY");
    for number in 0..100 {
        world.of_session(&format!("INVENTED{number}"));
    }
    let known = world.known();
    assert!((20.0..31.0).contains(&known), "{known}");
    let evicted = world.weir.metric("weir_sessions_evicted_total", &[("pool", "app")]);
    assert!(evicted < 0.5, "nobody had to go for them: {evicted}");
    // Who logs in has a place nonetheless.
    (0..9).for_each(|number| _ = world.login(&format!("LATE{number}")));
    assert!((world.known() - known - 9.0).abs() < 0.1);
}
