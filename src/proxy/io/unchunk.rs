//! Joins the data of many small chunks in the buffer they were read into. Otherwise each chunk would need a system call
//! of its own: a body of 12 MB in chunks of one byte took 1.8 s of a thread, while its other connections waited.

use super::buffers::Buffer;
use crate::wire::{ChunkFault, Chunks, Piece};

/// A chunk up to this length is moved behind the chunk before it. A longer one stays where it is and is sent
/// separately.
const SHORT: usize = 8 * 1024;

/// What is at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The number of data bytes. 0 when more must be read, and at the end.
    pub(crate) ready: usize,
    /// The body ends after these bytes. The following bytes belong to the next message.
    pub(crate) ended: bool,
}

/// Removes the framing from the bytes that were read, as far as possible. Data before a fault is returned first; the
/// next call reports the fault.
pub(crate) fn join(chunks: &mut Chunks, input: &mut Buffer) -> Result<Joined, ChunkFault> {
    let mut pass = input.pass();
    let ended = loop {
        match chunks.next(pass.rest()) {
            Ok(Piece::Data { skip, len }) if len > SHORT && pass.kept() > 0 => {
                chunks.give_back(len);
                pass.skip(skip);
                break false;
            }
            Ok(Piece::Data { skip, len }) => {
                pass.skip(skip);
                pass.keep(len);
            }
            Ok(Piece::More { consumed }) => {
                pass.skip(consumed);
                break false;
            }
            Ok(Piece::End { consumed }) => {
                pass.skip(consumed);
                break true;
            }
            Err(_) if pass.kept() > 0 => break false,
            Err(fault) => return Err(fault),
        }
    };
    Ok(Joined { ready: pass.end(), ended })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::proxy::io::buffers::Buffers;

    fn buffer(bytes: &[u8]) -> Buffer {
        let mut buffer = Rc::new(Buffers::default()).lend();
        buffer.end(bytes.len()).extend_from_slice(bytes);
        buffer
    }

    fn chunk(data: &[u8]) -> Vec<u8> {
        [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
    }

    /// The data of each step, and the bytes behind the body.
    fn steps(bytes: &[u8]) -> (Vec<Vec<u8>>, Result<Vec<u8>, ChunkFault>) {
        let (mut input, mut chunks, mut steps) = (buffer(bytes), Chunks::new(), Vec::new());
        loop {
            match join(&mut chunks, &mut input) {
                Ok(Joined { ready: 0, ended: false }) => return (steps, Ok(b"more".to_vec())),
                Ok(Joined { ready, ended }) => {
                    steps.push(input.unread()[..ready].to_vec());
                    input.consume(ready);
                    if ended {
                        return (steps, Ok(input.unread().to_vec()));
                    }
                }
                Err(fault) => return (steps, Err(fault)),
            }
        }
    }

    #[test]
    fn short_chunks_come_together_and_long_ones_by_themselves() {
        let long = vec![b'L'; SHORT + 1];
        let cases = [
            (vec![&b"a"[..], b"b", b"c"], vec![b"abc".to_vec()]),
            (vec![&long], vec![long.clone()]),
            (vec![b"a", &long, b"b"], vec![b"a".to_vec(), [&long[..], b"b"].concat()]),
            (vec![&long, &long], vec![long.clone(), long.clone()]),
            (vec![&long[1..], &long[1..]], vec![[&long[1..], &long[1..]].concat()]),
            (vec![b"0\r\n\r\n", b"\r\n"], vec![b"0\r\n\r\n\r\n".to_vec()]),
        ];
        for (data, expected) in cases {
            let body: Vec<u8> = data.iter().flat_map(|data| chunk(data)).collect();
            for rest in [&b""[..], b"GET / HTTP/1.1\r\n", &long] {
                let (found, left) = steps(&[&body, &b"0\r\n\r\n"[..], rest].concat());
                assert!(found.concat() == expected.concat() && left.as_deref() == Ok(rest));
                assert_eq!(found[..expected.len()].iter().map(Vec::len).collect::<Vec<_>>(), lengths(&expected));
            }
        }
    }

    fn lengths(steps: &[Vec<u8>]) -> Vec<usize> {
        steps.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut() {
        let data: Vec<u8> = (0..500u32).flat_map(|number| format!("{number:x};").into_bytes()).collect();
        let mut body: Vec<u8> = data.chunks(7).flat_map(chunk).collect();
        body.extend_from_slice(b"0\r\nX: y\r\n\r\n");
        for cut in [1, 2, 3, 5, 8, 13, 100, 1000] {
            let (mut chunks, mut input, mut found, mut ended) = (Chunks::new(), buffer(b""), Vec::new(), false);
            for part in body.chunks(cut) {
                input.end(part.len()).extend_from_slice(part);
                let joined = join(&mut chunks, &mut input).unwrap();
                found.extend_from_slice(&input.unread()[..joined.ready]);
                input.consume(joined.ready);
                ended = joined.ended;
            }
            assert!(ended && found == data, "{cut}");
        }
    }

    #[test]
    fn what_was_good_before_a_fault_is_not_lost() {
        let (found, left) = steps(b"1\r\na\r\n1\r\nb\r\nx\r\n");
        assert_eq!((found, left), (vec![b"ab".to_vec()], Err(ChunkFault::BadSize)));
    }
}
