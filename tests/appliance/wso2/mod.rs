//! `weir wso2 test`: a sound cluster passes, and each planted fault makes its own lines fail and no others.

mod world;

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;

use self::world::{Planted, THROUGH, World};
use crate::harness::{Client, Offer, Origin, RunningCommand, eventually, ok_with};

/// One client stays on one node.
const HASH: &str = "balance = \"hash\"\nhash = { on = \"client\" }";

#[track_caller]
fn fails(told: &world::Told, expected: &[&str]) {
    assert_eq!(told.lines("failed"), expected, "{}", told.text());
    assert_eq!(told.code, Some(i32::from(!expected.is_empty())), "{}", told.text());
}

#[test]
fn a_sound_cluster_passes_whichever_way_the_nodes_are_told() {
    for told in [
        "explain = true",
        "access-log = \"$dir/access.log\"",
        "access-log = \"$dir/access.log\"\nlog-format = \"json\"",
        "",
    ] {
        let world = World::with(&Planted { told, ..Planted::default() });
        let report = world.tested(&THROUGH);
        fails(&report, &[]);
        assert!(report.lines("warning").contains(&"session pool esb-http".to_owned()), "{}", report.text());
        let passed = report.lines("passed");
        for line in [
            "spread pool esb-http",
            "session pool esb-https",
            "console site mgt",
            "closed site esb.https",
            "listener site esb.http",
            "proxy-port manager",
            "redirect site old",
            "service /orders/health at site esb.http",
        ] {
            assert!(passed.iter().any(|other| other == line), "{told}: {line}\n{}", report.text());
        }
    }
}

#[test]
fn what_others_ask_meanwhile_is_not_held_against_the_cluster() {
    for told in ["explain = true", ""] {
        let world = World::with(&Planted { told, ..Planted::default() });
        let (ended, address) = (Arc::new(AtomicBool::new(false)), world.weir.https());
        let told_to_end = Arc::clone(&ended);
        let other = thread::spawn(move || {
            while !told_to_end.load(Ordering::Relaxed) {
                let mut client =
                    Client::tls(address, &Offer::http1("esb.test")).expect("the TLS listener shakes hands");
                let answer =
                    client.ask("GET /services/echo HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID=W00\r\n\r\n");
                assert_eq!(answer.status, 200);
            }
        });
        let report = world.tested(&THROUGH);
        ended.store(true, Ordering::Relaxed);
        other.join().expect("the other client is answered throughout");
        fails(&report, &[]);
    }
}

#[test]
fn each_fault_makes_its_own_lines_fail() {
    let default = Planted::default;
    let open = ["closed site esb.http", "closed site esb.https"];
    let on_worker2 = ["service /services/echo on worker2"];
    for (planted, expected) in [
        (Planted { bare: Some(1), ..default() }, &on_worker2[..]),
        (Planted { private: Some((1, "node-1")), ..default() }, &on_worker2),
        (Planted { proxy_port: false, ..default() }, &["proxy-port manager"]),
        (Planted { denies: false, ..default() }, &open),
        (Planted { denies: false, moves: Some("https://esb.test.evil/carbon"), ..default() }, &open),
        (Planted { denies: false, moves: Some("https://esb.test:9443/carbon"), ..default() }, &open),
        (Planted { routed: true, denies: false, ..default() }, &open),
        (Planted { routed: true, bare: Some(1), ..default() }, &on_worker2),
        (Planted { secure: "", ..default() }, &["session pool esb-http", "session pool esb-https"]),
        (
            Planted { expired: true, ..default() },
            &["certificate site esb.https esb.test", "certificate site mgt mgt.esb.test"],
        ),
    ] {
        let report = World::with(&planted).tested(&THROUGH);
        let mut failed = report.lines("failed");
        // The ports of the workers are not the same in each run.
        failed.iter_mut().filter(|line| line.starts_with("service ")).for_each(|line| {
            line.truncate(line.rfind(':').unwrap_or(line.len()));
        });
        failed.dedup();
        assert_eq!(failed, expected, "{}", report.text());
        assert_eq!(report.code, Some(1));
    }
}

/// What a line names was seen, or the line says that it was not.
#[test]
fn what_was_not_seen_is_not_passed() {
    let outcome = |console: &'static str, admin: &'static str, line: &str| {
        let report = World::with(&Planted { console, admin, ..Planted::default() }).tested(&THROUGH);
        let outcomes = ["passed", "failed", "skipped"];
        let found = outcomes.into_iter().find(|outcome| report.lines(outcome).iter().any(|other| other == line));
        (found.unwrap_or_default(), report.text())
    };
    for (console, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "without a redirect, so it names no address"),
        (
            "HTTP/1.1 302 Found\r\nLocation: /carbon/admin/login.jsp\r\nContent-Length: 0\r\n\r\n",
            "paths without an address",
        ),
    ] {
        let (found, text) = outcome(console, "", "proxy-port manager");
        assert!(found == "skipped" && text.contains(expected), "{text}");
    }
    for (admin, expected) in [
        ("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "failed"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "failed"),
        ("HTTP/1.1 302 Found\r\nLocation: /carbon/\r\nContent-Length: 0\r\n\r\n", "skipped"),
        ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "passed"),
    ] {
        let (found, text) = outcome("", admin, "admin site mgt");
        assert_eq!(found, expected, "{admin}\n{text}");
    }
}

#[test]
fn where_no_session_is_kept_the_pool_is_named_as_the_cause() {
    let world = World::with(&Planted { secure: "", sessions: false, ..Planted::default() });
    let report = world.tested(&THROUGH);
    fails(&report, &[]);
    assert!(report.lines("skipped").contains(&"session pool esb-http".to_owned()), "{}", report.text());
    assert!(report.lines("warning").contains(&"session pool esb-https".to_owned()), "{}", report.text());
    let said = "the pool has no sticky, so sessions are not kept";
    assert_eq!(report.text().matches(said).count(), 2, "{}", report.text());
}

#[test]
fn pools_that_only_routes_lead_to_are_tested_like_others() {
    let world = World::with(&Planted { routed: true, ..Planted::default() });
    let report = world.tested(&["--through", "127.0.0.1", "--failover", "--yes"]);
    fails(&report, &[]);
    let own = World::with(&Planted::default()).tested(&["--through", "127.0.0.1", "--failover", "--yes"]);
    // The ports of the workers are not the same in each run.
    let without_ports = |report: &world::Told| {
        let lines = report.lines("passed").into_iter();
        lines.map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(without_ports(&report), without_ports(&own), "{}", report.text());
    assert_eq!(report.lines("skipped"), own.lines("skipped"), "{}", report.text());
}

#[test]
fn what_a_sites_routes_do_not_lead_there_is_skipped_and_not_held_against_it() {
    let more = "[[pool]]\nname = \"canary\"\nnodes = [\"worker1\"]\nport = PORT\n\
                [[site]]\nname = \"some\"\nlistener = \"http\"\nhosts = [\"some.esb.test\"]\nredirect = { scheme = \"https\" }\n\
                [[site.route]]\nheaders = [{ name = \"X-Canary\" }]\npool = \"canary\"\n\
                [[site.route]]\nprefix = \"/orders\"\npool = \"esb-http\"\n";
    let report = World::with(&Planted { more, ..Planted::default() }).tested(&THROUGH);
    fails(&report, &[]);
    let skipped = report.lines("skipped");
    for line in ["service /services/echo at site some", "service pool canary", "spread pool canary"] {
        assert!(skipped.iter().any(|other| other == line), "{line}\n{}", report.text());
    }
    let passed = report.lines("passed");
    for line in ["service /orders/health at site some", "closed site some", "redirect site some"] {
        assert!(passed.iter().any(|other| other == line), "{line}\n{}", report.text());
    }
}

#[test]
fn a_console_that_a_route_of_another_site_leads_to_is_open_there() {
    let more = "[[site]]\nname = \"both\"\nlistener = \"http\"\nhosts = [\"both.esb.test\"]\npool = \"esb-http\"\n\
                [[site.route]]\nprefix = \"/carbon\"\npool = \"manager\"\n\
                [[site.route]]\nregex = \"(?i)carbon|Admin|Remote(UserStore|Authorization)Manager\"\ndeny = true\n";
    let world = World::with(&Planted { more, ..Planted::default() });
    let report = world.tested(&THROUGH);
    fails(&report, &["closed site both"]);
    assert!(report.text().contains("/carbon/admin/login.jsp (200)"), "{}", report.text());
    // Named as the console's, it is tested as that.
    world::rewrite(&world.weir.path("weir.toml"), |text| text.replace("console = \"mgt\"", "console = \"both\""));
    let report = world.tested(&THROUGH);
    assert!(report.lines("passed").contains(&"closed site both".to_owned()), "{}", report.text());
    assert!(
        report.text().contains("\"about\": \"site both\",\n      \"advice\": \"\",\n      \"check\": \"admin\""),
        "{}",
        report.text()
    );
}

#[test]
fn a_description_that_names_a_site_which_only_redirects_is_wrong() {
    let world = World::with(&Planted { private: Some((1, "old.esb.test")), ..Planted::default() });
    let report = world.tested(&THROUGH);
    assert_eq!(report.lines("failed").len(), 2, "on both of its ports\n{}", report.text());
}

#[test]
fn soap_requests_are_posted_and_faults_and_silence_are_told() {
    let world = World::with(&Planted::default());
    let file = |name: &str, body: &str| {
        let path = world.weir.path(name);
        let text = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
        );
        std::fs::write(&path, text).expect("the test's directory can be written");
        format!("/services/echo={}", path.display())
    };
    let sound = file("sound.xml", "<sum>&lt;1&gt;</sum>");
    let fault = file("fault.xml", "<s:Fault><faultstring>no such sum</faultstring></s:Fault>");
    let soap = |world: &World, asked: &str| world.tested(&[THROUGH[0], THROUGH[1], "--soap", asked]);
    let report = soap(&world, &sound);
    fails(&report, &[]);
    let passed = report.lines("passed").into_iter().filter(|line| line.starts_with("soap ")).count();
    assert_eq!(passed, 6, "two workers with two ports, and two sites\n{}", report.text());
    let report = soap(&world, &fault);
    assert_eq!(report.lines("failed").iter().filter(|line| line.starts_with("soap ")).count(), 6, "{}", report.text());
    assert!(report.text().contains("answers 200 with a fault: no such sum"), "{}", report.text());
    let bare = World::with(&Planted { bare: Some(1), ..Planted::default() });
    let failed = soap(&bare, &sound).lines("failed");
    assert!(failed.iter().any(|line| line.starts_with("soap /services/echo on worker2:")), "{failed:?}");
    assert!(!failed.iter().any(|line| line.starts_with("soap /services/echo on worker1:")), "{failed:?}");
    let not = format!("/services/echo={}", world.weir.path("weir.toml").display());
    let words = world.words(&["--soap", &not]);
    let refused = world.weir.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(refused.code == Some(1) && refused.err.contains("it is no XML"), "{}", refused.err);
}

#[test]
fn a_worker_that_is_down_out_or_a_stranger_is_told_by_name() {
    let world = World::with(&Planted::default());
    world.workers[1].iter().for_each(Origin::stop);
    let is = |state: &'static str| {
        for pool in ["esb-http", "esb-https"] {
            eventually("Weir notices", || world.weir.state(pool, "worker2") == state);
        }
    };
    is("passive unhealthy");
    let states = ["state pool esb-http", "state pool esb-https"];
    let ports = ["port worker2 in esb-http", "port worker2 in esb-https"];
    fails(&world.tested(&THROUGH), &[ports, states].concat());
    world.workers[1].iter().for_each(Origin::resume);
    is("active");
    assert_eq!(world.weir.command(&["maintain", "worker2", "--reason", "disk"]).code, Some(0));
    let report = world.tested(&THROUGH);
    fails(&report, &states);
    assert!(report.text().contains("disk") && report.text().contains("weir activate worker2"), "{}", report.text());

    let world = World::with(&Planted { stranger: Some(1), ..Planted::default() });
    eventually("Weir notices", || world.weir.state("esb-https", "worker2") == "passive unhealthy");
    fails(&world.tested(&THROUGH), &["port worker2 in esb-https", "state pool esb-https"]);
}

#[test]
fn what_runs_and_is_not_in_the_file_is_noticed() {
    let world = World::with(&Planted { plain: HASH, ..Planted::default() });
    let path = world.weir.path("weir.toml");
    world::rewrite(&path, |text| text.replace(HASH, ""));
    fails(&world.tested(&THROUGH), &["reload the running Weir", "spread pool esb-http"]);
    world::rewrite(&path, |text| text.replacen("[pool.health]", "active = { max = 1 }\n[pool.health]", 1));
    let expected = ["reload the running Weir", "spread pool esb-http", "state pool esb-http"];
    fails(&world.tested(&THROUGH), &expected);
    let world = World::with(&Planted::default());
    world::rewrite(&world.weir.path("weir.toml"), |text| {
        text.replace("host = \"esb.test\", port", "host = \"new.esb.test\", port")
    });
    fails(&world.tested(&THROUGH), &["redirect site old", "reload the running Weir"]);
}

#[test]
fn a_host_without_an_address_is_a_failure_unless_it_is_said_where_the_balancer_is() {
    let world = World::with(&Planted::default());
    let report = world.tested(&[]);
    fails(&report, &["name host esb.test", "name host mgt.esb.test", "name host old.esb.test"]);
    assert_eq!(world.tested(&THROUGH).lines("warning").iter().filter(|line| line.starts_with("name ")).count(), 3);
}

#[test]
fn two_at_once_and_a_reload_meanwhile_disturb_nothing() {
    let mut world = World::with(&Planted::default());
    let words = world.words(&THROUGH);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let running = [world.weir.begin_command(&words), world.weir.begin_command(&words)];
    for _ in 0..3 {
        world.weir.reload();
    }
    for command in running {
        let output = command.end();
        assert_eq!(output.code, Some(0), "{}{}", output.out, output.err);
    }
}

#[test]
fn a_failover_is_seen_and_the_node_is_given_back() {
    for plain in ["", "active = { start = 1, max = 2 }"] {
        let secure = if plain.is_empty() { "" } else { "active = { with = \"esb-http\" }" };
        let secure: &'static str = Box::leak(format!("sticky = {{ mode = \"learn\" }}\n{secure}").into_boxed_str());
        let world = World::with(&Planted { plain, secure, ..Planted::default() });
        let refused = world.weir.command(&[
            "wso2",
            "test",
            "--failover",
            "--config",
            &world.weir.path("weir.toml").display().to_string(),
            "--through",
            "127.0.0.1",
        ]);
        assert!(refused.code == Some(1) && refused.err.contains("say --yes"), "{}", refused.err);
        let report = world.tested(&["--through", "127.0.0.1", "--failover", "--yes"]);
        fails(&report, &[]);
        assert!(report.lines("passed").iter().any(|line| line.starts_with("failover worker")), "{}", report.text());
        assert!(report.text().contains("requests without an error; it is back"), "{}", report.text());
        let orders = world.weir.ask_admin("/api/v1/nodes").text();
        assert!(!orders.contains("\"drain\"") && !orders.contains("\"maintain\""), "{orders}");
    }
}

/// A failover so slow that it is still at it when something else happens.
fn slow_failover(world: &World) -> RunningCommand {
    let words = world.words(&["--through", "127.0.0.1", "--failover", "--yes"]);
    let words = words.iter().filter(|word| *word != "--json");
    let words: Vec<&str> = words.map(|word| if word == "500" { "30" } else { word }).collect();
    world.weir.begin_command(&words)
}

/// An operator takes worker1 out.
#[track_caller]
fn maintain(world: &World) {
    let mut operator = Client::unix(&world.weir.admin_socket()).expect("the socket accepts");
    let answer = operator.ask(
        "POST /api/v1/nodes/worker1/maintain HTTP/1.1\r\nHost: localhost\r\nX-Weir: test\r\nConnection: close\r\n\
         Content-Length: 22\r\n\r\n{\"reason\":\"disk swap\"}",
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_failover_that_is_interrupted_gives_the_node_back() {
    for signal in [Signal::INT, Signal::QUIT, Signal::TERM] {
        let world = World::with(&Planted::default());
        let command = slow_failover(&world);
        eventually("the node is drained", || world.weir.state("esb-http", "worker1") != "active");
        command.signal(signal);
        let output = command.end();
        assert_eq!(output.code, Some(1), "{}{}", output.out, output.err);
        assert!(output.out.contains("interrupted; it is back"), "{}", output.out);
        assert!(output.err.contains("weir activate worker1"), "{}", output.err);
        assert_eq!(world.weir.state("esb-http", "worker1"), "active");
    }
}

#[test]
fn what_was_found_before_an_interruption_is_told() {
    let world = World::with(&Planted::default());
    let words = world.words(&THROUGH);
    let words: Vec<&str> = words.iter().map(|word| if word == "500" { "1" } else { word }).collect();
    let command = world.weir.begin_command(&words);
    eventually("it asks the cluster", || command.errors().contains("go to the cluster"));
    command.signal(Signal::INT);
    let output = command.end();
    let report = world::Told::of(&output);
    fails(&report, &["test this command"]);
    assert!(report.lines("passed").contains(&"weir the running Weir".to_owned()), "{}", report.text());
}

#[test]
fn a_node_that_somebody_else_takes_out_during_a_failover_stays_out() {
    let world = World::with(&Planted::default());
    let command = slow_failover(&world);
    eventually("the node is drained", || world.weir.state("esb-http", "worker1") != "active");
    maintain(&world);
    let output = command.end();
    assert_eq!(output.code, Some(1), "{}{}", output.out, output.err);
    assert!(output.out.contains("that order stays: maintain by") && output.out.contains("disk swap"), "{}", output.out);
    assert_eq!(world.weir.state("esb-http", "worker1"), "passive maintenance");
}

#[test]
fn a_node_that_somebody_else_takes_out_before_the_drain_is_left_alone() {
    let world = World::with(&Planted::default());
    let command = slow_failover(&world);
    eventually("it asks the cluster", || command.out().contains("passed"));
    maintain(&world);
    let output = command.end();
    assert_eq!(output.code, Some(1), "{}{}", output.out, output.err);
    assert!(output.out.contains("nothing was drained: it is under an order meanwhile: maintain"), "{}", output.out);
    assert_eq!(world.weir.state("esb-http", "worker1"), "passive maintenance");
    assert_eq!(orders(&world), ["maintain"]);
}

/// What was ordered so far, the newest first.
fn orders(world: &World) -> Vec<String> {
    let text = world.weir.ask_admin("/api/v1/operations").text();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let all = all.as_array().cloned().unwrap_or_default();
    all.iter().map(|operation| operation["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_node_whose_drain_was_not_confirmed_is_given_back() {
    let world = World::with(&Planted::default());
    let lossy = relay(&world, |request, answer| if request.contains("/drain ") { Vec::new() } else { answer });
    let report = world.tested(&["--through", "127.0.0.1", "--failover", "--yes", "--admin", &lossy]);
    fails(&report, &["failover worker1"]);
    assert!(report.text().contains("whether Weir drained it is not known"), "{}", report.text());
    assert_eq!(orders(&world), ["activate", "drain"]);
    eventually("the node is back", || world.weir.state("esb-http", "worker1") == "active");
}

#[test]
fn a_failover_waits_for_another_node_after_its_requests_are_spent() {
    let world = World::with(&Planted::default());
    let looks = AtomicUsize::new(0);
    let slow = relay(&world, move |request, answer| {
        let drained = request.contains("/drain ") || looks.load(Ordering::Relaxed) > 0;
        let is_early = drained && looks.fetch_add(1, Ordering::Relaxed) < 70;
        if is_early && request.starts_with("GET /api/v1/nodes ") { with_a_passive_worker2(&answer) } else { answer }
    });
    let report = world.tested(&["--through", "127.0.0.1", "--failover", "--yes", "--admin", &slow]);
    fails(&report, &[]);
    assert!(report.text().contains("worker2 served"), "{}", report.text());
}

/// Weir's answer about all nodes, as if worker2 were not needed yet.
fn with_a_passive_worker2(answer: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let mut nodes: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    let all = nodes.as_array_mut().into_iter().flatten();
    for pool in all.filter(|node| node["node"] == "worker2").flat_map(|node| node["pools"].as_array_mut()).flatten() {
        pool["state"] = "passive".into();
        pool["reason"] = "standby".into();
    }
    ok_with("Content-Type: application/json\r\nConnection: close\r\n", &nodes.to_string())
}

/// A socket that passes each request on to Weir's own, and back what becomes of the answer. Returns where it is.
fn relay(world: &World, change: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> String {
    let path = world.weir.path("relay.sock");
    let listener = UnixListener::bind(&path).expect("the test's directory can be written");
    let (socket, change) = (world.weir.admin_socket(), Arc::new(change));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (socket, change) = (socket.clone(), Arc::clone(&change));
            thread::spawn(move || passed_on(client, &socket, &*change));
        }
    });
    path.display().to_string()
}

fn passed_on(mut client: UnixStream, socket: &Path, change: &dyn Fn(&str, Vec<u8>) -> Vec<u8>) -> std::io::Result<()> {
    let mut weir = UnixStream::connect(socket)?;
    let request = whole(&mut client)?;
    weir.write_all(&request)?;
    let answer = whole(&mut weir)?;
    client.write_all(&change(&String::from_utf8_lossy(&request), answer))
}

/// A request or an answer.
fn whole(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let (mut message, mut part) = (Vec::new(), [0; 4096]);
    while !is_whole(&message) {
        match stream.read(&mut part)? {
            0 => break,
            read => message.extend_from_slice(&part[..read]),
        }
    }
    Ok(message)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

#[test]
fn nothing_is_drained_where_weir_or_the_service_does_not_answer() {
    let world = World::with(&Planted::default());
    let nobody = world.weir.path("nobody.sock").display().to_string();
    let words = world.words(&["--through", "127.0.0.1", "--failover", "--yes", "--admin", &nobody]);
    let output = world.weir.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.code == Some(1) && output.err.contains("--failover needs the running Weir"), "{}", output.err);
    let words = world.words(&["--through", "127.0.0.1", "--failover", "--yes"]);
    let words: Vec<&str> = words.iter().map(|word| if word == "/services/echo" { "/broken" } else { word }).collect();
    let output = world.weir.command(&words);
    assert_eq!(output.code, Some(1), "{}{}", output.out, output.err);
    assert!(output.out.contains("answered 500, and no node is out"), "{}", output.out);
    assert!(orders(&world).is_empty(), "{:?}", orders(&world));
}

#[test]
fn what_no_node_answers_is_not_called_open() {
    let world = World::with(&Planted { denies: false, ..Planted::default() });
    world.workers.iter().flatten().for_each(Origin::stop);
    let report = world.tested(&THROUGH);
    let closed = |outcome: &str| report.lines(outcome).iter().filter(|line| line.starts_with("closed ")).count();
    assert_eq!((closed("failed"), closed("skipped")), (0, 2), "{}", report.text());
}

#[test]
fn a_port_that_speaks_tls_where_the_file_says_plain_is_told_and_the_other_way_round() {
    let world = World::with(&Planted::default());
    world::rewrite(&world.weir.path("weir.toml"), |text| {
        let text = text.replacen("\ntls = { verify = \"pin\"", "\n# tls = { verify = \"pin\"", 1);
        let text = text.replace("kind = \"tls\"", "kind = \"tcp\"");
        text.replacen("[pool.health]", "tls = { verify = \"none\" }\n[pool.health]", 1)
    });
    let report = world.tested(&THROUGH);
    let ports = report.lines("failed").iter().filter(|line| line.starts_with("port worker")).count();
    assert_eq!(ports, 4, "{}", report.text());
    let count = |words: &str| report.text().matches(words).count();
    assert_eq!((count("this port speaks TLS"), count("this port speaks plain HTTP")), (2, 2), "{}", report.text());
}
