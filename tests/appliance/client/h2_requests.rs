//! HTTP/2 requests that no decent client sends: what two readers could take for two requests never reaches a node, and
//! floods end the connection that brings them. What is right goes up as one HTTP/1.1 request.

use crate::harness::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, Outcome, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    fields, fields_of, frame,
};
use crate::harness::{Appliance, Gate, Origin, Plan, Seen, eventually, ok};

type List<'a> = Vec<(&'a [u8], &'a [u8])>;

const GET: [(&[u8], &[u8]); 4] =
    [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"esb.test")];
const POST: [(&[u8], &[u8]); 4] =
    [(b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"esb.test")];

/// The lines that Weir adds; everything in lower case, as it is compared.
const ADDED: &str = "x-forwarded-host: esb.test\r\nx-forwarded-server: esb.test\r\nx-forwarded-for: 127.0.0.1\r\n\
    x-forwarded-proto: https\r\nx-forwarded-port: 443\r\nx-real-ip: 127.0.0.1\r\nx-request-id: id\r\n";

fn world() -> (Origin, Appliance) {
    let origin = Origin::answering(|seen| ok(&seen.target()));
    let weir = Plan::before(&[&origin]).secure().start();
    (origin, weir)
}

fn get_with<'a>(more: &[(&'a [u8], &'a [u8])]) -> List<'a> {
    GET.iter().copied().chain(more.iter().copied()).collect()
}

/// A GET with one of its pseudo fields changed.
fn get_but<'a>(name: &'a [u8], value: &'a [u8]) -> List<'a> {
    GET.iter().map(|(key, old)| if *key == name { (name, value) } else { (*key, *old) }).collect()
}

fn get_without(name: &[u8]) -> List<'static> {
    GET.iter().copied().filter(|field| field.0 != name).collect()
}

//= rfc9113#8.3.1 authority
//= rfc9113#8.3 pseudo
//= rfc9113#8.2.2 one-connection
//= rfc9113#8.2.1 names
fn malformed() -> Vec<(&'static str, List<'static>)> {
    let mut rows = vec![
        ("CR LF in a value", get_with(&[(b"x", b"a\r\nhost: other.test")])),
        ("LF in a value", get_with(&[(b"x", b"a\nb")])),
        ("CR in a value", get_with(&[(b"x", b"a\rb")])),
        ("NUL in a value", get_with(&[(b"x", b"a\0b")])),
        ("CR LF in a name", get_with(&[(b"x\r\ny", b"a")])),
        ("LF in a name", get_with(&[(b"x\ny", b"a")])),
        ("a colon in a name", get_with(&[(b"x:y", b"a")])),
        ("a blank in a name", get_with(&[(b"x y", b"a")])),
        ("a blank at the end of a name", get_with(&[(b"content-length ", b"5")])),
        ("upper case in a name", get_with(&[(b"X-Upper", b"a")])),
        ("an empty name", get_with(&[(b"", b"a")])),
        ("NUL in a name", get_with(&[(b"x\0", b"a")])),
        ("a byte beyond ASCII in a name", get_with(&[(b"x\xff", b"a")])),
        ("connection", get_with(&[(b"connection", b"close")])),
        ("keep-alive", get_with(&[(b"keep-alive", b"timeout=5")])),
        ("proxy-connection", get_with(&[(b"proxy-connection", b"x")])),
        ("transfer-encoding", get_with(&[(b"transfer-encoding", b"chunked")])),
        ("upgrade", get_with(&[(b"upgrade", b"websocket")])),
        ("te other than trailers", get_with(&[(b"te", b"gzip")])),
        ("te of trailers and more", get_with(&[(b"te", b"trailers, gzip")])),
        ("another host", get_with(&[(b"host", b"other.test")])),
        ("another port", get_with(&[(b"host", b"esb.test:80")])),
        ("two hosts", get_with(&[(b"host", b"esb.test"), (b"host", b"other.test")])),
        ("an empty host beside the authority", get_with(&[(b"host", b"")])),
        ("an unknown pseudo field", get_with(&[(b":x", b"a")])),
        ("a status in a request", get_with(&[(b":status", b"200")])),
        ("two paths", get_with(&[(b":path", b"/other")])),
        ("two methods", get_with(&[(b":method", b"POST")])),
        ("two authorities", get_with(&[(b":authority", b"other.test")])),
        ("two schemes", get_with(&[(b":scheme", b"http")])),
        ("no path", get_without(b":path")),
        ("no method", get_without(b":method")),
        ("no scheme", get_without(b":scheme")),
        ("no authority and no host", get_without(b":authority")),
        ("a bad content-length", get_with(&[(b"content-length", b"x")])),
        ("two content-lengths", get_with(&[(b"content-length", b"0"), (b"content-length", b"5")])),
        ("a list of content-lengths", get_with(&[(b"content-length", b"5, 5")])),
        ("a length without data", get_with(&[(b"content-length", b"5")])),
        ("a length by underscore", get_with(&[(b"content_length", b"5")])),
        ("a coding by underscore", get_with(&[(b"transfer_encoding", b"chunked")])),
    ];
    rows.push((
        "a pseudo field after the others",
        [(b"x".as_slice(), b"a".as_slice())].into_iter().chain(GET).collect(),
    ));
    rows.extend(malformed_pseudo_fields());
    rows
}

//= rfc9113#8.3.1 path
fn malformed_pseudo_fields() -> Vec<(&'static str, List<'static>)> {
    vec![
        ("a blank in the path", get_but(b":path", b"/a b")),
        ("a fragment", get_but(b":path", b"/a#b")),
        ("a request in the path", get_but(b":path", b"/ HTTP/1.1\r\nhost: other.test\r\n\r\nGET /")),
        ("a version in the path", get_but(b":path", b"/ HTTP/1.1")),
        ("a tab in the path", get_but(b":path", b"/a\tb")),
        ("NUL in the path", get_but(b":path", b"/a\0b")),
        ("a backslash in the path", get_but(b":path", b"/a\\b")),
        ("an empty path", get_but(b":path", b"")),
        ("a path without a slash", get_but(b":path", b"foo")),
        ("an absolute path", get_but(b":path", b"https://other.test/")),
        ("a path of *", get_but(b":path", b"*")),
        ("a blank in the method", get_but(b":method", b"GET /smuggled HTTP/1.1")),
        ("CR LF in the method", get_but(b":method", b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET")),
        ("an empty method", get_but(b":method", b"")),
        ("TRACE", get_but(b":method", b"TRACE")),
        ("CONNECT with a path", get_but(b":method", b"CONNECT")),
        ("userinfo in the authority", get_but(b":authority", b"user@esb.test")),
        ("a path in the authority", get_but(b":authority", b"esb.test/a")),
        ("a blank in the authority", get_but(b":authority", b"esb.test other.test")),
        ("CR LF in the authority", get_but(b":authority", b"esb.test\r\nx: y")),
        ("an empty authority", get_but(b":authority", b"")),
        ("an unknown authority", get_but(b":authority", b"other.test")),
        ("a scheme with blanks", get_but(b":scheme", b"https /x")),
        ("http on the TLS listener", get_but(b":scheme", b"http")),
    ]
}

//= rfc9113#10.3 translated
//= rfc9113#8.1.1 malformed
#[test]
fn malformed_requests_reach_nobody_and_harm_nobody() {
    let (origin, weir) = world();
    let mut failures = Vec::new();
    for (name, list) in malformed() {
        let before = origin.count();
        let mut connection = Frames::connect(weir.https());
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields(&list)));
        match connection.outcome(1) {
            Ok(Outcome::Reset(_) | Outcome::GoAway(_) | Outcome::Status(400..=499)) => {}
            other => failures.push(format!("{name}: {other:?}")),
        }
        let reached: Vec<String> = origin.seen().split_off(before).iter().map(Seen::text).collect();
        if !reached.is_empty() {
            failures.push(format!("{name}: reached the node: {reached:?}"));
        }
    }
    assert!(failures.is_empty(), "{} rows fail:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(weir.get("/after").text(), "/after");
}

//= rfc9113#8.3.1 authority-up
//= rfc9113#8.2.3 crumbs
#[test]
fn right_requests_go_up_as_one_request_of_http_1() {
    let rows: Vec<(&str, List<'_>, &str)> = vec![
        ("a GET", GET.to_vec(), "get / http/1.1\r\nhost: esb.test\r\n$added\r\n"),
        ("a host that agrees", get_with(&[(b"host", b"esb.test")]), "get / http/1.1\r\nhost: esb.test\r\n$added\r\n"),
        (
            "a host that agrees but for what https has anyway",
            get_with(&[(b"host", b"ESB.test:443")]),
            "get / http/1.1\r\nhost: esb.test\r\n$added\r\n",
        ),
        (
            "te: trailers",
            get_with(&[(b"te", b"trailers")]),
            "get / http/1.1\r\nhost: esb.test\r\n$addedte: trailers\r\nconnection: te\r\n\r\n",
        ),
        (
            "a path with a query",
            get_but(b":path", b"/a/../b?c=/d"),
            "get /a/../b?c=/d http/1.1\r\nhost: esb.test\r\n$added\r\n",
        ),
        (
            "UTF-8 in path and query, as in HTTP/1",
            get_but(b":path", b"/\xc3\xa9?a=\xc3\xa8"),
            "get /\u{e9}?a=\u{e8} http/1.1\r\nhost: esb.test\r\n$added\r\n",
        ),
        (
            "blanks around a value and empty crumbs are left out",
            get_with(&[(b"cookie", b"a=1"), (b"cookie", b""), (b"x", b" 1 ")]),
            "get / http/1.1\r\nhost: esb.test\r\ncookie: a=1\r\nx: 1\r\n$added\r\n",
        ),
        (
            "crumbs of a cookie become one line",
            get_with(&[(b"cookie", b"a=1"), (b"x", b"1"), (b"cookie", b"jsessionid=2; b=3"), (b"cookie", b"c=4")]),
            "get / http/1.1\r\nhost: esb.test\r\ncookie: a=1; jsessionid=2; b=3; c=4\r\nx: 1\r\n$added\r\n",
        ),
    ];
    let (origin, weir) = world();
    for (name, list, expected) in rows {
        let mut connection = Frames::connect(weir.https());
        connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields(&list)));
        assert_eq!(connection.outcome(1).expect("an answer comes"), Outcome::Status(200), "{name}");
        let expected = expected.replace("$added", ADDED);
        let seen = origin.last();
        assert_eq!(sorted(&seen.text_but_id().to_ascii_lowercase()), sorted(&expected), "{name}");
        assert_eq!(seen.doubtful, None, "{name}");
    }
}

/// Where the joined Cookie line stands is nobody's business.
fn sorted(head: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = head.split("\r\n").collect();
    lines.sort_unstable();
    lines
}

//= rfc9113#8.1.1 length
#[test]
fn a_body_that_does_not_match_its_length_never_looks_whole() {
    let (origin, weir) = world();
    for (length, data, ended) in [("5", "hell", true), ("5", "hello!", true), ("0", "x", true), ("4", "hello", false)] {
        let list: List<'_> = POST.iter().copied().chain([(b"content-length".as_slice(), length.as_bytes())]).collect();
        let mut connection = Frames::connect(weir.https());
        connection.send(frame(HEADERS, END_HEADERS, 1, &fields(&list)));
        connection.send(frame(DATA, if ended { END_STREAM } else { 0 }, 1, data.as_bytes()));
        let outcome = connection.outcome(1).expect("something comes of it");
        assert!(!matches!(outcome, Outcome::Status(200)), "{length} {data}: {outcome:?}");
        let whole: Vec<String> = origin.seen().iter().filter(|seen| seen.complete).map(Seen::text).collect();
        assert!(whole.is_empty(), "{length} {data}: {whole:?}");
        assert!(origin.seen().iter().all(|seen| seen.doubtful.is_none()));
    }
    assert_eq!(weir.get("/after").text(), "/after");
}

#[test]
fn bodies_go_up_with_their_length_or_in_chunks() {
    let (origin, weir) = world();
    let rows: [(&[u8], &str); 2] = [(b"content-length", "5"), (b"x-none", "1")];
    for (name, value) in rows {
        let list: List<'_> = POST.iter().copied().chain([(name, value.as_bytes())]).collect();
        let mut connection = Frames::connect(weir.https());
        connection.send(frame(HEADERS, END_HEADERS, 1, &fields(&list)));
        connection.send(frame(DATA, 0, 1, b"he"));
        connection.send(frame(DATA, END_STREAM, 1, b"llo"));
        assert_eq!(connection.outcome(1).expect("an answer comes"), Outcome::Status(200));
        let seen = origin.last();
        let chunked = name == b"x-none";
        assert_eq!(seen.body(), if chunked { b"5\r\nhello\r\n0\r\n\r\n".to_vec() } else { b"hello".to_vec() });
        assert_eq!(seen.values("content-length").is_empty(), chunked);
        assert!(seen.complete && seen.doubtful.is_none(), "{seen:?}");
    }
}

/// Sends a flood and says how the connection ended; `None` when Weir took it all.
fn flood(weir: &Appliance, mut next: impl FnMut(u32) -> Vec<u8>) -> Option<Outcome> {
    let mut connection = Frames::connect(weir.https());
    for number in 0..200 {
        let frames: Vec<u8> = (0..200).flat_map(|step| next(number * 200 + step)).collect();
        if !connection.send(frames) {
            break;
        }
    }
    connection.outcome(u32::MAX).ok()
}

type Flood = Box<dyn FnMut(u32) -> Vec<u8>>;

/// Streams one after another, each opened and then treated like this.
fn streams(then: impl Fn(u32) -> Vec<u8> + 'static) -> Flood {
    let get = fields(&GET);
    Box::new(move |n| [frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, &get), then(2 * n + 1)].concat())
}

/// One frame, then another without end.
fn after(first: Vec<u8>, rest: Vec<u8>) -> Flood {
    Box::new(move |n| if n == 0 { first.clone() } else { rest.clone() })
}

fn floods() -> Vec<(&'static str, Flood)> {
    let begun = || frame(HEADERS, 0, 1, &fields(&GET));
    let field = |length: usize| frame(CONTINUATION, 0, 1, &fields(&[(b"x", &vec![b'y'; length])]));
    let post = frame(HEADERS, END_HEADERS, 1, &fields(&POST));
    let (ping, settings) = (frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[]));
    vec![
        ("rapid resets", streams(|id| frame(RST_STREAM, 0, id, &8u32.to_be_bytes()))),
        ("resets made by a zero window update", streams(|id| frame(WINDOW_UPDATE, 0, id, &[0; 4]))),
        ("data after the end", streams(|id| frame(DATA, END_STREAM, id, b"x"))),
        ("empty data", after(post, frame(DATA, 0, 1, b""))),
        ("pings", after(ping.clone(), ping)),
        ("settings", after(settings.clone(), settings)),
        ("continuations", after(begun(), field(1))),
        ("empty continuations", after(begun(), frame(CONTINUATION, 0, 1, b""))),
        ("a field list without an end", after(begun(), field(1000))),
    ]
}

#[test]
fn floods_end_the_connection_that_brings_them_and_no_other() {
    let (origin, weir) = world();
    let before = weir.resident_kib();
    let mut failures = Vec::new();
    for (name, next) in floods() {
        let seen = origin.count();
        let ended = flood(&weir, next);
        if !matches!(ended, Some(Outcome::GoAway(_) | Outcome::Closed)) {
            failures.push(format!("{name}: {ended:?}"));
        }
        let reached = origin.count() - seen;
        if reached > 2000 {
            failures.push(format!("{name}: {reached} requests reached the node"));
        }
        assert_eq!(weir.get("/other").text(), "/other", "others are served after {name}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Some 2 MiB of heap, and the code that had not run before.
    let grown = weir.resident_kib().saturating_sub(before);
    assert!(grown < 12 << 10, "{grown} KiB more after the floods");
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())
}

fn begin(stream: u32, list: &[(&[u8], &[u8])]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields(list))
}

#[test]
fn a_page_that_drops_its_prefetches_keeps_its_download() {
    let gate = Gate::shut();
    let origin = Origin::waiting_at(&gate, "/download");
    let weir = Plan::before(&[&origin]).secure().start();
    let mut connection = Frames::connect(weir.https());
    connection.send(begin(1, &get_but(b":path", b"/download")));
    // Fifty at once, then one after the other, each after an answer so that it has begun.
    let at_once: Vec<u8> = (0..50).flat_map(|n| [begin(2 * n + 3, &GET), reset(2 * n + 3)].concat()).collect();
    connection.send(at_once);
    for n in 0..200 {
        let stream = 4 * n + 201;
        connection.send([begin(stream, &GET), reset(stream), begin(stream + 2, &GET)].concat());
        assert_eq!(connection.outcome(stream + 2).expect("an answer"), Outcome::Status(200), "{n}");
    }
    gate.open();
    assert_eq!(connection.outcome(1).expect("an answer"), Outcome::Status(200));
}

#[test]
fn pings_by_the_thousand_beside_a_request_are_answered() {
    let (_origin, weir) = world();
    let mut connection = Frames::connect(weir.https());
    for n in 0..5 {
        connection.send(frame(PING, 0, 0, &[0; 8]).repeat(1000));
        connection.send(begin(2 * n + 1, &GET));
        assert_eq!(connection.outcome(2 * n + 1).expect("an answer"), Outcome::Status(200), "{n}");
    }
}

#[test]
fn a_flood_is_told_in_the_log_and_what_runs_beside_it_ends_well() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::speaking(move |talk| {
        opened.pass();
        talk.send(&ok(&talk.target()));
    });
    let weir = Plan::before(&[&origin]).secure().top("access-log = \"$dir/access.log\"").start();
    let mut connection = Frames::connect(weir.https());
    connection.send(begin(1, &GET));
    origin.reached(1);
    connection.send(frame(PING, 0, 0, &[0; 8]).repeat(15_000));
    assert_eq!(connection.outcome(u32::MAX).expect("it is told to go"), Outcome::GoAway(0));
    gate.open();
    assert_eq!(connection.outcome(1).expect("an answer"), Outcome::Status(200));
    eventually("the log says so", || weir.read("access.log").contains("http2-flood"));
}

#[test]
fn single_bytes_of_a_body_go_up_together() {
    let (origin, weir) = world();
    let mut connection = Frames::connect(weir.https());
    connection.send(frame(HEADERS, END_HEADERS, 1, &fields(&POST)));
    connection.send(frame(DATA, 0, 1, b"x").repeat(5000));
    connection.send(frame(DATA, END_STREAM, 1, b"y"));
    assert_eq!(connection.outcome(1).expect("an answer"), Outcome::Status(200));
    let body = String::from_utf8(origin.last().body()).expect("text");
    assert_eq!(body.matches('x').count(), 5000);
    let chunks = body.matches("\r\n").count() / 2;
    assert!(chunks < 500, "{chunks} chunks");
}

#[test]
fn one_malformed_request_leaves_the_other_streams_of_its_connection_alone() {
    let origin = Origin::answering(|seen| ok(&seen.target()));
    let weir = Plan::before(&[&origin]).secure().top("access-log = \"$dir/access.log\"").start();
    let mut failures = Vec::new();
    let lines = || weir.read("access.log").lines().count();
    let rows = malformed();
    for kind in [0x00, 0x40] {
        let before = lines();
        for (name, list) in &rows {
            let mut connection = Frames::connect(weir.https());
            let block = fields_of(kind, list);
            connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block));
            let first = connection.outcome(1);
            connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 3, &fields_of(kind, &GET)));
            let second = connection.outcome(3);
            let refused = matches!(first, Ok(Outcome::Status(400..=499) | Outcome::Reset(_)));
            if !refused || !matches!(second, Ok(Outcome::Status(200))) {
                failures.push(format!("{name} ({kind:#x}): {first:?}, then {second:?}"));
            }
        }
        eventually("each has its line", || lines() - before >= 2 * rows.len());
    }
    assert!(failures.is_empty(), "{} rows fail:\n{}", failures.len(), failures.join("\n"));
    let log = weir.read("access.log");
    assert!(log.contains("a field name with a byte that it must not have: X-Upper"), "{log}");
}

//= rfc9113#10.5.1 large-block
//= rfc9113#8.1 headers-twice
#[test]
fn bodies_and_fields_that_break_the_rules_have_a_line_with_the_reason() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::speaking(move |talk| {
        if talk.target() == "/held" {
            opened.pass();
        }
        talk.send(&ok(&talk.target()));
    });
    let weir = Plan::before(&[&origin]).secure().top("access-log = \"$dir/access.log\"").start();
    let length = |length: &'static [u8]| {
        let post = POST.map(|field| if field.0 == b":path" { (field.0, b"/held".as_slice()) } else { field });
        fields(&[&post[..], &[(b"content-length", length)]].concat())
    };
    let itself = [&[0, 0, 0, 1, 16], &fields(&GET)[..]].concat();
    let long = vec![b'y'; 70_000];
    let rows: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("bad-chunk", vec![frame(HEADERS, END_HEADERS, 1, &length(b"5")), frame(DATA, 0, 1, b"hello!")]),
        ("bad-chunk", vec![frame(HEADERS, END_HEADERS, 1, &length(b"5")), frame(DATA, END_STREAM, 1, b"hell")]),
        ("a length without a body", vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &length(b"5"))]),
        ("a stream that depends on itself", vec![frame(HEADERS, END_HEADERS | END_STREAM | 0x20, 1, &itself)]),
        ("more than 65536 bytes, max-head", {
            let block = fields(&get_with(&[(b"x", &long)]));
            block_in_pieces(1, &block, 16_000)
        }),
    ];
    for (reason, frames) in rows {
        let before = weir.read("access.log").matches(reason).count();
        let mut connection = Frames::connect(weir.https());
        for frame in frames {
            connection.send(frame);
        }
        let outcome = connection.outcome(1).expect("something comes of it");
        assert!(matches!(outcome, Outcome::Reset(_) | Outcome::Status(400 | 431)), "{reason}: {outcome:?}");
        eventually(reason, || weir.read("access.log").matches(reason).count() > before);
        connection.send(begin(3, &GET));
        assert_eq!(connection.outcome(3).expect("an answer"), Outcome::Status(200), "{reason}");
    }
    gate.open();
    let log = weir.read("access.log");
    assert!(!log.contains("client-gone"), "{log}");
}

/// A block of fields that ends its stream, in frames of this size.
fn block_in_pieces(stream: u32, block: &[u8], size: usize) -> Vec<Vec<u8>> {
    let last = block.len().div_ceil(size) - 1;
    let of = |(number, piece): (usize, &[u8])| {
        let kind = if number == 0 { HEADERS } else { CONTINUATION };
        let ends = if number == 0 { END_STREAM } else { 0 } | if number == last { END_HEADERS } else { 0 };
        frame(kind, ends, stream, piece)
    };
    block.chunks(size).enumerate().map(of).collect()
}

#[test]
fn a_client_that_sends_its_fields_in_short_frames_is_served() {
    let (origin, weir) = world();
    let mut connection = Frames::connect(weir.https());
    connection.send(block_in_pieces(1, &fields(&get_with(&[(b"x", &[b'y'; 300])])), 10).concat());
    assert_eq!(connection.outcome(1).expect("an answer"), Outcome::Status(200));
    assert_eq!(origin.last().values("x"), ["y".repeat(300)]);
    connection.send(begin(3, &GET));
    assert_eq!(connection.outcome(3).expect("an answer"), Outcome::Status(200));
}

#[test]
fn a_field_with_a_bad_value_does_not_spoil_its_name_for_good() {
    let (_origin, weir) = world();
    let mut connection = Frames::connect(weir.https());
    connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields_of(0x40, &get_with(&[(b"te", b"gzip")]))));
    assert_eq!(connection.outcome(1).expect("an answer"), Outcome::Status(400));
    // TE by its place in the table.
    let named = [&fields(&GET)[..], b"\x7e\x08trailers"].concat();
    connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 3, &named));
    assert_eq!(connection.outcome(3).expect("an answer"), Outcome::Status(200));
}

#[test]
fn a_target_may_be_as_long_as_the_head_over_http_2_too() {
    let origin = Origin::answering(|_| ok("here"));
    let weir = Plan::before(&[&origin]).secure().listener("max-head = \"128KiB\"").start();
    let target = format!("/{}", "y".repeat(100_000));
    for kind in [0x00, 0x40] {
        let mut connection = Frames::connect(weir.https());
        let list = get_but(b":path", target.as_bytes());
        connection.send(block_in_pieces(1, &fields_of(kind, &list), 16_000).concat());
        assert_eq!(connection.outcome(1).expect("an answer"), Outcome::Status(200));
        assert_eq!(origin.last().target(), target);
        connection.send(begin(3, &GET));
        assert_eq!(connection.outcome(3).expect("an answer"), Outcome::Status(200));
    }
}

#[test]
fn http_2_takes_the_targets_that_http_1_takes() {
    let (origin, weir) = world();
    for target in ["/a<b>\"c`d", "/caf\u{e9}?q=\u{e9}", "/a?b=\\c", "/{a}|^", "/a?<>\"`", "/a\\b", "/a b", "x"] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        let mut plain = weir.client();
        plain.send(&head);
        let status = plain.answer().expect("an answer").status;
        for kind in [0x00, 0x40] {
            let mut connection = Frames::connect(weir.https());
            let list = get_but(b":path", target.as_bytes());
            for stream in [1, 3] {
                connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields_of(kind, &list)));
                assert_eq!(connection.outcome(stream).expect("an answer"), Outcome::Status(status), "{target}");
            }
            if status == 200 {
                assert_eq!(origin.last().target(), target);
            }
        }
    }
}
