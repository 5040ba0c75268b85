//! Nodes that have a name for an address: each of its addresses serves, and the list follows what DNS says.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::harness::{Answer, Appliance, Client, Dns, Gate, Origin, Pair, Plan, Says, Talk, eventually, ok, within};
use crate::session_world;

use super::upgrade::upgraded;

const FIRST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const NAMED: &str = r#"
state-dir = "$dir"
threads = 1
[admin]
bind = "127.0.0.1:$admin"
[dns]
servers = ["$dns"]
[[listener]]
name = "http"
bind = "127.0.0.1:$http"
[[node]]
name = "workers"
address = "Workers.Test."
[[pool]]
name = "app"
nodes = ["workers"]
port = $port
$pool
[[site]]
name = "main"
listener = "http"
hosts = ["esb.test"]
pool = "app"
"#;

fn plan(dns: &Dns, origin: &Origin, pool: &str) -> Plan {
    let text = NAMED.replace("$dns", &dns.address().to_string()).replace("$port", &origin.port().to_string());
    Plan::text(text.replace("$pool", pool))
}

fn one_and_two() -> Dns {
    Dns::saying(Says::Addresses(vec![FIRST, SECOND]))
}

/// Says who it is.
fn naming(name: &'static str) -> impl Fn(&mut Talk) + Send + Sync + 'static {
    move |talk| {
        talk.body_length();
        talk.send(&ok(name));
    }
}

/// The names of the nodes that the pool has, as the appliance tells them.
fn nodes(weir: &Appliance) -> Vec<String> {
    let text = weir.ask_admin("/api/nodes").text();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let there = rows.iter().filter(|row| row["reason"] != "gone");
    there.map(|row| row["node"].as_str().unwrap_or_default().to_owned()).collect()
}

fn told(weir: &Appliance, requests: usize) -> Vec<String> {
    (0..requests).map(|_| weir.get("/").text()).collect()
}

#[test]
fn every_address_of_a_name_is_a_node_with_a_state_of_its_own() {
    let dns = one_and_two();
    let first = Origin::speaking(naming("first"));
    let second = first.beside(SECOND, naming("second"));
    let eject = "eject = { failures = 1, for = \"1m\" }";
    let weir = plan(&dns, &first, eject).start();
    assert_eq!(nodes(&weir), ["workers@127.0.0.1", "workers@127.0.0.2"]);
    assert_eq!(told(&weir, 4), ["first", "second", "first", "second"]);
    second.stop();
    assert_eq!(told(&weir, 4), ["first"; 4], "what one address refuses the other one answers");
    assert_eq!(weir.state("app", "workers@127.0.0.1"), "active");
    assert_eq!(weir.state("app", "workers@127.0.0.2"), "passive ejected");
    let reached = |node| weir.metric("weir_requests_total", &[("pool", "app"), ("node", node)]);
    assert_eq!((reached("workers@127.0.0.1") as u32, reached("workers@127.0.0.2") as u32), (6, 2));
}

#[test]
fn a_changed_answer_is_followed_and_running_requests_finish() {
    let dns = one_and_two();
    let first = Origin::speaking(naming("first"));
    let gate = Gate::shut();
    let slow = {
        let gate = gate.clone();
        move |talk: &mut Talk| {
            gate.pass();
            talk.send(&ok("second"));
        }
    };
    let second = first.beside(SECOND, slow);
    let weir = plan(&dns, &first, "").start();
    assert_eq!(told(&weir, 1), ["first"]);
    let mut running = weir.client();
    running.send("GET /running HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    second.reached(1);
    dns.says(Says::Addresses(vec![FIRST]));
    eventually("the second one leaves", || nodes(&weir) == ["workers@127.0.0.1"]);
    assert_eq!(told(&weir, 4), ["first"; 4]);
    assert_eq!(weir.state("app", "workers@127.0.0.2"), "passive gone", "what runs there is shown");
    gate.open();
    assert_eq!(running.answer().expect("an answer").text(), "second", "what ran there finishes");
    assert_eq!(second.count(), 1);
    dns.says(Says::Addresses(vec![SECOND]));
    eventually("it is back, alone", || nodes(&weir) == ["workers@127.0.0.2"]);
    assert_eq!(told(&weir, 3), ["second"; 3]);
}

#[test]
fn sessions_outlive_starts_at_which_the_names_of_their_nodes_lead_nowhere() {
    let dns = one_and_two();
    let first = Origin::answering(|seen| session_world::answer("first", seen));
    let second = first.beside(SECOND, |talk| {
        talk.body_length();
        let answer = session_world::answer("second", &talk.seen());
        talk.send(&answer);
    });
    let mut weir = plan(&dns, &first, session_world::LEARN).start();
    let ids: Vec<String> = (0..8).map(|number| format!("KEPT{number}")).collect();
    let homes: Vec<String> = ids.iter().map(|id| weir.get(&format!("/login/{id}")).text()).collect();
    assert!(homes.iter().any(|home| home == "first") && homes.iter().any(|home| home == "second"), "{homes:?}");
    dns.says(Says::Failure);
    for _ in 0..2 {
        assert_eq!(weir.stop(), Some(0));
        // With it the addresses of before hold, and nothing has to wait for them.
        let _ = fs::remove_file(weir.path("names.json"));
        weir.start_again();
        assert_eq!(weir.get("/").status, 503);
    }
    dns.says(Says::Addresses(vec![FIRST, SECOND]));
    eventually("both are known", || nodes(&weir) == ["workers@127.0.0.1", "workers@127.0.0.2"]);
    let ask = |id| weir.client().ask(format!("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID={id}\r\n\r\n"));
    let served: Vec<String> = ids.iter().map(|id| ask(id).text()).collect();
    assert_eq!(served, homes);
    weir.tells("8 more sessions are known from before");
    drop(second);
}

#[test]
fn an_address_that_a_name_gains_serves_those_who_wait() {
    let dns = Dns::saying(Says::Addresses(vec![FIRST]));
    let gate = Gate::shut();
    let held = gate.clone();
    let first = Origin::speaking(move |talk| {
        held.pass();
        talk.send(&ok("first"));
    });
    let second = first.beside(SECOND, naming("second"));
    let weir = plan(&dns, &first, "max-requests = 1\nqueue = { size = 9, wait = \"30s\" }").start();
    let mut clients: Vec<Client> = (0..4)
        .map(|number| {
            let mut client = weir.client();
            client.send("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n");
            if number == 0 {
                first.reached(1);
            }
            eventually("it waits", || weir.metric("weir_queue_waiting", &[("pool", "app")]) as usize == number);
            client
        })
        .collect();
    dns.says(Says::Addresses(vec![FIRST, SECOND]));
    clients[1..].iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "second"));
    gate.open();
    assert_eq!(clients[0].answer().expect("an answer").text(), "first");
    assert_eq!((first.count(), second.count()), (1, 3));
}

#[test]
fn a_failed_look_up_keeps_what_was_known() {
    let dns = one_and_two();
    let first = Origin::speaking(naming("first"));
    let _second = first.beside(SECOND, naming("second"));
    let weir = plan(&dns, &first, "").start();
    assert_eq!(told(&weir, 2).len(), 2);
    dns.says(Says::Failure);
    eventually("the journal says so", || weir.journal().contains("workers.test cannot be resolved"));
    weir.tells("127.0.0.1, 127.0.0.2 is kept");
    let mut both = told(&weir, 4);
    both.sort();
    assert_eq!(both, ["first", "first", "second", "second"]);
}

#[test]
fn neither_an_upgrade_nor_a_start_needs_an_answer() {
    let dns = one_and_two();
    let first = Origin::speaking(naming("first"));
    let _second = first.beside(SECOND, naming("second"));
    let mut weir = plan(&dns, &first, "").start();
    dns.says(Says::Failure);
    let new = upgraded(&mut weir);
    assert_eq!(weir.exit_code(), Some(0));
    weir.belongs_to(new);
    let mut both = told(&weir, 4);
    both.sort();
    assert_eq!(both, ["first", "first", "second", "second"]);
    weir.tells("the name workers.test cannot be resolved, 127.0.0.1, 127.0.0.2 is kept");
    dns.says(Says::Addresses(vec![SECOND]));
    eventually("it is followed", || nodes(&weir) == ["workers@127.0.0.2"]);
    eventually("it is on disk", || !weir.read("names.json").contains("127.0.0.1"));
    dns.says(Says::Failure);
    weir.kill();
    weir.start_again();
    assert_eq!(told(&weir, 2), ["second"; 2]);
    dns.says(Says::Addresses(vec![FIRST]));
    eventually("it is followed", || nodes(&weir) == ["workers@127.0.0.1"]);
    assert_eq!(told(&weir, 2), ["first"; 2]);
}

#[test]
fn a_damaged_file_of_addresses_is_set_aside_and_names_are_resolved_anew() {
    let dns = Dns::saying(Says::Addresses(vec![FIRST]));
    let first = Origin::speaking(naming("first"));
    let mut weir = plan(&dns, &first, "").start();
    assert_eq!(weir.stop(), Some(0));
    fs::write(weir.path("names.json"), "{\"version\":1,\"names\":{\"workers.te").expect("written");
    weir.start_again();
    weir.tells("the last addresses of the nodes' names are not known: names.json in state-dir: EOF");
    assert_eq!(told(&weir, 2), ["first"; 2]);
    eventually("it is written anew", || weir.path("names.json").exists());
}

#[test]
fn without_an_answer_it_starts_and_serves_once_there_is_one() {
    let dns = Dns::saying(Says::Failure);
    let first = Origin::speaking(naming("first"));
    let weir = plan(&dns, &first, "").start();
    assert_eq!(weir.get("/").refusal(), "503 no-active-node");
    eventually("the journal says why", || weir.journal().contains("the name workers.test has no known address"));
    dns.says(Says::Addresses(vec![FIRST]));
    assert!(within(Duration::from_secs(10), || weir.get("/").text() == "first"), "{}", weir.journal());
    assert_eq!(nodes(&weir), ["workers@127.0.0.1"]);
}

#[test]
fn a_reload_resolves_anew_and_keeps_the_states_of_what_stays() {
    let dns = one_and_two();
    let first = Origin::speaking(naming("first"));
    let second = first.beside(SECOND, naming("second"));
    let mut weir = plan(&dns, &first, "eject = { failures = 1, for = \"1m\" }").start();
    second.stop();
    assert_eq!(told(&weir, 4), ["first"; 4]);
    weir.reload();
    assert_eq!(weir.state("app", "workers@127.0.0.2"), "passive ejected");
    weir.edit(|text| text.replace("Workers.Test.", "127.0.0.2"));
    second.resume();
    weir.reload();
    assert_eq!(nodes(&weir), ["workers"], "an address has no other name than its node's");
    assert_eq!(told(&weir, 1), ["second"]);
}

#[test]
fn an_operators_order_for_a_node_holds_for_all_its_addresses() {
    let dns = one_and_two();
    let first = Origin::speaking(naming("first"));
    let _second = first.beside(SECOND, naming("second"));
    let weir = plan(&dns, &first, "").start();
    assert_eq!(operator(&weir, "workers", "drain").status, 409, "the pool has no other");
    assert_eq!(operator(&weir, "workers", "drain?force=yes").status, 200);
    // Nothing runs and no session lives there, so the drain is over as soon as it begins.
    for node in ["workers@127.0.0.1", "workers@127.0.0.2"] {
        assert!(weir.state("app", node).starts_with("passive "), "{node}: {}", weir.state("app", node));
    }
    assert_eq!(weir.get("/").refusal(), "503 no-active-node");
    assert_eq!(operator(&weir, "workers@127.0.0.1", "activate").status, 404, "an address is no node of the file");
    dns.says(Says::Addresses(vec![FIRST, SECOND, Ipv4Addr::new(127, 0, 0, 3)]));
    eventually("a third one comes", || nodes(&weir).len() == 3);
    assert_eq!(weir.get("/").refusal(), "503 no-active-node", "who comes later is under the same word");
    assert_eq!(operator(&weir, "workers", "activate").status, 200);
    assert_eq!(told(&weir, 2).len(), 2);
    assert_eq!(weir.state("app", "workers@127.0.0.2"), "active");
}

fn operator(weir: &Appliance, node: &str, wish: &str) -> Answer {
    let mut client = weir.operator();
    let fields = "Host: localhost\r\nX-Weir: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    client.ask(format!("POST /api/nodes/{node}/{wish} HTTP/1.1\r\n{fields}"))
}

/// As planned, but certificates must be for their node and by one of these.
fn believing(authorities: &str, name: &str, plan: Plan) -> Appliance {
    let mut weir = plan.start();
    fs::write(weir.path("ca.pem"), authorities).expect("the test's directory is there");
    let tls = format!("verify = \"full\", ca = \"{}\"{name}", weir.path("ca.pem").display());
    weir.edit(|text| text.replace("verify = \"none\"", &tls));
    weir.reload();
    weir
}

const NOBODY_ASKED: &str = "tls = { verify = \"none\" }\n";

#[test]
fn a_certificate_must_be_for_the_nodes_name_unless_another_is_written() {
    let (right, wrong) = (Pair::of(&["workers.test"]), Pair::of(&["other.test", "127.0.0.1"]));
    let rows = [
        (&right, "", true),
        (&wrong, "", false),
        (&wrong, ", server-name = \"other.test\"", true),
        (&right, ", server-name = \"other.test\"", false),
    ];
    let authorities = format!("{}{}", right.chain, wrong.chain);
    for (pair, name, believed) in rows {
        let dns = Dns::saying(Says::Addresses(vec![FIRST]));
        let node = Origin::speaking_tls(pair, naming("first"));
        let weir = believing(&authorities, name, plan(&dns, &node, NOBODY_ASKED));
        let answer = weir.get("/");
        let right = if believed { answer.text() == "first" } else { answer.refusal() == "502 node-tls" };
        assert!(right, "{name}: {answer:?}\n{}", weir.journal());
        assert_eq!(node.count(), usize::from(believed), "{name}");
    }
}

#[test]
fn a_probe_over_tls_checks_the_nodes_name_too() {
    let dns = Dns::saying(Says::Addresses(vec![FIRST]));
    let pair = Pair::of(&["workers.test"]);
    let node = Origin::speaking_tls(&pair, naming("first"));
    let health = "[pool.health]\ninterval = \"100ms\"\nrise = 1\nprobes = [{ kind = \"https\", path = \"/\", status = \"200\" }]";
    let weir = believing(&pair.chain, "", plan(&dns, &node, &format!("{NOBODY_ASKED}{health}")));
    let passed = weir.metric("weir_probes_total", &[("result", "pass")]);
    eventually("a probe passes", || weir.metric("weir_probes_total", &[("result", "pass")]) > passed);
    assert_eq!(weir.get("/").text(), "first");
}

#[test]
fn a_connection_made_to_an_address_is_not_used_for_a_name() {
    let dns = Dns::saying(Says::Addresses(vec![FIRST]));
    let pair = Pair::of(&["other.test", "127.0.0.1"]);
    let node = Origin::speaking_tls(&pair, naming("first"));
    let mut weir = believing(&pair.chain, "", plan(&dns, &node, NOBODY_ASKED));
    assert_eq!(weir.get("/").refusal(), "502 node-tls");
    weir.edit(|text| text.replace("Workers.Test.", "127.0.0.1"));
    weir.reload();
    assert_eq!(weir.get("/").text(), "first");
    weir.edit(|text| text.replace("\"127.0.0.1\"\n[[pool]]", "\"workers.test\"\n[[pool]]"));
    weir.reload();
    assert_eq!(weir.get("/").refusal(), "502 node-tls", "the name was never checked on the kept one");
}
