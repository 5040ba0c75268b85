//! The rates that machines share (`rate = { …, shared = true }`): each machine tells each server every tenth of a second what it let
//! through, and counts what others did as if it had let that through itself. A request waits for nothing.
//!
//! A server has it as a short stream, `PREFIX:rates`. After a moment it says nothing any more, so nothing is told again, and what came
//! while the server could not be read is not read later.

pub(super) mod passed;

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;

use self::passed::{MOST, Passed, Requests, most_of, sum};
use super::common::{Common, count_more};
use super::server::{Server, in_words, takes_nothing};
use crate::control::state::Control;
use crate::traffic::limits::rate::RateLimit;
use crate::traffic::tick::Tick;

/// How often it is told what passed.
const EVERY: Duration = Duration::from_millis(100);

/// So many texts a server keeps at most, and how long after the last one.
const KEPT: usize = 100;
const KEEPS: Duration = Duration::from_secs(60);

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
