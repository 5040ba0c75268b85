//! Operators' words about nodes, done: applied to every pool of the node, kept on disk before they are answered, ended
//! when a drain is over. A reload and a restart change nothing about them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::generation::Generation;
use super::operate::{Operated, PoolRow, Told};
use super::query::Trouble;
use super::question::{Explained, Question};
use super::state_dir::StateDir;
use super::worker::Shared;
use crate::config::StickyMode;
use crate::traffic::member::Member;
use crate::traffic::operators::{Drained, Left, Live, Order, Wish, Words};
use crate::traffic::pool::Pool;
use crate::traffic::state::{Operator, Reason};
use crate::traffic::tick::Tick;

/// Its file in the state directory.
const FILE: &str = "operators.json";

/// The words that were kept. What cannot be read is set aside: a start never fails for it.
pub(crate) fn load(dir: &StateDir) -> Words {
    let read = dir.read(FILE).map_err(|error| error.to_string()).and_then(|bytes| match bytes {
        Some(bytes) => {
            String::from_utf8(bytes).map_err(|error| error.to_string()).and_then(|text| Words::from_text(&text))
        }
        None => Ok(Words::default()),
    });
    read.unwrap_or_else(|why| {
        let kept = match dir.set_aside(FILE) {
            Ok(aside) => format!("kept as {}", aside.display()),
            Err(error) => format!("and cannot be set aside: {error}"),
        };
        log::error!("{}/{FILE} {why}; {kept}; no node is under an operator's word now", dir.path().display());
        Words::default()
    })
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
            let change = node.state.set_operator(operator);
            generation.announce(index, member, change, "an operator said so", now);
        }
    }
}

/// Ends the drains that are over.
pub(crate) fn tend(shared: &Shared) {
    let generation = shared.current.load_full();
    let over = {
        let mut words = shared.words.lock();
        let over = words.end_drains(unix_now(), |node| left(shared, &generation, node));
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
    let pools = generation.snapshot.pools.iter();
    let members = pools.flat_map(|pool| pool.members.iter().map(move |member| (pool, member)));
    let own = members.filter(|(_, member)| &*member.node == node);
    own.map(|(pool, member)| Left { sessions: live(pool, member, now), in_flight: member.load.in_flight() }).collect()
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
        Some(dir) => {
            dir.write(FILE, |out| out.write_all(words.to_text().as_bytes())).map_err(|error| error.to_string())
        }
        None => Err("there is no state directory".to_owned()),
    };
    let trouble = |why| Trouble::new(format!("this will be forgotten at the next restart: {why}"), "");
    kept.err().map(trouble).into_iter().collect()
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// What operators touch.
pub(crate) struct Operators(pub(crate) Arc<Shared>);

impl Operated for Operators {
    fn say(&self, node: &str, wish: Wish) -> Option<Told> {
        let shared = &self.0;
        let known = self.nodes().iter().any(|name| **name == *node);
        let warnings = {
            let mut words = shared.words.lock();
            if !known && (wish != Wish::Activate || words.of(node).is_none()) {
                return None;
            }
            if words.wish(node, wish, unix_now()) { keep(shared, &words) } else { Vec::new() }
        };
        apply(shared, &shared.current.load_full());
        Some(Told { warnings, ..told(shared, node) })
    }

    fn look(&self, node: &str) -> Option<Told> {
        let told = told(&self.0, node);
        let known = told.word.is_some() || self.nodes().iter().any(|name| **name == *node);
        known.then_some(told)
    }

    fn nodes(&self) -> Vec<Arc<str>> {
        self.0.current.load().snapshot.config.nodes.iter().map(|node| Arc::clone(&node.name)).collect()
    }

    fn why(&self, question: &Question) -> Result<Explained, Trouble> {
        super::answer_why::answer(&self.0, question)
    }
}

fn told(shared: &Shared, node: &str) -> Told {
    let word = shared.words.lock().of(node).copied();
    Told { word, pools: rows(&shared.current.load(), node), warnings: Vec::new() }
}

fn rows(generation: &Generation, node: &str) -> Vec<PoolRow> {
    let pools = generation.snapshot.pools.iter();
    let members = pools.flat_map(|pool| pool.members.iter().map(move |member| (pool, member)));
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
    members.filter(|(_, member)| &*member.node == node).map(row).collect()
}
