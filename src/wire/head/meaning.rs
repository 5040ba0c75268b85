//! What the fields of a request mean together: its host, the length of its body, and what it asks of the connection. If
//! two readers could understand two fields differently, the request is refused; Weir never chooses one of them.

use super::connection::{Options, read_connection};
use super::host::{split_authority, without_dot};
use super::request_line::{Method, Version};
use crate::wire::fault::HeadFault;
use crate::wire::fields::{FieldSpan, Fields, Span};
use crate::wire::grammar::{digits, is_token, members};
use crate::wire::kind::{FieldKind, Kinds, lookalike};

/// How the end of a request's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// In chunks, until the last one.
    Chunked,
    /// This many bytes.
    Length(u64),
    /// There is no body.
    None,
}

/// The host as positions in the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostSpan {
    pub(super) raw: Span,
    pub(super) name: Span,
    pub(super) port: Option<u16>,
}

/// What was decided when the head was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) host: Option<HostSpan>,
    pub(super) framing: Framing,
    pub(super) options: Options,
    pub(super) expects: bool,
    pub(super) upgrade: Option<Span>,
    pub(super) te_trailers: bool,
}

impl Default for Meaning {
    fn default() -> Self {
        Self {
            host: None,
            framing: Framing::None,
            options: Options::default(),
            expects: false,
            upgrade: None,
            te_trailers: false,
        }
    }
}

/// What was known before the fields were read: parts of the request line, and whether the head came over HTTP/2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) authority: Option<Span>,
    pub(super) secure: bool,
    pub(super) spelled: bool,
}

//= rfc9110#7.8 upgrade-1.0
/// Decides what the fields of a head mean. The lines are already split.
pub(super) fn read_meaning(bytes: &mut Vec<u8>, fields: &mut Fields, said: Said) -> Result<Meaning, HeadFault> {
    let Said { method, version, authority, secure, spelled } = said;
    let wishes =
        if fields.odd || fields.kinds.meets(JUDGED) { Wishes::of(bytes, fields, version)? } else { Wishes::default() };
    let options = read_connection(bytes, fields, must_travel).map_err(|_| HeadFault::BadConnection)?;
    let framing = read_framing(bytes, fields, version)?;
    let host = read_hosts(bytes, fields, (version, authority, secure))?;
    if spelled && (fields.kinds.meets(OF_ONE_CONNECTION) || wishes.te_other) {
        return Err(HeadFault::BadConnection);
    }
    let may_upgrade =
        method == Method::Get && version == Version::Http11 && options.upgrade && framing == Framing::None;
    let upgrade = if may_upgrade { read_upgrade(bytes, fields) } else { None };
    Ok(Meaning { host, framing, options, expects: wishes.expects, upgrade, te_trailers: wishes.te_trailers })
}

/// What is judged field by field, in order: the client's wishes, and names that only look like known ones.
#[derive(Default)]
struct Wishes {
    expects: bool,
    te_trailers: bool,
    te_other: bool,
}

impl Wishes {
    //= rfc9110#10.1.1 expect-1.0
    fn of(bytes: &[u8], fields: &mut Fields, version: Version) -> Result<Self, HeadFault> {
        let mut wishes = Self::default();
        for field in &mut fields.spans {
            match field.kind {
                FieldKind::Other if !field.plain => {
                    see_lookalike(bytes, field)?;
                    fields.kinds.add(field.kind);
                }
                FieldKind::Te => wishes.see_te(field.value.of(bytes)),
                FieldKind::Expect => {
                    wishes.expects = true;
                    // RFC 9110 section 10.1.1: in HTTP/1.0 an expectation is ignored.
                    field.hop = version == Version::Http10;
                    refuse_expectation(field.value.of(bytes))?;
                }
                _ => {}
            }
        }
        Ok(wishes)
    }

    fn see_te(&mut self, value: &[u8]) {
        for member in members(value).filter(|member| !member.is_empty()) {
            if member.eq_ignore_ascii_case(b"trailers") {
                self.te_trailers = true;
            } else {
                self.te_other = true;
            }
        }
    }
}

//= rfc9112#6.3 bad-length
//= rfc9112#6.1 close-after-both
//= rfc9112#6.1 chunked-1.0
fn read_framing(bytes: &[u8], fields: &Fields, version: Version) -> Result<Framing, HeadFault> {
    let kinds = fields.kinds;
    match (kinds.has(FieldKind::ContentLength), kinds.has(FieldKind::TransferEncoding)) {
        (false, false) => Ok(Framing::None),
        (true, true) => Err(HeadFault::LengthAndChunked),
        (true, false) if kinds.has_several(FieldKind::ContentLength) => Err(HeadFault::BadLength),
        (true, false) => {
            digits(fields.value(bytes, FieldKind::ContentLength)).map(Framing::Length).ok_or(HeadFault::BadLength)
        }
        // An HTTP/1.0 reader does not know Transfer-Encoding and would read the body as the next request.
        (false, true) if version == Version::Http10 || kinds.has_several(FieldKind::TransferEncoding) => {
            Err(HeadFault::BadTransferEncoding)
        }
        (false, true) => read_coding(fields.value(bytes, FieldKind::TransferEncoding)),
    }
}

//= rfc9112#3.2.2 absolute-form
//= rfc9112#3.2 host
/// The host, from the Host field and from the authority of an absolute target.
fn read_hosts(
    bytes: &mut Vec<u8>,
    fields: &Fields,
    (version, authority, secure): (Version, Option<Span>, bool),
) -> Result<Option<HostSpan>, HeadFault> {
    if fields.kinds.has_several(FieldKind::Host) {
        return Err(HeadFault::BadHost);
    }
    let field = fields.of_kind(FieldKind::Host).next();
    if field.is_none() && version == Version::Http11 {
        return Err(HeadFault::NoHost);
    }
    let host = match field.map(|field| field.value) {
        Some(written) => Some(read_host(bytes, written).ok_or(HeadFault::BadHost)?),
        None => None,
    };
    let Some(authority) = authority else {
        return Ok(host);
    };
    let authority = read_host(bytes, authority).ok_or(HeadFault::BadAbsoluteTarget)?;
    match host {
        Some(host) if !are_same(bytes, host, authority, secure) => Err(HeadFault::BadAbsoluteTarget),
        _ => Ok(Some(authority)),
    }
}

/// Upgrade must be exactly one field with exactly one protocol. h2c is not accepted, because it would change more than
/// a tunnel can carry.
fn read_upgrade(bytes: &[u8], fields: &Fields) -> Option<Span> {
    let place = fields.of_kind(FieldKind::Upgrade).next()?.value;
    let value = place.of(bytes);
    let mut parts = value.splitn(2, |&byte| byte == b'/');
    let is_protocol = parts.all(is_token);
    let is_one = is_protocol && !fields.kinds.has_several(FieldKind::Upgrade);
    (is_one && !value.eq_ignore_ascii_case(b"h2c")).then_some(place)
}

/// Handles a name that a tolerant reader takes for a known one: refused if it would frame the body, dropped if Weir
/// sets that field itself.
fn see_lookalike(bytes: &[u8], field: &mut FieldSpan) -> Result<(), HeadFault> {
    match lookalike(field.name.of(bytes)) {
        Some(FieldKind::ContentLength | FieldKind::TransferEncoding) => return Err(HeadFault::BadField),
        Some(kind) if kind.is_set_by_weir() || kind.is_hop_by_hop() => field.hop = true,
        Some(kind @ (FieldKind::XForwardedOther | FieldKind::XRealIp | FieldKind::XRequestId)) => field.kind = kind,
        _ => {}
    }
    Ok(())
}

fn refuse_expectation(value: &[u8]) -> Result<(), HeadFault> {
    if value.eq_ignore_ascii_case(b"100-continue") { Ok(()) } else { Err(HeadFault::ExpectationRefused) }
}

//= rfc9112#6.3 chunked-last
/// Accepts exactly `chunked`. Other codings are valid requests that Weir cannot serve. Other spellings are seen as
/// attacks.
fn read_coding(value: &[u8]) -> Result<Framing, HeadFault> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    let mut chunked = 0;
    let mut unknown_last = true;
    for coding in members(value) {
        if !is_token(coding) {
            return Err(HeadFault::BadTransferEncoding);
        }
        let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
        chunked += usize::from(is_chunked);
        unknown_last = !is_chunked;
    }
    let chunked_before_another = chunked > 0 && unknown_last;
    if chunked > 1 || chunked_before_another {
        return Err(HeadFault::BadTransferEncoding);
    }
    Err(HeadFault::UnknownCoding)
}

/// The host as positions in the head. Its lower-case name is written behind the head if the client's spelling is
/// different.
fn read_host(bytes: &mut Vec<u8>, raw: Span) -> Option<HostSpan> {
    let (name, port) = split_authority(raw.of(bytes))?;
    let name = raw.part(0, without_dot(name).len());
    let name = if name.of(bytes).iter().any(u8::is_ascii_uppercase) {
        let start = bytes.len();
        bytes.extend_from_within(name.range());
        bytes.get_mut(start..)?.make_ascii_lowercase();
        Span::new(start, bytes.len())
    } else {
        name
    };
    Some(HostSpan { raw, name, port })
}

fn are_same(bytes: &[u8], one: HostSpan, other: HostSpan, secure: bool) -> bool {
    let default = if secure { 443 } else { 80 };
    one.name.of(bytes) == other.name.of(bytes) && one.port.unwrap_or(default) == other.port.unwrap_or(default)
}

//= rfc9110#7.6.1 no-option
/// Fields that Connection must not name. A client that names one wants to hide from the node what the node decides by.
fn must_travel(name: &[u8]) -> bool {
    let kind = match FieldKind::of(name) {
        FieldKind::Other => lookalike(name).unwrap_or(FieldKind::Other),
        kind => kind,
    };
    kind.is_forwarded()
        || matches!(
            kind,
            FieldKind::Authorization
                | FieldKind::ContentLength
                | FieldKind::Cookie
                | FieldKind::Host
                | FieldKind::TransferEncoding
        )
}

/// Fields that are judged by their value, whatever other fields there are.
const JUDGED: Kinds = Kinds::of([FieldKind::Te, FieldKind::Expect]);
//= rfc9113#8.2.2 one-connection
/// The fields that HTTP/2 forbids (RFC 9113 section 8.2.2).
const OF_ONE_CONNECTION: Kinds = Kinds::of([
    FieldKind::Connection,
    FieldKind::KeepAlive,
    FieldKind::ProxyConnection,
    FieldKind::TransferEncoding,
    FieldKind::Upgrade,
]);
