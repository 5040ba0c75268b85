//! Finds the end of a head while its bytes arrive. Refuses at the first byte that makes the head invalid, so that
//! nobody waits for the rest of garbage. The outcome does not depend on how the bytes are split into reads.

use memchr::{memchr, memchr3_iter};

use super::request_line::{LONGEST_METHOD, read_request_line};
use crate::wire::fault::{AnswerFault, HeadFault};
use crate::wire::fields::{Lines, line};
use crate::wire::grammar::is_token;
use crate::wire::limits::HeadLimits;

/// The state of the head in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// More bytes are needed.
    Partial,
    /// The head ends before this byte, counted from the start of the buffer.
    End(usize),
    /// These bytes can never become a valid head.
    Bad(HeadFault),
}

/// The state of the head of a node's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerScan {
    /// More bytes are needed.
    Partial,
    /// The head ends before this byte, counted from the start of the buffer.
    End(usize),
    /// These bytes can never become a valid head.
    Bad(AnswerFault),
}

//= rfc9112#2.2 bytes
/// Looks for the end of a request's head. An earlier scan has already seen the first `from` bytes.
pub fn scan_head(buffer: &[u8], from: usize, limits: &HeadLimits) -> Scan {
    let head = match skip_empty_lines(buffer, limits) {
        Ok(Some(head)) => head,
        Ok(None) => return Scan::Partial,
        Err(fault) => return Scan::Bad(fault),
    };
    let skipped = buffer.len() - head.len();
    match scan_lines(head, from.saturating_sub(skipped), limits) {
        Ok(Some(end)) => Scan::End(skipped + end),
        Ok(None) => Scan::Partial,
        Err(fault) => Scan::Bad(fault),
    }
}

/// The buffer from its request line on. A few empty lines before it are accepted: RFC 9112 section 2.2 requires at
/// least one, nginx and HAProxy accept any number. `None` when more bytes are needed.
pub(super) fn skip_empty_lines<'a>(buffer: &'a [u8], limits: &HeadLimits) -> Result<Option<&'a [u8]>, HeadFault> {
    let mut head = buffer;
    for _ in 0..MOST_EMPTY_LINES {
        head = match head {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', rest @ ..] => rest,
            [b'\r', ..] => return Err(HeadFault::BareCr),
            [b'\n', ..] => return Err(HeadFault::BareLf),
            _ => break,
        };
    }
    match head {
        [] => Ok(None),
        // A TLS record, or the hello of SSL 2.
        [0x16 | 0x80, ..] if !limits.secure => Err(HeadFault::TlsOnPlain),
        [first, ..] if is_token(&[*first]) => Ok(Some(head)),
        _ => Err(HeadFault::BadRequestLine),
    }
}

fn scan_lines(head: &[u8], from: usize, limits: &HeadLimits) -> Result<Option<usize>, HeadFault> {
    let longest = (limits.target + LONGEST_METHOD + b"  HTTP/1.1\r\n".len()).min(limits.bytes);
    let Some(first) = memchr(b'\n', upto(head, longest)) else {
        find_end(upto(head, longest), from).map_err(|(_, fault)| in_first_line(fault))?;
        return if head.len() > longest { Err(too_long(head)) } else { Ok(None) };
    };
    let found = match find_end(upto(head, limits.bytes), from) {
        Ok(Some(end)) => return Ok(Some(end)),
        Ok(None) if head.len() > limits.bytes => Err(HeadFault::HeadTooLarge),
        Ok(None) if first < from => return Ok(None),
        Ok(None) => Ok(None),
        Err((at, fault)) if at <= first => return Err(in_first_line(fault)),
        Err((_, fault)) => Err(fault),
    };
    // A fault in the first line is reported before faults in later lines of the same read.
    let (line, _) = line(head, 0, Lines::Strict).map_err(|_| HeadFault::BareLf)?;
    read_request_line(head, line, limits)?;
    found
}

//= rfc9112#2.2 bare-cr
/// The end of the first empty line, or the first invalid byte and its fault. Looks a little before `from`, because the
/// four bytes of the end may arrive in several reads.
fn find_end(bytes: &[u8], from: usize) -> Result<Option<usize>, (usize, HeadFault)> {
    let start = from.saturating_sub(3);
    for found in memchr3_iter(b'\r', b'\n', 0, bytes.get(start..).unwrap_or_default()) {
        let at = start + found;
        let next = bytes.get(at + 1).copied();
        match bytes.get(at) {
            Some(b'\r') if next.is_none() => return Ok(None),
            Some(b'\r') if next == Some(b'\n') => {}
            Some(b'\r') => return Err((at, HeadFault::BareCr)),
            Some(b'\n') if at == 0 || bytes.get(at - 1) != Some(&b'\r') => return Err((at, HeadFault::BareLf)),
            Some(b'\n') if next == Some(b'\r') && bytes.get(at + 2) == Some(&b'\n') => return Ok(Some(at + 3)),
            Some(b'\n') => {}
            _ => return Err((at, HeadFault::BadField)),
        }
    }
    Ok(None)
}

/// Looks for the end of the head of a node's answer, whose lines may end with LF alone. `from` as in `scan_head`.
pub fn scan_answer(buffer: &[u8], from: usize, most: usize) -> AnswerScan {
    if !buffer.iter().zip(b"HTTP/1.").all(|(byte, expected)| byte == expected) {
        return AnswerScan::Bad(AnswerFault::BadStatusLine);
    }
    match find_answer_end(upto(buffer, most), from) {
        Ok(Some(end)) => AnswerScan::End(end),
        Ok(None) if buffer.len() > most => AnswerScan::Bad(AnswerFault::HeadTooLarge),
        Ok(None) => AnswerScan::Partial,
        Err(fault) => AnswerScan::Bad(fault),
    }
}

fn find_answer_end(bytes: &[u8], from: usize) -> Result<Option<usize>, AnswerFault> {
    let start = from.saturating_sub(3);
    for found in memchr3_iter(b'\r', b'\n', 0, bytes.get(start..).unwrap_or_default()) {
        let at = start + found;
        match bytes.get(at..).unwrap_or_default() {
            [b'\n', b'\n', ..] => return Ok(Some(at + 2)),
            [b'\n', b'\r', b'\n', ..] => return Ok(Some(at + 3)),
            [b'\n', ..] | [b'\r', b'\n', ..] => {}
            [b'\r'] => return Ok(None),
            [b'\r', ..] => return Err(AnswerFault::BareCr),
            _ => return Err(AnswerFault::BadField),
        }
    }
    Ok(None)
}

fn upto(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

fn in_first_line(fault: HeadFault) -> HeadFault {
    if fault == HeadFault::BadField { HeadFault::BadRequestLine } else { fault }
}

//= rfc9112#3 long-target
//= rfc9110#5.4 too-large
/// The fault of a request line that is too long and has no end.
fn too_long(head: &[u8]) -> HeadFault {
    match memchr(b' ', upto(head, LONGEST_METHOD + 1)) {
        None => HeadFault::BadRequestLine,
        Some(_) => HeadFault::TargetTooLong,
    }
}

const MOST_EMPTY_LINES: usize = 4;
