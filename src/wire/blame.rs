//! What is wrong with a refused head, in words for the log: the field, the limit, the byte. It is searched only after a
//! refusal, so that normal reading costs nothing more. Values are shown only for fields that frame and route, because
//! others may contain secrets.

use memchr::{memchr, memrchr};

use super::fault::{AnswerFault, HeadFault};
use super::fields::split_field;
use super::grammar::{field_value_is_clean, is_target_byte, is_token, trim};
use super::kind::{FieldKind, lookalike};
use super::limits::HeadLimits;
use super::proxy_header::{ProxyHeader, read_proxy_header};

const UNEXPECTED: &str = "a PROXY header; proxy-protocol-from of the listener names who may send one";

/// What is wrong with the request at the beginning of a buffer. Empty when the word and the request line say
/// everything.
pub fn blame_request(buffer: &[u8], fault: HeadFault, limits: &HeadLimits) -> String {
    if matches!(read_proxy_header(buffer), ProxyHeader::Whole(..)) {
        return UNEXPECTED.to_owned();
    }
    let mut head = buffer;
    while let [b'\r', b'\n', rest @ ..] = head {
        head = rest;
    }
    match fault {
        HeadFault::BadField => bad_field(head, true),
        HeadFault::BadHost => values(head, &[FieldKind::Host]),
        HeadFault::BadLength => values(head, &[FieldKind::ContentLength]),
        HeadFault::BadTransferEncoding | HeadFault::UnknownCoding => values(head, &[FieldKind::TransferEncoding]),
        HeadFault::LengthAndChunked => values(head, &[FieldKind::ContentLength, FieldKind::TransferEncoding]),
        HeadFault::BadConnection => values(head, &[FieldKind::Connection, FieldKind::Te, FieldKind::Upgrade]),
        HeadFault::ExpectationRefused => values(head, &[FieldKind::Expect]),
        HeadFault::BadAbsoluteTarget => values(head, &[FieldKind::Host]),
        HeadFault::BadTarget => bad_target(head),
        HeadFault::BareCr => line_break(head, b'\r'),
        HeadFault::BareLf => line_break(head, b'\n'),
        HeadFault::HeadTooLarge => format!("more than {} bytes, max-head", limits.bytes),
        HeadFault::TargetTooLong => format!("more than {} bytes", limits.target.min(limits.bytes)),
        HeadFault::TooManyFields => format!("more than {} fields, max-fields", limits.fields),
        HeadFault::BadRequestLine
        | HeadFault::BadVersion
        | HeadFault::MethodRefused
        | HeadFault::NoHost
        | HeadFault::TlsOnPlain => String::new(),
    }
}

/// What is wrong with a field that came over HTTP/2.
pub(super) fn blame_field(name: &[u8], value: &[u8]) -> String {
    field_words(0, name, value, true).unwrap_or_else(|| format!("{}: blanks around its value", shown(name)))
}

/// What is wrong with the answer at the beginning of a buffer. Its head may have so many bytes and fields.
pub fn blame_answer(buffer: &[u8], fault: AnswerFault, (bytes, fields): (usize, usize)) -> String {
    let what = match fault {
        AnswerFault::BadStatusLine => {
            format!("\"{}\"", shown(buffer.split(|byte| *byte == b'\n').next().unwrap_or_default()))
        }
        AnswerFault::BadField => bad_field(buffer, false),
        AnswerFault::BadLength => values(buffer, &[FieldKind::ContentLength]),
        AnswerFault::BadTransferEncoding | AnswerFault::UnknownCoding => values(buffer, &[FieldKind::TransferEncoding]),
        AnswerFault::BadConnection => values(buffer, &[FieldKind::Connection]),
        AnswerFault::BareCr => line_break(buffer, b'\r'),
        AnswerFault::HeadTooLarge => format!("more than {bytes} bytes, max-answer-head"),
        AnswerFault::TooManyFields => format!("more than {fields} fields"),
    };
    if what.is_empty() { fault.word().to_owned() } else { format!("{}: {what}", fault.word()) }
}

/// A byte in words.
pub(super) fn byte_words(byte: u8) -> String {
    format!("byte 0x{byte:02X}")
}

/// The first line that a strict reader refuses, and why.
fn bad_field(head: &[u8], of_client: bool) -> String {
    let wrong = |(number, line): (usize, &[u8])| {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Some(format!("field {number} has no colon"));
        };
        let (name, value) = line.split_at_checked(colon)?;
        field_words(number, name, value.get(1..)?, of_client)
    };
    lines(head).find_map(wrong).unwrap_or_default()
}

fn field_words(number: usize, name: &[u8], value: &[u8], of_client: bool) -> Option<String> {
    let which = if number == 0 { shown(name) } else { format!("field {number}, {}", shown(name)) };
    if let [b' ' | b'\t', ..] = name {
        return Some(format!("field {number} begins with a blank: folded lines are not taken"));
    }
    if name.is_empty() {
        return Some(format!("field {number} has no name"));
    }
    if let [.., b' ' | b'\t'] = name {
        return Some(format!("{which}: a blank before the colon"));
    }
    if let Some(byte) = name.iter().find(|byte| !is_token(&[**byte])) {
        return Some(format!("{which}: {} in its name", byte_words(*byte)));
    }
    if let Some((at, byte)) = value.iter().enumerate().find(|(_, byte)| !field_value_is_clean(&[**byte])) {
        return Some(format!("{which}: {} in its value, at {at}", byte_words(*byte)));
    }
    let looks_like = lookalike(name).filter(|_| of_client && FieldKind::of(name) == FieldKind::Other);
    let framing = matches!(looks_like, Some(FieldKind::ContentLength | FieldKind::TransferEncoding));
    framing.then(|| format!("{which}: would frame the body for a lax reader"))
}

/// The values of the fields of these kinds, each with its name.
fn values(head: &[u8], kinds: &[FieldKind]) -> String {
    let named = lines(head).filter_map(|(_, line)| split_field(line));
    let told = named.filter(|(name, _)| kinds.contains(&FieldKind::of(name)));
    let told = told.map(|(name, value)| format!("{} \"{}\"", shown(name), shown(trim(value))));
    told.take(MOST_TOLD).collect::<Vec<_>>().join(", ")
}

fn bad_target(head: &[u8]) -> String {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let between = memchr(b' ', line).zip(memrchr(b' ', line)).and_then(|(first, last)| line.get(first + 1..last));
    let mut in_query = false;
    let odd = between.unwrap_or_default().iter().enumerate().find(|(_, byte)| {
        in_query |= **byte == b'?';
        !(is_target_byte(**byte) || in_query && **byte == b'\\')
    });
    odd.map_or_else(String::new, |(at, byte)| format!("{}, at {at}", byte_words(*byte)))
}

/// The place in words at which a line ends with only one half of CRLF.
fn line_break(head: &[u8], half: u8) -> String {
    let alone = |at: usize| match half {
        b'\r' => head.get(at + 1).is_some_and(|next| *next != b'\n'),
        _ => at == 0 || head.get(at - 1) != Some(&b'\r'),
    };
    let found = head.iter().enumerate().find(|(at, byte)| **byte == half && alone(*at)).map(|(at, _)| at);
    let before = found.and_then(|at| head.get(..at)).unwrap_or_default();
    match before.iter().filter(|byte| **byte == b'\n').count() {
        0 => "in the first line".to_owned(),
        number => {
            let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let name = line.split(|byte| *byte == b':').next().filter(|name| is_token(name));
            name.map_or_else(|| format!("in field {number}"), |name| format!("in field {number}, {}", shown(name)))
        }
    }
}

/// The lines after the first one up to an empty line, with their numbers.
fn lines(head: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let line = |line: &'_ [u8]| -> usize { line.strip_suffix(b"\r").unwrap_or(line).len() };
    let all = head.split(|byte| *byte == b'\n').skip(1).map(move |text| text.get(..line(text)).unwrap_or_default());
    all.take_while(|line| !line.is_empty()).zip(1..).map(|(line, number)| (number, line))
}

/// Received bytes as safe text: short, and without anything that could end a quotation or a line.
fn shown(bytes: &[u8]) -> String {
    let fit = |byte: &u8| match byte {
        b'"' | b'\\' => '?',
        0x20..0x7f => char::from(*byte),
        _ => '?',
    };
    let mut text: String = bytes.iter().take(MOST_SHOWN).map(fit).collect();
    if bytes.len() > MOST_SHOWN {
        text.push_str("...");
    }
    text
}

const MOST_SHOWN: usize = 40;
const MOST_TOLD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{AnswerHead, AnswerScan, Method, RequestHead, Scan};

    #[test]
    fn a_refused_request_tells_the_field_the_limit_and_the_byte() {
        let limits = HeadLimits { bytes: 512, fields: 4, target: 64, secure: false };
        let of = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        let long = "a".repeat(600);
        for (text, expected) in [
            (of("X-Foo: a\u{1}b"), "field 2, X-Foo: byte 0x01 in its value, at 2"),
            (of("A: 1\r\nX(: b"), "field 3, X(: byte 0x28 in its name"),
            (of("X\u{e9}: b"), "field 2, X??: byte 0xC3 in its name"),
            (of("X : b"), "field 2, X : a blank before the colon"),
            (of("X: a\r\n b: c"), "field 3 begins with a blank: folded lines are not taken"),
            (of(": b"), "field 2 has no name"),
            (of("Secret"), "field 2 has no colon"),
            (of("Content_Length: 5"), "field 2, Content_Length: would frame the body for a lax reader"),
            (of("Content-Length: 5, 5"), "Content-Length \"5, 5\""),
            (of("Content-Length: 5\r\ncontent-length: 6"), "Content-Length \"5\", content-length \"6\""),
            (
                of("Content-Length: 5\r\nTransfer-Encoding: chunked"),
                "Content-Length \"5\", Transfer-Encoding \"chunked\"",
            ),
            (of("Transfer-Encoding: \"chunked\""), "Transfer-Encoding \"?chunked?\""),
            (of("Transfer-Encoding: gzip"), "Transfer-Encoding \"gzip\""),
            (of("Connection: a b"), "Connection \"a b\""),
            (of("Expect: 200-ok"), "Expect \"200-ok\""),
            (of("Host: b"), "Host \"a\", Host \"b\""),
            (of("1: 1\r\n2: 2\r\n3: 3\r\n4: 4"), "more than 4 fields, max-fields"),
            (of(&format!("X: {long}")), "more than 512 bytes, max-head"),
            (format!("GET /{long} HTTP/1.1\r\n\r\n"), "more than 64 bytes"),
            (of("X: a\nY: b"), "in field 2, X"),
            (of("X: a\rY: b"), "in field 2, X"),
            ("GET / HTTP/1.1\nHost: a\n\n".to_owned(), "in the first line"),
            ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "byte 0x5C, at 2"),
            ("GET /?a=\\#b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "byte 0x23, at 5"),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "byte 0x20, at 2"),
            ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "byte 0x23, at 2"),
            ("\r\nGET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "Host \"a\""),
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), ""),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n\r\n".to_owned(), UNEXPECTED),
            ("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET / HTTP/1.1\r\n\r\n".to_owned(), UNEXPECTED),
            ("\0".to_owned(), ""),
        ] {
            let mut head = RequestHead::new();
            let Scan::Bad(fault) = head.take(text.as_bytes(), 0, &limits) else { panic!("{text:?} is good") };
            assert_eq!(blame_request(text.as_bytes(), fault, &limits), expected, "{text:?}");
        }
        assert_eq!(blame_field(b"x", b"a\nb"), "x: byte 0x0A in its value, at 1");
        assert_eq!(blame_field(b"X y", b""), "X y: byte 0x20 in its name");
        assert_eq!(blame_field(b"x", b" a"), "x: blanks around its value");
    }

    #[test]
    fn a_refused_answer_tells_them_too() {
        let of = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        for (text, expected) in [
            (of("Set-Cookie: JSESSIONID=SECRET\0"), "bad-field: field 1, Set-Cookie: byte 0x00 in its value, at 18"),
            (of("A: b\r\nX\r\n"), "bad-field: field 2 has no colon"),
            (of("Content-Length: 5\r\nContent-Length: 6"), "bad-length: Content-Length \"5\", Content-Length \"6\""),
            (
                of("Transfer-Encoding: chunked, chunked"),
                "bad-transfer-encoding: Transfer-Encoding \"chunked, chunked\"",
            ),
            (of("Transfer-Encoding: gzip"), "unknown-coding: Transfer-Encoding \"gzip\""),
            (of(&"a: b\r\n".repeat(300)), "too-many-fields: more than 256 fields"),
            (of(&format!("X: {}", "a".repeat(9000))), "head-too-large: more than 8192 bytes, max-answer-head"),
            (of("X: a\rb"), "bare-cr: in field 1, X"),
            ("HTP/1.1 200 \"OK\"\r\n".to_owned(), "bad-status-line: \"HTP/1.1 200 ?OK??\""),
        ] {
            let mut head = AnswerHead::new();
            let AnswerScan::Bad(fault) = head.take(text.as_bytes(), 0, 8192, Method::Get) else { panic!("{text:?}") };
            let told = blame_answer(text.as_bytes(), fault, (8192, AnswerHead::MOST_FIELDS));
            assert_eq!(told, expected, "{text:?}");
            assert!(!told.contains("SECRET"));
        }
    }

    #[test]
    fn whatever_comes_is_told_in_few_plain_words() {
        let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
        bytes.extend((0..=255u8).cycle().take(70_000));
        for fault in HeadFault::ALL {
            for text in [&bytes[..], &bytes[16..], b"", b"\r", b"\n", b"\r\n\r\n", &[b'a'; 100]] {
                let told = blame_request(text, fault, &HeadLimits::default());
                assert!(told.len() < 400 && told.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{told}");
            }
        }
    }
}
