//! The current addresses of the nodes' names: looked up before a configuration runs, and followed while it runs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use super::{ResolvedName, Resolver, follow, look_up_all};
use crate::config::{Address, Config};
use crate::observe::Observer;
use crate::traffic::resolved::Resolved;

/// A name whose addresses have changed, with the new addresses.
pub(crate) type NewAddresses = (Arc<str>, Vec<IpAddr>);

/// The names of a running Weir.
pub(crate) struct Naming {
    resolver: Option<Arc<Resolver>>,
    resolved: Resolved,
    /// The look-ups of the last `prepare`, until `follow` takes them.
    prepared: Option<Vec<ResolvedName>>,
    following: Option<JoinHandle<()>>,
    send: Sender<NewAddresses>,
    observer: Arc<Observer>,
}

impl Naming {
    /// Knows no name yet. The receiver gets later changes.
    pub(crate) fn new(observer: &Arc<Observer>) -> (Self, Receiver<NewAddresses>) {
        let (send, receive) = mpsc::channel(16);
        let observer = Arc::clone(observer);
        let naming =
            Self { resolver: None, resolved: Resolved::default(), prepared: None, following: None, send, observer };
        (naming, receive)
    }

    /// Looks up the names that are new in this configuration, all at once and for 5 seconds at most. A name without an
    /// answer delays nothing: it has the addresses that it had `before`, in another process; else its node has none until
    /// there is an answer.
    pub(crate) async fn prepare(&mut self, config: &Config, before: &Resolved) -> Result<(), String> {
        let names = names_of(config);
        if names.is_empty() {
            self.prepared = Some(Vec::new());
            return Ok(());
        }
        // A new resolver each time, because the system's DNS servers may have changed.
        let resolver = Arc::new(Resolver::new(&config.dns)?);
        self.resolver = Some(Arc::clone(&resolver));
        let (known, new): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| !self.resolved.of(name).is_empty());
        let mut asked = look_up_all(&resolver, &new, before).await;
        for asked in &asked {
            self.resolved.learn(&asked.name, asked.addresses.clone());
        }
        // Known names are looked up again as soon as they are followed. The reload does not wait for that.
        asked.extend(known.into_iter().map(|name| {
            let addresses = self.resolved.of(&name).to_vec();
            ResolvedName { name, addresses, again_in: Duration::ZERO, fault: None }
        }));
        self.prepared = Some(asked);
        Ok(())
    }

    /// The addresses of the last good answers.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Stores the new addresses of a name. True if they are different from the known ones.
    pub(crate) fn learn(&mut self, (name, addresses): NewAddresses) -> bool {
        self.resolved.learn(&name, addresses)
    }

    /// Follows exactly the names that were prepared. If nothing was prepared, the current names are followed further.
    pub(crate) fn follow(&mut self, config: &Config) {
        let Some(asked) = self.prepared.take() else { return };
        self.following.take().iter().for_each(JoinHandle::abort);
        let names = names_of(config);
        self.resolved.keep_only(&names);
        self.observer.metrics.names(&names);
        if let (Some(resolver), false) = (&self.resolver, asked.is_empty()) {
            self.following =
                Some(tokio::spawn(follow(Arc::clone(resolver), asked, self.send.clone(), Arc::clone(&self.observer))));
        }
    }
}

impl Drop for Naming {
    fn drop(&mut self) {
        self.following.iter().for_each(JoinHandle::abort);
    }
}

fn names_of(config: &Config) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for node in &config.nodes {
        match &node.address {
            Address::Name(name) if !names.contains(name) => names.push(Arc::clone(name)),
            _ => {}
        }
    }
    names
}
