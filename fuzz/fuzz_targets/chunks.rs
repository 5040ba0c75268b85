//! Chunked bodies: however they are cut, the same bytes, trailers, end or fault come out; a second reader agrees on
//! what is accepted; and what Weir writes, it reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir::wire::{CHUNK_END, ChunkFault, Chunks, Piece, write_chunk_size, write_last_chunk};

#[derive(Debug, PartialEq, Eq)]
struct Read {
    body: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the body ended, if it did.
    end: Option<usize>,
}

fuzz_target!(|input: &[u8]| {
    let Some((&step, bytes)) = input.split_first() else { return };
    let whole = read(bytes, usize::MAX);
    assert_eq!(whole, read(bytes, 1), "byte by byte");
    assert_eq!(whole, read(bytes, 1 + usize::from(step)), "in reads of {step} bytes");
    if let Ok(Read { body, end: Some(end), .. }) = &whole {
        assert_eq!(plainly(&bytes[..*end]).as_ref(), Some(body), "a second reader");
    }
    if let Ok(read) = whole {
        check_written(&read, step);
    }
});

fn read(bytes: &[u8], step: usize) -> Result<Read, ChunkFault> {
    let mut chunks = Chunks::new();
    let mut body = Vec::new();
    let mut at = 0;
    let mut known = 0;
    while known < bytes.len() {
        known = known.saturating_add(step).min(bytes.len());
        while at < known {
            match chunks.next(&bytes[at..known])? {
                Piece::More { consumed } => {
                    assert_eq!(at + consumed, known);
                    at = known;
                }
                Piece::Data { skip, len } => {
                    assert!(len > 0);
                    body.extend_from_slice(&bytes[at + skip..at + skip + len]);
                    at += skip + len;
                }
                Piece::End { consumed } => {
                    let own = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
                    let trailers = chunks.trailers().map(own).collect();
                    return Ok(Read { body, trailers, end: Some(at + consumed) });
                }
            }
        }
    }
    Ok(Read { body, trailers: Vec::new(), end: None })
}

/// The body of a complete chunked message, read with the whole of it in view.
fn plainly(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(bytes[..end].split(|&byte| byte == b';').next()?).ok()?;
        let size = usize::from_str_radix(line.trim_end_matches([' ', '\t']), 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            return (bytes == b"\r\n" || bytes.ends_with(b"\r\n\r\n")).then_some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn check_written(read_before: &Read, step: u8) {
    let mut written = Vec::new();
    for piece in read_before.body.chunks(1 + usize::from(step)) {
        write_chunk_size(&mut written, piece.len());
        written.extend_from_slice(piece);
        written.extend_from_slice(CHUNK_END);
    }
    let trailers = read_before.trailers.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
    write_last_chunk(&mut written, trailers);
    let again = read(&written, 7).expect("our own chunks");
    assert_eq!(again.end, Some(written.len()));
    assert_eq!((again.body, again.trailers), (read_before.body.clone(), read_before.trailers.clone()));
}
