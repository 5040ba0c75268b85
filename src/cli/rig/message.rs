//! Reads HTTP/1.1 messages for stubs and for clients that ask through Weir: a head, then a body, both of limited size.
//!
//! It does not use Weir's own parser on purpose: a stub with the same parser could not notice the parser's mistakes.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};

/// A head: the first line, the fields, and the whole text as it came.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) first: String,
    fields: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Head {
    /// Reads one head. `None` if the peer closed before its first byte.
    pub(crate) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>> {
        let mut text = String::new();
        // Bytes as they came: a bad one has three in `text`.
        let mut left = LONGEST_HEAD;
        loop {
            if left == 0 {
                return Err(bad("a head longer than is taken here"));
            }
            let bytes = line_of_bytes(stream, left).await?;
            left -= bytes.len();
            let line = String::from_utf8_lossy(&bytes);
            match line.trim_end() {
                "" if line.is_empty() && text.is_empty() => return Ok(None),
                "" if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                "" if text.is_empty() => {}
                "" => return Ok(Some(Self::parse(text))),
                _ => text.push_str(&line),
            }
        }
    }

    fn parse(text: String) -> Self {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        Self { first, fields, text }
    }

    /// All fields, in order.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// All values of the field, in order; names compare without case.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first value of the field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the field, read as a list, has this value.
    pub(crate) fn says(&self, name: &str, word: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
    }
}

/// What ends a body that has neither length nor chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WithoutLength {
    /// In a request: there is no body.
    Nothing,
    /// In an answer: everything until the peer closes.
    UntilClose,
}

/// Reads the body that belongs to this head.
pub(crate) async fn body(
    stream: &mut (impl AsyncBufRead + Unpin),
    head: &Head,
    otherwise: WithoutLength,
) -> Result<Vec<u8>> {
    if head.says("Transfer-Encoding", "chunked") {
        return chunks(stream).await;
    }
    match head.field("Content-Length").map(str::parse) {
        Some(Ok(length)) => exactly(stream, length).await,
        Some(Err(_)) => Err(bad("Content-Length is no number")),
        None if otherwise == WithoutLength::Nothing => Ok(Vec::new()),
        None => everything(stream).await,
    }
}

async fn chunks(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = line(stream, LONGEST_LINE).await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| bad("a chunk without a size"))?;
        if size == 0 {
            break;
        }
        if size > LONGEST_BODY - body.len() as u64 {
            return Err(bad("a body longer than is taken here"));
        }
        body.append(&mut exactly(stream, size).await?);
        self::line(stream, LONGEST_LINE).await?;
    }
    // Trailers, up to the empty line that ends them.
    while !line(stream, LONGEST_LINE).await?.trim_end().is_empty() {}
    Ok(body)
}

async fn exactly(stream: &mut (impl AsyncRead + Unpin), length: u64) -> Result<Vec<u8>> {
    if length > LONGEST_BODY {
        return Err(bad("a body longer than is taken here"));
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body).await?;
    if body.len() as u64 == length { Ok(body) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

async fn everything(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    stream.take(LONGEST_BODY).read_to_end(&mut body).await?;
    Ok(body)
}

/// One line with its end; empty at the end of the stream.
async fn line(stream: &mut (impl AsyncBufRead + Unpin), most: usize) -> Result<String> {
    Ok(String::from_utf8_lossy(&line_of_bytes(stream, most).await?).into_owned())
}

/// The same, of at most so many bytes, as it came.
async fn line_of_bytes(stream: &mut (impl AsyncBufRead + Unpin), most: usize) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    let read = stream.take(most as u64).read_until(b'\n', &mut line).await?;
    if read > 0 && !line.ends_with(b"\n") {
        return Err(bad("a line without an end"));
    }
    Ok(line)
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

const LONGEST_HEAD: usize = 64 * 1024;
const LONGEST_LINE: usize = 8 * 1024;
const LONGEST_BODY: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_end_where_their_head_says() {
        let cases: [(&str, WithoutLength, &str); 5] = [
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcd", WithoutLength::Nothing, "abc"),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\nrest",
                WithoutLength::Nothing,
                "abcd",
            ),
            ("GET / HTTP/1.1\r\n\r\nnext", WithoutLength::Nothing, ""),
            ("HTTP/1.1 200 OK\r\n\r\nall of it", WithoutLength::UntilClose, "all of it"),
            ("\r\nGET / HTTP/1.1\r\nContent-Length: 0\r\n\r\nnext", WithoutLength::Nothing, ""),
        ];
        for (bytes, otherwise, expected) in cases {
            let mut stream = bytes.as_bytes();
            let head = Head::read(&mut stream).await.unwrap().unwrap();
            let body = body(&mut stream, &head, otherwise).await.unwrap();
            assert_eq!(String::from_utf8(body).unwrap(), expected, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_or_too_long_is_an_error() {
        let endless = format!("GET /{} HTTP/1.1\r\n", "a".repeat(LONGEST_HEAD));
        for bytes in ["GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1", &endless] {
            assert!(Head::read(&mut bytes.as_bytes()).await.is_err(), "{} bytes", bytes.len());
        }
        for bytes in [
            "Content-Length: 4\r\n\r\nabc",
            "Content-Length: 99999999999\r\n\r\n",
            "Content-Length: x\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            let bytes = format!("POST / HTTP/1.1\r\n{bytes}");
            let mut stream = bytes.as_bytes();
            let head = Head::read(&mut stream).await.unwrap().unwrap();
            assert!(body(&mut stream, &head, WithoutLength::Nothing).await.is_err(), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_count_once() {
        let field = |length: usize| [b"X: ".as_slice(), &vec![0xff; length], b"\r\n"].concat();
        let head = |fields: &[Vec<u8>]| [b"HTTP/1.1 200 OK\r\n".as_slice(), &fields.concat(), b"\r\n"].concat();
        let short = head(&[field(30_000), field(30_000)]);
        let read = Head::read(&mut short.as_slice()).await.unwrap().unwrap();
        assert_eq!(read.fields().len(), 2);
        let long = head(&[field(30_000), field(30_000), field(30_000)]);
        assert!(Head::read(&mut long.as_slice()).await.is_err());
        let empty = "\r\n".repeat(LONGEST_HEAD);
        assert!(Head::read(&mut empty.as_bytes()).await.is_err());
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_no_error() {
        assert!(Head::read(&mut &b""[..]).await.unwrap().is_none());
    }
}
