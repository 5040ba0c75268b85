//! The head of a request. It owns its bytes, is reused, and is read once. `parse` decides what it means; afterwards
//! that is only asked for.

use super::host::HostRef;
use super::meaning::{Framing, HostSpan, Meaning, Said, read_meaning};
use super::request_line::{Method, RequestLine, Version, first_line, good_first_line};
use super::run::Run;
use super::scan::{Scan, scan_head, skip_empty_lines};
use super::target::{Target, read_target};
use crate::wire::fault::HeadFault;
use crate::wire::fields::{Field, Fields, LineFault, Lines, Span};
use crate::wire::kind::FieldKind;
use crate::wire::limits::HeadLimits;

/// The head of a request. `parse` fills it; its buffers keep their memory for the next head.
#[derive(Debug)]
pub struct RequestHead {
    pub(super) bytes: Vec<u8>,
    fields: Fields,
    first_line: Span,
    method: Method,
    method_name: Span,
    target: Target,
    version: Version,
    meaning: Meaning,
    pub(super) spelled: bool,
    pub(super) spelled_host: Span,
    /// What was wrong with a field of HTTP/2 that could not be written as HTTP/1 text.
    pub(super) odd: String,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestHead {
    /// An empty head with space for a usual one.
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(1024),
            fields: Fields::new(),
            first_line: Span::default(),
            method: Method::Other,
            method_name: Span::default(),
            target: Target::default(),
            version: Version::Http11,
            meaning: Meaning::default(),
            spelled: false,
            spelled_host: Span::default(),
            odd: String::new(),
        }
    }

    /// Reads a whole head, from its request line (or empty lines before it) to its empty line.
    pub fn parse(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), HeadFault> {
        self.spelled = false;
        let head = skip_empty_lines(head, limits)?.ok_or(HeadFault::BadRequestLine)?;
        self.bytes.clear();
        self.bytes.extend_from_slice(head);
        self.read(limits)
    }

    /// Reads the head at the beginning of a buffer as soon as it is complete. An earlier call has already looked at the
    /// first `seen` bytes. The outcome is the same as from [`scan_head`] and `parse`, which find every fault.
    pub fn take(&mut self, buffer: &[u8], seen: usize, limits: &HeadLimits) -> Scan {
        if seen == 0
            && let Some(end) = self.take_good(buffer, limits)
        {
            return Scan::End(end);
        }
        self.forget();
        let scan = scan_head(buffer, seen, limits);
        if let Scan::End(end) = scan
            && let Err(fault) = self.parse(buffer.get(..end).unwrap_or_default(), limits)
        {
            return Scan::Bad(fault);
        }
        scan
    }

    /// Nearly every head arrives in one read and has no fault. Its lines are read without a search for the end of the
    /// head. They are read as in `parse`, so they contain CR, LF and NUL only in the CRLF at their ends. Therefore the
    /// first empty line is the end, and the scan would find neither a fault nor another end. The first line is also not
    /// too long for the scan if its parts are not too long.
    fn take_good(&mut self, buffer: &[u8], limits: &HeadLimits) -> Option<usize> {
        self.spelled = false;
        let head = buffer.get(..limits.bytes.min(LONGEST_HEAD)).unwrap_or(buffer);
        let (line, at) = good_first_line(head, limits)?;
        let end = self.fields.read(head, at, (Lines::Strict, limits.fields)).ok()?;
        self.bytes.clear();
        self.bytes.extend_from_slice(head.get(..end)?);
        self.weigh(line, at, limits).ok()?;
        Some(end)
    }

    /// Reads the head in `bytes`.
    pub(super) fn read(&mut self, limits: &HeadLimits) -> Result<(), HeadFault> {
        self.forget();
        if self.bytes.len() > limits.bytes.min(LONGEST_HEAD) {
            return Err(HeadFault::HeadTooLarge);
        }
        let (line, at) = first_line(&self.bytes, limits)?;
        let end = self.fields.read(&self.bytes, at, (Lines::Strict, limits.fields)).map_err(head_fault)?;
        if end != self.bytes.len() {
            return Err(HeadFault::BadField);
        }
        self.weigh(line, at, limits)
    }

    /// Decides what the lines mean that were read.
    fn weigh(&mut self, line: RequestLine, fields_at: usize, limits: &HeadLimits) -> Result<(), HeadFault> {
        self.method = line.method;
        self.method_name = line.name;
        self.version = line.version;
        self.target = read_target(&mut self.bytes, line.target, line.method, limits.secure)?;
        let stands = line.version == Version::Http11 && self.target.up == line.target;
        self.first_line = if stands { Span::new(0, fields_at) } else { Span::default() };
        let said = Said {
            method: self.method,
            version: self.version,
            authority: self.target.authority,
            secure: limits.secure,
            spelled: self.spelled,
        };
        self.meaning = read_meaning(&mut self.bytes, &mut self.fields, said)?;
        Ok(())
    }

    /// Clears the head. After a refusal nothing of an earlier request may be readable here.
    fn forget(&mut self) {
        self.fields.clear();
        self.first_line = Span::default();
        self.method = Method::Other;
        self.method_name = Span::default();
        self.target = Target::default();
        self.meaning = Meaning::default();
    }

    /// Clears the head, and frees the memory of an unusually large one before its connection becomes idle.
    pub fn shrink(&mut self) {
        self.forget();
        self.bytes.clear();
        self.bytes.shrink_to(ORDINARY_HEAD);
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method as the client wrote it.
    pub fn method_name(&self) -> &[u8] {
        self.method_name.of(&self.bytes)
    }

    /// The target as the client wrote it, for the log.
    pub fn target(&self) -> &[u8] {
        self.target.written.of(&self.bytes)
    }

    /// The target for the node: the client's path and query byte for byte, or `*`.
    pub fn target_up(&self) -> &[u8] {
        self.target.up.of(&self.bytes)
    }

    /// The path as the client wrote it, without the query.
    pub fn path(&self) -> &[u8] {
        self.target.path.of(&self.bytes)
    }

    /// The part after the first question mark, if there is one.
    pub fn query(&self) -> Option<&[u8]> {
        self.target.query.map(|query| query.of(&self.bytes))
    }

    /// The client's version of HTTP. A head that came over HTTP/2 counts as 1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether this head came over HTTP/2 and was not read from HTTP/1 bytes.
    pub fn is_spelled(&self) -> bool {
        self.spelled
    }

    /// The host that the request is for. `None` only in HTTP/1.0.
    pub fn host(&self) -> Option<HostRef<'_>> {
        let HostSpan { raw, name, port } = self.meaning.host?;
        Some(HostRef { raw: raw.of(&self.bytes), name: name.of(&self.bytes), port })
    }

    /// How the end of the body is found.
    pub fn framing(&self) -> Framing {
        self.meaning.framing
    }

    /// Whether the client's connection can be used for another request after this one.
    pub fn keep_alive(&self) -> bool {
        self.meaning.options.keep_alive(self.version)
    }

    /// Whether the client waits for 100 before it sends its body.
    pub fn expects_continue(&self) -> bool {
        let has_body = !matches!(self.meaning.framing, Framing::None | Framing::Length(0));
        self.meaning.expects && has_body && self.version == Version::Http11
    }

    /// The one protocol that the client wants to change to, if it may ask for that.
    pub fn upgrade(&self) -> Option<&[u8]> {
        self.meaning.upgrade.map(|token| token.of(&self.bytes))
    }

    /// Whether the client accepts trailers.
    pub fn te_trailers(&self) -> bool {
        self.meaning.te_trailers
    }

    /// The value of the first field of this name.
    pub fn field(&self, name: &[u8]) -> Option<&[u8]> {
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
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

    /// The lines that are forwarded unchanged. They begin with the request line, unless Weir writes that itself.
    pub fn run(&self) -> Run<'_> {
        Run::new(&self.bytes, self.first_line)
    }

    /// The same without the request line.
    pub fn run_of_fields(&self) -> Run<'_> {
        Run::new(&self.bytes, Span::default())
    }

    pub(super) fn set_framing(&mut self, framing: Framing) {
        self.meaning.framing = framing;
    }
}

fn head_fault(fault: LineFault) -> HeadFault {
    match fault {
        LineFault::Bad => HeadFault::BadField,
        LineFault::BareLf => HeadFault::BareLf,
        LineFault::TooMany => HeadFault::TooManyFields,
    }
}

/// Positions in a head have 32 bits.
const LONGEST_HEAD: usize = 1 << 30;
const ORDINARY_HEAD: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::mutated::mutated;

    /// What a reader would notice about a head, in one line.
    fn described(head: &RequestHead) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut words = vec![text(head.method_name()), text(head.target_up())];
        match head.host() {
            Some(host) => {
                words.push(format!("{}={}", text(host.raw), text(host.name)));
                words.extend(host.port.map(|port| format!(":{port}")));
            }
            None => words.push("no-host".into()),
        }
        match head.framing() {
            Framing::None => {}
            Framing::Length(length) => words.push(format!("length={length}")),
            Framing::Chunked => words.push("chunked".into()),
        }
        words.extend((!head.keep_alive()).then(|| "close".into()));
        words.extend(head.expects_continue().then(|| "expects".into()));
        words.extend(head.upgrade().map(|token| format!("upgrade={}", text(token))));
        words.extend(head.te_trailers().then(|| "trailers".into()));
        let travels = |field: &Field<'_>| !field.hop && field.kind != FieldKind::Host;
        words.extend(head.fields().filter(travels).map(|field| format!("{}[{}]", text(field.name), text(field.value))));
        words.join(" ")
    }

    /// Reads a head as the exchange does, from reads of these sizes, and then the rest. Reading without a search for
    /// the end must give the same result as reading with a known end.
    fn outcome(bytes: &[u8], reads: &[usize], limits: &HeadLimits) -> Result<String, HeadFault> {
        let taken = read_by(bytes, reads, limits, RequestHead::take);
        let parsed =
            read_by(bytes, reads, limits, |head, buffer, seen, limits| match scan_head(buffer, seen, limits) {
                Scan::End(end) => head.parse(&buffer[..end], limits).map_or_else(Scan::Bad, |()| Scan::End(end)),
                scan => scan,
            });
        assert_eq!(taken, parsed, "{}", bytes.escape_ascii());
        taken
    }

    fn read_by(
        bytes: &[u8],
        reads: &[usize],
        limits: &HeadLimits,
        take: fn(&mut RequestHead, &[u8], usize, &HeadLimits) -> Scan,
    ) -> Result<String, HeadFault> {
        let (mut head, mut seen) = (RequestHead::new(), 0);
        head.parse(b"POST /before HTTP/1.1\r\nHost: b\r\nContent-Length: 7\r\n\r\n", limits).unwrap();
        let ends = reads.iter().scan(0, |end, read| {
            *end += read;
            Some(*end)
        });
        for end in ends.chain([bytes.len()]) {
            let buffer = &bytes[..end.min(bytes.len())];
            match take(&mut head, buffer, seen, limits) {
                Scan::Partial => seen = buffer.len(),
                Scan::Bad(fault) => return Err(fault),
                Scan::End(end) => {
                    return Ok(format!("{}|{}", described(&head), &bytes[end..].escape_ascii()));
                }
            }
        }
        Ok("partial".into())
    }

    const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 8, target: 64, secure: false };

    const GOOD: &[(&str, &str)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.0\r\n\r\n", "GET / no-host close|"),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / no-host close|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", "GET / a=a close|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", "GET / a=a close|"),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / a=a|"),
        ("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET", "GET / a=a|GET"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next", "GET / a=a|GET /next"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", r"GET / a=a|\r\n"),
        ("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "GET / a:=a|"),
        ("GET http://a/ HTTP/1.1\r\nHost: a:\r\n\r\n", "GET / a=a|"),
        ("GET http://a:80/ HTTP/1.1\r\nHost: a:\r\n\r\n", "GET / a:80=a :80|"),
        ("GET / HTTP/1.1\r\nHost: ESB.wso2.com:8443\r\n\r\n", "GET / ESB.wso2.com:8443=esb.wso2.com :8443|"),
        ("GET / HTTP/1.1\r\nHost: esb.wso2.com.\r\n\r\n", "GET / esb.wso2.com.=esb.wso2.com|"),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / [::1]:80=[::1] :80|"),
        ("GET / HTTP/1.1\r\nHost: [FE80::1]\r\n\r\n", "GET / [FE80::1]=[fe80::1]|"),
        ("GET / HTTP/1.1\r\nHost:a\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.1\r\nhOST: a\r\n\r\n", "GET / a=a|"),
        ("GET /a/../b;x=1?q=%zz#not HTTP/1.1\r\nHost: a\r\n\r\n", "!bad-target"),
        ("GET /a/../b;x=1?q=%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a/../b;x=1?q=%zz a=a|"),
        ("GET //a HTTP/1.1\r\nHost: a\r\n\r\n", "GET //a a=a|"),
        ("GET /{}|^`\"<> HTTP/1.1\r\nHost: a\r\n\r\n", "GET /{}|^`\"<> a=a|"),
        ("GET /\u{e9}?q=\u{20ac} HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\u{e9}?q=\u{20ac} a=a|"),
        ("GET /?a=\\b\\ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?a=\\b\\ a=a|"),
        ("GET http://a?\\ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?\\ a=a|"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * a=a|"),
        ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "GET / a=a|"),
        ("GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y a=a|"),
        ("GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?y a=a|"),
        ("GET HTTP://A:80/x HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x A:80=a :80|"),
        ("GET http://a/x HTTP/1.1\r\nHost: A:80\r\n\r\n", "GET /x a=a|"),
        ("GET http://a/x HTTP/1.0\r\n\r\n", "GET /x a=a close|"),
        ("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * a=a|"),
        ("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS / a=a|"),
        ("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", "PROPFIND / a=a|"),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", "get / a=a|"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "POST / a=a length=5 Content-Length[5]|hello"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST / a=a length=0 Content-Length[0]|"),
        ("POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "POST / no-host length=5 close Content-Length[5]|"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", "POST / a=a chunked|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", "!bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\nZ: a\tb  c\r\n\r\n", "GET / a=a X[] Y[] Z[a\tb  c]|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: caf\u{e9}\r\n\r\n", "GET / a=a X[caf\u{e9}]|"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nsoapACTION: \"urn:x\"\r\nA: 1\r\na: 2\r\n\r\n",
            "GET / a=a soapACTION[\"urn:x\"] A[1] a[2]|",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-drop, te\r\nX-Drop: 1\r\nx-drop: 2\r\nX-Keep: 3\r\n\r\n",
            "GET / a=a X-Keep[3]|",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: , ,\r\n\r\n", "GET / a=a|"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTrailer: x\r\nTE: gzip\r\n\r\n",
            "GET / a=a|",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: x\r\nProxy-Authenticate: y\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers, deflate;q=0.5\r\n\r\n", "GET / a=a trailers|"),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n",
            "PUT / a=a length=5 expects Expect[100-Continue] Content-Length[5]|",
        ),
        (
            "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            "PUT / no-host length=5 close Content-Length[5]|",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "GET / a=a Expect[100-continue]|"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nping",
            "GET / a=a upgrade=websocket|ping",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, keep-alive\r\nUpgrade: a/1\r\n\r\n",
            "GET / a=a upgrade=a/1|",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n", "GET / a=a|"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a/\r\n\r\n", "GET / a=a|"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n",
            "GET / a=a|",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "POST / a=a|"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\n",
            "GET / a=a length=4 Content-Length[4]|",
        ),
        ("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "GET / no-host close|"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1\r\nx-forwarded_host: b\r\nmy_own: 2\r\n\r\n",
            "GET / a=a my_own[2]|",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nProxy_Connection: 1\r\nKeep_Alive: 2\r\n\r\n", "GET / a=a|"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n1: 1\r\n2: 2\r\n3: 3\r\n4: 4\r\n5: 5\r\n6: 6\r\n7: 7\r\n\r\n",
            "GET / a=a 1[1] 2[2] 3[3] 4[4] 5[5] 6[6] 7[7]|",
        ),
        ("", "partial"),
        ("\r", "partial"),
        ("\r\n", "partial"),
        ("\r\n\r\n\r", "partial"),
        ("GET / HTTP/1.1\r\nHost: a\r\n", "partial"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r", "partial"),
    ];

    const BAD: &[(&str, &str)] = &[
        // Lines and the bytes between them.
        ("GET / HTTP/1.1\nHost: a\n\n", "bare-lf"),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", "bare-lf"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\nGET /admin", "bare-lf"),
        ("GET / HTTP/1.1\r\nX: b\nHost: a\r\n\r\n", "bare-lf"),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-lf"),
        ("GET / HTTP/1.1\r\nX: b\rHost: a\r\n\r\n", "bare-cr"),
        ("GET / HTTP/1.1\rHost: a\r\r", "bare-cr"),
        ("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", "bare-cr"),
        ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "bare-cr"),
        ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-cr"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\rX", "bare-cr"),
        ("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad-request-line"),
        ("\r\n\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-cr"),
        ("\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-lf"),
        // The request line.
        ("\x16\x03\x01\x02\x00\x01", "tls-on-plain"),
        ("\r\n\x16\x03\x01", "tls-on-plain"),
        (" GET / HTTP/1.1\r\n", "bad-request-line"),
        ("\0", "bad-request-line"),
        ("\u{80}", "bad-request-line"),
        ("(", "bad-request-line"),
        ("GET\r\n", "bad-request-line"),
        ("GET /\r\n", "bad-request-line"),
        ("GET / \r\n", "bad-request-line"),
        ("GET  / HTTP/1.1\r\n", "bad-target"),
        ("GET  HTTP/1.1\r\n", "bad-request-line"),
        ("GET /  HTTP/1.1\r\n", "bad-target"),
        ("GET / HTTP/1.1 \r\n", "bad-request-line"),
        ("GET\t/\tHTTP/1.1\r\n", "bad-request-line"),
        ("GE(T / HTTP/1.1\r\n", "bad-request-line"),
        ("GET / http/1.1\r\n", "bad-request-line"),
        ("GET / HTTP/11\r\n", "bad-request-line"),
        ("GET / HTTP/1.10\r\n", "bad-request-line"),
        ("GET / HTTP/0.9\r\n", "bad-request-line"),
        ("GET /\0 HTTP/1.1\r\n", "bad-request-line"),
        ("GET / HTTP/1.2\r\n", "bad-version"),
        ("GET / HTTP/2.0\r\n", "bad-version"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad-version"),
        ("CONNECT a:443 HTTP/1.1\r\n", "method-refused"),
        ("TRACE / HTTP/1.1\r\n", "method-refused"),
        ("Trace / HTTP/1.1\r\n", "method-refused"),
        // The target.
        ("GET foo HTTP/1.1\r\n\r\n", "bad-target"),
        ("GET * HTTP/1.1\r\n\r\n", "bad-target"),
        ("OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", "bad-target"),
        ("GET ?q HTTP/1.1\r\n\r\n", "bad-target"),
        ("GET /a b HTTP/1.1\r\n", "bad-target"),
        ("GET /a\tb HTTP/1.1\r\n", "bad-target"),
        ("GET /#a HTTP/1.1\r\n", "bad-target"),
        ("GET /a\\b HTTP/1.1\r\n", "bad-target"),
        ("GET /\x7f HTTP/1.1\r\n", "bad-target"),
        ("GET /a\\b?c HTTP/1.1\r\n", "bad-target"),
        ("GET /?\\# HTTP/1.1\r\n", "bad-target"),
        ("GET http://a\\@b/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad-target"),
        ("GET http://\u{e9}/ HTTP/1.1\r\nHost: \u{e9}\r\n\r\n", "bad-host"),
        ("GET http://\u{e9}/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad-absolute-target"),
        ("GET /\x01 HTTP/1.1\r\n", "bad-target"),
        ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "bad-target"),
        ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad-absolute-target"),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad-absolute-target"),
        ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "bad-absolute-target"),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad-absolute-target"),
        ("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad-absolute-target"),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "bad-absolute-target"),
        ("GET http://a/ HTTP/1.1\r\n\r\n", "no-host"),
        // Fields.
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n \r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(: x\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: x\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\0X: 1\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.0\r\nContent_Length: 5\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n", "bad-field"),
        ("GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n", "too-many-fields"),
        // Host.
        ("GET / HTTP/1.1\r\n\r\n", "no-host"),
        ("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", "no-host"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.0\r\nHost: \r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", "bad-host"),
        // The body's length.
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "bad-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "length-and-chunked"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "length-and-chunked"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nContent-Length: 5\r\n\r\n", "length-and-chunked"),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "bad-transfer-encoding"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "bad-transfer-encoding",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "bad-transfer-encoding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "bad-transfer-encoding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n", "bad-transfer-encoding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", "bad-transfer-encoding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", "bad-transfer-encoding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", "bad-transfer-encoding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", "unknown-coding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", "unknown-coding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n", "unknown-coding"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "unknown-coding"),
        // The connection, and expectations.
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, content-length\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Cookie\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Authorization\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-Anything\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: X_Forwarded_For\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: \"close\"\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", "expectation-refused"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n", "expectation-refused"),
    ];

    fn all_cases() -> impl Iterator<Item = (&'static str, String)> {
        let bad = BAD.iter().map(|(bytes, word)| (*bytes, format!("!{word}")));
        GOOD.iter().map(|(bytes, line)| (*bytes, (*line).to_owned())).chain(bad)
    }

    fn told(outcome: Result<String, HeadFault>) -> String {
        outcome.unwrap_or_else(|fault| format!("!{}", fault.answer().1))
    }

    #[test]
    fn heads_mean_what_the_table_says() {
        for (bytes, expected) in all_cases() {
            assert_eq!(told(outcome(bytes.as_bytes(), &[], &LIMITS)), expected, "{bytes:?}");
        }
    }

    #[test]
    fn it_does_not_matter_how_a_head_is_cut_into_reads() {
        for (bytes, expected) in all_cases() {
            let bytes = bytes.as_bytes();
            let single = vec![1; bytes.len()];
            assert_eq!(told(outcome(bytes, &single, &LIMITS)), expected, "{}", bytes.escape_ascii());
            for first in 0..bytes.len() {
                let found = told(outcome(bytes, &[first], &LIMITS));
                assert_eq!(found, expected, "cut at {first}: {}", bytes.escape_ascii());
            }
        }
    }

    /// Heads of the tables, changed in a few places and cut somewhere: `outcome` reads them in both ways.
    #[test]
    fn a_head_read_without_looking_for_its_end_is_the_same_head() {
        let narrow = HeadLimits { bytes: 60, fields: 3, ..LIMITS };
        let outcomes = mutated(all_cases().map(|(bytes, _)| bytes), |bytes, cut| {
            let cases = [(&[cut][..], &LIMITS), (&[cut], &narrow), (&[], &LIMITS)];
            cases.map(|(reads, limits)| outcome(bytes, reads, limits).is_err())
        });
        let faults = outcomes.iter().flatten().filter(|fault| **fault).count();
        assert!((200..outcomes.len() * 3 - 200).contains(&faults), "{faults} faults of {}", outcomes.len() * 3);
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_ends() {
        let path = |length: usize| format!("GET /{}", "a".repeat(length));
        let field = |length: usize| format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(length));
        let cases = [
            (format!("{} HTTP/1.1\r\nHost: a\r\n\r\n", path(63)), format!("GET /{} a=a|", "a".repeat(63))),
            (format!("{} HTTP/1.1\r\nHost: a\r\n\r\n", path(64)), "!target-too-long".into()),
            (path(300), "!target-too-long".into()),
            ("a".repeat(300), "!bad-request-line".into()),
            (format!("{} / HTTP/1.1\r\n\r\n", "A".repeat(65)), "!bad-request-line".into()),
            (field(4077), "partial".into()),
            (field(4078), "!head-too-large".into()),
            (format!("{}\r\n\r\n", field(9000)), "!head-too-large".into()),
        ];
        for (bytes, expected) in cases {
            assert_eq!(told(outcome(bytes.as_bytes(), &[], &LIMITS)), expected, "{bytes}");
            let single = vec![1; bytes.len()];
            assert_eq!(told(outcome(bytes.as_bytes(), &single, &LIMITS)), expected, "{bytes}");
        }
    }

    #[test]
    fn a_target_may_be_as_long_as_the_head() {
        let get = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length));
        let kib = |count: usize| count * 1024;
        for head in [8, 64, 256] {
            let limits = HeadLimits::new(kib(head), 8, false);
            assert_eq!(outcome(get(kib(head - 1)).as_bytes(), &[], &limits).map(drop), Ok(()), "{head} KiB");
            let longer = outcome(get(kib(head + 1)).as_bytes(), &[], &limits);
            assert_eq!(longer, Err(HeadFault::TargetTooLong), "{head} KiB");
        }
    }

    #[test]
    fn a_secure_listener_takes_https_and_no_http() {
        let secure = HeadLimits { secure: true, ..LIMITS };
        let cases = [
            ("GET https://a/x HTTP/1.1\r\nHost: a:443\r\n\r\n", "GET /x a=a|"),
            ("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", "!bad-absolute-target"),
            ("GET https://a:80/x HTTP/1.1\r\nHost: a\r\n\r\n", "!bad-absolute-target"),
            ("\x16\x03\x01", "!bad-request-line"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(told(outcome(bytes.as_bytes(), &[], &secure)), expected, "{bytes}");
        }
    }

    #[test]
    fn the_path_and_the_query_are_parted_at_the_first_question_mark() {
        let cases: [(&str, &str, Option<&str>); 6] = [
            ("/a?b?c", "/a", Some("b?c")),
            ("/a", "/a", None),
            ("/?", "/", Some("")),
            ("http://a?b", "/", Some("b")),
            ("http://a", "/", None),
            ("http://a/b;c?d", "/b;c", Some("d")),
        ];
        for (target, path, query) in cases {
            let mut head = RequestHead::new();
            let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            head.parse(text.as_bytes(), &LIMITS).unwrap();
            assert_eq!((head.path(), head.query()), (path.as_bytes(), query.map(str::as_bytes)), "{target}");
        }
    }

    #[test]
    fn nobody_can_make_us_look_for_thousands_of_names() {
        let names = |count: usize| vec!["x"; count].join(",");
        let text = |count| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {}\r\n\r\n", names(count));
        assert_eq!(told(outcome(text(64).as_bytes(), &[], &LIMITS)), "GET / a=a|");
        assert_eq!(told(outcome(text(65).as_bytes(), &[], &LIMITS)), "!bad-connection");
    }

    #[test]
    fn a_reused_head_remembers_nothing() {
        let mut head = RequestHead::new();
        let first =
            b"PUT /a?b HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\nExpect: 100-continue\r\nTE: trailers\r\n\r\n";
        head.parse(first, &LIMITS).unwrap();
        assert_eq!(head.parse(b"GET / HTTP/1.1\r\n\r\n", &LIMITS), Err(HeadFault::NoHost));
        assert_eq!((head.host(), head.framing(), head.expects_continue()), (None, Framing::None, false));
        head.parse(b"GET / HTTP/1.0\r\n\r\n", &LIMITS).unwrap();
        assert_eq!(described(&head), "GET / no-host close");
    }

    #[test]
    fn an_idle_connection_does_not_keep_the_room_of_its_longest_head() {
        let mut head = RequestHead::new();
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(60_000));
        head.parse(long.as_bytes(), &HeadLimits::default()).unwrap();
        head.shrink();
        assert!(head.bytes.capacity() <= 4096);
        assert_eq!((head.host(), head.fields().count(), head.method_name()), (None, 0, b"".as_slice()));
    }

    #[test]
    fn a_head_with_bytes_behind_its_end_is_no_head() {
        let mut head = RequestHead::new();
        for bytes in ["GET / HTTP/1.1\r\nHost: a\r\n\r\nX", "GET / HTTP/1.1\r\nHost: a\r\n", "GET /", ""] {
            assert!(head.parse(bytes.as_bytes(), &LIMITS).is_err(), "{bytes:?}");
        }
    }
}
