//! A chunk's extensions (9112 7.1.1): names, perhaps with a value, each after a semicolon. Nobody needs them, but whoever
//! reads one otherwise than its neighbour takes another byte for the end of the line.

use super::grammar::{field_value_is_clean, is_token};

/// Where in the extensions of a chunk the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// Behind a semicolon.
    Begin,
    Name,
    /// Blanks behind a name.
    AfterName,
    /// Behind an equals sign.
    Equals,
    Value,
    Quoted,
    /// Behind a backslash in quotes.
    Escaped,
    /// Behind a value in quotes, or blanks behind a value.
    AfterValue,
}

impl Extension {
    /// Where the byte after this one stands; none where this one must not stand here.
    pub(super) fn then(self, byte: u8) -> Option<Self> {
        if !field_value_is_clean(&[byte]) {
            return None;
        }
        let is_blank = matches!(byte, b' ' | b'\t');
        match self {
            Self::Quoted if byte == b'"' => Some(Self::AfterValue),
            Self::Quoted if byte == b'\\' => Some(Self::Escaped),
            Self::Quoted | Self::Escaped => Some(Self::Quoted),
            Self::Equals if byte == b'"' => Some(Self::Quoted),
            Self::Begin | Self::Equals if is_blank => Some(self),
            Self::Name | Self::AfterName if is_blank => Some(Self::AfterName),
            Self::Name | Self::AfterName if byte == b'=' => Some(Self::Equals),
            Self::Value | Self::AfterValue if is_blank => Some(Self::AfterValue),
            _ if byte == b';' && self.may_end() => Some(Self::Begin),
            Self::Begin | Self::Name if is_token(&[byte]) => Some(Self::Name),
            Self::Equals | Self::Value if is_token(&[byte]) => Some(Self::Value),
            _ => None,
        }
    }

    /// Whether an extension is complete here. Blanks before the end of the line are forgiven.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::AfterName | Self::Value | Self::AfterValue)
    }
}
