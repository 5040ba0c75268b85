//! Several requests on one connection: in order, one answer each, and nothing after a refusal (RFC 9112 section 9).

use super::row::{Row, passes, pipelined, refused};

//= rfc9112#9.6 close
//= rfc9112#9.3.2 in-order
pub(super) fn rows() -> Vec<Row> {
    let ten: String = (0..10).map(|number| get(&format!("/{number}"))).collect();
    let ups: Vec<String> = (0..10).map(|number| up(&format!("/{number}"))).collect();
    let ups: Vec<&str> = ups.iter().map(String::as_str).collect();
    let mut rows = vec![
        pipelined("two requests at once", &(get("/1") + &get("/2")), &["200"; 2], &ups[1..3]),
        pipelined("ten requests at once", &ten, &["200"; 10], &ups),
        pipelined("ten requests in pieces of seven", &ten, &["200"; 10], &ups).in_pieces(7),
        pipelined(
            "an unknown Host between others",
            &(get("/1") + "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n" + &get("/2")),
            &["200", "421 unknown-host", "200"],
            &ups[1..3],
        ),
        pipelined("an empty line between requests", &(get("/1") + "\r\n" + &get("/2")), &["200"; 2], &ups[1..3]),
        pipelined(
            "requests after Connection: close are not read",
            &("GET /1 HTTP/1.1\r\n$HConnection: close\r\n\r\n".to_owned() + &get("/2")),
            &["200"],
            &ups[1..2],
        )
        .and_closes(),
        passes("a request and then the end", &get("/1"), &up("/1")).finished().and_closes(),
    ];
    rows.extend(third_is_bad());
    rows.extend(smuggling());
    rows
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n$H\r\n")
}

fn up(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n$H$F\r\n")
}

//= rfc9112#9.6 own-close
/// Of ten requests the third is refused: two answers, the refusal, the end.
fn third_is_bad() -> Vec<Row> {
    let third = [
        ("a bare LF", "GET /bad HTTP/1.1\n$H\r\n", "400 bare-lf"),
        ("a bad target", "GET /a\\b HTTP/1.1\r\n$H\r\n", "400 bad-target"),
        ("no Host", "GET /bad HTTP/1.1\r\n\r\n", "400 no-host"),
        ("TRACE", "TRACE / HTTP/1.1\r\n$H\r\n", "405 method-refused"),
        ("two lengths", "POST / HTTP/1.1\r\n$HContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400 bad-length"),
        ("length and chunked", "POST / HTTP/1.1\r\n$HContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("another version", "GET / HTTP/2.0\r\n$H\r\n", "505 bad-version"),
    ];
    let rest: String = (4..11).map(|number| get(&format!("/{number}"))).collect();
    let row = |(name, bad, answer): &(&str, &str, &str)| {
        let send = get("/1") + &get("/2") + bad + &rest;
        pipelined(
            &format!("of ten requests the third has {name}"),
            &send,
            &["200", "200", answer],
            &[&up("/1"), &up("/2")],
        )
    };
    third.iter().map(row).collect()
}

/// Classic shapes; each would make a second request appear where a lenient reader stands.
fn smuggling() -> Vec<Row> {
    let inner = "GET /smuggled HTTP/1.1\r\n$H\r\n";
    let post = |fields: &str| format!("POST /p HTTP/1.1\r\n$H{fields}\r\n\r\n0\r\n\r\n{inner}");
    let rows = [
        ("CL.TE", post("Content-Length: 40\r\nTransfer-Encoding: chunked")),
        ("TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4")),
        ("TE.TE by a second coding", post("Transfer-Encoding: chunked\r\nTransfer-encoding: cow")),
        ("TE.TE by a blank", post("Transfer-Encoding : chunked\r\nContent-Length: 5")),
        ("TE.TE by a tab", post("Transfer-Encoding\t: chunked")),
        ("TE.TE by folding", post("X: Y\r\n Transfer-Encoding: chunked")),
        ("TE.TE by a hidden line", post("X: Y\nTransfer-Encoding: chunked")),
        ("TE.TE by a value in quotes", post("Transfer-Encoding: 'chunked'")),
        ("TE.TE by a control byte", post("Transfer-Encoding: $[01]chunked")),
        ("TE.TE by a name with NUL", post("Transfer-Encoding$[00]: chunked")),
        ("CL.CL", post("Content-Length: 0\r\nContent-Length: 40")),
        ("CL by an underscore", post("Content_Length: 40\r\nContent-Length: 5")),
        ("CL by a leading blank", post(" Content-Length: 40")),
        ("an empty name before the rest", post(": x\r\nContent-Length: 40")),
    ];
    let mut rows: Vec<Row> =
        rows.iter().map(|(name, send)| refused(&format!("smuggling: {name}"), send, "400|501")).collect();
    rows.push(pipelined(
        "a GET with a length of zero does not hide the next request",
        &(String::from("GET /1 HTTP/1.1\r\n$HContent-Length: 0\r\n\r\n") + inner),
        &["200", "200"],
        &[&up("/1"), &up("/smuggled")],
    ));
    rows.push(pipelined(
        "bytes after a POST without a length are the next request",
        &(String::from("POST /p HTTP/1.1\r\n$H\r\n") + inner),
        &["200", "200"],
        &["POST /p HTTP/1.1\r\n$H$F\r\n", &up("/smuggled")],
    ));
    rows
}
