//! What a request must pass before a node is thought of: its site, its route, who may come, how often, how large.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::trip::Trip;
use crate::config::{Action, Redirect};
use crate::proxy::generation::Generation;
use crate::traffic::limits::rate::{RateLimit, Verdict};
use crate::traffic::message::headers::Forwarded;
use crate::traffic::message::redirect;
use crate::traffic::message::redirect::Url;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::routing::client_address::client_of;
use crate::wire::{FieldKind, Framing, RequestHead};

impl Trip<'_> {
    /// Finds the site by host, or refuses: never "the first site wins" by accident.
    pub(crate) fn find_site(&mut self) -> Result<(), Refusal> {
        let hosts = self.place.generation.snapshot.hosts.get(self.place.listener);
        let name = self.head.host().map_or(&b""[..], |host| host.name);
        self.site = hosts.and_then(|hosts| hosts.find(name));
        // Until a route says otherwise.
        self.pool = self.site().ok_or(Refusal::UnknownHost)?.pool.unwrap_or(0);
        Ok(())
    }

    /// Finds the route, and with it the pool.
    pub(crate) fn find_route(&mut self) -> Result<(), Refusal> {
        let Some(rules) = self.site_rules() else { return Err(Refusal::UnknownHost) };
        let mut room = self.connection.worker().paths.borrow_mut();
        let leads_back = |route: usize| match &rules.of(Some(route)).action {
            Action::Redirect(redirect) => redirect::leads_back(redirect, &self.asked()),
            _ => false,
        };
        let mut found = rules.find(self.head, &mut room, &|_| false).map_err(|_| Refusal::PathUnclear)?;
        if found.is_some_and(leads_back) {
            // It is not for this request; those behind it may be, and may deny it. Whom it keeps out stays out.
            let client = self.client();
            let skip = |route| leads_back(route) && rules.may_come(Some(route), client);
            found = rules.find(self.head, &mut room, &skip).map_err(|_| Refusal::PathUnclear)?;
            if found.is_none() {
                self.site().and_then(|site| site.pool).ok_or(Refusal::RedirectLoop)?;
            }
        }
        drop(room);
        self.route = found;
        if let Action::Pool(pool) = self.rules().action {
            self.pool = pool;
        }
        Ok(())
    }

    /// Who may come. How often is answered with how long the request must wait, which is mostly not at all.
    pub(crate) fn admit(&mut self) -> Result<Duration, Refusal> {
        let Some(rules) = self.site_rules().filter(|rules| rules.ask_who(self.route)) else { return self.denied() };
        let client = self.client();
        if !rules.may_come(self.route, client) {
            return Err(Refusal::Denied);
        }
        self.denied()?;
        let (mut delay, mut refused) = (Duration::ZERO, None);
        for rate in rules.rates(self.route) {
            match self.ask_rate(rate, client) {
                Verdict::Pass => {}
                Verdict::Delay(longer) => delay = delay.max(longer),
                Verdict::Refuse { retry_after } => refused = Some(retry_after),
            }
        }
        self.retry_after = refused;
        if refused.is_some() { Err(Refusal::RateLimited) } else { Ok(delay) }
    }

    fn denied(&self) -> Result<Duration, Refusal> {
        if self.rules().action == Action::Deny { Err(Refusal::Denied) } else { Ok(Duration::ZERO) }
    }

    fn ask_rate(&self, rate: &RateLimit, client: IpAddr) -> Verdict {
        let value = rate.field().and_then(|name| self.head.field(name.as_bytes()));
        rate.ask_for(client, value, self.now())
    }

    /// Where a route sends its clients.
    pub(crate) fn location(&self, redirect: &Redirect) -> Vec<u8> {
        let mut location = Vec::with_capacity(256);
        redirect::location(&mut location, redirect, &self.asked());
        location
    }

    fn asked(&self) -> Url<'_> {
        asked(&self.place.generation, self.place.listener, &self.forwarded(), self.head)
    }

    /// Refuses a body that says itself that it is too long.
    pub(crate) fn check_length(&self) -> Result<(), Refusal> {
        match (self.head.framing(), self.body_limit()) {
            (Framing::Length(length), Some(limit)) if length > limit => Err(Refusal::BodyTooLarge),
            _ => Ok(()),
        }
    }

    /// The largest body that is taken here.
    pub(crate) fn body_limit(&self) -> Option<u64> {
        self.rules().max_body
    }

    /// Who the client is: behind a trusted proxy, whoever that one says.
    pub(crate) fn client(&self) -> IpAddr {
        let trusted = self.place.listener().trusted_proxies.as_deref();
        let peer = self.connection.peer().ip();
        if trusted.is_none() {
            return peer.to_canonical();
        }
        let lines = self.head.fields().filter(|field| field.kind == FieldKind::XForwardedFor).map(|field| field.value);
        client_of(peer, trusted, lines)
    }
}

/// What was asked for, as far as anybody whom we may believe knows.
pub(crate) fn asked<'a>(
    generation: &'a Generation,
    listener: usize,
    from: &Forwarded<'_>,
    head: &'a RequestHead,
) -> Url<'a> {
    let snapshot = &generation.snapshot;
    let host = from.host_of_ours(head, snapshot.hosts.get(listener).map(Arc::as_ref));
    let (secure, port) = from.origin(head, host);
    let host = host.map_or(generation.listeners[listener].default_host.as_bytes(), |host| host.name);
    // The scheme that a redirect leads to may be served on a port that clients see under another number.
    let mut sites = snapshot.reverse_map.sites_taking(host);
    let other_port = sites.find(|site| site.secure != secure).and_then(|site| site.public_port);
    Url { secure, host, port, other_port, target: head.target() }
}
