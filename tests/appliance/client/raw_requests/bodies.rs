//! Chunked bodies: strict sizes, bounded extensions and trailers, and re-framing on the way up (RFC 9112 section 7.1).

use super::row::{Row, abandoned, cut, passes, pipelined, refused};

pub(super) fn rows() -> Vec<Row> {
    [whole(), sizes(), broken(), trailers(), expectations()].into_iter().flatten().collect()
}

fn chunked(body: &str) -> String {
    format!("POST /c HTTP/1.1\r\n$HTransfer-Encoding: chunked\r\n\r\n{body}")
}

fn up(body: &str) -> String {
    format!("POST /c HTTP/1.1\r\n$H$FTransfer-Encoding: chunked\r\n\r\n{body}")
}

//= rfc9112#7.1.1 extensions
//= rfc9112#6.2 one-of-both
//= rfc9112#6.1 chunked
//= rfc9110#5.6.3 bad-blanks
fn whole() -> Vec<Row> {
    let (hello, long) = (up("5\r\nhello\r\n0\r\n\r\n"), "x".repeat(250));
    let bodies = [
        ("one chunk", "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("several chunks", "1\r\nh\r\n2\r\nel\r\n2\r\nlo\r\n0\r\n\r\n".to_owned()),
        ("a size with zeros before it", "0005\r\nhello\r\n0000\r\n\r\n".to_owned()),
        ("a size of 16 digits", "0000000000000005\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("an extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n".to_owned()),
        ("an extension in quotes", "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("an extension after a blank", "5 ;a=b\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("blanks wherever an extension may have them", "5\t; a = b ; c\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a quote in an extension's quotes", "5;a=\"\\\"\\;\"\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("an extension of 250 bytes", format!("5;{long}\r\nhello\r\n0\r\n\r\n")),
    ];
    let row = |(name, body): &(&str, String)| passes(&format!("chunked: {name}"), &chunked(body), &hello);
    let mut rows: Vec<Row> = bodies.iter().map(row).collect();
    rows.push(passes("chunked, byte by byte", &chunked("5\r\nhello\r\n0\r\n\r\n"), &hello).in_pieces(1));
    rows.push(
        passes("chunked, an extension byte by byte", &chunked("5;a=b\r\nhello\r\n0\r\n\r\n"), &hello).in_pieces(1),
    );
    rows.push(passes("chunked: no chunk but the last", &chunked("0\r\n\r\n"), &up("0\r\n\r\n")));
    let a = "a".repeat(10);
    rows.push(passes(
        "chunked: a size in either case",
        &chunked("A\r\naaaaaaaaaa\r\n0\r\n\r\n"),
        &up(&format!("a\r\n{a}\r\n0\r\n\r\n")),
    ));
    rows.push(passes(
        "chunked: data of line ends",
        &chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"),
        &up("4\r\n\r\n\r\n\r\n0\r\n\r\n"),
    ));
    rows.push(passes(
        "chunked: data that looks like an end",
        &chunked("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        &up("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    ));
    rows.push(pipelined(
        "chunked: bytes after the end are the next request",
        &chunked("0\r\n\r\nGET /next HTTP/1.1\r\n$H\r\n"),
        &["200", "200"],
        &[&up("0\r\n\r\n"), "GET /next HTTP/1.1\r\n$H$F\r\n"],
    ));
    rows
}

//= rfc9112#7.1 huge-chunk
fn sizes() -> Vec<Row> {
    let sizes = [
        ("0x before it", "0x5"),
        ("a blank before it", " 5"),
        ("a tab before it", "\t5"),
        ("a blank after it", "5 "),
        ("a tab after it", "5\t"),
        ("a blank before a letter", "5 a"),
        ("a semicolon and nothing", "5;"),
        ("a semicolon too many", "5;a;"),
        ("an extension that is no token", "5;bad[=x"),
        ("an extension without a name", "5;=x"),
        ("an extension without its value", "5;a="),
        ("an extension whose quotes do not end", "5;a=\"b"),
        ("an extension with letters after its quotes", "5;a=\"b\"c"),
        ("17 digits", "00000000000000005"),
        ("a plus", "+5"),
        ("a minus", "-5"),
        ("a letter that is no digit", "g"),
        ("a letter after it", "5h"),
        ("an underscore", "5_0"),
        ("nothing", ""),
        ("only an extension", ";a"),
        ("quotes", "\"5\""),
        ("a comma", "5,5"),
        ("a point", "5.0"),
        ("NUL", "5$[00]"),
        ("NUL in the extension", "5;a$[00]b"),
        ("a bare LF in the extension", "5;a\nb"),
        ("a bare CR in the extension", "5;a\rb"),
    ];
    let row = |(name, size): &(&str, &str)| {
        cut(&format!("chunk size with {name}"), &chunked(&format!("{size}\r\nhello\r\n0\r\n\r\n")), "400 bad-chunk")
    };
    let mut rows: Vec<Row> = sizes.iter().map(row).collect();
    rows.push(cut(
        "an extension of 300 bytes",
        &chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(300))),
        "400 bad-chunk",
    ));
    rows.push(cut(
        "an extension of 16 kB",
        &chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(16_000))),
        "400 bad-chunk",
    ));
    rows.push(abandoned("a size that fills 64 bits", &chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")));
    let overflowing = chunked("5\r\nhello\r\nfffffffffffffffb\r\nx");
    rows.push(abandoned("a size that overflows with the one before", &overflowing));
    rows.push(abandoned("a chunk that promises more than the body limit", &chunked("200000\r\nhello")));
    let over = chunked(&format!("200000\r\n{}", "x".repeat(1_100_000)));
    rows.push(cut("a chunk over the body limit", &over, "413 body-too-large"));
    rows
}

fn broken() -> Vec<Row> {
    let bodies = [
        ("a bare LF after the size", "5\nhello\r\n0\r\n\r\n"),
        ("a bare CR after the size", "5\rhello\r\n0\r\n\r\n"),
        ("two CR after the size", "5\r\r\nhello\r\n0\r\n\r\n"),
        ("a bare LF after the data", "5\r\nhello\n0\r\n\r\n"),
        ("a bare CR after the data", "5\r\nhello\r0\r\n\r\n"),
        ("nothing after the data", "5\r\nhello0\r\n\r\n"),
        ("data longer than its size", "4\r\nhello\r\n0\r\n\r\n"),
        ("data shorter than its size", "6\r\nhello\r\n0\r\n\r\n"),
        ("blanks after the data", "5\r\nhello  \r\n0\r\n\r\n"),
        ("an empty line before the size", "\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("a bare LF after the last size", "0\n\r\n"),
        ("letters for the whole", "hello world\r\n\r\n"),
        ("a request for the size", "GET / HTTP/1.1\r\n\r\n"),
        ("a second chunk that is none", "5\r\nhello\r\nzz\r\n"),
    ];
    bodies.iter().map(|(name, body)| cut(&format!("chunks with {name}"), &chunked(body), "400 bad-chunk")).collect()
}

//= rfc9112#7.1.2 trailers
//= rfc9110#6.5.1 trailers
fn trailers() -> Vec<Row> {
    let long = format!("0\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let faults = [
        ("without a colon", "0\r\nX\r\n\r\n"),
        ("with a blank before the colon", "0\r\nX : 1\r\n\r\n"),
        ("that folds", "0\r\nX: 1\r\n 2\r\n\r\n"),
        ("with a bare LF", "0\r\nX: 1\n\r\n"),
        ("with a bare CR", "0\r\nX: 1\rY: 2\r\n\r\n"),
        ("with NUL", "0\r\nX: $[00]\r\n\r\n"),
        ("with an empty name", "0\r\n: 1\r\n\r\n"),
        ("of 9 kB", &long),
        ("that is a request", "0\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
    ];
    let mut rows: Vec<Row> =
        faults.iter().map(|(name, body)| cut(&format!("a trailer {name}"), &chunked(body), "400|501")).collect();
    let none = up("2\r\nok\r\n0\r\n\r\n");
    let dropped = [
        "X: 1",
        "Host: other.test",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Cookie: a=b",
        "Authorization: x",
    ];
    rows.extend(dropped.iter().map(|field| {
        passes(
            &format!("a trailer nobody asked for is dropped: {field}"),
            &chunked(&format!("2\r\nok\r\n0\r\n{field}\r\n\r\n")),
            &none,
        )
    }));
    let asked = |fields: &str| {
        format!("POST /c HTTP/1.1\r\n$HTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{fields}\r\n")
    };
    let came = |fields: &str| {
        format!(
            "POST /c HTTP/1.1\r\n$H$FTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n2\r\nok\r\n0\r\n{fields}\r\n"
        )
    };
    rows.push(passes("a trailer goes up with TE: trailers", &asked("X-Sum: 1\r\n"), &came("X-Sum: 1\r\n")));
    let never = [
        "Host: a",
        "Content-Length: 5",
        "Transfer-Encoding: x",
        "Cookie: a=b",
        "Authorization: x",
        "X-Forwarded-For: 192.0.2.1",
    ];
    rows.extend(never.iter().map(|field| {
        passes(
            &format!("a trailer that never travels: {field}"),
            &asked(&format!("{field}\r\nX-Sum: 1\r\n")),
            &came("X-Sum: 1\r\n"),
        )
    }));
    rows
}

//= rfc9110#10.1.1 expect-1.0
fn expectations() -> Vec<Row> {
    let expect = |value: &str| format!("POST /c HTTP/1.1\r\n$HExpect: {value}\r\nContent-Length: 2\r\n\r\nok");
    vec![
        refused("an unknown expectation", &expect("something"), "417 expectation-refused"),
        refused("an expectation of 200-ok", &expect("200-ok"), "417 expectation-refused"),
        refused("an expectation in a list", &expect("100-continue, x"), "417 expectation-refused"),
        passes(
            "an expectation of a body that is there already",
            &expect("100-continue"),
            "POST /c HTTP/1.1\r\n$HContent-Length: 2\r\n$F\r\nok",
        ),
    ]
}
