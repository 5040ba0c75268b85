//! Targets: what passes goes up byte for byte, and what two readers could take for two targets is refused
//! (RFC 9112 section 3.2, RFC 3986).

use super::row::{Row, passes, refused};

pub(super) fn rows() -> Vec<Row> {
    [unchanged(), odd_bytes(), forms(), absolute()].into_iter().flatten().collect()
}

//= rfc9112#2.2 bytes
//= rfc9110#7.7 target-unchanged
fn unchanged() -> Vec<Row> {
    let targets = [
        "/a/../carbon",
        "/a/./b",
        "//carbon",
        "/a//b",
        "/..",
        "/%2e%2e/carbon",
        "/a%2fb",
        "/a%5cb",
        "/%00",
        "/%zz",
        "/%",
        "/a;jsessionid=ABC123?x=1",
        "/a;b=c/../d",
        "/services/Echo?wsdl",
        "/?",
        "/??",
        "/?a=/../b",
        "/a?b=http://c/d",
        "/a%20b",
        "/a+b",
        "/~a!$&'()*,;=:@",
        "/\"<>^`{|}",
        "/a?q=%F0%9F%98%80",
        "/%25%32%65",
        "/http://esb.test/",
        "/caf$[c3]$[a9]?q=$[e2]$[82]$[ac]",
        "/a$[80]b",
        "/a$[ff]",
        "/a?b=$[ff]",
        "/a?b=\\",
        "/a?b=c\\..\\d&e=\"<>`",
        "/*",
    ];
    let row = |target: &str| {
        let (send, up) = (format!("GET {target} HTTP/1.1\r\n$H\r\n"), format!("GET {target} HTTP/1.1\r\n$H$F\r\n"));
        passes(&format!("target {target} goes up as it is"), &send, &up)
    };
    targets.iter().map(|target| row(target)).collect()
}

fn odd_bytes() -> Vec<Row> {
    let targets = [
        ("NUL", "/a$[00]b"),
        ("a control byte", "/a$[01]b"),
        ("a tab", "/a\tb"),
        ("a vertical tab", "/a$[0b]b"),
        ("a space", "/a b"),
        ("an escape", "/a$[1b]b"),
        ("DEL", "/a$[7f]b"),
        ("a fragment", "/a#b"),
        ("a backslash", "/a\\b"),
        ("a backslash before dots", "/\\../carbon"),
        ("NUL in the query", "/a?b=$[00]"),
        ("a backslash before a query", "/a\\?b=c"),
        ("a fragment after a backslash in the query", "/a?b=\\#"),
    ];
    let row = |(name, target): (&str, &str)| {
        refused(&format!("{name} in the target"), &format!("GET {target} HTTP/1.1\r\n$H\r\n"), "400")
    };
    targets.map(row).into_iter().collect()
}

//= rfc9110#7.1 asterisk
fn forms() -> Vec<Row> {
    vec![
        passes("OPTIONS *", "OPTIONS * HTTP/1.1\r\n$H\r\n", "OPTIONS * HTTP/1.1\r\n$H$F\r\n"),
        refused("GET *", "GET * HTTP/1.1\r\n$H\r\n", "400"),
        refused("OPTIONS **", "OPTIONS ** HTTP/1.1\r\n$H\r\n", "400"),
        refused("a target without a slash", "GET foo HTTP/1.1\r\n$H\r\n", "400 bad-target"),
        refused("a target of dots", "GET ../carbon HTTP/1.1\r\n$H\r\n", "400 bad-target"),
        refused("a target that is a query", "GET ?a=b HTTP/1.1\r\n$H\r\n", "400"),
        refused("a target that is an authority", "GET esb.test:80 HTTP/1.1\r\n$H\r\n", "400"),
        refused("a target that is a host", "GET esb.test HTTP/1.1\r\n$H\r\n", "400"),
        refused("a target that begins with an escape", "GET %2f HTTP/1.1\r\n$H\r\n", "400"),
    ]
}

//= rfc9112#3.2.4 asterisk
//= rfc9112#3.2.2 absolute-form
//= rfc9112#3.2.1 origin-form
//= rfc9110#7.4 wrong-scheme
//= rfc9110#4.2.1 empty-host
fn absolute() -> Vec<Row> {
    let get = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\n{host}\r\n");
    let passing = [
        ("with a path", "http://esb.test/a?b", "$H", "/a?b"),
        ("without a path", "http://esb.test", "$H", "/"),
        ("with a query alone", "http://esb.test?b", "$H", "/?b"),
        ("with an upper-case scheme", "HTTP://esb.test/", "$H", "/"),
    ];
    let refusing = [
        ("for another host", "http://mgt.esb.test/carbon", "$H"),
        ("for another port", "http://esb.test:81/", "$H"),
        ("with another Host", "http://esb.test/", "Host: other.test\r\n"),
        ("without Host", "http://esb.test/", ""),
        ("with an empty Host", "http://esb.test/", "Host:\r\n"),
        ("with userinfo", "http://user@esb.test/", "$H"),
        ("with a password", "http://user:pass@esb.test/", "$H"),
        ("with https on the plain listener", "https://esb.test/", "$H"),
        ("with ftp", "ftp://esb.test/", "$H"),
        ("with an empty authority", "http:///a", "$H"),
        ("with one slash", "http:/esb.test/", "$H"),
        ("with no slash", "http:esb.test/", "$H"),
        ("with a port that is none", "http://esb.test:x/", "Host: esb.test:x\r\n"),
        ("with a fragment", "http://esb.test/#a", "$H"),
        ("with a backslash after the host", "http://esb.test\\@other.test/", "$H"),
        ("with an at-sign hidden by a slash", "http://other.test/@esb.test/", "$H"),
        ("with UTF-8 in its authority", "http://esb.test$[c3]$[a9]/", "$H"),
        ("without a scheme", "//esb.test@other.test:80", "Host: esb.test\\\r\n"),
    ];
    let accept = |(name, target, host, up): (&str, &str, &str, &str)| {
        passes(&format!("absolute-form {name}"), &get(target, host), &format!("GET {up} HTTP/1.1\r\n$H$F\r\n"))
    };
    let refuse =
        |(name, target, host): (&str, &str, &str)| refused(&format!("absolute-form {name}"), &get(target, host), "400");
    let options = passes(
        "absolute-form OPTIONS without a path asks for *",
        "OPTIONS http://esb.test HTTP/1.1\r\n$H\r\n",
        "OPTIONS * HTTP/1.1\r\n$H$F\r\n",
    );
    passing.map(accept).into_iter().chain(refusing.map(refuse)).chain([options]).collect()
}
