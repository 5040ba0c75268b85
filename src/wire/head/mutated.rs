//! Heads that are changed in a few places, for tests that read them in two ways. Every run has the same ones.

/// Changes each of these texts twenty times in one to four places, and calls `read` with it and a position to cut it
/// at.
pub(super) fn mutated<'a, Found>(
    texts: impl Iterator<Item = &'a str>,
    read: impl Fn(&[u8], usize) -> Found,
) -> Vec<Found> {
    let mut chance = 88_172_645_463_325_252_u64;
    let mut below = |bound: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % bound.max(1) as u64).unwrap_or_default()
    };
    let mut found = Vec::new();
    for text in texts {
        for _ in 0..20 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=below(4) {
                let at = below(bytes.len() + 1);
                let piece = PIECES[below(PIECES.len())];
                let replaced = if below(2) == 0 { at } else { (at + piece.len()).min(bytes.len()) };
                bytes.splice(at..replaced, piece.iter().copied());
            }
            found.push(read(&bytes, below(bytes.len() + 1)));
        }
    }
    found
}

/// Texts that HTTP readers are known to disagree about, and some harmless ones.
const PIECES: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b": ",
    b",",
    b"_",
    b"-",
    b"a",
    b"Z",
    b"7",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\x1f",
    b"?",
    b"#",
    b"\\",
    b"/",
    b"@",
    b"[",
    b"{",
    b"X: a \n",
    b"X:\tb\r\n",
    b"X-Longer-Than-A-Word: and some more\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"Content_Length: 5\r\n",
    b"Expect: x\r\n",
    b"Host: b\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: X\r\n",
    b"Connection: keep-alive\r\n",
];
