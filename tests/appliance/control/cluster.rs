//! What the members of the nodes' own cluster say of each other, and that it changes nothing: scripted members beside nodes
//! that answer.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Appliance, Gate, Origin, Plan, eventually, ok, within};

/// What a member does when it is asked.
#[derive(Clone)]
enum Says {
    /// Answers with this body.
    Text(String),
    /// Answers with these bodies in turn.
    InTurn([String; 2]),
    /// Closes the connection without a byte, as Hazelcast without REST.
    Nothing,
    /// Answers these bytes.
    Bytes(Vec<u8>),
    /// Answers one byte after the other, and never ends.
    Slowly,
    /// Waits until the gate opens.
    Waits(Gate),
}

impl Says {
    fn says_next(&mut self) -> Self {
        let now = self.clone();
        if let Self::InTurn(bodies) = self {
            bodies.reverse();
        }
        now
    }
}

/// A member of the nodes' cluster that can be asked.
struct Member {
    origin: Origin,
    says: Arc<Mutex<Says>>,
}

const UNBROKEN: &str = "no test panics while it holds what the member says";

impl Member {
    fn new(says: Says) -> Self {
        let says = Arc::new(Mutex::new(says));
        let script = Arc::clone(&says);
        let origin = Origin::speaking(move |talk| {
            let says = script.lock().expect(UNBROKEN).says_next();
            match says {
                Says::Text(body) | Says::InTurn([body, _]) => talk.send(&ok(&body)),
                Says::Nothing => talk.close(),
                Says::Bytes(bytes) => talk.send(&bytes),
                Says::Waits(gate) => drop(gate.pass()),
                Says::Slowly => {
                    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
                    while talk.is_open() {
                        talk.send(b" ");
                        within(Duration::from_millis(20), || false);
                    }
                }
            }
        });
        Self { origin, says }
    }

    /// One that names these members, and is the first of them.
    fn naming(members: &[u16]) -> Self {
        Self::new(Says::Text(list(members, members[0])))
    }

    fn turns(&self, says: Says) {
        *self.says.lock().expect(UNBROKEN) = says;
    }

    fn names(&self, members: &[u16], own: u16) {
        self.turns(Says::Text(list(members, own)));
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hazelcast/rest/cluster", self.origin.port())
    }

    /// Waits for so many more questions.
    #[track_caller]
    fn is_asked(&self, times: usize) {
        self.origin.reached(self.origin.count() + times);
    }
}

/// As Hazelcast 3.5 writes it.
fn list(members: &[u16], own: u16) -> String {
    let line = |port: &u16| format!("\tMember [127.0.0.1]:{port}{}\n", if *port == own { " this" } else { "" });
    let lines: String = members.iter().map(line).collect();
    format!("\n\nMembers [{}] {{\n{lines}}}\n\nConnectionCount: 1\nAllConnectionCount: 1\n", members.len())
}

/// `[cluster]` of nodes n1 (port 1) and n2 (port 2), who share an address.
fn table(members: &[&Member], interval: &str) -> String {
    let from: Vec<String> = members.iter().map(|member| format!("{:?}", member.url())).collect();
    format!(
        "[cluster]\nmembers = [{{ node = \"n1\", port = 1 }}, {{ node = \"n2\", port = 2 }}]\nmembers-interval = \"{interval}\"\n\
         members-from = [{}]\n",
        from.join(", ")
    )
}

const PROBES: &str = "interval = \"100ms\"\ntimeout = \"5s\"\nrise = 1\nfall = 1\nprobes = [{ kind = \"tcp\" }]";
/// How often the members of most tests are asked.
const OFTEN: &str = "500ms";

/// Two nodes with probes, and a Weir that asks these members.
fn before(members: &[&Member], interval: &str) -> (Origin, Origin, Appliance) {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let weir = Plan::before(&[&one, &two]).health(PROBES).more(&table(members, interval)).start();
    (one, two, weir)
}

fn json(weir: &Appliance, path: &str) -> Value {
    serde_json::from_str(&weir.ask_admin(path).text()).unwrap_or_default()
}

fn place(weir: &Appliance, node: &str) -> String {
    json(weir, &format!("/api/v1/nodes/{node}"))["cluster"]["membership"].as_str().unwrap_or("-").to_owned()
}

/// The texts of what was told of the cluster.
fn told(weir: &Appliance) -> Vec<String> {
    let events = json(weir, "/api/v1/events?kind=cluster");
    let texts = events["events"].as_array().into_iter().flatten();
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    texts.map(|event| format!("{}: {}", text(event, "subject"), text(event, "text"))).collect()
}

fn was_told(weir: &Appliance, what: &str) -> usize {
    told(weir).iter().filter(|text| text.contains(what)).count()
}

#[track_caller]
fn eventually_placed(weir: &Appliance, places: [&str; 2]) {
    eventually(&format!("n1 and n2 are {places:?}"), || [place(weir, "n1"), place(weir, "n2")] == places);
}

#[test]
fn nobody_is_asked_where_no_key_says_so() {
    let one = Origin::named("one");
    let weir = Plan::before(&[&one]).more("[cluster]\ndomain = \"wso2.esb.domain\"").start();
    assert_eq!(json(&weir, "/api/v1/cluster")["sources"], Value::Array(Vec::new()));
    assert!(json(&weir, "/api/v1/nodes/n1").get("cluster").is_none());
    assert!(!weir.ask_admin("/metrics").text().contains("weir_cluster"));
    assert!(!weir.command(&["nodes"]).out.contains("CLUSTER"));
}

#[test]
fn a_node_that_left_and_answers_is_told_and_serves_as_before() {
    let member = Member::naming(&[1, 2]);
    let (_one, _two, weir) = before(&[&member], OFTEN);
    eventually_placed(&weir, ["member", "member"]);
    assert_eq!(told(&weir), [] as [&str; 0]);
    member.names(&[1], 1);
    eventually_placed(&weir, ["member", "left"]);
    eventually("it is told that it answers", || was_told(&weir, " s ago but answers its probes") == 1);
    assert!(told(&weir)[1].starts_with("n2: left the cluster "), "{:?}", told(&weir));
    eventually("the journal has it", || weir.journal().contains("cluster: n2: left the cluster "));
    let nodes = weir.command(&["nodes"]).out;
    assert!(nodes.contains("CLUSTER") && nodes.contains("  left "), "{nodes}");
    let sentence = json(&weir, "/api/v1/status")["verdict"]["sentence"].as_str().unwrap().to_owned();
    assert!(sentence.starts_with("Degraded: n2 left the cluster"), "{sentence}");
    assert!((weir.metric("weir_cluster_member", &[("node", "n2")])).abs() < 0.1);
    assert!(weir.metric("weir_cluster_member", &[("node", "n1")]) > 0.9);
    eventually("why says so when it is n2's turn", || {
        weir.get("/a");
        weir.command(&["why", "http://esb.test/"]).out.contains("cluster: n2 left the cluster")
    });
    // Requests go by probes alone.
    let served: Vec<String> = (0..4).map(|_| weir.get("/a").text()).collect();
    assert_eq!(served.iter().filter(|text| *text == "two /a").count(), 2, "{served:?}");
    member.names(&[1, 2], 1);
    eventually_placed(&weir, ["member", "member"]);
    assert_eq!(was_told(&weir, "n2: is in the cluster again, after "), 1, "{:?}", told(&weir));
    assert_eq!(json(&weir, "/api/v1/status")["verdict"]["sentence"], "All well");
    assert_eq!(member.origin.connections(), 1, "each connection is three lines in the node's log");
}

#[test]
fn a_member_that_fails_its_probes_is_told() {
    let member = Member::naming(&[1, 2]);
    let (_one, two, weir) = before(&[&member], OFTEN);
    eventually_placed(&weir, ["member", "member"]);
    two.stop();
    eventually("it is told", || was_told(&weir, "n2: is in the cluster but fails its probes, for ") == 1);
    assert!(told(&weir)[0].contains("connection refused"), "{:?}", told(&weir));
    two.resume();
    eventually("so is its end", || was_told(&weir, "n2: is in the cluster, and its probes pass again") == 1);
}

#[test]
fn a_split_cluster_is_told_when_it_lasts() {
    let (one, two) = (Member::naming(&[1, 2]), Member::new(Says::Text(list(&[1, 2], 2))));
    let (_one, _two, weir) = before(&[&one, &two], OFTEN);
    eventually_placed(&weir, ["member", "member"]);
    // Who knows later is no split.
    one.names(&[1], 1);
    one.is_asked(1);
    two.names(&[1], 1);
    eventually_placed(&weir, ["member", "left"]);
    assert_eq!(was_told(&weir, "split brain"), 0, "{:?}", told(&weir));
    two.names(&[2], 2);
    eventually_placed(&weir, ["split", "split"]);
    let said = "cluster: the members disagree (split brain): n1 sees itself alone; n2 sees itself alone";
    assert_eq!(was_told(&weir, said), 1, "{:?}", told(&weir));
    assert!(weir.metric("weir_cluster_split", &[]) > 0.9);
    assert!(weir.command(&["status"]).out.contains("cluster: the members disagree"));
    one.names(&[1, 2], 1);
    two.names(&[1, 2], 2);
    eventually("it is over", || was_told(&weir, "cluster: the members that answer agree again: n1, n2") == 1);
    eventually_placed(&weir, ["member", "member"]);
}

#[test]
fn who_comes_and_goes_neither_hides_a_split_nor_makes_another() {
    let (one, two) = (Member::naming(&[1, 2]), Member::new(Says::Text(list(&[1, 2], 2))));
    let (_one, _two, weir) = before(&[&one, &two], OFTEN);
    eventually_placed(&weir, ["member", "member"]);
    // A third member joins one side and leaves it, again and again.
    one.turns(Says::InTurn([list(&[1, 3], 1), list(&[1], 1)]));
    two.names(&[2], 2);
    eventually_placed(&weir, ["split", "split"]);
    assert!(weir.metric("weir_cluster_split", &[]) > 0.9);
    one.is_asked(4);
    // Nor does a side end it that says nothing for a moment.
    two.turns(Says::Nothing);
    eventually("its silence is told", || was_told(&weir, "says nothing of the members") == 1);
    two.names(&[2], 2);
    eventually("it speaks again", || was_told(&weir, "tells of the members again") == 1);
    assert_eq!([place(&weir, "n1"), place(&weir, "n2")], ["split", "split"]);
    let told = told(&weir);
    assert_eq!(told.len(), 3, "one split, one silence and its end: {told:?}");
}

#[test]
fn a_member_that_starts_alone_and_joins_is_no_split() {
    let (one, two) = (Member::naming(&[1, 2]), Member::new(Says::Text(list(&[1, 2], 2))));
    let (_one, _two, weir) = before(&[&one, &two], "1s");
    eventually_placed(&weir, ["member", "member"]);
    two.turns(Says::Nothing);
    one.names(&[1], 1);
    eventually_placed(&weir, ["member", "left"]);
    two.names(&[2], 2);
    two.is_asked(4);
    one.names(&[1, 2], 1);
    two.names(&[1, 2], 2);
    eventually("it is back", || was_told(&weir, "n2: is in the cluster again, after ") == 1);
    assert_eq!(was_told(&weir, "disagree"), 0, "{:?}", told(&weir));
}

#[test]
fn a_source_that_says_nothing_is_told_and_is_no_member_that_left() {
    let member = Member::naming(&[1, 2]);
    let (_one, _two, weir) = before(&[&member], "200ms");
    eventually_placed(&weir, ["member", "member"]);
    let many: Vec<u16> = (1..=300).collect();
    let gate = Gate::shut();
    let cases = [
        (Says::Nothing, "write hazelcast.rest.enabled=true in that node's hazelcast.properties"),
        (Says::Bytes(b"ERROR\r\nERROR\r\nERROR\r\n".to_vec()), "not an HTTP answer"),
        (Says::Bytes(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()), "status 400"),
        (Says::Text("<html>".to_owned()), "there is no list of members in it"),
        (Says::Text(list(&many, 1)), "it has more than 256 members"),
        (Says::Text("Members [3] {\n\tMember [127.0.0.1]:1 this\n}".to_owned()), "it counts 3 members and has 1"),
        (Says::Bytes([b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 200_000][..]].concat()), "there is no list of members in it"),
        (Says::Slowly, "no answer within 400ms"),
        (Says::Waits(gate.clone()), "no answer within 400ms"),
    ];
    for (says, said) in cases {
        let before = was_told(&weir, said);
        member.turns(says);
        eventually(said, || was_told(&weir, said) > before);
        eventually_placed(&weir, ["unknown", "unknown"]);
        let problem = json(&weir, "/api/v1/cluster")["sources"][0]["problem"].as_str().unwrap_or_default().to_owned();
        assert!(problem.contains(said), "{said}: {problem}");
        assert!(weir.metric("weir_cluster_source_answers", &[("source", &member.url())]).abs() < 0.1);
        member.names(&[1, 2], 1);
        eventually_placed(&weir, ["member", "member"]);
    }
    assert_eq!(was_told(&weir, "left the cluster"), 0);
    gate.open();
}

#[test]
fn a_reload_keeps_who_stays_and_hears_nobody_who_is_gone() {
    let (stays, goes) = (Member::naming(&[1, 2]), Member::new(Says::Text(list(&[1, 2], 2))));
    let comes = Member::naming(&[1, 2]);
    let (_one, _two, mut weir) = before(&[&stays, &goes], OFTEN);
    eventually_placed(&weir, ["member", "member"]);
    // A question is under way, whose answer would split the cluster.
    let gate = Gate::shut();
    goes.turns(Says::Waits(gate.clone()));
    goes.is_asked(1);
    weir.edit(|text| text.replace(&goes.url(), &comes.url()));
    weir.reload();
    gate.open();
    eventually("the new one is asked", || comes.origin.count() > 1);
    let sources = json(&weir, "/api/v1/cluster");
    let names: Vec<&str> =
        sources["sources"].as_array().unwrap().iter().filter_map(|source| source["source"].as_str()).collect();
    assert_eq!(names, [stays.url(), comes.url()]);
    eventually("the old one is let go", || goes.origin.open_connections() == 0);
    stays.is_asked(2);
    assert_eq!(stays.origin.connections(), 1, "who stays is asked on the same connection");
    assert_eq!(told(&weir), [] as [&str; 0]);
    // And without the keys all of it is gone.
    let asked = table(&[&stays, &comes], OFTEN);
    weir.edit(|text| text.replace(&asked, ""));
    weir.reload();
    eventually("nobody is asked any more", || stays.origin.open_connections() + comes.origin.open_connections() == 0);
    assert!(json(&weir, "/api/v1/nodes/n1").get("cluster").is_none());
    assert!(!weir.ask_admin("/metrics").text().contains("weir_cluster"));
}

#[test]
fn a_stop_does_not_wait_for_a_member() {
    let gate = Gate::shut();
    let member = Member::new(Says::Waits(gate.clone()));
    let (_one, _two, mut weir) = before(&[&member], "1h");
    member.origin.reached(1);
    let asked = Instant::now();
    weir.signal(Signal::TERM);
    eventually("it has ended", || weir.has_ended());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(weir.exit_code(), Some(0));
    gate.open();
}

#[test]
fn a_log_tells_too_and_its_rotation_is_survived() {
    let dir = crate::harness::fresh_dir();
    let file = dir.join("wso2carbon.log");
    let line = |what: &str, port: u16| {
        format!(
            "[2026-11-22 10:00:00,000]  INFO - WKABasedMembershipScheme Member {what} [8f8a-9]: /127.0.0.1:{port}\n"
        )
    };
    fs::write(&file, list(&[1, 2], 1)).unwrap();
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let table = format!(
        "[cluster]\nmembers = [{{ node = \"n1\", port = 1 }}, {{ node = \"n2\", port = 2 }}]\nmembers-interval = \"100ms\"\n\
         members-log = {{ n1 = {:?} }}\n",
        file.display().to_string()
    );
    let weir = Plan::before(&[&one, &two]).health(PROBES).more(&table).start();
    eventually_placed(&weir, ["member", "member"]);
    fs::rename(&file, dir.join("wso2carbon.log.1")).unwrap();
    eventually("that it is not there is told", || was_told(&weir, "says nothing of the members: No such file") == 1);
    fs::write(&file, line("left", 2)).unwrap();
    eventually_placed(&weir, ["member", "left"]);
    eventually("with its probes", || was_told(&weir, " s ago but answers its probes") == 1);
    fs::write(&file, format!("{}{}", line("left", 2), line("joined", 2))).unwrap();
    eventually_placed(&weir, ["member", "member"]);
    drop(fs::remove_dir_all(dir));
}
