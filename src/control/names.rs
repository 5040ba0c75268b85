//! Nodes that have a name: their addresses at the start, and again whenever an answer's time is over. What was known
//! stays until something better is: a name that cannot be resolved any more keeps its last addresses.

pub(crate) mod naming;

mod resolver;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

pub(crate) use self::resolver::{DnsAnswer, Resolver};
use crate::traffic::resolved::Resolved;

/// A name, and what is held to be its addresses after it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The name.
    pub(crate) name: Arc<str>,
    /// Sorted; those of the last good answer where this one is none. Empty only while no answer was ever good.
    pub(crate) addresses: Vec<IpAddr>,
    /// When to ask again.
    pub(crate) again_in: Duration,
    /// Why the answer is none, or only half of one, in words.
    pub(crate) fault: Option<String>,
}

/// Asks for all names at once, so it takes as long as one look-up: 5 seconds when nobody answers. `known` is what was
/// known before; nothing is journalled yet.
pub(crate) async fn look_up_all(resolver: &Arc<Resolver>, names: &[Arc<str>], known: &Resolved) -> Vec<Asked> {
    let mut running = JoinSet::new();
    for name in names {
        let (resolver, name, held) = (Arc::clone(resolver), Arc::clone(name), known.of(name).to_vec());
        running.spawn(async move { Asked::of(name, &held, &resolver).await });
    }
    running.join_all().await
}

/// Keeps names fresh until it is dropped, or nobody receives any more. It begins with what [`look_up_all`] returned,
/// journals what failed there, and sends a name whose addresses have changed since.
pub(crate) async fn follow(resolver: Arc<Resolver>, names: Vec<Asked>, changed: Sender<(Arc<str>, Vec<IpAddr>)>) {
    let mut running = JoinSet::new();
    for first in names {
        running.spawn(follow_one(Arc::clone(&resolver), first, changed.clone()));
    }
    drop(changed);
    running.join_all().await;
}

async fn follow_one(resolver: Arc<Resolver>, first: Asked, changed: Sender<(Arc<str>, Vec<IpAddr>)>) {
    let mut held = first;
    journal(held.news(None));
    loop {
        tokio::select! {
            () = tokio::time::sleep(held.again_in) => {}
            () = changed.closed() => return,
        }
        let now = Asked::of(Arc::clone(&held.name), &held.addresses, &resolver).await;
        journal(now.news(held.fault.as_deref()));
        if now.addresses != held.addresses {
            // Nobody receives any more: the next turn ends.
            let _ = changed.send((Arc::clone(&now.name), now.addresses.clone())).await;
        }
        held = now;
    }
}

fn journal(news: Option<(log::Level, String)>) {
    if let Some((level, words)) = news {
        log::log!(level, "{words}");
    }
}

impl Asked {
    async fn of(name: Arc<str>, held: &[IpAddr], resolver: &Resolver) -> Self {
        let answer = resolver.look_up(&name).await;
        Self::judge(name, held, answer, resolver.again)
    }

    fn judge(name: Arc<str>, held: &[IpAddr], answer: Result<DnsAnswer, String>, again: Duration) -> Self {
        let DnsAnswer { mut addresses, valid_for, missing } = match answer {
            Ok(answer) => answer,
            Err(why) => return Self { name, addresses: held.to_vec(), again_in: again, fault: Some(why) },
        };
        let Some(missing) = missing else {
            return Self { name, addresses, again_in: valid_for, fault: None };
        };
        // Half an answer takes nothing from the other half.
        addresses.extend(held.iter().filter(|address| address.is_ipv6() == missing.ipv6));
        addresses.sort_unstable();
        let family = if missing.ipv6 { "IPv6" } else { "IPv4" };
        let fault = Some(format!("its {family} addresses are unknown: {}", missing.why));
        Self { name, addresses, again_in: valid_for.min(again), fault }
    }

    /// What the journal is to know, after the answer before this one had `before` as its fault.
    fn news(&self, before: Option<&str>) -> Option<(log::Level, String)> {
        let Self { name, addresses, fault, .. } = self;
        let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match (before, fault) {
            (None, Some(why)) if addresses.is_empty() => {
                Some((log::Level::Warn, format!("the name {name} has no known address: {why}")))
            }
            (None, Some(why)) => {
                Some((log::Level::Warn, format!("the name {name} cannot be resolved, {list} is kept: {why}")))
            }
            (Some(_), None) => Some((log::Level::Info, format!("the name {name} is resolved again: {list}"))),
            _ => None,
        }
    }
}
