//! Normalizes a whole target (path and query), for comparing with routes only. Axis2 searches the whole URL: the
//! service is what follows the last `/services`, even in the query (`Utils.parseRequestURLForServiceAndOperation`). A
//! query has no dot segments and no parameters, so it is only decoded.

use super::normalized_path::read_escape;

/// Writes a normalized path and the query, which is decoded `decoded` times.
pub(super) fn join(path: &[u8], query: Option<&[u8]>, decoded: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(path);
    let Some(query) = query else { return };
    out.push(b'?');
    let start = out.len();
    out.extend_from_slice(query);
    for _ in 0..decoded {
        decode(out, start);
    }
}

/// Whether the target is its own only reading, if the same holds for its path.
pub(super) fn is_plain(query: Option<&[u8]>) -> bool {
    query.is_none_or(|query| memchr::memchr(b'%', query).is_none())
}

/// Decodes the text from `start` on in place; true if it changed.
pub(super) fn decode(text: &mut Vec<u8>, start: usize) -> bool {
    let (mut read, mut write) = (start, start);
    while let Some(&byte) = text.get(read) {
        let escape = (byte == b'%').then(|| text.get(read + 1..).and_then(read_escape)).flatten();
        let (byte, length) = escape.map_or((byte, 1), |(decoded, _)| (decoded, 3));
        if let Some(place) = text.get_mut(write) {
            *place = byte;
        }
        read += length;
        write += 1;
    }
    text.truncate(write);
    read != write
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_behind_its_path() {
        for (path, query, times, expected) in [
            ("/a", None, 2, "/a"),
            ("/a", Some(""), 1, "/a?"),
            ("/a%41", Some("b%41"), 0, "/a%41?b%41"),
            ("/a%41", Some("b%41%2f"), 1, "/a%41?bA/"),
            ("/a", Some("%2541%252F"), 1, "/a?%41%2F"),
            ("/a", Some("%2541%252F"), 2, "/a?A/"),
            ("/a", Some("%"), 2, "/a?%"),
            ("/a", Some("%4"), 2, "/a?%4"),
            ("/a", Some("%zz%%41"), 1, "/a?%zz%A"),
        ] {
            let mut out = b"left".to_vec();
            join(path.as_bytes(), query.map(str::as_bytes), times, &mut out);
            assert_eq!(out.escape_ascii().to_string(), expected, "{path} {query:?} {times}");
        }
    }

    #[test]
    fn the_end_of_decoding_is_known() {
        let mut text = b"/%2541".to_vec();
        let steps: Vec<bool> = (0..4).map(|_| decode(&mut text, 0)).collect();
        assert_eq!((steps.as_slice(), text.as_slice()), (&[true, true, false, false][..], &b"/A"[..]));
    }
}
