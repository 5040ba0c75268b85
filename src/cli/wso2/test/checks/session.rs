//! Whether a session stays on its node, over new connections.

use crate::cli::wso2::test::client::Answer;
use crate::cli::wso2::test::ground::{Entry, Ground, MOST_SESSION_TARGETS};
use crate::cli::wso2::test::report::{Report, Subject, Verdict};
use crate::cli::wso2::test::ways::{Kind, LOGIN};
use crate::cli::wso2::test::who::Witness;
use crate::config::{Balance, Pool, StickyMode};

use super::spread::counted;

/// One line for each pool of more than one node.
pub(super) async fn check(ground: &Ground<'_>, report: &mut Report) {
    for (pool, entry) in ground.entries(&[Kind::Services, Kind::Console]) {
        let subject = Subject::new("session", format!("pool {}", pool.name));
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                report.skipped(subject, why);
                continue;
            }
        };
        if pool.members.len() < 2 {
            report.skipped(subject, "it has one node");
            continue;
        }
        match stays(ground, &entry).await {
            Stays::Known(Err((what, advice))) if !entry.door.tls && kept_elsewhere(ground, pool) => {
                let what = format!("{what}; in other pools of these nodes sessions are kept, as in the guide");
                report.warning(subject, what, &advice);
            }
            Stays::Known(verdict) => report.judged(subject, verdict),
            // The guide keeps JSESSIONID on its worker for https.
            Stays::Unkept if entry.door.tls => report.warning(subject, UNKEPT, &advice(pool, ground)),
            Stays::Unkept => report.skipped(subject, UNKEPT),
            Stays::Untold(why) => report.skipped(subject, why),
        }
    }
}

/// Whether the file keeps sessions of these nodes in other pools alone: the guide does so for https.
fn kept_elsewhere(ground: &Ground<'_>, pool: &Pool) -> bool {
    let same =
        |other: &&Pool| other.members.iter().any(|one| pool.members.iter().any(|member| member.node == one.node));
    pool.sticky.is_none() && ground.config.pools.iter().filter(same).any(|other| other.sticky.is_some())
}

/// Whether nothing leads a client back to its node.
const fn keeps_none(pool: &Pool) -> bool {
    pool.sticky.is_none() && !matches!(pool.balance, Balance::Hash(_) | Balance::Ring(_))
}

enum Stays {
    Known(Verdict),
    /// No session was seen, and none would be kept.
    Unkept,
    Untold(String),
}

async fn stays(ground: &Ground<'_>, entry: &Entry<'_, '_>) -> Stays {
    let Entry { pool, door, .. } = *entry;
    let mut witness = Witness::of(door.site);
    let cookie = pool.sticky.as_ref().map_or("JSESSIONID", |sticky| &*sticky.cookie);
    let (target, first) = match begun(ground, entry, cookie).await {
        Ok(Some(begun)) => begun,
        Ok(None) if keeps_none(pool) => return Stays::Unkept,
        Ok(None) => {
            return Stays::Untold(format!(
                "no answer sets {cookie}: name a service that begins a session (--service); PassThrough itself has none"
            ));
        }
        Err(why) => return Stays::Known(Err((why, String::new()))),
    };
    let session = first.session(cookie, door.tls).map(str::to_owned);
    let before = ground.api.counts(&pool.name).await.unwrap_or_default();
    let mut answers = Vec::new();
    for _ in 1..TURNS {
        let asked = match ground.client.through(door, &target) {
            Ok(mut question) => {
                question.cookie = session.as_ref().map(|session| format!("{cookie}={session}"));
                ground.client.ask(&question).await
            }
            Err(why) => Err(why),
        };
        match asked {
            Ok(answer) => answers.push(answer.without_body()),
            Err(why) => return Stays::Known(Err((why, String::new()))),
        }
    }
    let all: Vec<&Answer> = std::iter::once(&first).chain(&answers).collect();
    let nodes = witness.nodes(&all).await;
    if let Some(nodes) = nodes.into_iter().collect::<Option<Vec<String>>>() {
        return Stays::Known(judged(pool, ground, &nodes));
    }
    if let Some(lost) = lost(&answers, cookie, session.as_deref()) {
        return Stays::Known(Err((lost, advice(pool, ground))));
    }
    let counts = counted(ground, pool, &before, answers.len() as u64).await;
    let moved: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    match moved.as_slice() {
        [(node, _)] => Stays::Known(Ok(format!("{TURNS} requests stayed on {node}, by Weir's counters"))),
        _ => Stays::Untold(
            "others' requests moved Weir's counters too: explain = true in the site, or an access log in a file, tells which node answered".to_owned(),
        ),
    }
}

/// The first answer of a session, and what was asked.
async fn begun(ground: &Ground<'_>, entry: &Entry<'_, '_>, cookie: &str) -> Result<Option<(String, Answer)>, String> {
    let by_address = entry.pool.sticky.as_ref().is_some_and(|sticky| sticky.mode == StickyMode::Source);
    let targets = if entry.kind == Kind::Console { vec![LOGIN.to_owned()] } else { ground.session_targets() };
    for target in targets.into_iter().filter(|target| entry.takes(target)) {
        let first = ground.get(entry.door, &target).await?;
        if by_address || first.session(cookie, entry.door.tls).is_some() {
            return Ok(Some((target, first)));
        }
    }
    Ok(None)
}

/// A node that does not know the session begins another one.
fn lost(answers: &[Answer], cookie: &str, session: Option<&str>) -> Option<String> {
    let session = session?;
    let other = answers.iter().position(|answer| answer.cookie(cookie).is_some_and(|other| other != session))?;
    Some(format!("request {} of a session got a new {cookie}: the node did not know the session", other + 2))
}

fn judged(pool: &Pool, ground: &Ground<'_>, nodes: &[String]) -> Verdict {
    let home = nodes.first().cloned().unwrap_or_default();
    match nodes.iter().position(|node| *node != home) {
        None => Ok(format!("{TURNS} requests of a session, each by a new connection, went to {home}")),
        Some(at) => {
            let what = format!("request {} of a session on {home} went to {}", at + 1, nodes[at]);
            Err((what, advice(pool, ground)))
        }
    }
}

fn advice(pool: &Pool, ground: &Ground<'_>) -> String {
    match &pool.sticky {
        None => format!(
            "{}: pool {} has no sticky: sticky = {{ mode = \"learn\", cookie = \"JSESSIONID\" }}",
            ground.file(),
            pool.name
        ),
        Some(_) => {
            "`weir why URL --cookie` says where the session goes and why; `weir diff` whether the file runs".to_owned()
        }
    }
}

const UNKEPT: &str = "the pool has no sticky, so sessions are not kept; no service that was asked begins one";
/// Requests of the session, with the one that begins it.
const TURNS: u32 = 6;
/// The most that one pool gets.
pub(super) const MOST: u32 = TURNS + MOST_SESSION_TARGETS as u32;
