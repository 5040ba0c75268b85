//! Reads the answer to a question that Weir itself asks: a probe, or who is in the cluster. Its bytes are bounded; its time
//! is, by who asks.

use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::wire::{AnswerFraming, AnswerHead, AnswerScan, Chunks, Method, Piece, scan_answer};

/// The most bytes of an answer that are read.
const MOST: usize = 64 * 1024;
/// The most bytes of an answer that a report shows.
const EXCERPT: usize = 80;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// It ended where its Content-Length says, so the connection can be asked again.
    pub(crate) is_whole: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The connection broke.
    Broken(io::Error),
    /// The connection was closed, after these bytes.
    Closed(Vec<u8>),
    /// These bytes are no HTTP.
    NotHttp(Vec<u8>),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "{error}"),
            Self::Closed(seen) => write!(f, "closed before an answer: {}", excerpt(seen)),
            Self::NotHttp(seen) => write!(f, "not an HTTP answer: {}", excerpt(seen)),
        }
    }
}

/// Reads the answer to a GET.
pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> Result<Answer, NoAnswer> {
    let mut input = Vec::with_capacity(4096);
    let mut head = AnswerHead::new();
    let end = loop {
        match scan_answer(&input, 0, MOST) {
            AnswerScan::End(end) => {
                let text = input.get(..end).unwrap_or_default();
                if head.parse(text, Method::Get).is_err() {
                    return Err(NoAnswer::NotHttp(input));
                }
                if !head.is_interim() {
                    break end;
                }
                input.drain(..end);
            }
            AnswerScan::Bad(_) => return Err(NoAnswer::NotHttp(input)),
            AnswerScan::Partial => {
                if stream.read_buf(&mut input).await.map_err(NoAnswer::Broken)? == 0 {
                    return Err(NoAnswer::Closed(input));
                }
            }
        }
    };
    input.drain(..end);
    let whole = match head.framing() {
        AnswerFraming::None => 0,
        AnswerFraming::Length(length) => usize::try_from(length).unwrap_or(MOST).min(MOST),
        AnswerFraming::Chunked | AnswerFraming::UntilClose => MOST,
    };
    let chunked = head.framing() == AnswerFraming::Chunked;
    while input.len() < whole && !(chunked && last_chunk_came(&input)) {
        // The received bytes are judged even when the node breaks the connection.
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let is_whole = head.framing() == AnswerFraming::Length(input.len() as u64);
    let body = if chunked { dechunked(&input) } else { input };
    Ok(Answer { status: head.status(), body, is_whole })
}

fn last_chunk_came(input: &[u8]) -> bool {
    input.ends_with(b"0\r\n\r\n")
}

fn dechunked(mut input: &[u8]) -> Vec<u8> {
    let (mut chunks, mut body) = (Chunks::of_node(), Vec::new());
    while let Ok(Piece::Data { skip, len }) = chunks.next(input) {
        body.extend_from_slice(input.get(skip..skip + len).unwrap_or_default());
        input = input.get(skip + len..).unwrap_or_default();
    }
    body
}

/// The first bytes as text that fits into a log line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "(nothing)".to_string();
    }
    let first = bytes.get(..EXCERPT.min(bytes.len())).unwrap_or_default();
    format!("\"{}\"", first.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_is_read_as_one() {
        assert_eq!(dechunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
    }
}
