//! The machines that share: each says each second that it is there, how many sessions it knows, and how it sees the nodes. This is shown,
//! and decides nothing.

pub(crate) mod said;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;

use self::said::{Machine, Said, Seen, differences};
use super::common::{Common, unix_now};
use crate::control::operators::remaining;
use crate::control::state::Control;
use crate::traffic::pool::state::{Reason, State};

/// The most machines. Beyond these something else writes there.
const MOST: usize = 64;

/// The longest that a machine may say.
const LONGEST: usize = 1 << 18;

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

/// Says what this machine has, and hears the others, by one server. Whether the server had nothing of this machine; `None`: another
/// process speaks for it.
pub(super) async fn exchange(common: &Common, link: &mut MultiplexedConnection) -> Result<Option<bool>, RedisError> {
    let (place, own) = (common.places.machines(), &*common.settings.name);
    let count = redis::cmd("HLEN").arg(&place).to_owned();
    // Of two processes of this machine the new one speaks.
    let (is_new, count): (Option<bool>, usize) = if common.control.writes_state.load(Relaxed) {
        redis::pipe().add_command(say(common, false)).add_command(count).query_async(link).await?
    } else {
        (None, count.query_async(link).await?)
    };
    if count > MOST {
        return Ok(is_new);
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
    Ok(is_new)
}

/// Says what this machine has, or its last word.
fn say(common: &Common, stopped: bool) -> redis::Cmd {
    let (place, own) = (common.places.machines(), &*common.settings.name);
    let said = serde_json::to_string(&Said { stopped, ..of_this_one(&common.control) }).unwrap_or_default();
    let text = common.seal.sealed(&field(&place, own), &said);
    redis::cmd("HSET").arg(&place).arg(own).arg(text).to_owned()
}

/// Says to all servers that this machine is gone and has nothing any more: nobody waits for it.
pub(super) async fn say_goodbye(common: &Common) {
    for server in &common.servers {
        if let Some(mut link) = server.link() {
            // Where this fails the others wait for a while.
            let _ = say(common, true).exec_async(&mut link).await;
        }
    }
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
    Said { at, version: env!("CARGO_PKG_VERSION").to_owned(), sessions, nodes, orders, stopped: false }
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
