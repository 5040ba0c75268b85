//! The Huffman code of HPACK strings (RFC 7541 appendix B). The code is canonical: codes of one length follow each
//! other in the order of their symbols, so the lengths are all that must be stored.

/// The length of each byte's code in bits.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26,
];
const SHORTEST: usize = 5;
const LONGEST: usize = 30;

/// For each length: the first code, the number of codes, and where their bytes begin in `bytes`.
struct Codes {
    first: [u32; LONGEST + 1],
    count: [u32; LONGEST + 1],
    start: [u32; LONGEST + 1],
    bytes: [u8; 256],
}

static CODES: Codes = codes();

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "worked out by the compiler")]
const fn codes() -> Codes {
    let mut codes =
        Codes { first: [0; LONGEST + 1], count: [0; LONGEST + 1], start: [0; LONGEST + 1], bytes: [0; 256] };
    let (mut length, mut code, mut at) = (SHORTEST, 0u32, 0usize);
    while length <= LONGEST {
        codes.first[length] = code;
        codes.start[length] = at as u32;
        let mut byte = 0usize;
        while byte < 256 {
            if LENGTHS[byte] as usize == length {
                codes.bytes[at] = byte as u8;
                at += 1;
                codes.count[length] += 1;
            }
            byte += 1;
        }
        code = (code + codes.count[length]) << 1;
        length += 1;
    }
    codes
}

/// For each value of the next eight bits: the byte whose code they begin with, and the length of that code. 0 when the
/// code is longer than eight bits.
static SHORT: [(u8, u8); 256] = short();

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "worked out by the compiler")]
const fn short() -> [(u8, u8); 256] {
    let mut short = [(0, 0); 256];
    let mut length = SHORTEST;
    while length <= 8 {
        let mut nth = 0;
        while nth < CODES.count[length] {
            let byte = CODES.bytes[(CODES.start[length] + nth) as usize];
            let from = (CODES.first[length] + nth) << (8 - length);
            let mut bits = from;
            while bits < from + (1 << (8 - length)) {
                short[bits as usize] = (byte, length as u8);
                bits += 1;
            }
            nth += 1;
        }
        length += 1;
    }
    short
}

/// Decodes `coded` and writes the result behind `out`. False when it is not valid.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> bool {
    let (mut held, mut bits) = (0u64, 0usize);
    for byte in coded {
        held = held << 8 | u64::from(*byte);
        bits += 8;
        while bits >= 8
            && let Some((byte, length)) = symbol(held, bits)
        {
            out.push(byte);
            bits -= length;
        }
        if bits > LONGEST {
            return false;
        }
        held &= (1 << bits) - 1;
    }
    while let Some((byte, length)) = longer_symbol(held, bits, SHORTEST) {
        out.push(byte);
        bits -= length;
        held &= (1 << bits) - 1;
    }
    // The remaining bits must be the first bits of the end-of-string code: all ones, and fewer than eight.
    bits < 8 && held == (1 << bits) - 1
}

/// The byte whose code begins with the `bits` lowest bits of `held` (at least eight). Nearly all text has short codes.
fn symbol(held: u64, bits: usize) -> Option<(u8, usize)> {
    let [.., next] = (held >> (bits - 8)).to_be_bytes();
    match SHORT.get(usize::from(next))? {
        (_, 0) => longer_symbol(held, bits, 9),
        (byte, length) => Some((*byte, usize::from(*length))),
    }
}

/// The same for codes of at least this length.
fn longer_symbol(held: u64, bits: usize, shortest: usize) -> Option<(u8, usize)> {
    (shortest..=bits.min(LONGEST)).find_map(|length| {
        let code = u32::try_from(held >> (bits - length) & ((1 << length) - 1)).ok()?;
        let place = code.wrapping_sub(*CODES.first.get(length)?);
        let known = code >= *CODES.first.get(length)? && place < *CODES.count.get(length)?;
        let at = usize::try_from(CODES.start.get(length)? + if known { place } else { 0 }).ok()?;
        known.then(|| CODES.bytes.get(at).map(|byte| (*byte, length)))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(coded, &mut out).then_some(out)
    }

    #[test]
    fn the_examples_of_the_rfc_read_as_it_says() {
        let rows: [(&[u8], &[u8]); 4] = [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], b"www.example.com"),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], b"no-cache"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], b"custom-value"),
            (b"", b""),
        ];
        for (coded, text) in rows {
            assert_eq!(decoded(coded).as_deref(), Some(text));
        }
    }

    #[test]
    fn the_longest_codes_are_those_of_the_rfc() {
        // 0x3ffffffc is LF, 0x3ffffffd CR, 0x3ffffffe 22 (30 bits each), 0x1ff8 NUL (13 bits).
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xf3]).as_deref(), Some(b"\n".as_slice()));
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xf7]).as_deref(), Some(b"\r".as_slice()));
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xfb]).as_deref(), Some(b"\x16".as_slice()));
        assert_eq!(decoded(&[0xff, 0xc7]).as_deref(), Some(b"\0".as_slice()));
    }

    #[test]
    fn the_end_and_bad_padding_are_refused() {
        for coded in [&[0xff, 0xff, 0xff, 0xff][..], &[0xff], &[0x00], &[0xf1, 0xe3, 0xff, 0xff]] {
            assert_eq!(decoded(coded), None, "{coded:x?}");
        }
    }
}
