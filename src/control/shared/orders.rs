//! The orders that machines have in common, as they stand in a server: the hash `PREFIX:orders` has the last order about each subject.
//!
//! `1|00115631234567890001|{…}|9f3c…`: the form, the version, what holds since then (JSON), and a seal as sessions have it. Each machine
//! looks each second: what is later than it knows it follows, and what it knows better it writes. So nothing need be kept for a server
//! that is away.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use redis::RedisError;
use redis::aio::MultiplexedConnection;

use super::common::{Common, unix_now};
use super::record::{NoRecord, Seal};
use super::server::Server;
use crate::config::orders_file::{CommonOrder, Holds};
use crate::control::changes::common::is_over;
use crate::control::operators::following;

/// The form, and the longest text.
const FORM: &str = "1|";
const LONGEST: usize = 4096;

/// The most orders. Beyond these something else writes there.
const MOST: usize = 4096;

/// Writes each order unless a later one stands there, or one of a later form. One of the same version was read, and gave way.
///
/// KEYS: the hash. ARGV: subject and text of each order.
const KEEP_LATER: &str = r"
for i = 1, #ARGV, 2 do
  local old, new = redis.call('HGET', KEYS[1], ARGV[i]) or '', ARGV[i + 1]
  local form = string.match(old, '^(%d+)|')
  if not form or (form == '1' and string.sub(old, 3, 22) <= string.sub(new, 3, 22)) then
    redis.call('HSET', KEYS[1], ARGV[i], new)
  end
end
";

/// Reads what stands in a server, follows what is later and writes what is not.
pub(super) async fn exchange(
    common: &Common,
    server: &Server,
    link: &mut MultiplexedConnection,
) -> Result<(), RedisError> {
    // Of two processes of this machine the new one has the orders.
    if !common.control.writes_state.load(Relaxed) {
        return Ok(());
    }
    let place = common.places.orders();
    let count: usize = redis::cmd("HLEN").arg(&place).query_async(link).await?;
    if count > MOST {
        common.disbelieve(NoRecord::Foreign, &format!("{place}, which has more than {MOST} orders,"), server);
        return Ok(());
    }
    let unix = unix_now();
    common.control.shared_board.orders.forget_old(unix);
    let stand: Vec<(Vec<u8>, Vec<u8>)> = redis::cmd("HGETALL").arg(&place).query_async(link).await?;
    let mut known = common.control.shared_board.orders.all();
    let mut later = Vec::new();
    for (subject, text) in stand {
        let Ok(subject) = String::from_utf8(subject) else { continue };
        match of_text(&text, &format!("{place}:{subject}"), common.seal) {
            Ok(order) if is_over(&order, unix) => {
                redis::cmd("HDEL").arg(&place).arg(&subject).exec_async(link).await?;
            }
            Ok(order) if order.holds.subject() == subject => match known.get(&subject) {
                Some(here) if *here == order => _ = known.remove(&subject),
                Some(here) if here.beats(&order) => {}
                _ => {
                    known.remove(&subject);
                    later.push(order);
                }
            },
            Ok(_) | Err(NoRecord::Foreign) => {
                common.disbelieve(NoRecord::Foreign, &format!("{subject} of {place}"), server);
                // It may only look like a later one.
                if known.contains_key(&subject) {
                    redis::cmd("HDEL").arg(&place).arg(&subject).exec_async(link).await?;
                }
            }
            Err(NoRecord::Later) => {
                common.disbelieve(NoRecord::Later, &format!("{subject} of {place}"), server);
                known.remove(&subject);
            }
        }
    }
    follow(common, later);
    write(common, link, &known).await
}

/// On a thread that may wait for the disk. What comes while it works is there a second later, too.
fn follow(common: &Common, later: Vec<CommonOrder>) {
    if later.is_empty() {
        return;
    }
    if let Ok(turn) = common.following.clone().try_lock_owned() {
        let control = common.control.clone();
        tokio::task::spawn_blocking(move || {
            following::follow(&control, &later);
            drop(turn);
        });
    }
}

async fn write(
    common: &Common,
    link: &mut MultiplexedConnection,
    orders: &BTreeMap<String, CommonOrder>,
) -> Result<(), RedisError> {
    if orders.is_empty() {
        return Ok(());
    }
    let script: String = redis::cmd("SCRIPT").arg("LOAD").arg(KEEP_LATER).query_async(link).await?;
    let place = common.places.orders();
    let mut command = redis::cmd("EVALSHA");
    command.arg(script).arg(1).arg(&place);
    for (subject, order) in orders {
        command.arg(subject).arg(to_text(order, &format!("{place}:{subject}"), common.seal));
    }
    command.exec_async(link).await
}

fn to_text(order: &CommonOrder, place: &str, seal: Seal) -> String {
    let holds = serde_json::to_string(&order.holds).unwrap_or_default();
    seal.sealed(place, &format!("{FORM}{:020}|{holds}", order.version))
}

fn of_text(text: &[u8], place: &str, seal: Seal) -> Result<CommonOrder, NoRecord> {
    let told = Some(text).filter(|text| text.len() <= LONGEST).and_then(|text| seal.opened(place, text));
    let told = told.ok_or(NoRecord::Foreign)?.strip_prefix(FORM).ok_or(NoRecord::Later)?;
    let (version, holds) = told.split_once('|').ok_or(NoRecord::Foreign)?;
    let version = version.parse().map_err(|_| NoRecord::Foreign)?;
    // What only a later Weir may order.
    let holds = serde_json::from_str(holds).ok().filter(Holds::can_be).ok_or(NoRecord::Later)?;
    Ok(CommonOrder { version, holds })
}

#[cfg(test)]
mod tests {
    use super::*;
    const SEAL: Seal = Seal([7; 16]);
    const PLACE: &str = "weir:orders:weight:esb:worker1";

    fn order() -> CommonOrder {
        let (pool, node) = ("esb".to_owned(), "worker1".to_owned());
        let (actor, machine, reason) = ("uid:0 (root)".to_owned(), "lb1".to_owned(), Some("a | in it".to_owned()));
        CommonOrder {
            version: 115,
            holds: Holds::Weight { pool, node, weight: Some(7), since: 5, actor, machine, reason },
        }
    }

    #[test]
    fn an_order_is_read_as_it_was_written_in_its_place_with_its_secret() {
        let text = to_text(&order(), PLACE, SEAL);
        assert!(
            text.starts_with(r#"1|00000000000000000115|{"about":"weight","pool":"esb","node":"worker1","weight":7,"#)
        );
        assert_eq!(of_text(text.as_bytes(), PLACE, SEAL), Ok(order()));
        assert_eq!(of_text(text.as_bytes(), "weir:orders:weight:esb:worker2", SEAL), Err(NoRecord::Foreign));
        assert_eq!(of_text(text.as_bytes(), PLACE, Seal([8; 16])), Err(NoRecord::Foreign));
        let long = order();
        let Holds::Weight { pool, node, weight, since, actor, machine, .. } = long.holds else { unreachable!() };
        let holds = Holds::Weight { pool, node, weight, since, actor, machine, reason: Some("a".repeat(LONGEST)) };
        let text = to_text(&CommonOrder { version: 1, holds }, PLACE, SEAL);
        assert_eq!(of_text(text.as_bytes(), PLACE, SEAL), Err(NoRecord::Foreign));
    }

    #[test]
    fn what_a_later_weir_orders_is_told_from_a_foreign_text() {
        let sealed = |told: &str| of_text(SEAL.sealed(PLACE, told).as_bytes(), PLACE, SEAL);
        assert_eq!(sealed("2|whatever"), Err(NoRecord::Later));
        assert_eq!(sealed(r#"1|00000000000000000115|{"about":"limit"}"#), Err(NoRecord::Later));
        let text = to_text(&order(), PLACE, SEAL).replace(r#""weight":7"#, r#""weight":1001"#);
        assert_eq!(sealed(text.rsplit_once('|').unwrap().0), Err(NoRecord::Later));
        assert_eq!(sealed("1|115"), Err(NoRecord::Foreign));
        assert_eq!(sealed("1|-5|{}"), Err(NoRecord::Foreign));
    }
}
