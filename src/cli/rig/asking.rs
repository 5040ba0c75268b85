//! One request on a connection, and its answer.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::message::{Head, WithoutLength, body};

/// Sends the bytes of a request. Returns the status of the final answer, its head and its body; `bodiless` is for HEAD.
pub(crate) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    bodiless: bool,
) -> Result<(u16, Head, Vec<u8>)> {
    let mut stream = BufReader::new(stream);
    // Who refuses a body may answer before it has come.
    let sent = match stream.write_all(request).await {
        Ok(()) => stream.flush().await,
        failed => failed,
    };
    let (status, head) = loop {
        let head = match Head::read(&mut stream).await {
            Ok(Some(head)) => head,
            Ok(None) => return Err(sent.err().map_or_else(unanswered, closed)),
            Err(error) => return Err(closed(sent.err().unwrap_or(error))),
        };
        let status = head.first.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        let status = status.ok_or_else(|| Error::other(format!("no status in {:?}", head.first)))?;
        if status >= 200 || status == 101 {
            break (status, head);
        }
    };
    let empty = bodiless || matches!(status, 101 | 204 | 304);
    let body = if empty { Vec::new() } else { body(&mut stream, &head, WithoutLength::UntilClose).await? };
    Ok((status, head, body))
}

/// Who closes before all of a request was read resets the connection, or does not, by the moment: it is one outcome.
fn closed(error: Error) -> Error {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => unanswered(),
        _ => error,
    }
}

fn unanswered() -> Error {
    Error::other("closed without an answer")
}
