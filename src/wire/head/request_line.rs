//! The request line: method, target and version, with exactly one space between them.

use memchr::{memchr, memrchr};

use crate::wire::fault::HeadFault;
use crate::wire::fields::{LineFault, Lines, Span, line};
use crate::wire::grammar::{is_target_byte, is_token, target_is_clean, token_end};
use crate::wire::limits::HeadLimits;

/// A version of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the method of that name")]
pub enum Method {
    Delete,
    Get,
    Head,
    Options,
    Other,
    Patch,
    Post,
    Put,
}

impl Method {
    /// Whether repeating the request does no harm (RFC 9110 section 9.2.2). An unknown method may do anything, so it is
    /// not idempotent.
    pub const fn idempotent(self) -> bool {
        matches!(self, Self::Delete | Self::Get | Self::Head | Self::Options | Self::Put)
    }

    fn of(written: &[u8]) -> Self {
        match written {
            b"DELETE" => Self::Delete,
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            _ => Self::Other,
        }
    }
}

/// The parts of a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) method: Method,
    pub(super) name: Span,
    pub(super) target: Span,
    pub(super) version: Version,
}

/// The request line at the beginning of a head, and where its fields begin.
pub(super) fn first_line(bytes: &[u8], limits: &HeadLimits) -> Result<(RequestLine, usize), HeadFault> {
    good_first_line(bytes, limits).map_or_else(|| checked_first_line(bytes, limits), Ok)
}

fn checked_first_line(bytes: &[u8], limits: &HeadLimits) -> Result<(RequestLine, usize), HeadFault> {
    let (line, next) = line(bytes, 0, Lines::Strict).map_err(|fault| match fault {
        LineFault::BareLf => HeadFault::BareLf,
        LineFault::Bad | LineFault::TooMany => HeadFault::BadRequestLine,
    })?;
    Ok((read_request_line(bytes, line, limits)?, next))
}

/// The same in one pass. `None` when something needs the full check.
pub(super) fn good_first_line(bytes: &[u8], limits: &HeadLimits) -> Option<(RequestLine, usize)> {
    let method = token_end(bytes, 0);
    let name = bytes.get(..method)?;
    if method == 0 || method > LONGEST_METHOD || bytes.get(method) != Some(&b' ') {
        return None;
    }
    let start = method + 1;
    let target = bytes.get(start..)?;
    let end = start + target.iter().position(|&byte| !is_target_byte(byte))?;
    let rest = bytes.get(end..)?.first_chunk()?;
    let version = match rest {
        b" HTTP/1.1\r\n" => Version::Http11,
        b" HTTP/1.0\r\n" => Version::Http10,
        _ => return None,
    };
    let known = Method::of(name);
    let is_refused = known == Method::Other && refuse_method(name).is_err();
    if end == start || end - start > limits.target || is_refused {
        return None;
    }
    let (name, target) = (Span::new(0, method), Span::new(start, end));
    Some((RequestLine { method: known, name, target, version }, end + rest.len()))
}

/// Reads a request line. The bytes and the length of the target are checked here, its form in `read_target`.
pub(super) fn read_request_line(bytes: &[u8], line: Span, limits: &HeadLimits) -> Result<RequestLine, HeadFault> {
    let written = line.of(bytes);
    let first = memchr(b' ', written).ok_or(HeadFault::BadRequestLine)?;
    let last = memrchr(b' ', written).unwrap_or(first);
    let name = line.part(0, first);
    if !is_token(name.of(bytes)) || name.len() > LONGEST_METHOD || last <= first + 1 {
        return Err(HeadFault::BadRequestLine);
    }
    let version = read_version(written.get(last + 1..).unwrap_or_default())?;
    refuse_method(name.of(bytes))?;
    let target = line.part(first + 1, last - first - 1);
    if target.len() > limits.target {
        return Err(HeadFault::TargetTooLong);
    }
    if !target_is_clean(target.of(bytes)) {
        return Err(HeadFault::BadTarget);
    }
    Ok(RequestLine { method: Method::of(name.of(bytes)), name, target, version })
}

fn read_version(written: &[u8]) -> Result<Version, HeadFault> {
    match written {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        // HTTP/0.9 has no version in its request line, so a line with this version is malformed too.
        [b'H', b'T', b'T', b'P', b'/', b'1'..=b'9', b'.', b'0'..=b'9'] => Err(HeadFault::BadVersion),
        _ => Err(HeadFault::BadRequestLine),
    }
}

//= rfc9110#9.1 methods
/// Methods are case-sensitive. But a node may ignore case, so CONNECT and TRACE are refused in any case.
fn refuse_method(name: &[u8]) -> Result<(), HeadFault> {
    if name.eq_ignore_ascii_case(b"CONNECT") || name.eq_ignore_ascii_case(b"TRACE") {
        return Err(HeadFault::MethodRefused);
    }
    Ok(())
}

/// The longest registered method has 17 bytes (UPDATEREDIRECTREF). A much longer one is garbage.
pub(super) const LONGEST_METHOD: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::mutated::mutated;
    use super::*;

    /// A line with a target of so many bytes.
    fn target_of(length: usize) -> String {
        format!("GET /{} HTTP/1.1\r\n", "a".repeat(length - 1))
    }

    #[test]
    fn each_method_is_known_and_whether_it_may_be_repeated() {
        for (name, method, idempotent) in [
            ("DELETE", Method::Delete, true),
            ("GET", Method::Get, true),
            ("HEAD", Method::Head, true),
            ("OPTIONS", Method::Options, true),
            ("PATCH", Method::Patch, false),
            ("POST", Method::Post, false),
            ("PUT", Method::Put, true),
            ("PROPFIND", Method::Other, false),
            ("get", Method::Other, false),
        ] {
            let found = Method::of(name.as_bytes());
            assert_eq!((found, found.idempotent()), (method, idempotent), "{name}");
        }
    }

    #[test]
    fn a_line_read_in_one_pass_is_the_same_line() {
        let limits = HeadLimits { target: 20, ..HeadLimits::new(1000, 10, false) };
        let long =
            ["M".repeat(LONGEST_METHOD), "M".repeat(LONGEST_METHOD + 1)].map(|name| format!("{name} / HTTP/1.1\r\n"));
        let made = [target_of(19), target_of(20), target_of(21)].into_iter().chain(long).collect::<Vec<_>>();
        let written = [
            "GET / HTTP/1.1\r\n",
            "POST /a?b=c HTTP/1.0\r\n",
            "HEAD * HTTP/1.1\r\n",
            "PUT http://a.b/ HTTP/1.1\r\n",
            "DELETE /x HTTP/1.1\r\n",
            "PATCH /x HTTP/1.1\r\n",
            "OPTIONS * HTTP/1.1\r\n",
            "PROPFIND /x HTTP/1.1\r\n",
            "CONNECT a:1 HTTP/1.1\r\n",
            "TRACE / HTTP/1.1\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET  HTTP/1.1\r\n",
            " GET / HTTP/1.1\r\n",
            "GET / HTTP/1.2\r\n",
            "GET / HTTP/2.0\r\n",
            "GET /a b HTTP/1.1\r\n",
            "GET /\u{7f} HTTP/1.1\r\n",
            "GET / HTTP/1.1\n",
            "GET /",
            "/ HTTP/1.1\r\n",
            "GET /#f HTTP/1.1\r\n",
            "get / HTTP/1.1\r\n",
        ];
        let good =
            mutated(written.into_iter().chain(made.iter().map(String::as_str)).cycle().take(2_000), |bytes, cut| {
                [bytes, &bytes[..cut]].map(|bytes| {
                    let good = good_first_line(bytes, &limits);
                    let text = bytes.escape_ascii();
                    assert!(good.is_none() || good == checked_first_line(bytes, &limits).ok(), "{text}: {good:?}");
                    good.is_some()
                })
            });
        let good = good.concat().into_iter().filter(|good| *good).count();
        assert!((500..40_000).contains(&good), "{good} of 80000");
        for (line, is_good) in made.iter().zip([true, true, false, true, false]) {
            assert_eq!(good_first_line(line.as_bytes(), &limits).is_some(), is_good, "{line}");
            assert_eq!(checked_first_line(line.as_bytes(), &limits).is_ok(), is_good, "{line}");
        }
        for line in &written[..6] {
            let (good, checked) =
                (good_first_line(line.as_bytes(), &limits), checked_first_line(line.as_bytes(), &limits));
            assert!(good.is_some() && good == checked.ok(), "{line}");
        }
    }
}
