//! The classes of bytes that RFC 9110 and RFC 9112 define, and a few small parsers that requests and answers share.

use memchr::memchr;

use super::words;

/// Whether these bytes are a token (RFC 9110 section 5.6.2): not empty, and only token bytes.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| has(byte, TOKEN))
}

/// Where the token ends that begins at `at`.
#[inline(always)]
pub(super) fn token_end(bytes: &[u8], at: usize) -> usize {
    let mut end = words::no_letter(bytes, at);
    while bytes.get(end).is_some_and(|&byte| has(byte, TOKEN)) {
        end += 1;
    }
    end
}

//= rfc9110#5.5 line-bytes
/// Whether a field's value has no byte that ends a line, or that a reader may take for the end of one (RFC 9110 section
/// 5.5).
pub fn field_value_is_clean(value: &[u8]) -> bool {
    // A fold without an early exit, so that the compiler can check many bytes at once.
    value.iter().fold(0u8, |bad, &byte| bad | u8::from((byte < 0x20 && byte != b'\t') || byte == 0x7f)) == 0
}

//= rfc9110#5.5 blanks
/// The bytes without leading and trailing blanks.
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

//= rfc9110#8.6 huge-length
/// A number of 1 to 20 digits and nothing else, if it fits into 64 bits.
pub fn digits(bytes: &[u8]) -> Option<u64> {
    match bytes.len() {
        // A number of so many digits always fits.
        1..=19 => bytes.iter().try_fold(0, |number, &byte| digit(byte).map(|digit| number * 10 + digit)),
        20 => bytes.iter().try_fold(0u64, |number, &byte| number.checked_mul(10)?.checked_add(digit(byte)?)),
        _ => None,
    }
}

fn digit(byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// Whether this byte is allowed anywhere in a target: no blank, no control byte, no fragment, and no backslash. Other
/// bytes that RFC 3986 wants escaped are accepted unchanged, bytes above ASCII too: browsers and WSO2 clients send
/// them, and nginx and HAProxy accept them.
pub(super) fn is_target_byte(byte: u8) -> bool {
    has(byte, TARGET)
}

/// Whether these bytes are allowed in a target, over HTTP/1 and HTTP/2 alike. A backslash is allowed in the query only,
/// because some nodes read it as a slash in a path.
pub(super) fn target_is_clean(target: &[u8]) -> bool {
    let Some(odd) = target.iter().position(|&byte| !is_target_byte(byte)) else { return true };
    let (path, rest) = target.split_at(odd);
    memchr(b'?', path).is_some() && rest.iter().all(|&byte| byte == b'\\' || is_target_byte(byte))
}

/// Whether this byte is allowed in a host name: letters, digits, hyphens, dots, and underscores. Underscores are not
/// allowed by the RFCs, but many internal networks use them.
pub(super) fn is_name_byte(byte: u8) -> bool {
    has(byte, NAME)
}

/// The members of a comma-separated list, without blanks around them. Empty members are included; the caller decides
/// about them.
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

fn has(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const NAME: u8 = 4;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0x21u8;
    while byte < 0x7f {
        if byte.is_ascii_alphanumeric() || is_token_sign(byte) {
            table[byte as usize] |= TOKEN;
        }
        if byte != b'#' && byte != b'\\' {
            table[byte as usize] |= TARGET;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            table[byte as usize] |= NAME;
        }
        byte += 1;
    }
    let mut above = 0x80;
    while above < table.len() {
        table[above] |= TARGET;
        above += 1;
    }
    table
}

const fn is_token_sign(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_plain_digits_that_fit() {
        let cases: [(&[u8], Option<u64>); 14] = [
            (b"0", Some(0)),
            (b"5", Some(5)),
            (b"0005", Some(5)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"000000000000000000001", None),
            (b"", None),
            (b"+5", None),
            (b"-1", None),
            (b"0x5", None),
            (b"5 5", None),
            (b"1_0", None),
            (b"1/", None),
            (b"1:", None),
        ];
        for (bytes, number) in cases {
            assert_eq!(digits(bytes), number, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn exactly_the_token_bytes_of_the_rfc_are_tokens() {
        let tokens = (0u8..=255).filter(|&byte| is_token(&[byte])).count();
        assert_eq!(tokens, 26 + 26 + 10 + 15);
        assert!(!is_token(b""));
    }

    #[test]
    fn a_target_has_every_byte_but_blanks_controls_and_a_fragment() {
        for byte in 0u8..=255 {
            let dirty = byte <= 0x20 || byte == 0x7f || byte == b'#';
            assert_eq!(target_is_clean(&[b'/', byte]), !dirty && byte != b'\\', "{byte:#x} in a path");
            assert_eq!(target_is_clean(&[b'/', b'?', b'\\', byte]), !dirty, "{byte:#x} in a query");
        }
        assert!(target_is_clean(b"/?\\") && !target_is_clean(b"/\\?") && !target_is_clean(b"/a\\b?c\\d"));
    }

    #[test]
    fn a_value_has_no_control_byte_but_tab() {
        for byte in 0u8..=255 {
            let clean = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
            assert_eq!(field_value_is_clean(&[b'a', byte, b'b']), clean, "{byte:#x}");
        }
    }
}
