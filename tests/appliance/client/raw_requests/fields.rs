//! Fields: what they may be made of, what is dropped on the way up, and what Weir sets (RFC 9110 sections 5 and 7.6).

use super::row::{Row, passes, refused};

pub(super) fn rows() -> Vec<Row> {
    [made_of(), kept(), hop_by_hop(), connection_faults(), forwarded(), mistaken()].into_iter().flatten().collect()
}

fn with(field: &str) -> String {
    format!("GET / HTTP/1.1\r\n$H{field}\r\n\r\n")
}

/// A GET that goes up with exactly these lines between Host and what Weir adds.
fn up(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\n$H{fields}$F\r\n")
}

//= rfc9112#5.2 fold
//= rfc9112#5.1 colon
//= rfc9112#2.2 blank-line
//= rfc9110#5.5 line-bytes
fn made_of() -> Vec<Row> {
    let fields = [
        ("a space before the colon", "X : 1"),
        ("a tab before the colon", "X\t: 1"),
        ("a space before the colon of a length", "Content-Length : 5"),
        ("a space before the colon of a coding", "Transfer-Encoding : chunked"),
        ("a folded line", "X: 1\r\n 2"),
        ("a folded line with a tab", "X: 1\r\n\t2"),
        ("a folded coding", "Transfer-Encoding:\r\n chunked"),
        ("an empty name", ": 1"),
        ("a line without a colon", "X"),
        ("a blank in the name", "X Y: 1"),
        ("a blank before the name", " X: 1"),
        ("a control byte in the name", "X$[01]: 1"),
        ("NUL in the name", "X$[00]Y: 1"),
        ("UTF-8 in the name", "X$[c3]$[a9]: 1"),
        ("parentheses in the name", "X(Y): 1"),
        ("a slash in the name", "X/Y: 1"),
        ("an at-sign in the name", "X@Y: 1"),
        ("a quote in the name", "\"X\": 1"),
        ("NUL in the value", "X: a$[00]b"),
        ("a control byte in the value", "X: a$[01]b"),
        ("a backspace in the value", "X: a$[08]b"),
        ("an escape in the value", "X: a$[1b]b"),
        ("DEL in the value", "X: a$[7f]b"),
        ("a vertical tab in the value", "X: a$[0b]b"),
    ];
    let mut rows: Vec<Row> = fields.iter().map(|(name, field)| refused(name, &with(field), "400")).collect();
    rows.push(refused("a blank line of a space before the fields", "GET / HTTP/1.1\r\n \r\n$H\r\n", "400"));
    rows.push(refused("a folded first field", "GET / HTTP/1.1\r\n X: 1\r\n$H\r\n", "400"));
    rows
}

//= rfc9110#13.2.1 preconditions
//= rfc9110#5.5 blanks
//= rfc9110#5.1 unknown-fields
fn kept() -> Vec<Row> {
    let fields = [
        ("case and order of names", "b-B: 1\r\nA-a: 2\r\nC-C: 3\r\n"),
        ("fields that come several times", "X: 1\r\nY: 2\r\nX: 3\r\n"),
        ("an empty value", "X: \r\n"),
        ("bytes beyond ASCII in a value", "X: $[c3]$[a9]$[ff]\r\n"),
        ("a tab inside a value", "X: a\tb\r\n"),
        ("colons in a value", "X: a:b::c\r\n"),
        ("odd but allowed names", "!#$%&'*+-.^_`|~9z: 1\r\n"),
        ("two Cookie lines", "Cookie: a=1\r\nCookie: b=2\r\n"),
        ("Authorization", "Authorization: Basic YTpi\r\n"),
        ("a Via of the client", "Via: 1.1 other\r\n"),
        ("SOAPAction", "SOAPAction: \"urn:mediate\"\r\n"),
        ("Range", "Range: bytes=0-1\r\n"),
        ("names with underscores", "my_field: 1\r\n"),
        ("Accept-Encoding", "Accept-Encoding: gzip, br\r\n"),
    ];
    let row = |(name, lines): &(&str, &str)| {
        passes(&format!("kept: {name}"), &format!("GET / HTTP/1.1\r\n$H{lines}\r\n"), &up(lines))
    };
    let mut rows: Vec<Row> = fields.iter().map(row).collect();
    rows.push(passes("blanks around a value are trimmed", &with("X: \t a b \t "), &up("X: a b\r\n")));
    rows
}

//= rfc9112#7.4 te
//= rfc9110#7.8 upgrade-1.0
//= rfc9110#7.6.1 own-options
//= rfc9110#7.6.1 connection
//= rfc9110#5.6.1 empty-members
fn hop_by_hop() -> Vec<Row> {
    let dropped = [
        ("Connection: keep-alive", "Connection: keep-alive"),
        ("Connection: Keep-Alive with Keep-Alive", "Connection: Keep-Alive\r\nKeep-Alive: timeout=5"),
        ("Keep-Alive alone", "Keep-Alive: timeout=5, max=100"),
        ("Proxy-Connection", "Proxy-Connection: keep-alive"),
        ("Proxy-Authenticate", "Proxy-Authenticate: Basic"),
        ("Proxy-Authorization", "Proxy-Authorization: Basic YTpi"),
        ("TE: gzip", "TE: gzip"),
        ("Trailer", "Trailer: X"),
        ("Upgrade without Connection", "Upgrade: websocket"),
        ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
        ("HTTP2-Settings alone", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        ("a field that Connection names", "Connection: X-Mine\r\nX-Mine: 1"),
        ("a field that Connection names in another case", "Connection: x-mINE\r\nX-Mine: 1"),
        ("fields that Connection names in a list", "Connection: a , b,c\r\nA: 1\r\nB: 2\r\nC: 3"),
        ("fields that two Connection lines name", "Connection: a\r\nConnection: b\r\nA: 1\r\nB: 2"),
        ("a field before the Connection that names it", "X-Mine: 1\r\nConnection: X-Mine"),
        ("Upgrade: TLS/1.0", "Connection: upgrade\r\nUpgrade: TLS/1.0"),
        ("an empty Connection", "Connection: "),
        ("a Connection of commas", "Connection: ,,, ,"),
    ];
    let mut rows: Vec<Row> =
        dropped.iter().map(|(name, field)| passes(&format!("dropped: {name}"), &with(field), &up(""))).collect();
    rows.push(passes(
        "TE: trailers, gzip keeps only trailers",
        &with("TE: trailers, gzip;q=0.5"),
        "GET / HTTP/1.1\r\n$H$FTE: trailers\r\nConnection: TE\r\n\r\n",
    ));
    rows.push(passes(
        "TE: trailers goes up named",
        &with("TE: trailers"),
        "GET / HTTP/1.1\r\n$H$FTE: trailers\r\nConnection: TE\r\n\r\n",
    ));
    rows.push(passes("Connection: close closes", &with("Connection: close"), &up("")).and_closes());
    rows.push(passes("Connection: Close in a list closes", &with("Connection: x, Close"), &up("")).and_closes());
    rows.push(
        passes(
            "an upgrade in HTTP/1.0 is none",
            "GET / HTTP/1.0\r\n$HConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            &up(""),
        )
        .and_closes(),
    );
    rows.push(passes(
        "an upgrade of a POST is none",
        "POST / HTTP/1.1\r\n$HConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nok",
        "POST / HTTP/1.1\r\n$HContent-Length: 2\r\n$F\r\nok",
    ));
    rows
}

//= rfc9110#7.6.1 no-option
fn connection_faults() -> Vec<Row> {
    let named = [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Cookie",
        "Authorization",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Server",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "close, hOsT",
        "x-forwarded-for",
    ];
    let row = |name: &&str| {
        refused(&format!("Connection names {name}"), &with(&format!("Connection: {name}")), "400 bad-connection")
    };
    let mut rows: Vec<Row> = named.iter().map(row).collect();
    rows.push(refused("Connection with a name that is no token", &with("Connection: a b"), "400"));
    rows
}

fn forwarded() -> Vec<Row> {
    let dropped = [
        ("X-Forwarded-Host", "X-Forwarded-Host: evil.test"),
        ("X-Forwarded-Server", "X-Forwarded-Server: evil.test"),
        ("X-Forwarded-Proto", "X-Forwarded-Proto: https"),
        ("X-Forwarded-Port", "X-Forwarded-Port: 443"),
        ("X-Forwarded-Host in another case", "x-FORWARDED-host: evil.test"),
        ("X-Forwarded-Host twice", "X-Forwarded-Host: a\r\nX-Forwarded-Host: b"),
        ("X_Forwarded_Host", "X_Forwarded_Host: evil.test"),
        ("X-Forwarded_Proto", "X-Forwarded_Proto: https"),
        ("X_Forwarded_For", "X_Forwarded_For: 192.0.2.1"),
        ("X-Real-IP", "X-Real-IP: 192.0.2.1"),
        ("X_Real_IP", "X_Real_IP: 192.0.2.1"),
        ("X-Request-Id", "X-Request-Id: 0123"),
        ("X_Request_Id", "X_Request_Id: 0123"),
        ("X-Forwarded-Prefix", "X-Forwarded-Prefix: /a"),
        ("Forwarded", "Forwarded: for=192.0.2.1;proto=https"),
    ];
    let mut rows: Vec<Row> =
        dropped.iter().map(|(name, field)| passes(&format!("replaced: {name}"), &with(field), &up(""))).collect();
    let joined = [
        ("one", "X-Forwarded-For: 192.0.2.1", "192.0.2.1, 127.0.0.1"),
        (
            "two lines",
            "X-Forwarded-For: 192.0.2.1\r\nA: b\r\nX-Forwarded-For: 192.0.2.2",
            "192.0.2.1, 192.0.2.2, 127.0.0.1",
        ),
        ("a list", "X-Forwarded-For: 192.0.2.1, 192.0.2.2", "192.0.2.1, 192.0.2.2, 127.0.0.1"),
        ("words", "X-Forwarded-For: unknown", "unknown, 127.0.0.1"),
    ];
    for (name, field, expected) in joined {
        let others = if field.contains("A: b") { "A: b\r\n" } else { "" };
        let added =
            format!("X-Forwarded-Host: esb.test\r\nX-Forwarded-Server: esb.test\r\nX-Forwarded-For: {expected}\r\n$R");
        let up = format!("GET / HTTP/1.1\r\n$H{others}{added}\r\n");
        rows.push(passes(&format!("X-Forwarded-For joins {name}"), &with(field), &up));
    }
    rows
}

/// Names that some servers take for others because they read `_` as `-`.
fn mistaken() -> Vec<Row> {
    let names = ["Content_Length: 5", "Transfer_Encoding: chunked", "Host_: a\r\nContent_length: 1"];
    names.iter().map(|field| refused(&format!("a field to be mistaken: {field:?}"), &with(field), "400")).collect()
}
