//! Operators' words about nodes, done: applied to every pool of the node, kept on disk before they are answered, ended
//! when a drain is over. A reload and a restart change nothing about them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::generation::Generation;
use super::operate::{Operated, PoolRow, Told, Unsaid};
use super::query::Trouble;
use super::question::{Explained, Question};
use super::state_dir::StateDir;
use super::worker::Shared;
use crate::config::StickyMode;
use crate::observe::notify::monotonic_microseconds;
use crate::traffic::member::Member;
use crate::traffic::operators::{Drained, Left, Live, Moment, Order, Wish, Words};
use crate::traffic::pool::Pool;
use crate::traffic::state::{Operator, Reason};
use crate::traffic::tick::Tick;

/// Its file in the state directory.
const FILE: &str = "operators.json";

/// The words that were kept. A file that is there and cannot be read is no damaged one: it may be readable again in a
/// moment, and until then a node in maintenance must not serve. That is an error, and the file stays. What is damaged is
/// set aside where there is a directory to do so in: a start does not fail for it.
pub(crate) fn load(path: &Path, dir: Option<&StateDir>) -> Result<Words, String> {
    let Some(bytes) = StateDir::read_in(path, FILE).map_err(|error| error.to_string())? else {
        return Ok(Words::default());
    };
    let text = String::from_utf8(bytes).map_err(|error| error.to_string());
    Ok(text.and_then(|text| Words::from_text(&text, now(), &boot())).unwrap_or_else(|why| {
        let kept = match dir.map(|dir| dir.set_aside(FILE)) {
            Some(Ok(aside)) => format!("kept as {}", aside.display()),
            Some(Err(error)) => format!("and cannot be set aside: {error}"),
            None => "and cannot be set aside".to_owned(),
        };
        log::error!("{}/{FILE} {why}; {kept}; no node is under an operator's word now", path.display());
        Words::default()
    }))
}

/// Why a start was refused because of them, and what to do.
pub(crate) fn unread(why: &str) -> (String, &'static str) {
    let what = format!("what operators said of nodes cannot be read, and a node in maintenance must not serve: {why}");
    (what, "let Weir's user read the file; or, where no node is to rest, move it away, and start again")
}

/// Writes them once more at the end: their deadlines by the wall clock as it goes now, in case the machine is started anew.
pub(crate) fn save(shared: &Shared) {
    let words = shared.words.lock();
    if shared.state_dir.is_some() && words.iter().any(|(_, word)| word.order.ends(now()).is_some()) {
        keep(shared, &words).into_iter().for_each(|trouble| log::error!("{}", trouble.what));
    }
}

/// Brings the nodes of a generation under their words.
pub(crate) fn apply(shared: &Shared, generation: &Generation) {
    let (words, now) = (shared.words.lock(), Tick::from_millis(shared.now()));
    for (index, pool) in generation.snapshot.pools.iter().enumerate() {
        for (member, node) in pool.members.iter().enumerate() {
            let operator = match words.of(&node.node).map(|word| word.order) {
                None => Operator::None,
                Some(Order::Drain { .. }) => Operator::Draining,
                Some(Order::Maintain) => Operator::Maintenance,
            };
            let change = node.state.set_operator(operator, now);
            generation.announce(index, member, change, "an operator said so", now);
        }
    }
}

/// Ends the drains that are over.
pub(crate) fn tend(shared: &Shared) {
    let generation = shared.current.load_full();
    let over = {
        let mut words = shared.words.lock();
        let over = words.end_drains(now(), |node| left(shared, &generation, node));
        if over.is_empty() {
            return;
        }
        keep(shared, &words).into_iter().for_each(|trouble| log::error!("{}", trouble.what));
        over
    };
    for (node, how) in &over {
        match how {
            Drained::DeadlineOver => {
                log::warn!("node {node} is drained: its deadline is over, what is left is rebound");
            }
            _ => log::info!("node {node} is drained: no session and no request is left, it is safe to stop it"),
        }
    }
    apply(shared, &generation);
}

fn left(shared: &Shared, generation: &Generation, node: &str) -> Vec<Left> {
    let now = Tick::from_millis(shared.now());
    let own = places(generation, node);
    let here = own.map(|(pool, member)| Left { sessions: live(pool, member, now), in_flight: member.load.in_flight() });
    // Their sessions are bound to other nodes with their next request.
    let gone = gone(shared, generation, node).into_iter();
    here.chain(gone.map(|(_, in_flight)| Left { sessions: Live::Counted(0), in_flight })).collect()
}

/// The node in its pools: once for each address.
fn places<'g>(generation: &'g Generation, node: &'g str) -> impl Iterator<Item = (&'g Pool, &'g Member)> {
    let pools = generation.snapshot.pools.iter();
    let members = pools.flat_map(|pool| pool.members.iter().map(move |member| (pool, member)));
    members.filter(move |(_, member)| &*member.node == node)
}

/// Requests that run on the node where a reload has moved it from since, or taken it out of: pools, and how many.
fn gone(shared: &Shared, generation: &Generation, node: &str) -> Vec<(String, u32)> {
    let left = shared.left.lock();
    let mut seen: Vec<_> = places(generation, node).map(|(_, member)| Arc::as_ptr(&member.load)).collect();
    let mut gone = Vec::new();
    for (pool, member) in left.iter().flat_map(|left| places(left, node)) {
        let (load, in_flight) = (Arc::as_ptr(&member.load), member.load.in_flight());
        if in_flight > 0 && !seen.contains(&load) {
            seen.push(load);
            gone.push((pool.name().to_string(), in_flight));
        }
    }
    gone
}

fn live(pool: &Pool, member: &Member, now: Tick) -> Live {
    match (&pool.sessions, &pool.settings.sticky) {
        (Some(sessions), _) => Live::Counted(sessions.count_of(member.number)),
        (None, Some(sticky)) if matches!(sticky.mode, StickyMode::Cookie(_) | StickyMode::Route) => {
            Live::Unseen { quiet: member.load.unused_for(now), idle: sticky.idle }
        }
        (None, _) => Live::Counted(0),
    }
}

fn keep(shared: &Shared, words: &Words) -> Vec<Trouble> {
    let kept = match &shared.state_dir {
        Some(dir) => dir
            .write(FILE, |out| out.write_all(words.to_text(now(), &boot()).as_bytes()))
            .map_err(|error| error.to_string()),
        None => Err("there is no state directory".to_owned()),
    };
    let trouble = |why| Trouble::new(format!("this will be forgotten at the next restart: {why}"), "");
    kept.err().map(trouble).into_iter().collect()
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    now().seconds()
}

/// Now, by both clocks.
pub(crate) fn now() -> Moment {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    Moment { unix: u64::try_from(unix).unwrap_or(u64::MAX), up: monotonic_microseconds() / 1000 }
}

/// Which run of the machine this is: another one after each boot. Empty where the kernel does not tell.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Pools that a word would leave without a node for new requests: all others there are passive, or under a word themselves.
fn left_without(generation: &Generation, words: &Words, node: &str) -> Vec<String> {
    let serves = |member: &Member| member.state.can_serve();
    let pools = generation.snapshot.pools.iter().filter(|pool| {
        let own = pool.members.iter().any(|member| &*member.node == node && serves(member));
        own && !pool
            .members
            .iter()
            .any(|other| &*other.node != node && serves(other) && words.of(&other.node).is_none())
    });
    pools.map(|pool| pool.name().to_string()).collect()
}

/// What operators touch.
pub(crate) struct Operators(pub(crate) Arc<Shared>);

impl Operated for Operators {
    fn say(&self, node: &str, wish: Wish, force: bool) -> Result<Told, Unsaid> {
        let shared = &self.0;
        let generation = shared.current.load_full();
        let known = self.knows(node);
        let warnings = {
            let mut words = shared.words.lock();
            if !known && words.of(node).is_none() {
                return Err(Unsaid::Unknown);
            }
            let without =
                if wish == Wish::Activate || force { Vec::new() } else { left_without(&generation, &words, node) };
            if !without.is_empty() {
                return Err(Unsaid::Last(without));
            }
            if words.wish(node, wish, now()) { keep(shared, &words) } else { Vec::new() }
        };
        apply(shared, &shared.current.load_full());
        Ok(Told { warnings, ..told(shared, node) })
    }

    fn look(&self, node: &str) -> Option<Told> {
        let told = told(&self.0, node);
        let known = told.word.is_some() || !told.pools.is_empty() || self.knows(node);
        known.then_some(told)
    }

    fn nodes(&self) -> Vec<Arc<str>> {
        self.0.current.load().snapshot.config.nodes.iter().map(|node| Arc::clone(&node.name)).collect()
    }

    fn why(&self, question: &Question) -> Result<Explained, Trouble> {
        super::answer_why::answer(&self.0, question)
    }
}

impl Operators {
    /// Whether the file has the node, or a request still runs there.
    fn knows(&self, node: &str) -> bool {
        let generation = self.0.current.load_full();
        let in_file = generation.snapshot.config.nodes.iter().any(|known| &*known.name == node);
        in_file || !gone(&self.0, &generation, node).is_empty()
    }
}

fn told(shared: &Shared, node: &str) -> Told {
    let word = shared.words.lock().of(node).copied();
    Told { word, now: now(), pools: rows(shared, &shared.current.load_full(), node), warnings: Vec::new() }
}

fn rows(shared: &Shared, generation: &Generation, node: &str) -> Vec<PoolRow> {
    let row = |(pool, member): (&Pool, &Member)| {
        let state = member.state.state();
        PoolRow {
            pool: pool.name().to_string(),
            state: state.word(),
            reason: state.reason().map(Reason::word),
            sessions: pool.sessions.as_ref().map(|sessions| sessions.count_of(member.number)),
            in_flight: member.load.in_flight(),
        }
    };
    let of_before =
        |(pool, in_flight)| PoolRow { pool, state: "passive", reason: Some("gone"), sessions: Some(0), in_flight };
    let gone = gone(shared, generation, node).into_iter().map(of_before);
    places(generation, node).map(row).chain(gone).collect()
}
