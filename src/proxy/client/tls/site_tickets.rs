//! Tickets of sessions on a listener with sites that ask for certificates. A session that is resumed shows no certificate anew, so
//! it is resumed only where the site asks for the same ones as when its ticket was made. And who was refused gets no ticket: with
//! another certificate he would else be refused for the old one.

use std::sync::Arc;

use rustls::server::ProducesTickets;

use super::asking::Believed;
use super::ticket_keys::TicketKeys;
use crate::proxy::client::hello::Hello;

/// Tickets that know what their site asked for.
#[derive(Debug)]
pub(super) struct SiteTickets {
    inner: Arc<TicketKeys>,
    /// By the index of the site.
    sites: Vec<Option<Arc<Believed>>>,
}

impl SiteTickets {
    pub(super) fn new(inner: Arc<TicketKeys>, sites: Vec<Option<Arc<Believed>>>) -> Self {
        Self { inner, sites }
    }

    /// What stands behind the session in its ticket.
    fn asked(&self) -> [u8; 8] {
        Believed::now(&self.sites).map_or([0; 8], Believed::mark)
    }
}

impl ProducesTickets for SiteTickets {
    fn enabled(&self) -> bool {
        self.inner.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let gets_one = Believed::now(&self.sites).is_none_or(|believed| believed.takes(Hello::was_believed()));
        gets_one.then(|| self.inner.encrypt(&[session, &self.asked()].concat()))?
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let mut session = self.inner.decrypt(ticket)?;
        let asked = session.split_off(session.len().checked_sub(8)?);
        if asked != self.asked() {
            return None;
        }
        // It has a ticket, so it was believed.
        Hello::note_believed(true);
        Some(session)
    }
}
