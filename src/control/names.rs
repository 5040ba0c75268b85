//! Nodes with DNS names. The addresses are looked up at the start, and again when an answer is too old. Known addresses
//! stay until there is a better answer: a name that can no longer be resolved keeps its last addresses.

pub(crate) mod naming;

mod answer;
#[cfg(not(feature = "dns"))]
mod by_system;
#[cfg(feature = "dns")]
mod resolver;
#[cfg(test)]
#[cfg(feature = "dns")]
mod stub;
#[cfg(test)]
#[cfg(feature = "dns")]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

pub(crate) use self::answer::DnsAnswer;
#[cfg(not(feature = "dns"))]
pub(crate) use self::by_system::Resolver;
#[cfg(feature = "dns")]
pub(crate) use self::resolver::Resolver;
use crate::observe::Observer;
use crate::traffic::resolved::Resolved;

/// A name, and its addresses after a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedName {
    /// The name.
    pub(crate) name: Arc<str>,
    /// Sorted. If the last look-up failed, these are the addresses of the last good answer. Empty only while there was
    /// no good answer yet.
    pub(crate) addresses: Vec<IpAddr>,
    /// The time until the next look-up.
    pub(crate) again_in: Duration,
    /// Why the look-up failed, completely or for one family.
    pub(crate) fault: Option<String>,
}

/// Looks up all names at once. This takes as long as one look-up: 5 seconds when no server answers. `known` are the
/// addresses known so far. Nothing is logged here.
pub(crate) async fn look_up_all(resolver: &Arc<Resolver>, names: &[Arc<str>], known: &Resolved) -> Vec<ResolvedName> {
    let mut running = JoinSet::new();
    for name in names {
        let (resolver, name, held) = (Arc::clone(resolver), Arc::clone(name), known.of(name).to_vec());
        running.spawn(async move { ResolvedName::of(name, &held, &resolver).await });
    }
    running.join_all().await
}

/// Keeps names up to date, until it is dropped or the receiver is gone. It begins with the result of [`look_up_all`],
/// logs and counts the failures in it and in all later look-ups, and sends a name when its addresses have changed.
pub(crate) async fn follow(
    resolver: Arc<Resolver>,
    names: Vec<ResolvedName>,
    changed: Sender<(Arc<str>, Vec<IpAddr>)>,
    observer: Arc<Observer>,
) {
    let mut running = JoinSet::new();
    for first in names {
        running.spawn(follow_one(Arc::clone(&resolver), first, changed.clone(), Arc::clone(&observer)));
    }
    drop(changed);
    running.join_all().await;
}

async fn follow_one(
    resolver: Arc<Resolver>,
    first: ResolvedName,
    changed: Sender<(Arc<str>, Vec<IpAddr>)>,
    observer: Arc<Observer>,
) {
    let report = |now: &ResolvedName, before: Option<&str>| {
        journal(now.news(before));
        if now.fault.is_some() {
            observer.metrics.name_failed(&now.name);
        }
    };
    let mut held = first;
    report(&held, None);
    loop {
        tokio::select! {
            () = tokio::time::sleep(held.again_in) => {}
            () = changed.closed() => return,
        }
        let now = ResolvedName::of(Arc::clone(&held.name), &held.addresses, &resolver).await;
        report(&now, held.fault.as_deref());
        if now.addresses != held.addresses {
            // If the receiver is gone, the next turn of the loop ends.
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

impl ResolvedName {
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
        // A failure of one family must not remove the known addresses of that family.
        addresses.extend(held.iter().filter(|address| address.is_ipv6() == missing.ipv6));
        addresses.sort_unstable();
        let family = if missing.ipv6 { "IPv6" } else { "IPv4" };
        let fault = Some(format!("its {family} addresses are unknown: {}", missing.why));
        Self { name, addresses, again_in: valid_for.min(again), fault }
    }

    /// The message for the journal, when `before` was the fault of the answer before this one.
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
