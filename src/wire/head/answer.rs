//! The head of a node's answer. It owns its bytes, is reused, and is read once. The rules are as strict as for
//! requests, except for what real nodes do: an empty reason, lines that end with LF alone, the same length given twice,
//! and a length beside chunks.

use super::connection::read_connection;
use super::request_line::{Method, Version};
use super::run::Run;
use super::scan::{AnswerScan, scan_answer};
use crate::wire::fault::AnswerFault;
use crate::wire::fields::{Field, Fields, LineFault, Lines, Span, line_end};
use crate::wire::grammar::{digits, members};
use crate::wire::kind::FieldKind;
use crate::wire::words;

/// How the end of an answer's body is found.
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

/// The head of an answer. `parse` fills it; its buffers keep their memory for the next head.
#[derive(Debug)]
pub struct AnswerHead {
    bytes: Vec<u8>,
    fields: Fields,
    first_line: Span,
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
    /// More than a client may send: nodes set many cookies, and the size of the head in bytes is limited anyway.
    pub const MOST_FIELDS: usize = 256;

    /// An empty head with space for a usual one.
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(1024),
            fields: Fields::new(),
            first_line: Span::default(),
            version: Version::Http11,
            status: 0,
            reason: Span::default(),
            to_head: false,
            framing: AnswerFraming::None,
            length: None,
            keep_alive: false,
        }
    }

    /// Reads the head at the beginning of a buffer as soon as it is complete. The request's method was `to`, and the
    /// head may have at most `most` bytes. An earlier call has already looked at the first `seen` bytes. The outcome is
    /// the same as from [`scan_answer`] and `parse`, which find every fault.
    pub fn take(&mut self, buffer: &[u8], seen: usize, most: usize, to: Method) -> AnswerScan {
        if seen == 0
            && let Some(end) = self.take_good(buffer, most, to)
        {
            return AnswerScan::End(end);
        }
        self.forget();
        let scan = scan_answer(buffer, seen, most);
        if let AnswerScan::End(end) = scan
            && let Err(fault) = self.parse(buffer.get(..end).unwrap_or_default(), to)
        {
            return AnswerScan::Bad(fault);
        }
        scan
    }

    /// Nearly every head arrives in one read and has no fault. Its lines are read without a search for the end of the
    /// head. They are read as in `parse`, so they contain CR, LF and NUL only at their ends. Therefore the first empty
    /// line is the end, and the scan would find neither a fault nor another end.
    fn take_good(&mut self, buffer: &[u8], most: usize, to: Method) -> Option<usize> {
        let head = buffer.get(..most).unwrap_or(buffer);
        let end = self.read_lines(head).ok()?;
        self.bytes.clear();
        self.bytes.extend_from_slice(head.get(..end)?);
        self.read_meaning(to).ok()?;
        Some(end)
    }

    /// Reads a whole head, the answer to a request of method `to`.
    pub fn parse(&mut self, head: &[u8], to: Method) -> Result<(), AnswerFault> {
        self.forget();
        self.bytes.clear();
        self.bytes.extend_from_slice(head);
        if self.read_lines(head)? != head.len() {
            return Err(AnswerFault::BadField);
        }
        self.read_meaning(to)
    }

    /// Splits the lines and returns where the head ends.
    fn read_lines(&mut self, head: &[u8]) -> Result<usize, AnswerFault> {
        let line = read_status_line(head).ok_or(AnswerFault::BadStatusLine)?;
        (self.version, self.status, self.reason) = (line.version, line.status, line.reason);
        self.first_line = if line.stands { Span::new(0, line.end) } else { Span::default() };
        self.fields.read(head, line.end, (Lines::LfToo, Self::MOST_FIELDS)).map_err(answer_fault)
    }

    /// Clears the head. After a refusal nothing of an earlier answer may be readable here.
    fn forget(&mut self) {
        self.fields.clear();
        (self.reason, self.first_line) = (Span::default(), Span::default());
        (self.status, self.framing, self.length, self.keep_alive) = (0, AnswerFraming::None, None, false);
    }

    /// Frees the memory of an unusually large head, before its connection becomes idle.
    pub fn shrink(&mut self) {
        self.forget();
        self.bytes.clear();
        self.bytes.shrink_to(ORDINARY_HEAD);
    }

    //= rfc9110#7.6.1 connection-down
    fn read_meaning(&mut self, to: Method) -> Result<(), AnswerFault> {
        self.to_head = to == Method::Head;
        let options = read_connection(&self.bytes, &mut self.fields, |_| false);
        let options = options.map_err(|_| AnswerFault::BadConnection)?;
        if options.named || self.fields.kinds.has(FieldKind::ProxyOther) {
            for field in &mut self.fields.spans {
                match field.kind {
                    FieldKind::ProxyOther => field.hop = true,
                    // Content-Length is forwarded even if Connection names it. Otherwise the client could not find the
                    // end of the body.
                    FieldKind::ContentLength => field.hop = false,
                    _ => {}
                }
            }
        }
        let length = read_length(&self.bytes, &self.fields)?;
        let chunked = read_coding(&self.bytes, &self.fields, self.version)?;
        //= rfc9112#6.3 both-down
        // RFC 9112 section 6.3: chunks win over the length, and the connection is not reused. Old Tomcat versions send
        // both.
        let both = chunked && length.is_some();
        self.length = if both { None } else { length };
        let said = match (chunked, self.length) {
            (true, _) => AnswerFraming::Chunked,
            (false, Some(length)) => AnswerFraming::Length(length),
            (false, None) => AnswerFraming::UntilClose,
        };
        self.framing = if self.has_no_body() { AnswerFraming::None } else { said };
        self.keep_alive = options.keep_alive(self.version) && !both && !self.may_be_followed_by_a_body(said);
        Ok(())
    }

    //= rfc9110#9.3.2 head
    fn has_no_body(&self) -> bool {
        self.to_head || self.is_interim() || matches!(self.status, 204 | 304)
    }

    /// Whether the node may send a body where none is allowed. WSO2 does so after HEAD. On a reused connection this
    /// body could be read as the next answer.
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

    /// The node's version of HTTP.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The status, 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase. It may be empty.
    pub fn reason(&self) -> &[u8] {
        self.reason.of(&self.bytes)
    }

    /// Whether another head follows this one. 101 is the last head: what follows it is no HTTP.
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// How the end of the following body is found.
    pub fn framing(&self) -> AnswerFraming {
        self.framing
    }

    /// The length that the node declared, also when no body follows (HEAD, 304). None when the body is chunked.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    //= rfc9110#8.6 no-length
    /// Whether an answer to HEAD or a 304 may tell the client the length of the body that is not sent.
    pub fn may_declare_length(&self) -> bool {
        !self.is_interim() && self.status != 204
    }

    //= rfc9112#9.6 close-down
    /// Whether the node's connection can be used for another request after this answer.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// The protocol that a 101 changes to.
    pub fn upgrade(&self) -> Option<&[u8]> {
        self.value(FieldKind::Upgrade)
    }

    /// The size of the head in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// All fields in order, with those that are not forwarded.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.spans.iter().map(|field| field.of(&self.bytes))
    }

    /// The fields of this kind, in order.
    pub fn of_kind(&self, kind: FieldKind) -> impl Iterator<Item = Field<'_>> {
        self.fields.of_kind(kind).map(|field| field.of(&self.bytes))
    }

    /// The value of the first field of this kind.
    pub fn value(&self, kind: FieldKind) -> Option<&[u8]> {
        self.fields.of_kind(kind).next().map(|field| field.value.of(&self.bytes))
    }

    /// The lines that are forwarded unchanged. They begin with the status line, unless Weir writes that itself.
    pub fn run(&self) -> Run<'_> {
        Run::new(&self.bytes, self.first_line)
    }
}

struct StatusLine {
    version: Version,
    status: u16,
    reason: Span,
    /// Where the fields begin.
    end: usize,
    /// Whether the line is written exactly as Weir would write it.
    stands: bool,
}

fn read_status_line(head: &[u8]) -> Option<StatusLine> {
    let version = match head.first_chunk()? {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        _ => return None,
    };
    let status = head.get(9..12).and_then(digits).and_then(|status| u16::try_from(status).ok())?;
    let has_reason = head.get(12) == Some(&b' ');
    let start = if has_reason { 13 } else { 12 };
    let stop = if has_reason { words::control(head, start) } else { start };
    let end = line_end(head, stop, Lines::LfToo)?;
    let stands = version == Version::Http11 && has_reason && end == stop + 2;
    (status >= 100).then_some(StatusLine { version, status, reason: Span::new(start, stop), end, stands })
}

//= rfc9112#6.3 bad-length-down
//= rfc9110#8.6 wrong-length
/// The length that all Content-Length fields agree on.
fn read_length(bytes: &[u8], fields: &Fields) -> Result<Option<u64>, AnswerFault> {
    let mut length = None;
    if !fields.kinds.has(FieldKind::ContentLength) {
        return Ok(length);
    }
    if !fields.kinds.has_several(FieldKind::ContentLength)
        && let Some(length) = digits(fields.value(bytes, FieldKind::ContentLength))
    {
        return Ok(Some(length));
    }
    for field in fields.of_kind(FieldKind::ContentLength) {
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

//= rfc9112#6.1 chunked-1.0-down
fn read_coding(bytes: &[u8], fields: &Fields, version: Version) -> Result<bool, AnswerFault> {
    let mut chunked = false;
    for field in fields.of_kind(FieldKind::TransferEncoding) {
        if version == Version::Http10 {
            return Err(AnswerFault::BadTransferEncoding);
        }
        for coding in members(field.value.of(bytes)) {
            if !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(AnswerFault::UnknownCoding);
            }
            // A body with two transfer codings may be chunked twice. Readers do not agree about that.
            if chunked {
                return Err(AnswerFault::BadTransferEncoding);
            }
            chunked = true;
        }
    }
    Ok(chunked)
}

//= rfc9112#5.2 fold-down
fn answer_fault(fault: LineFault) -> AnswerFault {
    match fault {
        LineFault::Bad | LineFault::BareLf => AnswerFault::BadField,
        LineFault::TooMany => AnswerFault::TooManyFields,
    }
}

const ORDINARY_HEAD: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::mutated::mutated;

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

    /// Reads a head from reads of these sizes, and then the rest. Reading without a search for the end must give the
    /// same result as reading with a known end.
    fn outcome(bytes: &[u8], reads: &[usize], to: Method) -> String {
        let taken = read_by(bytes, reads, to, |head, buffer, seen, to| head.take(buffer, seen, 1024, to));
        let parsed = read_by(bytes, reads, to, |head, buffer, seen, to| match scan_answer(buffer, seen, 1024) {
            AnswerScan::End(end) => {
                head.parse(&buffer[..end], to).map_or_else(AnswerScan::Bad, |()| AnswerScan::End(end))
            }
            scan => scan,
        });
        assert_eq!(taken, parsed, "{}", bytes.escape_ascii());
        taken
    }

    fn read_by(
        bytes: &[u8],
        reads: &[usize],
        to: Method,
        take: fn(&mut AnswerHead, &[u8], usize, Method) -> AnswerScan,
    ) -> String {
        let (mut head, mut seen) = (AnswerHead::new(), 0);
        head.parse(b"HTTP/1.0 201 Before\nContent-Length: 7\nUpgrade: a\n\n", Method::Get).unwrap();
        let ends = reads.iter().scan(0, |end, read| {
            *end += read;
            Some(*end)
        });
        for end in ends.chain([bytes.len()]) {
            let buffer = &bytes[..end.min(bytes.len())];
            match take(&mut head, buffer, seen, to) {
                AnswerScan::Partial => seen = buffer.len(),
                AnswerScan::Bad(fault) => return format!("!{}", fault.word()),
                AnswerScan::End(end) => return format!("{}|{}", described(&head), &bytes[end..].escape_ascii()),
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
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "200(OK) chunked Content-Length[5]|",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
            "200(OK) chunked Content-Length[5]|",
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
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n", "!bad-length"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, Chunked\r\n\r\n", "!bad-transfer-encoding"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n\r\n", "!unknown-coding"),
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

    /// Heads of the table, changed in a few places and cut somewhere: `outcome` reads them in both ways.
    #[test]
    fn a_head_read_without_looking_for_its_end_is_the_same_head() {
        let outcomes = mutated(CASES.iter().map(|(bytes, _)| *bytes), |bytes, cut| {
            [outcome(bytes, &[cut], Method::Get), outcome(bytes, &[], Method::Head)]
                .map(|outcome| outcome.starts_with('!'))
        });
        let faults = outcomes.iter().flatten().filter(|fault| **fault).count();
        assert!((200..outcomes.len() * 2 - 200).contains(&faults), "{faults} faults of {}", outcomes.len() * 2);
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
