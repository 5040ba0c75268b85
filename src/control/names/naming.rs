//! Which addresses the nodes' names have now: asked for before a configuration runs, followed while it does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use super::{Asked, Resolver, follow, look_up_all};
use crate::config::{Address, Config};
use crate::traffic::resolved::Resolved;

/// A name that has other addresses now.
pub(crate) type Moved = (Arc<str>, Vec<IpAddr>);

/// The names of one running Weir.
pub(crate) struct Naming {
    resolver: Option<Arc<Resolver>>,
    resolved: Resolved,
    /// What was prepared and is not followed yet.
    asked: Option<Vec<Asked>>,
    following: Option<JoinHandle<()>>,
    send: Sender<Moved>,
}

impl Naming {
    /// Knows no name yet; what moves later is received by the other half.
    pub(crate) fn new() -> (Self, Receiver<Moved>) {
        let (send, receive) = mpsc::channel(16);
        let naming = Self { resolver: None, resolved: Resolved::default(), asked: None, following: None, send };
        (naming, receive)
    }

    /// Asks for the names that are new in this configuration, all at once and for 5 seconds at most. A name without an
    /// answer holds nothing up: its node has no address until there is one.
    pub(crate) async fn prepare(&mut self, config: &Config) -> Result<(), String> {
        let names = names_of(config);
        if names.is_empty() {
            self.asked = Some(Vec::new());
            return Ok(());
        }
        // A new one each time: the system's servers may be others by now.
        let resolver = Arc::new(Resolver::new(&config.dns)?);
        self.resolver = Some(Arc::clone(&resolver));
        let (known, new): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| !self.resolved.of(name).is_empty());
        let mut asked = look_up_all(&resolver, &new, &self.resolved).await;
        for asked in &asked {
            self.resolved.learn(&asked.name, asked.addresses.clone());
        }
        // What is known is asked for again as soon as it is followed, without holding anything up.
        asked.extend(known.into_iter().map(|name| {
            let addresses = self.resolved.of(&name).to_vec();
            Asked { name, addresses, again_in: Duration::ZERO, fault: None }
        }));
        self.asked = Some(asked);
        Ok(())
    }

    /// The last good answers.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// A name has moved; true where that is news.
    pub(crate) fn learn(&mut self, (name, addresses): Moved) -> bool {
        self.resolved.learn(&name, addresses)
    }

    /// Follows the names that were prepared, and no others. Where nothing was, what is followed goes on.
    pub(crate) fn follow(&mut self, config: &Config) {
        let Some(asked) = self.asked.take() else { return };
        self.following.take().iter().for_each(JoinHandle::abort);
        self.resolved.keep_only(&names_of(config));
        if let (Some(resolver), false) = (&self.resolver, asked.is_empty()) {
            self.following = Some(tokio::spawn(follow(Arc::clone(resolver), asked, self.send.clone())));
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
