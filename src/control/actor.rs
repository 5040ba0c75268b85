//! Who gives an order, and from where.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::observe::events::About;

/// Who gives an order. The admin address sets it on every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// `uid:1000 (anna)`, `token:ops`, `cert:CN`, `local`, `signal`.
    pub(crate) name: Arc<str>,
    /// `unix`, an address with its port, `SIGHUP`.
    pub(crate) from: Arc<str>,
}

impl Actor {
    /// Somebody on this machine, who did not say who.
    pub(crate) fn local(peer: SocketAddr) -> Self {
        Self { name: "local".into(), from: peer.to_string().into() }
    }

    /// Who sent this signal: the kernel does not tell more.
    pub(crate) fn signal(name: &str) -> Self {
        Self { name: "signal".into(), from: name.into() }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.name, self.from)
    }
}

/// By whom an order is given, and why.
#[derive(Clone, Debug)]
pub(crate) struct OrderedBy {
    pub(crate) actor: Actor,
    /// What the operator wrote.
    pub(crate) reason: Option<Arc<str>>,
}

impl OrderedBy {
    /// By this actor, who gave no reason.
    pub(crate) const fn without_reason(actor: Actor) -> Self {
        Self { actor, reason: None }
    }

    /// What an event says of it.
    pub(crate) fn about(&self) -> About {
        About {
            actor: Some(self.actor.name.to_string()),
            from: Some(self.actor.from.to_string()),
            reason: self.reason.as_ref().map(ToString::to_string),
            ..About::default()
        }
    }
}

impl fmt::Display for OrderedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.actor)?;
        self.reason.iter().try_for_each(|reason| write!(f, ": {reason}"))
    }
}
