//! HTTP/2 frames by hand, because a library's client refuses to send what is wrong. Field lists go out as plain
//! literals; of what comes back only statuses, resets and GOAWAY are read.

use std::io;
use std::net::SocketAddr;

use super::http1::Client;
use super::tls::Offer;

/// Frame types (RFC 9113 section 6).
pub(crate) const DATA: u8 = 0;
/// HEADERS
pub(crate) const HEADERS: u8 = 1;
/// RST_STREAM
pub(crate) const RST_STREAM: u8 = 3;
/// SETTINGS
pub(crate) const SETTINGS: u8 = 4;
/// PING
pub(crate) const PING: u8 = 6;
/// GOAWAY
pub(crate) const GOAWAY: u8 = 7;
/// WINDOW_UPDATE
pub(crate) const WINDOW_UPDATE: u8 = 8;
/// CONTINUATION
pub(crate) const CONTINUATION: u8 = 9;
/// The flag END_STREAM.
pub(crate) const END_STREAM: u8 = 1;
/// The flag END_HEADERS.
pub(crate) const END_HEADERS: u8 = 4;

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An answer with this status.
    Status(u16),
    /// RST_STREAM with this code.
    Reset(u32),
    /// GOAWAY with this code.
    GoAway(u32),
    /// The connection ended without a word.
    Closed,
}

/// An HTTP/2 connection, its preface and first SETTINGS sent.
pub(crate) struct Frames(Client);

impl Frames {
    /// Connects to a TLS listener as esb.test.
    #[track_caller]
    pub(crate) fn connect(to: SocketAddr) -> Self {
        let mut client = Client::tls(to, &Offer::http2("esb.test")).expect("the TLS listener speaks h2");
        client.send([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[])].concat());
        Self(client)
    }

    /// Sends frames as they are.
    pub(crate) fn send(&mut self, frames: impl AsRef<[u8]>) -> bool {
        self.0.send(frames)
    }

    /// Reads until this stream, or the connection, has an end of some kind.
    pub(crate) fn outcome(&mut self, stream: u32) -> io::Result<Outcome> {
        loop {
            let head = match self.0.exactly(9) {
                Err(error) if super::http1::is_timeout(&error) => return Err(error),
                Err(_) => return Ok(Outcome::Closed),
                Ok(head) => head,
            };
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let id = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
            let Ok(payload) = self.0.exactly(length) else { return Ok(Outcome::Closed) };
            match head[3] {
                SETTINGS if head[4] & 1 == 0 => drop(self.0.send(frame(SETTINGS, 1, 0, &[]))),
                GOAWAY => return Ok(Outcome::GoAway(number(&payload, 4))),
                RST_STREAM if id == stream => return Ok(Outcome::Reset(number(&payload, 0))),
                HEADERS if id == stream => match status(&payload) {
                    100..=199 => {}
                    status => return Ok(Outcome::Status(status)),
                },
                _ => {}
            }
        }
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a test's frame is small").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A field list: literals, not indexed, not Huffman-coded (RFC 7541 section 6.2.2).
pub(crate) fn fields(list: &[(&[u8], &[u8])]) -> Vec<u8> {
    fields_of(0, list)
}

/// The same by another kind of literal: 0x40 for those that are kept in the table.
pub(crate) fn fields_of(kind: u8, list: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in list {
        bytes.push(kind);
        string(&mut bytes, name);
        string(&mut bytes, value);
    }
    bytes
}

fn string(bytes: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(short @ 0..=126) => bytes.push(short),
        _ => {
            bytes.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).unwrap_or_default() | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap_or_default());
        }
    }
    bytes.extend_from_slice(text);
}

fn number(payload: &[u8], at: usize) -> u32 {
    let four = payload.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_be_bytes)
}

/// The status of a field block; it is always the first field.
fn status(block: &[u8]) -> u16 {
    // A change of the table's size may stand first.
    let block = if block.first().is_some_and(|byte| byte & 0xe0 == 0x20) { &block[1..] } else { block };
    match block {
        [byte, ..] if byte & 0x80 != 0 => match byte & 0x7f {
            8 => 200,
            9 => 204,
            10 => 206,
            11 => 304,
            12 => 400,
            13 => 404,
            14 => 500,
            _ => 0,
        },
        [_, length, text @ ..] if length & 0x80 != 0 => huffman_digits(text),
        [_, _, text @ ..] => text.iter().take(3).fold(0, |all, byte| all * 10 + u16::from(byte.wrapping_sub(b'0'))),
        _ => 0,
    }
}

/// Three digits in the code of RFC 7541, appendix B: 0 to 2 have five bits, 3 to 9 have six.
fn huffman_digits(text: &[u8]) -> u16 {
    let bits: Vec<u16> = text.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1))).collect();
    let (mut all, mut at) = (0, 0);
    for _ in 0..3 {
        let take = |from: usize, count: usize| bits.iter().skip(from).take(count).fold(0, |sum, bit| sum << 1 | bit);
        let five = take(at, 5);
        let (digit, length) = if five <= 2 { (five, 5) } else { (take(at, 6) - 0x19 + 3, 6) };
        all = all * 10 + digit;
        at += length;
    }
    all
}

#[test]
fn statuses_are_read_in_every_spelling() {
    let rows: &[(&[u8], u16)] = &[
        (&[0x88], 200),
        (&[0x8c], 400),
        (&[0x48, 3, b'4', b'2', b'1'], 421),
        // "302" as RFC 7541 C.6.1 spells it, "421" by the same table.
        (&[0x48, 0x82, 0x64, 0x02], 302),
        (&[0x48, 0x82, 0x68, 0x41], 421),
        (&[0x20, 0x88], 200),
    ];
    for (block, expected) in rows {
        assert_eq!(status(block), *expected, "{block:x?}");
    }
}
