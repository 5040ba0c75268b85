//! Keeps a server fed: what is used here must not end there, and what it lost it gets again, from the tables here and from another
//! server.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, sleep};

use super::clock::Version;
use super::common::Common;
use super::machines::{self, Before};
use super::orders;
use super::queue::Update;
use super::server::{Server, in_words, takes_nothing};
use super::table;
use super::writing::{Written, in_ms, merge};
use crate::proxy::worker::sharing::SessionPlace;
use crate::traffic::affinity::sessions::SessionKey;

/// How often a server is asked how it is, and for how long the word stands that it is fed.
const BEAT: Duration = Duration::from_secs(1);
const FED: Duration = Duration::from_secs(15);

/// After so many words of another process in a row it is none that ends.
const DOUBLED: u32 = 3;

/// How many sessions are touched or copied at once, and the pause after them: at most some 20 000 a second.
const AT_ONCE: usize = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// The most time that one machine fills a server before another one may, in milliseconds.
const LEASE: u64 = 60_000;

/// How soon it is tried again to fill a server, where there was none to fill it from.
const AGAIN: Duration = Duration::from_secs(1);

/// One run of a server: from its start to its end it forgets nothing, unless somebody empties it.
#[derive(Clone)]
pub(super) struct Run(String);

impl Run {
    /// The one that answers.
    pub(super) async fn of(link: &mut MultiplexedConnection) -> Result<Self, RedisError> {
        let info: String = redis::cmd("INFO").arg("server").query_async(link).await?;
        let id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        Ok(Self(id.unwrap_or_default().trim().to_owned()))
    }
}

/// Says that this run of the server is fed, and asks how it is, until the connection is lost. Why it was.
pub(super) async fn beat(common: &Common, server: &Server, mut link: MultiplexedConnection, run: &Run) -> String {
    let (mut has_said, mut doubled) = (false, 0);
    loop {
        let mut given = pin!(common.control.shared_board.orders.given.notified());
        given.as_mut().enable();
        let began = Instant::now();
        let asked = if server.is_filled.load(Relaxed) {
            let fed = common.places.fed();
            redis::cmd("SET").arg(fed).arg(&run.0).arg("PX").arg(in_ms(FED)).exec_async(&mut link).await
        } else {
            redis::cmd("PING").exec_async(&mut link).await
        };
        match asked {
            Err(error) if !takes_nothing(&error) => return in_words(&error),
            _ => server.answered(began.elapsed(), common.settings.timeout),
        }
        let said = exchange(common, server, &mut link).await;
        doubled = if said.as_ref().is_ok_and(|before| *before == Before::Anothers) { doubled + 1 } else { 0 };
        match &said {
            Err(error) if !takes_nothing(error) => return in_words(error),
            Err(error) => common.becomes(server, Some(&in_words(error))),
            Ok(_) if doubled >= DOUBLED => common.becomes(server, Some(&in_use(&common.settings.name))),
            Ok(_) => common.becomes(server, None),
        }
        match said {
            Ok(Before::Nothing) if has_said => {
                server.is_filled.store(false, Relaxed);
                server.knows_tables.lock().take();
                common.tell(log::Level::Warn, server, "was emptied; it is told everything again");
            }
            Ok(Before::Silent) | Err(_) => {}
            Ok(_) => has_said = true,
        }
        // What an operator ordered here the others are to know at once.
        tokio::select! {
            () = sleep(BEAT) => {}
            () = given => {}
        }
    }
}

fn in_use(name: &str) -> String {
    format!(
        "another machine calls itself {name}, too, and drains do not wait for both: write another name in [shared] of one"
    )
}

/// What machines say of themselves, and the orders that they have in common. What stood there of this machine.
async fn exchange(common: &Common, server: &Server, link: &mut MultiplexedConnection) -> Result<Before, RedisError> {
    let before = machines::exchange(common, server, link).await?;
    orders::exchange(common, server, link).await?;
    Ok(before)
}

/// Writes and reads in each way that will be needed, so that a server that is of no use is not used each second anew.
pub(super) async fn try_out(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
    script: &str,
) -> Result<(), RedisError> {
    exchange(common, server, link).await?;
    // A start waits for this server: its first requests follow the orders that stand there, unless the disk hangs.
    let _ = tokio::time::timeout(common.settings.connect_timeout, common.following.lock()).await;
    redis::cmd("XREVRANGE").arg(common.places.moves()).arg("+").arg("-").arg("COUNT").arg(1).exec_async(link).await?;
    redis::cmd("MGET").arg(common.places.trial()).exec_async(link).await?;
    let (key, text) = (common.places.trial(), "trial".to_owned());
    let written = [Written { told: (), key: key.clone(), text, keeps: in_ms(FED), moved: false }];
    merge(link, script, (&written, &common.places.moves())).await?;
    redis::cmd("PEXPIRE").arg(key).arg(in_ms(FED)).exec_async(link).await
}

/// Whether machines have told this run of it everything until now.
async fn is_fed(common: &Common, link: &mut MultiplexedConnection, run: &Run) -> Result<bool, RedisError> {
    let fed: Option<String> = redis::cmd("GET").arg(common.places.fed()).query_async(link).await?;
    Ok(fed.is_some_and(|fed| fed == run.0))
}

/// Gives the server what it lacks, and then touches what is used. Why the connection was lost.
pub(super) async fn feed(
    common: &Common,
    server: &Server,
    mut link: MultiplexedConnection,
    (script, run): (&str, &Run),
) -> String {
    match is_fed(common, &mut link, run).await {
        Ok(fed) => server.is_filled.store(fed, Relaxed),
        Err(error) => return in_words(&error),
    }
    let mut touched = Instant::now();
    loop {
        let knows_tables = server.knows_tables.lock().as_ref() == Some(&run.0);
        if !knows_tables || server.queue.take_overflow() {
            *server.knows_tables.lock() = Some(run.0.clone());
            if let Err(error) = touch(common, server, &mut link, None).await {
                server.knows_tables.lock().take();
                if !takes_nothing(&error) {
                    return in_words(&error);
                }
            }
        }
        if !server.is_filled.load(Relaxed) && fill(common, server, &mut link, (script, run)).await {
            server.is_filled.store(true, Relaxed);
        }
        if touched.elapsed() >= quarter(common) {
            let since = touched.elapsed();
            touched = Instant::now();
            match touch(common, server, &mut link, Some(since)).await {
                Err(error) if !takes_nothing(&error) => return in_words(&error),
                _ => {}
            }
        }
        sleep(AGAIN).await;
    }
}

/// The shortest quarter of an idle time. Nothing ends within it that was used.
fn quarter(common: &Common) -> Duration {
    let generation = common.control.current.load();
    let stickies = generation.snapshot.pools.iter().filter_map(|pool| pool.settings.sticky.as_ref());
    stickies.map(|sticky| sticky.idle / 4).min().unwrap_or(Duration::MAX)
}

/// Has the server keep the sessions that were used here since then, or all. One that it lost it is told anew; whoever bound it
/// meanwhile knows better.
async fn touch(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
    since: Option<Duration>,
) -> Result<(), RedisError> {
    let generation = common.control.current.load_full();
    let now = table::now(&common.control);
    for pool in &generation.snapshot.pools {
        let Some(sessions) = pool.sessions.clone() else { continue };
        // Use is noted to the second.
        let longest = since.map_or(u32::MAX, |since| u32::try_from(since.as_secs() + 2).unwrap_or(u32::MAX));
        let export = move || {
            let mut used: Vec<(SessionKey, u32)> = Vec::new();
            sessions.export(now, &mut |session| {
                if session.unused_seconds <= longest {
                    used.push((session.key, session.unused_seconds));
                }
            });
            used
        };
        let used = tokio::task::spawn_blocking(export).await.unwrap_or_default();
        for some in used.chunks(AT_ONCE) {
            let place = |key: SessionKey| SessionPlace { pool: Arc::clone(pool.name()), key };
            let mut pipeline = redis::pipe();
            for (key, unused) in some {
                let keeps = table::keeps(pool, Duration::from_secs((*unused).into())).unwrap_or_default();
                pipeline.cmd("PEXPIRE").arg(common.places.session(&place(*key))).arg(in_ms(keeps));
            }
            let there: Vec<bool> = pipeline.query_async(link).await?;
            for ((key, _), _) in some.iter().zip(there).filter(|(_, there)| !there) {
                server.queue.add(&place(*key), Update { version: Version::RESTORED, moved: false });
            }
            while server.queue.is_long() {
                sleep(PAUSE).await;
            }
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Copies what another server has, unless another machine does. False: there was none to copy from.
async fn fill(common: &Common, server: &Server, link: &mut MultiplexedConnection, (script, run): (&str, &Run)) -> bool {
    let others = || common.servers.iter().filter(|other| other.name != server.name);
    if others().next().is_none() {
        return true;
    }
    let Some(source) = others().find_map(|other| other.link()) else { return false };
    let lease = redis::cmd("SET").arg(common.places.filling()).arg(1).arg("NX").arg("PX").arg(LEASE).to_owned();
    match lease.query_async::<Option<String>>(link).await {
        Ok(Some(_)) => {}
        // Another machine does. It says so as long as it tells the server everything.
        Ok(None) => return is_fed(common, link, run).await.unwrap_or(false),
        Err(_) => return false,
    }
    let copied = copy(common, server, (source, link), script).await;
    // Where this fails the lease ends by itself.
    let _ = redis::cmd("DEL").arg(common.places.filling()).exec_async(link).await;
    match copied {
        Ok(0) => true,
        Ok(copied) => {
            common.tell(log::Level::Info, server, &format!("has {copied} sessions from another server"));
            true
        }
        Err(_) => false,
    }
}

async fn copy(
    common: &Common,
    server: &Server,
    (mut source, link): (MultiplexedConnection, &mut MultiplexedConnection),
    script: &str,
) -> Result<usize, RedisError> {
    let (mut cursor, mut copied) = (0_u64, 0);
    loop {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(common.places.all_sessions()).arg("COUNT").arg(AT_ONCE);
        // What is no text is no record.
        let (next, keys): (u64, Vec<Vec<u8>>) = command.arg("TYPE").arg("string").query_async(&mut source).await?;
        let keys: Vec<String> = keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect();
        let mut pipeline = redis::pipe();
        keys.iter().for_each(|key| _ = pipeline.cmd("GET").arg(key).cmd("PTTL").arg(key));
        let mut found: Vec<(Option<Vec<u8>>, i64)> = Vec::new();
        if !keys.is_empty() {
            let answers: Vec<redis::Value> = pipeline.query_async(&mut source).await?;
            for pair in answers.chunks_exact(2) {
                let [text, left] = pair else { continue };
                found.push((redis::from_redis_value_ref(text)?, redis::from_redis_value_ref(left)?));
            }
        }
        let mut written = Vec::with_capacity(keys.len());
        for (key, (text, left)) in keys.into_iter().zip(found) {
            let Some(text) = text.filter(|text| common.read(text, &key, server).is_ok()) else { continue };
            let (Ok(text), Ok(keeps @ 1..)) = (String::from_utf8(text), u64::try_from(left)) else { continue };
            written.push(Written { told: (), key, text, keeps, moved: false });
        }
        merge(link, script, (&written, &common.places.moves())).await?;
        copied += written.len();
        cursor = next;
        if cursor == 0 {
            return Ok(copied);
        }
        sleep(PAUSE).await;
    }
}
