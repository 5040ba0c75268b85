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

/// The most that is read at once of a stream, and how long the server may wait for something to come, in milliseconds.
const AT_ONCE: usize = 1000;
pub(super) const WAITS: u64 = 1000;

/// The last that was read of each stream.
pub(super) struct Ends {
    moves: String,
    passes: String,
}

/// Follows what was moved until now: the first request finds no session where it was before. Where to read on.
pub(super) async fn catch_up(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
) -> Result<Ends, RedisError> {
    let mut ends = begin(common, server, link).await?;
    loop {
        let came = read(common, link, &ends, None).await?;
        let is_all = came.moved.len() < AT_ONCE;
        take(common, server, &came, &mut ends).await;
        if is_all {
            return Ok(ends);
        }
    }
}

/// Reads on until the connection is lost. Why it was.
pub(super) async fn follow(
    common: &Common,
    server: &Server,
    (mut link, mut ends): (MultiplexedConnection, Ends),
) -> String {
    loop {
        match read(common, &mut link, &ends, Some(WAITS)).await {
            Ok(came) => take(common, server, &came, &mut ends).await,
            Err(error) => return in_words(&error),
        }
    }
}

async fn take(common: &Common, server: &Server, Came { moved, passed }: &Came, ends: &mut Ends) {
    passed.iter().for_each(|one| _ = one.get::<Vec<u8>>("r").map(|text| rates::hear(common, &text, server)));
    if let Some(last) = passed.last() {
        ends.passes.clone_from(&last.id);
    }
    if let Some(last) = moved.last() {
        ends.moves.clone_from(&last.id);
        *server.last_move.lock() = Some(last.id.clone());
        follow_moves(common, moved).await;
    }
}

/// Where to read on. Moves are read behind the one that was read last. A stream that has not come so far is another one, of a server
/// that began anew. Of what passed only what comes counts.
async fn begin(common: &Common, server: &Server, link: &mut MultiplexedConnection) -> Result<Ends, RedisError> {
    let end = end(&common.places.moves(), link).await?;
    let known = server.last_move.lock().clone();
    let moves = match known {
        // This machine knows no session; it asks for each when it is needed.
        None if table::is_empty(&common.control) => end,
        // What the disk has is from before the start, and any of it may have been moved since.
        None => BEGINNING.to_owned(),
        Some(known) if numbers(&known) > numbers(&end) => BEGINNING.to_owned(),
        Some(known) => known,
    };
    *server.last_move.lock() = Some(moves.clone());
    Ok(Ends { moves, passes: self::end(&common.places.rates(), link).await? })
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

/// What came on both.
struct Came {
    moved: Vec<StreamId>,
    passed: Vec<StreamId>,
}

/// `waits`: for how many milliseconds the server may wait for something.
async fn read(
    common: &Common,
    link: &mut MultiplexedConnection,
    ends: &Ends,
    waits: Option<u64>,
) -> Result<Came, RedisError> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(AT_ONCE);
    waits.inspect(|waits| _ = command.arg("BLOCK").arg(*waits));
    command.arg("STREAMS").arg(common.places.moves()).arg(common.places.rates()).arg(&ends.moves).arg(&ends.passes);
    let reply: Option<StreamReadReply> = command.query_async(link).await?;
    let all = reply.map(|reply| reply.keys).unwrap_or_default();
    let (moved, passed): (Vec<StreamKey>, _) = all.into_iter().partition(|stream| stream.key == common.places.moves());
    let entries = |streams: Vec<StreamKey>| streams.into_iter().flat_map(|stream| stream.ids).collect();
    Ok(Came { moved: entries(moved), passed: entries(passed) })
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
