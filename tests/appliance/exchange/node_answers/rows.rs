//! The rows: answers of nodes, right and wrong (RFC 9112 sections 4 and 6, and what is seen in the field).

use super::row::{GET, Gets, HEAD, MALFORMED, OLD, Row, Then, WITH_TRAILERS, fine, malformed};

pub(super) fn rows() -> Vec<Row> {
    [
        framing(),
        bodyless(),
        for_old_clients(),
        trailers(),
        interim(),
        closing(),
        heads_that_pass(),
        fields_that_pass(),
        locations(),
        heads_that_fail(),
        framing_faults(),
        cuts(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const OK5: &str = "HTTP/1.1 200 OK\nContent-Length: 5";
const CHUNKED: &str = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked";

//= rfc9112#6.3 both-down
fn framing() -> Vec<Row> {
    let both =
        |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\nConnection: keep-alive\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    vec![
        fine("a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", OK5, "hello"),
        fine(
            "a length of zero",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0",
            "",
        ),
        fine(
            "chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            CHUNKED,
            "hello",
        ),
        fine(
            "chunks with extensions",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;c\r\n\r\n",
            CHUNKED,
            "hello",
        ),
        fine(
            "chunks with blanks behind their sizes",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 ;a=b\r\nhello\r\n0  \r\n\r\n",
            CHUNKED,
            "hello",
        ),
        fine("length and chunked", &both("Content-Length: 99\r\nTransfer-Encoding: chunked"), CHUNKED, "hello")
            .not_reused(),
        fine("chunked and length", &both("Transfer-Encoding: chunked\r\nContent-Length: 2"), CHUNKED, "hello")
            .not_reused(),
        fine(
            "length and chunked for HTTP/1.0",
            &both("Content-Length: 3\r\nTransfer-Encoding: chunked"),
            "HTTP/1.1 200 OK",
            "hello",
        )
        .asked(OLD)
        .not_reused(),
        fine("Chunked in upper case", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", CHUNKED, ""),
        fine(
            "an empty chunked 202",
            "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 202 Accepted\nTransfer-Encoding: chunked",
            "",
        ),
        fine("a body until the end becomes chunks", "HTTP/1.1 200 OK\r\n\r\nhello", CHUNKED, "hello").then(Then::Close),
        fine(
            "the same length twice",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            OK5,
            "hello",
        ),
    ]
}

//= rfc9110#9.3.2 head
//= rfc9110#8.6 no-length
fn bodyless() -> Vec<Row> {
    vec![
        fine("204", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content", ""),
        fine(
            "204 with a length",
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content",
            "",
        ),
        fine(
            "204 with chunks",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content",
            "",
        )
        .not_reused(),
        fine(
            "304 with a length",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
            "HTTP/1.1 304 Not Modified\nETag: \"a\"\nContent-Length: 5",
            "",
        ),
        fine("HEAD with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", OK5, "").asked(HEAD).not_reused(),
        fine("HEAD answered with a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", OK5, "")
            .asked(HEAD)
            .not_reused(),
        // Whether the coding is named where there is no body is free (RFC 9112 section 6.1).
        fine("HEAD with chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKED, "")
            .gets(Gets::Status(200, ""))
            .asked(HEAD)
            .not_reused(),
    ]
}

//= rfc9112#6.1 no-coding
fn for_old_clients() -> Vec<Row> {
    vec![
        fine(
            "HTTP/1.0 client, a length",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\nContent-Length: 5",
            "hello",
        )
        .asked(OLD),
        fine(
            "HTTP/1.0 client, chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK",
            "hello",
        )
        .asked(OLD),
        fine("HTTP/1.0 client, a body until the end", "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK", "hello")
            .asked(OLD)
            .then(Then::Close),
    ]
}

fn trailers() -> Vec<Row> {
    vec![
        fine(
            "trailers nobody asked for",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n",
            CHUNKED,
            "ok",
        ),
        fine(
            "trailers that were asked for",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n",
            CHUNKED,
            "ok",
        )
        .asked(WITH_TRAILERS),
    ]
}

//= rfc9110#15.2 interim
//= rfc9110#15.2 interim-1.0
//= rfc9110#7.8 switch-asked
fn interim() -> Vec<Row> {
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let many = |count: usize| "HTTP/1.1 100 Continue\r\n\r\n".repeat(count) + last;
    let row = |name, node: String, gets| Row { name, request: GET, node, then: Then::Stay, gets, reused: true };
    vec![
        row("100 first", many(1), Gets::Interim(vec![100])),
        row("100 with an empty reason", format!("HTTP/1.1 100 \r\n\r\n{last}"), Gets::Interim(vec![100])),
        row("102 first", format!("HTTP/1.1 102 Processing\r\n\r\n{last}"), Gets::Interim(vec![102])),
        row("103 first", format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{last}"), Gets::Interim(vec![103])),
        row(
            "103 twice",
            format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", format_args!("HTTP/1.1 103 Early Hints\r\n\r\n{last}")),
            Gets::Interim(vec![103, 103]),
        ),
        row("sixty interim answers", many(60), Gets::Interim(vec![100; 60])),
        row("interim answers for HTTP/1.0", many(2), Gets::Interim(vec![])).asked(OLD),
        row("two hundred interim answers at once", many(200), MALFORMED).not_reused(),
        row("a storm of interim answers", many(5000), MALFORMED).not_reused(),
        row(
            "101 that nobody asked for",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n".to_owned(),
            Gets::Status(502, "502"),
        )
        .not_reused(),
    ]
}

//= rfc9112#9.6 close-down
//= rfc9112#9.3 read-or-close-down
//= rfc9112#6.3 extra
fn closing() -> Vec<Row> {
    let stay = |name, node| fine(name, node, OK5, "hello");
    vec![
        stay("Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
            .not_reused(),
        stay(
            "Connection: close in a list",
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\nhello",
        )
        .not_reused(),
        stay("Connection: keep-alive", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
        stay("an answer in HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello").not_reused(),
        stay(
            "an answer in HTTP/1.0 that is kept",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        ),
        stay("bytes beyond the length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloEXTRA").not_reused(),
        stay(
            "a second answer",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        )
        .not_reused(),
        fine(
            "bytes beyond the last chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nEXTRA",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked",
            "",
        )
        .not_reused(),
        fine("a body after 204", "HTTP/1.1 204 No Content\r\n\r\nhello", "HTTP/1.1 204 No Content", "").not_reused(),
        fine("a body after 304", "HTTP/1.1 304 Not Modified\r\n\r\nhello", "HTTP/1.1 304 Not Modified", "")
            .not_reused(),
        stay("a close right after the answer", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").then(Then::Close),
    ]
}

//= rfc9112#4 reason
fn heads_that_pass() -> Vec<Row> {
    vec![
        fine("an empty reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \nContent-Length: 0", ""),
        fine(
            "no blank after the status",
            "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 \nContent-Length: 0",
            "",
        ),
        fine(
            "a head of bare LF",
            "HTTP/1.1 200 OK\nX: 1\nContent-Length: 2\n\nok",
            "HTTP/1.1 200 OK\nX: 1\nContent-Length: 2",
            "ok",
        ),
        fine(
            "an odd status",
            "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 299 Mine\nContent-Length: 0",
            "",
        ),
        fine(
            "a reason of many words",
            "HTTP/1.1 200 All is well\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 All is well\nContent-Length: 0",
            "",
        ),
        fine(
            "a SOAP fault",
            "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/xml\r\nContent-Length: 8\r\n\r\n<Fault/>",
            "HTTP/1.1 500 Internal Server Error\nContent-Type: text/xml\nContent-Length: 8",
            "<Fault/>",
        ),
        fine(
            "the node's own 502",
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nmine",
            "HTTP/1.1 502 Bad Gateway\nContent-Length: 4",
            "mine",
        ),
        fine(
            "the node's own 503",
            "HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 4\r\n\r\nmine",
            "HTTP/1.1 503 Busy\nRetry-After: 9\nContent-Length: 4",
            "mine",
        ),
    ]
}

//= rfc9110#11.6.1 www-authenticate
//= rfc9110#7.6.1 connection-down
//= rfc9110#5.3 order
fn fields_that_pass() -> Vec<Row> {
    vec![
        fine(
            "cookies on lines of their own, in order",
            "HTTP/1.1 200 OK\r\nSet-Cookie: b=1\r\nSet-Cookie: a=2\r\nSet-Cookie: b=3\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nSet-Cookie: b=1\nSet-Cookie: a=2\nSet-Cookie: b=3\nContent-Length: 0",
            "",
        ),
        fine(
            "Date, Server, Via and the rest",
            "HTTP/1.1 200 OK\r\nServer: WSO2\r\nDate: Thu, 01 Jan 2015 00:00:00 GMT\r\nVia: 1.1 x\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nServer: WSO2\nDate: Thu, 01 Jan 2015 00:00:00 GMT\nVia: 1.1 x\nContent-Length: 0",
            "",
        ),
        fine(
            "the node's own request id gives way to Weir's",
            "HTTP/1.1 200 OK\r\nX-Request-Id: nodes\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0",
            "",
        ),
        fine(
            "what belongs to one connection is dropped",
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTE: x\r\nTrailer: X\r\nConnection: X-Mine\r\nX-Mine: 1\r\nX: 1\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nX: 1\nContent-Length: 0",
            "",
        ),
        fine(
            "WWW-Authenticate",
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"a\"\nContent-Length: 0",
            "",
        ),
    ]
}

fn locations() -> Vec<Row> {
    vec![
        fine(
            "Location with a port of the public name that says nothing",
            "HTTP/1.1 302 Found\r\nLocation: http://esb.test:80/a?b=c#d\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\nLocation: http://esb.test/a?b=c#d\nContent-Length: 0",
            "",
        ),
        fine(
            "Location with another port of the node's machine",
            "HTTP/1.1 202 Accepted\r\nLocation: http://127.0.0.1/a\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 202 Accepted\nLocation: http://127.0.0.1/a\nContent-Length: 0",
            "",
        ),
        fine(
            "Location of somebody else",
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.10:8280/a\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\nLocation: http://127.0.0.10:8280/a\nContent-Length: 0",
            "",
        ),
        fine(
            "Location that is a path",
            "HTTP/1.1 302 Found\r\nLocation: /carbon?to=http://127.0.0.1:9443/\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\nLocation: /carbon?to=http://127.0.0.1:9443/\nContent-Length: 0",
            "",
        ),
        fine(
            "a head of 40 KiB",
            &format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\nok", "a".repeat(40_960)),
            "",
            "",
        )
        .gets(Gets::Status(200, "ok")),
    ]
}

//= rfc9112#5.2 fold-down
fn heads_that_fail() -> Vec<Row> {
    let with = |field: &str| format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 2\r\n\r\nok");
    let line = |line: &str| format!("{line}\r\nContent-Length: 2\r\n\r\nok");
    vec![
        malformed("letters in the status", &line("HTTP/1.1 2OO OK")),
        malformed("two digits", &line("HTTP/1.1 20 OK")),
        malformed("four digits", &line("HTTP/1.1 2000 OK")),
        malformed("a status below 100", &line("HTTP/1.1 099 Low")),
        malformed("two blanks", &line("HTTP/1.1  200 OK")),
        malformed("another version", &line("HTTP/2.0 200 OK")),
        malformed("a misspelled protocol", &line("HTP/1.1 200 OK")),
        malformed("no protocol", &line("200 OK")),
        malformed("a body without a head", "<html>hello</html>\r\n\r\n"),
        malformed("a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        malformed("TLS", "\u{15}\u{3}\u{3}\0\u{2}\u{2}F\r\n\r\n"),
        malformed("NUL in a value", &with("X: a\0b")),
        malformed("NUL in a name", &with("X\0: a")),
        malformed("NUL in the reason", &line("HTTP/1.1 200 O\0K")),
        malformed("a bare CR in a value", &with("X: a\rb")),
        malformed("a folded line", &with("X: 1\r\n 2")),
        malformed("a blank before a colon", &with("X : 1")),
        malformed("an empty name", &with(": 1")),
        malformed("a line without a colon", &with("X")),
        malformed("a head of 100 KiB", &with(&format!("X: {}", "a".repeat(102_400)))),
        malformed("a head of 1 MiB", &with(&format!("X: {}", "a".repeat(1 << 20)))),
        malformed("a head without an end", &format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(102_400))),
    ]
}

//= rfc9112#6.3 bad-length-down
//= rfc9112#6.1 chunked-1.0-down
//= rfc9110#8.6 wrong-length
fn framing_faults() -> Vec<Row> {
    let with = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    vec![
        malformed(
            "two lengths and chunked",
            &with("Content-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: chunked"),
        ),
        malformed("chunked twice in a line", &with("Transfer-Encoding: chunked, chunked")),
        malformed("two lengths", &with("Content-Length: 5\r\nContent-Length: 6")),
        malformed("a list of lengths", &with("Content-Length: 5, 6")),
        malformed("a length with a plus", &with("Content-Length: +5")),
        malformed("a negative length", &with("Content-Length: -5")),
        malformed("a length of 20 digits", &with("Content-Length: 99999999999999999999")),
        malformed("an empty length", &with("Content-Length: ")),
        malformed("gzip as a transfer coding", &with("Transfer-Encoding: gzip")),
        malformed("gzip and chunked", &with("Transfer-Encoding: gzip, chunked")),
        malformed("chunked twice", &with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
        malformed("xchunked", &with("Transfer-Encoding: xchunked")),
        malformed("chunked in HTTP/1.0", &with("Transfer-Encoding: chunked").replace("HTTP/1.1", "HTTP/1.0")),
    ]
}

//= rfc9112#8 incomplete
//= rfc9112#6.3 short
fn cuts() -> Vec<Row> {
    let cut = |name, node: &str, then| Row {
        name,
        request: GET,
        node: node.to_owned(),
        then,
        gets: Gets::Cut(200),
        reused: false,
    };
    let gone = |name, node: &str, then, word| cut(name, node, then).gets(Gets::Status(502, word));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    vec![
        cut("a body shorter than its length", length, Then::Close),
        cut("a reset in a body by length", length, Then::Reset).gets(Gets::Cut(200)),
        cut("chunks without the last one", &format!("{chunked}5\r\nhello\r\n"), Then::Close),
        cut("half a chunk", &format!("{chunked}9\r\nhello"), Then::Close),
        cut("a last chunk without its end", &format!("{chunked}5\r\nhello\r\n0\r\n"), Then::Close),
        cut("a size that is none", &format!("{chunked}5\r\nhello\r\nzz\r\n"), Then::Close),
        cut("no line end after a chunk", &format!("{chunked}5\r\nhelloXX0\r\n\r\n"), Then::Close),
        cut(
            "an extension that is none",
            &format!("{chunked}5\r\nhello\r\n5;bad[=x\r\nhello\r\n0\r\n\r\n"),
            Then::Close,
        ),
        cut("a size of 17 digits", &format!("{chunked}5\r\nhello\r\n00000000000000001\r\nx\r\n0\r\n\r\n"), Then::Close),
        cut("a shorter body for HTTP/1.0", length, Then::Close).asked(OLD),
        gone("half a head", "HTTP/1.1 200 OK\r\nContent-Le", Then::Close, "502 node-cut"),
        gone("nothing but the end", "", Then::Close, "502 node-cut"),
        gone("a reset before the head", "", Then::Reset, "502 node-reset"),
        gone("an interim answer and the end", "HTTP/1.1 100 Continue\r\n\r\n", Then::Close, "502"),
    ]
}
