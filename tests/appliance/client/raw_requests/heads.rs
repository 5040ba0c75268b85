//! Request lines, line ends and the sizes of heads (RFC 9112 sections 2 and 3).

use super::row::{Row, passes, pipelined, refused, silence};

const UP: &str = "GET / HTTP/1.1\r\n$H$F\r\n";

pub(super) fn rows() -> Vec<Row> {
    [plain(), line_ends(), request_lines(), versions(), methods(), sizes(), not_http()].into_iter().flatten().collect()
}

//= rfc9110#5.3 whole-head
fn plain() -> Vec<Row> {
    vec![
        passes("a plain GET", "GET / HTTP/1.1\r\n$H\r\n", UP),
        passes("a GET byte by byte", "GET / HTTP/1.1\r\n$H\r\n", UP).in_pieces(1),
        passes("a GET in pieces of three", "GET / HTTP/1.1\r\n$H\r\n", UP).in_pieces(3),
        passes("one empty line first", "\r\nGET / HTTP/1.1\r\n$H\r\n", UP),
        passes("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n$H\r\n", UP),
        passes("four empty lines first, byte by byte", "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n$H\r\n", UP).in_pieces(1),
        pipelined(
            "two empty lines between two requests",
            "GET / HTTP/1.1\r\n$H\r\n\r\n\r\nGET / HTTP/1.1\r\n$H\r\n",
            &["200", "200"],
            &[UP, UP],
        ),
        refused("empty lines and nothing else", &"\r\n".repeat(5), "400"),
        refused("a bare LF after an empty line", "\r\n\nGET / HTTP/1.1\r\n$H\r\n", "400 bare-lf"),
        refused("an empty line that is a bare LF", "\nGET / HTTP/1.1\r\n$H\r\n", "400"),
        refused("a blank before the method", " GET / HTTP/1.1\r\n$H\r\n", "400"),
        refused("a tab before the method", "\tGET / HTTP/1.1\r\n$H\r\n", "400"),
    ]
}

//= rfc9112#2.2 bare-cr
fn line_ends() -> Vec<Row> {
    let bare_lf = [
        ("after the request line", "GET / HTTP/1.1\n$H\r\n"),
        ("after a field", "GET / HTTP/1.1\r\nHost: esb.test\n\r\n"),
        ("as the last empty line", "GET / HTTP/1.1\r\nHost: esb.test\r\n\n"),
        ("everywhere", "GET / HTTP/1.1\nHost: esb.test\n\n"),
        ("inside a value", "GET / HTTP/1.1\r\n$HX: a\nb\r\n\r\n"),
        ("before a second Host", "GET / HTTP/1.1\r\n$HX: a\nHost: other.test\r\n\r\n"),
        ("inside the request line", "GET /\n HTTP/1.1\r\n$H\r\n"),
        ("before a hidden length", "POST / HTTP/1.1\r\n$HX: a\nContent-Length: 5\r\n\r\nhello"),
        ("without an end of the head", "GET / HTTP/1.1\nHost: esb.test\n"),
    ];
    let bare_cr = [
        ("after the request line", "GET / HTTP/1.1\r$H\r\n"),
        ("inside a value", "GET / HTTP/1.1\r\n$HX: a\rb\r\n\r\n"),
        ("before a CRLF", "GET / HTTP/1.1\r\n$HX: a\r\r\n\r\n"),
        ("before a hidden field", "GET / HTTP/1.1\r\n$HX: a\rTransfer-Encoding: chunked\r\n\r\n"),
        ("inside a name", "GET / HTTP/1.1\r\n$HX\r: a\r\n\r\n"),
        ("at the end of the head", "GET / HTTP/1.1\r\nHost: esb.test\r\n\rX"),
    ];
    let lf = bare_lf.map(|(name, send)| refused(&format!("a bare LF {name}"), send, "400 bare-lf"));
    let cr = bare_cr.map(|(name, send)| refused(&format!("a bare CR {name}"), send, "400 bare-cr"));
    lf.into_iter().chain(cr).collect()
}

fn request_lines() -> Vec<Row> {
    let odd = [
        ("two spaces before the target", "GET  / HTTP/1.1"),
        ("two spaces before the version", "GET /  HTTP/1.1"),
        ("a tab before the target", "GET\t/ HTTP/1.1"),
        ("a tab before the version", "GET /\tHTTP/1.1"),
        ("a blank after the version", "GET / HTTP/1.1 "),
        ("a fourth word", "GET / x HTTP/1.1"),
        ("no target", "GET HTTP/1.1"),
        ("an empty target", "GET  HTTP/1.1"),
        ("only a method", "GET"),
        ("lower-case http", "GET / http/1.1"),
        ("HTTP without a number", "GET / HTTP/"),
        ("HTTP/1", "GET / HTTP/1"),
        ("HTTP/1.", "GET / HTTP/1."),
        ("HTTP/1.1 with letters after it", "GET / HTTP/1.1x"),
        ("HTTP/01.1", "GET / HTTP/01.1"),
        ("HTTP/1.01", "GET / HTTP/1.01"),
        ("HTTP/11.1", "GET / HTTP/11.1"),
        ("another protocol", "GET / ICAP/1.0"),
        ("a vertical tab for a space", "GET /$[0b]HTTP/1.1"),
        ("a form feed for a space", "GET$[0c]/ HTTP/1.1"),
        ("a NUL after the version", "GET / HTTP/1.1$[00]"),
        ("no request line, but a field", "Host: esb.test"),
    ];
    odd.map(|(name, line)| refused(name, &format!("{line}\r\n$H\r\n"), "400")).into_iter().collect()
}

//= rfc9112#3.2 host-up
//= rfc9112#2.3 own-version
//= rfc9110#6.2 own-version
fn versions() -> Vec<Row> {
    let up = "GET / HTTP/1.1\r\n$H$F\r\n";
    vec![
        refused("HTTP/0.9", "GET /\r\n", "400"),
        refused("HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n$H\r\n", "400"),
        refused("HTTP/2.0 on an HTTP/1 connection", "GET / HTTP/2.0\r\n$H\r\n", "505 bad-version"),
        refused("HTTP/3.0", "GET / HTTP/3.0\r\n$H\r\n", "505 bad-version"),
        refused("HTTP/9.9", "GET / HTTP/9.9\r\n$H\r\n", "505 bad-version"),
        refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        passes("HTTP/1.0 goes up as 1.1", "GET / HTTP/1.0\r\n$H\r\n", up).and_closes(),
        passes("HTTP/1.0 with keep-alive stays", "GET / HTTP/1.0\r\n$HConnection: keep-alive\r\n\r\n", up),
        passes("HTTP/1.0 with close", "GET / HTTP/1.0\r\n$HConnection: close\r\n\r\n", up).and_closes(),
        pipelined(
            "what follows HTTP/1.0 without keep-alive is not served",
            "GET / HTTP/1.0\r\n$H\r\nGET /second HTTP/1.0\r\n$H\r\n",
            &["200"],
            &[up],
        )
        .and_closes(),
    ]
}

//= rfc9110#10.2.1 allow
//= rfc9110#9.1 methods
fn methods() -> Vec<Row> {
    let passing = ["DELETE", "OPTIONS", "PROPFIND", "get", "M-SEARCH", "X!#$%&'*+.^_`|~9", "SOAP"];
    let refusing = [
        ("TRACE", "TRACE / HTTP/1.1\r\n$H\r\n", "405 method-refused"),
        ("TRACE with Max-Forwards", "TRACE / HTTP/1.1\r\n$HMax-Forwards: 0\r\n\r\n", "405 method-refused"),
        ("CONNECT by authority", "CONNECT esb.test:443 HTTP/1.1\r\n$H\r\n", "405 method-refused"),
        ("CONNECT by path", "CONNECT / HTTP/1.1\r\n$H\r\n", "405 method-refused"),
        ("a method with brackets", "G(T / HTTP/1.1\r\n$H\r\n", "400"),
        ("a method with a colon", "GE:T / HTTP/1.1\r\n$H\r\n", "400"),
        ("a method with a slash", "GET/ / HTTP/1.1\r\n$H\r\n", "400"),
        ("a method with a comma", "GET, / HTTP/1.1\r\n$H\r\n", "400"),
        ("a method with quotes", "\"GET\" / HTTP/1.1\r\n$H\r\n", "400"),
        ("a method beyond ASCII", "G$[c3]$[a9]T / HTTP/1.1\r\n$H\r\n", "400"),
        ("a method with NUL", "GET$[00] / HTTP/1.1\r\n$H\r\n", "400"),
    ];
    let passing = passing.map(|method| {
        passes(
            &format!("method {method}"),
            &format!("{method} / HTTP/1.1\r\n$H\r\n"),
            &format!("{method} / HTTP/1.1\r\n$H$F\r\n"),
        )
    });
    let head = passes("HEAD", "HEAD / HTTP/1.1\r\n$H\r\n", "HEAD / HTTP/1.1\r\n$H$F\r\n");
    let refusing = refusing.map(|(name, send, answer)| refused(name, send, answer));
    passing.into_iter().chain([head]).chain(refusing).collect()
}

//= rfc9112#3 long-target
//= rfc9110#5.4 too-large
fn sizes() -> Vec<Row> {
    let (kib, many) = (|count: usize| "a".repeat(count * 1024), |count: usize| "X: 1\r\n".repeat(count));
    vec![
        passes(
            "a target of 40 KiB",
            &format!("GET /{} HTTP/1.1\r\n$H\r\n", kib(40)),
            &format!("GET /{} HTTP/1.1\r\n$H$F\r\n", kib(40)),
        ),
        refused("a target of 100 KiB", &format!("GET /{} HTTP/1.1\r\n$H\r\n", kib(100)), "414 target-too-long"),
        refused("a target without an end", &format!("GET /{}", kib(65)), "414 target-too-long"),
        passes(
            "a field of 40 KiB",
            &format!("GET / HTTP/1.1\r\n$HX: {}\r\n\r\n", kib(40)),
            &format!("GET / HTTP/1.1\r\n$HX: {}\r\n$F\r\n", kib(40)),
        ),
        refused("a field of 200 KiB", &format!("GET / HTTP/1.1\r\n$HX: {}\r\n\r\n", kib(200)), "431 head-too-large"),
        refused("a field without an end", &format!("GET / HTTP/1.1\r\n$HX: {}", kib(70)), "431 head-too-large"),
        refused("a name of 70 KiB", &format!("GET / HTTP/1.1\r\n$H{}: 1\r\n\r\n", kib(70)), "431 head-too-large"),
        passes(
            "a hundred fields",
            &format!("GET / HTTP/1.1\r\n$H{}\r\n", many(99)),
            &format!("GET / HTTP/1.1\r\n$H{}$F\r\n", many(99)),
        ),
        refused("101 fields", &format!("GET / HTTP/1.1\r\n$H{}\r\n", many(100)), "431 too-many-fields"),
        refused("300 fields", &format!("GET / HTTP/1.1\r\n$H{}\r\n", many(299)), "431 too-many-fields"),
        refused("a method of 20 KiB", &format!("{} / HTTP/1.1\r\n$H\r\n", kib(20)), "400|414"),
    ]
}

fn not_http() -> Vec<Row> {
    vec![
        refused("a TLS hello on the plain port", "$[16]$[03]$[01]$[02]$[00]$[01]$[00]", "400 tls-on-plain"),
        refused("an SSLv2 hello on the plain port", "$[80]$[2e]$[01]$[00]$[02]", "400"),
        refused("a NUL first", "$[00]$[00]$[00]$[00]\r\n\r\n", "400"),
        refused("bytes beyond ASCII", "$[ff]$[fe]$[fd]$[fc]\r\n\r\n", "400"),
        refused("a PROXY line nobody asked for", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nGET / HTTP/1.1\r\n$H\r\n", "400"),
        refused("SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "400"),
        refused("SMTP", "EHLO esb.test\r\n\r\n", "400"),
        refused("a lone colon", ":\r\n\r\n", "400"),
        silence("nothing at all, then the end", "").finished(),
    ]
}
