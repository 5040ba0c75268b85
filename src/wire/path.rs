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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_has_one_normal_form() {
        let cases = [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a/b.c/d..e/..f/.g", "/a/b.c/d..e/..f/.g"),
            ("*", "*"),
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b///c", "/a/b/c"),
            ("/a//", "/a/"),
            ("/.", "/"),
            ("/./a", "/a"),
            ("/a/.", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/../../c", "/c"),
            ("/a//../b", "/b"),
            ("/...", "/..."),
            ("/a/.../b", "/a/.../b"),
            ("/services/../carbon", "/carbon"),
            ("/%63arbon", "/carbon"),
            ("/c%61rb%6fn", "/carbon"),
            ("/%2e/carbon", "/carbon"),
            ("/x/%2e%2E/carbon", "/carbon"),
            ("/x/.%2e/carbon", "/carbon"),
            ("/a%2Db%5fc%7Ed", "/a-b_c~d"),
            ("/a%20b", "/a%20b"),
            ("/a%c3%a9", "/a%C3%A9"),
            ("/a%3bb", "/a%3Bb"),
            ("/a%2563", "/a%2563"),
            ("/a%25%32%65", "/a%252e"),
            ("/a+b", "/a+b"),
            ("/carbon;x=1", "/carbon"),
            ("/carbon;x=1/admin;y", "/carbon/admin"),
            ("/x/..;/carbon", "/carbon"),
            ("/x/..;a=b/carbon", "/carbon"),
            ("/x/%2e%2e;a/carbon", "/carbon"),
            ("/;x/carbon", "/carbon"),
            ("/a/;jsessionid=1", "/a/"),
            ("/;", "/"),
            ("/Carbon", "/Carbon"),
            ("/a:b@c!$&'()*,=", "/a:b@c!$&'()*,="),
        ];
        let mut out = b"left over".to_vec();
        for (raw, expected) in cases {
            assert_eq!(normal_path(raw.as_bytes(), &mut out), Ok(()), "{raw}");
            assert_eq!(out.escape_ascii().to_string(), expected.replace('\'', "\\'"), "{raw}");
            let once = out.clone();
            assert_eq!(normal_path(&once, &mut out), Ok(()), "{raw}");
            assert_eq!(out, once, "the normal form of a normal form is itself: {raw}");
        }
    }

    #[test]
    fn what_nodes_could_read_differently_has_none() {
        let cases = [
            ("", PathFault::NotAPath),
            ("a", PathFault::NotAPath),
            ("**", PathFault::NotAPath),
            ("/..", PathFault::AboveRoot),
            ("/../a", PathFault::AboveRoot),
            ("/a/../..", PathFault::AboveRoot),
            ("/%2e%2e/a", PathFault::AboveRoot),
            ("/..;x/a", PathFault::AboveRoot),
            ("//../a", PathFault::AboveRoot),
            ("/%", PathFault::BadEscape),
            ("/%4", PathFault::BadEscape),
            ("/%4/a", PathFault::BadEscape),
            ("/%g1", PathFault::BadEscape),
            ("/%u0041", PathFault::BadEscape),
            ("/a;x=%zz", PathFault::BadEscape),
            ("/%00", PathFault::EncodedNul),
            ("/a;x=%00", PathFault::EncodedNul),
            ("/a%2fb", PathFault::EncodedSlash),
            ("/a%2Fb", PathFault::EncodedSlash),
            ("/a;x=%2f", PathFault::EncodedSlash),
            ("/a%5cb", PathFault::Backslash),
            ("/a%5Cb", PathFault::Backslash),
            ("/a\\b", PathFault::Backslash),
        ];
        for (raw, fault) in cases {
            assert_eq!(normal_path(raw.as_bytes(), &mut Vec::new()), Err(fault), "{raw}");
        }
    }
}
