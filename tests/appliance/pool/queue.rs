//! Admission: no node runs more requests than it may, and who must wait for a place waits in order, for a bounded time,
//! and for its own node.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::gated_world::node;
use crate::harness::{Appliance, Client, Gate, H2Client, Origin, Plan, Seen, eventually, ok, within};

const LEARN: &str = "sticky = { mode = \"learn\", cookie = \"JSESSIONID\" }";

/// A node that tells how many requests it ran at once, at most.
struct Counting {
    origin: Origin,
    peak: Arc<AtomicUsize>,
}

/// Takes some milliseconds for each request.
fn counting(name: &'static str) -> Counting {
    let (running, peak) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let told = Arc::clone(&peak);
    let origin = Origin::answering(move |_| {
        told.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
        within(Duration::from_millis(8), || false);
        running.fetch_sub(1, SeqCst);
        ok(name)
    });
    Counting { origin, peak }
}

/// One node with one place, which is held until the gate opens.
fn one_place(queue: &str) -> (Gate, Origin, Appliance, Client) {
    let gate = Gate::shut();
    let origin = node("a", &gate);
    let weir = Plan::before(&[&origin]).pool(&format!("max-requests = 1\n{queue}")).start();
    let holder = asking(&weir, "/hold");
    origin.reached(1);
    (gate, origin, weir, holder)
}

/// A client that has sent its request and not read the answer.
fn asking(weir: &Appliance, target: &str) -> Client {
    let mut client = weir.client();
    assert!(client.send(get(target)));
    client
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n\r\n")
}

fn bound(target: &str, session: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\nCookie: JSESSIONID={session}\r\n\r\n")
}

fn waiting(weir: &Appliance) -> usize {
    weir.metric("weir_queue_waiting", &[("pool", "app")]) as usize
}

fn queued(weir: &Appliance, result: &str) -> usize {
    weir.metric("weir_queued_total", &[("pool", "app"), ("result", result)]) as usize
}

#[track_caller]
fn wait_for(weir: &Appliance, count: usize) {
    eventually(&format!("{count} wait"), || waiting(weir) == count);
}

#[test]
fn no_node_ever_runs_more_than_it_may_and_everyone_is_served() {
    let nodes = [counting("a"), counting("b")];
    let plan = Plan::before(&[&nodes[0].origin, &nodes[1].origin]).threads(2).member(2, "max-requests = 2");
    let weir = plan.pool("max-requests = 5\nqueue = { size = 100, wait = \"30s\" }").start();
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let mut client = weir.client();
                (0..6).for_each(|_| assert_eq!(client.ask(get("/")).status, 200));
            });
        }
    });
    assert_eq!(nodes[0].origin.count() + nodes[1].origin.count(), 300);
    assert_eq!((nodes[0].peak.load(SeqCst), nodes[1].peak.load(SeqCst)), (5, 2));
    assert!(queued(&weir, "served") > 100);
    assert_eq!(waiting(&weir), 0);
}

#[test]
fn first_come_first_served() {
    let (gate, origin, weir, mut holder) = one_place("queue = { size = 10 }");
    let mut clients: Vec<Client> = (1..=6)
        .map(|number| {
            let client = asking(&weir, &format!("/{number}"));
            wait_for(&weir, number);
            client
        })
        .collect();
    assert_eq!(origin.count(), 1, "nobody slips in");
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    for client in &mut clients {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
    let order: Vec<String> = origin.seen().iter().map(Seen::target).collect();
    assert_eq!(order, ["/hold", "/1", "/2", "/3", "/4", "/5", "/6"]);
    assert_eq!((waiting(&weir), queued(&weir, "served")), (0, 6));
}

#[test]
fn a_session_waits_for_its_own_node_and_holds_nobody_else_up() {
    let SessionThatWaits { gate, nodes, weir, home, mut holds, mut waits } = session_that_waits("");
    for _ in 0..5 {
        assert_ne!(usize::from(weir.get("/any").text() == "b"), home, "others pass by");
    }
    assert!(waits.stays_silent(Duration::from_millis(100)));
    gate.open();
    let answers = [&mut waits, &mut holds].map(|client| client.answer().expect("an answer").text());
    assert_eq!(answers, [["a", "b"][home]; 2]);
    assert_eq!(nodes[home].last().target(), "/mine");
}

#[test]
fn a_session_that_waits_moves_when_its_node_is_lost() {
    let mut session = session_that_waits("eject = { failures = 1, for = \"1h\" }\ntries = 1");
    session.nodes[session.home].stop();
    let moved = session.waits.answer().expect("an answer");
    assert_eq!((moved.status, moved.text().as_str()), (200, ["b", "a"][session.home]));
    session.gate.open();
}

/// A session of the node at `home`, which has one place: one request of the session holds it, another one waits for it.
struct SessionThatWaits {
    gate: Gate,
    nodes: [Origin; 2],
    weir: Appliance,
    home: usize,
    holds: Client,
    waits: Client,
}

fn session_that_waits(pool: &str) -> SessionThatWaits {
    let gate = Gate::shut();
    let nodes = [node("a", &gate), node("b", &gate)];
    let pool = format!("{LEARN}\nmax-requests = 1\nqueue = {{ size = 10 }}\n{pool}");
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(&pool).start();
    let home = usize::from(weir.get("/login/S").text() == "b");
    let mut holds = weir.client();
    holds.send(bound("/hold", "S"));
    nodes[home].reached(2);
    let mut waits = weir.client();
    waits.send(bound("/mine", "S"));
    wait_for(&weir, 1);
    SessionThatWaits { gate, nodes, weir, home, holds, waits }
}

#[test]
fn a_request_that_finds_the_queue_full_is_refused_at_once_with_retry_after() {
    let (gate, origin, weir, mut holder) = one_place("queue = { size = 2 }");
    let mut patient = [asking(&weir, "/1"), asking(&weir, "/2")];
    wait_for(&weir, 2);
    let began = Instant::now();
    let answer = weir.get("/3");
    assert_eq!(answer.refusal(), "503 queue-full", "{}", answer.text());
    assert!(answer.field("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|all| all >= 1)));
    assert!(began.elapsed() < Duration::from_secs(2));
    eventually("the refusal is counted", || weir.metric("weir_refusals_total", &[("word", "queue-full")]) > 0.5);
    assert_eq!(queued(&weir, "full"), 1);
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    patient.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").status, 200));
    assert_eq!(origin.count(), 3);
}

#[test]
fn nobody_waits_longer_than_the_pool_lets_them() {
    let (gate, origin, weir, mut holder) = one_place("queue = { size = 2, wait = \"400ms\" }");
    let began = Instant::now();
    let answer = weir.get("/1");
    assert_eq!(answer.refusal(), "503 queue-timeout", "{}", answer.text());
    assert!(answer.field("retry-after").is_some());
    assert!((400..3000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!((waiting(&weir), queued(&weir, "timeout")), (0, 1));
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    assert_eq!(weir.get("/2").status, 200, "its place was not lost");
    assert_eq!(origin.count(), 2, "who gave up is not served");
}

#[test]
fn a_client_that_goes_away_leaves_the_queue() {
    let (gate, origin, weir, mut holder) = one_place("queue = { size = 5 }");
    let (reset, closed, stays) = (asking(&weir, "/reset"), asking(&weir, "/closed"), asking(&weir, "/stays"));
    wait_for(&weir, 3);
    reset.reset();
    wait_for(&weir, 2);
    drop(closed);
    wait_for(&weir, 1);
    assert_eq!(queued(&weir, "gone"), 2);
    gate.open();
    let mut stays = stays;
    assert_eq!(stays.answer().expect("an answer").status, 200);
    assert_eq!(holder.answer().expect("an answer").status, 200);
    assert_eq!(origin.count(), 2, "nothing is asked for who is gone");
}

#[test]
fn without_a_queue_a_request_that_finds_every_node_busy_is_refused_at_once() {
    let (gate, origin, weir, mut holder) = one_place("");
    let answer = weir.get("/1");
    assert_eq!(answer.refusal(), "503 nodes-busy", "{}", answer.text());
    assert!(answer.field("retry-after").is_some());
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    eventually("there is room again", || weir.get("/2").status == 200);
    assert_eq!(origin.seen()[1].target(), "/2");
}

#[test]
fn a_request_with_a_body_waits_and_its_body_is_whole() {
    let (gate, origin, weir, mut holder) = one_place("queue = { size = 5 }");
    let body = "x".repeat(300_000);
    let mut client = weir.client();
    let answer = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            client.ask(format!("POST /up HTTP/1.1\r\nHost: esb.test\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        });
        wait_for(&weir, 1);
        gate.open();
        sending.join().expect("an answer")
    });
    assert_eq!((answer.status, holder.answer().expect("an answer").status), (200, 200));
    assert_eq!(origin.last().body().len(), body.len());
}

#[test]
fn waiting_requests_survive_a_reload_and_use_the_room_that_it_makes() {
    let (gate, origin, mut weir, mut holder) = one_place("queue = { size = 9 }");
    let mut clients: Vec<Client> = (1..=3)
        .map(|number| {
            let client = asking(&weir, &format!("/{number}"));
            wait_for(&weir, number);
            client
        })
        .collect();
    weir.reload();
    assert_eq!((waiting(&weir), origin.count()), (3, 1), "a reload alone changes nothing");
    weir.edit(|text| text.replace("max-requests = 1", "max-requests = 2"));
    weir.reload();
    // The first place is still held.
    for client in &mut clients {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
}

#[test]
fn a_reload_that_lowers_the_bound_holds_though_requests_wait() {
    let node = counting("a");
    let plan = Plan::before(&[&node.origin]).pool("max-requests = 8\nqueue = { size = 100, wait = \"30s\" }");
    let mut weir = plan.start();
    let http = weir.http();
    thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(move || {
                let mut client = Client::plain(http).expect("the listener accepts");
                (0..20).for_each(|_| assert_eq!(client.ask(get("/")).status, 200));
            });
        }
        eventually("it is busy", || node.peak.load(SeqCst) == 8 && waiting(&weir) > 10);
        weir.edit(|text| text.replace("max-requests = 8", "max-requests = 2"));
        weir.reload();
        eventually("it runs fewer", || {
            node.peak.store(0, SeqCst);
            within(Duration::from_millis(60), || false);
            (1..=2).contains(&node.peak.load(SeqCst))
        });
        assert!(waiting(&weir) > 0, "others wait all the while");
    });
    assert_eq!(node.origin.count(), 600);
}

#[test]
fn a_reload_that_takes_a_busy_node_away_costs_those_who_wait_nothing() {
    let gate = Gate::shut();
    let nodes = [node("a", &gate), node("b", &gate)];
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).pool("max-requests = 1\nqueue = { size = 9 }").start();
    let mut holders = [asking(&weir, "/hold1"), asking(&weir, "/hold2")];
    nodes.iter().for_each(|node| node.reached(1));
    weir.edit(|text| text.replace(", { node = \"n2\" }]", "]"));
    weir.reload();
    let mut clients: Vec<Client> = (1..=4)
        .map(|number| {
            let client = asking(&weir, &format!("/{number}"));
            wait_for(&weir, number);
            client
        })
        .collect();
    gate.open();
    holders.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").status, 200));
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "a"));
    assert_eq!(nodes[1].count(), 1, "nobody goes where no pool is");
    let order: Vec<String> = nodes[0].seen().iter().skip(1).map(Seen::target).collect();
    assert_eq!(order, ["/1", "/2", "/3", "/4"], "in their order");
    assert_eq!(queued(&weir, "served"), 4, "each waited once");
}

/// One node with one place, which is held, and another node that a reload can add.
fn one_of_two(queue: &str) -> (Gate, [Origin; 2], Appliance, Client) {
    let gate = Gate::shut();
    let nodes = [node("a", &gate), node("b", &gate)];
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(&format!("max-requests = 1\n{queue}")).start();
    weir.edit(without_second);
    weir.reload();
    let holder = asking(&weir, "/hold");
    nodes[0].reached(1);
    (gate, nodes, weir, holder)
}

fn with_second(text: String) -> String {
    text.replace("nodes = [{ node = \"n1\" }]", "nodes = [{ node = \"n1\" }, { node = \"n2\" }]")
}

fn without_second(text: String) -> String {
    text.replace(", { node = \"n2\" }]", "]")
}

/// So many clients that wait, in their order.
fn line(weir: &Appliance, count: usize) -> Vec<Client> {
    let join = |number| {
        let client = asking(weir, &format!("/{number}"));
        wait_for(weir, number);
        client
    };
    (1..=count).map(join).collect()
}

fn targets(node: &Origin) -> Vec<String> {
    node.seen().iter().map(Seen::target).collect()
}

#[test]
fn a_node_that_a_reload_adds_serves_those_who_wait_in_their_order() {
    let (gate, nodes, mut weir, mut holder) = one_of_two("queue = { size = 4, wait = \"30s\" }");
    let mut clients = line(&weir, 4);
    weir.edit(with_second);
    weir.reload();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "b"));
    assert_eq!(targets(&nodes[1]), ["/1", "/2", "/3", "/4"]);
    assert_eq!((waiting(&weir), queued(&weir, "served")), (0, 4), "each waited once");
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    let counted = |node| weir.metric("weir_requests_total", &[("site", "main"), ("pool", "app"), ("node", node)]);
    eventually("each counts where it was answered", || (counted("n1") as u32, counted("n2") as u32) == (1, 4));
}

#[test]
fn who_waits_while_an_added_node_is_full_too_costs_nothing_and_waits_no_longer_than_it_may() {
    let (gate, nodes, mut weir, mut holder) = one_of_two("queue = { size = 9, wait = \"2s\" }");
    let began = Instant::now();
    let mut clients = vec![asking(&weir, "/hold/2")];
    wait_for(&weir, 1);
    clients.extend((2..=5).map(|number| {
        let client = asking(&weir, &format!("/{number}"));
        wait_for(&weir, number);
        client
    }));
    weir.edit(with_second);
    weir.reload();
    nodes[1].reached(1);
    let cpu = |weir: &Appliance| weir.metric("weir_process_cpu_seconds_total", &[]);
    let before = (cpu(&weir), Instant::now());
    for client in &mut clients[1..] {
        assert_eq!(client.answer().expect("an answer").refusal(), "503 queue-timeout");
    }
    let (used, passed) = (cpu(&weir) - before.0, before.1.elapsed().as_secs_f64());
    assert!(used < 0.1 + 0.3 * passed, "{used} s of {passed} s");
    assert!((2000..5000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    gate.open();
    for client in [&mut holder, &mut clients[0]] {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
}

#[test]
fn two_reloads_at_once_that_replace_the_only_node_lose_nobody_who_waits() {
    let (gate, nodes, mut weir, mut holder) = one_of_two("queue = { size = 4, wait = \"30s\" }");
    let mut clients = line(&weir, 4);
    weir.edit(with_second);
    weir.signal(rustix::process::Signal::HUP);
    weir.edit(|text| text.replace("nodes = [{ node = \"n1\" }, { node = \"n2\" }]", "nodes = [{ node = \"n2\" }]"));
    weir.reload();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "b"));
    assert_eq!(targets(&nodes[1]), ["/1", "/2", "/3", "/4"]);
    gate.open();
    assert_eq!(holder.answer().expect("an answer").text(), "a", "what ran at the old one is answered there");
    assert_eq!(nodes[0].count(), 1);
}

#[test]
fn a_node_that_moves_to_another_port_serves_those_who_wait_there() {
    let (gate, nodes, mut weir, mut holder) = one_of_two("queue = { size = 4, wait = \"30s\" }");
    let mut clients = line(&weir, 3);
    let offset = |origin: &Origin| origin.port() - nodes[0].port().min(nodes[1].port());
    let (old, new) = (offset(&nodes[0]), offset(&nodes[1]));
    weir.edit(|text| text.replacen(&format!("port-offset = {old}\n"), &format!("port-offset = {new}\n"), 1));
    weir.reload();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "b"));
    gate.open();
    assert_eq!((holder.answer().expect("an answer").text().as_str(), nodes[0].count()), ("a", 1));
}

#[test]
fn a_session_that_waits_moves_when_a_reload_takes_its_node_away() {
    let mut session = session_that_waits("");
    let began = Instant::now();
    let gone = session.home + 1;
    session
        .weir
        .edit(|text| text.replace(&format!("{{ node = \"n{gone}\" }}"), "").replace("[, ", "[").replace(", ]", "]"));
    session.weir.reload();
    let moved = session.waits.answer().expect("an answer");
    assert_eq!((moved.status, moved.text().as_str()), (200, ["b", "a"][session.home]));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    session.gate.open();
    assert_eq!(session.holds.answer().expect("an answer").text(), ["a", "b"][session.home]);
}

#[test]
fn a_request_that_waits_in_a_pool_that_a_reload_renames_is_served_where_it_waits() {
    let (gate, _nodes, mut weir, mut holder) = one_of_two("queue = { size = 4, wait = \"30s\" }");
    let mut clients = line(&weir, 3);
    weir.edit(|text| text.replace("\"app\"", "\"application\""));
    weir.reload();
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "a"));
}

#[test]
fn a_queue_that_a_reload_takes_away_lets_those_in_it_wait_on() {
    let (gate, _nodes, mut weir, mut holder) = one_of_two("queue = { size = 4, wait = \"30s\" }");
    let mut clients = line(&weir, 3);
    weir.edit(|text| {
        text.replace("queue = { size = 4, wait = \"30s\" }", "").replace("max-requests = 1", "max-requests = 2")
    });
    weir.reload();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").text(), "a"));
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
}

/// A busy node with one place, and one that fails this way.
fn busy_beside(failing: Origin, queue: &str) -> (Gate, [Origin; 2], Appliance, Client) {
    let gate = Gate::shut();
    let nodes = [node("a", &gate), failing];
    let pool = format!("tries = 9\nmax-requests = 1\nqueue = {queue}\neject = {{ failures = 100 }}");
    let weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(&pool).start();
    let holder = asking(&weir, "/hold");
    nodes[0].reached(1);
    (gate, nodes, weir, holder)
}

#[test]
fn a_request_that_one_node_refused_waits_for_the_busy_one_and_does_not_get_the_same_again() {
    let resets = || Origin::speaking(crate::harness::Talk::reset);
    for refuses in [false, true] {
        let (gate, nodes, weir, mut holder) = busy_beside(resets(), "{ size = 5, wait = \"30s\" }");
        if refuses {
            nodes[1].stop();
        }
        let mut client = weir.client();
        // Of what was refused nothing has left, so a POST may go on as well.
        let body = "Content-Length: 7\r\n\r\n<call/>";
        let head = if refuses { format!("POST /1 HTTP/1.1\r\nHost: esb.test\r\n{body}") } else { get("/1") };
        client.send(head);
        wait_for(&weir, 1);
        assert!(client.stays_silent(Duration::from_millis(300)), "it waits on, refused: {refuses}");
        gate.open();
        assert_eq!(client.answer().expect("an answer").text(), "a", "refused: {refuses}");
        assert_eq!(holder.answer().expect("an answer").status, 200);
        assert_eq!((nodes[1].count(), queued(&weir, "served")), (usize::from(!refuses), 1), "refused: {refuses}");
    }
}

#[test]
fn a_request_that_a_node_refused_fails_at_once_when_the_queue_is_full_or_the_busy_node_is_lost() {
    let (gate, nodes, weir, mut holder) = busy_beside(Origin::named("b"), "{ size = 1, wait = \"30s\" }");
    nodes[1].stop();
    let mut first = asking(&weir, "/1");
    wait_for(&weir, 1);
    assert_eq!(weir.get("/2").refusal(), "502 node-refused");
    let began = Instant::now();
    assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0));
    assert_eq!(first.answer().expect("an answer").refusal(), "502 node-refused");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
}

#[test]
fn a_request_that_leaves_the_queue_unserved_is_logged_with_its_pool() {
    let (gate, _origin, weir, mut holder) = one_place("queue = { size = 1, wait = \"400ms\" }");
    let mut late = asking(&weir, "/late");
    wait_for(&weir, 1);
    assert_eq!(weir.get("/full").refusal(), "503 queue-full");
    assert_eq!(late.answer().expect("an answer").refusal(), "503 queue-timeout");
    for target in ["/late", "/full"] {
        let logged = format!("GET {target} HTTP");
        eventually("it is logged", || weir.journal().contains(&logged));
        let journal = weir.journal();
        let line = journal.lines().find(|line| line.contains(&logged)).unwrap_or_default();
        assert!(line.contains(" pool=app node=- "), "{line}");
    }
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
}

#[test]
fn http2_streams_wait_like_everyone_else() {
    let node = counting("a");
    let weir = Plan::before(&[&node.origin]).secure().pool("max-requests = 3\nqueue = { size = 100 }").start();
    let paths: Vec<String> = (0..40).map(|number| format!("/{number}")).collect();
    let answers = H2Client::connect(weir.https()).get_all(&paths);
    assert!(answers.iter().all(|(_, body)| body == "a"));
    assert_eq!((answers.len(), node.peak.load(SeqCst), waiting(&weir)), (40, 3, 0));
}

#[test]
fn an_http2_stream_that_waits_too_long_is_refused_alone() {
    let gate = Gate::shut();
    let origin = node("a", &gate);
    let pool = "max-requests = 1\nqueue = { size = 1, wait = \"300ms\" }";
    let weir = Plan::before(&[&origin]).secure().pool(pool).start();
    let mut holder = asking(&weir, "/hold");
    origin.reached(1);
    let mut client = H2Client::connect(weir.https());
    let late = client.get("/late", &[]).expect("an answer");
    assert_eq!(late.status, 503);
    assert!(late.text().starts_with("503 queue-timeout") && late.fields.contains_key("retry-after"));
    let posted = client.ask("POST", "/late", &[], &[Bytes::from_static(b"body")], None).expect("an answer");
    assert_eq!(posted.status, 503);
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    assert_eq!(client.get("/now", &[]).expect("the connection is fine").status, 200);
}

#[test]
fn an_http2_stream_that_is_reset_leaves_the_queue_and_so_does_a_connection() {
    use crate::harness::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, RST_STREAM, fields, frame};
    let gate = Gate::shut();
    let origin = node("a", &gate);
    let weir = Plan::before(&[&origin]).secure().pool("max-requests = 1\nqueue = { size = 9 }").start();
    let mut holder = asking(&weir, "/hold");
    origin.reached(1);
    let list =
        fields(&[(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/waits"), (b":authority", b"esb.test")]);
    let mut connection = Frames::connect(weir.https());
    for stream in [1, 3, 5] {
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &list));
    }
    wait_for(&weir, 3);
    connection.send(frame(RST_STREAM, 0, 3, &[0, 0, 0, 8]));
    wait_for(&weir, 2);
    drop(connection);
    wait_for(&weir, 0);
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    assert_eq!(weir.get("/after").status, 200);
    assert_eq!(origin.count(), 2);
}

#[test]
fn a_tunnel_counts_for_max_requests_until_it_ends() {
    let origin = Origin::speaking(|talk| {
        if talk.target() != "/ws" {
            return talk.send(&ok("a"));
        }
        talk.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        while !talk.read_raw().is_empty() {}
        talk.close();
    });
    let weir = Plan::before(&[&origin]).pool("max-requests = 1\nqueue = { size = 5 }").start();
    let mut tunnel = weir.client();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: esb.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    assert_eq!(tunnel.ask(upgrade).status, 101);
    let mut client = asking(&weir, "/plain");
    wait_for(&weir, 1);
    assert!(tunnel.send("still here") && client.stays_silent(Duration::from_millis(100)));
    drop(tunnel);
    assert_eq!(client.answer().expect("an answer").status, 200);
    assert_eq!(waiting(&weir), 0);
}

#[test]
fn those_who_wait_are_served_before_a_stop() {
    let (gate, _origin, mut weir, mut holder) = one_place("queue = { size = 5 }");
    let mut clients = [asking(&weir, "/1"), asking(&weir, "/2")];
    wait_for(&weir, 2);
    weir.signal(rustix::process::Signal::TERM);
    eventually("it is stopping", || Client::plain(weir.http()).is_err());
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().expect("an answer").status, 200));
    assert_eq!(weir.exit_code(), Some(0));
}

#[test]
fn waiting_requests_are_refused_at_once_when_no_node_is_left() {
    let (gate, origin, weir, mut holder) =
        one_place("queue = { size = 5, wait = \"30s\" }\neject = { failures = 1, for = \"1h\" }");
    let mut client = asking(&weir, "/1");
    wait_for(&weir, 1);
    let began = Instant::now();
    origin.stop();
    assert!(holder.answer().is_ok_and(|answer| answer.status >= 502));
    let answer = client.answer().expect("an answer");
    assert!(answer.status == 502 || answer.status == 503, "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    gate.open();
}

/// Lets the generations go that nobody uses.
fn a_while() {
    within(Duration::from_millis(1500), || false);
}

#[test]
fn who_waits_in_a_pool_that_the_second_reload_takes_away_is_told_at_once_when_no_node_is_left() {
    let pool = "queue = { size = 5, wait = \"30s\" }\neject = { failures = 1, for = \"1h\" }";
    let (gate, origin, mut weir, mut holder) = one_place(pool);
    let mut clients = line(&weir, 2);
    weir.reload();
    weir.edit(|text| text.replace("\"app\"", "\"application\""));
    weir.reload();
    a_while();
    let began = Instant::now();
    origin.stop();
    assert!(holder.answer().is_ok_and(|answer| answer.status >= 502));
    for client in &mut clients {
        let answer = client.answer().expect("an answer");
        assert!(answer.status == 502 || answer.status == 503, "{}", answer.text());
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    gate.open();
}

#[test]
fn a_node_of_a_reload_between_serves_those_who_wait_though_the_next_reload_takes_the_pool_away() {
    let gates = [Gate::shut(), Gate::shut()];
    let nodes = [node("a", &gates[0]), node("b", &gates[1])];
    let pool = "max-requests = 1\nqueue = { size = 9, wait = \"30s\" }";
    let mut weir = Plan::before(&[&nodes[0], &nodes[1]]).pool(pool).start();
    weir.edit(without_second);
    weir.reload();
    let mut holders = vec![asking(&weir, "/hold")];
    nodes[0].reached(1);
    holders.push(asking(&weir, "/hold/2"));
    wait_for(&weir, 1);
    let mut client = asking(&weir, "/waits");
    wait_for(&weir, 2);
    weir.edit(with_second);
    weir.reload();
    nodes[1].reached(1);
    weir.edit(|text| text.replace("\"app\"", "\"application\""));
    weir.reload();
    a_while();
    gates[1].open();
    assert_eq!(holders[1].answer().expect("an answer").text(), "b");
    assert_eq!(client.answer().expect("an answer").text(), "b");
    gates[0].open();
    assert_eq!(holders[0].answer().expect("an answer").text(), "a");
}
