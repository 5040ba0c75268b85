//! Chunked bodies: read piece by piece from borrowed bytes without copying, and written.
//!
//! Chunk extensions are dropped here. Trailers are kept for the caller, who decides whether to forward them.

use super::blame::byte_words;
use super::extension::Extension;
use super::fault::ChunkFault;
use super::fields::split_field;
use super::grammar::{field_value_is_clean, is_token, trim};
use super::kind::{FieldKind, lookalike};

/// What the next bytes of a chunked body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Framing, and then body bytes. Both are consumed.
    Data {
        /// Bytes of framing to skip.
        skip: usize,
        /// Body bytes after the framing, at least one.
        len: usize,
    },
    /// The body ends after these bytes. The following bytes belong to the next message.
    End {
        /// Bytes of framing.
        consumed: usize,
    },
    /// All of the input was framing, and more bytes are needed.
    More {
        /// Bytes of framing: the whole input.
        consumed: usize,
    },
}

/// Reads one chunked body.
#[derive(Debug)]
pub struct Chunks {
    at: At,
    /// Whether blanks are allowed behind a size. Some nodes pad the line with them.
    padded: bool,
    extensions: usize,
    trailers: Vec<u8>,
    /// The byte at which a fault was found.
    odd: u8,
}

/// The position of the next byte in the grammar of RFC 9112 section 7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size {
        digits: u8,
        size: u64,
    },
    /// Blanks behind a size, before an extension or the end of the line.
    Blank {
        size: u64,
        length: usize,
    },
    Extension {
        size: u64,
        length: usize,
        part: Extension,
    },
    SizeFeed {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataReturn,
    DataFeed,
    TrailerStart,
    Trailer,
    TrailerFeed,
    LastFeed,
    End,
    Failed(ChunkFault),
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}

impl Chunks {
    /// For the body of a client, before its first byte.
    pub const fn new() -> Self {
        Self { at: At::Size { digits: 0, size: 0 }, padded: false, extensions: 0, trailers: Vec::new(), odd: 0 }
    }

    /// For the body of a node, before its first byte. Blanks behind a size are accepted, as in nginx and HAProxy,
    /// because old Apache versions write them. Weir writes new framing towards the client.
    pub const fn of_node() -> Self {
        Self { at: At::Size { digits: 0, size: 0 }, padded: true, extensions: 0, trailers: Vec::new(), odd: 0 }
    }

    //= rfc9112#6.1 chunked
    /// Reads what the next bytes are. Call it again with the bytes after the consumed ones. A fault is final.
    pub fn next(&mut self, input: &[u8]) -> Result<Piece, ChunkFault> {
        let mut consumed = 0;
        loop {
            if let At::Data { left } = self.at {
                return Ok(self.data(left, input, consumed));
            }
            if self.at == At::End {
                return Ok(Piece::End { consumed });
            }
            if let At::DataReturn = self.at
                && let Some((size, length)) = input.get(consumed..).and_then(usual_frame)
            {
                self.at = At::Data { left: size };
                consumed += length;
                continue;
            }
            let Some(&byte) = input.get(consumed) else {
                return Ok(Piece::More { consumed });
            };
            match self.step(byte) {
                Ok(at) => self.at = at,
                Err(fault) => {
                    self.odd = if self.is_failed() { self.odd } else { byte };
                    self.at = At::Failed(fault);
                    return Err(fault);
                }
            }
            consumed += 1;
        }
    }

    /// Gives the data of the last piece back. It is returned again, without framing before it.
    pub fn give_back(&mut self, len: usize) {
        let left = if let At::Data { left } = self.at { left } else { 0 };
        self.at = At::Data { left: left + len as u64 };
    }

    fn data(&mut self, left: u64, input: &[u8], skip: usize) -> Piece {
        let here = input.len() - skip;
        if here == 0 {
            return Piece::More { consumed: skip };
        }
        let len = usize::try_from(left).map_or(here, |left| left.min(here));
        let left = left - len as u64;
        self.at = if left == 0 { At::DataReturn } else { At::Data { left } };
        Piece::Data { skip, len }
    }

    fn step(&mut self, byte: u8) -> Result<At, ChunkFault> {
        match (self.at, byte) {
            (At::Size { digits, size }, _) => read_size(digits, size, byte),
            (At::Blank { size, .. }, b'\r') if self.padded => Ok(At::SizeFeed { size }),
            (At::Blank { size, length }, _) => self.read_blank(size, length, byte),
            (At::Extension { size, part, .. }, b'\r') if part.may_end() => Ok(At::SizeFeed { size }),
            (At::Extension { size, length, part }, _) => self.read_extension(size, length, part, byte),
            (At::SizeFeed { size: 0 }, b'\n') => Ok(At::TrailerStart),
            (At::SizeFeed { size }, b'\n') => Ok(At::Data { left: size }),
            (At::DataReturn, b'\r') => Ok(At::DataFeed),
            (At::DataFeed, b'\n') => Ok(At::Size { digits: 0, size: 0 }),
            (At::TrailerStart, b'\r') => Ok(At::LastFeed),
            (At::TrailerStart | At::Trailer, _) => self.read_trailer(byte),
            (At::TrailerFeed, b'\n') => self.end_trailer(),
            (At::LastFeed, b'\n') => Ok(At::End),
            (At::Failed(fault), _) => Err(fault),
            _ => Err(ChunkFault::BadLineEnd),
        }
    }

    //= rfc9110#5.6.3 bad-blanks
    fn read_blank(&mut self, size: u64, length: usize, byte: u8) -> Result<At, ChunkFault> {
        let length = self.count(length)?;
        match byte {
            b' ' | b'\t' => Ok(At::Blank { size, length }),
            b';' => Ok(At::Extension { size, length, part: Extension::Begin }),
            _ => Err(ChunkFault::BadSize),
        }
    }

    fn read_extension(&mut self, size: u64, length: usize, part: Extension, byte: u8) -> Result<At, ChunkFault> {
        let length = self.count(length)?;
        let part = part.then(byte).ok_or(ChunkFault::BadExtension)?;
        Ok(At::Extension { size, length, part })
    }

    /// Counts one more byte of a line behind its size. Without a limit, many small chunks with extensions would make
    /// Weir read much more than any body limit counts.
    fn count(&mut self, length: usize) -> Result<usize, ChunkFault> {
        self.extensions += 1;
        if length == LONGEST_EXTENSION || self.extensions > MOST_EXTENSIONS {
            return Err(ChunkFault::ExtensionTooLong);
        }
        Ok(length + 1)
    }

    fn read_trailer(&mut self, byte: u8) -> Result<At, ChunkFault> {
        if self.trailers.len() >= LONGEST_TRAILERS {
            return Err(ChunkFault::TrailersTooLarge);
        }
        if byte == b'\r' {
            return Ok(At::TrailerFeed);
        }
        if byte == b'\n' {
            return Err(ChunkFault::BadTrailer);
        }
        self.trailers.push(byte);
        Ok(At::Trailer)
    }

    fn end_trailer(&mut self) -> Result<At, ChunkFault> {
        let line = self.trailers.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
        split_field(line).ok_or(ChunkFault::BadTrailer)?;
        self.trailers.push(b'\n');
        Ok(At::TrailerStart)
    }

    fn is_failed(&self) -> bool {
        matches!(self.at, At::Failed(_))
    }

    /// What was wrong with the body, in words for the log.
    pub fn blame(&self) -> Option<String> {
        let At::Failed(fault) = self.at else { return None };
        let what = match fault {
            ChunkFault::ExtensionTooLong => format!("more than {LONGEST_EXTENSION} bytes, or {MOST_EXTENSIONS} in all"),
            ChunkFault::TrailersTooLarge => format!("more than {LONGEST_TRAILERS} bytes"),
            ChunkFault::BadTrailer => "a line that is no field".to_owned(),
            ChunkFault::BadExtension | ChunkFault::BadLineEnd | ChunkFault::BadSize => byte_words(self.odd),
        };
        Some(format!("{}: {what}", fault.word()))
    }

    //= rfc9112#7.1.2 trailers
    /// The trailers that may be forwarded, in order. Complete only after `Piece::End`.
    pub fn trailers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.trailers
            .split(|&byte| byte == b'\n')
            .filter_map(split_field)
            .map(|(name, value)| (name, trim(value)))
            .filter(|(name, _)| trailer_may_travel(name))
    }
}

/// Reads the usual bytes between two chunks, if all of them are there. Returns the size of the next chunk and how many
/// bytes the framing has. The result is the same as from reading byte by byte, but much faster. Everything unusual is
/// left to the slow way.
fn usual_frame(input: &[u8]) -> Option<(u64, usize)> {
    const USUAL: usize = 7;
    let digits = input.strip_prefix(b"\r\n")?;
    let mut size = 0;
    for (at, &byte) in digits.iter().take(USUAL).enumerate() {
        if byte == b'\r' {
            return (size > 0 && digits.get(at + 1) == Some(&b'\n')).then_some((size, at + 4));
        }
        size = size << 4 | u64::from(char::from(byte).to_digit(16)?);
    }
    None
}

//= rfc9112#7.1 huge-chunk
fn read_size(digits: u8, size: u64, byte: u8) -> Result<At, ChunkFault> {
    match byte {
        b'\r' if digits > 0 => Ok(At::SizeFeed { size }),
        b';' if digits > 0 => Ok(At::Extension { size, length: 0, part: Extension::Begin }),
        b' ' | b'\t' if digits > 0 => Ok(At::Blank { size, length: 0 }),
        _ if digits == MOST_DIGITS => Err(ChunkFault::BadSize),
        _ => {
            let digit = char::from(byte).to_digit(16).ok_or(ChunkFault::BadSize)?;
            Ok(At::Size { digits: digits + 1, size: size << 4 | u64::from(digit) })
        }
    }
}

//= rfc9110#6.5.1 trailers
/// Whether a field of this name may be a trailer (RFC 9110 section 6.5.1). Fields for framing, routing, authentication
/// and sessions may not, because a receiver that merges trailers into the head would be deceived.
pub fn trailer_may_travel(name: &[u8]) -> bool {
    let kind = match FieldKind::of(name) {
        FieldKind::Other => lookalike(name).unwrap_or(FieldKind::Other),
        kind => kind,
    };
    is_token(name) && kind == FieldKind::Other && !NEVER_TRAILERS.iter().any(|never| name.eq_ignore_ascii_case(never))
}

/// Writes the line before a chunk of `len` bytes. A `len` of zero would end the body: use `write_last_chunk`.
pub fn write_chunk_size(out: &mut Vec<u8>, len: usize) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (len >> (place * 4)) & 0xf;
        out.push(HEX.get(digit).copied().unwrap_or(b'0'));
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk with those trailers that are clean and may be forwarded.
pub fn write_last_chunk<'a>(out: &mut Vec<u8>, trailers: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.filter(|(name, value)| trailer_may_travel(name) && field_value_is_clean(value)) {
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// The bytes after a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The end of a body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

const HEX: &[u8; 16] = b"0123456789abcdef";
const MOST_DIGITS: u8 = 16;
const LONGEST_EXTENSION: usize = 256;
const MOST_EXTENSIONS: usize = 16 * 1024;
const LONGEST_TRAILERS: usize = 8 * 1024;

/// Names that may not be trailers, besides the kinds that Weir knows.
const NEVER_TRAILERS: [&[u8]; 14] = [
    b"accept-encoding",
    b"age",
    b"cache-control",
    b"content-encoding",
    b"content-range",
    b"expires",
    b"if-match",
    b"if-none-match",
    b"max-forwards",
    b"pragma",
    b"range",
    b"retry-after",
    b"vary",
    b"www-authenticate",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, its trailers and the bytes behind it, or the word for the fault.
    fn read(input: &[u8], reads: &[usize]) -> String {
        read_as(Chunks::new(), input, reads)
    }

    fn read_as(mut chunks: Chunks, input: &[u8], reads: &[usize]) -> String {
        let mut body = Vec::new();
        let mut at = 0;
        let ends = reads.iter().scan(0, |end, read| {
            *end += read;
            Some(*end)
        });
        for end in ends.chain([input.len()]) {
            let end = end.min(input.len());
            while at < end {
                match chunks.next(&input[at..end]) {
                    Err(fault) => {
                        assert!(chunks.is_failed());
                        let told = chunks.blame().expect("it failed");
                        assert!(told.starts_with(fault.word()), "{told}");
                        assert_eq!(chunks.next(b"5\r\n"), Err(fault), "a fault is final");
                        return format!("!{}", fault.word());
                    }
                    Ok(Piece::More { consumed }) => {
                        assert_eq!(at + consumed, end, "more is only wanted when all was used");
                        at = end;
                    }
                    Ok(Piece::Data { skip, len }) => {
                        assert!(len > 0);
                        body.extend_from_slice(&input[at + skip..at + skip + len]);
                        at += skip + len;
                    }
                    Ok(Piece::End { consumed }) => {
                        return ended(&chunks, &body, &input[at + consumed..]);
                    }
                }
            }
        }
        assert!(chunks.at != At::End && !chunks.is_failed());
        format!("{}...", body.escape_ascii())
    }

    fn ended(chunks: &Chunks, body: &[u8], rest: &[u8]) -> String {
        assert_eq!(chunks.at, At::End);
        let trailers: Vec<String> = chunks
            .trailers()
            .map(|(name, value)| format!(" {}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        format!("{}{}|{}", body.escape_ascii(), trailers.concat(), rest.escape_ascii())
    }

    const CASES: &[(&str, &str)] = &[
        ("0\r\n\r\n", "|"),
        ("0\r\n\r\nGET", "|GET"),
        ("5\r\nhello\r\n0\r\n\r\n", "hello|"),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nX", "hello world|X"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789|"),
        ("A\r\n0123456789\r\n000\r\n\r\n", "0123456789|"),
        ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello|"),
        (
            "1C\r\nabcdefghijklmnopqrstuvwxyz01\r\n1b\r\nabcdefghijklmnopqrstuvwxyz2\r\n0\r\n\r\n",
            "abcdefghijklmnopqrstuvwxyz01abcdefghijklmnopqrstuvwxyz2|",
        ),
        ("1\r\na\r\n0000002\r\nbc\r\n00000003\r\ndef\r\n0\r\n\r\n", "abcdef|"),
        ("1\r\na\r\n00\r\n\r\nX", "a|X"),
        ("1\r\na\r\n2;e\r\nbc\r\n0\r\n\r\n", "abc|"),
        ("1\r\na\r\n2\rX", "!bad-chunk-line-end"),
        ("1\r\na\r\n12345678\r\nx", "ax..."),
        ("2\r\n\r\n\r\n0\r\n\r\n", r"\r\n|"),
        ("5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello|"),
        ("5 ;a=b\r\nhello\r\n0\t ;c\r\n\r\n", "hello|"),
        ("5 ; a = b ; c;d=\"\\\"; \\\\\u{e9}\"\r\nhello\r\n0\r\n\r\n", "hello|"),
        ("5;a=\"\"\r\nhello\r\n0\r\n\r\n", "hello|"),
        ("5;a=b \r\nhello\r\n0;a \r\n\r\n", "hello|"),
        ("5;a=\"b;c\" \t\r\nhello\r\n0\r\n\r\n", "hello|"),
        ("5\r\nhel", "hel..."),
        ("5\r\nhello", "hello..."),
        ("5\r\nhello\r\n0\r\n", "hello..."),
        ("5\r\nhello\r\n0\r\n\r", "hello..."),
        ("FFFFFFFFFFFFFFFF\r\nx", "x..."),
        ("0\r\nX-Sum: 1\r\n\r\nrest", " X-Sum=1|rest"),
        ("0\r\nX-Sum:1 \r\nX-More: 2\r\n\r\n", " X-Sum=1 X-More=2|"),
        ("0\r\nX-Empty:\r\n\r\n", " X-Empty=|"),
        ("0\r\nHost: b\r\nX: 1\r\nContent-Length: 5\r\n\r\n", " X=1|"),
        ("0\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", "|"),
        ("0\r\nAuthorization: x\r\nCookie: a=b\r\nSet-Cookie: a=b\r\n\r\n", "|"),
        ("0\r\nX-Forwarded-For: 1\r\nX_Forwarded_For: 2\r\nContent_Length: 3\r\n\r\n", "|"),
        ("0\r\nCache-Control: no\r\nTrailer: x\r\nTE: y\r\nExpect: z\r\n\r\n", "|"),
        ("\r\n", "!bad-chunk-size"),
        (";a\r\n", "!bad-chunk-size"),
        ("x\r\n", "!bad-chunk-size"),
        ("0x1\r\n", "!bad-chunk-size"),
        (" 1\r\n", "!bad-chunk-size"),
        (" ;a\r\n\r\n", "!bad-chunk-size"),
        ("1 \r\n", "!bad-chunk-size"),
        ("1 2\r\n", "!bad-chunk-size"),
        ("1\t\0;a\r\n", "!bad-chunk-size"),
        ("+1\r\n", "!bad-chunk-size"),
        ("-1\r\n", "!bad-chunk-size"),
        ("1_0\r\n", "!bad-chunk-size"),
        ("00000000000000005\r\n", "!bad-chunk-size"),
        ("5\nhello", "!bad-chunk-size"),
        ("5\rhello", "!bad-chunk-line-end"),
        ("5\r\rhello", "!bad-chunk-line-end"),
        ("5\r\nhellox", "!bad-chunk-line-end"),
        ("5\r\nhello\n0\r\n\r\n", "!bad-chunk-line-end"),
        ("5\r\nhello\rX", "!bad-chunk-line-end"),
        ("5\r\nhello0\r\n\r\n", "!bad-chunk-line-end"),
        ("0\r\n\rX", "!bad-chunk-line-end"),
        ("5;a\nb\r\nhello", "!bad-chunk-extension"),
        ("5;a\rb\r\nhello", "!bad-chunk-line-end"),
        ("5;\r\nhello", "!bad-chunk-extension"),
        ("5; \r\nhello", "!bad-chunk-extension"),
        ("5;a;\r\nhello", "!bad-chunk-extension"),
        ("5;bad[=x\r\nhello", "!bad-chunk-extension"),
        ("5;=x\r\nhello", "!bad-chunk-extension"),
        ("5;a=\r\nhello", "!bad-chunk-extension"),
        ("5;a= ;b\r\nhello", "!bad-chunk-extension"),
        ("5;a b\r\nhello", "!bad-chunk-extension"),
        ("5;a=b c\r\nhello", "!bad-chunk-extension"),
        ("5;a=b=c\r\nhello", "!bad-chunk-extension"),
        ("5;a=\"b\r\nhello", "!bad-chunk-extension"),
        ("5;a=\"b\\\r\nhello", "!bad-chunk-extension"),
        ("5;a=\"b\"c\r\nhello", "!bad-chunk-extension"),
        ("5;a=\"b\x01\"\r\nhello", "!bad-chunk-extension"),
        ("5;\u{e9}\r\nhello", "!bad-chunk-extension"),
        ("5;\0\r\nhello", "!bad-chunk-extension"),
        ("5;\x7f\r\nhello", "!bad-chunk-extension"),
        ("0\r\n\n", "!bad-trailer"),
        ("0\r\nX: 1\n\r\n", "!bad-trailer"),
        ("0\r\nX\r\n\r\n", "!bad-trailer"),
        ("0\r\nX : 1\r\n\r\n", "!bad-trailer"),
        ("0\r\n X: 1\r\n\r\n", "!bad-trailer"),
        ("0\r\nX: \0\r\n\r\n", "!bad-trailer"),
        ("0\r\nX: 1\r\n 2\r\n\r\n", "!bad-trailer"),
        ("0\r\nX: 1\rY", "!bad-chunk-line-end"),
        ("0\r\nGET / HTTP/1.1\r\n\r\n", "!bad-trailer"),
    ];

    #[test]
    fn bodies_are_what_the_table_says_however_they_are_cut() {
        for (input, expected) in CASES {
            let input = input.as_bytes();
            assert_eq!(read(input, &[]), *expected, "{}", input.escape_ascii());
            assert_eq!(read(input, &vec![1; input.len()]), *expected, "{}", input.escape_ascii());
            for first in 0..input.len() {
                assert_eq!(read(input, &[first]), *expected, "cut at {first}: {}", input.escape_ascii());
            }
        }
    }

    #[test]
    fn of_a_node_blanks_behind_a_size_are_forgiven() {
        for (input, expected) in [
            ("5  \r\nhello\r\n0 \t\r\n\r\n", "hello|"),
            ("5 ;a\r\nhello\r\n0\r\n\r\n", "hello|"),
            ("5 x\r\n", "!bad-chunk-size"),
            (" 5\r\n", "!bad-chunk-size"),
            (" \r\n\r\n", "!bad-chunk-size"),
            ("5;\r\n", "!bad-chunk-extension"),
        ] {
            for reads in [&[][..], &[1; 99]] {
                assert_eq!(read_as(Chunks::of_node(), input.as_bytes(), reads), expected, "{input:?}");
            }
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let extension = |length: usize| format!("1;{}\r\nx\r\n", "a".repeat(length));
        assert_eq!(read(format!("{}0\r\n\r\n", extension(256)).as_bytes(), &[]), "x|");
        assert_eq!(read(extension(257).as_bytes(), &[]), "!chunk-extension-too-long");
        let all = extension(256).repeat(MOST_EXTENSIONS / 256);
        assert!(read(format!("{all}0\r\n\r\n").as_bytes(), &[]).ends_with("x|"));
        assert_eq!(read(format!("{all}1;a\r\nx").as_bytes(), &[]), "!chunk-extension-too-long");
        let blanks = format!("1{};a\r\n", " ".repeat(300));
        assert_eq!(read(blanks.as_bytes(), &[]), "!chunk-extension-too-long");
        let trailers = |length: usize| format!("0\r\nX: {}\r\n\r\n", "a".repeat(length));
        assert!(read(trailers(8000).as_bytes(), &[]).ends_with("aaa|"));
        assert_eq!(read(trailers(8200).as_bytes(), &[]), "!trailers-too-large");
        assert_eq!(read(format!("0\r\n{}\r\n", "X: 1\r\n".repeat(2000)).as_bytes(), &[]), "!trailers-too-large");
    }

    #[test]
    fn data_that_was_given_back_comes_again() {
        let input = b"5\r\nhello\r\n0\r\n\r\n";
        let mut chunks = Chunks::new();
        assert_eq!(chunks.next(&input[..6]), Ok(Piece::Data { skip: 3, len: 3 }));
        chunks.give_back(2);
        assert_eq!(chunks.next(&input[4..]), Ok(Piece::Data { skip: 0, len: 4 }));
        chunks.give_back(1);
        assert_eq!(chunks.next(&input[7..]), Ok(Piece::Data { skip: 0, len: 1 }));
        assert_eq!(chunks.next(&input[8..]), Ok(Piece::End { consumed: 7 }));
    }

    #[test]
    fn what_we_write_we_can_read() {
        for length in [1, 9, 10, 15, 16, 255, 256, 4096, 65536, 1 << 20] {
            let mut written = Vec::new();
            write_chunk_size(&mut written, length);
            assert_eq!(written, format!("{length:x}\r\n").into_bytes());
        }
        let mut last = Vec::new();
        let trailers: [(&[u8], &[u8]); 4] =
            [(b"X-Sum", b"1"), (b"Host", b"b"), (b"X-Bad", b"1\r\nY: 2"), (b"X Bad", b"1")];
        write_last_chunk(&mut last, trailers.into_iter());
        assert_eq!(last, b"0\r\nX-Sum: 1\r\n\r\n");
        assert_eq!(read(&last, &[]), " X-Sum=1|");
        assert_eq!(read(LAST_CHUNK, &[]), "|");
    }
}
