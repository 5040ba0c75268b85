//! Host: exactly one, valid, and of a site (RFC 9112 section 3.2).

use super::row::{Row, passes, refused};

pub(super) fn rows() -> Vec<Row> {
    [missing_and_doubled(), malformed(), fine()].into_iter().flatten().collect()
}

//= rfc9112#3.2 host
fn missing_and_doubled() -> Vec<Row> {
    vec![
        refused("no Host", "GET / HTTP/1.1\r\n\r\n", "400 no-host"),
        refused("no Host, but fields", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", "400 no-host"),
        refused("two Hosts", "GET / HTTP/1.1\r\n$HHost: other.test\r\n\r\n", "400 bad-host"),
        refused("the same Host twice", "GET / HTTP/1.1\r\n$H$H\r\n", "400 bad-host"),
        refused(
            "two Hosts in another case",
            "GET / HTTP/1.1\r\nHOST: esb.test\r\nhost: other.test\r\n\r\n",
            "400 bad-host",
        ),
        refused("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\n$H$H\r\n", "400"),
        refused("no Host in HTTP/1.0, and no default site", "GET / HTTP/1.0\r\n\r\n", "421 unknown-host"),
        refused("an unknown Host", "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", "421 unknown-host").and_stays(),
    ]
}

fn malformed() -> Vec<Row> {
    let hosts = [
        ("empty", ""),
        ("of blanks", "   "),
        ("with a path", "esb.test/a"),
        ("with a query", "esb.test?a"),
        ("with a fragment", "esb.test#a"),
        ("with a comma", "esb.test, other.test"),
        ("with a blank", "esb.test other.test"),
        ("with a tab", "esb.test\tother.test"),
        ("with userinfo", "user@esb.test"),
        ("with a backslash", "esb.test\\a"),
        ("with a scheme", "http://esb.test"),
        ("with a port that is none", "esb.test:x"),
        ("with a port too large", "esb.test:65536"),
        ("with a negative port", "esb.test:-1"),
        ("with two ports", "esb.test:80:81"),
        ("with a port alone", ":80"),
        ("of a colon alone", ":"),
        ("with NUL", "esb.test$[00]"),
        ("with UTF-8", "esb$[c3]$[a9].test"),
        ("with DEL", "esb.test$[7f]"),
        ("with brackets around nothing", "[]"),
        ("with an open bracket", "[::1"),
        ("with a closing bracket alone", "::1]"),
        ("with words in brackets", "[esb.test]"),
        ("with letters after brackets", "[::1]x"),
        ("in quotes", "\"esb.test\""),
        ("with angle brackets", "<esb.test>"),
        ("with two dots in a row", "esb..test"),
        ("of a dot alone", "."),
    ];
    let row = |(name, host): (&str, &str)| {
        refused(&format!("Host {name}"), &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400")
    };
    hosts.map(row).into_iter().collect()
}

fn fine() -> Vec<Row> {
    let hosts = ["ESB.test", "esb.test:80", "esb.test:8443", "esb.test.", "esb.test:", "esb.test.:"];
    let row = |host: &&str| {
        let (send, up) =
            (format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), format!("GET / HTTP/1.1\r\nHost: {host}\r\n$F\r\n"));
        passes(&format!("Host {host} goes up as it is"), &send, &up)
    };
    let mut rows: Vec<Row> = hosts.iter().map(row).collect();
    rows.push(passes(
        "Host after other fields",
        "GET / HTTP/1.1\r\nA: b\r\n$HC: d\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n$HC: d\r\n$F\r\n",
    ));
    rows.push(passes(
        "blanks around the value of Host",
        "GET / HTTP/1.1\r\nHost: \t esb.test \t\r\n\r\n",
        "GET / HTTP/1.1\r\n$H$F\r\n",
    ));
    rows.push(passes(
        "no blank before the value of Host",
        "GET / HTTP/1.1\r\nHost:esb.test\r\n\r\n",
        "GET / HTTP/1.1\r\n$H$F\r\n",
    ));
    rows.push(passes(
        "host in lower case keeps its spelling",
        "GET / HTTP/1.1\r\nhost: esb.test\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: esb.test\r\n$F\r\n",
    ));
    rows
}
