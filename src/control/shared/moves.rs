//! Follows sessions that other machines have moved. Each server has a stream of them, which is read from where it was left: a machine
//! that was cut off misses none.

use std::collections::HashSet;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};

use super::asking::latest;
use super::common::Common;
use super::server::{Server, in_words};
use super::table;
use crate::proxy::worker::sharing::SessionPlace;

/// The most moves that are read at once, and how long the server may wait for one, in milliseconds.
const AT_ONCE: usize = 1000;
pub(super) const WAITS: u64 = 1000;

/// Reads the stream until the connection is lost. Why it was.
pub(super) async fn follow(common: &Common, server: &Server, mut link: MultiplexedConnection) -> String {
    if let Err(error) = find_place(common, server, &mut link).await {
        return in_words(&error);
    }
    loop {
        match read(common, server, &mut link).await {
            Ok(moved) if moved.is_empty() => {}
            Ok(moved) => {
                let records = latest(common, &moved).await;
                for (place, record) in moved.iter().zip(records) {
                    record.iter().for_each(|record| common.follow(place, record));
                }
            }
            Err(error) => return in_words(&error),
        }
    }
}

/// Where to read on: behind what was read last. A stream that has not come so far is another one, of a server that began anew.
async fn find_place(common: &Common, server: &Server, link: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(common.places.moves()).arg("+").arg("-").arg("COUNT").arg(1);
    let reply: StreamRangeReply = command.query_async(link).await?;
    let end = reply.ids.first().map_or(BEGINNING, |last| &last.id);
    let mut last = server.last_move.lock();
    *last = Some(match &*last {
        // What was moved before this machine came it asks for when it is needed.
        None => end.to_owned(),
        Some(known) if numbers(known) > numbers(end) => BEGINNING.to_owned(),
        Some(known) => known.clone(),
    });
    Ok(())
}

/// Before all moves.
const BEGINNING: &str = "0-0";

/// A place in a stream: milliseconds, and a number within one.
fn numbers(id: &str) -> Option<(u64, u64)> {
    let (time, number) = id.split_once('-')?;
    Some((time.parse().ok()?, number.parse().ok()?))
}

/// The next moves of sessions that live here.
async fn read(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
) -> Result<Vec<SessionPlace>, RedisError> {
    let last = server.last_move.lock().clone().unwrap_or_else(|| BEGINNING.to_owned());
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(WAITS).arg("STREAMS").arg(common.places.moves()).arg(&last);
    let reply: Option<StreamReadReply> = command.query_async(link).await?;
    let moves: Vec<StreamId> = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect();
    *server.last_move.lock() = Some(moves.last().map_or(last, |last| last.id.clone()));
    let place = |one: &StreamId| common.places.read(&one.get::<String>("s")?);
    let places: HashSet<SessionPlace> = moves.iter().filter_map(place).collect();
    Ok(places.into_iter().filter(|place| table::knows(&common.control, place)).collect())
}
