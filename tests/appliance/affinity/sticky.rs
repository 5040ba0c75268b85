//! Sessions stay on their node: learned from the node's cookie, found in every form in which clients send it back.

use crate::harness::{Answer, Appliance, Origin, Plan, Seen, eventually, ok_with};

const LEARN: &str = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }";

/// Opens the session that the request asks for: /login/ID sets the cookie, everything else says only who answered.
fn node(name: &'static str) -> Origin {
    Origin::answering(move |seen: &Seen| {
        let target = seen.target();
        let cookie = target
            .strip_prefix("/login/")
            .map_or_else(String::new, |id| format!("Set-Cookie: JSESSIONID={id}; Path=/; Secure; HttpOnly\r\n"));
        ok_with(&cookie, name)
    })
}

struct World {
    nodes: Vec<Origin>,
    weir: Appliance,
}

fn world(more: &str) -> World {
    let nodes = vec![node("a"), node("b"), node("c")];
    let all: Vec<&Origin> = nodes.iter().collect();
    let weir = Plan::before(&all).pool(if more.is_empty() { LEARN } else { more }).start();
    World { nodes, weir }
}

impl World {
    /// Opens a session; the answer is the node that opened it.
    fn login(&self, id: &str) -> String {
        self.weir.get(&format!("/login/{id}")).text()
    }

    fn with_cookie(&self, cookie: &str) -> Answer {
        self.weir.client().ask(format!("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: {cookie}\r\n\r\n"))
    }

    fn stays(&self, cookie: &str, node: &str) {
        for _ in 0..4 {
            assert_eq!(self.with_cookie(cookie).text(), node, "{cookie}");
        }
    }

    fn node(&self, name: &str) -> &Origin {
        &self.nodes[usize::from(name.as_bytes()[0] - b'a')]
    }
}

#[test]
fn a_session_stays_on_the_node_that_opened_it() {
    let world = world("");
    let homes: Vec<(String, String)> =
        (0..9).map(|number| format!("S{number}")).map(|id| (id.clone(), world.login(&id))).collect();
    let used: std::collections::BTreeSet<&String> = homes.iter().map(|home| &home.1).collect();
    assert_eq!(used.len(), 3, "logins are spread");
    for (id, node) in &homes {
        world.stays(&format!("JSESSIONID={id}"), node);
    }
}

#[test]
fn the_cookie_is_found_wherever_it_stands() {
    let world = world("");
    let node = world.login("ABC");
    let forms = [
        "JSESSIONID=ABC",
        "jsessionid=ABC",
        "JSessionId=ABC",
        "a=b; JSESSIONID=ABC; c=d",
        "a=b;JSESSIONID=ABC",
        "JSESSIONID=\"ABC\"",
        "JSESSIONID=unknown; JSESSIONID=ABC",
        "JSESSIONID=ABC; JSESSIONID=unknown",
        "XJSESSIONID=zzz; JSESSIONID=ABC",
        "a=b\r\nCookie: JSESSIONID=ABC",
        "JSESSIONID=; JSESSIONID=ABC",
    ];
    for form in forms {
        world.stays(form, &node);
    }
}

#[test]
fn the_path_parameter_is_found_too() {
    let world = world("");
    let node = world.login("ABC");
    for target in ["/x;jsessionid=ABC", "/x;JSESSIONID=ABC?q=1", "/x;a=b;jsessionid=ABC", "/x;jsessionid=ABC/y"] {
        for _ in 0..4 {
            assert_eq!(world.weir.get(target).text(), node, "{target}");
        }
    }
}

#[test]
fn ids_differ_by_case_and_by_every_letter() {
    let world = world("");
    world.login("ABC");
    let ids = ["JSESSIONID=abc", "JSESSIONID=ABCD", "JSESSIONID=AB"];
    let homes = ids.map(|cookie| world.with_cookie(cookie).text());
    let used: std::collections::BTreeSet<&String> = homes.iter().collect();
    assert_eq!(used.len(), 3, "none of them is known, so they take turns: {homes:?}");
    for (cookie, home) in ids.iter().zip(&homes) {
        world.stays(cookie, home);
    }
    for cookie in ["XJSESSIONID=ABC", "JSESSIONIDX=ABC"] {
        let nodes: std::collections::BTreeSet<String> = (0..6).map(|_| world.with_cookie(cookie).text()).collect();
        assert_eq!(nodes.len(), 3, "{cookie} names no session and takes turns");
    }
}

#[test]
fn every_cookie_of_an_answer_is_looked_at() {
    let (one, two) = (
        Origin::answering(|_| {
            ok_with("Set-Cookie: a=b\r\nset-cookie: jsessionid=LATE; Path=/carbon\r\nSet-Cookie: c=d\r\n", "one")
        }),
        Origin::answering(|_| ok_with("Set-Cookie: a=b\r\n", "two")),
    );
    let weir = Plan::before(&[&one, &two]).pool(LEARN).start();
    eventually("the first node has answered", || weir.get("/").text() == "one");
    for _ in 0..4 {
        let answer = weir.client().ask("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID=LATE\r\n\r\n");
        assert_eq!(answer.text(), "one");
    }
}

#[test]
fn a_session_whose_node_is_gone_moves_once_and_stays_there() {
    let world = world(&format!("{LEARN}\neject = {{ failures = 1, for = \"2s\" }}"));
    let home = world.login("MOVING");
    world.node(&home).stop();
    let next = world.with_cookie("JSESSIONID=MOVING").text();
    assert_ne!(next, home);
    world.stays("JSESSIONID=MOVING", &next);
    world.node(&home).resume();
    let name = format!("n{}", home.as_bytes()[0] - b'a' + 1);
    eventually("the node is active again", || {
        world.weir.get("/");
        world.weir.state("app", &name) == "active"
    });
    world.stays("JSESSIONID=MOVING", &next);
}

#[test]
fn a_new_login_moves_the_session_to_the_node_that_answers() {
    let (one, two) = (node("one"), node("two"));
    let weir = Plan::before(&[&one, &two]).pool(LEARN).start();
    let first = weir.get("/login/SAME").text();
    // The same id from the other node: the later word holds.
    let second = weir.get("/login/SAME").text();
    assert_ne!(first, second);
    for _ in 0..4 {
        let answer = weir.client().ask("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID=SAME\r\n\r\n");
        assert_eq!(answer.text(), second);
    }
}

#[test]
fn the_longest_idle_session_goes_when_the_table_is_full() {
    let world = world("sticky = { mode = \"learn\", cookie = \"JSESSIONID\", max-sessions = 3 }");
    let homes: Vec<String> = (0..3).map(|number| world.login(&format!("S{number}"))).collect();
    world.stays("JSESSIONID=S0", &homes[0]);
    world.login("S3");
    assert!((world.weir.metric("weir_sessions", &[("pool", "app")]) - 3.0).abs() < 0.1);
    world.stays("JSESSIONID=S0", &homes[0]);
    world.stays("JSESSIONID=S2", &homes[2]);
    let nodes: std::collections::BTreeSet<String> = (0..6).map(|_| world.with_cookie("JSESSIONID=S1").text()).collect();
    assert_eq!(nodes.len(), 3, "S1 was idle longest and is forgotten");
}

#[test]
fn an_idle_session_is_forgotten() {
    let world = world("sticky = { mode = \"learn\", cookie = \"JSESSIONID\", idle = \"1s\" }");
    world.login("IDLE");
    assert!(world.weir.metric("weir_sessions", &[("pool", "app")]) > 0.5);
    eventually("the session is forgotten", || world.weir.metric("weir_sessions", &[("pool", "app")]) < 0.5);
}

//= rfc6265#4.2.1 cookie
#[test]
fn odd_cookies_cost_nobody_an_answer() {
    let world = world("");
    let long = "x".repeat(30_000);
    for cookie in [
        "",
        ";",
        "=",
        ";;;=;=;",
        "JSESSIONID",
        "JSESSIONID=",
        "JSESSIONID==",
        "JSESSIONID=\"",
        &format!("JSESSIONID={long}"),
    ] {
        assert_eq!(world.with_cookie(cookie).status, 200, "{cookie:?}");
    }
}

#[test]
fn h2_clients_keep_their_sessions_though_they_cut_cookies_to_crumbs() {
    use crate::harness::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, Outcome, fields, frame};
    let (one, two) = (node("one"), node("two"));
    let weir = Plan::before(&[&one, &two]).pool(LEARN).secure().start();
    let home = weir.get("/login/CRUMB").text();
    let before = (one.count(), two.count());
    let list = fields(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/"),
        (b":authority", b"esb.test"),
        (b"cookie", b"a=1"),
        (b"cookie", b"JSESSIONID=CRUMB"),
        (b"cookie", b"b=2"),
    ]);
    for _ in 0..4 {
        let mut connection = Frames::connect(weir.https());
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &list));
        assert_eq!(connection.outcome(1).expect("an answer comes"), Outcome::Status(200));
    }
    let more = (one.count() - before.0, two.count() - before.1);
    assert_eq!(more, if home == "one" { (4, 0) } else { (0, 4) });
}
