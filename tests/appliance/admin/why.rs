//! Why a request went where it went: in the answer, in the log, and asked of a running Weir without sending anything.

use serde_json::Value;

use crate::gated_world::World;
use crate::harness::{Answer, Gate, H2Client, Origin, Plan, Talk, eventually, ok, ok_with, within};

const LEARN: &str = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }";
const EJECT: &str = "eject = { failures = 1, for = \"1h\" }";

/// Two nodes, a and b, before this pool.
fn world(pool: &str) -> World {
    with(pool, |plan| plan)
}

fn with(pool: &str, more: impl FnOnce(Plan) -> Plan) -> World {
    World::of(&["a", "b"], pool, more)
}

/// The word, the node, and the seconds that it waited, as `X-Weir` tells them.
fn told(answer: &Answer) -> (String, String, f64) {
    let lines = answer.values("x-weir");
    assert_eq!(lines.len(), 1, "{}", answer.head);
    let mut parts = lines[0].split("; ");
    let word = parts.next().unwrap_or_default().to_owned();
    let node = parts.next().and_then(|part| part.strip_prefix("node=")).expect("a node or a dash").to_owned();
    let queued = parts.next().and_then(|part| part.strip_prefix("queued=")?.parse().ok()).expect("seconds");
    assert_eq!(parts.next(), None);
    (word, node, queued)
}

fn word(answer: &Answer) -> String {
    told(answer).0
}

/// What the node `n1` calls itself, and so on.
fn own_name(node: &str) -> &'static str {
    if node == "n1" { "a" } else { "b" }
}

impl World {
    fn in_session(&self, id: &str) -> Answer {
        self.weir.client().ask(format!("GET /s HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID={id}\r\n\r\n"))
    }

    /// A session, and the place of its node.
    fn login(&self, id: &str) -> usize {
        usize::from(self.weir.get(&format!("/login/{id}")).text() == "b")
    }

    #[track_caller]
    fn logs(&self, part: &str) {
        let found = within(std::time::Duration::from_secs(5), || self.weir.read("access.log").contains(part));
        assert!(found, "no {part} in {}", self.weir.read("access.log"));
    }

    /// What `weir why` says, in words.
    #[track_caller]
    fn why(&self, words: &[&str]) -> String {
        let said = self.weir.command(&[&["why"], words].concat());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{words:?}: {}", said.out);
        said.out
    }

    /// The same as JSON.
    #[track_caller]
    fn why_json(&self, words: &[&str]) -> Value {
        let out = self.why(&[words, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

#[test]
fn why_for_turns_and_sessions_is_in_the_answer_and_the_log() {
    let world = world(LEARN);
    let first = world.weir.get("/login/S");
    let (why, node, queued) = told(&first);
    assert_eq!((why.as_str(), own_name(&node), queued), ("balanced", first.text().as_str(), 0.0));
    world.logs(" route=- pool=app node=");
    world.logs(" why=balanced queued=0.000 refusal=-");
    let next = world.in_session("S");
    assert_eq!((word(&next).as_str(), next.text()), ("session", first.text()));
    world.logs(" session=hit why=session ");
    assert_eq!(word(&world.in_session("UNKNOWN")), "balanced");
}

#[test]
fn without_explain_clients_are_told_nothing_and_the_log_all() {
    let origin = Origin::named("a");
    let weir = Plan::before(&[&origin]).site("access-log = \"$dir/access.log\"").start();
    assert_eq!(weir.get("/").values("x-weir"), Vec::<String>::new());
    eventually("the log tells", || weir.read("access.log").contains(" why=balanced "));
}

#[test]
fn what_a_node_says_of_itself_under_that_name_is_not_mixed_in() {
    let origin = Origin::answering(|_| ok_with("X-Weir: session; node=evil; queued=9\r\n", "a"));
    let weir = Plan::before(&[&origin]).site("explain = true").start();
    assert_eq!(told(&weir.get("/")), ("balanced".to_owned(), "n1".to_owned(), 0.0));
}

#[test]
fn http2_clients_are_told_too_and_answers_to_head() {
    let origin = Origin::named("a");
    let weir = Plan::before(&[&origin]).secure().site("explain = true").start();
    let answer = H2Client::connect(weir.https()).get("/", &[]).expect("an answer");
    assert_eq!(answer.fields.get("x-weir").expect("the field"), "balanced; node=n1; queued=0.000");
    let head = weir.client().ask("HEAD / HTTP/1.1\r\nHost: esb.test\r\nConnection: close\r\n\r\n");
    assert_eq!(word(&head), "balanced");
}

#[test]
fn a_session_that_moves_says_why() {
    // How its node is lost, and the word for it.
    type Losing = fn(&mut World, usize);
    let ejected: Losing = |world, home| {
        world.nodes[home].stop();
        let name = format!("n{}", home + 1);
        eventually("it is ejected", || {
            world.weir.get("/");
            world.weir.state("app", &name) == "passive ejected"
        });
    };
    let maintained: Losing = |world, home| {
        assert_eq!(world.weir.command(&["maintain", &format!("n{}", home + 1)]).code, Some(0));
    };
    let gone: Losing = |world, home| {
        let (name, other) = (format!("{{ node = \"n{}\" }}", home + 1), format!("{{ node = \"n{}\" }}", 2 - home));
        world.weir.edit(|text| {
            text.replace(&format!("{name}, {other}"), &other).replace(&format!("{other}, {name}"), &other)
        });
        world.weir.reload();
    };
    for (losing, expected) in
        [(ejected, "rebound:ejected"), (maintained, "rebound:maintenance"), (gone, "rebound:gone")]
    {
        let mut world = world(&format!("{LEARN}\n{EJECT}"));
        let home = world.login("S");
        losing(&mut world, home);
        let told_before = world.why_json(&["--host", "esb.test", "--cookie", "JSESSIONID=S"]);
        let moved = world.in_session("S");
        assert_eq!((moved.status, word(&moved).as_str()), (200, expected));
        assert_eq!(told_before["why"], expected, "{told_before:#}");
        world.logs(&format!(" session=rebound why={expected} "));
        assert_eq!(word(&world.in_session("S")), "session", "{expected}: it lives there now");
    }
}

#[test]
fn an_unhealthy_node_is_named_as_the_reason() {
    let health = "interval = \"100ms\"\nrise = 1\nfall = 1\nprobes = [{ kind = \"tcp\" }]";
    let world = with(LEARN, |plan| plan.health(health));
    eventually("both serve", || ["n1", "n2"].iter().all(|node| world.weir.state("app", node) == "active"));
    let home = world.login("S");
    world.nodes[home].stop();
    let name = format!("n{}", home + 1);
    eventually("its probes fail", || world.weir.state("app", &name) == "passive unhealthy");
    let moved = world.in_session("S");
    assert_eq!((moved.status, word(&moved).as_str()), (200, "rebound:unhealthy"));
}

#[test]
fn a_session_that_returns_to_its_first_node_says_so() {
    let sticky = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\", failback = \"return\" }";
    let world = world(sticky);
    let home = world.login("S");
    let name = format!("n{}", home + 1);
    assert_eq!(world.weir.command(&["maintain", &name]).code, Some(0));
    assert_eq!(word(&world.in_session("S")), "rebound:maintenance");
    assert_eq!(world.weir.command(&["activate", &name]).code, Some(0));
    let back = world.in_session("S");
    assert_eq!((word(&back).as_str(), back.text().as_str()), ("returned", ["a", "b"][home]));
    assert_eq!(word(&world.in_session("S")), "session");
}

fn wait_for_close(talk: &mut Talk) {
    talk.wait_for_close();
}

#[test]
fn retries_say_what_went_wrong_before() {
    /// How the first node fails.
    type Way = fn(&mut Talk);
    let bad: [(&str, Way, &str); 4] = [
        ("retry:reset", Talk::reset, ""),
        ("retry:cut", Talk::close, ""),
        (
            "retry:status",
            |talk| talk.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"),
            "retry-on = [\"connect\", \"503\"]",
        ),
        ("retry:timeout", wait_for_close, "timeouts = { read = \"200ms\" }"),
    ];
    for (expected, way, pool) in bad {
        let nodes = vec![Origin::speaking(way), Origin::answering(|_| ok("b"))];
        let world = World::before(nodes, Gate::shut(), &format!("retry-budget = \"100%\"\n{pool}"), |plan| plan);
        let answers: Vec<Answer> = (0..2).map(|_| world.weir.get("/")).collect();
        let words: Vec<String> = answers.iter().map(word).collect();
        assert!(words.iter().any(|word| word == expected), "{expected}: {words:?}");
        assert!(answers.iter().all(|answer| answer.status == 200), "{words:?}");
        world.logs(&format!(" tries=2 session=none why={expected} "));
    }
}

#[test]
fn why_names_a_refused_connect_a_backup_and_a_last_resort() {
    let world = with(EJECT, |plan| plan.member(2, "backup = true"));
    assert_eq!(word(&world.weir.get("/")), "balanced");
    world.nodes[0].stop();
    // The backup says that it is one, also after a failed try.
    assert_eq!(told(&world.weir.get("/")).1, "n2");
    assert_eq!(told(&world.weir.get("/")), ("backup".to_owned(), "n2".to_owned(), 0.0));
    let alone = with(EJECT, |plan| plan.member(2, "backup = true"));
    alone.nodes.iter().for_each(Origin::stop);
    assert!(alone.weir.get("/").status >= 502);
    alone.nodes[0].resume();
    eventually("the most hopeful is tried", || {
        let answer = alone.weir.get("/");
        answer.status == 200 && word(&answer) == "last-resort"
    });
}

#[test]
fn a_retry_after_a_refused_connect_says_so() {
    let world = world(EJECT);
    world.nodes[0].stop();
    let words: Vec<String> = (0..3).map(|_| word(&world.weir.get("/"))).collect();
    assert!(words.contains(&"retry:connect".to_owned()), "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some("balanced"));
}

#[test]
fn the_log_tells_how_long_a_request_waited_and_why_it_was_refused() {
    let world = with("max-requests = 1\nqueue = { size = 1, wait = \"600ms\" }", |plan| {
        let routes = "[[site.route]]\nname = \"secret\"\nprefix = \"/secret\"\ndeny = true\n[[site.route]]\nname = \"old\"\npath = \"/old\"\nredirect = { to = \"http://new.test/\" }\n[[site.route]]\npath = \"/rare\"\nrate = { requests = 1, per = \"1h\" }\n";
        plan.site(&format!("max-body = \"1KiB\"\n{routes}"))
    });
    let mut held: Vec<_> = (0..2)
        .map(|_| {
            let mut client = world.weir.client();
            client.send("GET /hold HTTP/1.1\r\nHost: esb.test\r\n\r\n");
            client
        })
        .collect();
    world.nodes.iter().for_each(|node| node.reached(1));
    let late = world.weir.get("/late");
    let (why, node, queued) = told(&late);
    assert_eq!((late.status, why.as_str(), node.as_str()), (503, "queue-timeout", "-"));
    assert!((0.6..3.0).contains(&queued), "{queued}");
    world.logs(" refusal=queue-timeout");
    let mut patient = world.weir.client();
    patient.send("GET /patient HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    eventually("it waits", || world.weir.metric("weir_queue_waiting", &[("pool", "app")]) > 0.5);
    assert_eq!(word(&world.weir.get("/more")), "queue-full");
    let asked = world.why_json(&["--host", "esb.test"]);
    assert_eq!((&asked["queued"], &asked["why"]), (&Value::Bool(false), &"queue-full".into()), "{asked:#}");
    world.gate.open();
    let (why, _, queued) = told(&patient.answer().expect("an answer"));
    assert_eq!(why, "balanced");
    assert!(queued > 0.0, "{queued}");
    held.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").status, 200));
    for (target, status, expected, line) in [
        ("/secret/x", 403, "denied", " route=secret "),
        ("/old", 308, "answered", " route=old "),
        ("/rare", 200, "balanced", " route=/rare "),
        ("/rare", 429, "rate-limited", " refusal=rate-limited"),
    ] {
        let answer = world.weir.get(target);
        assert_eq!((answer.status, word(&answer).as_str()), (status, expected), "{target}");
        world.logs(line);
    }
    assert_eq!(word(&world.weir.post("/", &"x".repeat(2000))), "body-too-large");
    let stranger = world.weir.client().ask("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n");
    assert_eq!((stranger.status, stranger.field("x-weir")), (421, None), "no site, no word of its own");
}

#[test]
fn a_session_whose_node_is_lost_is_refused_where_the_pool_says_so() {
    let sticky = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\", on-lost = \"refuse\" }";
    let world = world(sticky);
    let home = world.login("S");
    assert_eq!(world.weir.command(&["maintain", &format!("n{}", home + 1)]).code, Some(0));
    let asked = world.why(&["--host", "esb.test", "--cookie", "JSESSIONID=S"]);
    assert!(asked.contains("session-lost"), "{asked}");
    let answer = world.in_session("S");
    assert_eq!((answer.status, word(&answer).as_str()), (503, "session-lost"));
}

#[test]
fn why_answers_every_kind_of_question() {
    let world = with(LEARN, |plan| {
        plan.site("[[site.route]]\nname = \"console\"\nprefix = \"/carbon\"\ndeny = true\n[[site.route]]\nname = \"moved\"\npath = \"/old\"\nredirect = { scheme = \"https\" }\n[[site.route]]\nname = \"pong\"\npath = \"/ping\"\nanswer = { body = \"pong\" }\n[[site.route]]\nname = \"posts\"\nmethods = [\"POST\"]\nheaders = [{ name = \"X-Tenant\", value = \"one\" }]\n")
    });
    let home = world.login("S");
    let lives = format!("goes to n{} of app: session", home + 1);
    let before: usize = world.nodes.iter().map(Origin::count).sum();
    let rows: &[(&[&str], &[&str])] = &[
        (&["--host", "nobody.test"], &["is refused: unknown-host", "listener http"]),
        (&["--host", "esb.test", "--path", "/carbon/admin"], &["is denied: denied", "route console"]),
        (&["--host", "esb.test", "--path", "/%63arbon"], &["is denied: denied", "route console"]),
        (&["--host", "esb.test", "--path", "/old"], &["is redirected", "route moved"]),
        (&["--host", "esb.test", "--path", "/ping"], &["is answered by Weir", "route pong"]),
        (&["--host", "esb.test", "--path", "/x"], &["of app: balanced", "no route matches", "session: none is named"]),
        (&["--host", "ESB.test:8080", "--path", "/x?y=z"], &["of app: balanced", "site main"]),
        (
            &["--host", "esb.test", "--method", "POST", "--header", "X-Tenant: one"],
            &["of app: balanced", "route posts"],
        ),
        (&["--host", "esb.test", "--cookie", "JSESSIONID=S"], &[&lives, "session: lives on n"]),
        (&["--host", "esb.test", "--path", "/x;jsessionid=S"], &[&lives]),
        (&["--host", "esb.test", "--cookie", "a=b", "--cookie", "JSESSIONID=S"], &[&lives]),
        (&["--host", "esb.test", "--cookie", "JSESSIONID=T"], &["of app: balanced", "session: not known here"]),
        (&["--host", "esb.test", "--listener", "http"], &["listener http: asked for"]),
        (&["--host", "esb.test", "--path", "/a%2f..%2fcarbon"], &["is refused: path-unclear"]),
    ];
    for (words, parts) in rows {
        let said = world.why(words);
        for part in *parts {
            assert!(said.contains(part), "{words:?}: no {part:?} in\n{said}");
        }
    }
    for (words, part) in [
        (&["--host", "esb.test", "--listener", "htpt"][..], "no listener is called \"htpt\""),
        (&["--host", "esb.test", "--path", "/a b"], "blank"),
        (&["--host", "esb.test", "--cookie", "a\nb"], "control"),
        (&["--host", "esb.test", "--header", "nothing"], "no name"),
    ] {
        let said = world.weir.command(&[&["why"], words].concat());
        assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
        assert!(said.err.contains(part), "{words:?}: {said:?}");
    }
    assert_eq!(world.nodes.iter().map(Origin::count).sum::<usize>(), before, "nothing was sent");
}

#[test]
fn why_tells_what_spoke_against_each_node() {
    let world = with(EJECT, |plan| plan.member(2, "backup = true"));
    let said = world.why(&["--host", "esb.test"]);
    assert!(said.contains("goes to n1 of app: balanced") && said.contains("it is a backup"), "{said}");
    assert_eq!(world.weir.command(&["maintain", "n1"]).code, Some(0));
    let said = world.why(&["--host", "esb.test"]);
    assert!(said.contains("goes to n2 of app: backup") && said.contains("it is passive (maintenance)"), "{said}");
    assert_eq!(world.weir.command(&["maintain", "n2", "--force"]).code, Some(0));
    let said = world.why(&["--host", "esb.test"]);
    assert!(said.contains("is refused: no-active-node"), "{said}");
    assert_eq!(word(&world.weir.get("/")), "no-active-node");
}

#[test]
fn why_of_a_session_that_waits_names_its_node() {
    let world = world(&format!("{LEARN}\nmax-requests = 1\nqueue = {{ size = 5 }}"));
    let home = world.login("S");
    let mut held = world.weir.client();
    held.send("GET /hold HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID=S\r\n\r\n");
    world.nodes[home].reached(2);
    let said = world.why(&["--host", "esb.test", "--cookie", "JSESSIONID=S"]);
    assert!(said.contains(&format!("waits for n{} of app", home + 1)), "{said}");
    let other = world.why(&["--host", "esb.test"]);
    assert!(other.contains(&format!("goes to n{} of app", 2 - home)), "{other}");
    world.gate.open();
    assert_eq!(held.answer().expect("an answer").status, 200);
}

#[test]
fn weir_why_takes_no_turn_and_tells_what_the_next_request_gets() {
    let hash = "balance = \"hash\"\nhash = { on = \"path\" }";
    for balance in ["balance = \"round-robin\"", "balance = \"least-requests\"", hash] {
        let world = world(balance);
        for number in 0..8 {
            let path = format!("/{number}");
            for _ in 0..number % 3 {
                world.why(&["--host", "esb.test", "--path", "/elsewhere"]);
            }
            let asked = world.why_json(&["--host", "esb.test", "--path", &path]);
            let (why, node, _) = told(&world.weir.get(&path));
            assert_eq!((&asked["node"], &asked["why"]), (&Value::from(node), &Value::from(why)), "{balance}");
        }
    }
}

#[test]
fn weir_why_does_not_keep_a_session_alive() {
    let world = world("sticky = { mode = \"learn\", cookie = \"JSESSIONID\", idle = \"1s\" }");
    world.login("S");
    let known = || world.why(&["--host", "esb.test", "--cookie", "JSESSIONID=S"]).contains("session: lives on");
    assert!(known());
    eventually("it ends although it is asked about", || !known());
}

#[test]
fn weir_why_uses_up_no_rate_and_activates_no_node() {
    let world = with("active = { start = 1 }\nmax-requests = 1", |plan| {
        plan.site("[[site.route]]\npath = \"/rare\"\nrate = { requests = 1, per = \"1h\" }\n")
    });
    for _ in 0..3 {
        assert!(world.why(&["--host", "esb.test", "--path", "/rare"]).contains("a rate holds here"));
    }
    assert_eq!(world.weir.get("/rare").status, 200);
    let mut held = world.weir.client();
    held.send("GET /hold HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    world.nodes[0].reached(2);
    let asked = world.why_json(&["--host", "esb.test"]);
    assert_eq!((&asked["node"], &asked["why"]), (&"n2".into(), &"standby-activated".into()));
    assert_eq!(world.weir.state("app", "n2"), "passive standby");
    world.gate.open();
    assert_eq!(held.answer().expect("an answer").status, 200);
}

#[test]
fn a_url_finds_the_listener_that_a_client_would_come_to() {
    let world = with("", Plan::secure);
    let (http, https) = (world.weir.http().port(), world.weir.https().port());
    for (url, listener, how) in [
        (
            "https://esb.test/s".to_owned(),
            "https",
            "speaks https, the first with a site for this host; none is on port 443",
        ),
        (format!("https://esb.test:{https}/s"), "https", "speaks https, on port"),
        (format!("http://esb.test:{http}/s"), "http", "speaks http, on port"),
        ("http://esb.test:1/s".to_owned(), "http", "none is on port 1"),
        ("esb.test/s".to_owned(), "http", "speaks http"),
        ("https://other.test/".to_owned(), "https", "none has a site for this host"),
    ] {
        let told = world.why_json(&[&url]);
        assert_eq!(told["listener"], listener, "{url}: {told}");
        assert!(told["steps"][0].as_str().is_some_and(|step| step.contains(how)), "{url}: {told}");
    }
    for (url, told) in [
        (format!("http://esb.test:{https}/s"), "speaks https: who speaks http there gets no answer"),
        (format!("https://esb.test:{http}/s"), "speaks http: who speaks https there gets no answer"),
    ] {
        let said = world.weir.command(&["why", &url]);
        assert!(said.code == Some(1) && said.err.contains(told), "{said:?}");
    }
    let told = world.why_json(&["https://other.test/"])["steps"].to_string();
    assert!(told.contains("the TLS handshake fails"), "{told}");
    assert!(world.why(&["https://esb.test/s?x"]).starts_with("GET https://esb.test/s?x goes to "));
    // As before: the first listener with a site for the host.
    assert_eq!(world.why_json(&["--host", "esb.test", "--path", "/s"])["listener"], "http");
    assert_eq!(world.why_json(&["https://esb.test/", "--listener", "http"])["listener"], "http");
}

#[test]
fn a_url_finds_the_listener_by_the_port_that_clients_see() {
    let text = "public-port = 443";
    let world = with("", |plan| plan.secure().listener(text));
    // Both listeners say so; the scheme tells them apart.
    let told = world.why_json(&["https://esb.test/s"]);
    assert_eq!(told["listener"], "https");
    assert!(told["steps"][0].as_str().is_some_and(|step| step.ends_with("speaks https, on port 443")), "{told}");
    // On this machine the bound port is the one that is known.
    let https = world.weir.https().port();
    let told = world.why_json(&[&format!("https://esb.test:{https}/s")]);
    assert!(told["steps"][0].as_str().is_some_and(|step| step.ends_with(&format!("on port {https}"))), "{told}");
}

#[test]
fn what_is_asked_of_a_request_by_way_of_a_trusted_proxy_is_what_becomes_of_it() {
    let routes = "[[site.route]]\nname = \"up\"\nredirect = { scheme = \"https\" }\nallow-from = [\"10.0.0.0/8\"]\n";
    let proxied = |plan: Plan| plan.listener("trusted-proxies = [\"127.0.0.1\"]").site(routes);
    let world = with("", proxied);
    for (client, proto, action) in
        [("10.1.2.3", "https", "pool"), ("10.1.2.3", "http", "redirect"), ("192.0.2.1", "https", "deny")]
    {
        let (from, by) = (format!("X-Forwarded-For: {client}"), format!("X-Forwarded-Proto: {proto}"));
        let told = world.why_json(&["--host", "esb.test", "--header", &from, "--header", &by]);
        assert_eq!(told["action"], action, "{client} by {proto}: {told}");
        let answer = world.weir.client().ask(format!("GET / HTTP/1.1\r\nHost: esb.test\r\n{from}\r\n{by}\r\n\r\n"));
        assert_eq!(answer.status, [200, 308, 403][usize::from(action != "pool") + usize::from(action == "deny")]);
    }
}
