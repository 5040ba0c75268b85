//! Reloads: all or nothing, and nothing in flight notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Appliance, Client, Gate, H2Client, Offer, Origin, Pair, Plan, eventually, free_port, ok, ok_with,
};

const GET: &str = "GET /load HTTP/1.1\r\nHost: esb.test\r\n\r\n";

/// Both listeners; /slow waits at the gate in the middle of its answer.
fn world() -> (Origin, Gate, Appliance) {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::speaking(move |talk| {
        talk.body_length();
        let target = talk.target();
        if target != "/slow" {
            return talk.send(&ok(&target));
        }
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        opened.pass();
        talk.send(b"rest");
    });
    let weir = Plan::before(&[&origin]).secure().start();
    (origin, gate, weir)
}

#[test]
fn a_running_request_and_a_kept_connection_do_not_notice() {
    let (_origin, gate, mut weir) = world();
    let (mut kept, mut secure, mut slow) = (weir.client(), weir.secure_client(), weir.client());
    assert_eq!(kept.ask(GET).status, 200);
    assert_eq!(secure.ask(GET).status, 200);
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    slow.head().expect("the answer begins");
    for _ in 0..3 {
        weir.reload();
    }
    gate.open();
    assert_eq!(slow.exactly(8).expect("the answer goes on"), b"halfrest");
    assert_eq!(kept.ask(GET).status, 200);
    assert_eq!(secure.ask(GET).status, 200);
}

#[test]
fn an_upload_does_not_notice() {
    let (origin, _gate, mut weir) = world();
    let mut client = weir.client();
    client.send("POST /up HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 8\r\n\r\nhalf");
    origin.reached(1);
    weir.reload();
    client.send("rest");
    assert_eq!(client.answer().expect("an answer comes").status, 200);
    assert_eq!(origin.last().body(), b"halfrest");
}

#[test]
fn three_slow_uploads_and_a_stream_do_not_notice() {
    let (origin, gate, mut weir) = world();
    let address = weir.https();
    let stream = std::thread::spawn(move || H2Client::connect(address).get("/slow", &[]));
    origin.reached(1);
    let mut uploads = [weir.client(), weir.secure_client(), weir.client()];
    let framings = ["Content-Length: 12", "Content-Length: 12", "Transfer-Encoding: chunked"];
    for (client, framing) in uploads.iter_mut().zip(framings) {
        client.send(format!("POST /up HTTP/1.1\r\nHost: esb.test\r\n{framing}\r\n\r\n"));
        client.send(if framing.starts_with('T') { "4\r\none \r\n" } else { "one " });
    }
    origin.reached(4);
    for (piece, name, other) in [("two ", "\"n1\"", "\"n2\""), ("six ", "\"n2\"", "\"n3\"")] {
        // Twice with a change that counts: the pool's node gets another name.
        weir.edit(|text| text.replace(name, other));
        weir.reload();
        for (client, framing) in uploads.iter_mut().zip(framings) {
            client.send(if framing.starts_with('T') { format!("4\r\n{piece}\r\n") } else { piece.to_owned() });
        }
    }
    uploads[2].send("0\r\n\r\n");
    for client in &mut uploads {
        assert_eq!(client.answer().expect("an answer comes").text(), "/up");
        assert_eq!(client.ask(GET).text(), "/load", "the connection goes on");
    }
    gate.open();
    let answer = stream.join().expect("the client lives").expect("an answer");
    assert_eq!((answer.text().as_str(), answer.broken.is_none()), ("halfrest", true));
    let whole = origin.seen().iter().filter(|seen| seen.complete && seen.text().contains("one two six ")).count();
    assert_eq!(whole, 3);
    assert_eq!(weir.state("app", "n3"), "active");
}

#[test]
fn new_sites_listeners_and_nodes_serve_and_removed_ones_do_not() {
    let (_origin, _gate, mut weir) = world();
    let other = Origin::named("other");
    let port = free_port();
    let before = weir.read("weir.toml");
    let more = format!(
        "[[listener]]\nname = \"more\"\nbind = \"127.0.0.1:{port}\"\n\
         [[node]]\nname = \"other\"\naddress = \"127.0.0.1\"\n\
         [[pool]]\nname = \"other\"\nnodes = [\"other\"]\nport = {}\n\
         [[site]]\nname = \"other\"\nlistener = [\"http\", \"more\"]\nhosts = [\"other.test\"]\npool = \"other\"\n",
        other.port()
    );
    weir.edit(|text| text + &more);
    weir.reload();
    let address = ([127, 0, 0, 1], port).into();
    let mut kept = Client::plain(address).expect("the new listener accepts");
    assert_eq!(kept.ask("GET /a HTTP/1.1\r\nHost: other.test\r\n\r\n").text(), "other /a");
    assert_eq!(weir.client().ask("GET /b HTTP/1.1\r\nHost: other.test\r\n\r\n").text(), "other /b");
    weir.edit(|_| before);
    weir.reload();
    eventually("the removed listener's socket is closed", || Client::plain(address).is_err());
    assert_eq!(weir.client().ask("GET /b HTTP/1.1\r\nHost: other.test\r\n\r\n").refusal(), "421 unknown-host");
    assert_eq!(weir.get("/a").text(), "/a");
}

#[test]
fn what_runs_on_a_removed_listener_finishes() {
    let (_origin, gate, mut weir) = world();
    let mut slow = weir.secure_client();
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    slow.head().expect("the answer begins");
    weir.edit(|text| {
        let from = text.find("[[listener]]\nname = \"https\"").expect("the file has it");
        let to = text.find("[[node]]").expect("the file has it");
        let site = text.find("[[site]]\nname = \"secure\"").expect("the file has it");
        text[..from].to_owned() + &text[to..site]
    });
    weir.reload();
    eventually("the removed listener's socket is closed", || Client::plain(weir.https()).is_err());
    gate.open();
    assert_eq!(slow.exactly(8).expect("the answer goes on"), b"halfrest");
    assert!(slow.is_closed());
}

/// From here on these are the pool's nodes.
fn nodes_are(weir: &mut Appliance, nodes: std::ops::RangeInclusive<usize>) {
    let items: Vec<_> = nodes.map(|number| format!("{{ node = \"n{number}\" }}")).collect();
    let list = format!("nodes = [{}]", items.join(", "));
    let edited = |line: &str| if line.starts_with("nodes = [") { list.clone() } else { line.to_owned() };
    weir.edit(|text| text.lines().map(edited).collect::<Vec<_>>().join("\n"));
    weir.reload();
}

#[test]
fn a_request_delayed_by_rate_while_a_reload_replaced_the_node_is_served_by_the_new_one() {
    let nodes = [Origin::named("old"), Origin::named("new")];
    let rate = "rate = { requests = 1, per = \"2s\", burst = 3, excess = \"delay\" }";
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).site(rate).start();
    nodes_are(&mut weir, 1..=1);
    assert_eq!(weir.get("/first").text(), "old /first");
    let mut delayed = weir.client();
    delayed.send("GET /delayed HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    assert!(delayed.stays_silent(Duration::from_millis(100)));
    nodes_are(&mut weir, 2..=2);
    nodes[0].stop();
    assert_eq!(delayed.answer().expect("an answer").text(), "new /delayed");
}

#[test]
fn a_request_whose_body_was_awaited_while_a_reload_replaced_the_node_is_served_by_the_new_one() {
    let nodes = [Origin::named("old"), Origin::named("new")];
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).pool("buffer-request = \"64KiB\"").start();
    nodes_are(&mut weir, 1..=1);
    let mut slow = weir.client();
    slow.send("POST /up HTTP/1.1\r\nHost: esb.test\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n");
    assert!(slow.head().expect("Weir reads its body").starts_with("HTTP/1.1 100"));
    nodes_are(&mut weir, 2..=2);
    nodes[0].stop();
    slow.send("halfrest");
    assert_eq!(slow.answer().expect("an answer").text(), "new /up");
    assert_eq!(nodes[1].last().body(), b"halfrest");
}

#[test]
fn a_request_that_a_node_failed_after_a_reload_replaced_all_is_served_by_a_new_one() {
    let gate = Gate::shut();
    let failing = || {
        let opened = gate.clone();
        Origin::speaking(move |_| assert!(opened.pass()))
    };
    let nodes = [failing(), failing(), Origin::named("new")];
    let mut weir = Plan::before(&[&nodes[0], &nodes[1], &nodes[2]]).start();
    nodes_are(&mut weir, 1..=2);
    let mut client = weir.client();
    client.send(GET);
    eventually("a node has it", || nodes[0].count() + nodes[1].count() == 1);
    nodes_are(&mut weir, 3..=3);
    nodes[..2].iter().for_each(Origin::stop);
    assert_eq!(client.answer().expect("an answer").text(), "new /load");
    gate.open();
}

#[test]
fn a_new_certificate_is_shown_from_the_next_handshake_on() {
    let (_origin, _gate, mut weir) = world();
    let config = Arc::new(Offer::http1("esb.test").config());
    let shown = |weir: &Appliance| {
        Client::tls_with(weir.https(), &Arc::new(Offer::http1("esb.test").config()), "esb.test").expect("a handshake").1
    };
    let old = shown(&weir).certificate;
    let (mut kept, _) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
    let pair = Pair::of(&["esb.test"]);
    pair.write(&weir.path("."), "esb");
    weir.reload();
    assert_eq!(shown(&weir).certificate, pair.der());
    assert_ne!(old, pair.der());
    assert_eq!(kept.ask(GET).status, 200);
}

#[test]
fn a_refused_reload_keeps_everything_and_says_why() {
    let (_origin, _gate, mut weir) = world();
    let (good, taken) = (weir.read("weir.toml"), weir.admin().to_string());
    let cases = [
        ("an unknown key", good.replace("threads = 1", "thread = 1"), "thread"),
        ("an unknown pool", good.replace("pool = \"app\"", "pool = \"ap\""), "ap"),
        ("no TOML", format!("{good}\n[[["), "weir.toml"),
        ("a missing key file", good.replace("esb.key", "gone.key"), "gone.key"),
        ("a port that is taken", format!("{good}\n[[listener]]\nname = \"x\"\nbind = \"{}\"\n", weir.admin()), &taken),
    ];
    for (name, text, named) in cases {
        assert_ne!(text, good, "{name}");
        weir.edit(|_| text);
        let length = weir.journal().len();
        let told = weir.reload();
        assert!(told.contains("STATUS="), "{name}: systemd is told nothing: {told}");
        eventually("the journal says what is wrong", || weir.journal()[length..].contains(named));
        assert_eq!(weir.get("/still").text(), "/still", "{name}");
        assert_eq!(weir.secure_client().ask(GET).status, 200, "{name}");
        assert!(weir.metric("weir_reload_last_success", &[]) < 0.5, "{name}");
    }
    weir.edit(|_| good);
    weir.reload();
    assert!(weir.metric("weir_reload_last_success", &[]) > 0.5);
}

#[test]
fn sessions_states_and_counters_stay() {
    let node = |name: &'static str| {
        Origin::answering(move |seen| match seen.target().as_str() {
            "/login" => ok_with("Set-Cookie: JSESSIONID=KEEP\r\n", name),
            _ => ok(name),
        })
    };
    let (one, two, gone) = (node("one"), node("two"), node("gone"));
    gone.stop();
    let pool = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }\neject = { failures = 1, for = \"1h\" }";
    let mut weir = Plan::before(&[&one, &two, &gone]).pool(pool).start();
    for _ in 0..4 {
        assert_eq!(weir.get("/").status, 200);
    }
    let home = weir.get("/login").text();
    assert_eq!(weir.state("app", "n3"), "passive ejected");
    let before = weir.metric("weir_requests_total", &[("pool", "app")]);
    for round in 0..5 {
        weir.edit(|text| text + &format!("# {round}\n"));
        weir.reload();
        assert_eq!(weir.state("app", "n3"), "passive ejected");
        assert!(weir.metric("weir_requests_total", &[("pool", "app")]) >= before);
        for _ in 0..3 {
            let answer = weir.client().ask("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID=KEEP\r\n\r\n");
            assert_eq!(answer.text(), home);
        }
    }
}

/// The series of a pool, without those that count.
fn told_of(weir: &Appliance, pool: &str) -> Vec<String> {
    let text = weir.ask_admin("/metrics").text();
    let label = format!("pool=\"{pool}\"");
    text.lines().filter(|line| line.contains(&label)).map(ToOwned::to_owned).collect()
}

#[test]
fn a_pool_and_a_site_that_a_reload_renames_leave_the_metrics() {
    let (_origin, gate, mut weir) = world();
    // None of these asks for anything more until it is over.
    let (mut kept, mut secure, mut slow) = (weir.client(), weir.secure_client(), weir.client());
    let mut streams = H2Client::connect(weir.https());
    assert_eq!(
        [kept.ask(GET).status, secure.ask(GET).status, streams.get("/load", &[]).map_or(0, |a| a.status)],
        [200; 3]
    );
    slow.send("GET /slow HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    slow.head().expect("the answer begins");
    let gauges = ["weir_pool_without_active_node", "weir_node_active", "weir_node_state", "weir_queue_waiting"];
    let told = |weir: &Appliance| {
        let series = told_of(weir, "app");
        gauges.iter().filter(|gauge| series.iter().any(|line| line.starts_with(&format!("{gauge}{{")))).count()
    };
    let expiry = |weir: &Appliance| weir.metric("weir_certificate_expiry_timestamp_seconds", &[("site", "secure")]);
    assert_eq!((told(&weir), expiry(&weir) > 0.0), (4, true));
    weir.edit(|text| text.replace("\"app\"", "\"application\"").replace("\"secure\"", "\"safe\""));
    weir.reload();
    assert_eq!(
        (told(&weir), expiry(&weir) as u64),
        (0, 0),
        "nothing is told of how they are, whoever still runs there"
    );
    assert!(weir.metric("weir_node_active", &[("pool", "application")]) > 0.5);
    gate.open();
    assert_eq!(slow.exactly(8).expect("the answer goes on"), b"halfrest");
    eventually("nothing counts there any more", || told_of(&weir, "app").is_empty());
    assert!(!weir.ask_admin("/metrics").text().contains("site=\"secure\""));
    assert_eq!([kept.ask(GET).status, secure.ask(GET).status], [200; 2]);
}

#[test]
fn health_survives_so_that_no_node_is_checking_again() {
    let origin = Origin::named("n");
    let health = "interval = \"1s\"\ntimeout = \"1s\"\nrise = 1\nfall = 3\nprobes = [{ kind = \"tcp\" }]";
    let mut weir = Plan::before(&[&origin]).health(health).start();
    eventually("it is active", || weir.state("app", "n1") == "active");
    for _ in 0..5 {
        weir.reload();
        assert_eq!(weir.state("app", "n1"), "active");
        assert_eq!(weir.get("/").status, 200);
    }
}

#[test]
fn a_reload_can_be_asked_for_on_the_admin_address() {
    let (_origin, _gate, weir) = world();
    let ask = |weir: &Appliance| {
        let mut client = weir.operator();
        let answer =
            client.ask("POST /api/reload HTTP/1.1\r\nHost: localhost\r\nX-Weir: 1\r\nContent-Length: 0\r\n\r\n");
        serde_json::from_str::<serde_json::Value>(&answer.text()).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    };
    let (first, second) = (ask(&weir), ask(&weir));
    assert_eq!(first["ok"], true, "{first}");
    assert!(second["generation"].as_u64() > first["generation"].as_u64());
    weir.edit(|text| text.replace("threads = 1", "thread = 1"));
    let refused = ask(&weir);
    assert_eq!(refused["ok"], false);
    let problems = refused["problems"].to_string();
    assert!(problems.contains("thread") && problems.contains("weir.toml"), "{problems}");
    assert_eq!(weir.get("/still").text(), "/still");
}

#[test]
fn what_only_a_restart_can_change_is_told_at_every_reload_until_then() {
    let (_origin, _gate, weir) = world();
    let admin = weir.admin_socket().display().to_string();
    let moved = |text: String| text.replacen("state-dir = \"", "state-dir = \"/nowhere", 1);
    weir.edit(|text| moved(text).replace("threads = 1", "threads = 2"));
    for _ in 0..2 {
        let told = crate::harness::weir(&["reload", "--admin", &admin]).expect("weir reload");
        let warning = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.status.success() && warning.contains("stays 1 and does not become 2; restart"), "{warning}");
        assert!(warning.contains("the state directory stays /") && warning.contains("become /nowhere"), "{warning}");
    }
    weir.edit(|text| text.replace("threads = 2", "threads = 1").replace("/nowhere", ""));
    let told = crate::harness::weir(&["reload", "--admin", &admin]).expect("weir reload");
    assert!(told.status.success() && !String::from_utf8_lossy(&told.stderr).contains("restart"), "{told:?}");
}

/// Asks on one connection, or on a fresh one each time, until told to stop; what comes back is how often and how badly.
fn load(
    weir: &Appliance,
    stop: &Arc<AtomicBool>,
    fresh: bool,
    secure: bool,
) -> std::thread::JoinHandle<(usize, Vec<String>)> {
    let (http, https, stop) = (weir.http(), weir.https(), stop.clone());
    std::thread::spawn(move || {
        let connect = || if secure { Client::tls(https, &Offer::http1("esb.test")) } else { Client::plain(http) };
        let (mut done, mut faults, mut client) = (0, Vec::new(), None);
        while !stop.load(Ordering::SeqCst) {
            let mut one = match client.take().map_or_else(connect, Ok) {
                Ok(one) => one,
                Err(error) => {
                    faults.push(format!("connect: {error}"));
                    continue;
                }
            };
            one.send(GET);
            match one.answer() {
                Ok(answer) if answer.status == 200 && answer.whole => done += 1,
                Ok(answer) => faults.push(format!("{answer:?}")),
                Err(error) => faults.push(format!("answer: {error}")),
            }
            client = if fresh { None } else { Some(one) };
        }
        (done, faults)
    })
}

#[test]
fn three_hundred_reloads_under_load_fail_no_request_and_cut_no_websocket() {
    let echo = Origin::speaking(|talk| {
        talk.body_length();
        let target = talk.target();
        if target != "/ws" {
            return talk.send(&ok(&target));
        }
        talk.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        loop {
            match talk.read_raw() {
                bytes if bytes.is_empty() => return talk.close(),
                bytes => talk.send(&bytes),
            }
        }
    });
    let mut weir = Plan::before(&[&echo]).secure().listener("max-requests = 1000000").start();
    let mut tunnel = weir.client();
    tunnel.send("GET /ws HTTP/1.1\r\nHost: esb.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(tunnel.answer().expect("an answer comes").status, 101);
    let (original, port) = (weir.read("weir.toml"), free_port());
    let pairs = [Pair::of(&["esb.test"]), Pair::of(&["esb.test"])];
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = [(true, false), (false, false), (false, true)]
        .into_iter()
        .map(|(fresh, secure)| load(&weir, &stop, fresh, secure))
        .collect();
    for round in 0..300 {
        let more = format!(
            "[[listener]]\nname = \"more\"\nbind = \"127.0.0.1:{port}\"\n[[site]]\nname = \"more\"\nlistener = \"more\"\nhosts = [\"esb.test\"]\npool = \"app\"\n"
        );
        weir.edit(|_| original.clone() + if round % 2 == 0 { &more } else { "" });
        pairs[round % 2].write(&weir.path("."), "esb");
        weir.reload();
        if round % 50 == 0 {
            tunnel.send("beat");
            assert_eq!(tunnel.exactly(4).expect("the tunnel lives"), b"beat");
        }
    }
    stop.store(true, Ordering::SeqCst);
    for thread in threads {
        let (done, faults) = thread.join().expect("the load runs to its end");
        assert!(done > 100, "only {done} requests");
        assert!(faults.is_empty(), "{} of {done}: {:?}", faults.len(), &faults[..faults.len().min(5)]);
    }
    assert!(weir.metric("weir_generation", &[]) >= 300.0);
}

#[test]
fn reloads_in_a_burst_end_with_the_last_file() {
    let (_origin, _gate, mut weir) = world();
    let base = weir.read("weir.toml");
    for round in 0..20 {
        weir.edit(|_| base.replacen("[\"esb.test\"]", &format!("[\"esb.test\", \"r{round}.test\"]"), 1));
        weir.signal(Signal::HUP);
    }
    eventually("the last file serves", || weir.client().ask("GET / HTTP/1.1\r\nHost: r19.test\r\n\r\n").status == 200);
    assert!(weir.wait_for_notice("READY=1", Duration::from_secs(5)).is_some());
}
