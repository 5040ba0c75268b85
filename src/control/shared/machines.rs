//! The machines that share: each says each second that it is there, how many sessions it knows, and how it sees the nodes. This is shown,
//! and decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;

use super::common::{Common, unix_now};
use super::said::{Machine, Said, differences};
use crate::control::state::Control;
use crate::traffic::pool::state::{Reason, State};

/// The most machines. Beyond these something else writes there.
const MOST: usize = 64;

/// The longest that a machine may say.
const LONGEST: usize = 1 << 18;

/// A machine, as it is shown.
pub(crate) struct MachineView {
    pub(crate) name: String,
    pub(crate) seen: Duration,
    /// Whether it is there.
    pub(crate) is_there: bool,
    pub(crate) version: String,
    pub(crate) sessions: u64,
    /// Nodes that it sees otherwise than this one: `worker1 of esb is active here, and unhealthy there`.
    pub(crate) differs: Vec<String>,
}

/// Says what this machine has, and hears the others, by one server. Whether the server had nothing of this machine.
pub(super) async fn exchange(common: &Common, link: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    let (place, own) = (common.places.machines(), &*common.settings.name);
    let said = serde_json::to_string(&of_this_one(&common.control)).unwrap_or_default();
    let text = common.seal.sealed(&field(&place, own), &said);
    let mut pipeline = redis::pipe();
    pipeline.cmd("HSET").arg(&place).arg(own).arg(text).cmd("HLEN").arg(&place);
    let (is_new, count): (bool, usize) = pipeline.query_async(link).await?;
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
    Said { at, version: env!("CARGO_PKG_VERSION").to_owned(), sessions, nodes }
}

fn word(state: State) -> &'static str {
    state.reason().map_or("active", Reason::word)
}

/// The other machines, by name.
pub(crate) fn view(control: &Control) -> Vec<MachineView> {
    let own = of_this_one(control);
    let (machines, now) = (control.shared_board.machines.lock(), Instant::now());
    let one = |(name, machine): (&String, &Machine)| {
        let (seen, is_there) = machine.seen(now);
        let differs = if is_there { differences(&own, &machine.said) } else { Vec::new() };
        let Said { version, sessions, .. } = machine.said.clone();
        MachineView { name: name.clone(), seen, is_there, version, sessions, differs }
    };
    machines.iter().map(one).collect()
}
