//! How often somebody may come, and with how many connections at once.

use std::time::{Duration, Instant};

use crate::gated_world::node;
use crate::harness::{Answer, Appliance, Client, Gate, H2Client, Offer, Origin, Plan, eventually, ok};

/// A GET with more fields.
fn get(weir: &Appliance, target: &str, fields: &str) -> Answer {
    weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n{fields}\r\n"))
}

fn statuses(weir: &Appliance, target: &str, fields: &str, requests: usize) -> Vec<u16> {
    (0..requests).map(|_| get(weir, target, fields).status).collect()
}

#[test]
fn a_client_that_comes_too_often_is_told_when_to_come_again() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().site("rate = { requests = 1, per = \"1m\" }").start();
    assert_eq!(weir.get("/").status, 200);
    let refused = weir.get("/");
    assert_eq!(refused.refusal(), "429 rate-limited");
    let after: u64 = refused.field("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((50..=60).contains(&after), "{after}");
    assert_eq!(origin.count(), 1);
    let refusals = || weir.metric("weir_refusals_total", &[("site", "main"), ("word", "rate-limited")]) as u32;
    eventually("the refusal is counted", || refusals() == 1);
    // Another site counts for itself, and so does HTTP/2 there: one client is one, whatever it speaks.
    let mut two = H2Client::connect(weir.https());
    assert_eq!(two.get("/", &[]).expect("an answer").status, 200);
    let refused = two.get("/", &[]).expect("an answer");
    assert_eq!((refused.status, refused.fields.contains_key("retry-after")), (429, true));
    assert_eq!(weir.secure_client().ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 429);
    eventually("the access log tells it", || weir.journal().contains("refusal=rate-limited"));
}

#[test]
fn a_rate_is_kept_over_time_and_a_burst_beside_it() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).site("rate = { requests = 1, per = \"1s\", burst = 3 }").start();
    assert_eq!(statuses(&weir, "/", "", 6), [200, 200, 200, 200, 429, 429]);
    let began = Instant::now();
    eventually("there is room again", || weir.get("/").status == 200);
    assert!(began.elapsed() < Duration::from_secs(4), "one drains in a second: {:?}", began.elapsed());
    assert_eq!(statuses(&weir, "/", "", 2)[1], 429, "one has drained, and no more");
}

#[test]
fn delayed_requests_are_spaced_by_the_rate() {
    let origin = Origin::named("n");
    let rate = "rate = { requests = 2, per = \"1s\", burst = 2, excess = \"delay\" }";
    let weir = Plan::before(&[&origin]).site(rate).start();
    let began = Instant::now();
    let mut clients: Vec<Client> = (0..4).map(|_| weir.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: esb.test\r\n\r\n"));
    }
    let answers: Vec<_> =
        clients.iter_mut().map(|client| (client.answer().expect("an answer").status, began.elapsed())).collect();
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(served, 3, "the fourth is beyond the burst: {answers:?}");
    let last = answers.iter().filter(|(status, _)| *status == 200).map(|(_, at)| *at).max().unwrap_or_default();
    assert!((950..4_000).contains(&last.as_millis()), "they are 500 ms apart: {answers:?}");
    assert_eq!(origin.count(), 3);
}

#[test]
fn a_client_that_leaves_while_delayed_by_rate_does_not_reach_the_node() {
    let origin = Origin::named("n");
    let rate = "rate = { requests = 1, per = \"1s\", burst = 3, excess = \"delay\" }";
    let weir = Plan::before(&[&origin]).site(rate).start();
    assert_eq!(weir.get("/first").status, 200);
    let mut gone = weir.client();
    gone.send("GET /gone HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    assert!(gone.stays_silent(Duration::from_millis(100)));
    gone.reset();
    eventually("it is seen to go", || weir.journal().contains("refusal=client-gone"));
    assert_eq!(get(&weir, "/last", "").status, 200);
    assert!(origin.seen().iter().all(|seen| seen.target() != "/gone"));
}

#[test]
fn a_client_that_ends_its_direction_while_delayed_by_rate_is_still_answered() {
    let origin = Origin::named("n");
    let rate = "rate = { requests = 1, per = \"5s\", burst = 3, excess = \"delay\" }";
    let weir = Plan::before(&[&origin]).site(rate).start();
    assert_eq!(weir.get("/first").status, 200);
    let mut half = weir.client();
    half.send("GET /half HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    half.finish();
    assert_eq!(half.answer().expect("an answer").status, 200);
}

#[test]
fn who_was_delayed_by_rate_still_has_all_of_the_queues_patience() {
    let gate = Gate::shut();
    let origin = node("n", &gate);
    let rate = "rate = { requests = 1, per = \"4s\", burst = 3, excess = \"delay\" }";
    let pool = "max-requests = 1\nqueue = { size = 5, wait = \"1500ms\" }";
    let weir = Plan::before(&[&origin]).pool(pool).site(rate).start();
    let mut holder = weir.client();
    holder.send("GET /hold HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    let mut late = weir.client();
    late.send("GET /late HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    eventually("it waits for a place", || weir.metric("weir_queue_waiting", &[("pool", "app")]) > 0.5);
    gate.open();
    assert_eq!(late.answer().expect("an answer").status, 200);
    assert_eq!(holder.answer().expect("an answer").status, 200);
}

#[test]
fn no_request_was_held_back_for_longer_than_it_lasted() {
    let origin = Origin::named("n");
    let rate = "rate = { requests = 1, per = \"1h\", burst = 3, excess = \"delay\" }";
    let weir = Plan::before(&[&origin]).site(rate).start();
    assert_eq!(weir.get("/first").status, 200);
    let mut gone = weir.client();
    gone.send("GET /gone HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    assert!(gone.stays_silent(Duration::from_millis(100)));
    gone.reset();
    eventually("it is seen to go", || weir.journal().contains("refusal=client-gone"));
    let journal = weir.journal();
    let line = journal.lines().find(|line| line.contains("client-gone")).unwrap_or_default();
    let seconds = |name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=")).expect("the line has it");
        rest.split(' ').next().and_then(|text| text.parse::<f64>().ok()).expect("seconds")
    };
    assert!(seconds("queued") >= 0.09 && seconds("queued") <= seconds("time"), "{line}");
}

#[test]
fn clients_are_told_apart_by_a_field_or_by_network_behind_a_trusted_proxy() {
    let origin = Origin::named("n");
    let routes = "[[site.route]]\nprefix = \"/tenant\"\n\
        rate = { requests = 2, per = \"1m\", burst = 1, by = \"header\", header = \"X-Tenant\" }\n\
        [[site.route]]\nprefix = \"/net\"\nrate = { requests = 1, per = \"1m\", ipv4-prefix = 24, ipv6-prefix = 48 }\n\
        [[site.route]]\nprefix = \"/one\"\nrate = { requests = 1, per = \"1m\" }\n";
    let weir = Plan::before(&[&origin]).listener("trusted-proxies = [\"127.0.0.1\"]").site(routes).start();
    for tenant in ["gold", "silver"] {
        assert_eq!(statuses(&weir, "/tenant", &format!("X-Tenant: {tenant}\r\n"), 3), [200, 200, 429], "{tenant}");
    }
    assert_eq!(statuses(&weir, "/tenant", "", 3), [200, 200, 429], "without the field it is the client that counts");
    let from = |target, client: &str| get(&weir, target, &format!("X-Forwarded-For: {client}\r\n")).status;
    let rows = [
        ("/one", "198.51.100.1", 200),
        ("/one", "198.51.100.1", 429),
        ("/one", "198.51.100.2", 200),
        ("/one", "203.0.113.9, 198.51.100.2", 429),
        ("/one", "2001:db8:0:1::1", 200),
        ("/one", "2001:db8:0:1::2", 429),
        ("/one", "2001:db8:0:2::1", 200),
        ("/net", "198.51.100.1", 200),
        ("/net", "198.51.100.2", 429),
        ("/net", "198.51.101.2", 200),
        ("/net", "2001:db8:0:1::1", 200),
        ("/net", "2001:db8:0:2::1", 429),
    ];
    for (target, client, expected) in rows {
        assert_eq!(from(target, client), expected, "{client} to {target}");
    }
}

#[test]
fn without_trusted_proxies_nobody_escapes_his_rate_by_a_claim() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).site("rate = { requests = 1, per = \"1m\" }").start();
    let from = |client| get(&weir, "/", &format!("X-Forwarded-For: {client}\r\n")).status;
    assert_eq!([from("198.51.100.1"), from("198.51.100.2"), from("198.51.100.3")], [200, 429, 429]);
}

#[test]
fn the_rates_of_site_and_route_hold_both() {
    let origin = Origin::named("n");
    let site = "rate = { requests = 4, per = \"1m\", burst = 3 }\n\
        [[site.route]]\nprefix = \"/login\"\nrate = { requests = 1, per = \"1m\" }\n\
        [[site.route]]\nprefix = \"/own\"\nanswer = { body = \"own\" }\n\
        [[site.route]]\nprefix = \"/no\"\ndeny = true\n";
    let weir = Plan::before(&[&origin]).site(site).start();
    assert_eq!(weir.get("/no").status, 403, "who is denied is not counted");
    assert_eq!(statuses(&weir, "/login", "", 1), [200]);
    assert_eq!(statuses(&weir, "/own", "", 1), [200], "Weir's own answers count");
    assert_eq!(statuses(&weir, "/", "", 3), [200, 200, 429]);
    assert_eq!(weir.get("/own").status, 429);
    assert_eq!(weir.get("/login").status, 429);
    assert_eq!(weir.get("/no").status, 403);
}

#[test]
fn a_reload_forgets_no_count_and_a_changed_rate_begins_anew() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin])
        .site("rate = { requests = 1, per = \"1m\" }\n[[site.route]]\nprefix = \"/r\"\nrate = { requests = 1, per = \"1h\" }\n")
        .start();
    assert_eq!(statuses(&weir, "/", "", 2), [200, 429]);
    weir.edit(|text| text + "# nothing\n");
    weir.reload();
    assert_eq!(statuses(&weir, "/", "", 1), [429]);
    weir.edit(|text| text.replace("requests = 1, per = \"1m\"", "requests = 2, per = \"1m\", burst = 1"));
    weir.reload();
    assert_eq!(statuses(&weir, "/", "", 3), [200, 200, 429]);
}

/// Connections beyond a limit, or of who may not come.
fn turned_away(weir: &Appliance, reason: &str) -> u32 {
    weir.metric("weir_connections_refused_total", &[("listener", "http"), ("reason", reason)]) as u32
}

/// A connection that is served.
fn served(weir: &Appliance) -> Option<Client> {
    let mut client = Client::plain(weir.http()).ok()?;
    client.send("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    client.answer().is_ok_and(|answer| answer.status == 200).then_some(client)
}

#[test]
fn a_full_listener_says_so_and_serves_again_when_somebody_leaves() {
    for (limit, reason) in [("max-connections = 3", "listener-full"), ("max-connections-per-client = 3", "client-full")]
    {
        let origin = Origin::named("n");
        let mut weir = Plan::before(&[&origin]).listener(limit).start();
        let mut held: Vec<Client> = (0..3).map(|_| served(&weir).expect("there is room")).collect();
        for _ in 0..2 {
            let mut next = weir.client();
            let answer = next.ask("POST / HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 4\r\n\r\nbody");
            assert_eq!(answer.refusal(), format!("503 {reason}"));
            let said = (answer.field("connection"), answer.field("retry-after"));
            assert_eq!(said, (Some("close".to_owned()), Some("5".to_owned())));
            assert!(next.is_closed(), "it was there for one answer");
        }
        assert_eq!(turned_away(&weir, reason), 2);
        assert_eq!(origin.count(), 3, "no node hears of them");
        let told = format!("(3) {}: more get 503 {reason}", if reason == "client-full" { "open" } else { "are open" });
        eventually("the journal tells it", || weir.journal().contains(&told));
        assert!(!weir.journal().contains("no node was asked"), "one line for all: {}", weir.journal());
        assert_eq!(held[0].ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200, "who is in stays in");
        drop(held.pop());
        let mut next = None;
        eventually("the place is free again", || {
            next = served(&weir);
            next.is_some()
        });
        assert!(served(&weir).is_none(), "one left, one came: {limit}");
        weir.reload();
        assert!(served(&weir).is_none(), "a reload forgets nobody: {limit}");
        drop(held);
        eventually("all places are free again", || served(&weir).is_some());
        assert_eq!(weir.ask_admin("/livez").status, 200, "the admin address has no such limit");
    }
}

#[test]
fn of_many_beyond_a_limit_some_are_told_and_others_closed_and_silent_ones_stay_for_two_seconds() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).listener("max-connections = 1").start();
    let inside = served(&weir).expect("there is room");
    let silent: Vec<Client> = (0..64).map(|_| weir.client()).collect();
    eventually("all of these are beyond the limit", || turned_away(&weir, "listener-full") == 64);
    let since = Instant::now();
    assert!(weir.client().is_closed(), "the 65th");
    let mut told = weir.client();
    eventually("who says nothing is closed", || {
        told = weir.client();
        told.send("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        told.answer().is_ok_and(|answer| answer.refusal() == "503 listener-full")
    });
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    drop(inside);
    eventually("there is room again, beside those", || served(&weir).is_some());
    drop(silent);
}

#[test]
fn connections_of_tls_count_from_before_their_handshake() {
    let origin = Origin::named("n");
    let weir = Plan::before(&[&origin]).secure().listener("max-connections-per-client = 2").start();
    let silent: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(weir.https()).expect("it accepts")).collect();
    let told = |reason| weir.metric("weir_connections_refused_total", &[("listener", "https"), ("reason", reason)]);
    let mut third = Client::tls(weir.https(), &Offer::http1("esb.test")).expect("it is told why");
    assert_eq!(third.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").refusal(), "503 client-full");
    let fourth = H2Client::connect(weir.https()).get("/", &[]).expect("it is told too");
    assert!(
        fourth.status == 503 && fourth.text().starts_with("503 client-full"),
        "{} {}",
        fourth.status,
        fourth.text()
    );
    assert_eq!(told("client-full").round(), 2.0);
    drop(silent);
    eventually("there is room again", || {
        Client::tls(weir.https(), &Offer::http1("esb.test"))
            .is_ok_and(|mut client| client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status == 200)
    });
}

#[test]
fn streams_of_one_connection_are_one_connection() {
    let origin = Origin::answering(|_| ok("fine"));
    let weir = Plan::before(&[&origin]).secure().listener("max-connections = 1").start();
    let mut client = H2Client::connect(weir.https());
    let paths: Vec<String> = (0..20).map(|number| format!("/{number}")).collect();
    assert_eq!(client.get_all(&paths).len(), 20);
}

#[test]
fn who_may_not_connect_is_closed_before_a_byte_and_others_come_in() {
    let origin = Origin::named("n");
    let mut weir = Plan::before(&[&origin]).secure().listener("deny-from = [\"10.66.0.0/16\"]").start();
    let mut open = weir.client();
    assert_eq!(open.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
    weir.edit(|text| text.replace("10.66.0.0/16", "127.0.0.1"));
    weir.reload();
    assert!(weir.client().is_closed(), "a plain one");
    assert!(Client::tls(weir.https(), &Offer::http1("esb.test")).is_err(), "no handshake for those");
    let denied = || weir.metric("weir_connections_refused_total", &[("reason", "denied")]) as u32;
    eventually("both are counted", || denied() == 2);
    // A connection that was open before is no way in either.
    assert_eq!(open.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").refusal(), "403 denied");
    weir.edit(|text| text.replace("deny-from = [\"127.0.0.1\"]", "allow-from = [\"127.0.0.0/8\"]"));
    weir.reload();
    assert_eq!(weir.get("/").status, 200);
    assert_eq!(origin.count(), 2);
}

#[test]
fn a_rate_of_a_listener_counts_over_all_of_its_sites_and_over_a_reload() {
    let origin = Origin::named("n");
    let other = "[[site]]\nname = \"other\"\nlistener = \"http\"\nhosts = [\"other.test\"]\npool = \"app\"";
    let rate = "rate = { requests = 2, per = \"1m\", burst = 1 }";
    let mut weir = Plan::before(&[&origin]).threads(2).listener(rate).more(other).start();
    let ask = |weir: &Appliance, host: &str| {
        weir.client().ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).status
    };
    // What reaches no site is not counted.
    assert_eq!(ask(&weir, "unknown.test"), 421);
    assert_eq!([ask(&weir, "esb.test"), ask(&weir, "other.test"), ask(&weir, "esb.test")], [200, 200, 429]);
    weir.edit(|text| text.replace("threads", "# once more\nthreads"));
    weir.reload();
    assert_eq!(ask(&weir, "other.test"), 429);
    assert_eq!(origin.count(), 2);
}
