//! The machines that share: each says each second that it is there, how many sessions it knows, and how it sees the nodes. This is shown,
//! and decides nothing.

pub(crate) mod said;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::said::{Machine, Said, Seen, differences};
use super::common::{Common, unix_now};
use super::server::Server;
use crate::control::operators::remaining;
use crate::control::state::Control;
use crate::traffic::pool::state::{Reason, State};

/// The most machines. Beyond these something else writes there.
const MOST: usize = 64;

/// The longest that a machine may say.
const LONGEST: usize = 1 << 18;

/// The length of a seal, and a little more.
const SEAL: usize = 64;

/// A machine, as it is shown.
pub(crate) struct MachineView {
    pub(crate) name: String,
    pub(crate) seen: Seen,
    /// Whether it was stopped, and said so.
    pub(crate) stopped: bool,
    pub(crate) version: String,
    pub(crate) sessions: u64,
    /// Nodes that it sees otherwise than this one: `worker1 of esb is active here, and unhealthy there`.
    pub(crate) differs: Vec<String>,
}

/// What stood in a server under the name of this machine before it spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// It did not speak: another process does for it.
    Silent,
    Nothing,
    /// What this process said.
    Own,
    /// What another process said: the one before this one, or another machine that calls itself so, too.
    Anothers,
}

/// Says what this machine has, and hears the others, by one server.
pub(super) async fn exchange(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
) -> Result<Before, RedisError> {
    let (place, own) = (common.places.machines(), &*common.settings.name);
    let (read, count) = (redis::cmd("HGET").arg(&place).arg(own).to_owned(), redis::cmd("HLEN").arg(&place).to_owned());
    let has_last_word = server.has_last_word.lock().await;
    // Of two processes of this machine the new one speaks.
    let (before, count): (Before, usize) = if common.control.writes_state.load(Relaxed) && !*has_last_word {
        let mut pipeline = redis::pipe();
        pipeline.add_command(read).add_command(say(common, false)).ignore().add_command(count);
        let (stood, count): (Option<Vec<u8>>, usize) = pipeline.query_async(link).await?;
        (before(common, &place, stood.as_deref()), count)
    } else {
        (Before::Silent, count.query_async(link).await?)
    };
    drop(has_last_word);
    if count > MOST {
        return Ok(before);
    }
    let all: Vec<(Vec<u8>, Vec<u8>)> = redis::cmd("HGETALL").arg(&place).query_async(link).await?;
    let heard = all.into_iter().filter_map(|(name, text)| {
        let name = String::from_utf8(name).ok().filter(|name| name != own && text.len() <= LONGEST)?;
        let said = common.seal.opened(&field(&place, &name), &text)?;
        Some((name, serde_json::from_str(said).ok()?))
    });
    let forgotten = common.control.shared_board.machines.lock().hear(heard, Instant::now());
    for name in forgotten {
        redis::cmd("HDEL").arg(&place).arg(name).exec_async(link).await?;
    }
    Ok(before)
}

fn before(common: &Common, place: &str, stood: Option<&[u8]>) -> Before {
    let Some(stood) = stood else { return Before::Nothing };
    let said = common.seal.opened(&field(place, &common.settings.name), stood);
    match said.and_then(|said| serde_json::from_str::<Said>(said).ok()) {
        Some(said) if said.process != common.process => Before::Anothers,
        _ => Before::Own,
    }
}

/// Says what this machine has, or its last word.
fn say(common: &Common, stopped: bool) -> redis::Cmd {
    let (place, own) = (common.places.machines(), &*common.settings.name);
    let said = Said { process: common.process, stopped, ..of_this_one(&common.control) };
    let whole = serde_json::to_string(&said).unwrap_or_default();
    // How it sees its nodes only shows something. The rest decides.
    let fits = whole.len() < LONGEST - SEAL;
    let said =
        if fits { whole } else { serde_json::to_string(&Said { nodes: BTreeMap::new(), ..said }).unwrap_or_default() };
    let text = common.seal.sealed(&field(&place, own), &said);
    redis::cmd("HSET").arg(&place).arg(own).arg(text).to_owned()
}

/// Says to all servers that this machine is gone and has nothing any more: nobody waits for it. None of them waits for another one.
pub(super) async fn say_goodbye(common: &Arc<Common>) {
    let mut words = JoinSet::new();
    for server in &common.servers {
        let (common, server) = (Arc::clone(common), Arc::clone(server));
        words.spawn(async move {
            let mut has_last_word = server.has_last_word.lock().await;
            *has_last_word = true;
            if let Some(mut link) = server.link() {
                // Where this fails the others wait for a while.
                let _ = say(&common, true).exec_async(&mut link).await;
            }
        });
    }
    words.join_all().await;
}

fn field(place: &str, name: &str) -> String {
    format!("{place}:{name}")
}

fn of_this_one(control: &Control) -> Said {
    let generation = control.current.load_full();
    let mut nodes = BTreeMap::new();
    let mut sessions = 0;
    for pool in &generation.snapshot.pools {
        sessions += pool.sessions.as_ref().map_or(0, |sessions| sessions.len() as u64);
        for member in &pool.members {
            nodes.insert(format!("{}/{}", pool.name(), member.label), word(member.state.state()).to_owned());
        }
    }
    let at = u64::try_from(unix_now().as_millis()).unwrap_or_default();
    let orders = control.shared_board.orders.machine().map(|_| remaining::progress(control));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Said { at, version, process: 0, sessions, nodes, orders, stopped: false }
}

fn word(state: State) -> &'static str {
    state.reason().map_or("active", Reason::word)
}

/// The other machines, by name.
pub(crate) fn view(control: &Control) -> Vec<MachineView> {
    let own = of_this_one(control);
    let (machines, now) = (control.shared_board.machines.lock(), Instant::now());
    let one = |(name, machine): (&String, &Machine)| {
        let seen = machine.seen(now);
        let differs = if seen.is_there { differences(&own, &machine.said) } else { Vec::new() };
        let Said { version, sessions, stopped, .. } = machine.said.clone();
        MachineView { name: name.clone(), seen, stopped, version, sessions, differs }
    };
    machines.iter().map(one).collect()
}
