//! Searches eight bytes at once for the byte that ends a run of ordinary ones. It judges nothing: the caller looks at
//! the byte that was found.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;
const LOW: u64 = !HIGH;

/// The position of the first control byte from `at` on that is no tab. Past the last byte if there is none.
#[inline(always)]
pub(super) fn control(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = find(bytes, at, |word| {
            let delete = word ^ (ONES * 0x7f);
            (word.wrapping_sub(ONES * 0x20) & !word) | zero(delete)
        });
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
}

/// The position of the first byte from `at` on that is neither a letter nor a dash. Past the last byte if there is
/// none.
#[inline(always)]
pub(super) fn no_letter(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, |word| {
        let lower = (word | (ONES * 0x20)) & LOW;
        // Sums of seven bits cannot overflow into the next byte.
        let letter = (lower + ONES * (0x80 - 0x61)) & !(lower + ONES * (0x80 - 0x7b)) & !word;
        let dash = word ^ (ONES * 0x2d);
        !letter & (((dash & LOW) + LOW) | dash)
    })
}

/// The position of the first byte with this value.
pub(super) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let at = find(bytes, 0, |word| zero(word ^ (ONES * u64::from(wanted))));
    (at < bytes.len()).then_some(at)
}

/// Whether this byte occurs twice in a row.
pub(super) fn has_twice(bytes: &[u8], twice: u8) -> bool {
    let followed = bytes.get(1..).unwrap_or_default();
    let differs = ONES * u64::from(twice);
    let mut at = 0;
    while at < followed.len() {
        if zero((eight(bytes, at) ^ differs) | (eight(followed, at) ^ differs)) & HIGH != 0 {
            return true;
        }
        at += 8;
    }
    false
}

/// The position of the first byte from `at` on whose high bit `marks` sets. Past the last byte if there is none. After
/// that byte `marks` may be wrong.
#[inline(always)]
fn find(bytes: &[u8], at: usize, marks: impl Fn(u64) -> u64) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((word, behind)) = rest.split_first_chunk() {
        let found = marks(u64::from_le_bytes(*word)) & HIGH;
        if found != 0 {
            return bytes.len() - rest.len() + first(found);
        }
        rest = behind;
    }
    // Missing bytes are zeros. They may be marked, because the end of the bytes also ends a run.
    let found = marks(last(rest)) & HIGH;
    bytes.len() - rest.len() + if found == 0 { rest.len() } else { first(found).min(rest.len()) }
}

/// Marks the bytes that are zero. The subtraction borrows only after a byte that is zero, so only later bytes may be
/// marked wrongly.
#[inline(always)]
const fn zero(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// The next eight bytes. Missing ones are zeros.
#[inline(always)]
fn eight(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.first_chunk().map_or_else(|| last(rest), |word| u64::from_le_bytes(*word))
}

#[inline(never)]
fn last(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte))
}

/// The first byte of a word whose high bit is set.
#[inline(always)]
fn first(found: u64) -> usize {
    found.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests every byte value at every position among bytes that do not end a run. Their neighbours are varied too.
    fn all_places(find: fn(&[u8], usize) -> usize, ends: fn(u8) -> bool, among: &[u8]) {
        for length in 0..20 {
            for place in 0..length {
                for byte in 0..=255 {
                    for filler in among {
                        let mut bytes = vec![*filler; length];
                        bytes[place] = byte;
                        let expected = if ends(byte) { place } else { length };
                        let found = find(&bytes, 0);
                        assert_eq!(found, expected, "{}", bytes.escape_ascii());
                        // Any bytes may follow the one to be found.
                        bytes[place + 1..].fill(byte);
                        assert_eq!(find(&bytes, 0), expected, "{}", bytes.escape_ascii());
                        assert_eq!(find(&bytes, place), expected, "{}", bytes.escape_ascii());
                    }
                }
            }
            assert_eq!(find(&vec![among[0]; length], length), length);
        }
    }

    #[test]
    fn the_first_control_byte_is_found_wherever_it_stands() {
        all_places(control, |byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f, b" a~\x80\xff\t");
    }

    #[test]
    fn the_first_byte_that_is_no_letter_is_found_wherever_it_stands() {
        all_places(no_letter, |byte| !byte.is_ascii_alphabetic() && byte != b'-', b"aZ-zA");
    }

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        let at = |bytes: &[u8], from| {
            let wanted = bytes[from..].iter().position(|&byte| byte == b'?').map_or(bytes.len(), |place| from + place);
            assert_eq!(position(&bytes[from..], b'?').map_or(bytes.len(), |place| from + place), wanted);
            wanted
        };
        all_places(at, |byte| byte == b'?', b"a>@\x00\xbf");
        assert_eq!(position(b"", 0), None);
    }

    #[test]
    fn two_in_a_row_are_seen_wherever_they_stand() {
        for length in 0..24_usize {
            for one in 0..length {
                for other in one + 1..length {
                    let mut bytes = vec![b'a'; length];
                    (bytes[one], bytes[other]) = (b'.', b'.');
                    assert_eq!(has_twice(&bytes, b'.'), other == one + 1, "{}", bytes.escape_ascii());
                }
            }
            assert_eq!(has_twice(&vec![b'.'; length], b'.'), length > 1);
            assert!(!has_twice(&vec![0; length], b'.'));
        }
    }
}
