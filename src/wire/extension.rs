//! The extensions of a chunk (RFC 9112 section 7.1.1): names, perhaps with a value, each after a semicolon. Nobody
//! needs them. But if two readers parse them differently, they find the end of the line at different bytes.

use super::grammar::{field_value_is_clean, is_token};

/// The position of the next byte in the extensions of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// After a semicolon.
    Begin,
    Name,
    /// In blanks after a name.
    AfterName,
    /// After an equals sign.
    Equals,
    Value,
    Quoted,
    /// After a backslash in quotes.
    Escaped,
    /// After a quoted value, or in blanks after a value.
    AfterValue,
}

impl Extension {
    //= rfc9112#7.1.1 extensions
    /// The position after this byte. `None` when the byte is not allowed here.
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

    /// Whether an extension is complete here. Blanks before the end of the line are accepted.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::AfterName | Self::Value | Self::AfterValue)
    }
}
