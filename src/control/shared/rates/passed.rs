//! What passed at one machine under rates that machines share: its text, and which texts were heard.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::control::shared::record::{NoRecord, Seal};

/// The most clients that are told of at once: those of which the most passed.
pub(super) const MOST: usize = 2_000;

/// The longest text, and its form.
const LONGEST: usize = 1 << 18;
const FORM: &str = "1|";

/// What waits for a server that is slow. Then the oldest is not told.
const WAITING: usize = 16;

/// The most processes whose last number is known.
const PROCESSES: usize = 256;

/// What is told and heard.
pub(crate) struct Rates {
    pub(super) told: broadcast::Sender<Arc<str>>,
    /// The last number of each process: each server tells of the same.
    heard: Mutex<HashMap<u64, u64>>,
}

/// What passed at one machine.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) process: u64,
    /// Grows with each text of a process.
    pub(super) number: u64,
    /// By limit.
    pub(super) requests: Vec<Requests>,
}

/// Requests of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Requests {
    pub(super) limit: u64,
    pub(super) key: u128,
    pub(super) count: u32,
}

impl Rates {
    pub(crate) fn new() -> Self {
        Self { told: broadcast::channel(WAITING).0, heard: Mutex::default() }
    }

    /// Whether it was not heard so far.
    pub(super) fn is_news(&self, passed: &Passed) -> bool {
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

/// Those clients of which the most passed, and how many requests of others there were.
pub(super) fn most_of(mut requests: Vec<Requests>, most: usize) -> (Vec<Requests>, u64) {
    if requests.len() <= most {
        return (requests, 0);
    }
    requests.sort_unstable_by_key(|one| Reverse(one.count));
    let left_out = sum(&requests[most..]);
    requests.truncate(most);
    requests.sort_by_key(|one| one.limit);
    (requests, left_out)
}

pub(super) fn sum(requests: &[Requests]) -> u64 {
    requests.iter().map(|one| u64::from(one.count)).sum()
}

impl Passed {
    /// `1|PROCESS|NUMBER;LIMIT:KEY=REQUESTS,KEY=REQUESTS;LIMIT:…|SEAL`. All but numbers of requests are hexadecimal.
    pub(super) fn to_text(&self, place: &str, seal: Seal) -> String {
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

    pub(super) fn of_text(text: &[u8], place: &str, seal: Seal) -> Result<Self, NoRecord> {
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
