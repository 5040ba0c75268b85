//! Operators' words about nodes, done: applied to every pool of the node, kept on disk before they are answered, ended
//! when a drain is over. A reload and a restart change nothing about them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::state::Control;
use super::store::moments::{boot, now};
use super::store::sessions;
use super::store::state_dir::StateDir;
use super::trouble::Trouble;
use crate::config;
use crate::config::{Place, Problem, StickyMode};
use crate::proxy::generation::Generation;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::operators::{Drained, Left, Live, Order, Unreadable, Wish, Words};
use crate::traffic::pool::state::Operator;
use crate::traffic::tick::Tick;

/// Its file in the state directory.
const FILE: &str = "operators.json";

/// Why a node is passive that a reload took away while it answers requests.
pub(crate) const GONE: &str = "gone";

/// What to do where they cannot be read.
const READABLE: &str = "let Weir's user read the file; or, where no node is to rest, move it away, and start again";
const LATER: &str = "start the Weir that wrote it; or, where no node is to rest, move the file away, and start again";

/// The words that were kept; or why a start must fail, and what to do. A file that is there and cannot be read is no
/// damaged one: it may be readable again in a moment, or by the later Weir that wrote it, and until then a node in
/// maintenance must not serve. Such a file stays. What is damaged is set aside where there is a directory to do so in: a
/// start does not fail for it.
pub(crate) fn load(path: &Path, dir: Option<&StateDir>) -> Result<Words, (String, &'static str)> {
    let read = StateDir::read_in(path, FILE);
    let Some(bytes) = read.map_err(|error| (unread(&error), READABLE))? else { return Ok(Words::default()) };
    let text = String::from_utf8(bytes).map_err(|error| Unreadable::Damaged(error.to_string()));
    let why = match text.and_then(|text| Words::from_text(&text, now(), &boot())) {
        Ok(words) => return Ok(words),
        Err(why @ Unreadable::Later(_)) => return Err((unread(&format!("{}/{FILE}: {why}", path.display())), LATER)),
        Err(why) => why,
    };
    let kept = match dir.map(|dir| dir.set_aside(FILE)) {
        Some(Ok(aside)) => format!("kept as {}", aside.display()),
        Some(Err(error)) => format!("and cannot be set aside: {error}"),
        None => "and cannot be set aside".to_owned(),
    };
    log::error!("{}/{FILE}: {why}; {kept}; no node is under an operator's word now", path.display());
    Ok(Words::default())
}

fn unread(why: &dyn std::fmt::Display) -> String {
    format!("what operators said of nodes (state-dir) cannot be read, and a node in maintenance must not serve: {why}")
}

/// Writes them once more at the end: their deadlines by the wall clock as it goes now, in case the machine is started
/// anew, and what could not be written so far.
pub(crate) fn save(control: &Control) {
    let words = control.words.lock();
    let Some(dir) = &control.state_dir else { return };
    let has_deadline = words.iter().any(|(_, word)| word.order.ends(now()).is_some());
    if (has_deadline || dir.is_behind(FILE)) && keep(control, &words).is_some() {
        log::error!("what operators said last is not on disk: the next start does not know of it");
    }
}

/// Brings the nodes of a generation under their words.
pub(crate) fn apply(control: &Control, generation: &Generation) {
    let (words, now) = (control.words.lock(), Tick::from_millis(control.now()));
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

/// Ends the drains that are over, and writes what could not be written so far.
pub(crate) fn tend(control: &Control) {
    let generation = control.current.load_full();
    let over = {
        let mut words = control.words.lock();
        let over = words.end_drains(now(), |node| left(control, &generation, node));
        if !over.is_empty() || control.state_dir.as_ref().is_some_and(|dir| dir.is_behind(FILE)) {
            keep(control, &words);
        }
        over
    };
    if over.is_empty() {
        return;
    }
    for (node, how) in &over {
        match how {
            Drained::DeadlineOver => {
                log::warn!("node {node} is drained: its deadline is over, what is left is rebound");
            }
            _ => log::info!("node {node} is drained: no session and no request is left, it is safe to stop it"),
        }
    }
    apply(control, &generation);
}

fn left(control: &Control, generation: &Generation, node: &str) -> Vec<Left> {
    let now = Tick::from_millis(control.now());
    let own = places(generation).filter(|(_, member)| &*member.node == node);
    let here = own.map(|(pool, member)| Left { sessions: live(pool, member, now), in_flight: member.load.in_flight() });
    // Their sessions are bound to other nodes with their next request.
    let gone = gone(control, generation, |other| other == node).into_iter();
    here.chain(gone.map(|gone| Left { sessions: Live::Counted(0), in_flight: gone.in_flight })).collect()
}

/// The nodes of all pools: one that has a name, once for each address.
pub(crate) fn places(generation: &Generation) -> impl Iterator<Item = (&Pool, &Member)> {
    generation.snapshot.pools.iter().flat_map(|pool| pool.members.iter().map(move |member| (pool, member)))
}

/// A node that answers requests where a reload has moved it from since, or taken it out of.
pub(crate) struct Gone {
    pub(crate) pool: String,
    pub(crate) node: Arc<str>,
    pub(crate) label: Arc<str>,
    pub(crate) address: String,
    pub(crate) weight: u16,
    pub(crate) in_flight: u32,
}

/// Such nodes, of those that are meant.
pub(crate) fn gone(control: &Control, generation: &Generation, meant: impl Fn(&str) -> bool) -> Vec<Gone> {
    let left = control.left.lock();
    if left.is_empty() {
        return Vec::new();
    }
    let mut seen: HashSet<_> = places(generation).map(|(_, member)| Arc::as_ptr(&member.load)).collect();
    let mut gone = Vec::new();
    for (pool, member) in left.iter().flat_map(|left| places(left)).filter(|(_, member)| meant(&member.node)) {
        let in_flight = member.load.in_flight();
        if in_flight > 0 && seen.insert(Arc::as_ptr(&member.load)) {
            gone.push(Gone {
                pool: pool.name().to_string(),
                node: Arc::clone(&member.node),
                label: Arc::clone(&member.label),
                address: member.address.to_string(),
                weight: member.weight,
                in_flight,
            });
        }
    }
    gone
}

/// A warning for each pool that operators' words leave no node for new requests, and for each word about a node that the file
/// does not have.
pub(crate) fn warnings(control: &Control, generation: &Generation) -> Vec<Problem> {
    let (words, config) = (control.words.lock(), &generation.snapshot.config);
    let word_of = |node: &str| words.of(node).map(|word| word.order.word());
    let mut warnings = config::at_rest(config, word_of);
    let strangers = words.strangers(|node| config.nodes.iter().any(|known| &*known.name == node));
    warnings.extend(strangers.into_iter().map(|node| Problem {
        at: Place { line: 0, ..config.admin.at.clone() },
        what: format!(
            "{node} is under an operator's word ({}) and not in the file: where it has another name now, it serves",
            word_of(node).unwrap_or_default()
        ),
        advice: format!("say it of the new name, too; `weir activate {node}` forgets it"),
    }));
    warnings
}

pub(crate) fn live(pool: &Pool, member: &Member, now: Tick) -> Live {
    match (&pool.sessions, &pool.settings.sticky) {
        (Some(sessions), _) => Live::Counted(sessions.count_of(member.number)),
        (None, Some(sticky)) if matches!(sticky.mode, StickyMode::Cookie(_) | StickyMode::Route) => {
            Live::Unseen { quiet: member.load.unused_for(now), idle: sticky.idle }
        }
        (None, _) => Live::Counted(0),
    }
}

/// Writes them down. Where that fails, the journal tells, and it is tried again.
fn keep(control: &Control, words: &Words) -> Option<Trouble> {
    let Some(dir) = &control.state_dir else {
        return Some(Trouble::new("this will be forgotten at the next restart: there is no state directory", ""));
    };
    let error = dir.write(FILE, |out| out.write_all(words.to_text(now(), &boot()).as_bytes())).err()?;
    let what = format!("this is done, but a restart now would forget it: it cannot be written to state-dir: {error}");
    Some(Trouble::new(what, "it is tried again each second"))
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

/// Why nothing came of a wish.
#[derive(Debug)]
pub(crate) enum Unsaid {
    /// There is no such node.
    Unknown,
    /// It is the last that serves, in these pools.
    Last(Vec<String>),
}

/// Does to a node what an operator wants, and tells what he should know of it. The word is on disk before this returns. `force`:
/// also where a pool would have no node left.
pub(crate) fn say(control: &Control, node: &str, wish: Wish, force: bool) -> Result<Vec<Trouble>, Unsaid> {
    let generation = control.current.load_full();
    let known = knows(control, node);
    let mut warnings: Vec<Trouble> = {
        let mut words = control.words.lock();
        if !known && words.of(node).is_none() {
            return Err(Unsaid::Unknown);
        }
        let without =
            if wish == Wish::Activate || force { Vec::new() } else { left_without(&generation, &words, node) };
        if !without.is_empty() {
            return Err(Unsaid::Last(without));
        }
        let kept = words.wish(node, wish, now()).then(|| keep(control, &words));
        kept.flatten().into_iter().collect()
    };
    apply(control, &control.current.load_full());
    if matches!(wish, Wish::Drain { .. }) {
        // Nothing new is bound there from now on: whom it waits for is known after a crash, too.
        sessions::save(control);
        warnings.extend(unknown_sessions(control, &generation, node));
    }
    Ok(warnings)
}

/// Whether the file has the node, or a request still runs there.
pub(crate) fn knows(control: &Control, node: &str) -> bool {
    let generation = control.current.load_full();
    let in_file = generation.snapshot.config.nodes.iter().any(|known| &*known.name == node);
    in_file || !gone(control, &generation, |other| other == node).is_empty()
}

/// What a drain costs now where Weir does not know which sessions there were before it was started.
fn unknown_sessions(control: &Control, generation: &Generation, node: &str) -> Option<Trouble> {
    let up = control.start.elapsed();
    let with_table = places(generation).filter(|(pool, member)| pool.sessions.is_some() && &*member.node == node);
    let idle = with_table.filter_map(|(pool, _)| Some(pool.settings.sticky.as_ref()?.idle)).max()?;
    if control.knows_before || up >= idle {
        return None;
    }
    let what = format!(
        "Weir was started without the sessions of before: those on {node} that were not used since get other nodes"
    );
    let advice = format!("to keep them, activate it and drain it {} s later", (idle - up).as_secs() + 1);
    Some(Trouble::new(what, advice))
}
