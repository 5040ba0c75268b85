//! What an HTTP/2 field is by its name, and whether its value can stay.

use crate::wire::grammar::{digits, field_value_is_clean, is_token};

/// The longest name, target or authority that the library accepts. Longer ones are replaced by one of this length.
const LONGEST: usize = 65_534;
const CUT: usize = 8 * 1024;

/// What a field is by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Plain,
    Length,
    Te,
    OfOneConnection,
    BadName,
    Authority,
    Method,
    Connect,
    Path,
    Scheme,
    UnknownPseudo,
}

impl Kind {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b":authority" => Self::Authority,
            b":method" => Self::Method,
            b":path" => Self::Path,
            b":scheme" => Self::Scheme,
            [b':', ..] => Self::UnknownPseudo,
            b"content-length" => Self::Length,
            b"te" => Self::Te,
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                Self::OfOneConnection
            }
            _ if !is_token(name) || name.len() > LONGEST || name.iter().any(u8::is_ascii_uppercase) => Self::BadName,
            _ => Self::Plain,
        }
    }

    pub(super) const fn of_static(index: usize) -> Self {
        match index {
            1 => Self::Authority,
            2 | 3 => Self::Method,
            4 | 5 => Self::Path,
            6 | 7 => Self::Scheme,
            8..=14 => Self::UnknownPseudo,
            28 => Self::Length,
            57 => Self::OfOneConnection,
            _ => Self::Plain,
        }
    }

    /// What the field is with this value.
    pub(super) fn with(self, value: &[u8]) -> Self {
        match self {
            Self::Method | Self::Connect if value == b"CONNECT" => Self::Connect,
            Self::Connect => Self::Method,
            _ => self,
        }
    }

    pub(super) const fn name(self) -> &'static [u8] {
        match self {
            Self::Authority => b":authority",
            Self::Method | Self::Connect => b":method",
            Self::Path => b":path",
            Self::Scheme => b":scheme",
            Self::Length => b"content-length",
            Self::Te => b"te",
            _ => b"",
        }
    }

    /// The bit of this pseudo field in the set of those that a block has.
    pub(super) const fn bit(self) -> u8 {
        match self {
            Self::Authority => 1,
            Self::Method | Self::Connect => 2,
            Self::Path => 4,
            Self::Scheme => 8,
            _ => 0,
        }
    }

    /// Whether the library would refuse the field because of its name.
    pub(super) const fn must_go(self) -> bool {
        self.wrong().is_some() || matches!(self, Self::Te)
    }

    pub(super) const fn wrong(self) -> Option<&'static str> {
        match self {
            Self::BadName => Some("a field name with a byte that it must not have"),
            Self::UnknownPseudo => Some("a pseudo field that no request has"),
            Self::OfOneConnection => Some("a field that HTTP/2 must not have"),
            _ => None,
        }
    }
}

/// The result for a value.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) wrong: Option<&'static str>,
    /// The value to write instead. It has the same length, unless the old one is empty or longer than the library and
    /// its table accept.
    pub(super) instead: Option<Vec<u8>>,
}

/// Values that the library would refuse are reported or replaced. Targets and authorities are only replaced, because
/// the reader of heads judges them.
pub(super) fn judge(kind: Kind, value: &[u8]) -> Judged {
    let replaced = |stand_in: u8, good: fn(u8) -> bool| {
        let most = if value.len() > LONGEST { CUT } else { value.len() };
        let written = value.iter().take(most).map(|&byte| if good(byte) { byte } else { stand_in });
        let mut instead: Vec<u8> = written.collect();
        if instead.is_empty() {
            instead.push(stand_in);
        }
        Some(instead)
    };
    match kind {
        Kind::Path if !path_is_plain(value) => {
            let mut instead = replaced(b'_', |byte| byte.is_ascii_alphanumeric() || byte == b'/').unwrap_or_default();
            if let Some(first) = instead.first_mut() {
                *first = b'/';
            }
            Judged { wrong: None, instead: Some(instead) }
        }
        Kind::Authority if !authority_is_plain(value) => {
            Judged { wrong: None, instead: replaced(b'x', |byte| byte.is_ascii_alphanumeric()) }
        }
        Kind::Method | Kind::Connect if !is_token(value) => {
            Judged { wrong: Some("a method that is none"), instead: replaced(b'X', |byte| byte.is_ascii_alphabetic()) }
        }
        Kind::Scheme if value.len() > 64 || value.is_empty() || !value.iter().all(u8::is_ascii_alphabetic) => {
            let instead = value.iter().take(64).map(|_| b'x').collect();
            Judged { wrong: Some("a scheme that is none"), instead: Some(instead) }
        }
        Kind::Length if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) => {
            Judged { wrong: Some("a length that is no number"), instead: replaced(b'0', |_| false) }
        }
        Kind::Te if value != b"trailers" => Judged { wrong: Some("TE other than trailers"), instead: None },
        _ if !field_value_is_clean(value) => Judged {
            wrong: Some("a value with a byte that it must not have"),
            instead: replaced(b'_', |byte| byte >= b' ' && byte != 0x7f),
        },
        _ => Judged::default(),
    }
}

/// Whether the library accepts this target and returns it unchanged. It cuts a fragment off.
fn path_is_plain(target: &[u8]) -> bool {
    let is_plain = |byte: &u8| matches!(byte, 0x21 | 0x24..=0x3b | 0x3d | 0x3f..=0x5f | 0x61..=0x7e);
    target == b"*" || target.first() == Some(&b'/') && target.len() <= LONGEST && target.iter().all(is_plain)
}

/// Whether the library certainly accepts this authority. It may accept others too.
fn authority_is_plain(authority: &[u8]) -> bool {
    let mut parts = authority.splitn(2, |&byte| byte == b':');
    let (name, port) = (parts.next().unwrap_or_default(), parts.next());
    let named = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let ported = port.is_none_or(|port| port.len() <= 5 && digits(port).is_some_and(|port| port <= 65_535));
    !name.is_empty() && authority.len() <= LONGEST && named && ported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_targets_and_authorities_are_plain() {
        for authority in ["esb.wso2.com", "a_b:1", "10.0.0.3:8243", "localhost:65535"] {
            assert!(authority_is_plain(authority.as_bytes()), "{authority}");
        }
        for authority in ["", ":1", "a:", "a:65536", "u@a", "[::1]", "a b"] {
            assert!(!authority_is_plain(authority.as_bytes()), "{authority}");
        }
        assert!(path_is_plain(b"/a/%20?b=c&d") && path_is_plain(b"*") && !path_is_plain(b"/<") && !path_is_plain(b"a"));
    }
}
