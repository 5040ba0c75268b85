//! Taking a node out: its sessions stay until they end, nothing new goes there, and who waits learns when it is safe to
//! stop it. What operators say outlives reloads and restarts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Appliance, Client, Gate, Origin, Plan, RunningCommand, User, eventually};
use crate::session_world::{self, LEARN, World, row, two_pools};

const SHORT: &str = "sticky = { mode = \"learn\", idle = \"1s\" }";

fn login(world: &World, host: &str, id: &str) -> String {
    world.weir.client().ask(format!("GET /login/{id} HTTP/1.1\r\nHost: {host}\r\n\r\n")).text()
}

/// A user of other.test whose session is on this node.
#[track_caller]
fn user_on(world: &World, host: &str, node: &str) -> User {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut ids = (0..50).map(|_| format!("user{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let id = ids.find(|id| login(world, host, id) == node).expect("logins are spread");
    let user = User::of(&world.weir, host, Some(&id));
    assert!(user.next().iter().all(|name| name == node));
    user
}

fn sessions(weir: &Appliance, pool: &str, node: &str) -> u64 {
    row(weir, pool, node)["sessions"].as_u64().expect("the pool counts them")
}

#[track_caller]
fn is_draining(world: &World, pool: &str) {
    eventually("the node is draining", || world.weir.state(pool, "n1") == "passive draining");
}

#[test]
fn a_drain_under_load_loses_no_client() {
    let world = two_pools(SHORT);
    let (first, second) = (user_on(&world, "esb.test", "n1"), user_on(&world, "other.test", "n1"));
    let elsewhere = user_on(&world, "esb.test", "n2");
    let strangers = [User::of(&world.weir, "esb.test", None), User::of(&world.weir, "other.test", None)];
    let mut wait = world.weir.begin_command(&["drain", "n1", "--wait"]);
    is_draining(&world, "app");
    is_draining(&world, "other");
    for number in 0..6 {
        for host in ["esb.test", "other.test"] {
            assert_eq!(login(&world, host, &format!("late-{host}-{number}")), "n2", "no new sessions");
        }
    }
    for user in &strangers {
        assert!(user.next().iter().all(|node| node == "n2"), "nothing new");
    }
    for user in [&first, &second] {
        assert!(user.next().iter().all(|node| node == "n1"), "bound sessions stay");
    }
    first.end();
    eventually("the sessions of one pool are over", || sessions(&world.weir, "app", "n1") == 0);
    assert!(second.next().iter().all(|node| node == "n1"));
    assert_eq!((wait.still_runs(), world.weir.state("app", "n1")), (true, "passive draining".to_owned()));
    assert!(second.end().iter().all(|seen| seen.2 == "n1"), "to its end");
    let said = wait.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.ends_with("\nn1 is drained: safe to stop it\n"), "{said:?}");
    assert!(said.out.contains("n1 is draining in app, other: "), "{said:?}");
    assert_eq!(row(&world.weir, "app", "n1")["in_flight"], 0);
    world.node("n1").stop();
    let late = user_on(&world, "esb.test", "n2");
    strangers.into_iter().for_each(|user| _ = (user.next(), user.end()));
    assert!(elsewhere.end().iter().all(|seen| seen.2 == "n2"), "who lives elsewhere notices nothing");
    late.end();
}

#[test]
fn the_count_of_sessions_is_told_as_it_falls() {
    let world = World::of(2, |plan| plan.pool("sticky = { mode = \"learn\", idle = \"2s\" }"));
    let users = [user_on(&world, "esb.test", "n1"), user_on(&world, "esb.test", "n1")];
    eventually("there are these two alone", || sessions(&world.weir, "app", "n1") == 2);
    let wait = world.weir.begin_command(&["drain", "n1", "--wait"]);
    let told = |count: &str| eventually(&format!("it tells {count}"), || wait.out().contains(count));
    told("n1 is draining in app: 2 sessions, ");
    let [first, second] = users;
    first.end();
    told("n1 is draining in app: 1 session, ");
    second.end();
    let said = wait.end();
    assert_eq!((said.code, said.out.lines().last()), (Some(0), Some("n1 is drained: safe to stop it")), "{said:?}");
}

#[test]
fn at_the_deadline_the_rest_is_rebound_once() {
    let world = two_pools(LEARN);
    let (first, second) = (user_on(&world, "esb.test", "n1"), user_on(&world, "other.test", "n1"));
    let began = Instant::now();
    let said = world.weir.command(&["drain", "n1", "--deadline", "1s", "--wait"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
    assert!(said.out.contains("safe to stop it"), "{said:?}");
    let safe = Instant::now();
    for user in [first, second] {
        user.next();
        let seen = user.end();
        assert!(seen.iter().filter(|seen| seen.0 > safe).all(|seen| seen.2 == "n2"), "nobody is left there");
        let moves = seen.windows(2).filter(|pair| pair[0].2 != pair[1].2).count();
        assert_eq!(moves, 1, "each moves once");
    }
    assert_eq!(world.weir.state("app", "n1"), "passive maintenance");
    eventually("the journal tells of it", || world.weir.journal().contains("node n1 is drained: its deadline is over"));
}

/// Nodes n1 and n2 whose /slow waits at the gate in the middle of its answer.
fn slow_nodes() -> (Vec<Origin>, Gate, Appliance) {
    let gate = Gate::shut();
    let origin = |name: &'static str| {
        let opened = gate.clone();
        Origin::speaking(move |talk| {
            talk.body_length();
            if talk.target() != "/slow" {
                let answer = session_world::answer(name, &talk.seen());
                return talk.send(&answer);
            }
            talk.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{name}").as_bytes());
            opened.pass();
            talk.send(b" slow!");
        })
    };
    let origins = vec![origin("n1"), origin("n2")];
    let weir = Plan::before(&origins.iter().collect::<Vec<_>>()).pool(LEARN).start();
    (origins, gate, weir)
}

/// A request that runs on n1, and one on n2.
#[track_caller]
fn running(origins: &[Origin], weir: &Appliance) -> [Client; 2] {
    let begin = || {
        let mut client = weir.client();
        client.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        client
    };
    let clients = [begin(), begin()];
    origins.iter().for_each(|origin| origin.reached(1));
    clients
}

/// It looks twice before it says that all is over.
#[track_caller]
fn waits_on(wait: &mut RunningCommand) {
    let now = Instant::now();
    eventually("it has looked again, and again", || now.elapsed() > Duration::from_millis(1_300));
    assert!(wait.still_runs(), "it did not wait");
}

#[test]
fn running_requests_are_waited_for() {
    for word in ["drain", "maintain"] {
        let (origins, gate, weir) = slow_nodes();
        let mut clients = running(&origins, &weir);
        assert_eq!(weir.command(&[word, "n1"]).code, Some(0));
        let mut wait = weir.begin_command(&["drain", "n1", "--wait"]);
        eventually("it tells what runs", || wait.out().contains("1 request "));
        waits_on(&mut wait);
        gate.open();
        let mut answers: Vec<String> =
            clients.iter_mut().map(|client| client.answer().expect("the answer comes").text()).collect();
        answers.sort();
        assert_eq!(answers, ["n1 slow!", "n2 slow!"], "{word}");
        let said = wait.end();
        assert_eq!((said.code, said.out.lines().last()), (Some(0), Some("n1 is drained: safe to stop it")), "{word}");
    }
}

#[test]
fn a_request_that_a_reload_left_behind_is_waited_for() {
    let moved = |text: String| text.replacen("\"n1\"\naddress = \"127.0.0.1\"", "\"n1\"\naddress = \"127.0.0.9\"", 1);
    let out_of_the_pool = |text: String| text.replacen("{ node = \"n1\" }, ", "", 1);
    let out_of_the_file = |text: String| {
        let from = text.find("[[node]]\nname = \"n1\"").expect("the file has it");
        let to = text.find("[[node]]\nname = \"n2\"").expect("the file has it");
        (text[..from].to_owned() + &text[to..]).replacen("{ node = \"n1\" }, ", "", 1)
    };
    let changes: [&dyn Fn(String) -> String; 3] = [&moved, &out_of_the_pool, &out_of_the_file];
    for (number, change) in changes.into_iter().enumerate() {
        for drains_first in [false, true] {
            let (origins, gate, mut weir) = slow_nodes();
            let mut clients = running(&origins, &weir);
            if drains_first {
                assert_eq!(weir.command(&["drain", "n1"]).code, Some(0));
            }
            weir.edit(change);
            let told = weir.reload();
            assert!(!told.contains("refused"), "{told}");
            // One more generation, so that it is not the one before that alone is looked at.
            weir.reload();
            let mut wait = weir.begin_command(&["drain", "n1", "--wait"]);
            eventually("it tells what runs", || wait.out().contains("1 request running"));
            waits_on(&mut wait);
            gate.open();
            for client in &mut clients {
                assert_eq!(client.answer().expect("the answer comes").status, 200);
            }
            let said = wait.end();
            let last = said.out.lines().last();
            assert_eq!((said.code, last), (Some(0), Some("n1 is drained: safe to stop it")), "{number}: {said:?}");
        }
    }
}

#[test]
fn what_runs_on_a_node_that_a_reload_took_away_is_shown() {
    let (origins, gate, mut weir) = slow_nodes();
    let mut clients = running(&origins, &weir);
    weir.edit(|text| text.replacen("{ node = \"n1\" }, ", "", 1));
    weir.reload();
    weir.reload();
    let line = |command: &str| {
        let out = weir.command(&[command]).out;
        let of_table = |line: &&str| line.starts_with("app ") && line.contains(" n1 ");
        let lines: Vec<_> = out.lines().filter(of_table).map(str::to_owned).collect();
        assert!(lines.len() < 2, "once: {out}");
        lines.first().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" "))
    };
    for command in ["nodes", "status"] {
        let shown = line(command).unwrap_or_else(|| panic!("{command} does not show it"));
        assert!(shown.starts_with("app n1 ") && shown.contains(" gone - 1 1 0 "), "{shown}");
    }
    gate.open();
    for client in &mut clients {
        assert_eq!(client.answer().expect("the answer comes").status, 200);
    }
    eventually("nothing is left of it", || line("nodes").is_none());
}

#[test]
fn a_pool_without_sessions_has_none_that_cannot_be_counted() {
    let world = World::of(2, |plan| plan);
    let said = world.weir.command(&["drain", "n1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with("n1 is ") && !said.out.contains("cannot be counted"), "{said:?}");
}

#[test]
fn a_tunnel_is_waited_for() {
    let origin = Origin::speaking(|talk| {
        talk.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        talk.wait_for_close();
    });
    let weir = Appliance::in_front_of(&[&origin]);
    let mut client = weir.client();
    client.send("GET / HTTP/1.1\r\nHost: esb.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    assert!(client.head().is_ok_and(|head| head.starts_with("HTTP/1.1 101 ")));
    let mut wait = weir.begin_command(&["drain", "n1", "--deadline", "1s", "--wait", "--force"]);
    eventually("only it is left", || wait.out().contains("n1 is in maintenance in app: 1 request still running"));
    waits_on(&mut wait);
    client.finish();
    drop(client);
    let said = wait.end();
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// Nodes n1 and n2 whose /slow waits at the gate in the middle of its answer, and which agree to tunnels.
fn long_lived(sticky: &str) -> (World, Gate) {
    let gate = Gate::shut();
    let origin = |name: &'static str| {
        let opened = gate.clone();
        Origin::speaking(move |talk| {
            talk.body_length();
            match &*talk.target() {
                "/slow" => {
                    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
                    opened.pass();
                    talk.send(b".");
                }
                "/tunnel" => {
                    talk.send(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
                    talk.wait_for_close();
                }
                _ => {
                    let answer = session_world::answer(name, &talk.seen());
                    talk.send(&answer);
                }
            }
        })
    };
    let nodes = vec![origin("n1"), origin("n2")];
    let weir = Plan::before(&nodes.iter().collect::<Vec<_>>()).pool(sticky).start();
    (World { nodes, weir }, gate)
}

#[test]
fn a_session_is_in_use_until_its_download_or_its_tunnel_ends() {
    let ends = |mode: &str, target: &str| {
        let (world, gate) = long_lived(&format!("sticky = {{ mode = \"{mode}\", idle = \"2s\" }}"));
        let id = if mode == "learn" { world.login_on("n1", "LONG") } else { "A.n1".to_owned() };
        let mut client = world.weir.client();
        let upgrade = if target == "/tunnel" { "Upgrade: websocket\r\nConnection: Upgrade\r\n" } else { "" };
        client.send(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID={id}\r\n{upgrade}\r\n"));
        assert!(client.head().is_ok(), "it runs");
        assert_eq!(world.weir.command(&["drain", "n1"]).code, Some(0));
        let began = Instant::now();
        eventually("its session was idle for too long but for this", || began.elapsed() > Duration::from_millis(4_500));
        assert_eq!(world.weir.state("app", "n1"), "passive draining");
        let ended = Instant::now();
        gate.open();
        drop(client);
        eventually("the drain is over", || world.weir.state("app", "n1") == "passive maintenance");
        assert!(ended.elapsed() > Duration::from_millis(1_500), "{mode} {target}: after {:?}", ended.elapsed());
    };
    std::thread::scope(|scope| {
        for (mode, target) in [("learn", "/slow"), ("learn", "/tunnel"), ("route", "/slow"), ("route", "/tunnel")] {
            scope.spawn(move || ends(mode, target));
        }
    });
}

#[test]
fn maintenance_moves_sessions_at_once_and_cuts_nothing() {
    let (origins, gate, weir) = slow_nodes();
    let mut clients = running(&origins, &weir);
    let world = World { nodes: origins, weir };
    let id = world.login_on("n1", "M");
    let said = world.weir.command(&["maintain", "n1"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "n1 is in maintenance in app: 1 request still running\n"),
        "{said:?}"
    );
    world.stays(&id, "n2");
    (0..6).for_each(|_| assert_eq!(world.weir.get("/").text(), "n2"));
    gate.open();
    for client in &mut clients {
        assert_eq!(client.answer().expect("the answer comes").status, 200);
    }
    let said = world.weir.command(&["activate", "n1"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "n1 is active in app\n"), "{said:?}");
    world.stays(&id, "n2");
    let nodes: std::collections::BTreeSet<String> = (0..6).map(|_| world.weir.get("/").text()).collect();
    assert_eq!(nodes.len(), 2, "it serves again");
}

#[test]
fn sessions_that_only_clients_know_are_waited_for_by_use() {
    let world = World::of(2, |plan| plan.pool("sticky = { mode = \"route\", idle = \"1s\" }"));
    let user = User::of(&world.weir, "esb.test", Some("A.n1"));
    assert!(user.next().iter().all(|node| node == "n1"));
    let mut wait = world.weir.begin_command(&["drain", "n1", "--wait"]);
    eventually("it says what it cannot count", || wait.out().contains("sessions that cannot be counted"));
    let draining = Instant::now();
    eventually("a drain without sessions would be over by now", || draining.elapsed() > Duration::from_millis(2_500));
    assert!(wait.still_runs(), "somebody still uses it");
    assert!(user.end().iter().all(|seen| seen.2 == "n1"));
    let said = wait.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(world.of_session("A.n1"), "n2", "who comes later moves");
}

#[test]
fn a_session_that_has_just_begun_is_waited_for_although_nobody_counts_it() {
    for mode in ["route", "cookie"] {
        let world = World::of(2, |plan| plan.pool(&format!("sticky = {{ mode = \"{mode}\", idle = \"1s\" }}")));
        let up = Instant::now();
        eventually("Weir runs for longer than sessions last", || up.elapsed() > Duration::from_millis(1_500));
        let mut begun = Instant::now();
        eventually("a first request has been to n1", || {
            begun = Instant::now();
            world.weir.get("/").text() == "n1"
        });
        world.weir.command(&["drain", "n1"]);
        eventually("the drain is over", || world.weir.state("app", "n1") == "passive maintenance");
        assert!(begun.elapsed() > Duration::from_millis(1_500), "{mode}: after {:?}", begun.elapsed());
    }
}

#[test]
fn where_every_node_drains_only_sessions_are_served() {
    let world = World::of(2, |plan| plan.pool(LEARN));
    let (here, there) = (world.login_on("n1", "X"), world.login_on("n2", "Y"));
    world.weir.command(&["drain", "n1"]);
    for word in ["drain", "maintain"] {
        let said = world.weir.command(&[word, "n2"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("n2 is the last node that serves in app: "), "{said:?}");
        assert!(said.err.contains("--force"), "{said:?}");
    }
    assert_eq!(world.weir.state("app", "n2"), "active");
    assert_eq!(world.weir.command(&["drain", "n2", "--force"]).code, Some(0));
    let refused = world.weir.get("/");
    assert_eq!(refused.refusal(), "503 no-active-node", "{}", refused.text());
    world.stays(&here, "n1");
    world.stays(&there, "n2");
    world.weir.command(&["activate", "n2"]);
    assert_eq!(world.weir.get("/").text(), "n2");
}

#[test]
fn a_draining_node_that_dies_loses_its_sessions_to_others() {
    let world = World::of(2, |plan| plan.pool(&format!("{LEARN}\neject = {{ for = \"1s\" }}")));
    let id = world.login_on("n1", "E");
    world.weir.command(&["drain", "n1"]);
    world.node("n1").stop();
    // Its sessions move as they would from any node that is lost.
    let answer = world.with_cookie(&format!("JSESSIONID={id}"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "n2"));
    world.stays(&id, "n2");
    eventually("nothing is left there", || world.weir.state("app", "n1") == "passive maintenance");
}
