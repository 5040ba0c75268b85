//! Takes one active node out, sees the others take over, and gives it back, whatever happens meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::api::Member;
use super::ground::Ground;
use super::places::{Door, Kind};
use super::report::{Report, Subject};
use crate::config::Pool;

/// The most requests that it sends.
pub(super) const MOST: u32 = 200;

/// The node that would be drained: an active one, beside which another can serve.
pub(super) fn candidate(ground: &Ground<'_>) -> Option<String> {
    let pools = ground.pools(&[Kind::Services]);
    let free = |member: &&Member| member.is_active() && member.order.is_none() && !member.backup;
    let mut members =
        pools.iter().filter(|(_, door)| door.is_some()).flat_map(|(pool, _)| ground.members(pool).filter(free));
    members.find(|member| others_can_serve(ground, &member.node)).map(|member| member.node.clone())
}

/// Whether each of its pools has another node that is active or would be.
fn others_can_serve(ground: &Ground<'_>, node: &str) -> bool {
    let mut own = ground.members.iter().filter(|member| member.node == node);
    own.all(|own| {
        let able = |other: &&Member| other.is_active() || other.reason.as_deref() == Some("standby");
        ground.members.iter().filter(|other| other.pool == own.pool && other.node != node).any(|other| able(&other))
    })
}

/// One line for the node. `interrupted` ends when somebody wants the command to end.
pub(super) async fn check(ground: &Ground<'_>, node: &str, interrupted: impl Future<Output = ()>, report: &mut Report) {
    let subject = Subject::new("failover", node);
    if let Err(why) = ground.api.order(node, "drain", REASON).await {
        return report.failed(
            subject,
            format!("Weir does not drain it: {why}"),
            "orders need the admin socket, or a token that may operate",
        );
    }
    let outcome = tokio::select! {
        outcome = takes_over(ground, node) => outcome,
        () = interrupted => Err(("interrupted".to_owned(), String::new())),
    };
    let given_back = give_back(ground, node).await;
    match (outcome, given_back) {
        (outcome, Ok(())) => report.judged(subject, outcome.map(|what| format!("{what}; it is back"))),
        (outcome, Err(why)) => {
            let what = match outcome {
                Ok(what) | Err((what, _)) => what,
            };
            let what = format!("{what}; IT COULD NOT BE GIVEN BACK: {why}");
            report.failed(subject, what, &format!("weir activate {node}"));
        }
    }
}

/// Requests go on; the drained node gets none of them, and none fails.
async fn takes_over(ground: &Ground<'_>, node: &str) -> Result<String, (String, String)> {
    let pools: Vec<_> =
        ground.pools(&[Kind::Services]).into_iter().filter(|(pool, _)| has(ground, pool, node)).collect();
    let (begun, target) = (Instant::now(), ground.target());
    let mut sent = 0;
    let doors: Vec<(&Pool, &Door<'_>)> = pools.iter().filter_map(|(pool, door)| Some((*pool, (*door)?))).collect();
    while sent < MOST / 2 {
        for (pool, door) in &doors {
            sent += 1;
            ask(ground, pool, door, &target, sent).await?;
        }
        let members = ground.api.members().await.map_err(|why| (why, String::new()))?;
        if members.iter().any(|member| member.node == node && member.order.is_none()) {
            return Err(("somebody else activated it meanwhile".to_owned(), "does another test run?".to_owned()));
        }
        if let Some(served) = served(&doors, &members, node) {
            return after(ground, &doors, &target, (sent, begun), &served).await;
        }
        if begun.elapsed() > BOUND {
            let what = format!("{} s after it was drained another node still does not serve", BOUND.as_secs());
            return Err((what, "`weir nodes` says why the others are passive".to_owned()));
        }
    }
    Err((format!("after {sent} requests another node still does not serve"), "`weir nodes` says why".to_owned()))
}

/// A few more requests, now that another node serves.
async fn after(
    ground: &Ground<'_>,
    doors: &[(&Pool, &Door<'_>)],
    target: &str,
    (mut sent, begun): (u32, Instant),
    served: &str,
) -> Result<String, (String, String)> {
    let took = begun.elapsed();
    for _ in 0..MORE {
        for (pool, door) in doors {
            sent += 1;
            ask(ground, pool, door, target, sent).await?;
        }
    }
    Ok(format!("drained; {served} after {} ms; {sent} requests without an error", took.as_millis()))
}

async fn ask(
    ground: &Ground<'_>,
    pool: &Pool,
    door: &Door<'_>,
    target: &str,
    nth: u32,
) -> Result<(), (String, String)> {
    let wrong = |why: String| {
        let advice = format!("retry-on and tries of pool {} say which failures are tried at another node", pool.name);
        (format!("request {nth}, in pool {}: {why}", pool.name), advice)
    };
    match ground.get(door, target).await {
        Ok(answer) if answer.status >= 500 => Err(wrong(format!("answered {}", answer.status))),
        Ok(_) => Ok(()),
        Err(why) => Err(wrong(why)),
    }
}

fn has(ground: &Ground<'_>, pool: &Pool, node: &str) -> bool {
    ground.members(pool).any(|member| member.node == node)
}

/// Who serves in its place, when in each pool somebody does.
fn served(doors: &[(&Pool, &Door<'_>)], members: &[Member], node: &str) -> Option<String> {
    let mut who: Vec<&str> = Vec::new();
    for (pool, _) in doors {
        let in_pool = || members.iter().filter(|member| *member.pool == *pool.name);
        in_pool().find(|member| member.node == node).filter(|member| !member.is_active())?;
        let other = in_pool().find(|member| member.node != node && member.is_active())?;
        if !who.contains(&&*other.node) {
            who.push(&other.node);
        }
    }
    (!who.is_empty()).then(|| format!("{} served", who.join(" and ")))
}

/// Tries until the node is active again, or has only what it had before.
async fn give_back(ground: &Ground<'_>, node: &str) -> Result<(), String> {
    let mut why = String::new();
    for _ in 0..TRIES {
        match ground.api.order(node, "activate", REASON).await {
            Ok(_) => return Ok(()),
            Err(error) => why = error,
        }
        sleep(PAUSE).await;
    }
    Err(why)
}

const REASON: &str = "weir wso2 test --failover";
const BOUND: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(1);
const TRIES: u32 = 10;
const MORE: u32 = 10;
