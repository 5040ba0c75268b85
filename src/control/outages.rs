//! Writes to the journal and the events about pools without an active node: when an outage begins, while it lasts, when
//! it ends, and what happens to the requests meanwhile. It decides nothing about requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::WhenNone;
use crate::observe::Observer;
use crate::observe::events::About;
use crate::proxy::generation::Generation;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::Pool;
use crate::traffic::pool::member::Member;
use crate::traffic::pool::outage::{Outage, OutageReport};
use crate::traffic::tick::Tick;

/// The most nodes that a message names. If there are more, it gives only the number.
const NAMED: usize = 8;

/// The outages of pools, by pool name, so that they outlive a reload.
#[derive(Default)]
pub(crate) struct Outages(HashMap<Arc<str>, OfPool>);

#[derive(Default)]
struct OfPool {
    outage: Outage,
    /// How many requests found no node, up to the last call.
    refused: u64,
}

impl Outages {
    /// To be called a few times a second.
    pub(crate) fn update(&mut self, generation: &Generation, now: Tick) {
        let pools = &generation.snapshot.pools;
        for (pool, running) in pools.iter().zip(&generation.pools) {
            let of_pool = self.0.entry(Arc::clone(pool.name())).or_default();
            let mut refused = 0;
            running.counters.each_failure(|word, count| {
                if word == Refusal::NoActiveNode.word() {
                    refused = count;
                }
            });
            let more = refused > std::mem::replace(&mut of_pool.refused, refused);
            if let Some(report) = of_pool.outage.note(pool.status(), more, now) {
                publish(pool, report, &generation.observer, now);
            }
        }
        if self.0.len() > pools.len() {
            self.0.retain(|name, _| pools.iter().any(|pool| pool.name() == name));
        }
    }

    /// Whether the pool has an outage now.
    pub(super) fn is_on(&self, pool: &str) -> bool {
        self.0.get(pool).is_some_and(|of_pool| of_pool.outage.is_on())
    }
}

fn publish(pool: &Pool, report: OutageReport, observer: &Observer, now: Tick) {
    let text = match report {
        OutageReport::Began => format!("no active node ({}): {}", nodes(pool), consequence(pool, now)),
        OutageReport::Lasts(time) => {
            format!("no active node for {} ({}): {}", in_words(time), nodes(pool), consequence(pool, now))
        }
        OutageReport::Over(time) => format!("an active node again, after {} without", in_words(time)),
    };
    let level = if matches!(report, OutageReport::Over(_)) { log::Level::Info } else { log::Level::Warn };
    log::log!(level, "pool {} has {text}", pool.name());
    let about = About { pool: Some(pool.name().to_string()), ..About::default() };
    observer.events.push_about(SystemTime::now(), "pool", pool.name(), &text, about);
}

/// For example `worker1 unhealthy, worker2 ejected`.
fn nodes(pool: &Pool) -> String {
    let one = |member: &Member| {
        let state = member.state.state();
        format!("{} {}", member.label, state.reason().map_or(state.word(), |reason| reason.word()))
    };
    let mut all = pool.members.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ");
    if pool.members.len() > NAMED {
        all += &format!(" and {} more", pool.members.len() - NAMED);
    }
    all
}

/// What happens to the pool's requests.
pub(super) fn consequence(pool: &Pool, now: Tick) -> &'static str {
    let ejected = pool.members.iter().any(|member| member.state.ejected_until(now).is_some());
    match pool.settings.when_none {
        WhenNone::All => "requests try all that no operator took out (when-none = \"all\")",
        WhenNone::Fail if ejected => "requests try an ejected node, and get 503 where it fails",
        WhenNone::Fail => "requests get 503 (when-none = \"fail\")",
    }
}

/// A time in words: whole seconds from a minute on, below that with one decimal.
pub(super) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds}.{} s", time.subsec_millis() / 100),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_say_them() {
        for (millis, expected) in [
            (0, "0.0 s"),
            (2_350, "2.3 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 0 s"),
            (3_599_000, "59 min 59 s"),
            (3_600_000, "1 h 0 min"),
            (90_061_000, "25 h 1 min"),
        ] {
            assert_eq!(in_words(Duration::from_millis(millis)), expected);
        }
    }
}
