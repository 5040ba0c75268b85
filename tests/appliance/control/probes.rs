//! Probes over reloads and names that move, and who serves before the first of them is over.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::harness::{Appliance, Client, Dns, Gate, Origin, Plan, Says, Seen, Talk, eventually, ok, ok_with, within};

const FIRST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const FIXED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Answers with its name; a probe waits at the gate.
fn probed_behind(name: &'static str, gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::speaking(move |talk| {
        talk.body_length();
        let target = talk.target();
        if target == "/probe" {
            gate.pass();
        }
        let cookie = target.strip_prefix("/login/").map(|id| format!("Set-Cookie: JSESSIONID={id}; Path=/\r\n"));
        talk.send(&ok_with(&cookie.unwrap_or_default(), name));
    })
}

const SLOW: &str =
    "interval = \"100ms\"\ntimeout = \"30s\"\nrise = 1\nprobes = [{ kind = \"http\", path = \"/probe\" }]";

/// A start that waits for no probe.
const AT_ONCE: &str = "start-timeout = \"0s\"";

fn ask(weir: &Appliance, target: &str, session: &str) -> String {
    let cookie = format!("Cookie: JSESSIONID={session}");
    weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n{cookie}\r\n\r\n")).text()
}

#[test]
fn a_probe_that_takes_longer_than_the_time_between_reloads_passes() {
    let origin = Origin::speaking(|talk| {
        within(Duration::from_millis(800), || false);
        talk.send(&ok("n"));
    });
    let health = "interval = \"200ms\"\ntimeout = \"5s\"\nrise = 1\nprobes = [{ kind = \"http\" }]";
    let mut weir = Plan::before(&[&origin]).health(health).start();
    let passed = (0..25).any(|round| {
        weir.edit(|text| text + &format!("# {round}\n"));
        weir.reload();
        within(Duration::from_millis(250), || weir.state("app", "n1") == "active")
    });
    assert!(passed, "{}", weir.journal());
    assert!(origin.count() <= 3, "{} probes", origin.count());
}

#[test]
fn a_reload_that_corrects_a_probe_is_followed_at_once() {
    let origin = Origin::answering(|seen| match seen.target().as_str() {
        "/right" => ok("n"),
        _ => b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let health = "interval = \"1h\"\nfall = 1\nrise = 1\nprobes = [{ kind = \"http\", path = \"/wrong\" }]";
    let mut weir = Plan::before(&[&origin]).health(health).start();
    eventually("it fails", || weir.state("app", "n1") == "passive unhealthy");
    weir.reload();
    assert_eq!(origin.count(), 1, "nothing has changed that it asks");
    weir.edit(|text| text.replace("/wrong", "/right"));
    weir.reload();
    eventually("it passes", || weir.state("app", "n1") == "active");
    weir.edit(|text| {
        let health = text.find("[pool.health]").expect("it is there");
        let site = text.find("[[site]]").expect("it is there");
        text[..health].to_owned() + &text[site..]
    });
    weir.reload();
    assert_eq!((weir.state("app", "n1").as_str(), origin.count()), ("active", 2));
}

/// A node with a name that moves, and a fixed one beside it that behaves so; both are probed this often.
fn moving(fixed: impl Fn(&mut Talk) + Send + Sync + 'static, health: &str) -> (Dns, [Origin; 3], Appliance) {
    let dns = Dns::saying(Says::Addresses(vec![FIRST]));
    let well = |talk: &mut Talk| talk.send(&ok("moving"));
    let first = Origin::speaking(well);
    let (second, fixed) = (first.beside(SECOND, well), first.beside(FIXED, fixed));
    let text = format!(
        "state-dir = \"$dir\"\nthreads = 1\n[admin]\nbind = \"127.0.0.1:$admin\"\n[dns]\nservers = [\"{}\"]\n\
         [[listener]]\nname = \"http\"\nbind = \"127.0.0.1:$http\"\n\
         [[node]]\nname = \"fixed\"\naddress = \"{FIXED}\"\n[[node]]\nname = \"moving\"\naddress = \"moving.test\"\n\
         [[pool]]\nname = \"app\"\nnodes = [\"fixed\", \"moving\"]\nport = {}\n[pool.health]\n{health}\n\
         probes = [{{ kind = \"http\", path = \"/probe\" }}]\n\
         [[site]]\nname = \"main\"\nlistener = \"http\"\nhosts = [\"esb.test\"]\npool = \"app\"\n",
        dns.address(),
        first.port()
    );
    (dns, [first, second, fixed], Plan::text(text).start())
}

/// The name leads elsewhere, and Weir has noticed.
fn moves(dns: &Dns, weir: &Appliance, round: usize) {
    let to = if round.is_multiple_of(2) { SECOND } else { FIRST };
    dns.says(Says::Addresses(vec![to]));
    eventually("the name moves", || weir.ask_admin("/api/nodes").text().contains(&format!("moving@{to}")));
}

#[test]
fn a_name_that_moves_leaves_the_probes_of_another_node_alone() {
    let began = Instant::now();
    let (dns, [.., fixed], weir) = moving(|talk| talk.send(&ok("fixed")), "interval = \"3s\"\nrise = 1");
    eventually("it is active", || weir.state("app", "fixed") == "active");
    (0..6).for_each(|round| moves(&dns, &weir, round));
    let most = 1 + (began.elapsed().as_secs_f64() / 2.7) as usize;
    assert!(fixed.count() <= most, "{} probes in {:?}", fixed.count(), began.elapsed());
}

#[test]
fn a_dead_node_becomes_passive_while_the_name_of_another_moves() {
    let silent = |talk: &mut Talk| assert!(talk.wait_for_close());
    let health = "interval = \"100ms\"\ntimeout = \"2500ms\"\nfall = 2\npatience = \"0s\"";
    let (dns, _origins, weir) = moving(silent, health);
    let noticed = (0..12).any(|round| {
        moves(&dns, &weir, round);
        weir.state("app", "fixed") == "passive unhealthy"
    });
    assert!(noticed, "{}", weir.journal());
}

#[test]
fn a_start_that_does_not_wait_serves_before_the_first_probe_is_over() {
    let gate = Gate::shut();
    let nodes = [probed_behind("a", &gate), probed_behind("b", &gate)];
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).health(SLOW).top(AT_ONCE).site("explain = true").start();
    assert_eq!((weir.state("app", "n1").as_str(), weir.ask_admin("/readyz").status), ("passive checking", 200));
    let told = weir.ask_admin("/api/why?host=esb.test").text();
    assert!(told.contains("unprobed"), "{told}");
    for name in ["a", "b"] {
        let answer = weir.get("/");
        assert_eq!((answer.status, answer.text().as_str()), (200, name));
        assert!(answer.field("x-weir").is_some_and(|why| why.starts_with("unprobed; node=n")), "{answer:?}");
    }
    gate.open();
    eventually("probes pass", || ["n1", "n2"].iter().all(|node| weir.state("app", node) == "active"));
    assert!(weir.get("/").field("x-weir").is_some_and(|why| why.starts_with("balanced")));
}

#[test]
fn a_dead_node_beside_one_that_was_never_probed_costs_no_request() {
    let gate = Gate::shut();
    let nodes = [Origin::named("a"), probed_behind("b", &gate)];
    nodes[0].stop();
    let health = SLOW.replace("\"100ms\"", "\"1h\"");
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).health(&health).top(AT_ONCE).start();
    assert!((0..6).all(|_| weir.get("/").text() == "b"));
    nodes[1].stop();
    assert_eq!(weir.get("/").refusal(), "503 no-active-node");
    gate.open();
}

#[test]
fn a_new_node_beside_good_ones_waits_for_its_probes() {
    let (open, shut) = (Gate::shut(), Gate::shut());
    open.open();
    let nodes = [probed_behind("a", &open), probed_behind("b", &shut)];
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).health(SLOW).top(AT_ONCE).start();
    eventually("the first one passes", || weir.state("app", "n1") == "active");
    assert!((0..6).all(|_| weir.get("/").text() == "a"));
    assert_eq!(weir.state("app", "n2"), "passive checking");
    weir.edit(|text| text.replace("{ node = \"n1\" }, ", ""));
    weir.reload();
    assert_eq!(weir.get("/").text(), "b", "it is the only one now");
    shut.open();
    eventually("it passes", || weir.state("app", "n2") == "active");
}

#[test]
fn reloads_that_replace_every_node_pool_and_site_fail_no_request_though_probes_are_slow() {
    let origin = Origin::speaking(|talk| {
        talk.body_length();
        if talk.target() == "/probe" {
            within(Duration::from_millis(300), || false);
        }
        talk.send(&ok("n"));
    });
    let mut weir = Plan::before(&[&origin]).health(SLOW).top(AT_ONCE).start();
    let (http, stop, done) = (weir.http(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (over, count) = (Arc::clone(&stop), Arc::clone(&done));
    let load = std::thread::spawn(move || {
        let mut faults = HashMap::new();
        while !over.load(SeqCst) {
            let mut client = Client::plain(http).expect("the listener accepts");
            let answer = client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
            count.fetch_add(1, SeqCst);
            if answer.status != 200 {
                *faults.entry(answer.refusal()).or_insert(0) += 1;
            }
        }
        faults
    });
    let names = [("\"n1\"", "\"m1\""), ("\"app\"", "\"other\""), ("\"main\"", "\"site\""), ("\"m1\"", "\"n2\"")];
    for (old, new) in names {
        weir.edit(|text| text.replace(old, new));
        weir.reload();
        let so_far = done.load(SeqCst);
        eventually("requests come", || done.load(SeqCst) > so_far + 20);
    }
    stop.store(true, SeqCst);
    assert_eq!(load.join().expect("the load runs to its end"), HashMap::new());
}

#[test]
fn after_a_restart_sessions_find_their_node_before_the_first_probe_has_passed() {
    let gate = Gate::shut();
    let nodes = [probed_behind("a", &gate), probed_behind("b", &gate)];
    let learn = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }";
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(learn).health(SLOW).top(AT_ONCE).start();
    let sessions = ["ONE", "TWO", "THREE", "FOUR"];
    let homes = sessions.map(|session| weir.get(&format!("/login/{session}")).text());
    assert_eq!(homes, ["a", "b", "a", "b"]);
    assert_eq!(weir.stop(), Some(0));
    weir.start_again();
    for _ in 0..3 {
        assert_eq!(sessions.map(|session| ask(&weir, "/", session)), homes);
    }
    gate.open();
}

#[test]
fn requests_that_wait_for_a_node_that_was_never_probed_are_served_in_order() {
    let (probes, gate) = (Gate::shut(), Gate::shut());
    let (held, passed) = (gate.clone(), probes.clone());
    let origin = Origin::speaking(move |talk| {
        match talk.target().as_str() {
            "/probe" => passed.pass(),
            "/hold" => held.pass(),
            _ => true,
        };
        talk.send(&ok("n"));
    });
    let pool = "max-requests = 1\nqueue = { size = 9, wait = \"30s\" }";
    let weir = Plan::before(&[&origin]).pool(pool).health(SLOW).top(AT_ONCE).start();
    let join = |(number, target): (usize, &&str)| {
        let mut client = weir.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n\r\n"));
        eventually("it is held", || origin.seen().iter().any(|seen| seen.target() == "/hold"));
        eventually("it waits", || weir.metric("weir_queue_waiting", &[("pool", "app")]) as usize == number);
        client
    };
    let mut clients: Vec<Client> = ["/hold", "/1", "/2", "/3"].iter().enumerate().map(join).collect();
    gate.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").status, 200));
    let order: Vec<_> = origin.seen().iter().map(Seen::target).filter(|path| path != "/probe").collect();
    assert_eq!(order, ["/hold", "/1", "/2", "/3"]);
    probes.open();
}
