//! An answer's body on its way down: by length, in chunks, or until the node closes. A body that ends short is told
//! from a whole one, and never ends cleanly for the client.

use std::io;
use std::time::Duration;

use crate::config::ErrorPage;
use crate::proxy::client::ResponseWriter;
use crate::proxy::exchange::trip::Trip;
use crate::proxy::io::buffers::Buffer;
use crate::proxy::io::fault::Lost;
use crate::proxy::io::stream::TimedStream;
use crate::proxy::io::unchunk;
use crate::proxy::io::unchunk::Joined;
use crate::traffic::message::headers;
use crate::traffic::message::refusal::Refusal;
use crate::wire::{AnswerFraming, AnswerHead, Chunks, Method};

//= rfc9110#7.7 content
/// Passes the body down; true when it was whole and the connection's place in it is known.
pub(crate) async fn pass_body(
    trip: &mut Trip<'_, '_>,
    answer: &AnswerHead,
    node: &TimedStream,
    writer: &mut ResponseWriter<'_>,
    input: &mut Buffer,
    limit: Duration,
) -> Result<bool, Lost> {
    match answer.framing() {
        AnswerFraming::None => {
            writer.end(b"").await?;
            Ok(true)
        }
        AnswerFraming::Length(length) => {
            pass_length(node, writer, input, length, limit).await?;
            writer.end(b"").await?;
            Ok(true)
        }
        AnswerFraming::Chunked => {
            let mut chunks = Chunks::of_node();
            let passed = pass_chunks(node, writer, input, &mut chunks, limit).await;
            if let Some(reason) = chunks.blame() {
                trip.record.blame(reason);
            }
            passed?;
            let mut trailers = trip.arrived().connection.worker().buffers.lend();
            if trip.arrived().head.te_trailers() {
                chunks.trailers().for_each(|(name, value)| headers::write_field(trailers.end(0), name, value));
            }
            writer.end(trailers.unread()).await?;
            Ok(true)
        }
        AnswerFraming::UntilClose => {
            pass_until_close(node, writer, input, limit).await?;
            writer.end(b"").await?;
            Ok(false)
        }
    }
}

/// Sends a page in place of the node's body; true when that body had all come already, so that the node's connection can go
/// on.
pub(crate) async fn pass_page(
    trip: &Trip<'_, '_>,
    answer: &AnswerHead,
    page: &ErrorPage,
    writer: &mut ResponseWriter<'_>,
    input: &mut Buffer,
) -> Result<bool, Lost> {
    if trip.arrived().head.method() != Method::Head {
        writer.piece(page.body.as_bytes()).await?;
    }
    writer.end(b"").await?;
    Ok(drop_arrived(answer.framing(), input))
}

/// Drops what has come of a body; true if that was all of it.
fn drop_arrived(framing: AnswerFraming, input: &mut Buffer) -> bool {
    match framing {
        AnswerFraming::None => true,
        AnswerFraming::Length(length) => {
            let whole = usize::try_from(length).ok().filter(|length| *length <= input.unread().len());
            input.consume(whole.unwrap_or(0));
            whole.is_some()
        }
        AnswerFraming::Chunked => {
            let mut chunks = Chunks::of_node();
            loop {
                match unchunk::join(&mut chunks, input) {
                    Ok(Joined { ready, ended }) if ready > 0 || ended => {
                        input.consume(ready);
                        if ended {
                            return true;
                        }
                    }
                    _ => return false,
                }
            }
        }
        AnswerFraming::UntilClose => false,
    }
}

async fn pass_length(
    node: &TimedStream,
    writer: &mut ResponseWriter<'_>,
    input: &mut Buffer,
    length: u64,
    limit: Duration,
) -> Result<(), Lost> {
    let mut left = length;
    while left > 0 {
        if input.unread().is_empty() {
            read_more(node, input, writer, limit).await?;
        }
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.unread().len());
        writer.piece(input.unread().get(..count).unwrap_or_default()).await?;
        input.consume(count);
        left -= count as u64;
    }
    Ok(())
}

async fn pass_chunks(
    node: &TimedStream,
    writer: &mut ResponseWriter<'_>,
    input: &mut Buffer,
    chunks: &mut Chunks,
    limit: Duration,
) -> Result<(), Lost> {
    loop {
        match unchunk::join(chunks, input) {
            Ok(Joined { ready: 0, ended: false }) => read_more(node, input, writer, limit).await?,
            Ok(Joined { ready, ended }) => {
                writer.piece(input.unread().get(..ready).unwrap_or_default()).await?;
                input.consume(ready);
                if ended {
                    return Ok(());
                }
            }
            Err(_) => {
                // What came before the error was good: the client gets it first.
                writer.flush().await?;
                return Err(Lost::Over(Refusal::NodeMalformed));
            }
        }
    }
}

async fn pass_until_close(
    node: &TimedStream,
    writer: &mut ResponseWriter<'_>,
    input: &mut Buffer,
    limit: Duration,
) -> Result<(), Lost> {
    loop {
        if !input.unread().is_empty() {
            writer.piece(input.unread()).await?;
            input.clear();
        }
        if read(node, input, writer, limit).await? == 0 {
            return Ok(());
        }
    }
}

//= rfc9112#6.3 short
async fn read_more(
    node: &TimedStream,
    input: &mut Buffer,
    writer: &mut ResponseWriter<'_>,
    limit: Duration,
) -> Result<(), Lost> {
    if read(node, input, writer, limit).await? == 0 { Err(Lost::Over(Refusal::NodeCut)) } else { Ok(()) }
}

/// Reads on, once what came before has left. What is read is held until the client has taken it: much at once only for
/// one who keeps up.
async fn read(
    node: &TimedStream,
    input: &mut Buffer,
    writer: &mut ResponseWriter<'_>,
    limit: Duration,
) -> Result<usize, Lost> {
    writer.flush().await?;
    input.limit_reads(!writer.is_fast_reader());
    node.read(input, limit).await.map_err(|error| Lost::Over(body_fault(&error)))
}

fn body_fault(error: &io::Error) -> Refusal {
    if error.kind() == io::ErrorKind::TimedOut { Refusal::AnswerBodyTimeout } else { Refusal::NodeCut }
}
