//! Nodes that cannot be reached, and clients that are not let in.

use super::{GET, client, greet, node, plan};
use crate::harness::{Origin, Pair, eventually};

#[test]
fn a_node_that_refuses_is_passed_over_and_ejected() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let nodes = [node(&pair, "one"), node(&pair, "two")];
    nodes[0].stop();
    let weir = plan(&plain, &[nodes[0].port(), nodes[1].port()], "eject = { failures = 2, for = \"1s\" }").start();
    for _ in 0..6 {
        assert_eq!(client(&weir).ask(GET).text(), "two");
    }
    assert_eq!(weir.state("t", "t1"), "passive ejected");
    assert!((weir.metric("weir_retries_total", &[("node", "t1"), ("reason", "connect")]) - 2.0).abs() < 0.5);
    let journal = weir.journal();
    let told = "node-refused from node t1 of pool t, another node is asked: TLS for pass.test, 127.0.0.1";
    assert!(journal.contains(told), "{journal}");
    eventually("the log tells", || {
        weir.journal().contains(" node=t2 ") && weir.journal().contains("why=retry:connect")
    });
    nodes[0].resume();
    eventually("it serves again", || client(&weir).ask(GET).text() == "one" && weir.state("t", "t1") == "active");
}

#[test]
fn where_no_node_is_left_the_connection_is_closed_and_the_log_says_so() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let nodes = [node(&pair, "one"), node(&pair, "two")];
    nodes.iter().for_each(Origin::stop);
    let weir = plan(&plain, &[nodes[0].port(), nodes[1].port()], "").start();
    assert!(greet(&weir, "pass.test").is_err());
    eventually("the access log tells", || {
        let journal = weir.journal();
        let line = journal.lines().find(|line| line.contains("\"PASSTHROUGH pass.test TLS\" 50"));
        line.is_some_and(|line| line.contains(" tries=2 ") && line.contains(" site=pass "))
    });
    let journal = weir.journal();
    assert!(journal.contains("of pool t after 2 tries and "), "{journal}");
    let refused = |site| weir.metric("weir_refusals_total", &[("site", site)]);
    assert!((refused("pass") - 1.0).abs() < 0.5 && refused("secure") < 0.5);
}

#[test]
fn who_is_not_let_in_finds_the_connection_closed() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let node = node(&pair, "passed");
    let mut weir = plan(&plain, &[node.port()], "").start();
    assert_eq!(client(&weir).ask(GET).text(), "passed");
    weir.edit(|text| text.replace("passthrough = true", "passthrough = true\ndeny-from = [\"127.0.0.0/8\"]"));
    weir.reload();
    assert!(greet(&weir, "pass.test").is_err());
    eventually("the log tells", || {
        let journal = weir.journal();
        journal.contains("\"PASSTHROUGH pass.test TLS\" 403 0 ") && journal.contains("refusal=denied")
    });
    assert_eq!(node.connections(), 1);
    let said = weir.command(&["why", "https://pass.test/"]);
    assert!(said.out.contains("is denied: denied"), "{said:?}");
    weir.edit(|text| text.replace("deny-from = [\"127.0.0.0/8\"]", "allow-from = [\"127.0.0.1\"]"));
    weir.reload();
    assert_eq!(client(&weir).ask(GET).text(), "passed");
}

#[test]
fn a_client_stays_on_its_node_by_its_address() {
    let (plain, pair) = (Origin::named("plain"), Pair::of(&["pass.test"]));
    let nodes = [node(&pair, "one"), node(&pair, "two"), node(&pair, "three")];
    let ports = nodes.each_ref().map(Origin::port);
    let weir = plan(&plain, &ports, "balance = \"hash\"\nhash = { on = \"client\" }").start();
    let first = client(&weir).ask(GET).text();
    for _ in 0..9 {
        assert_eq!(client(&weir).ask(GET).text(), first);
    }
}
