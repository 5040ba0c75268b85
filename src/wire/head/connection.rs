//! The Connection field: its options, and the fields that are not forwarded because it names them (RFC 9110 section
//! 7.6.1).

use super::request_line::Version;
use crate::wire::fields::{FieldSpan, Fields};
use crate::wire::grammar::{is_token, members};
use crate::wire::kind::{FieldKind, is};

/// What Connection says about the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) close: bool,
    pub(super) kept: bool,
    pub(super) upgrade: bool,
    /// Whether it names other fields.
    pub(super) named: bool,
}

impl Options {
    //= rfc9112#9.6 close
    /// Whether the connection stays open: by default in HTTP/1.1, on request in HTTP/1.0, never with `close`.
    pub(super) fn keep_alive(self, version: Version) -> bool {
        !self.close && (self.kept || version == Version::Http11)
    }
}

/// Connection is not a list of tokens, names too many of them, or names a field that must be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadConnection;

//= rfc9110#7.6.1 connection
/// Reads all Connection fields and marks the fields that they name.
pub(super) fn read_connection(
    bytes: &[u8],
    fields: &mut Fields,
    must_travel: fn(&[u8]) -> bool,
) -> Result<Options, BadConnection> {
    let mut options = Options::default();
    if !fields.kinds.has(FieldKind::Connection) {
        return Ok(options);
    }
    let mut named = 0;
    for at in 0..fields.spans.len() {
        let Some(field) = fields.spans.get(at).filter(|field| field.kind == FieldKind::Connection) else { continue };
        let value = field.value.of(bytes);
        // Most Connection fields are just this word, so nothing needs to be split.
        if is(value, b"keep-alive") {
            (named, options.kept) = (named + 1, true);
            continue;
        }
        for member in members(value) {
            named += 1;
            // Each name is looked up in all fields, so their number is limited.
            if named > MOST_NAMED {
                return Err(BadConnection);
            }
            read_member(bytes, fields, member, &mut options, must_travel)?;
        }
    }
    if named > MOST_NAMED { Err(BadConnection) } else { Ok(options) }
}

//= rfc9110#5.6.1 empty-members
fn read_member(
    bytes: &[u8],
    fields: &mut Fields,
    member: &[u8],
    options: &mut Options,
    must_travel: fn(&[u8]) -> bool,
) -> Result<(), BadConnection> {
    if member.is_empty() {
        return Ok(());
    }
    if is(member, b"close") {
        options.close = true;
    } else if is(member, b"keep-alive") {
        options.kept = true;
    } else if is(member, b"upgrade") {
        options.upgrade = true;
    } else if !is_token(member) || must_travel(member) {
        return Err(BadConnection);
    } else {
        options.named = true;
        mark(bytes, &mut fields.spans, member);
    }
    Ok(())
}

fn mark(bytes: &[u8], fields: &mut [FieldSpan], name: &[u8]) {
    fields
        .iter_mut()
        .filter(|field| field.name.of(bytes).eq_ignore_ascii_case(name))
        .for_each(|field| field.hop = true);
}

const MOST_NAMED: usize = 64;
