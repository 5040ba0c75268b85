//! Tells the servers what was bound: what traffic threads say goes into the queue of each server, and from there to the server.

use std::sync::Arc;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::sync::oneshot;
use tokio::time::Duration;

use super::common::Common;
use super::queue::{Confirm, Update};
use super::record::{NoRecord, Record};
use super::server::{Server, in_words, takes_nothing};
use super::table::{self, Living};
use crate::proxy::worker::sharing::{SessionPlace, Told};

/// A confirmed session is known to so many servers.
const CONFIRMING: usize = 2;

/// So many sessions are told at once. A server does nothing else meanwhile.
const AT_ONCE: usize = 100;

/// How long a server that takes nothing is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes each record unless a later one stands there, and answers what stands there instead. Of two with one version all servers choose
/// the same, by their seals. A session that was on another node, or whose machine says so, is put on the stream of moves.
///
/// KEYS: the places, and at last the stream. ARGV: text, milliseconds to live, and `1` for what was moved, of each place.
pub(super) const MERGE: &str = r"
local function rank(text) return string.sub(text, 3, 22) .. string.sub(text, -32) end
local function node(text) return string.match(text, '^1|%d+|([^|]*)') end
local stream, stands = KEYS[#KEYS], {}
for i = 1, #KEYS - 1 do
  local new, left, moved = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i] == '1'
  local old = redis.pcall('GET', KEYS[i])
  if type(old) ~= 'string' then old = old and 'something else' or '' end
  local form = string.match(old, '^(%d+)|')
  if form and (form ~= '1' or rank(old) > rank(new)) then
    stands[i] = old
  else
    redis.call('SET', KEYS[i], new, 'PX', left)
    if moved or (old ~= '' and node(old) ~= node(new)) then
      redis.call('XADD', stream, 'MAXLEN', '~', 100000, '*', 's', KEYS[i])
      redis.call('PEXPIRE', stream, 86400000)
    end
    stands[i] = false
  end
end
return stands
";

/// Takes what traffic threads say, for ever.
pub(super) async fn listen(common: Arc<Common>) {
    loop {
        let Told { bound, waiting, too_many } = common.control.sharing.next_told().await;
        for (place, moved) in bound {
            let update = Update { version: common.next_version(), moved };
            common.servers.iter().for_each(|server| server.queue.add(&place, update));
        }
        if too_many {
            common.servers.iter().for_each(|server| server.queue.overflow());
        }
        if !waiting.is_empty() {
            confirm(&common, waiting);
        }
    }
}

/// Where fewer servers take something than confirm, those that do are waited for.
fn confirm(common: &Common, waiting: Vec<oneshot::Sender<()>>) {
    let up: Vec<&Arc<Server>> = common.servers.iter().filter(|server| server.may_confirm()).collect();
    let wanted = CONFIRMING.min(common.servers.len());
    let confirm = Confirm::by(wanted.min(up.len()), up.len() >= wanted, waiting);
    up.iter().for_each(|server| server.queue.confirm(&confirm));
}

/// Tells a server what is in its queue, until the connection is lost. Why it was.
pub(super) async fn tell(common: &Common, server: &Server, mut link: MultiplexedConnection, script: &str) -> String {
    loop {
        let batch = server.queue.next().await;
        match tell_all(common, server, &mut link, (script, &batch.updates)).await {
            Ok(()) => {
                server.queue.told();
                batch.confirms.iter().for_each(|confirm| confirm.told());
            }
            Err(error) if takes_nothing(&error) => {
                common.becomes(server, Some(&in_words(&error)));
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return in_words(&error),
        }
    }
}

async fn tell_all(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
    (script, updates): (&str, &[(SessionPlace, Update)]),
) -> Result<(), RedisError> {
    for some in updates.chunks(AT_ONCE) {
        tell_some(common, server, link, (script, some)).await?;
    }
    Ok(())
}

async fn tell_some(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
    (script, updates): (&str, &[(SessionPlace, Update)]),
) -> Result<(), RedisError> {
    let mut written = Vec::with_capacity(updates.len());
    for (place, update) in updates {
        // One that was evicted here, or whose idle time is over, is nobody's any more.
        let Some(Living { node, home, keeps }) = table::living(&common.control, place) else { continue };
        let key = common.places.session(place);
        let text = Record { version: update.version, node, home }.to_text(&key, common.seal);
        written.push(Written { told: (place, update.version), key, text, keeps: in_ms(keeps), moved: update.moved });
    }
    let stands = merge(link, script, (&written, &common.places.moves())).await?;
    for (written, stands) in written.iter().zip(stands) {
        let (Some(stands), (place, version)) = (stands, written.told) else { continue };
        match common.read(&stands, &written.key, server) {
            Ok(record) => common.follow(place, &record),
            Err(NoRecord::Later) => {}
            Err(NoRecord::Foreign) => {
                // It only looks like a later one. Others may know the session where they read it before.
                redis::cmd("DEL").arg(&written.key).exec_async(link).await?;
                server.queue.add(place, Update { version, moved: true });
            }
        }
    }
    server.count_told(written.len());
    Ok(())
}

/// What is to stand in a place, and what it was written of.
pub(super) struct Written<T> {
    pub(super) told: T,
    pub(super) key: String,
    pub(super) text: String,
    /// In milliseconds.
    pub(super) keeps: u64,
    pub(super) moved: bool,
}

/// What stands in each place instead, where that is later.
pub(super) async fn merge<T>(
    link: &mut MultiplexedConnection,
    script: &str,
    (written, stream): (&[Written<T>], &str),
) -> Result<Vec<Option<Vec<u8>>>, RedisError> {
    if written.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = redis::cmd("EVALSHA");
    command.arg(script).arg(written.len() + 1);
    written.iter().for_each(|written| _ = command.arg(&written.key));
    command.arg(stream);
    for Written { text, keeps, moved, .. } in written {
        command.arg(text).arg(*keeps).arg(u8::from(*moved));
    }
    command.query_async(link).await
}

/// What a server keeps for no time it must not be told.
pub(super) fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 1).max(1)
}
