//! Names of fields, each resolved once to a kind, so that nobody compares names later.

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
