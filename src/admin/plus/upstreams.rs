//! Pools as upstreams, and their nodes as servers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Value, json};

use super::form::{Codes, PlusError, Responses, Zones, requests};
use crate::control::operators::remaining::removed_nodes;
use crate::control::state::Control;
use crate::observe::dates::rfc3339;
use crate::observe::history::Subject;
use crate::observe::metrics::NodeCounters;
use crate::proxy::generation::RunningPool;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::{Reason, State};
use crate::traffic::tick::Tick;

#[derive(Serialize)]
struct Upstream {
    peers: Vec<Peer>,
    keepalive: usize,
    zombies: usize,
    zone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Queue>,
}

#[derive(Serialize)]
struct Queue {
    size: usize,
    max_size: u32,
    overflows: u64,
}

#[derive(Serialize)]
struct Peer {
    id: usize,
    server: String,
    name: String,
    backup: bool,
    weight: u16,
    state: &'static str,
    active: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_conns: Option<u32>,
    requests: u64,
    responses: Responses,
    /// Bytes of request bodies.
    sent: u64,
    /// Bytes of answer bodies.
    received: u64,
    fails: u64,
    unavail: u64,
    health_checks: HealthChecks,
    /// Since when it is in a state that is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    downstart: Option<String>,
    /// Half of the requests of the last minute took no longer than this, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_time: Option<u64>,
}

#[derive(Serialize)]
struct HealthChecks {
    checks: u64,
    fails: u64,
    unhealthy: u64,
    /// Whether probes say that it is healthy; absent before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_passed: Option<bool>,
}

/// All pools.
pub(super) fn all(control: &Control) -> Zones {
    let mut codes: HashMap<[String; 2], Codes> = HashMap::new();
    control.observer.metrics.each_status(|[_, pool, node], code, count| {
        *codes.entry([pool.to_owned(), node.to_owned()]).or_default().entry(code).or_default() += count;
    });
    let generation = control.current.load_full();
    let upstream = |(pool, run): (&Pool, &RunningPool)| {
        let peers = pool.members.iter().zip(&run.members).enumerate().map(|(id, (member, counters))| {
            let codes = codes.remove(&[pool.name().to_string(), member.label.to_string()]);
            Peer::of(control, pool, (id, member, counters), codes.unwrap_or_default())
        });
        let upstream = Upstream {
            peers: peers.collect(),
            keepalive: pool.members.iter().map(|member| control.idle_on(member.link)).sum(),
            zombies: zombies(control, pool),
            zone: pool.name().to_string(),
            queue: pool.settings.queue.map(|queue| Queue {
                size: pool.waiting.len(),
                max_size: queue.size,
                overflows: run.counters.count_queued("full"),
            }),
        };
        (pool.name().to_string(), json!(upstream))
    };
    generation.snapshot.pools.iter().zip(&generation.pools).map(upstream).collect()
}

/// Nodes that a reload took out of the pool and that still work on requests.
fn zombies(control: &Control, pool: &Pool) -> usize {
    let removed = removed_nodes(control, &control.current.load_full(), |_| true);
    removed.iter().filter(|removed| removed.pool == **pool.name()).count()
}

impl Peer {
    fn of(
        control: &Control,
        pool: &Pool,
        (id, member, counters): (usize, &Member, &Arc<NodeCounters>),
        codes: Codes,
    ) -> Self {
        let (counts, state) = (counters.tally().read(), member.state.state());
        let word = word(state);
        let down = matches!(word, "unavail" | "checking" | "unhealthy");
        let since = member.load.unchanged_for(Tick::from_millis(control.now()));
        let subject = Subject::Member(Arc::clone(pool.name()), Arc::clone(&member.label));
        let times = control.observer.history.last_minute(&subject).point.times;
        let (passed, failed) = (counters.count_probes("pass"), counters.count_probes("fail"));
        Self {
            id,
            server: member.address.to_string(),
            name: member.label.to_string(),
            backup: member.backup,
            weight: member.weight,
            state: word,
            active: member.load.in_flight(),
            max_conns: member.most,
            requests: requests(&counts),
            responses: Responses::of(&counts, Some(codes)),
            sent: counts.received,
            received: counts.sent,
            fails: counts.failures,
            unavail: counters.count_changes(Reason::Ejected.word()),
            health_checks: HealthChecks {
                checks: passed + failed,
                fails: failed,
                unhealthy: counters.count_changes(Reason::Unhealthy.word()),
                last_passed: (passed + failed > 0).then_some(state != State::Passive(Reason::Unhealthy)),
            },
            downstart: down.then(|| rfc3339(SystemTime::now() - since)),
            response_time: times.map(|times| times.p50.as_millis().try_into().unwrap_or(u64::MAX)),
        }
    }
}

/// A standby is as good as a backup that nobody needs, which is `up`.
const fn word(state: State) -> &'static str {
    match state {
        State::Active | State::Passive(Reason::Standby) => "up",
        State::Passive(Reason::Checking) => "checking",
        State::Passive(Reason::Draining) => "draining",
        State::Passive(Reason::Ejected) => "unavail",
        State::Passive(Reason::Maintenance) => "down",
        State::Passive(Reason::Unhealthy) => "unhealthy",
    }
}

/// The servers of an upstream as they are configured.
pub(super) fn servers(control: &Control, upstream: &str) -> Result<Vec<Value>, PlusError> {
    let generation = control.current.load_full();
    let pool = generation.snapshot.pools.iter().find(|pool| **pool.name() == *upstream);
    let pool = pool.ok_or_else(|| PlusError::unknown("upstream"))?;
    let eject = &pool.settings.eject;
    let server = |(id, member): (usize, &Member)| {
        let state = word(member.state.state());
        json!({
            "id": id,
            "server": member.address.to_string(),
            "weight": member.weight,
            "max_conns": member.most.unwrap_or(0),
            "max_fails": eject.failures,
            "fail_timeout": format!("{}s", eject.first.as_secs()),
            "route": &*member.route,
            "backup": member.backup,
            "down": state == "down",
            "drain": state == "draining",
        })
    };
    Ok(pool.members.iter().enumerate().map(server).collect())
}

/// One of them.
pub(super) fn server(control: &Control, upstream: &str, id: &str) -> Result<Value, PlusError> {
    let servers = servers(control, upstream)?;
    let id: usize = id.parse().map_err(|_| PlusError::bad_request("invalid server ID", "UpstreamBadServerId"))?;
    let none = || PlusError::not_found(&format!("server with ID \"{id}\" does not exist"), "UpstreamServerNotFound");
    servers.into_iter().nth(id).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_word() {
        let words = Reason::ALL.map(|reason| word(State::Passive(reason)));
        assert_eq!(words, ["checking", "draining", "unavail", "down", "up", "unhealthy"]);
        assert_eq!(word(State::Active), "up");
    }
}
