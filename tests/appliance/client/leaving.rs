//! Clients that leave while their node reads nothing of what they send: it is noticed, their place is given back, and the
//! node is not blamed. Who only has said all that it had to say is answered.

use std::time::{Duration, Instant};

use crate::harness::{Appliance, Client, Gate, H2Client, Origin, Plan, eventually, ok, within};

/// As long as it may take until a client is seen to have left.
const SOON: Duration = Duration::from_secs(8);

/// Reads nothing of /stuck before its gate opens, and then all of it.
fn node(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::speaking(move |talk| {
        if talk.target() == "/stuck" {
            gate.pass();
        }
        talk.body_length();
        talk.send(&ok("answered"));
    })
}

/// One place, which the upload takes.
fn before(origin: &Origin) -> Appliance {
    Plan::before(&[origin]).secure().pool("max-requests = 1\neject = { failures = 1, for = \"1h\" }").start()
}

const UPLOAD: &str = "POST /stuck HTTP/1.1\r\nHost: esb.test\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Less than what a socket holds at least.
fn chunk() -> Vec<u8> {
    [b"c000\r\n".as_slice(), &[b'x'; 0xc000], b"\r\n"].concat()
}

fn begin(mut client: Client, origin: &Origin) -> Client {
    client.send(UPLOAD);
    origin.reached(1);
    client
}

/// The client has just left.
#[track_caller]
fn is_noticed(weir: &Appliance, gate: &Gate, how: &str) {
    let began = Instant::now();
    eventually(how, || weir.journal().contains("refusal=client-gone"));
    assert!(began.elapsed() < SOON, "{how}: {:?}", began.elapsed());
    let journal = weir.journal();
    let line = journal.lines().find(|line| line.contains("/stuck")).unwrap_or_default();
    assert!(line.contains("\" 499 "), "{how}: {line}");
    assert_eq!(weir.get("/next").text(), "answered", "{how}: its place is free");
    assert_eq!(weir.state("app", "n1"), "active", "{how}");
    gate.open();
}

#[test]
fn a_client_that_resets_an_upload_that_its_node_does_not_read_frees_the_node_for_others() {
    for secure in [false, true] {
        let gate = Gate::shut();
        let origin = node(&gate);
        let weir = before(&origin);
        let mut client = begin(if secure { weir.secure_client() } else { weir.client() }, &origin);
        client.send_until_stuck(&chunk());
        client.reset();
        is_noticed(&weir, &gate, if secure { "a reset over TLS" } else { "a reset" });
    }
}

#[test]
fn a_client_that_closes_in_an_upload_that_its_node_does_not_read_frees_the_node_for_others() {
    for secure in [false, true] {
        let gate = Gate::shut();
        let origin = node(&gate);
        let weir = before(&origin);
        let mut client = begin(if secure { weir.secure_client() } else { weir.client() }, &origin);
        client.send_until_unread(&chunk());
        drop(client);
        is_noticed(&weir, &gate, if secure { "a close over TLS" } else { "a close" });
    }
}

#[test]
fn an_http2_stream_reset_in_an_upload_that_its_node_does_not_read_frees_the_node_for_others() {
    let gate = Gate::shut();
    let origin = node(&gate);
    let weir = before(&origin);
    H2Client::connect(weir.https()).upload_until_stuck_and_reset("/stuck");
    is_noticed(&weir, &gate, "a reset of a stream");
}

#[test]
fn a_client_that_has_sent_all_and_listens_is_answered_though_its_node_pauses_within_the_upload() {
    let gate = Gate::shut();
    let opens = gate.clone();
    // As a garbage collection does: nothing is taken for a while, then all of it.
    let origin = Origin::speaking(move |talk| {
        opens.pass();
        within(Duration::from_secs(4), || false);
        talk.body_length();
        talk.send(&ok("answered"));
        talk.close();
    });
    let weir = before(&origin);
    let mut client = begin(weir.client(), &origin);
    client.send_until_unread(&chunk());
    client.send("0\r\n\r\n");
    client.finish();
    gate.open();
    let head = client.head().expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[test]
fn a_client_that_leaves_the_queue_in_an_upload_is_noticed_however_much_it_has_sent() {
    let gate = Gate::shut();
    let origin = node(&gate);
    let pool = "max-requests = 1\nqueue = { size = 5, wait = \"5m\" }";
    let weir = Plan::before(&[&origin]).pool(pool).start();
    let mut holder = weir.client();
    holder.send("GET /stuck HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    let waiting = || weir.metric("weir_queue_waiting", &[("pool", "app")]) > 0.5;
    for how in ["reset", "close"] {
        let mut client = weir.client();
        client.send(UPLOAD);
        eventually("it waits", waiting);
        if how == "reset" {
            client.send_until_stuck(&chunk());
            client.reset();
        } else {
            client.send_until_unread(&chunk());
            drop(client);
        }
        eventually(how, || !waiting());
    }
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
}

#[test]
fn a_client_that_breaks_its_body_while_it_is_answered_and_leaves_frees_the_node_for_others() {
    for (what, rest) in [("a broken chunk", b"zz\r\n".to_vec()), ("too long a body", chunk())] {
        let gate = Gate::shut();
        let opens = gate.clone();
        let origin = Origin::speaking(move |talk| {
            if talk.target() == "/next" {
                return talk.send(&ok("answered"));
            }
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            opens.pass();
        });
        let weir = Plan::before(&[&origin]).pool("max-requests = 1").site("max-body = \"1KiB\"").start();
        let mut client = begin(weir.client(), &origin);
        client.head().expect("the answer begins");
        client.send(&rest);
        client.send_until_unread(&chunk());
        client.reset();
        let began = Instant::now();
        eventually(what, || weir.get("/next").status == 200);
        assert!(began.elapsed() < SOON, "{what}: {:?}", began.elapsed());
        gate.open();
    }
}
