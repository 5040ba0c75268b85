//! An upgrade: another process takes over, and no client notices.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Appliance, Client, Gate, Offer, Origin, Plan, eventually, ok};

const KEPT: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\n\r\n";
const CLOSED: &str = "GET /a HTTP/1.1\r\nHost: esb.test\r\nConnection: close\r\n\r\n";

/// /slow is answered when the gate opens.
fn world() -> (Origin, Gate, Appliance) {
    let gate = Gate::shut();
    let origin = Origin::waiting_at(&gate, "/slow");
    let health = "interval = \"1h\"\nprobes = [{ kind = \"http\", path = \"/probe\" }]";
    let weir = Plan::before(&[&origin]).secure().health(health).top("stop-timeout = \"30s\"").start();
    (origin, gate, weir)
}

fn status(admin: SocketAddr) -> String {
    let mut client = Client::plain(admin).expect("the admin address accepts");
    client.ask("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").text()
}

/// The new process' id.
pub(super) fn upgraded(weir: &mut Appliance) -> u32 {
    let said = weir.command(&["upgrade", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}\n{}", weir.journal());
    let told: serde_json::Value = serde_json::from_str(&said.out).expect("it is JSON");
    u32::try_from(told["pid"].as_u64().expect("a process has an id")).expect("it is small")
}

#[test]
fn a_running_request_is_answered_by_the_process_before_and_new_ones_by_the_next() {
    let (origin, gate, mut weir) = world();
    let (mut slow, mut idle) = (weir.client(), weir.client());
    assert_eq!(idle.ask(KEPT).status, 200);
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    eventually("the request runs", || origin.last().target() == "/slow");
    let old = weir.id();
    let mut scraper = Client::plain(weir.admin()).expect("the admin address accepts");
    assert_eq!(scraper.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
    let new = upgraded(&mut weir);
    assert_ne!(new, old);
    assert!(scraper.is_closed(), "who keeps a connection would see the numbers of the process before");
    let told = weir.wait_for_notice(&format!("MAINPID={new}"), Duration::from_secs(5));
    assert!(told.is_some_and(|told| told.contains("READY=1") && !told.contains("STOPPING")));
    assert!(idle.is_closed());
    assert_eq!(weir.get("/a").status, 200);
    assert_eq!(weir.secure_client().ask(KEPT).status, 200);
    let admin = weir.admin();
    let status = || status(admin);
    assert!(status().contains(&format!("\"pid\":{new}")), "{}", status());
    eventually("the process before is shown", || {
        status().contains(&format!("\"before\":{{\"pid\":{old},\"connections\":1}}"))
    });
    gate.open();
    assert_eq!(slow.answer().expect("it is answered").text(), "/slow");
    assert_eq!(weir.exit_code(), Some(0));
    eventually("the process before is gone", || status().contains("\"before\":null"));
    weir.belongs_to(new);
    assert_eq!(weir.get("/a").status, 200);
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn no_request_of_busy_clients_is_lost_and_counters_go_on() {
    for (what, request) in [("kept connections", KEPT), ("a connection for each request", CLOSED)] {
        let (_origin, _gate, mut weir) = world();
        let (address, answered, over) = (weir.http(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let ask = || {
            let (answered, over) = (answered.clone(), over.clone());
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let mut client = Client::plain(address).map_err(|error| format!("connect: {error}"))?;
                    loop {
                        client.send(request);
                        let answer = client.answer().map_err(|error| format!("answer: {error}"))?;
                        answered.fetch_add(1, Ordering::Relaxed);
                        if over.load(Ordering::Relaxed) || answer.field("connection").as_deref() == Some("close") {
                            break;
                        }
                    }
                }
                Ok(())
            })
        };
        let busy: Vec<thread::JoinHandle<Result<(), String>>> = (0..30).map(|_| ask()).collect();
        let mut counted = 0.0;
        for _ in 0..4 {
            let before = answered.load(Ordering::Relaxed);
            eventually("all are busy", || answered.load(Ordering::Relaxed) > before + 300);
            let new = upgraded(&mut weir);
            assert_eq!(weir.exit_code(), Some(0));
            weir.belongs_to(new);
            let now = weir.metric("weir_requests_total", &[("code", "200")]);
            assert!(now >= counted + 300.0, "{now} after {counted}");
            counted = now;
        }
        over.store(true, Ordering::Relaxed);
        let wrong: Vec<_> = busy.into_iter().filter_map(|client| client.join().expect("it ends").err()).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{what}; {} answered", answered.load(Ordering::Relaxed));
        eventually("each request is counted", || {
            weir.metric("weir_requests_total", &[("code", "200")]) >= answered.load(Ordering::Relaxed) as f64
        });
    }
}

/// A node that may run one request, and runs it until the gate opens.
fn one_place(pool: &str) -> (Origin, Gate, Appliance, Client) {
    let gate = Gate::shut();
    let origin = Origin::waiting_at(&gate, "/slow");
    let pool = format!("max-requests = 1\n{pool}");
    let weir = Plan::before(&[&origin]).pool(&pool).top("stop-timeout = \"60s\"").start();
    let mut runs = weir.client();
    runs.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    (origin, gate, weir, runs)
}

/// The process before runs that request, and the next one has a request that waits for its end: the new process' id.
fn one_waits() -> (Origin, Gate, Appliance, [Client; 2], u32) {
    let (origin, gate, mut weir, runs) = one_place("queue = { size = 5, wait = \"30s\" }");
    let new = upgraded(&mut weir);
    let mut waits = weir.client();
    waits.send(KEPT);
    eventually("the other one waits", || weir.metric("weir_queue_waiting", &[]) == 1.0);
    (origin, gate, weir, [runs, waits], new)
}

#[test]
fn a_node_runs_no_more_than_it_may_though_two_processes_serve() {
    let (origin, gate, mut weir, [mut runs, mut waits], new) = one_waits();
    assert_eq!(origin.last().target(), "/slow", "the node has nothing else");
    gate.open();
    assert_eq!(runs.answer().expect("it is answered").text(), "/slow");
    assert_eq!(waits.answer().expect("it is answered").text(), "/a");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
    assert_eq!(weir.get("/a").status, 200);
}

#[test]
fn where_no_request_can_wait_none_is_refused_for_what_the_process_before_runs() {
    let (_origin, gate, mut weir, mut runs) = one_place("");
    assert_eq!(weir.get("/a").refusal(), "503 nodes-busy");
    let new = upgraded(&mut weir);
    assert_eq!(weir.get("/a").text(), "/a");
    gate.open();
    assert_eq!(runs.answer().expect("it is answered").text(), "/slow");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
}

#[test]
fn a_process_before_that_stands_still_keeps_no_place_at_a_node() {
    let (_origin, gate, mut weir, [mut runs, mut waits], new) = one_waits();
    let old = weir.id();
    weir.signal_process(old, Signal::STOP);
    assert_eq!(waits.answer().expect("nobody waits for what nobody knows").text(), "/a");
    weir.signal_process(old, Signal::CONT);
    // Those that were sent before may not be seen to have left yet.
    eventually("it tells of its request again", || {
        waits = weir.client();
        waits.send(KEPT) && weir.metric("weir_queue_waiting", &[]) >= 1.0
    });
    gate.open();
    assert_eq!(runs.answer().expect("it is answered").text(), "/slow");
    assert_eq!(waits.answer().expect("it is answered").text(), "/a");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
}

#[test]
fn tls_sessions_are_resumed_with_the_next_process() {
    let (_origin, _gate, mut weir) = world();
    let offers = [&rustls::version::TLS13, &rustls::version::TLS12]
        .map(|version| Arc::new(Offer { versions: vec![version], ..Offer::http1("esb.test") }.config()));
    let resumed = |weir: &Appliance, config| {
        let (mut client, agreed) = Client::tls_with(weir.https(), config, "esb.test").expect("a handshake");
        assert_eq!(client.ask(KEPT).status, 200);
        agreed.resumed
    };
    assert!(offers.iter().all(|config| !resumed(&weir, config)));
    for _ in 0..2 {
        let new = upgraded(&mut weir);
        assert_eq!(weir.exit_code(), Some(0));
        weir.belongs_to(new);
        assert!(offers.iter().all(|config| resumed(&weir, config)));
    }
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn the_signal_of_nginx_does_it_too() {
    let (_origin, _gate, mut weir) = world();
    weir.signal(Signal::USR2);
    let told = weir.wait_for_notice("MAINPID=", Duration::from_secs(20)).expect("another process serves");
    let new = told.split("MAINPID=").nth(1).and_then(|rest| rest.lines().next()?.parse().ok()).expect("an id");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
    assert_eq!(weir.get("/a").status, 200);
}

/// A Weir whose program can be replaced, as a package does it.
fn replaceable() -> (Origin, Gate, Appliance) {
    let (origin, gate, mut weir) = world();
    assert_eq!(weir.stop(), Some(0));
    let program = weir.path("weir");
    fs::copy(env!("CARGO_BIN_EXE_weir"), &program).expect("the test's directory can be written");
    weir.start_again_from(&program);
    (origin, gate, weir)
}

/// Another program takes the place of Weir's: a shell script.
fn install(weir: &Appliance, script: &str) {
    let (program, new) = (weir.path("weir"), weir.path("weir.new"));
    fs::write(&new, format!("#!/bin/sh\n{script}\n")).expect("the test's directory can be written");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    fs::rename(&new, &program).expect("the test's directory can be written");
}

#[test]
fn where_the_new_program_cannot_serve_all_stays_as_it_is() {
    let (_origin, _gate, mut weir) = replaceable();
    let ready = "{\"is\":\"ready\",\"version\":\"0.2.0\",\"pid\":4000000000}";
    let ready = format!("m\\{:03o}\\0\\0\\0{ready}", ready.len());
    for (what, script, told) in [
        ("it does not run", "exit 7", "cannot use the configuration (exit status: 7)"),
        ("it refuses the configuration", "echo 'weir.toml:1: no' >&2; exit 78", "weir.toml:1: no"),
        ("it ends before it is ready", "[ \"$1\" = check ] && exit 0; exit 3", "the new process was not ready"),
        (
            "it says nonsense",
            "[ \"$1\" = check ] && exit 0; printf 'm\\002\\0\\0\\0{}' >&0; exec sleep 60",
            "the new process was not ready",
        ),
        (
            "it ends when it may serve",
            &format!("[ \"$1\" = check ] && exit 0; printf '{ready}' >&0; head -c 3000 <&0 > /dev/null; exit 3"),
            "the new process did not begin to serve",
        ),
    ] {
        install(&weir, script);
        let said = weir.command(&["upgrade"]);
        assert_eq!(said.code, Some(1), "{what}: {said:?}\n{}", weir.journal());
        assert!(said.err.contains(told), "{what}: {said:?}");
        assert_eq!(weir.get("/a").status, 200, "{what}");
        assert_eq!(weir.secure_client().ask(KEPT).status, 200, "{what}");
        assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0), "{what}: {}", weir.journal());
        assert_eq!(weir.command(&["activate", "n1"]).code, Some(0), "{what}");
        assert!(!weir.has_ended(), "{what}");
    }
    weir.reload();
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn a_program_that_was_replaced_is_the_new_one() {
    let (_origin, _gate, mut weir) = replaceable();
    let real = env!("CARGO_BIN_EXE_weir");
    install(&weir, &format!("exec {real} \"$@\""));
    let new = upgraded(&mut weir);
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
    let program = fs::read_link(format!("/proc/{new}/exe")).expect("it runs");
    assert_eq!(program, fs::canonicalize(real).expect("it is there"));
}

#[test]
fn when_the_new_process_dies_the_one_before_takes_back() {
    let (origin, gate, mut weir) = world();
    let mut slow = weir.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    eventually("the request runs", || origin.last().target() == "/slow");
    let (old, new) = (weir.id(), upgraded(&mut weir));
    assert!(weir.wait_for_notice(&format!("MAINPID={new}"), Duration::from_secs(5)).is_some());
    assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0), "the new process takes orders");
    assert_eq!(weir.command(&["activate", "n1"]).code, Some(0));
    weir.kill_process(new);
    assert!(weir.wait_for_notice(&format!("MAINPID={old}"), Duration::from_secs(5)).is_some(), "{}", weir.journal());
    assert_eq!(weir.get("/a").status, 200);
    let said = weir.command(&["events"]);
    assert!(said.out.contains("upgrade undone, this process goes on: the new process is gone"), "{said:?}");
    gate.open();
    assert_eq!(slow.answer().expect("it is answered").text(), "/slow");
    let next = upgraded(&mut weir);
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(next);
    assert_eq!(weir.get("/a").status, 200);
}

#[test]
fn a_process_that_has_nothing_left_to_do_takes_back_too_when_the_new_one_dies_soon() {
    let (_origin, _gate, mut weir) = world();
    let (old, new) = (weir.id(), upgraded(&mut weir));
    assert!(weir.wait_for_notice(&format!("MAINPID={new}"), Duration::from_secs(5)).is_some());
    eventually("nothing is left to do for it", || status(weir.admin()).contains("\"connections\":0}"));
    assert_eq!(weir.get("/a").status, 200);
    assert_eq!(weir.command(&["weight", "app", "n1", "7"]).code, Some(0));
    assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0));
    weir.kill_process(new);
    assert!(weir.wait_for_notice(&format!("MAINPID={old}"), Duration::from_secs(5)).is_some(), "{}", weir.journal());
    let told = weir.ask_admin("/api/v1/nodes").text();
    assert!(told.contains("\"weight\":7,\"file_weight\":1"), "what the new process was told holds: {told}");
    assert_eq!(weir.get("/a").status, 503, "and its order too");
    assert_eq!(weir.command(&["activate", "n1"]).code, Some(0), "{}", weir.journal());
    assert_eq!(weir.get("/a").status, 200);
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn an_order_holds_in_the_next_process_though_it_cannot_be_written() {
    let origin = Origin::answering(|_| ok("node"));
    // Nothing can be below a file, not even for root.
    let mut weir = Plan::before(&[&origin]).state_dir("$dir/weir.toml/state").start();
    assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0));
    assert_eq!(weir.command(&["weight", "app", "n1", "7"]).code, Some(0));
    assert_eq!(weir.get("/").status, 503);
    let new = upgraded(&mut weir);
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
    assert_eq!(weir.get("/").status, 503, "a node in maintenance serves\n{}", weir.journal());
    assert!(weir.ask_admin("/api/v1/nodes").text().contains("\"weight\":7,\"file_weight\":1"));
    assert_eq!(weir.command(&["activate", "n1"]).code, Some(0));
    assert_eq!(weir.get("/").status, 200);
}

/// Configures one site more.
fn add_a_site(weir: &Appliance) {
    let site = "[[site]]\nname = \"new\"\nlistener = \"http\"\nhosts = [\"new.test\"]\n[[site.route]]\nanswer = { body = \"new\" }\n";
    weir.edit(|text| text + "\n" + site);
}

fn serves_the_new_site(weir: &Appliance) -> bool {
    weir.client().ask("GET / HTTP/1.1\r\nHost: new.test\r\n\r\n").text() == "new"
}

#[test]
fn a_reload_that_is_asked_for_while_the_next_process_starts_is_done_by_that_one() {
    let (gate, holds) = (Gate::shut(), Arc::new(AtomicBool::new(false)));
    let (opened, held) = (gate.clone(), Arc::clone(&holds));
    let origin = Origin::speaking(move |talk| {
        if talk.target() == "/probe" && held.load(Ordering::SeqCst) {
            opened.pass();
        }
        talk.send(&ok("node"));
    });
    let health = "interval = \"1h\"\ntimeout = \"30s\"\nprobes = [{ kind = \"http\", path = \"/probe\" }]";
    let mut weir = Plan::before(&[&origin]).health(health).top("start-timeout = \"60s\"").start();
    holds.store(true, Ordering::SeqCst);
    let probed = origin.count();
    let new = thread::scope(|scope| {
        let upgrade = scope.spawn(|| weir.command(&["upgrade", "--json"]));
        // By then it has read the configuration.
        origin.reached(probed + 1);
        add_a_site(&weir);
        weir.signal(Signal::HUP);
        let reload = scope.spawn(|| weir.command(&["reload"]));
        gate.open();
        let (upgrade, reload) = (upgrade.join().expect("it ends"), reload.join().expect("it ends"));
        assert_eq!((upgrade.code, reload.code), (Some(0), Some(0)), "{upgrade:?} {reload:?}\n{}", weir.journal());
        let told: serde_json::Value = serde_json::from_str(&upgrade.out).expect("it is JSON");
        u32::try_from(told["pid"].as_u64().expect("a process has an id")).expect("it is small")
    });
    weir.tells(&format!("the reload ordered by signal from SIGHUP goes to process {new}, which serves now"));
    eventually("the new site is there", || serves_the_new_site(&weir));
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
}

#[test]
fn what_the_next_process_read_holds_when_the_one_before_takes_back() {
    let (_origin, _gate, mut weir) = world();
    let (old, new) = (weir.id(), upgraded(&mut weir));
    add_a_site(&weir);
    assert_eq!(weir.command(&["reload"]).code, Some(0), "{}", weir.journal());
    assert!(serves_the_new_site(&weir));
    weir.kill_process(new);
    assert!(weir.wait_for_notice(&format!("MAINPID={old}"), Duration::from_secs(5)).is_some(), "{}", weir.journal());
    eventually("the new site is there", || serves_the_new_site(&weir));
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn a_stop_soon_after_an_upgrade_ends_both_and_is_no_death_of_the_new_one() {
    let (origin, gate, mut weir) = world();
    let mut slow = weir.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    eventually("the request runs", || origin.last().target() == "/slow");
    let (old, new) = (weir.id(), upgraded(&mut weir));
    // As systemd does it: each process of the group.
    [old, new].iter().for_each(|id| weir.signal_process(*id, Signal::TERM));
    eventually("the new one ends", || weir.journal().contains("stopped: every request was answered"));
    gate.open();
    assert_eq!(slow.answer().expect("it is answered").text(), "/slow");
    assert_eq!(weir.exit_code(), Some(0));
    assert!(!weir.journal().contains("upgrade undone"), "{}", weir.journal());
}

#[test]
fn one_upgrade_at_a_time() {
    let (origin, gate, mut weir) = world();
    let mut slow = weir.client();
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    eventually("the request runs", || origin.last().target() == "/slow");
    let (old, new) = (weir.id(), upgraded(&mut weir));
    let said = weir.command(&["upgrade"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains(&format!("process {old}, from which this one took over, is still there")), "{said:?}");
    gate.open();
    assert_eq!(slow.answer().expect("it is answered").text(), "/slow");
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
    eventually("it is known to be gone", || weir.command(&["upgrade", "--json"]).code == Some(0));
}

#[test]
fn what_operators_ordered_and_sessions_are_known_to_the_next_process() {
    let gate = Gate::shut();
    let nodes = ["a", "b"].map(|name| logging_in(name, &gate));
    let sticky = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }";
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(sticky).start();
    let ask = |client: &mut Client, target: &str, session: &str| {
        client.ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID={session}\r\n\r\n")).text()
    };
    let homes: Vec<String> = (0..40).map(|number| weir.get(&format!("/login/s{number}")).text()).collect();
    // Who logs in while the upgrade runs is answered by the process before, and comes back to the next.
    let mut late: Vec<Client> = (0..20).map(|_| weir.client()).collect();
    for (number, client) in late.iter_mut().enumerate() {
        client.send(format!("GET /login/late{number}?slowly HTTP/1.1\r\nHost: esb.test\r\n\r\n"));
    }
    eventually("all log in", || nodes.iter().map(Origin::count).sum::<usize>() == 60);
    assert_eq!(weir.command(&["weight", "app", "n1", "7"]).code, Some(0));
    let new = upgraded(&mut weir);
    eventually("the graph of the next process has what was before", || {
        let series = weir.ask_admin("/api/v1/series?of=pool:app").text();
        let series: serde_json::Value = serde_json::from_str(&series).expect("it is JSON");
        series["requests"].as_array().expect("a list").iter().filter_map(serde_json::Value::as_u64).sum::<u64>() == 40
    });
    gate.open();
    for (number, client) in late.iter_mut().enumerate() {
        let home = client.answer().expect("it is answered").text();
        assert_eq!(ask(&mut weir.client(), "/", &format!("late{number}")), home, "a new session moved: {number}");
    }
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
    for (number, home) in homes.iter().enumerate() {
        assert_eq!(ask(&mut weir.client(), "/", &format!("s{number}")), *home, "a session moved: {number}");
    }
    let told: serde_json::Value =
        serde_json::from_str(&weir.ask_admin("/api/v1/series?of=pool:app").text()).expect("it is JSON");
    let shown = told["requests"].as_array().expect("a list").iter().filter_map(serde_json::Value::as_u64);
    assert!(shown.sum::<u64>() >= 40, "the graph has what was before: {told}");
    let told = weir.ask_admin("/api/v1/nodes").text();
    assert!(told.contains("\"weight\":7,\"file_weight\":1"), "{told}");
}

/// /login/ID gives this session; with ?slowly when the gate opens. The answer is the node's name.
fn logging_in(name: &'static str, gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::speaking(move |talk| {
        let target = talk.target();
        if target.ends_with("?slowly") {
            gate.pass();
        }
        let id = target.strip_prefix("/login/").map(|id| id.trim_end_matches("?slowly").to_owned());
        let cookie = id.map(|id| format!("Set-Cookie: JSESSIONID={id}; Path=/\r\n")).unwrap_or_default();
        let length = name.len();
        talk.send(format!("HTTP/1.1 200 OK\r\n{cookie}Content-Length: {length}\r\n\r\n{name}").as_bytes());
    })
}
