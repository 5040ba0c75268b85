//! The second way to fill a request's head: HTTP/2 requests are written as HTTP/1.1 text, and the same reader judges
//! that text. Bytes that could end a line are refused, so the node gets only what one HTTP/1 client could have sent.

use super::host::{split_authority, without_dot};
use super::meaning::Framing;
use super::request::RequestHead;
use crate::wire::blame::{blame_field, blame_request};
use crate::wire::fault::HeadFault;
use crate::wire::fields::Span;
use crate::wire::grammar::{field_value_is_clean, is_token, target_is_clean, trim};
use crate::wire::kind::FieldKind;
use crate::wire::limits::HeadLimits;

impl RequestHead {
    //= rfc9113#8.3.1 authority-up
    /// Begins a head with its pseudo fields. `authority` becomes Host. A Host field that is added later must agree with
    /// it.
    pub fn begin(&mut self, method: &[u8], target: &[u8], authority: Option<&[u8]>) -> Result<(), HeadFault> {
        self.spelled = true;
        self.bytes.clear();
        self.odd.clear();
        if !is_token(method) {
            return Err(HeadFault::BadRequestLine);
        }
        //= rfc9113#8.3.1 path
        // An absolute `:path` would be a second authority (RFC 9113 section 8.3.1).
        let is_path = target.first() == Some(&b'/') || target == b"*";
        for part in [method, b" ", target, b" HTTP/1.1\r\n"] {
            self.bytes.extend_from_slice(part);
        }
        if !is_path || !target_is_clean(target) {
            return Err(HeadFault::BadTarget);
        }
        self.spelled_host = Span::default();
        let Some(authority) = authority else { return Ok(()) };
        let start = self.bytes.len() + b"host: ".len();
        self.push_line(b"host", authority).map_err(|_| HeadFault::BadHost)?;
        self.spelled_host = Span::new(start, start + authority.len());
        Ok(())
    }

    //= rfc9113#8.3.1 authority
    /// Adds a field. The caller must join split cookies into one line per request (RFC 9113 section 8.2.3).
    pub fn push_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        if self.spelled_host.len() > 0 && FieldKind::of(name) == FieldKind::Host {
            let agrees = are_one_host(self.spelled_host.of(&self.bytes), value);
            return if agrees { Ok(()) } else { Err(HeadFault::BadHost) };
        }
        self.push_line(name, value)
    }

    //= rfc9113#8.1.1 length
    /// Ends the head and reads it. `framing` tells what the stream says: `None` if it ended with its head, `Chunked` if
    /// a body follows. A Content-Length field must agree with it.
    pub fn finish(&mut self, framing: Framing, limits: &HeadLimits) -> Result<(), HeadFault> {
        self.bytes.extend_from_slice(b"\r\n");
        self.read(limits)?;
        let agreed = match (framing, self.framing()) {
            (framing, Framing::None) => framing,
            (Framing::None, Framing::Length(0)) => Framing::Length(0),
            (Framing::Chunked, Framing::Length(length)) => Framing::Length(length),
            (Framing::Length(length), Framing::Length(declared)) if length == declared => framing,
            _ => return Err(HeadFault::BadLength),
        };
        self.set_framing(agreed);
        Ok(())
    }

    /// What is wrong with a head that was refused while it was written, in words for the log.
    pub fn blame(&self, fault: HeadFault, limits: &HeadLimits) -> String {
        if self.odd.is_empty() { blame_request(&self.bytes, fault, limits) } else { self.odd.clone() }
    }

    //= rfc9113#10.3 translated
    //= rfc9113#8.2.1 names
    fn push_line(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        // RFC 9113 section 8.2.1 forbids blanks around a value, but curl and Node send them. They are removed as in
        // HTTP/1.
        let value = trim(value);
        if !is_token(name) || !field_value_is_clean(value) {
            self.odd = blame_field(name, value);
            return Err(HeadFault::BadField);
        }
        for part in [name, b": ", value, b"\r\n"] {
            self.bytes.extend_from_slice(part);
        }
        Ok(())
    }
}

/// As RFC 9113 section 8.3.1 wants it: in any case, and a port that https has anyway may be left out.
fn are_one_host(one: &[u8], other: &[u8]) -> bool {
    match (split_authority(one), split_authority(other)) {
        (Some((one, port)), Some((other, other_port))) => {
            without_dot(one).eq_ignore_ascii_case(without_dot(other))
                && port.unwrap_or(443) == other_port.unwrap_or(443)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Method;

    fn spelled(
        (method, target, authority): (&str, &str, Option<&str>),
        fields: &[(&str, &str)],
        framing: Framing,
    ) -> Result<RequestHead, HeadFault> {
        let mut head = RequestHead::new();
        head.begin(method.as_bytes(), target.as_bytes(), authority.map(str::as_bytes))?;
        for (name, value) in fields {
            head.push_field(name.as_bytes(), value.as_bytes())?;
        }
        head.finish(framing, &HeadLimits::default())?;
        Ok(head)
    }

    const GET: (&str, &str, Option<&str>) = ("GET", "/a?b", Some("ESB.wso2.com:443"));

    #[test]
    fn a_spelled_head_reads_like_any_other() {
        let fields = [("host", "esb.wso2.com:443"), ("cookie", "a=1; b=2"), ("te", "trailers")];
        let head = spelled(GET, &fields, Framing::None).unwrap();
        assert_eq!((head.method(), head.target_up()), (Method::Get, b"/a?b".as_slice()));
        assert_eq!(head.host().map(|host| (host.name, host.port)), Some((b"esb.wso2.com".as_slice(), Some(443))));
        assert_eq!(head.value(FieldKind::Cookie), Some(b"a=1; b=2".as_slice()));
        assert!(head.te_trailers() && head.is_spelled());
        assert_eq!(head.fields().filter(|field| field.kind == FieldKind::Host).count(), 1);
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        type Fields = &'static [(&'static str, &'static str)];
        let cases: [(&str, &str, Option<&str>, Fields, HeadFault); 27] = [
            ("GET /x", "/", Some("a"), &[], HeadFault::BadRequestLine),
            ("GET\r\n", "/", Some("a"), &[], HeadFault::BadRequestLine),
            ("", "/", Some("a"), &[], HeadFault::BadRequestLine),
            ("CONNECT", "/", Some("a"), &[], HeadFault::MethodRefused),
            ("TRACE", "/", Some("a"), &[], HeadFault::MethodRefused),
            ("GET", "", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "a", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "*", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "http://a/", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "/ HTTP/1.1\r\nX: ", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "/a b", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "/#", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "/a\\b", Some("a"), &[], HeadFault::BadTarget),
            ("GET", "/", None, &[], HeadFault::NoHost),
            ("GET", "/", Some(""), &[], HeadFault::BadHost),
            ("GET", "/", Some("u@a"), &[], HeadFault::BadHost),
            ("GET", "/", Some("a\r\nX: 1"), &[], HeadFault::BadHost),
            ("GET", "/", Some("a"), &[("host", "b")], HeadFault::BadHost),
            ("GET", "/", None, &[("host", "a"), ("host", "a")], HeadFault::BadHost),
            ("GET", "/", Some("a"), &[("x", "1\r\ny: 2")], HeadFault::BadField),
            ("GET", "/", Some("a"), &[("x", "\0")], HeadFault::BadField),
            ("GET", "/", Some("a"), &[("x:", "1")], HeadFault::BadField),
            ("GET", "/", Some("a"), &[("", "1")], HeadFault::BadField),
            ("GET", "/", Some("a"), &[("connection", "close")], HeadFault::BadConnection),
            ("GET", "/", Some("a"), &[("upgrade", "websocket")], HeadFault::BadConnection),
            ("GET", "/", Some("a"), &[("te", "gzip")], HeadFault::BadConnection),
            ("GET", "/", Some("a"), &[("content_length", "1")], HeadFault::BadField),
        ];
        for (method, target, authority, fields, fault) in cases {
            let found = spelled((method, target, authority), fields, Framing::None).map(|_| ());
            assert_eq!(found, Err(fault), "{method:?} {target:?} {authority:?} {fields:?}");
        }
        let mut head = RequestHead::new();
        head.begin(b"GET", b"/a#b", None).unwrap_err();
        assert_eq!(head.blame(HeadFault::BadTarget, &HeadLimits::default()), "byte 0x23, at 2");
        head.begin(b"GET", b"/", Some(b"a")).unwrap();
        head.push_field(b"x", b" 1 ").unwrap();
        assert!(head.bytes.ends_with(b"x: 1\r\n"), "blanks around a value are cut off");
        head.push_field(b"x", b"1\ny: 2").unwrap_err();
        assert_eq!(head.blame(HeadFault::BadField, &HeadLimits::default()), "x: byte 0x0A in its value, at 1");
        head.begin(b"GET", b"/", Some(b"a")).unwrap();
        head.push_field(b"connection", b"close").unwrap();
        head.finish(Framing::None, &HeadLimits::default()).unwrap_err();
        assert_eq!(head.blame(HeadFault::BadConnection, &HeadLimits::default()), "connection \"close\"");
        let coding = spelled(GET, &[("transfer-encoding", "chunked")], Framing::Chunked);
        assert_eq!(coding.map(|_| ()), Err(HeadFault::BadConnection));
    }

    #[test]
    fn a_target_may_have_what_it_may_have_in_http_1() {
        for target in ["/caf\u{e9}", "/?q=\u{20ac}", "/?a=\\b", "/<>\"`{|}^", "*"] {
            let method = if target == "*" { "OPTIONS" } else { "GET" };
            let head = spelled((method, target, Some("a:")), &[], Framing::None).unwrap();
            assert_eq!(head.target_up(), target.as_bytes());
            assert_eq!(head.host().map(|host| (host.name, host.port)), Some((b"a".as_slice(), None)));
        }
    }

    #[test]
    fn a_length_must_agree_with_the_stream() {
        let five: &[(&str, &str)] = &[("content-length", "5"), ("expect", "100-continue")];
        let cases = [
            (&[][..], Framing::None, Ok(Framing::None)),
            (&[], Framing::Chunked, Ok(Framing::Chunked)),
            (five, Framing::Chunked, Ok(Framing::Length(5))),
            (five, Framing::Length(5), Ok(Framing::Length(5))),
            (five, Framing::Length(6), Err(HeadFault::BadLength)),
            (five, Framing::None, Err(HeadFault::BadLength)),
            (&[("content-length", "0")], Framing::None, Ok(Framing::Length(0))),
            (&[("content-length", "5"), ("content-length", "5")], Framing::Chunked, Err(HeadFault::BadLength)),
        ];
        for (fields, framing, expected) in cases {
            let found = spelled(("PUT", "/", Some("a")), fields, framing).map(|head| head.framing());
            assert_eq!(found, expected, "{fields:?} {framing:?}");
        }
        let head = spelled(("PUT", "/", Some("a")), &[("expect", "100-continue")], Framing::Chunked).unwrap();
        assert!(head.expects_continue());
    }

    #[test]
    fn a_head_read_after_a_spelled_one_is_not_spelled() {
        let mut head = spelled(GET, &[], Framing::None).unwrap();
        let plain = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        head.parse(plain, &HeadLimits::default()).unwrap();
        assert!(!head.is_spelled() && !head.keep_alive());
        head.begin(b"GET", b"/", None).unwrap();
        head.push_field(b"host", b"b").unwrap();
        head.finish(Framing::None, &HeadLimits::default()).unwrap();
        assert_eq!(head.host().map(|host| host.name), Some(b"b".as_slice()));
    }
}
