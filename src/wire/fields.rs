//! Field lines: split strictly, and each name resolved once to a kind, so that nobody compares names later.

use memchr::memchr;

use super::grammar::{field_value_is_clean, is_token, trim};

/// One field of a head, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name in the sender's case.
    pub name: &'a [u8],
    /// The value without surrounding blanks.
    pub value: &'a [u8],
    /// What the name means to Weir.
    pub kind: FieldKind,
    /// Whether it ends here: hop-by-hop, named by Connection, or a misspelling of a field that Weir sets.
    pub hop: bool,
}

/// The names that mean something to Weir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the field of that name")]
pub enum FieldKind {
    Authorization,
    Connection,
    ContentLength,
    ContentLocation,
    ContentType,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    Http2Settings,
    KeepAlive,
    Location,
    Other,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    ProxyOther,
    Referer,
    Server,
    SetCookie,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedOther,
    XForwardedPort,
    XForwardedProto,
    XForwardedServer,
    XRealIp,
}

impl FieldKind {
    /// The kind of this name, in any case.
    pub fn of(name: &[u8]) -> Self {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match name.len() {
            2 if is("te") => Self::Te,
            3 if is("via") => Self::Via,
            4 if is("host") => Self::Host,
            4 if is("date") => Self::Date,
            6 if is("cookie") => Self::Cookie,
            6 if is("expect") => Self::Expect,
            6 if is("server") => Self::Server,
            7 if is("referer") => Self::Referer,
            7 if is("trailer") => Self::Trailer,
            7 if is("upgrade") => Self::Upgrade,
            8 if is("location") => Self::Location,
            9 if is("forwarded") => Self::Forwarded,
            9 if is("x-real-ip") => Self::XRealIp,
            10 if is("connection") => Self::Connection,
            10 if is("set-cookie") => Self::SetCookie,
            10 if is("user-agent") => Self::UserAgent,
            10 if is("keep-alive") => Self::KeepAlive,
            12 if is("content-type") => Self::ContentType,
            13 if is("authorization") => Self::Authorization,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::Http2Settings,
            16 if is("content-location") => Self::ContentLocation,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            _ => Self::of_family(name),
        }
    }

    fn of_family(name: &[u8]) -> Self {
        if let Some(rest) = strip_family(name, b"x-forwarded-") {
            let is = |other: &str| rest.eq_ignore_ascii_case(other.as_bytes());
            return match rest.len() {
                3 if is("for") => Self::XForwardedFor,
                4 if is("host") => Self::XForwardedHost,
                4 if is("port") => Self::XForwardedPort,
                5 if is("proto") => Self::XForwardedProto,
                6 if is("server") => Self::XForwardedServer,
                _ => Self::XForwardedOther,
            };
        }
        match strip_family(name, b"proxy-") {
            None => Self::Other,
            Some(rest) if rest.eq_ignore_ascii_case(b"authenticate") => Self::ProxyAuthenticate,
            Some(rest) if rest.eq_ignore_ascii_case(b"authorization") => Self::ProxyAuthorization,
            Some(rest) if rest.eq_ignore_ascii_case(b"connection") => Self::ProxyConnection,
            Some(_) => Self::ProxyOther,
        }
    }

    /// Whether a field of this kind concerns one connection only and never travels (9110 7.6.1).
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Http2Settings
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Whether this is one of the X-Forwarded-* fields that Weir knows or does not know.
    pub const fn is_forwarded(self) -> bool {
        self.is_set_by_weir() || matches!(self, Self::XForwardedOther)
    }

    /// Whether Weir sets this field itself on the way up.
    pub const fn is_set_by_weir(self) -> bool {
        matches!(
            self,
            Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedPort
                | Self::XForwardedProto
                | Self::XForwardedServer
        )
    }
}

/// Bytes of a head by their place, so that heads own their buffer and need no lifetimes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A place in a head. Heads are far shorter than 4 GiB; a longer one yields an empty span.
    pub(super) fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end },
            _ => Self::default(),
        }
    }

    /// The bytes at this place.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }

    /// The place of `part`, which begins `skip` bytes into this one.
    pub(super) fn part(self, skip: usize, length: usize) -> Self {
        Self::new(self.start as usize + skip, self.start as usize + skip + length)
    }

    /// As a range of the head.
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes.
    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

/// A field by its places.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldSpan {
    pub(super) name: Span,
    pub(super) value: Span,
    pub(super) kind: FieldKind,
    pub(super) hop: bool,
}

impl FieldSpan {
    pub(super) fn of<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        Field { name: self.name.of(bytes), value: self.value.of(bytes), kind: self.kind, hop: self.hop }
    }
}

/// How lines may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// With CRLF only: what clients send.
    Strict,
    /// With LF alone too: what some nodes send.
    LfToo,
}

/// What is wrong with the field lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    Bad,
    BareLf,
    TooMany,
}

/// The line that begins at `at`, without its end, and where the next one begins.
pub(super) fn line(bytes: &[u8], at: usize, lines: Lines) -> Result<(Span, usize), LineFault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let feed = memchr(b'\n', rest).ok_or(LineFault::Bad)?;
    let written = rest.get(..feed).unwrap_or_default();
    let content = match (written, lines) {
        ([content @ .., b'\r'], _) => content.len(),
        (_, Lines::LfToo) => feed,
        (_, Lines::Strict) => return Err(LineFault::BareLf),
    };
    Ok((Span::new(at, at + content), at + feed + 1))
}

/// Reads field lines from `at` up to the empty line, at most `most`. Returns where the head ends.
pub(super) fn read_fields(
    bytes: &[u8],
    mut at: usize,
    (lines, most): (Lines, usize),
    into: &mut Vec<FieldSpan>,
) -> Result<usize, LineFault> {
    into.clear();
    loop {
        let (span, next) = line(bytes, at, lines)?;
        at = next;
        if span.len() == 0 {
            return Ok(at);
        }
        if into.len() == most {
            return Err(LineFault::TooMany);
        }
        into.push(read_field(bytes, span).ok_or(LineFault::Bad)?);
    }
}

/// One field line. A line that begins with a blank (obs-fold) has no token before its colon and is refused.
fn read_field(bytes: &[u8], line: Span) -> Option<FieldSpan> {
    let written = line.of(bytes);
    let (name, after) = split_field(written)?;
    let value = trim(after);
    let blanks = after.iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
    // An all-blank value trims to nothing wherever it stands; its place does not matter then.
    let skip = if value.is_empty() { name.len() + 1 } else { name.len() + 1 + blanks };
    let kind = FieldKind::of(name);
    Some(FieldSpan {
        name: line.part(0, name.len()),
        value: line.part(skip, value.len()),
        kind,
        hop: kind.is_hop_by_hop(),
    })
}

/// The name and the untrimmed value of a line, if both are clean.
pub(super) fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = line.split_at_checked(memchr(b':', line)?)?;
    let value = rest.get(1..)?;
    (is_token(name) && field_value_is_clean(value)).then_some((name, value))
}

/// The kind that a name would have if its underscores were dashes: CGI and some servers read them as the same.
pub(super) fn lookalike(name: &[u8]) -> Option<FieldKind> {
    memchr(b'_', name)?;
    let mut spelled = [0u8; LONGEST_KNOWN];
    let spelled = spelled.get_mut(..name.len()).unwrap_or_default();
    for (to, &from) in spelled.iter_mut().zip(name) {
        *to = if from == b'_' { b'-' } else { from };
    }
    let long_forwarded = spelled.is_empty() && name.len() > LONGEST_KNOWN && starts_forwarded(name);
    Some(if long_forwarded { FieldKind::XForwardedOther } else { FieldKind::of(spelled) })
}

fn starts_forwarded(name: &[u8]) -> bool {
    let matches =
        |(&byte, &expected): (&u8, &u8)| byte.eq_ignore_ascii_case(&expected) || (byte == b'_' && expected == b'-');
    name.iter().zip(b"x-forwarded-").all(matches)
}

fn strip_family<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Longer than any name that Weir knows.
const LONGEST_KNOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_kind_in_any_case() {
        let cases = [
            ("hOST", FieldKind::Host),
            ("Te", FieldKind::Te),
            ("Content-Length", FieldKind::ContentLength),
            ("TRANSFER-ENCODING", FieldKind::TransferEncoding),
            ("X-Forwarded-For", FieldKind::XForwardedFor),
            ("x-forwarded-host", FieldKind::XForwardedHost),
            ("X-Forwarded-Server", FieldKind::XForwardedServer),
            ("X-Forwarded-Proto", FieldKind::XForwardedProto),
            ("X-Forwarded-Port", FieldKind::XForwardedPort),
            ("X-Forwarded-Prefix", FieldKind::XForwardedOther),
            ("X-Forwarded-", FieldKind::XForwardedOther),
            ("X-Forwarded", FieldKind::Other),
            ("Proxy-Connection", FieldKind::ProxyConnection),
            ("Proxy-Status", FieldKind::ProxyOther),
            ("Set-Cookie", FieldKind::SetCookie),
            ("Set-Cookie2", FieldKind::Other),
            ("SOAPAction", FieldKind::Other),
            ("", FieldKind::Other),
        ];
        for (name, kind) in cases {
            assert_eq!(FieldKind::of(name.as_bytes()), kind, "{name}");
        }
    }

    #[test]
    fn underscores_are_seen_through() {
        let cases = [
            ("X_Forwarded_For", Some(FieldKind::XForwardedFor)),
            ("x-forwarded_proto", Some(FieldKind::XForwardedProto)),
            ("Content_Length", Some(FieldKind::ContentLength)),
            ("Transfer_Encoding", Some(FieldKind::TransferEncoding)),
            ("X_Forwarded_By_A_Name_That_Is_Longer_Than_Any", Some(FieldKind::XForwardedOther)),
            ("A_Name_That_Is_Longer_Than_Any_That_We_Know", Some(FieldKind::Other)),
            ("my_field", Some(FieldKind::Other)),
            ("X-Forwarded-For", None),
        ];
        for (name, kind) in cases {
            assert_eq!(lookalike(name.as_bytes()), kind, "{name}");
        }
    }
}
