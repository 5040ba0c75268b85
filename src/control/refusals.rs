//! Which answers of 5xx Weir gave itself in the last minute, by pool; and events about pools that have no room: when that
//! begins and when it is over, not for each request. The control thread reads the counts once a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::outages::in_words;
use crate::observe::events::About;
use crate::proxy::generation::Generation;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::tick::Tick;

/// As many seconds as there are in the last minute.
const SECONDS: usize = 60;

/// A pool has room again when no request was refused for so long.
const QUIET: Duration = Duration::from_secs(30);

/// The refusals of a pool that has no room.
const NO_ROOM: [Refusal; 3] = [Refusal::QueueFull, Refusal::QueueTimeout, Refusal::NodesBusy];

/// The answers of 5xx that Weir gave itself, by pool.
#[derive(Default)]
pub(crate) struct Refusals {
    second: usize,
    pools: HashMap<Arc<str>, OfPool>,
}

#[derive(Default)]
struct OfPool {
    words: Vec<Word>,
    no_room: Option<NoRoom>,
}

/// How often Weir answered with this word.
struct Word {
    word: &'static str,
    /// Up to the last second.
    counted: u64,
    seconds: [u64; SECONDS],
}

/// A time in which a pool refuses requests because it has no room.
#[derive(Debug, PartialEq, Eq)]
struct NoRoom {
    word: &'static str,
    since: Tick,
    last: Tick,
    refused: u64,
}

/// What there is to tell of it.
#[derive(Debug, PartialEq, Eq)]
enum Report {
    Began(&'static str),
    Over(NoRoom),
}

impl Refusals {
    /// A second is over.
    pub(super) fn second(&mut self, generation: &Generation, now: Tick) {
        self.second = (self.second + 1) % SECONDS;
        let pools = generation.snapshot.pools.iter().zip(&generation.pools);
        for (pool, running) in pools.clone() {
            let of_pool = self.pools.entry(Arc::clone(pool.name())).or_default();
            of_pool.words.iter_mut().for_each(|word| word.seconds[self.second] = 0);
            running.counters.each_failure(|word, counted| of_pool.count(word, counted, self.second));
            if let Some(report) = of_pool.report(self.second, now) {
                tell(pool.name(), &report, generation);
            }
        }
        if self.pools.len() > generation.pools.len() {
            self.pools.retain(|name, _| pools.clone().any(|(pool, _)| pool.name() == name));
        }
    }

    /// The word that a pool refused most requests with in the last minute, and how many.
    pub(super) fn most(&self, pool: &str) -> Option<(&'static str, u64)> {
        let words = self.pools.get(pool)?.words.iter().map(|word| (word.word, word.seconds.iter().sum()));
        words.filter(|(_, count)| *count > 0).max_by_key(|(_, count)| *count)
    }
}

impl OfPool {
    fn count(&mut self, name: &'static str, counted: u64, second: usize) {
        let at = self.words.iter().position(|word| word.word == name).unwrap_or_else(|| {
            self.words.push(Word { word: name, counted: 0, seconds: [0; SECONDS] });
            self.words.len() - 1
        });
        let word = &mut self.words[at];
        // A pool that went and came again counts from zero.
        word.seconds[second] = counted.checked_sub(word.counted).unwrap_or(counted);
        word.counted = counted;
    }

    fn report(&mut self, second: usize, now: Tick) -> Option<Report> {
        let counts = self.words.iter().map(|word| (word.word, word.seconds[second]));
        let refused: Vec<_> = counts
            .filter(|(word, count)| *count > 0 && NO_ROOM.iter().any(|refusal| refusal.word() == *word))
            .collect();
        let sum: u64 = refused.iter().map(|(_, count)| count).sum();
        match (&mut self.no_room, refused.first()) {
            (None, Some((word, _))) => {
                self.no_room = Some(NoRoom { word, since: now, last: now, refused: sum });
                Some(Report::Began(word))
            }
            (Some(no_room), Some(_)) => {
                no_room.last = now;
                no_room.refused += sum;
                None
            }
            (Some(no_room), None) if now.since(no_room.last) >= QUIET => self.no_room.take().map(Report::Over),
            _ => None,
        }
    }
}

fn tell(pool: &Arc<str>, report: &Report, generation: &Generation) {
    let (level, text) = match report {
        Report::Began(word) => (log::Level::Warn, format!("{}: requests get 503 {word}", reason(word))),
        Report::Over(NoRoom { since, last, refused, .. }) => {
            let lasted = in_words(last.since(*since));
            (log::Level::Info, format!("has room again; it had none for {lasted}, and {refused} requests got 503"))
        }
    };
    log::log!(level, "pool {pool} {text}");
    let about = About { pool: Some(pool.to_string()), ..About::default() };
    generation.observer.events.push_about(SystemTime::now(), "pool", pool, &text, about);
}

fn reason(word: &str) -> &'static str {
    if word == Refusal::QueueFull.word() {
        "has a full queue"
    } else if word == Refusal::QueueTimeout.word() {
        "has no node that becomes free in time"
    } else {
        "has only full nodes, and no queue"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_is_told_when_it_begins_and_when_it_is_over() {
        let mut pool = OfPool::default();
        let mut told = Vec::new();
        for second in 0..120_u64 {
            // It refuses three requests a second, after a while one more, and then none.
            let counted = 3 * second.min(50) + u64::from(second >= 60);
            let at = usize::try_from(second).unwrap() % SECONDS;
            pool.count("queue-full", counted, at);
            pool.count("node-reset", second, at);
            let report = pool.report(at, Tick::from_millis(second * 1_000));
            told.extend(report.map(|report| (second, report)));
        }
        let over = NoRoom {
            word: "queue-full",
            since: Tick::from_millis(1_000),
            last: Tick::from_millis(60_000),
            refused: 151,
        };
        assert_eq!(told, [(1, Report::Began("queue-full")), (90, Report::Over(over))]);
    }

    #[test]
    fn the_last_minute_forgets() {
        let mut refusals = Refusals::default();
        let pool: Arc<str> = "app".into();
        for second in 0..200 {
            let of_pool = refusals.pools.entry(Arc::clone(&pool)).or_default();
            let at = second % SECONDS;
            of_pool.words.iter_mut().for_each(|word| word.seconds[at] = 0);
            of_pool.count("session-lost", 5, at);
            of_pool.count("queue-full", u64::try_from(second).unwrap(), at);
            if second == 30 {
                assert_eq!(refusals.most("app"), Some(("queue-full", 30)));
            }
        }
        assert_eq!((refusals.most("app"), refusals.most("other")), (Some(("queue-full", 60)), None));
    }
}
