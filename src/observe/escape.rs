//! Escapes bytes from clients for a log line and masks session ids in them. No byte gets through that could end a line or
//! a quoted field, and no session's value.

use memchr::memchr2;

/// The escaping of one log format.
pub(super) type Escape = fn(&mut Vec<u8>, &[u8]);

/// Escapes `bytes`, with a `*` wherever they hold the value of a session: `;jsessionid=…`, or `NAME=…` of one of these.
pub(super) fn write_masked<Name: AsRef<str>>(out: &mut Vec<u8>, bytes: &[u8], names: &[Name], escape: Escape) {
    // Nearly always there is nothing to mask and nothing to escape: one pass over whole words tells both.
    if !any(bytes, |word| unfit(word, b' ') | equal(word, b'=') | equal(word, b'%')) {
        return out.extend_from_slice(bytes);
    }
    let mut rest = bytes;
    while let Some((before, after)) = split_session(rest, names) {
        escape(out, before);
        out.push(b'*');
        rest = after;
    }
    escape(out, rest);
}

/// nginx's `escape=default`: `\xHH` for controls, `"`, `\`, DEL and everything above ASCII.
pub(super) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    write_hexed(out, bytes, b' ');
}

/// As [`quoted`], and the blank too: for values that stand without quotes.
pub(super) fn bare(out: &mut Vec<u8>, bytes: &[u8]) {
    write_hexed(out, bytes, b'!');
}

/// The inside of a JSON string (RFC 8259 section 7); a byte that is no UTF-8 becomes `\u00XX`.
pub(super) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    if !any(bytes, |word| unfit(word, b' ')) {
        return out.extend_from_slice(bytes);
    }
    for chunk in bytes.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            if is_fit(byte, b' ') || byte >= 0x80 {
                out.push(byte);
            } else {
                write_json_escape(out, byte);
            }
        }
        chunk.invalid().iter().for_each(|&byte| write_json_escape(out, byte));
    }
}

fn write_hexed(out: &mut Vec<u8>, bytes: &[u8], lowest: u8) {
    if !any(bytes, |word| unfit(word, lowest)) {
        return out.extend_from_slice(bytes);
    }
    for &byte in bytes {
        if is_fit(byte, lowest) {
            out.push(byte);
        } else {
            write_hex(out, byte);
        }
    }
}

/// Whether a byte is written as it is in all formats.
fn is_fit(byte: u8, lowest: u8) -> bool {
    (lowest..0x7f).contains(&byte) && byte != b'"' && byte != b'\\'
}

/// Whether `marks` sets the high bit of any byte of the words that `bytes` are read as, eight at a time.
fn any(bytes: &[u8], marks: impl Fn(u64) -> u64) -> bool {
    let (words, rest) = bytes.as_chunks();
    let marked = words.iter().fold(0, |marked, word| marked | marks(u64::from_ne_bytes(*word)));
    let marked = if rest.is_empty() { marked } else { marked | marks(last_word(bytes)) };
    marked & HIGH_BITS != 0
}

/// The last eight bytes; of fewer, all: some of them twice, or with `x` behind them.
fn last_word(bytes: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk() {
        return u64::from_ne_bytes(*last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from(u32::from_ne_bytes(*first)) << 32) | u64::from(u32::from_ne_bytes(*last));
    }
    let mut word = [b'x'; 8];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_ne_bytes(word)
}

/// Marks the bytes that must be escaped. Bytes after the first one marked may be marked in error.
fn unfit(word: u64, lowest: u8) -> u64 {
    let (above_ascii, delete_or_above) = (word, word.wrapping_add(EACH));
    let below = word.wrapping_sub(EACH * u64::from(lowest));
    above_ascii | delete_or_above | below | equal(word, b'"') | equal(word, b'\\')
}

/// Marks the bytes that are this one, and in error some above ASCII and some after it.
fn equal(word: u64, byte: u8) -> u64 {
    (word ^ (EACH * u64::from(byte))).wrapping_sub(EACH)
}

fn write_hex(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte)]);
}

fn write_json_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        _ => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]),
    }
}

fn hex(nibble: u8) -> u8 {
    match nibble & 0x0f {
        digit @ 0..=9 => b'0' + digit,
        letter => b'A' + letter - 10,
    }
}

/// What stands up to and with the `=` of the first session parameter, and what follows its value.
fn split_session<'a, Name: AsRef<str>>(bytes: &'a [u8], names: &[Name]) -> Option<(&'a [u8], &'a [u8])> {
    let mut searched = 0;
    while let Some(found) = memchr2(b'=', b'%', bytes.get(searched..)?) {
        let at = searched + found;
        let sign = equals_sign(bytes.get(at..)?);
        if sign > 0 && ends_with_name(bytes.get(..at)?, names) {
            let (before, value) = bytes.split_at(at + sign);
            return Some((before, value.get(value_length(value)..)?));
        }
        searched = at + 1;
    }
    None
}

/// How many bytes the `=` takes at the start, plain or percent-encoded as in the `return=` of a login page; 0 if none.
fn equals_sign(bytes: &[u8]) -> usize {
    match bytes {
        [b'=', ..] => 1,
        [b'%', b'3', b'd' | b'D', ..] => 3,
        _ => 0,
    }
}

// In any letter case, and as the end of a longer name too: masking too much does no harm.
fn ends_with_name<Name: AsRef<str>>(bytes: &[u8], names: &[Name]) -> bool {
    let ends_with = |name: &[u8]| {
        let start = bytes.len().checked_sub(name.len());
        start.and_then(|start| bytes.get(start..)).is_some_and(|tail| tail.eq_ignore_ascii_case(name))
    };
    let given = names.iter().map(|name| name.as_ref().as_bytes()).filter(|name| !name.is_empty());
    ends_with(b"jsessionid") || given.into_iter().any(ends_with)
}

/// A value ends where a path parameter, a query parameter or a field does, or where one does that was encoded.
fn value_length(value: &[u8]) -> usize {
    let ends = |byte: u8| byte <= 0x20 || matches!(byte, b';' | b'/' | b'?' | b'#' | b'&');
    let mut rest = value;
    loop {
        rest = match rest {
            [b'%', high, low, ..] if decoded(*high, *low).is_some_and(ends) => break,
            [byte, ..] if ends(*byte) => break,
            [_, tail @ ..] => tail,
            [] => break,
        };
    }
    value.len() - rest.len()
}

fn decoded(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A one in each byte of a word, and the bit that marks a byte.
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = EACH << 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(escape: Escape, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_byte_is_escaped_as_nginx_does() {
        for byte in 0..=255_u8 {
            let plain = (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
            let want = if plain { char::from(byte).to_string() } else { format!("\\x{byte:02X}") };
            assert_eq!(with(quoted, &[byte]), want);
            assert_eq!(with(bare, &[byte]), if byte == b' ' { "\\x20".to_owned() } else { want });
        }
    }

    #[test]
    fn a_byte_is_escaped_wherever_it_stands() {
        for length in 1..=20 {
            for (at, byte) in (0..length).flat_map(|at| (0..=255_u8).map(move |byte| (at, byte))) {
                let mut bytes = vec![b'~'; length];
                bytes[at] = byte;
                let tildes = |count: usize| "~".repeat(count);
                let want = format!("{}{}{}", tildes(at), with(quoted, &[byte]), tildes(length - at - 1));
                assert_eq!(with(quoted, &bytes), want);
                assert_eq!(with(json, &bytes), want.replace(&with(quoted, &[byte]), &with(json, &[byte])));
                let mut masked = Vec::new();
                write_masked(&mut masked, &bytes, &[""; 0], quoted);
                assert_eq!(String::from_utf8(masked).unwrap(), want);
            }
        }
    }

    #[test]
    fn escapes_stand_between_plain_text() {
        let cases: [(&[u8], &str, &str); 5] = [
            (b"", "", ""),
            (b"GET / HTTP/1.1", "GET / HTTP/1.1", "GET / HTTP/1.1"),
            (b"a\"b\\c\nd", r"a\x22b\x5Cc\x0Ad", r#"a\"b\\c\u000Ad"#),
            ("é".as_bytes(), r"\xC3\xA9", "é"),
            (b"\x00\xff\xc3(\x7f", r"\x00\xFF\xC3(\x7F", r"\u0000\u00FF\u00C3(\u007F"),
        ];
        for (bytes, combined, in_json) in cases {
            assert_eq!(with(quoted, bytes), combined);
            assert_eq!(with(json, bytes), in_json);
        }
    }

    #[test]
    fn whatever_comes_json_stays_json() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let text = format!("\"{}\"", with(json, &[first, second]));
                assert!(serde_json::from_str::<String>(&text).is_ok(), "{first:#x} {second:#x}: {text}");
            }
        }
    }

    #[test]
    fn a_session_value_never_appears() {
        let cases = [
            ("GET /a;jsessionid=ABC.w1 HTTP/1.1", "GET /a;jsessionid=* HTTP/1.1"),
            ("GET /a;JSESSIONID=ABC?x=1 HTTP/1.1", "GET /a;JSESSIONID=*?x=1 HTTP/1.1"),
            ("/a;jsessionid=A/b;v=2;jsessionid=B;w", "/a;jsessionid=*/b;v=2;jsessionid=*;w"),
            ("/?back=%2Fa%3Bjsessionid%3DABC%26x=1&y", "/?back=%2Fa%3Bjsessionid%3D*%26x=1&y"),
            ("/a;jsessionid=%41BC%2Ew1 HTTP/1.1", "/a;jsessionid=* HTTP/1.1"),
            ("/a;jsessionid=A==;b", "/a;jsessionid=*;b"),
            (
                "GET / HTTP/1.1\r\nCookie: JSESSIONID=ABC\r\nX",
                "GET / HTTP/1.1\\x0D\\x0ACookie: JSESSIONID=*\\x0D\\x0AX",
            ),
            ("/a;sid=ABC;jsessionid=B", "/a;sid=*;jsessionid=*"),
            ("/a;jsessionid=", "/a;jsessionid=*"),
            ("/a;jsessionid", "/a;jsessionid"),
            ("/a?b=c%3d%3", "/a?b=c%3d%3"),
            ("=", "="),
            ("sid=1", "sid=*"),
            ("sid=1;other=2;another=3;more=4", "sid=*;other=*;another=*;more=4"),
            ("/?aaaaaaaaaaaaaaaaaaaaaaasid%3d1", "/?aaaaaaaaaaaaaaaaaaaaaaasid%3d*"),
        ];
        for (from, want) in cases {
            let mut out = Vec::new();
            write_masked(&mut out, from.as_bytes(), &["", "OTHER", "SID"], quoted);
            assert_eq!(String::from_utf8_lossy(&out), want);
        }
    }
}
