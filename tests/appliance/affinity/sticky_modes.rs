//! The other ways to keep sessions: Weir's own cookie, the route in the node's, the client's address; and what becomes
//! of sessions whose node is lost and comes back.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use crate::harness::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, Outcome, fields, frame};
use crate::harness::{Answer, Appliance, Origin, Plan, eventually, ok_with};
use crate::session_world::World;

const OWN: &str = "sticky = { mode = \"cookie\" }";
const QUICK: &str = "eject = { for = \"1s\" }";

/// Weir's cookies in an answer, whole.
fn set(answer: &Answer) -> Vec<String> {
    answer.values("set-cookie").into_iter().filter(|value| value.starts_with("WEIRNODE=")).collect()
}

/// A client's cookie for a node of its own choice: what Weir gave to somebody who was there.
fn own_cookie_of(world: &World, node: &str) -> String {
    let mut cookie = String::new();
    eventually("every node has its turn", || {
        let answer = world.weir.get("/");
        cookie = set(&answer).first().and_then(|value| value.split(';').next()).unwrap_or_default().to_owned();
        answer.text() == node
    });
    assert!(cookie.starts_with("WEIRNODE="), "{cookie}");
    cookie
}

/// Asks the running Weir where a client would go now. This uses no session.
fn would_go(weir: &Appliance, cookie: &str) -> (String, String) {
    let said = weir.command(&["why", "--json", "--host", "esb.test", "--cookie", cookie]);
    let value: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    (word("node"), word("why"))
}

#[test]
fn the_own_cookie_is_set_once_and_leads_back() {
    let world = World::of(3, |plan| plan.pool(OWN));
    for _ in 0..6 {
        let first = world.weir.get("/");
        let set = set(&first);
        assert_eq!(set.len(), 1, "{}", first.head);
        let (cookie, attributes) = set[0].split_once("; ").expect("it has attributes");
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
        let token = cookie.trim_start_matches("WEIRNODE=");
        assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{cookie}");
        for _ in 0..4 {
            let answer = world.with_cookie(&format!("a=b; {cookie}; c=d"));
            assert_eq!((answer.text(), answer.values("set-cookie")), (first.text(), Vec::new()));
        }
    }
}

//= rfc6265#4.1.1 own-cookie
#[test]
fn its_attributes_are_what_the_pool_says_and_secure_where_tls_is() {
    let rows = [
        ("", "WEIRNODE", "Path=/; HttpOnly; SameSite=Lax", "Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            ", cookie = \"NODE\", path = \"/services\", http-only = false, same-site = \"strict\", secure = true",
            "NODE",
            "Path=/services; Secure; SameSite=Strict",
            "Path=/services; Secure; SameSite=Strict",
        ),
        (", secure = false", "WEIRNODE", "Path=/; HttpOnly; SameSite=Lax", "Path=/; HttpOnly; SameSite=Lax"),
        (", same-site = \"none\"", "WEIRNODE", "Path=/; HttpOnly", "Path=/; Secure; HttpOnly; SameSite=None"),
    ];
    for (keys, name, plain, secure) in rows {
        let world = World::of(2, |plan| plan.secure().pool(&format!("sticky = {{ mode = \"cookie\"{keys} }}")));
        let told = |answer: Answer| {
            let value = answer.field("set-cookie").expect("Weir sets its cookie");
            let (cookie, attributes) = value.split_once("; ").expect("it has attributes");
            assert!(cookie.starts_with(&format!("{name}=")), "{value}");
            attributes.to_owned()
        };
        assert_eq!(told(world.weir.get("/")), plain, "{keys}");
        assert_eq!(told(world.weir.secure_client().ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n")), secure, "{keys}");
    }
}

#[test]
fn what_the_node_sets_stays_beside_it_on_every_answer() {
    let origin = Origin::answering(|seen| match seen.target().as_str() {
        "/204" => b"HTTP/1.1 204 None\r\nSet-Cookie: mine=1\r\n\r\n".to_vec(),
        "/500" => b"HTTP/1.1 500 Fault\r\nSet-Cookie: mine=1\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => ok_with("Set-Cookie: mine=1\r\nSet-Cookie: WEIRNODE=of-the-node\r\n", ""),
    });
    let weir = Plan::before(&[&origin]).pool(OWN).start();
    for target in ["/204", "/500"] {
        let answer = weir.get(target);
        assert_eq!((answer.values("set-cookie").len(), set(&answer).len()), (2, 1), "{}", answer.head);
    }
    assert_eq!(weir.get("/").values("set-cookie").len(), 3, "a node's own words are not touched");
    let head = weir.client().ask("HEAD / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    assert_eq!(head.values("set-cookie").len(), 3);
    assert!(weir.client().ask("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n").values("set-cookie").is_empty());
}

#[test]
fn h2_clients_get_it_and_are_led_by_it() {
    let world = World::of(3, |plan| plan.secure().pool(OWN));
    let cookie = own_cookie_of(&world, "n2");
    let before: Vec<usize> = world.nodes.iter().map(Origin::count).collect();
    let list = fields(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/"),
        (b":authority", b"esb.test"),
        (b"cookie", b"a=1"),
        (b"cookie", cookie.as_bytes()),
    ]);
    for _ in 0..4 {
        let mut connection = Frames::connect(world.weir.https());
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &list));
        assert_eq!(connection.outcome(1).expect("an answer comes"), Outcome::Status(200));
    }
    let more: Vec<usize> = world.nodes.iter().zip(before).map(|(node, before)| node.count() - before).collect();
    assert_eq!(more, [0, 4, 0]);
}

#[test]
fn a_forged_cookie_leads_nowhere_and_is_replaced() {
    let world = World::of(3, |plan| plan.pool(OWN));
    let cookie = own_cookie_of(&world, "n2");
    let token = cookie.trim_start_matches("WEIRNODE=");
    let other = World::of(3, |plan| plan.pool(OWN));
    let foreign = own_cookie_of(&other, "n2");
    let mut flipped = token.to_owned().into_bytes();
    flipped[31] = if flipped[31] == b'0' { b'1' } else { b'0' };
    let forged = [
        "n2".to_owned(),
        String::new(),
        "0".repeat(32),
        token[..31].to_owned(),
        format!("{token}0"),
        token.to_ascii_uppercase() + "A",
        String::from_utf8(flipped).expect("digits"),
        foreign.trim_start_matches("WEIRNODE=").to_owned(),
        "x".repeat(20_000),
    ];
    for value in forged {
        let answers: Vec<Answer> = (0..6).map(|_| world.with_cookie(&format!("WEIRNODE={value}"))).collect();
        let nodes: BTreeSet<String> = answers.iter().map(Answer::text).collect();
        assert_eq!(nodes.len(), 3, "{value} leads nowhere");
        assert!(answers.iter().all(|answer| set(answer).len() == 1), "{value} is replaced");
    }
    for beside in [format!("WEIRNODE=forged; {cookie}"), format!("{cookie}; WEIRNODE=forged")] {
        (0..6).for_each(|_| assert_eq!(world.with_cookie(&beside).text(), "n2", "{beside}"));
    }
}

#[test]
fn a_moved_session_gets_a_new_cookie_and_stays() {
    let world = World::of(3, |plan| plan.pool(&format!("{OWN}\n{QUICK}")));
    let cookie = own_cookie_of(&world, "n2");
    world.lose("n2");
    let moved = world.with_cookie(&cookie);
    let new = set(&moved);
    assert_eq!((moved.status, new.len()), (200, 1), "{}", moved.head);
    let new = new[0].split(';').next().expect("split gives one at least");
    assert_ne!(new, cookie);
    world.regain("n2");
    for _ in 0..6 {
        let answer = world.with_cookie(new);
        assert_eq!((answer.text(), set(&answer)), (moved.text(), Vec::new()));
    }
}

#[test]
fn a_moved_session_that_will_return_keeps_its_first_cookie() {
    let keys = format!("sticky = {{ mode = \"cookie\", failback = \"return\" }}\n{QUICK}");
    let world = World::of(3, |plan| plan.pool(&keys));
    let cookie = own_cookie_of(&world, "n2");
    world.lose("n2");
    for _ in 0..4 {
        let away = world.with_cookie(&cookie);
        assert_eq!((away.status, set(&away)), (200, Vec::new()));
        assert_ne!(away.text(), "n2");
    }
    world.regain("n2");
    (0..4).for_each(|_| assert_eq!(world.with_cookie(&cookie).text(), "n2"));
}

#[test]
fn a_route_leads_to_its_node() {
    let plan = |plan: Plan| plan.pool("sticky = { mode = \"route\" }");
    let mut world = World::of(3, plan);
    let stays = |world: &World, id: &str, node: &str| {
        for _ in 0..6 {
            assert_eq!(world.of_session(id), node, "{id}");
            assert_eq!(world.weir.get(&format!("/x;jsessionid={id}?a=b")).text(), node, "{id}");
        }
    };
    stays(&world, "0A1B.n2", "n2");
    stays(&world, "\"0A1B.n3\"", "n3");
    stays(&world, "0A.1B.n1", "n1");
    (0..6).for_each(|_| assert_eq!(world.with_cookie("JSESSIONID=old.gone; JSESSIONID=A.n2").text(), "n2"));
    for id in ["0A1B", "0A1B.", "0A1B.n9", "0A1B.N2", "n2", "0A1B.n2.x"] {
        let nodes: BTreeSet<String> = (0..6).map(|_| world.of_session(id)).collect();
        assert_eq!(nodes.len(), 3, "{id} leads nowhere");
    }
    world.weir.edit(|text| text.replacen("name = \"n2\"", "name = \"n2\"\nroute = \"worker-two\"", 1));
    world.weir.reload();
    stays(&world, "0A1B.worker-two", "n2");
    let nodes: BTreeSet<String> = (0..6).map(|_| world.of_session("0A1B.n2")).collect();
    assert_eq!(nodes.len(), 3, "the route is not the name any more");
}

#[test]
fn a_route_with_dots_leads_to_its_node() {
    for mode in ["route", "learn"] {
        let mut world = World::of(3, |plan| plan.pool(&format!("sticky = {{ mode = \"{mode}\" }}")));
        world.weir.edit(|text| {
            text.replacen("name = \"n2\"", "name = \"n2\"\nroute = \"esb2.example.com\"", 1).replacen(
                "name = \"n3\"",
                "name = \"n3\"\nroute = \"com\"",
                1,
            )
        });
        world.weir.reload();
        for (id, node) in [("0A1B.esb2.example.com", "n2"), ("0A.1B.esb2.example.com", "n2"), ("0A1B.other.com", "n3")]
        {
            world.stays(id, node);
        }
    }
}

#[test]
fn a_route_may_stand_in_another_cookie() {
    let world = World::of(3, |plan| plan.pool("sticky = { mode = \"route\", cookie = \"SHOP\" }"));
    (0..6).for_each(|_| assert_eq!(world.with_cookie("JSESSIONID=A.n1; shop=A.n3").text(), "n3"));
}

#[test]
fn the_clients_address_leads_to_one_node_and_others_may_have_others() {
    let world =
        World::of(3, |plan| plan.pool("sticky = { mode = \"source\" }").listener("trusted-proxies = [\"127.0.0.1\"]"));
    let from = |client: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-For: {client}\r\n\r\n");
        world.weir.client().ask(request).text()
    };
    let homes: Vec<(String, String)> =
        (1..=9).map(|number| format!("10.0.0.{number}")).map(|client| (client.clone(), from(&client))).collect();
    assert_eq!(homes.iter().map(|home| &home.1).collect::<BTreeSet<_>>().len(), 3, "clients are spread");
    for (client, node) in &homes {
        for form in [client.clone(), format!("9.9.9.9, {client}"), format!("::ffff:{client}")] {
            (0..3).for_each(|_| assert_eq!(from(&form), *node, "{form}"));
        }
    }
    assert!((world.known() - 9.0).abs() < 0.1);
    // An IPv6 client changes its address within its network at will.
    let node = from("2001:db8:1:2::1");
    (2..8).for_each(|number| assert_eq!(from(&format!("2001:db8:1:2::{number}")), node));
}

#[test]
fn a_peer_that_is_no_trusted_proxy_cannot_name_another_client() {
    let world = World::of(3, |plan| plan.pool("sticky = { mode = \"source\" }"));
    let node = world.weir.get("/").text();
    for number in 0..9 {
        let request = format!("GET / HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-For: 10.0.0.{number}\r\n\r\n");
        assert_eq!(world.weir.client().ask(request).text(), node);
    }
    assert!((world.known() - 1.0).abs() < 0.1);
}

#[test]
fn a_client_whose_node_is_lost_moves_once() {
    let mut world = World::of(3, |plan| plan.pool(&format!("sticky = {{ mode = \"source\" }}\n{QUICK}")));
    let home = world.weir.get("/").text();
    world.lose(&home);
    let next = world.weir.get("/").text();
    assert_ne!(next, home);
    world.node(&home).resume();
    world.weir.stop();
    world.weir.start_again();
    (0..6).for_each(|_| assert_eq!(world.weir.get("/").text(), next, "and after a restart"));
}

/// Two nodes, of which the first resets the connections of requests for /reset.
fn one_that_resets(pool: &str) -> (Vec<Origin>, Appliance) {
    let node = |name: &'static str, resets: bool| {
        Origin::speaking(move |talk| {
            talk.body_length();
            if resets && talk.target() == "/reset" {
                return talk.reset();
            }
            let seen = talk.seen();
            talk.send(&crate::session_world::answer(name, &seen));
        })
    };
    let nodes = vec![node("n1", true), node("n2", false)];
    // A kept connection that breaks would be replaced by one to the same node.
    let weir = Plan::before(&nodes.iter().collect::<Vec<_>>()).pool(&format!("reuse = false\n{pool}")).start();
    (nodes, weir)
}

#[test]
fn one_reset_of_an_active_node_moves_nobody_for_good() {
    for mode in ["source", "learn", "cookie", "route"] {
        let (_nodes, weir) = one_that_resets(&format!("sticky = {{ mode = \"{mode}\" }}"));
        let ask = |target: &str, cookie: &str| {
            weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nCookie: x=y; {cookie}\r\n\r\n"))
        };
        let log_in = || {
            let mut answers = (0..10).map(|number| ask(&format!("/login/S{number}"), ""));
            let there = answers.find(|answer| answer.text() == "n1").expect("logins are spread");
            let set = there.values("set-cookie");
            let own = set.iter().find(|value| value.starts_with(if mode == "cookie" { "WEIR" } else { "JSESS" }));
            own.and_then(|value| value.split(';').next()).expect("it is set").to_owned()
        };
        let cookie = match mode {
            "route" => "JSESSIONID=A.n1".to_owned(),
            // The first client gets the first node.
            "source" => String::new(),
            _ => log_in(),
        };
        assert_eq!(ask("/", &cookie).text(), "n1", "{mode}");
        let helped = ask("/reset", &cookie);
        assert_eq!((helped.text().as_str(), helped.values("set-cookie").len()), ("n2", 0), "{mode}: another one helps");
        for _ in 0..4 {
            assert_eq!(ask("/", &cookie).text(), "n1", "{mode}: it is at home again");
        }
        assert_eq!(weir.state("app", "n1"), "active");
    }
}

/// A session of n2 that had to move; and where to.
fn moved(failback: &str) -> (World, String, String) {
    let keys = format!("sticky = {{ mode = \"learn\"{failback} }}\n{QUICK}");
    let world = World::of(3, |plan| plan.pool(&keys));
    let id = world.login_on("n2", "S");
    world.lose("n2");
    let next = world.of_session(&id);
    assert_ne!(next, "n2");
    world.stays(&id, &next);
    world.regain("n2");
    (world, id, next)
}

#[test]
fn a_moved_session_stays_on_its_new_node() {
    let (world, id, next) = moved("");
    world.stays(&id, &next);
}

#[test]
fn a_moved_session_returns_if_the_pool_says_so() {
    let (world, id, _) = moved(", failback = \"return\"");
    assert_eq!(would_go(&world.weir, &format!("JSESSIONID={id}")), ("n2".to_owned(), "returned".to_owned()));
    world.stays(&id, "n2");
    assert_eq!(would_go(&world.weir, &format!("JSESSIONID={id}")), ("n2".to_owned(), "session".to_owned()));
}

#[test]
fn a_moved_session_does_not_return_to_a_draining_node() {
    for failback in ["failback = \"return\"", "failback = \"when-idle\", failback-idle = \"1ms\""] {
        let keys = format!("sticky = {{ mode = \"learn\", {failback} }}\n{QUICK}");
        let world = World::of(3, |plan| plan.pool(&keys));
        let id = world.login_on("n2", "S");
        world.lose("n2");
        let next = world.of_session(&id);
        world.regain("n2");
        assert_eq!(world.weir.command(&["drain", "n2", "--deadline", "2h"]).code, Some(0));
        world.stays(&id, &next);
        assert_eq!(world.weir.command(&["activate", "n2"]).code, Some(0));
        let cookie = format!("JSESSIONID={id}");
        eventually("it returns to the node that is active again", || would_go(&world.weir, &cookie).0 == "n2");
    }
}

#[test]
fn a_moved_session_returns_after_a_pause_if_the_pool_says_so() {
    let (world, id, next) = moved(", failback = \"when-idle\", failback-idle = \"1s\"");
    world.stays(&id, &next);
    let cookie = format!("JSESSIONID={id}");
    assert_eq!(would_go(&world.weir, &cookie).0, next, "it is in use");
    // Threads that carry traffic keep a clock of 50 ms, which may be that much behind the one that is asked here.
    let mut since = None;
    eventually("it was unused for long enough", || {
        would_go(&world.weir, &cookie).0 == "n2" && since.get_or_insert_with(Instant::now).elapsed().as_millis() > 100
    });
    world.stays(&id, "n2");
}

#[test]
fn a_session_keeps_its_node_over_a_restart() {
    let keys = format!("sticky = {{ mode = \"learn\", failback = \"return\" }}\n{QUICK}");
    let mut world = World::of(3, |plan| plan.pool(&keys));
    let id = world.login_on("n2", "S");
    world.lose("n2");
    assert_ne!(world.of_session(&id), "n2");
    world.weir.stop();
    world.node("n2").resume();
    world.weir.start_again();
    world.stays(&id, "n2");
}

#[test]
fn an_invented_id_chooses_no_node_that_takes_no_new_sessions() {
    let learn = "sticky = { mode = \"learn\", idle = \"1s\" }";
    let invented = |world: &World, node: &str| {
        for number in 0..6 {
            assert_ne!(world.of_session(&format!("invented{number}.{node}")), node);
            let target = format!("/;jsessionid=invented-too{number}.{node}");
            assert_ne!(world.weir.get(&target).text(), node);
        }
    };
    let world = World::of(3, |plan| plan.pool(learn).member(3, "backup = true"));
    world.stays("invented.n2", "n2");
    invented(&world, "n3");
    world.weir.command(&["drain", "n1"]);
    // Whoever asks like this does not keep the drain from ending.
    eventually("the drain is over", || {
        invented(&world, "n1");
        world.weir.state("app", "n1") == "passive maintenance"
    });
    invented(&world, "n1");
    let world = World::of(2, |plan| plan.pool(&format!("{learn}\nactive = {{ start = 1 }}")));
    invented(&world, "n2");
    assert_eq!(world.weir.state("app", "n2"), "passive standby");
}

#[test]
fn an_invented_id_waits_for_no_node_and_is_refused_nowhere() {
    // Whose session lives on a lost node is refused here, and no id that nobody knows is such a session.
    let world = World::of(2, |plan| plan.pool("sticky = { mode = \"learn\", on-lost = \"refuse\" }"));
    world.weir.command(&["maintain", "n1"]);
    world.stays("invented.n1", "n2");
    let small = World::of(2, |plan| plan.pool("sticky = { mode = \"learn\", max-sessions = 4 }"));
    (0..20).for_each(|number| assert_eq!(small.of_session(&format!("made-up{number}.n1")), "n1"));
    assert!(small.known() < 3.5, "made-up ids fill {} of 4 places", small.known());
}

#[test]
fn of_two_cookies_the_one_counts_whose_node_serves() {
    let world = World::of(3, |plan| plan.pool("sticky = { mode = \"learn\" }"));
    let (old, new) = (world.login_on("n1", "O"), world.login_on("n2", "N"));
    let both =
        |first: &str, second: &str| world.with_cookie(&format!("JSESSIONID={first}; JSESSIONID={second}")).text();
    assert_eq!((both(&old, &new), both(&new, &old)), ("n1".to_owned(), "n2".to_owned()), "the first, while both serve");
    world.weir.command(&["maintain", "n1"]);
    for _ in 0..4 {
        assert_eq!(both(&old, &new), "n2", "its other session is alive");
        assert_eq!(both(&new, &old), "n2");
    }
    world.weir.command(&["activate", "n1"]);
    assert_eq!(both(&old, &new), "n1", "nothing has moved meanwhile");
}

#[test]
fn a_pool_that_moves_no_session_says_so_until_the_node_is_back() {
    let keys = format!("sticky = {{ mode = \"learn\", on-lost = \"refuse\" }}\n{QUICK}");
    let world = World::of(3, |plan| plan.pool(&keys));
    let id = world.login_on("n2", "S");
    let elsewhere = world.login_on("n1", "T");
    world.lose("n2");
    for _ in 0..6 {
        let refused = world.with_cookie(&format!("JSESSIONID={id}"));
        assert_eq!((refused.status, refused.refusal().as_str()), (503, "503 session-lost"), "{}", refused.text());
        assert_eq!(world.weir.get("/").status, 200, "who is bound to no node is served");
    }
    world.stays(&elsewhere, "n1");
    world.node("n2").resume();
    eventually("its node is back", || world.with_cookie(&format!("JSESSIONID={id}")).status == 200);
    world.stays(&id, "n2");
}

#[test]
fn a_session_may_be_refused_in_every_mode() {
    for (mode, cookie) in [("route", "JSESSIONID=A.n2"), ("cookie", "")] {
        let world =
            World::of(2, |plan| plan.pool(&format!("sticky = {{ mode = \"{mode}\", on-lost = \"refuse\" }}\n{QUICK}")));
        let cookie = if cookie.is_empty() { own_cookie_of(&world, "n2") } else { cookie.to_owned() };
        assert_eq!(world.with_cookie(&cookie).text(), "n2");
        world.lose("n2");
        let refused = world.with_cookie(&cookie);
        assert_eq!((refused.refusal().as_str(), set(&refused)), ("503 session-lost", Vec::new()), "{mode}");
        world.node("n2").resume();
        eventually("its node is back", || world.with_cookie(&cookie).text() == "n2");
    }
}
