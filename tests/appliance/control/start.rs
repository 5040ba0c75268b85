//! The start: clients are let in when Weir can serve them, and those who waited for it are not lost.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Appliance, Client, Gate, Origin, Plan, eventually};

const PROBED: &str = "interval = \"100ms\"\ntimeout = \"30s\"\nprobes = [{ kind = \"http\", path = \"/probe\" }]";

/// A Weir whose first probe is answered when the gate opens. It is not ready yet.
fn starting(top: &str) -> (Origin, Gate, Appliance) {
    let gate = Gate::shut();
    let origin = Origin::waiting_at(&gate, "/probe");
    let weir = Plan::before(&[&origin]).health(PROBED).top(top).site("explain = true").begin();
    origin.reached(1);
    (origin, gate, weir)
}

#[test]
fn clients_are_let_in_when_the_nodes_were_probed() {
    let (_origin, gate, mut weir) = starting("start-timeout = \"1h\"");
    eventually("the admin address answers", || Client::plain(weir.admin()).is_ok());
    let told = weir.ask_admin("/readyz");
    assert_eq!((told.status, told.text().as_str()), (503, "starting\n"));
    assert!(Client::plain(weir.http()).is_err(), "a balancer in front would send requests");
    let said = weir.command(&["status"]);
    assert!(said.out.contains("no client is let in before each node was probed"), "{said:?}");
    gate.open();
    assert!(weir.wait_for_notice("READY=1", Duration::from_secs(10)).is_some());
    assert_eq!(weir.ask_admin("/readyz").status, 200);
    let first = weir.get("/");
    assert!(first.field("x-weir").is_some_and(|why| why.starts_with("balanced")), "{first:?}");
}

#[test]
fn a_node_that_answers_no_probe_holds_a_start_up_for_its_time_only() {
    let (_origin, _gate, mut weir) = starting("start-timeout = \"200ms\"");
    assert!(weir.wait_for_notice("READY=1", Duration::from_secs(10)).is_some());
    let told = "clients are let in before every node was probed (start-timeout): pool app: n1";
    weir.tells(told);
    assert!(weir.get("/").field("x-weir").is_some_and(|why| why.starts_with("unprobed")));
}

#[test]
fn a_start_ends_at_once_when_it_is_told_to() {
    let (_origin, _gate, mut weir) = starting("start-timeout = \"1h\"");
    let asked = Instant::now();
    assert_eq!(weir.stop(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn a_reload_during_a_start_comes_after_it() {
    let (_origin, gate, mut weir) = starting("start-timeout = \"1h\"");
    weir.edit(|text| text.replace("explain = true", "explain = false"));
    weir.signal(Signal::HUP);
    gate.open();
    let told = weir.wait_for_notice("RELOADING=1", Duration::from_secs(10)).expect("it reloads");
    assert!(told.contains("READY=1"), "systemd took the reload for the start: {told}");
    assert!(weir.wait_for_notice("generation 2", Duration::from_secs(10)).is_some());
    assert_eq!(weir.get("/").field("x-weir"), None);
}

#[test]
fn who_comes_second_to_a_port_does_not_share_it() {
    let (_origin, gate, mut weir) = starting("start-timeout = \"1h\"");
    let other = TcpListener::bind(weir.http()).expect("nobody listens yet");
    gate.open();
    assert_eq!(weir.exit_code(), Some(1));
    weir.tells("another process listens there");
    drop(other);
}

/// Of two machines that share an address one does not have it.
#[test]
fn an_address_that_comes_later_is_listened_on_where_that_is_wanted() {
    let origin = Origin::named("a");
    let elsewhere = "[[listener]]\nname = \"elsewhere\"\nbind = \"192.0.2.77:$https\"\n";
    let site = "[[site]]\nname = \"other\"\nlistener = \"elsewhere\"\ndefault = true\npool = \"app\"\n";
    let mut refused = Plan::before(&[&origin]).more(&format!("{elsewhere}{site}")).begin();
    assert_eq!(refused.exit_code(), Some(1));
    let said = "no interface of this machine has the address 192.0.2.77; where it comes and goes (VRRP)";
    assert!(refused.journal().contains(said), "{}", refused.journal());
    let weir = Plan::before(&[&origin]).more(&format!("{elsewhere}free-bind = true\n{site}")).start();
    assert_eq!(weir.get("/").status, 200);
    assert!(weir.command(&["status"]).out.contains("192.0.2.77"));
}

#[test]
fn readiness_is_told_of_a_pool_or_a_site() {
    let [good, dead] = [Origin::named("a"), Origin::named("b")];
    dead.stop();
    let nothing = "[[pool]]\nname = \"dead\"\nnodes = [\"n2\"]\nport = 1\n[pool.health]\nfall = 1\nprobes = [{ kind = \"tcp\" }]\n\
        [[site]]\nname = \"closed\"\nlistener = \"http\"\nhosts = [\"closed.test\"]\npool = \"dead\"\n";
    let mut weir = Plan::before(&[&good, &dead]).more(nothing).start();
    eventually("the node is known to be dead", || weir.state("dead", "n2") == "passive unhealthy");
    for (asked, status, told) in [
        ("", 200, "no active node in: dead\n"),
        ("?", 200, "no active node in: dead\n"),
        ("?pool=app", 200, "ok\n"),
        ("?pool=dead", 503, "no active node in: dead\n"),
        ("?site=closed", 503, "no active node in: dead\n"),
        ("?pool=app&site=closed", 503, "no active node in: dead\n"),
        ("?pool=ap", 404, "there is no pool \"ap\"; `weir config` shows those that run\n"),
        ("?node=n1", 404, "unknown parameter \"node\"; ?pool=NAME and ?site=NAME are known\n"),
        ("?pool=%zz", 404, "\"%zz\" is not percent-encoded UTF-8\n"),
    ] {
        let answer = weir.ask_admin(&format!("/readyz{asked}"));
        assert_eq!((answer.status, answer.text().as_str()), (status, told), "{asked}");
    }
    // What keepalived runs.
    for (words, code, told) in [
        (&["ready"][..], 0, "ready, but no active node in: dead\n"),
        (&["ready", "--pool", "app"], 0, "ready\n"),
        (&["ready", "--pool", "app", "--site", "closed"], 1, "weir: not ready: no active node in: dead\n"),
        (
            &["ready", "--site", "open"],
            1,
            "weir: not ready: there is no site \"open\"; `weir config` shows those that run\n",
        ),
        (
            &["ready", "--site", "closed", "--json"],
            1,
            "{\n  \"ready\": false,\n  \"said\": \"no active node in: dead\"\n}\n",
        ),
    ] {
        let said = weir.command(words);
        assert_eq!((said.code, said.out.clone() + &said.err), (Some(code), told.to_owned()), "{words:?}");
    }
    assert_eq!(weir.stop(), Some(0));
    let said = weir.command(&["ready"]);
    assert!(said.code == Some(1) && said.err.starts_with("weir: not ready: cannot reach Weir at "), "{said:?}");
}

/// It must not keep keepalived waiting.
#[test]
fn a_weir_that_stands_still_is_not_ready_after_a_second() {
    let origin = Origin::named("a");
    let weir = Appliance::in_front_of(&[&origin]);
    weir.signal(Signal::STOP);
    let (asked, said) = (Instant::now(), weir.command(&["ready"]));
    let took = asked.elapsed();
    weir.signal(Signal::CONT);
    assert!(said.code == Some(1) && said.err.contains("no answer from") && said.err.contains("within 1 s"), "{said:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn clients_who_wait_at_a_socket_of_the_process_before_are_served() {
    serves_who_waits("listener-127.0.0.1");
}

#[test]
fn a_socket_unit_holds_clients_while_weir_does_not_run() {
    serves_who_waits("weir.socket");
}

/// Somebody else, as systemd, has a listening socket, and starts Weir with it.
fn serves_who_waits(name: &str) {
    let origin = Origin::named("a");
    let mut weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.stop(), Some(0));
    let socket = TcpListener::bind(weir.http()).expect("Weir has left it");
    for _ in 0..2 {
        let mut waiting = Client::plain(weir.http()).expect("the socket listens");
        waiting.send("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        weir.start_again_with(&socket, name);
        assert_eq!(waiting.answer().expect("it is served").text(), "a /");
        assert_eq!(weir.get("/").status, 200);
        assert_eq!(weir.stop(), Some(0));
        if name.starts_with("listener-") {
            // Stopped for good: nobody is let in any more, as the kernel was told.
            break;
        }
    }
}

#[test]
fn a_core_file_would_hold_no_keys() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).start();
    let filter = std::fs::read_to_string(format!("/proc/{}/coredump_filter", weir.id())).expect("this system has it");
    assert_eq!(filter.trim().trim_start_matches('0'), "", "{filter}");
}
