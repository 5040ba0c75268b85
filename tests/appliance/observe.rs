//! One line a request, in nginx's form and more, also for what never reached a site.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Appliance, Client, H2Client, Offer, Origin, Plan, eventually, ok};

const LOGS: &str = "access-log = \"$dir/access.log\"\nerror-log = \"$dir/error.log\"";

fn world(format: &str) -> (Origin, Appliance) {
    let origin = Origin::named("n");
    let site = format!("{LOGS}\nlog-format = \"{format}\"");
    let top = format!("access-log = \"$dir/rest.log\"\nerror-log = \"$dir/rest-error.log\"\nlog-format = \"{format}\"");
    let weir = Plan::before(&[&origin]).secure().top(&top).site(&site).start();
    (origin, weir)
}

/// The one line that holds this, when it has been written.
#[track_caller]
fn line(weir: &Appliance, file: &str, holds: &str) -> String {
    let find = || weir.read(file).lines().find(|line| line.contains(holds)).map(str::to_owned);
    eventually(&format!("{file} has a line with {holds}: {}", weir.read(file)), || find().is_some());
    find().unwrap_or_default()
}

#[test]
fn a_line_has_nginxs_form_and_what_weir_knows_beside() {
    let (_origin, weir) = world("combined");
    weir.client().ask("GET /a?b=c HTTP/1.1\r\nHost: esb.test\r\nUser-Agent: curl/7\r\nReferer: http://r/\r\n\r\n");
    let line = line(&weir, "access.log", "/a?b=c");
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    let combined = "\"GET /a?b=c HTTP/1.1\" 200 8 \"http://r/\" \"curl/7\"";
    for part in [combined, " pool=app", " node=n1", " tries=1", " session=", " refusal=-", " upstream=", " site=main"] {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

#[test]
fn json_lines_are_json_and_say_the_same() {
    let (_origin, weir) = world("json");
    weir.client().ask("GET /a\"b HTTP/1.1\r\nHost: esb.test\r\nUser-Agent: \"q\" \\ \u{e9}\r\n\r\n");
    let line = line(&weir, "access.log", "/a");
    let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(
        (&value["pool"], &value["node"], &value["status"]),
        (&"app".into(), &"n1".into(), &200.into()),
        "{line}"
    );
}

/// The keys that a line about a request has, in their order.
const KEYS: &[&str] = &[
    "time",
    "client",
    "peer",
    "request_id",
    "request",
    "status",
    "body_bytes",
    "received_bytes",
    "referer",
    "user_agent",
    "host",
    "site",
    "route",
    "pool",
    "node",
    "upstream_seconds",
    "seconds",
    "tries",
    "session",
    "why",
    "queued_seconds",
    "refusal",
    "tls",
    "key_exchange",
    "protocol",
    "connection",
    "nth",
];

#[test]
fn behind_a_trusted_proxy_the_line_begins_with_the_client_and_names_the_proxy_beside_it() {
    let origin = Origin::named("n");
    let logged = |format: &str, listener: &str| {
        let site = format!("access-log = \"$dir/access.log\"\nlog-format = \"{format}\"\n");
        let weir = Plan::before(&[&origin]).listener(listener).site(&site).start();
        weir.client().ask("GET /a HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n");
        line(&weir, "access.log", "/a")
    };
    let trusted = "trusted-proxies = [\"127.0.0.0/8\"]";
    let told = logged("combined", trusted);
    assert!(told.starts_with("198.51.100.7 - - [") && told.contains(" peer=127.0.0.1 host=esb.test "), "{told}");
    let told: Value = serde_json::from_str(&logged("json", trusted)).expect("JSON");
    assert_eq!((&told["client"], &told["peer"]), (&json!("198.51.100.7"), &json!("127.0.0.1")));
    let told = logged("combined", "");
    assert!(told.starts_with("127.0.0.1 - - [") && told.contains(" peer=127.0.0.1 host=esb.test "), "{told}");
}

#[test]
fn every_json_line_has_every_field_whatever_became_of_the_request() {
    let (origin, weir) = world("json");
    let mut kept = weir.client();
    kept.ask("GET /one HTTP/1.1\r\nHost: esb.test\r\nReferer: r\r\nUser-Agent: u\r\n\r\n");
    kept.ask("POST /two HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 5\r\n\r\nhello");
    weir.secure_client().ask("GET /three HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    H2Client::connect(weir.https()).get("/four", &[]).expect("an answer");
    origin.stop();
    weir.get("/five");
    let told = |holds: &str| -> Value {
        let line = line(&weir, "access.log", holds);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let lines = ["/one", "/two", "/three", "/four", "/five"].map(told);
    for line in &lines {
        let keys: Vec<&str> = line.as_object().map(|all| all.keys().map(String::as_str).collect()).unwrap_or_default();
        let (mut keys, mut expected) = (keys, KEYS.to_vec());
        keys.sort_unstable();
        expected.sort_unstable();
        assert_eq!(keys, expected, "{line}");
        assert!(line["time"].as_str().is_some_and(|time| time.contains('T')), "{line}");
        assert!(line["seconds"].is_number() && line["peer"] == "127.0.0.1" && line["host"] == "esb.test", "{line}");
    }
    let [one, two, three, four, five] = &lines;
    assert_eq!(
        (&one["referer"], &one["user_agent"], &one["nth"], &one["tls"]),
        (&json!("r"), &json!("u"), &json!(1), &json!(""))
    );
    assert_eq!((&two["nth"], &two["received_bytes"], &two["body_bytes"]), (&json!(2), &json!(5), &json!(6)));
    assert_eq!(one["connection"], two["connection"]);
    assert_eq!((&three["tls"], &three["protocol"]), (&json!("TLSv1.3"), &json!("http/1.1")));
    assert_eq!((&four["protocol"], &four["site"], &four["refusal"]), (&json!("h2"), &json!("secure"), &json!("")));
    assert!(five["status"].as_u64() >= Some(500) && five["refusal"] != "", "{five}");
}

#[test]
fn what_never_reached_a_site_is_json_too() {
    let (_origin, weir) = world("json");
    weir.client().ask("GET /a\\b\" HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    weir.client().ask("\u{e9}\u{1}\"\\ nonsense\r\n\r\n");
    assert!(Client::tls(weir.https(), &Offer::http1("other.test")).is_err());
    eventually("three lines are there", || weir.read("rest.log").lines().count() >= 3);
    for line in weir.read("rest.log").lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value["refusal"].as_str().is_some_and(|word| !word.is_empty()), "{line}");
        assert!(value["listener"].is_string() && value["site"] == "", "{line}");
    }
}

#[test]
fn a_site_whose_log_is_off_writes_no_line_and_the_others_do() {
    let origin = Origin::named("n");
    let more = "[[site]]\nname = \"quiet\"\nlistener = \"http\"\nhosts = [\"quiet.test\"]\npool = \"app\"\naccess-log = \"off\"\n";
    let weir = Plan::before(&[&origin]).top("access-log = \"$dir/rest.log\"").more(more).start();
    assert_eq!(weir.client().ask("GET /quiet HTTP/1.1\r\nHost: quiet.test\r\n\r\n").status, 200);
    assert_eq!(weir.get("/loud").status, 200);
    line(&weir, "rest.log", "/loud");
    assert!(!weir.read("rest.log").contains("/quiet") && !weir.journal().contains("/quiet"));
    eventually("it is counted nonetheless", || weir.metric("weir_requests_total", &[("site", "quiet")]) > 0.5);
}

#[test]
fn no_byte_of_a_client_breaks_a_line_and_no_session_id_is_written() {
    let (_origin, weir) = world("combined");
    weir.client().ask(
        "GET /evil;jsessionid=SECRET1?x=\" HTTP/1.1\r\nHost: esb.test\r\nUser-Agent: a\"b\\c\u{e9}\r\n\
         Cookie: JSESSIONID=SECRET2\r\n\r\n",
    );
    let line = line(&weir, "access.log", "/evil");
    assert!(line.contains("a\\x22b\\x5Cc\\xC3\\xA9"), "{line}");
    assert!(line.contains("x=\\x22"), "{line}");
    assert!(!weir.read("access.log").contains("SECRET") && !weir.journal().contains("SECRET"), "{line}");
}

#[test]
fn what_weir_refuses_has_a_line_with_its_refusal_word() {
    let (_origin, weir) = world("combined");
    weir.client().ask("GET /a\\b HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    assert!(line(&weir, "rest.log", "bad-target").contains("site=-"));
    weir.client().ask("GET /unknown HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert!(line(&weir, "rest.log", "unknown-host").contains("421"));
    weir.client().ask("POST / HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx");
    line(&weir, "rest.log", "bad-length");
    assert!(Client::tls(weir.https(), &Offer::http1("other.test")).is_err());
    eventually("the failed handshake has its line", || {
        weir.read("rest.log").contains("handshake") || weir.read("rest-error.log").contains("handshake")
    });
}

#[test]
fn a_node_that_fails_is_in_the_error_log() {
    let (origin, weir) = world("combined");
    origin.stop();
    assert!(matches!(weir.get("/a").status, 502 | 503));
    let told = line(&weir, "access.log", "/a");
    // The word says why there was no answer; the error log says what the connect came to.
    assert!(told.contains("refusal=node-refused") || told.contains("refusal=no-active-node"), "{told}");
    let said = line(&weir, "error.log", "n1");
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn sigusr1_reopens_what_logrotate_moved() {
    let (_origin, weir) = world("combined");
    weir.get("/before");
    line(&weir, "access.log", "/before");
    std::fs::rename(weir.path("access.log"), weir.path("access.log.1")).expect("the file is there");
    weir.signal(Signal::USR1);
    eventually("a new file is there", || weir.path("access.log").exists());
    weir.get("/after");
    line(&weir, "access.log", "/after");
    assert!(!weir.read("access.log.1").contains("/after"));
    assert!(!weir.read("access.log").contains("/before"));
}

#[test]
fn a_log_that_cannot_be_written_costs_no_request() {
    let (_origin, weir) = world("combined");
    weir.get("/before");
    line(&weir, "access.log", "/before");
    std::fs::remove_file(weir.path("access.log")).expect("the file is there");
    std::fs::create_dir(weir.path("access.log")).expect("the name is free");
    weir.signal(Signal::USR1);
    for _ in 0..50 {
        assert_eq!(weir.get("/on").status, 200);
    }
    eventually("the journal says so", || weir.journal().contains("access.log"));
}

#[test]
fn the_last_lines_are_written_before_the_end() {
    let (_origin, mut weir) = world("combined");
    for number in 0..100 {
        weir.get(&format!("/last-{number}"));
    }
    assert_eq!(weir.stop(), Some(0));
    let text = weir.read("access.log");
    assert_eq!(text.lines().filter(|line| line.contains("/last-")).count(), 100);
}

#[test]
fn what_was_malformed_is_in_the_line_and_not_in_the_answer() {
    let origin = Origin::answering(|seen| match seen.target().as_str() {
        "/nul" => b"HTTP/1.1 200 OK\r\nA: b\r\nSet-Cookie: SID=SECRET\0\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/twice" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n".to_vec(),
        "/large" => format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(9000)).into_bytes(),
        "/chunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\ng\r\n".to_vec(),
        "/101" => b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec(),
        _ => ok("fine"),
    });
    let weir = Plan::before(&[&origin])
        .top("access-log = \"$dir/access.log\"\nerror-log = \"$dir/error.log\"")
        .pool("max-answer-head = \"8KiB\"\nsticky = { mode = \"learn\", cookie = \"SID\" }\neject = { failures = 0 }")
        .start();
    for (target, reason) in [
        ("/nul", "bad-field: field 2, Set-Cookie: byte 0x00 in its value, at 11"),
        ("/twice", "bad-transfer-encoding: Transfer-Encoding \\x22chunked, chunked\\x22"),
        ("/large", "head-too-large: more than 8192 bytes, max-answer-head"),
        ("/101", "101 that nobody asked for"),
    ] {
        let answer = weir.get(target);
        assert_eq!(answer.refusal(), "502 node-malformed", "{target}");
        assert!(!answer.text().contains("field") && !answer.text().contains("8192"), "{answer:?}");
        let told = line(&weir, "access.log", target);
        assert!(told.ends_with(&format!("refusal=node-malformed reason=\"{reason}\"")), "{told}");
        let told = line(&weir, "error.log", target);
        assert!(told.contains(&format!("node-malformed ({reason}) from node n1 of pool app")), "{told}");
    }
    weir.get("/chunk");
    let told = line(&weir, "access.log", "/chunk");
    assert!(told.ends_with("refusal=node-malformed reason=\"bad-chunk-size: byte 0x67\""), "{told}");
    let post = |head: &str, body: &str| {
        weir.client().ask(format!("POST {head} HTTP/1.1\r\nHost: esb.test\r\n{body}"));
    };
    post("/ext", "Transfer-Encoding: chunked\r\n\r\n5;bad[=x\r\nhello\r\n0\r\n\r\n");
    let told = line(&weir, "access.log", "/ext");
    assert!(told.ends_with("refusal=bad-chunk reason=\"bad-chunk-extension: byte 0x5B\""), "{told}");
    post("/a;sid=SECRET", "X-Foo: a\u{1}b\r\n\r\n");
    let told = line(&weir, "access.log", "/a;sid=*");
    assert!(told.ends_with("refusal=bad-field reason=\"field 2, X-Foo: byte 0x01 in its value, at 2\""), "{told}");
    weir.client().ask("GET /unknown;SID=SECRET HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert!(line(&weir, "access.log", "/unknown").contains("/unknown;SID=* HTTP/1.1"));
    post("/", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello");
    assert!(line(&weir, "access.log", "bad-length").contains("Content-Length \\x225\\x22, Content-Length \\x226\\x22"));
    for log in ["access.log", "error.log"] {
        assert!(!weir.read(log).contains("SECRET"), "{}", weir.read(log));
    }
}

#[test]
fn the_journals_lines_of_failed_requests_show_no_session() {
    let origin = Origin::answering(|_| b"HTTP/1.1 200 OK\r\nContent-Length: SID=SECRET\r\n\r\n".to_vec());
    let pool = "sticky = { mode = \"learn\", cookie = \"SID\" }\neject = { failures = 0 }";
    let weir = Plan::before(&[&origin]).pool(pool).start();
    for target in ["/a%3Bjsessionid=SECRET", "/b;SID=SECRET"] {
        assert_eq!(weir.get(target).refusal(), "502 node-malformed", "{target}");
    }
    eventually("both have their line", || weir.journal().matches("ERROR node-malformed").count() == 2);
    assert!(!weir.journal().contains("SECRET"), "{}", weir.journal());
}
