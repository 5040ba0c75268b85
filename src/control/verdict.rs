//! How Weir is, in one sentence: all well, degraded because of something, or down because of something.

mod reminders;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::acme::entry::Entry;
use super::cluster::view::NodeInCluster;
use super::outages::consequence;
use super::shared::server::Server;
use super::state::Control;
use super::store::moments;
use crate::config::Certificate;
use crate::observe::history::Subject;
use crate::proxy::generation::Generation;
use crate::proxy::io::memory;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::outage::PoolStatus;
use crate::traffic::pool::state::{Reason, State};
use crate::traffic::tick::Tick;

/// How many reasons the sentence names, and how many nodes of a pool.
const NAMED: usize = 3;

/// How Weir is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) word: Health,
    /// For people: `Degraded: worker2 is unhealthy in 3 pools`.
    pub(crate) sentence: String,
    /// Each thing that is wrong, the worst first.
    pub(crate) reasons: Vec<String>,
    /// What operators ordered or wrote, and may have forgotten: closed sites and routes, nodes that are out. None of it is wrong.
    pub(crate) reminders: Vec<String>,
}

/// From the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// Nothing is wrong. What operators ordered is not wrong.
    Well,
    /// Requests are served; something is wrong.
    Degraded,
    /// A pool has no active node.
    Down,
}

impl Health {
    /// `well`, `degraded` or `down`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// Looks at what runs now.
pub(crate) fn verdict(control: &Control) -> Verdict {
    let generation = control.current.load_full();
    let now = Tick::from_millis(control.now());
    let pools = &generation.snapshot.pools;
    let mut reasons: Vec<Found> = Vec::new();
    if !control.accepts.load(Ordering::Relaxed) {
        let limit = generation.snapshot.config.start_timeout.as_secs_f32();
        reasons.push((Health::Down, format!("no client is let in before each node was probed, for at most {limit} s")));
    }
    reasons.extend(pools.iter().filter_map(|pool| of_pool(control, pool, now)));
    if memory::is_short() {
        reasons.push((Health::Degraded, "memory is used up (max-memory): requests get 503".to_owned()));
    }
    reasons.extend(of_nodes(&generation.snapshot.pools));
    reasons.extend(of_cluster(control));
    reasons.extend(of_shared(control));
    reasons.extend(of_reload(control));
    reasons.extend(of_files(control));
    reasons.extend(of_certificates(&generation));
    reasons.extend(of_orders(control));
    in_one_sentence(reasons, reminders::of(control, &generation))
}

type Found = (Health, String);

fn of_pool(control: &Control, pool: &Pool, now: Tick) -> Option<Found> {
    match pool.status() {
        PoolStatus::Active => of_answers(control, pool).map(|errors| (Health::Degraded, errors)),
        PoolStatus::Unknown if !is_without_node(control, pool, now) => {
            Some((Health::Degraded, format!("no node of pool {} has passed a probe yet{}", pool.name(), failed(pool))))
        }
        PoolStatus::Unknown | PoolStatus::NoneActive => {
            let (consequence, nodes) = (consequence(pool, now), resting_or_failing(control, pool));
            Some((Health::Down, format!("pool {} has no active node: {consequence}; {nodes}", pool.name())))
        }
    }
}

/// Whether requests found no node while the pool's nodes are checked, and would find none now.
fn is_without_node(control: &Control, pool: &Pool, now: Tick) -> bool {
    let may_serve = |member: &Member| member.state.takes_unprobed(now);
    control.outages.lock().is_on(pool.name()) && !pool.members.iter().any(may_serve)
}

/// What the first probes failed with: `: worker1 (tls 8243: connection refused)`.
fn failed(pool: &Pool) -> String {
    let one = |member: &Member| Some(format!("{} ({})", member.label, shortened(&member.state.probe_failure()?)));
    let told: Vec<String> = pool.members.iter().filter_map(one).take(NAMED).collect();
    if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) }
}

/// Why each node of a pool is not active: `worker1 drained by uid:1000 (anna): kernel update, worker2 unhealthy`.
fn resting_or_failing(control: &Control, pool: &Pool) -> String {
    let operations = control.operations.lock();
    let one = |member: &Member| match operations.of_order(&member.node) {
        Some(operation) => format!("{} {}", member.label, operation.by_whom()),
        None => {
            let reason = member.state.state().reason();
            let seen = reason.and_then(|reason| member.seen(reason)).map(|seen| format!(" ({})", shortened(&seen)));
            format!("{} {}{}", member.label, reason.map_or("active", Reason::word), seen.unwrap_or_default())
        }
    };
    let mut told = pool.members.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ");
    if pool.members.len() > NAMED {
        told += &format!(", and {} more", pool.members.len() - NAMED);
    }
    told
}

/// What was seen of a node may be long, and is whole beside the node.
fn shortened(seen: &str) -> String {
    match seen.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", seen.get(..end).unwrap_or_default()),
        None => seen.to_owned(),
    }
}

/// The share of 5xx among a pool's answers of the last minute, where it is no accident.
fn of_answers(control: &Control, pool: &Pool) -> Option<String> {
    let minute = control.observer.history.last_minute(&Subject::Pool(Arc::clone(pool.name()))).point;
    let (answers, errors) = (minute.requests(), minute.classes[4]);
    if !is_much(errors, answers) {
        return None;
    }
    let most = control.refusals.lock().most(pool.name()).filter(|(_, count)| 2 * count >= errors);
    let which = most.and_then(|(word, _)| Refusal::ALL.iter().find(|refusal| refusal.word() == word));
    let which = which.map_or_else(
        || "5xx".to_owned(),
        |refusal| format!("{} ({})", refusal.status(), refusal.word().replace('-', " ")),
    );
    let percent = errors * 100 / answers;
    Some(format!("{percent} % of pool {}'s answers in the last minute are {which}", pool.name()))
}

/// One answer in twenty, or one in two where there are few. Fewer than five errors say nothing.
const fn is_much(errors: u64, answers: u64) -> bool {
    (errors >= 10 && errors * 20 >= answers) || (errors >= 5 && errors * 2 >= answers)
}

/// A node that fails in several pools is one reason. Of a pool without an active node all is told already.
fn of_nodes(pools: &[Pool]) -> Vec<Found> {
    let mut failing: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let serving = pools.iter().filter(|pool| pool.status() != PoolStatus::NoneActive);
    for (pool, member) in serving.flat_map(|pool| pool.members.iter().map(move |member| (pool, member))) {
        if let State::Passive(reason @ (Reason::Unhealthy | Reason::Ejected)) = member.state.state() {
            failing.entry((&member.label, reason.word())).or_default().push(pool.name());
        }
    }
    let told = failing.into_iter().map(|((node, reason), pools)| match pools[..] {
        [pool] => (Health::Degraded, format!("{node} is {reason} in pool {pool}")),
        _ => (Health::Degraded, format!("{node} is {reason} in {} pools", pools.len())),
    });
    told.collect()
}

/// The nodes' own cluster is split, or a node serves without it.
fn of_cluster(control: &Control) -> Vec<Found> {
    let state = control.cluster.lock();
    let Some(state) = state.as_ref() else { return Vec::new() };
    let alone = |(node, place): (&str, NodeInCluster)| {
        let remark = place.remark.filter(|_| place.is_told && place.membership.is_out())?;
        Some(format!("{node} {remark}"))
    };
    let split = state.split().map(str::to_owned).into_iter();
    split.chain(state.nodes(Instant::now()).filter_map(alone)).map(|what| (Health::Degraded, what)).collect()
}

/// Servers that machines share and that cannot be used. Requests do not depend on them; the next failure might.
fn of_shared(control: &Control) -> Vec<Found> {
    let servers = control.shared_board.servers.lock().clone();
    let one = |server: &Arc<Server>| {
        Some(format!("the shared server {} cannot be used: {}", server.name, server.state().fault?))
    };
    servers.iter().filter_map(one).map(|what| (Health::Degraded, what)).collect()
}

fn of_reload(control: &Control) -> Option<Found> {
    let reloads = control.reloads.lock();
    let problem = reloads.back()?.problems.first()?;
    Some((Health::Degraded, format!("the last reload was refused: {problem}")))
}

fn of_files(control: &Control) -> Option<Found> {
    let problem = control.refused_files.lock().clone()?;
    Some((Health::Degraded, format!("changed files cannot be used: {problem}")))
}

/// A certificate is a reason from the last tenth of its life on, at most 30 days before it ends.
fn of_certificates(generation: &Generation) -> Vec<Found> {
    let now = i64::try_from(moments::now().unix / 1000).unwrap_or(i64::MAX);
    let one = |(site, certificate): (&str, &Certificate)| {
        let leaf = &certificate.pair.leaf;
        let left = leaf.not_after - now;
        let early = ((leaf.not_after - leaf.not_before) / 10).min(30 * DAY);
        match left {
            _ if left > early => None,
            _ if left <= 0 => Some((Health::Degraded, format!("the certificate of {site} has expired"))),
            _ if left < DAY => Some((Health::Degraded, format!("the certificate of {site} ends within a day"))),
            _ => Some((Health::Degraded, format!("the certificate of {site} ends in {} days", left / DAY))),
        }
    };
    generation.snapshot.config.certificates().filter_map(one).collect()
}

/// Orders of certificates that do not succeed. A first failure of a renewal is no reason yet: there is a third of its life left.
fn of_orders(control: &Control) -> Vec<Found> {
    const MANY: u32 = 3;
    let board = control.acme.lock();
    let one = |entry: &Entry| {
        let (site, why) = (&entry.site, entry.last.as_ref().and_then(|last| last.error.as_deref()));
        match (entry.not_after(), why) {
            (None, None) => {
                Some(format!("{site} has no certificate yet: it is being ordered from {}", entry.authority))
            }
            (None, Some(why)) => Some(format!("{site} has no certificate yet: {why}")),
            (Some(_), Some(why)) if entry.failures >= MANY => {
                Some(format!("the certificate of {site} is not renewed: {why}"))
            }
            (Some(_), _) => None,
        }
    };
    board.entries().filter_map(one).map(|what| (Health::Degraded, what)).collect()
}

/// A day in seconds.
const DAY: i64 = 24 * 60 * 60;

fn in_one_sentence(mut reasons: Vec<Found>, reminders: Vec<String>) -> Verdict {
    reasons.sort_by_key(|(health, _)| std::cmp::Reverse(*health));
    let word = reasons.first().map_or(Health::Well, |(health, _)| *health);
    let reasons: Vec<String> = reasons.into_iter().map(|(_, reason)| reason).collect();
    let sentence = match word {
        Health::Well if reminders.is_empty() => "All well".to_owned(),
        Health::Well => format!("All well; {}", first_of(&reminders)),
        Health::Degraded => format!("Degraded: {}", first_of(&reasons)),
        Health::Down => format!("Down: {}", first_of(&reasons)),
    };
    Verdict { word, sentence, reasons, reminders }
}

fn first_of(all: &[String]) -> String {
    let mut named = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    if all.len() > NAMED {
        named += &format!("; and {} more", all.len() - NAMED);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_errors_are_no_reason() {
        for (errors, answers, expected) in [
            (0, 0, false),
            (4, 4, false),
            (5, 10, true),
            (5, 11, false),
            (10, 200, true),
            (10, 201, false),
            (900, 1_000_000, false),
        ] {
            assert_eq!(is_much(errors, answers), expected, "{errors} of {answers}");
        }
    }

    #[test]
    fn the_worst_comes_first_and_the_sentence_stays_short() {
        let found = |health, text: &str| (health, text.to_owned());
        assert_eq!(in_one_sentence(Vec::new(), Vec::new()).sentence, "All well");
        let reasons = vec![
            found(Health::Degraded, "a"),
            found(Health::Down, "pool b has no active node"),
            found(Health::Degraded, "c"),
            found(Health::Degraded, "d"),
        ];
        let told = in_one_sentence(reasons, vec!["site shop is closed".to_owned()]);
        assert_eq!(told.word, Health::Down);
        assert_eq!(told.sentence, "Down: pool b has no active node; a; c; and 1 more");
        assert_eq!(told.reasons.len(), 4);
        assert_eq!(in_one_sentence(vec![found(Health::Degraded, "a")], Vec::new()).sentence, "Degraded: a");
        let closed: Vec<String> = ["a", "b", "c", "d"].iter().map(|site| format!("site {site} is closed")).collect();
        let told = in_one_sentence(Vec::new(), closed);
        assert_eq!(told.word, Health::Well);
        assert_eq!(told.sentence, "All well; site a is closed; site b is closed; site c is closed; and 1 more");
    }
}
