//! The normal form of a path: the one reading by which Weir routes and denies. What goes up is never this form, but
//! the client's own bytes; so whatever a node could read differently is a fault here, not a guess.

use memchr::memchr_iter;

use super::fault::PathFault;

/// Writes the normal form of a raw path (without its query) into `out`: unreserved bytes percent-decoded once, path
/// parameters cut, empty and dot segments resolved. `*` stays `*`.
pub fn normal_path(raw: &[u8], out: &mut Vec<u8>) -> Result<(), PathFault> {
    out.clear();
    if raw == b"*" {
        out.push(b'*');
        return Ok(());
    }
    let segments = raw.strip_prefix(b"/").ok_or(PathFault::NotAPath)?;
    out.push(b'/');
    if is_plain(segments) {
        out.extend_from_slice(segments);
        return Ok(());
    }
    let mut segments = segments.split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        push_segment(segment, segments.peek().is_none(), out)?;
    }
    Ok(())
}

/// Most paths have nothing to resolve: no escape, no parameter, no dot after a slash, no two slashes.
fn is_plain(segments: &[u8]) -> bool {
    !segments.iter().any(|byte| matches!(byte, b'%' | b';' | b'\\'))
        && !matches!(segments.first(), Some(b'.' | b'/'))
        && !memchr_iter(b'/', segments).any(|at| matches!(segments.get(at + 1), Some(b'.' | b'/')))
}

/// Adds a segment to a path that ends with a slash; the path ends with a slash again unless this one is the last.
fn push_segment(segment: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), PathFault> {
    let start = out.len();
    // Tomcat cuts parameters before it resolves dots: `/..;/` climbs.
    decode(segment, out)?;
    match out.get(start..).unwrap_or_default() {
        b"" => {}
        b"." => out.truncate(start),
        b".." => {
            out.truncate(start);
            climb(out)?;
        }
        _ if !last => out.push(b'/'),
        _ => {}
    }
    Ok(())
}

fn climb(out: &mut Vec<u8>) -> Result<(), PathFault> {
    let inner = out.strip_suffix(b"/").filter(|inner| !inner.is_empty()).ok_or(PathFault::AboveRoot)?;
    let parent = memchr::memrchr(b'/', inner).ok_or(PathFault::AboveRoot)?;
    out.truncate(parent + 1);
    Ok(())
}

/// Writes a segment up to its parameters. Faults behind the semicolon are faults all the same.
fn decode(segment: &[u8], out: &mut Vec<u8>) -> Result<(), PathFault> {
    let mut rest = segment;
    let mut cut = false;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let (byte, escaped) = match byte {
            b'\\' => return Err(PathFault::Backslash),
            b'%' => {
                let (byte, after) = read_escape(rest)?;
                rest = after;
                (byte, true)
            }
            _ => (byte, false),
        };
        cut |= byte == b';' && !escaped;
        if !cut {
            push_byte(byte, escaped, out);
        }
    }
    Ok(())
}

fn read_escape(rest: &[u8]) -> Result<(u8, &[u8]), PathFault> {
    let [high, low, after @ ..] = rest else { return Err(PathFault::BadEscape) };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Err(PathFault::BadEscape) };
    match high << 4 | low {
        0 => Err(PathFault::EncodedNul),
        b'/' => Err(PathFault::EncodedSlash),
        b'\\' => Err(PathFault::Backslash),
        byte => Ok((byte, after)),
    }
}

/// An escape stays one, in upper case, where decoding could change what the path means (3986 6.2.2).
fn push_byte(byte: u8, escaped: bool, out: &mut Vec<u8>) {
    let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if !escaped || unreserved {
        out.push(byte);
        return;
    }
    let digit = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or(b'0');
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 0xf)]);
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";
