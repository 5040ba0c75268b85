//! A node's answer head: owned, reusable, read once. As strict as a request's but for what nodes in the field do: an
//! empty reason, lines that end with LF alone, one length said twice.

use super::connection::read_connection;
use super::fault::AnswerFault;
use super::fields::{Field, FieldSpan, LineFault, Lines, Span, line, read_fields};
use super::grammar::{digits, field_value_is_clean, members};
use super::kind::FieldKind;
use super::request_line::{Method, Version};

/// How long an answer's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFraming {
    /// In chunks, until the last one.
    Chunked,
    /// This many bytes.
    Length(u64),
    /// There is no body.
    None,
    /// Until the node closes.
    UntilClose,
}

/// An answer's head. `parse` fills it, again and again; its buffers keep their room.
#[derive(Debug)]
pub struct AnswerHead {
    bytes: Vec<u8>,
    fields: Vec<FieldSpan>,
    version: Version,
    status: u16,
    reason: Span,
    to_head: bool,
    framing: AnswerFraming,
    length: Option<u64>,
    keep_alive: bool,
}

impl Default for AnswerHead {
    fn default() -> Self {
        Self::new()
    }
}

impl AnswerHead {
    /// An empty head, with room for an ordinary one.
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(1024),
            fields: Vec::with_capacity(24),
            version: Version::Http11,
            status: 0,
            reason: Span::default(),
            to_head: false,
            framing: AnswerFraming::None,
            length: None,
            keep_alive: false,
        }
    }

    /// Reads a whole head, the answer to a request of method `to`.
    pub fn parse(&mut self, head: &[u8], to: Method) -> Result<(), AnswerFault> {
        self.bytes.clear();
        self.bytes.extend_from_slice(head);
        self.fields.clear();
        (self.status, self.framing, self.length, self.keep_alive) = (0, AnswerFraming::None, None, false);
        self.to_head = to == Method::Head;
        let (first, fields_at) = line(&self.bytes, 0, Lines::LfToo).map_err(|_| AnswerFault::BadStatusLine)?;
        let status_line = read_status_line(&self.bytes, first).ok_or(AnswerFault::BadStatusLine)?;
        (self.version, self.status, self.reason) = status_line;
        let end = read_fields(&self.bytes, fields_at, (Lines::LfToo, MOST_FIELDS), &mut self.fields);
        if end.map_err(answer_fault)? != self.bytes.len() {
            return Err(AnswerFault::BadField);
        }
        self.read_meaning()
    }

    /// Gives back the room of an extraordinary head before its connection idles.
    pub fn shrink(&mut self) {
        self.fields.clear();
        self.bytes.clear();
        self.bytes.shrink_to(ORDINARY_HEAD);
    }

    fn read_meaning(&mut self) -> Result<(), AnswerFault> {
        let options = read_connection(&self.bytes, &mut self.fields, |_| false);
        let options = options.map_err(|_| AnswerFault::BadConnection)?;
        for field in &mut self.fields {
            match field.kind {
                FieldKind::ProxyOther => field.hop = true,
                // The body's length travels whatever Connection says: without it the client could not tell its end.
                FieldKind::ContentLength => field.hop = false,
                _ => {}
            }
        }
        self.length = read_length(&self.bytes, &self.fields)?;
        let chunked = read_coding(&self.bytes, &self.fields, self.version)?;
        if chunked && self.length.is_some() {
            return Err(AnswerFault::LengthAndChunked);
        }
        let said = match (chunked, self.length) {
            (true, _) => AnswerFraming::Chunked,
            (false, Some(length)) => AnswerFraming::Length(length),
            (false, None) => AnswerFraming::UntilClose,
        };
        self.framing = if self.has_no_body() { AnswerFraming::None } else { said };
        self.keep_alive = options.keep_alive(self.version) && !self.may_be_followed_by_a_body(said);
        Ok(())
    }

    fn has_no_body(&self) -> bool {
        self.to_head || self.is_interim() || matches!(self.status, 204 | 304)
    }

    /// Nodes are known to send a body where none may be (WSO2 after HEAD). Who reuses such a connection may take that
    /// body for the next answer.
    fn may_be_followed_by_a_body(&self, said: AnswerFraming) -> bool {
        match self.framing {
            AnswerFraming::None if self.to_head => true,
            AnswerFraming::None if self.status == 204 => {
                !matches!(said, AnswerFraming::UntilClose | AnswerFraming::Length(0))
            }
            AnswerFraming::UntilClose => true,
            _ => false,
        }
    }

    /// The version the node speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The status, 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, perhaps empty.
    pub fn reason(&self) -> &[u8] {
        self.reason.of(&self.bytes)
    }

    /// Whether this is not the last head of the answer. 101 is the last: what follows is no HTTP.
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// How long the body is that follows on this connection.
    pub fn framing(&self) -> AnswerFraming {
        self.framing
    }

    /// The length that the node declared, also where no body follows (HEAD, 304).
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether an answer to HEAD or a 304 may tell the client the length of what it did not send.
    pub fn may_declare_length(&self) -> bool {
        !self.is_interim() && self.status != 204
    }

    /// Whether the node's connection may carry another request after this answer.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// The protocol that a 101 changes to.
    pub fn upgrade(&self) -> Option<&[u8]> {
        self.value(FieldKind::Upgrade)
    }

    /// All fields in their order, those that do not travel too.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|field| field.of(&self.bytes))
    }

    /// The value of the first field of this kind.
    pub fn value(&self, kind: FieldKind) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.kind == kind).map(|field| field.value.of(&self.bytes))
    }
}

fn read_status_line(bytes: &[u8], line: Span) -> Option<(Version, u16, Span)> {
    let written = line.of(bytes);
    let version = match written.get(..9)? {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        _ => return None,
    };
    let status = written.get(9..12).and_then(digits).and_then(|status| u16::try_from(status).ok())?;
    let reason = match written.get(12..)? {
        [] => Span::default(),
        [b' ', reason @ ..] if field_value_is_clean(reason) => line.part(13, reason.len()),
        _ => return None,
    };
    (status >= 100).then_some((version, status, reason))
}

/// The one length that all Content-Length fields agree on.
fn read_length(bytes: &[u8], fields: &[FieldSpan]) -> Result<Option<u64>, AnswerFault> {
    let mut length = None;
    for field in fields.iter().filter(|field| field.kind == FieldKind::ContentLength) {
        for member in members(field.value.of(bytes)) {
            let said = digits(member).ok_or(AnswerFault::BadLength)?;
            if length.is_some_and(|length| length != said) {
                return Err(AnswerFault::BadLength);
            }
            length = Some(said);
        }
    }
    Ok(length)
}

fn read_coding(bytes: &[u8], fields: &[FieldSpan], version: Version) -> Result<bool, AnswerFault> {
    let mut chunked = false;
    for field in fields.iter().filter(|field| field.kind == FieldKind::TransferEncoding) {
        if chunked || version == Version::Http10 {
            return Err(AnswerFault::BadTransferEncoding);
        }
        if !field.value.of(bytes).eq_ignore_ascii_case(b"chunked") {
            return Err(AnswerFault::UnknownCoding);
        }
        chunked = true;
    }
    Ok(chunked)
}

fn answer_fault(fault: LineFault) -> AnswerFault {
    match fault {
        LineFault::Bad | LineFault::BareLf => AnswerFault::BadField,
        LineFault::TooMany => AnswerFault::TooManyFields,
    }
}

/// More than a client may send: nodes set many cookies, and their heads are bounded in bytes anyway.
const MOST_FIELDS: usize = 256;
const ORDINARY_HEAD: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{AnswerScan, scan_answer};

    fn described(head: &AnswerHead) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut words = vec![format!("{}({})", head.status(), text(head.reason()))];
        words.push(match head.framing() {
            AnswerFraming::Chunked => "chunked".into(),
            AnswerFraming::Length(length) => format!("length={length}"),
            AnswerFraming::None => "none".into(),
            AnswerFraming::UntilClose => "until-close".into(),
        });
        words.extend(head.keep_alive().then(|| "keep".into()));
        words.extend(head.upgrade().map(|token| format!("upgrade={}", text(token))));
        let travels = head.fields().filter(|field| !field.hop);
        words.extend(travels.map(|field| format!("{}[{}]", text(field.name), text(field.value))));
        words.join(" ")
    }

    fn outcome(bytes: &[u8], reads: &[usize], to: Method) -> String {
        let mut seen = 0;
        let ends = reads.iter().scan(0, |end, read| {
            *end += read;
            Some(*end)
        });
        for end in ends.chain([bytes.len()]) {
            let buffer = &bytes[..end.min(bytes.len())];
            match scan_answer(buffer, seen, 1024) {
                AnswerScan::Partial => seen = buffer.len(),
                AnswerScan::Bad(fault) => return format!("!{}", fault.word()),
                AnswerScan::End(end) => {
                    let mut head = AnswerHead::new();
                    return match head.parse(&buffer[..end], to) {
                        Ok(()) => format!("{}|{}", described(&head), &bytes[end..].escape_ascii()),
                        Err(fault) => format!("!{}", fault.word()),
                    };
                }
            }
        }
        "partial".into()
    }

    const CASES: &[(&str, &str)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200(OK) length=5 keep Content-Length[5]|hello"),
        ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "200(OK) length=5 keep Content-Length[5]|hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\n", "200(OK) length=5 keep Content-Length[5]|"),
        ("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200() length=0 keep Content-Length[0]|"),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200() length=0 keep Content-Length[0]|"),
        (
            "HTTP/1.1 200 Tr\u{e8}s  bien\r\nContent-Length: 0\r\n\r\n",
            "200(Tr\u{e8}s  bien) length=0 keep Content-Length[0]|",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", "200(OK) until-close|"),
        ("HTTP/1.0 200 OK\r\n\r\n", "200(OK) until-close|"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", "200(OK) length=5 Content-Length[5]|"),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
            "200(OK) length=5 keep Content-Length[5]|",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close\r\n\r\n", "200(OK) length=5 Content-Length[5]|"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", "200(OK) chunked keep|"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "200(OK) length=5 keep Content-Length[5] Content-Length[5]|",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "200(OK) length=5 keep Content-Length[5, 5]|"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "204(No Content) none keep|"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204(No Content) none keep Content-Length[0]|"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204(No Content) none Content-Length[5]|"),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "204(No Content) none|"),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304(Not Modified) none keep Content-Length[5]|"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1", "100(Continue) none keep|HTTP/1.1"),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "103(Early Hints) none keep Link[</a>]|"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhi",
            "101(Switching Protocols) none keep upgrade=websocket|hi",
        ),
        ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "999(Odd) length=0 keep Content-Length[0]|"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x-a, close\r\nX-A: 1\r\nKeep-Alive: 5\r\nTE: x\r\n\r\n",
            "200(OK) length=0 Content-Length[0]|",
        ),
        (
            "HTTP/1.1 407 No\r\nContent-Length: 0\r\nProxy-Authenticate: x\r\nProxy-Status: y\r\nTrailer: z\r\n\r\n",
            "407(No) length=0 keep Content-Length[0]|",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Content-Length\r\n\r\n",
            "200(OK) length=0 keep Content-Length[0]|",
        ),
        (
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\nset-cookie: b=2\r\n\r\n",
            "200(OK) length=0 keep Set-Cookie[a=1] Content-Length[0] set-cookie[b=2]|",
        ),
        ("HTTP/1.1 2", "partial"),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", "partial"),
        ("HTTP/1.1 200 OK\r\nA: b\r\n\r", "partial"),
        ("HTTP/1.1 200 OK\nA: b\n", "partial"),
        ("HTTP/2 200\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.2 200 OK\r\n\r\n", "!bad-status-line"),
        ("http/1.1 200 OK\r\n\r\n", "!bad-status-line"),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", "!bad-status-line"),
        ("ICY 200 OK\r\n\r\n", "!bad-status-line"),
        ("<html>", "!bad-status-line"),
        ("HTTP/1.1  200 OK\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 20 OK\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 2000 OK\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 099 OK\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 2x0 OK\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 +20 OK\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 200OK\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 200 \x01\r\n\r\n", "!bad-status-line"),
        ("HTTP/1.1 200 OK\rX: a\r\n\r\n", "!bare-cr"),
        ("HTTP/1.1 200 OK\r\nX: a\r\r\n\r\n", "!bare-cr"),
        ("HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", "!bad-field"),
        ("HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "!bad-field"),
        ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "!bad-field"),
        ("HTTP/1.1 200 OK\r\n: a\r\n\r\n", "!bad-field"),
        ("HTTP/1.1 200 OK\r\nX\r\n\r\n", "!bad-field"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "!bad-length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", "!bad-length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "!bad-length"),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "!bad-length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "!length-and-chunked"),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "!bad-transfer-encoding"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "!bad-transfer-encoding",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "!unknown-coding"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", "!unknown-coding"),
        ("HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n", "!bad-connection"),
    ];

    #[test]
    fn answers_mean_what_the_table_says_however_they_are_cut() {
        for (bytes, expected) in CASES {
            let bytes = bytes.as_bytes();
            assert_eq!(outcome(bytes, &[], Method::Get), *expected, "{}", bytes.escape_ascii());
            assert_eq!(outcome(bytes, &vec![1; bytes.len()], Method::Get), *expected, "{}", bytes.escape_ascii());
            for first in 0..bytes.len() {
                let found = outcome(bytes, &[first], Method::Get);
                assert_eq!(found, *expected, "cut at {first}: {}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn no_body_follows_an_answer_to_head_and_its_connection_is_not_trusted() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200(OK) none Content-Length[5]|"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200(OK) none|"),
            ("HTTP/1.1 200 OK\r\n\r\n", "200(OK) none|"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(outcome(bytes.as_bytes(), &[], Method::Head), expected);
        }
    }

    #[test]
    fn an_endless_answer_head_is_refused() {
        let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(2000));
        assert_eq!(outcome(head.as_bytes(), &[], Method::Get), "!head-too-large");
        assert_eq!(outcome(head.as_bytes(), &vec![1; head.len()], Method::Get), "!head-too-large");
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:\r\n".repeat(257));
        assert_eq!(AnswerHead::new().parse(many.as_bytes(), Method::Get), Err(AnswerFault::TooManyFields));
    }
}
