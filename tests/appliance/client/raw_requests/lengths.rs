//! How long a body is: Content-Length and Transfer-Encoding, where smuggling lives (RFC 9112 section 6).

use super::row::{Row, passes, pipelined, refused};

pub(super) fn rows() -> Vec<Row> {
    [lengths(), codings(), both(), bodies_of_length(), without_body()].into_iter().flatten().collect()
}

fn post(fields: &str, body: &str) -> String {
    format!("POST /p HTTP/1.1\r\n$H{fields}\r\n\r\n{body}")
}

//= rfc9112#6.3 bad-length
//= rfc9110#8.6 huge-length
fn lengths() -> Vec<Row> {
    let values = [
        ("with a plus", "+5"),
        ("negative", "-1"),
        ("hexadecimal", "0x5"),
        ("of 20 digits", "99999999999999999999"),
        ("beyond 64 bits", "18446744073709551616"),
        ("of a hundred digits", &"9".repeat(100)),
        ("a list of equals", "5, 5"),
        ("a list of others", "5, 6"),
        ("a list with nothing", "5,"),
        ("nothing first", ",5"),
        ("empty", ""),
        ("with a blank inside", "5 5"),
        ("with a letter", "5a"),
        ("with a point", "5.0"),
        ("a word", "five"),
        ("with a semicolon", "5;x"),
        ("in quotes", "\"5\""),
        ("with an exponent", "1e1"),
        ("with an underscore", "1_0"),
        ("in other digits", "$[d9]$[a5]"),
    ];
    let row = |(name, value): &(&str, &str)| {
        refused(&format!("length {name}"), &post(&format!("Content-Length: {value}"), "hello"), "400 bad-length")
    };
    let mut rows: Vec<Row> = values.iter().map(row).collect();
    let twice = [
        ("two lengths that differ", "Content-Length: 5\r\nContent-Length: 6"),
        ("two lengths that agree", "Content-Length: 5\r\nContent-Length: 5"),
        ("two lengths in another case", "content-length: 5\r\nCONTENT-LENGTH: 5"),
        ("a length and an empty one", "Content-Length: 5\r\nContent-Length: "),
        ("a length of zero and of five", "Content-Length: 0\r\nContent-Length: 5"),
    ];
    rows.extend(twice.iter().map(|(name, fields)| refused(name, &post(fields, "hello"), "400 bad-length")));
    rows.push(refused("a length of vertical tab", &post("Content-Length: $[0b]5", "hello"), "400"));
    rows.push(refused("a bad length of a GET", "GET / HTTP/1.1\r\n$HContent-Length: x\r\n\r\n", "400 bad-length"));
    rows.push(refused(
        "a bad length in HTTP/1.0",
        "POST / HTTP/1.0\r\n$HContent-Length: 5, 5\r\n\r\nhello",
        "400 bad-length",
    ));
    rows
}

const CHUNKS: &str = "5\r\nhello\r\n0\r\n\r\n";

//= rfc9112#6.3 chunked-last
//= rfc9112#6.1 chunked-1.0
fn codings() -> Vec<Row> {
    let values = [
        ("xchunked", "xchunked", "501"),
        ("chunkedx", "chunkedx", "501"),
        ("gzip", "gzip", "501"),
        ("identity", "identity", "501"),
        ("chunked and gzip", "chunked, gzip", "400|501"),
        ("gzip and chunked", "gzip, chunked", "400|501"),
        ("identity and chunked", "identity, chunked", "400|501"),
        ("a comma and chunked", ",chunked", "400|501"),
        ("chunked and a comma", "chunked,", "400|501"),
        ("chunked twice in a list", "chunked, chunked", "400|501"),
        ("chunked with a parameter", "chunked;a=b", "400|501"),
        ("chunked in quotes", "\"chunked\"", "400|501"),
        ("nothing", "", "400|501"),
        ("a vertical tab and chunked", "$[0b]chunked", "400|501"),
        ("chunked and a vertical tab", "chunked$[0b]", "400|501"),
        ("chunked and a form feed", "chunked$[0c]", "400|501"),
        ("chunked and NUL", "chunked$[00]", "400|501"),
        ("chunked between others", "a, chunked, b", "400|501"),
        ("two words", "chunked chunked", "400|501"),
        ("chunked with a no-break space", "chunked$[a0]", "400|501"),
    ];
    let row = |(name, value, answer): &(&str, &str, &str)| {
        refused(&format!("coding {name}"), &post(&format!("Transfer-Encoding: {value}"), CHUNKS), answer)
    };
    let mut rows: Vec<Row> = values.iter().map(row).collect();
    let twice = [
        ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("identity, then chunked on another line", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
        ("chunked, then identity on another line", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        ("chunked, then an empty line", "Transfer-Encoding: chunked\r\nTransfer-Encoding: "),
    ];
    rows.extend(twice.iter().map(|(name, fields)| refused(name, &post(fields, CHUNKS), "400|501")));
    rows.push(refused(
        "chunked in HTTP/1.0",
        &format!("POST / HTTP/1.0\r\n$HTransfer-Encoding: chunked\r\n\r\n{CHUNKS}"),
        "400",
    ));
    let up = "POST /p HTTP/1.1\r\n$H$FTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    rows.push(passes("chunked in upper case", &post("Transfer-Encoding: CHUNKED", CHUNKS), up));
    rows.push(passes("chunked with blanks around", &post("Transfer-Encoding: \t chunked \t", CHUNKS), up));
    rows
}

//= rfc9112#6.1 close-after-both
fn both() -> Vec<Row> {
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\n$H\r\n";
    let fields = [
        ("length, then chunked", "Content-Length: 6\r\nTransfer-Encoding: chunked"),
        ("chunked, then length", "Transfer-Encoding: chunked\r\nContent-Length: 6"),
        ("a length of zero and chunked", "Content-Length: 0\r\nTransfer-Encoding: chunked"),
        ("length and gzip", "Content-Length: 6\r\nTransfer-Encoding: gzip"),
        ("length and an unknown coding", "Content-Length: 6\r\nTransfer-Encoding: xchunked"),
        ("length and identity", "Content-Length: 6\r\nTransfer-Encoding: identity"),
        ("length and an empty coding", "Content-Length: 6\r\nTransfer-Encoding: "),
        ("a bad length and chunked", "Content-Length: x\r\nTransfer-Encoding: chunked"),
    ];
    fields.iter().map(|(name, fields)| refused(name, &post(fields, smuggled), "400|501")).collect()
}

fn bodies_of_length() -> Vec<Row> {
    let up = |length: &str, body: &str| format!("POST /p HTTP/1.1\r\n$HContent-Length: {length}\r\n$F\r\n{body}");
    vec![
        passes("a body of five", &post("Content-Length: 5", "hello"), &up("5", "hello")),
        passes("a body byte by byte", &post("Content-Length: 5", "hello"), &up("5", "hello")).in_pieces(1),
        passes("a body of none", &post("Content-Length: 0", ""), &up("0", "")),
        passes("a length with zeros before it", &post("Content-Length: 0005", "hello"), &up("5", "hello")),
        passes("a body of line ends", &post("Content-Length: 6", "\r\n\r\n\r\n"), &up("6", "\r\n\r\n\r\n")),
        passes(
            "a body that looks like a request",
            &post("Content-Length: 18", "GET / HTTP/1.1\r\n\r\n"),
            &up("18", "GET / HTTP/1.1\r\n\r\n"),
        ),
        passes(
            "a body with all kinds of bytes",
            &post("Content-Length: 4", "$[00]$[ff]$[0a]$[0d]"),
            &up("4", "$[00]$[ff]$[0a]$[0d]"),
        ),
        passes("a body in HTTP/1.0", "POST /p HTTP/1.0\r\n$HContent-Length: 5\r\n\r\nhello", &up("5", "hello"))
            .and_closes(),
        passes(
            "a GET with a body",
            "GET /p HTTP/1.1\r\n$HContent-Length: 5\r\n\r\nhello",
            "GET /p HTTP/1.1\r\n$HContent-Length: 5\r\n$F\r\nhello",
        ),
        pipelined(
            "bytes beyond the length are the next request",
            &post("Content-Length: 5", "helloGET /next HTTP/1.1\r\n$H\r\n"),
            &["200", "200"],
            &[&up("5", "hello"), "GET /next HTTP/1.1\r\n$H$F\r\n"],
        ),
        refused("a body over the limit", &post("Content-Length: 1048577", ""), "413 body-too-large"),
        refused("a body far over the limit", &post("Content-Length: 18446744073709551615", "x"), "413 body-too-large"),
        refused(
            "a body over the limit that waits",
            &post("Content-Length: 2000000\r\nExpect: 100-continue", ""),
            "413 body-too-large",
        ),
    ]
}

/// WSO2 closes connections on which a GET carries a length, even of zero.
fn without_body() -> Vec<Row> {
    let row = |method: &&str| {
        passes(
            &format!("{method} with a length of zero carries none up"),
            &format!("{method} / HTTP/1.1\r\n$HContent-Length: 0\r\n\r\n"),
            &format!("{method} / HTTP/1.1\r\n$H$F\r\n"),
        )
    };
    let mut rows: Vec<Row> = ["GET", "HEAD", "DELETE", "OPTIONS"].iter().map(row).collect();
    rows.push(passes(
        "PUT with a length of zero keeps it",
        "PUT / HTTP/1.1\r\n$HContent-Length: 0\r\n\r\n",
        "PUT / HTTP/1.1\r\n$HContent-Length: 0\r\n$F\r\n",
    ));
    rows
}
