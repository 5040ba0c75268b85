//! Which nodes are probed, and when. Each node of a pool with probes has a task on the control thread. As long as
//! nothing changes that a probe's outcome depends on, the task goes on in the next generation, with its running probe
//! and its schedule. Otherwise frequent reloads or changing names could keep probes from ever passing. Who has activated a
//! node has it probed at once.

pub(crate) mod answer;
pub(crate) mod probe;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::probe::{ProbeFailure, ProbeTarget};
use super::state::{Asker, Control};
use crate::config;
use crate::config::{Config, Health};
use crate::proxy::generation::Generation;
use crate::proxy::io::descriptors;
use crate::proxy::node;
use crate::proxy::worker::Shared;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::{NodeState, Probed, Round, Thresholds};
use crate::traffic::tick::Tick;

/// The running probes, by pool and node. A probe ends when it is dropped.
pub(crate) struct Probing {
    tasks: HashMap<Key, ProbeTask>,
    /// What each probe of the first generation drops when its first round is over.
    first_round: Option<FirstRound>,
}

type FirstRound = mpsc::Sender<Infallible>;

/// The first rounds of the probes that a start begins.
pub(crate) struct FirstRounds(mpsc::Receiver<Infallible>);

impl FirstRounds {
    /// Waits until all are over, or their probes have ended.
    pub(crate) async fn over(mut self) {
        // Nothing is sent: it ends when the last sender is dropped.
        let _ = self.0.recv().await;
    }
}

/// How long who asks for probes waits for them.
const ASKED: Duration = Duration::from_secs(3);

/// Has a node probed in all of its pools, and waits for it. Whether all probes are over: one may take longer.
pub(crate) async fn probed(control: &Control, node: &str) -> bool {
    let ask = |(_, asker): &(Arc<str>, Asker)| {
        let (over, waits) = oneshot::channel();
        asker.try_send(over).is_ok().then_some(waits)
    };
    let asked: Vec<_> = control.askers.lock().iter().filter(|(known, _)| **known == *node).filter_map(ask).collect();
    let all = async {
        for waits in asked {
            // It ends without a word.
            let _ = waits.await;
        }
    };
    tokio::time::timeout(ASKED, all).await.is_ok()
}

/// Pool and node, with the node's name as the log has it.
type Key = (Arc<str>, Arc<str>);

impl Probing {
    /// None yet. What it follows first, until [`Self::all_began`], has its first rounds waited for.
    pub(crate) fn begin() -> (Self, FirstRounds) {
        let (first_round, over) = mpsc::channel(1);
        (Self { tasks: HashMap::new(), first_round: Some(first_round) }, FirstRounds(over))
    }

    /// Probes that begin from now on are not waited for.
    pub(crate) fn all_began(&mut self) {
        self.first_round = None;
    }

    /// Ends probes that this configuration does not have or has changed. What they see says nothing about the new
    /// configuration.
    pub(crate) fn end_others(&mut self, config: &Config) {
        let health: HashMap<&str, _> = config.pools.iter().map(|pool| (&*pool.name, pool.health.as_ref())).collect();
        self.tasks.retain(|(pool, _), task| health.get(&**pool).copied().flatten() == Some(&task.terms.health));
    }

    /// Probes the nodes of this generation, which is the running one, and no others.
    pub(crate) fn follow(&mut self, shared: &Arc<Shared>, generation: &Arc<Generation>) {
        let mut before = std::mem::take(&mut self.tasks);
        for (index, settings) in generation.snapshot.config.pools.iter().enumerate() {
            let Some(health) = &settings.health else { continue };
            let members = generation.snapshot.pools.get(index).map_or(&[][..], |pool| &pool.members);
            for (position, member) in members.iter().enumerate() {
                let (key, position) = ((Arc::clone(&settings.name), Arc::clone(&member.label)), (index, position));
                let terms = ProbeTerms::of(settings, health, generation, member);
                let same = before.remove(&key).filter(|task| task.continues(&terms, member, position));
                let task = same.unwrap_or_else(|| {
                    ProbeTask::start((shared, generation), terms, position, self.first_round.clone())
                });
                self.tasks.insert(key, task);
            }
        }
    }

    /// Who has each node probed at once.
    pub(crate) fn askers(&self) -> Vec<(Arc<str>, Asker)> {
        self.tasks.values().map(|task| (Arc::clone(&task.node), task.asker.clone())).collect()
    }
}

/// The settings that must not change while a task goes on. The node's state is compared separately: it is kept for the
/// same pool name, node name and address.
#[derive(PartialEq)]
struct ProbeTerms {
    health: Health,
    /// The pool's own port. On this port probes use TLS as the requests do.
    port: u16,
    offset: u16,
    tls: Option<config::NodeTls>,
    proxy_protocol: Option<config::ProxyProtocol>,
    /// The DNS name that the certificate is checked for.
    name: Option<Arc<str>>,
}

impl ProbeTerms {
    fn of(settings: &config::Pool, health: &Health, generation: &Generation, member: &Member) -> Self {
        let node = generation.snapshot.config.nodes.get(member.index);
        Self {
            health: health.clone(),
            port: settings.port,
            offset: node.map_or(0, |node| node.port_offset),
            tls: settings.tls.clone(),
            proxy_protocol: settings.proxy_protocol,
            name: member.name.clone(),
        }
    }
}

/// A task that probes one node.
struct ProbeTask {
    terms: ProbeTerms,
    node: Arc<str>,
    asker: Asker,
    state: Arc<NodeState>,
    position: Position,
    task: JoinHandle<()>,
}

/// The index of pool and member in the running generation. `None` when the task is over: an aborted task may still run
/// until its next await, and must not report anything then.
type Position = Arc<Mutex<Option<(usize, usize)>>>;

impl ProbeTask {
    fn start(
        (shared, generation): (&Arc<Shared>, &Generation),
        terms: ProbeTerms,
        position: (usize, usize),
        first_round: Option<FirstRound>,
    ) -> Self {
        let (pool, member) = position;
        let node = &generation.snapshot.pools[pool].members[member];
        let tls = |probe: &config::Probe| probe.kind.is_tls().then(|| generation.probe_tls(pool, probe.port).clone());
        // As with TLS, what the pool says holds for its own port.
        let settings = &generation.snapshot.pools[pool].settings;
        let introduction = |probe: &config::Probe| match probe.port == settings.port {
            true => node::introduction(settings, || None),
            false => Vec::new(),
        };
        let target = ProbeTarget {
            address: node.address.ip(),
            name: terms.name.clone(),
            offset: terms.offset,
            tls: terms.health.probes.iter().map(tls).collect(),
            introductions: terms.health.probes.iter().map(introduction).collect(),
            health: terms.health.clone(),
        };
        let jitter = Jitter::seeded(pool as u64 * 1009 + member as u64 + shared.now());
        let (state, position) = (Arc::clone(&node.state), Position::new(Mutex::new(Some(position))));
        let (asker, asked) = mpsc::channel(8);
        let probe_loop = ProbeLoop {
            shared: Arc::clone(shared),
            target,
            state: Arc::clone(&state),
            position: Arc::clone(&position),
        };
        let node = Arc::clone(&node.node);
        Self { terms, node, asker, state, position, task: tokio::spawn(probe_loop.run(jitter, asked, first_round)) }
    }

    /// Whether this task is for the same probe of the same node. If so, it takes the new indices.
    fn continues(&self, terms: &ProbeTerms, member: &Member, position: (usize, usize)) -> bool {
        let same = self.terms == *terms && Arc::ptr_eq(&self.state, &member.state);
        if same {
            *self.position.lock() = Some(position);
        }
        same
    }
}

impl Drop for ProbeTask {
    fn drop(&mut self) {
        *self.position.lock() = None;
        self.task.abort();
    }
}

/// What a task owns. It has no generation, because it would keep that in memory as long as the node is probed.
struct ProbeLoop {
    shared: Arc<Shared>,
    target: ProbeTarget,
    state: Arc<NodeState>,
    position: Position,
}

impl ProbeLoop {
    async fn run(
        self,
        mut jitter: Jitter,
        mut asked: mpsc::Receiver<oneshot::Sender<()>>,
        mut first_round: Option<FirstRound>,
    ) {
        // Dropped when the round that it was asked for is over.
        let mut asks: Option<oneshot::Sender<()>> = None;
        loop {
            let (began, started) = (Tick::from_millis(self.shared.now()), Instant::now());
            let result = self.target.ask().await;
            self.report(began, started.elapsed(), &result);
            drop((asks.take(), first_round.take()));
            tokio::select! {
                () = tokio::time::sleep(jitter.spread(self.target.health.interval)) => {}
                Some(ask) = asked.recv() => asks = Some(ask),
            }
        }
    }

    fn report(&self, began: Tick, took: Duration, result: &Result<(), ProbeFailure>) {
        let position = self.position.lock();
        let generation = self.shared.current.load_full();
        let Some((pool, member)) = position.and_then(|position| self.find(&generation, position)) else { return };
        let Health { rise, fall, patience, .. } = self.target.health;
        let (outcome, said) = match result {
            Ok(()) => (Probed::Passed, "probes pass"),
            Err(ProbeFailure::Failed(said)) => (Probed::Failed, said.as_str()),
            Err(ProbeFailure::Late(said)) => (Probed::TimedOut, said.as_str()),
            Err(ProbeFailure::NotMade(said)) => {
                descriptors::warn(|| format!("a probe was not made, which says nothing of its node: {said}"));
                return;
            }
        };
        generation.count_probe(pool, member, result.is_ok(), took);
        self.state.note_probe(result.is_err().then_some(said));
        let change = self.state.on_round(Round { began, outcome }, Thresholds { rise, fall, patience });
        generation.announce(pool, member, change, said, Tick::from_millis(self.shared.now()));
    }

    /// The indices of the node in this generation, which may be newer than `position`.
    fn find(&self, generation: &Generation, position: (usize, usize)) -> Option<(usize, usize)> {
        let pools = &generation.snapshot.pools;
        let is_it = |member: &Member| Arc::ptr_eq(&member.state, &self.state);
        if pools.get(position.0).and_then(|pool| pool.members.get(position.1)).is_some_and(is_it) {
            return Some(position);
        }
        let among = |(index, members): (usize, &[Member])| Some((index, members.iter().position(is_it)?));
        pools.iter().map(|pool| &*pool.members).enumerate().find_map(among)
    }
}

/// A small random generator, good enough to spread the probes of many nodes in time.
struct Jitter(u64);

impl Jitter {
    fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// `interval`, shorter or longer by up to a tenth.
    fn spread(&mut self, interval: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        interval.mul_f64(0.9 + 0.2 * ((self.0 % 1024) as f64 / 1024.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth_and_differs() {
        let (mut one, mut other) = (Jitter::seeded(1), Jitter::seeded(2));
        let second = Duration::from_secs(1);
        let all: Vec<_> = (0..100).flat_map(|_| [one.spread(second), other.spread(second)]).collect();
        assert!(all.iter().all(|wait| (Duration::from_millis(900)..=Duration::from_millis(1100)).contains(wait)));
        assert!(all.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
