//! Heads that requests and answers have here.

use weir::wire::{AnswerHead, HeadLimits, Method, RequestHead};

/// A request for a path.
pub(crate) fn request_for(path: &str) -> RequestHead {
    request(format!("GET {path} HTTP/1.1\r\nHost: esb.wso2.com\r\n\r\n").as_bytes())
}

/// A request with this cookie.
pub(crate) fn request_with(cookie: &str) -> RequestHead {
    request(format!("GET /services/Echo HTTP/1.1\r\nHost: esb.wso2.com\r\nCookie: {cookie}\r\n\r\n").as_bytes())
}

/// What is read of a request.
pub(crate) fn request(bytes: &[u8]) -> RequestHead {
    let mut head = RequestHead::new();
    head.parse(bytes, &HeadLimits { secure: true, ..HeadLimits::default() }).expect("a good head");
    head
}

/// What is read of an answer.
pub(crate) fn answer(bytes: &[u8]) -> AnswerHead {
    let mut head = AnswerHead::new();
    head.parse(bytes, Method::Post).expect("a good head");
    head
}

/// A usual request.
pub(crate) const HEAD: &[u8] =
    b"POST /services/Echo HTTP/1.1\r\nHost: esb.wso2.com\r\nUser-Agent: Axis2\r\nAccept: */*\r\n\
    Content-Type: text/xml; charset=UTF-8\r\nSOAPAction: \"urn:echo\"\r\nContent-Length: 512\r\n\
    Cookie: JSESSIONID=0123456789ABCDEF0123456789ABCDEF; route=wrk1\r\nX-Forwarded-For: 198.51.100.4\r\n\r\n";

/// A usual answer.
pub(crate) const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-Length: 2048\r\n\
    Set-Cookie: JSESSIONID=0123456789ABCDEF0123456789ABCDEF; Path=/; Secure; HttpOnly\r\nCache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\nVary: Accept-Encoding\r\nServer: WSO2-PassThrough-HTTP\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\n";
