//! Host and authority. They are read strictly, and the name is normalized as in nginx's `$host`. A name is never
//! guessed.

use std::net::Ipv6Addr;
use std::str;

use memchr::memrchr;

use crate::wire::grammar::is_name_byte;
use crate::wire::words::has_twice;

/// The host that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostRef<'a> {
    /// Name and port as the client wrote them. The node gets them like this.
    pub raw: &'a [u8],
    /// In lower case, without port and without a trailing dot. An IPv6 address keeps its brackets.
    pub name: &'a [u8],
    /// The port, if the client wrote one.
    pub port: Option<u16>,
}

/// The name and port of an authority, if it is a valid `host[:port]`. The name keeps its case and its trailing dot.
pub fn split_authority(authority: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (name, port) = if authority.first() == Some(&b'[') {
        let close = memrchr(b']', authority)?;
        let (name, rest) = authority.split_at_checked(close + 1)?;
        (name, rest)
    } else {
        let end = authority.iter().position(|&byte| !is_name_byte(byte)).unwrap_or(authority.len());
        authority.split_at_checked(end)?
    };
    let port = match port {
        // RFC 3986 section 3.2.3: a colon without a port is allowed.
        [] | [b':'] => None,
        [b':', written @ ..] => Some(parse_port(written)?),
        _ => return None,
    };
    is_name(name).then_some((name, port))
}

/// The name without one trailing dot, as nginx reads it.
pub(super) fn without_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

fn parse_port(written: &[u8]) -> Option<u16> {
    if written.len() > 5 {
        return None;
    }
    crate::wire::digits(written).and_then(|port| u16::try_from(port).ok()).filter(|&port| port != 0)
}

/// Whether this is a name without a leading dot and without two dots in a row, or an IPv6 address in brackets. The
/// bytes themselves were checked before.
fn is_name(name: &[u8]) -> bool {
    match name {
        [b'[', address @ .., b']'] => str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
        [] | [b'.', ..] => false,
        name => name.len() <= LONGEST_NAME && !has_twice(name, b'.'),
    }
}

/// RFC 1035: 255 bytes on the wire are 253 in text, plus one trailing dot.
const LONGEST_NAME: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_name_and_perhaps_a_port() {
        type Parts = Option<(&'static str, Option<u16>)>;
        let cases: [(&str, Parts); 32] = [
            ("esb.wso2.com", Some(("esb.wso2.com", None))),
            ("ESB.wso2.com:8443", Some(("ESB.wso2.com", Some(8443)))),
            ("esb.wso2.com.", Some(("esb.wso2.com.", None))),
            ("esb.wso2.com.:80", Some(("esb.wso2.com.", Some(80)))),
            ("under_score", Some(("under_score", None))),
            ("10.0.0.3:8280", Some(("10.0.0.3", Some(8280)))),
            ("[::1]", Some(("[::1]", None))),
            ("[::1]:443", Some(("[::1]", Some(443)))),
            ("[::ffff:10.0.0.3]", Some(("[::ffff:10.0.0.3]", None))),
            ("a:65535", Some(("a", Some(65535)))),
            ("a:", Some(("a", None))),
            ("[::1]:", Some(("[::1]", None))),
            ("", None),
            (":", None),
            (":80", None),
            ("a:0", None),
            ("a:65536", None),
            ("a:+80", None),
            ("a:80:80", None),
            ("a:http", None),
            ("a/b", None),
            ("a, b", None),
            ("a b", None),
            ("user@a", None),
            ("a..b", None),
            (".a", None),
            (".", None),
            ("a%41", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[fe80::1%25eth0]", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(name, port)| (name.as_bytes(), port));
            assert_eq!(split_authority(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_not_longer_than_dns_allows() {
        assert!(split_authority(&[b'a'; 254]).is_some());
        assert!(split_authority(&[b'a'; 255]).is_none());
    }
}
