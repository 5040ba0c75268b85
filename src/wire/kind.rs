//! Names of fields. Each name is converted once to a kind, so that nothing compares names later.

use memchr::memchr;

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
    Refresh,
    Server,
    SetCookie,
    Te,
    Traceparent,
    Tracestate,
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
    XRequestId,
}

impl FieldKind {
    /// The kind of this name in any case. Length and first letter leave only one name to compare with. No arm before the
    /// last two has a condition, so that the compiler can jump to the one that counts.
    pub fn of(name: &[u8]) -> Self {
        let first = name.first().map_or(0, |byte| byte | 0x20);
        match (name.len(), first) {
            (2, b't') => Self::Te.if_named(name, b"te"),
            (3, b'v') => Self::Via.if_named(name, b"via"),
            (4, b'd') => Self::Date.if_named(name, b"date"),
            (4, b'h') => Self::Host.if_named(name, b"host"),
            (6, b'c') => Self::Cookie.if_named(name, b"cookie"),
            (6, b'e') => Self::Expect.if_named(name, b"expect"),
            (6, b's') => Self::Server.if_named(name, b"server"),
            (7, b'r') => Self::Refresh.if_named(name, b"refresh").or(Self::Referer, name, b"referer"),
            (7, b't') => Self::Trailer.if_named(name, b"trailer"),
            (7, b'u') => Self::Upgrade.if_named(name, b"upgrade"),
            (8, b'l') => Self::Location.if_named(name, b"location"),
            (9, b'f') => Self::Forwarded.if_named(name, b"forwarded"),
            (9, b'x') => Self::XRealIp.if_named(name, b"x-real-ip"),
            (10, b'c') => Self::Connection.if_named(name, b"connection"),
            (10, b'k') => Self::KeepAlive.if_named(name, b"keep-alive"),
            (10, b's') => Self::SetCookie.if_named(name, b"set-cookie"),
            (10, b't') => Self::Tracestate.if_named(name, b"tracestate"),
            (10, b'u') => Self::UserAgent.if_named(name, b"user-agent"),
            (11, b't') => Self::Traceparent.if_named(name, b"traceparent"),
            (11, b'x') => Self::XForwardedOther.if_named(name, b"x-forwarded"),
            (12, b'c') => Self::ContentType.if_named(name, b"content-type"),
            (13, b'a') => Self::Authorization.if_named(name, b"authorization"),
            (14, b'c') => Self::ContentLength.if_named(name, b"content-length"),
            (14, b'h') => Self::Http2Settings.if_named(name, b"http2-settings"),
            (16, b'c') => Self::ContentLocation.if_named(name, b"content-location"),
            (17, b't') => Self::TransferEncoding.if_named(name, b"transfer-encoding"),
            (6.., b'p') => Self::of_proxy(name),
            (12.., b'x') => Self::of_x(name),
            _ => Self::Other,
        }
    }

    #[inline(always)]
    fn if_named<const N: usize>(self, name: &[u8], known: &[u8; N]) -> Self {
        if is(name, known) { self } else { Self::Other }
    }

    #[inline(always)]
    fn or<const N: usize>(self, other: Self, name: &[u8], known: &[u8; N]) -> Self {
        if self == Self::Other { other.if_named(name, known) } else { self }
    }

    fn of_x(name: &[u8]) -> Self {
        let Some(rest) = strip_family(name, b"x-forwarded-") else {
            return Self::XRequestId.if_named(name, b"x-request-id");
        };
        let is = |other: &str| rest.eq_ignore_ascii_case(other.as_bytes());
        match rest.len() {
            3 if is("for") => Self::XForwardedFor,
            4 if is("host") => Self::XForwardedHost,
            4 if is("port") => Self::XForwardedPort,
            5 if is("proto") => Self::XForwardedProto,
            6 if is("server") => Self::XForwardedServer,
            _ => Self::XForwardedOther,
        }
    }

    fn of_proxy(name: &[u8]) -> Self {
        match strip_family(name, b"proxy-") {
            None => Self::Other,
            Some(rest) if rest.eq_ignore_ascii_case(b"authenticate") => Self::ProxyAuthenticate,
            Some(rest) if rest.eq_ignore_ascii_case(b"authorization") => Self::ProxyAuthorization,
            Some(rest) if rest.eq_ignore_ascii_case(b"connection") => Self::ProxyConnection,
            Some(_) => Self::ProxyOther,
        }
    }

    /// Whether a field of this kind concerns only one connection and is never forwarded (RFC 9110 section 7.6.1).
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

    /// Whether this is an X-Forwarded-* field, known or unknown to Weir.
    pub const fn is_forwarded(self) -> bool {
        self.is_set_by_weir() || matches!(self, Self::XForwardedOther)
    }

    /// Whether Weir sets this field itself in requests to nodes.
    pub const fn is_set_by_weir(self) -> bool {
        matches!(
            self,
            Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedPort
                | Self::XForwardedProto
                | Self::XForwardedServer
                | Self::XRealIp
        )
    }
}

/// A set of kinds. It also remembers which kinds were added more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    any: u64,
    several: u64,
}

impl Kinds {
    /// The set of these kinds.
    pub(super) const fn of<const N: usize>(kinds: [FieldKind; N]) -> Self {
        let (mut set, mut at) = (Self { any: 0, several: 0 }, 0);
        while at < N {
            set.add(kinds[at]);
            at += 1;
        }
        set
    }

    /// Adds a kind.
    pub(super) const fn add(&mut self, kind: FieldKind) {
        let bit = 1 << kind as u8;
        self.several |= self.any & bit;
        self.any |= bit;
    }

    /// Whether the kind is in the set.
    pub(super) const fn has(self, kind: FieldKind) -> bool {
        self.any & (1 << kind as u8) != 0
    }

    /// Whether the kind was added more than once.
    pub(super) const fn has_several(self, kind: FieldKind) -> bool {
        self.several & (1 << kind as u8) != 0
    }

    /// Whether the two sets have a kind in common.
    pub(super) const fn meets(self, other: Self) -> bool {
        self.any & other.any != 0
    }
}

/// The kind that a name would have if its underscores were dashes. CGI and some servers read both as the same.
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

fn strip_family<'a, const N: usize>(name: &'a [u8], prefix: &[u8; N]) -> Option<&'a [u8]> {
    let (head, rest) = name.split_first_chunk()?;
    same(head, prefix).then_some(rest)
}

/// Whether these bytes are a known word in any case. The word itself is in lower case.
#[inline(always)]
pub(super) fn is<const N: usize>(written: &[u8], known: &[u8; N]) -> bool {
    match <&[u8; N]>::try_from(written) {
        Ok(written) => same(written, known),
        Err(_) => false,
    }
}

/// Only letters may differ in the bit of their case. With that bit a carriage return would become a dash.
#[inline(always)]
fn same<const N: usize>(written: &[u8; N], known: &[u8; N]) -> bool {
    let case = |byte: &u8| if byte.is_ascii_lowercase() { 0x20 } else { 0 };
    written.iter().zip(known).fold(0, |differs, (byte, known)| differs | ((byte | case(known)) ^ known)) == 0
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
            ("X-Forwarded-Ssl", FieldKind::XForwardedOther),
            ("X-Forwarded-Path", FieldKind::XForwardedOther),
            ("X-Forwarded-", FieldKind::XForwardedOther),
            ("X-Forwarded", FieldKind::XForwardedOther),
            ("X-Request-Id", FieldKind::XRequestId),
            ("X-Request-In", FieldKind::Other),
            ("Traceparent", FieldKind::Traceparent),
            ("tracestate", FieldKind::Tracestate),
            ("X-Forwarder", FieldKind::Other),
            ("X-Forwarding", FieldKind::Other),
            ("Proxy-Connection", FieldKind::ProxyConnection),
            ("Proxy-Status", FieldKind::ProxyOther),
            ("Set-Cookie", FieldKind::SetCookie),
            ("Set-Cookie2", FieldKind::Other),
            ("Via", FieldKind::Via),
            ("date", FieldKind::Date),
            ("Cookie", FieldKind::Cookie),
            ("Expect", FieldKind::Expect),
            ("Server", FieldKind::Server),
            ("Refresh", FieldKind::Refresh),
            ("Referer", FieldKind::Referer),
            ("Trailer", FieldKind::Trailer),
            ("Upgrade", FieldKind::Upgrade),
            ("Location", FieldKind::Location),
            ("Forwarded", FieldKind::Forwarded),
            ("X-Real-IP", FieldKind::XRealIp),
            ("Connection", FieldKind::Connection),
            ("Keep-Alive", FieldKind::KeepAlive),
            ("User-Agent", FieldKind::UserAgent),
            ("Content-Type", FieldKind::ContentType),
            ("Authorization", FieldKind::Authorization),
            ("HTTP2-Settings", FieldKind::Http2Settings),
            ("Content-Location", FieldKind::ContentLocation),
            ("Proxy-Authenticate", FieldKind::ProxyAuthenticate),
            ("Proxy-Authorization", FieldKind::ProxyAuthorization),
            ("SOAPAction", FieldKind::Other),
            ("", FieldKind::Other),
        ];
        for (name, kind) in cases {
            assert_eq!(FieldKind::of(name.as_bytes()), kind, "{name}");
            let others =
                [name.replace('o', "0"), name.replace('e', "a"), name.replace('t', "T-"), name.replace("For", "Fur")];
            for other in others.iter().filter(|other| !other.eq_ignore_ascii_case(name)) {
                let found = FieldKind::of(other.as_bytes());
                let family = matches!(found, FieldKind::XForwardedOther | FieldKind::ProxyOther);
                assert!(found == FieldKind::Other || family, "{other} is no {name}: {found:?}");
            }
        }
    }

    #[test]
    fn underscores_are_seen_through() {
        let cases = [
            ("X_Forwarded_For", Some(FieldKind::XForwardedFor)),
            ("x-forwarded_proto", Some(FieldKind::XForwardedProto)),
            ("X_Forwarded", Some(FieldKind::XForwardedOther)),
            ("X_Request_ID", Some(FieldKind::XRequestId)),
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
