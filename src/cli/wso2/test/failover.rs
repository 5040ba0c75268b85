//! Takes one active node out, sees the others take over, and gives it back, whatever happens meanwhile.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::api::Member;
use super::ground::{Entry, Ground};
use super::report::{Report, Subject, Verdict};
use super::ways::Kind;

/// The most requests that it sends.
pub(super) const MOST: u32 = 200;

/// The node that would be drained: an active one, beside which another can serve.
pub(super) fn candidate(ground: &Ground<'_>) -> Option<String> {
    candidates(ground, &ground.members).first().map(|node| (*node).to_owned())
}

/// All nodes that could be drained, as these members are.
fn candidates<'m>(ground: &Ground<'_>, members: &'m [Member]) -> Vec<&'m str> {
    let pools = ground.entries(&[Kind::Services]);
    let free = |member: &&Member| member.is_active() && member.order.is_none() && !member.backup;
    let open = pools.iter().filter(|(_, entry)| entry.is_ok());
    let theirs = open.flat_map(|(pool, _)| members.iter().filter(move |member| *member.pool == *pool.name));
    theirs.filter(free).map(|member| &*member.node).filter(|node| others_can_serve(members, node)).collect()
}

/// Whether each of its pools has another node that is active or would be.
fn others_can_serve(members: &[Member], node: &str) -> bool {
    let mut own = members.iter().filter(|member| member.node == node);
    own.all(|own| {
        let able = |other: &&Member| other.is_active() || other.reason.as_deref() == Some("standby");
        members.iter().filter(|other| other.pool == own.pool && other.node != node).any(|other| able(&other))
    })
}

/// One line for the node. `interrupted` ends when somebody wants the command to end.
pub(super) async fn check(ground: &Ground<'_>, node: &str, interrupted: impl Future<Output = ()>, report: &mut Report) {
    let subject = Subject::new("failover", node);
    let mut interrupted = pin!(interrupted);
    let ready = tokio::select! {
        ready = ready(ground, node) => ready,
        () = &mut interrupted => Err(("interrupted".to_owned(), String::new())),
    };
    if let Err((what, advice)) = ready {
        return report.failed(subject, format!("nothing was drained: {what}"), &advice);
    }
    eprintln!("weir: {node} is drained now; should this command be killed: weir activate {node}");
    let drained = ground.api.order(node, "drain", &reason()).await;
    if let Err(why) = &drained
        && is_refusal(ground.api.members().await, node)
    {
        let advice = "orders need the admin socket, or a token that may operate";
        return report.failed(subject, format!("Weir does not drain it: {why}"), advice);
    }
    let outcome = match drained {
        Ok(_) => tokio::select! {
            outcome = caught(takes_over(ground, node)) => outcome,
            () = &mut interrupted => Err(("interrupted".to_owned(), String::new())),
        },
        Err(why) => Err((format!("whether Weir drained it is not known: {why}"), String::new())),
    };
    report.judged(subject, verdict(node, outcome, give_back(ground, node).await));
}

/// Looks again before anything is changed: the checks took a while, and somebody may need the node by now.
async fn ready(ground: &Ground<'_>, node: &str) -> Verdict {
    let advice = "`weir nodes` says how it is".to_owned();
    for entry in entries(ground, node) {
        if let Err((what, _)) = ask(ground, &entry, 1).await {
            return Err((format!("{what}, and no node is out"), "see the lines about services".to_owned()));
        }
    }
    let members = ground.api.members().await.map_err(|why| (why, String::new()))?;
    match held(&members, node) {
        Held::Other(order) => Err((format!("it is under an order meanwhile: {order}"), advice)),
        _ if candidates(ground, &members).contains(&node) => Ok(String::new()),
        _ => Err(("meanwhile it is passive, or no other node could serve in its place".to_owned(), advice)),
    }
}

/// Whether an error means that the node is not under our order: Weir answers, and knows of none. Where it does not answer,
/// it may have carried out what it was asked for.
fn is_refusal(members: Result<Vec<Member>, String>, node: &str) -> bool {
    members.is_ok_and(|members| !matches!(held(&members, node), Held::Us))
}

/// What came of it and how the node was left, in one line.
fn verdict(node: &str, outcome: Verdict, left: Left) -> Verdict {
    match (outcome, left) {
        (Ok(what), Left::Back) => Ok(format!("{what}; it is back")),
        (Err((what, advice)), Left::Back) => Err((format!("{what}; it is back"), advice)),
        (Ok(what) | Err((what, _)), Left::Taken(order)) => {
            let what = format!("{what}; somebody else took it over, and that order stays: {order}");
            Err((what, "test again when the node is free".to_owned()))
        }
        (Ok(what) | Err((what, _)), Left::Out(why)) => {
            Err((format!("{what}; IT COULD NOT BE GIVEN BACK: {why}"), format!("weir activate {node}")))
        }
    }
}

/// The outcome, also where the test itself panics: the node must come back then too.
async fn caught(outcome: impl Future<Output = Verdict>) -> Verdict {
    let mut outcome = pin!(outcome);
    let broke = || ("the test itself broke off; please report what it printed".to_owned(), String::new());
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| outcome.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(broke())))
    })
    .await
}

/// The services pools of the node that can be asked.
fn entries<'g, 'a>(ground: &'g Ground<'a>, node: &str) -> Vec<Entry<'g, 'a>> {
    let all = ground.entries(&[Kind::Services]).into_iter().filter_map(|(_, entry)| entry.ok());
    all.filter(|entry| ground.members(entry.pool).any(|member| member.node == node)).collect()
}

/// Requests go on; the drained node gets none of them, and none fails.
async fn takes_over(ground: &Ground<'_>, node: &str) -> Verdict {
    let (begun, entries) = (Instant::now(), entries(ground, node));
    let mut sent = 0;
    loop {
        // They are spent in a moment where many go in a second: then it only looks on.
        if sent < MOST / 2 {
            for entry in &entries {
                sent += 1;
                ask(ground, entry, sent).await?;
            }
        } else {
            sleep(LOOK).await;
        }
        let members = ground.api.members().await.map_err(|why| (why, String::new()))?;
        match held(&members, node) {
            Held::Us => {}
            Held::Nobody => {
                let what = "somebody else activated it meanwhile".to_owned();
                return Err((what, "does another test run?".to_owned()));
            }
            Held::Other(_) => return Err(("its drain was replaced".to_owned(), String::new())),
        }
        if let Some(served) = served(&entries, &members, node) {
            return after(ground, &entries, (sent, begun), &served).await;
        }
        if begun.elapsed() > BOUND {
            let what = format!("{} s after it was drained another node still does not serve", BOUND.as_secs());
            return Err((what, "`weir nodes` says why the others are passive".to_owned()));
        }
    }
}

/// A few more requests, now that another node serves.
async fn after(
    ground: &Ground<'_>,
    entries: &[Entry<'_, '_>],
    (mut sent, begun): (u32, Instant),
    served: &str,
) -> Verdict {
    let took = begun.elapsed();
    for _ in 0..MORE {
        for entry in entries {
            sent += 1;
            ask(ground, entry, sent).await?;
        }
    }
    Ok(format!("drained; {served} after {} ms; {sent} requests without an error", took.as_millis()))
}

async fn ask(ground: &Ground<'_>, entry: &Entry<'_, '_>, nth: u32) -> Result<(), (String, String)> {
    let pool = &entry.pool.name;
    let wrong = |why: String| {
        let advice = format!("retry-on and tries of pool {pool} say which failures are tried at another node");
        (format!("request {nth}, in pool {pool}: {why}"), advice)
    };
    match ground.get(entry.door, &entry.target).await {
        Ok(answer) if answer.status >= 500 => Err(wrong(format!("answered {}", answer.status))),
        Ok(_) => Ok(()),
        Err(why) => Err(wrong(why)),
    }
}

/// Who serves in its place, when in each pool somebody does.
fn served(entries: &[Entry<'_, '_>], members: &[Member], node: &str) -> Option<String> {
    let mut who: Vec<&str> = Vec::new();
    for Entry { pool, .. } in entries {
        let in_pool = || members.iter().filter(|member| *member.pool == *pool.name);
        in_pool().find(|member| member.node == node).filter(|member| !member.is_active())?;
        let other = in_pool().find(|member| member.node != node && member.is_active())?;
        if !who.contains(&&*other.node) {
            who.push(&other.node);
        }
    }
    (!who.is_empty()).then(|| format!("{} served", who.join(" and ")))
}

/// Under whose order a node is.
enum Held {
    Nobody,
    Us,
    Other(String),
}

fn held(members: &[Member], node: &str) -> Held {
    match members.iter().find(|member| member.node == node) {
        Some(Member { order: None, .. }) => Held::Nobody,
        Some(Member { order: Some(order), order_reason, .. }) if order_reason.as_ref() != Some(&reason()) => {
            Held::Other(order.clone())
        }
        // A reload may have taken it out of all pools: our order outlives that.
        _ => Held::Us,
    }
}

/// How the node is left.
enum Left {
    /// Without an order.
    Back,
    /// Under an order that somebody else gave meanwhile.
    Taken(String),
    /// Perhaps under ours; and why.
    Out(String),
}

/// Tries until the node is free of our order. That of somebody else stays.
async fn give_back(ground: &Ground<'_>, node: &str) -> Left {
    let mut why = String::new();
    for _ in 0..TRIES {
        match given_back(ground, node).await {
            Ok(left) => return left,
            Err(error) => why = error,
        }
        sleep(PAUSE).await;
    }
    Left::Out(why)
}

async fn given_back(ground: &Ground<'_>, node: &str) -> Result<Left, String> {
    match held(&ground.api.members().await?, node) {
        Held::Nobody => Ok(Left::Back),
        Held::Other(order) => Ok(Left::Taken(order)),
        Held::Us => ground.api.order(node, "activate", &reason()).await.map(|_| Left::Back),
    }
}

/// The reason of our orders, by which they are known: another test has another one.
fn reason() -> String {
    format!("weir wso2 test --failover, process {}", std::process::id())
}

const BOUND: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_secs(1);
const TRIES: u32 = 10;
const MORE: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn under(order: &str, reason: &str) -> Vec<Member> {
        let (order, order_reason) = (Some(order.to_owned()), Some(reason.to_owned()));
        vec![Member { node: "worker1".to_owned(), order, order_reason, ..Member::default() }]
    }

    #[test]
    fn only_an_order_with_our_reason_is_ours() {
        let ours = |members: &[Member]| matches!(held(members, "worker1"), Held::Us);
        assert!(ours(&under("drain", &reason())) && ours(&under("maintain", &reason())));
        let another = format!("{}0", reason());
        assert!(!ours(&under("drain", &another)) && !ours(&under("maintain", "disk swap")));
        let free = Member { node: "worker1".to_owned(), ..Member::default() };
        assert!(matches!(held(&[free], "worker1"), Held::Nobody));
    }

    #[test]
    fn an_error_of_which_nothing_more_is_known_is_no_refusal() {
        assert!(!is_refusal(Err("no answer".to_owned()), "worker1"));
        assert!(!is_refusal(Ok(under("drain", &reason())), "worker1"));
        assert!(is_refusal(Ok(under("maintain", "disk swap")), "worker1"));
    }

    #[tokio::test]
    async fn a_panic_is_an_outcome() {
        let broken = async {
            let none: Option<String> = None;
            none.map(Ok).expect("this test wants a panic")
        };
        assert!(caught(broken).await.is_err());
        assert_eq!(caught(async { Ok("seen".to_owned()) }).await, Ok("seen".to_owned()));
    }
}
