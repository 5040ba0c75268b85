//! Reads the streams of a server. On one are the sessions that machines have moved: it is read from where it was left, so a machine that
//! was cut off misses none. On the other is what passes under rates that machines share.

use std::collections::HashSet;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamKey, StreamRangeReply, StreamReadReply};

use super::asking::latest;
use super::common::Common;
use super::rates;
use super::server::{Server, in_words};
use super::table;
use crate::proxy::worker::sharing::SessionPlace;

/// The most that is read at once of a stream, and how long the server may wait for something, in milliseconds.
const AT_ONCE: usize = 1000;
pub(super) const WAITS: u64 = 1000;

/// Reads the streams until the connection is lost. Why it was.
pub(super) async fn follow(common: &Common, server: &Server, mut link: MultiplexedConnection) -> String {
    let (mut moves, mut passes) = match begin(common, server, &mut link).await {
        Ok(ends) => ends,
        Err(error) => return in_words(&error),
    };
    loop {
        match read(common, &mut link, (&moves, &passes)).await {
            Ok((moved, passed)) => {
                passed
                    .iter()
                    .for_each(|one| _ = one.get::<Vec<u8>>("r").map(|text| rates::hear(common, &text, server)));
                if let Some(last) = passed.last() {
                    passes.clone_from(&last.id);
                }
                if let Some(last) = moved.last() {
                    moves.clone_from(&last.id);
                    *server.last_move.lock() = Some(last.id.clone());
                    follow_moves(common, &moved).await;
                }
            }
            Err(error) => return in_words(&error),
        }
    }
}

/// Where to read on. Moves are read behind the one that was read last. A stream that has not come so far is another one, of a server
/// that began anew. Of what passed only what comes counts.
async fn begin(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
) -> Result<(String, String), RedisError> {
    let end = end(&common.places.moves(), link).await?;
    let known = server.last_move.lock().clone();
    let moves = match known {
        // What was moved before this machine came it asks for when it is needed.
        None => end,
        Some(known) if numbers(&known) > numbers(&end) => BEGINNING.to_owned(),
        Some(known) => known,
    };
    *server.last_move.lock() = Some(moves.clone());
    Ok((moves, self::end(&common.places.rates(), link).await?))
}

async fn end(stream: &str, link: &mut MultiplexedConnection) -> Result<String, RedisError> {
    let mut command = redis::cmd("XREVRANGE");
    let reply: StreamRangeReply = command.arg(stream).arg("+").arg("-").arg("COUNT").arg(1).query_async(link).await?;
    Ok(reply.ids.into_iter().next().map_or_else(|| BEGINNING.to_owned(), |last| last.id))
}

/// Before all moves.
const BEGINNING: &str = "0-0";

/// A place in a stream: milliseconds, and a number within one.
fn numbers(id: &str) -> Option<(u64, u64)> {
    let (time, number) = id.split_once('-')?;
    Some((time.parse().ok()?, number.parse().ok()?))
}

/// What comes on both.
async fn read(
    common: &Common,
    link: &mut MultiplexedConnection,
    (moves, passes): (&str, &str),
) -> Result<(Vec<StreamId>, Vec<StreamId>), RedisError> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(WAITS).arg("STREAMS");
    command.arg(common.places.moves()).arg(common.places.rates()).arg(moves).arg(passes);
    let reply: Option<StreamReadReply> = command.query_async(link).await?;
    let all = reply.map(|reply| reply.keys).unwrap_or_default();
    let (moved, passed): (Vec<StreamKey>, _) = all.into_iter().partition(|stream| stream.key == common.places.moves());
    let entries = |streams: Vec<StreamKey>| streams.into_iter().flat_map(|stream| stream.ids).collect();
    Ok((entries(moved), entries(passed)))
}

/// Follows the moves of sessions that live here.
async fn follow_moves(common: &Common, moves: &[StreamId]) {
    let place = |one: &StreamId| common.places.read(&one.get::<String>("s")?);
    let places: HashSet<SessionPlace> = moves.iter().filter_map(place).collect();
    let moved: Vec<SessionPlace> = places.into_iter().filter(|place| table::knows(&common.control, place)).collect();
    if moved.is_empty() {
        return;
    }
    let records = latest(common, &moved).await;
    for (place, record) in moved.iter().zip(records) {
        record.iter().for_each(|record| common.follow(place, record));
    }
}
