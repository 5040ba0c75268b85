//! The rates that machines share (`rate = { …, shared = true }`): each machine tells each server every tenth of a second what it let
//! through, and counts what others did as if it had let that through itself. A request waits for nothing.
//!
//! A server has it as a short stream, `PREFIX:rates`. After a moment it says nothing any more, so nothing is told again, and what came
//! while the server could not be read is not read later.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;

use super::common::{Common, count_more};
use super::record::{NoRecord, Seal};
use super::server::{Server, in_words, takes_nothing};
use crate::control::state::Control;
use crate::traffic::limits::rate::RateLimit;
use crate::traffic::tick::Tick;

/// How often it is told what passed.
const EVERY: Duration = Duration::from_millis(100);

/// The most clients that are told of at once: those of which the most passed.
const MOST: usize = 2_000;

/// The longest text, and its form.
const LONGEST: usize = 1 << 18;
const FORM: &str = "1|";

/// So many texts a server keeps at most, and how long after the last one.
const KEPT: usize = 100;
const KEEPS: Duration = Duration::from_secs(60);

/// What waits for a server that is slow. Then the oldest is not told.
const WAITING: usize = 16;

/// The most processes whose last number is known.
const PROCESSES: usize = 256;

/// What is told and heard.
pub(super) struct Rates {
    told: broadcast::Sender<Arc<str>>,
    /// The last number of each process: each server tells of the same.
    heard: Mutex<HashMap<u64, u64>>,
}

/// What passed at one machine.
#[derive(Debug, Default, PartialEq, Eq)]
struct Passed {
    process: u64,
    /// Grows with each text of a process.
    number: u64,
    /// By limit.
    requests: Vec<Requests>,
}

/// Requests of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Requests {
    limit: u64,
    key: u128,
    count: u32,
}

impl Rates {
    pub(super) fn new() -> Self {
        Self { told: broadcast::channel(WAITING).0, heard: Mutex::default() }
    }

    /// Whether it was not heard so far.
    fn is_news(&self, passed: &Passed) -> bool {
        let mut heard = self.heard.lock();
        if heard.len() >= PROCESSES && !heard.contains_key(&passed.process) {
            heard.clear();
        }
        let last = heard.entry(passed.process).or_default();
        let is_news = *last < passed.number;
        *last = passed.number.max(*last);
        is_news
    }
}

/// Says to all servers what passes here, for ever.
pub(super) async fn say(common: Arc<Common>) {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What passed before there were servers is old.
    take(&common.control);
    let mut number = 0;
    loop {
        beat.tick().await;
        let (requests, left_out) = most_of(take(&common.control), MOST);
        count_more(&common.counts.rates_lost, left_out);
        if requests.is_empty() {
            continue;
        }
        number += 1;
        let count = sum(&requests);
        let text = Passed { process: common.process, number, requests }.to_text(&common.places.rates(), common.seal);
        // Nobody takes it where no server can be used.
        let is_told = common.rates.told.send(text.into()).is_ok();
        count_more(if is_told { &common.counts.rates_told } else { &common.counts.rates_lost }, count);
    }
}

/// What passed since the last call, by limit.
fn take(control: &Control) -> Vec<Requests> {
    let generation = control.current.load();
    let of_limit = |(limit, rate): (u64, &Arc<RateLimit>)| {
        rate.take_passed().into_iter().map(move |(key, count)| Requests { limit, key, count })
    };
    generation.snapshot.shared_rates().flat_map(of_limit).collect()
}

/// Those clients of which the most passed, and how many requests of others there were.
fn most_of(mut requests: Vec<Requests>, most: usize) -> (Vec<Requests>, u64) {
    if requests.len() <= most {
        return (requests, 0);
    }
    requests.sort_unstable_by_key(|one| Reverse(one.count));
    let left_out = sum(&requests[most..]);
    requests.truncate(most);
    requests.sort_by_key(|one| one.limit);
    (requests, left_out)
}

fn sum(requests: &[Requests]) -> u64 {
    requests.iter().map(|one| u64::from(one.count)).sum()
}

/// Tells a server what passes here, until the connection is lost. Why it was.
pub(super) async fn tell(common: &Common, mut link: MultiplexedConnection) -> String {
    let (mut said, place) = (common.rates.told.subscribe(), common.places.rates());
    loop {
        let text = match said.recv().await {
            Ok(text) => text,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            // It comes to an end with all else.
            Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
        };
        let mut pipeline = redis::pipe();
        pipeline.cmd("XADD").arg(&place).arg("MAXLEN").arg("~").arg(KEPT).arg("*").arg("r").arg(&*text).ignore();
        pipeline.cmd("PEXPIRE").arg(&place).arg(KEEPS.as_millis() as u64).ignore();
        match pipeline.exec_async(&mut link).await {
            Err(error) if !takes_nothing(&error) => return in_words(&error),
            _ => {}
        }
    }
}

/// Counts what another machine let through.
pub(super) fn hear(common: &Common, text: &[u8], server: &Server) {
    let place = common.places.rates();
    let passed = match Passed::of_text(text, &place, common.seal) {
        Ok(passed) if passed.process == common.process => return,
        Ok(passed) => passed,
        Err(why) => return common.disbelieve(why, &place, server),
    };
    if !common.rates.is_news(&passed) {
        return;
    }
    let (generation, now) = (common.control.current.load(), Tick::from_millis(common.control.now()));
    for (limit, rate) in generation.snapshot.shared_rates() {
        let of_limit = || passed.requests.iter().filter(|one| one.limit == limit);
        of_limit().for_each(|one| rate.charge(one.key, one.count, now));
        count_more(&common.counts.rates_heard, of_limit().map(|one| u64::from(one.count)).sum());
    }
}

impl Passed {
    /// `1|PROCESS|NUMBER;LIMIT:KEY=REQUESTS,KEY=REQUESTS;LIMIT:…|SEAL`. All but numbers of requests are hexadecimal.
    fn to_text(&self, place: &str, seal: Seal) -> String {
        let mut text = format!("{FORM}{:x}|{:x}", self.process, self.number);
        for of_limit in self.requests.chunk_by(|one, other| one.limit == other.limit) {
            for (at, Requests { limit, key, count }) in of_limit.iter().enumerate() {
                // Writing to a text cannot fail.
                let _ = match at {
                    0 => write!(text, ";{limit:x}:{key:x}={count}"),
                    _ => write!(text, ",{key:x}={count}"),
                };
            }
        }
        seal.sealed(place, &text)
    }

    fn of_text(text: &[u8], place: &str, seal: Seal) -> Result<Self, NoRecord> {
        let told = Some(text).filter(|text| text.len() <= LONGEST).and_then(|text| seal.opened(place, text));
        let told = told.ok_or(NoRecord::Foreign)?.strip_prefix(FORM).ok_or(NoRecord::Later)?;
        Self::read(told).ok_or(NoRecord::Foreign)
    }

    fn read(told: &str) -> Option<Self> {
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let mut parts = told.split(';');
        let (process, count) = parts.next()?.split_once('|')?;
        let mut passed = Self { process: number(process)?, number: number(count)?, requests: Vec::new() };
        for part in parts {
            let (limit, keys) = part.split_once(':')?;
            for told in keys.split(',') {
                let (key, count) = told.split_once('=')?;
                let (key, count) = (u128::from_str_radix(key, 16).ok()?, count.parse().ok()?);
                passed.requests.push(Requests { limit: number(limit)?, key, count });
            }
        }
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: Seal = Seal([7; 16]);
    const PLACE: &str = "weir:rates";

    fn requests(all: &[(u64, u128, u32)]) -> Vec<Requests> {
        all.iter().map(|(limit, key, count)| Requests { limit: *limit, key: *key, count: *count }).collect()
    }

    fn passed() -> Passed {
        let requests = requests(&[(0xABC, 1, 3), (0xABC, u128::MAX, u32::MAX), (u64::MAX, 0, 1)]);
        Passed { process: 0xFF, number: 16, requests }
    }

    #[test]
    fn what_passed_is_read_as_it_was_told_and_nothing_else_is() {
        let text = passed().to_text(PLACE, SEAL);
        let told = "1|ff|10;abc:1=3,ffffffffffffffffffffffffffffffff=4294967295;ffffffffffffffff:0=1|";
        assert!(text.starts_with(told), "{text}");
        let read = |text: &str, place, seal| Passed::of_text(text.as_bytes(), place, seal);
        assert_eq!(read(&text, PLACE, SEAL), Ok(passed()));
        assert_eq!(read(&text, "other:rates", SEAL), Err(NoRecord::Foreign));
        assert_eq!(read(&text, PLACE, Seal([8; 16])), Err(NoRecord::Foreign));
        let sealed = |told: &str| read(&SEAL.sealed(PLACE, told), PLACE, SEAL);
        assert_eq!(sealed("2|ff|10|anything"), Err(NoRecord::Later));
        for told in
            ["1|", "1|ff", "1|ff|10;", "1|ff|10;abc", "1|ff|10;abc:", "1|ff|10;abc:1", "1|ff|10;abc:1=x", "1|x|10"]
        {
            assert_eq!(sealed(told), Err(NoRecord::Foreign), "{told}");
        }
    }

    #[test]
    fn each_text_counts_once_from_whichever_server() {
        let rates = Rates::new();
        let mut text = passed();
        assert!(rates.is_news(&text) && !rates.is_news(&text));
        text.number += 1;
        assert!(rates.is_news(&text));
        text.number -= 1;
        assert!(!rates.is_news(&text), "it is behind what was heard");
        for process in 0..2 * PROCESSES as u64 {
            rates.is_news(&Passed { process, number: 1, requests: Vec::new() });
        }
        assert!(rates.heard.lock().len() <= PROCESSES);
    }

    #[test]
    fn of_too_many_clients_those_with_most_requests_are_told() {
        let all = requests(&[(1, 1, 5), (1, 2, 1), (1, 3, 3), (2, 4, 2), (2, 6, 9), (3, 7, 1)]);
        assert_eq!(most_of(all.clone(), 6), (all.clone(), 0));
        assert_eq!(most_of(all, 3), (requests(&[(1, 1, 5), (1, 3, 3), (2, 6, 9)]), 4));
    }
}
