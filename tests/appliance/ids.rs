//! The id of a request: the same in what the node reads, what the client gets and what the logs say; and the W3C trace.

use crate::harness::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, Outcome, fields, frame};
use crate::harness::{Answer, Client, H2Client, Origin, Plan, Talk, eventually, is_made_id, ok, ok_with};

const TRUST: &str = "trusted-proxies = [\"127.0.0.0/8\"]\n";
const LOG: &str = "access-log = \"$dir/access.log\"\nerror-log = \"$dir/error.log\"\n";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn ask(mut client: Client, path: &str, fields: &str) -> Answer {
    client.ask(format!("GET {path} HTTP/1.1\r\nHost: esb.test\r\n{fields}\r\n"))
}

/// The one id that an answer has.
#[track_caller]
fn id_of(answer: &Answer) -> String {
    let ids = answer.values("x-request-id");
    assert_eq!(ids.len(), 1, "{}", answer.head);
    ids[0].clone()
}

#[test]
fn node_client_and_log_have_the_same_id_and_each_request_its_own() {
    // What the node says of itself under that name is not ours.
    let origin = Origin::answering(|_| ok_with("X-Request-ID: nodes-own\r\n", "a"));
    let weir = Plan::before(&[&origin]).secure().site(LOG).start();
    let mut kept = weir.client();
    let request = "GET /a HTTP/1.1\r\nHost: esb.test\r\nX-Request-Id: forged\r\nX_Request_Id: forged\r\n\r\n";
    let mut ids: Vec<_> = (0..3).map(|_| id_of(&kept.ask(request))).collect();
    ids.push(id_of(&ask(weir.secure_client(), "/a", "")));
    let mut http2 = H2Client::connect(weir.https());
    for _ in 0..2 {
        let answer = http2.get("/a", &[("x-request-id", "forged")]).expect("an answer");
        let told: Vec<_> = answer.fields.get_all("x-request-id").iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        ids.push(told[0].to_str().expect("text").to_owned());
    }
    let seen = origin.seen();
    assert_eq!(seen.len(), ids.len());
    for (id, seen) in ids.iter().zip(seen) {
        assert!(is_made_id(id), "{id}");
        assert_eq!(seen.values("x-request-id"), std::slice::from_ref(id), "{}", seen.text());
        assert!(!seen.text().contains("forged"), "{}", seen.text());
        eventually("the log has it", || weir.read("access.log").contains(&format!(" id={id} peer=127.0.0.1 ")));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6, "each is another one");
}

#[test]
fn a_trusted_proxy_gives_the_id_if_it_may_be_one() {
    let origin = Origin::named("a");
    let weir =
        Plan::before(&[&origin]).listener(TRUST).site("access-log = \"$dir/a.log\"\nlog-format = \"json\"\n").start();
    assert_eq!(id_of(&ask(weir.client(), "/a", "X-Request-Id: edge/7.f:1\r\n")), "edge/7.f:1");
    assert_eq!(origin.last().values("x-request-id"), ["edge/7.f:1"]);
    eventually("the log has it", || weir.read("a.log").contains(r#","request_id":"edge/7.f:1","#));
    for wrong in ["a b", "\"", "", &"a".repeat(129)] {
        let id = id_of(&ask(weir.client(), "/a", &format!("X-Request-Id: {wrong}\r\n")));
        assert!(is_made_id(&id), "{wrong:?} became {id}");
        assert_eq!(origin.last().values("x-request-id"), [id]);
    }
}

#[test]
fn answers_of_weirs_own_have_one_and_tries_at_other_nodes_keep_it() {
    let (bad, good) = (Origin::speaking(Talk::reset), Origin::named("good"));
    let routes = "[[site.route]]\npath = \"/moved\"\nredirect = { status = 308, host = \"www.test\" }\n\
        [[site.route]]\npath = \"/no\"\ndeny = true\n";
    let weir = Plan::before(&[&bad, &good]).site(&format!("{LOG}{routes}")).start();
    for (path, status) in [("/moved", 308), ("/no", 403)] {
        let answer = ask(weir.client(), path, "");
        assert_eq!(answer.status, status);
        assert!(is_made_id(&id_of(&answer)), "{}", answer.head);
    }
    let strange = weir.client().ask("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n");
    assert_eq!(strange.status, 421);
    assert!(is_made_id(&id_of(&strange)));
    // Two requests, since the first may go to the good node at once.
    let ids: Vec<_> = (0..2).map(|_| id_of(&ask(weir.client(), "/a", ""))).collect();
    let first = bad.last().values("x-request-id");
    assert!(ids.contains(&first[0]), "{first:?} is one of {ids:?}");
    let second = good.seen().into_iter().map(|seen| seen.values("x-request-id")).find(|ids| *ids == first);
    assert_eq!(second, Some(first.clone()), "the other node gets the same");
    eventually("the error line has it", || weir.read("error.log").contains(&format!(", id {}", first[0])));
    good.stop();
    let refused = ask(weir.client(), "/a", "");
    assert!((502..=504).contains(&refused.status), "{}", refused.head);
    let id = id_of(&refused);
    eventually("so has this one", || weir.read("error.log").contains(&format!(", id {id}")));
}

#[test]
fn an_upgrade_has_one_and_an_interim_answer_none() {
    let origin = Origin::speaking(|talk| {
        if talk.target() == "/ws" {
            talk.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        } else {
            talk.send(b"HTTP/1.1 100 Continue\r\n\r\n");
            talk.body();
            talk.send(&ok("a"));
        }
    });
    let weir = Plan::before(&[&origin]).start();
    let answer = ask(weir.client(), "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    assert_eq!((answer.status, origin.last().values("x-request-id")), (101, vec![id_of(&answer)]));
    let mut client = weir.client();
    client.send("POST /a HTTP/1.1\r\nHost: esb.test\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(client.head().expect("the node says it"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("x");
    assert!(is_made_id(&id_of(&client.answer().expect("an answer"))));
}

#[test]
fn off_is_as_if_there_were_none_and_a_reload_changes_it() {
    let origin = Origin::answering(|_| ok_with("X-Request-Id: nodes-own\r\n", "a"));
    let mut weir = Plan::before(&[&origin]).listener("request-id = \"off\"\n").site(LOG).start();
    let answer = ask(weir.client(), "/a", "X-Request-Id: clients-own\r\n");
    assert_eq!(answer.values("x-request-id"), ["nodes-own"]);
    assert_eq!(origin.last().values("x-request-id"), ["clients-own"]);
    eventually("the log has none", || weir.read("access.log").contains(" id=- peer="));
    weir.edit(|text| text.replace("\"off\"", "\"make\""));
    weir.reload();
    assert!(is_made_id(&id_of(&ask(weir.client(), "/a", "X-Request-Id: clients-own\r\n"))));
}

#[test]
fn what_an_operator_sets_or_removes_stands() {
    let origin = Origin::named("a");
    let edits =
        "request-headers = { set = { X-Request-Id = \"fixed\" } }\nresponse-headers = { remove = [\"x-request-id\"] }";
    let weir = Plan::before(&[&origin]).site(edits).start();
    let answer = ask(weir.client(), "/a", "");
    assert_eq!(answer.values("x-request-id"), Vec::<String>::new());
    assert_eq!(origin.last().values("x-request-id"), ["fixed"]);
}

#[test]
fn a_trace_passes_as_it_came_and_is_begun_where_that_is_wished() {
    let origin = Origin::named("a");
    let state = format!("traceparent: {TRACE}\r\ntracestate: a=b\r\n");
    let weir = Plan::before(&[&origin]).start();
    ask(weir.client(), "/a", &state);
    assert_eq!(origin.last().values("traceparent"), [TRACE]);
    assert_eq!(origin.last().values("tracestate"), ["a=b"]);
    ask(weir.client(), "/a", "");
    assert_eq!(origin.last().values("traceparent"), Vec::<String>::new());

    let weir = Plan::before(&[&origin]).listener("traceparent = \"make\"\n").site(LOG).start();
    ask(weir.client(), "/a", &state);
    assert_eq!(origin.last().values("traceparent"), [TRACE]);
    assert_eq!(origin.last().values("tracestate"), ["a=b"]);
    eventually("the log has it", || weir.read("access.log").contains(" trace=4bf92f3577b34da6a3ce929d0e0e4736 "));
    for fields in ["", "traceparent: 00-nonsense\r\ntracestate: a=b\r\n"] {
        let id = id_of(&ask(weir.client(), "/a", fields));
        let made = origin.last().values("traceparent");
        assert_eq!(made.len(), 1, "{made:?}");
        assert!(made[0].starts_with(&format!("00-{id}-")) && made[0].ends_with("-01"), "{made:?} of {id}");
        assert_eq!(origin.last().values("tracestate"), Vec::<String>::new(), "it belonged to another trace");
        eventually("so has this", || weir.read("access.log").contains(&format!(" id={id} trace={id} ")));
    }
}

#[test]
fn why_tells_whether_an_id_would_be_taken() {
    let origin = Origin::named("a");
    let weir = Plan::before(&[&origin]).listener("trusted-proxies = [\"10.0.0.0/8\"]\n").start();
    let why = |client: &str, id: &str| {
        let header = format!("X-Request-Id: {id}");
        let said = weir.command(&["why", "--host", "esb.test", "--client", client, "--header", &header]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    for (client, id, expected) in [
        ("10.1.2.3", "edge-7", "request id: taken from X-Request-Id of this trusted proxy"),
        ("10.1.2.3", "a b", "request id: a new one, since the one that came is too long or has other bytes than an id"),
        ("192.0.2.7", "edge-7", "request id: a new one, since the one that came is from nobody in trusted-proxies"),
    ] {
        let told = why(client, id);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_malformed_head_has_an_id_in_its_answer_and_its_line() {
    let origin = Origin::named("a");
    let weir = Plan::before(&[&origin]).secure().top("access-log = \"$dir/stray.log\"\n").start();
    let bad = "GET / HTTP/1.1\r\nHost: esb.test\r\nX-Request-Id: forged\r\nBad Field : x\r\n\r\n";
    let answer = weir.client().ask(bad);
    assert_eq!(answer.status, 400);
    let id = id_of(&answer);
    assert!(is_made_id(&id), "{id}");
    eventually("the log has it", || weir.read("stray.log").contains(&format!(" id={id} host=- ")));
    let mut http2 = Frames::connect(weir.https());
    let get: [(&[u8], &[u8]); 5] =
        [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"esb.test"), (b":path", b"/"), (b"Bad", b"x")];
    http2.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields(&get)));
    assert!(matches!(http2.outcome(1), Ok(Outcome::Status(400) | Outcome::Reset(_))));
    let has_id = |line: &str| line.split_once(" id=").is_some_and(|(_, rest)| rest.get(..32).is_some_and(is_made_id));
    eventually("so has that of HTTP/2", || weir.read("stray.log").lines().filter(|line| has_id(line)).count() == 2);
    let off = Plan::before(&[&origin]).listener("request-id = \"off\"\n").start();
    assert_eq!(off.client().ask(bad).values("x-request-id"), [""; 0]);
}
