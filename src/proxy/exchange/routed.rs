//! A request whose site is known, and one whose route is known too, with the rules that hold for it.

use super::arrived::Arrived;
use super::target::Target;
use crate::config::{Site, Timeouts};
use crate::proxy::generation::RunningSite;
use crate::traffic::routing::rules::{Rules, SiteRules};

/// A request whose site is known.
#[derive(Clone, Copy)]
pub(crate) struct Sited<'r> {
    pub(crate) arrived: &'r Arrived<'r>,
    /// Index into the sites of its generation.
    pub(crate) site: usize,
}

/// A request whose route is known.
#[derive(Clone, Copy)]
pub(crate) struct Routed<'r> {
    pub(crate) at: Sited<'r>,
    /// The route that takes it; none where the site itself does.
    pub(crate) route: Option<usize>,
}

impl<'r> Sited<'r> {
    /// The site, as it is configured.
    pub(crate) fn site(&self) -> &'r Site {
        &self.arrived.listener_ref.generation.snapshot.config.sites[self.site]
    }

    /// The site at work: its logs and counters.
    pub(crate) fn running(&self) -> &'r RunningSite {
        &self.arrived.listener_ref.generation.sites[self.site]
    }

    /// What the site does with its requests.
    pub(crate) fn rules(&self) -> &'r SiteRules {
        &self.arrived.listener_ref.generation.snapshot.sites[self.site]
    }

    /// The request on that route of its site, or on none.
    pub(crate) fn on(self, route: Option<usize>) -> Routed<'r> {
        Routed { at: self, route }
    }
}

impl<'r> Routed<'r> {
    /// The request.
    pub(crate) fn arrived(&self) -> &'r Arrived<'r> {
        self.at.arrived
    }

    /// What holds for it.
    pub(crate) fn rules(&self) -> &'r Rules {
        self.at.rules().of(self.route)
    }

    /// The route's deadlines, or the pool's.
    pub(crate) fn timeouts(&self, target: &Target<'_>) -> Timeouts {
        self.rules().timeouts(&target.pool().settings.timeouts)
    }

    /// Whether it asks for an upgrade that the site allows.
    pub(crate) fn wants_upgrade(&self) -> bool {
        let allowed =
            |token: &[u8]| self.at.site().upgrades.iter().any(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(token));
        !self.arrived().connection.http2() && self.arrived().head.upgrade().is_some_and(allowed)
    }
}
