//! Blocks of HTTP/2 fields, one after the other on one connection, as Weir hands them on: the library below must never end the
//! connection, and read just what a decoder that was written apart from both reads in the blocks as they came.

#![no_main]

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use fluke_hpack::Decoder;
use fluke_hpack::decoder::DecoderError;
use futures_core::Stream;
use h2::frame::{Frame, Headers};
use h2::proto::Error;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use weir::wire::{Block, Follower, Oddity};

const MAX_HEAD: usize = 16 * 1024;

fuzz_target!(|data: &[u8]| {
    let mut follower = Follower::new(MAX_HEAD);
    let mut library = h2::Codec::<Sent, Bytes>::new(Sent::default());
    library.set_max_recv_header_list_size(MAX_HEAD);
    let mut reader = Decoder::new();
    reader.set_max_allowed_table_size(4096);
    // The first byte of each says how long it is.
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (block, later) = after.split_at(usize::from(length).min(after.len()));
        rest = later;
        let Ok(odd) = follower.follow(block, Block::default()) else { return };
        let mut written = Vec::new();
        match reader.decode_with_cb(block, |name, value| written.push((name.into_owned(), value.into_owned()))) {
            // That nothing may follow a change of the table's size is its own opinion.
            Ok(()) | Err(DecoderError::SizeUpdateAtEnd) => {}
            Err(error) => panic!("it can be followed, but not decoded: {error:?}"),
        }
        let handed_on = odd.as_ref().map_or(block, |odd| &odd.instead);
        match decode(&mut library, handed_on) {
            Some(read) => compare(read, odd, written),
            None => assert!(odd.is_some_and(|odd| odd.fault.is_some()), "a stream ends, and nobody is told"),
        }
    }
});

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What the library reads; nothing where it ends the stream.
fn decode(library: &mut h2::Codec<Sent, Bytes>, block: &[u8]) -> Option<Headers> {
    let [_, length @ ..] = u32::try_from(block.len()).expect("a short block").to_be_bytes();
    let head = [&length[..], &[1, 4, 0, 0, 0, 1]].concat();
    assert!(block.len() <= MAX_HEAD, "a frame's length");
    library.get_mut().0.extend(head.iter().chain(block));
    match Pin::new(library).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(Frame::Headers(headers)))) => Some(headers),
        Poll::Ready(Some(Err(Error::Reset(..)))) => None,
        other => panic!("the connection ends: {other:?}"),
    }
}

fn compare(read: Headers, odd: Option<Box<Oddity>>, written: Fields) {
    let odd = odd.unwrap_or_default();
    if odd.fault.is_some() {
        return;
    }
    assert!(!read.is_over_size(), "too large, and nobody was told");
    let (pseudo, fields) = read.into_parts();
    let (written_pseudo, mut plain): (Fields, Fields) =
        written.into_iter().partition(|(name, _)| name.starts_with(b":"));
    let mut fields: Fields =
        fields.iter().map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    // The library's map has fields of one name together.
    fields.sort();
    plain.sort();
    assert_eq!(fields, plain);
    let values = [
        (&b":method"[..], pseudo.method.as_ref().map(|method| method.as_str().as_bytes())),
        (b":scheme", pseudo.scheme.as_ref().map(|scheme| scheme.as_bytes())),
        (b":path", odd.target.as_deref().or(pseudo.path.as_ref().map(|path| path.as_bytes()))),
        (b":authority", odd.authority.as_deref().or(pseudo.authority.as_ref().map(|authority| authority.as_bytes()))),
    ];
    for (name, value) in values {
        let mut as_written = written_pseudo.iter().filter(|(written, _)| written == name);
        assert_eq!(value, as_written.next().map(|(_, value)| value.as_slice()));
        assert!(as_written.next().is_none());
    }
    assert!(written_pseudo.iter().all(|(name, _)| values.iter().any(|(known, _)| known == name)));
}

/// What was sent to the library.
#[derive(Debug, Default)]
struct Sent(VecDeque<u8>);

impl AsyncRead for Sent {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let count = into.remaining().min(self.0.len());
        into.put_slice(&self.0.drain(..count).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
