//! A connection that is passed through: what is known of it from its first bytes on.

use std::rc::Rc;

use super::greeting::PassedSite;
use crate::config::Site;
use crate::proxy::connection::Connection;
use crate::proxy::generation::{ListenerRef, RunningSite};
use crate::proxy::io::stream::TimedStream;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::tick::Tick;

/// A connection that is passed through.
pub(crate) struct Passage {
    pub(crate) connection: Rc<Connection>,
    /// The generation that it sees to its end, and the listener in it.
    pub(crate) listener_ref: Rc<ListenerRef>,
    pub(crate) client: TimedStream,
    /// What the client has sent so far.
    pub(crate) hello: Vec<u8>,
    /// The server name that the hello asks for.
    pub(crate) name: Option<Box<str>>,
    pub(crate) to: PassedSite,
}

impl Passage {
    /// Waits until the client has left, without reading what it sends.
    pub(super) async fn left(&self) -> Refusal {
        self.client.ended_unread().await;
        Refusal::ClientGone
    }

    pub(super) fn now(&self) -> Tick {
        Tick::from_millis(self.connection.worker().clock.now())
    }

    pub(super) fn site(&self) -> &Site {
        &self.listener_ref.generation.snapshot.config.sites[self.to.site]
    }

    pub(super) fn running(&self) -> &RunningSite {
        &self.listener_ref.generation.sites[self.to.site]
    }

    /// What it is called in the logs.
    pub(super) fn named(&self) -> String {
        let name = self.name.as_deref().unwrap_or("no server name");
        format!("TLS for {}, {}", name.escape_default(), self.connection.peer().ip().to_canonical())
    }
}
