//! Whether the load is spread: each active node of a pool gets its share of the test's own requests.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cli::wso2::test::api::Member;
use crate::cli::wso2::test::client::Answer;
use crate::cli::wso2::test::ground::{Entry, Ground};
use crate::cli::wso2::test::report::{Report, Subject};
use crate::cli::wso2::test::ways::Kind;
use crate::cli::wso2::test::who::Witness;
use crate::config::{Balance, Pool, StickyMode};

/// One line for each pool of services.
pub(super) async fn check(ground: &Ground<'_>, report: &mut Report) {
    for (pool, entry) in ground.entries(&[Kind::Services]) {
        let subject = Subject::new("spread", format!("pool {}", pool.name));
        let members: Vec<&Member> = ground.members(pool).collect();
        let active: Vec<&Member> =
            members.iter().filter(|member| member.is_active() && !member.backup).copied().collect();
        match (entry, active.as_slice()) {
            (Err(why), _) => report.skipped(subject, why),
            (_, []) => report.skipped(subject, "it has no active node; see state"),
            (Ok(entry), _) => {
                let asked = ask(ground, &entry, requests(&active)).await;
                let later = ground.api.members().await.unwrap_or_default();
                let still = |member: &&&Member| later.iter().any(|other| other == **member);
                let passive: Vec<&Member> =
                    members.iter().filter(|member| !member.is_active()).filter(still).copied().collect();
                judge(&entry, &passive, &active, asked, subject, report);
            }
        }
    }
}

/// How many requests show whether each node gets its share. Lots are drawn, or the requests of others come in between:
/// with so many a node goes without by chance once in 100 000 runs, with the two nodes of the guide once in 8 million.
fn wanted(members: &[&Member]) -> u32 {
    let weights = members.iter().map(|member| member.weight.max(1));
    let (sum, least) = (weights.clone().sum::<u64>(), weights.min().unwrap_or(1));
    u32::try_from(sum.div_ceil(least)).unwrap_or(u32::MAX).saturating_mul(12)
}

/// How many it gets.
fn requests(members: &[&Member]) -> u32 {
    wanted(members).clamp(8, MOST)
}

/// The most that a pool gets: fewer of its nodes need no more.
pub(super) fn most(ground: &Ground<'_>, pool: &Pool) -> u32 {
    requests(&ground.members(pool).collect::<Vec<_>>())
}

/// What came of the requests.
struct Asked {
    sent: u32,
    /// By node, where it was told or counted.
    by_node: BTreeMap<String, u64>,
    /// How the nodes are known.
    by: Told,
    /// What went wrong, and on which node.
    failures: Vec<String>,
    /// How many of them Weir refused, because of who asks or how often.
    refused: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// By each answer or its line in the log.
    Answers,
    /// By Weir's counters, which have the requests of others in them too.
    Counters,
}

async fn ask(ground: &Ground<'_>, entry: &Entry<'_, '_>, requests: u32) -> Asked {
    let Entry { pool, door, target, .. } = entry;
    let mut witness = Witness::of(door.site);
    let before = ground.api.counts(&pool.name).await.unwrap_or_default();
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    let (mut sent, mut refused) = (0, 0);
    while sent < requests && failures.len() < MOST_FAILURES {
        sent += 1;
        match ground.get(door, target).await {
            Ok(answer) if matches!(answer.status, 403 | 429) => refused += 1,
            Ok(answer) if !matches!(answer.status, 502..=504) => answers.push(answer.without_body()),
            Ok(answer) => failures.push(failure(&answer, &mut witness).await),
            Err(why) => failures.push(why),
        }
    }
    let nodes = witness.nodes(&answers.iter().collect::<Vec<_>>()).await;
    if !nodes.is_empty() && nodes.iter().all(Option::is_some) {
        let mut by_node = BTreeMap::new();
        nodes.into_iter().flatten().for_each(|node| *by_node.entry(node).or_default() += 1);
        return Asked { sent, by_node, by: Told::Answers, failures, refused };
    }
    let by_node = counted(ground, pool, &before, answers.len() as u64).await;
    Asked { sent, by_node, by: Told::Counters, failures, refused }
}

async fn failure(answer: &Answer, witness: &mut Witness) -> String {
    let node = witness.nodes(&[answer]).await.pop().flatten();
    format!("{}{}", answer.status, node.map(|node| format!(" ({node})")).unwrap_or_default())
}

/// What the counters say since then. They count a request when it is over, so a moment after its answer.
pub(super) async fn counted(
    ground: &Ground<'_>,
    pool: &Pool,
    before: &BTreeMap<String, u64>,
    answers: u64,
) -> BTreeMap<String, u64> {
    let until = Instant::now() + COUNTED;
    loop {
        let now = ground.api.counts(&pool.name).await.unwrap_or_default();
        let since = |(node, count): (&String, &u64)| {
            (node.clone(), count.saturating_sub(before.get(node).copied().unwrap_or_default()))
        };
        let counts: BTreeMap<_, _> = now.iter().map(since).collect();
        if counts.values().sum::<u64>() >= answers || Instant::now() > until {
            return counts;
        }
        sleep(PAUSE).await;
    }
}

fn judge(
    entry: &Entry<'_, '_>,
    passive: &[&Member],
    active: &[&Member],
    asked: Asked,
    subject: Subject,
    report: &mut Report,
) {
    let (pool, Asked { sent, by_node, by, failures, refused }) = (entry.pool, asked);
    if refused > 0 {
        let why = "allow-from, rate or a route that denies";
        return report.skipped(subject, format!("{refused} of {sent} requests of this machine were refused ({why})"));
    }
    let shares: Vec<_> =
        by_node.iter().filter(|(_, count)| **count > 0).map(|(node, count)| format!("{node} {count}")).collect();
    let how = match by {
        Told::Answers => "",
        Told::Counters => " by Weir's counters, with the requests of others",
    };
    let said = format!(
        "{sent} requests: {}{how}",
        if shares.is_empty() { "none was counted".to_owned() } else { shares.join(", ") }
    );
    let count = |member: &&&Member| by_node.get(&member.label).copied().unwrap_or_default();
    let without: Vec<&str> = active.iter().filter(|member| count(member) == 0).map(|member| &*member.label).collect();
    if !failures.is_empty() {
        let none = if without.is_empty() { String::new() } else { format!("; none from {}", without.join(", ")) };
        let (failed, answers) = (failures.join(", "), shares.join(", "));
        let what = format!("{} of {sent} requests failed: {failed}; answers: {answers}{none}", failures.len());
        let url = format!("{}{}", entry.door.origin(), entry.target);
        let advice = format!("`weir why {url}` and `weir nodes` say where requests go, and why");
        return report.failed(subject, what, &advice);
    }
    // What is passive before and after takes no request of a client without a session.
    if let Some(member) = passive.iter().find(|member| by == Told::Answers && count(member) > 0) {
        let what = format!("{said}; {} answered and is passive: {}", member.label, member.passive());
        return report.failed(subject, what, "`weir events` says whether it became active meanwhile");
    }
    if without.is_empty() {
        let alone = if active.len() == 1 && pool.members.len() > 1 { "; it is the only active node" } else { "" };
        return report.passed(subject, format!("{said}{alone}"));
    }
    let what = format!("{said}; {} got none", without.join(", "));
    match excuse(pool, active, &without) {
        Some(excuse) => report.warning(subject, format!("{what}: {excuse}"), ""),
        None => {
            let advice = "`weir nodes` shows weights; `weir why` of the URL says why each node has it or not; `weir diff` whether the file runs";
            report.failed(subject, what, advice);
        }
    }
}

/// Why a node may rightly go without.
fn excuse(pool: &Pool, active: &[&Member], without: &[&str]) -> Option<String> {
    let source = pool.sticky.as_ref().is_some_and(|sticky| sticky.mode == StickyMode::Source);
    match pool.balance {
        _ if source => Some("sticky keeps each client's address on one node, and this is one client".to_owned()),
        Balance::Hash(_) | Balance::Ring(_) => {
            Some("its balance is a hash: requests that are alike go to one node".to_owned())
        }
        Balance::LeastRequests | Balance::LeastTime => Some("its balance prefers the less busy node".to_owned()),
        Balance::RoundRobin | Balance::RandomTwo => {
            let cold = active.iter().find(|member| !member.is_warm && without.contains(&&*member.label));
            let light = wanted(active) > MOST;
            match cold {
                Some(cold) => Some(format!("{} warms up (slow-start)", cold.label)),
                None => light.then(|| "its weight is too small to be seen in so few".to_owned()),
            }
        }
    }
}

/// Enough for fifteen nodes of one weight.
const MOST: u32 = 180;
/// After these nobody needs to see more.
const MOST_FAILURES: usize = 3;
const COUNTED: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(nodes: usize, weight: u64) -> (u32, u32) {
        let member =
            |nth: usize| Member { weight: if nth == 0 { weight } else { 1 }, is_warm: true, ..Member::default() };
        let members: Vec<Member> = (0..nodes).map(member).collect();
        let all: Vec<&Member> = members.iter().collect();
        (requests(&all), wanted(&all))
    }

    #[test]
    fn a_pool_gets_as_many_requests_as_its_nodes_need_or_its_nodes_may_go_without() {
        for (nodes, weight, requests, is_enough) in [
            (1, 1, 12, true),
            (2, 1, 24, true),
            (12, 1, 144, true),
            (15, 1, 180, true),
            (16, 1, 180, false),
            (2, 20, 180, false),
        ] {
            let (sent, wanted) = asked(nodes, weight);
            assert_eq!((sent, sent >= wanted), (requests, is_enough), "{nodes} nodes, {weight}");
        }
    }
}
