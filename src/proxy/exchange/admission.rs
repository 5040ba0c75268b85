//! What a request must pass before a node is thought of: its site, its route, who may come, how often, how large.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::arrived::Arrived;
use super::response::Response;
use super::routed::{Routed, Sited};
use crate::config::{Action, Redirect};
use crate::proxy::generation::Generation;
use crate::traffic::limits::rate::{RateLimit, Verdict};
use crate::traffic::message::headers::Forwarded;
use crate::traffic::message::redirect;
use crate::traffic::message::redirect::Url;
use crate::traffic::message::refusal::Refusal;
use crate::wire::{Framing, RequestHead};

impl<'r> Arrived<'r> {
    /// Finds the site by host, or refuses: never "the first site wins" by accident.
    pub(crate) fn find_site(&'r self) -> Result<Sited<'r>, Refusal> {
        let name = self.head.host().map_or(&b""[..], |host| host.name);
        let hosts = self.place.generation.snapshot.hosts.get(self.place.listener);
        let site = hosts.and_then(|hosts| hosts.find(name)).ok_or(Refusal::UnknownHost)?;
        Ok(Sited { arrived: self, site })
    }

    fn asked(&self) -> Url<'_> {
        asked(&self.place.generation, self.place.listener, &self.forwarded(), self.head)
    }
}

impl<'r> Sited<'r> {
    /// Finds the route, and with it what becomes of the request.
    pub(crate) fn find_route(self) -> Result<Routed<'r>, Refusal> {
        let (arrived, rules) = (self.arrived, self.rules());
        let mut room = arrived.connection.worker().paths.borrow_mut();
        let leads_back = |route: usize| match &rules.of(Some(route)).action {
            Action::Redirect(redirect) => redirect::leads_back(redirect, &arrived.asked()),
            _ => false,
        };
        let mut found = rules.find(arrived.head, &mut room, &|_| false).map_err(|_| Refusal::PathUnclear)?;
        if found.is_some_and(leads_back) {
            // This redirect would lead to the same URL again, so the request looks at the routes after it, which may
            // deny it. A client that the redirect itself does not admit gets no further.
            let client = arrived.client();
            let skip = |route| leads_back(route) && rules.may_come(Some(route), client);
            found = rules.find(arrived.head, &mut room, &skip).map_err(|_| Refusal::PathUnclear)?;
            if found.is_none() {
                self.site().pool.ok_or(Refusal::RedirectLoop)?;
            }
        }
        Ok(self.on(found))
    }
}

impl Routed<'_> {
    /// Who may come. How often is answered with how long the request must wait, which is mostly not at all.
    pub(crate) fn admit(&self, response: &mut Response<'_>) -> Result<Duration, Refusal> {
        let rules = self.at.rules();
        if !rules.ask_who(self.route) {
            self.denied()?;
            return Ok(Duration::ZERO);
        }
        let client = self.arrived().client();
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
        response.retry_after = refused;
        if refused.is_some() { Err(Refusal::RateLimited) } else { Ok(delay) }
    }

    fn denied(&self) -> Result<(), Refusal> {
        if self.rules().action == Action::Deny { Err(Refusal::Denied) } else { Ok(()) }
    }

    fn ask_rate(&self, rate: &RateLimit, client: IpAddr) -> Verdict {
        let value = rate.field().and_then(|name| self.arrived().head.field(name.as_bytes()));
        rate.ask_for(client, value, self.arrived().now())
    }

    /// Where a route sends its clients.
    pub(crate) fn location(&self, redirect: &Redirect) -> Vec<u8> {
        let mut location = Vec::with_capacity(256);
        redirect::location(&mut location, redirect, &self.arrived().asked());
        location
    }

    /// Refuses a body that says itself that it is too long.
    pub(crate) fn check_length(&self) -> Result<(), Refusal> {
        match (self.arrived().head.framing(), self.rules().max_body) {
            (Framing::Length(length), Some(limit)) if length > limit => Err(Refusal::BodyTooLarge),
            _ => Ok(()),
        }
    }
}

/// The URL that the client asked for. Where a trusted proxy stands before Weir, that one says scheme, host and port.
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
