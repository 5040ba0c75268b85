//! What a request must pass before a node is thought of: its site, its route, who may come, how often, how large.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::arrived::Arrived;
use super::routed::{Routed, Sited};
use super::target::Target;
use crate::config::{Action, FixedAnswer, Redirect};
use crate::proxy::client::shown;
use crate::proxy::client::shown::Shown;
use crate::proxy::generation::Generation;
use crate::proxy::io::memory;
use crate::traffic::limits::connections::Full;
use crate::traffic::limits::rate::{RateDecision, RateLimit};
use crate::traffic::message::headers::Forwarded;
use crate::traffic::message::redirect;
use crate::traffic::message::redirect::Url;
use crate::traffic::message::refusal::Refusal;
use crate::traffic::routing::access::may_come;
use crate::traffic::routing::routes::RouteScratch;
use crate::traffic::routing::rules::SiteRules;
use crate::wire::{Framing, RequestHead};

impl<'r> Arrived<'r> {
    /// Finds the site by host, or refuses: never "the first site wins" by accident.
    pub(crate) fn find_site(&'r self) -> Result<Sited<'r>, Refusal> {
        let name = self.head.host().map_or(&b""[..], |host| host.name);
        let hosts = self.listener_ref.generation.snapshot.hosts.get(self.listener_ref.listener);
        let site = hosts.and_then(|hosts| hosts.find(name)).ok_or(Refusal::UnknownHost)?;
        let sited = Sited { arrived: self, site };
        // Its clients speak to the node. One that sends us a request took a certificate of ours for the site's: browsers do,
        // with one for *.wso2.com. After 421 they open another connection (RFC 9110 15.5.20).
        if sited.site().passthrough { Err(Refusal::UnknownHost) } else { Ok(sited) }
    }

    /// The file that a CA asks for, which looks whether a name is ours. The name may have no site here, or one that redirects.
    pub(crate) fn challenge_file(&self) -> Option<Arc<str>> {
        self.connection.worker().shared.challenges.file(self.head.target())
    }

    fn asked(&self) -> Url<'_> {
        asked(&self.listener_ref.generation, self.listener_ref.listener, &self.forwarded(), self.head)
    }
}

impl<'r> Sited<'r> {
    /// Whether there is memory for one more request, and its connection is within the limits.
    pub(crate) fn has_room(&self) -> Result<(), Refusal> {
        match self.arrived.connection.beyond() {
            Some(Full::Listener) => Err(Refusal::ListenerFull),
            Some(Full::Client) => Err(Refusal::ClientFull),
            None if memory::is_short() => Err(Refusal::MemoryExhausted),
            None => Ok(()),
        }
    }

    /// Whether the client has shown the certificate that the site asks for.
    pub(crate) fn is_believed(&self) -> Result<(), Refusal> {
        match &self.running().believed {
            Some(believed) => {
                let connection = &self.arrived.connection;
                let now = connection.worker().wall(self.arrived.started);
                shown::may_come(connection.shown(), &self.site().name, believed, now)
            }
            None => Ok(()),
        }
    }

    /// Finds the route, and with it what becomes of the request.
    pub(crate) fn find_route(self) -> Result<Routed<'r>, Refusal> {
        let arrived = self.arrived;
        let mut scratch = arrived.connection.worker().route_scratch.borrow_mut();
        let route = route_of(self.rules(), arrived.head, &mut scratch, || arrived.asked(), || arrived.client())?;
        Ok(self.on(route))
    }
}

/// The route that these rules have for a request; none where the site's own pool takes it.
pub(crate) fn route_of<'a>(
    rules: &SiteRules,
    head: &RequestHead,
    scratch: &mut RouteScratch,
    asked: impl Fn() -> Url<'a>,
    client: impl Fn() -> IpAddr,
) -> Result<Option<usize>, Refusal> {
    let leads_back = |route: usize| match &rules.of(Some(route)).action {
        Action::Redirect(redirect) => redirect::leads_back(redirect, &asked()),
        _ => false,
    };
    let mut found = rules.find(head, scratch, &|_| false).map_err(|_| Refusal::PathUnclear)?;
    if found.is_some_and(leads_back) {
        // This redirect would lead to the same URL again, so the request looks at the routes after it, which may
        // deny it. A client that the redirect itself does not admit gets no further.
        let client = client();
        let skip = |route| leads_back(route) && rules.may_come(Some(route), client);
        found = rules.find(head, scratch, &skip).map_err(|_| Refusal::PathUnclear)?;
        if found.is_none() && !matches!(rules.of(None).action, Action::Pool(_)) {
            return Err(Refusal::RedirectLoop);
        }
    }
    Ok(found)
}

/// A request that may come.
pub(crate) struct Admitted<'r> {
    /// How long it must wait for its turn by rate, which is mostly not at all.
    pub(crate) delay: Duration,
    pub(crate) destination: Destination<'r>,
}

/// Where a request goes: to a pool, or to an answer of Weir's own.
pub(crate) enum Destination<'r> {
    Pool(Target<'r>),
    Redirect(&'r Redirect),
    Answer(&'r FixedAnswer),
}

/// Why Weir answers, and in how many seconds another try is worth it, where a rate says so.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) retry_after: Option<u32>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, retry_after: None }
    }
}

impl<'r> Routed<'r> {
    /// Says who may come, how often, and where to.
    pub(crate) fn admit(&self) -> Result<Admitted<'r>, Refused> {
        let rules = self.at.rules();
        let of_listener = self.listener_rate();
        if !may_come(&self.arrived().listener_ref.listener().access, self.arrived().connection.peer().ip()) {
            // Its connection was open already when a reload closed the listener to it.
            return Err(Refusal::Denied.into());
        }
        if self.rules().needs_certificate && !self.arrived().connection.shown().is_some_and(Shown::has_any) {
            return Err(Refusal::CertificateMissing.into());
        }
        if !rules.ask_who(self.route) && of_listener.is_none() {
            return Ok(Admitted { delay: Duration::ZERO, destination: self.destination()? });
        }
        let client = self.arrived().client();
        if !rules.may_come(self.route, client) {
            return Err(Refusal::Denied.into());
        }
        let destination = self.destination()?;
        Ok(Admitted { delay: self.ask_rates(of_listener, client)?, destination })
    }

    fn destination(&self) -> Result<Destination<'r>, Refusal> {
        match &self.rules().action {
            Action::Pool(pool) => Ok(Destination::Pool(Target::new(&self.arrived().listener_ref.generation, *pool))),
            Action::Redirect(redirect) => Ok(Destination::Redirect(redirect)),
            Action::Answer(answer) => Ok(Destination::Answer(answer)),
            Action::Deny => Err(Refusal::Denied),
        }
    }

    /// The rate over all sites of its listener.
    fn listener_rate(&self) -> Option<&'r Arc<RateLimit>> {
        let from = &self.arrived().listener_ref;
        from.generation.snapshot.listener_rates.get(from.listener)?.as_ref()
    }

    /// Counts the request in each rate that holds for it.
    fn ask_rates(&self, of_listener: Option<&Arc<RateLimit>>, client: IpAddr) -> Result<Duration, Refused> {
        let (mut delay, mut retry_after) = (Duration::ZERO, None);
        for rate in of_listener.into_iter().chain(self.at.rules().rates(self.route)) {
            match self.ask_rate(rate, client) {
                RateDecision::Pass => {}
                RateDecision::Delay(longer) => delay = delay.max(longer),
                RateDecision::Refuse { retry_after: seconds } => retry_after = Some(seconds),
            }
        }
        if retry_after.is_some() { Err(Refused { refusal: Refusal::RateLimited, retry_after }) } else { Ok(delay) }
    }

    fn ask_rate(&self, rate: &RateLimit, client: IpAddr) -> RateDecision {
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
