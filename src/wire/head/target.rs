//! The forms of a request's target: the one that is sent to the node, and the parts that routing needs.

use memchr::memchr;

use super::request_line::Method;
use crate::wire::fault::HeadFault;
use crate::wire::fields::Span;
use crate::wire::words::position;

/// A target and its parts as positions in the head.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Target {
    pub(super) written: Span,
    pub(super) up: Span,
    pub(super) path: Span,
    pub(super) query: Option<Span>,
    pub(super) authority: Option<Span>,
}

//= rfc9110#7.1 asterisk
/// Reads origin-form, absolute-form, and `*` with OPTIONS. If an absolute target has no path, the target for the node
/// is written behind the head.
pub(super) fn read_target(
    bytes: &mut Vec<u8>,
    written: Span,
    method: Method,
    secure: bool,
) -> Result<Target, HeadFault> {
    match written.of(bytes) {
        [b'/', ..] => Ok(with_parts(bytes, written, written, None)),
        b"*" if method == Method::Options => Ok(with_parts(bytes, written, written, None)),
        _ => read_absolute(bytes, written, method, secure),
    }
}

//= rfc9112#3.2.1 origin-form
//= rfc9110#7.4 wrong-scheme
//= rfc9110#4.2.1 empty-host
fn read_absolute(bytes: &mut Vec<u8>, written: Span, method: Method, secure: bool) -> Result<Target, HeadFault> {
    let target = written.of(bytes);
    let colon = memchr(b':', target).ok_or(HeadFault::BadTarget)?;
    let (scheme, rest) = target.split_at_checked(colon).ok_or(HeadFault::BadTarget)?;
    let rest = rest.strip_prefix(b"://").ok_or(HeadFault::BadTarget)?;
    let expected: &[u8] = if secure { b"https" } else { b"http" };
    let length = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    if !scheme.eq_ignore_ascii_case(expected) || length == 0 {
        return Err(HeadFault::BadAbsoluteTarget);
    }
    let path_at = colon + b"://".len() + length;
    let authority = Some(written.part(colon + b"://".len(), length));
    let up = match target.get(path_at..).unwrap_or_default() {
        //= rfc9112#3.2.4 asterisk
        // RFC 9112 section 3.2.4: OPTIONS without a path asks about the server as a whole.
        [] if method == Method::Options => append(bytes, b"*"),
        [] => append(bytes, b"/"),
        [b'?', ..] => {
            let query = written.part(path_at, target.len() - path_at);
            append_query(bytes, query)
        }
        path => written.part(path_at, path.len()),
    };
    Ok(with_parts(bytes, written, up, authority))
}

fn with_parts(bytes: &[u8], written: Span, up: Span, authority: Option<Span>) -> Target {
    let target = up.of(bytes);
    match position(target, b'?') {
        None => Target { written, up, path: up, query: None, authority },
        Some(mark) => {
            let query = Some(up.part(mark + 1, target.len() - mark - 1));
            Target { written, up, path: up.part(0, mark), query, authority }
        }
    }
}

fn append_query(bytes: &mut Vec<u8>, query: Span) -> Span {
    let start = bytes.len();
    bytes.push(b'/');
    bytes.extend_from_within(query.range());
    Span::new(start, bytes.len())
}

fn append(bytes: &mut Vec<u8>, part: &[u8]) -> Span {
    let start = bytes.len();
    bytes.extend_from_slice(part);
    Span::new(start, bytes.len())
}
