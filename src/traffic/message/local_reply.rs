//! Local replies: whole answers that Weir makes itself, which are refusals, redirects and the fixed answers of routes.
//! One form serves HTTP/1 and HTTP/2. Writing one allocates nothing except space in the caller's buffer.

use super::decimal::{Decimal, push_decimal};
use super::request_values::RequestValues;
use crate::config::{ErrorPage, FixedAnswer, RequestValue};
use crate::traffic::routing::edits::FieldEdits;

/// An answer without a node.
#[derive(Clone, Copy, Debug)]
pub struct LocalReply<'a> {
    /// Its status.
    pub status: u16,
    /// The media type of the body, if there is one.
    pub content_type: Option<&'a str>,
    /// Whether caches must not store it.
    pub no_store: bool,
    /// The allowed methods, for a 405.
    pub allow: Option<&'static str>,
    /// The URL of a redirect.
    pub location: Option<&'a [u8]>,
    /// Seconds after which the client may try again.
    pub retry_after: Option<Decimal>,
    /// The body.
    pub body: ReplyBody<'a>,
}

/// The body of a local reply.
#[derive(Clone, Copy, Debug)]
pub enum ReplyBody<'a> {
    /// This text.
    Text(&'a [u8]),
    /// A word and a sentence. The body is status and word, for scripts, and the sentence, for people.
    Reason(&'static str, &'static str),
}

/// How a local reply is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyOptions<'a> {
    /// The value of `Date`, if the caller has one.
    pub date: Option<&'a [u8]>,
    /// The value of `Connection`; `None` if the version's default holds.
    pub connection: Option<&'a str>,
    /// For HEAD: the length is declared, the body is not sent.
    pub head_only: bool,
    /// Fields of Weir's own, such as `X-Weir`.
    pub extra: &'a [Option<(&'a [u8], &'a [u8])>],
    /// What the site sets and removes.
    pub edits: Option<&'a FieldEdits>,
    /// What that takes from the request; none where it takes nothing.
    pub values: Option<RequestValues<'a>>,
}

impl<'a> LocalReply<'a> {
    /// The fixed answer of a route.
    pub fn fixed(answer: &'a FixedAnswer) -> Self {
        let body = answer.body.as_bytes();
        let content_type = (!body.is_empty()).then_some(&*answer.content_type);
        Self { content_type, ..Self::bare(answer.status, body) }
    }

    /// A file without a media type of its own, for this one client now.
    pub const fn file(content: &'a [u8]) -> Self {
        Self { content_type: Some("application/octet-stream"), no_store: true, ..Self::bare(200, content) }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &'a [u8]) -> Self {
        Self { location: Some(location), ..Self::bare(status, b"") }
    }

    /// The same answer with this page as its body.
    pub fn with_page(self, page: Option<&'a ErrorPage>) -> Self {
        let Some(page) = page else { return self };
        Self { content_type: Some(page.content_type), body: ReplyBody::Text(page.body.as_bytes()), ..self }
    }

    const fn bare(status: u16, body: &'a [u8]) -> Self {
        let body = ReplyBody::Text(body);
        Self { status, content_type: None, no_store: false, allow: None, location: None, retry_after: None, body }
    }

    /// Appends the whole answer for an HTTP/1 client.
    pub fn write(&self, out: &mut Vec<u8>, reply: &ReplyOptions<'_>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        push_decimal(out, u64::from(self.status));
        for part in [" ", phrase(self.status), "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        for (name, value) in self.fields(reply) {
            field(out, name, value);
        }
        if let Some(edits) = reply.edits {
            edits.write(out, |value, out| reply.write_value(value, out));
        }
        if self.may_have_body() {
            field(out, b"Content-Length", Decimal::of(self.body_length() as u64).digits());
        }
        for (name, value) in [("Date", reply.date()), ("Connection", reply.connection.map(str::as_bytes))] {
            value.into_iter().for_each(|value| field(out, name.as_bytes(), value));
        }
        out.extend_from_slice(b"\r\n");
        if !reply.head_only {
            self.write_body(out);
        }
    }

    /// The fields, without `Content-Length`, `Date`, connection fields and the fields that the site adds.
    pub fn fields<'b>(&'b self, reply: &'b ReplyOptions<'_>) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        let own = [
            ("Content-Type", self.content_type.map(str::as_bytes)),
            ("Cache-Control", self.no_store.then_some(b"no-store".as_slice())),
            ("Allow", self.allow.map(str::as_bytes)),
            ("Location", self.location),
            ("Retry-After", self.retry_after.as_ref().map(Decimal::digits)),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.as_bytes(), value?)));
        own.chain(reply.extra.iter().flatten().copied()).filter(move |(name, _)| !reply.drops(name))
    }

    /// Appends the body.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        match self.body {
            _ if !self.may_have_body() => {}
            ReplyBody::Text(text) => out.extend_from_slice(text),
            ReplyBody::Reason(word, sentence) => {
                push_decimal(out, u64::from(self.status));
                for part in [" ", word, "\n", sentence, "\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
        }
    }

    /// Bytes that [`Self::write_body`] appends.
    pub fn body_length(&self) -> usize {
        match self.body {
            _ if !self.may_have_body() => 0,
            ReplyBody::Text(text) => text.len(),
            ReplyBody::Reason(word, sentence) => "503 \n\n".len() + word.len() + sentence.len(),
        }
    }

    /// 204 and 304 have no body: a client would read it as the next answer (RFC 9112 6.3).
    const fn may_have_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }
}

impl<'a> ReplyOptions<'a> {
    /// The value of `Date`, unless the site sets or removes that field.
    pub fn date(&self) -> Option<&'a [u8]> {
        self.date.filter(|_| !self.drops(b"date"))
    }

    /// Tells the fields that the site adds, for an HTTP/2 head: name in lower case, and value.
    pub fn each_edit(&self, tell: impl FnMut(&[u8], &[u8])) {
        if let Some(edits) = self.edits {
            edits.each(|value, out| self.write_value(value, out), tell);
        }
    }

    fn write_value(&self, value: RequestValue, out: &mut Vec<u8>) {
        if let Some(values) = &self.values {
            values.write(value, out);
        }
    }

    fn drops(&self, name: &[u8]) -> bool {
        self.edits.is_some_and(|edits| edits.drops(name))
    }
}

/// The reason phrases of RFC 9110 and RFC 6585; empty for other statuses.
pub const fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Edits, FieldValue, ValuePart};
    use crate::traffic::message::forwarded::Forwarded;
    use crate::wire::RequestHead;

    fn answer(status: u16, body: &str) -> FixedAnswer {
        FixedAnswer { status, content_type: "text/plain; charset=utf-8".into(), body: body.into() }
    }

    fn written(page: &LocalReply<'_>, reply: &ReplyOptions<'_>) -> String {
        let mut out = Vec::new();
        page.write(&mut out, reply);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn phrases_are_those_that_everybody_writes() {
        let ours: Vec<u16> = (0..1000).filter(|status| !phrase(*status).is_empty()).collect();
        assert_eq!(ours.len(), 33);
        for status in ours {
            let usual = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
            // RFC 9110 has given it another name.
            let expected = if status == 413 { Some("Content Too Large") } else { usual };
            assert_eq!(Some(phrase(status)), expected, "{status}");
        }
    }

    #[test]
    fn a_route_answers_what_it_says() {
        let reply = ReplyOptions::default();
        let typed = "Content-Type: text/plain; charset=utf-8\r\n";
        for (status, body, expected) in [
            (200, "fine\n", format!("HTTP/1.1 200 OK\r\n{typed}Content-Length: 5\r\n\r\nfine\n")),
            (404, "", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into()),
            (204, "", "HTTP/1.1 204 No Content\r\n\r\n".into()),
            (299, "\u{e9}", format!("HTTP/1.1 299 \r\n{typed}Content-Length: 2\r\n\r\n\u{e9}")),
        ] {
            assert_eq!(written(&LocalReply::fixed(&answer(status, body)), &reply), expected);
        }
        for status in [204, 304] {
            let page = LocalReply::fixed(&answer(status, "not to be sent")).body_length();
            assert_eq!(page, 0, "{status}");
            assert!(written(&LocalReply::fixed(&answer(status, "not to be sent")), &reply).ends_with("\r\n\r\n"));
        }
    }

    #[test]
    fn a_redirect_has_a_location_and_no_body() {
        let reply = ReplyOptions { date: Some(b"today"), connection: Some("close"), ..ReplyOptions::default() };
        assert_eq!(
            written(&LocalReply::redirect(308, b"https://esb.wso2.com/x"), &reply),
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://esb.wso2.com/x\r\nContent-Length: 0\r\n\
             Date: today\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn head_is_told_the_length_only() {
        let (answer, reply) = (answer(200, "fine\n"), ReplyOptions { head_only: true, ..ReplyOptions::default() });
        let page = written(&LocalReply::fixed(&answer), &reply);
        assert!(page.ends_with("\r\nContent-Length: 5\r\n\r\n"), "{page}");
    }

    #[test]
    fn the_sites_edits_hold_for_our_own_answers_too() {
        let edits = FieldEdits::new(&Edits {
            set: vec![("Strict-Transport-Security".into(), "max-age=1".into()), ("content-type".into(), "a/b".into())],
            remove: vec!["x-weir".into(), "content-length".into()],
            add: Vec::new(),
        });
        let extra: &[Option<(&[u8], &[u8])>] = &[Some((b"X-Weir", b"balanced")), None, Some((b"X-Other", b"1"))];
        let (answer, reply) =
            (answer(200, "fine\n"), ReplyOptions { extra, edits: Some(&edits), ..ReplyOptions::default() });
        let page = LocalReply::fixed(&answer);
        assert_eq!(
            written(&page, &reply),
            "HTTP/1.1 200 OK\r\nX-Other: 1\r\nStrict-Transport-Security: max-age=1\r\ncontent-type: a/b\r\n\
             Content-Length: 5\r\n\r\nfine\n"
        );
        assert_eq!(page.fields(&reply).collect::<Vec<_>>(), [(b"X-Other".as_slice(), b"1".as_slice())]);
        let mut told = Vec::new();
        reply.each_edit(|name, value| told.push(format!("{}: {}", name.escape_ascii(), value.escape_ascii())));
        assert_eq!(told, ["strict-transport-security: max-age=1", "content-type: a/b"]);
    }

    #[test]
    fn a_field_of_the_operator_takes_what_the_request_says() {
        let value = FieldValue(vec![ValuePart::Request(RequestValue::RequestId)]);
        let edits = FieldEdits::new(&Edits { set: vec![("X-Id".into(), value)], ..Edits::default() });
        let from = Forwarded::STRANGER;
        let head = RequestHead::new();
        let values = RequestValues { head: &head, from, default_host: b"", request_id: Some(b"r1") };
        let reply = ReplyOptions { edits: Some(&edits), values: Some(values), ..ReplyOptions::default() };
        let (answer, mut told) = (answer(204, ""), Vec::new());
        assert_eq!(written(&LocalReply::fixed(&answer), &reply), "HTTP/1.1 204 No Content\r\nX-Id: r1\r\n\r\n");
        reply.each_edit(|name, value| told.push([name, value].map(<[u8]>::to_vec)));
        assert_eq!(told, [[b"x-id".to_vec(), b"r1".to_vec()]]);
    }

    #[test]
    fn a_date_that_the_site_sets_or_removes_is_not_ours_too() {
        let set = Edits { set: vec![("Date".into(), "never".into())], ..Edits::default() };
        for (edits, expected) in
            [(set, "Date: never\r\n"), (Edits { remove: vec!["date".into()], ..Edits::default() }, "")]
        {
            let edits = FieldEdits::new(&edits);
            let reply = ReplyOptions { date: Some(b"now"), edits: Some(&edits), ..ReplyOptions::default() };
            let found = written(&LocalReply::fixed(&answer(404, "")), &reply);
            assert_eq!(found, format!("HTTP/1.1 404 Not Found\r\n{expected}Content-Length: 0\r\n\r\n"));
            assert_eq!(reply.date(), None);
        }
    }

    #[test]
    fn the_length_is_that_of_the_body() {
        for status in 200..600 {
            for body in
                [ReplyBody::Text(b"some text"), ReplyBody::Text(b""), ReplyBody::Reason("a-word", "A sentence.")]
            {
                let page = LocalReply { body, ..LocalReply::bare(status, b"") };
                let mut out = Vec::new();
                page.write_body(&mut out);
                assert_eq!(out.len(), page.body_length(), "{page:?}");
            }
        }
    }
}
